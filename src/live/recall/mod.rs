//! Live recall: what the engines find of what they are really asked for. A share of the queries that were searched for is
//! searched for again in the background, with the same plan on the same generation, and compared with a scan of every row.
//! Searches are deterministic, so what is found again is what was served, before results were left out for the sake of
//! diversity.
//!
//! ```text
//! mod.rs     which queries are taken, the thread that measures them
//! window.rs  what was measured of late, by engine
//! figures.rs the same for /metrics
//! ```
//!
//! No request waits for any of this: a query that finds the queue full is dropped. The thread yields to all others, and
//! rests after every query for as long as its share of one processor asks for.

mod figures;
mod window;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fmt, io};

use prometheus_client::registry::Registry;

use crate::eval::recall_by_score;
use crate::index::EngineKind;
use crate::query::{Plan, Prepared, QueryError};

use super::{Live, Served};

pub use window::{MAX_AGE, MAX_SAMPLES, WindowView};

use figures::{Dropped, Figures};
use window::Windows;

/// Queries that wait to be measured: enough to outlast a rest, few enough that their filters take little memory.
const QUEUE: usize = 64;
/// The largest `k` of a query that is taken: beyond, one query would take the time of many.
const MAX_MEASURED_K: usize = 1_000;
/// The longest rest, however small the share.
const MAX_REST: Duration = Duration::from_secs(24 * 60 * 60);

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecallSettings {
    /// The share of the queries searched for that is taken, 0 to 1; 0 turns it off.
    pub share: f64,
    /// The most that measuring may take of one processor, above 0 and at most 1.
    pub cpu_share: f64,
}

impl RecallSettings {
    /// Nothing is measured.
    pub const OFF: Self = Self { share: 0.0, cpu_share: 1.0 };
}

/// Measures until it is dropped.
pub struct LiveRecall {
    settings: RecallSettings,
    shared: Arc<Shared>,
    thread: Option<Measuring>,
}

struct Shared {
    windows: Mutex<Windows>,
    figures: Figures,
}

/// The thread, and what ends it when it is dropped.
struct Measuring {
    queries: SyncSender<Query>,
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

/// A query that was answered.
struct Query {
    served: Arc<Served>,
    prepared: Prepared,
    plan: Plan,
}

impl fmt::Debug for LiveRecall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LiveRecall({:?})", self.settings)
    }
}

impl LiveRecall {
    /// Measures nothing.
    pub fn off() -> Self {
        Self { settings: RecallSettings::OFF, shared: Arc::new(Shared::new()), thread: None }
    }

    /// Measures what `live` serves. An error means that the thread cannot be started.
    pub fn start(live: Arc<Live>, settings: RecallSettings) -> io::Result<Self> {
        if settings.share <= 0.0 {
            return Ok(Self::off());
        }
        let shared = Arc::new(Shared::new());
        let (queries, asked) = sync_channel(QUEUE);
        let (stop, stopped) = channel();
        let run = {
            let shared = Arc::clone(&shared);
            move || {
                yield_to_others();
                run(&live, &shared, settings.cpu_share, &asked, &stopped);
            }
        };
        let thread = thread::Builder::new().name("recall".into()).spawn(run)?;
        Ok(Self { settings, shared, thread: Some(Measuring { queries, stop, thread }) })
    }

    /// How much is measured.
    pub fn settings(&self) -> RecallSettings {
        self.settings
    }

    /// Tells of a query that was searched for, with the plan that was followed first: it may be measured. Takes next to no time, and
    /// never waits.
    pub fn offer(&self, served: &Arc<Served>, prepared: &Prepared, plan: &Plan) {
        let Some(Measuring { queries, .. }) = &self.thread else { return };
        if prepared.k > MAX_MEASURED_K || rand::random::<f64>() >= self.settings.share {
            return;
        }
        let mut prepared = prepared.clone();
        if prepared.allowed.is_none() {
            // A batch does not keep what its filters let pass; removed tracks are left out in any case.
            if prepared.filter.is_some() {
                return;
            }
            prepared.allowed = served.snapshot.remaining().map(Arc::clone);
        }
        let query = Query { served: Arc::clone(served), prepared, plan: plan.clone() };
        let why = match queries.try_send(query) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => Dropped::QueueFull,
            Err(TrySendError::Disconnected(_)) => Dropped::Stopped,
        };
        self.shared.figures.dropped(plan.engine, why);
    }

    /// What was measured of late of `generation`, by engine.
    pub fn of(&self, generation: &str) -> Vec<(EngineKind, WindowView)> {
        self.shared.windows().view(generation, Instant::now())
    }

    /// Adds its figures to a registry.
    pub fn register(&self, registry: &mut Registry) {
        self.shared.figures.register(registry);
    }

    /// Brings the gauges up to date, `generation` being served.
    pub fn refresh_metrics(&self, generation: &str) {
        self.shared.figures.show(&self.of(generation));
    }
}

impl Drop for LiveRecall {
    fn drop(&mut self) {
        if let Some(Measuring { queries, stop, thread }) = self.thread.take() {
            drop((queries, stop));
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn new() -> Self {
        Self { windows: Mutex::default(), figures: Figures::default() }
    }

    fn windows(&self) -> MutexGuard<'_, Windows> {
        // A panic elsewhere harms nothing: what is in there are numbers.
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives way to every other thread that has something to do.
fn yield_to_others() {
    // Elsewhere this would be the priority of the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 19) {
        tracing::debug!("live recall runs at normal priority: {error}");
    }
}

fn run(live: &Live, shared: &Shared, cpu_share: f64, asked: &Receiver<Query>, stopped: &Receiver<()>) {
    // Until nobody can ask any more.
    for query in asked {
        let engine = query.plan.engine;
        let generation = query.served.generation();
        if generation != live.served().generation() {
            shared.figures.dropped(engine, Dropped::Superseded);
            continue;
        }
        let started = Instant::now();
        match measure(&query) {
            Ok(recall) => {
                shared.windows().add(generation, engine, recall, Instant::now());
                shared.figures.measured(engine);
            }
            // Whoever asked was told.
            Err(_) => shared.figures.dropped(engine, Dropped::Failed),
        }
        // What was served before may be waiting to be closed.
        drop(query);
        match stopped.recv_timeout(rest(started.elapsed(), cpu_share)) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// How long to rest after working for so long, so that the work is `cpu_share` of the time; a day at most.
fn rest(worked: Duration, cpu_share: f64) -> Duration {
    let seconds = worked.as_secs_f64() * (1.0 / cpu_share - 1.0).max(0.0);
    // Beyond what a duration can hold, infinity included.
    Duration::try_from_secs_f64(seconds).map_or(MAX_REST, |rest| rest.min(MAX_REST))
}

/// Tie-aware recall of what the plan finds, against a scan that scores every row that may be returned.
fn measure(query: &Query) -> Result<f64, QueryError> {
    let Query { served, prepared, plan } = query;
    let found = prepared.plain_ranking(&served.snapshot, plan)?;
    let truth: Vec<f32> = prepared.scan(&served.snapshot).iter().map(|hit| hit.score).collect();
    Ok(recall_by_score(&truth, &found))
}

#[cfg(test)]
mod tests;
