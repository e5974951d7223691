//! What the query's dimensions stand for, as raw values.

use crate::feature::{Feature, FittedSchema, Raw, Transform};
use crate::query::prepare::Prepared;
use crate::snapshot::Snapshot;

/// A mean of directions shorter than this, of 1, is the mean of nothing: the values are all round the circle.
const COMMON: f64 = 0.3;
/// A mean of directions that is further from the place of a whole value than that is only "around" it.
const SHARP: f64 = 0.999;
/// What a vector in f32 tells apart, of its largest components or of 1.
const RESOLUTION: f64 = 2e-7;

/// The query's value of one feature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum QueryValue {
    /// There is none, or it is a vector.
    Unknown,
    /// A mean of values all round the circle, which is none of them.
    Scattered,
    /// One that a seed has.
    Exact(f64),
    /// A target or a mean, transformed back from the vector.
    Derived(f64),
}

impl QueryValue {
    /// The value of feature `index`.
    pub fn of(snapshot: &Snapshot, prepared: &Prepared, index: usize) -> Self {
        let feature = &snapshot.schema().features[index];
        if prepared.missing[index] || feature.transform.takes_vector() {
            return Self::Unknown;
        }
        let range = snapshot.schema().dim_ranges()[index].clone();
        let dims = &prepared.query.vector()[range.clone()];
        // Where a seed has the query's dimensions, its value is the query's, unrounded.
        let vectors = snapshot.vectors();
        let has_dims = |seed| !vectors.is_missing(index, seed) && vectors.row(seed)[range.clone()] == *dims;
        let seed = prepared.origin.seeds.iter().copied().find(|seed| has_dims(*seed));
        let column = snapshot.raw_column(feature.source());
        let exact = seed.zip(column).map(|(seed, column)| column[seed.as_usize()]);
        match exact.filter(|value| !value.is_nan()) {
            Some(value) => Self::Exact(value),
            None => derived(snapshot.fitted(), index, dims),
        }
    }

    /// The number.
    pub fn number(self) -> Option<f64> {
        match self {
            Self::Exact(value) | Self::Derived(value) => Some(value),
            Self::Unknown | Self::Scattered => None,
        }
    }

    /// Where no track can be, because negative seeds pushed it there: the end of the feature's range, and whether the value
    /// is below it.
    pub fn outside(self, feature: &Feature) -> Option<(f64, bool)> {
        let Self::Derived(value) = self else { return None };
        let below = feature.min.filter(|min| value < *min).map(|min| (min, true));
        below.or_else(|| feature.max.filter(|max| value > *max).map(|max| (max, false)))
    }
}

fn derived(fitted: &FittedSchema, index: usize, dims: &[f32]) -> QueryValue {
    if fitted.resultant(index, dims).is_some_and(|length| length < COMMON) {
        return QueryValue::Scattered;
    }
    match fitted.raw_of(index, dims) {
        Some(value) if value.is_finite() => QueryValue::Derived(rounded(fitted, index, dims, value)),
        _ => QueryValue::Unknown,
    }
}

/// To the decimal digit that the vector tells apart, so that what f32 made of a value is not shown.
fn rounded(fitted: &FittedSchema, index: usize, dims: &[f32], value: f64) -> f64 {
    let feature = &fitted.schema.features[index];
    let slope = match feature.transform {
        Transform::Log => value + feature.offset,
        Transform::Log2 => (value + feature.offset) * std::f64::consts::LN_2,
        _ => 1.0,
    };
    // Means of what is far from the mean of the catalogue are as inexact as that.
    let size = dims.iter().fold(1.0, |size, x| f64::from(x.abs()).max(size));
    let step = (RESOLUTION * size * fitted.stats[index].scale * slope).abs();
    let digits = -step.log10().ceil();
    if !(-300.0..=300.0).contains(&digits) {
        return value;
    }
    let digits = digits as i32;
    // Dividing by a power of ten rounds to the decimal number, multiplying by its inverse would not.
    let rounded = match digits {
        0.. => (value * 10_f64.powi(digits)).round() / 10_f64.powi(digits),
        _ => (value / 10_f64.powi(-digits)).round() * 10_f64.powi(-digits),
    };
    // Not -0.
    if rounded.is_finite() { rounded + 0.0 } else { value }
}

