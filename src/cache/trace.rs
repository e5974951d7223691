//! What happened on the way of one request, for its answer's header and its own waiting.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What came of asking one tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was there.
    Hit,
    /// It was not.
    Miss,
    /// Another request was computing the same: its result was waited for.
    Collapsed,
    /// The server was not asked, or did not answer in time.
    Unavailable,
}

/// One request's way through the cache.
#[derive(Debug, Default)]
pub struct Trace(Mutex<Way>);

#[derive(Clone, Copy, Debug, Default)]
struct Way {
    seen: Seen,
    /// How long it waited for Redis so far.
    waited: Duration,
}

/// What was seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What this process had, if it was asked.
    pub local: Option<Outcome>,
    /// What Redis had, if it was asked.
    pub redis: Option<Outcome>,
    /// Explanations from this process, from Redis, and computed.
    pub explanations: Option<(usize, usize, usize)>,
    /// Whether Redis failed this request once: it is not waited for again.
    pub gave_up: bool,
}

impl Trace {
    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        self.lock().seen
    }

    pub(super) fn local(&self, outcome: Outcome) {
        self.lock().seen.local = Some(outcome);
    }

    pub(super) fn redis(&self, outcome: Outcome) {
        self.lock().seen.redis = Some(outcome);
    }

    pub(super) fn explained(&self, local: usize, redis: usize, computed: usize) {
        self.lock().seen.explanations = Some((local, redis, computed));
    }

    pub(super) fn give_up(&self) {
        self.lock().seen.gave_up = true;
    }

    pub(super) fn waited(&self) -> Duration {
        self.lock().waited
    }

    /// It waited for Redis, for so long.
    pub(super) fn wait(&self, took: Duration) {
        self.lock().waited += took;
    }

    fn lock(&self) -> MutexGuard<'_, Way> {
        // Nothing panics while it is held, and plain values cannot be left half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
