//! One file through the pipeline: a thread parses, this one writes.
//!
//! The channel between them holds nothing (a rendezvous): one batch is being parsed while one is being written, and
//! that is all that is in memory.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use super::rejects::Rejects;
use super::report::{ColumnReport, FileReport, ImportReport};
use super::{BATCH_BYTES, Destination, Import, ImportError, InputFile, RejectsPlace};
use crate::progress::{CancelToken, Phase};
use crate::source::mapping::Mapping;
use crate::source::reject::{Action, Reject};
use crate::source::row::{MappedRow, RowMapper};
use crate::source::{self, BadRow, Position, ReadRow};
use crate::store::{CatalogueStore, StoreError, UpsertCounts, sort_and_coalesce};
use crate::track::Track;

/// A dry run remembers this many ids to tell repeated rows; beyond it, repeated rows count as inserted.
const MAX_REMEMBERED_IDS: usize = 4 << 20;

/// How many rows are read between two looks at the cancel token.
const CANCEL_CHECK_ROWS: u64 = 1024;

/// Imports file after file.
pub(super) struct Pipeline<'a> {
    import: &'a Import,
    sink: Sink<'a>,
    rejects: Rejects,
    phase: &'a Phase,
    cancel: &'a CancelToken,
    /// Bytes of the files that are done.
    bytes_done: u64,
    rows_done: u64,
    start: Instant,
}

/// A batch of tracks, and how far reading had come with it.
struct Batch {
    tracks: Vec<Track>,
    rows_read: u64,
    position: u64,
}

impl<'a> Pipeline<'a> {
    pub(super) fn new(
        import: &'a Import,
        destination: &'a Destination<'a>,
        rejects: RejectsPlace,
        phase: &'a Phase,
        cancel: &'a CancelToken,
        run: u64,
    ) -> Self {
        let sink = match destination {
            Destination::Store(store) => Sink::Store { store: *store, run },
            Destination::DryRun(store) => {
                Sink::DryRun { store: *store, seen: HashSet::new(), hasher: RandomState::new() }
            }
        };
        Self {
            import,
            sink,
            rejects: Rejects::new(rejects),
            phase,
            cancel,
            bytes_done: 0,
            rows_done: 0,
            start: Instant::now(),
        }
    }

    /// Imports one file; what was done before an error is in the report.
    pub(super) fn import(&mut self, file: &InputFile, report: &mut ImportReport) -> Result<(), ImportError> {
        let Self { import, sink, rejects, phase, cancel, bytes_done, rows_done, start } = self;
        rejects.begin(&file.path);
        let mut counts = UpsertCounts::default();
        let (parsed, written) = thread::scope(|scope| {
            let (send, receive) = sync_channel::<Batch>(0);
            let parser = scope.spawn(|| {
                let mut parser = Parser { file, mappings: &import.mappings, rejects, report, send };
                let parsed = parser.run(import.batch_rows, cancel);
                let flushed = parser.flush();
                parsed.and(flushed)
            });
            let mut written = Ok(());
            for batch in &receive {
                match sink.write(batch.tracks) {
                    Ok(done) => counts += done,
                    Err(error) => {
                        written = Err(error);
                        break;
                    }
                }
                phase.set(*bytes_done + batch.position);
                let n_rows = *rows_done + batch.rows_read;
                phase.note(format!(
                    "{n_rows} rows, {:.0} rows/s",
                    n_rows as f64 / start.elapsed().as_secs_f64()
                ));
            }
            // Without a receiver the parser stops at its next batch.
            drop(receive);
            let parsed = match parser.join() {
                Ok(parsed) => parsed,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            (parsed, written)
        });
        report.tracks += counts;
        *bytes_done += file.n_bytes;
        *rows_done += report.files.last().map_or(0, |file| file.rows_read);
        // When writing failed, that is why parsing stopped.
        written?;
        parsed
    }
}

/// The reading side.
struct Parser<'a> {
    file: &'a InputFile,
    mappings: &'a [Mapping],
    rejects: &'a mut Rejects,
    report: &'a mut ImportReport,
    send: SyncSender<Batch>,
}

