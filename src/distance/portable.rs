//! Reference kernels in plain Rust: fixed-width inner loops without branches, which compilers vectorise.

use super::{BLOCK, Query, RESCORE, ROW_LANES, TINY, row_score, stride};

/// Items scored at a time: their two accumulators stay in registers on any processor with vectors.
const LANES: usize = 16;

pub(super) fn score_block(query: &Query, block: &[f32], out: &mut [f32]) {
    for (first, out) in (0..BLOCK).step_by(LANES).zip(out.chunks_exact_mut(LANES)) {
        let mut product = [query.anchor(); LANES];
        let mut norm_squared = [query.anchor(); LANES];
        for &dim in query.active_dims() {
            let dim = dim as usize;
            let (w, wq) = (query.padded_weights()[dim], query.weighted()[dim]);
            let x = &block[dim * BLOCK + first..][..LANES];
            for lane in 0..LANES {
                product[lane] += wq * x[lane];
                norm_squared[lane] += w * x[lane] * x[lane];
            }
        }
        for lane in 0..LANES {
            let score = product[lane] * query.inverse_norm() / norm_squared[lane].sqrt();
            out[lane] = if norm_squared[lane] >= TINY { score } else { RESCORE };
        }
    }
}

pub(super) fn score_rows(query: &Query, rows: &[f32], ids: &[u32], out: &mut Vec<f32>) {
    let stride = stride(query.dim());
    for &id in ids {
        let row = &rows[id as usize * stride..][..stride];
        let mut product = [0.0; ROW_LANES];
        let mut norm_squared = [0.0; ROW_LANES];
        for &first in query.active_lanes() {
            let lanes = first as usize..first as usize + ROW_LANES;
            let x = &row[lanes.clone()];
            let (w, wq) = (&query.padded_weights()[lanes.clone()], &query.weighted()[lanes]);
            for lane in 0..ROW_LANES {
                product[lane] += wq[lane] * x[lane];
                norm_squared[lane] += w[lane] * x[lane] * x[lane];
            }
        }
        let sum = |lanes: [f32; ROW_LANES]| query.anchor() + lanes.iter().sum::<f32>();
        out.push(row_score(query, sum(product), sum(norm_squared)));
    }
}
