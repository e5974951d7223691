//! NDJSON: one object per line, flattened ([`super::flatten`]).

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::flatten::{Columns, MAX_COLUMNS};
use super::input::read_failed;
use super::lines::{LineRead, Lines};
use super::{BadRow, RawRow, ReadRow, RowReader, SourceError};

/// How many lines are read ahead to know the columns before the first row is given out.
const SAMPLE_LINES: usize = 100;
const SAMPLE_BYTES: usize = 4 << 20;

/// Reads the rows of an NDJSON file.
pub(super) struct NdjsonReader {
    path: PathBuf,
    gzip: bool,
    lines: Lines,
    line: Vec<u8>,
    columns: Columns,
}

impl NdjsonReader {
    /// Looks at the first lines for their columns.
    pub(super) fn open(path: &Path, lines: Lines, gzip: bool) -> Result<Self, SourceError> {
        let mut reader =
            Self { path: path.to_owned(), gzip, lines, line: Vec::new(), columns: Columns::default() };
        let mut sample = Vec::new();
        let mut n_bytes = 0;
        while sample.len() < SAMPLE_LINES && n_bytes < SAMPLE_BYTES {
            let read = reader.read_line()?;
            if read == LineRead::End {
                break;
            }
            if sample.is_empty() && reader.line.trim_ascii_start().starts_with(b"[") {
                return Err(SourceError::Unsupported {
                    path: path.to_owned(),
                    what: "a JSON array",
                    remedy: "write one object per line (jq -c '.[]' does)",
                });
            }
            if let Ok(Value::Object(object)) = serde_json::from_slice(&reader.line) {
                reader.columns.flatten(object);
            }
            n_bytes += reader.line.len();
            sample.push((read, reader.line.clone()));
        }
        reader.lines.put_back(sample.into_iter());
        Ok(reader)
    }

    fn read_line(&mut self) -> Result<LineRead, SourceError> {
        let read = self.lines.read(&mut self.line);
        read.map_err(|source| read_failed(&self.path, self.lines.number(), self.gzip, source))
    }

    fn bad(&self, reason: String) -> ReadRow<'static> {
        let text = String::from_utf8_lossy(&self.line).trim().to_owned();
        let mut row = Map::new();
        row.insert("(line)".to_owned(), text.clone().into());
        ReadRow::Bad(BadRow { line: self.lines.number(), field: None, value: text, reason, row })
    }
}

impl RowReader for NdjsonReader {
    fn read(&mut self) -> Result<ReadRow<'_>, SourceError> {
        let object = loop {
            match self.read_line()? {
                LineRead::End => return Ok(ReadRow::End),
                LineRead::TooLong => return Ok(self.bad("the line is longer than 16 MiB".to_owned())),
                LineRead::Line if self.line.trim_ascii().is_empty() => continue,
                LineRead::Line => {}
            }
            match serde_json::from_slice(&self.line) {
                Ok(Value::Object(object)) => break object,
                Ok(_) => return Ok(self.bad("not a JSON object".to_owned())),
                Err(error) => {
                    // The line within this one line is always 1.
                    let text = error.to_string();
                    let what = text.split(" at line ").next().unwrap_or(&text);
                    return Ok(self.bad(format!("malformed JSON in column {}: {what}", error.column())));
                }
            }
        };
        match self.columns.flatten(object) {
            Some(cells) => {
                Ok(ReadRow::Row(RawRow { line: self.lines.number(), columns: self.columns.names(), cells }))
            }
            None => Ok(self.bad(format!("the file has more than {MAX_COLUMNS} different keys"))),
        }
    }

    fn columns(&self) -> &[String] {
        self.columns.names()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(text: &str) -> NdjsonReader {
        let lines = Lines::new(Box::new(std::io::Cursor::new(text.as_bytes().to_vec())), b'\n');
        NdjsonReader::open(Path::new("test.ndjson"), lines, false).unwrap()
    }

    fn rows(text: &str) -> Vec<String> {
        let mut reader = reader(text);
        let mut seen = Vec::new();
        loop {
            match reader.read().unwrap() {
                ReadRow::Row(row) => {
                    let row_json = serde_json::Value::Object(row.to_json());
                    seen.push(format!("{}: {row_json}", row.line));
                }
                ReadRow::Bad(bad) => seen.push(format!("{}! {}", bad.line, bad.reason)),
                ReadRow::End => return seen,
            }
        }
    }

    #[test]
    fn nested_objects_are_flattened() {
        assert_eq!(
            rows(
                r#"{"id":"a","audio_features":{"energy":0.5},"artists":[{"name":"A","id":"1"},{"name":"B","id":"2"}]}"#
            ),
            [r#"1: {"artists.id":["1","2"],"artists.name":["A","B"],"audio_features.energy":0.5,"id":"a"}"#]
        );
    }

    #[test]
    fn columns_are_known_at_once_and_grow() {
        let late = format!("{}{{\"id\":1,\"late\":true}}\n", "{\"id\":1}\n".repeat(SAMPLE_LINES));
        let mut reader = reader(&late);
        assert_eq!(reader.columns(), ["id"]);
        while !matches!(reader.read().unwrap(), ReadRow::End) {}
        assert_eq!(reader.columns(), ["id", "late"]);
    }

    #[test]
    fn lines_that_are_no_objects_are_refused_with_their_number() {
        assert_eq!(
            rows("{\"id\":1}\n\n[1]\n{\"id\":\n{\"id\":2}\n"),
            [
                "1: {\"id\":1}",
                "3! not a JSON object",
                "4! malformed JSON in column 0: EOF while parsing a value",
                "5: {\"id\":2}"
            ]
        );
    }

    #[test]
    fn a_json_array_is_refused_with_the_remedy() {
        let lines = Lines::new(Box::new(&b"[\n{\"id\":1}]"[..]), b'\n');
        let error = NdjsonReader::open(Path::new("a.json"), lines, false).err().unwrap();
        assert!(error.to_string().contains("jq -c"), "{error}");
    }

    #[test]
    fn endless_new_keys_do_not_fill_the_memory() {
        let text: String = (0..MAX_COLUMNS + 10).map(|i| format!("{{\"k{i}\":1}}\n")).collect();
        let rows = rows(&text);
        assert!(rows[MAX_COLUMNS].contains("more than 4096 different keys"));
    }
}
