//! What `/metrics` says of the worker: figures of another process, read from its status at every scrape.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::worker::WorkerStatus;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reason {
    /// `incomplete`, `stale` or `unknown`.
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfProvider {
    provider: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    /// `recorded`, `changed` or `unknown`.
    outcome: &'static str,
}

/// Without a worker the families are empty and the rest is 0.
#[derive(Debug, Default)]
pub(super) struct WorkerMetrics {
    running: Gauge,
    backlog: Family<Reason, Gauge>,
    last_run: Gauge<f64, AtomicU64>,
    last_run_failed: Gauge,
    provider_ready: Family<OfProvider, Gauge>,
    tracks: Family<Outcome, Counter>,
    runs: Counter,
    failed_runs: Counter,
    rebuilds: Counter,
    requests: Family<OfProvider, Counter>,
    failures: Family<OfProvider, Counter>,
}

impl WorkerMetrics {
    pub fn register(&self, registry: &mut Registry) {
        registry.register("worker_running", "1 while a worker refreshes tracks", self.running.clone());
        registry.register(
            "worker_backlog_tracks",
            "Tracks that lack values (incomplete), have old ones (stale) or wait because nobody knew them (unknown)",
            self.backlog.clone(),
        );
        registry.register_with_unit(
            "worker_last_run_end_timestamp",
            "When the last run ended, since 1970; 0 before the first",
            Unit::Seconds,
            self.last_run.clone(),
        );
        registry.register("worker_last_run_failed", "1 if the last run failed", self.last_run_failed.clone());
        registry.register(
            "worker_provider_ready",
            "1 for a provider that can be asked, 0 for one that is suspended, failing or off",
            self.provider_ready.clone(),
        );
        registry.register(
            "worker_tracks",
            "Refreshes recorded, those that changed a track, those that met something nobody knew",
            self.tracks.clone(),
        );
        registry.register("worker_runs", "Runs begun", self.runs.clone());
        registry.register("worker_failed_runs", "Runs that failed", self.failed_runs.clone());
        registry.register("worker_rebuilds", "Generations published by a worker", self.rebuilds.clone());
        registry.register("worker_requests", "Calls of providers, by provider", self.requests.clone());
        registry.register(
            "worker_request_failures",
            "Calls without an answer of use, by provider",
            self.failures.clone(),
        );
    }

    /// Takes over what the worker says of itself.
    pub fn update(&self, status: Option<&WorkerStatus>) {
        let none = WorkerStatus::default();
        let status = status.unwrap_or(&none);
        self.running.set(i64::from(status.state == "running"));
        let (last, current) = (status.last_run.as_ref(), status.current_run.as_ref());
        if let Some(run) = current.or(last) {
            let reasons = [
                ("incomplete", run.backlog.incomplete),
                ("stale", run.backlog.stale),
                ("unknown", run.backlog.unknown),
            ];
            for (reason, n) in reasons {
                self.backlog.get_or_create(&Reason { reason }).set(i64::try_from(n).unwrap_or(i64::MAX));
            }
            // A provider may have left the chain.
            self.provider_ready.clear();
            for provider in &run.providers {
                let labels = OfProvider { provider: provider.name.clone() };
                self.provider_ready.get_or_create(&labels).set(i64::from(provider.state == "ready"));
            }
        }
        let ended = last.and_then(|run| run.ended.parse::<jiff::Timestamp>().ok());
        self.last_run.set(ended.map_or(0.0, |ended| ended.as_millisecond() as f64 / 1_000.0));
        self.last_run_failed.set(i64::from(last.is_some_and(|run| run.outcome == "failed")));
        let totals = &status.totals;
        let outcomes =
            [("recorded", totals.recorded), ("changed", totals.changed), ("unknown", totals.unknown)];
        for (outcome, n) in outcomes {
            set(&self.tracks.get_or_create(&Outcome { outcome }), n);
        }
        set(&self.runs, totals.runs);
        set(&self.failed_runs, totals.failed_runs);
        set(&self.rebuilds, totals.rebuilds);
        for (family, by_provider) in [(&self.requests, &totals.requests), (&self.failures, &totals.failures)]
        {
            for (provider, n) in by_provider {
                set(&family.get_or_create(&OfProvider { provider: provider.clone() }), *n);
            }
        }
    }
}

/// Takes over a figure of whoever else does the counting.
pub(super) fn set(counter: &Counter, n: u64) {
    counter.inner().store(n, Ordering::Relaxed);
}
