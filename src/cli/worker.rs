//! `nearfield worker`: keeps the catalogue fresh.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use tokio::runtime;

use super::build::{KeepFlag, RecallFlag};
use super::manual::{examples, named};
use super::store_flags::StoreFlags;
use super::{Context, Failure, SnapshotFlags, print_json, print_line};
use crate::artifact::SnapshotDir;
use crate::config::worker::{
    BACKOFF_MS, INTERVAL_SECONDS, LIMIT, REBUILD_AFTER, REQUESTS_PER_MINUTE, STALE_AFTER_DAYS,
};
use crate::config::{Secret, TIMEOUT_SECONDS};
use crate::worker::{
    Clock, Credentials, Provider, Rates, RebuildSettings, RunSummary, Settings, SystemClock, Urls, Worker,
    WorkerError, WorkerLock,
};

/// Names the application to Spotify.
const CLIENT_ID_VARIABLE: &str = "SPOTIFY_CLIENT_ID";
/// Its secret; it has no flag, because other users of a machine can read the flags of its processes.
const CLIENT_SECRET_VARIABLE: &str = "SPOTIFY_CLIENT_SECRET";

#[derive(Debug, Args)]
#[command(after_help = examples(&[
    ("One run of at most 1,000 tracks, from cron", "nearfield worker --once"),
    ("Again and again, building once 5,000 tracks have changed", "nearfield worker --interval 600 --rebuild-after 5000"),
    ("Without a Spotify application", "nearfield worker --once --providers reccobeats,oembed"),
]))]
pub(super) struct WorkerArgs {
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    snapshot: SnapshotFlags,
    /// End after one run instead of running again and again
    #[arg(long)]
    once: bool,
    /// The most tracks of a run
    #[arg(long, value_name = "N", env = "NEARFIELD_WORKER_LIMIT", default_value = "1000",
        value_parser = clap::value_parser!(u64).range(LIMIT))]
    limit: u64,
    /// From the end of a run to the begin of the next
    #[arg(long, value_name = "SECONDS", env = "NEARFIELD_WORKER_INTERVAL_SECONDS", default_value = "3600",
        value_parser = clap::value_parser!(u64).range(INTERVAL_SECONDS))]
    interval: u64,
    /// After how many days a value is asked for again; 0 asks for all of them in every run
    #[arg(long, value_name = "DAYS", env = "NEARFIELD_STALE_AFTER_DAYS", default_value = "30",
        value_parser = clap::value_parser!(u64).range(STALE_AFTER_DAYS))]
    stale_after_days: u64,
    /// Build and publish a generation once so many tracks have changed
    #[arg(long, value_name = "N", env = "NEARFIELD_REBUILD_AFTER",
        value_parser = clap::value_parser!(u64).range(REBUILD_AFTER))]
    rebuild_after: Option<u64>,
    #[command(flatten)]
    keep: KeepFlag,
    #[command(flatten)]
    recall: RecallFlag,
    /// Whom to ask, the most trusted first: spotify (with SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET), reccobeats, oembed
    #[arg(
        long,
        value_name = "LIST",
        env = "NEARFIELD_PROVIDERS",
        value_delimiter = ',',
        default_value = "spotify,reccobeats,oembed",
        value_parser = named::<Provider>(Provider::ALL.map(Provider::name))
    )]
    providers: Vec<Provider>,
    /// Ask again whoever refused a call to this application or said to come back later
    #[arg(long)]
    probe: bool,
    /// Print what came of each run as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    requests: RequestFlags,
}

/// How providers are asked.
#[derive(Debug, Args)]
struct RequestFlags {
    /// Requests a minute to Spotify's Web API
    #[arg(long, value_name = "N", env = "NEARFIELD_SPOTIFY_REQUESTS_PER_MINUTE", default_value = "60",
        value_parser = clap::value_parser!(u64).range(REQUESTS_PER_MINUTE))]
    spotify_requests_per_minute: u64,
    /// Requests a minute to ReccoBeats
    #[arg(long, value_name = "N", env = "NEARFIELD_RECCOBEATS_REQUESTS_PER_MINUTE", default_value = "60",
        value_parser = clap::value_parser!(u64).range(REQUESTS_PER_MINUTE))]
    reccobeats_requests_per_minute: u64,
    /// Requests a minute to Spotify's oEmbed
    #[arg(long, value_name = "N", env = "NEARFIELD_OEMBED_REQUESTS_PER_MINUTE", default_value = "60",
        value_parser = clap::value_parser!(u64).range(REQUESTS_PER_MINUTE))]
    oembed_requests_per_minute: u64,
    /// How long a request may take
    #[arg(long, value_name = "SECONDS", env = "NEARFIELD_PROVIDER_TIMEOUT_SECONDS", default_value = "10",
        value_parser = clap::value_parser!(u64).range(TIMEOUT_SECONDS))]
    timeout_seconds: u64,
    /// The first wait after a failed request, in milliseconds; it doubles with every further one
    #[arg(long, value_name = "MS", env = "NEARFIELD_PROVIDER_BACKOFF_MS", default_value = "1000",
        value_parser = clap::value_parser!(u64).range(BACKOFF_MS))]
    backoff_ms: u64,
    /// Where Spotify's Web API is
    #[arg(long, value_name = "URL", env = "NEARFIELD_SPOTIFY_API_URL", default_value = "https://api.spotify.com/v1",
        value_parser = http_url)]
    spotify_api_url: String,
    /// Where Spotify's token service is
    #[arg(long, value_name = "URL", env = "NEARFIELD_SPOTIFY_ACCOUNTS_URL", default_value = "https://accounts.spotify.com",
        value_parser = http_url)]
    spotify_accounts_url: String,
    /// Where ReccoBeats is
    #[arg(long, value_name = "URL", env = "NEARFIELD_RECCOBEATS_URL", default_value = "https://api.reccobeats.com/v1",
        value_parser = http_url)]
    reccobeats_url: String,
    /// Where Spotify's oEmbed is
    #[arg(long, value_name = "URL", env = "NEARFIELD_OEMBED_URL", default_value = "https://open.spotify.com/oembed",
        value_parser = http_url)]
    oembed_url: String,
}

