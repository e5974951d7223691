//! Raw values out of a snapshot, and raw values as vectors of its fitted schema.

use std::path::PathBuf;

use nearfield::feature::Raw;
use nearfield::snapshot::Snapshot;

use super::Failed;
use super::npy::Matrix;

/// Raw values of all items, f64 [n_items, n_columns], NaN where missing.
#[derive(Debug, clap::Args)]
pub struct RawArgs {
    /// Columns, in this order
    #[arg(long, value_delimiter = ',', required = true)]
    columns: Vec<String>,
    /// Where they go
    #[arg(long, value_name = "FILE.npy")]
    out: PathBuf,
}

/// Raw values to vectors; every feature of the schema must be a number.
#[derive(Debug, clap::Args)]
pub struct TransformArgs {
    /// Raw values, f64 [n, n_features], NaN where missing
    #[arg(long, value_name = "FILE.npy")]
    raw: PathBuf,
    /// Where the vectors go, f32 [n, dim]
    #[arg(long, value_name = "FILE.npy")]
    out: PathBuf,
}

/// Writes raw columns.
pub fn dump(snapshot: &Snapshot, args: &RawArgs) -> Result<(), Failed> {
    let column = |name: &String| {
        snapshot.raw_column(name).ok_or_else(|| format!("this generation has no raw column `{name}`"))
    };
    let columns: Vec<&[f64]> = args.columns.iter().map(column).collect::<Result<_, _>>()?;
    let n_items = snapshot.items().len();
    let values = (0..n_items).flat_map(|item| columns.iter().map(move |column| column[item]));
    Matrix::new(columns.len(), values.collect()).write(&args.out)
}

/// Transforms raw values.
pub fn transform(snapshot: &Snapshot, args: &TransformArgs) -> Result<(), Failed> {
    let fitted = snapshot.fitted();
    let schema = &fitted.schema;
    let raw = Matrix::<f64>::read(&args.raw)?;
    let n_features = schema.features.len();
    if raw.n_columns != n_features {
        return Err(format!("{}: expected {n_features} columns", args.raw.display()).into());
    }
    if let Some(feature) = schema.features.iter().find(|feature| feature.transform.takes_vector()) {
        return Err(format!("feature `{}` is no number", feature.name).into());
    }
    let dim = schema.dim();
    let mut vectors = vec![0.0_f32; raw.n_rows * dim];
    for (row, out) in vectors.chunks_exact_mut(dim).enumerate() {
        for (index, range) in schema.dim_ranges().into_iter().enumerate() {
            let value = raw.row(row)[index];
            if !value.is_nan() {
                fitted.transform(index, Raw::Scalar(value), &mut out[range]);
            }
        }
    }
    Matrix::new(dim, vectors).write(&args.out)
}
