//! Redis, or another store that can be slow, full, gone or wrong, made harmless: a request waits for it for a bounded
//! time, not at all after a few failures, and takes nothing from it that is not what was put there.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};

use super::breaker::{Permit, Turn};
use super::events::{Events, Operation};
use super::guard::Guard;
use super::key::Key;
use super::sealed;
use super::settings::Settings;
use super::store::{ByteStore, StoreError, Value, reply_within};
use super::trace::Trace;
use super::writer::Writer;

/// Foreign values under our keys are logged once in so long.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// The store was not asked, or did not answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

/// A store behind breaker, time limit and seal.
#[derive(Debug)]
pub struct Remote {
    store: Arc<dyn ByteStore>,
    reads: Arc<Guard>,
    writer: Writer,
    timeout: Duration,
    events: Arc<Events>,
    foreign_logged: Mutex<Option<Instant>>,
    runtime: Background,
}

/// A runtime of its own for the connection: the threads of requests compute for milliseconds at times.
#[derive(Debug)]
struct Background(Option<Runtime>, Handle);

impl Background {
    fn new() -> io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("cache").enable_all().build()?;
        let handle = runtime.handle().clone();
        Ok(Self(Some(runtime), handle))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Waiting is not allowed where a server drops its state.
            runtime.shutdown_background();
        }
    }
}

impl Remote {
    /// The store that `open` makes on the runtime it is given.
    ///
    /// # Errors
    /// When no thread can be started, or what `open` fails with.
    pub fn new(
        open: impl FnOnce(&Handle) -> io::Result<Arc<dyn ByteStore>>,
        settings: &Settings,
    ) -> io::Result<Self> {
        let runtime = Background::new()?;
        let store = open(&runtime.1)?;
        let events = Arc::new(Events::default());
        let reads = Arc::new(Guard::new(Operation::Read, Arc::clone(&events)));
        let writes = Arc::new(Guard::new(Operation::Write, Arc::clone(&events)));
        let writer = Writer::start(&runtime.1, Arc::clone(&store), writes, settings.ttl, Arc::clone(&events));
        Ok(Self {
            store,
            reads,
            writer,
            timeout: settings.redis_timeout,
            events,
            foreign_logged: Mutex::new(None),
            runtime,
        })
    }

    /// Connects, and says in the log whether that worked; requests need not wait for it.
    pub fn greet(&self, name: String) {
        let Permit::Go(turn) = self.reads.ask() else { return };
        let key = Key::greeting();
        let (store, reads) = (Arc::clone(&self.store), Arc::clone(&self.reads));
        self.runtime.1.spawn(async move {
            match store.get_many(&[key]).await {
                Ok(_) => tracing::info!("cache: using Redis at {name}"),
                Err(error) => {
                    tracing::warn!("cache: Redis at {name} is not there yet");
                    reads.absent(turn, &error);
                }
            }
        });
    }

    /// The values of `keys`, in their order.
    pub async fn get(&self, keys: &[Key], trace: &Trace) -> Result<Vec<Option<Value>>, Unavailable> {
        if trace.seen().gave_up {
            return Err(Unavailable);
        }
        // A request may ask twice, and waits no longer for that.
        let limit = self.timeout.saturating_sub(trace.waited());
        if limit.is_zero() {
            return Err(Unavailable);
        }
        let turn = match self.reads.ask() {
            Permit::Go(turn) => turn,
            Permit::Refused => return Err(Unavailable),
            Permit::Probe(turn) => {
                self.probe(keys, turn);
                return Err(Unavailable);
            }
        };
        let started = Instant::now();
        let asked = {
            let (store, keys) = (Arc::clone(&self.store), keys.to_vec());
            self.runtime.1.spawn(async move { store.get_many(&keys).await })
        };
        let reply = reply_within(limit, asked).await;
        trace.wait(started.elapsed());
        match reply {
            Ok(values) => {
                self.reads.succeeded(turn);
                self.events.replied(Operation::Read, started.elapsed());
                Ok(self.unseal(keys, values))
            }
            Err(error) => {
                match error {
                    StoreError::Timeout(_) if limit < self.timeout => self.reads.note(&error),
                    _ => self.reads.failed(turn, &error),
                }
                trace.give_up();
                Err(Unavailable)
            }
        }
    }

    /// Writes `entries` in the background, or drops them when too much is waiting.
    pub fn put(&self, entries: impl ExactSizeIterator<Item = (Key, Value)>) {
        self.writer.put(entries);
    }

    /// Waits until what was put was written or given up.
    pub async fn settle(&self, patience: Duration) -> bool {
        self.writer.settle(patience).await
    }

    pub fn events(&self) -> &Arc<Events> {
        &self.events
    }

    /// Asks for one value in the background and reports what came of it: no request waits for that.
    fn probe(&self, keys: &[Key], turn: Turn) {
        let (store, reads, limit) = (Arc::clone(&self.store), Arc::clone(&self.reads), self.timeout);
        let keys: Vec<Key> = keys.iter().take(1).cloned().collect();
        self.runtime.1.spawn(async move {
            let asked = tokio::spawn(async move { store.get_many(&keys).await });
            match reply_within(limit, asked).await {
                Ok(_) => reads.succeeded(turn),
                Err(error) => reads.failed(turn, &error),
            }
        });
    }

    fn unseal(&self, keys: &[Key], values: Vec<Option<Value>>) -> Vec<Option<Value>> {
        let mut n_foreign = 0;
        let mut opened = |(key, value): (&Key, Option<Value>)| {
            let value = value?;
            let payload = sealed::open(key, &value);
            n_foreign += u64::from(payload.is_none());
            payload.map(Value::from)
        };
        let values = keys.iter().zip(values).map(&mut opened).collect();
        if n_foreign > 0 {
            self.foreign(n_foreign);
        }
        values
    }

    fn foreign(&self, n: u64) {
        self.events.failed(Operation::Read, "foreign", n);
        let mut logged = self.foreign_logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_none_or(|at| at.elapsed() > LOG_EVERY) {
            *logged = Some(Instant::now());
            tracing::warn!(
                "cache: Redis holds values under our keys that are not what was put there; they are ignored and replaced. \
                 Does another program use the same prefix?"
            );
        }
    }
}
