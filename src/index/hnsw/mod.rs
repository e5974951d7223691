//! The graph engine: built in the build metric, navigated by each query's own weighted cosine.
//!
//! ```text
//! builder.rs  the seam to graph construction, and hnsw_rs behind it
//! repair.rs   makes every item reachable from the entry points
//! graph.rs    graph.nf: neighbours by item, and the entry points in a block
//! search.rs   the beam search
//! ```
//!
//! Only the bottom layer of the hierarchy is kept. Its upper layers exist to find an entry near the query in the
//! build metric; under other weights "near" means something else, so a search begins at the best of some
//! 2,000 sampled items under its own weights, which one block scan finds.

mod builder;
mod graph;
mod repair;
mod search;

use std::path::Path;

use crate::artifact::{ArtifactError, FileEntry};
use crate::content::Vectors;
use crate::distance::Kernels;

use super::candidates::{GATHER_SHARE, best, best_accepted};
use super::{Engine, EngineError, EngineKind, Found, SearchRequest};

pub use builder::{GraphBuilder, GraphError, GraphParameters, HnswRs, Neighbours};
pub use repair::RepairReport;

pub(crate) use graph::{GRAPH_FILE, Graph, sample_entries, write_graph};
pub(crate) use repair::repair;

/// The smallest useful beam.
pub const MIN_EF: usize = 16;

/// The graph engine of an open generation.
#[derive(Debug)]
pub struct Hnsw {
    graph: Graph,
    kernels: Kernels,
}

impl Hnsw {
    pub(crate) fn open(
        path: &Path,
        entry: &FileEntry,
        n_items: usize,
        dim: usize,
    ) -> Result<Self, ArtifactError> {
        Ok(Self { graph: Graph::open(path, entry, n_items, dim)?, kernels: Kernels::best() })
    }

    /// Checks that every neighbour exists and every item is reachable from the entry points.
    pub(crate) fn verify(&self) -> Result<(), ArtifactError> {
        self.graph.verify()
    }
}

impl Engine for Hnsw {
    fn kind(&self) -> EngineKind {
        EngineKind::Hnsw
    }

    /// `request.effort` is ef, the width of the beam; it is raised to k where k is larger.
    fn search(&self, vectors: &Vectors, request: &SearchRequest<'_>) -> Result<Found, EngineError> {
        let n_accepted = request.n_accepted(vectors.len());
        let ef = request.effort.max(MIN_EF).max(request.k + request.excluded.len());
        if n_accepted <= (vectors.len() / GATHER_SHARE).max(ef) {
            // A beam that mostly meets what a filter rejects walks the whole graph.
            return Ok(Found { hits: best_accepted(vectors, request), n_scored: n_accepted });
        }
        let beam = search::beam(&self.graph, vectors, self.kernels, request, ef);
        if beam.items.len() < request.k.min(n_accepted) {
            // The beam ended in a corner with too few accepted items: fewer than k may only mean that fewer exist.
            return Ok(Found { hits: best_accepted(vectors, request), n_scored: beam.n_scored + n_accepted });
        }
        let hits = best(beam.items.into_iter(), vectors, request.query, request.k);
        Ok(Found { hits, n_scored: beam.n_scored })
    }
}
