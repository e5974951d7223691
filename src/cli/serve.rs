//! `nearfield serve`.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use clap::Args;
use clap::builder::BoolishValueParser;

use crate::artifact::SnapshotDir;
use crate::cache::Cache;
use crate::config::{
    BATCH_REQUESTS, BATCH_RESULTS, BATCH_THREADS, BODY_BYTES, FEEDBACK, FILTER_CACHE_MIB, K, POLL_SECONDS,
    Secret, TIMEOUT_SECONDS, TOKEN_VARIABLE, WORKERS,
};
use crate::eval::below_floor;
use crate::feedback::Feedback;
use crate::http::{self, AdminAccess, Settings, State};
use crate::live::{Follower, Live, LiveRecall, LiveSettings};

use super::build::RecallFlag;
use super::cache_flags::CacheFlags;
use super::manual::examples;
use super::recall_flags::LiveRecallFlags;
use super::store_flags::StoreFlags;
use super::{Context, Failure, SnapshotFlags, print_line};

#[derive(Debug, Args)]
#[command(after_help = examples(&[
    ("The snapshot `main`, at http://127.0.0.1:8080", "nearfield serve"),
    ("The demo's, on a free port", "nearfield serve --name demo --bind 127.0.0.1:0"),
]))]
pub(super) struct ServeArgs {
    #[command(flatten)]
    snapshot: SnapshotFlags,
    // Only feedback is kept there.
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    server: ServerFlags,
    #[command(flatten)]
    recall: RecallFlag,
}

/// How to serve.
#[derive(Debug, Args)]
pub(crate) struct ServerFlags {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", env = "NEARFIELD_BIND", default_value = "127.0.0.1:8080")]
    pub bind: String,
    /// Listen on a public address although no SECRET_TOKEN is set
    #[arg(long, env = "NEARFIELD_INSECURE", value_parser = BoolishValueParser::new())]
    pub insecure: bool,
    /// The largest `k` of a query
    #[arg(long, value_name = "N", env = "NEARFIELD_MAX_K", default_value = "1000000",
        value_parser = clap::value_parser!(u64).range(K))]
    pub max_k: u64,
    /// The largest body of a request, in bytes
    #[arg(long, value_name = "BYTES", env = "NEARFIELD_MAX_BODY_BYTES", default_value = "4194304",
        value_parser = clap::value_parser!(u64).range(BODY_BYTES))]
    pub max_body_bytes: u64,
    /// The most requests of a batch
    #[arg(long, value_name = "N", env = "NEARFIELD_MAX_BATCH_REQUESTS", default_value = "1000",
        value_parser = clap::value_parser!(u64).range(BATCH_REQUESTS))]
    pub max_batch_requests: u64,
    /// The most results of a batch: what the `k` of its requests may add up to
    #[arg(long, value_name = "N", env = "NEARFIELD_MAX_BATCH_RESULTS", default_value = "1000000",
        value_parser = clap::value_parser!(u64).range(BATCH_RESULTS))]
    pub max_batch_results: u64,
    /// The most thumbs that are kept of all users together
    #[arg(long, value_name = "N", env = "NEARFIELD_MAX_FEEDBACK", default_value = "1000000",
        value_parser = clap::value_parser!(u64).range(FEEDBACK))]
    pub max_feedback: u64,
    /// Threads that batches are searched for on; 0 for one less than there are cores
    #[arg(long, value_name = "N", env = "NEARFIELD_BATCH_THREADS", default_value = "0",
        value_parser = clap::value_parser!(u64).range(BATCH_THREADS))]
    pub batch_threads: u64,
    /// Memory for the filters that were used last, in MiB; 0 keeps none
    #[arg(long, value_name = "MIB", env = "NEARFIELD_FILTER_CACHE_MIB", default_value = "32",
        value_parser = clap::value_parser!(u64).range(FILTER_CACHE_MIB))]
    pub filter_cache_mib: u64,
    /// How often to look for a new generation and for removed tracks, beside what the system tells
    #[arg(long, value_name = "SECONDS", env = "NEARFIELD_POLL_SECONDS", default_value = "5",
        value_parser = clap::value_parser!(u64).range(POLL_SECONDS))]
    pub poll_seconds: u64,
    /// Threads that serve requests; 0 for as many as there are cores
    #[arg(long, value_name = "N", env = "NEARFIELD_WORKERS", default_value = "0",
        value_parser = clap::value_parser!(u64).range(WORKERS))]
    pub workers: u64,
    /// How long a client may take to send the head of a request, and as long again for its body
    #[arg(long, value_name = "SECONDS", env = "NEARFIELD_REQUEST_TIMEOUT_SECONDS", default_value = "10",
        value_parser = clap::value_parser!(u64).range(TIMEOUT_SECONDS))]
    pub request_timeout_seconds: u64,
    /// How long an idle connection stays open
    #[arg(long, value_name = "SECONDS", env = "NEARFIELD_KEEP_ALIVE_SECONDS", default_value = "60",
        value_parser = clap::value_parser!(u64).range(TIMEOUT_SECONDS))]
    pub keep_alive_seconds: u64,
    /// How long running requests may take once the server was asked to stop
    #[arg(long, value_name = "SECONDS", env = "NEARFIELD_SHUTDOWN_TIMEOUT_SECONDS", default_value = "30",
        value_parser = clap::value_parser!(u64).range(TIMEOUT_SECONDS))]
    pub shutdown_timeout_seconds: u64,
    #[command(flatten)]
    pub cache: CacheFlags,
    #[command(flatten)]
    pub live_recall: LiveRecallFlags,
}

