//! Weights that a person would type.

/// How far beyond the threshold a shorter number may be, of the change.
const OVERSHOOT: f64 = 0.02;
/// Digits after the point that are tried.
const MAX_DIGITS: i32 = 15;

/// The number with the fewest digits after the point from `threshold` on, away from `present` and not beyond `last`, that
/// is `accepted`; the threshold itself where there is none.
pub fn short(present: f64, threshold: f64, last: f64, accepted: impl Fn(f64) -> bool) -> f64 {
    let rises = threshold > present;
    let (low, high) = if rises { (threshold, last) } else { (last, threshold) };
    let tolerance = OVERSHOOT * (threshold - present).abs();
    let candidates = (0..=MAX_DIGITS).map(|digits| {
        let scale = 10_f64.powi(digits);
        let scaled = threshold * scale;
        (if rises { scaled.ceil() } else { scaled.floor() }) / scale
    });
    let fits = |to: &f64| (low..=high).contains(to) && (to - threshold).abs() <= tolerance;
    candidates.filter(fits).find(|to| accepted(*to)).unwrap_or(threshold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_just_beyond() {
        let check = |present, threshold, last, expected| {
            assert_eq!(short(present, threshold, last, |_| true), expected);
        };
        check(1.0, 0.432_71, 0.0, 0.43);
        check(1.0, 0.438, 0.0, 0.43);
        check(1.0, 0.96, 0.0, 0.96);
        check(1.0, 0.999_3, 0.0, 0.999_3);
        check(1.0, 0.004, 0.0, 0.0);
        check(1.0, 0.004, 0.003_5, 0.004);
        check(1.0, 2.361_2, 10.0, 2.37);
        check(1.0, 9.95, 9.96, 9.95);
        check(1000.0, 432.7, 0.0, 432.0);
        check(0.001, 0.000_432_7, 0.0, 0.000_43);
        assert_eq!(short(1.0, 0.432_71, 0.0, |to| to != 0.43), 0.432);
        assert_eq!(short(1.0, 0.123_456_789_012_345_6, 0.0, |_| false), 0.123_456_789_012_345_6);
    }
}
