//! What is counted.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

use super::breaker::Position;
use super::key::Kind;
use super::trace::Outcome;

/// Where something was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// In this process.
    Local,
    /// In Redis.
    Redis,
}

/// What Redis was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// To give values.
    Read,
    /// To keep some.
    Write,
}

impl Operation {
    /// Its name in counters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LookupLabels {
    kind: &'static str,
    tier: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ErrorLabels {
    operation: &'static str,
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

/// Counters of one cache.
#[derive(Debug)]
pub struct Events {
    lookups: Family<LookupLabels, Counter>,
    errors: Family<ErrorLabels, Counter>,
    seconds: Family<OperationLabels, Histogram, fn() -> Histogram>,
    breaker: Family<OperationLabels, Gauge>,
    openings: Family<OperationLabels, Counter>,
    written: Counter,
    dropped: Counter,
    bytes: Gauge,
    entries: Gauge,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            lookups: Family::default(),
            errors: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            breaker: Family::default(),
            openings: Family::default(),
            written: Counter::default(),
            dropped: Counter::default(),
            bytes: Gauge::default(),
            entries: Gauge::default(),
        }
    }
}

/// 20 us to 2.6 s.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(20e-6, 2.0, 18))
}

impl Events {
    /// Adds them to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "cache_lookups",
            "Lookups by what (answer, explanation, counterfactual), where (local, redis) and result; collapsed: another request was \
             computing the same; unavailable: Redis was left alone or failed",
            self.lookups.clone(),
        );
        registry.register(
            "cache_redis_errors",
            "What went wrong with Redis, by operation and kind; foreign: a value under our key that is not ours",
            self.errors.clone(),
        );
        registry.register_with_unit(
            "cache_redis_duration",
            "From a question to Redis to its reply, by operation",
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register(
            "cache_breaker_state",
            "0: Redis is used, 1: it is being tried, 2: it is left alone",
            self.breaker.clone(),
        );
        registry.register("cache_breaker_openings", "How often Redis was left alone", self.openings.clone());
        registry.register("cache_redis_written", "Entries written to Redis", self.written.clone());
        registry.register(
            "cache_redis_dropped",
            "Entries not written to Redis: the queue was full, or Redis would not take them",
            self.dropped.clone(),
        );
        registry.register("cache_local_bytes", "Memory of what this process keeps", self.bytes.clone());
        registry.register("cache_local_entries", "Entries that this process keeps", self.entries.clone());
    }

    /// `n` lookups that ended like this.
    pub fn looked_up(&self, kind: Kind, tier: Tier, outcome: Outcome, n: u64) {
        let tier = match tier {
            Tier::Local => "local",
            Tier::Redis => "redis",
        };
        let result = match outcome {
            Outcome::Hit => "hit",
            Outcome::Miss => "miss",
            Outcome::Collapsed => "collapsed",
            Outcome::Unavailable => "unavailable",
        };
        self.lookups.get_or_create(&LookupLabels { kind: kind.name(), tier, result }).inc_by(n);
    }

    /// Something went wrong.
    pub fn failed(&self, operation: Operation, kind: &'static str, n: u64) {
        self.errors.get_or_create(&ErrorLabels { operation: operation.name(), kind }).inc_by(n);
    }

    /// Redis replied.
    pub fn replied(&self, operation: Operation, took: Duration) {
        self.seconds
            .get_or_create(&OperationLabels { operation: operation.name() })
            .observe(took.as_secs_f64());
    }

    /// Where a breaker stands.
    pub fn breaker(&self, operation: Operation, position: Position) {
        self.breaker.get_or_create(&OperationLabels { operation: operation.name() }).set(position as i64);
    }

    /// A breaker opened.
    pub fn opened(&self, operation: Operation) {
        self.openings.get_or_create(&OperationLabels { operation: operation.name() }).inc();
    }

    /// Entries were written.
    pub fn written(&self, n: u64) {
        self.written.inc_by(n);
    }

    /// Entries were given up.
    pub fn dropped(&self, n: u64) {
        self.dropped.inc_by(n);
    }

    /// What this process keeps.
    pub fn local_size(&self, bytes: u64, entries: u64) {
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.entries.set(i64::try_from(entries).unwrap_or(i64::MAX));
    }
}
