//! `GET /spotify/v1/recommendations/available-genre-seeds`: every genre of the catalogue.

use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::content::TagKind;
use crate::snapshot::Snapshot;
use crate::track::ItemIdx;

use super::super::problem::Problem;
use super::super::similar::aside;
use super::super::state::State;

/// `GET /spotify/v1/recommendations/available-genre-seeds`
pub(super) async fn get(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let served = state.served();
    let genres = aside(move || Ok(genres(&served.snapshot))).await?;
    Ok(HttpResponse::Ok().json(json!({"genres": genres})))
}

/// The genres that a track is left of, sorted, as they are compared.
fn genres(snapshot: &Snapshot) -> Vec<String> {
    let tags = snapshot.tags();
    let names = tags.names(TagKind::Genre).map(|(name, _)| name.into_owned());
    let is_left = |name: &String| {
        let items = tags.items(TagKind::Genre, name).unwrap_or_default();
        snapshot.removed().is_empty() || items.iter().any(|item| !snapshot.is_removed(ItemIdx(*item)))
    };
    names.filter(|name| !name.is_empty()).filter(is_left).collect()
}

/// The tracks of a genre and its name as it is compared. Catalogues differ in how they part its words, so `hip-hop` also finds
/// `hip hop`, and the other way round.
pub(super) fn tagged<'a>(snapshot: &'a Snapshot, name: &str) -> Option<(String, &'a [u32])> {
    let spellings = [name.to_owned(), name.replace('-', " "), name.replace(' ', "-")];
    spellings.into_iter().find_map(|name| {
        let items = snapshot.tags().items(TagKind::Genre, &name)?;
        Some((name, items))
    })
}
