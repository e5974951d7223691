//! The smallest change of one weight that takes a track out of the best `k`, or into them.
//!
//! ```text
//! cubic.rs    cubics in Bernstein form: bounds and roots
//! rival.rs    one track beside another while a weight changes
//! sweep.rs    the first place where a track changes sides with place k
//! short.rs    the threshold as a number that a person would type
//! budget.rs   what all of it may cost
//! ```
//!
//! It is about the plain ranking: of all candidates by similarity, without collapsing, `max_per_artist` or diversity. A
//! rank is not monotone in a weight, so places are swept, not bisected. What is returned was tried: with the new weight in
//! the request, the exact engine ranks the track as it says here.

mod budget;
mod cubic;
mod rival;
mod short;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::Serialize;

use crate::distance::{Query, canonical};
use crate::feature::MAX_WEIGHT;
use crate::index::{SearchRequest, for_each_chunk, rank};
use crate::progress::{CancelToken, Cancelled};
use crate::snapshot::Snapshot;
use crate::track::ItemIdx;

use super::prepare::{Prepared, compile};
use super::weights::Weighting;

use budget::{Budget, STEPS};
use rival::{Line, Side};
use sweep::{Change, Field, Found, Rival, Sweep};

/// The largest factor that a weight is multiplied by.
pub const MAX_FACTOR: f64 = 10.0;

/// A change of one weight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Counterfactual {
    /// The weight as it is.
    pub weight: f64,
    /// The weight to put into the request instead: a short number just beyond the threshold.
    pub to: f64,
    /// `to / weight`, 0 to 10.
    pub factor: f64,
    /// The weight at which the track changes sides, to nine digits of the change.
    pub threshold: f64,
    /// The track's rank with `to`.
    pub rank: usize,
}

/// What was found, feature by feature.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counterfactuals {
    /// For each weight above 0 the smallest change that was found.
    pub changes: BTreeMap<String, Option<Counterfactual>>,
    /// Features for which there may be a smaller change, or one although none was found.
    pub undetermined: BTreeSet<String>,
}

/// A track's place in the plain ranking of a query.
pub(super) struct Place<'a> {
    snapshot: &'a Snapshot,
    prepared: &'a Prepared,
    item: ItemIdx,
    /// Counted from 1.
    pub rank: usize,
}

impl<'a> Place<'a> {
    /// The place of `item`; `None` where it is no candidate: a seed, or kept out by a filter.
    pub fn of(snapshot: &'a Snapshot, prepared: &'a Prepared, item: ItemIdx) -> Option<Self> {
        let allowed = prepared.allowed.as_ref().is_none_or(|allowed| allowed.items().contains(item));
        if !allowed || prepared.excluded.binary_search(&item).is_ok() {
            return None;
        }
        let mut place = Self { snapshot, prepared, item, rank: 0 };
        place.rank = place.rank_by(&prepared.query);
        Some(place)
    }

    /// Its rank by another query with the same candidates.
    fn rank_by(&self, query: &Query) -> usize {
        rank(self.snapshot.vectors(), &self.request(query), self.item)
    }

    fn request<'q>(&'q self, query: &'q Query) -> SearchRequest<'q> {
        SearchRequest { query, ..self.prepared.target(self.prepared.k).with_effort(0) }
    }

    /// The smallest change of each weight above 0 that takes the track to the other side of place `k`; `None` where none
    /// from 0 to [`MAX_FACTOR`] times the weight does.
    pub fn counterfactuals(&self, cancel: &CancelToken) -> Result<Counterfactuals, Cancelled> {
        let schema = self.snapshot.schema();
        let lines = Lines::of(self);
        let ranges = schema.dim_ranges();
        let counts = |index: &usize| self.prepared.feature_weights[*index] > 0.0;
        let weighted: Vec<usize> = (0..schema.features.len()).filter(counts).collect();
        let mut changes = BTreeMap::new();
        let mut undetermined = BTreeSet::new();
        let mut left = STEPS;
        for (n_done, &index) in weighted.iter().enumerate() {
            cancel.check()?;
            // What one feature leaves is for the others.
            let share = left / (weighted.len() - n_done) as u64;
            let budget = Budget::new(share, cancel);
            let (change, is_certain) = self.counterfactual(&lines, index, ranges[index].clone(), &budget);
            left -= share - budget.left();
            let name = &schema.features[index].name;
            if !is_certain {
                undetermined.insert(name.clone());
            }
            changes.insert(name.clone(), change);
        }
        // What was found after that is as if the budget had been smaller.
        cancel.check()?;
        Ok(Counterfactuals { changes, undetermined })
    }

