//! Where settings come from: flags, then the environment (also from `.env`), then `nearfield.toml`, then defaults.
//!
//! Flags, environment and defaults are clap's business ([`crate::cli`]); this module reads the two files. `.env` goes
//! into the environment, where it changes nothing that is set already; a value of `nearfield.toml` replaces the default
//! of the flag with the same variable: `max_k` belongs to `NEARFIELD_MAX_K`. docs/configuration.md lists every key.

mod error;
pub mod worker;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::path::Path;

use serde::Deserialize;

use crate::query::MAX_K;

pub use error::ConfigError;

/// Read from the working directory, where it exists.
pub const CONFIG_FILE: &str = "nearfield.toml";
/// Read from the working directory into the environment, where it exists.
pub const DOT_ENV_FILE: &str = ".env";
/// Names another [`CONFIG_FILE`].
pub const CONFIG_VARIABLE: &str = "NEARFIELD_CONFIG";
/// Holds the token for administration; it does not protect queries.
pub const TOKEN_VARIABLE: &str = "SECRET_TOKEN";

/// Says where Redis is.
pub const REDIS_VARIABLE: &str = "REDIS_URL";
const STORE_VARIABLE: &str = "NEARFIELD_STORE";
/// Names a MongoDB server: the catalogue, unless `NEARFIELD_STORE` names one.
pub const MONGO_URL_VARIABLE: &str = "MONGO_URL";

/// What `lmdb_map_gib` may be.
pub const LMDB_MAP_GIB: RangeInclusive<u64> = 1..=65_536;
/// What `mongo_patience_seconds` may be.
pub const MONGO_PATIENCE_SECONDS: RangeInclusive<u64> = 1..=86_400;
/// What `max_body_bytes` may be.
pub const BODY_BYTES: RangeInclusive<u64> = 1_024..=1 << 30;
/// What `max_k` may be.
pub const K: RangeInclusive<u64> = 1..=MAX_K as u64;
/// What `max_batch_requests` may be.
pub const BATCH_REQUESTS: RangeInclusive<u64> = 1..=100_000;
/// What `max_batch_results` may be.
pub const BATCH_RESULTS: RangeInclusive<u64> = 1..=100_000_000;
/// What `max_feedback` may be.
pub const FEEDBACK: RangeInclusive<u64> = 0..=1_000_000_000;
/// What `batch_threads` may be.
pub const BATCH_THREADS: RangeInclusive<u64> = 0..=1_024;
/// What `filter_cache_mib` may be.
pub const FILTER_CACHE_MIB: RangeInclusive<u64> = 0..=65_536;
/// What `poll_seconds` may be.
pub const POLL_SECONDS: RangeInclusive<u64> = 1..=3_600;
/// What `cache_mib` may be.
pub const CACHE_MIB: RangeInclusive<u64> = 0..=65_536;
/// What `cache_ttl_seconds` may be.
pub const CACHE_TTL_SECONDS: RangeInclusive<u64> = 1..=31_536_000;
/// What `cache_timeout_ms` may be.
pub const CACHE_TIMEOUT_MS: RangeInclusive<u64> = 1..=10_000;
/// What `cache_redis_min_us` may be.
pub const CACHE_REDIS_MIN_US: RangeInclusive<u64> = 0..=60_000_000;
/// What `workers` may be.
pub const WORKERS: RangeInclusive<u64> = 0..=1_024;
/// What a timeout may be.
pub const TIMEOUT_SECONDS: RangeInclusive<u64> = 1..=3_600;

/// A secret: never printed, not even by `Debug`. Equality is not constant-time; use it in tests only.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The secret in `text`, or `None` where it is blank: an empty variable must not count as a token.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (!text.trim().is_empty()).then_some(Self(text))
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(...)")
    }
}

