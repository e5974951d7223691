//! Kernels for AVX2 with FMA: 8 floats a register.

use std::arch::x86_64::*;

use super::{BLOCK, Query, RESCORE, ROW_LANES, TINY, row_score, stride};

/// Registers of items scored at a time; hides the latency of the multiply-adds.
const GROUPS: usize = 4;
const LANES: usize = 8;

/// # Safety
/// The processor must have AVX2 and FMA. `block` is `[dim, BLOCK]`, `out` `[BLOCK]` (asserted by the caller).
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn score_block(query: &Query, block: &[f32], out: &mut [f32]) {
    let anchor = _mm256_set1_ps(query.anchor());
    let inverse_norm = _mm256_set1_ps(query.inverse_norm());
    let tiny = _mm256_set1_ps(TINY);
    let rescore = _mm256_set1_ps(RESCORE);
    for first in (0..BLOCK).step_by(GROUPS * LANES) {
        let mut product = [anchor; GROUPS];
        let mut norm_squared = [anchor; GROUPS];
        for &dim in query.active_dims() {
            let dim = dim as usize;
            let w = _mm256_set1_ps(query.padded_weights()[dim]);
            let wq = _mm256_set1_ps(query.weighted()[dim]);
            let x = &block[dim * BLOCK + first..][..GROUPS * LANES];
            for group in 0..GROUPS {
                // SAFETY: `x` has GROUPS * LANES floats, so 8 are readable from group * LANES on.
                let x = unsafe { _mm256_loadu_ps(x.as_ptr().add(group * LANES)) };
                product[group] = _mm256_fmadd_ps(wq, x, product[group]);
                norm_squared[group] = _mm256_fmadd_ps(_mm256_mul_ps(w, x), x, norm_squared[group]);
            }
        }
        let out = &mut out[first..][..GROUPS * LANES];
        for group in 0..GROUPS {
            let root = _mm256_sqrt_ps(norm_squared[group]);
            let score = _mm256_div_ps(_mm256_mul_ps(product[group], inverse_norm), root);
            let sound = _mm256_cmp_ps::<_CMP_GE_OQ>(norm_squared[group], tiny);
            let score = _mm256_blendv_ps(rescore, score, sound);
            // SAFETY: `out` has GROUPS * LANES floats, so 8 are writable from group * LANES on.
            unsafe { _mm256_storeu_ps(out.as_mut_ptr().add(group * LANES), score) };
        }
    }
}

/// # Safety
/// The processor must have AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn score_rows(query: &Query, rows: &[f32], ids: &[u32], out: &mut Vec<f32>) {
    let stride = stride(query.dim());
    for &id in ids {
        // The rows of a beam's neighbours lie all over the memory: ask for all before the first is needed.
        let row = &rows[id as usize * stride..][..stride];
        _mm_prefetch::<_MM_HINT_T0>(row.as_ptr().cast());
    }
    for &id in ids {
        let row = &rows[id as usize * stride..][..stride];
        let mut product = _mm256_setzero_ps();
        let mut norm_squared = _mm256_setzero_ps();
        for &first in query.active_lanes() {
            for half in [0, LANES] {
                let lanes = first as usize + half..first as usize + half + LANES;
                let (x, w, wq) =
                    (&row[lanes.clone()], &query.padded_weights()[lanes.clone()], &query.weighted()[lanes]);
                // SAFETY: each slice has LANES = 8 floats.
                let (x, w, wq) = unsafe {
                    (_mm256_loadu_ps(x.as_ptr()), _mm256_loadu_ps(w.as_ptr()), _mm256_loadu_ps(wq.as_ptr()))
                };
                product = _mm256_fmadd_ps(wq, x, product);
                norm_squared = _mm256_fmadd_ps(_mm256_mul_ps(w, x), x, norm_squared);
            }
        }
        let product = query.anchor() + sum(product);
        let norm_squared = query.anchor() + sum(norm_squared);
        out.push(row_score(query, product, norm_squared));
    }
}

const _: () = assert!(ROW_LANES == 2 * LANES, "a row's lane is two registers");

#[target_feature(enable = "avx2")]
fn sum(x: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}
