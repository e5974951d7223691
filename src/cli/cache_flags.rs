//! Flags of the cache.

use std::time::Duration;

use clap::Args;

use crate::cache::{RedisUrl, Settings};
use crate::config::{
    CACHE_MIB, CACHE_REDIS_MIN_US, CACHE_TIMEOUT_MS, CACHE_TTL_SECONDS, REDIS_VARIABLE, Secret,
};

use super::Failure;

/// What is kept of answers and explanations.
#[derive(Debug, Args)]
pub(crate) struct CacheFlags {
    /// Memory for answers and explanations that were given last, in MiB; 0 keeps none in this process
    #[arg(long, value_name = "MIB", env = "NEARFIELD_CACHE_MIB", default_value = "64",
        value_parser = clap::value_parser!(u64).range(CACHE_MIB))]
    pub cache_mib: u64,
    /// How long they are kept, here and in Redis
    #[arg(long, value_name = "SECONDS", env = "NEARFIELD_CACHE_TTL_SECONDS", default_value = "86400",
        value_parser = clap::value_parser!(u64).range(CACHE_TTL_SECONDS))]
    pub cache_ttl_seconds: u64,
    /// What all keys in Redis begin with
    #[arg(long, value_name = "TEXT", env = "NEARFIELD_CACHE_PREFIX", default_value = "nearfield:", value_parser = prefix)]
    pub cache_prefix: String,
    /// The longest a request waits for Redis, in milliseconds
    #[arg(long, value_name = "MS", env = "NEARFIELD_CACHE_TIMEOUT_MS", default_value = "25",
        value_parser = clap::value_parser!(u64).range(CACHE_TIMEOUT_MS))]
    pub cache_timeout_ms: u64,
    /// Answers that take less than this to compute, in microseconds, are not kept in Redis
    #[arg(long, value_name = "US", env = "NEARFIELD_CACHE_REDIS_MIN_US", default_value = "200",
        value_parser = clap::value_parser!(u64).range(CACHE_REDIS_MIN_US))]
    pub cache_redis_min_us: u64,
}

impl CacheFlags {
    /// What the flags ask for, with Redis where there is an address of one.
    pub fn settings(&self, redis_url: Option<&Secret>) -> Result<Settings, Failure> {
        let wrong = |error| Failure::Usage(format!("{REDIS_VARIABLE}: {error}"));
        let redis_url = redis_url.map(|url| RedisUrl::parse(url.reveal())).transpose().map_err(wrong)?;
        Ok(Settings {
            local_bytes: self.cache_mib << 20,
            ttl: Duration::from_secs(self.cache_ttl_seconds),
            redis_prefix: self.cache_prefix.clone(),
            redis_url,
            redis_timeout: Duration::from_millis(self.cache_timeout_ms),
            redis_min_us: self.cache_redis_min_us as f64,
        })
    }
}

fn prefix(text: &str) -> Result<String, String> {
    match text.len() {
        1..=64 if text.chars().all(|letter| letter.is_ascii_graphic()) => Ok(text.to_owned()),
        _ => Err("expected 1 to 64 letters, digits and signs, without blanks".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_short_and_visible() {
        assert_eq!(prefix("a:"), Ok("a:".to_owned()));
        for text in ["", "a b", "a\n", "\u{e9}", &"x".repeat(65)] {
            assert!(prefix(text).unwrap_err().contains("1 to 64"), "{text}");
        }
    }
}
