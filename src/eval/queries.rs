//! Held-out query points and their ground truth.

use std::time::Instant;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::distance::Query;
use crate::index::{Allowed, EngineKind};
use crate::query::{
    EngineChoice, QueryError, SearchTarget, Weighting, distance_from_build, execute, make_plan,
};
use crate::snapshot::Snapshot;
use crate::track::ItemIdx;

use super::weights::Family;

/// How far a query point is moved off the track it starts from.
const JITTER: f32 = 0.2;

/// Why an evaluation ended early.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// A search failed.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The work was asked to stop.
    #[error(transparent)]
    Cancelled(#[from] crate::progress::Cancelled),
    /// The playlists cannot be measured on.
    #[error(transparent)]
    Playlists(#[from] super::playlists::PlaylistError),
    /// An engine cannot answer.
    #[error(transparent)]
    Engine(#[from] crate::index::EngineError),
}

/// One query with its ground truth.
#[derive(Clone, Debug)]
pub(super) struct EvalQuery {
    pub query: Query,
    /// How far its weights are from the build metric.
    pub distance: f64,
    /// Scores of the true best k, descending.
    pub truth: Vec<f32>,
    /// What the exact scan took.
    pub exact_us: f64,
}

/// Queries under one weight family, with their ground truth.
///
/// A query point is held out: a track's vector moved by 0.2 times the difference of two other tracks' (a smoothed
/// bootstrap), so that it follows the catalogue's distribution without being in the catalogue.
#[derive(Clone, Debug)]
pub struct QuerySet {
    pub(super) family: String,
    pub(super) k: usize,
    pub(super) queries: Vec<EvalQuery>,
}

impl QuerySet {
    /// Draws `n` queries for the best `k` under `family` and finds their truth with the exact scan.
    pub fn draw(
        snapshot: &Snapshot,
        family: &Family,
        n: usize,
        k: usize,
        seed: u64,
    ) -> Result<Self, EvalError> {
        let mut rng = StdRng::seed_from_u64(seed);
        let schema = snapshot.schema();
        let mut queries = Vec::with_capacity(n);
        for _ in 0..n {
            let vector = point(snapshot, &mut rng);
            let weighting = Weighting { features: family.draw(schema, &mut rng), anchor: schema.anchor };
            let (dims, anchor) = weighting.scaled(schema);
            let query = Query::new(&vector, &dims, anchor);
            let distance = distance_from_build(schema, &weighting.features);
            queries.push(truth(snapshot, query, distance, k)?);
        }
        Ok(Self { family: family.to_string(), k, queries })
    }
}

fn point(snapshot: &Snapshot, rng: &mut StdRng) -> Vec<f32> {
    let vectors = snapshot.vectors();
    let mut row = || vectors.row(ItemIdx(rng.random_range(0..vectors.len() as u32)));
    let (start, a, b) = (row(), row(), row());
    start.iter().zip(a).zip(b).map(|((x, a), b)| x + JITTER * (a - b)).collect()
}

fn truth(snapshot: &Snapshot, query: Query, distance: f64, k: usize) -> Result<EvalQuery, EvalError> {
    let target = SearchTarget { query: &query, k, allowed: None::<&Allowed>, excluded: &[] };
    let plan = make_plan(snapshot, EngineChoice::Fixed(EngineKind::Exact), &target, 1.0, distance);
    let started = Instant::now();
    let found = execute(snapshot, &plan, &target)?;
    let exact_us = started.elapsed().as_secs_f64() * 1e6;
    let truth = found.hits.iter().map(|hit| hit.score).collect();
    Ok(EvalQuery { query, distance, truth, exact_us })
}
