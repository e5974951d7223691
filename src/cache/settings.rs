//! What can be configured.

use std::fmt;
use std::time::Duration;

use redis::IntoConnectionInfo;

/// How a cache works.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Memory of this process for answers and explanations; 0 keeps none here.
    pub local_bytes: u64,
    /// How long anything is kept, here and in Redis.
    pub ttl: Duration,
    /// What all keys in Redis begin with.
    pub redis_prefix: String,
    /// Where Redis is, if there is one.
    pub redis_url: Option<RedisUrl>,
    /// The longest a request waits for Redis.
    pub redis_timeout: Duration,
    /// Answers that take less than this to compute, in microseconds, are not kept in Redis.
    pub redis_min_us: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            local_bytes: 64 << 20,
            ttl: Duration::from_secs(86_400),
            redis_prefix: "nearfield:".to_owned(),
            redis_url: None,
            redis_timeout: Duration::from_millis(25),
            redis_min_us: 200.0,
        }
    }
}

/// The address of a Redis server, which may hold a password: `Debug` and `Display` leave it out.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

/// Why a text is no address of a Redis server.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{redacted}` is no address of a Redis server: {why}; expected redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE] or \
     unix:///PATH"
)]
pub struct RedisUrlError {
    redacted: String,
    why: String,
}

impl RedisUrl {
    /// Reads `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]` or `unix:///PATH`.
    pub fn parse(text: &str) -> Result<Self, RedisUrlError> {
        let url = Self(text.trim().to_owned());
        let refuse = |why: &str| RedisUrlError { redacted: url.redacted(), why: why.to_owned() };
        if url.0.starts_with("rediss:") {
            return Err(refuse("connections with TLS are not supported; use a tunnel on this machine"));
        }
        // The client's message may quote the text, and with it the password.
        match url.0.as_str().into_connection_info() {
            Ok(_) => Ok(url),
            Err(_) => Err(refuse("it cannot be read")),
        }
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// The address without user, password and parameters.
    pub fn redacted(&self) -> String {
        let (scheme, rest) = match self.0.split_once("://") {
            Some((scheme, rest)) => (format!("{scheme}://"), rest),
            None => (String::new(), self.0.as_str()),
        };
        let (secret, host) = match rest.rsplit_once('@') {
            Some((_, host)) => ("***@", host),
            None => ("", rest),
        };
        let host = host.split('?').next().unwrap_or_default();
        format!("{scheme}{secret}{host}")
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({})", self.redacted())
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_their_password() {
        let url = RedisUrl::parse(" redis://me:se@cret@10.0.0.1:6380/2 ");
        // An `@` in a password has to be escaped.
        assert!(url.is_err() || !url.unwrap().redacted().contains("cret"));
        let url = RedisUrl::parse("redis://:se%40cret@10.0.0.1:6380/2").unwrap();
        assert_eq!(
            (url.to_string(), format!("{url:?}")),
            ("redis://***@10.0.0.1:6380/2".to_owned(), "RedisUrl(redis://***@10.0.0.1:6380/2)".to_owned())
        );
        assert_eq!(RedisUrl::parse("unix:///run/redis?pass=secret").unwrap().redacted(), "unix:///run/redis");
        assert_eq!(RedisUrl::parse("redis://localhost").unwrap().redacted(), "redis://localhost");
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_password() {
        let wrong = [
            "",
            "localhost:6379",
            "http://localhost",
            "redis://",
            "redis://h:99999",
            "rediss://h",
            "redis://h/x",
        ];
        for text in wrong.iter().map(|text| (*text).to_owned()).chain(["ftp://me:hunter2@h".to_owned()]) {
            let error = RedisUrl::parse(&text).unwrap_err().to_string();
            assert!(
                error.contains("redis://[USER:PASSWORD@]HOST") && !error.contains("hunter2"),
                "{text}: {error}"
            );
        }
    }
}
