//! One run: select, then step by step (`step.rs`) ask and record, then rebuild, then say what came of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::runtime::Runtime;

use crate::artifact::SnapshotDir;
use crate::progress::{CancelToken, Progress};
use crate::store::{RefreshStore, StoreError};
use crate::track::TrackId;

use super::chain::Chain;
use super::clock::{Clock, SystemClock};
use super::heartbeat::Heartbeat;
use super::providers::{self, Call, Provider};
use super::rebuild::{RebuildReport, rebuild_if_due};
use super::rfc3339;
use super::select::{Wants, select};
use super::settings::{RebuildSettings, Settings};
use super::state::WorkerState;
use super::status::StatusFile;
use super::summary::{Backlog, ProviderReport, RunSummary};

/// How often a running worker says that it is there, whatever it is at. A build may take longer than a silence is allowed to.
const HEARTBEAT_PERIOD: Duration = Duration::from_secs(60);

/// What refreshes a catalogue, run after run.
pub struct Worker<'a> {
    pub(super) store: &'a dyn RefreshStore,
    store_name: String,
    snapshot: &'a SnapshotDir,
    status: Arc<StatusFile>,
    pub(super) settings: Settings,
    calls: Vec<Box<dyn Call>>,
    runtime: &'a Runtime,
    progress: &'a Progress,
    cancel: &'a CancelToken,
}

impl std::fmt::Debug for Worker<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("store", &self.store_name).finish_non_exhaustive()
    }
}

/// Why a run could not go on. What it recorded is kept.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The catalogue failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no client for HTTP.
    #[error("requests cannot be made: {0}")]
    Client(#[from] reqwest::Error),
}

impl<'a> Worker<'a> {
    /// Prepares to refresh `store`, which is called `store_name` in reports, for `snapshot`.
    pub fn new(
        store: &'a dyn RefreshStore,
        store_name: String,
        snapshot: &'a SnapshotDir,
        settings: Settings,
        runtime: &'a Runtime,
        progress: &'a Progress,
        cancel: &'a CancelToken,
    ) -> Result<Self, WorkerError> {
        let calls = providers::calls(&settings)?;
        let status = Arc::new(StatusFile::new(snapshot.clone(), store_name.clone()));
        Ok(Self { store, store_name, snapshot, status, settings, calls, runtime, progress, cancel })
    }

    /// One run; with `rebuild` a build follows once enough tracks have changed. What went wrong with providers or
    /// with the build is in the summary.
    pub fn run(&self, rebuild: Option<RebuildSettings>) -> Result<RunSummary, WorkerError> {
        let clock = SystemClock(self.runtime);
        let began = Instant::now();
        let mut state = WorkerState::parse(self.store.worker_state()?.as_deref(), clock.now_ms());
        state.totals.runs += 1;
        if let Some(credentials) = &self.settings.credentials {
            // What is refused to an application is refused to that one only.
            let application = blake3::hash(credentials.id.as_bytes()).to_hex()[..16].to_owned();
            state.identify(Provider::Spotify.name(), application);
        }
        if self.settings.probe {
            state.probe();
            // At once: what is stored would count again with the next save.
            self.store.set_worker_state(&state.to_text())?;
        }
        let random = StdRng::seed_from_u64(clock.now_ms() as u64 ^ u64::from(std::process::id()));
        let save = |state: &mut WorkerState| state.save(self.store, clock.now_ms());
        let chain = Chain::new(
            &self.calls,
            &self.settings.providers,
            state,
            &clock,
            self.runtime,
            self.cancel,
            self.settings.backoff,
            random,
            &save,
        );
        let started = rfc3339(clock.now_ms());
        let summary = RunSummary { started, outcome: "running".into(), ..RunSummary::default() };
        let mut run = Run { worker: self, chain, clock: &clock, summary };
        let status = Arc::clone(&self.status);
        let heartbeat = Heartbeat::start(HEARTBEAT_PERIOD, move || status.touch());
        let worked = run.work();
        if worked.is_ok() && !self.cancel.is_cancelled() {
            run.rebuild(rebuild);
        }
        drop(heartbeat);
        run.summary.seconds = began.elapsed().as_secs_f64();
        run.finish(worked)
    }

    /// Says that the worker waits for its next run, or has ended.
    pub fn rest(&self, next_run_ms: Option<i64>) {
        self.status.update(|status| {
            status.state = if next_run_ms.is_some() { "waiting" } else { "ended" }.to_owned();
            status.next_run = next_run_ms.map(rfc3339);
            status.current_run = None;
        });
    }
}

/// One run under way.
pub(super) struct Run<'a> {
    pub worker: &'a Worker<'a>,
    pub chain: Chain<'a>,
    pub clock: &'a SystemClock<'a>,
    pub summary: RunSummary,
}

