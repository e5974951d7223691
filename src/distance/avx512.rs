//! Kernels for AVX-512F: 16 floats a register.

use std::arch::x86_64::*;

use super::{BLOCK, Query, RESCORE, ROW_LANES, TINY, row_score, stride};

/// Registers of items scored at a time; hides the latency of the multiply-adds.
const GROUPS: usize = 4;
const LANES: usize = 16;

/// # Safety
/// The processor must have AVX-512F. `block` is `[dim, BLOCK]`, `out` `[BLOCK]` (asserted by the caller).
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn score_block(query: &Query, block: &[f32], out: &mut [f32]) {
    let anchor = _mm512_set1_ps(query.anchor());
    let inverse_norm = _mm512_set1_ps(query.inverse_norm());
    let tiny = _mm512_set1_ps(TINY);
    let rescore = _mm512_set1_ps(RESCORE);
    for first in (0..BLOCK).step_by(GROUPS * LANES) {
        let mut product = [anchor; GROUPS];
        let mut norm_squared = [anchor; GROUPS];
        for &dim in query.active_dims() {
            let dim = dim as usize;
            let w = _mm512_set1_ps(query.padded_weights()[dim]);
            let wq = _mm512_set1_ps(query.weighted()[dim]);
            let x = &block[dim * BLOCK + first..][..GROUPS * LANES];
            for group in 0..GROUPS {
                // SAFETY: `x` has GROUPS * LANES floats, so 16 are readable from group * LANES on.
                let x = unsafe { _mm512_loadu_ps(x.as_ptr().add(group * LANES)) };
                product[group] = _mm512_fmadd_ps(wq, x, product[group]);
                norm_squared[group] = _mm512_fmadd_ps(_mm512_mul_ps(w, x), x, norm_squared[group]);
            }
        }
        let out = &mut out[first..][..GROUPS * LANES];
        for group in 0..GROUPS {
            let root = _mm512_sqrt_ps(norm_squared[group]);
            let score = _mm512_div_ps(_mm512_mul_ps(product[group], inverse_norm), root);
            let sound = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(norm_squared[group], tiny);
            let score = _mm512_mask_blend_ps(sound, rescore, score);
            // SAFETY: `out` has GROUPS * LANES floats, so 16 are writable from group * LANES on.
            unsafe { _mm512_storeu_ps(out.as_mut_ptr().add(group * LANES), score) };
        }
    }
}

/// # Safety
/// The processor must have AVX-512F.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn score_rows(query: &Query, rows: &[f32], ids: &[u32], out: &mut Vec<f32>) {
    let stride = stride(query.dim());
    for &id in ids {
        // The rows of a beam's neighbours lie all over the memory: ask for all before the first is needed.
        let row = &rows[id as usize * stride..][..stride];
        _mm_prefetch::<_MM_HINT_T0>(row.as_ptr().cast());
    }
    for &id in ids {
        let row = &rows[id as usize * stride..][..stride];
        let mut product = _mm512_setzero_ps();
        let mut norm_squared = _mm512_setzero_ps();
        for &first in query.active_lanes() {
            let lanes = first as usize..first as usize + ROW_LANES;
            let (x, w, wq) =
                (&row[lanes.clone()], &query.padded_weights()[lanes.clone()], &query.weighted()[lanes]);
            // SAFETY: each slice has ROW_LANES = 16 floats.
            let (x, w, wq) = unsafe {
                (_mm512_loadu_ps(x.as_ptr()), _mm512_loadu_ps(w.as_ptr()), _mm512_loadu_ps(wq.as_ptr()))
            };
            product = _mm512_fmadd_ps(wq, x, product);
            norm_squared = _mm512_fmadd_ps(_mm512_mul_ps(w, x), x, norm_squared);
        }
        let product = query.anchor() + _mm512_reduce_add_ps(product);
        let norm_squared = query.anchor() + _mm512_reduce_add_ps(norm_squared);
        out.push(row_score(query, product, norm_squared));
    }
}
