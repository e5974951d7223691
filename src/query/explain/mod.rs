//! Why a track is in the answer: contributions that add up to its similarity, what is different in the units people use,
//! where values stand in the catalogue, what is missing or from elsewhere, and a sentence.
//!
//! ```text
//! reading.rs    values and differences in words
//! sources.rs    values from another provider than the query's
//! sentence.rs   the sentence
//! ```

mod reading;
mod sentence;
mod sources;

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;

use crate::distance;
use crate::feature::{Feature, Transform};
use crate::snapshot::Snapshot;
use crate::track::{ItemIdx, value};

use super::prepare::Prepared;

use reading::{Reading, Words, with_mode};
use sentence::{Aspect, Sentence};
pub use sources::OtherSource;
use sources::Sources;

/// Why one track is in the answer.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Explanation {
    /// What the anchor and every weighted feature add to the similarity; the sum is the similarity.
    pub contributions: BTreeMap<String, f64>,
    /// The query beside the track, by weighted feature; not for vectors.
    pub differences: BTreeMap<String, Difference>,
    /// Weighted features that the track has no value for: they add nothing.
    pub missing: Vec<String>,
    /// Weighted features whose value is from another provider than the seeds' values.
    pub other_source: BTreeMap<String, OtherSource>,
    /// The same in one sentence.
    pub summary: String,
}

/// One feature of the query and of the track.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Difference {
    /// The query's value; null where it has none.
    pub query: Option<f64>,
    /// The track's value; null where it has none.
    pub track: Option<f64>,
    /// Unit of both, empty for a plain number.
    pub unit: String,
    /// The track's value minus the query's, of a key in steps on the circle of fifths (-5 to 6); null where either is missing.
    pub difference: Option<f64>,
    /// The same in words: `1.7 BPM slower`.
    pub text: Option<String>,
    /// The query's value in words: `120 BPM`; `around` it where a mean of several seeds is no value of its own.
    pub query_text: Option<String>,
    /// The track's value in words: `118.3 BPM`.
    pub track_text: Option<String>,
    /// Percentage of the catalogue's values that are below the query's; null for features without an order, such as keys.
    pub query_percentile: Option<f64>,
    /// The same of the track's value.
    pub track_percentile: Option<f64>,
}

/// What a request's explanations share.
pub(super) struct Explainer<'a> {
    snapshot: &'a Snapshot,
    prepared: &'a Prepared,
    weighted: Vec<Weighted<'a>>,
    /// The tracks' modes, where there are any.
    modes: Option<&'a [f64]>,
    sentence: Sentence,
}

/// One weighted feature of the query.
struct Weighted<'a> {
    index: usize,
    feature: &'a Feature,
    dims: Range<usize>,
    reading: Reading,
    words: Option<Words>,
    /// The tracks' raw values, where it has any.
    column: Option<&'a [f64]>,
    query: Option<f64>,
    query_text: Option<String>,
    query_percentile: Option<f64>,
    sources: Sources<'a>,
}

/// A circular mean that is shorter than this, of 1, or further from a whole value than that is "around" one.
const SHARP: f64 = 0.999;
/// Features with no more than so much of their variance between query and track are alike.
const ALIKE: f64 = 0.35;
/// Shares that are further apart are not alike, however little that is on a logarithm's scale.
const ALIKE_SHARE: f64 = 0.1;
/// Vectors whose cosine is above this are alike.
const ALIKE_COSINE: f64 = 0.8;

