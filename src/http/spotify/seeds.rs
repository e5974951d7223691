//! Seeds of recommendations. A track is a seed by itself; an artist or a genre is one by the mean of its tracks, has one vote like a
//! track, and is no filter.

use std::collections::HashSet;

use actix_web::http::StatusCode;
use serde::Serialize;

use crate::content::TagKind;
use crate::query::SimilarRequest;
use crate::snapshot::Snapshot;
use crate::track::{ItemIdx, unwrapped};

use super::super::problem::Problem;
use super::links::Links;
use super::objects::href;
use super::{find, genres};

/// What a seed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
// One popular client reads nothing else, whatever Spotify's documentation says.
#[serde(rename_all = "UPPERCASE")]
pub(super) enum SeedKind {
    Artist,
    Genre,
    Track,
}

impl SeedKind {
    /// Where it is given.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Artist => "seed_artists",
            Self::Genre => "seed_genres",
            Self::Track => "seed_tracks",
        }
    }
}

/// A seed as asked for: an id, or the name of a genre.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seed {
    pub kind: SeedKind,
    pub id: String,
}

/// A seed as answered.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SeedObject {
    initial_pool_size: usize,
    after_filtering_size: usize,
    after_relinking_size: usize,
    id: String,
    r#type: SeedKind,
    href: Option<String>,
}

impl Seed {
    /// Ids may come wrapped in a URI or a link.
    pub fn new(kind: SeedKind, id: &str) -> Self {
        let id = match kind {
            SeedKind::Artist => unwrapped(id, "artist"),
            SeedKind::Genre => id,
            SeedKind::Track => unwrapped(id, "track"),
        };
        Self { kind, id: id.to_owned() }
    }

    /// How it is answered; both pool sizes are 0 for an unknown one, which the answer owes nothing to.
    pub fn object(
        &self,
        snapshot: &Snapshot,
        links: &Links,
        n_before_filters: usize,
        n_after: usize,
    ) -> SeedObject {
        SeedObject {
            initial_pool_size: n_before_filters,
            after_filtering_size: n_after,
            after_relinking_size: n_after,
            id: self.id.clone(),
            r#type: self.kind,
            href: match self.kind {
                SeedKind::Artist if self.is_imported(snapshot) => href("artist", &self.id),
                SeedKind::Artist => None,
                SeedKind::Genre => None,
                SeedKind::Track => Some(links.track(&self.id)),
            },
        }
    }

    /// Whether the catalogue brought the id of an artist along: others are made of names, and are nobody's elsewhere.
    fn is_imported(&self, snapshot: &Snapshot) -> bool {
        let first = self.group(snapshot).and_then(|(_, _, items)| items.first().copied());
        let in_range = first.filter(|item| (*item as usize) < snapshot.items().len());
        // As one track of an artist, so all: one id is not made of a name and brought along.
        let record = in_range.and_then(|item| snapshot.items().record(ItemIdx(item)).ok());
        record.is_some_and(|record| record.artist_ids.contains(&self.id))
    }

    /// The group of tracks it stands for: its kind, its name within the generation, its tracks. A track stands for itself.
    fn group<'a>(&self, snapshot: &'a Snapshot) -> Option<(TagKind, String, &'a [u32])> {
        match self.kind {
            SeedKind::Track => None,
            SeedKind::Artist => {
                let items = genres::left(snapshot, TagKind::ArtistId, &self.id)?;
                Some((TagKind::ArtistId, self.id.clone(), items))
            }
            SeedKind::Genre => {
                let (name, items) = genres::tagged(snapshot, &self.id)?;
                Some((TagKind::Genre, name, items))
            }
        }
    }
}

/// How many tracks have to be read to find the means of `seeds`.
pub(super) fn n_to_average(snapshot: &Snapshot, seeds: &[Seed]) -> usize {
    let groups = seeds.iter().filter_map(|seed| seed.group(snapshot));
    groups.map(|(kind, name, items)| snapshot.n_to_average(kind, &name, items)).sum()
}

/// Adds `seeds` to `request`, each once however often and in whatever spelling it is given; for each, whether it is known. An
/// error where none is.
pub(super) fn add(
    snapshot: &Snapshot,
    seeds: &[Seed],
    request: &mut SimilarRequest,
) -> Result<Vec<bool>, Problem> {
    let mut known = Vec::with_capacity(seeds.len());
    let mut groups = HashSet::new();
    for seed in seeds {
        if seed.kind == SeedKind::Track {
            let is_known = find(snapshot, &seed.id).is_some();
            known.push(is_known);
            if is_known && !request.seeds.contains(&seed.id) {
                request.seeds.push(seed.id.clone());
            }
            continue;
        }
        let group = seed.group(snapshot);
        let mean = group.as_ref().and_then(|(kind, name, items)| snapshot.group_mean(*kind, name, items));
        known.push(mean.is_some());
        let is_new = group.is_some_and(|(kind, name, _)| groups.insert((kind, name)));
        request.groups.extend(mean.filter(|_| is_new));
    }
    if known.contains(&true) {
        return Ok(known);
    }
    let names: Vec<String> =
        seeds.iter().map(|seed| format!("`{}` of {}", seed.id, seed.kind.parameter())).collect();
    let detail = format!("this catalogue knows none of the seeds: {}", names.join(", "));
    let field = seeds.first().map_or("seed_tracks", |seed| seed.kind.parameter());
    Err(Problem::new(StatusCode::NOT_FOUND, "unknown_seeds", detail).at(field))
}
