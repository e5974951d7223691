//! Importing: files of rows into the catalogue.
//!
//! [`Import::prepare`] opens every file and settles its columns, so that what is wrong with the request is said before
//! anything is written. [`Import::run`] then reads file by file: a thread parses rows into batches, the caller's
//! thread writes each batch in one durable commit (`pipeline.rs`). What happened is a [`ImportReport`].

mod error;
mod pipeline;
mod rejects;
mod report;

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub use error::ImportError;
pub use rejects::RejectsPlace;
pub use report::{ColumnReport, Example, FileReport, ImportReport};

use crate::progress::{CancelToken, Progress};
use crate::source::columns::{ColumnPlan, Field, id_column_names};
use crate::source::mapping::{Mapping, check_mappings};
use crate::source::{self, Format};
use crate::store::CatalogueStore;

/// Rows that are committed together. Larger batches touch fewer pages of the store per row and need more memory.
const BATCH_ROWS: usize = 50_000;
/// Batches also end at about this size in memory, which matters for vectors.
const BATCH_BYTES: usize = 128 << 20;

/// Where an import writes to.
pub enum Destination<'a> {
    /// Into a catalogue.
    Store(&'a dyn CatalogueStore),
    /// Nowhere: a dry run, compared with the catalogue if there is one.
    DryRun(Option<&'a dyn CatalogueStore>),
}

/// Files that were found fit to be imported.
#[derive(Debug)]
pub struct Import {
    files: Vec<InputFile>,
    mappings: Vec<Mapping>,
    batch_rows: usize,
}

#[derive(Debug)]
struct InputFile {
    path: PathBuf,
    format: Format,
    columns: ColumnReport,
    n_bytes: u64,
}

/// How an import ended: its report, and what stopped it, if anything did. What the report counts as written is
/// committed and stays.
#[derive(Debug)]
pub struct Outcome {
    /// What was done.
    pub report: ImportReport,
    /// Why it stopped before the end.
    pub error: Option<ImportError>,
}

impl Import {
    /// Opens each of `files` and settles what its columns give. Nothing is written.
    pub fn prepare(files: &[PathBuf], mappings: &[Mapping]) -> Result<Self, ImportError> {
        check_mappings(mappings)?;
        let mut inputs = Vec::with_capacity(files.len());
        for path in files {
            inputs.push(inspect(path, mappings)?);
        }
        for Mapping { column, .. } in mappings {
            // The keys of NDJSON files are not all known before the end.
            let may_have = |file: &InputFile| file.format == Format::Ndjson || file.columns.has(column);
            if !inputs.iter().any(may_have) {
                let found = inputs.iter().flat_map(|file| file.columns.all()).map(str::to_owned).collect();
                return Err(ImportError::MappedColumn { column: column.clone(), found });
            }
        }
        Ok(Self { files: inputs, mappings: mappings.to_vec(), batch_rows: BATCH_ROWS })
    }

    /// Refuses rejects that would be written over an input.
    pub fn check_rejects(&self, place: &RejectsPlace) -> Result<(), ImportError> {
        let RejectsPlace::File(rejects) = place else { return Ok(()) };
        // A file that does not exist yet is no input.
        let Ok(rejects) = rejects.canonicalize() else { return Ok(()) };
        let input = self.files.iter().find(|file| file.path.canonicalize().is_ok_and(|path| path == rejects));
        match input {
            Some(file) => Err(ImportError::RejectsOverInput { path: file.path.clone() }),
            None => Ok(()),
        }
    }

    /// Sets how many rows are committed together.
    pub fn with_batch_rows(mut self, batch_rows: usize) -> Self {
        self.batch_rows = batch_rows.max(1);
        self
    }

    /// Reads all files into `destination`. Stops between two batches once `cancel` is set.
    pub fn run(
        &self,
        destination: &Destination<'_>,
        rejects: RejectsPlace,
        progress: &Progress,
        cancel: &CancelToken,
    ) -> Outcome {
        let start = Instant::now();
        let mut report =
            ImportReport { dry_run: matches!(destination, Destination::DryRun(_)), ..Default::default() };
        let n_bytes = self.files.iter().map(|file| file.n_bytes).sum();
        let phase = progress.bytes("importing", n_bytes);
        let mut pipeline = pipeline::Pipeline::new(self, destination, rejects, &phase, cancel, new_run_id());
        let mut error = None;
        for file in &self.files {
            if let Err(stopped) = pipeline.import(file, &mut report) {
                error = Some(stopped);
                break;
            }
        }
        report.interrupted = matches!(error, Some(ImportError::Interrupted));
        report.error = error.as_ref().map(ToString::to_string);
        report.finish(start.elapsed());
        Outcome { report, error }
    }
}

/// Names this import in the store: rows of one run add their genres to each other.
fn new_run_id() -> u64 {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
    // Two processes that start in the same nanosecond are told apart by their ids.
    nanos ^ (u64::from(std::process::id()) << 44)
}

fn inspect(path: &Path, mappings: &[Mapping]) -> Result<InputFile, ImportError> {
    let source = source::open(path)?;
    let columns = source.rows.columns();
    let plan = ColumnPlan::new(columns, mappings);
    if !plan.gives(&Field::Id) {
        return Err(ImportError::NoIdColumn {
            path: path.to_owned(),
            found: columns.to_vec(),
            expected: id_column_names(),
        });
    }
    let columns = ColumnReport::new(columns, &plan);
    Ok(InputFile { path: path.to_owned(), format: source.format, columns, n_bytes: source.n_bytes })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
