//! Bounds of blocks: which boxes can hold anything as similar as a threshold.
//!
//! # The test
//!
//! Under a query let `v_i = sqrt(w_i) x_i` be an item's weighted coordinates, the constant `sqrt(a)` of the anchor one
//! more, and `g` the query's own weighted coordinates over their length: then `s = g.v / |v|`, and `s >= t` is a cone
//! around `g`. With `c` the centre of a box in these coordinates, `c' = c - (g.c) g` its part across `g`, and
//! `r = t g + sqrt(1 - t^2) c' / |c'|` the ray on the cone's surface that is nearest to the box,
//!
//! ```text
//! s >= t  =>  g.v >= t |v| >= t r.v  =>  h.v >= 0   for h = g - t r = A g - B c,
//!             B = t sqrt(1 - t^2) / |c'|,  A = 1 - t^2 + B (g.c)
//! ```
//!
//! since `|r| = 1`. The largest `h.v` in a box of half-widths `e` is `h.c + sum |h_i| e_i`: a box where that is below 0
//! holds nothing. This needs `t >= 0`. (A ball around the centre, or the corner nearest to `g`, prune next to nothing
//! in a dozen dimensions.)
//!
//! # Rounding
//!
//! With `u = 2^-24` and `d` dimensions:
//!
//! - `k = g - h` must not be longer than `t`. With `s = sqrt(1 - t^2)`, its part across `g` has the length `t s` times
//!   the relative error of `1 / |c'|`. `|c'|^2` is a difference; boxes with `|c'|^2 < |c|^2 / 64` are kept untested, so
//!   its error, at most `(3 d + 8) u |c|^2`, is at most `64 (3 d + 8) u |c'|^2`, and that of the root half of it: `k`
//!   is longer by at most `32 (3 d + 8) u s^2`. Its part along `g` is off by `B` times the error of `g.c`, which is at
//!   most `(d + 3) u |c|`, and so by at most `8 (d + 3) u s`. All other roundings of `A`, `B`, `h`, `g`, and of the
//!   score, together are below `4 u + 72 u s`. The sum is below `256 (d + 2) u s^2 + 4 u + (d + 12)^2 / (10 d + 16) u`,
//!   whose last term is below `105 u` up to 1,024 dimensions. So [`Cone`] is made for
//!   `t - 256 (d + 2) u (1 - t^2) - 128 u`.
//! - The sum has `2 (d + 1)` terms; its error is below `2 (d + 4) u sum |h_i| (|c_i| + e_i)`. Half-widths are stored
//!   larger by [`inflation`]` (|c_i| + e_i)`, which adds more than that; the anchor's term has no half-width and gets
//!   its share on its own.
//! - Where squares could leave the range of f32 (below [`TINY`], above [`HUGE`]) a box is kept untested; a NaN keeps it.

use crate::distance::simd::Lanes;
use crate::distance::{LANES, Query, TINY};

/// Squared lengths above this are not trusted.
pub(super) const HUGE: f32 = 1e30;
const U: f32 = 1.0 / (1_u32 << 24) as f32;

/// By what share of `|centre| + half-width` half-widths are stored too large.
pub(super) fn inflation(dim: usize) -> f32 {
    4.0 * (dim as f32 + 8.0) * U
}

/// A dimension with a weight above 0: `sqrt(w_i)`, and the query's own weighted coordinate over its length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub dim: usize,
    pub root: f32,
    pub gain: f32,
}

/// A query as the boxes see it.
#[derive(Clone, Debug)]
pub(super) struct Direction {
    pub axes: Vec<Axis>,
    /// `sqrt(a)`: the anchor's coordinate of every item.
    anchor_root: f32,
    /// The anchor's coordinate of `g`.
    anchor_gain: f32,
    /// `g.v` and `|v|^2` of the anchor alone.
    pub product: f32,
    pub norm_squared: f32,
}

impl Direction {
    pub fn new(query: &Query) -> Self {
        let axes = query.active().map(|(dim, root, gain)| Axis { dim, root, gain });
        let anchor_root = query.anchor().sqrt();
        Self {
            axes: axes.collect(),
            anchor_root,
            anchor_gain: anchor_root * query.inverse_norm(),
            product: query.anchor() * query.inverse_norm(),
            norm_squared: query.anchor(),
        }
    }
}

