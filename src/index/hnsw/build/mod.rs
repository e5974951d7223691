//! Graph construction: the seam, and the builders behind it.
//!
//! ```text
//! batch.rs    batched insertion: the default, deterministic
//! prune.rs    which neighbours to keep
//! refine.rs   the last pass: links chosen anew among neighbours of neighbours
//! hnsw_rs.rs  the `hnsw_rs` crate
//! ```

mod batch;
mod hnsw_rs;
mod prune;
mod refine;

use std::str::FromStr;

use crate::progress::{CancelToken, Cancelled, Progress};
use crate::suggest;

pub use batch::Batched;
pub use hnsw_rs::HnswRs;

/// How to build a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphParameters {
    /// M: an item keeps up to [`Self::width`] neighbours.
    pub m: usize,
    /// Width of the beam that finds neighbours.
    pub ef_construction: usize,
    /// Seed of the order of insertion.
    pub seed: u64,
}

impl GraphParameters {
    /// Places for the neighbours of an item: 2 M in whole groups of 16.
    pub fn width(self) -> usize {
        (2 * self.m).next_multiple_of(16)
    }

    /// Checks the parameters before any builder sees them (`hnsw_rs` exits the process on an M above 256).
    pub fn validate(self) -> Result<(), GraphError> {
        let wrong = |parameter, got, expected| Err(GraphError::Parameter { parameter, got, expected });
        if !(2..=128).contains(&self.m) {
            return wrong("m", self.m, "2 to 128");
        }
        if !(8..=10_000).contains(&self.ef_construction) {
            return wrong("ef-construction", self.ef_construction, "8 to 10000");
        }
        Ok(())
    }
}

/// Points on the unit sphere, in storage order.
#[derive(Clone, Copy, Debug)]
pub struct MetricPoints<'a> {
    rows: &'a [f32],
    stride: usize,
}

impl<'a> MetricPoints<'a> {
    /// `rows` is `[n_items, stride]`, each row of length 1, padded with zeros.
    pub fn new(rows: &'a [f32], stride: usize) -> Self {
        Self { rows, stride }
    }

    /// Number of points.
    pub fn n_items(&self) -> usize {
        self.rows.len() / self.stride
    }

    /// All rows, `[n_items, stride]`.
    pub fn rows(&self) -> &'a [f32] {
        self.rows
    }

    /// Floats of a row.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// One row.
    pub fn of(&self, item: u32) -> &'a [f32] {
        &self.rows[item as usize * self.stride..][..self.stride]
    }

    /// Refuses what is not on the unit sphere.
    pub fn check(&self) -> Result<(), GraphError> {
        for (index, point) in self.rows.chunks_exact(self.stride).enumerate() {
            let norm: f32 = point.iter().map(|x| x * x).sum();
            if !(0.99..=1.01).contains(&norm) {
                return Err(GraphError::Point(index));
            }
        }
        Ok(())
    }
}

/// Neighbours of every item, `[n_items, width]`, roughly nearest first: what the pruning kept, then what filled the
/// places it left. [`Neighbours::NONE`] is an empty place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbours {
    /// Places for each item.
    pub width: usize,
    /// The ids.
    pub ids: Vec<u32>,
}

impl Neighbours {
    /// No neighbour.
    pub const NONE: u32 = u32::MAX;

    /// Number of items.
    pub fn n_items(&self) -> usize {
        self.ids.len() / self.width
    }

    /// The places of one item.
    pub fn of(&self, item: usize) -> &[u32] {
        &self.ids[item * self.width..][..self.width]
    }

    /// The same, id by id.
    pub(crate) fn ids(&self, item: u32) -> impl Iterator<Item = u32> {
        self.of(item as usize).iter().copied()
    }
}

/// Why no graph came about.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// A parameter that the builder cannot work with.
    #[error("{parameter} = {got}: expected {expected}")]
    Parameter {
        /// Which one.
        parameter: &'static str,
        /// Its value.
        got: usize,
        /// What is possible.
        expected: &'static str,
    },
    /// A point that no builder may see.
    #[error("point {0} is not a finite vector of length 1")]
    Point(usize),
    /// The builder's library panicked.
    #[error("the graph builder failed: {0}")]
    Panicked(String),
    /// The work was asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Which builder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BuilderKind {
    /// [`Batched`].
    #[default]
    Batched,
    /// [`HnswRs`].
    HnswRs,
}

impl BuilderKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Batched, Self::HnswRs];

    /// Their names.
    pub fn names() -> [&'static str; 2] {
        Self::ALL.map(|kind| kind.builder().name())
    }

    /// The builder.
    pub fn builder(self) -> &'static dyn GraphBuilder {
        match self {
            Self::Batched => &Batched,
            Self::HnswRs => &HnswRs,
        }
    }
}

/// Not the name of a builder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no graph builder `{0}`{known}", known = suggest::among(.0, BuilderKind::names()))]
pub struct UnknownBuilder(pub String);

impl FromStr for BuilderKind {
    type Err = UnknownBuilder;
    fn from_str(text: &str) -> Result<Self, UnknownBuilder> {
        let named = |kind: &Self| kind.builder().name() == text;
        Self::ALL.into_iter().find(named).ok_or_else(|| UnknownBuilder(text.to_owned()))
    }
}

/// Something that builds a neighbourhood graph over points on the unit sphere.
pub trait GraphBuilder {
    /// Its name on the command line and in manifests.
    fn name(&self) -> &'static str;

    /// Builds the graph of parameters and points that were checked.
    fn construct(
        &self,
        points: &MetricPoints<'_>,
        parameters: GraphParameters,
        progress: &Progress,
        cancel: &CancelToken,
    ) -> Result<Neighbours, GraphError>;

    /// Checks parameters and points, and builds the graph. Runs in the current rayon pool.
    fn build(
        &self,
        points: &MetricPoints<'_>,
        parameters: GraphParameters,
        progress: &Progress,
        cancel: &CancelToken,
    ) -> Result<Neighbours, GraphError> {
        parameters.validate()?;
        points.check()?;
        self.construct(points, parameters, progress, cancel)
    }
}