impl<'a> Explainer<'a> {
    pub fn new(snapshot: &'a Snapshot, prepared: &'a Prepared) -> Self {
        let schema = snapshot.schema();
        let mode = schema.features.iter().position(|feature| feature.source() == value::MODE);
        let ranges = schema.dim_ranges();
        let query_of = |index: usize| {
            let dims = &prepared.query.vector()[ranges[index].clone()];
            if prepared.missing[index] { None } else { snapshot.fitted().raw_of(index, dims) }
        };
        let query_mode = mode.and_then(query_of).map(significant);
        let sources = Sources::by_feature(snapshot, prepared);
        let weighted = |(index, sources): (usize, Sources<'a>)| {
            let feature = &schema.features[index];
            let reading = Reading::of(feature);
            let dims = ranges[index].clone();
            let query = query_of(index);
            let is_mean = query.is_some_and(|query| {
                reading.is_whole()
                    && is_between(snapshot, index, query, &prepared.query.vector()[dims.clone()])
            });
            let text = |query: f64| {
                let text = reading.value(query, &feature.unit, is_mean);
                if reading == Reading::Key && !is_mean { with_mode(text, query_mode) } else { text }
            };
            Weighted {
                index,
                feature,
                dims,
                reading,
                words: Words::of(feature.source()),
                column: snapshot.raw_column(feature.source()),
                query: query.map(significant),
                query_text: query.map(text),
                query_percentile: query.and_then(|query| percentile(snapshot, index, query)),
                sources,
            }
        };
        let counts = |(index, _): &(usize, Sources<'a>)| prepared.feature_weights[*index] > 0.0;
        let weighted = sources.into_iter().enumerate().filter(counts).map(weighted).collect();
        let modes = snapshot.raw_column(value::MODE);
        Self { snapshot, prepared, weighted, modes, sentence: Sentence::about(&prepared.origin) }
    }

    pub fn explain(&self, item: ItemIdx) -> Explanation {
        let schema = self.snapshot.schema();
        let vectors = self.snapshot.vectors();
        let (vector, row) = (self.prepared.query.vector(), vectors.row(item));
        let mut shares = vec![0.0; schema.dim()];
        let anchor = distance::contributions(&self.prepared.query, row, &mut shares);
        let mut contributions = BTreeMap::from([("anchor".to_owned(), anchor)]);
        let mut differences = BTreeMap::new();
        let mut missing = Vec::new();
        let mut other_source = BTreeMap::new();
        let mut aspects = Vec::with_capacity(self.weighted.len());
        for weighted in &self.weighted {
            let Weighted { index, feature, dims, .. } = weighted;
            let share: f64 = shares[dims.clone()].iter().sum();
            contributions.insert(feature.name.clone(), share);
            let is_missing = vectors.is_missing(*index, item);
            if is_missing {
                missing.push(feature.name.clone());
            } else if let Some(other) = weighted.sources.other(item) {
                other_source.insert(feature.name.clone(), other);
            }
            let (q, x) = (&vector[dims.clone()], &row[dims.clone()]);
            let is_known = !is_missing && !self.prepared.missing[*index];
            let mut is_far = false;
            if !feature.transform.takes_vector() {
                let difference = self.difference(weighted, item);
                let apart = difference.difference.map_or(0.0, f64::abs);
                is_far = weighted.reading == Reading::Share && apart > ALIKE_SHARE;
                differences.insert(feature.name.clone(), difference);
            }
            if is_known {
                let apart = squared_distance(q, x);
                let is_alike = match feature.transform.takes_vector() {
                    true => cosine(q, x) >= ALIKE_COSINE,
                    false => apart <= ALIKE * ALIKE && !is_far,
                };
                let weight = self.prepared.feature_weights[*index];
                aspects.push(Aspect {
                    name: &feature.name,
                    reading: (!feature.transform.takes_vector()).then_some(weighted.reading),
                    words: weighted.words,
                    is_tempo: feature.source() == value::TEMPO,
                    share,
                    is_alike,
                    apart: weight * apart,
                });
            }
        }
        let summary = self.sentence.of(&aspects, &differences, &missing, &other_source);
        Explanation { contributions, differences, missing, other_source, summary }
    }

    fn difference(&self, weighted: &Weighted<'_>, item: ItemIdx) -> Difference {
        let Weighted { index, feature, reading, words, query, .. } = weighted;
        // A measurement outside the feature's domain is none: it is missing in the vectors too.
        let is_missing = self.snapshot.vectors().is_missing(*index, item);
        let track = weighted.column.map(|values| values[item.as_usize()]);
        let track = track.filter(|value| !value.is_nan() && !is_missing);
        let both = query.zip(track);
        let track_text = track.map(|track| {
            let text = reading.value(track, &feature.unit, false);
            let mode = self.modes.map(|modes| modes[item.as_usize()]);
            if *reading == Reading::Key { with_mode(text, mode) } else { text }
        });
        Difference {
            query: *query,
            track,
            unit: feature.unit.clone(),
            difference: both.map(|(query, track)| significant(reading.difference(query, track))),
            text: both.map(|(query, track)| reading.compared(query, track, &feature.unit, *words)),
            query_text: weighted.query_text.clone(),
            track_text,
            query_percentile: weighted.query_percentile,
            track_percentile: track.and_then(|track| percentile(self.snapshot, *index, track)),
        }
    }
}

/// Whether the query's dimensions of feature `index` stand for no whole value, but for something between some.
fn is_between(snapshot: &Snapshot, index: usize, query: f64, dims: &[f32]) -> bool {
    let feature = &snapshot.schema().features[index];
    if feature.transform != Transform::Circular {
        return (query - query.round()).abs() > 1.0 - SHARP;
    }
    // The place of the nearest whole value, standardised like the query's.
    let mut whole = [0.0; 2];
    snapshot.fitted().transform(index, crate::feature::Raw::Scalar(query), &mut whole);
    squared_distance(dims, &whole) > 1.0 - SHARP
}

/// To a tenth of a percent, which is how exactly it is known.
fn percentile(snapshot: &Snapshot, index: usize, value: f64) -> Option<f64> {
    let percentile = snapshot.overview().percentile(index, value)?;
    Some((10.0 * percentile).round() / 10.0)
}

fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    if norms > 0.0 { dot(a, b) / norms } else { 0.0 }
}

/// To seven digits: what a vector in f32 knows of a raw value.
fn significant(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let digits = 6 - value.abs().log10().floor() as i32;
    // Dividing by a power of ten rounds to the decimal number, multiplying by its inverse would not.
    match digits {
        0..=22 => (value * 10_f64.powi(digits)).round() / 10_f64.powi(digits),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_digits_are_kept() {
        for (value, expected) in [
            (119.999_998_7, 120.0),
            (-6.071_234_56, -6.071_235),
            (185_000.021, 185_000.0),
            (0.0, 0.0),
            (1e-30, 1e-30),
            (12_345_678.9, 12_345_678.9),
        ] {
            assert_eq!(significant(value), expected);
        }
    }
}
