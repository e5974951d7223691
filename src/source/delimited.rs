//! CSV and TSV. Fields are split by `csv-core`, fed line by line, so that a quote that is never closed costs its own
//! line and not the rest of the file.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use csv_core::ReadRecordResult;

use super::input::read_failed;
use super::lines::{LineRead, Lines, MAX_LINE_BYTES};
use super::{BadRow, Cell, RawRow, ReadRow, RowReader, SourceError};

/// A quoted field may span lines up to this size in all; beyond it, the quote counts as never closed.
const MAX_QUOTED_BYTES: usize = 256 << 10;

/// Reads the rows of a file with a header line.
pub(super) struct DelimitedReader {
    path: PathBuf,
    gzip: bool,
    lines: Lines,
    parser: Parser,
    columns: Vec<String>,
    line: Vec<u8>,
}

impl DelimitedReader {
    /// Reads the header line.
    pub(super) fn open(path: &Path, lines: Lines, delimiter: u8, gzip: bool) -> Result<Self, SourceError> {
        let mut reader = Self {
            path: path.to_owned(),
            gzip,
            lines,
            parser: Parser::new(delimiter),
            columns: Vec::new(),
            line: Vec::new(),
        };
        let header = |reason: String| SourceError::Header { path: path.to_owned(), reason };
        match reader.next_record()? {
            Next::Record { .. } => {
                let text = reader.parser.text().ok_or_else(|| header("it is not UTF-8".to_owned()))?;
                reader.columns = unique_names(reader.parser.fields(text));
                Ok(reader)
            }
            Next::Bad { reason, .. } => Err(header(reason.to_owned())),
            Next::End => Err(SourceError::Empty { path: path.to_owned() }),
        }
    }

    /// Reads the next record into the parser.
    fn next_record(&mut self) -> Result<Next, SourceError> {
        loop {
            let read = self.read_line()?;
            let line = self.lines.number();
            match read {
                LineRead::End => return Ok(Next::End),
                LineRead::TooLong => {
                    return Ok(Next::Bad { line, reason: TOO_LONG });
                }
                LineRead::Line if self.line.trim_ascii().is_empty() => continue,
                LineRead::Line => {}
            }
            self.parser.begin();
            if self.parser.feed(&self.line) {
                return Ok(Next::Record { line });
            }
            return self.continue_quoted(line);
        }
    }

    /// The line read last ends inside a quoted field: adds lines until the field is closed. If it never is, or if
    /// what results is not a row, everything after the first line is put back.
    fn continue_quoted(&mut self, line: u64) -> Result<Next, SourceError> {
        let first = self.line.clone();
        let mut more = Vec::new();
        let mut n_bytes = first.len();
        let complete = loop {
            if n_bytes > MAX_QUOTED_BYTES {
                break false;
            }
            let read = self.read_line()?;
            if read == LineRead::End {
                break false;
            }
            n_bytes += self.line.len();
            more.push((read, self.line.clone()));
            if read == LineRead::TooLong {
                break false;
            }
            if self.parser.feed(&self.line) {
                break true;
            }
        };
        let n_columns = self.columns.len();
        let is_row = complete
            && (n_columns == 0 || self.parser.n_fields() == n_columns)
            && quotes_are_strict(
                first.iter().chain(more.iter().flat_map(|(_, line)| line)),
                self.parser.delimiter,
            );
        if is_row {
            return Ok(Next::Record { line });
        }
        self.lines.put_back(more.into_iter());
        self.line = first;
        Ok(Next::Bad { line, reason: UNCLOSED })
    }

    fn read_line(&mut self) -> Result<LineRead, SourceError> {
        let read = self.lines.read(&mut self.line);
        read.map_err(|source| read_failed(&self.path, self.lines.number(), self.gzip, source))
    }

    /// The record in the parser as an object; fields beyond the columns are kept as a list.
    fn record_json(&self) -> serde_json::Map<String, serde_json::Value> {
        let text = |field: &[u8]| serde_json::Value::from(String::from_utf8_lossy(field));
        let mut row: serde_json::Map<_, _> =
            self.columns.iter().cloned().zip(self.parser.byte_fields().map(text)).collect();
        let surplus: Vec<_> = self.parser.byte_fields().skip(self.columns.len()).map(text).collect();
        if !surplus.is_empty() {
            row.insert("(further fields)".to_owned(), surplus.into());
        }
        row
    }

    fn first_invalid(&self) -> (String, String) {
        let mut fields = self.parser.byte_fields().zip(&self.columns);
        match fields.find(|(field, _)| std::str::from_utf8(field).is_err()) {
            Some((field, column)) => (column.clone(), String::from_utf8_lossy(field).into_owned()),
            None => (String::new(), String::new()),
        }
    }
}

impl RowReader for DelimitedReader {
    fn read(&mut self) -> Result<ReadRow<'_>, SourceError> {
        let line = match self.next_record()? {
            Next::End => return Ok(ReadRow::End),
            Next::Bad { line, reason } => {
                let text = String::from_utf8_lossy(&self.line).trim_end().to_owned();
                let mut row = serde_json::Map::new();
                row.insert("(line)".to_owned(), text.clone().into());
                return Ok(ReadRow::Bad(BadRow {
                    line,
                    field: None,
                    value: text,
                    reason: reason.to_owned(),
                    row,
                }));
            }
            Next::Record { line } => line,
        };
        let (n_fields, n_columns) = (self.parser.n_fields(), self.columns.len());
        if n_fields != n_columns {
            return Ok(ReadRow::Bad(BadRow {
                line,
                field: None,
                value: format!("{n_fields} columns"),
                reason: format!("the row has {n_fields} columns, the header has {n_columns}"),
                row: self.record_json(),
            }));
        }
        let Some(text) = self.parser.text() else {
            let (column, value) = self.first_invalid();
            return Ok(ReadRow::Bad(BadRow {
                line,
                field: Some(column),
                value,
                reason: "not UTF-8 text".to_owned(),
                row: self.record_json(),
            }));
        };
        let cells = self.parser.fields(text).map(|field| Cell::Text(Cow::Borrowed(field))).collect();
        Ok(ReadRow::Row(RawRow { line, columns: &self.columns, cells }))
    }

    fn columns(&self) -> &[String] {
        &self.columns
    }
}

