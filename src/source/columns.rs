//! Which column gives which field: names recognised without flags, and `--map column=field` for all others.
//!
//! A field is taken from one column. If several would do, a mapped one wins, then the one whose name comes first in
//! [`KNOWN`], then the leftmost. Genres are the exception: all genre columns are read, their tags put together.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

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
const KNOWN: &[(Field, &[&str])] = &[
    (
        Field::Id,
        &[
            "track_id",
            "spotify_track_id",
            "spotify_id",
            "id",
            "track_uri",
            "spotify_uri",
            "uri",
        ],
    ),
    (
        Field::Name,
        &[
            "track_name",
            "name",
            "track_title",
            "title",
            "song_name",
            "song",
            "track",
        ],
    ),
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
    (
        Field::ArtistIds,
        &[
            "artist_ids",
            "artists_ids",
            "id_artists",
            "artists.id",
            "artist_id",
        ],
    ),
    (
        Field::Album,
        &[
            "album",
            "album_name",
            "track_album_name",
            "album_title",
            "album.name",
        ],
    ),
    (Field::AlbumId, &["album_id", "track_album_id", "album.id"]),
    (
        Field::ReleaseDate,
        &[
            "release_date",
            "track_album_release_date",
            "album_release_date",
            "album.release_date",
        ],
    ),
    (
        Field::Genres,
        &[
            "genres",
            "genre",
            "track_genre",
            "playlist_genre",
            "playlist_subgenre",
            "artist_genres",
        ],
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
            Self::ReleaseDate => f.write_str("release_date"),
            Self::Genres => f.write_str("genres"),
            Self::Explicit => f.write_str("explicit"),
            Self::TrackNumber => f.write_str("track_number"),
            Self::DiscNumber => f.write_str("disc_number"),
            Self::Ignore => f.write_str("ignore"),
        }
    }
}

/// Why `--map` is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// No `=`.
    #[error("expected COLUMN=FIELD, for example song_id=id; got {given:?}")]
    Form {
        /// What was given.
        given: String,
    },
    /// The field does not exist.
    #[error("there is no field {given:?}{}; the fields are {}", nearest.as_ref().map(|n| format!(" (did you mean {n:?}?)")).unwrap_or_default(), field_names().join(", "))]
    UnknownField {
        /// What was given.
        given: String,
        /// The field it resembles most.
        nearest: Option<String>,
    },
    /// The name of a value or vector is not usable.
    #[error("{given:?} is not a name; expected 1 to 64 letters, digits, '_', '-' or '.'")]
    Name {
        /// What was given.
        given: String,
    },
    /// A column is mapped twice, or two columns to one field.
    #[error("--map: {what} is given twice")]
    Twice {
        /// The column or field.
        what: String,
    },
}

/// All that can stand on the right of `--map`.
pub fn field_names() -> Vec<String> {
    let mut names: Vec<String> = KNOWN.iter().map(|(field, _)| field.to_string()).collect();
    names.extend(value::ALL.map(str::to_owned));
    names.extend(["value:NAME", "vector", "vector:NAME", "ignore"].map(str::to_owned));
    names
}

impl FromStr for Field {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, MappingError> {
        let plain = normalise(text);
        if let Some((kind, name)) = text.trim().split_once(':') {
            let valid = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
            if name.is_empty() || name.len() > 64 || !name.chars().all(valid) {
                return Err(MappingError::Name {
                    given: name.to_owned(),
                });
            }
            match normalise(kind).as_str() {
                "value" => return Ok(Self::Value(name.to_owned())),
                "vector" => return Ok(Self::Vector(name.to_owned())),
                _ => {}
            }
        }
        if let Some((field, _)) = KNOWN.iter().find(|(field, _)| field.to_string() == plain) {
            return Ok(field.clone());
        }
        match plain.as_str() {
            "genre" => return Ok(Self::Genres),
            "artist" => return Ok(Self::Artists),
            "year" => return Ok(Self::Value(value::RELEASE_YEAR.to_owned())),
            "vector" => return Ok(Self::Vector(DEFAULT_VECTOR.to_owned())),
            "ignore" => return Ok(Self::Ignore),
            name if value::ALL.contains(&name) => return Ok(Self::Value(name.to_owned())),
            _ => {}
        }
        let nearest = field_names()
            .into_iter()
            .map(|name| (strsim::jaro_winkler(&name, &plain), name))
            .filter(|(likeness, _)| *likeness > 0.7)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name)| name);
        Err(MappingError::UnknownField {
            given: text.trim().to_owned(),
            nearest,
        })
    }
}

/// One `--map COLUMN=FIELD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The column's name as the file has it.
    pub column: String,
    /// What it gives.
    pub field: Field,
}

impl FromStr for Mapping {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, MappingError> {
        // Fields have no '='; columns may.
        let (column, field) = text.rsplit_once('=').ok_or_else(|| MappingError::Form {
            given: text.to_owned(),
        })?;
        if column.trim().is_empty() || field.trim().is_empty() {
            return Err(MappingError::Form {
                given: text.to_owned(),
            });
        }
        Ok(Self {
            column: column.trim().to_owned(),
            field: field.parse()?,
        })
    }
}

