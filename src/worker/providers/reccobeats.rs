//! ReccoBeats: audio features without an account. <https://reccobeats.com/docs/apis/get-audio-features>
//!
//! Its ids are its own: a track's Spotify id is only in `href`. Unknown ids are left out.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use super::answer::{self, features};
use super::{Call, FEATURES, Fault, Found, Group, Provider};
use crate::track::TrackId;
use crate::worker::limits::Limiter;

/// Its one call.
pub(super) struct ReccoBeats {
    client: reqwest::Client,
    url: String,
    limiter: Limiter,
}

impl ReccoBeats {
    pub fn new(client: reqwest::Client, base: &str, limiter: Limiter) -> Self {
        Self { client, url: format!("{}/audio-features", base.trim_end_matches('/')), limiter }
    }
}

impl Call for ReccoBeats {
    fn provider(&self) -> Provider {
        Provider::ReccoBeats
    }

    fn name(&self) -> &'static str {
        "audio-features"
    }

    fn group(&self) -> Group {
        Group::Features
    }

    fn max_ids(&self) -> usize {
        40
    }

    fn fetch<'a>(&'a self, ids: &'a [TrackId]) -> BoxFuture<'a, Result<Found, Fault>> {
        Box::pin(async move {
            let list: Vec<&str> = ids.iter().map(TrackId::as_str).collect();
            let url = format!("{}?ids={}", self.url, list.join(","));
            self.limiter.ready().await;
            let found = answer::object(self.client.get(url).send().await).await?;
            // Unknown ids are left out of an answer; no answer at all means that this is not ReccoBeats.
            let found = found.ok_or_else(|| Fault::Unexpected("HTTP 404".to_owned()))?;
            read(&found, ids)
        })
    }
}

fn read(answer: &Map<String, Value>, ids: &[TrackId]) -> Result<Found, Fault> {
    let content = answer.get("content").and_then(Value::as_array);
    let content = content.ok_or_else(|| Fault::Unavailable("its answer has no `content`".to_owned()))?;
    let mut found = Found::new();
    for item in content.iter().filter_map(Value::as_object) {
        let href = item.get("href").and_then(Value::as_str).and_then(|href| TrackId::parse(href).ok());
        let Some(id) = href.filter(|id| ids.contains(id)) else { continue };
        found.extend(features(item, &id, &FEATURES).map(|track| (id, track)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tracks_are_found_by_their_link_whatever_the_order() {
        let ids = ["1111111111111111111111", "2222222222222222222222", "3333333333333333333333"];
        let ids = ids.map(|id| TrackId::parse(id).unwrap());
        let answer = json!({"content": [
            {"id": "u-2", "href": "https://open.spotify.com/track/3333333333333333333333", "energy": 0.25, "key": null, "tempo": "fast"},
            {"id": "u-1", "href": "https://open.spotify.com/track/1111111111111111111111", "energy": 0.75},
            {"id": "u-9", "href": "https://open.spotify.com/track/9999999999999999999999", "energy": 0.5},
            {"id": "u-8", "energy": 0.5},
            "nonsense",
        ]});
        let found = read(answer.as_object().unwrap(), &ids).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[&ids[0]].values["energy"], 0.75);
        assert_eq!(found[&ids[2]].values.len(), 1, "null and text are no values");
        assert!(matches!(read(&Map::new(), &ids), Err(Fault::Unavailable(_))));
    }
}
