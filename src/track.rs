//! Tracks: their identity outside nearfield ([`TrackId`]), their place inside one generation ([`ItemIdx`]),
//! and what is known of them ([`Track`]).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Names of the raw values that a Spotify track has; a schema of a user's own may name others.
pub mod value {
    /// How suitable a track is for dancing, 0..1.
    pub const DANCEABILITY: &str = "danceability";
    /// Perceived intensity, 0..1.
    pub const ENERGY: &str = "energy";
    /// Pitch class, 0..11.
    pub const KEY: &str = "key";
    /// Average loudness, dB.
    pub const LOUDNESS: &str = "loudness";
    /// Major (1) or minor (0).
    pub const MODE: &str = "mode";
    /// Share of spoken words, 0..1.
    pub const SPEECHINESS: &str = "speechiness";
    /// Confidence that the track is acoustic, 0..1.
    pub const ACOUSTICNESS: &str = "acousticness";
    /// Confidence that the track has no vocals, 0..1.
    pub const INSTRUMENTALNESS: &str = "instrumentalness";
    /// Confidence that an audience is heard, 0..1.
    pub const LIVENESS: &str = "liveness";
    /// Musical positiveness, 0..1.
    pub const VALENCE: &str = "valence";
    /// Beats per minute.
    pub const TEMPO: &str = "tempo";
    /// Beats per bar.
    pub const TIME_SIGNATURE: &str = "time_signature";
    /// Length in milliseconds.
    pub const DURATION_MS: &str = "duration_ms";
    /// Spotify popularity, 0..100.
    pub const POPULARITY: &str = "popularity";
    /// Year of release.
    pub const RELEASE_YEAR: &str = "release_year";

    /// What every generation keeps of a track, whatever the schema.
    pub const KEPT: [&str; 3] = [RELEASE_YEAR, POPULARITY, DURATION_MS];

    /// All of the above: what an importer recognises.
    pub const ALL: [&str; 15] = [
        DANCEABILITY,
        ENERGY,
        KEY,
        LOUDNESS,
        MODE,
        SPEECHINESS,
        ACOUSTICNESS,
        INSTRUMENTALNESS,
        LIVENESS,
        VALENCE,
        TEMPO,
        TIME_SIGNATURE,
        DURATION_MS,
        POPULARITY,
        RELEASE_YEAR,
    ];
}

/// The longest accepted track id in bytes (LMDB keys end at 511).
pub const MAX_TRACK_ID_BYTES: usize = 128;

/// A track's id in the outside world: 1 to 128 bytes of UTF-8 without white space or control characters.
///
/// For Spotify tracks this is the 22-character base62 id; ids of other catalogues are taken as they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrackId(String);

/// Why a string is not a [`TrackId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTrackId {
    /// Nothing but white space.
    #[error("the track id is empty")]
    Empty,
    /// Longer than [`MAX_TRACK_ID_BYTES`].
    #[error("the track id has {got} bytes, at most {MAX_TRACK_ID_BYTES} are allowed")]
    TooLong {
        /// Its length in bytes.
        got: usize,
    },
    /// White space or a control character inside.
    #[error("the track id contains {found:?}; white space and control characters are not allowed")]
    Character {
        /// The offending character.
        found: char,
    },
}

impl TrackId {
    /// Validates `text` as a track id. `spotify:track:ID` and `https://open.spotify.com/track/ID` give `ID`;
    /// surrounding white space is dropped.
    pub fn parse(text: &str) -> Result<Self, InvalidTrackId> {
        Self::from_plain(unwrapped(text, "track"))
    }

