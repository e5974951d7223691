//! `GET /spotify/v1/audio-features/{id}` and `GET /spotify/v1/audio-features?ids=`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use super::super::problem::Problem;
use super::super::state::State;
use super::links::Links;
use super::objects::{AudioFeatures, Objects};
use super::{find, ids, known};

const MAX_IDS: usize = 100;

#[derive(Debug, Serialize)]
struct Several {
    audio_features: Vec<Option<AudioFeatures>>,
}

/// `GET /spotify/v1/audio-features/{id}`
pub(super) async fn one(
    state: web::Data<State>,
    id: web::Path<String>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let served = state.served();
    let (snapshot, links) = (&served.snapshot, &Links::of(&http));
    let item = known(snapshot, id.as_str())?;
    let features = Objects { snapshot, links }.audio_features(item).ok_or_else(|| {
        let detail = format!("nothing is known of how `{id}` sounds");
        Problem::new(StatusCode::NOT_FOUND, "no_audio_features", detail)
    })?;
    Ok(HttpResponse::Ok().json(features))
}

/// `GET /spotify/v1/audio-features?ids=`
pub(super) async fn several(state: web::Data<State>, http: HttpRequest) -> Result<HttpResponse, Problem> {
    let ids = ids(http.query_string(), MAX_IDS)?;
    let served = state.served();
    let (snapshot, links) = (&served.snapshot, &Links::of(&http));
    let objects = Objects { snapshot, links };
    let features = |id: &String| objects.audio_features(find(snapshot, id)?);
    Ok(HttpResponse::Ok().json(Several { audio_features: ids.iter().map(features).collect() }))
}
