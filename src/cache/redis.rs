//! Redis as a store of bytes: a connection for all readers and one for the writer, which come back by themselves.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ErrorKind, RedisError};
use tokio::runtime::Handle;

use super::key::Key;
use super::settings::RedisUrl;
use super::store::{ByteStore, Pending, StoreError, Value};

/// Between two attempts to connect.
const DELAYS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(200));
/// A connection that is silent for so long is given up, or as long as four requests wait if that is longer: its other
/// end may be gone without a word.
const SILENCE: Duration = Duration::from_secs(1);
/// Entries live up to this share shorter than asked for, so that those written together do not expire together.
const SPREAD: f64 = 0.1;

/// A Redis server.
pub struct Redis {
    client: Client,
    config: ConnectionManagerConfig,
    reads: Link,
    /// Replies come in the order of the questions: a reader would wait for large writes on the same connection.
    writes: Link,
    prefix: String,
    silence: Duration,
}

/// A connection, replaced when it is of no use any more.
type Link = ArcSwap<ConnectionManager>;

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redis")
    }
}

impl Redis {
    /// The server at `url`, which is connected to by the first request, on `runtime`. Keys begin with `prefix`; requests
    /// that nobody waits for any more after `timeout` may still end.
    ///
    /// # Errors
    /// When the client refuses its settings.
    pub fn new(url: &RedisUrl, runtime: &Handle, prefix: String, timeout: Duration) -> io::Result<Self> {
        let _context = runtime.enter();
        let client = Client::open(url.reveal()).map_err(io::Error::other)?;
        let silence = SILENCE.max(timeout * 4);
        // The defaults try again for seconds while all wait.
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_min_delay(DELAYS.0)
            .set_max_delay(DELAYS.1)
            .set_connection_timeout(Some(silence))
            .set_response_timeout(Some(silence));
        let link = || {
            let manager = ConnectionManager::new_lazy_with_config(client.clone(), config.clone());
            manager.map(Link::from_pointee).map_err(io::Error::other)
        };
        let (reads, writes) = (link()?, link()?);
        Ok(Self { client, config, reads, writes, prefix, silence })
    }

    /// What an error means. The manager connects again after errors of the connection only; a silent connection, or one
    /// whose greeting was refused (a wrong password, a server that was still loading), it would keep for ever. This is
    /// where they are replaced, so what asks has to go on until then.
    fn failed(&self, link: &Link, used: &Arc<ConnectionManager>, error: &RedisError) -> StoreError {
        let text = error.to_string();
        let found = if error.is_timeout() {
            StoreError::Timeout(self.silence)
        } else if error.is_io_error() || error.is_connection_dropped() {
            return StoreError::Connection(text);
        } else if error.code() == Some("OOM") || text.contains("OOM") {
            return StoreError::Full(text);
        } else if error.kind() == ErrorKind::AuthenticationFailed || error.code().is_some() {
            StoreError::Refused(text)
        } else {
            StoreError::Reply(text)
        };
        if let Ok(fresh) = ConnectionManager::new_lazy_with_config(self.client.clone(), self.config.clone()) {
            link.compare_and_swap(used, Arc::new(fresh));
        }
        found
    }
}

impl ByteStore for Redis {
    // MGET says nil for what is no string; GET would be an error.
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Vec<Option<Value>>> {
        Box::pin(async move {
            let manager = self.reads.load_full();
            let mut command = redis::cmd("MGET");
            for key in keys {
                command.arg(key.name(&self.prefix));
            }
            let reply: Result<Vec<Option<Vec<u8>>>, RedisError> =
                command.query_async(&mut ConnectionManager::clone(&manager)).await;
            let values = reply.map_err(|error| self.failed(&self.reads, &manager, &error))?;
            if values.len() != keys.len() {
                return Err(StoreError::Reply(format!("{} values for {} keys", values.len(), keys.len())));
            }
            Ok(values.into_iter().map(|value| Some(value?.into())).collect())
        })
    }

    fn put_many<'a>(&'a self, entries: &'a [(Key, Value)], ttl: Duration) -> Pending<'a, ()> {
        Box::pin(async move {
            let manager = self.writes.load_full();
            let mut commands = redis::pipe();
            for (key, value) in entries {
                let ttl = ttl.mul_f64(1.0 - SPREAD * rand::random::<f64>());
                let milliseconds = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
                commands.cmd("SET").arg(key.name(&self.prefix)).arg(&value[..]).arg("PX").arg(milliseconds);
                commands.ignore();
            }
            let reply: Result<(), RedisError> =
                commands.query_async(&mut ConnectionManager::clone(&manager)).await;
            reply.map_err(|error| self.failed(&self.writes, &manager, &error))
        })
    }
}
