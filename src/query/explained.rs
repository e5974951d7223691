//! One track beside one query: where it stands, why, and what would change that. The answer of `POST /api/v1/explain`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::distance::canonical;
use crate::index::Engine;
use crate::progress::CancelToken;
use crate::snapshot::Snapshot;
use crate::track::{ItemIdx, TrackId};

use super::answer::TrackView;
use super::counterfactual::{Counterfactual, MAX_FACTOR, Place};
use super::error::QueryError;
use super::explain::Explanation;
use super::prepare::Prepared;
use super::request::SimilarRequest;

/// One track beside one query.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ExplainedTrack {
    /// The generation it comes from, wholly.
    pub generation: String,
    /// The track's id.
    pub id: String,
    /// Its place in the plain ranking, counted from 1: all candidates by similarity, computed exactly, nothing collapsed or
    /// diversified. Null where a filter keeps it out.
    pub rank: Option<usize>,
    /// Whether it is among the best `k` of that ranking.
    pub in_top_k: bool,
    /// The weighted, anchored cosine, -1 to 1.
    pub similarity: f32,
    /// The `k` of the query.
    pub k: usize,
    /// The similarity at rank `k`; null where there are fewer candidates.
    pub kth_similarity: Option<f32>,
    /// Tracks that could be returned.
    pub candidates: usize,
    /// What the asker should know.
    pub warnings: Vec<String>,
    /// What is known of the track.
    pub track: TrackView,
    /// Why it is as similar as it is.
    pub explanation: Explanation,
    /// For every feature with a weight above 0 the smallest change of that weight alone that takes the track out of the
    /// best `k`, or into them; null where no factor from 0 to 10 does. Null as a whole where a filter keeps it out. Features
    /// that are `undetermined` may have a smaller change than this, or one although this is null.
    #[schema(schema_with = counterfactuals_schema)]
    pub counterfactuals: Option<BTreeMap<String, Option<Counterfactual>>>,
    /// Features whose smallest change was not determined: so many tracks are as similar as this one but for rounding that
    /// to rank them under all weights would take too long.
    pub undetermined: BTreeSet<String>,
    /// The smallest of them by `|factor - 1|`.
    pub smallest: Option<SmallestChange>,
    /// The same in words.
    pub summary: String,
}

/// The smallest change of one weight that moves a track across place `k`.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct SmallestChange {
    /// The feature.
    pub feature: String,
    /// Its weight as it is.
    pub weight: f64,
    /// The weight to put into the request instead.
    pub to: f64,
    /// `to / weight`
    pub factor: f64,
    /// The track's rank then.
    pub rank: usize,
    /// What that does to the track.
    pub effect: Effect,
}

/// What a change of weight does to a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It leaves the best `k`.
    Drops,
    /// It enters them.
    Enters,
}

impl Prepared {
    /// Validates `request` for questions about the plain ranking: nothing of it is collapsed or diversified, whatever the
    /// request says.
    ///
    /// # Errors
    /// Those of [`Self::new`].
    pub fn plain(snapshot: &Snapshot, request: &SimilarRequest) -> Result<Self, QueryError> {
        let request = SimilarRequest { collapse_duplicates: false, ..request.clone() };
        Self::new(snapshot, &request)
    }

    /// The item with this id, to be explained; a seed is none. For queries about the [plain](Self::plain) ranking.
    pub fn find_track(&self, snapshot: &Snapshot, id: &str) -> Result<ItemIdx, QueryError> {
        let item = TrackId::parse(id).ok().and_then(|id| snapshot.find(&id));
        let unknown = || QueryError::UnknownTrack { field: "track".into(), id: id.to_owned() };
        let item = item.ok_or_else(unknown)?;
        // What was removed is excluded too, but would not have been found.
        match self.excluded.binary_search(&item) {
            Ok(_) => Err(QueryError::TrackIsSeed { id: id.to_owned() }),
            Err(_) => Ok(item),
        }
    }

    /// Where `item`, found by [`Self::find_track`], stands in the plain ranking, why, and what would change that. Looks at
    /// every candidate, for every weighted feature.
    ///
    /// # Errors
    /// When the scan fails, a record is damaged, or it is cancelled.
    pub fn explain_track(
        &self,
        snapshot: &Snapshot,
        item: ItemIdx,
        cancel: &CancelToken,
    ) -> Result<ExplainedTrack, QueryError> {
        let request = self.target(self.k).with_effort(0);
        let candidates = request.n_accepted(snapshot.items().len());
        let best = snapshot.exact().search(snapshot.vectors(), &request)?.hits;
        let place = Place::of(snapshot, self, item);
        let rank = place.as_ref().map(|place| place.rank);
        let in_top_k = rank.is_some_and(|rank| rank <= self.k);
        let found = place.map(|place| place.counterfactuals(cancel)).transpose()?;
        let (counterfactuals, undetermined) = found.map(|found| (found.changes, found.undetermined)).unzip();
        let undetermined: BTreeSet<String> = undetermined.unwrap_or_default();
        let mut warnings = self.warnings.clone();
        if !undetermined.is_empty() {
            let names: Vec<&str> = undetermined.iter().map(String::as_str).collect();
            warnings.push(format!(
                "not determined: the smallest change of {}; too many tracks are as similar as this one but for rounding",
                names.join(", ")
            ));
        }
        let effect = if in_top_k { Effect::Drops } else { Effect::Enters };
        let smallest = counterfactuals.as_ref().and_then(|changes| smallest(changes, effect));
        Ok(ExplainedTrack {
            generation: snapshot.manifest().generation.clone(),
            id: snapshot.items().id(item).into_owned(),
            rank,
            in_top_k,
            similarity: canonical(&self.query, snapshot.vectors().row(item)),
            k: self.k,
            kth_similarity: (best.len() == self.k).then(|| best.last().map(|hit| hit.score)).flatten(),
            candidates,
            warnings,
            track: TrackView::of(snapshot, item)?,
            explanation: self.explainer(snapshot)(item),
            counterfactuals,
            summary: summary(rank, self.k, candidates, effect, smallest.as_ref(), &undetermined),
            undetermined,
            smallest,
        })
    }

