//! The scan that leaves out what the boxes rule out.

use crate::distance::simd::{Lanes, multiversion};
use crate::distance::{LANES, stride};

use super::blocks::{BlockQuery, FANOUT, LEAF, Mask, group_floats};
use super::boxes::{Cone, Direction, centres, reaching};

/// Codes and boxes of all blocks, as [`super::blocks::Encoded`] has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks<'a> {
    pub dim: usize,
    pub n_items: usize,
    /// The vectors themselves, `[n_items, stride]`: only asked for ahead.
    pub rows: &'a [f32],
    /// A bit for every position that may be visited; all where there is no filter.
    pub allowed: Option<&'a [u64]>,
    pub codes: &'a [u8],
    pub leaves: &'a [f32],
    pub parents: &'a [f32],
}

impl Blocks<'_> {
    /// Which vectors of a block may be visited.
    #[inline]
    fn allowed_in(&self, leaf: u32) -> Mask {
        const WORDS: usize = LEAF / u64::BITS as usize;
        let Some(words) = self.allowed else { return Mask::MAX };
        let words = words.iter().skip(leaf as usize * WORDS).take(WORDS);
        words.zip(0..).fold(0, |mask, (word, place)| mask | Mask::from(*word) << (place * u64::BITS))
    }

    /// Whether any vector below a parent may be visited.
    pub fn allows_some_in(&self, parent: u32) -> bool {
        const WORDS: usize = FANOUT * LEAF / u64::BITS as usize;
        let Some(words) = self.allowed else { return true };
        words.iter().skip(parent as usize * WORDS).take(WORDS).any(|word| *word != 0)
    }

    /// Elements that codes, leaves and parents must have.
    pub fn lengths(n_items: usize, dim: usize) -> (usize, usize, usize) {
        let n_leaves = n_items.div_ceil(LEAF);
        let n_parents = n_leaves.div_ceil(FANOUT);
        let floats = group_floats(dim);
        (n_leaves * dim * LEAF, n_leaves.div_ceil(LANES) * floats, n_parents.div_ceil(LANES) * floats)
    }
}

multiversion! {
    /// Gives every position whose item may score `t` or more to `visit`, some at a time; it answers with the threshold
    /// from then on. `t` is at least 0. Returns how many codes were compared.
    pub(super) fn scan_pruned = scan_lanes(
        blocks: Blocks<'_>, direction: &Direction, t: f32, visit: &mut dyn FnMut(&[u32]) -> f32,
    ) -> usize
}