impl Run<'_> {
    /// Selects and asks until everything selected was asked for, nobody is left to ask, or the work is to stop.
    fn work(&mut self) -> Result<(), WorkerError> {
        self.chain.save()?;
        self.show();
        let mut usable = self.chain.usable();
        let mut done = BTreeSet::new();
        let mut left = self.select(&done)?;
        self.summary.backlog_before = self.summary.backlog;
        let Backlog { incomplete, stale, .. } = self.summary.backlog;
        tracing::info!("{} of {incomplete} incomplete and {stale} stale tracks chosen", left.len());
        self.show();
        let phase = self.worker.progress.phase("refresh", left.len() as u64, "tracks");
        while !left.is_empty() && !self.worker.cancel.is_cancelled() {
            let now_usable = self.chain.usable();
            if now_usable == Wants::default() {
                tracing::warn!("no provider is left to ask");
                break;
            }
            if now_usable != usable {
                // Tracks that only somebody could help who is out now must not take the place of others.
                usable = now_usable;
                left = self.select(&done)?;
                continue;
            }
            let rest = left.split_off(left.len().min(self.chain.step_size()));
            let step = std::mem::replace(&mut left, rest);
            self.step(&step, &phase)?;
            done.extend(step);
        }
        self.summary.not_answered += left.len() as u64;
        Ok(())
    }

    /// What is to be asked for besides what is `done`, as far as the limit goes.
    fn select(&mut self, done: &BTreeSet<TrackId>) -> Result<Vec<TrackId>, WorkerError> {
        let Settings { limit, stale_after, .. } = self.worker.settings;
        // The backlog is what there is to do once everybody answers again.
        let (backlog, ids) = select(
            self.worker.store,
            self.chain.all(),
            self.chain.usable(),
            self.clock.now_ms(),
            stale_after,
            limit.saturating_sub(done.len()),
            done,
        )?;
        self.summary.backlog = backlog;
        self.summary.selected = (done.len() + ids.len()) as u64;
        Ok(ids)
    }

    fn rebuild(&mut self, settings: Option<RebuildSettings>) {
        let Some(settings) = settings else { return };
        let Worker { store, store_name, snapshot, progress, cancel, .. } = self.worker;
        let report = rebuild_if_due(*store, store_name, snapshot, settings, progress, cancel);
        let report = report.unwrap_or_else(|error| {
            let error = Some(error.to_string());
            RebuildReport { needed: settings.after, error, ..RebuildReport::default() }
        });
        self.chain.state.totals.rebuilds += u64::from(report.generation.is_some());
        self.summary.rebuild = Some(report);
    }

    /// Says how it ended, durably.
    fn finish(mut self, worked: Result<(), WorkerError>) -> Result<RunSummary, WorkerError> {
        self.summary.ended = rfc3339(self.clock.now_ms());
        self.summary.providers = self.chain.reports();
        let error = match &worked {
            Err(error) => Some(error.to_string()),
            Ok(()) => self.failure(),
        };
        self.summary.outcome = match &error {
            Some(_) => "failed",
            None if self.worker.cancel.is_cancelled() => "interrupted",
            None => "done",
        }
        .to_owned();
        self.chain.state.totals.failed_runs += u64::from(error.is_some());
        self.summary.error = error;
        let saved = self.chain.save();
        let totals = self.chain.state.totals.clone();
        let summary = self.summary.clone();
        self.worker.status.update(move |status| {
            "ended".clone_into(&mut status.state);
            status.totals = totals;
            status.current_run = None;
            status.last_run = Some(summary);
        });
        worked?;
        saved?;
        Ok(self.summary)
    }

    /// Why the run counts as failed although the catalogue is fine.
    fn failure(&self) -> Option<String> {
        let rebuild = self.summary.rebuild.as_ref().and_then(|rebuild| rebuild.error.as_ref());
        if self.worker.cancel.is_cancelled() {
            return None;
        }
        if let Some(error) = rebuild {
            return Some(format!("no new generation was published: {error}"));
        }
        let Backlog { incomplete, stale, .. } = self.summary.backlog_before;
        let nobody = self.chain.all() == Wants::default();
        if self.summary.recorded > 0 || (incomplete + stale == 0 && !nobody) {
            return None;
        }
        let unready = self.summary.providers.iter().filter(|provider| provider.state != "ready");
        let unready: Vec<String> = unready.map(ProviderReport::standing).collect();
        let reasons = if unready.is_empty() { "no provider answered".to_owned() } else { unready.join("; ") };
        Some(format!("nothing could be refreshed: {reasons}"))
    }

    /// Writes the status file.
    pub fn show(&mut self) {
        self.summary.providers = self.chain.reports();
        let (summary, totals) = (self.summary.clone(), self.chain.state.totals.clone());
        self.worker.status.update(move |status| {
            "running".clone_into(&mut status.state);
            status.next_run = None;
            status.totals = totals;
            status.current_run = Some(summary);
        });
    }
}
