//! Spotify's Web API and its token service, ReccoBeats and Spotify's oEmbed, as an HTTP server in this process: it answers
//! in the documented shapes, refuses what the real ones refuse, logs every request, and fails by script.

// The answer of a refusal is an answer like any other.
#![allow(clippy::result_large_err)]

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};

pub const CLIENT_ID: &str = "the-client";
pub const CLIENT_SECRET: &str = "the-secret";

/// The things that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Route {
    Token,
    SpotifyFeatures,
    SpotifyTrack,
    ReccoBeats,
    OEmbed,
}

/// What goes wrong with a request.
#[derive(Clone, Debug)]
pub enum Fault {
    Status(u16),
    /// 429 with this `Retry-After`, and this in its body.
    TooMany(Option<u64>, &'static str),
    Hang(Duration),
    Garbage,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Logged {
    pub at: Instant,
    pub route: Route,
    pub ids: Vec<String>,
}

#[derive(Default)]
struct Inner {
    log: Vec<Logged>,
    scripts: HashMap<Route, VecDeque<Fault>>,
    unknown: HashMap<Route, BTreeSet<String>>,
    /// Fields that answers lack.
    absent: BTreeSet<&'static str>,
    token: Option<String>,
    n_tokens: usize,
    /// Every token is refused.
    no_token_counts: bool,
}

type Shared = Arc<Mutex<Inner>>;

/// The running server; it ends with the test process.
pub struct Stub {
    pub url: String,
    shared: Shared,
}

impl Stub {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Shared::default();
        let data = web::Data::new(Arc::clone(&shared));
        thread::spawn(move || {
            let server = HttpServer::new(move || {
                App::new()
                    .app_data(data.clone())
                    .route("/api/token", web::post().to(token))
                    .route("/spotify/audio-features", web::get().to(spotify_features))
                    .route("/spotify/tracks/{id}", web::get().to(spotify_track))
                    .route("/recco/audio-features", web::get().to(reccobeats))
                    .route("/oembed", web::get().to(oembed))
            });
            let server = server.workers(1).disable_signals().listen(listener).unwrap();
            actix_web::rt::System::new().block_on(server.run()).unwrap();
        });
        Self { url, shared }
    }

    /// The next requests of `route` go wrong like this.
    pub fn fail(&self, route: Route, faults: impl IntoIterator<Item = Fault>) {
        self.shared.lock().unwrap().scripts.entry(route).or_default().extend(faults);
    }

    /// No more of what [`Self::fail`] asked for.
    pub fn heal(&self) {
        self.shared.lock().unwrap().scripts.clear();
    }

    pub fn forget(&self, route: Route, ids: &[String]) {
        self.shared.lock().unwrap().unknown.entry(route).or_default().extend(ids.iter().cloned());
    }

    pub fn leave_out(&self, field: &'static str) {
        self.shared.lock().unwrap().absent.insert(field);
    }

    /// The token in use does not count any more, or none ever does.
    pub fn revoke(&self, all: bool) {
        let mut inner = self.shared.lock().unwrap();
        inner.token = None;
        inner.no_token_counts = all;
    }

    pub fn log(&self) -> Vec<Logged> {
        self.shared.lock().unwrap().log.clone()
    }

    pub fn n_requests(&self) -> usize {
        self.shared.lock().unwrap().log.len()
    }

    pub fn n_of(&self, route: Route) -> usize {
        self.shared.lock().unwrap().log.iter().filter(|logged| logged.route == route).count()
    }

    pub fn clear_log(&self) {
        self.shared.lock().unwrap().log.clear();
    }
}

/// The value that a route gives for a track: different for each route, track and name, and the same every time.
pub fn value(route: Route, id: &str, name: &str) -> f64 {
    let hash = blake3::hash(format!("{route:?} {id} {name}").as_bytes());
    let share = f64::from(u16::from_le_bytes([hash.as_bytes()[0], hash.as_bytes()[1]])) / 65_536.0;
    match name {
        "key" => (share * 12.0).floor(),
        "mode" => share.round(),
        "time_signature" => 3.0 + (share * 4.0).floor(),
        "tempo" => 60.0 + 120.0 * share,
        "loudness" => -30.0 * share,
        "duration_ms" => 60_000.0 + (200_000.0 * share).floor(),
        "popularity" => (share * 100.0).floor(),
        _ => share,
    }
}

pub const FEATURES: [&str; 11] = [
    "acousticness",
    "danceability",
    "energy",
    "instrumentalness",
    "key",
    "liveness",
    "loudness",
    "mode",
    "speechiness",
    "tempo",
    "valence",
];

pub fn image(route: Route, id: &str) -> String {
    format!("https://i.example/{route:?}/{id}")
}

/// Logs a request and lets it fail if its time has come.
async fn begin(shared: &Shared, route: Route, ids: Vec<String>) -> Result<(), HttpResponse> {
    let fault = {
        let mut inner = shared.lock().unwrap();
        inner.log.push(Logged { at: Instant::now(), route, ids });
        inner.scripts.get_mut(&route).and_then(VecDeque::pop_front)
    };
    Err(match fault {
        None => return Ok(()),
        Some(Fault::Status(status)) => error(status, "scripted"),
        Some(Fault::Garbage) => HttpResponse::Ok().content_type("application/json").body("<html>{not json"),
        Some(Fault::Hang(time)) => {
            actix_web::rt::time::sleep(time).await;
            error(503, "too late")
        }
        Some(Fault::TooMany(seconds, message)) => {
            let mut response = HttpResponse::TooManyRequests();
            if let Some(seconds) = seconds {
                response.insert_header((RETRY_AFTER, seconds.to_string()));
            }
            response.json(json!({"error": {"status": 429, "message": message}}))
        }
    })
}

fn error(status: u16, message: &str) -> HttpResponse {
    HttpResponse::build(StatusCode::from_u16(status).unwrap())
        .json(json!({"error": {"status": status, "message": message}}))
}

fn knows(shared: &Shared, route: Route, id: &str) -> bool {
    !shared.lock().unwrap().unknown.get(&route).is_some_and(|unknown| unknown.contains(id))
}

/// The object without the fields that are to be absent.
fn trimmed(shared: &Shared, mut object: Value) -> Value {
    let inner = shared.lock().unwrap();
    let map = object.as_object_mut().unwrap();
    map.retain(|name, _| !inner.absent.contains(name.as_str()));
    object
}

type Query = web::Query<BTreeMap<String, String>>;

fn ids(query: &Query, most: usize) -> Result<Vec<String>, HttpResponse> {
    let ids: Vec<String> =
        query.get("ids").map(|ids| ids.split(',').map(str::to_owned).collect()).unwrap_or_default();
    let are_ids = ids.iter().all(|id| id.len() == 22 && id.chars().all(|c| c.is_ascii_alphanumeric()));
    if ids.is_empty() || ids.len() > most || !are_ids {
        return Err(error(400, "invalid ids"));
    }
    Ok(ids)
}

async fn token(shared: web::Data<Shared>, request: HttpRequest, body: String) -> HttpResponse {
    if let Err(response) = begin(&shared, Route::Token, Vec::new()).await {
        return response;
    }
    // the-client:the-secret
    let basic = "Basic dGhlLWNsaWVudDp0aGUtc2VjcmV0";
    let sent = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if sent != Some(basic) || body != "grant_type=client_credentials" {
        return HttpResponse::BadRequest().json(json!({"error": "invalid_client"}));
    }
    let mut inner = shared.lock().unwrap();
    inner.n_tokens += 1;
    let token = format!("token-{}", inner.n_tokens);
    inner.token = Some(token.clone());
    HttpResponse::Ok().json(json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600}))
}

