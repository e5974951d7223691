//! What was computed lately: whole answers and single explanations, in this process and, where there is one, in Redis.
//!
//! ```text
//!  request -> local -> (one of all who ask for the same) -> Redis -> compute
//!
//! settings.rs  what can be configured, the URL of Redis among it
//! key.rs       generation and canonical form of a query -> key
//! store.rs     the trait of what keeps bytes, and its errors
//! local.rs     this process: bounded by bytes, one computation for all who ask for the same
//! bundle.rs    all explanations of one query as one value
//! redis.rs     Redis
//! sealed.rs    values as they lie in Redis: what is not what was put there is recognised
//! breaker.rs   when to leave a server alone, and when to try it again
//! guard.rs     the breaker of one operation, with its log and counters
//! writer.rs    writes in the background
//! remote.rs    Redis behind breaker, time limit and seal
//! trace.rs     what happened on the way of one request
//! events.rs    counters
//! ```
//!
//! A cache is never needed for an answer. What it cannot give within its time limit is computed; what it gives is what
//! would have been computed, byte by byte.

mod breaker;
mod bundle;
mod events;
mod guard;
mod key;
mod local;
mod redis;
mod remote;
mod sealed;
mod settings;
mod store;
mod trace;
mod writer;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::runtime::Handle;

pub use key::{ExplanationKeys, Identity, Key, Kind};
pub use redis::Redis;
pub use settings::{RedisUrl, RedisUrlError, Settings};
pub use store::{ByteStore, Pending, StoreError, Value};
pub use trace::{Outcome, Seen, Trace};

use crate::track::ItemIdx;

use bundle::Bundle;
use events::{Events, Tier};
use local::Local;
use remote::Remote;

/// Both tiers.
#[derive(Debug)]
pub struct Cache {
    local: Local,
    remote: Option<Remote>,
    /// Answers that take less than this to compute, in microseconds, are not kept in Redis.
    remote_min_us: f64,
    is_off: bool,
    /// The generation that was last asked for, as a number; 0 before the first.
    generation: AtomicU64,
    events: Arc<Events>,
}

/// What was known of some explanations.
#[derive(Debug)]
pub struct Known {
    /// Each, in the order of the items.
    pub values: Vec<Option<Value>>,
    /// Which of them this process did not have.
    new_here: Vec<usize>,
    /// What this process had.
    bundle: Option<Value>,
}

impl Cache {
    /// The cache that `settings` ask for. Redis is not waited for: whether it is there shows with the first request.
    ///
    /// # Errors
    /// When no thread can be started, or the client of Redis refuses its settings.
    pub fn new(settings: &Settings) -> io::Result<Self> {
        let remote = match &settings.redis_url {
            None => None,
            Some(url) => {
                let (prefix, timeout) = (settings.redis_prefix.clone(), settings.redis_timeout);
                let open = |runtime: &Handle| {
                    let store: Arc<dyn ByteStore> = Arc::new(Redis::new(url, runtime, prefix, timeout)?);
                    Ok(store)
                };
                let remote = Remote::new(open, settings)?;
                remote.greet(url.redacted());
                Some(remote)
            }
        };
        Ok(Self::of(settings, remote))
    }

