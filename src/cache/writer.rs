//! Writes in the background: a queue that is bounded by bytes, and one task that empties it many entries at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use super::breaker::Permit;
use super::events::{Events, Operation};
use super::guard::Guard;
use super::key::Key;
use super::sealed;
use super::store::{ByteStore, Value, reply_within};

/// Bytes that may wait to be written; what comes on top is dropped.
const QUEUE_BYTES: usize = 16 << 20;
/// What an entry counts beside its value.
const OVERHEAD_BYTES: usize = 128;
/// Requests whose entries are taken from the queue at once.
const AT_ONCE: usize = 64;
/// Entries that are sent together: enough to be worth the way, few enough that readers are not kept from the server.
const TOGETHER: usize = 128;
/// The longest a write may take. Nobody waits for it, but the queue does.
const PATIENCE: Duration = Duration::from_secs(1);

/// The queue's end for requests.
#[derive(Debug)]
pub struct Writer {
    queue: UnboundedSender<Job>,
    room: Arc<Semaphore>,
    guard: Arc<Guard>,
    events: Arc<Events>,
}

#[derive(Debug)]
enum Job {
    Put {
        entries: Vec<(Key, Value)>,
        _room: OwnedSemaphorePermit,
    },
    /// To be told when everything before it is done.
    Tell(oneshot::Sender<()>),
}

impl Writer {
    /// A queue before `store`, emptied on `runtime`.
    pub fn start(
        runtime: &Handle,
        store: Arc<dyn ByteStore>,
        guard: Arc<Guard>,
        ttl: Duration,
        events: Arc<Events>,
    ) -> Self {
        let (queue, jobs) = unbounded_channel();
        let task = Task { store, guard: Arc::clone(&guard), ttl, events: Arc::clone(&events) };
        runtime.spawn(task.run(jobs));
        Self { queue, room: Arc::new(Semaphore::new(QUEUE_BYTES)), guard, events }
    }

    /// Queues `entries`, or drops them where there is no room or the store is left alone.
    pub fn put(&self, entries: impl ExactSizeIterator<Item = (Key, Value)>) {
        let n = entries.len() as u64;
        if n == 0 || self.guard.refuses() {
            self.events.dropped(n);
            return;
        }
        let entries: Vec<(Key, Value)> = entries.collect();
        let bytes: usize = entries.iter().map(|(_, value)| OVERHEAD_BYTES + value.len()).sum();
        let room =
            u32::try_from(bytes).ok().and_then(|n| Arc::clone(&self.room).try_acquire_many_owned(n).ok());
        let queued = room.map(|room| self.queue.send(Job::Put { entries, _room: room }));
        if !matches!(queued, Some(Ok(()))) {
            self.events.dropped(n);
        }
    }

    /// Waits until everything put so far was written or given up; whether that was within `patience`.
    pub async fn settle(&self, patience: Duration) -> bool {
        let (tell, told) = oneshot::channel();
        self.queue.send(Job::Tell(tell)).is_ok() && matches!(timeout(patience, told).await, Ok(Ok(())))
    }
}

struct Task {
    store: Arc<dyn ByteStore>,
    guard: Arc<Guard>,
    ttl: Duration,
    events: Arc<Events>,
}

impl Task {
    /// Ends when the writer is gone.
    async fn run(self, mut jobs: UnboundedReceiver<Job>) {
        let mut batch = Vec::with_capacity(AT_ONCE);
        while jobs.recv_many(&mut batch, AT_ONCE).await > 0 {
            let mut sealed = Vec::new();
            let mut waiting = Vec::new();
            // The room is given back once the entries are written.
            let mut rooms = Vec::new();
            for job in batch.drain(..) {
                match job {
                    Job::Put { entries, _room: room } => {
                        rooms.push(room);
                        sealed.extend(entries.into_iter().map(|(key, value)| {
                            let value = sealed::seal(&key, &value).into();
                            (key, value)
                        }));
                    }
                    Job::Tell(tell) => waiting.push(tell),
                }
            }
            while !sealed.is_empty() {
                let rest = sealed.split_off(sealed.len().min(TOGETHER));
                self.write(std::mem::replace(&mut sealed, rest)).await;
            }
            drop(rooms);
            for tell in waiting {
                // Whoever waited may be gone.
                let _ = tell.send(());
            }
        }
    }

    async fn write(&self, entries: Vec<(Key, Value)>) {
        let n = entries.len() as u64;
        let turn = match self.guard.ask() {
            Permit::Go(turn) | Permit::Probe(turn) => turn,
            Permit::Refused => {
                self.events.dropped(n);
                return;
            }
        };
        let started = Instant::now();
        let asked = {
            let (store, ttl) = (Arc::clone(&self.store), self.ttl);
            tokio::spawn(async move { store.put_many(&entries, ttl).await })
        };
        match reply_within(PATIENCE, asked).await {
            Ok(()) => {
                self.guard.succeeded(turn);
                self.events.replied(Operation::Write, started.elapsed());
                self.events.written(n);
            }
            Err(error) => {
                self.guard.failed(turn, &error);
                self.events.dropped(n);
            }
        }
    }
}
