//! Blocks of codes: consecutive vectors (in storage order), dimension by dimension, one byte each, relative to the box
//! around them.
//!
//! # The bound
//!
//! A box has centre `c` and half-width `e` in every dimension; byte `b` stands for `c - e + 2 e b / 255`, so a decoded
//! value is off by at most `delta = e / 255` and some rounding, for which `2^-20 (|c| + e)` is added. In the weighted
//! coordinates of [`super::boxes`], with `v` the true and `v'` the decoded item,
//!
//! ```text
//! g.v <= g.v' + P,  P = sum |g_i| sqrt(w_i) delta_i
//! |v| >= |v'| - Q,  Q = sqrt(sum w_i delta_i^2)
//! s >= t >= 0  =>  g.v' + P + t Q >= t |v'|
//! ```
//!
//! `g.v'` and `|v'|^2` are computed in f32: by Cauchy-Schwarz (`|g| = 1`) both are off by at most `(d + 3) u` of `|v'|`
//! and `|v'|^2`. So with `t' = t - (8 (d + 3) + 16) u`, which also covers that a score is rounded to f32 before it is
//! compared, an item is kept when
//!
//! ```text
//! max(g.v' + P + t Q, 0)^2 >= t'^2 |v'|^2
//! ```
//!
//! or when `|v'|^2` is outside the range where f32 can be trusted ([`TINY`], [`HUGE`]). Everything kept is scored
//! canonically; nothing else can score `t` or more.

use rayon::prelude::*;

use crate::distance::simd::Lanes;
use crate::distance::{LANES, TINY, stride};

use super::boxes::{Direction, HUGE, inflation};

/// Vectors of a block.
pub(super) const LEAF: usize = crate::content::ORDER_LEAF;
/// Blocks of a parent box: as many as are tested at a time.
pub(super) const FANOUT: usize = LANES;
/// Bits that say which vectors of a block are kept.
pub(super) type Mask = u128;
const _: () = assert!(LEAF == Mask::BITS as usize, "a bit for every vector of a block");

const U: f32 = 1.0 / (1_u32 << 24) as f32;

/// Boxes in groups of [`LANES`], each `[2, dim, LANES]`: centres, then half-widths.
pub(super) fn group_floats(dim: usize) -> usize {
    2 * dim * LANES
}

/// Blocks of codes, `[n_leaves, dim, LEAF]`, and their boxes and those of their parents, in groups.
#[derive(Clone, Debug, Default)]
pub(super) struct Encoded {
    pub codes: Vec<u8>,
    pub leaves: Vec<f32>,
    pub parents: Vec<f32>,
}

/// Smallest and largest value of every dimension.
#[derive(Clone, Debug)]
struct Range {
    low: Vec<f32>,
    high: Vec<f32>,
}

impl Range {
    fn empty(dim: usize) -> Self {
        Self { low: vec![f32::INFINITY; dim], high: vec![f32::NEG_INFINITY; dim] }
    }

    fn take(&mut self, low: &[f32], high: &[f32]) {
        self.low.iter_mut().zip(low).for_each(|(all, x)| *all = all.min(*x));
        self.high.iter_mut().zip(high).for_each(|(all, x)| *all = all.max(*x));
    }

    /// Centre and half-width of dimension `i`; the half-width is rounded up.
    fn side(&self, i: usize, eta: f32) -> (f32, f32) {
        let (low, high) = (f64::from(self.low[i]), f64::from(self.high[i]));
        let centre = ((low + high) / 2.0) as f32;
        let half = (high - f64::from(centre)).max(f64::from(centre) - low);
        let half = half + f64::from(eta) * (f64::from(centre).abs() + half);
        (centre, (half as f32).next_up())
    }
}

/// Encodes rows, `[n_items, stride(dim)]`.
pub(super) fn encode(rows: &[f32], dim: usize) -> Encoded {
    let stride = stride(dim);
    let eta = inflation(dim);
    let ranges: Vec<Range> = rows
        .par_chunks(LEAF * stride)
        .map(|rows| {
            let mut range = Range::empty(dim);
            rows.chunks_exact(stride).for_each(|row| range.take(&row[..dim], &row[..dim]));
            range
        })
        .collect();
    let mut codes = vec![0; ranges.len() * dim * LEAF];
    codes.par_chunks_mut(dim * LEAF).zip(rows.par_chunks(LEAF * stride)).zip(&ranges).for_each(
        |((codes, rows), range)| {
            for (i, codes) in codes.chunks_exact_mut(LEAF).enumerate() {
                let (centre, half) = range.side(i, eta);
                let (low, step) = (f64::from(centre) - f64::from(half), 2.0 * f64::from(half) / 255.0);
                for (code, row) in codes.iter_mut().zip(rows.chunks_exact(stride)) {
                    // A saturating cast; a half-width, and so a step, is never 0 (`Range::side`).
                    *code = ((f64::from(row[i]) - low) / step).round() as u8;
                }
            }
        },
    );
    let parents: Vec<Range> = ranges
        .chunks(FANOUT)
        .map(|leaves| {
            let mut range = Range::empty(dim);
            leaves.iter().for_each(|leaf| range.take(&leaf.low, &leaf.high));
            range
        })
        .collect();
    Encoded { codes, leaves: groups(&ranges, dim, eta), parents: groups(&parents, dim, eta) }
}

