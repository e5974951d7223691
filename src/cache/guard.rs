//! A breaker that reads the clock, counts, and writes a line to the log when it opens and when it closes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::breaker::{Breaker, Change, FAILURES, Permit};
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
        if permit == Permit::Probe {
            self.events.breaker(self.operation, breaker.position());
        }
        permit
    }

    /// Whether Redis is left alone now.
    pub fn refuses(&self) -> bool {
        self.lock().refuses(Instant::now())
    }

    /// Redis did what it was asked for.
    pub fn succeeded(&self) {
        let mut breaker = self.lock();
        if let Some(Change::Closed(pause)) = breaker.succeeded(Instant::now()) {
            self.events.breaker(self.operation, breaker.position());
            let (what, seconds) = (self.operation.name(), pause.as_secs_f64());
            tracing::info!("cache: Redis is used again ({what}s), after {seconds:.1} s without it");
        }
    }

    /// Redis did not.
    pub fn failed(&self, error: &StoreError) {
        self.events.failed(self.operation, error.kind(), 1);
        let what = self.operation.name();
        tracing::debug!("cache: a {what} failed: {error}");
        let mut breaker = self.lock();
        let change = breaker.failed(Instant::now(), rand::random());
        self.events.breaker(self.operation, breaker.position());
        if change == Some(Change::Opened) {
            self.events.opened(self.operation);
            tracing::warn!(
                "cache: Redis is left alone for now ({what}s): {error}. What it would have given is computed; it is tried \
                 again from time to time"
            );
        }
    }

    /// Redis was not there from the beginning: no request has to find that out once more.
    pub fn absent(&self, error: &StoreError) {
        (0..FAILURES).for_each(|_| self.failed(error));
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        // Nothing panics while it is held.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
