//! What this process keeps.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use super::key::Key;
use super::store::{ByteStore, Pending, Value};

/// What an entry takes beside its value: key, counters and links.
const OVERHEAD_BYTES: usize = 256;

/// A cache bounded by bytes. Which entries stay is decided by how often they were asked for, so that a crowd of queries
/// that come once does not push out those that come again and again.
pub struct Local {
    values: Cache<[u8; 32], Value>,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Local")
    }
}

impl Local {
    /// A cache of at most `max_bytes`, each entry for at most `ttl`; 0 keeps nothing.
    pub fn new(max_bytes: u64, ttl: Duration) -> Self {
        let weigh =
            |_: &[u8; 32], value: &Value| u32::try_from(OVERHEAD_BYTES + value.len()).unwrap_or(u32::MAX);
        Self { values: Cache::builder().max_capacity(max_bytes).weigher(weigh).time_to_live(ttl).build() }
    }

    /// The value of `key`.
    pub async fn get(&self, key: &Key) -> Option<Value> {
        self.values.get(key.hash()).await
    }

    /// The value of `key`, or what `lead` makes of it. All who call this meanwhile wait for the first; when that one is
    /// dropped, the next of them leads.
    pub async fn get_or_lead<E: Send + Sync + 'static>(
        &self,
        key: &Key,
        lead: impl Future<Output = Result<Value, E>>,
    ) -> Result<Value, Arc<E>> {
        self.values.try_get_with_by_ref(key.hash(), lead).await
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.values.invalidate_all();
    }

    /// Bytes and entries, once what was put in and taken out lately is accounted for.
    pub async fn size(&self) -> (u64, u64) {
        self.values.run_pending_tasks().await;
        (self.values.weighted_size(), self.values.entry_count())
    }
}

impl ByteStore for Local {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Vec<Option<Value>>> {
        Box::pin(async move {
            let mut values = Vec::with_capacity(keys.len());
            for key in keys {
                values.push(self.get(key).await);
            }
            Ok(values)
        })
    }

    /// Entries live as long as the cache was made for, whatever `ttl` says beyond that.
    fn put_many<'a>(&'a self, entries: &'a [(Key, Value)], _ttl: Duration) -> Pending<'a, ()> {
        Box::pin(async move {
            for (key, value) in entries {
                self.values.insert(*key.hash(), Arc::clone(value)).await;
            }
            Ok(())
        })
    }
}
