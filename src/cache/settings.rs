//! What can be configured.

use std::fmt;
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

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
pub struct RedisUrl {
    text: String,
    shown: String,
}

/// Why a text is no address of a Redis server. Of the text it shows what is before `://` only: where something is missing
/// or not escaped, a password can be anywhere else.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{shown}` is no address of a Redis server: {why}; expected redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE] or \
     unix:///PATH, with what is special in a password escaped (%40 for @)"
)]
pub struct RedisUrlError {
    shown: String,
    why: String,
}

impl RedisUrl {
    /// Reads `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]` or `unix:///PATH`.
    pub fn parse(text: &str) -> Result<Self, RedisUrlError> {
        let text = text.trim();
        let refuse = |why: &str| RedisUrlError { shown: scheme(text), why: why.to_owned() };
        if text.starts_with("rediss:") {
            return Err(refuse("connections with TLS are not supported; use a tunnel on this machine"));
        }
        // The client's message may quote the text, and with it the password.
        let info = text.into_connection_info().map_err(|_| refuse("it cannot be read"))?;
        let shown = shown(&info).ok_or_else(|| refuse("it is of a kind that is not supported"))?;
        Ok(Self { text: text.to_owned(), shown })
    }

    pub(super) fn reveal(&self) -> &str {
        &self.text
    }

    /// The address without user, password and parameters.
    pub fn redacted(&self) -> String {
        self.shown.clone()
    }
}

/// Host, port and database, or the path: what a connection uses, not how it is written.
fn shown(info: &ConnectionInfo) -> Option<String> {
    match info.addr() {
        ConnectionAddr::Tcp(host, port) => {
            let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
            Some(format!("redis://{host}:{port}/{}", info.redis_settings().db()))
        }
        ConnectionAddr::Unix(path) => Some(format!("unix://{}", path.display())),
        _ => None,
    }
}

/// What is before `://`, if that is a word.
fn scheme(text: &str) -> String {
    let is_word = |scheme: &str| scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'+');
    match text.split_once("://") {
        Some((scheme, _)) if is_word(scheme) => format!("{scheme}://..."),
        _ => "...".to_owned(),
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
        let url = RedisUrl::parse("redis://:se%40cret@10.0.0.1:6380/2").unwrap();
        assert_eq!(
            (url.to_string(), format!("{url:?}")),
            ("redis://10.0.0.1:6380/2".to_owned(), "RedisUrl(redis://10.0.0.1:6380/2)".to_owned())
        );
        for (text, shown) in [
            (" redis://localhost ", "redis://localhost:6379/0"),
            ("redis://me:hunter2@[::1]", "redis://[::1]:6379/0"),
            ("redis://h/1?password=hunter2@x", "redis://h:6379/1"),
            ("unix:///run/redis.sock?pass=hunter2", "unix:///run/redis.sock"),
            ("unix:///run/redis.sock?pass=hunt@er2", "unix:///run/redis.sock"),
            ("redis+unix:///run/redis.sock?pass=hunter2&db=1", "unix:///run/redis.sock"),
        ] {
            assert_eq!(RedisUrl::parse(text).unwrap().redacted(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_password() {
        for (text, shown) in [
            ("", "`...`"),
            ("localhost:6379", "`...`"),
            ("me:hunter2@h", "`...`"),
            (":hunter2://h", "`...`"),
            ("http://localhost", "`http://...`"),
            ("redis://", "`redis://...`"),
            ("redis://h:99999", "`redis://...`"),
            ("rediss://:hunter2@h", "`rediss://...`"),
            ("redis://h/x", "`redis://...`"),
            ("ftp://me:hunter2@h", "`ftp://...`"),
            // The host was forgotten, or what is special in the password not escaped.
            ("redis://:hunter2", "`redis://...`"),
            ("redis://:hunter2?b@h", "`redis://...`"),
            ("redis://:hunter2/b@h", "`redis://...`"),
            ("redis://me:hunter2#b@h", "`redis://...`"),
        ] {
            let error = RedisUrl::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{shown} is no address")), "{text}: {error}");
            assert!(
                error.contains("redis://[USER:PASSWORD@]HOST") && !error.contains("hunter2"),
                "{text}: {error}"
            );
        }
        // An `@` in a password can be read all the same.
        let shown = RedisUrl::parse("redis://me:hunt@er2@10.0.0.1:6380/2").unwrap().to_string();
        assert_eq!(shown, "redis://10.0.0.1:6380/2");
    }
}
