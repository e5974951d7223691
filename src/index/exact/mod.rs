//! The exact engine: the truth, in two ways with the same answer.
//!
//! ```text
//! mod.rs     the engine, and which way it takes
//! boxes.rs   which boxes can hold anything as similar as a threshold, and why
//! blocks.rs  blocks of codes, what their error is, and which of a block's vectors must be scored
//! pruned.rs  the scan over both
//! file.rs    exact.nf
//! ```
//!
//! The *plain* scan scores every row in f32 ([`super::candidates::scan_rows`]). The *pruned* scan begins with a
//! threshold: the k-th best score among items known to be good, which a quick graph search found, or among the blocks
//! nearest to the query. It then leaves out the boxes that cannot reach the threshold, compares the codes of what is in
//! the others, and scores what the codes leave. Both end with canonical scores of everything that could be among the
//! best, so ids, order and bits of their answers are the same.

mod blocks;
mod boxes;
mod file;
mod pruned;

use std::path::Path;

use crate::artifact::{ArtifactError, FileEntry};
use crate::content::Vectors;
use crate::distance::{Isa, score_rows};

use super::candidates::{TopK, scan_rows};
use super::{Engine, EngineError, EngineKind, Found, Hit, SearchRequest};
use blocks::{FANOUT, LEAF};
use boxes::Direction;
use file::ExactFile;
use pruned::{centre_scores, scan_pruned};

pub(crate) use file::{EXACT_FILE, write_exact};

/// Up to this many accepted items are scored one by one: that costs less than looking at the boxes.
const LEAST_PRUNED: usize = 4 * LEAF;
/// So does one in so many: the fewer a filter accepts, the farther the k-th of them is, and the less boxes rule out.
const PLAIN_SHARE: usize = 24;
/// Parents of blocks whose items give the first threshold, where nothing is known.
const N_WARM_PARENTS: usize = 2;

/// The exact engine of an open generation.
#[derive(Debug)]
pub struct Exact {
    file: ExactFile,
    isa: Isa,
}

impl Exact {
    pub(crate) fn open(
        path: &Path,
        entry: &FileEntry,
        n_items: usize,
        dim: usize,
    ) -> Result<Self, ArtifactError> {
        Ok(Self { file: ExactFile::open(path, entry, n_items, dim)?, isa: Isa::best() })
    }

    /// Whether so few items are accepted that each of them is scored on its own.
    pub(crate) fn scores_rows(n_items: usize, n_accepted: usize, k: usize) -> bool {
        n_accepted <= LEAST_PRUNED.max(k).max(n_items / PLAIN_SHARE)
    }

    /// The same engine with other kernels, where the processor has them.
    pub fn with_isa(self, isa: Isa) -> Self {
        Self { isa, ..self }
    }

    /// Compares codes and boxes with the rows they were made from.
    pub(crate) fn verify(&self, vectors: &Vectors) -> Result<(), ArtifactError> {
        self.file.verify(vectors)
    }

    /// The best by the plain scan: every accepted item's row is scored.
    pub fn plain(&self, vectors: &Vectors, request: &SearchRequest<'_>) -> Found {
        let hits = scan_rows(self.isa, vectors, request);
        Found { hits, n_scored: request.n_accepted(vectors.len()) }
    }

    /// A threshold from items that are accepted and near the query.
    fn warm_up(&self, vectors: &Vectors, request: &SearchRequest<'_>, direction: &Direction) -> Option<f32> {
        let blocks = self.file.blocks(vectors, request.allowed);
        let scores = centre_scores(self.isa, blocks, direction);
        // A filter may accept nothing near the query: what it leaves is then looked for where there is some.
        let mut parents: Vec<u32> =
            (0..scores.len() as u32).filter(|parent| blocks.allows_some_in(*parent)).collect();
        let nearer = |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
        let n_sorted = parents.len().min(64);
        if parents.len() > n_sorted {
            parents.select_nth_unstable_by(n_sorted, nearer);
        }
        parents[..n_sorted].sort_unstable_by(nearer);
        let mut top = TopK::new(request.k);
        let mut positions = Vec::new();
        for (number, parent) in parents.into_iter().enumerate() {
            let first = parent as usize * FANOUT * LEAF;
            let inside = first as u32..(first + FANOUT * LEAF).min(vectors.len()) as u32;
            positions.clear();
            positions.extend(inside.filter(|position| request.accepts(vectors, *position)));
            self.visit(vectors, request, f32::NEG_INFINITY, &positions, &mut top);
            if number + 1 >= N_WARM_PARENTS && top.threshold().is_some() {
                break;
            }
        }
        top.threshold()
    }

    /// Scores accepted `positions`, and takes those that may score `least` or more into `top`.
    fn visit(
        &self,
        vectors: &Vectors,
        request: &SearchRequest<'_>,
        least: f32,
        positions: &[u32],
        top: &mut TopK,
    ) {
        let error = request.query.f32_error().unwrap_or(f32::INFINITY);
        let mut scores = Vec::with_capacity(positions.len());
        score_rows(self.isa, request.query, vectors.rows(), positions, &mut scores);
        for (score, position) in scores.iter().zip(positions) {
            if *score >= top.threshold().map_or(least, |kth| kth.max(least)) - error {
                top.push(vectors, request.query, *position);
            }
        }
    }

    /// The pruned scan with a threshold that at least k accepted items reach.
    fn pruned(&self, vectors: &Vectors, request: &SearchRequest<'_>, direction: &Direction, t: f32) -> Found {
        let mut top = TopK::new(request.k);
        let mut accepted = Vec::with_capacity(LEAF);
        let mut visit = |positions: &[u32]| {
            // The filter has been asked already.
            let accepts = |position: &u32| request.is_not_excluded(vectors, *position);
            accepted.clear();
            accepted.extend(positions.iter().copied().filter(accepts));
            self.visit(vectors, request, t, &accepted, &mut top);
            top.threshold().unwrap_or(t)
        };
        let n_scored =
            scan_pruned(self.isa, self.file.blocks(vectors, request.allowed), direction, t, &mut visit);
        Found { hits: top.into_hits(), n_scored }
    }
}

impl Engine for Exact {
    fn kind(&self) -> EngineKind {
        EngineKind::Exact
    }

    /// `request.known` gives the first threshold; without it the engine looks for one itself.
    fn search(&self, vectors: &Vectors, request: &SearchRequest<'_>) -> Result<Found, EngineError> {
        let n_accepted = request.n_accepted(vectors.len());
        let few = Self::scores_rows(vectors.len(), n_accepted, request.k);
        if few || request.query.f32_error().is_none() {
            return Ok(self.plain(vectors, request));
        }
        let direction = Direction::new(request.query);
        let kth = |known: &[Hit]| known.get(request.k.checked_sub(1)?).map(|hit| hit.score);
        let threshold = kth(request.known).or_else(|| self.warm_up(vectors, request, &direction));
        // Below 0 the bounds do not hold.
        if let Some(t) = threshold.filter(|t| *t >= 0.0) {
            let found = self.pruned(vectors, request, &direction, t);
            // At least k items reach the threshold; where they do not, a damaged file made it up.
            if found.hits.len() >= request.k.min(n_accepted) {
                return Ok(found);
            }
        }
        Ok(self.plain(vectors, request))
    }
}
