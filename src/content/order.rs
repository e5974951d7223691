//! The order in which vectors are stored: that of the leaves of a kd-tree, so that neighbours in memory are neighbours
//! in space. Blocks of consecutive vectors are then tight boxes, and a search that moves through space moves little
//! through memory.

use rayon::prelude::*;

use crate::distance::stride;

/// Splits fall on multiples of this many vectors, the block of the exact engine's codes.
pub(crate) const ORDER_LEAF: usize = 128;
/// Below this many vectors a subtree is not worth a task of its own.
const LEAST_TASK: usize = 1 << 14;

/// The order of the items, `[n_items]`, whose rows, `[n_items, stride(dim)]`, are split along the dimension of largest
/// weighted variance; `weights` is `[dim]`. The same rows give the same order on any number of threads.
pub(super) fn kd_order(rows: &[f32], dim: usize, weights: &[f32]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..(rows.len() / stride(dim)) as u32).collect();
    split(rows, dim, weights, &mut order);
    order
}

fn split(rows: &[f32], dim: usize, weights: &[f32], order: &mut [u32]) {
    if order.len() <= ORDER_LEAF {
        // Within a block the order is free: by item is as good as any, and gives equal vectors their order.
        order.sort_unstable();
        return;
    }
    let stride = stride(dim);
    let axis = widest(rows, dim, weights, order);
    let value = |item: &u32| rows[*item as usize * stride + axis];
    // Whole blocks to the left, so that only the last block of all is short.
    let middle = (order.len().div_ceil(ORDER_LEAF) / 2) * ORDER_LEAF;
    order.select_nth_unstable_by(middle, |a, b| value(a).total_cmp(&value(b)).then(a.cmp(b)));
    let (left, right) = order.split_at_mut(middle);
    if left.len() + right.len() >= LEAST_TASK {
        rayon::join(|| split(rows, dim, weights, left), || split(rows, dim, weights, right));
    } else {
        split(rows, dim, weights, left);
        split(rows, dim, weights, right);
    }
}

/// The dimension along which the items' weighted variance is largest.
fn widest(rows: &[f32], dim: usize, weights: &[f32], items: &[u32]) -> usize {
    const CHUNK: usize = 1 << 13;
    let stride = stride(dim);
    // Chunks are summed in order: the result does not depend on the threads.
    let sums: Vec<Vec<(f64, f64)>> = items
        .par_chunks(CHUNK)
        .map(|items| {
            let mut sums = vec![(0.0, 0.0); dim];
            for item in items {
                for (sum, x) in sums.iter_mut().zip(&rows[*item as usize * stride..][..dim]) {
                    let x = f64::from(*x);
                    sum.0 += x;
                    sum.1 += x * x;
                }
            }
            sums
        })
        .collect();
    let n = items.len() as f64;
    let variance = |i: usize| {
        let (sum, squares) = sums.iter().fold((0.0, 0.0), |all, sums| (all.0 + sums[i].0, all.1 + sums[i].1));
        f64::from(weights[i]) * (squares / n - (sum / n).powi(2))
    };
    (0..dim)
        .map(|i| (variance(i), i))
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
        .map_or(0, |best| best.1)
}
