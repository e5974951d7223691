//! Why a track is in the answer: contributions that add up to its similarity, differences in raw units, a sentence.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::distance;
use crate::feature::Feature;
use crate::snapshot::Snapshot;
use crate::track::ItemIdx;

use super::prepare::Prepared;

/// Why one track is in the answer.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Explanation {
    /// What the anchor and every weighted feature add to the similarity; the sum is the similarity.
    pub contributions: BTreeMap<String, f64>,
    /// Raw values of the query and the track, by weighted feature.
    pub differences: BTreeMap<String, Difference>,
    /// Weighted features that the track has no value for: they add nothing.
    pub missing: Vec<String>,
    /// The same in words.
    pub summary: String,
}

/// A raw value on both sides.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Difference {
    /// The query's value, transformed back; null where it has none.
    pub query: Option<f64>,
    /// The track's value; null where it has none.
    pub track: Option<f64>,
    /// Unit of both, empty for a plain number.
    pub unit: String,
}

/// What a request's explanations share.
pub(super) struct Explainer<'a> {
    snapshot: &'a Snapshot,
    prepared: &'a Prepared,
    /// The query's raw value by feature.
    query_values: Vec<Option<f64>>,
    /// The tracks' raw values by feature, where it has any.
    columns: Vec<Option<&'a [f64]>>,
}

impl<'a> Explainer<'a> {
    pub fn new(snapshot: &'a Snapshot, prepared: &'a Prepared) -> Self {
        let ranges = snapshot.schema().dim_ranges();
        let value = |(index, range): (usize, std::ops::Range<usize>)| {
            let dims = &prepared.query.vector()[range];
            if prepared.missing[index] { None } else { snapshot.fitted().raw_of(index, dims) }
        };
        let query_values = ranges.into_iter().enumerate().map(value).collect();
        let features = snapshot.schema().features.iter();
        let columns = features.map(|feature| snapshot.raw_column(feature.source())).collect();
        Self { snapshot, prepared, query_values, columns }
    }

    pub fn explain(&self, item: ItemIdx) -> Explanation {
        let schema = self.snapshot.schema();
        let mut shares = vec![0.0; schema.dim()];
        let row = self.snapshot.vectors().row(item);
        let anchor = distance::contributions(&self.prepared.query, row, &mut shares);
        let mut contributions = BTreeMap::from([("anchor".to_owned(), anchor)]);
        let mut differences = BTreeMap::new();
        let mut missing = Vec::new();
        let weighted = |index: &usize| self.prepared.feature_weights[*index] > 0.0;
        let ranges = schema.dim_ranges();
        for index in (0..schema.features.len()).filter(weighted) {
            let feature = &schema.features[index];
            contributions.insert(feature.name.clone(), shares[ranges[index].clone()].iter().sum());
            let track = self.columns[index].map(|values| values[item.as_usize()]);
            let track = track.filter(|value| !value.is_nan());
            if self.snapshot.vectors().is_missing(index, item) {
                missing.push(feature.name.clone());
            }
            if !feature.transform.takes_vector() {
                let difference =
                    Difference { query: self.query_values[index], track, unit: feature.unit.clone() };
                differences.insert(feature.name.clone(), difference);
            }
        }
        let summary = self.summary(&contributions, &differences, &missing);
        Explanation { contributions, differences, missing, summary }
    }

    /// One sentence: the features that add most, the one that takes most away, what is missing.
    fn summary(
        &self,
        contributions: &BTreeMap<String, f64>,
        differences: &BTreeMap<String, Difference>,
        missing: &[String],
    ) -> String {
        let schema = self.snapshot.schema();
        let mut ranked: Vec<(&Feature, f64)> = schema
            .features
            .iter()
            .filter_map(|feature| Some((feature, *contributions.get(&feature.name)?)))
            .collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let phrase = |feature: &Feature| match differences.get(&feature.name) {
            Some(Difference { query: Some(query), track: Some(track), unit }) => {
                let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
                format!("{} ({} beside {}{unit})", feature.name, rounded(*track), rounded(*query))
            }
            _ => feature.name.clone(),
        };
        let alike: Vec<String> = ranked
            .iter()
            .take(3)
            .filter(|(_, share)| *share > 0.0)
            .map(|(feature, _)| phrase(feature))
            .collect();
        let mut text = match alike.len() {
            0 => "Nothing it is weighted by speaks for it".to_owned(),
            _ => format!("Alike most of all in {}", joined(&alike)),
        };
        if let Some((feature, share)) = ranked.last()
            && *share < 0.0
        {
            text.push_str(&format!("; least in {}", phrase(feature)));
        }
        if !missing.is_empty() {
            text.push_str(&format!("; unknown: {}", missing.join(", ")));
        }
        text.push('.');
        text
    }
}

fn joined(parts: &[String]) -> String {
    match parts {
        [first, middle @ .., last] => {
            let commas: String = middle.iter().map(|part| format!(", {part}")).collect();
            format!("{first}{commas} and {last}")
        }
        _ => parts.concat(),
    }
}

/// At most three digits after the point.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
