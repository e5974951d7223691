//! A table for people.

use crate::artifact::Measurement;

/// Measurements as an aligned table, one line each.
pub fn table(measurements: &[Measurement]) -> String {
    let header =
        ["engine", "weights", "effort", "recall", "mean us", "p50 us", "p95 us", "p99 us", "p99.9 us"];
    let mut lines = vec![header.map(str::to_owned)];
    for row in measurements {
        let us = |us: f64| format!("{us:.1}");
        lines.push([
            row.engine.clone(),
            row.weights.clone(),
            row.effort.clone(),
            format!("{:.4}", row.recall),
            us(row.mean_us),
            us(row.p50_us),
            us(row.p95_us),
            us(row.p99_us),
            us(row.p999_us),
        ]);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            // Words to the left, numbers to the right.
            if column < 3 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}
