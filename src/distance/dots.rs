//! Inner products of rows, for graph construction.

use super::simd::{LANES, Lanes, multiversion};

/// # Safety
/// `L`'s instruction set is there.
#[inline(always)]
unsafe fn distances<L: Lanes>(point: &[f32], rows: &[f32], ids: &[u32], out: &mut Vec<f32>) {
    let stride = point.len();
    assert!(stride.is_multiple_of(LANES), "rows are padded to whole registers");
    let n_rows = rows.len() / stride;
    // The rows lie all over the memory: ask for some ahead of the one that is needed.
    const AHEAD: usize = 12;
    // SAFETY: every id is checked against the number of rows before its row is read, a row has whole registers, and
    // the caller promises the instruction set.
    unsafe {
        for &id in ids.iter().take(AHEAD) {
            prefetch::<L>(rows, stride, id);
        }
        for (place, &id) in ids.iter().enumerate() {
            if let Some(ahead) = ids.get(place + AHEAD) {
                prefetch::<L>(rows, stride, *ahead);
            }
            assert!((id as usize) < n_rows, "ids of a build are in range");
            let row = rows.as_ptr().add(id as usize * stride);
            let mut sum = L::load(row).mul(L::load(point.as_ptr()));
            for lane in (LANES..stride).step_by(LANES) {
                sum = L::load(row.add(lane)).mul_add(L::load(point.as_ptr().add(lane)), sum);
            }
            out.push((1.0 - sum.sum()).max(0.0));
        }
    }
}

/// # Safety
/// `L`'s instruction set is there.
#[inline(always)]
unsafe fn prefetch<L: Lanes>(rows: &[f32], stride: usize, id: u32) {
    // The processor goes on by itself after some lines.
    for lane in (0..stride.min(8 * LANES)).step_by(LANES) {
        // SAFETY: the caller's promise; a prefetch may have any address.
        unsafe { L::prefetch(rows.as_ptr().wrapping_add(id as usize * stride + lane).cast()) };
    }
}

multiversion! {
    /// Appends `1 - point . row` (at least 0) of the rows `ids` of `rows`, `[n, stride]`, to `out`; `point` is
    /// `[stride]`.
    pub(crate) fn dot_distances = distances(point: &[f32], rows: &[f32], ids: &[u32], out: &mut Vec<f32>)
}