    /// The smallest change that was found of one weight, and whether there is certainly no smaller one.
    fn counterfactual(
        &self,
        lines: &Lines,
        index: usize,
        dims: Range<usize>,
        budget: &Budget<'_>,
    ) -> (Option<Counterfactual>, bool) {
        let weight = self.prepared.feature_weights[index];
        let count = |to: f64, rivals: &[Rival]| Some(self.count(&self.with_weight(index, to)?, rivals));
        let ends = lines.turned(self, weight, dims.clone());
        let is_in = self.rank <= self.prepared.k;
        let sweep = Sweep::new(weight, self.prepared.k, is_in, ends, &count, budget);
        let first = |far: f64| match lines.rivals(self, &sweep, weight, dims.clone(), far) {
            Some((n_before, rivals)) => sweep.first(Field { ends: [1.0, far], n_before, rivals: &rivals }),
            None => Found::NONE,
        };
        let lowered = first(0.0);
        // Upwards only as far as that is the smaller change.
        let farthest = lowered.change.map_or(MAX_FACTOR, |change| 2.0 - change.threshold);
        let raised = first(farthest.min(MAX_FACTOR).min(MAX_WEIGHT / weight).max(1.0));
        let is_certain = lowered.is_certain && raised.is_certain;
        let Some(Change { threshold, to }) = raised.change.or(lowered.change) else {
            return (None, is_certain);
        };
        // All candidates once more, by what the engines rank by.
        let rank = self.with_weight(index, to).map(|query| self.rank_by(&query));
        match rank.filter(|rank| (*rank <= self.prepared.k) != is_in) {
            Some(rank) => {
                let threshold = threshold * weight;
                (Some(Counterfactual { weight, to, factor: to / weight, threshold, rank }), is_certain)
            }
            None => {
                tracing::error!(
                    "a counterfactual does not hold: feature {index} to {to} gives rank {rank:?}"
                );
                (None, false)
            }
        }
    }

    /// The query with another weight of one feature; `None` where there is none.
    fn with_weight(&self, index: usize, to: f64) -> Option<Query> {
        let prepared = self.prepared;
        let mut features = prepared.feature_weights.clone();
        features[index] = to;
        let has_value =
            features.iter().zip(&prepared.missing).any(|(weight, missing)| *weight > 0.0 && !missing);
        let weighting = Weighting { features, anchor: prepared.anchor };
        has_value.then(|| compile(self.snapshot.schema(), prepared.query.vector(), &weighting).ok()).flatten()
    }

    /// How many of `rivals` are before the track.
    fn count(&self, query: &Query, rivals: &[Rival]) -> usize {
        let vectors = self.snapshot.vectors();
        let own = canonical(query, vectors.row(self.item));
        let is_before = |rival: &&Rival| {
            let score = canonical(query, vectors.row(rival.item));
            score > own || (score == own && rival.item < self.item)
        };
        rivals.iter().filter(is_before).count()
    }
}

/// Numerators and squared norms of all candidates under the present weights.
struct Lines {
    /// The candidates but the track itself.
    candidates: Vec<Present>,
    track: Present,
    /// The query beside itself.
    query: Present,
    /// Dimensions with a weight.
    active: Vec<usize>,
    /// What weights are divided by: the largest of them.
    max: f64,
    /// Whether the length of a vector counts; without an anchor only its direction does.
    has_anchor: bool,
}

#[derive(Clone, Copy)]
struct Present {
    item: ItemIdx,
    position: u32,
    product: f64,
    norm: f64,
}

