//! `/metrics` (OpenMetrics text, which Prometheus reads), and the middleware that counts requests.

use std::fmt;
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, web};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tokio::time::timeout;

use crate::live::SwapCounts;

use super::problem::Problem;
use super::state::State;
use super::worker;
use super::worker_metrics::{WorkerMetrics, set};

/// How long a scrape waits for the worker's status.
const STATUS_PATIENCE: Duration = Duration::from_millis(250);
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    /// The pattern of the route, not the path: paths hold ids.
    route: String,
    /// `2xx` and so on.
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SearchLabels {
    engine: &'static str,
    /// `auto` or `fixed`.
    choice: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EngineLabels {
    engine: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SnapshotLabels {
    name: String,
    generation: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SwapLabels {
    /// `swapped`, `refused` or `removals`.
    result: &'static str,
}

/// What the server counts.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    searches: Family<SearchLabels, Counter>,
    search_seconds: Family<EngineLabels, Histogram, fn() -> Histogram>,
    batch_requests: Histogram,
    snapshot: Family<SnapshotLabels, Gauge>,
    items: Gauge,
    damaged: Gauge,
    verified: Gauge,
    removed: Gauge,
    swaps: Family<SwapLabels, Counter>,
    last_swap: Gauge,
    uptime: Gauge<f64, std::sync::atomic::AtomicU64>,
    worker: WorkerMetrics,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Sizes of batches that are told apart.
const BATCH_SIZES: [f64; 11] = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5];

/// 50 us to 26 s.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(50e-6, 3.0, 13))
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("nearfield"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            in_flight: Gauge::default(),
            searches: Family::default(),
            search_seconds: Family::new_with_constructor(seconds),
            // 1 to 100,000, the most there can be.
            batch_requests: Histogram::new(BATCH_SIZES),
            snapshot: Family::default(),
            items: Gauge::default(),
            damaged: Gauge::default(),
            verified: Gauge::default(),
            removed: Gauge::default(),
            swaps: Family::default(),
            last_swap: Gauge::default(),
            uptime: Gauge::default(),
            worker: WorkerMetrics::default(),
        };
        let registry = &mut metrics.registry;
        metrics.worker.register(registry);
        registry.register("http_requests", "Requests answered", metrics.requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "From a request's head to its answer's, by route",
            Unit::Seconds,
            metrics.request_seconds.clone(),
        );
        registry.register("http_requests_in_flight", "Requests being answered", metrics.in_flight.clone());
        registry.register(
            "searches",
            "Similarity searches by the engine that answered and whether it was asked for (fixed) or chosen (auto)",
            metrics.searches.clone(),
        );
        registry.register_with_unit(
            "search_duration",
            "From a parsed query to its answer (the beginning of a large one), by engine",
            Unit::Seconds,
            metrics.search_seconds.clone(),
        );
        registry.register(
            "batch_requests",
            "Requests of a batch; its count is that of the batches answered",
            metrics.batch_requests.clone(),
        );
        registry.register("snapshot_info", "1 for the generation being served", metrics.snapshot.clone());
        registry.register("snapshot_items", "Tracks in the served generation", metrics.items.clone());
        registry.register(
            "snapshot_damaged",
            "1 once the served generation was found damaged",
            metrics.damaged.clone(),
        );
        registry.register(
            "snapshot_verified",
            "1 once every file of the served generation was found whole",
            metrics.verified.clone(),
        );
        registry.register(
            "snapshot_removed",
            "Tracks in the served generation that were removed since and are not returned",
            metrics.removed.clone(),
        );
        registry.register(
            "snapshot_swaps",
            "Generations swapped in and refused, and changes of the list of removals that took effect",
            metrics.swaps.clone(),
        );
        registry.register_with_unit(
            "snapshot_last_swap_timestamp",
            "When a generation was last swapped in, since 1970; 0 for never",
            Unit::Seconds,
            metrics.last_swap.clone(),
        );
        registry.register_with_unit(
            "uptime",
            "Since the server started",
            Unit::Seconds,
            metrics.uptime.clone(),
        );
        metrics
    }

    /// Adds what others count.
    pub fn add(&mut self, register: impl FnOnce(&mut Registry)) {
        register(&mut self.registry);
    }

    /// Counts a search that was run.
    pub fn searched(&self, engine: &'static str, auto: bool, took: Duration) {
        let choice = if auto { "auto" } else { "fixed" };
        self.searches.get_or_create(&SearchLabels { engine, choice }).inc();
        self.search_seconds.get_or_create(&EngineLabels { engine }).observe(took.as_secs_f64());
    }

    /// Counts an answered batch.
    pub fn batched(&self, n_requests: usize) {
        self.batch_requests.observe(n_requests as f64);
    }

    /// Takes over what is counted where generations are exchanged.
    fn exchanged(&self, counts: SwapCounts) {
        let results =
            [("swapped", counts.swapped), ("refused", counts.refused), ("removals", counts.removals)];
        for (result, n) in results {
            set(&self.swaps.get_or_create(&SwapLabels { result }), n);
        }
        self.last_swap.set(counts.last_swap_seconds as i64);
    }

    fn requested(&self, method: &str, route: String, status: u16, took: Duration) {
        let status = match status {
            100..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            _ => "5xx",
        };
        let method = match method {
            known @ ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "PATCH") => known,
            // A client may send anything; a label for each would fill the memory.
            _ => "other",
        };
        let labels = RequestLabels { method: method.to_owned(), route: route.clone(), status };
        self.requests.get_or_create(&labels).inc();
        self.request_seconds.get_or_create(&RouteLabels { route }).observe(took.as_secs_f64());
    }
}

