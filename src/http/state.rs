//! What all requests share: the served generation, settings, metrics, readiness.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rayon::ThreadPoolBuildError;

use crate::cache::{Cache, Identity};
use crate::index::ForestState;
use crate::query::MAX_K;
use crate::snapshot::Snapshot;

use super::batch::Batches;
use super::metrics::Metrics;

/// Limits and timeouts of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The largest `k` of a query, at most [`MAX_K`].
    pub max_k: usize,
    /// The most requests of a batch.
    pub max_batch_requests: usize,
    /// The most results of a batch: what the `k` of its requests may add up to.
    pub max_batch_results: usize,
    /// Threads that batches are searched for on; 0 for one less than there are cores.
    pub batch_threads: usize,
    /// The largest body of a request.
    pub max_body_bytes: usize,
    /// Threads that serve requests; 0 for as many as there are cores.
    pub workers: usize,
    /// How long a client may take to send the head of a request, and as long again for its body.
    pub request_timeout: Duration,
    /// How long an idle connection stays open.
    pub keep_alive: Duration,
    /// How long running requests may take once the server was asked to stop.
    pub shutdown_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_k: MAX_K,
            max_batch_requests: 1_000,
            // As many as the largest single answer has.
            max_batch_results: MAX_K,
            batch_threads: 0,
            // Two lists of 10,000 ids of the greatest length fit.
            max_body_bytes: 4 << 20,
            workers: 0,
            request_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(60),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

/// A generation being served, and what its verification found.
#[derive(Debug)]
pub struct Served {
    /// The generation.
    pub snapshot: Snapshot,
    /// Under which its answers are cached.
    identity: Identity,
    verified: OnceLock<Result<(), String>>,
}

/// What keeps a server from being ready.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unready {
    /// Each with what is the matter.
    pub reasons: Vec<String>,
    /// Whether waiting helps.
    pub passing: bool,
}

impl Served {
    fn new(snapshot: Snapshot) -> Self {
        let identity = Identity::of(snapshot.manifest());
        Self { snapshot, identity, verified: OnceLock::new() }
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What was found damaged so far.
    pub fn damage(&self) -> Option<&str> {
        self.verified.get()?.as_ref().err().map(String::as_str)
    }

    /// Whether every file was read and found whole.
    pub fn is_verified(&self) -> bool {
        matches!(self.verified.get(), Some(Ok(())))
    }

    /// What keeps it from being ready, if anything does. A verification that still runs does not.
    pub(super) fn unready(&self) -> Option<Unready> {
        let mut unready = Unready { reasons: Vec::new(), passing: true };
        match self.snapshot.forest().map(|forest| forest.state()) {
            Some(ForestState::Loading) => {
                unready.reasons.push("the forest engine is still being verified".into());
            }
            Some(ForestState::Unusable) => {
                unready.reasons.push("the forest engine failed its verification".into());
                unready.passing = false;
            }
            Some(ForestState::Ready) | None => {}
        }
        if self.damage().is_some() {
            unready.reasons.push("the snapshot is damaged; the server's log says where".into());
            unready.passing = false;
        }
        (!unready.reasons.is_empty()).then_some(unready)
    }

    /// Reads every file of the generation and remembers what it finds.
    pub fn verify(&self) {
        let manifest = self.snapshot.manifest();
        let generation = &manifest.generation;
        // A stray file is no business of the queries: it is not among those they read.
        match manifest.strays(self.snapshot.directory()) {
            Ok(strays) if !strays.is_empty() => {
                tracing::warn!(
                    "generation {generation} holds files that do not belong to it: {}",
                    strays.join(", ")
                );
            }
            Ok(_) => {}
            Err(error) => tracing::warn!("generation {generation}: {error}"),
        }
        let found = self.snapshot.verify_listed(|_| {}).map_err(|error| error.to_string());
        match &found {
            Ok(()) => tracing::info!("verified every file of generation {generation}"),
            Err(error) => tracing::error!("generation {generation}: {error}"),
        }
        // A second verification finds the same: files never change.
        let _ = self.verified.set(found);
    }
}

/// What all requests share.
#[derive(Debug)]
pub struct State {
    served: ArcSwap<Served>,
    indexes: PathBuf,
    settings: Settings,
    metrics: Metrics,
    batches: Batches,
    cache: Cache,
    started: Instant,
}

impl State {
    /// Serves `snapshot`, one of those under `indexes`. An error means that the threads for batches cannot be started.
    pub fn new(snapshot: Snapshot, indexes: &Path, settings: Settings) -> Result<Self, ThreadPoolBuildError> {
        Ok(Self {
            served: ArcSwap::from_pointee(Served::new(snapshot)),
            indexes: indexes.to_owned(),
            batches: Batches::new(settings.batch_threads)?,
            settings,
            metrics: Metrics::new(),
            cache: Cache::off(),
            started: Instant::now(),
        })
    }

    /// The same with a cache, before which there is none.
    pub fn with_cache(mut self, cache: Cache) -> Self {
        self.metrics.add(|registry| cache.register(registry));
        self.cache = cache;
        self
    }

    /// The generation being served. A handler calls this once, so that its answer belongs to one generation.
    pub fn served(&self) -> Arc<Served> {
        self.served.load_full()
    }

    /// Serves another generation from now on; running requests end on the one they began with.
    pub fn replace(&self, snapshot: Snapshot) {
        self.served.store(Arc::new(Served::new(snapshot)));
        // Its keys would never be asked for again: they would only take room.
        self.cache.forget_local();
    }

    /// Where the snapshots are.
    pub fn indexes(&self) -> &Path {
        &self.indexes
    }

    /// Limits and timeouts.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How long the server has been running.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn batches(&self) -> &Batches {
        &self.batches
    }

    pub(super) fn cache(&self) -> &Cache {
        &self.cache
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}