fn http_url(text: &str) -> Result<String, String> {
    match reqwest::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(text.to_owned()),
        Ok(_) => Err("expected an address that begins with http:// or https://".to_owned()),
        Err(error) => Err(format!("{error}; expected an address such as https://api.example.com/v1")),
    }
}

pub(super) fn run(args: WorkerArgs, context: &Context) -> Result<(), Failure> {
    let settings = settings(&args)?;
    let (min_recall, keep) = (args.recall.min_recall()?, args.keep.keep);
    let rebuild = args.rebuild_after.map(|after| RebuildSettings { after, min_recall, keep });
    let name = args.store.location()?.redacted();
    let snapshot = SnapshotDir::new(&args.snapshot.indexes, &args.snapshot.name)?;
    let empty = || format!("there is no catalogue {name}: fill it with `nearfield import FILE`");
    let store = args.store.open_existing(context)?.ok_or_else(|| Failure::Work(empty().into()))?;
    let _lock = WorkerLock::take(&snapshot)?;
    // A thread of its own, so that idle connections are looked after while the catalogue is written.
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let worker =
        Worker::new(&*store, name, &snapshot, settings, &runtime, &context.progress, &context.cancel)?;
    let clock = SystemClock(&runtime);
    loop {
        let outcome = worker.run(rebuild);
        if args.once || context.cancel.is_cancelled() {
            return report(outcome?, args.json);
        }
        // A long-running worker outlives what goes wrong once.
        if let Err(failure) =
            outcome.map_err(|error: WorkerError| error.into()).and_then(|run| report(run, args.json))
        {
            tracing::error!("{failure}");
        }
        let next_run_ms = clock.now_ms().saturating_add_unsigned(args.interval.saturating_mul(1_000));
        worker.rest(Some(next_run_ms));
        if !clock.sleep_until(next_run_ms, &context.cancel) {
            worker.rest(None);
            tracing::info!("stopped");
            return Ok(());
        }
    }
}

/// Prints what came of a run, then fails if it failed.
fn report(summary: RunSummary, json: bool) -> Result<(), Failure> {
    if json {
        print_json(&summary)?;
    } else {
        print_line(summary.to_string().trim_end())?;
    }
    match summary.error {
        Some(error) => Err(Failure::Work(error.into())),
        None => Ok(()),
    }
}

fn settings(args: &WorkerArgs) -> Result<Settings, Failure> {
    let mut providers = args.providers.clone();
    providers.sort_unstable();
    if providers.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Failure::Usage("--providers names a provider twice".to_owned()));
    }
    let variable = |name| std::env::var(name).ok().filter(|text: &String| !text.trim().is_empty());
    let secret = variable(CLIENT_SECRET_VARIABLE).and_then(Secret::new);
    let credentials = match (variable(CLIENT_ID_VARIABLE), secret) {
        (Some(id), Some(secret)) => Some(Credentials { id, secret }),
        (None, None) => None,
        _ => {
            return Err(Failure::Usage(format!(
                "only one of {CLIENT_ID_VARIABLE} and {CLIENT_SECRET_VARIABLE} is set; set both, or none to do without Spotify's Web API"
            )));
        }
    };
    let rate =
        |per_minute: u64| u32::try_from(per_minute).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
    let requests = &args.requests;
    Ok(Settings {
        providers: args.providers.clone(),
        limit: usize::try_from(args.limit).unwrap_or(usize::MAX),
        stale_after: Duration::from_secs(args.stale_after_days * 24 * 60 * 60),
        credentials,
        urls: Urls {
            spotify_api: requests.spotify_api_url.clone(),
            spotify_accounts: requests.spotify_accounts_url.clone(),
            reccobeats: requests.reccobeats_url.clone(),
            oembed: requests.oembed_url.clone(),
        },
        rates: Rates {
            spotify: rate(requests.spotify_requests_per_minute),
            reccobeats: rate(requests.reccobeats_requests_per_minute),
            oembed: rate(requests.oembed_requests_per_minute),
        },
        timeout: Duration::from_secs(requests.timeout_seconds),
        backoff: Duration::from_millis(requests.backoff_ms),
        probe: args.probe,
    })
}
