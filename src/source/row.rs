//! A row becomes a track.

use super::columns::{ColumnPlan, Field, Target};
use super::mapping::Mapping;
use super::parse::{self, Parsed};
use super::{BadRow, Cell, RawRow, list};
use crate::track::{Track, TrackId, value};

/// A value that was left out of its track, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct DroppedValue {
    /// The field it would have given.
    pub field: String,
    /// The value as the file has it.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A track, and what was noticed on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct MappedRow {
    /// The track.
    pub track: Track,
    /// Values that are missing in it because they could not be read.
    pub dropped: Vec<DroppedValue>,
    /// Whether four values are missing in it because Spotify's analysis had failed.
    pub failed_analysis: bool,
    /// Names of values outside their nominal range; they are kept.
    pub out_of_range: Vec<&'static str>,
}

/// Makes tracks of the rows of one file.
#[derive(Debug)]
pub struct RowMapper {
    mappings: Vec<Mapping>,
    plan: ColumnPlan,
}

/// Nominal ranges, inclusive. What lies outside is kept (the transforms decide) and counted.
const NOMINAL: [(&str, f64, f64); 14] = [
    (value::DANCEABILITY, 0.0, 1.0),
    (value::ENERGY, 0.0, 1.0),
    (value::KEY, 0.0, 11.0),
    (value::MODE, 0.0, 1.0),
    (value::SPEECHINESS, 0.0, 1.0),
    (value::ACOUSTICNESS, 0.0, 1.0),
    (value::INSTRUMENTALNESS, 0.0, 1.0),
    (value::LIVENESS, 0.0, 1.0),
    (value::VALENCE, 0.0, 1.0),
    (value::TEMPO, f64::MIN_POSITIVE, f64::MAX),
    (value::TIME_SIGNATURE, 3.0, 7.0),
    (value::DURATION_MS, f64::MIN_POSITIVE, f64::MAX),
    (value::POPULARITY, 0.0, 100.0),
    // The first sound was recorded in 1860.
    (value::RELEASE_YEAR, 1860.0, 2100.0),
];

impl RowMapper {
    /// A mapper for a file with these columns.
    pub fn new(columns: &[String], mappings: &[Mapping]) -> Self {
        Self { mappings: mappings.to_vec(), plan: ColumnPlan::new(columns, mappings) }
    }

    /// What each column gives.
    pub fn plan(&self) -> &ColumnPlan {
        &self.plan
    }

    /// The track that `row` describes. Only a missing or malformed id makes a row bad.
    pub fn map(&mut self, row: &RawRow<'_>) -> Result<MappedRow, BadRow> {
        if row.columns.len() != self.plan.targets().len() {
            // An NDJSON file has shown new keys.
            self.plan = ColumnPlan::new(row.columns, &self.mappings);
        }
        let id = self.id(row)?;
        let mut filling = Filling { track: Track::new(id), dropped: Vec::new(), date_year: None };
        for (cell, target) in row.cells.iter().zip(self.plan.targets()) {
            if let Some(target) = target
                && target.field != Field::Id
                && !matches!(cell, Cell::Missing)
            {
                filling.fill(cell, target);
            }
        }
        let Filling { mut track, dropped, date_year } = filling;
        if let Some(year) = date_year {
            track.values.entry(value::RELEASE_YEAR.to_owned()).or_insert(f64::from(year));
        }
        let failed_analysis = track.drop_failed_analysis();
        let out_of_range = out_of_range(&track);
        Ok(MappedRow { track, dropped, failed_analysis, out_of_range })
    }

