//! `POST /api/v1/similar` and `GET /api/v1/similar/{id}`: the tracks most similar to a query.

use std::sync::Arc;
use std::time::Instant;

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};

use crate::query::{Answer, EngineName, Plan, Prepared, ProfileName, QueryError, Ranking, SimilarRequest};
use crate::snapshot::Snapshot;

use super::json::Json;
use super::openapi::{NotFound, SAMPLE_ID, Unavailable};
use super::pieces::encode;
use super::problem::Problem;
use super::similar_form::{parameter_of, request};
use super::state::{Served, State};
use super::stream::{AnswerParts, MAX_WHOLE, PartStream};
use super::{cache_status, cached, user};

/// Searches that take longer than this, in microseconds, leave the thread of the request. Below it, handing over
/// costs more than it saves.
const INLINE_US: f64 = 1_000.0;
/// Tracks that can be filtered anew, and ids that can be looked up, within [`INLINE_US`].
const INLINE_FILTER_ITEMS: usize = 50_000;
const INLINE_IDS: usize = 200;

/// The tracks most similar to a query
///
/// There must be a seed or a target; everything else has a default. Results are ordered by similarity, equal ones by id; seeds are
/// never among them. Filters are exact: fewer than `k` results mean that no more exist.
///
/// Answers of up to 1,000 results are cached; larger ones are sent in parts as they are made.
#[utoipa::path(
    post,
    path = "/api/v1/similar",
    operation_id = "similar",
    tag = "similarity",
    request_body(
        content = SimilarRequest,
        description = "The query. The content type does not matter.",
        examples(
            ("targets" = (summary = "Raw values to aim at", value = json!({"targets": {"tempo": 120, "energy": 0.8}, "k": 3}))),
            ("explained" = (summary = "With weights, filters and explanations", value = json!({
                "targets": {"tempo": 100, "valence": 0.3},
                "base_weights": "mood",
                "weights": {"tempo": 2},
                "filters": {"year": {"min": 1990}, "features": {"loudness": {"max": -4}}},
                "k": 5,
                "explain": true,
            }))),
            ("diverse" = (summary = "One track an artist, unlike each other", value = json!({
                "targets": {"danceability": 0.8}, "max_per_artist": 1, "diversity": 0.3, "k": 10,
            }))),
        ),
    ),
    responses(
        (status = 200, description = "The answer.", body = Answer, headers(
                ("Cache-Status" = String, description = "What the caches did (RFC 9211); absent where the server has none")
            )),
        (status = 404, response = NotFound),
        (status = 503, response = Unavailable),
    )
)]
pub(super) async fn post(
    state: web::Data<State>,
    body: Json<SimilarRequest>,
) -> Result<HttpResponse, Problem> {
    answer(state, body.0).await
}

/// The tracks most similar to one
///
/// The same query with one seed. An unknown parameter is refused, and so is one that is given twice. The parameters that end in
/// `FEATURE` stand for one for each feature; those that are described as an object are sent one by one: `weight.energy=2&weight.tempo=1`.
#[utoipa::path(
    get,
    path = "/api/v1/similar/{id}",
    operation_id = "similarTo",
    tag = "similarity",
    params(
        ("id" = String, Path, description = "The track: its id, `spotify:track:ID` or its address at Spotify", min_length = 1,
            example = json!(SAMPLE_ID)),
        ("k" = Option<usize>, Query, description = "How many tracks; at most 1,000 with `diversity`", minimum = 1,
            maximum = 1_000_000, nullable = false),
        ("engine" = Option<EngineName>, Query, description = "Which engine", nullable = false),
        ("recall" = Option<f64>, Query, description = "The recall that `auto` has to meet", exclusive_minimum = 0, maximum = 1,
            nullable = false),
        ("anchor" = Option<f64>, Query, description = "The anchor; the schema's where absent", minimum = 0, maximum = 1_000_000,
            nullable = false),
        ("base_weights" = Option<ProfileName>, Query, description = "The profile that `weight.FEATURE` overrides"),
        ("user" = Option<String>, Query, description = "Whose feedback gives the weights that `weight.FEATURE` overrides",
            min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9][A-Za-z0-9._:~-]*$", nullable = false),
        ("explain" = Option<bool>, Query, description = "Whether to explain every result"),
        ("max_per_artist" = Option<usize>, Query, description = "At most this many tracks with the same main artist", minimum = 1),
        ("collapse_duplicates" = Option<bool>, Query, description = "Whether other recordings of the same song are left out; true where absent"),
        ("diversity" = Option<f64>, Query, description = "0 ranks by similarity alone, up to 1 by being unlike what is already in \
            the answer", minimum = 0, maximum = 1),
        ("genres" = Option<Vec<String>>, Query, description = "Any of these genres, separated by commas", style = Form,
            explode = false),
        ("artists" = Option<Vec<String>>, Query, description = "By any of these artists, separated by commas", style = Form,
            explode = false),
        ("exclude_artists" = Option<Vec<String>>, Query, description = "By none of these artists, separated by commas",
            style = Form, explode = false),
        ("exclude_ids" = Option<Vec<String>>, Query, description = "None of these tracks, separated by commas", style = Form,
            explode = false),
        ("explicit" = Option<bool>, Query, description = "Explicit or not"),
        ("year.min" = Option<f64>, Query, description = "The first year of release"),
        ("year.max" = Option<f64>, Query, description = "The last year of release"),
        ("popularity.min" = Option<f64>, Query, description = "The least popularity, 0 to 100"),
        ("popularity.max" = Option<f64>, Query, description = "The greatest popularity, 0 to 100"),
    ),
    responses(
        (status = 200, description = "The answer, as that of `POST`.", body = Answer, headers(
                ("Cache-Status" = String, description = "What the caches did (RFC 9211); absent where the server has none")
            )),
        (status = 404, response = NotFound),
        (status = 503, response = Unavailable),
    )
)]
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
    let work = prepare(&state, state.served(), request).await?;
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

/// Validates `request` against the generation it is to be answered from.
pub(super) async fn prepare(
    state: &web::Data<State>,
    served: Arc<Served>,
    request: SimilarRequest,
) -> Result<Work, Problem> {
    let max_k = state.settings().max_k;
    if request.k > max_k {
        return Err(QueryError::k(request.k, max_k).into());
    }
    let request = user::with_weights(state, &served, request).await?;
    if prepares_quickly(&served.snapshot, &request) {
        Work::new(served, &request)
    } else {
        aside(move || Work::new(served, &request)).await
    }
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

    /// The ranking, with the plan that found it. Live recall may take the query.
    pub fn find(&self, state: &State) -> Result<(Plan, Ranking), QueryError> {
        let found = self.prepared.find_by(&self.served.snapshot, self.plan.clone())?;
        state.recall().offer(&self.served, &self.prepared, &self.plan);
        Ok(found)
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
    state: &web::Data<State>,
    work: Work,
    mut response: HttpResponseBuilder,
    started: Instant,
) -> Result<HttpResponse, Problem> {
    let (auto, estimated_us) = (work.prepared.is_auto(), work.estimated_us);
    let job = {
        let state = state.clone();
        move || reply(&state, work, started)
    };
    let (engine, body) = run(estimated_us, job).await?;
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

fn reply(state: &State, work: Work, started: Instant) -> Result<(&'static str, Body), Problem> {
    let (plan, ranking) = work.find(state)?;
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
pub(super) async fn aside<T: Send + 'static>(
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
