//! Documents as tracks, in the shapes people have: Spotify's fields flat or under `audio_features`, ids under several
//! names, numbers of every type. What a file of NDJSON would give, a document gives too ([`crate::source`]).

use std::collections::HashMap;

use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use serde_json::{Map, Number, Value};

use crate::source::columns::{ColumnPlan, Field};
use crate::source::flatten::Columns;
use crate::source::mapping::Mapping;
use crate::source::row::RowMapper;
use crate::source::{Cell, RawRow};
use crate::store::Refresh;
use crate::track::{Track, TrackId};

use super::layout::{OTHER_VALUES, OTHER_VECTORS, OWN, REFRESH, RUN, unescape};
use super::pages::OWN_KEY;

/// Deeper values than this are not read.
const MAX_DEPTH: usize = 8;
/// Combinations of fields whose meaning is remembered.
const MAX_KINDS: usize = 4_096;

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
    /// What refreshing left with it.
    pub refresh: Refresh,
    /// The fields of the document that are to give something, nested ones with dots, and what.
    pub given: Vec<(String, Field)>,
    /// The document, as far as it was asked for.
    pub raw: RawDocumentBuf,
}

impl Known {
    /// What finds this document and no other.
    pub fn query(&self) -> Document {
        let own = at(&self.raw, OWN_KEY).and_then(|own| Bson::try_from(own).ok());
        doc! { OWN_KEY: own.unwrap_or(Bson::Null) }
    }
}

/// Makes tracks of the documents of one collection.
#[derive(Debug)]
pub(super) struct Decoder {
    key: String,
    mappings: Vec<Mapping>,
    columns: Columns,
    kinds: HashMap<Vec<bool>, Kind>,
}

/// Documents with the same fields. What a field gives is decided among those a document has, so that documents of
/// different shapes can lie in one collection.
#[derive(Debug)]
struct Kind {
    columns: Vec<String>,
    mapper: RowMapper,
}

impl Kind {
    fn new(columns: Vec<String>, key: &str, mappings: &[Mapping]) -> Self {
        let mut all = mappings.to_vec();
        if !all.iter().any(|known| known.column == key) {
            all.push(Mapping { column: key.to_owned(), field: Field::Id });
        }
        let own: Vec<Mapping> = columns.iter().filter_map(|column| own_mapping(column)).collect();
        for column in &columns {
            let field = match column.split_once('.') {
                Some((OTHER_VALUES, name)) => Field::Value(unescape(name)),
                Some((OTHER_VECTORS, name)) => Field::Vector(unescape(name)),
                _ => continue,
            };
            if !all.iter().any(|known| known.column == *column) {
                all.push(Mapping { column: column.clone(), field });
            }
        }
        // What we wrote beside a field counts instead of it.
        let plan = ColumnPlan::new(&columns, &all);
        for (column, target) in columns.iter().zip(plan.targets()) {
            let field = target.as_ref().map(|target| &target.field);
            if own.iter().any(|own| Some(&own.field) == field) {
                all.retain(|known| known.column != *column);
                all.push(Mapping { column: column.clone(), field: Field::Ignore });
            }
        }
        all.extend(own);
        let mapper = RowMapper::new(&columns, &all);
        Self { columns, mapper }
    }
}

/// What a field of our own gives.
fn own_mapping(column: &str) -> Option<Mapping> {
    let name = column.strip_prefix(OWN)?.strip_prefix('.')?;
    Some(Mapping { column: column.to_owned(), field: unescape(name).parse().ok()? })
}

impl Decoder {
    /// For documents whose ids are in the field `key`.
    pub fn new(key: &str, mappings: &[Mapping]) -> Self {
        Self {
            key: key.to_owned(),
            mappings: mappings.to_vec(),
            columns: Columns::default(),
            kinds: HashMap::new(),
        }
    }

    /// The track that `document` describes, with what refreshing left with it. Only a missing or malformed id is an
    /// error.
    pub fn track(&mut self, document: &RawDocument) -> Result<(Track, Refresh), DocumentError> {
        self.decode(document).map(|decoded| (decoded.track, decoded.refresh))
    }

    /// The same, with what a write must know.
    pub fn known(&mut self, raw: RawDocumentBuf) -> Result<Known, DocumentError> {
        let Decoded { track, run, refresh, has } = self.decode(&raw)?;
        let kind = &self.kinds[&has];
        let targets = kind.columns.iter().zip(kind.mapper.plan().targets());
        let given = targets.filter_map(|(name, target)| Some((name.clone(), target.as_ref()?.field.clone())));
        Ok(Known { track, run, refresh, given: given.collect(), raw })
    }

    fn decode(&mut self, document: &RawDocument) -> Result<Decoded, DocumentError> {
        let error = |id: String, reason: String| DocumentError { key: self.key.clone(), id, reason };
        let mut object = object(document, 0).map_err(|reason| error("?".to_owned(), reason))?;
        let run = object.remove(RUN).and_then(|run| run.as_i64()).unwrap_or(0) as u64;
        // What somebody else made of it is as good as nothing: the track is then refreshed anew.
        let refresh = object.remove(REFRESH).and_then(|refresh| serde_json::from_value(refresh).ok());
        let id = object.get(&self.key).map_or_else(|| "nothing".to_owned(), Value::to_string);
        let Some(cells) = self.columns.flatten(object) else {
            return Err(error(
                id,
                "the collection has more different fields than a table can have".to_owned(),
            ));
        };
        let is_there = |cell: &Cell<'_>| !matches!(cell, Cell::Missing);
        let has: Vec<bool> = cells.iter().map(is_there).collect();
        if self.kinds.len() == MAX_KINDS && !self.kinds.contains_key(&has) {
            self.kinds.clear();
        }
        let kind = self.kinds.entry(has.clone()).or_insert_with(|| {
            let names = self.columns.names().iter().zip(&has).filter(|(_, has)| **has);
            Kind::new(names.map(|(name, _)| name.clone()).collect(), &self.key, &self.mappings)
        });
        let cells = cells.into_iter().filter(is_there).collect();
        let row = RawRow { line: 0, columns: &kind.columns, cells };
        match kind.mapper.map(&row) {
            // It would not be found by the id it gives.
            Ok(mapped) if text_at(document, &self.key) != Some(mapped.track.id.as_str()) => {
                Err(error(id, format!("an id must be stored as it is: {}", mapped.track.id)))
            }
            Ok(mapped) => Ok(Decoded { track: mapped.track, run, refresh: refresh.unwrap_or_default(), has }),
            Err(bad) => Err(error(id, bad.reason)),
        }
    }
}

/// All that a document says.
struct Decoded {
    track: Track,
    run: u64,
    refresh: Refresh,
    /// Whether the document has a value, by column.
    has: Vec<bool>,
}

/// What is at a path of a document.
pub(super) fn at<'d>(document: &'d RawDocument, path: &str) -> Option<RawBsonRef<'d>> {
    match path.split_once('.') {
        None => document.get(path).ok().flatten(),
        Some((first, rest)) => at(document.get_document(first).ok()?, rest),
    }
}

/// The text at a path of a document.
pub(super) fn text_at<'d>(document: &'d RawDocument, path: &str) -> Option<&'d str> {
    at(document, path).and_then(RawBsonRef::as_str)
}

/// The id in a document's field `key`, if that is text that is an id as it stands.
pub(super) fn id_in(document: &Document, key: &str) -> Option<TrackId> {
    let text = document.get_str(key).ok()?;
    TrackId::parse(text).ok().filter(|id| id.as_str() == text)
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