impl Lines {
    fn of(place: &Place<'_>) -> Self {
        let (snapshot, prepared) = (place.snapshot, place.prepared);
        let max = prepared.feature_weights.iter().fold(prepared.anchor, |max, weight| max.max(*weight));
        let mut weights = Vec::with_capacity(snapshot.schema().dim());
        for (feature, weight) in snapshot.schema().features.iter().zip(&prepared.feature_weights) {
            weights.extend(std::iter::repeat_n(weight / max, feature.n_dims()));
        }
        let active: Vec<usize> = (0..weights.len()).filter(|dim| weights[*dim] > 0.0).collect();
        let anchor = prepared.anchor / max;
        let vector = prepared.query.vector();
        let vectors = snapshot.vectors();
        let present = |position, row: &[f32]| {
            let (mut product, mut norm) = (anchor, anchor);
            for &dim in &active {
                let (w, q, x) = (weights[dim], f64::from(vector[dim]), f64::from(row[dim]));
                product += w * q * x;
                norm += w * x * x;
            }
            // Without any value the score is 0 whatever the weights are, as of one that is at right angles to the query.
            let norm = if norm > 0.0 { norm } else { 1.0 };
            Present { item: vectors.item_at(position), position, product, norm }
        };
        let request = place.request(&prepared.query);
        let mut candidates = Vec::with_capacity(request.n_accepted(vectors.len()));
        for_each_chunk(vectors, &request, &mut |positions| {
            for &position in positions {
                let item = vectors.item_at(position);
                if item != place.item && request.is_not_excluded(vectors, position) {
                    candidates.push(present(position, vectors.row_at(position)));
                }
            }
        });
        let position = vectors.position(place.item);
        let track = present(position, vectors.row(place.item));
        let query = present(position, vector);
        Self { candidates, track, query, active, max, has_anchor: anchor > 0.0 }
    }

    /// Whether two rows have the same score under all weights: where they are the same in all that counts, or one is a
    /// positive multiple of the other and only directions count.
    fn is_tie(&self, a: &[f32], b: &[f32]) -> bool {
        if self.has_anchor {
            return self.active.iter().all(|dim| a[*dim] == b[*dim]);
        }
        let Some(&first) = self.active.iter().find(|dim| a[**dim] != 0.0 || b[**dim] != 0.0) else {
            return true;
        };
        // Products of two f32 are exact in f64.
        let product = |x: f32, y: f32| f64::from(x) * f64::from(y);
        product(a[first], b[first]) > 0.0
            && self.active.iter().all(|dim| product(a[*dim], b[first]) == product(b[*dim], a[first]))
    }

    fn line(present: Present, weight: f64, vector: &[f32], row: &[f32]) -> Line {
        let (mut product, mut norm) = (0.0, 0.0);
        for (q, x) in vector.iter().zip(row) {
            product += f64::from(*q) * f64::from(*x);
            norm += f64::from(*x) * f64::from(*x);
        }
        Line { product: [present.product, weight * product], norm: [present.norm, weight * norm] }
    }

    /// The track and the query as the weight of the feature that fills `dims` changes.
    fn turned(&self, place: &Place<'_>, weight: f64, dims: Range<usize>) -> [Line; 2] {
        let vector = &place.prepared.query.vector()[dims.clone()];
        let row = &place.snapshot.vectors().row(place.item)[dims];
        let weight = weight / self.max;
        [Self::line(self.track, weight, vector, row), Self::line(self.query, weight, vector, vector)]
    }

    /// How many are before the track for all factors from 1 to `far`, and those that may change sides; `None` where these
    /// cannot make a difference.
    fn rivals(
        &self,
        place: &Place<'_>,
        sweep: &Sweep<'_>,
        weight: f64,
        dims: Range<usize>,
        far: f64,
    ) -> Option<(usize, Vec<Rival>)> {
        let vectors = place.snapshot.vectors();
        let vector = &place.prepared.query.vector()[dims.clone()];
        let track = vectors.row(place.item);
        let side = sweep.sides([1.0, far]);
        let weight = weight / self.max;
        let mut n_before = 0;
        let mut rivals = Vec::new();
        for present in &self.candidates {
            let row = vectors.row_at(present.position);
            let line = Self::line(*present, weight, vector, &row[dims.clone()]);
            match side(&line) {
                Side::Before => n_before += 1,
                Side::Behind => {}
                // Equal scores are in the order of the items, whatever the weight is.
                Side::Undecided if self.is_tie(row, track) => {
                    n_before += usize::from(present.item < place.item);
                }
                Side::Undecided => rivals.push(Rival { item: present.item, line }),
            }
            if !sweep.is_in && !sweep.is_open(n_before, 0) {
                return None;
            }
        }
        sweep.is_open(n_before, rivals.len()).then_some((n_before, rivals))
    }
}
