//! One byte for each dimension of a vector, by the same code for all items.

use rayon::prelude::*;

use crate::distance::stride;

/// Standard deviations from the mean that a code reaches; values beyond it are taken to the end. The graph finds its
/// way by codes and scores what it found by the vectors themselves, so a wider reach would cost more than it gives.
const REACH: f64 = 4.0;

/// How one byte stands for a dimension's value: `low + step * byte`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Code {
    /// `[dim]`
    pub lows: Vec<f32>,
    /// `[dim]`
    pub steps: Vec<f32>,
}

impl Code {
    /// Fits the code to rows, `[n_items, stride(dim)]`.
    pub fn fit(rows: &[f32], dim: usize) -> Self {
        let n = (rows.len() / stride(dim)).max(1) as f64;
        let column = |i: usize| {
            let (mut sum, mut squares) = (0.0, 0.0);
            let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
            for row in rows.chunks_exact(stride(dim)) {
                let x = f64::from(row[i]);
                sum += x;
                squares += x * x;
                min = min.min(x);
                max = max.max(x);
            }
            let mean = sum / n;
            let deviation = (squares / n - mean * mean).max(0.0).sqrt();
            let low = min.max(mean - REACH * deviation);
            let high = max.min(mean + REACH * deviation);
            (low as f32, ((high - low) / 255.0) as f32)
        };
        let (lows, steps) = (0..dim).into_par_iter().map(column).unzip();
        Self { lows, steps }
    }

    /// The byte for value `x` of dimension `i`.
    fn byte(&self, i: usize, x: f32) -> u8 {
        // A saturating cast: values beyond the ends stay in range, and 0/0 gives 0.
        ((x - self.lows[i]) / self.steps[i]).round() as u8
    }

    /// All rows as bytes, `[n_items, width]`, zeros behind the last dimension.
    pub fn encode(&self, rows: &[f32], dim: usize, width: usize) -> Vec<u8> {
        let mut codes = vec![0; rows.len() / stride(dim) * width];
        codes.par_chunks_mut(width).zip(rows.par_chunks_exact(stride(dim))).for_each(|(codes, row)| {
            for (i, code) in codes[..dim].iter_mut().enumerate() {
                *code = self.byte(i, row[i]);
            }
        });
        codes
    }
}
