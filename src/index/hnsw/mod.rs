//! The graph engine: built in the build metric, navigated by each query's own weighted cosine.
//!
//! ```text
//! build/       construction
//! repair.rs    makes every item reachable from the entry points
//! code.rs      one byte for each dimension
//! layout.rs    how the graph lies in memory
//! entries.rs   where a search enters the graph
//! file.rs      graph.nf
//! beam.rs      the best items met so far
//! recent.rs    ids met lately
//! navigate.rs  the beam search
//! ```
//!
//! There is one layer. The upper layers of a hierarchy exist to find an entry near the query in the build metric;
//! under other weights "near" means something else, so a search begins at the best of some thousand items spread over the
//! catalogue, under its own weights. Ids in a graph are positions in storage order ([`crate::content`]).

mod beam;
pub mod build;
mod code;
mod entries;
mod file;
mod layout;
mod navigate;
mod recent;
mod repair;

use std::path::Path;

use crate::artifact::{ArtifactError, FileEntry};
use crate::content::Vectors;
use crate::distance::Isa;

use super::candidates::{rescore, scan_rows};
use super::{Engine, EngineError, EngineKind, Found, SearchRequest};
use file::Graph;
use navigate::{Effort, Enough};

pub use build::{
    Batched, BuilderKind, GraphBuilder, GraphError, GraphParameters, HnswRs, MetricPoints, Neighbours,
};
pub use layout::LayoutKind;
pub use repair::RepairReport;

pub(crate) use entries::sample_entries;
pub(crate) use file::{GRAPH_FILE, write_graph};
pub(crate) use repair::repair;

/// The smallest useful beam.
pub const MIN_EF: usize = 10;
/// The widest beam: keeping it sorted costs the square of its width, and every row can be scored for less.
pub const MAX_EF: usize = 8_192;

/// A filter that lets a larger share of all items pass changes nothing.
pub(crate) const MOST_WIDENED_SHARE: f64 = 0.9;
/// A beam is asked for this many times the width that is in proportion to what a filter rejects: how many accepted items
/// are among so many is up to chance.
const FILTER_WIDENING: f64 = 1.5;
/// Accepted items beyond the k-th that a filtered search expands at least.
const LEAST_SPARE: usize = 1;

/// How many times as wide a beam is made for a filter that lets `share` of all items pass.
pub(crate) fn filter_widening(share: f64) -> f64 {
    if share > MOST_WIDENED_SHARE { 1.0 } else { FILTER_WIDENING / share }
}

/// The graph engine of an open generation.
#[derive(Debug)]
pub struct Hnsw {
    graph: Graph,
    isa: Isa,
}

impl Hnsw {
    pub(crate) fn open(
        path: &Path,
        entry: &FileEntry,
        n_items: usize,
        dim: usize,
    ) -> Result<Self, ArtifactError> {
        Ok(Self { graph: Graph::open(path, entry, n_items, dim)?, isa: Isa::best() })
    }

    /// The same engine with other kernels, where the processor has them.
    pub fn with_isa(self, isa: Isa) -> Self {
        Self { isa, ..self }
    }

    /// Checks that the graph is one, and made of these vectors.
    pub(crate) fn verify(&self, vectors: &Vectors) -> Result<(), ArtifactError> {
        self.graph.verify(vectors.rows(), vectors.dim())
    }
}

impl Engine for Hnsw {
    fn kind(&self) -> EngineKind {
        EngineKind::Hnsw
    }

    /// `request.effort` is ef, the width of the beam; it is raised to k where k is larger. A filter is asked about what
    /// the beam found, so the beam must be wider by the share that the filter rejects: the planner sees to that. More
    /// than [`MAX_EF`] results are scanned for.
    fn search(&self, vectors: &Vectors, request: &SearchRequest<'_>) -> Result<Found, EngineError> {
        let n_items = vectors.len();
        let least = request.k + request.excluded.len();
        if least > MAX_EF {
            let hits = scan_rows(self.isa, vectors, request);
            return Ok(Found { hits, n_scored: request.n_accepted(n_items) });
        }
        let ef = request.effort.clamp(MIN_EF, MAX_EF).max(least).min(n_items);
        // Codes order the beam only roughly: more than k of it are scored.
        let n_rescored = (2 * request.k + 8).max(ef / 2);
        let mut positions = Vec::with_capacity(n_rescored.min(ef));
        let enough = request.allowed.map(|allowed| {
            // As many items beyond the k-th as the beam would hold without the filter, of which a share is accepted.
            let share = allowed.len() as f64 / n_items as f64;
            let unfiltered = request.effort as f64 / filter_widening(share);
            let spare = LEAST_SPARE + ((unfiltered - request.k as f64).max(0.0) * share) as usize;
            // A filter may accept everything that is near, so the unfiltered width is the least.
            Enough {
                allowed: allowed.positions(),
                n_accepted: request.k + request.excluded.len() + spare,
                n_expanded: unfiltered as usize,
            }
        });
        let n_scored = self.graph.navigate(self.isa, request.query, Effort { ef, enough }, |found| {
            let in_range = found.filter(|position| (*position as usize) < n_items);
            let accepted = in_range.filter(|position| request.accepts(vectors, *position));
            positions.extend(accepted.take(n_rescored));
        });
        let hits = rescore(self.isa, vectors, request.query, request.k, &positions);
        Ok(Found { hits, n_scored })
    }
}
