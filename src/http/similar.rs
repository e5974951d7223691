//! `POST /api/v1/similar` and `GET /api/v1/similar/{id}`: the tracks most similar to a query.

use std::sync::Arc;
use std::time::Instant;

use actix_web::{HttpRequest, HttpResponse, web};

use crate::query::{Answer, Plan, Prepared, QueryError, SimilarRequest};
use crate::snapshot::Snapshot;

use super::json::Json;
use super::problem::Problem;
use super::similar_form::{parameter_of, request};
use super::state::{Served, State};
use super::stream::{AnswerParts, MAX_WHOLE, PartStream};

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
    let auto = request.engine == "auto";
    let served = state.served();
    let reply = if prepares_quickly(&served.snapshot, &request) {
        let prepared = Prepared::new(&served.snapshot, &request)?;
        let plan = prepared.plan(&served.snapshot, prepared.k);
        if prepared.estimated_us(&served.snapshot, &plan) <= INLINE_US {
            reply(served, prepared, plan, started)
        } else {
            aside(move || reply(served, prepared, plan, started)).await
        }
    } else {
        aside(move || {
            let prepared = Prepared::new(&served.snapshot, &request)?;
            let plan = prepared.plan(&served.snapshot, prepared.k);
            reply(served, prepared, plan, started)
        })
        .await
    };
    let Reply { engine, body } = reply?;
    state.metrics().searched(engine, auto, started.elapsed());
    let mut response = HttpResponse::Ok();
    response.content_type("application/json");
    Ok(match body {
        Body::Whole(json) => response.body(json),
        Body::Streamed(parts) => response.body(PartStream::new(*parts)),
    })
}

/// An answer on its way out.
struct Reply {
    engine: &'static str,
    body: Body,
}

enum Body {
    Whole(Vec<u8>),
    Streamed(Box<AnswerParts>),
}

fn reply(served: Arc<Served>, prepared: Prepared, plan: Plan, started: Instant) -> Result<Reply, Problem> {
    let snapshot = &served.snapshot;
    let (plan, hits) = prepared.find_by(snapshot, plan)?;
    let engine = plan.engine.name();
    let body = if hits.len() <= MAX_WHOLE {
        let results = prepared.show(snapshot, &hits, 0)?;
        Body::Whole(encode(&Answer::new(snapshot, &prepared, plan, results, started.elapsed()))?)
    } else {
        let head = encode(&Answer::new(snapshot, &prepared, plan, Vec::new(), started.elapsed()))?;
        Body::Streamed(Box::new(AnswerParts::new(served, prepared, hits, head)))
    };
    Ok(Reply { engine, body })
}

fn encode(answer: &Answer) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(answer).map_err(|error| Problem::internal(&error))
}

/// Runs `work` on the blocking pool.
async fn aside(work: impl FnOnce() -> Result<Reply, Problem> + Send + 'static) -> Result<Reply, Problem> {
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
