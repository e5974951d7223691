//! `GET /spotify/v1/tracks/{id}` and `GET /spotify/v1/tracks?ids=`.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use crate::query::QueryError;

use super::super::problem::Problem;
use super::super::state::State;
use super::links::Links;
use super::objects::{Objects, Track};
use super::{find, ids, known};

const MAX_IDS: usize = 50;

#[derive(Debug, Serialize)]
struct Tracks {
    tracks: Vec<Option<Track>>,
}

/// `GET /spotify/v1/tracks/{id}`
pub(super) async fn one(
    state: web::Data<State>,
    id: web::Path<String>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let served = state.served();
    let (snapshot, links) = (&served.snapshot, &Links::of(&http));
    let item = known(snapshot, id.as_str())?;
    Ok(HttpResponse::Ok().json(Objects { snapshot, links }.track(item)?))
}

/// `GET /spotify/v1/tracks?ids=`
pub(super) async fn several(state: web::Data<State>, http: HttpRequest) -> Result<HttpResponse, Problem> {
    let ids = ids(http.query_string(), MAX_IDS)?;
    let served = state.served();
    let (snapshot, links) = (&served.snapshot, &Links::of(&http));
    let objects = Objects { snapshot, links };
    let track = |id: &String| find(snapshot, id).map(|item| objects.track(item)).transpose();
    let tracks = ids.iter().map(track).collect::<Result<_, QueryError>>()?;
    Ok(HttpResponse::Ok().json(Tracks { tracks }))
}
