//! A server, over HTTP.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{self, Runtime};

use crate::progress::{CancelToken, Cancelled};
use crate::query::SimilarRequest;
use crate::track::TrackId;

use super::Failure;
use super::answer::{Candidate, Found, not_understood};
use super::flags::without_defaults;
use super::source::Refused;

/// The longest a connection takes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest an answer takes, however large.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A running server.
pub(super) struct Server {
    url: Url,
    client: Client,
    runtime: Runtime,
    cancel: CancelToken,
}

/// What a server says when it refuses.
#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
    field: Option<String>,
}

impl Server {
    /// The server at `url`; `http://` may be left out. Nothing is sent yet.
    pub fn new(url: &str, cancel: CancelToken) -> Result<Self, Failure> {
        let whole = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let parsed = Url::parse(&whole).ok().filter(|url| url.has_host() && url.scheme().starts_with("http"));
        let url = parsed.ok_or_else(|| {
            Failure::Usage(format!(
                "--server {url:?} is no address; expected something like http://127.0.0.1:8080"
            ))
        })?;
        let client = Client::builder()
            .user_agent(concat!("nearfield/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { url, client, runtime, cancel })
    }

    /// The JSON of the answer.
    pub fn similar(&self, request: &SimilarRequest) -> Result<String, Refused> {
        let body = without_defaults(request).map_err(|error| Refused::Other(error.into()))?;
        let post = self.client.post(self.path(&["similar"])).json(&body);
        let (status, text) = self.send(post).map_err(Refused::Other)?;
        if status.is_success() {
            return Ok(text);
        }
        match serde_json::from_str::<Problem>(&text) {
            Ok(Problem { code, detail, field: Some(field) })
                if status == StatusCode::BAD_REQUEST || code == "unknown_track" =>
            {
                Err(Refused::Query { is_usage: status == StatusCode::BAD_REQUEST, field, detail })
            }
            _ => Err(Refused::Other(self.refusal(status, &text))),
        }
    }

    /// The track with this id.
    pub fn find(&self, id: &TrackId) -> Result<Option<Candidate>, Failure> {
        // In an address these are steps, however they are encoded: such a track cannot be asked for.
        if matches!(id.as_str(), "." | "..") {
            return Ok(None);
        }
        let (status, text) = self.send(self.client.get(self.path(&["tracks", id.as_str()])))?;
        let is_unknown = status == StatusCode::NOT_FOUND
            && serde_json::from_str::<Problem>(&text).is_ok_and(|problem| problem.code == "unknown_track");
        if is_unknown { Ok(None) } else { self.read(status, &text).map(Some) }
    }

    /// At most `limit` tracks with such words in title and artists, best first.
    pub fn search(&self, words: &str, limit: usize) -> Result<Vec<Candidate>, Failure> {
        let get = self.client.get(self.path(&["tracks"]));
        let (status, text) = self.send(get.query(&[("q", words), ("limit", &limit.to_string())]))?;
        Ok(self.read::<Found>(status, &text)?.results)
    }

    fn path(&self, parts: &[&str]) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1"]).extend(parts);
        }
        url
    }

    /// Status and body of the response.
    fn send(&self, request: RequestBuilder) -> Result<(StatusCode, String), Failure> {
        let exchange = async {
            let response = request.send().await?;
            Ok::<_, reqwest::Error>((response.status(), response.text().await?))
        };
        self.unless_cancelled(exchange)?.map_err(|error| self.unreachable(&error))
    }

    fn unless_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, Cancelled> {
        self.runtime.block_on(async {
            tokio::select! {
                done = work => Ok(done),
                () = self.cancel.asked() => Err(Cancelled::Asked),
            }
        })
    }

    fn read<T: DeserializeOwned>(&self, status: StatusCode, text: &str) -> Result<T, Failure> {
        match status.is_success() {
            true => serde_json::from_str(text).map_err(|error| not_understood(&error)),
            false => Err(self.refusal(status, text)),
        }
    }

    fn refusal(&self, status: StatusCode, text: &str) -> Failure {
        let what = match serde_json::from_str::<Problem>(text) {
            Ok(problem) => format!("{self} answered {}: {}", status.as_u16(), problem.detail),
            Err(_) => format!("{self} answered {status}, not as a nearfield server does; is --server right?"),
        };
        Failure::Work(what.into())
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        // The last cause is what the system says: "Connection refused".
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let why = if error.is_timeout() { "it does not answer".to_owned() } else { cause.to_string() };
        Failure::Work(
            format!(
                "cannot ask {self}: {why}. Start a server with `nearfield serve`, or leave out --server (and NEARFIELD_SERVER) \
                 to ask a snapshot"
            )
            .into(),
        )
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without name and password, which may stand before the host.
        f.write_str(&self.url.origin().ascii_serialization())
    }
}