impl Parser<'_> {
    fn run(&mut self, batch_rows: usize, cancel: &CancelToken) -> Result<(), ImportError> {
        let source = source::open(&self.file.path)?;
        let mut rows = source.rows;
        let mut mapper = RowMapper::new(rows.columns(), self.mappings);
        let file_at = self.report.files.len();
        self.report.files.push(FileReport {
            file: self.file.path.clone(),
            format: source.format,
            rows_read: 0,
            rejected_rows: 0,
            columns: self.file.columns.clone(),
        });
        let mut batch = Vec::new();
        let mut batch_bytes = 0;
        let stopped = loop {
            // Rows that give no track fill no batch, so the batches alone would not be asked often enough.
            if self.report.files[file_at].rows_read.is_multiple_of(CANCEL_CHECK_ROWS) && cancel.is_cancelled()
            {
                return Err(ImportError::Interrupted);
            }
            let row = match rows.read() {
                Ok(ReadRow::End) => break Ok(()),
                Ok(ReadRow::Row(row)) => row,
                Ok(ReadRow::Bad(bad)) => {
                    self.report.files[file_at].rows_read += 1;
                    self.reject(file_at, &bad)?;
                    continue;
                }
                // The good rows before it are kept.
                Err(error) => break Err(error.into()),
            };
            self.report.files[file_at].rows_read += 1;
            match mapper.map(&row) {
                Ok(mapped) => {
                    if !mapped.dropped.is_empty() {
                        self.note_dropped(row.line, &mapped, &row.to_json())?;
                    }
                    let track = self.note_findings(mapped);
                    batch_bytes += approximate_bytes(&track);
                    batch.push(track);
                }
                Err(bad) => self.reject(file_at, &bad)?,
            }
            if batch.len() >= batch_rows || batch_bytes >= BATCH_BYTES {
                batch_bytes = 0;
                if !self.send(file_at, std::mem::take(&mut batch), &source.position) {
                    return Ok(());
                }
            }
        };
        if cancel.is_cancelled() {
            return Err(ImportError::Interrupted);
        }
        self.report.files[file_at].columns = ColumnReport::new(rows.columns(), mapper.plan());
        self.send(file_at, batch, &source.position);
        stopped
    }

    /// Hands a batch over; `false` when nobody takes it any more.
    fn send(&self, file_at: usize, tracks: Vec<Track>, position: &Position) -> bool {
        let rows_read = self.report.files[file_at].rows_read;
        tracks.is_empty() || self.send.send(Batch { tracks, rows_read, position: position.get() }).is_ok()
    }

    fn reject(&mut self, file_at: usize, bad: &BadRow) -> Result<(), ImportError> {
        self.report.files[file_at].rejected_rows += 1;
        let field = bad.field.as_deref();
        self.report.add_example(&self.file.path, bad.line, field, &bad.value, &bad.reason);
        self.rejects.write(&Reject {
            file: &self.file.path.to_string_lossy(),
            line: bad.line,
            action: Action::RowRejected,
            field,
            value: &bad.value,
            reason: &bad.reason,
            row: &bad.row,
        })?;
        Ok(())
    }

    fn note_dropped(
        &mut self,
        line: u64,
        mapped: &MappedRow,
        row: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), ImportError> {
        for dropped in &mapped.dropped {
            let field = Some(dropped.field.as_str());
            *self.report.dropped_values.entry(dropped.field.clone()).or_default() += 1;
            self.report.add_example(&self.file.path, line, field, &dropped.value, &dropped.reason);
            self.rejects.write(&Reject {
                file: &self.file.path.to_string_lossy(),
                line,
                action: Action::ValueDropped,
                field,
                value: &dropped.value,
                reason: &dropped.reason,
                row,
            })?;
        }
        Ok(())
    }

    fn note_findings(&mut self, mapped: MappedRow) -> Track {
        self.report.failed_analysis += u64::from(mapped.failed_analysis);
        for name in mapped.out_of_range {
            *self.report.out_of_range.entry(name.to_owned()).or_default() += 1;
        }
        mapped.track
    }

    fn flush(&mut self) -> Result<(), ImportError> {
        if let Some(path) = self.rejects.flush()?
            && !self.report.rejects_files.contains(&path)
        {
            self.report.rejects_files.push(path);
        }
        Ok(())
    }
}

/// About how much memory a track takes: what decides is its vectors.
fn approximate_bytes(track: &Track) -> usize {
    1024 + track.vectors.values().map(|vector| vector.len() * size_of::<f32>()).sum::<usize>()
}

/// The writing side.
enum Sink<'a> {
    Store { store: &'a dyn CatalogueStore, run: u64 },
    DryRun { store: Option<&'a dyn CatalogueStore>, seen: HashSet<u64>, hasher: RandomState },
}

impl Sink<'_> {
    fn write(&mut self, mut tracks: Vec<Track>) -> Result<UpsertCounts, StoreError> {
        let (store, seen, hasher) = match self {
            Self::Store { store, run } => return store.upsert(tracks, *run),
            Self::DryRun { store, seen, hasher } => (store, seen, hasher),
        };
        let mut counts = UpsertCounts { merged: sort_and_coalesce(&mut tracks), ..UpsertCounts::default() };
        for track in tracks {
            let hash = hasher.hash_one(&track.id);
            if seen.contains(&hash) {
                counts.merged += 1;
                continue;
            }
            if seen.len() < MAX_REMEMBERED_IDS {
                seen.insert(hash);
            }
            let known = match store {
                Some(store) => store.get(&track.id)?,
                None => None,
            };
            match known {
                None => counts.inserted += 1,
                Some(known) => {
                    let mut merged = known.clone();
                    merged.merge(track, false);
                    if merged == known { counts.unchanged += 1 } else { counts.updated += 1 }
                }
            }
        }
        Ok(counts)
    }
}
