//! What all requests share: the served generation, settings, metrics.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::ThreadPoolBuildError;

use crate::cache::Cache;
use crate::feedback::Feedback;
use crate::live::{Live, LiveRecall};
use crate::query::MAX_K;

use super::auth::AdminAccess;
use super::batch::Batches;
use super::explain::Turns;
use super::metrics::Metrics;

pub use crate::live::Served;

/// Limits and timeouts of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The largest `k` of a query, at most [`MAX_K`].
    pub max_k: usize,
    /// The most requests of a batch.
    pub max_batch_requests: usize,
    /// The most results of a batch: what the `k` of its requests may add up to.
    pub max_batch_results: usize,
    /// Who may administer the server.
    pub admin: AdminAccess,
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
            admin: AdminAccess::Closed,
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

/// What all requests share.
#[derive(Debug)]
pub struct State {
    live: Arc<Live>,
    indexes: PathBuf,
    settings: Settings,
    metrics: Metrics,
    batches: Batches,
    explain_turns: Turns,
    /// Held by the one reload that occupies a thread; others wait without one.
    reloads: Arc<tokio::sync::Mutex<()>>,
    cache: Cache,
    recall: LiveRecall,
    feedback: Feedback,
    started: Instant,
}

impl State {
    /// Serves `live`, one of the snapshots under `indexes`. An error means that the threads for batches cannot be started.
    pub fn new(live: Arc<Live>, indexes: &Path, settings: Settings) -> Result<Self, ThreadPoolBuildError> {
        Ok(Self {
            live,
            reloads: Arc::default(),
            indexes: indexes.to_owned(),
            batches: Batches::new(settings.batch_threads)?,
            explain_turns: Turns::new(),
            settings,
            metrics: Metrics::new(),
            cache: Cache::off(),
            recall: LiveRecall::off(),
            feedback: Feedback::off(),
            started: Instant::now(),
        })
    }

    /// The same with a cache, before which there is none.
    pub fn with_cache(mut self, cache: Cache) -> Self {
        self.metrics.add(|registry| cache.register(registry));
        self.cache = cache;
        self
    }

    /// The same with live recall, which is off before.
    pub fn with_recall(mut self, recall: LiveRecall) -> Self {
        self.metrics.add(|registry| recall.register(registry));
        self.recall = recall;
        self
    }

    /// The same with feedback of users, of which there is none before.
    pub fn with_feedback(self, feedback: Feedback) -> Self {
        Self { feedback, ..self }
    }

    /// The generation being served. A handler calls this once, so that its answer belongs to one generation.
    pub fn served(&self) -> Arc<Served> {
        self.live.served()
    }

    /// What is served, and how it changes.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
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

    pub(super) fn reloads(&self) -> &Arc<tokio::sync::Mutex<()>> {
        &self.reloads
    }

    pub(super) fn batches(&self) -> &Batches {
        &self.batches
    }

    pub(super) fn explain_turns(&self) -> &Turns {
        &self.explain_turns
    }

    pub(super) fn cache(&self) -> &Cache {
        &self.cache
    }

    pub(super) fn recall(&self) -> &LiveRecall {
        &self.recall
    }

    pub(super) fn feedback(&self) -> &Feedback {
        &self.feedback
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}
