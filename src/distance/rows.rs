//! Scores of rows of floats.

use super::simd::{LANES, Lanes, multiversion};
use super::{Query, RESCORE, TINY, stride};

/// # Safety
/// `L`'s instruction set is there.
#[inline(always)]
unsafe fn scores<L: Lanes>(query: &Query, rows: &[f32], ids: &[u32], out: &mut Vec<f32>) {
    let stride = stride(query.dim());
    let n_rows = rows.len() / stride;
    // The rows may lie all over the memory: ask for some ahead of the one that is needed.
    const AHEAD: usize = 16;
    // SAFETY: every id is checked against the number of rows before its row is read; rows, weights and weighted are
    // padded to whole registers; the caller promises the instruction set.
    unsafe {
        for &id in ids.iter().take(AHEAD) {
            prefetch::<L>(query, rows, id);
        }
        for (place, &id) in ids.iter().enumerate() {
            if let Some(ahead) = ids.get(place + AHEAD) {
                prefetch::<L>(query, rows, *ahead);
            }
            assert!((id as usize) < n_rows, "ids are in range");
            let row = rows.as_ptr().add(id as usize * stride);
            let (mut product, mut norm_squared) = (L::splat(0.0), L::splat(0.0));
            for &first in query.active_lanes() {
                let first = first as usize;
                let x = L::load(row.add(first));
                let w = L::load(query.padded_weights()[first..first + LANES].as_ptr());
                let wq = L::load(query.weighted()[first..first + LANES].as_ptr());
                product = wq.mul_add(x, product);
                norm_squared = w.mul(x).mul_add(x, norm_squared);
            }
            let product = query.anchor() + product.sum();
            let norm_squared = query.anchor() + norm_squared.sum();
            // Written so that a NaN, which only a damaged file can cause, is judged canonically too.
            let sound = (TINY..f32::INFINITY).contains(&norm_squared);
            out.push(if sound { product * query.inverse_norm() / norm_squared.sqrt() } else { RESCORE });
        }
    }
}

/// # Safety
/// `L`'s instruction set is there.
#[inline(always)]
unsafe fn prefetch<L: Lanes>(query: &Query, rows: &[f32], id: u32) {
    for &lane in query.active_lanes() {
        let at = id as usize * stride(query.dim()) + lane as usize;
        // SAFETY: the caller's promise; a prefetch may have any address.
        unsafe { L::prefetch(rows.as_ptr().wrapping_add(at).cast()) };
    }
}

multiversion! {
    /// Appends the scores of the rows `ids` of `rows`, `[n, stride]`, to `out`: within [`Query::f32_error`] of the true
    /// ones, or infinity where f32 cannot tell.
    ///
    /// # Panics
    /// When an id is outside `rows`.
    pub fn score_rows = scores(query: &Query, rows: &[f32], ids: &[u32], out: &mut Vec<f32>)
}
