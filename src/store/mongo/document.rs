//! Documents as tracks, in the shapes people have: Spotify's fields flat or under `audio_features`, ids under several
//! names, numbers of every type. What a file of NDJSON would give, a document gives too ([`crate::source`]).

use mongodb::bson::{Document, RawBsonRef, RawDocument};
use serde_json::{Map, Number, Value};

use crate::source::columns::{ColumnPlan, Field};
use crate::source::flatten::Columns;
use crate::source::mapping::Mapping;
use crate::source::row::RowMapper;
use crate::source::RawRow;
use crate::track::{Track, TrackId};

use super::layout::{OTHER_VALUES, OTHER_VECTORS, RUN, unescape};

/// Deeper values than this are not read.
const MAX_DEPTH: usize = 8;

/// Why a document gives no track.
#[derive(Debug, thiserror::Error)]
#[error("the document with {key} = {id}: {reason}")]
pub struct DocumentError {
    /// The field that ids are in.
    pub key: String,
    /// What is there.
    pub id: String,
    /// What is wrong.
    pub reason: String,
}

/// A document as a track, with what a write to it must know.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Known {
    pub track: Track,
    /// The import that last touched its genres; 0 for documents of others.
    pub run: u64,
    /// The fields of the document that give something, nested ones with dots, and what they give.
    pub fields: Vec<(String, Field)>,
}

/// Makes tracks of the documents of one collection.
#[derive(Debug)]
pub(super) struct Decoder {
    key: String,
    mappings: Vec<Mapping>,
    columns: Columns,
    mapper: RowMapper,
    n_columns: usize,
}

impl Decoder {
    /// For documents whose ids are in the field `key`.
    pub fn new(key: &str, mappings: &[Mapping]) -> Self {
        let mut decoder = Self {
            key: key.to_owned(),
            mappings: mappings.to_vec(),
            columns: Columns::default(),
            mapper: RowMapper::new(&[], &[]),
            n_columns: 0,
        };
        decoder.fit();
        decoder
    }

    /// Plans anew for the columns there are now.
    fn fit(&mut self) {
        let mut mappings = self.mappings.clone();
        let given = |mappings: &[Mapping], column: &str| mappings.iter().any(|known| known.column == column);
        if !given(&mappings, &self.key) {
            mappings.push(Mapping { column: self.key.clone(), field: Field::Id });
        }
        for column in self.columns.names() {
            let field = match column.split_once('.') {
                Some((OTHER_VALUES, name)) => Field::Value(unescape(name)),
                Some((OTHER_VECTORS, name)) => Field::Vector(unescape(name)),
                _ => continue,
            };
            if !given(&mappings, column) {
                mappings.push(Mapping { column: column.clone(), field });
            }
        }
        self.n_columns = self.columns.names().len();
        self.mapper = RowMapper::new(self.columns.names(), &mappings);
    }

    /// The track that `document` describes. Only a missing or malformed id is an error.
    pub fn track(&mut self, document: &RawDocument) -> Result<Track, DocumentError> {
        self.decode(document).map(|(track, _, _)| track)
    }

    /// The same, with what a write must know.
    pub fn known(&mut self, document: &RawDocument) -> Result<Known, DocumentError> {
        let (track, run, present) = self.decode(document)?;
        let plan: &ColumnPlan = self.mapper.plan();
        let targets = self.columns.names().iter().zip(plan.targets()).zip(&present);
        let fields = targets.filter_map(|((name, target), present)| {
            let target = target.as_ref().filter(|_| *present)?;
            Some((name.clone(), target.field.clone()))
        });
        Ok(Known { track, run, fields: fields.collect() })
    }

    fn decode(&mut self, document: &RawDocument) -> Result<(Track, u64, Vec<bool>), DocumentError> {
        let key = self.key.clone();
        let error = |id: String, reason: String| DocumentError { key: key.clone(), id, reason };
        let mut object = object(document, 0).map_err(|reason| error("?".to_owned(), reason))?;
        let run = object.remove(RUN).and_then(|run| run.as_i64()).unwrap_or(0) as u64;
        let id = object.get(&self.key).map_or_else(|| "nothing".to_owned(), Value::to_string);
        let Some(cells) = self.columns.flatten(object) else {
            return Err(error(id, "the collection has more different fields than a table can have".to_owned()));
        };
        if self.columns.names().len() != self.n_columns {
            self.fit();
        }
        let present = cells.iter().map(|cell| !matches!(cell, crate::source::Cell::Missing)).collect();
        let row = RawRow { line: 0, columns: self.columns.names(), cells };
        match self.mapper.map(&row) {
            Ok(mapped) => Ok((mapped.track, run, present)),
            Err(bad) => Err(error(id, bad.reason)),
        }
    }
}

/// Whether a document's field `key` is text that is an id as it stands.
pub(super) fn has_id(document: &Document, key: &str) -> bool {
    let text = document.get_str(key);
    text.is_ok_and(|text| TrackId::parse(text).is_ok_and(|id| id.as_str() == text))
}

/// A document as a JSON object; what JSON has no notation for becomes text or is left out.
fn object(document: &RawDocument, depth: usize) -> Result<Map<String, Value>, String> {
    let mut object = Map::new();
    for element in document {
        let (name, value) = element.map_err(|error| format!("it is not valid BSON: {error}"))?;
        if let Some(value) = json(value, depth)? {
            object.insert(name.to_string(), value);
        }
    }
    Ok(object)
}

fn json(value: RawBsonRef<'_>, depth: usize) -> Result<Option<Value>, String> {
    let number = |x: f64| Number::from_f64(x).map(Value::Number);
    Ok(match value {
        RawBsonRef::Double(x) => number(x),
        RawBsonRef::Int32(x) => Some(x.into()),
        RawBsonRef::Int64(x) => Some(x.into()),
        // A text that is a number is read as one.
        RawBsonRef::Decimal128(x) => x.to_string().parse().ok().and_then(number),
        RawBsonRef::String(text) => Some(text.into()),
        RawBsonRef::Symbol(text) => Some(text.into()),
        RawBsonRef::Boolean(x) => Some(x.into()),
        RawBsonRef::ObjectId(id) => Some(id.to_hex().into()),
        RawBsonRef::DateTime(time) => {
            let text = time.try_to_rfc3339_string().ok();
            text.and_then(|text| text.get(..10).map(|date| date.into()))
        }
        RawBsonRef::Document(_) | RawBsonRef::Array(_) if depth >= MAX_DEPTH => None,
        RawBsonRef::Document(inner) => Some(Value::Object(object(inner, depth + 1)?)),
        RawBsonRef::Array(items) => {
            let mut list = Vec::new();
            for item in items {
                let item = item.map_err(|error| format!("it is not valid BSON: {error}"))?;
                list.push(json(item, depth + 1)?.unwrap_or(Value::Null));
            }
            Some(Value::Array(list))
        }
        _ => None,
    })
}