    /// Validates `text` as a track id without unwrapping URIs.
    fn from_plain(text: &str) -> Result<Self, InvalidTrackId> {
        if text.is_empty() {
            return Err(InvalidTrackId::Empty);
        }
        if text.len() > MAX_TRACK_ID_BYTES {
            return Err(InvalidTrackId::TooLong { got: text.len() });
        }
        if let Some(found) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
            return Err(InvalidTrackId::Character { found });
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether it has the form of Spotify's ids: 22 characters of base62.
    pub fn is_spotify(&self) -> bool {
        self.0.len() == 22 && self.0.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id in a URI or a link of Spotify's to a `kind` of thing ("track", "artist"); any other text as it is. Surrounding white
/// space is dropped.
pub(crate) fn unwrapped<'a>(text: &'a str, kind: &str) -> &'a str {
    let mut text = text.trim();
    // Until nothing is left to unwrap, so that unwrapping an id gives that id.
    while let Some(rest) = unwrap_once(text, kind) {
        text = rest.trim();
    }
    text
}

fn unwrap_once<'a>(text: &'a str, kind: &str) -> Option<&'a str> {
    let of_kind = |text: &'a str, separator| text.strip_prefix(kind)?.strip_prefix(separator);
    if let Some(id) = text.strip_prefix("spotify:").and_then(|rest| of_kind(rest, ':')) {
        return Some(id);
    }
    let path = text.strip_prefix("https://open.spotify.com/")?;
    // Links may name a language: /intl-de/track/ID.
    let path = match path.split_once('/') {
        Some((language, rest)) if language.starts_with("intl-") => rest,
        _ => path,
    };
    of_kind(path, '/')?.split(['?', '#']).next()
}

impl TryFrom<String> for TrackId {
    type Error = InvalidTrackId;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<TrackId> for String {
    fn from(id: TrackId) -> Self {
        id.0
    }
}

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A track's place in one generation: the rank of its id among all ids, compared bytewise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemIdx(pub u32);

impl ItemIdx {
    /// The index as an offset into slices.
    pub fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// All that the catalogue knows of one track. Everything but the id may be missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// The id in the outside world.
    pub id: TrackId,
    /// Title.
    pub name: Option<String>,
    /// Artist names, the main one first.
    pub artists: Vec<String>,
    /// Artist ids in the order of `artists`, where a source has them.
    pub artist_ids: Vec<String>,
    /// Album title.
    pub album: Option<String>,
    /// Album id, where a source has it.
    pub album_id: Option<String>,
    /// Where an image of the album is: an URL.
    pub album_image: Option<String>,
    /// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, as published.
    pub release_date: Option<String>,
    /// Genre tags, without duplicates, in order of first appearance.
    pub genres: Vec<String>,
    /// Whether the lyrics are marked explicit.
    pub explicit: Option<bool>,
    /// Place on its disc, counted from 1.
    pub track_number: Option<u32>,
    /// Disc, counted from 1.
    pub disc_number: Option<u32>,
    /// Raw scalar values by name (see [`value`]), always finite. A missing value is absent.
    pub values: BTreeMap<String, f64>,
    /// Raw vector values (learned embeddings) by name, always finite and never empty.
    pub vectors: BTreeMap<String, Vec<f32>>,
}

impl Track {
    /// A track of which nothing but its id is known.
    pub fn new(id: TrackId) -> Self {
        Self {
            id,
            name: None,
            artists: Vec::new(),
            artist_ids: Vec::new(),
            album: None,
            album_id: None,
            album_image: None,
            release_date: None,
            genres: Vec::new(),
            explicit: None,
            track_number: None,
            disc_number: None,
            values: BTreeMap::new(),
            vectors: BTreeMap::new(),
        }
    }

    /// Spotify's failed analysis reads danceability = speechiness = valence = tempo = 0: these four are then not
    /// measurements. Drops them and says whether it did; every reader of outside data calls this.
    pub fn drop_failed_analysis(&mut self) -> bool {
        const ZEROED: [&str; 4] = [value::DANCEABILITY, value::SPEECHINESS, value::VALENCE, value::TEMPO];
        let failed = ZEROED.iter().all(|name| self.values.get(*name) == Some(&0.0));
        if failed {
            for name in ZEROED {
                self.values.remove(name);
            }
        }
        failed
    }

