//! Search by a vector: the library's shortest way from numbers to neighbours, without tracks, names or records.

use std::sync::Arc;

use crate::feature::{MAX_COMPONENT, MAX_WEIGHT};
use crate::index::{Allowed, Found};
use crate::snapshot::Snapshot;

use super::error::QueryError;
use super::plan::{EngineChoice, Plan, distance_from_build};
use super::prepare::compile;
use super::request::MAX_K;
use super::search::{SearchTarget, execute, make_plan};
use super::weights::Weighting;

/// What is near a vector.
#[derive(Clone, Copy, Debug)]
pub struct NearestRequest<'a> {
    /// Standardised, unweighted dimensions, `[dim]`, as `nearfield export` writes them and
    /// [`crate::feature::FittedSchema::transform`] makes them.
    pub vector: &'a [f32],
    /// The weight of each feature, `[n_features]`, 0 to 1e6, at least one above 0.
    pub weights: &'a [f64],
    /// The anchor, 0 to 1e6.
    pub anchor: f64,
    /// How many items, 1 to [`MAX_K`].
    pub k: usize,
    /// Which engine.
    pub engine: EngineChoice,
    /// The recall to plan for, above 0 and at most 1.
    pub recall: f64,
    /// The engine's effort (ef of the graph, `search_k` of the forest) instead of the planner's.
    pub effort: Option<usize>,
    /// The items that may be returned, a set made for this snapshot; all where there is none. Removed items are not
    /// returned in either case.
    pub allowed: Option<&'a Allowed>,
}

/// Finds the best items of `snapshot`, best first, with the plan that found them.
pub fn nearest(snapshot: &Snapshot, request: &NearestRequest<'_>) -> Result<(Plan, Found), QueryError> {
    check(snapshot, request)?;
    let schema = snapshot.schema();
    let weighting = Weighting { features: request.weights.to_vec(), anchor: request.anchor };
    let query = compile(schema, request.vector, &weighting)?;
    let distance = distance_from_build(schema, request.weights);
    let narrowed = narrowed(snapshot, request.allowed);
    let allowed = match &narrowed {
        Some(allowed) => Some(allowed),
        None => request.allowed.or(snapshot.remaining().map(Arc::as_ref)),
    };
    let target = SearchTarget { query: &query, k: request.k, allowed, excluded: snapshot.excluded() };
    let mut plan = make_plan(snapshot, request.engine, &target, request.recall, distance);
    plan.effort = request.effort.unwrap_or(plan.effort);
    let found = execute(snapshot, &plan, &target)?;
    Ok((plan, found))
}

/// `allowed` without removed items, where those are many and some are in it. A caller who asks often leaves them out.
fn narrowed(snapshot: &Snapshot, allowed: Option<&Allowed>) -> Option<Allowed> {
    let (allowed, remaining) = (allowed?, snapshot.remaining()?);
    if !snapshot.removed().iter().any(|item| allowed.items().contains(*item)) {
        return None;
    }
    let mut items = allowed.items().clone();
    items.intersect(remaining.items());
    Some(Allowed::new(items, snapshot.vectors()))
}

/// Refuses what the engines could not answer.
fn check(snapshot: &Snapshot, request: &NearestRequest<'_>) -> Result<(), QueryError> {
    let schema = snapshot.schema();
    if !(1..=MAX_K).contains(&request.k) {
        return Err(QueryError::k(request.k, MAX_K));
    }
    if !(request.recall > 0.0 && request.recall <= 1.0) {
        return Err(QueryError::number("recall", request.recall, "above 0 and at most 1"));
    }
    let length = |field, got: usize, expected: usize, of| {
        QueryError::number(field, format!("{got} numbers"), format!("{expected}, one for each {of}"))
    };
    if request.vector.len() != schema.dim() {
        return Err(length("vector", request.vector.len(), schema.dim(), "dimension"));
    }
    if request.weights.len() != schema.features.len() {
        return Err(length("weights", request.weights.len(), schema.features.len(), "feature"));
    }
    if let Some(index) = request.vector.iter().position(|x| !x.is_finite() || x.abs() > MAX_COMPONENT) {
        let expected = format!("a finite number of at most {MAX_COMPONENT:e} in magnitude");
        return Err(QueryError::number(format!("vector[{index}]"), request.vector[index], expected));
    }
    let in_range = |weight: &f64| (0.0..=MAX_WEIGHT).contains(weight);
    if let Some(index) = request.weights.iter().position(|weight| !in_range(weight)) {
        let name = &schema.features[index].name;
        return Err(QueryError::weight(format!("weights.{name}"), request.weights[index]));
    }
    if !in_range(&request.anchor) {
        return Err(QueryError::weight("anchor", request.anchor));
    }
    if request.weights.iter().all(|weight| *weight == 0.0) {
        return Err(QueryError::AllWeightsZero);
    }
    Ok(())
}