/// # Safety
/// `L`'s instruction set is there.
#[inline(always)]
unsafe fn scan_lanes<L: Lanes>(
    blocks: Blocks<'_>,
    direction: &Direction,
    t: f32,
    visit: &mut dyn FnMut(&[u32]) -> f32,
) -> usize {
    let lengths = Blocks::lengths(blocks.n_items, blocks.dim);
    assert_eq!(lengths, (blocks.codes.len(), blocks.leaves.len(), blocks.parents.len()), "whole blocks");
    assert!(direction.axes.iter().all(|axis| axis.dim < blocks.dim), "the query has the blocks' dimensions");
    let n_leaves = blocks.n_items.div_ceil(LEAF);
    let n_parents = n_leaves.div_ceil(FANOUT);
    let floats = group_floats(blocks.dim);
    let stride = stride(blocks.dim);
    let leaf_bytes = blocks.dim * LEAF;
    let mut t = t;
    let cone = Cone::new(direction, t);
    let mut n_scored = 0;
    // SAFETY: groups and blocks are whole, as asserted, and the caller promises the instruction set.
    unsafe {
        // What is open is listed level by level, so that the memory of the next can be asked for in time.
        let mut parents = Vec::with_capacity(n_parents);
        for (number, group) in blocks.parents.chunks_exact(floats).enumerate() {
            let open = test::<L>(direction, cone, group, n_parents - number * LANES);
            push_lanes(&mut parents, number * LANES, open);
        }
        let mut leaves = Vec::with_capacity(n_leaves.min(4 * parents.len()));
        for (place, &parent) in parents.iter().enumerate() {
            if let Some(&next) = parents.get(place + 1) {
                prefetch::<L>(blocks.leaves.as_ptr().wrapping_add(next as usize * floats).cast(), floats * 4);
            }
            let group = &blocks.leaves[parent as usize * floats..][..floats];
            let first = parent as usize * FANOUT;
            let open = test::<L>(direction, cone, group, n_leaves - first);
            push_lanes(&mut leaves, first, open);
        }
        if blocks.allowed.is_some() {
            leaves.retain(|leaf| blocks.allowed_in(*leaf) != 0);
        }
        let mut block = BlockQuery::default();
        // What a block leaves waits until the next block is scanned: its rows are on their way meanwhile.
        let (mut waiting, mut arriving) = (Vec::with_capacity(LEAF), Vec::with_capacity(LEAF));
        for (place, &leaf) in leaves.iter().enumerate() {
            if let Some(&next) = leaves.get(place + 1) {
                let codes = blocks.codes.as_ptr().wrapping_add(next as usize * leaf_bytes);
                for axis in &direction.axes {
                    prefetch::<L>(codes.wrapping_add(axis.dim * LEAF), LEAF);
                }
            }
            let leaf = leaf as usize;
            let first = leaf * LEAF;
            block.fit(direction, &blocks.leaves[leaf / FANOUT * floats..][..floats], leaf % FANOUT);
            let codes = &blocks.codes[leaf * leaf_bytes..][..leaf_bytes];
            let mut kept = block.keep::<L>(direction, codes.as_ptr(), t);
            n_scored += LEAF;
            let n_lanes = blocks.n_items - first;
            if n_lanes < LEAF {
                kept &= (1 << n_lanes) - 1;
            }
            kept &= blocks.allowed_in(leaf as u32);
            while kept != 0 {
                let position = first + kept.trailing_zeros() as usize;
                kept &= kept - 1;
                L::prefetch(blocks.rows.as_ptr().wrapping_add(position * stride).cast());
                arriving.push(position as u32);
            }
            if !waiting.is_empty() {
                t = visit(&waiting).max(t);
                waiting.clear();
            }
            std::mem::swap(&mut waiting, &mut arriving);
        }
        if !waiting.is_empty() {
            visit(&waiting);
        }
    }
    n_scored
}

multiversion! {
    /// The similarity of the centre of every parent of blocks.
    pub(super) fn centre_scores = score_centres(blocks: Blocks<'_>, direction: &Direction) -> Vec<f32>
}

/// # Safety
/// `L`'s instruction set is there.
#[inline(always)]
unsafe fn score_centres<L: Lanes>(blocks: Blocks<'_>, direction: &Direction) -> Vec<f32> {
    let floats = group_floats(blocks.dim);
    assert!(direction.axes.iter().all(|axis| axis.dim < blocks.dim), "the query has the blocks' dimensions");
    let mut scores = vec![0.0; blocks.parents.len() / floats * LANES];
    for (group, scores) in blocks.parents.chunks_exact(floats).zip(scores.chunks_exact_mut(LANES)) {
        // SAFETY: groups are whole, axes are in range, there are LANES scores, and the caller promises the
        // instruction set.
        unsafe { centres::<L>(direction, group.as_ptr()).store(scores.as_mut_ptr()) };
    }
    scores.truncate(blocks.n_items.div_ceil(LEAF).div_ceil(FANOUT));
    scores
}

/// Which of the first `n` boxes of a group are open.
///
/// # Safety
/// `L`'s instruction set is there, and `group` is whole.
#[inline(always)]
unsafe fn test<L: Lanes>(direction: &Direction, cone: Option<Cone>, group: &[f32], n: usize) -> u16 {
    let all = ((1_u32 << n.min(LANES)) - 1) as u16;
    let half = group.len() / 2;
    let Some(cone) = cone else { return all };
    // SAFETY: the caller's promise.
    all & unsafe { reaching::<L>(direction, cone, group.as_ptr(), group.as_ptr().add(half)) }
}

#[inline(always)]
fn push_lanes(list: &mut Vec<u32>, first: usize, mut lanes: u16) {
    while lanes != 0 {
        list.push(first as u32 + lanes.trailing_zeros());
        lanes &= lanes - 1;
    }
}

/// # Safety
/// `L`'s instruction set is there.
#[inline(always)]
unsafe fn prefetch<L: Lanes>(from: *const u8, n_bytes: usize) {
    for line in (0..n_bytes).step_by(64) {
        // SAFETY: the caller's promise; a prefetch may have any address.
        unsafe { L::prefetch(from.wrapping_add(line)) };
    }
}
