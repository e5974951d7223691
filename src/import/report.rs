//! What an import did.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::source::Format;
use crate::source::columns::ColumnPlan;
use crate::store::UpsertCounts;

/// How many refusals a report quotes; the rejects file has them all.
const MAX_EXAMPLES: usize = 5;

/// What an import did. Every row read is counted in exactly one of `tracks` and `rejected_rows`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ImportReport {
    /// Whether nothing was written; the counts then say what would have been.
    pub dry_run: bool,
    /// Whether it was stopped from outside.
    pub interrupted: bool,
    /// What stopped it, if anything did.
    pub error: Option<String>,
    /// File by file.
    pub files: Vec<FileReport>,
    /// Rows read, good or not. After an error or interruption more may have been read than were committed.
    pub rows_read: u64,
    /// What became of the rows that gave a track.
    #[serde(flatten)]
    pub tracks: UpsertCounts,
    /// Rows that gave no track.
    pub rejected_rows: u64,
    /// Values left out because they could not be read, by field.
    pub dropped_values: BTreeMap<String, u64>,
    /// Tracks whose analysis had failed: four of their values are missing.
    pub failed_analysis: u64,
    /// Values outside their nominal range, kept, by field.
    pub out_of_range: BTreeMap<String, u64>,
    /// Files that hold what was refused.
    pub rejects_files: Vec<PathBuf>,
    /// The first refusals.
    pub examples: Vec<Example>,
    /// How long it took.
    pub seconds: f64,
    /// Rows read per second.
    pub rows_per_second: f64,
}

/// One file of an import.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileReport {
    /// The file.
    pub file: PathBuf,
    /// Its format.
    pub format: Format,
    /// Its rows, good or not.
    pub rows_read: u64,
    /// Its rows that gave no track.
    pub rejected_rows: u64,
    /// What its columns gave.
    pub columns: ColumnReport,
}

/// What the columns of a file give.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ColumnReport {
    /// Columns with the field each gives.
    pub recognised: BTreeMap<String, String>,
    /// Columns that are not read.
    pub ignored: Vec<String>,
}

/// One refusal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Example {
    /// The file.
    pub file: PathBuf,
    /// The line (Parquet: row) in it.
    pub line: u64,
    /// The field at fault.
    pub field: Option<String>,
    /// The value.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
}

impl ColumnReport {
    pub(super) fn new(columns: &[String], plan: &ColumnPlan) -> Self {
        let mut report = Self::default();
        for (column, target) in columns.iter().zip(plan.targets()) {
            match target {
                Some(target) => {
                    report.recognised.insert(column.clone(), target.field.to_string());
                }
                None => report.ignored.push(column.clone()),
            }
        }
        report
    }

    pub(super) fn has(&self, column: &str) -> bool {
        self.all().any(|known| known == column)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.recognised.keys().chain(&self.ignored).map(String::as_str)
    }
}

impl ImportReport {
    pub(super) fn add_example(
        &mut self,
        file: &Path,
        line: u64,
        field: Option<&str>,
        value: &str,
        reason: &str,
    ) {
        if self.examples.len() < MAX_EXAMPLES {
            self.examples.push(Example {
                file: file.to_owned(),
                line,
                field: field.map(str::to_owned),
                value: shortened(value),
                reason: reason.to_owned(),
            });
        }
    }

    pub(super) fn finish(&mut self, elapsed: Duration) {
        self.rows_read = self.files.iter().map(|file| file.rows_read).sum();
        self.rejected_rows = self.files.iter().map(|file| file.rejected_rows).sum();
        self.seconds = elapsed.as_secs_f64();
        self.rows_per_second = if self.seconds > 0.0 { self.rows_read as f64 / self.seconds } else { 0.0 };
    }
}

/// At most 80 characters of a value.
fn shortened(value: &str) -> String {
    match value.char_indices().nth(80) {
        Some((end, _)) => format!("{}...", &value[..end]),
        None => value.to_owned(),
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            writeln!(f, "{}: {} rows", file.file.display(), file.rows_read)?;
            let given: Vec<String> = file
                .columns
                .recognised
                .iter()
                .map(
                    |(column, field)| {
                        if column == field { column.clone() } else { format!("{column} -> {field}") }
                    },
                )
                .collect();
            writeln!(f, "  read:    {}", given.join(", "))?;
            if !file.columns.ignored.is_empty() {
                writeln!(f, "  ignored: {}", file.columns.ignored.join(", "))?;
            }
            if file.rows_read == 0 {
                writeln!(f, "  warning: the file has no rows")?;
            }
        }
        let UpsertCounts { inserted, updated, unchanged, merged } = self.tracks;
        let verb = if self.dry_run { "would be " } else { "" };
        writeln!(f, "{} rows in {:.1} s ({:.0} rows/s)", self.rows_read, self.seconds, self.rows_per_second)?;
        writeln!(
            f,
            "  {inserted} {verb}inserted, {updated} {verb}updated, {unchanged} unchanged, {merged} merged into a track of this import"
        )?;
        writeln!(f, "  {} rejected", self.rejected_rows)?;
        if self.failed_analysis > 0 {
            writeln!(f, "  {} tracks with failed analysis (four values left out)", self.failed_analysis)?;
        }
        let by_field = |counts: &BTreeMap<String, u64>| {
            counts.iter().map(|(field, n)| format!("{field} {n}")).collect::<Vec<_>>().join(", ")
        };
        if !self.dropped_values.is_empty() {
            writeln!(f, "  values left out: {}", by_field(&self.dropped_values))?;
        }
        if !self.out_of_range.is_empty() {
            writeln!(f, "  values out of range, kept: {}", by_field(&self.out_of_range))?;
        }
        for Example { file, line, field, value, reason } in &self.examples {
            let field = field.as_ref().map(|field| format!(" {field}")).unwrap_or_default();
            writeln!(f, "  {}:{line}:{field} {value:?}: {reason}", file.display())?;
        }
        for file in &self.rejects_files {
            writeln!(f, "  all refusals: {}", file.display())?;
        }
        if self.dry_run {
            writeln!(f, "dry run: nothing was written")?;
        }
        Ok(())
    }
}
