//! Parquet, read row by row. The `parquet` crate can panic on damaged files: every call into it is guarded, and a
//! panic there is the error of that file.

use std::borrow::Cow;
use std::cell::Cell as Flag;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;

use parquet::basic::{ConvertedType, Repetition};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, reader::RowIter};
use parquet::schema::types::Type;

use super::{Cell, Position, RawRow, ReadRow, RowReader, SourceError};

/// Reads the rows of a Parquet file.
pub(super) struct ParquetReader {
    path: PathBuf,
    rows: RowIter<'static>,
    columns: Vec<String>,
    /// For each field of the schema, how many columns it gives: a struct gives one for each of its members.
    widths: Vec<usize>,
    row_number: u64,
    n_rows: u64,
    position: Position,
    n_bytes: u64,
}

impl ParquetReader {
    /// Reads the file's metadata. `n_bytes` is what `position` counts up to.
    pub(super) fn open(
        path: &Path,
        file: File,
        position: Position,
        n_bytes: u64,
    ) -> Result<Self, SourceError> {
        let damaged = |reason| SourceError::Parquet { path: path.to_owned(), row: None, reason };
        let opened = guarded(|| {
            let reader = SerializedFileReader::new(file)?;
            let metadata = reader.metadata().file_metadata();
            let names: Vec<_> =
                metadata.schema().get_fields().iter().map(|field| column_names(field)).collect();
            let n_rows = u64::try_from(metadata.num_rows()).unwrap_or(0);
            Ok((names, n_rows, RowIter::from_file_into(Box::new(reader))))
        });
        let (names, n_rows, rows) = opened.map_err(damaged)?;
        let widths = names.iter().map(Vec::len).collect();
        let columns = names.into_iter().flatten().collect();
        Ok(Self { path: path.to_owned(), rows, columns, widths, row_number: 0, n_rows, position, n_bytes })
    }
}

impl RowReader for ParquetReader {
    fn read(&mut self) -> Result<ReadRow<'_>, SourceError> {
        let rows = &mut self.rows;
        let next = guarded(|| rows.next().transpose());
        self.row_number += 1;
        let damaged =
            |reason| SourceError::Parquet { path: self.path.clone(), row: Some(self.row_number), reason };
        let Some(row) = next.map_err(damaged)? else {
            // Row groups can hold fewer rows than the file promises.
            if self.row_number <= self.n_rows {
                return Err(damaged(format!("it promises {} rows", self.n_rows)));
            }
            return Ok(ReadRow::End);
        };
        let mut cells = Vec::with_capacity(self.columns.len());
        for ((_, field), width) in row.into_columns().into_iter().zip(&self.widths) {
            match field {
                Field::Group(members) if members.len() > 0 => {
                    cells.extend(members.into_columns().into_iter().map(|(_, member)| cell(member)));
                }
                Field::Null => cells.extend(std::iter::repeat_n(Cell::Missing, *width)),
                field => cells.push(cell(field)),
            }
        }
        self.position
            .set((self.n_bytes as f64 * (self.row_number as f64 / self.n_rows.max(1) as f64)) as u64);
        Ok(ReadRow::Row(RawRow { line: self.row_number, columns: &self.columns, cells }))
    }

    fn columns(&self) -> &[String] {
        &self.columns
    }
}

/// The columns that one field of the schema gives.
fn column_names(field: &Type) -> Vec<String> {
    let is_struct = field.is_group() && field.get_basic_info().converted_type() == ConvertedType::NONE;
    let repeated = field.get_basic_info().has_repetition()
        && field.get_basic_info().repetition() == Repetition::REPEATED;
    if is_struct && !repeated && !field.get_fields().is_empty() {
        field.get_fields().iter().map(|member| format!("{}.{}", field.name(), member.name())).collect()
    } else {
        vec![field.name().to_owned()]
    }
}

fn cell(field: Field) -> Cell<'static> {
    match field {
        Field::Null => Cell::Missing,
        Field::Bool(value) => Cell::Bool(value),
        Field::Byte(value) => Cell::Int(value.into()),
        Field::Short(value) => Cell::Int(value.into()),
        Field::Int(value) => Cell::Int(value.into()),
        Field::Long(value) => Cell::Int(value),
        Field::UByte(value) => Cell::Int(value.into()),
        Field::UShort(value) => Cell::Int(value.into()),
        Field::UInt(value) => Cell::Int(value.into()),
        Field::ULong(value) => i64::try_from(value).map_or(Cell::Float(value as f64), Cell::Int),
        Field::Float16(value) => Cell::Float(value.into()),
        Field::Float(value) => Cell::Float(value.into()),
        Field::Double(value) => Cell::Float(value),
        Field::Str(text) => Cell::Text(Cow::Owned(text)),
        // Text that its writer did not mark as such.
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => Cell::Text(Cow::Owned(text.to_owned())),
            Err(_) => Cell::Other(format!("{:?}", bytes.data()).into()),
        },
        Field::Date(days) => date(i64::from(days) * 86_400_000),
        Field::TimestampMillis(millis) => date(millis),
        Field::TimestampMicros(micros) => date(micros.div_euclid(1000)),
        Field::Decimal(_) => Cell::Text(Cow::Owned(field.to_string())),
        Field::ListInternal(list) => Cell::List(list.elements().iter().cloned().map(cell).collect()),
        Field::TimeMillis(_) | Field::TimeMicros(_) | Field::Group(_) | Field::MapInternal(_) => {
            Cell::Other(field.to_string().into())
        }
    }
}

fn date(unix_millis: i64) -> Cell<'static> {
    match jiff::Timestamp::from_millisecond(unix_millis) {
        Ok(time) => Cell::Text(Cow::Owned(jiff::tz::Offset::UTC.to_datetime(time).date().to_string())),
        Err(_) => Cell::Int(unix_millis),
    }
}

thread_local! {
    /// Whether this thread is inside [`guarded`], where a panic is a finding about a file and not a defect to report.
    static GUARDED: Flag<bool> = const { Flag::new(false) };
}

/// Runs `work`; both its error and a panic in it become a reason.
fn guarded<T>(work: impl FnOnce() -> Result<T, parquet::errors::ParquetError>) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                report(panic);
            }
        }));
    });
    GUARDED.set(true);
    // Unwind safe: after a panic nobody touches the reader again, its file is given up.
    let done = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(false);
    match done {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown");
            Err(format!("the reader gave up ({text})"))
        }
    }
}

#[cfg(test)]
#[path = "parquet_tests.rs"]
mod tests;