/// What the server counts
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "operation",
    responses(
        (status = 200, description = "OpenMetrics text, which Prometheus reads.", body = String,
            content_type = "application/openmetrics-text"),
    )
)]
pub(super) async fn show(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let metrics = state.metrics();
    let served = state.served();
    let manifest = served.snapshot.manifest();
    let labels = SnapshotLabels { name: manifest.name.clone(), generation: manifest.generation.clone() };
    metrics.snapshot.clear();
    metrics.snapshot.get_or_create(&labels).set(1);
    metrics.items.set(manifest.n_items as i64);
    metrics.damaged.set(i64::from(served.damage().is_some()));
    metrics.verified.set(i64::from(served.is_verified()));
    metrics.removed.set(served.snapshot.removed().len() as i64);
    metrics.exchanged(state.live().counts());
    metrics.uptime.set(state.uptime().as_secs_f64());
    // Where files cannot be read just now, the figures are those of the last time: a server in trouble is to be looked at.
    if let Ok(Ok(status)) = timeout(STATUS_PATIENCE, worker::status(&state)).await {
        metrics.worker.update(status.as_ref());
    }
    state.recall().refresh_metrics(&manifest.generation);
    state.cache().refresh_metrics().await;
    let mut text = String::new();
    encode(&mut text, &metrics.registry).map_err(|error| Problem::internal(&error))?;
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(text))
}

/// Counts and times every request, and logs it at level debug.
pub(super) async fn count(
    state: web::Data<State>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let started = Instant::now();
    let in_flight = InFlight::new(&state.metrics().in_flight);
    let response = next.call(request).await?;
    drop(in_flight);
    let took = started.elapsed();
    let request = response.request();
    let route = request.match_pattern().unwrap_or_else(|| UNMATCHED.to_owned());
    let (method, status) = (request.method().as_str(), response.status().as_u16());
    tracing::debug!("{method} {} {status} {} us", logged(request.uri(), &route), took.as_micros());
    state.metrics().requested(method, route, status, took);
    Ok(response)
}

/// What stands for the route of a path that leads nowhere.
const UNMATCHED: &str = "unmatched";

/// A request's address as it is logged: users are left out of it, and what leads nowhere, which may name one.
fn logged(uri: &actix_web::http::Uri, route: &str) -> String {
    let path = if route.contains("{user}") || route == UNMATCHED { route } else { uri.path() };
    match uri.query() {
        None => path.to_owned(),
        // Nobody has to decode what may be written in many ways.
        Some(query) if query.contains("user") || query.contains('%') => format!("{path}?.."),
        Some(query) => format!("{path}?{query}"),
    }
}

/// One request being answered; counted down even when its connection is dropped meanwhile.
struct InFlight(Gauge);

impl InFlight {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_not_logged() {
        let check = |uri: &'static str, route: &str, expected: &str| {
            assert_eq!(logged(&actix_web::http::Uri::from_static(uri), route), expected);
        };
        check("/api/v1/tracks/a", "/api/v1/tracks/{id}", "/api/v1/tracks/a");
        check("/api/v1/tracks?q=a", "/api/v1/tracks", "/api/v1/tracks?q=a");
        check("/api/v1/feedback/alice", "/api/v1/feedback/{user}", "/api/v1/feedback/{user}");
        check("/api/v1/feedback/alice/x", UNMATCHED, UNMATCHED);
        check("/api/v1/similar/a?k=1&user=alice", "/api/v1/similar/{id}", "/api/v1/similar/a?..");
        check("/api/v1/similar/a?%75ser=alice", "/api/v1/similar/{id}", "/api/v1/similar/a?..");
    }
}
