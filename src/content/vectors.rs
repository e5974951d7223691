//! `vectors.nf`: the transformed, unweighted, unanchored vectors by row, and which features each item has.
//!
//! Rows are stored in the order of a kd-tree's leaves ([`super::order`]); an item's place in it is its *position*. Only
//! the engines and this file know positions; everything else speaks of items.

use std::path::Path;

use crate::artifact::{ArtifactError, FileEntry, FileKind, Section, SectionFile, SectionWriter};
use crate::distance;
use crate::track::ItemIdx;

use super::order::kd_order;

pub(crate) const VECTORS_FILE: &str = "vectors.nf";

const ROWS: u32 = 1;
const MISSING: u32 = 2;
const ORDER: u32 = 3;
const POSITIONS: u32 = 4;

/// Vectors being built, in memory, by item: `[n_items, stride]` and a bit for every missing value.
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

    fn get(&self, feature: usize, item: usize) -> bool {
        self.bits[feature * Self::words(self.n_items) + item / 64] >> (item % 64) & 1 == 1
    }
}

impl VectorsBuilder {
    pub fn new(n_items: usize, dim: usize, n_features: usize) -> Self {
        let bits = vec![0; n_features * MissingBits::words(n_items)];
        Self { dim, rows: vec![0.0; n_items * distance::stride(dim)], missing: MissingBits { n_items, bits } }
    }

    /// Dimensions of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// All rows, `[n_items, stride]`, by item.
    pub fn rows(&self) -> &[f32] {
        &self.rows
    }

    /// The row of an item, `[dim]`.
    pub fn row(&self, item: usize) -> &[f32] {
        &self.rows[item * distance::stride(self.dim)..][..self.dim]
    }

    /// Whether an item lacks the value of a feature.
    pub fn is_missing(&self, feature: usize, item: usize) -> bool {
        self.missing.get(feature, item)
    }

    /// The same, to be written.
    pub fn row_mut(&mut self, item: usize) -> &mut [f32] {
        &mut self.rows[item * distance::stride(self.dim)..][..self.dim]
    }

    pub fn set_missing(&mut self, feature: usize, item: usize) {
        self.missing.set(feature, item);
    }

    /// The vectors in storage order; `weights`, `[dim]`, say which dimensions matter for it. Runs in the current rayon
    /// pool.
    pub fn arrange(self, weights: &[f32]) -> ArrangedVectors {
        let order = kd_order(&self.rows, self.dim, weights);
        let stride = distance::stride(self.dim);
        let mut rows = vec![0.0; self.rows.len()];
        for (row, item) in rows.chunks_exact_mut(stride).zip(&order) {
            row.copy_from_slice(&self.rows[*item as usize * stride..][..stride]);
        }
        ArrangedVectors { dim: self.dim, rows, order, missing: self.missing }
    }
}

/// Vectors in storage order.
pub(crate) struct ArrangedVectors {
    dim: usize,
    rows: Vec<f32>,
    order: Vec<u32>,
    missing: MissingBits,
}

impl ArrangedVectors {
    /// Dimensions of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// All rows, `[n_items, stride]`, by position.
    pub fn rows(&self) -> &[f32] {
        &self.rows
    }

    /// Writes `vectors.nf` into `directory`.
    pub fn write(&self, directory: &Path) -> Result<(), ArtifactError> {
        let mut positions = vec![0_u32; self.order.len()];
        for (position, item) in self.order.iter().enumerate() {
            positions[*item as usize] = position as u32;
        }
        let mut file = SectionWriter::create(&directory.join(VECTORS_FILE), FileKind::Vectors)?;
        file.section::<f32>(ROWS)?;
        file.write(&self.rows)?;
        file.section::<u64>(MISSING)?;
        file.write(&self.missing.bits)?;
        file.section::<u32>(ORDER)?;
        file.write(&self.order)?;
        file.section::<u32>(POSITIONS)?;
        file.write(&positions)?;
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
    order: Section<u32>,
    positions: Section<u32>,
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
            order: file.section_of(ORDER, "items by position", n_items)?,
            positions: file.section_of(POSITIONS, "positions by item", n_items)?,
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

    /// All rows, `[n_items, stride]`, by position.
    pub fn rows(&self) -> &[f32] {
        &self.rows
    }

    /// The vector of an item, `[dim]`.
    ///
    /// # Panics
    /// When there is no such item.
    pub fn row(&self, item: ItemIdx) -> &[f32] {
        self.row_at(self.position(item))
    }

    /// The vector at a position, `[dim]`.
    ///
    /// # Panics
    /// When there is no such position.
    pub(crate) fn row_at(&self, position: u32) -> &[f32] {
        &self.rows[position as usize * distance::stride(self.dim)..][..self.dim]
    }

    /// Where an item's row is.
    ///
    /// # Panics
    /// When there is no such item.
    pub(crate) fn position(&self, item: ItemIdx) -> u32 {
        // In a damaged file it may be anything; verification finds that, here it must only stay in range.
        self.positions[item.as_usize()].min(self.n_items as u32 - 1)
    }

    /// The item whose row is at a position.
    ///
    /// # Panics
    /// When there is no such position.
    pub(crate) fn item_at(&self, position: u32) -> ItemIdx {
        ItemIdx(self.order[position as usize].min(self.n_items as u32 - 1))
    }

    /// The items by position.
    pub(crate) fn order(&self) -> &[u32] {
        &self.order
    }

    /// Whether an item lacks the value of a feature.
    pub fn is_missing(&self, feature: usize, item: ItemIdx) -> bool {
        let word = feature * MissingBits::words(self.n_items) + item.as_usize() / 64;
        self.missing[word] >> (item.as_usize() % 64) & 1 == 1
    }

    /// Checks that every component is finite, and that every item has one position.
    pub(crate) fn verify(&self) -> Result<(), ArtifactError> {
        if let Some(at) = self.rows.iter().position(|x| !x.is_finite()) {
            return Err(self.rows.damaged(format!("float {at}"), "a finite number", self.rows[at]));
        }
        for (position, item) in self.order.iter().enumerate() {
            // As many positions as items, and each leads back to itself: a permutation.
            let back = self.positions.get(*item as usize).copied();
            if back != Some(position as u32) {
                let got = format!("item {item}, which is said to be at {back:?}");
                return Err(self.order.damaged(format!("position {position}"), "an item that is there", got));
            }
        }
        Ok(())
    }
}
