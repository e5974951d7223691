//! What keeps bytes under keys for a while.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::key::Key;

/// A kept value.
pub type Value = Arc<[u8]>;

/// What a store is still doing.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps bytes under keys. What was put may be gone at any time.
///
/// What is asked of it ends in a limited time, and is not dropped before that when nobody waits for it any more: it is how
/// a store finds out that a connection is of no use.
pub trait ByteStore: Debug + Send + Sync {
    /// The values of `keys`, in their order; `None` where there is none.
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Vec<Option<Value>>>;

    /// Puts all `entries`, for at most `ttl` each; what was under their keys is replaced.
    fn put_many<'a>(&'a self, entries: &'a [(Key, Value)], ttl: Duration) -> Pending<'a, ()>;
}

/// Why a store did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StoreError {
    /// No reply in time.
    #[error("no reply within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// No connection, or one that broke.
    #[error("no connection: {0}")]
    Connection(String),
    /// The server is full and may not evict.
    #[error(
        "the server is full ({0}); give it an eviction policy (maxmemory-policy allkeys-lru) or more memory"
    )]
    Full(String),
    /// The server refuses: authentication, permissions, a replica, still loading.
    #[error("the server refuses: {0}")]
    Refused(String),
    /// A reply that makes no sense.
    #[error("unexpected reply: {0}")]
    Reply(String),
}

impl StoreError {
    /// A word for counters.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Timeout(_) => "timeout",
            Self::Connection(_) => "connection",
            Self::Full(_) => "full",
            Self::Refused(_) => "refused",
            Self::Reply(_) => "reply",
        }
    }
}

/// What `asked` of a store gave within `limit`; after that it goes on by itself.
pub(super) async fn reply_within<T>(
    limit: Duration,
    asked: JoinHandle<Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match timeout(limit, asked).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => Err(StoreError::Connection(error.to_string())),
        Err(_) => Err(StoreError::Timeout(limit)),
    }
}
