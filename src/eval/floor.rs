//! The recall a generation must reach to go live.

use crate::artifact::Measurement;

/// The first of the rows measured that is below `min_recall`, where that counts: the graph under uniform weights, and
/// `auto` under any.
pub fn below_floor(measured: &[Measurement], min_recall: f64) -> Option<&Measurement> {
    let counts = |row: &Measurement| match row.engine.as_str() {
        "hnsw" => row.weights == "uniform",
        engine => engine == "auto",
    };
    measured.iter().find(|row| counts(row) && row.recall < min_recall)
}