/// Refuses mappings that contradict each other.
pub fn check_mappings(mappings: &[Mapping]) -> Result<(), MappingError> {
    for (i, mapping) in mappings.iter().enumerate() {
        let earlier = &mappings[..i];
        let many = matches!(mapping.field, Field::Genres | Field::Ignore);
        if earlier.iter().any(|other| other.column == mapping.column) {
            return Err(MappingError::Twice {
                what: format!("the column {:?}", mapping.column),
            });
        }
        if !many && earlier.iter().any(|other| other.field == mapping.field) {
            return Err(MappingError::Twice {
                what: format!("the field {}", mapping.field),
            });
        }
    }
    Ok(())
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
            .map(
                |column| match mappings.iter().find(|mapping| mapping.column == *column) {
                    Some(mapping) => Some((
                        0,
                        Target {
                            field: mapping.field.clone(),
                            split_commas: true,
                        },
                    )),
                    None => recognise(&normalise(column)).map(|(rank, target)| (rank + 1, target)),
                },
            )
            .collect();
        let mut best: BTreeMap<&Field, (usize, usize)> = BTreeMap::new();
        for (at, (rank, target)) in ranked
            .iter()
            .enumerate()
            .filter_map(|(at, r)| Some((at, r.as_ref()?)))
        {
            let claim = (*rank, at);
            best.entry(&target.field)
                .and_modify(|best| *best = (*best).min(claim))
                .or_insert(claim);
        }
        let wins = |at: usize, target: &Target| match target.field {
            Field::Ignore => false,
            Field::Genres => true,
            _ => best[&target.field].1 == at,
        };
        let targets = ranked
            .iter()
            .enumerate()
            .map(|(at, ranked)| {
                ranked
                    .as_ref()
                    .map(|(_, target)| target)
                    .filter(|t| wins(at, t))
                    .cloned()
            })
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
    let found = |rank, field| {
        Some((
            rank,
            Target {
                field,
                split_commas: !SINGLE_ARTIST.contains(&name),
            },
        ))
    };
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

/// The names by which an id column is recognised.
pub fn id_column_names() -> &'static [&'static str] {
    KNOWN
        .iter()
        .find(|(field, _)| *field == Field::Id)
        .map_or(&[], |(_, names)| names)
}

fn normalise(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `columns` and `mappings` separated by spaces give `expected`, "column=field" each.
    fn check(columns: &str, mappings: &str, expected: &str) {
        let columns: Vec<String> = columns.split(' ').map(str::to_owned).collect();
        let mappings: Vec<Mapping> = mappings.split_whitespace().map(|m| m.parse().unwrap()).collect();
        let plan = ColumnPlan::new(&columns, &mappings);
        let given: Vec<String> = columns
            .iter()
            .zip(plan.targets())
            .filter_map(|(column, target)| Some(format!("{column}={}", target.as_ref()?.field)))
            .collect();
        assert_eq!(given.join(" "), expected, "{columns:?}");
    }

    #[test]
    fn the_public_dumps_are_recognised() {
        check(
            "id name album album_id artists artist_ids track_number disc_number explicit danceability key year release_date",
            "",
            "id=id name=name album=album album_id=album_id artists=artists artist_ids=artist_ids \
             track_number=track_number disc_number=disc_number explicit=explicit danceability=danceability key=key \
             year=release_year release_date=release_date",
        );
        check(
            "column_1 track_id artists album_name track_name popularity track_genre",
            "",
            "track_id=id artists=artists album_name=album track_name=name popularity=popularity track_genre=genres",
        );
        check(
            "track_id track_name track_artist track_popularity track_album_id track_album_release_date \
             playlist_genre playlist_subgenre",
            "",
            "track_id=id track_name=name track_artist=artists track_popularity=popularity track_album_id=album_id \
             track_album_release_date=release_date playlist_genre=genres playlist_subgenre=genres",
        );
        check(
            "column_1 artist_name track_name track_id popularity year genre",
            "",
            "artist_name=artists track_name=name track_id=id popularity=popularity year=release_year genre=genres",
        );
    }

    #[test]
    fn of_two_columns_for_one_field_the_better_name_wins() {
        check("id track_id", "", "track_id=id");
        check("name track_name", "", "track_name=name");
        check("audio_features.energy energy id", "", "energy=energy id=id");
        check(
            "uri audio_features.energy",
            "",
            "uri=id audio_features.energy=energy",
        );
        check("genre genres", "", "genre=genres genres=genres");
    }

    #[test]
    fn mapped_columns_win_over_names() {
        check("id other", "other=id", "other=id");
        check(
            "id loud x",
            "loud=loudness x=value:brightness",
            "id=id loud=loudness x=value:brightness",
        );
        check(
            "id v w",
            "v=vector w=vector:audio",
            "id=id v=vector w=vector:audio",
        );
        check("id energy", "energy=ignore", "id=id");
        check("Track-ID bad", "", "Track-ID=id");
    }

    #[test]
    fn single_artist_columns_keep_their_commas() {
        for (column, expected) in [("artists", true), ("artist_name", false), ("track_artist", false)] {
            let plan = ColumnPlan::new(&[column.to_owned()], &[]);
            assert_eq!(
                plan.targets()[0].as_ref().unwrap().split_commas,
                expected,
                "{column}"
            );
        }
    }

    #[test]
    fn unusable_mappings_say_why() {
        let error = |text: &str| text.parse::<Mapping>().unwrap_err().to_string();
        assert!(error("noequals").contains("expected COLUMN=FIELD"));
        assert!(
            error("x=enrgy").contains("did you mean \"energy\"?"),
            "{}",
            error("x=enrgy")
        );
        assert!(error("x=enrgy").contains("danceability"));
        assert!(error("x=value:").contains("is not a name"));
        assert!(error("x=value:a b").contains("is not a name"));
        assert_eq!("a=b=id".parse::<Mapping>().unwrap().column, "a=b");
        let twice = |texts: [&str; 2]| check_mappings(&texts.map(|t| t.parse().unwrap())).is_err();
        assert!(twice(["a=id", "b=id"]));
        assert!(twice(["a=id", "a=name"]));
        assert!(!twice(["a=genres", "b=genre"]));
    }
}
