//! What an import refuses is written to a file, one JSON object per line, so that nothing is lost.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};

/// What happened to the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The row gives no track.
    RowRejected,
    /// The row gives a track that lacks this value.
    ValueDropped,
}

/// One line of a rejects file.
#[derive(Debug, Serialize)]
pub struct Reject<'a> {
    /// The input file.
    pub file: &'a str,
    /// The line the row starts on, counted from 1; for Parquet the number of the row.
    pub line: u64,
    /// What happened.
    pub action: Action,
    /// The field at fault, if one is.
    pub field: Option<&'a str>,
    /// The offending value.
    pub value: &'a str,
    /// What is wrong with it.
    pub reason: &'a str,
    /// The row as the file has it.
    pub row: &'a Map<String, Value>,
}

/// The rejects file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the rejects file {} cannot be written; give another one with --rejects FILE", path.display())]
pub struct RejectsError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Writes a rejects file. The file appears with its first record, replacing that of an earlier import.
#[derive(Debug)]
pub struct RejectsWriter {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl RejectsWriter {
    /// A writer that has not created its file yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    /// The file, once it exists.
    pub fn created(&self) -> Option<&Path> {
        self.file.as_ref().map(|_| self.path.as_path())
    }

    /// Adds a record.
    pub fn write(&mut self, reject: &Reject<'_>) -> Result<(), RejectsError> {
        self.try_write(reject).map_err(|source| RejectsError { path: self.path.clone(), source })
    }

    /// Makes sure that all records have reached the file.
    pub fn flush(&mut self) -> Result<(), RejectsError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.flush().map_err(|source| RejectsError { path: self.path.clone(), source })
    }

    fn try_write(&mut self, reject: &Reject<'_>) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                if let Some(parent) = self.path.parent() {
                    fs::create_dir_all(parent)?;
                }
                self.file.insert(BufWriter::new(File::create(&self.path)?))
            }
        };
        serde_json::to_writer(&mut *file, reject)?;
        file.write_all(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reject(row: &Map<String, Value>) -> Reject<'_> {
        Reject {
            file: "a.csv",
            line: 3,
            action: Action::ValueDropped,
            field: Some("energy"),
            value: "high",
            reason: "not a number",
            row,
        }
    }

    #[test]
    fn the_file_appears_with_its_first_record() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rejects/a.csv.ndjson");
        let mut writer = RejectsWriter::new(path.clone());
        writer.flush().unwrap();
        assert!(writer.created().is_none() && !path.exists());
        let row = serde_json::json!({"id": "x", "energy": "high"}).as_object().unwrap().clone();
        writer.write(&reject(&row)).unwrap();
        writer.flush().unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            concat!(
                r#"{"file":"a.csv","line":3,"action":"value_dropped","field":"energy","value":"high","#,
                r#""reason":"not a number","row":{"energy":"high","id":"x"}}"#,
                "\n"
            )
        );
        assert_eq!(writer.created(), Some(path.as_path()));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_a_typed_error() {
        let mut writer = RejectsWriter::new("/dev/full".into());
        let row = Map::new();
        let error = writer.write(&reject(&row)).and_then(|()| writer.flush()).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().contains("/dev/full"));
    }

    #[test]
    fn an_unwritable_place_is_a_typed_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let row = Map::new();
        let error = RejectsWriter::new(file.join("rejects.ndjson")).write(&reject(&row)).unwrap_err();
        assert!(error.to_string().contains("--rejects"), "{error}");
    }
}