    /// About how many microseconds [`Self::explain_track`] takes at least: near ties may take seconds more.
    pub fn estimated_explain_us(&self, snapshot: &Snapshot) -> f64 {
        /// What one candidate costs for one feature.
        const CANDIDATE_US: f64 = 0.03;
        let n_weighted = self.feature_weights.iter().filter(|weight| **weight > 0.0).count();
        snapshot.items().len() as f64 * (1 + n_weighted) as f64 * CANDIDATE_US
    }
}

/// By feature a change or null, or null as a whole: the derive has no nullable values of maps.
fn counterfactuals_schema() -> utoipa::openapi::schema::Object {
    use utoipa::PartialSchema;
    use utoipa::openapi::RefOr;
    use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, SchemaType, Type};
    let change: RefOr<Schema> = Option::<Counterfactual>::schema();
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .additional_properties(Some(AdditionalProperties::RefOr(change)))
        .description(Some("By feature the smallest change of its weight, or null where none does it"))
        .build()
}

fn smallest(changes: &BTreeMap<String, Option<Counterfactual>>, effect: Effect) -> Option<SmallestChange> {
    let size = |change: &Counterfactual| (change.factor - 1.0).abs();
    let known = changes.iter().filter_map(|(feature, change)| Some((feature, change.as_ref()?)));
    let (feature, change) = known.min_by(|a, b| size(a.1).total_cmp(&size(b.1)))?;
    let Counterfactual { weight, to, factor, rank, .. } = *change;
    Some(SmallestChange { feature: feature.clone(), weight, to, factor, rank, effect })
}

fn summary(
    rank: Option<usize>,
    k: usize,
    candidates: usize,
    effect: Effect,
    smallest: Option<&SmallestChange>,
    undetermined: &BTreeSet<String>,
) -> String {
    let Some(rank) = rank else {
        return "A filter keeps it out: it has no rank, and no weight changes that.".into();
    };
    let place = format!("Rank {rank} of {candidates}");
    let names: Vec<&str> = undetermined.iter().map(String::as_str).collect();
    let names = names.join(", ");
    let others = match names.is_empty() {
        true => String::new(),
        false => format!(" A smaller change may do: not determined for {names}."),
    };
    match (smallest, effect) {
        (None, _) if !names.is_empty() => format!(
            "{place}; which change of one weight {} the top {k} is not determined for {names}; no other does.",
            if effect == Effect::Drops { "takes it out of" } else { "brings it into" }
        ),
        (Some(change), _) => {
            let SmallestChange { feature, weight, to, rank: then, .. } = change;
            let moves = if to < weight { "falls" } else { "rises" };
            match effect {
                Effect::Drops => format!(
                    "{place}; drops out of the top {k} when the weight of {feature} {moves} from {weight} to {to} (rank {then}).{others}"
                ),
                Effect::Enters => format!(
                    "{place}; would enter the top {k} if the weight of {feature} {moves} from {weight} to {to} (rank {then}).{others}"
                ),
            }
        }
        (None, Effect::Drops) => format!(
            "{place}; no change of one weight, from 0 to {MAX_FACTOR} times what it is, takes it out of the top {k}."
        ),
        (None, Effect::Enters) => format!(
            "{place}; no change of one weight, from 0 to {MAX_FACTOR} times what it is, brings it into the top {k}."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_say_what_to_do() {
        let change = |to: f64, rank, effect| SmallestChange {
            feature: "energy".into(),
            weight: 1.0,
            to,
            factor: to,
            rank,
            effect,
        };
        let check = |rank, effect, change: Option<SmallestChange>, expected: &str| {
            assert_eq!(summary(rank, 10, 500, effect, change.as_ref(), &BTreeSet::new()), expected);
        };
        let drops = Some(change(0.43, 11, Effect::Drops));
        check(
            Some(4),
            Effect::Drops,
            drops,
            "Rank 4 of 500; drops out of the top 10 when the weight of energy falls from 1 to 0.43 (rank 11).",
        );
        let enters = Some(change(2.5, 10, Effect::Enters));
        check(
            Some(14),
            Effect::Enters,
            enters,
            "Rank 14 of 500; would enter the top 10 if the weight of energy rises from 1 to 2.5 (rank 10).",
        );
        check(
            Some(400),
            Effect::Enters,
            None,
            "Rank 400 of 500; no change of one weight, from 0 to 10 times what it is, brings it into the top 10.",
        );
        check(
            None,
            Effect::Enters,
            None,
            "A filter keeps it out: it has no rank, and no weight changes that.",
        );
        let check = |change: Option<SmallestChange>, expected: &str| {
            let undetermined = BTreeSet::from(["energy".to_owned(), "mode".to_owned()]);
            let got = summary(Some(14), 10, 500, Effect::Enters, change.as_ref(), &undetermined);
            assert_eq!(got, expected);
        };
        check(
            Some(change(2.5, 10, Effect::Enters)),
            "Rank 14 of 500; would enter the top 10 if the weight of energy rises from 1 to 2.5 (rank 10). A smaller change \
             may do: not determined for energy, mode.",
        );
        check(
            None,
            "Rank 14 of 500; which change of one weight brings it into the top 10 is not determined for energy, mode; no \
             other does.",
        );
    }
}