    /// Takes over everything `newer` knows; what it does not know stays as it is. Genre tags are added when
    /// `add_genres` is set (rows of one import that give one genre each), otherwise replaced.
    pub fn merge(&mut self, newer: Track, add_genres: bool) {
        fn take<T>(old: &mut Option<T>, new: Option<T>) {
            if new.is_some() {
                *old = new;
            }
        }
        fn take_list(old: &mut Vec<String>, new: Vec<String>) {
            if !new.is_empty() {
                *old = new;
            }
        }
        debug_assert_eq!(self.id, newer.id);
        take(&mut self.name, newer.name);
        take_list(&mut self.artists, newer.artists);
        take_list(&mut self.artist_ids, newer.artist_ids);
        take(&mut self.album, newer.album);
        take(&mut self.album_id, newer.album_id);
        take(&mut self.album_image, newer.album_image);
        take(&mut self.release_date, newer.release_date);
        take(&mut self.explicit, newer.explicit);
        take(&mut self.track_number, newer.track_number);
        take(&mut self.disc_number, newer.disc_number);
        if add_genres {
            for genre in newer.genres {
                if !self.genres.contains(&genre) {
                    self.genres.push(genre);
                }
            }
        } else {
            take_list(&mut self.genres, newer.genres);
        }
        self.values.extend(newer.values);
        self.vectors.extend(newer.vectors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_trimmed_and_uris_unwrapped() {
        for text in [
            "4qPNDBW1i3p13qLCt0Ki3A",
            " 4qPNDBW1i3p13qLCt0Ki3A\n",
            "spotify:track:4qPNDBW1i3p13qLCt0Ki3A",
            "https://open.spotify.com/track/4qPNDBW1i3p13qLCt0Ki3A?si=1",
            "https://open.spotify.com/intl-de/track/4qPNDBW1i3p13qLCt0Ki3A",
            "spotify:track:spotify:track:4qPNDBW1i3p13qLCt0Ki3A",
        ] {
            assert_eq!(TrackId::parse(text).map(String::from), Ok("4qPNDBW1i3p13qLCt0Ki3A".to_owned()));
        }
    }

    proptest::proptest! {
        #[test]
        fn parsing_an_id_gives_that_id(text in "(spotify:track:|https://open.spotify.com/|intl-de/|track/| |[?#a-z]){0,8}") {
            if let Ok(id) = TrackId::parse(&text) {
                proptest::prop_assert_eq!(TrackId::parse(id.as_str()), Ok(id));
            }
        }
    }

    #[test]
    fn malformed_ids_are_refused_with_the_reason() {
        assert_eq!(TrackId::parse("  "), Err(InvalidTrackId::Empty));
        assert_eq!(TrackId::parse("a b"), Err(InvalidTrackId::Character { found: ' ' }));
        assert_eq!(TrackId::parse(&"x".repeat(129)), Err(InvalidTrackId::TooLong { got: 129 }));
    }

    #[test]
    fn failed_analysis_drops_four_values_and_keeps_the_rest() {
        let mut track = Track::new(TrackId::parse("a").unwrap());
        for name in [value::DANCEABILITY, value::SPEECHINESS, value::VALENCE, value::TEMPO] {
            track.values.insert(name.to_owned(), 0.0);
        }
        track.values.insert(value::ENERGY.to_owned(), 0.0);
        assert!(track.drop_failed_analysis());
        assert_eq!(track.values.keys().collect::<Vec<_>>(), ["energy"]);
        assert!(!track.drop_failed_analysis());
    }

    #[test]
    fn merge_keeps_what_the_newer_row_does_not_know() {
        let mut old = Track::new(TrackId::parse("a").unwrap());
        old.name = Some("Old".into());
        old.genres = vec!["pop".into()];
        old.values.insert("energy".into(), 0.5);
        let mut new = Track::new(old.id.clone());
        new.genres = vec!["rock".into(), "pop".into()];
        new.values.insert("valence".into(), 0.1);
        let mut replaced = old.clone();
        replaced.merge(new.clone(), false);
        assert_eq!(replaced.genres, ["rock", "pop"]);
        old.merge(new, true);
        assert_eq!(old.genres, ["pop", "rock"]);
        assert_eq!(old.name.as_deref(), Some("Old"));
        assert_eq!(old.values.len(), 2);
    }
}
