//! A request's query vector: the mean of the seeds over the values that are present, minus `negative_weight` times the
//! same of the negative seeds (Rocchio), then targets replace their features. A seed is a track, or the mean of a group of
//! tracks: one vote either way.

use std::sync::Arc;

use crate::feature::Raw;
use crate::snapshot::{Mean, MeanSum, Snapshot};
use crate::track::{ItemIdx, TrackId};

use super::error::QueryError;
use super::request::SimilarRequest;
use super::weights::find_feature;

/// Seeds of either kind a request may name.
const MAX_SEEDS: usize = 1_000;

/// The vector and what it was made from.
#[derive(Clone, Debug)]
pub(super) struct QueryVector {
    /// `[dim]`
    pub vector: Vec<f32>,
    /// Whether neither a seed nor a target gives a value, by feature; what a negative seed alone says is no value.
    pub missing: Vec<bool>,
    /// Of the missing ones, what a negative seed alone gives a value: the query is pushed away from it.
    pub only_negative: Vec<bool>,
    /// Tracks that are seeds of either sign, ascending and without duplicates.
    pub seeds: Vec<ItemIdx>,
    /// Whose values these are.
    pub origin: Origin,
}

/// Whose values a query has: what explanations say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The seeds that it is to be similar to, ascending and without duplicates.
    pub seeds: Vec<ItemIdx>,
    /// Whether a target replaced what the seeds say, by feature.
    pub targeted: Vec<bool>,
    /// Whether negative seeds pushed it away from where its seeds are.
    pub is_pushed: bool,
}

impl QueryVector {
    pub fn of(snapshot: &Snapshot, request: &SimilarRequest) -> Result<Self, QueryError> {
        if !request.has_seeds() && request.targets.is_empty() {
            return Err(if request.negative_seeds.is_empty() {
                QueryError::Empty
            } else {
                QueryError::OnlyNegative
            });
        }
        let negative_weight = request.negative_weight;
        if !(0.0..=100.0).contains(&negative_weight) {
            return Err(QueryError::number(
                "negative_weight",
                negative_weight,
                "a finite number from 0 to 100",
            ));
        }
        let positive = find_seeds(snapshot, "seeds", &request.seeds)?;
        let negative = find_seeds(snapshot, "negative_seeds", &request.negative_seeds)?;
        let schema = snapshot.schema();
        let mut sum = mean(snapshot, &positive, &request.groups);
        let away = mean(snapshot, &negative, &[]);
        for (x, y) in sum.vector.iter_mut().zip(&away.vector) {
            *x -= negative_weight * y;
        }
        let only_negative =
            sum.missing.iter().zip(&away.missing).map(|(seeds, negatives)| *seeds && !*negatives).collect();
        let mut missing = sum.missing;
        let mut vector: Vec<f32> = sum.vector.iter().map(|x| *x as f32).collect();
        let ranges = schema.dim_ranges();
        let mut targeted = vec![false; schema.features.len()];
        for (name, &target) in &request.targets {
            let field = format!("targets.{name}");
            let (index, feature) = find_feature(schema, name, field.clone())?;
            if feature.transform.takes_vector() {
                return Err(QueryError::VectorTarget { feature: name.clone() });
            }
            let out = &mut vector[ranges[index].clone()];
            let sensible = target.is_finite() && feature.in_range(target);
            if !sensible || !snapshot.fitted().transform(index, Raw::Scalar(target), out) {
                return Err(QueryError::number(field, target, range_text(feature)));
            }
            missing[index] = false;
            targeted[index] = true;
        }
        let is_pushed = !negative.is_empty() && negative_weight > 0.0;
        let both = positive.iter().copied().chain(negative);
        let seeds = in_order(both.collect());
        let origin = Origin { seeds: in_order(positive), targeted, is_pushed };
        Ok(Self { vector, missing, only_negative, seeds, origin })
    }
}

fn in_order(mut items: Vec<ItemIdx>) -> Vec<ItemIdx> {
    items.sort_unstable();
    items.dedup();
    items
}

fn range_text(feature: &crate::feature::Feature) -> String {
    let unit = if feature.unit.is_empty() { String::new() } else { format!(" {}", feature.unit) };
    match (feature.min, feature.max) {
        (Some(min), Some(max)) => format!("{min} to {max}{unit}"),
        (Some(min), None) => format!("at least {min}{unit}"),
        (None, Some(max)) => format!("at most {max}{unit}"),
        (None, None) => format!("a finite number{unit} within the feature's domain"),
    }
}

fn find_seeds(snapshot: &Snapshot, field: &'static str, ids: &[String]) -> Result<Vec<ItemIdx>, QueryError> {
    if ids.len() > MAX_SEEDS {
        return Err(QueryError::TooMany { field, got: ids.len(), max: MAX_SEEDS });
    }
    let find = |(place, id): (usize, &String)| {
        let item = TrackId::parse(id).ok().and_then(|id| snapshot.find(&id));
        item.ok_or_else(|| QueryError::UnknownTrack { field: format!("{field}[{place}]"), id: id.clone() })
    };
    ids.iter().enumerate().map(find).collect()
}

/// The mean of tracks and of groups.
fn mean(snapshot: &Snapshot, items: &[ItemIdx], groups: &[Arc<Mean>]) -> Mean {
    let mut sum = MeanSum::new(snapshot.schema());
    items.iter().for_each(|item| sum.add_item(snapshot.vectors(), *item));
    groups.iter().for_each(|group| sum.add_mean(group));
    sum.mean()
}
