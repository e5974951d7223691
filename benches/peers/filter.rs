//! Which items a query may return: one set for all queries, or a range of one dimension for each.

use std::path::PathBuf;

use nearfield::index::{Allowed, ItemSet};
use nearfield::snapshot::Snapshot;
use nearfield::track::ItemIdx;

use super::Failed;
use super::npy::Matrix;

/// Where the filter comes from.
#[derive(Debug, clap::Args)]
pub struct FilterArgs {
    /// One byte for each item, u8 [n_items, 1]: 1 where every query may return it
    #[arg(long, value_name = "FILE.npy", conflicts_with = "ranges")]
    allowed: Option<PathBuf>,
    /// The least and largest value that each query's answers may have, f32 [n_queries, 2]
    #[arg(long, value_name = "FILE.npy", requires = "dimension")]
    ranges: Option<PathBuf>,
    /// The dimension that `--ranges` is about
    #[arg(long, value_name = "INDEX")]
    dimension: Option<usize>,
}

/// The filter of a run.
pub enum Filter {
    /// All items.
    Everything,
    /// The same items for every query.
    Set(Allowed),
    /// A range of each query's own, and all values of its dimension.
    Ranges { bounds: Matrix<f32>, values: Vec<f32> },
}

impl Filter {
    /// Reads the files named.
    pub fn read(snapshot: &Snapshot, args: &FilterArgs, n_queries: usize) -> Result<Self, Failed> {
        let n_items = snapshot.items().len();
        if let Some(path) = &args.allowed {
            let bytes = Matrix::<u8>::read(path)?;
            if (bytes.n_rows, bytes.n_columns) != (n_items, 1) {
                return Err(format!("{}: expected [{n_items}, 1]", path.display()).into());
            }
            let set = ItemSet::from_fn(n_items, |item| bytes.row(item)[0] != 0);
            return Ok(Self::Set(Allowed::new(set, snapshot.vectors())));
        }
        let (Some(path), Some(dimension)) = (&args.ranges, args.dimension) else {
            return Ok(Self::Everything);
        };
        let bounds = Matrix::<f32>::read(path)?;
        if (bounds.n_rows, bounds.n_columns) != (n_queries, 2) {
            return Err(format!("{}: expected [{n_queries}, 2]", path.display()).into());
        }
        let dim = snapshot.vectors().dim();
        if dimension >= dim {
            return Err(format!("--dimension {dimension}: this generation has {dim}").into());
        }
        let value = |item| snapshot.vectors().row(ItemIdx(item))[dimension];
        Ok(Self::Ranges { bounds, values: (0..n_items as u32).map(value).collect() })
    }

    /// Calls `with` with what query number `query` may return.
    pub fn with<T>(&self, snapshot: &Snapshot, query: usize, with: impl FnOnce(Option<&Allowed>) -> T) -> T {
        match self {
            Self::Everything => with(None),
            Self::Set(set) => with(Some(set)),
            Self::Ranges { bounds, values } => {
                let [least, largest] = [bounds.row(query)[0], bounds.row(query)[1]];
                let passes = |item: usize| (least..=largest).contains(&values[item]);
                with(Some(&Allowed::new(ItemSet::from_fn(values.len(), passes), snapshot.vectors())))
            }
        }
    }
}