impl ServerFlags {
    fn settings(&self, admin: AdminAccess) -> Settings {
        Settings {
            admin,
            max_k: self.max_k as usize,
            max_batch_requests: self.max_batch_requests as usize,
            max_batch_results: self.max_batch_results as usize,
            batch_threads: self.batch_threads as usize,
            max_body_bytes: self.max_body_bytes as usize,
            workers: self.workers as usize,
            request_timeout: Duration::from_secs(self.request_timeout_seconds),
            keep_alive: Duration::from_secs(self.keep_alive_seconds),
            shutdown_timeout: Duration::from_secs(self.shutdown_timeout_seconds),
        }
    }
}

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {bind}: {}", self.advice())]
struct ListenError {
    bind: String,
    cause: std::io::Error,
}

impl ListenError {
    fn advice(&self) -> String {
        match self.cause.kind() {
            std::io::ErrorKind::AddrInUse => {
                "address already in use; stop what is listening there, or choose another with --bind".into()
            }
            std::io::ErrorKind::AddrNotAvailable => {
                "this machine has no such address; choose another with --bind".into()
            }
            std::io::ErrorKind::PermissionDenied => {
                "permission denied; ports below 1024 need privileges, choose another with --bind".into()
            }
            _ => self.cause.to_string(),
        }
    }
}

pub(super) fn run(args: ServeArgs, context: &Context) -> Result<(), Failure> {
    let feedback = args.store.feedback(context)?;
    let listener = listen(&args.server, context)?;
    let min_recall = args.recall.min_recall()?;
    serve_snapshot(listener, &args.snapshot, &args.server, min_recall, feedback, context, |_| Ok(()))
}

/// Begins to listen on the address that the flags name, if that is allowed.
pub(crate) fn listen(flags: &ServerFlags, context: &Context) -> Result<TcpListener, Failure> {
    let addresses = allowed_addresses(&flags.bind, flags.insecure, context.secret_token.as_ref())?;
    Ok(TcpListener::bind(&addresses[..]).map_err(|cause| ListenError { bind: flags.bind.clone(), cause })?)
}

