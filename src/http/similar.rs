//! `POST /api/v1/similar` and `GET /api/v1/similar/{id}`: the tracks most similar to a query.

use std::sync::Arc;
use std::time::Instant;

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};

use crate::query::{Answer, Plan, Prepared, QueryError, Ranking, SimilarRequest};
use crate::snapshot::Snapshot;

use super::json::Json;
use super::pieces::encode;
use super::problem::Problem;
use super::similar_form::{parameter_of, request};
use super::state::{Served, State};
use super::stream::{AnswerParts, MAX_WHOLE, PartStream};
use super::{cache_status, cached};

/// Searches that take longer than this, in microseconds, leave the thread of the request. Below it, handing over
/// costs more than it saves.
const INLINE_US: f64 = 1_000.0;
/// Tracks that can be filtered anew, and ids that can be looked up, within [`INLINE_US`].
const INLINE_FILTER_ITEMS: usize = 50_000;
const INLINE_IDS: usize = 200;

/// `POST /api/v1/similar`
pub(super) async fn post(
    state: web::Data<State>,
    body: Json<SimilarRequest>,
) -> Result<HttpResponse, Problem> {
    answer(state, body.0).await
}

/// `GET /api/v1/similar/{id}`
pub(super) async fn get(
    state: web::Data<State>,
    id: web::Path<String>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let request = request(id.into_inner(), http.query_string())?;
    let rename = |field: &str| parameter_of(field, http.query_string());
    answer(state, request).await.map_err(|problem| problem.rename_field(rename))
}

async fn answer(state: web::Data<State>, request: SimilarRequest) -> Result<HttpResponse, Problem> {
    let started = Instant::now();
    let max_k = state.settings().max_k;
    if request.k > max_k {
        return Err(QueryError::k(request.k, max_k).into());
    }
    let served = state.served();
    let work = if prepares_quickly(&served.snapshot, &request) {
        Work::new(served, &request)?
    } else {
        aside(move || Work::new(served, &request)).await?
    };
    let mut response = HttpResponse::Ok();
    response.content_type("application/json");
    if state.cache().is_off() {
        return uncached(&state, work, response, started).await;
    }
    if work.prepared.k > MAX_WHOLE {
        response.insert_header((cache_status::NAME, cache_status::TOO_LARGE));
        return uncached(&state, work, response, started).await;
    }
    let (pieces, seen) = cached::answer(&state, work, started).await?;
    response.insert_header((cache_status::NAME, cache_status::value(&seen)));
    Ok(response.body(pieces.joined(started.elapsed())))
}

/// A request that is ready to be searched for.
#[derive(Debug)]
pub(super) struct Work {
    pub served: Arc<Served>,
    pub prepared: Prepared,
    pub plan: Plan,
    /// About how many microseconds the answer takes.
    pub estimated_us: f64,
}

impl Work {
    fn new(served: Arc<Served>, request: &SimilarRequest) -> Result<Self, Problem> {
        let prepared = Prepared::new(&served.snapshot, request)?;
        let plan = prepared.plan(&served.snapshot, prepared.depth());
        let estimated_us = prepared.estimated_us(&served.snapshot, &plan);
        Ok(Self { served, prepared, plan, estimated_us })
    }

    /// The ranking, with the plan that found it.
    pub fn find(&self) -> Result<(Plan, Ranking), QueryError> {
        self.prepared.find_by(&self.served.snapshot, self.plan.clone())
    }
}

/// Runs `job` where it belongs: here if it takes about `estimated_us` and that is short, else on the blocking pool.
pub(super) async fn run<T: Send + 'static>(
    estimated_us: f64,
    job: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    if estimated_us <= INLINE_US { job() } else { aside(job).await }
}

async fn uncached(
    state: &State,
    work: Work,
    mut response: HttpResponseBuilder,
    started: Instant,
) -> Result<HttpResponse, Problem> {
    let auto = work.prepared.is_auto();
    let (engine, body) = run(work.estimated_us, move || reply(work, started)).await?;
    state.metrics().searched(engine, auto, started.elapsed());
    Ok(match body {
        Body::Whole(json) => response.body(json),
        Body::Streamed(parts) => response.body(PartStream::new(*parts)),
    })
}

/// An answer on its way out.
enum Body {
    Whole(Vec<u8>),
    Streamed(Box<AnswerParts>),
}

fn reply(work: Work, started: Instant) -> Result<(&'static str, Body), Problem> {
    let (plan, ranking) = work.find()?;
    let n_results = ranking.hits.len();
    let Work { served, prepared, .. } = work;
    let snapshot = &served.snapshot;
    let engine = plan.engine.name();
    let body = if n_results <= MAX_WHOLE {
        let results = prepared.show(snapshot, &ranking, 0..n_results)?;
        Body::Whole(encode(&Answer::new(snapshot, &prepared, plan, results, started.elapsed()))?)
    } else {
        let head = encode(&Answer::new(snapshot, &prepared, plan, Vec::new(), started.elapsed()))?;
        Body::Streamed(Box::new(AnswerParts::new(served, prepared, ranking, head)))
    };
    Ok((engine, body))
}

/// Runs `work` on the blocking pool.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    web::block(work).await.map_err(|error| Problem::internal(&error))?
}

/// Whether validating the request and compiling its filters takes next to no time.
fn prepares_quickly(snapshot: &Snapshot, request: &SimilarRequest) -> bool {
    let filters = &request.filters;
    let n_ids = request.seeds.len()
        + request.negative_seeds.len()
        + filters.ids.len()
        + filters.exclude_ids.len()
        + filters.genres.len()
        + filters.artists.len()
        + filters.exclude_artists.len();
    n_ids <= INLINE_IDS && (snapshot.items().len() <= INLINE_FILTER_ITEMS || filters.are_compiled(snapshot))
}
