//! `vectors.nf`: the transformed, unweighted, unanchored vectors by row, and which features each item has.

use std::path::Path;

use crate::artifact::{ArtifactError, FileEntry, FileKind, Section, SectionFile, SectionWriter};
use crate::distance;
use crate::track::ItemIdx;

pub(crate) const VECTORS_FILE: &str = "vectors.nf";

const ROWS: u32 = 1;
const MISSING: u32 = 2;

/// Vectors being built, in memory: `[n_items, stride]` and a bit for every missing value.
pub(crate) struct VectorsBuilder {
    dim: usize,
    rows: Vec<f32>,
    missing: MissingBits,
}

struct MissingBits {
    n_items: usize,
    /// `[n_features, words]`
    bits: Vec<u64>,
}

impl MissingBits {
    fn words(n_items: usize) -> usize {
        n_items.div_ceil(64)
    }

    fn set(&mut self, feature: usize, item: usize) {
        self.bits[feature * Self::words(self.n_items) + item / 64] |= 1 << (item % 64);
    }
}

impl VectorsBuilder {
    pub fn new(n_items: usize, dim: usize, n_features: usize) -> Self {
        let bits = vec![0; n_features * MissingBits::words(n_items)];
        Self { dim, rows: vec![0.0; n_items * distance::stride(dim)], missing: MissingBits { n_items, bits } }
    }

    /// The row of an item, `[dim]`.
    pub fn row_mut(&mut self, item: usize) -> &mut [f32] {
        &mut self.rows[item * distance::stride(self.dim)..][..self.dim]
    }

    pub fn set_missing(&mut self, feature: usize, item: usize) {
        self.missing.set(feature, item);
    }

    /// All rows, `[n_items, stride]`.
    pub fn rows(&self) -> &[f32] {
        &self.rows
    }

    /// Writes `vectors.nf` into `directory`.
    pub fn write(&self, directory: &Path) -> Result<(), ArtifactError> {
        let mut file = SectionWriter::create(&directory.join(VECTORS_FILE), FileKind::Vectors)?;
        file.section::<f32>(ROWS)?;
        file.write(&self.rows)?;
        file.section::<u64>(MISSING)?;
        file.write(&self.missing.bits)?;
        file.finish()
    }
}

/// The vectors of an open generation.
#[derive(Debug)]
pub struct Vectors {
    n_items: usize,
    dim: usize,
    rows: Section<f32>,
    missing: Section<u64>,
}

impl Vectors {
    pub(crate) fn open(
        path: &Path,
        entry: &FileEntry,
        n_items: usize,
        dim: usize,
        n_features: usize,
    ) -> Result<Self, ArtifactError> {
        let file = SectionFile::open(path, FileKind::Vectors, entry)?;
        let n_floats = n_items.saturating_mul(distance::stride(dim));
        let n_words = n_features.saturating_mul(MissingBits::words(n_items));
        Ok(Self {
            n_items,
            dim,
            rows: file.section_of(ROWS, "vectors", n_floats)?,
            missing: file.section_of(MISSING, "missing values", n_words)?,
        })
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.n_items
    }

    /// Whether there are none; a generation always has some.
    pub fn is_empty(&self) -> bool {
        self.n_items == 0
    }

    /// Dimensions of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// All rows, `[n_items, stride]`.
    pub fn rows(&self) -> &[f32] {
        &self.rows
    }

    /// The vector of an item, `[dim]`.
    ///
    /// # Panics
    /// When there is no such item.
    pub fn row(&self, item: ItemIdx) -> &[f32] {
        &self.rows[item.as_usize() * distance::stride(self.dim)..][..self.dim]
    }

    /// Whether an item lacks the value of a feature.
    pub fn is_missing(&self, feature: usize, item: ItemIdx) -> bool {
        let word = feature * MissingBits::words(self.n_items) + item.as_usize() / 64;
        self.missing[word] >> (item.as_usize() % 64) & 1 == 1
    }

    /// Checks that every component is finite.
    pub(crate) fn verify(&self) -> Result<(), ArtifactError> {
        match self.rows.iter().position(|x| !x.is_finite()) {
            Some(at) => Err(self.rows.damaged(format!("float {at}"), "a finite number", self.rows[at])),
            None => Ok(()),
        }
    }
}
