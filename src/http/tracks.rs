//! `GET /api/v1/tracks/{id}`: what is known of a track. `GET /api/v1/tracks?q=`: search by title and artist.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use crate::query::{QueryError, TrackView};
use crate::snapshot::Snapshot;
use crate::track::TrackId;

use super::problem::Problem;
use super::query_string::Parameters;
use super::state::State;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

/// What is known of a track.
#[derive(Debug, Serialize)]
struct TrackAnswer<'a> {
    generation: &'a str,
    id: &'a str,
    track: TrackView,
    /// Raw value of every scalar feature of the schema; null where it is missing.
    features: BTreeMap<&'a str, Option<f64>>,
    /// Units of those that have one.
    units: BTreeMap<&'a str, &'a str>,
}

/// What a search found.
#[derive(Debug, Serialize)]
struct SearchAnswer {
    generation: String,
    query: String,
    results: Vec<SearchResult>,
}

#[derive(Debug, Serialize)]
struct SearchResult {
    id: String,
    score: f32,
    track: TrackView,
}

/// `GET /api/v1/tracks/{id}`
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

/// `GET /api/v1/tracks?q=`
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
    let found = web::block(move || find(&served.snapshot, query, limit)).await;
    let answer = found.map_err(|error| Problem::internal(&error))??;
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
