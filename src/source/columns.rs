//! Which column gives which field: names recognised without flags, and `--map column=field` for all others.
//!
//! A field is taken from one column. If several would do, a mapped one wins, then the one whose name comes first in
//! `KNOWN`, then the leftmost. Genres are the exception: all genre columns are read, their tags put together.

use std::collections::BTreeMap;
use std::fmt;

use super::mapping::Mapping;
use crate::track::value;

/// What a column can give.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The track's id.
    Id,
    /// Its title.
    Name,
    /// Its artists' names.
    Artists,
    /// Its artists' ids.
    ArtistIds,
    /// Its album's title.
    Album,
    /// Its album's id.
    AlbumId,
    /// The address of a picture of its album.
    AlbumImage,
    /// Its release date, and with it the year.
    ReleaseDate,
    /// Genre tags.
    Genres,
    /// Whether its lyrics are explicit.
    Explicit,
    /// Its place on its disc.
    TrackNumber,
    /// Its disc.
    DiscNumber,
    /// A number, by its name.
    Value(String),
    /// A vector, by its name.
    Vector(String),
    /// Nothing: the column is left out.
    Ignore,
}

/// The vector that `--map COLUMN=vector` fills.
pub const DEFAULT_VECTOR: &str = "vector";

/// Fields with the column names that give them, the best first. Names are compared in lower case with `_` for spaces
/// and hyphens.
pub(super) const KNOWN: &[(Field, &[&str])] = &[
    (Field::Id, &["track_id", "spotify_track_id", "spotify_id", "id", "track_uri", "spotify_uri", "uri"]),
    (Field::Name, &["track_name", "name", "track_title", "title", "song_name", "song", "track"]),
    (
        Field::Artists,
        &[
            "artists",
            "artist_names",
            "track_artists",
            "artists.name",
            "track_artist",
            "artist_name",
            "artist(s)_name",
            "artist",
        ],
    ),
    (Field::ArtistIds, &["artist_ids", "artists_ids", "id_artists", "artists.id", "artist_id"]),
    (Field::Album, &["album", "album_name", "track_album_name", "album_title", "album.name"]),
    (Field::AlbumId, &["album_id", "track_album_id", "album.id"]),
    (
        Field::AlbumImage,
        &["album_image", "album_image_url", "track_album_image", "album.images.url", "image_url"],
    ),
    (
        Field::ReleaseDate,
        &["release_date", "track_album_release_date", "album_release_date", "album.release_date"],
    ),
    (
        Field::Genres,
        &["genres", "genre", "track_genre", "playlist_genre", "playlist_subgenre", "artist_genres"],
    ),
    (Field::Explicit, &["explicit", "is_explicit", "track_explicit"]),
    (Field::TrackNumber, &["track_number"]),
    (Field::DiscNumber, &["disc_number"]),
];

/// Other names of values; each value is also known by its own name.
const VALUE_ALIASES: &[(&str, &str)] = &[
    ("track_popularity", value::POPULARITY),
    ("year", value::RELEASE_YEAR),
    ("released_year", value::RELEASE_YEAR),
    ("track_duration_ms", value::DURATION_MS),
];

/// Columns that hold one artist, whose name may well contain a comma.
const SINGLE_ARTIST: [&str; 3] = ["track_artist", "artist_name", "artist"];

/// Columns that hold a vector, by their own name.
const VECTORS: [&str; 2] = [DEFAULT_VECTOR, "embedding"];

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(name) if value::ALL.contains(&name.as_str()) => f.write_str(name),
            Self::Value(name) => write!(f, "value:{name}"),
            Self::Vector(name) if name == DEFAULT_VECTOR => f.write_str(name),
            Self::Vector(name) => write!(f, "vector:{name}"),
            Self::Id => f.write_str("id"),
            Self::Name => f.write_str("name"),
            Self::Artists => f.write_str("artists"),
            Self::ArtistIds => f.write_str("artist_ids"),
            Self::Album => f.write_str("album"),
            Self::AlbumId => f.write_str("album_id"),
            Self::AlbumImage => f.write_str("album_image"),
            Self::ReleaseDate => f.write_str("release_date"),
            Self::Genres => f.write_str("genres"),
            Self::Explicit => f.write_str("explicit"),
            Self::TrackNumber => f.write_str("track_number"),
            Self::DiscNumber => f.write_str("disc_number"),
            Self::Ignore => f.write_str("ignore"),
        }
    }
}

