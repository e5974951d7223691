//! `GET /spotify/v1/recommendations`: a query like any other, asked and answered in Spotify's words. Answers come through the
//! cache of native queries, under the same keys: only which tracks they hold is taken from there.

use std::sync::Arc;
use std::time::Instant;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use crate::distance::stride;
use crate::query::QueryError;
use crate::snapshot::Snapshot;
use crate::track::ItemIdx;

use super::super::cached;
use super::super::problem::Problem;
use super::super::similar::{Work, prepare, run};
use super::super::state::{Served, State};
use super::find;
use super::links::Links;
use super::objects::{Objects, Track};
use super::parameters::{Asked, forget_unknown_targets, parameter_of};
use super::seeds::{Seed, SeedObject, add, n_to_average};

/// What it takes to add 16 numbers of a track to a mean, in microseconds.
const AVERAGE_US: f64 = 0.1;

#[derive(Debug, Serialize)]
struct Recommendations {
    seeds: Vec<SeedObject>,
    tracks: Vec<Track>,
}

/// `GET /spotify/v1/recommendations`
pub(super) async fn get(state: web::Data<State>, http: HttpRequest) -> Result<HttpResponse, Problem> {
    let asked = Asked::parse(http.query_string())?;
    let rename = |field: &str| parameter_of(field, http.query_string());
    let answer =
        answer(&state, asked, &Links::of(&http)).await.map_err(|problem| problem.rename_field(rename))?;
    Ok(HttpResponse::Ok().json(answer))
}

async fn answer(state: &web::Data<State>, asked: Asked, links: &Links) -> Result<Recommendations, Problem> {
    let started = Instant::now();
    let served = state.served();
    let Asked { seeds, mut request } = asked;
    forget_unknown_targets(served.snapshot.schema(), &mut request);
    let n_numbers = n_to_average(&served.snapshot, &seeds) * stride(served.snapshot.vectors().dim());
    let estimated_us = n_numbers as f64 / 16.0 * AVERAGE_US;
    let (seeds, known, request) = {
        let served = Arc::clone(&served);
        let job = move || {
            let known = add(&served.snapshot, &seeds, &mut request)?;
            Ok((seeds, known, request))
        };
        run(estimated_us, job).await?
    };
    let work = prepare(state, Arc::clone(&served), request).await?;
    let seeds = seed_objects(&work, &seeds, &known, links);
    let items = found(state, work, started).await?;
    let objects = Objects { snapshot: &served.snapshot, links };
    let tracks = items.into_iter().map(|item| objects.track(item)).collect::<Result<_, QueryError>>()?;
    Ok(Recommendations { seeds, tracks })
}

/// Every seed draws from the same pool: all tracks but the seeds themselves and what was removed. Other recordings of the seeds
/// count as filtered out.
fn seed_objects(work: &Work, seeds: &[Seed], known: &[bool], links: &Links) -> Vec<SeedObject> {
    let snapshot = &work.served.snapshot;
    let n_seeds =
        work.prepared.excluded.len() - snapshot.excluded().len() - work.prepared.collapsed_into_seeds.len();
    let n_pool = snapshot.items().len() - snapshot.removed().len() - n_seeds;
    let object = |(seed, known): (&Seed, &bool)| match known {
        true => seed.object(snapshot, links, n_pool, work.plan.n_accepted),
        false => seed.object(snapshot, links, 0, 0),
    };
    seeds.iter().zip(known).map(object).collect()
}

/// The tracks of the answer, best first.
async fn found(state: &web::Data<State>, work: Work, started: Instant) -> Result<Vec<ItemIdx>, Problem> {
    let served = Arc::clone(&work.served);
    if state.cache().is_off() {
        return searched(state, work, started).await;
    }
    let (pieces, _) = cached::answer(state, work, started).await?;
    items_of(&served, &pieces.joined(started.elapsed()))
}

async fn searched(state: &web::Data<State>, work: Work, started: Instant) -> Result<Vec<ItemIdx>, Problem> {
    let (auto, estimated_us) = (work.prepared.is_auto(), work.estimated_us);
    let job = {
        let state = state.clone();
        move || Ok(work.find(&state)?)
    };
    let (plan, ranking) = run(estimated_us, job).await?;
    state.metrics().searched(plan.engine.name(), auto, started.elapsed());
    Ok(ranking.hits.into_iter().map(|hit| hit.item).collect())
}

#[derive(Deserialize)]
struct Native {
    results: Vec<NativeResult>,
}

#[derive(Deserialize)]
struct NativeResult {
    id: String,
}

/// The tracks of a native answer.
fn items_of(served: &Served, json: &[u8]) -> Result<Vec<ItemIdx>, Problem> {
    let snapshot: &Snapshot = &served.snapshot;
    let native: Native = serde_json::from_slice(json).map_err(|error| Problem::internal(&error))?;
    Ok(native.results.iter().filter_map(|result| find(snapshot, &result.id)).collect())
}