    /// A cache before `store`, whatever that is; for programs that bring their own.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn before(store: Arc<dyn ByteStore>, settings: &Settings) -> io::Result<Self> {
        let remote = Remote::new(|_| Ok(store), settings)?;
        Ok(Self::of(settings, Some(remote)))
    }

    /// A cache that keeps nothing.
    pub fn off() -> Self {
        Self::of(&Settings { local_bytes: 0, ..Settings::default() }, None)
    }

    fn of(settings: &Settings, remote: Option<Remote>) -> Self {
        let events = remote.as_ref().map(|remote| Arc::clone(remote.events())).unwrap_or_default();
        Self {
            local: Local::new(settings.local_bytes, settings.ttl),
            is_off: settings.local_bytes == 0 && remote.is_none(),
            remote,
            remote_min_us: settings.redis_min_us,
            generation: AtomicU64::new(0),
            events,
        }
    }

    /// Says what is served now, whatever generation the request that says it belongs to. What this process keeps of
    /// another generation, or of this one before more tracks were removed, will not be asked for again and only takes
    /// room.
    pub fn follow(&self, generation: &Identity) {
        let now = generation.number();
        if self.generation.load(Ordering::Relaxed) != now && self.generation.swap(now, Ordering::Relaxed) != 0
        {
            self.forget_local();
        }
    }

    /// Whether it keeps nothing at all.
    pub fn is_off(&self) -> bool {
        self.is_off
    }

    /// The answer, or what else one request asks for, of this key, if this process has it.
    pub async fn here(&self, key: &Key, trace: &Trace) -> Option<Value> {
        let found = self.local.get(key).await;
        if found.is_some() {
            self.note(trace, key.kind(), Tier::Local, Outcome::Hit);
        }
        found
    }

    /// The answer of this key, which was not [`Self::here`]: from Redis where computing it takes about `estimated_us` and
    /// that is long enough, else from `compute`. Whoever asks for the same meanwhile waits for the same computation; when
    /// this future is dropped while it computes, another of them begins anew. Errors are handed to all who wait, and not
    /// kept.
    pub async fn answer<E: Send + Sync + 'static>(
        &self,
        key: &Key,
        estimated_us: f64,
        trace: &Trace,
        compute: impl Future<Output = Result<Value, E>>,
    ) -> Result<Value, Arc<E>> {
        let led = AtomicBool::new(false);
        let lead = async {
            led.store(true, Ordering::Relaxed);
            self.note(trace, key.kind(), Tier::Local, Outcome::Miss);
            let remote = self.remote.as_ref().filter(|_| estimated_us >= self.remote_min_us);
            if let Some(remote) = remote {
                let found = remote.get(std::slice::from_ref(key), trace).await;
                let outcome = match &found {
                    Ok(values) if values.iter().any(Option::is_some) => Outcome::Hit,
                    Ok(_) => Outcome::Miss,
                    Err(_) => Outcome::Unavailable,
                };
                self.note(trace, key.kind(), Tier::Redis, outcome);
                if let Some(value) = found.ok().and_then(|mut values| values.pop().flatten()) {
                    return Ok(value);
                }
            }
            let value = compute.await?;
            if let Some(remote) = remote {
                remote.put([(key.clone(), Arc::clone(&value))].into_iter());
            }
            Ok(value)
        };
        let value = self.local.get_or_lead(key, lead).await?;
        if !led.into_inner() {
            self.note(trace, key.kind(), Tier::Local, Outcome::Collapsed);
        }
        Ok(value)
    }

    /// What is known of the explanations of `items`: from this process, the others with one question from Redis.
    pub async fn explanations(&self, keys: &ExplanationKeys, items: &[ItemIdx], trace: &Trace) -> Known {
        let bundle = self.local.get(&keys.bundle()).await;
        let kept = bundle.as_deref().map(Bundle::read).unwrap_or_default();
        let mut values: Vec<Option<Value>> =
            items.iter().map(|item| kept.get(*item).map(Value::from)).collect();
        let missing: Vec<usize> = (0..items.len()).filter(|index| values[*index].is_none()).collect();
        let n_local = items.len() - missing.len();
        self.count(Kind::Explanation, Tier::Local, Outcome::Hit, n_local);
        self.count(Kind::Explanation, Tier::Local, Outcome::Miss, missing.len());
        let mut n_remote = 0;
        if let Some(remote) = self.remote.as_ref().filter(|_| !missing.is_empty()) {
            let wanted: Vec<Key> = missing.iter().map(|index| keys.key(items[*index])).collect();
            match remote.get(&wanted, trace).await {
                Ok(found) => {
                    n_remote = found.iter().flatten().count();
                    missing.iter().zip(found).for_each(|(index, value)| values[*index] = value);
                    self.count(Kind::Explanation, Tier::Redis, Outcome::Hit, n_remote);
                    self.count(Kind::Explanation, Tier::Redis, Outcome::Miss, missing.len() - n_remote);
                }
                Err(_) => self.count(Kind::Explanation, Tier::Redis, Outcome::Unavailable, missing.len()),
            }
        }
        trace.explained(n_local, n_remote, missing.len() - n_remote);
        Known { values, new_here: missing, bundle }
    }

    /// Keeps the explanations of `items`, now that those that were not `known` are computed: here what was not here, in
    /// Redis what was nowhere.
    pub async fn keep_explanations(
        &self,
        keys: &ExplanationKeys,
        items: &[ItemIdx],
        explanations: &[Value],
        known: Known,
    ) {
        if known.new_here.is_empty() {
            return;
        }
        let new = known.new_here.iter().map(|index| (items[*index], &*explanations[*index]));
        let bundle = bundle::extended(known.bundle.as_deref(), new);
        // Memory does not fail.
        let _ = self.local.put_many(&[(keys.bundle(), bundle)], Duration::MAX).await;
        if let Some(remote) = &self.remote {
            let computed: Vec<usize> =
                known.new_here.into_iter().filter(|index| known.values[*index].is_none()).collect();
            let entry = |index: usize| (keys.key(items[index]), Arc::clone(&explanations[index]));
            remote.put(computed.into_iter().map(entry));
        }
    }

    /// Forgets what this process keeps: after another generation went live nobody will ask for it again.
    pub fn forget_local(&self) {
        self.local.clear();
    }

    /// Adds the cache's counters to a registry.
    pub fn register(&self, registry: &mut Registry) {
        self.events.register(registry);
    }

    /// Brings those gauges up to date that are not kept so by themselves.
    pub async fn refresh_metrics(&self) {
        let (bytes, entries) = self.local.size().await;
        self.events.local_size(bytes, entries);
    }

    /// Waits until everything that was to be written to Redis was written or given up, at most `patience`. For tests and
    /// programs that measure.
    pub async fn settle(&self, patience: Duration) -> bool {
        match &self.remote {
            Some(remote) => remote.settle(patience).await,
            None => true,
        }
    }

    fn note(&self, trace: &Trace, kind: Kind, tier: Tier, outcome: Outcome) {
        match tier {
            Tier::Local => trace.local(outcome),
            Tier::Redis => trace.redis(outcome),
        }
        self.count(kind, tier, outcome, 1);
    }

    fn count(&self, kind: Kind, tier: Tier, outcome: Outcome, n: usize) {
        if n > 0 {
            self.events.looked_up(kind, tier, outcome, n as u64);
        }
    }
}

#[cfg(test)]
mod tests;