/// What a column gives, and how it is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The field.
    pub field: Field,
    /// Whether commas separate the artists in it.
    pub split_commas: bool,
}

/// The columns of one file with what they give.
#[derive(Clone, Debug, Default)]
pub struct ColumnPlan {
    targets: Vec<Option<Target>>,
}

impl ColumnPlan {
    /// Decides what each of `columns` gives.
    pub fn new(columns: &[String], mappings: &[Mapping]) -> Self {
        // Lower is better; a mapped column beats all names.
        let ranked: Vec<Option<(usize, Target)>> = columns
            .iter()
            .map(|column| match mappings.iter().find(|mapping| mapping.column == *column) {
                Some(mapping) => Some((0, Target { field: mapping.field.clone(), split_commas: true })),
                None => recognise(&normalise(column)).map(|(rank, target)| (rank + 1, target)),
            })
            .collect();
        let mut best: BTreeMap<&Field, (usize, usize)> = BTreeMap::new();
        for (at, (rank, target)) in ranked.iter().enumerate().filter_map(|(at, r)| Some((at, r.as_ref()?))) {
            let claim = (*rank, at);
            best.entry(&target.field).and_modify(|best| *best = (*best).min(claim)).or_insert(claim);
        }
        let wins = |at: usize, target: &Target| match target.field {
            Field::Ignore => false,
            Field::Genres => true,
            _ => best[&target.field].1 == at,
        };
        let targets = ranked
            .iter()
            .enumerate()
            .map(|(at, ranked)| ranked.as_ref().map(|(_, target)| target).filter(|t| wins(at, t)).cloned())
            .collect();
        Self { targets }
    }

    /// What each column gives, in the order of the columns.
    pub fn targets(&self) -> &[Option<Target>] {
        &self.targets
    }

    /// Whether a column gives `field`.
    pub fn gives(&self, field: &Field) -> bool {
        self.targets.iter().flatten().any(|target| target.field == *field)
    }
}

fn recognise(name: &str) -> Option<(usize, Target)> {
    let found = |rank, field| Some((rank, Target { field, split_commas: !SINGLE_ARTIST.contains(&name) }));
    for (field, names) in KNOWN {
        if let Some(rank) = names.iter().position(|known| *known == name) {
            return found(rank, field.clone());
        }
    }
    if VECTORS.contains(&name) {
        return found(0, Field::Vector(name.to_owned()));
    }
    let (nesting, plain) = match name.strip_prefix("audio_features.") {
        Some(plain) => (10, plain),
        None => (0, name),
    };
    if value::ALL.contains(&plain) {
        return found(nesting, Field::Value(plain.to_owned()));
    }
    let (_, value) = VALUE_ALIASES.iter().find(|(alias, _)| *alias == plain)?;
    found(nesting + 1, Field::Value((*value).to_owned()))
}

/// The top-level fields of objects that give anything by their names.
pub(crate) fn known_roots() -> impl Iterator<Item = &'static str> {
    let names = KNOWN.iter().flat_map(|(_, names)| names.iter().copied());
    let values = value::ALL.into_iter().chain(VALUE_ALIASES.iter().map(|(alias, _)| *alias));
    let nested = std::iter::once("audio_features");
    names.filter(|name| !name.contains('.')).chain(values).chain(VECTORS).chain(nested)
}

/// The names by which a column of `field` is recognised, the best first; none for values.
pub(crate) fn names_of(field: &Field) -> &'static [&'static str] {
    KNOWN.iter().find(|(known, _)| known == field).map_or(&[], |(_, names)| names)
}

/// The names by which an id column is recognised.
pub fn id_column_names() -> &'static [&'static str] {
    names_of(&Field::Id)
}

pub(crate) fn normalise(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-'], "_")
}

#[cfg(test)]
#[path = "columns_tests.rs"]
mod tests;
