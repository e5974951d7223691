//! `POST /api/v1/similar` and `GET /api/v1/similar/{id}`: the tracks most similar to a query.

use std::time::Instant;

use actix_web::{HttpRequest, HttpResponse, web};

use crate::query::{Answer, Prepared, QueryError, SimilarRequest};
use crate::snapshot::Snapshot;

use super::json::Json;
use super::problem::Problem;
use super::similar_form::{parameter_of, request};
use super::state::{Served, State};

/// Searches that take longer than this, in microseconds, leave the thread of the request. Below it, handing over
/// costs more than it saves.
const INLINE_US: f64 = 1_000.0;
/// Tracks that can be filtered, and ids that can be looked up, within [`INLINE_US`].
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
    let found = if prepares_quickly(&served.snapshot, &request) {
        let prepared = Prepared::new(&served.snapshot, &request)?;
        if prepared.estimated_us(&served.snapshot) <= INLINE_US {
            finish(&served, &prepared, started)
        } else {
            aside(move || finish(&served, &prepared, started)).await
        }
    } else {
        aside(move || finish(&served, &Prepared::new(&served.snapshot, &request)?, started)).await
    };
    let found = found?;
    state.metrics().searched(found.engine, auto, started.elapsed());
    Ok(HttpResponse::Ok().content_type("application/json").body(found.json))
}

/// An answer on its way out.
struct Encoded {
    engine: &'static str,
    json: Vec<u8>,
}

fn finish(served: &Served, prepared: &Prepared, started: Instant) -> Result<Encoded, Problem> {
    let answer: Answer = prepared.answer(&served.snapshot, started)?;
    let json = serde_json::to_vec(&answer).map_err(|error| Problem::internal(&error))?;
    Ok(Encoded { engine: answer.engine, json })
}

/// Runs `work` on the blocking pool.
async fn aside(work: impl FnOnce() -> Result<Encoded, Problem> + Send + 'static) -> Result<Encoded, Problem> {
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
    n_ids <= INLINE_IDS && (filters.is_empty() || snapshot.items().len() <= INLINE_FILTER_ITEMS)
}
