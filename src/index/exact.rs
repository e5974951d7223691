//! The scan: the truth. `exact.nf` holds the vectors in dimension-major blocks, so that a query reads only the
//! dimensions it weights.

use std::path::Path;

use crate::artifact::{ArtifactError, FileEntry, FileKind, Section, SectionFile, SectionWriter};
use crate::content::Vectors;
use crate::distance::{self, BLOCK, Kernels};
use crate::track::ItemIdx;

use super::candidates::{Candidates, GATHER_SHARE, best_accepted};
use super::{Engine, EngineError, EngineKind, Found, SearchRequest};

pub(crate) const EXACT_FILE: &str = "exact.nf";

const BLOCKS: u32 = 1;

/// Writes `exact.nf` into `directory` from rows, `[n_items, stride]`.
pub(crate) fn write_exact(directory: &Path, rows: &[f32], dim: usize) -> Result<(), ArtifactError> {
    let stride = distance::stride(dim);
    let mut file = SectionWriter::create(&directory.join(EXACT_FILE), FileKind::Exact)?;
    file.section::<f32>(BLOCKS)?;
    let mut block = vec![0.0; dim * BLOCK];
    for rows in rows.chunks(BLOCK * stride) {
        // Lanes behind the last item stay zero; the scan leaves them out.
        block.fill(0.0);
        for (lane, row) in rows.chunks_exact(stride).enumerate() {
            for (i, x) in row[..dim].iter().enumerate() {
                block[i * BLOCK + lane] = *x;
            }
        }
        file.write(&block)?;
    }
    file.finish()
}

/// The exact engine of an open generation.
#[derive(Debug)]
pub struct Exact {
    blocks: Section<f32>,
    kernels: Kernels,
}

impl Exact {
    pub(crate) fn open(
        path: &Path,
        entry: &FileEntry,
        n_items: usize,
        dim: usize,
    ) -> Result<Self, ArtifactError> {
        let file = SectionFile::open(path, FileKind::Exact, entry)?;
        let n_floats = n_items.div_ceil(BLOCK).saturating_mul(dim).saturating_mul(BLOCK);
        Ok(Self { blocks: file.section_of(BLOCKS, "blocks", n_floats)?, kernels: Kernels::best() })
    }

    /// The same engine with other kernels.
    pub fn with_kernels(self, kernels: Kernels) -> Self {
        Self { kernels, ..self }
    }

    /// Compares the blocks with the rows they were made from.
    pub(crate) fn verify(&self, vectors: &Vectors) -> Result<(), ArtifactError> {
        let dim = vectors.dim();
        for item in 0..vectors.len() {
            let block = &self.blocks[item / BLOCK * dim * BLOCK..][..dim * BLOCK];
            for (i, x) in vectors.row(ItemIdx(item as u32)).iter().enumerate() {
                let got = block[i * BLOCK + item % BLOCK];
                if got.to_bits() != x.to_bits() {
                    return Err(self.blocks.damaged(format!("item {item}, dimension {i}"), x, got));
                }
            }
        }
        Ok(())
    }
}

impl Engine for Exact {
    fn kind(&self) -> EngineKind {
        EngineKind::Exact
    }

    fn search(&self, vectors: &Vectors, request: &SearchRequest<'_>) -> Result<Found, EngineError> {
        let n_items = vectors.len();
        let n_accepted = request.n_accepted(n_items);
        let Some(error) = request.query.f32_error().filter(|_| n_accepted > n_items / GATHER_SHARE) else {
            return Ok(Found { hits: best_accepted(vectors, request), n_scored: n_accepted });
        };
        let mut candidates = Candidates::new(request.k, error);
        let mut scores = vec![0.0; BLOCK];
        for (index, block) in self.blocks.chunks_exact(vectors.dim() * BLOCK).enumerate() {
            self.kernels.score_block(request.query, block, &mut scores);
            let first = index * BLOCK;
            let n_lanes = BLOCK.min(n_items - first);
            for (group, scores) in scores[..n_lanes].chunks(16).enumerate() {
                // Most groups hold nothing of interest: one comparison of their maximum passes them by.
                let best = scores.iter().fold(f32::NEG_INFINITY, |best, score| best.max(*score));
                if best < candidates.threshold() {
                    continue;
                }
                for (lane, &score) in scores.iter().enumerate() {
                    let item = ItemIdx((first + group * 16 + lane) as u32);
                    if score >= candidates.threshold() && request.accepts(item) {
                        candidates.push(score, item);
                    }
                }
            }
        }
        Ok(Found { hits: candidates.finish(vectors, request.query), n_scored: n_items })
    }
}
