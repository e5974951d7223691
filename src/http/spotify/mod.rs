//! What clients of Spotify's Web API ask for: recommendations, audio features, tracks, search, in Spotify's shapes, from
//! the same engines as everything else (`docs/spotify.md`).
//!
//! ```text
//! token.rs            POST /spotify/api/token
//! recommendations.rs  GET /spotify/v1/recommendations
//! parameters.rs       its parameters
//! seeds.rs            its seeds: tracks, artists, genres
//! genres.rs           GET /spotify/v1/recommendations/available-genre-seeds
//! audio_features.rs   GET /spotify/v1/audio-features, .../{id}
//! tracks.rs           GET /spotify/v1/tracks, .../{id}
//! search.rs           GET /spotify/v1/search
//! search_query.rs     its query language
//! objects.rs          tracks, albums, artists, audio features as JSON
//! links.rs            addresses in answers
//! errors.rs           problems in Spotify's shape
//! ```
//!
//! Handlers return a [`Problem`](super::problem::Problem) like all others; `errors.rs` gives it Spotify's shape on the way out, as it does to what
//! no handler answers.

mod audio_features;
mod errors;
mod genres;
mod links;
mod objects;
mod parameters;
mod recommendations;
mod search;
mod search_query;
mod seeds;
mod token;
mod tracks;

use actix_web::dev::HttpServiceFactory;
use actix_web::middleware::from_fn;
use actix_web::web;

use crate::query::QueryError;
use crate::snapshot::Snapshot;
use crate::track::{ItemIdx, TrackId};

use super::problem::Problem;
use super::query_string::Parameters;
use super::{not_found, read, write};

/// Everything under `/spotify`.
pub(super) fn scope() -> impl HttpServiceFactory {
    web::scope("/spotify")
        .wrap(from_fn(errors::reshape))
        .service(write("/api/token", token::post).resource)
        // Before the pattern that it matches.
        .service(read("/v1/recommendations/available-genre-seeds", genres::get).resource)
        .service(read("/v1/recommendations", recommendations::get).resource)
        .service(read("/v1/audio-features", audio_features::several).resource)
        .service(read("/v1/audio-features/{id}", audio_features::one).resource)
        .service(read("/v1/tracks", tracks::several).resource)
        .service(read("/v1/tracks/{id}", tracks::one).resource)
        .service(read("/v1/search", search::get).resource)
        .default_service(web::to(not_found))
}

/// The ids of a request for several, as asked for: in their order, with duplicates, and with blank ones, which nobody has:
/// clients tell what is whose by its place.
fn ids(query: &str, max: usize) -> Result<Vec<String>, Problem> {
    let ids = Parameters::parse(query)?.places("ids");
    if ids.iter().all(String::is_empty) {
        let detail = format!("`ids` is missing; expected 1 to {max} ids separated by commas");
        return Err(Problem::bad_request("missing_parameter", detail).at("ids"));
    }
    if ids.len() > max {
        let detail = format!("`ids` has {} entries; at most {max} are allowed", ids.len());
        return Err(Problem::bad_request("too_many_entries", detail).at("ids"));
    }
    Ok(ids)
}

/// The track with this id, which may be wrapped in a URI or a link.
fn find(snapshot: &Snapshot, id: &str) -> Option<ItemIdx> {
    snapshot.find(&TrackId::parse(id).ok()?)
}

/// The same where there has to be one.
fn known(snapshot: &Snapshot, id: &str) -> Result<ItemIdx, QueryError> {
    let unknown = || QueryError::UnknownTrack { field: "id".into(), id: id.to_owned() };
    find(snapshot, id).ok_or_else(unknown)
}