fn groups(ranges: &[Range], dim: usize, eta: f32) -> Vec<f32> {
    let mut groups = vec![0.0; ranges.len().div_ceil(LANES) * group_floats(dim)];
    for (ranges, group) in ranges.chunks(LANES).zip(groups.chunks_exact_mut(group_floats(dim))) {
        let (centres, halves) = group.split_at_mut(dim * LANES);
        for (lane, range) in ranges.iter().enumerate() {
            for i in 0..dim {
                let (centre, half) = range.side(i, eta);
                centres[i * LANES + lane] = centre;
                halves[i * LANES + lane] = half;
            }
        }
    }
    groups
}

/// One dimension of a block under a query: `v = scale * byte + offset`, the product grows by `gain * v`.
#[derive(Clone, Copy, Debug, Default)]
struct Term {
    scale: f32,
    offset: f32,
    gain: f32,
    at: usize,
}

/// A block under a query.
#[derive(Debug, Default)]
pub(super) struct BlockQuery {
    terms: Vec<Term>,
    /// `P` and `Q`.
    slack: (f32, f32),
    sound: bool,
}

impl BlockQuery {
    /// For box `lane` of a group.
    pub fn fit(&mut self, direction: &Direction, group: &[f32], lane: usize) {
        let (centres, halves) = group.split_at(group.len() / 2);
        self.terms.clear();
        let (mut p, mut q_squared, mut most) = (0.0, 0.0, direction.norm_squared);
        for axis in &direction.axes {
            let (centre, half) = (centres[axis.dim * LANES + lane], halves[axis.dim * LANES + lane]);
            let reach = (centre.abs() + half) * axis.root;
            let delta = half * axis.root * (1.0 / 255.0) + 16.0 * U * reach;
            p += axis.gain.abs() * delta;
            q_squared += delta * delta;
            most += reach * reach;
            self.terms.push(Term {
                scale: half * (2.0 / 255.0) * axis.root,
                offset: (centre - half) * axis.root,
                gain: axis.gain,
                at: axis.dim * LEAF,
            });
        }
        // Rounded up by more than these few operations lose.
        let up = 1.0 + 4.0 * (self.terms.len() as f32 + 8.0) * U;
        self.slack = (p * up, q_squared.sqrt() * up);
        self.sound = most < HUGE;
    }

    /// The vectors of a block, `[dim, LEAF]` bytes, that may score `t` or more; all where f32 cannot tell.
    ///
    /// # Safety
    /// `L`'s instruction set is there, and the block behind `codes`.
    #[inline(always)]
    pub unsafe fn keep<L: Lanes>(&self, direction: &Direction, codes: *const u8, t: f32) -> Mask {
        if !self.sound {
            return Mask::MAX;
        }
        const GROUPS: usize = 4;
        let d = self.terms.len() as f32;
        let least = (t - (8.0 * (d + 3.0) + 16.0) * U).max(0.0);
        let mut kept: Mask = 0;
        // SAFETY: the caller promises the block and the instruction set.
        unsafe {
            let slack = L::splat(self.slack.0 + t * self.slack.1);
            let least_squared = L::splat(least * least);
            for first in (0..LEAF).step_by(GROUPS * LANES) {
                let mut product = [L::splat(direction.product); GROUPS];
                let mut norm_squared = [L::splat(direction.norm_squared); GROUPS];
                for term in &self.terms {
                    let (scale, offset, gain) =
                        (L::splat(term.scale), L::splat(term.offset), L::splat(term.gain));
                    for group in 0..GROUPS {
                        let byte = L::load_bytes(codes.add(term.at + first + group * LANES));
                        let v = byte.mul_add(scale, offset);
                        product[group] = v.mul_add(gain, product[group]);
                        norm_squared[group] = v.mul_add(v, norm_squared[group]);
                    }
                }
                for group in 0..GROUPS {
                    let most = product[group].add(slack).max(L::splat(0.0));
                    let enough = most.mul(most).ge(norm_squared[group].mul(least_squared));
                    let sound = norm_squared[group].ge(L::splat(TINY));
                    kept |= Mask::from(enough | !sound) << (first + group * LANES);
                }
            }
        }
        kept
    }
}
