//! What can be set.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::config::Secret;

use super::providers::Provider;

/// How a worker goes about it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whom to ask, the most trusted first.
    pub providers: Vec<Provider>,
    /// The most tracks of a run.
    pub limit: usize,
    /// After how long a value is asked for again.
    pub stale_after: Duration,
    /// Without them Spotify's Web API is left out.
    pub credentials: Option<Credentials>,
    /// Where providers are.
    pub urls: Urls,
    /// How fast they are asked.
    pub rates: Rates,
    /// How long a request may take.
    pub timeout: Duration,
    /// The first wait after a failed request; each further one is twice as long.
    pub backoff: Duration,
    /// Try calls again that were refused to this application, and providers that said to come back later.
    pub probe: bool,
}

/// When a run ends with a build, and what that build is held to. How it builds is up to the live generation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RebuildSettings {
    /// Build once so many tracks have changed.
    pub after: u64,
    /// Recall that the new generation must reach to be published, 0 to 1.
    pub min_recall: f64,
    /// Generations kept on disk.
    pub keep: usize,
}

/// What Spotify knows an application by.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The client id.
    pub id: String,
    /// The client secret.
    pub secret: Secret,
}

/// Base addresses.
#[derive(Clone, Debug)]
pub struct Urls {
    /// Spotify's Web API, `https://api.spotify.com/v1`.
    pub spotify_api: String,
    /// Spotify's token service, `https://accounts.spotify.com`.
    pub spotify_accounts: String,
    /// ReccoBeats, `https://api.reccobeats.com/v1`.
    pub reccobeats: String,
    /// Spotify's oEmbed, `https://open.spotify.com/oembed`.
    pub oembed: String,
}

/// Requests a minute.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Of Spotify's Web API and its token service together.
    pub spotify: NonZeroU32,
    /// Of ReccoBeats.
    pub reccobeats: NonZeroU32,
    /// Of Spotify's oEmbed.
    pub oembed: NonZeroU32,
}