fn authorized(shared: &Shared, request: &HttpRequest) -> Result<(), HttpResponse> {
    let sent = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let inner = shared.lock().unwrap();
    let expected = inner.token.as_ref().map(|token| format!("Bearer {token}"));
    if inner.no_token_counts || expected.is_none() || sent != expected.as_deref() {
        return Err(error(401, "The access token expired"));
    }
    Ok(())
}

async fn spotify_features(shared: web::Data<Shared>, request: HttpRequest, query: Query) -> HttpResponse {
    let route = Route::SpotifyFeatures;
    let answer = async || {
        let ids = ids(&query, 100);
        begin(&shared, route, ids.as_ref().map(Clone::clone).unwrap_or_default()).await?;
        authorized(&shared, &request)?;
        let feature = |id: &String| {
            if !knows(&shared, route, id) {
                return Value::Null;
            }
            let mut object = json!({
                "id": id, "uri": format!("spotify:track:{id}"), "type": "audio_features",
                "track_href": format!("https://api.spotify.com/v1/tracks/{id}"), "analysis_url": "https://x",
            });
            for name in FEATURES.into_iter().chain(["time_signature", "duration_ms"]) {
                object[name] = json!(value(route, id, name));
            }
            trimmed(&shared, object)
        };
        let list: Vec<Value> = ids?.iter().map(feature).collect();
        Ok(HttpResponse::Ok().json(json!({ "audio_features": list })))
    };
    answer().await.unwrap_or_else(|refused: HttpResponse| refused)
}

