//! What an HTTP answer means.

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Map, Value};

use super::Fault;
use crate::track::{Track, TrackId};

/// The largest answer that is read: a hundred tracks are a tenth of a mebibyte.
const MAX_BODY_BYTES: usize = 8 << 20;
/// The longest time to come back that is believed.
pub(in crate::worker) const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// What is quoted of an answer that was not expected.
const QUOTED_BYTES: usize = 200;

/// A client whose requests end within `timeout`.
pub(super) fn client(timeout: Duration) -> Result<Client, reqwest::Error> {
    let agent = concat!("nearfield/", env!("CARGO_PKG_VERSION"));
    Client::builder().user_agent(agent).timeout(timeout).build()
}

/// The object a successful answer holds, or what an unsuccessful one means. `None` for 404.
pub(super) async fn object(
    answer: Result<Response, reqwest::Error>,
) -> Result<Option<Map<String, Value>>, Fault> {
    let response = answer.map_err(failed)?;
    let status = response.status();
    if status == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    if !status.is_success() {
        return Err(refusal(response).await);
    }
    let body = body(response).await?;
    parse(&body).map(Some)
}

/// The object in an answer's body.
pub(super) fn parse(body: &[u8]) -> Result<Map<String, Value>, Fault> {
    serde_json::from_slice(body).map_err(|error| {
        Fault::Unavailable(format!("its answer is no JSON object ({error}): {}", quote(body)))
    })
}

/// A request that had no answer.
pub(super) fn failed(error: reqwest::Error) -> Fault {
    // The address would repeat up to a hundred ids.
    let error = error.without_url();
    if error.is_timeout() {
        return Fault::Unavailable("no answer in time".to_owned());
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    Fault::Unavailable(text)
}

/// What an answer without success means.
pub(super) async fn refusal(response: Response) -> Fault {
    let status = response.status();
    let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = body(response).await.unwrap_or_default();
    let retry_after = wait.and_then(|text| retry_after(&text, jiff::Timestamp::now()));
    let quota = String::from_utf8_lossy(&body).contains("QUOTA_EXCEEDED");
    match status.as_u16() {
        429 => Fault::TooMany { retry_after, quota },
        401 => Fault::Unauthorized(quote(&body)),
        403 => Fault::Refused,
        400 => Fault::BadIds(quote(&body)),
        // Servers under maintenance say when to come back, too.
        503 if retry_after.is_some() => Fault::TooMany { retry_after, quota },
        408 | 425 | 500..=599 => Fault::Unavailable(format!("HTTP {status}")),
        _ => Fault::Unexpected(format!("HTTP {status}: {}", quote(&body))),
    }
}

/// `Retry-After`: seconds, or a date. What is in the past is now.
fn retry_after(text: &str, now: jiff::Timestamp) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from(date.duration_since(now)).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

async fn body(mut response: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BODY_BYTES {
            return Err(Fault::Unexpected(format!("its answer is larger than {MAX_BODY_BYTES} bytes")));
        }
    }
    Ok(body)
}

fn quote(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(QUOTED_BYTES)]);
    format!("{:?}", text.trim())
}

/// A number, where there is a finite one.
pub(super) fn number(object: &Map<String, Value>, name: &str) -> Option<f64> {
    object.get(name)?.as_f64().filter(|number| number.is_finite())
}

/// The track `id` with those of the audio features `names` that an object has; `None` where it has none of use.
pub(super) fn features(object: &Map<String, Value>, id: &TrackId, names: &[&str]) -> Option<Track> {
    let mut track = Track::new(id.clone());
    for name in names {
        track.values.extend(number(object, name).map(|value| ((*name).to_owned(), value)));
    }
    track.drop_failed_analysis();
    (!track.values.is_empty()).then_some(track)
}

/// A text, where there is one that is not blank.
pub(super) fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name)?.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: jiff::Timestamp = "2026-11-25T08:00:00Z".parse().unwrap();
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(retry_after(text, now), expected.map(Duration::from_secs), "{text}");
        };
        check("7", Some(7));
        check(" 0 ", Some(0));
        check("Wed, 25 Nov 2026 08:00:30 GMT", Some(30));
        check("Wed, 25 Nov 2026 07:00:00 GMT", Some(0));
        check("99999999999999", Some(30 * 24 * 60 * 60));
        check("soon", None);
        check("-1", None);
        check("", None);
    }
}
