//! Runs a plan.

use std::time::Instant;

use crate::distance::Query;
use crate::index::{Allowed, Engine, EngineKind, Found, Hit, SearchRequest};
use crate::snapshot::Snapshot;
use crate::track::ItemIdx;

use super::answer::Answer;
use super::error::QueryError;
use super::plan::{EngineChoice, Plan, Situation, distance_from_build, plan};
use super::prepare::Prepared;
use super::ranking::Ranking;
use super::request::SimilarRequest;

/// Answers `request` from `snapshot`.
pub fn similar(snapshot: &Snapshot, request: &SimilarRequest) -> Result<Answer, QueryError> {
    let started = Instant::now();
    Prepared::new(snapshot, request)?.answer(snapshot, started)
}

/// What a result costs beside finding it, in microseconds: its record is read and decoded.
const RESULT_US: f64 = 2.0;
/// What an explanation adds to that.
const EXPLANATION_US: f64 = 6.0;

impl Prepared {
    /// The answer; `started` is when the request came in. `snapshot` must be the one this was prepared for, here and
    /// in all that follows.
    pub fn answer(&self, snapshot: &Snapshot, started: Instant) -> Result<Answer, QueryError> {
        let (plan, ranking) = self.find(snapshot)?;
        let results = self.show(snapshot, &ranking, 0..ranking.hits.len())?;
        Ok(Answer::new(snapshot, self, plan, results, started.elapsed()))
    }

    /// About how many microseconds [`Self::answer`] will take if `plan`, that of its [`Self::depth`], is followed, so that a server
    /// can keep its threads responsive; infinite where that cannot be foreseen.
    pub fn estimated_us(&self, snapshot: &Snapshot, plan: &Plan) -> f64 {
        if self.is_diversified() {
            return f64::INFINITY;
        }
        let result_us = RESULT_US + if self.explain { EXPLANATION_US } else { 0.0 };
        let n_results = self.k.min(snapshot.items().len());
        plan.estimated_us + n_results as f64 * result_us
    }

    /// Which engine, how hard, and why, for the plain ranking's best `k`.
    pub fn plan(&self, snapshot: &Snapshot, k: usize) -> Plan {
        let distance = distance_from_build(snapshot.schema(), &self.feature_weights);
        make_plan(snapshot, self.engine, &self.target(k), self.recall, distance)
    }

    /// The ranking, diversified if asked for, with the plan that found it.
    pub fn find(&self, snapshot: &Snapshot) -> Result<(Plan, Ranking), QueryError> {
        self.find_by(snapshot, self.plan(snapshot, self.depth()))
    }

    /// The same where the plan for [`Self::depth`] is known already.
    pub fn find_by(&self, snapshot: &Snapshot, plan: Plan) -> Result<(Plan, Ranking), QueryError> {
        self.rank(snapshot, plan, |plan, k| Ok(execute(snapshot, plan, &self.target(k))?.hits))
    }

    /// The best `k` of the plain ranking as `plan`, that of [`Self::depth`], finds it: nothing is left out of it yet.
    pub(crate) fn plain_ranking(&self, snapshot: &Snapshot, plan: &Plan) -> Result<Vec<Hit>, QueryError> {
        let mut hits = execute(snapshot, plan, &self.target(self.depth()))?.hits;
        hits.truncate(self.k);
        Ok(hits)
    }

    /// The true best `k`, from the scores of every row that may be returned.
    pub(crate) fn scan(&self, snapshot: &Snapshot) -> Vec<Hit> {
        snapshot.exact().plain(snapshot.vectors(), &self.target(self.k).with_effort(0)).hits
    }

    /// Whether the engine was chosen, not asked for.
    pub fn is_auto(&self) -> bool {
        self.engine == EngineChoice::Auto
    }

    /// What an engine is asked for.
    pub(super) fn target(&self, k: usize) -> SearchTarget<'_> {
        SearchTarget { query: &self.query, k, allowed: self.allowed.as_deref(), excluded: &self.excluded }
    }
}

/// A search without its effort, which the plan adds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SearchTarget<'a> {
    pub query: &'a Query,
    pub k: usize,
    pub allowed: Option<&'a Allowed>,
    pub excluded: &'a [ItemIdx],
}

impl<'a> SearchTarget<'a> {
    /// The whole request.
    pub fn with_effort(self, effort: usize) -> SearchRequest<'a> {
        let Self { query, k, allowed, excluded } = self;
        SearchRequest { query, k, allowed, excluded, effort, known: &[] }
    }
}

/// Plans a search.
pub(crate) fn make_plan(
    snapshot: &Snapshot,
    engine: EngineChoice,
    target: &SearchTarget<'_>,
    recall: f64,
    distance: f64,
) -> Plan {
    let n_items = snapshot.items().len();
    let situation = Situation {
        calibration: &snapshot.manifest().calibration,
        has_graph: snapshot.engine(EngineKind::Hnsw).is_some(),
        n_items,
        n_accepted: target.with_effort(0).n_accepted(n_items),
        n_active_dims: target.query.n_active(),
        distance,
        eccentricity: target.query.eccentricity(),
        k: target.k,
        recall,
    };
    plan(engine, situation)
}

/// Runs `plan`.
pub(crate) fn execute(
    snapshot: &Snapshot,
    plan: &Plan,
    target: &SearchTarget<'_>,
) -> Result<Found, QueryError> {
    let engine = snapshot.engine(plan.engine).ok_or_else(|| QueryError::EngineNotBuilt {
        name: plan.engine.name().to_owned(),
        built: snapshot.built().iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", "),
    })?;
    let vectors = snapshot.vectors();
    let request = target.with_effort(plan.effort);
    if plan.engine == EngineKind::Exact {
        let known = match snapshot.engine(EngineKind::Hnsw) {
            Some(graph) if plan.seed_effort > 0 => {
                graph.search(vectors, &target.with_effort(plan.seed_effort))?
            }
            _ => Found::default(),
        };
        let found = engine.search(vectors, &SearchRequest { known: &known.hits, ..request })?;
        return Ok(Found { n_scored: known.n_scored + found.n_scored, ..found });
    }
    let found = engine.search(vectors, &request)?;
    if found.hits.len() >= target.k.min(request.n_accepted(vectors.len())) {
        return Ok(found);
    }
    // A filter rejected too much of what was found: fewer than k may only be returned where fewer exist.
    let rest = snapshot.exact().search(vectors, &request)?;
    Ok(Found { n_scored: found.n_scored + rest.n_scored, ..rest })
}