/// What `nearfield.toml` says. Every key is optional; an unknown one is an error.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// The catalogue.
    pub store: Option<String>,
    /// The size that an embedded catalogue can grow to.
    pub lmdb_map_gib: Option<u64>,
    /// The database of MongoDB, where the URI names none.
    pub mongo_database: Option<String>,
    /// The collection of MongoDB, where the URI names none.
    pub mongo_collection: Option<String>,
    /// What fields of documents give: `FIELD=NAME,FIELD=NAME`.
    pub mongo_map: Option<String>,
    /// How long a MongoDB server that does not answer is waited for.
    pub mongo_patience_seconds: Option<u64>,
    /// The directory of built snapshots.
    pub indexes: Option<String>,
    /// The snapshot in use.
    pub name: Option<String>,
    /// What is logged.
    pub log: Option<String>,
    /// The address to listen on.
    pub bind: Option<String>,
    /// Whether a public address may do without a token.
    pub insecure: Option<bool>,
    /// Protects administration.
    pub secret_token: Option<Secret>,
    /// The largest body of a request.
    pub max_body_bytes: Option<u64>,
    /// The largest `k` of a query.
    pub max_k: Option<u64>,
    /// The most requests of a batch.
    pub max_batch_requests: Option<u64>,
    /// The most results of a batch.
    pub max_batch_results: Option<u64>,
    /// The most thumbs of all users together.
    pub max_feedback: Option<u64>,
    /// Threads that batches are searched for on; 0 for one less than there are cores.
    pub batch_threads: Option<u64>,
    /// Memory for compiled filters.
    pub filter_cache_mib: Option<u64>,
    /// How often to look for a new generation.
    pub poll_seconds: Option<u64>,
    /// The recall a generation must reach to go live.
    pub min_recall: Option<f64>,
    /// The share of the queries whose recall is measured while they are served.
    pub live_recall_share: Option<f64>,
    /// The most that this may take of one processor.
    pub live_recall_cpu_share: Option<f64>,
    /// Where Redis is, with its password.
    pub redis_url: Option<Secret>,
    /// Memory for answers and explanations.
    pub cache_mib: Option<u64>,
    /// How long they are kept.
    pub cache_ttl_seconds: Option<u64>,
    /// What all keys in Redis begin with.
    pub cache_prefix: Option<String>,
    /// The longest a request waits for Redis.
    pub cache_timeout_ms: Option<u64>,
    /// Answers that take less are not kept in Redis.
    pub cache_redis_min_us: Option<u64>,
    /// Threads that serve requests; 0 for as many as there are cores.
    pub workers: Option<u64>,
    /// How long a client may take to send a request.
    pub request_timeout_seconds: Option<u64>,
    /// How long an idle connection stays open.
    pub keep_alive_seconds: Option<u64>,
    /// How long running requests may take once the server was asked to stop.
    pub shutdown_timeout_seconds: Option<u64>,
    /// What `nearfield worker` does.
    #[serde(default)]
    pub worker: worker::WorkerKeys,
}

impl ConfigFile {
    /// Reads the file that `arguments` (of the process) or the environment names, or [`CONFIG_FILE`] if it exists.
    pub fn find(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, ConfigError> {
        let named = requested(arguments).or_else(|| std::env::var_os(CONFIG_VARIABLE));
        match named.filter(|path| !path.is_empty()) {
            Some(path) => Self::read(Path::new(&path)),
            None => match Self::read(Path::new(CONFIG_FILE)) {
                Err(ConfigError::Read { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
                    Ok(Self::default())
                }
                read => read,
            },
        }
    }

    /// Reads and checks the file at `path`.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|cause| ConfigError::Read { path: path.to_owned(), cause })?;
        Self::parse(&text, path)
    }

    /// Parses and checks settings; `path` is for messages only.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let file: Self = toml::from_str(text).map_err(|error| ConfigError::toml(path, text, &error))?;
        let numbers = [
            ("lmdb_map_gib", file.lmdb_map_gib, LMDB_MAP_GIB),
            ("mongo_patience_seconds", file.mongo_patience_seconds, MONGO_PATIENCE_SECONDS),
            ("max_body_bytes", file.max_body_bytes, BODY_BYTES),
            ("max_k", file.max_k, K),
            ("max_batch_requests", file.max_batch_requests, BATCH_REQUESTS),
            ("max_batch_results", file.max_batch_results, BATCH_RESULTS),
            ("max_feedback", file.max_feedback, FEEDBACK),
            ("batch_threads", file.batch_threads, BATCH_THREADS),
            ("filter_cache_mib", file.filter_cache_mib, FILTER_CACHE_MIB),
            ("poll_seconds", file.poll_seconds, POLL_SECONDS),
            ("cache_mib", file.cache_mib, CACHE_MIB),
            ("cache_ttl_seconds", file.cache_ttl_seconds, CACHE_TTL_SECONDS),
            ("cache_timeout_ms", file.cache_timeout_ms, CACHE_TIMEOUT_MS),
            ("cache_redis_min_us", file.cache_redis_min_us, CACHE_REDIS_MIN_US),
            ("workers", file.workers, WORKERS),
            ("request_timeout_seconds", file.request_timeout_seconds, TIMEOUT_SECONDS),
            ("keep_alive_seconds", file.keep_alive_seconds, TIMEOUT_SECONDS),
            ("shutdown_timeout_seconds", file.shutdown_timeout_seconds, TIMEOUT_SECONDS),
        ];
        for (key, value, expected) in numbers.into_iter().chain(file.worker.numbers()) {
            if let Some(got) = value.filter(|value| !expected.contains(value)) {
                return Err(ConfigError::Number { path: path.to_owned(), key, got, expected });
            }
        }
        Ok(file)
    }

    /// Makes the file's values the defaults of the flags they belong to, in every subcommand that has them.
    pub fn as_defaults(&self, command: clap::Command) -> clap::Command {
        let mut values = self.by_variable();
        // Of the environment, so it comes before what the file says.
        let mongo_url = std::env::var(MONGO_URL_VARIABLE).ok().filter(|url| !url.trim().is_empty());
        if let Some(url) = mongo_url {
            values.insert(0, (STORE_VARIABLE, url));
        }
        let with_default = |arg: clap::Arg| {
            let value = values.iter().find(|(variable, _)| arg.get_env() == Some(OsStr::new(variable)));
            match value {
                // `--help` would show a password.
                Some((STORE_VARIABLE, value)) => arg.default_value(value.clone()).hide_default_value(true),
                Some((_, value)) => arg.default_value(value.clone()),
                None => arg,
            }
        };
        command.mut_args(with_default).mut_subcommands(|subcommand| subcommand.mut_args(with_default))
    }

