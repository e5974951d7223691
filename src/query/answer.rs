//! What is returned: the JSON of `POST /api/v1/similar`.

use std::ops::Range;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::snapshot::Snapshot;
use crate::track::{ItemIdx, value};

use super::error::QueryError;
use super::explain::{Explainer, Explanation};
use super::plan::Plan;
use super::prepare::Prepared;
use super::ranking::Ranking;

/// An answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Answer {
    /// The generation it comes from, wholly.
    pub generation: String,
    /// The engine that found it.
    pub engine: &'static str,
    /// Why that engine, and how hard it searched.
    pub plan: PlanView,
    /// Microseconds from request to answer, without the network.
    pub took_us: u64,
    /// What the asker should know.
    pub warnings: Vec<String>,
    /// Ids of other recordings of the seeds, which are left out like the seeds; ascending.
    pub collapsed_into_seeds: Vec<String>,
    /// Best first.
    pub results: Vec<ResultView>,
}

/// The plan as shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlanView {
    /// Why this engine.
    pub reason: String,
    /// ef of the graph, `search_k` of the forest, null for the scan.
    pub effort: Option<usize>,
    /// What the planner expected it to cost.
    pub estimated_us: Option<u64>,
    /// Tracks that could be returned: seeds and what a filter rejects are not among them.
    pub candidates: usize,
    /// How far the weights are from the metric that graph and forest were built in.
    pub distance_from_build: f64,
}

/// One result.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ResultView {
    /// Counted from 1.
    pub rank: usize,
    /// The track's id.
    pub id: String,
    /// The weighted, anchored cosine, -1 to 1.
    pub similarity: f32,
    /// What is known of the track.
    pub track: TrackView,
    /// Ids of other recordings of the same song, left out for this one; ascending.
    pub collapsed: Vec<String>,
    /// Why it is here, where asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

/// What is shown of a track. Unknown values are null.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TrackView {
    /// Title.
    pub name: Option<String>,
    /// Artist names, the main one first.
    pub artists: Vec<String>,
    /// Album title.
    pub album: Option<String>,
    /// Address of the album's cover.
    pub album_image: Option<String>,
    /// Year of release.
    pub year: Option<i64>,
    /// Release date as published.
    pub release_date: Option<String>,
    /// Genre tags.
    pub genres: Vec<String>,
    /// 0..100
    pub popularity: Option<i64>,
    /// Whether the lyrics are marked explicit.
    pub explicit: Option<bool>,
    /// Milliseconds.
    pub duration_ms: Option<i64>,
}

impl TrackView {
    /// What is shown of `item`.
    pub fn of(snapshot: &Snapshot, item: ItemIdx) -> Result<Self, QueryError> {
        let record = snapshot.items().record(item)?;
        // Whole numbers by nature; the raw values are in `GET /tracks/{id}`.
        let whole = |name| snapshot.raw(name, item).map(|value| value.round() as i64);
        Ok(Self {
            name: record.name,
            artists: record.artists,
            album: record.album,
            album_image: record.album_image,
            year: whole(value::RELEASE_YEAR),
            release_date: record.release_date,
            genres: record.genres,
            popularity: whole(value::POPULARITY),
            explicit: snapshot.items().explicit(item),
            duration_ms: whole(value::DURATION_MS),
        })
    }
}

impl Prepared {
    /// What is shown of the results at `places` of the ranking. Large answers are shown in parts, so that they are never in
    /// memory as a whole.
    ///
    /// # Panics
    /// When the ranking has no such places.
    pub fn show(
        &self,
        snapshot: &Snapshot,
        ranking: &Ranking,
        places: Range<usize>,
    ) -> Result<Vec<ResultView>, QueryError> {
        let hits = &ranking.hits[places.clone()];
        let mut results = self.show_plain(snapshot, ranking, places)?;
        if self.explain {
            let explain = self.explainer(snapshot);
            for (result, hit) in results.iter_mut().zip(hits) {
                result.explanation = Some(explain(hit.item));
            }
        }
        Ok(results)
    }

    /// The same without explanations, asked for or not.
    pub fn show_plain(
        &self,
        snapshot: &Snapshot,
        ranking: &Ranking,
        places: Range<usize>,
    ) -> Result<Vec<ResultView>, QueryError> {
        let mut results = Vec::with_capacity(places.len());
        for place in places {
            let hit = ranking.hits[place];
            results.push(ResultView {
                rank: place + 1,
                id: snapshot.items().id(hit.item).into_owned(),
                similarity: hit.score,
                track: TrackView::of(snapshot, hit.item)?,
                collapsed: ids(snapshot, ranking.collapsed(hit.item)),
                explanation: None,
            });
        }
        Ok(results)
    }

    /// Explains why an item is similar, asked for or not.
    pub fn explainer<'a>(&'a self, snapshot: &'a Snapshot) -> impl Fn(ItemIdx) -> Explanation + 'a {
        let explainer = Explainer::new(snapshot, self);
        move |item| explainer.explain(item)
    }
}

impl Answer {
    /// The answer that `plan` led to, which took that long.
    pub fn new(
        snapshot: &Snapshot,
        prepared: &Prepared,
        plan: Plan,
        results: Vec<ResultView>,
        took: Duration,
    ) -> Self {
        let plan_view = PlanView {
            effort: (plan.effort > 0).then_some(plan.effort),
            estimated_us: plan.estimated_us.is_finite().then_some(plan.estimated_us.round() as u64),
            candidates: plan.n_accepted,
            distance_from_build: (plan.distance_from_build * 1000.0).round() / 1000.0,
            reason: plan.reason,
        };
        Self {
            generation: snapshot.manifest().generation.clone(),
            engine: plan.engine.name(),
            plan: plan_view,
            took_us: took.as_micros() as u64,
            warnings: prepared.warnings.clone(),
            collapsed_into_seeds: ids(snapshot, &prepared.collapsed_into_seeds),
            results,
        }
    }
}

fn ids(snapshot: &Snapshot, items: &[ItemIdx]) -> Vec<String> {
    items.iter().map(|item| snapshot.items().id(*item).into_owned()).collect()
}