    fn id(&self, row: &RawRow<'_>) -> Result<TrackId, BadRow> {
        let at = self.plan.targets().iter().position(|t| t.as_ref().is_some_and(|t| t.field == Field::Id));
        let cell = at.and_then(|at| row.cells.get(at)).unwrap_or(&Cell::Missing);
        let bad = |reason: String| BadRow {
            line: row.line,
            field: Some(Field::Id.to_string()),
            value: cell.display(),
            reason,
            row: row.to_json(),
        };
        let text = match cell {
            Cell::Text(text) => text.as_ref(),
            Cell::Int(number) => &number.to_string(),
            Cell::Missing => return Err(bad("the track id is missing".to_owned())),
            Cell::Float(_) | Cell::Bool(_) | Cell::List(_) | Cell::Other(_) => {
                return Err(bad("the track id must be a text".to_owned()));
            }
        };
        if parse::is_missing(text) {
            return Err(bad("the track id is missing".to_owned()));
        }
        TrackId::parse(text).map_err(|error| bad(error.to_string()))
    }
}

/// A track being filled, cell by cell.
struct Filling {
    track: Track,
    dropped: Vec<DroppedValue>,
    /// The year of the release date, for tracks without a year of their own.
    date_year: Option<i32>,
}

impl Filling {
    fn fill(&mut self, cell: &Cell<'_>, target: &Target) {
        match &target.field {
            Field::Id | Field::Ignore => {}
            Field::Name => self.track.name = self.keep(target, cell, parse::text(cell)),
            Field::Album => self.track.album = self.keep(target, cell, parse::text(cell)),
            Field::AlbumId => self.track.album_id = self.keep(target, cell, parse::text(cell)),
            Field::AlbumImage => {
                // Of several sizes the first is the largest, in Spotify's objects.
                let first = match cell {
                    Cell::List(cells) => cells.first().unwrap_or(&Cell::Missing),
                    cell => cell,
                };
                self.track.album_image = self.keep(target, cell, parse::text(first));
            }
            Field::Artists => {
                let names = list::artists(cell, target.split_commas);
                self.track.artists = self.keep(target, cell, names).unwrap_or_default();
            }
            Field::ArtistIds => {
                let ids = list::artists(cell, true);
                self.track.artist_ids = self.keep(target, cell, ids).unwrap_or_default();
            }
            Field::Genres => {
                for tag in self.keep(target, cell, list::genres(cell)).unwrap_or_default() {
                    if !self.track.genres.contains(&tag) {
                        self.track.genres.push(tag);
                    }
                }
            }
            Field::ReleaseDate => {
                if let Some((date, year)) = self.keep(target, cell, parse::date(cell)) {
                    self.track.release_date = Some(date);
                    self.date_year = Some(year);
                }
            }
            Field::Explicit => self.track.explicit = self.keep(target, cell, parse::truth(cell)),
            Field::TrackNumber => self.track.track_number = self.keep(target, cell, parse::count(cell)),
            Field::DiscNumber => self.track.disc_number = self.keep(target, cell, parse::count(cell)),
            Field::Value(name) => {
                let number = match name.as_str() {
                    value::RELEASE_YEAR => parse::year(cell),
                    // Spotify's way to say that no key was found.
                    value::KEY => match parse::number(cell) {
                        Parsed::Value(-1.0) => Parsed::Missing,
                        other => other,
                    },
                    _ => parse::number(cell),
                };
                if let Some(number) = self.keep(target, cell, number) {
                    self.track.values.insert(name.clone(), number);
                }
            }
            Field::Vector(name) => {
                if let Some(vector) = self.keep(target, cell, list::vector(cell)) {
                    self.track.vectors.insert(name.clone(), vector);
                }
            }
        }
    }

    /// The value, if there is one; what could not be read is noted.
    fn keep<T>(&mut self, target: &Target, cell: &Cell<'_>, parsed: Parsed<T>) -> Option<T> {
        match parsed {
            Parsed::Value(value) => Some(value),
            Parsed::Missing => None,
            Parsed::Bad(reason) => {
                let field = target.field.to_string();
                self.dropped.push(DroppedValue { field, value: cell.display(), reason });
                None
            }
        }
    }
}

fn out_of_range(track: &Track) -> Vec<&'static str> {
    let outside = |(name, min, max): &(&'static str, f64, f64)| {
        let value = track.values.get(*name)?;
        (!(*min..=*max).contains(value)).then_some(*name)
    };
    NOMINAL.iter().filter_map(outside).collect()
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
