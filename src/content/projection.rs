//! Two axes to draw a catalogue by: the principal components (Pearson 1901) of its vectors under given weights, found by
//! subspace iteration on the covariance of a sample.

use crate::distance;

/// Multiplications that the covariance may take; more vectors than that are sampled, evenly.
const COVARIANCE_WORK: usize = 4_000_000_000;
/// The fewest vectors of a sample.
const LEAST_SAMPLE: usize = 2_000;
const MAX_ROUNDS: usize = 500;
/// Axes that move less than this in a round have been found.
const TOLERANCE: f64 = 1e-10;

/// An axis, `[dim]`: the place of a vector on it is their product.
pub(crate) type Axis = Vec<f32>;

/// Two orthogonal axes along which `rows`, `[n, stride(dim)]`, differ most when dimension `i` counts `weights[i]`. The largest
/// component of an axis is positive, so that the same catalogue gives the same map.
pub(crate) fn principal_axes(rows: &[f32], dim: usize, weights: &[f32]) -> [Axis; 2] {
    let scales: Vec<f64> = weights.iter().map(|weight| f64::from(*weight).sqrt()).collect();
    let covariance = covariance(rows, dim, &scales);
    let mut axes = [start(dim, 0), start(dim, 1)];
    orthonormalise(&mut axes);
    for _ in 0..MAX_ROUNDS {
        let before = axes.clone();
        for axis in &mut axes {
            let moved: Vec<f64> = (0..dim).map(|row| dot(&covariance[row * dim..][..dim], axis)).collect();
            // A catalogue that differs in one dimension only leaves nothing of the second axis: it stays as it was.
            if dot(&moved, &moved) > 0.0 {
                *axis = moved;
            }
        }
        orthonormalise(&mut axes);
        let moved = axes.iter().zip(&before).map(|(now, before)| 1.0 - dot(now, before).abs());
        if moved.fold(0.0, f64::max) < TOLERANCE {
            break;
        }
    }
    axes.map(|axis| {
        let largest =
            axis.iter().copied().fold(0.0, |most: f64, x| if x.abs() > most.abs() { x } else { most });
        let sign = if largest < 0.0 { -1.0 } else { 1.0 };
        axis.iter().zip(&scales).map(|(x, scale)| (sign * x * scale) as f32).collect()
    })
}

/// Where `row`, `[dim]`, is on `axis`.
pub(crate) fn place(row: &[f32], axis: &[f32]) -> f32 {
    row.iter().zip(axis).map(|(x, a)| f64::from(*x) * f64::from(*a)).sum::<f64>() as f32
}

/// `[dim, dim]`, of the weighted vectors; their means are 0 but for missing values and rounding, and are taken out all the same.
fn covariance(rows: &[f32], dim: usize, scales: &[f64]) -> Vec<f64> {
    let stride = distance::stride(dim);
    let n_rows = rows.len() / stride;
    let n_sample = (COVARIANCE_WORK / (dim * dim)).max(LEAST_SAMPLE).min(n_rows);
    let sample = || (0..n_sample).map(|index| &rows[index * n_rows / n_sample * stride..][..dim]);
    let mut mean = vec![0.0; dim];
    for row in sample() {
        mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += f64::from(*x) / n_sample as f64);
    }
    let mut sums = vec![0.0; dim * dim];
    let mut centred = vec![0.0; dim];
    for row in sample() {
        for (index, centred) in centred.iter_mut().enumerate() {
            *centred = (f64::from(row[index]) - mean[index]) * scales[index];
        }
        for (sums, x) in sums.chunks_exact_mut(dim).zip(&centred) {
            if *x != 0.0 {
                sums.iter_mut().zip(&centred).for_each(|(sum, y)| *sum += x * y);
            }
        }
    }
    sums
}

/// Where the search for an axis begins: nothing that a catalogue is likely to be orthogonal to.
fn start(dim: usize, axis: usize) -> Vec<f64> {
    (0..dim).map(|index| 1.0 + ((index + 1) * (axis + 1) * 7 % 11) as f64 / 11.0).collect()
}

fn orthonormalise(axes: &mut [Vec<f64>; 2]) {
    let [first, second] = axes;
    normalise(first);
    let shared = dot(first, second);
    second.iter_mut().zip(first.iter()).for_each(|(x, y)| *x -= shared * y);
    normalise(second);
}

/// Scales to length 1; what has no length stays 0.
fn normalise(axis: &mut [f64]) {
    let length = dot(axis, axis).sqrt();
    if length > 1e-12 {
        axis.iter_mut().for_each(|x| *x /= length);
    } else {
        axis.fill(0.0);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of `dim` 3: far apart along (1, 1, 0), less along (0, 0, 1), hardly along (1, -1, 0).
    fn rows() -> Vec<f32> {
        let stride = distance::stride(3);
        let mut rows = vec![0.0; 400 * stride];
        for (index, row) in rows.chunks_exact_mut(stride).enumerate() {
            let wave = |step: usize| ((index * step) % 101) as f32 / 50.0 - 1.0;
            let (far, near, least) = (4.0 * wave(7), 2.0 * wave(13), 0.1 * wave(29));
            row[..3].copy_from_slice(&[far + least, far - least, near]);
        }
        rows
    }

    #[test]
    fn axes_follow_what_differs_most() {
        let [first, second] = principal_axes(&rows(), 3, &[1.0, 1.0, 1.0]);
        let near = |a: f32, b: f32| (a - b).abs() < 0.05;
        assert!(near(first[0], 0.707) && near(first[1], 0.707) && near(first[2], 0.0), "{first:?}");
        assert!(near(second[2].abs(), 1.0), "{second:?}");
        let [first, _] = principal_axes(&rows(), 3, &[0.0, 0.0, 1.0]);
        assert!(near(first[2], 1.0) && first[0] == 0.0, "what has no weight is not looked at: {first:?}");
        assert_eq!(place(&[1.0, 2.0, 3.0], &[0.5, 0.0, -1.0]), -2.5);
    }

    #[test]
    fn catalogues_that_do_not_differ_have_axes_too() {
        for n in [1, 2, 5] {
            let axes = principal_axes(&vec![0.25; n * distance::stride(4)], 4, &[1.0; 4]);
            assert!(axes.iter().flatten().all(|x| x.is_finite()), "{axes:?}");
        }
        let axes = principal_axes(&[1.0; 16], 1, &[1.0]);
        assert!(axes.iter().flatten().all(|x| x.is_finite()), "{axes:?}");
    }
}
