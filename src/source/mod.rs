//! Where tracks come from: files of rows, read one row at a time.
//!
//! ```text
//! input.rs      a file, its compression and format ---> delimited.rs  CSV, TSV   --+
//!                                                       ndjson.rs     NDJSON     --+--> RawRow
//!                                                       parquet.rs    Parquet    --+      |
//! flatten.rs    objects as rows: of NDJSON files, and of documents in MongoDB
//! columns.rs    column names -> fields (mapping.rs: --map) --------------------------> row.rs --> Track
//!                                                       parse.rs, list.rs: single values -^
//! lines.rs      lines of bytes with their numbers
//! reject.rs     rows and values that were refused, written to a file so that nothing is lost
//! ```

pub mod columns;
mod delimited;
mod error;
pub(crate) mod flatten;
mod input;
mod lines;
pub mod list;
pub mod mapping;
mod ndjson;
mod parquet;
pub mod parse;
pub mod reject;
pub mod row;

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use error::SourceError;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Values separated by a comma, semicolon or bar.
    Csv,
    /// Values separated by tabs.
    Tsv,
    /// One JSON object per line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

/// One value as a file gives it.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// The file says that there is none.
    Missing,
    /// Text, not trimmed; possibly a number, a list or a date in text form.
    Text(Cow<'a, str>),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// A list.
    List(Vec<Cell<'a>>),
    /// Something that no field is made of (a nested object, bytes).
    Other(serde_json::Value),
}

impl Cell<'_> {
    /// The value as JSON; numbers that JSON cannot express become text.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Missing => serde_json::Value::Null,
            Self::Text(text) => text.as_ref().into(),
            Self::Int(number) => (*number).into(),
            Self::Float(number) if number.is_finite() => (*number).into(),
            Self::Float(number) => number.to_string().into(),
            Self::Bool(value) => (*value).into(),
            Self::List(cells) => cells.iter().map(Cell::to_json).collect(),
            Self::Other(value) => value.clone(),
        }
    }

    /// The value as a person would write it.
    pub fn display(&self) -> String {
        match self {
            Self::Text(text) => text.as_ref().to_owned(),
            Self::Missing => String::new(),
            other => other.to_json().to_string(),
        }
    }
}

/// A row as its file gives it: a cell for each column (columns found later in the file may lack theirs).
#[derive(Debug)]
pub struct RawRow<'a> {
    /// The line it starts on, counted from 1; for Parquet the number of the row.
    pub line: u64,
    /// Column names; those of NDJSON files grow as new keys appear, and never change their place.
    pub columns: &'a [String],
    /// The values, in the order of `columns`.
    pub cells: Vec<Cell<'a>>,
}

impl RawRow<'_> {
    /// The whole row as an object.
    pub fn to_json(&self) -> serde_json::Map<String, serde_json::Value> {
        self.columns.iter().cloned().zip(self.cells.iter().map(Cell::to_json)).collect()
    }
}

/// A row that gives no track, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct BadRow {
    /// The line it starts on, counted from 1; for Parquet the number of the row.
    pub line: u64,
    /// The field at fault (the column, where it gives no field), if one is.
    pub field: Option<String>,
    /// The offending value.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
    /// The row as far as it could be read.
    pub row: serde_json::Map<String, serde_json::Value>,
}

/// What reading a row gives.
#[derive(Debug)]
pub enum ReadRow<'a> {
    /// A row.
    Row(RawRow<'a>),
    /// Something in the place of a row that is none; the rows after it can still be read.
    Bad(BadRow),
    /// The file is read to its end.
    End,
}

/// Reads a file row by row; the memory it needs does not grow with the file.
pub trait RowReader {
    /// The next row. After an error or the end, reading on is pointless.
    fn read(&mut self) -> Result<ReadRow<'_>, SourceError>;

    /// Column names, as far as known.
    fn columns(&self) -> &[String];
}

/// How many bytes of a file were read: shared with whoever shows the progress.
#[derive(Clone, Debug, Default)]
pub struct Position(Arc<AtomicU64>);

impl Position {
    /// Bytes of the file (compressed, if it is) that were read so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }
}

/// An opened file of rows.
pub struct Source {
    /// Its format.
    pub format: Format,
    /// The file's size in bytes.
    pub n_bytes: u64,
    /// How much of it was read.
    pub position: Position,
    /// Its rows.
    pub rows: Box<dyn RowReader>,
}

/// Opens a file of rows. The format is told by its content where that is unmistakable (gzip, Parquet), else by its
/// extension (`.csv`, `.tsv`, `.ndjson`, `.jsonl`, `.parquet`, each also with `.gz`), else by its content.
pub fn open(path: &Path) -> Result<Source, SourceError> {
    input::open(path)
}
