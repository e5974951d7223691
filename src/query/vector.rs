//! A request's query vector: the mean of the seeds over the values that are present, minus `negative_weight` times the
//! same of the negative seeds (Rocchio), then targets replace their features.

use crate::feature::Raw;
use crate::snapshot::Snapshot;
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
    /// Seeds of both kinds, ascending and without duplicates.
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
        if request.seeds.is_empty() && request.targets.is_empty() {
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
        let mut sum = Mean::of(snapshot, &positive);
        let away = Mean::of(snapshot, &negative);
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

/// The mean of some items over the values that are present; 0 where none is.
struct Mean {
    vector: Vec<f64>,
    missing: Vec<bool>,
}

impl Mean {
    fn of(snapshot: &Snapshot, items: &[ItemIdx]) -> Self {
        let (schema, vectors) = (snapshot.schema(), snapshot.vectors());
        let mut vector = vec![0.0; schema.dim()];
        let mut missing = vec![true; schema.features.len()];
        for (index, range) in schema.dim_ranges().into_iter().enumerate() {
            let present = items.iter().filter(|item| !vectors.is_missing(index, **item));
            let mut n_present = 0_u32;
            for &item in present {
                n_present += 1;
                for (sum, x) in vector[range.clone()].iter_mut().zip(&vectors.row(item)[range.clone()]) {
                    *sum += f64::from(*x);
                }
            }
            if n_present > 0 {
                missing[index] = false;
                vector[range].iter_mut().for_each(|sum| *sum /= f64::from(n_present));
            }
        }
        Self { vector, missing }
    }
}
