//! A client, a runtime for it, and patience: every call has a time limit, and is made again while the server is away.

use std::fmt;
use std::time::{Duration, Instant};

use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection, Database};
use tokio::runtime::Runtime;

use super::options::{Address, MongoOptions};
use crate::progress::CancelToken;
use crate::store::StoreError;

/// How long the driver looks for a server before a call fails.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a single call may take at least, however little patience there is.
const LEAST_CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// What is known of collections besides their documents.
const STATES: &str = "nearfield_worker";
/// Between two tries: the first wait, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Codes of servers that will answer again: shutting down, not primary, stepping down, network trouble behind them.
pub(super) const PASSING_CODES: [i32; 11] = [6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435];
/// A cursor that the server no longer knows, after a restart.
const CURSOR_NOT_FOUND: i32 = 43;

/// What only some servers can do: members of replica sets and routers of sharded clusters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Abilities {
    /// Many reads as of one moment (MongoDB 5.0).
    pub snapshot_reads: bool,
    /// Many writes at once (MongoDB 4.4, where they also create collections).
    pub transactions: bool,
    /// What was changed since a moment (MongoDB 4.0).
    pub change_streams: bool,
}

impl Abilities {
    /// What the answer to `hello` promises.
    fn of(hello: &Document) -> Self {
        let is_replicated =
            hello.contains_key("setName") || hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
        let has_sessions = hello.get("logicalSessionTimeoutMinutes").is_some_and(|t| *t != Bson::Null);
        let version = hello.get_i32("maxWireVersion").unwrap_or(0);
        let can = |least: i32| is_replicated && has_sessions && version >= least;
        Self { snapshot_reads: can(13), transactions: can(9), change_streams: can(7) }
    }
}

/// A collection of a server.
pub(super) struct Connection {
    runtime: Runtime,
    pub database: Database,
    pub collection: Collection<RawDocumentBuf>,
    /// What the server can do.
    pub can: Abilities,
    patience: Duration,
    cancel: CancelToken,
    /// For messages: host, database and collection, no password.
    pub name: String,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Connection {
    pub fn open(uri: &str, options: &MongoOptions, cancel: &CancelToken) -> Result<Self, StoreError> {
        // Not what the driver says: it quotes parts of the address, even of a password.
        let wrong = |source: Error| StoreError::MongoUri {
            what: match *source.kind {
                ErrorKind::DnsResolve { .. } => "the name of its host is not found in DNS",
                ErrorKind::InvalidTlsConfig { .. } => "its settings of TLS cannot be used",
                _ => "its host, its user or an option is not understood",
            },
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("mongodb")
            .enable_all()
            .build()
            .map_err(|source| StoreError::MongoRuntime { source })?;
        let address = Address::parse(uri)?;
        let parsed = runtime.block_on(async {
            let mut parsed = ClientOptions::parse(&address.driver_uri).await?;
            parsed.app_name.get_or_insert_with(|| "nearfield".to_owned());
            parsed.server_selection_timeout.get_or_insert(SELECTION_TIMEOUT);
            parsed.connect_timeout.get_or_insert(CONNECT_TIMEOUT);
            // A call that is made again is made again here, where it is said so.
            parsed.retry_reads.get_or_insert(false);
            Ok(parsed)
        });
        let parsed = parsed.map_err(wrong)?;
        let (database, collection) = address.names(&parsed, options);
        let hosts: Vec<String> = parsed.hosts.iter().map(ToString::to_string).collect();
        let name = format!("mongodb://{}/{database}, collection {collection}", hosts.join(","));
        // The driver's monitors are tasks of this runtime.
        let client = {
            let _inside = runtime.enter();
            Client::with_options(parsed).map_err(wrong)?
        };
        let database = client.database(&database);
        let collection = database.collection(&collection);
        let patience = Duration::from_secs(options.patience_seconds);
        let (can, cancel) = (Abilities::default(), cancel.clone());
        let mut connection = Self { runtime, database, collection, can, patience, cancel, name };
        let hello = connection.command("connecting", &doc! { "hello": 1 })?;
        connection.can = Abilities::of(&hello);
        Ok(connection)
    }

    /// Where is kept what is known of collections besides their documents, by their names.
    pub fn states(&self) -> Collection<Document> {
        self.database.collection(STATES)
    }

    /// Makes a call until it succeeds, fails for good, or patience ends; it must be safe to make twice. `action` says
    /// what it is for, in messages.
    pub fn call<T>(
        &self,
        action: &'static str,
        call: impl AsyncFn() -> Result<T, Error>,
    ) -> Result<T, StoreError> {
        self.runtime.block_on(self.persist(action, call))
    }

    async fn persist<T>(
        &self,
        action: &'static str,
        call: impl AsyncFn() -> Result<T, Error>,
    ) -> Result<T, StoreError> {
        let started = Instant::now();
        let mut wait = FIRST_WAIT;
        // A server that hangs keeps its connections open.
        let limit = self.patience.max(LEAST_CALL_TIMEOUT);
        loop {
            let tried = tokio::select! {
                biased;
                () = self.cancel.asked() => return Err(self.interrupted(action)),
                tried = tokio::time::timeout(limit, call()) => tried,
            };
            let source = match tried {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) if is_passing(&error) => error,
                Ok(Err(error)) => return Err(self.failed(action, error)),
                Err(_) => Error::custom(format!("no answer within {} s", limit.as_secs())),
            };
            if started.elapsed() + wait > self.patience {
                return Err(StoreError::MongoLost {
                    name: self.name.clone(),
                    action,
                    seconds: self.patience.as_secs(),
                    source: Box::new(source),
                });
            }
            tracing::warn!("{}: {action} failed, trying again in {wait:?}: {source}", self.name);
            // Half of it at random, so that many clients do not return at the same moment.
            let pause = wait.mul_f64(0.5 + rand::random::<f64>() / 2.0);
            tokio::select! {
                () = self.cancel.asked() => return Err(self.interrupted(action)),
                () = tokio::time::sleep(pause) => {}
            }
            wait = (2 * wait).min(LONGEST_WAIT);
        }
    }

    fn interrupted(&self, action: &'static str) -> StoreError {
        StoreError::Interrupted { name: self.name.clone(), action }
    }

    pub fn failed(&self, action: &'static str, source: Error) -> StoreError {
        StoreError::Mongo { name: self.name.clone(), action, source: Box::new(source) }
    }

    /// Runs a command; errors of single statements are in the answer.
    pub fn command(&self, action: &'static str, command: &Document) -> Result<Document, StoreError> {
        self.call(action, async || self.database.run_command(command.clone()).await)
    }
}

/// An answer that is an error, and may be none the next time.
#[derive(Debug)]
pub(super) struct PassingAnswer;

/// Whether the same call may succeed later.
fn is_passing(error: &Error) -> bool {
    if error.contains_label("RetryableWriteError") || error.contains_label("TransientTransactionError") {
        return true;
    }
    match &*error.kind {
        ErrorKind::Io(_) | ErrorKind::ServerSelection { .. } | ErrorKind::ConnectionPoolCleared { .. } => {
            true
        }
        ErrorKind::Command(command) => {
            PASSING_CODES.contains(&command.code) || command.code == CURSOR_NOT_FOUND
        }
        _ => error.get_custom::<PassingAnswer>().is_some(),
    }
}
