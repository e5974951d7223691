//! The engines. All answer the same weighted query through [`Engine`]; every score they return is the canonical one
//! ([`crate::distance::canonical`]), in the order (score descending, [`ItemIdx`] ascending).
//!
//! ```text
//! item_set.rs    a set of items as bits
//! allowed.rs     what a filter lets pass, by item and by position
//! candidates.rs  collects what may be among the best k, scores it canonically, orders it
//! exact/         the scans: the truth
//! hnsw/          the graph: construction, file, beam search
//! forest.rs      the Annoy-style forest (arroy)
//! metric.rs      the fixed metric that graph and forest are built in
//! ```

mod allowed;
mod candidates;
mod exact;
mod forest;
pub mod hnsw;
mod item_set;
mod metric;

use std::fmt;
use std::str::FromStr;

use crate::content::Vectors;
use crate::distance::Query;
use crate::suggest;
use crate::track::ItemIdx;

pub use allowed::Allowed;
pub use candidates::{Candidates, Hit};
pub use exact::Exact;
pub use forest::{Forest, ForestError, ForestState};
pub use hnsw::Hnsw;
pub use item_set::ItemSet;

pub(crate) use candidates::{best_accepted, for_each_chunk, rank};
pub(crate) use exact::{EXACT_FILE, write_exact};
pub(crate) use forest::{FOREST_FILE, ForestParameters, build_forest};
pub(crate) use metric::BuildMetric;

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EngineKind {
    /// The scan of all items.
    Exact,
    /// The memory-mapped graph.
    Hnsw,
    /// The Annoy-style forest.
    Forest,
}

impl EngineKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Exact, Self::Hnsw, Self::Forest];

    /// Its name in requests, answers and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Hnsw => "hnsw",
            Self::Forest => "forest",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Not the name of an engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no engine `{0}`{known}", known = suggest::among(.0, EngineKind::ALL.map(EngineKind::name)))]
pub struct UnknownEngine(pub String);

impl FromStr for EngineKind {
    type Err = UnknownEngine;
    fn from_str(text: &str) -> Result<Self, UnknownEngine> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| UnknownEngine(text.to_owned()))
    }
}

/// What an engine is asked for.
#[derive(Clone, Copy, Debug)]
pub struct SearchRequest<'a> {
    /// The compiled query.
    pub query: &'a Query,
    /// How many items, at least 1.
    pub k: usize,
    /// The items that may be returned; all where there is no filter.
    pub allowed: Option<&'a Allowed>,
    /// Items that may not be returned, ascending: seeds and removed ones.
    pub excluded: &'a [ItemIdx],
    /// How hard to search, in the engine's own unit: ef for the graph, nodes for the forest; the scan ignores it.
    pub effort: usize,
    /// Accepted items that were found already, in the order of answers. A scan begins with the k-th one's score as its
    /// threshold; the others ignore it.
    pub known: &'a [Hit],
}

impl SearchRequest<'_> {
    /// Whether the item at `position` may be returned.
    pub(crate) fn accepts(&self, vectors: &Vectors, position: u32) -> bool {
        self.allowed.is_none_or(|allowed| allowed.positions().contains(ItemIdx(position)))
            && self.is_not_excluded(vectors, position)
    }

    /// Whether the item at `position` is not among the excluded ones.
    pub(crate) fn is_not_excluded(&self, vectors: &Vectors, position: u32) -> bool {
        self.excluded.is_empty() || self.excluded.binary_search(&vectors.item_at(position)).is_err()
    }

    /// How many of `n_items` items may be returned.
    pub fn n_accepted(&self, n_items: usize) -> usize {
        match self.allowed {
            Some(allowed) => {
                allowed.len() - self.excluded.iter().filter(|item| allowed.items().contains(**item)).count()
            }
            None => n_items - self.excluded.len(),
        }
    }
}

/// What an engine found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// At most k hits in order.
    pub hits: Vec<Hit>,
    /// How many items were scored on the way.
    pub n_scored: usize,
}

/// Why an engine cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Still being verified.
    #[error("the {0} engine is still being verified; try again in a moment or ask another engine")]
    Loading(EngineKind),
    /// It failed its verification, or its library reports an error.
    #[error("the {engine} engine is out of service: {problem}")]
    Unusable {
        /// Which engine.
        engine: EngineKind,
        /// Why.
        problem: String,
    },
}

/// One way to find the best items under a weighted query.
pub trait Engine: Send + Sync {
    /// Which engine this is.
    fn kind(&self) -> EngineKind;

    /// The best `request.k` of the accepted items among `vectors`, as far as this engine finds them. Only the scan
    /// promises as many as there are.
    fn search(&self, vectors: &Vectors, request: &SearchRequest<'_>) -> Result<Found, EngineError>;
}

#[cfg(test)]
mod tests;
