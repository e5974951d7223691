//! Scores of vectors that are kept as one byte a dimension.
//!
//! Under a query, dimension `i` of an item is worked with as `v_i = sqrt(w_i) x_i`, so that both sums of the
//! similarity are plain: the product is `a/|q| + sum g_i v_i` with `g_i = sqrt(w_i) q_i / |q|`, the squared norm is
//! `a + sum v_i^2`. A byte `c` stands for `x_i = low_i + step_i c`; the two factors are folded into one multiply-add.

use super::Query;
use super::simd::{LANES, Lanes};

/// One dimension with a weight above 0 under a query: `v = scale * byte + offset`, the product grows by `gain * v`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Term {
    pub scale: f32,
    pub offset: f32,
    pub gain: f32,
    pub dim: u32,
}

/// A query against vectors that share one code: the steps and lows of every dimension.
#[derive(Clone, Debug, Default)]
pub(crate) struct CodedQuery {
    terms: Vec<Term>,
    product: f32,
    norm_squared: f32,
}

impl CodedQuery {
    /// `query` against codes with these lows and steps, `[dim]`.
    pub fn new(query: &Query, lows: &[f32], steps: &[f32]) -> Self {
        let terms = query.active().map(|(dim, root, gain)| Term {
            scale: steps[dim] * root,
            offset: lows[dim] * root,
            gain,
            dim: dim as u32,
        });
        Self {
            terms: terms.collect(),
            product: query.anchor() * query.inverse_norm(),
            norm_squared: query.anchor(),
        }
    }

    /// Bytes from the first code of a group on that [`coded_distances`] reads.
    pub fn reach(&self) -> usize {
        self.terms.iter().map(|term| (term.dim as usize + 1) * LANES).max().unwrap_or(0)
    }
}

/// Distances `1 - s`, at least 0, of `N` groups of [`LANES`] items whose codes are `[dim, LANES]`, `stride` bytes apart.
/// Several at once hide the latency of the sums.
///
/// # Safety
/// `L`'s instruction set is there, and [`CodedQuery::reach`] bytes behind each of the `N` pointers.
#[inline(always)]
pub(crate) unsafe fn coded_distances<L: Lanes, const N: usize>(
    query: &CodedQuery,
    codes: [*const u8; N],
) -> [L; N] {
    // SAFETY: the caller promises the bytes and the instruction set.
    unsafe {
        let mut product = [L::splat(query.product); N];
        let mut norm_squared = [L::splat(query.norm_squared); N];
        for term in &query.terms {
            let (scale, offset, gain) = (L::splat(term.scale), L::splat(term.offset), L::splat(term.gain));
            let at = term.dim as usize * LANES;
            for group in 0..N {
                let v = L::load_bytes(codes[group].add(at)).mul_add(scale, offset);
                product[group] = v.mul_add(gain, product[group]);
                norm_squared[group] = v.mul_add(v, norm_squared[group]);
            }
        }
        // No closures here: they would not inherit the caller's instruction set.
        let mut distances = [L::splat(0.0); N];
        for group in 0..N {
            let score = product[group].mul(norm_squared[group].max(L::splat(f32::MIN_POSITIVE)).rsqrt());
            // In this order a NaN, which only a damaged file can cause, stays one and is never near.
            distances[group] = distances[group].max(L::splat(1.0).sub(score));
        }
        distances
    }
}

/// A query against vectors whose codes are rows, `[dim]` bytes padded with anything to whole registers.
#[derive(Clone, Debug, Default)]
pub(crate) struct CodedRowQuery {
    /// `[padded dim]`, zero where a dimension has no weight.
    scales: Vec<f32>,
    offsets: Vec<f32>,
    gains: Vec<f32>,
    /// First dimensions of the registers that have a weight.
    lanes: Vec<u32>,
    product: f32,
    norm_squared: f32,
}

impl CodedRowQuery {
    /// `query` against codes with these lows and steps, `[dim]`.
    pub fn new(query: &Query, lows: &[f32], steps: &[f32]) -> Self {
        let padded = query.dim().next_multiple_of(LANES);
        let mut coded = Self {
            scales: vec![0.0; padded],
            offsets: vec![0.0; padded],
            gains: vec![0.0; padded],
            lanes: query.active_lanes().to_vec(),
            product: query.anchor() * query.inverse_norm(),
            norm_squared: query.anchor(),
        };
        for (dim, root, gain) in query.active() {
            coded.scales[dim] = steps[dim] * root;
            coded.offsets[dim] = lows[dim] * root;
            coded.gains[dim] = gain;
        }
        coded
    }

    /// Bytes of a row that [`coded_row_distance`] reads.
    pub fn reach(&self) -> usize {
        self.lanes.last().map_or(0, |lane| *lane as usize + LANES)
    }
}

/// Distance `1 - s`, at least 0, of a row of codes.
///
/// # Safety
/// `L`'s instruction set is there, and [`CodedRowQuery::reach`] bytes behind `code`.
#[inline(always)]
pub(crate) unsafe fn coded_row_distance<L: Lanes>(query: &CodedRowQuery, code: *const u8) -> f32 {
    // SAFETY: the caller promises the bytes and the instruction set; scales, offsets and gains are padded to whole
    // registers.
    unsafe {
        let (mut product, mut norm_squared) = (L::splat(0.0), L::splat(0.0));
        for &lane in &query.lanes {
            let lane = lane as usize;
            let scale = L::load(query.scales.as_ptr().add(lane));
            let v = L::load_bytes(code.add(lane)).mul_add(scale, L::load(query.offsets.as_ptr().add(lane)));
            product = v.mul_add(L::load(query.gains.as_ptr().add(lane)), product);
            norm_squared = v.mul_add(v, norm_squared);
        }
        let product = query.product + product.sum();
        let norm_squared = query.norm_squared + norm_squared.sum();
        (1.0 - product / norm_squared.max(f32::MIN_POSITIVE).sqrt()).max(0.0)
    }
}

/// Asks for the cache lines of `n` bytes from `at` on, which need not exist.
///
/// # Safety
/// `L`'s instruction set is there.
#[inline(always)]
pub(crate) unsafe fn prefetch_bytes<L: Lanes>(bytes: &[u8], at: usize, n: usize) {
    for line in (0..n).step_by(64) {
        // SAFETY: the caller's promise; a prefetch may have any address.
        unsafe { L::prefetch(bytes.as_ptr().wrapping_add(at + line)) };
    }
}