/// Serves the live generation of a snapshot until the context is cancelled. `announce` is called with the server's URL
/// once it was printed.
pub(crate) fn serve_snapshot(
    listener: TcpListener,
    which: &SnapshotFlags,
    flags: &ServerFlags,
    min_recall: f64,
    feedback: Feedback,
    context: &Context,
    announce: impl FnOnce(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let cache = Cache::new(&flags.cache.settings(context.redis_url.as_ref())?)?;
    let directory = SnapshotDir::new(&which.indexes, &which.name)?;
    let settings = LiveSettings { filter_cache_bytes: flags.filter_cache_mib << 20, min_recall };
    let live = Arc::new(Live::open(directory, settings)?);
    announce_generation(&live, min_recall);
    let address = listener.local_addr()?;
    let admin = match &context.secret_token {
        Some(token) => AdminAccess::Token(token.clone()),
        None if address.ip().is_loopback() => AdminAccess::Local,
        None => AdminAccess::Closed,
    };
    let url = format!("http://{address}");
    let recall = LiveRecall::start(Arc::clone(&live), flags.live_recall.settings())
        .map_err(|error| Failure::Work(format!("cannot start the thread of live recall: {error}").into()))?;
    let state = State::new(Arc::clone(&live), &which.indexes, flags.settings(admin))?;
    let feedback = feedback.with_max_all(flags.max_feedback);
    let state = state.with_cache(cache).with_recall(recall).with_feedback(feedback);
    let state = web::Data::new(state);
    verify_in_background(&state);
    print_line(format_args!("listening on {url}"))?;
    announce(&url)?;
    let follower = Follower::start(live, Duration::from_secs(flags.poll_seconds)).map_err(|error| {
        Failure::Work(format!("cannot start the threads that follow CURRENT: {error}").into())
    })?;
    http::run(listener, state, context.cancel.clone())?;
    drop(follower);
    tracing::info!("stopped");
    Ok(())
}

/// Logs what is served. It may be below the floor: there is nothing else to serve yet.
fn announce_generation(live: &Live, min_recall: f64) {
    let served = live.served();
    let manifest = served.snapshot.manifest();
    let (n_items, name, generation) = (manifest.n_items, &manifest.name, &manifest.generation);
    tracing::info!("serving {n_items} tracks of snapshot {name}, generation {generation}");
    if let Some(row) = below_floor(&manifest.measured, min_recall) {
        tracing::warn!(
            "its build measured recall {:.4} of {} under {} weights, below the floor of {min_recall}",
            row.recall,
            row.engine,
            row.weights
        );
    }
}

/// The addresses that `bind` names, if they may be listened on.
fn allowed_addresses(bind: &str, insecure: bool, token: Option<&Secret>) -> Result<Vec<SocketAddr>, Failure> {
    let wrong = |why: String| {
        Failure::Usage(format!(
            "`{bind}` is no address to listen on: {why}; expected HOST:PORT such as 127.0.0.1:8080"
        ))
    };
    let addresses: Vec<SocketAddr> =
        bind.to_socket_addrs().map_err(|error| wrong(error.to_string()))?.collect();
    if addresses.is_empty() {
        return Err(wrong("it leads nowhere".into()));
    }
    let public = addresses.iter().find(|address| !address.ip().is_loopback());
    match public {
        Some(address) if !insecure && token.is_none() => Err(Failure::Usage(format!(
            "{address} can be reached from other machines, and queries are open to whoever reaches it. Listen on 127.0.0.1 \
             (behind a proxy that asks who is there), set {TOKEN_VARIABLE} (openssl rand -hex 32 makes one; it protects \
             administration, not queries), or give --insecure"
        ))),
        _ => Ok(addresses),
    }
}

/// Reads every file once while queries are already served; the result shows in the log, `/readyz` and `/metrics`.
fn verify_in_background(state: &web::Data<State>) {
    let served = state.served();
    let verify = {
        let served = Arc::clone(&served);
        move || served.verify()
    };
    if let Err(error) = std::thread::Builder::new().name("verify".into()).spawn(verify) {
        tracing::warn!("the snapshot will not be verified: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bind: &str) -> String {
        match allowed_addresses(bind, false, None) {
            Err(Failure::Usage(text)) => text,
            other => panic!("{bind}: {other:?}"),
        }
    }

    #[test]
    fn public_addresses_need_a_token_or_courage() {
        for bind in ["127.0.0.1:0", "127.3.2.1:80", "[::1]:8080"] {
            assert!(allowed_addresses(bind, false, None).is_ok(), "{bind}");
        }
        for bind in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
            assert!(refusal(bind).contains("SECRET_TOKEN"), "{bind}");
            assert!(allowed_addresses(bind, true, None).is_ok(), "{bind}");
            assert!(allowed_addresses(bind, false, Secret::new("s").as_ref()).is_ok(), "{bind}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bind in ["8080", "127.0.0.1", "127.0.0.1:99999", ""] {
            assert!(refusal(bind).contains("HOST:PORT"), "{bind}");
        }
    }
}
