//! Sums over examples become a weight, and how sure it is.

use super::examples::{Examples, Sums};
use super::prior::FLOOR;

/// How many examples what is known beforehand is worth.
const N_PRIOR: f64 = 4.0;
/// How much it counts that the liked tracks are, all of them, away from the centre of the catalogue.
const OFF_CENTRE: f64 = 0.5;
/// The most that any number of examples multiplies or divides a weight by; few may do less.
const MAX_FACTOR: f64 = 1_000.0;

/// What the examples say of one feature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Evidence {
    /// What its base weight is multiplied by; 1 where the examples say nothing.
    pub factor: f64,
    /// 0..1: the share of the estimate that comes from the examples, over 1 + the standard error of the logarithm of the
    /// factor.
    pub confidence: f64,
}

impl Evidence {
    /// `spread` is the usual one.
    pub fn of(liked: &Examples, disliked: &Examples, spread: f64) -> Self {
        if liked.n() == 0 {
            return Self { factor: 1.0, confidence: 0.0 };
        }
        let disliked_noise =
            (N_PRIOR + disliked.squares()) / (N_PRIOR + disliked.n() as f64 - 1.0) / disliked.n() as f64;
        let n = liked.n() as f64;
        // Of where tracks are, one says no more than of how far they are apart: it may be any.
        let share = (n - 1.0) / (n - 1.0 + N_PRIOR);
        let log_factor = |sums: Sums| {
            let found = (N_PRIOR * spread + sums.squares) / (N_PRIOR + sums.n - 1.0);
            let noise = found / sums.n;
            let off_centre = (sums.from_centre - noise).max(0.0);
            let from_disliked = match disliked.n() {
                0 => 0.0,
                n => (sums.from_disliked - noise - disliked_noise).max(0.0) * n as f64 / (n as f64 + N_PRIOR),
            };
            let apart = 1.0 + share * (OFF_CENTRE * off_centre + from_disliked);
            let most = share * MAX_FACTOR.ln();
            (2.0 * (apart * (spread + FLOOR) / (found + FLOOR)).ln()).clamp(-most, most)
        };
        let confidence = if liked.n() < 2 {
            0.0
        } else {
            share / (1.0 + jackknife_error(liked.sums_without_each(disliked).map(log_factor)))
        };
        Self { factor: log_factor(liked.sums(disliked)).exp(), confidence }
    }
}

/// The jackknife's standard error of an estimate, from what it is without each of the examples (Efron 1982).
fn jackknife_error(without: impl Iterator<Item = f64>) -> f64 {
    let without: Vec<f64> = without.collect();
    let n = without.len() as f64;
    let mean = without.iter().sum::<f64>() / n;
    let squares: f64 = without.iter().map(|x| (x - mean).powi(2)).sum();
    ((n - 1.0) / n * squares).sqrt()
}

/// Scales weights to a mean of 1 over those above 0, to four significant digits: what is shown is what is computed with.
pub(super) fn to_mean_one(weights: &mut [f64]) {
    let n = weights.iter().filter(|weight| **weight > 0.0).count();
    let sum: f64 = weights.iter().sum();
    if n == 0 || sum <= 0.0 {
        return;
    }
    for weight in weights.iter_mut().filter(|weight| **weight > 0.0) {
        *weight = rounded(*weight * n as f64 / sum);
    }
}

/// To four significant digits.
fn rounded(x: f64) -> f64 {
    let digits = 3 - x.log10().floor() as i32;
    // Dividing by a power of ten gives the number nearest to the decimal one; multiplying by its inverse does not.
    if digits >= 0 { (x * 10_f64.powi(digits)).round() / 10_f64.powi(digits) } else { x.round() }
}
