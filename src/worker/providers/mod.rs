//! Whom tracks are asked of. A provider is a list of calls; each call gives one group of values.
//!
//! ```text
//! answer.rs        what an HTTP answer means; Retry-After
//! spotify.rs       the Web API: audio features, metadata
//! spotify_json.rs  its answers -> tracks
//! reccobeats.rs    audio features
//! oembed.rs        album images
//! ```

mod answer;
mod oembed;
mod reccobeats;
mod spotify;
mod spotify_json;

pub(super) use answer::LONGEST_RETRY_AFTER;

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::suggest;
use crate::track::{Track, TrackId, value};

use super::limits::Limiter;
use super::settings::Settings;

/// Whom tracks are asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Provider {
    /// Spotify's Web API.
    Spotify,
    /// ReccoBeats.
    ReccoBeats,
    /// Spotify's oEmbed.
    OEmbed,
}

/// What a call gives: values that belong together and are taken from one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// What was heard in the recording.
    Features,
    /// What was published about it.
    Metadata,
    /// The image of its album.
    Image,
}

/// The audio features every provider of them gives.
pub(super) const FEATURES: [&str; 11] = [
    value::DANCEABILITY,
    value::ENERGY,
    value::KEY,
    value::LOUDNESS,
    value::MODE,
    value::SPEECHINESS,
    value::ACOUSTICNESS,
    value::INSTRUMENTALNESS,
    value::LIVENESS,
    value::VALENCE,
    value::TEMPO,
];

/// What was found of some tracks. Those that were asked for and are not here are unknown to the provider.
pub(super) type Found = BTreeMap<TrackId, Track>;

/// One kind of request to a provider.
pub(super) trait Call {
    /// Whom it goes to.
    fn provider(&self) -> Provider;
    /// Its name among the calls of its provider.
    fn name(&self) -> &'static str;
    /// What it gives.
    fn group(&self) -> Group;
    /// Whether it gives the beats per bar, which not all do.
    fn gives_time_signature(&self) -> bool {
        false
    }
    /// How many tracks fit into a request.
    fn max_ids(&self) -> usize;
    /// Asks for at most [`Self::max_ids`] tracks; waits for the provider's rate.
    fn fetch<'a>(&'a self, ids: &'a [TrackId]) -> BoxFuture<'a, Result<Found, Fault>>;
}

/// Why a request gave nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum Fault {
    /// Too many requests.
    #[error("{}", if *quota { "the quota is used up" } else { "too many requests" })]
    TooMany {
        /// When to come back, if it said so.
        retry_after: Option<Duration>,
        /// A quota is used up: it may take hours.
        quota: bool,
    },
    /// This application may not make this call.
    #[error("refused to this application")]
    Refused,
    /// The credentials do not count.
    #[error("not authorized: {0}")]
    Unauthorized(String),
    /// One of the ids is not an id to the provider, or, of a call for one track, there is no such track.
    #[error("an id was refused: {0}")]
    BadIds(String),
    /// Worth another attempt.
    #[error("{0}")]
    Unavailable(String),
    /// Not worth another attempt.
    #[error("{0}")]
    Unexpected(String),
}

/// A name that is no provider's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no provider `{0}`{known}", known = suggest::among(.0, Provider::ALL.map(Provider::name)))]
pub struct UnknownProvider(String);

impl Provider {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Spotify, Self::ReccoBeats, Self::OEmbed];

    /// Its name in settings, provenance and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spotify => "spotify",
            Self::ReccoBeats => "reccobeats",
            Self::OEmbed => "oembed",
        }
    }
}

impl FromStr for Provider {
    type Err = UnknownProvider;
    fn from_str(text: &str) -> Result<Self, UnknownProvider> {
        Self::ALL
            .into_iter()
            .find(|known| known.name() == text)
            .ok_or_else(|| UnknownProvider(text.to_owned()))
    }
}

/// The calls of the chain, in its order. An error means that no HTTP client can be made here.
pub(super) fn calls(settings: &Settings) -> Result<Vec<Box<dyn Call>>, reqwest::Error> {
    let client = answer::client(settings.timeout)?;
    let mut calls: Vec<Box<dyn Call>> = Vec::new();
    for provider in &settings.providers {
        match (provider, &settings.credentials) {
            (Provider::Spotify, Some(credentials)) => {
                let limiter = Limiter::new(settings.rates.spotify);
                let spotify =
                    Arc::new(spotify::Spotify::new(credentials, &settings.urls, settings.timeout, limiter));
                calls.push(Box::new(spotify::AudioFeatures(Arc::clone(&spotify))));
                calls.push(Box::new(spotify::Tracks(spotify)));
            }
            (Provider::Spotify, None) => {}
            (Provider::ReccoBeats, _) => {
                let limiter = Limiter::new(settings.rates.reccobeats);
                calls.push(Box::new(reccobeats::ReccoBeats::new(
                    client.clone(),
                    &settings.urls.reccobeats,
                    limiter,
                )));
            }
            (Provider::OEmbed, _) => {
                let limiter = Limiter::new(settings.rates.oembed);
                calls.push(Box::new(oembed::OEmbed::new(client.clone(), &settings.urls.oembed, limiter)));
            }
        }
    }
    Ok(calls)
}
