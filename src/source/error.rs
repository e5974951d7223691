//! What can be wrong with a whole file, as opposed to one of its rows ([`super::BadRow`]).

use std::io;
use std::path::PathBuf;

/// Why a file cannot be read (on).
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is no such file, or it may not be read.
    #[error("{} cannot be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not a file.
    #[error("{} is a directory; give the files in it", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
    },
    /// No bytes.
    #[error("{} is empty; expected a CSV file with a header line, NDJSON or Parquet", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A format that is recognised and not read.
    #[error("{} is {what}; {remedy}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The header line cannot be read.
    #[error("{}: the header line cannot be read: {reason}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Reading stopped.
    #[error("{} cannot be read after line {line}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The last line that was read.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// The compressed data ends early or is damaged.
    #[error("{}: the gzip data is damaged or cut short after line {line}; the rows before it are good", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// The last line that was read.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// The Parquet file is damaged.
    #[error(
        "{}: the Parquet file is damaged or cut short{}: {reason}; get a complete copy of it", path.display(),
        row.map(|row| format!(" (at row {row})")).unwrap_or_default()
    )]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The row that could not be read, if the file could be opened.
        row: Option<u64>,
        /// What the reader says.
        reason: String,
    },
    /// No room for the uncompressed copy of a Parquet file.
    #[error("{} cannot be unpacked into a temporary file", path.display())]
    Unpack {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
