//! Spotify's oEmbed: the image of a track's album, without an account. <https://developer.spotify.com/documentation/embeds>

use futures_util::future::BoxFuture;

use super::answer::{self, text};
use super::{Call, Fault, Found, Group, Provider};
use crate::track::{Track, TrackId};
use crate::worker::limits::Limiter;

/// Its one call.
pub(super) struct OEmbed {
    client: reqwest::Client,
    url: String,
    limiter: Limiter,
}

impl OEmbed {
    pub fn new(client: reqwest::Client, url: &str, limiter: Limiter) -> Self {
        Self { client, url: url.to_owned(), limiter }
    }
}

impl Call for OEmbed {
    fn provider(&self) -> Provider {
        Provider::OEmbed
    }

    fn name(&self) -> &'static str {
        "oembed"
    }

    fn group(&self) -> Group {
        Group::Image
    }

    fn max_ids(&self) -> usize {
        1
    }

    fn fetch<'a>(&'a self, ids: &'a [TrackId]) -> BoxFuture<'a, Result<Found, Fault>> {
        Box::pin(async move {
            let mut found = Found::new();
            for id in ids {
                let page = format!("https://open.spotify.com/track/{id}");
                self.limiter.ready().await;
                let request = self.client.get(&self.url).query(&[("url", page)]);
                // It has no other words for a track that does not exist.
                let answer = answer::object(request.send().await).await?;
                let answer = answer.ok_or_else(|| Fault::BadIds("HTTP 404".to_owned()))?;
                if let Some(image) = text(&answer, "thumbnail_url") {
                    let mut track = Track::new(id.clone());
                    track.album_image = Some(image);
                    found.insert(id.clone(), track);
                }
            }
            Ok(found)
        })
    }
}
