//! `POST /api/v1/similar/batch`: many queries at once, answered from one generation on threads of their own.

use std::sync::Arc;
use std::time::Instant;

use actix_web::{HttpResponse, web};
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tokio::sync::Semaphore;

use crate::progress::{CancelToken, Cancelled};
use crate::query::{Batch, QueryError, SimilarRequest};
use crate::snapshot::Snapshot;

use super::batch_body::{self, Entry, Origin};
use super::batch_parts::{BatchEntry, BatchParts};
use super::json::Body;
use super::openapi::{BatchAnswer, BatchRequest, Unavailable};
use super::problem::Problem;
use super::state::{Served, State};
use super::stream::{MAX_WHOLE, PartStream, Parts};
use super::user;

/// Batches that are searched for at the same time; others wait. Two, so that a small one does not wait for a large one.
const AT_ONCE: usize = 2;

/// What all batches share.
#[derive(Debug)]
pub(super) struct Batches {
    pool: Arc<ThreadPool>,
    turns: Arc<Semaphore>,
}

impl Batches {
    /// Batches on `threads` threads; 0 for one less than there are cores, which is left to other requests.
    pub fn new(threads: usize) -> Result<Self, ThreadPoolBuildError> {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let threads = if threads == 0 { cores.saturating_sub(1).max(1) } else { threads };
        let pool = ThreadPoolBuilder::new().num_threads(threads).thread_name(|n| format!("batch-{n}"));
        Ok(Self { pool: Arc::new(pool.build()?), turns: Arc::new(Semaphore::new(AT_ONCE)) })
    }
}

/// Many queries at once
///
/// Answered from one generation, on threads of their own. One query that makes no sense does not fail the others: each has a status of
/// its own. What queries have in common is done once.
#[utoipa::path(
    post,
    path = "/api/v1/similar/batch",
    operation_id = "similarBatch",
    tag = "similarity",
    request_body(
        content = BatchRequest,
        description = "The queries. The content type does not matter.",
        examples(
            ("shared" = (summary = "Two queries with the same filter", value = json!({
                "defaults": {"k": 2, "filters": {"year": {"min": 2000}}},
                "requests": [{"targets": {"tempo": 120}}, {"targets": {"energy": 0.9}, "k": 1}],
            }))),
        ),
    ),
    responses(
        (status = 200, description = "An answer or a refusal for every query.", body = BatchAnswer),
        (status = 503, response = Unavailable),
    )
)]
pub(super) async fn post(state: web::Data<State>, body: Body) -> Result<HttpResponse, Problem> {
    // Waiting holds no thread.
    let turn = Arc::clone(&state.batches().turns)
        .acquire_owned()
        .await
        .map_err(|error| Problem::internal(&error))?;
    // The queries of a client that goes away are not searched for any more: its handler is dropped.
    let stop = StopOnDrop(CancelToken::new());
    let cancel = stop.0.clone();
    let job = {
        let state = state.clone();
        move || {
            // Kept until the search has ended, even if nobody waits for it any more.
            let _turn = turn;
            answer(&state, &body.0, &cancel)
        }
    };
    let reply = web::block(job).await.map_err(|error| Problem::internal(&error))?;
    let mut response = HttpResponse::Ok();
    response.content_type("application/json");
    Ok(match reply? {
        Reply::Whole(json) => response.body(json),
        Reply::Streamed(parts) => response.body(PartStream::new(parts)),
    })
}

/// Cancels a token when it is dropped.
struct StopOnDrop(CancelToken);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// An answer on its way out.
enum Reply {
    Whole(Vec<u8>),
    Streamed(BatchParts),
}

fn answer(state: &State, body: &[u8], cancel: &CancelToken) -> Result<Reply, Problem> {
    let started = Instant::now();
    let settings = state.settings();
    let served = state.served();
    let pool = Arc::clone(&state.batches().pool);
    let read = batch_body::read(body, settings.max_batch_requests)?;
    let n_requests = read.len();
    let (requests, origins, mut entries) = sort_out(state, &served.snapshot, read);
    let n_results: usize = requests.iter().map(|request| request.k).sum();
    if n_results > settings.max_batch_results {
        let detail = format!(
            "the `k` of all `requests` add up to {n_results}; this server returns at most {} results at once: ask for \
             fewer or split the batch",
            settings.max_batch_results
        );
        return Err(Problem::bad_request("too_many_results", detail).at("requests"));
    }
    let found = pool.install(|| Batch::find(&served.snapshot, &requests, || cancel.check()));
    // Nobody is there any more to read why.
    let batch = found
        .map_err(|error: Cancelled| Problem::unavailable("cancelled", error.to_string(), Vec::new(), true))?;
    for entry in &mut entries {
        if let BatchEntry::Found(place) = *entry
            && let Err(error) = batch.of(place)
        {
            *entry =
                BatchEntry::Refused(Problem::from(error).rename_field(|field| origins[place].path(field)));
        }
    }
    let metrics = state.metrics();
    metrics.batched(n_requests);
    for found in batch.searches() {
        metrics.searched(found.plan.engine.name(), found.prepared.is_auto(), found.took);
        state.recall().offer(&served, &found.prepared, &found.first_plan);
    }
    send(served, pool, batch, entries, started)
}

fn send(
    served: Arc<Served>,
    pool: Arc<ThreadPool>,
    batch: Batch,
    entries: Vec<BatchEntry>,
    started: Instant,
) -> Result<Reply, Problem> {
    let took_us = started.elapsed().as_micros();
    let parts = BatchParts::new(served, pool, batch, entries, took_us);
    let mut parts = parts.map_err(|error| Problem::internal(&error))?;
    if parts.n_results() > MAX_WHOLE {
        return Ok(Reply::Streamed(parts));
    }
    let mut json = Vec::new();
    while !parts.is_over() {
        json.append(&mut parts.next().map_err(|error| Problem::internal(&error))?);
    }
    Ok(Reply::Whole(json))
}

/// The requests that can be searched for, with their origins; and what there is to say to each of all, as far as that is
/// known.
fn sort_out(
    state: &State,
    snapshot: &Snapshot,
    read: Vec<Entry>,
) -> (Vec<SimilarRequest>, Vec<Origin>, Vec<BatchEntry>) {
    let (mut requests, mut origins, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    let max_k = state.settings().max_k;
    for Entry { request, origin } in read {
        let request = request.and_then(|mut request| {
            let known = user::set_weights(state, snapshot, &mut request);
            known.map(|()| request).map_err(|problem| problem.rename_field(|field| origin.path(field)))
        });
        entries.push(match request {
            Err(problem) => BatchEntry::Refused(problem),
            Ok(request) if request.k > max_k => {
                let problem = Problem::from(QueryError::k(request.k, max_k));
                BatchEntry::Refused(problem.rename_field(|field| origin.path(field)))
            }
            Ok(request) => {
                requests.push(request);
                origins.push(origin);
                BatchEntry::Found(requests.len() - 1)
            }
        });
    }
    (requests, origins, entries)
}
