//! The score that is returned: f64 in dimension order, rounded to f32 once.

use super::Query;

/// The similarity of `query` and `row` (`[dim]` or longer) in [-1, 1]; 0 where either norm is zero.
pub fn canonical(query: &Query, row: &[f32]) -> f32 {
    let (product, norms) = parts(query, row);
    if norms > 0.0 { (product / norms).clamp(-1.0, 1.0) as f32 } else { 0.0 }
}

/// What the anchor and every dimension (written to `out`, `[dim]`) add to the similarity; the sum is the similarity.
/// Returns the anchor's share.
pub fn contributions(query: &Query, row: &[f32], out: &mut [f64]) -> f64 {
    let (_, norms) = parts(query, row);
    let share = |product: f64| if norms > 0.0 { product / norms } else { 0.0 };
    for (((out, q), w), x) in out.iter_mut().zip(query.vector()).zip(query.weights()).zip(row) {
        *out = share(f64::from(*w) * f64::from(*q) * f64::from(*x));
    }
    share(f64::from(query.anchor()))
}

/// Numerator and denominator of the similarity.
fn parts(query: &Query, row: &[f32]) -> (f64, f64) {
    let anchor = f64::from(query.anchor());
    let (mut product, mut norm_squared) = (anchor, anchor);
    for ((q, w), x) in query.vector().iter().zip(query.weights()).zip(row) {
        let (q, w, x) = (f64::from(*q), f64::from(*w), f64::from(*x));
        product += w * q * x;
        norm_squared += w * x * x;
    }
    (product, query.norm_squared().sqrt() * norm_squared.sqrt())
}