    /// The token: of the environment, else of the file.
    pub fn secret_token(&self) -> Option<Secret> {
        let token = std::env::var(TOKEN_VARIABLE).ok().and_then(Secret::new);
        token.or_else(|| Secret::new(self.secret_token.as_ref()?.reveal()))
    }

    /// Where Redis is: by the environment, else by the file.
    pub fn redis_url(&self) -> Option<Secret> {
        let url = std::env::var(REDIS_VARIABLE).ok().and_then(Secret::new);
        url.or_else(|| Secret::new(self.redis_url.as_ref()?.reveal()))
    }

    /// What is set, under the name of its environment variable.
    fn by_variable(&self) -> Vec<(&'static str, String)> {
        let text = |value: &Option<String>| value.clone();
        let number = |value: Option<u64>| value.map(|value| value.to_string());
        let all = [
            (STORE_VARIABLE, text(&self.store)),
            ("NEARFIELD_LMDB_MAP_GIB", number(self.lmdb_map_gib)),
            ("NEARFIELD_MONGO_DATABASE", text(&self.mongo_database)),
            ("NEARFIELD_MONGO_COLLECTION", text(&self.mongo_collection)),
            ("NEARFIELD_MONGO_MAP", text(&self.mongo_map)),
            ("NEARFIELD_MONGO_PATIENCE_SECONDS", number(self.mongo_patience_seconds)),
            ("NEARFIELD_INDEXES", text(&self.indexes)),
            ("NEARFIELD_NAME", text(&self.name)),
            ("NEARFIELD_LOG", text(&self.log)),
            ("NEARFIELD_BIND", text(&self.bind)),
            ("NEARFIELD_INSECURE", self.insecure.map(|value| value.to_string())),
            ("NEARFIELD_MAX_BODY_BYTES", number(self.max_body_bytes)),
            ("NEARFIELD_MAX_K", number(self.max_k)),
            ("NEARFIELD_MAX_BATCH_REQUESTS", number(self.max_batch_requests)),
            ("NEARFIELD_MAX_BATCH_RESULTS", number(self.max_batch_results)),
            ("NEARFIELD_MAX_FEEDBACK", number(self.max_feedback)),
            ("NEARFIELD_BATCH_THREADS", number(self.batch_threads)),
            ("NEARFIELD_FILTER_CACHE_MIB", number(self.filter_cache_mib)),
            ("NEARFIELD_POLL_SECONDS", number(self.poll_seconds)),
            ("NEARFIELD_MIN_RECALL", self.min_recall.map(|value| value.to_string())),
            ("NEARFIELD_LIVE_RECALL_SHARE", self.live_recall_share.map(|value| value.to_string())),
            ("NEARFIELD_LIVE_RECALL_CPU_SHARE", self.live_recall_cpu_share.map(|value| value.to_string())),
            ("NEARFIELD_CACHE_MIB", number(self.cache_mib)),
            ("NEARFIELD_CACHE_TTL_SECONDS", number(self.cache_ttl_seconds)),
            ("NEARFIELD_CACHE_PREFIX", text(&self.cache_prefix)),
            ("NEARFIELD_CACHE_TIMEOUT_MS", number(self.cache_timeout_ms)),
            ("NEARFIELD_CACHE_REDIS_MIN_US", number(self.cache_redis_min_us)),
            ("NEARFIELD_WORKERS", number(self.workers)),
            ("NEARFIELD_REQUEST_TIMEOUT_SECONDS", number(self.request_timeout_seconds)),
            ("NEARFIELD_KEEP_ALIVE_SECONDS", number(self.keep_alive_seconds)),
            ("NEARFIELD_SHUTDOWN_TIMEOUT_SECONDS", number(self.shutdown_timeout_seconds)),
        ];
        all.into_iter()
            .chain(self.worker.by_variable())
            .filter_map(|(variable, value)| Some((variable, value?)))
            .collect()
    }
}

/// Puts `.env` of the working directory into the environment; what is set already stays. To be called while the
/// process has one thread.
pub fn load_dot_env() -> Result<(), ConfigError> {
    let path = Path::new(DOT_ENV_FILE);
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read.map_err(|cause| ConfigError::Read { path: path.to_owned(), cause })?,
    };
    let text = text.trim_start_matches('\u{feff}');
    dotenvy::from_read(text.as_bytes()).map_err(|error| ConfigError::dot_env(path, text, error))
}

/// The value of `--config`, looked for before clap parses because it decides on clap's defaults.
fn requested(arguments: impl IntoIterator<Item = OsString>) -> Option<OsString> {
    let mut arguments = arguments.into_iter().take_while(|argument| argument != "--");
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next();
        }
        if let Some(path) = argument.to_str().and_then(|text| text.strip_prefix("--config=")) {
            return Some(path.into());
        }
    }
    None
}

#[cfg(test)]
mod tests;