async fn spotify_track(
    shared: web::Data<Shared>,
    request: HttpRequest,
    id: web::Path<String>,
) -> HttpResponse {
    let (route, id) = (Route::SpotifyTrack, id.into_inner());
    let answer = async || {
        begin(&shared, route, vec![id.clone()]).await?;
        authorized(&shared, &request)?;
        if !knows(&shared, route, &id) {
            return Err(error(404, "Non existing id"));
        }
        let track = json!({
            "id": id, "name": format!("Name of {id}"), "type": "track", "uri": format!("spotify:track:{id}"),
            "artists": [{"id": "artist", "name": format!("Artist of {id}"), "type": "artist"}],
            "album": {
                "id": "album", "name": "Album", "release_date": "1994-05-01", "album_type": "album",
                "images": [{"url": image(route, &id), "width": 640, "height": 640}],
            },
            "disc_number": 1, "track_number": 2, "explicit": false, "is_local": false, "preview_url": null,
            "duration_ms": value(route, &id, "duration_ms"), "popularity": value(route, &id, "popularity"),
        });
        Ok(HttpResponse::Ok().json(trimmed(&shared, track)))
    };
    answer().await.unwrap_or_else(|refused: HttpResponse| refused)
}

async fn reccobeats(shared: web::Data<Shared>, query: Query) -> HttpResponse {
    let route = Route::ReccoBeats;
    let answer = async || {
        let ids = ids(&query, 40);
        begin(&shared, route, ids.as_ref().map(Clone::clone).unwrap_or_default()).await?;
        let ids = ids?;
        // Unknown ones are left out, and the order is its own.
        let known = ids.iter().rev().filter(|id| knows(&shared, route, id));
        let content: Vec<Value> = known
            .enumerate()
            .map(|(n, id)| {
                let mut object = json!({
                    "id": format!("00000000-0000-0000-0000-{n:012}"),
                    "href": format!("https://open.spotify.com/track/{id}"),
                });
                for name in FEATURES {
                    object[name] = json!(value(route, id, name));
                }
                trimmed(&shared, object)
            })
            .collect();
        Ok(HttpResponse::Ok().json(json!({ "content": content })))
    };
    answer().await.unwrap_or_else(|refused: HttpResponse| refused)
}

async fn oembed(shared: web::Data<Shared>, query: Query) -> HttpResponse {
    let route = Route::OEmbed;
    let answer = async || {
        let url = query.get("url").map(String::as_str).unwrap_or_default();
        let id = url.strip_prefix("https://open.spotify.com/track/").map(str::to_owned);
        begin(&shared, route, id.iter().cloned().collect()).await?;
        match id.filter(|id| knows(&shared, route, id)) {
            Some(id) => Ok(HttpResponse::Ok().json(json!({
                "version": "1.0", "type": "rich", "provider_name": "Spotify", "title": "A title",
                "thumbnail_url": image(route, &id), "thumbnail_width": 300, "thumbnail_height": 300,
            }))),
            None => Err(error(404, "not found")),
        }
    };
    answer().await.unwrap_or_else(|refused: HttpResponse| refused)
}
