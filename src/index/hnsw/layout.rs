//! How a graph lies in memory.
//!
//! - *Inline*: the record of an item is a number of groups; a group is 16 ids (u32, [`Neighbours::NONE`] where there is
//!   no neighbour) and then those neighbours' codes, `[dim, 16]` bytes, padded to a multiple of 64. Expanding an item
//!   reads one run of memory and scores all of its neighbours, sixteen at a time.
//! - *Split*: ids `[n_items, width]`, and codes `[n_items, code_bytes]`. Expanding an item reads its neighbours' codes
//!   wherever they are, and only those that were not met lately.
//!
//! Inline repeats every item's code once for each of its neighbours. That pays while the code is not much longer than
//! the cache line it would take to fetch it ([`LayoutKind::best`]).

use rayon::prelude::*;

use crate::distance::LANES;

use super::build::Neighbours;

/// Up to this many dimensions codes are kept inline: above it a record outgrows what reading in one run saves.
const MAX_INLINE_DIM: usize = 48;
pub(super) const ID_BYTES: usize = LANES * size_of::<u32>();

/// How a graph lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutKind {
    /// Neighbours' codes in every record.
    Inline,
    /// Ids here, codes there.
    Split,
}

impl LayoutKind {
    /// The faster one for so many dimensions.
    pub fn best(dim: usize) -> Self {
        if dim <= MAX_INLINE_DIM { Self::Inline } else { Self::Split }
    }
}

/// The geometry of an inline record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordLayout {
    pub n_groups: usize,
    pub group_bytes: usize,
}

impl RecordLayout {
    /// For `width` neighbours of `dim` dimensions.
    pub fn new(width: usize, dim: usize) -> Self {
        Self { n_groups: width.div_ceil(LANES), group_bytes: (ID_BYTES + dim * LANES).next_multiple_of(64) }
    }

    /// Bytes of a record.
    pub fn record_bytes(self) -> usize {
        self.n_groups * self.group_bytes
    }

    /// The records of items `first..`, into `out`, `[.., record_bytes]`; codes are `[n_items, dim]`.
    pub fn fill(self, neighbours: &Neighbours, first: usize, codes: &[u8], dim: usize, out: &mut [u8]) {
        out.par_chunks_mut(self.record_bytes()).enumerate().for_each(|(number, record)| {
            self.fill_groups(neighbours.of(first + number), codes, dim, record);
        });
    }

    /// Groups for any number of `ids`, into `out`.
    pub fn fill_groups(self, ids: &[u32], codes: &[u8], dim: usize, out: &mut [u8]) {
        for (ids, group) in ids.chunks(LANES).zip(out.chunks_exact_mut(self.group_bytes)) {
            group.fill(0);
            for lane in 0..LANES {
                let id = ids.get(lane).copied().unwrap_or(Neighbours::NONE);
                group[lane * 4..][..4].copy_from_slice(&id.to_le_bytes());
                if id != Neighbours::NONE {
                    for (i, code) in codes[id as usize * dim..][..dim].iter().enumerate() {
                        group[ID_BYTES + i * LANES + lane] = *code;
                    }
                }
            }
        }
    }

    /// The ids of a record or group.
    pub fn ids(self, record: &[u8]) -> impl Iterator<Item = u32> {
        record.chunks_exact(self.group_bytes).flat_map(|group| {
            group[..ID_BYTES].chunks_exact(4).map(|id| u32::from_le_bytes(id.try_into().expect("four bytes")))
        })
    }
}

/// Bytes of an item's code in the split layout.
pub(super) fn code_bytes(dim: usize) -> usize {
    dim.next_multiple_of(LANES)
}
