//! `GET /spotify/v1/recommendations/available-genre-seeds`: every genre of the catalogue.

use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::content::{TagKind, fold};
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
    let names = snapshot.tags().names(TagKind::Genre).map(|(name, _)| name.into_owned());
    names.filter(|name| !name.is_empty() && left(snapshot, TagKind::Genre, name).is_some()).collect()
}

/// The tracks that are tagged `name`, where one is left of them.
pub(super) fn left<'a>(snapshot: &'a Snapshot, kind: TagKind, name: &str) -> Option<&'a [u32]> {
    let items = snapshot.tags().items(kind, name)?;
    // Ids of a damaged file may be out of range.
    let is_left =
        |item: &u32| (*item as usize) < snapshot.items().len() && !snapshot.is_removed(ItemIdx(*item));
    items.iter().any(is_left).then_some(items)
}

/// The tracks of a genre and its name as it is compared. Catalogues differ in how they part its words, so `hip-hop` also finds
/// `hip hop`, and the other way round.
pub(super) fn tagged<'a>(snapshot: &'a Snapshot, name: &str) -> Option<(String, &'a [u32])> {
    let name = fold(name);
    let spellings = [name.clone(), name.replace('-', " "), name.replace(' ', "-")];
    spellings.into_iter().find_map(|name| {
        let items = left(snapshot, TagKind::Genre, &name)?;
        Some((name, items))
    })
}