/// Whether the query's dimensions of feature `index` stand for no whole value, but for something between some.
pub fn is_between(fitted: &FittedSchema, index: usize, value: f64, dims: &[f32]) -> bool {
    if fitted.schema.features[index].transform != Transform::Circular {
        return (value - value.round()).abs() > 1.0 - SHARP;
    }
    // The place of the nearest whole value, standardised like the query's.
    let mut whole = [0.0; 2];
    fitted.transform(index, Raw::Scalar(value), &mut whole);
    super::squared_distance(dims, &whole) > 1.0 - SHARP
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature::{FeatureStats, Schema};

    fn fitted() -> FittedSchema {
        let schema = Schema::spotify();
        let stats = |feature: &Feature| {
            let (mean, scale) = match feature.name.as_str() {
                "mode" => (0.612_345_678_9, 0.487_2),
                "popularity" => (31.234_567_89, 17.3),
                "tempo" => (6.87, 0.36),
                "duration_ms" => (12.2, 0.43),
                "release_year" => (2003.4, 14.7),
                _ => (0.0, 1.0),
            };
            FeatureStats { n_present: 9, mean: vec![mean; feature.n_dims()], scale }
        };
        let stats = schema.features.iter().map(stats).collect();
        FittedSchema { schema, stats }
    }

    #[test]
    fn what_goes_through_the_vector_comes_back() {
        let fitted = fitted();
        for (name, value) in [
            ("mode", 0.0),
            ("mode", 1.0),
            ("popularity", 0.0),
            ("popularity", 63.0),
            ("tempo", 120.0),
            ("tempo", 118.26),
            ("duration_ms", 185_000.0),
            ("duration_ms", 214_973.0),
            ("release_year", 1994.0),
            ("energy", 0.48),
        ] {
            let (index, _) = fitted.schema.feature(name).unwrap();
            let mut dims = [0.0];
            assert!(fitted.transform(index, Raw::Scalar(value), &mut dims));
            let got = derived(&fitted, index, &dims).number().unwrap();
            assert!(got == value && got.is_sign_positive(), "{name}: {got}, not {value}");
        }
    }

    #[test]
    fn keys_that_are_opposite_have_no_mean() {
        let fitted = fitted();
        let (index, _) = fitted.schema.feature("key").unwrap();
        let mean = |keys: &[f64]| {
            let mut sum = [0.0; 2];
            for key in keys {
                let mut dims = [0.0; 2];
                fitted.transform(index, Raw::Scalar(*key), &mut dims);
                sum = [sum[0] + dims[0] / keys.len() as f32, sum[1] + dims[1] / keys.len() as f32];
            }
            derived(&fitted, index, &sum)
        };
        // C and F#, C and B are six and five steps apart, C and D two: between them is G.
        assert_eq!(mean(&[0.0, 6.0]), QueryValue::Scattered);
        assert_eq!(mean(&[0.0, 11.0]), QueryValue::Scattered);
        assert_eq!(mean(&[0.0, 2.0]), QueryValue::Derived(7.0));
        assert_eq!(mean(&[0.0, 3.0, 6.0, 9.0]), QueryValue::Scattered);
    }

    #[test]
    fn what_negative_seeds_push_out_of_range_is_outside() {
        let schema = Schema::spotify();
        let (_, energy) = schema.feature("energy").unwrap();
        for (value, expected) in [
            (QueryValue::Derived(-0.97), Some((0.0, true))),
            (QueryValue::Derived(1.2), Some((1.0, false))),
            (QueryValue::Derived(1.0), None),
            // A measurement is what it is.
            (QueryValue::Exact(1.2), None),
            (QueryValue::Unknown, None),
        ] {
            assert_eq!(value.outside(energy), expected);
        }
    }
}
