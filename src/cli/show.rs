//! `nearfield show`: a track as the catalogue has it, and where each value is from.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::manual::examples;
use super::store_flags::StoreFlags;
use super::{Context, Failure, print_json, print_line};
use crate::store::{Provenance, Refresh, field};
use crate::track::{Track, TrackId};
use crate::worker::rfc3339;

#[derive(Debug, clap::Args)]
#[command(after_help = examples(&[
    ("By id or by link", "nearfield show https://open.spotify.com/track/4u7EnebtmKWzUH433cf5Qv"),
]))]
pub(super) struct ShowArgs {
    /// The track's id, or its Spotify link
    id: String,
    #[command(flatten)]
    store: StoreFlags,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The catalogue has no such track.
#[derive(Debug, thiserror::Error)]
#[error(
    "there is no track {id} in {store}; `nearfield similar --candidates 'TITLE ARTIST'` finds ids by words"
)]
struct NoTrack {
    id: TrackId,
    store: String,
}

#[derive(Serialize)]
struct Shown<'a> {
    track: &'a Track,
    /// What is not here was imported.
    provenance: BTreeMap<&'a str, Source<'a>>,
    n_refreshes: u64,
    refreshed_at: Option<String>,
    changed_at: Option<String>,
    n_misses: u32,
    retry_at: Option<String>,
}

#[derive(Serialize)]
struct Source<'a> {
    provider: &'a str,
    fetched_at: String,
}

pub(super) fn run(args: ShowArgs, context: &Context) -> Result<(), Failure> {
    let id = TrackId::parse(&args.id).map_err(|error| Failure::Usage(error.to_string()))?;
    let location = args.store.location()?;
    let store = args.store.open_existing(context)?;
    let found = store.map(|store| store.get_refresh(&id)).transpose()?.flatten();
    let (track, refresh) = found.ok_or_else(|| NoTrack { id, store: location.redacted() })?;
    let shown = Shown::new(&track, &refresh);
    if args.json { print_json(&shown) } else { print_line(shown.to_string().trim_end()) }
}

impl<'a> Shown<'a> {
    fn new(track: &'a Track, refresh: &'a Refresh) -> Self {
        let source = |from: &'a Provenance| Source {
            provider: &from.provider,
            fetched_at: rfc3339(from.fetched_at_ms),
        };
        let named = refresh.provenance.iter();
        Self {
            track,
            provenance: named.map(|(name, from)| (name.as_str(), source(from))).collect(),
            n_refreshes: refresh.n_refreshes,
            refreshed_at: refresh.refreshed_at_ms.map(rfc3339),
            changed_at: refresh.changed_at_ms.map(rfc3339),
            n_misses: refresh.n_misses,
            retry_at: refresh.retry_at_ms.map(rfc3339),
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let track = self.track;
        writeln!(f, "{}", track.id)?;
        let list = |names: &[String]| (!names.is_empty()).then(|| names.join(", "));
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let fields = [
            (field::NAME, track.name.clone()),
            (field::ARTISTS, list(&track.artists)),
            (field::ARTIST_IDS, list(&track.artist_ids)),
            (field::ALBUM, track.album.clone()),
            (field::ALBUM_ID, track.album_id.clone()),
            (field::ALBUM_IMAGE, track.album_image.clone()),
            (field::RELEASE_DATE, track.release_date.clone()),
            ("genres", list(&track.genres)),
            (field::EXPLICIT, track.explicit.map(|explicit| explicit.to_string())),
            (field::TRACK_NUMBER, number(track.track_number)),
            (field::DISC_NUMBER, number(track.disc_number)),
        ];
        let values = track.values.iter().map(|(name, value)| (name.as_str(), Some(value.to_string())));
        let vectors = track.vectors.iter();
        let vectors =
            vectors.map(|(name, vector)| (name.as_str(), Some(format!("{} numbers", vector.len()))));
        for (name, value) in fields.into_iter().chain(values).chain(vectors) {
            let Some(value) = value else { continue };
            match self.provenance.get(name) {
                Some(from) => writeln!(f, "{name:<18} {value}  ({}, {})", from.provider, from.fetched_at)?,
                None => writeln!(f, "{name:<18} {value}  (imported)")?,
            }
        }
        let never = || "never".to_owned();
        writeln!(
            f,
            "refreshed {} times, last known {}, last changed {}",
            self.n_refreshes,
            self.refreshed_at.clone().unwrap_or_else(never),
            self.changed_at.clone().unwrap_or_else(never)
        )?;
        match &self.retry_at {
            Some(at) => {
                writeln!(f, "not known everywhere {} times in a row; asked again after {at}", self.n_misses)
            }
            None => Ok(()),
        }
    }
}
