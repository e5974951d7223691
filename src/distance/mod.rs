//! The weighted, anchored cosine
//!
//! ```text
//! query.rs      a query compiled for the kernels
//! canonical.rs  the score that is returned, and its contributions
//! simd/         sixteen floats at a time on every instruction set
//! rows.rs       kernel: rows of floats
//! coded.rs      kernels: vectors kept as one byte a dimension, in groups or rows
//! dots.rs       kernel: inner products, for graph construction
//! ```
//!
//! A *row* is one item's vector padded with zeros to [`stride`] floats.

mod canonical;
mod coded;
mod dots;
mod query;
mod rows;
pub(crate) mod simd;

use std::sync::OnceLock;

pub use canonical::{canonical, contributions};
pub(crate) use coded::{CodedQuery, CodedRowQuery, coded_distances, coded_row_distance, prefetch_bytes};
pub(crate) use dots::dot_distances;
pub use query::Query;
pub use rows::score_rows;
pub use simd::LANES;

/// Squared norms below this are too small for f32: the row kernel then says [`RESCORE`].
pub(crate) const TINY: f32 = 1e-24;
/// What the row kernel gives for an item that only the canonical score can judge.
pub(crate) const RESCORE: f32 = f32::INFINITY;

/// Floats in a row of `dim` dimensions.
pub const fn stride(dim: usize) -> usize {
    dim.next_multiple_of(LANES)
}

/// The instruction set a kernel is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// Plain Rust, written so that it vectorises.
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, BW, VL and DQ.
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
            let has_avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq");
            if has_avx512 && found.contains(&Self::Avx2) {
                found.push(Self::Avx512);
            }
        }
        found
    }

    /// This one where the processor has it, else the best there is below it.
    pub(crate) fn checked(self) -> Self {
        self.min(Self::best())
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

#[cfg(test)]
mod tests;
