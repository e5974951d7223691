//! `exact.nf`: codes by block, and the boxes of blocks and of their parents.

use std::path::Path;

use crate::artifact::{ArtifactError, FileEntry, FileKind, Section, SectionFile, SectionWriter};
use crate::content::Vectors;
use crate::index::Allowed;

use super::blocks::encode;
use super::pruned::Blocks;

pub(crate) const EXACT_FILE: &str = "exact.nf";

const CODES: u32 = 1;
const LEAVES: u32 = 2;
const PARENTS: u32 = 3;

/// Writes `exact.nf` into `directory` from rows in storage order, `[n_items, stride]`. Runs in the current rayon pool.
pub(crate) fn write_exact(directory: &Path, rows: &[f32], dim: usize) -> Result<(), ArtifactError> {
    let encoded = encode(rows, dim);
    let mut file = SectionWriter::create(&directory.join(EXACT_FILE), FileKind::Exact)?;
    file.section::<f32>(PARENTS)?;
    file.write(&encoded.parents)?;
    file.section::<f32>(LEAVES)?;
    file.write(&encoded.leaves)?;
    file.section::<u8>(CODES)?;
    file.write(&encoded.codes)?;
    file.finish()
}

/// The file of an open generation.
#[derive(Debug)]
pub(super) struct ExactFile {
    dim: usize,
    n_items: usize,
    codes: Section<u8>,
    leaves: Section<f32>,
    parents: Section<f32>,
}

impl ExactFile {
    pub fn open(path: &Path, entry: &FileEntry, n_items: usize, dim: usize) -> Result<Self, ArtifactError> {
        let file = SectionFile::open(path, FileKind::Exact, entry)?;
        let (codes, leaves, parents) = Blocks::lengths(n_items, dim);
        Ok(Self {
            dim,
            n_items,
            codes: file.section_of(CODES, "codes", codes)?,
            leaves: file.section_of(LEAVES, "boxes", leaves)?,
            parents: file.section_of(PARENTS, "boxes of boxes", parents)?,
        })
    }

    /// What the scan works on.
    pub fn blocks<'a>(&'a self, vectors: &'a Vectors, allowed: Option<&'a Allowed>) -> Blocks<'a> {
        Blocks {
            dim: self.dim,
            n_items: self.n_items,
            rows: vectors.rows(),
            allowed: allowed.map(|allowed| allowed.positions().words()),
            codes: &self.codes,
            leaves: &self.leaves,
            parents: &self.parents,
        }
    }

    /// Compares everything with what the rows give.
    pub fn verify(&self, vectors: &Vectors) -> Result<(), ArtifactError> {
        let expected = encode(vectors.rows(), self.dim);
        if let Some(at) = (0..self.codes.len()).find(|at| self.codes[*at] != expected.codes[*at]) {
            return Err(self.codes.damaged(format!("code {at}"), expected.codes[at], self.codes[at]));
        }
        let differs = |section: &[f32], expected: &[f32]| {
            section.iter().zip(expected).position(|(a, b)| a.to_bits() != b.to_bits())
        };
        for (section, expected) in [(&self.leaves, &expected.leaves), (&self.parents, &expected.parents)] {
            if let Some(at) = differs(section, expected) {
                return Err(section.damaged(format!("bound {at}"), expected[at], section[at]));
            }
        }
        Ok(())
    }
}
