//! What refreshing leaves with a track: when providers were asked, what came of it, and where each value is from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::track::Track;

/// The state of one track as refreshing sees it. It is written together with the track, so that one never says what the
/// other does not hold. Times are milliseconds since 1970 (UTC).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Refresh {
    /// How many refreshes of this track are in the store, those that found nothing included.
    pub n_refreshes: u64,
    /// When a provider last knew it.
    pub refreshed_at_ms: Option<i64>,
    /// When a refresh last changed anything of it.
    pub changed_at_ms: Option<i64>,
    /// How often in a row something that was asked for was known to no provider.
    pub n_misses: u32,
    /// When providers may be asked again, after a miss.
    pub retry_at_ms: Option<i64>,
    /// When it was last asked for without an answer from everybody who was asked, if that was the last time it was asked for.
    pub asked_at_ms: Option<i64>,
    /// Where values are from, by their names (`energy`, `album_image`); what is not here was imported.
    pub provenance: BTreeMap<String, Provenance>,
}

impl Refresh {
    /// An import gives `newer` for the track it knows as `known`: what that changes is the import's from now on.
    /// Returns whether anything was forgotten.
    pub fn forget_changed(&mut self, known: &Track, newer: &Track) -> bool {
        let mut merged = known.clone();
        merged.merge(newer.clone(), false);
        let n_before = self.provenance.len();
        self.provenance.retain(|name, _| same_field(name, known, &merged));
        self.provenance.len() < n_before
    }
}

/// Whether two states of a track agree in what `name` stands for.
fn same_field(name: &str, a: &Track, b: &Track) -> bool {
    match name {
        field::NAME => a.name == b.name,
        field::ARTISTS => a.artists == b.artists,
        field::ARTIST_IDS => a.artist_ids == b.artist_ids,
        field::ALBUM => a.album == b.album,
        field::ALBUM_ID => a.album_id == b.album_id,
        field::ALBUM_IMAGE => a.album_image == b.album_image,
        field::RELEASE_DATE => a.release_date == b.release_date,
        field::EXPLICIT => a.explicit == b.explicit,
        field::TRACK_NUMBER => a.track_number == b.track_number,
        field::DISC_NUMBER => a.disc_number == b.disc_number,
        value => a.values.get(value) == b.values.get(value),
    }
}

/// Names that [`Refresh::provenance`] has for what a track is besides its values.
pub mod field {
    /// [`crate::track::Track::name`]
    pub const NAME: &str = "name";
    /// [`crate::track::Track::artists`]
    pub const ARTISTS: &str = "artists";
    /// [`crate::track::Track::artist_ids`]
    pub const ARTIST_IDS: &str = "artist_ids";
    /// [`crate::track::Track::album`]
    pub const ALBUM: &str = "album";
    /// [`crate::track::Track::album_id`]
    pub const ALBUM_ID: &str = "album_id";
    /// [`crate::track::Track::album_image`]
    pub const ALBUM_IMAGE: &str = "album_image";
    /// [`crate::track::Track::release_date`]
    pub const RELEASE_DATE: &str = "release_date";
    /// [`crate::track::Track::explicit`]
    pub const EXPLICIT: &str = "explicit";
    /// [`crate::track::Track::track_number`]
    pub const TRACK_NUMBER: &str = "track_number";
    /// [`crate::track::Track::disc_number`]
    pub const DISC_NUMBER: &str = "disc_number";
}

/// Where a value is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The provider's name.
    pub provider: String,
    /// When it said so.
    pub fetched_at_ms: i64,
}

/// A refreshed track: what became known of it, and its new state.
#[derive(Clone, Debug, PartialEq)]
pub struct Refreshed {
    /// What is to be merged into the catalogue's track ([`Track::merge`], genres replaced).
    pub track: Track,
    /// What takes the place of the state there was.
    pub refresh: Refresh,
}
