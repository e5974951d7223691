//! The table `[worker]` of `nearfield.toml`.

use std::ops::RangeInclusive;

use serde::Deserialize;

/// What `limit` may be.
pub const LIMIT: RangeInclusive<u64> = 1..=1_000_000;
/// What `interval_seconds` may be.
pub const INTERVAL_SECONDS: RangeInclusive<u64> = 1..=31_536_000;
/// What `stale_after_days` may be.
pub const STALE_AFTER_DAYS: RangeInclusive<u64> = 0..=36_500;
/// What `rebuild_after` may be.
pub const REBUILD_AFTER: RangeInclusive<u64> = 1..=4_294_967_294;
/// What a number of requests a minute may be.
pub const REQUESTS_PER_MINUTE: RangeInclusive<u64> = 1..=60_000;
/// What `backoff_ms` may be.
pub const BACKOFF_MS: RangeInclusive<u64> = 1..=60_000;

/// What `nearfield.toml` says of the worker. Every key is optional; an unknown one is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerKeys {
    /// Whom to ask, in order.
    pub providers: Option<Vec<String>>,
    /// The most tracks of a run.
    pub limit: Option<u64>,
    /// From one run to the next.
    pub interval_seconds: Option<u64>,
    /// After how long values are asked for again.
    pub stale_after_days: Option<u64>,
    /// Build once so many tracks have changed.
    pub rebuild_after: Option<u64>,
    /// Requests a minute to Spotify's Web API.
    pub spotify_requests_per_minute: Option<u64>,
    /// Requests a minute to ReccoBeats.
    pub reccobeats_requests_per_minute: Option<u64>,
    /// Requests a minute to Spotify's oEmbed.
    pub oembed_requests_per_minute: Option<u64>,
    /// How long a request may take.
    pub timeout_seconds: Option<u64>,
    /// The first wait after a failed request.
    pub backoff_ms: Option<u64>,
    /// Where Spotify's Web API is.
    pub spotify_api_url: Option<String>,
    /// Where Spotify's token service is.
    pub spotify_accounts_url: Option<String>,
    /// Where ReccoBeats is.
    pub reccobeats_url: Option<String>,
    /// Where Spotify's oEmbed is.
    pub oembed_url: Option<String>,
}

impl WorkerKeys {
    /// Every number with its key and what it may be.
    pub(super) fn numbers(&self) -> [(&'static str, Option<u64>, RangeInclusive<u64>); 9] {
        [
            ("worker.limit", self.limit, LIMIT),
            ("worker.interval_seconds", self.interval_seconds, INTERVAL_SECONDS),
            ("worker.stale_after_days", self.stale_after_days, STALE_AFTER_DAYS),
            ("worker.rebuild_after", self.rebuild_after, REBUILD_AFTER),
            ("worker.spotify_requests_per_minute", self.spotify_requests_per_minute, REQUESTS_PER_MINUTE),
            (
                "worker.reccobeats_requests_per_minute",
                self.reccobeats_requests_per_minute,
                REQUESTS_PER_MINUTE,
            ),
            ("worker.oembed_requests_per_minute", self.oembed_requests_per_minute, REQUESTS_PER_MINUTE),
            ("worker.timeout_seconds", self.timeout_seconds, super::TIMEOUT_SECONDS),
            ("worker.backoff_ms", self.backoff_ms, BACKOFF_MS),
        ]
    }

    /// What is set, under the name of its environment variable.
    pub(super) fn by_variable(&self) -> Vec<(&'static str, Option<String>)> {
        let number = |value: Option<u64>| value.map(|value| value.to_string());
        vec![
            ("NEARFIELD_PROVIDERS", self.providers.as_ref().map(|providers| providers.join(","))),
            ("NEARFIELD_WORKER_LIMIT", number(self.limit)),
            ("NEARFIELD_WORKER_INTERVAL_SECONDS", number(self.interval_seconds)),
            ("NEARFIELD_STALE_AFTER_DAYS", number(self.stale_after_days)),
            ("NEARFIELD_REBUILD_AFTER", number(self.rebuild_after)),
            ("NEARFIELD_SPOTIFY_REQUESTS_PER_MINUTE", number(self.spotify_requests_per_minute)),
            ("NEARFIELD_RECCOBEATS_REQUESTS_PER_MINUTE", number(self.reccobeats_requests_per_minute)),
            ("NEARFIELD_OEMBED_REQUESTS_PER_MINUTE", number(self.oembed_requests_per_minute)),
            ("NEARFIELD_PROVIDER_TIMEOUT_SECONDS", number(self.timeout_seconds)),
            ("NEARFIELD_PROVIDER_BACKOFF_MS", number(self.backoff_ms)),
            ("NEARFIELD_SPOTIFY_API_URL", self.spotify_api_url.clone()),
            ("NEARFIELD_SPOTIFY_ACCOUNTS_URL", self.spotify_accounts_url.clone()),
            ("NEARFIELD_RECCOBEATS_URL", self.reccobeats_url.clone()),
            ("NEARFIELD_OEMBED_URL", self.oembed_url.clone()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CONFIG_FILE, ConfigFile};

    #[test]
    fn the_table_is_read_checked_and_documented() {
        let everything = "providers = ['oembed']\nlimit = 5\ninterval_seconds = 5\nstale_after_days = 5\n\
            rebuild_after = 5\nspotify_requests_per_minute = 5\nreccobeats_requests_per_minute = 5\n\
            oembed_requests_per_minute = 5\ntimeout_seconds = 5\nbackoff_ms = 5\nspotify_api_url = ''\n\
            spotify_accounts_url = ''\nreccobeats_url = ''\noembed_url = ''";
        let parse = |text: &str| ConfigFile::parse(&format!("[worker]\n{text}"), CONFIG_FILE.as_ref());
        let variables = parse(everything).unwrap().by_variable();
        assert_eq!(variables.len(), everything.lines().count());
        let (manual, example) =
            (include_str!("../../docs/configuration.md"), include_str!("../../.env.example"));
        for (variable, _) in variables {
            assert!(manual.contains(&format!("`{variable}`")), "{variable} is not in docs/configuration.md");
            assert!(example.contains(&format!("\n#{variable}=")), "{variable} is not in .env.example");
        }
        for key in everything.lines().filter_map(|line| line.split(' ').next()) {
            assert!(manual.contains(&format!("| `worker.{key}` |")), "{key} is not in docs/configuration.md");
        }
        let refused = parse("limit = 0").unwrap_err().to_string();
        assert!(refused.contains("`worker.limit` is 0"), "{refused}");
        assert!(parse("limits = 1").is_err());
    }
}
