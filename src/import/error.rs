//! What can stop an import.

use std::path::PathBuf;

use crate::source::SourceError;
use crate::source::mapping::MappingError;
use crate::source::reject::RejectsError;
use crate::store::StoreError;

/// Why an import was not begun, or not finished. What was committed before stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The mappings are not usable.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// A mapped column is in none of the files.
    #[error("--map: no file has a column {column:?}; the columns are {}", found.join(", "))]
    MappedColumn {
        /// The column.
        column: String,
        /// The columns there are.
        found: Vec<String>,
    },
    /// There is nothing to tell tracks apart by.
    #[error(
        "{}: no column is recognised as the track id (field id).\n  columns found: {}\n  names expected: {}\n  \
         use --map COLUMN=id to name the column that holds it", path.display(), found.join(", "), expected.join(", ")
    )]
    NoIdColumn {
        /// The file.
        path: PathBuf,
        /// Its columns.
        found: Vec<String>,
        /// The names by which an id is recognised.
        expected: &'static [&'static str],
    },
    /// A file cannot be read (on).
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The catalogue cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rejects file cannot be written.
    #[error(transparent)]
    Rejects(#[from] RejectsError),
    /// The rejects would be written over an input.
    #[error("{}: the rejects would be written over this input; name another file with --rejects", path.display())]
    RejectsOverInput {
        /// The input.
        path: PathBuf,
    },
    /// It was asked to stop.
    #[error("interrupted; the rows committed so far are kept, run the same import again to go on")]
    Interrupted,
}

impl ImportError {
    /// Whether the request itself is at fault (wrong usage), and not the work.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Mapping(_)
            | Self::MappedColumn { .. }
            | Self::RejectsOverInput { .. }
            | Self::Source(SourceError::Open { .. } | SourceError::Directory { .. }) => true,
            Self::NoIdColumn { .. }
            | Self::Source(_)
            | Self::Store(_)
            | Self::Rejects(_)
            | Self::Interrupted => false,
        }
    }
}
