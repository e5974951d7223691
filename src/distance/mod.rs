//! The weighted, anchored cosine
//!
//! ```text
//! s(q, x) = (a + sum_i w_i q_i x_i) / (sqrt(a + sum_i w_i q_i^2) * sqrt(a + sum_i w_i x_i^2))
//! ```
//!
//! in two precisions. [`canonical`] is f64 in a fixed order, rounded to f32 once: every score that leaves nearfield
//! comes from it. The kernels are f32 and fast; they find candidates, and [`Query::f32_error`] bounds how far they
//! can be from the true score.
//!
//! ```text
//! query.rs      a query compiled for the kernels
//! canonical.rs  the score that is returned, and its contributions
//! portable.rs   reference kernels, on every processor
//! avx2.rs       the same for AVX2 + FMA
//! avx512.rs     the same for AVX-512F
//! ```
//!
//! Layouts: a *row* is one item's vector padded with zeros to [`stride`] floats; a *block* is [`BLOCK`] items
//! dimension by dimension, `[dim, BLOCK]`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod canonical;
mod portable;
mod query;

use std::sync::OnceLock;

pub use canonical::{canonical, contributions};
pub use query::Query;

/// Items in a dimension-major block.
pub const BLOCK: usize = 1024;
/// Rows are padded to a multiple of this many floats (one 64-byte cache line).
pub const ROW_LANES: usize = 16;
/// Squared norms below this are too small for f32: the block kernel then says [`RESCORE`].
pub(crate) const TINY: f32 = 1e-24;
/// What the block kernel gives for an item that only the canonical score can judge.
pub(crate) const RESCORE: f32 = f32::INFINITY;

/// Floats in a row of `dim` dimensions.
pub const fn stride(dim: usize) -> usize {
    dim.div_ceil(ROW_LANES) * ROW_LANES
}

/// The instruction set a kernel is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// Plain Rust, written so that it vectorises.
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512F.
    Avx512,
}

impl Isa {
    /// The best instruction set of this processor, asked once.
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().last().copied().unwrap_or(Self::Portable))
    }

    /// Every instruction set this processor can run, the best one last.
    pub fn available() -> Vec<Self> {
        let mut found = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                found.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f") {
                found.push(Self::Avx512);
            }
        }
        found
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512f",
        }
    }
}

/// Kernels for one instruction set. Only [`Kernels::best`] and [`Kernels::of`] make one, after asking the processor.
#[derive(Clone, Copy, Debug)]
pub struct Kernels {
    isa: Isa,
}

impl Kernels {
    /// The kernels for the best instruction set of this processor.
    pub fn best() -> Self {
        Self { isa: Isa::best() }
    }

    /// The kernels for `isa`, where this processor has it.
    pub fn of(isa: Isa) -> Option<Self> {
        Isa::available().contains(&isa).then_some(Self { isa })
    }

    /// Which instruction set these kernels use.
    pub fn isa(self) -> Isa {
        self.isa
    }

    /// Scores a whole block, `[dim, BLOCK]`, into `out`, `[BLOCK]`.
    ///
    /// # Panics
    /// When `block` is not `[dim, BLOCK]` or `out` not `[BLOCK]`.
    pub fn score_block(self, query: &Query, block: &[f32], out: &mut [f32]) {
        assert_eq!(block.len(), query.dim() * BLOCK, "a block is [dim, BLOCK]");
        assert_eq!(out.len(), BLOCK, "a block has BLOCK scores");
        match self.isa {
            Isa::Portable => portable::score_block(query, block, out),
            // SAFETY: `self` exists with this `isa` only where the processor has AVX2 and FMA.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { avx2::score_block(query, block, out) },
            // SAFETY: `self` exists with this `isa` only where the processor has AVX-512F.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { avx512::score_block(query, block, out) },
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 => portable::score_block(query, block, out),
        }
    }

    /// Appends the scores of the rows `ids` of `rows`, `[n, stride]`, to `out`.
    ///
    /// # Panics
    /// When an id is outside `rows`.
    pub fn score_rows(self, query: &Query, rows: &[f32], ids: &[u32], out: &mut Vec<f32>) {
        match self.isa {
            Isa::Portable => portable::score_rows(query, rows, ids, out),
            // SAFETY: `self` exists with this `isa` only where the processor has AVX2 and FMA.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { avx2::score_rows(query, rows, ids, out) },
            // SAFETY: `self` exists with this `isa` only where the processor has AVX-512F.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { avx512::score_rows(query, rows, ids, out) },
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 => portable::score_rows(query, rows, ids, out),
        }
    }
}

/// The score from its parts, for the row kernels: never NaN, a zero norm gives 0.
#[inline(always)]
fn row_score(query: &Query, product: f32, norm_squared: f32) -> f32 {
    let score = product * query.inverse_norm() / norm_squared.max(f32::MIN_POSITIVE).sqrt();
    // A NaN can only come from infinities in a damaged file.
    if score.is_nan() { -1.0 } else { score.clamp(-1.0, 1.0) }
}

#[cfg(test)]
mod tests;
