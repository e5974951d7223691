//! `GET /api/v1/map`: the catalogue on a map. `GET /api/v1/map/points?ids=`: where tracks are on it.
//! `GET /api/v1/map/nearest?x=&y=`: which tracks are at a place.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::query::{MapTrack, MapView, map, near_on_map};
use crate::track::TrackId;

use super::openapi::{ListedId, SAMPLE_ID};
use super::problem::Problem;
use super::query_string::Parameters;
use super::similar::aside;
use super::state::State;

/// Tracks whose places may be asked for at once.
const MAX_POINTS: usize = 1_000;
/// The largest coordinate that may be asked about, either way; every track is far nearer.
const MAX_COORDINATE: f64 = 1e6;
const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 100;

/// Where tracks are on the map.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PointsAnswer {
    /// The generation whose map it is.
    generation: String,
    /// x and y by id; tracks there are not, are left out.
    points: BTreeMap<String, [f32; 2]>,
}

/// Which tracks are at a place of the map.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NearestAnswer {
    /// The generation whose map it is.
    generation: String,
    /// Nearest first.
    results: Vec<MapTrack>,
}

/// `GET /api/v1/map`
#[utoipa::path(
    get, path = "/api/v1/map", operation_id = "map", tag = "catalogue",
    summary = "The catalogue on a map",
    responses((status = 200, description = "The map.", body = MapView)),
)]
pub(super) async fn show(state: web::Data<State>, http: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::parse(http.query_string())?.finish("none")?;
    let served = state.served();
    let view = aside(move || Ok(map(&served.snapshot))).await?;
    Ok(HttpResponse::Ok().json(view))
}

/// `GET /api/v1/map/points?ids=`
#[utoipa::path(
    get, path = "/api/v1/map/points", operation_id = "mapPoints", tag = "catalogue",
    summary = "Where tracks are on the map",
    params(
        ("ids" = Vec<ListedId>, Query, description = "Ids of up to 1,000 tracks, separated by commas", style = Form, explode = false,
            min_items = 1, max_items = 1_000, example = json!([SAMPLE_ID])),
    ),
    responses((status = 200, description = "Their places; tracks there are not, are left out.", body = PointsAnswer)),
)]
pub(super) async fn points(state: web::Data<State>, http: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut given = Parameters::parse(http.query_string())?;
    let ids = given.list("ids");
    given.finish("ids")?;
    if ids.is_empty() || ids.len() > MAX_POINTS {
        let detail =
            format!("`ids` names {} tracks; expected 1 to {MAX_POINTS}, separated by commas", ids.len());
        return Err(Problem::bad_request("out_of_range", detail).at("ids"));
    }
    let served = state.served();
    let snapshot = &served.snapshot;
    let place = |id: String| {
        let item = snapshot.find(&TrackId::parse(&id).ok()?)?;
        Some((id, snapshot.overview().place(item)))
    };
    let points = ids.into_iter().filter_map(place).collect();
    Ok(HttpResponse::Ok().json(PointsAnswer { generation: snapshot.manifest().generation.clone(), points }))
}

/// `GET /api/v1/map/nearest?x=&y=`
#[utoipa::path(
    get, path = "/api/v1/map/nearest", operation_id = "mapNearest", tag = "catalogue",
    summary = "Which tracks are at a place of the map",
    params(
        ("x" = f32, Query, description = "Along the first axis", minimum = -1_000_000, maximum = 1_000_000, example = 0.5),
        ("y" = f32, Query, description = "Along the second axis", minimum = -1_000_000, maximum = 1_000_000, example = -0.5),
        ("limit" = Option<usize>, Query, description = "How many tracks; 10 where absent", minimum = 1, maximum = 100, example = 3),
    ),
    responses((status = 200, description = "The tracks, nearest first.", body = NearestAnswer)),
)]
pub(super) async fn nearest(state: web::Data<State>, http: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut given = Parameters::parse(http.query_string())?;
    let at = [coordinate(&mut given, "x")?, coordinate(&mut given, "y")?];
    let limit = given.whole("limit")?.unwrap_or(DEFAULT_LIMIT);
    given.finish("x, y and limit")?;
    if !(1..=MAX_LIMIT).contains(&limit) {
        let detail = format!("`limit` is {limit}; expected 1 to {MAX_LIMIT}");
        return Err(Problem::bad_request("out_of_range", detail).at("limit"));
    }
    let served = state.served();
    let find = move || {
        let results = near_on_map(&served.snapshot, at, limit)?;
        Ok::<_, Problem>(NearestAnswer { generation: served.snapshot.manifest().generation.clone(), results })
    };
    let answer = aside(find).await?;
    Ok(HttpResponse::Ok().json(answer))
}

fn coordinate(given: &mut Parameters, name: &str) -> Result<f32, Problem> {
    let number = given.number(name)?.filter(|number| number.abs() <= MAX_COORDINATE);
    number.map(|number| number as f32).ok_or_else(|| {
        let detail = format!(
            "`{name}` is missing or not from -{MAX_COORDINATE} to {MAX_COORDINATE}; expected a place on the map, see \
             /api/v1/map"
        );
        Problem::bad_request("out_of_range", detail).at(name)
    })
}
