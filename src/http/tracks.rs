//! `GET /api/v1/tracks/{id}`: what is known of a track. `GET /api/v1/tracks?q=`: search by title and artist.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use crate::query::{QueryError, TrackView};
use crate::snapshot::Snapshot;
use crate::track::TrackId;

use super::openapi::{NotFound, SAMPLE_ID};
use super::problem::Problem;
use super::query_string::Parameters;
use super::similar::aside;
use super::state::State;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

/// What is known of a track.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct TrackAnswer<'a> {
    /// The generation it comes from.
    generation: &'a str,
    /// Its id.
    id: &'a str,
    /// What is shown of it.
    track: TrackView,
    /// Raw value of every scalar feature of the schema; null where it is missing.
    features: BTreeMap<&'a str, Option<f64>>,
    /// Units of those that have one.
    units: BTreeMap<&'a str, &'a str>,
}

/// What a search found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SearchAnswer {
    /// The generation they come from.
    generation: String,
    /// What was asked for.
    query: String,
    /// Best first; of equals the more popular.
    results: Vec<SearchResult>,
}

/// One of the tracks found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SearchResult {
    /// The track's id.
    id: String,
    /// Above 2: every word matches as written; above 1: with typos; below 1: only some do.
    score: f32,
    /// What is shown of it.
    track: TrackView,
}

/// What is known of a track
#[utoipa::path(
    get,
    path = "/api/v1/tracks/{id}",
    operation_id = "track",
    tag = "tracks",
    params(
        ("id" = String, Path, description = "The track: its id, `spotify:track:ID` or its address at Spotify", min_length = 1,
            example = json!(SAMPLE_ID)),
    ),
    responses(
        (status = 200, description = "The track.", body = TrackAnswer<'static>),
        (status = 404, response = NotFound),
    )
)]
pub(super) async fn get(
    state: web::Data<State>,
    id: web::Path<String>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    Parameters::parse(http.query_string())?.finish("none")?;
    let served = state.served();
    let snapshot = &served.snapshot;
    let id = id.into_inner();
    let unknown = || QueryError::UnknownTrack { field: "id".into(), id: id.clone() };
    let track_id = TrackId::parse(&id).map_err(|_| unknown())?;
    let item = snapshot.find(&track_id).ok_or_else(unknown)?;
    let scalars = || snapshot.schema().features.iter().filter(|feature| !feature.transform.takes_vector());
    let answer = TrackAnswer {
        generation: &snapshot.manifest().generation,
        id: track_id.as_str(),
        track: TrackView::of(snapshot, item)?,
        features: scalars()
            .map(|feature| (feature.name.as_str(), snapshot.raw(feature.source(), item)))
            .collect(),
        units: scalars()
            .filter(|feature| !feature.unit.is_empty())
            .map(|feature| (feature.name.as_str(), feature.unit.as_str()))
            .collect(),
    };
    Ok(HttpResponse::Ok().json(answer))
}

/// Search by title and artist
///
/// As one types: the last word may be unfinished. Accents, case and punctuation do not matter; when too few tracks match as
/// written, longer words may have a typo or two.
#[utoipa::path(
    get,
    path = "/api/v1/tracks",
    operation_id = "searchTracks",
    tag = "tracks",
    params(
        ("q" = String, Query, description = "What was typed so far", pattern = "\\S", example = json!("the")),
        ("limit" = Option<usize>, Query, description = "The most results; 20 where absent", minimum = 1, maximum = 100,
            example = json!(5)),
    ),
    responses(
        (status = 200, description = "What was found, best first.", body = SearchAnswer),
    )
)]
pub(super) async fn search(state: web::Data<State>, http: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut given = Parameters::parse(http.query_string())?;
    let query = given.text("q").unwrap_or_default();
    let limit = given.whole("limit")?.unwrap_or(DEFAULT_LIMIT);
    given.finish("q and limit")?;
    if query.trim().is_empty() {
        let detail = "`q` is empty; expected some letters of a title or an artist's name";
        return Err(Problem::bad_request("empty_query", detail).at("q"));
    }
    if !(1..=MAX_LIMIT).contains(&limit) {
        let detail = format!("`limit` is {limit}; expected 1 to {MAX_LIMIT}");
        return Err(Problem::bad_request("out_of_range", detail).at("limit"));
    }
    let served = state.served();
    let answer = aside(move || Ok(find(&served.snapshot, query, limit)?)).await?;
    Ok(HttpResponse::Ok().json(answer))
}

fn find(snapshot: &Snapshot, query: String, limit: usize) -> Result<SearchAnswer, QueryError> {
    let hits = snapshot.search_titles(&query, limit);
    let show = |hit: crate::titles::TitleHit| {
        let id = snapshot.items().id(hit.item).into_owned();
        Ok(SearchResult { id, score: hit.score, track: TrackView::of(snapshot, hit.item)? })
    };
    let results = hits.into_iter().map(show).collect::<Result<_, QueryError>>()?;
    Ok(SearchAnswer { generation: snapshot.manifest().generation.clone(), query, results })
}