/// The cone of all directions that are at least as similar as a threshold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cone {
    cosine: f32,
    sine_squared: f32,
    sine: f32,
}

impl Cone {
    /// The cone for threshold `t`, a little wider to be safe from rounding; `None` where nothing can be pruned.
    pub fn new(direction: &Direction, t: f32) -> Option<Self> {
        let d = direction.axes.len() as f32;
        let t = t.min(1.0);
        let cosine = t - (256.0 * (d + 2.0) * (1.0 - t * t) + 128.0) * U;
        let sine_squared = 1.0 - cosine * cosine;
        // A NaN prunes nothing.
        (cosine > 0.0).then(|| Self { cosine, sine_squared, sine: sine_squared.sqrt() })
    }
}

/// Which of [`LANES`] boxes may reach into the cone: a bit for each. `centres` and `halves` are `[dim, LANES]`.
///
/// # Safety
/// `L`'s instruction set is there, and as many floats as said behind the pointers for every axis of `direction`.
#[inline(always)]
pub(super) unsafe fn reaching<L: Lanes>(
    direction: &Direction,
    cone: Cone,
    centres: *const f32,
    halves: *const f32,
) -> u16 {
    // SAFETY: the caller promises the floats and the instruction set.
    unsafe {
        let (along, norm_squared) = parts::<L>(direction, centres);
        let across_squared = along.neg_mul_add(along, norm_squared);
        // What can be tested, and what is not inside the cone with its centre already.
        let sound = norm_squared.ge(L::splat(TINY))
            & L::splat(HUGE).ge(norm_squared)
            & across_squared.ge(norm_squared.mul(L::splat(1.0 / 64.0)));
        if sound == 0 {
            return u16::MAX;
        }
        let b = L::splat(cone.cosine * cone.sine).div(across_squared.max(L::splat(f32::MIN_POSITIVE)).sqrt());
        let a = b.mul_add(along, L::splat(cone.sine_squared));
        let anchor = a.mul(L::splat(direction.anchor_gain)).sub(b.mul(L::splat(direction.anchor_root)));
        let root = L::splat(direction.anchor_root);
        let mut most = anchor.abs().mul(L::splat(inflation(direction.axes.len()))).add(anchor).mul(root);
        for axis in &direction.axes {
            let root = L::splat(axis.root);
            let v = L::load(centres.add(axis.dim * LANES)).mul(root);
            let e = L::load(halves.add(axis.dim * LANES)).mul(root);
            let h = b.neg_mul_add(v, a.mul(L::splat(axis.gain)));
            most = h.mul_add(v, most);
            most = h.abs().mul_add(e, most);
        }
        let below = !most.ge(L::splat(0.0)) & L::splat(0.0).ge(most);
        !(sound & below)
    }
}

/// `g.c` and `|c|^2` of the centres of [`LANES`] boxes, `[dim, LANES]`.
///
/// # Safety
/// `L`'s instruction set is there, and as many floats as said behind the pointer for every axis of `direction`.
#[inline(always)]
unsafe fn parts<L: Lanes>(direction: &Direction, centres: *const f32) -> (L, L) {
    // SAFETY: the caller promises the floats and the instruction set.
    unsafe {
        let mut along = L::splat(direction.product);
        let mut norm_squared = L::splat(direction.norm_squared);
        for axis in &direction.axes {
            let v = L::load(centres.add(axis.dim * LANES)).mul(L::splat(axis.root));
            along = v.mul_add(L::splat(axis.gain), along);
            norm_squared = v.mul_add(v, norm_squared);
        }
        (along, norm_squared)
    }
}

/// The similarity of the centres of [`LANES`] boxes, `[dim, LANES]`, roughly.
///
/// # Safety
/// `L`'s instruction set is there, and as many floats as said behind the pointer for every axis of `direction`.
#[inline(always)]
pub(super) unsafe fn centres<L: Lanes>(direction: &Direction, centres: *const f32) -> L {
    // SAFETY: the caller promises the floats and the instruction set.
    unsafe {
        let (along, norm_squared) = parts::<L>(direction, centres);
        along.div(norm_squared.max(L::splat(TINY)).sqrt())
    }
}