const UNCLOSED: &str = "a quoted field is opened and not closed where the row should end";
const TOO_LONG: &str = "the line is longer than 16 MiB";
const _: () = assert!(MAX_LINE_BYTES == 16 << 20, "the reason above names the limit");

enum Next {
    Record { line: u64 },
    Bad { line: u64, reason: &'static str },
    End,
}

/// Splits one record at a time; its fields lie one after the other in one buffer.
struct Parser {
    core: csv_core::Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    delimiter: u8,
    n_bytes: usize,
    n_fields: usize,
}

impl Parser {
    fn new(delimiter: u8) -> Self {
        // Rows end where lines end; a carriage return before the line feed is dropped after splitting, so that a
        // lone one inside a field does not cut the row.
        let core = csv_core::ReaderBuilder::new()
            .delimiter(delimiter)
            .terminator(csv_core::Terminator::Any(b'\n'))
            .build();
        Self { core, bytes: vec![0; 4096], ends: vec![0; 64], delimiter, n_bytes: 0, n_fields: 0 }
    }

    fn begin(&mut self) {
        self.core.reset();
        self.n_bytes = 0;
        self.n_fields = 0;
    }

    /// Adds one line to the record; says whether the record is complete. If not, a quoted field is open.
    fn feed(&mut self, line: &[u8]) -> bool {
        match line.split_last() {
            Some((b'\n', _)) => self.feed_part(line),
            // Lines that end otherwise (a lone carriage return, the end of the file).
            Some((b'\r', rest)) => self.feed_part(rest) || self.feed_part(b"\n"),
            _ => self.feed_part(line) || self.feed_part(b"\n"),
        }
    }

    fn feed_part(&mut self, mut input: &[u8]) -> bool {
        loop {
            if input.is_empty() {
                // An empty input would tell csv-core that the data ends.
                return false;
            }
            let (result, n_read, n_written, n_ends) = self.core.read_record(
                input,
                &mut self.bytes[self.n_bytes..],
                &mut self.ends[self.n_fields..],
            );
            input = &input[n_read..];
            self.n_bytes += n_written;
            self.n_fields += n_ends;
            match result {
                ReadRecordResult::InputEmpty => return false,
                ReadRecordResult::OutputFull => self.bytes.resize(self.bytes.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End => {
                    self.drop_carriage_return();
                    return true;
                }
            }
        }
    }

    fn drop_carriage_return(&mut self) {
        if let Some(last) = self.n_fields.checked_sub(1) {
            let start = if last == 0 { 0 } else { self.ends[last - 1] };
            if self.bytes[start..self.ends[last]].last() == Some(&b'\r') {
                self.ends[last] -= 1;
                self.n_bytes -= 1;
            }
        }
    }

    fn n_fields(&self) -> usize {
        self.n_fields
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.n_bytes]
    }

    fn byte_fields(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends[..self.n_fields]).map(|(start, end)| &self.bytes[start..*end])
    }

    /// [`Self::bytes`] as text, if every field is UTF-8: two halves of a character in neighbouring fields are not.
    fn text(&self) -> Option<&str> {
        let text = std::str::from_utf8(self.bytes()).ok()?;
        self.ends[..self.n_fields].iter().all(|end| text.is_char_boundary(*end)).then_some(text)
    }

    /// The fields as parts of `text`, which is [`Self::bytes`] as text.
    fn fields<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends[..self.n_fields])
            .map(move |(start, end)| text.get(start..*end).unwrap_or_default())
    }
}

/// Whether every closing quote of a record is followed by a delimiter or the end of its line. In a record of several
/// lines anything else means that a stray quote has swallowed the lines after it.
fn quotes_are_strict<'a>(record: impl Iterator<Item = &'a u8>, delimiter: u8) -> bool {
    enum At {
        FieldStart,
        Bare,
        Quoted,
        /// Behind a quote inside a quoted field: it closes the field, or the next byte is the quote it escapes.
        Quote,
    }
    let mut at = At::FieldStart;
    for byte in record {
        at = match (at, *byte) {
            (At::FieldStart | At::Quote, b'"') => At::Quoted,
            (At::Quoted, b'"') => At::Quote,
            (At::Quoted, _) => At::Quoted,
            (_, b) if b == delimiter => At::FieldStart,
            (At::Quote, b'\r' | b'\n') => At::Quote,
            (At::Quote, _) => return false,
            (At::FieldStart | At::Bare, _) => At::Bare,
        };
    }
    true
}

/// Names for all columns, each once: a column without a name is called `column_N`, a repeated name gets a suffix.
fn unique_names<'a>(header: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut taken = std::collections::HashSet::new();
    for (i, name) in header.enumerate() {
        let name = name.trim();
        let name = if name.is_empty() { format!("column_{}", i + 1) } else { name.to_owned() };
        let mut unique = name.clone();
        let mut n_repeats = 0;
        while !taken.insert(unique.clone()) {
            n_repeats += 1;
            unique = format!("{name}.{n_repeats}");
        }
        names.push(unique);
    }
    names
}

#[cfg(test)]
#[path = "delimited_tests.rs"]
mod tests;
