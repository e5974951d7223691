//! A breaker that reads the clock, counts, and writes a line to the log when it opens and when it closes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::breaker::{Breaker, Change, FAILURES, Permit, Turn};
use super::events::{Events, Operation};
use super::store::StoreError;

/// The breaker of one operation.
#[derive(Debug)]
pub struct Guard {
    operation: Operation,
    breaker: Mutex<Breaker>,
    events: Arc<Events>,
}

impl Guard {
    /// A closed breaker.
    pub fn new(operation: Operation, events: Arc<Events>) -> Self {
        let breaker = Breaker::new();
        events.breaker(operation, breaker.position());
        Self { operation, breaker: Mutex::new(breaker), events }
    }

    /// Whether Redis may be asked now.
    pub fn ask(&self) -> Permit {
        let mut breaker = self.lock();
        let permit = breaker.ask(Instant::now());
        if matches!(permit, Permit::Probe(_)) {
            self.events.breaker(self.operation, breaker.position());
        }
        permit
    }

    /// Whether Redis is left alone now.
    pub fn refuses(&self) -> bool {
        self.lock().refuses(Instant::now())
    }

    /// Redis did what it was asked for with a permit of `turn`.
    pub fn succeeded(&self, turn: Turn) {
        let mut breaker = self.lock();
        if let Some(Change::Closed(pause)) = breaker.succeeded(turn, Instant::now()) {
            self.events.breaker(self.operation, breaker.position());
            let (what, seconds) = (self.operation.name(), pause.as_secs_f64());
            tracing::info!("cache: Redis is used again ({what}s), after {seconds:.1} s without it");
        }
    }

    /// Redis did not.
    pub fn failed(&self, turn: Turn, error: &StoreError) {
        self.note(error);
        let what = self.operation.name();
        let mut breaker = self.lock();
        let change = breaker.failed(turn, Instant::now(), rand::random());
        self.events.breaker(self.operation, breaker.position());
        if change == Some(Change::Opened) {
            self.events.opened(self.operation);
            tracing::warn!(
                "cache: Redis is left alone for now ({what}s): {error}. What it would have given is computed; it is tried \
                 again from time to time"
            );
        }
    }

    /// Redis did not within the little time that was left for it, which says nothing about whether to ask it.
    pub fn note(&self, error: &StoreError) {
        self.events.failed(self.operation, error.kind(), 1);
        tracing::debug!("cache: a {} failed: {error}", self.operation.name());
    }

    /// Redis was not there from the beginning: no request has to find that out once more.
    pub fn absent(&self, turn: Turn, error: &StoreError) {
        (0..FAILURES).for_each(|_| self.failed(turn, error));
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        // Nothing panics while it is held.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
