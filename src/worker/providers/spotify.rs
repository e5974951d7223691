//! Spotify's Web API, as an application without a user. <https://developer.spotify.com/documentation/web-api>
//!
//! rspotify holds the credentials, fetches tokens and makes the requests. Its models are gone beneath: they refuse a
//! track without `external_ids` or `popularity: null`, which development applications get, and drop the nulls of a batch.
//! So the text of an answer is read here. Tokens are renewed here too, because rspotify neither counts that as a
//! request nor does it after a 401.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rspotify::clients::BaseClient;
use rspotify::http::HttpError;
use rspotify::{ClientCredsSpotify, ClientError, ClientResult, Config};
use serde_json::{Map, Value};

use super::answer::{self, failed, refusal};
use super::spotify_json::{read_features, read_track};
use super::{Call, Fault, Found, Group, Provider};
use crate::track::TrackId;
use crate::worker::limits::Limiter;
use crate::worker::settings::{Credentials, Urls};

/// One application.
pub(super) struct Spotify {
    client: ClientCredsSpotify,
    timeout: Duration,
    limiter: Limiter,
    /// Held while a token is fetched, so that one is enough for all who need it.
    renewing: tokio::sync::Mutex<()>,
}

/// `GET /audio-features?ids=`
pub(super) struct AudioFeatures(pub Arc<Spotify>);

/// `GET /tracks/{id}`: development applications may not ask for several.
pub(super) struct Tracks(pub Arc<Spotify>);

impl Spotify {
    pub fn new(credentials: &Credentials, urls: &Urls, timeout: Duration, limiter: Limiter) -> Self {
        let config = Config {
            api_base_url: urls.spotify_api.clone(),
            auth_base_url: urls.spotify_accounts.clone(),
            // Token requests are to wait for the limiter, too.
            token_refreshing: false,
            ..Config::default()
        };
        let credentials = rspotify::Credentials::new(&credentials.id, credentials.secret.reveal());
        let client = ClientCredsSpotify::with_config(credentials, config);
        Self { client, timeout, limiter, renewing: tokio::sync::Mutex::default() }
    }

    /// The object that `path` answers with; `None` for 404.
    async fn get(&self, path: &str) -> Result<Option<Map<String, Value>>, Fault> {
        let token = self.token(None).await?;
        match self.get_once(path).await {
            Err(Fault::Unauthorized(_)) => {
                self.token(Some(&token)).await?;
                self.get_once(path).await
            }
            answer => answer,
        }
    }

    async fn get_once(&self, path: &str) -> Result<Option<Map<String, Value>>, Fault> {
        self.limiter.ready().await;
        let none = rspotify::http::Query::new();
        match self.in_time(self.client.api_get(path, &none)).await? {
            Ok(text) => answer::parse(text.as_bytes()).map(Some),
            Err(ClientError::Http(error)) => match *error {
                HttpError::StatusCode(response) if response.status().as_u16() == 404 => Ok(None),
                HttpError::StatusCode(response) => Err(refusal(response).await),
                HttpError::Client(error) => Err(failed(error)),
            },
            Err(error) => Err(Fault::Unavailable(error.to_string())),
        }
    }

    /// A token that has not expired and is not `refused`.
    async fn token(&self, refused: Option<&str>) -> Result<String, Fault> {
        let _one_at_a_time = self.renewing.lock().await;
        if let Some(token) = self.current_token().await
            && refused != Some(token.as_str())
        {
            return Ok(token);
        }
        self.limiter.ready().await;
        match self.in_time(self.client.request_token()).await? {
            Ok(()) => {}
            Err(ClientError::Http(error)) => match *error {
                HttpError::StatusCode(response) => {
                    return Err(match refusal(response).await {
                        // The token service answers 400 or 401 to credentials that it does not know.
                        Fault::BadIds(what) | Fault::Unauthorized(what) => Fault::Unauthorized(format!(
                            "check SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET: {what}"
                        )),
                        Fault::Refused => Fault::Unauthorized("no token for this application".to_owned()),
                        fault => fault,
                    });
                }
                HttpError::Client(error) => return Err(failed(error)),
            },
            Err(error) => return Err(Fault::Unavailable(format!("the token is not readable: {error}"))),
        }
        let token = self.current_token().await;
        token.ok_or_else(|| Fault::Unavailable("the token had expired when it came".to_owned()))
    }

    async fn current_token(&self) -> Option<String> {
        let token = self.client.token.lock().await.ok()?;
        token.as_ref().filter(|token| !token.is_expired()).map(|token| token.access_token.clone())
    }

    /// rspotify's own limit of ten seconds cannot be set.
    async fn in_time<T>(
        &self,
        request: impl Future<Output = ClientResult<T>>,
    ) -> Result<ClientResult<T>, Fault> {
        let late = |_| Fault::Unavailable("no answer in time".to_owned());
        tokio::time::timeout(self.timeout, request).await.map_err(late)
    }
}

impl Call for AudioFeatures {
    fn provider(&self) -> Provider {
        Provider::Spotify
    }

    fn name(&self) -> &'static str {
        "audio-features"
    }

    fn group(&self) -> Group {
        Group::Features
    }

    fn gives_time_signature(&self) -> bool {
        true
    }

    fn max_ids(&self) -> usize {
        100
    }

    fn fetch<'a>(&'a self, ids: &'a [TrackId]) -> BoxFuture<'a, Result<Found, Fault>> {
        Box::pin(async move {
            let list: Vec<&str> = ids.iter().map(TrackId::as_str).collect();
            let answer = self.0.get(&format!("audio-features?ids={}", list.join(","))).await?;
            let answer = answer.ok_or_else(|| Fault::Unexpected("HTTP 404".to_owned()))?;
            read_features(&answer, ids)
        })
    }
}

impl Call for Tracks {
    fn provider(&self) -> Provider {
        Provider::Spotify
    }

    fn name(&self) -> &'static str {
        "tracks"
    }

    fn group(&self) -> Group {
        Group::Metadata
    }

    fn max_ids(&self) -> usize {
        1
    }

    fn fetch<'a>(&'a self, ids: &'a [TrackId]) -> BoxFuture<'a, Result<Found, Fault>> {
        Box::pin(async move {
            let mut found = Found::new();
            for id in ids {
                let answer = self.0.get(&format!("tracks/{id}")).await?;
                let answer = answer.ok_or_else(|| Fault::BadIds("HTTP 404".to_owned()))?;
                found.extend(read_track(&answer, id)?.map(|track| (id.clone(), track)));
            }
            Ok(found)
        })
    }
}
