//! A file on disk: what it is compressed with, which format it has, and how far it was read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::delimited::DelimitedReader;
use super::lines::Lines;
use super::ndjson::NdjsonReader;
use super::parquet::ParquetReader;
use super::{Format, Position, RowReader, Source, SourceError};

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const PARQUET_MAGIC: &[u8] = b"PAR1";
const UTF8_BOM: &[u8] = &[0xef, 0xbb, 0xbf];
/// How much of the beginning is looked at to tell a format.
const SAMPLE_BYTES: u64 = 64 << 10;

/// Opens a file of rows (see [`super::open`]).
pub(super) fn open(path: &Path) -> Result<Source, SourceError> {
    let failed = |source| SourceError::Open { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(SourceError::Directory { path: path.to_owned() });
    }
    if !metadata.is_file() {
        // Files are opened twice: once to settle all columns before anything is written, once to read.
        return Err(SourceError::Unsupported {
            path: path.to_owned(),
            what: "not a regular file",
            remedy: "write the rows to a file first",
        });
    }
    let position = Position::default();
    let magic = read_start(&mut file, 8).map_err(failed)?;
    refuse_unsupported(path, &magic)?;
    let gzip = magic.starts_with(GZIP_MAGIC);
    let counted =
        |file| BufReader::with_capacity(1 << 18, Counted { inner: file, position: position.clone() });
    let (mut input, is_parquet): (Box<dyn BufRead>, bool) = if gzip {
        let unzip = MultiGzDecoder::new(counted(file));
        let mut input = BufReader::with_capacity(1 << 18, unzip);
        let start = input.fill_buf().map_err(|source| gzip_failed(path, source))?;
        let is_parquet = start.starts_with(PARQUET_MAGIC);
        (Box::new(input), is_parquet)
    } else if magic.starts_with(PARQUET_MAGIC) {
        let rows = ParquetReader::open(path, file, position.clone(), metadata.len())?;
        return Ok(Source {
            format: Format::Parquet,
            n_bytes: metadata.len(),
            position,
            rows: Box::new(rows),
        });
    } else {
        (Box::new(counted(file)), false)
    };
    let source = |format, rows| Source { format, n_bytes: metadata.len(), position: position.clone(), rows };
    if is_parquet {
        let unpacked = unpack(path, &mut input)?;
        let rows = ParquetReader::open(path, unpacked, position.clone(), metadata.len())?;
        return Ok(source(Format::Parquet, Box::new(rows) as Box<dyn RowReader>));
    }

    let mut sample = Vec::new();
    (&mut input).take(SAMPLE_BYTES).read_to_end(&mut sample).map_err(|source| match gzip {
        true => gzip_failed(path, source),
        false => failed(source),
    })?;
    if sample.starts_with(UTF8_BOM) {
        sample.drain(..UTF8_BOM.len());
    }
    refuse_unsupported(path, &sample)?;
    if sample.trim_ascii().is_empty() {
        return Err(SourceError::Empty { path: path.to_owned() });
    }
    let format = format_by_name(path).unwrap_or_else(|| format_by_content(&sample));
    if format == Format::Parquet {
        // Named so, and without the magic bytes.
        let reason = "it does not begin with PAR1".to_owned();
        return Err(SourceError::Parquet { path: path.to_owned(), row: None, reason });
    }
    let newline = if sample.contains(&b'\r') && !sample.contains(&b'\n') { b'\r' } else { b'\n' };
    let delimiter = if format == Format::Tsv { b'\t' } else { sniff_delimiter(&sample, newline) };
    let lines = Lines::new(Box::new(io::Cursor::new(sample).chain(input)), newline);
    let rows: Box<dyn RowReader> = match format {
        Format::Ndjson => Box::new(NdjsonReader::open(path, lines, gzip)?),
        _ => Box::new(DelimitedReader::open(path, lines, delimiter, gzip)?),
    };
    Ok(source(if format == Format::Csv && delimiter == b'\t' { Format::Tsv } else { format }, rows))
}

/// Turns a failure while reading rows into the file's error.
pub(super) fn read_failed(path: &Path, line: u64, gzip: bool, source: io::Error) -> SourceError {
    let path = path.to_owned();
    if gzip { SourceError::Gzip { path, line, source } } else { SourceError::Read { path, line, source } }
}

fn gzip_failed(path: &Path, source: io::Error) -> SourceError {
    read_failed(path, 0, true, source)
}

fn read_start(file: &mut File, n: u64) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    (&mut *file).take(n).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(start)
}

fn refuse_unsupported(path: &Path, start: &[u8]) -> Result<(), SourceError> {
    const DECOMPRESS: &str = "unpack it first, or pack it with gzip";
    const KINDS: [(&[u8], &str, &str); 7] = [
        (b"PK\x03\x04", "a ZIP archive", "unpack it and give the files in it"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "compressed with zstd", DECOMPRESS),
        (b"BZh", "compressed with bzip2", DECOMPRESS),
        (&[0xfd, b'7', b'z', b'X', b'Z'], "compressed with xz", DECOMPRESS),
        (&[0xff, 0xfe], "UTF-16 text", "save it as UTF-8"),
        (&[0xfe, 0xff], "UTF-16 text", "save it as UTF-8"),
        (b"SQLite format 3", "an SQLite database", "export its table as CSV"),
    ];
    if let Some((_, what, remedy)) = KINDS.iter().find(|(magic, ..)| start.starts_with(magic)) {
        return Err(SourceError::Unsupported { path: path.to_owned(), what, remedy });
    }
    Ok(())
}

fn format_by_name(path: &Path) -> Option<Format> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").or(name.strip_suffix(".gzip")).unwrap_or(&name);
    Some(match name.rsplit_once('.')?.1 {
        "csv" => Format::Csv,
        "tsv" | "tab" => Format::Tsv,
        "ndjson" | "jsonl" | "json" => Format::Ndjson,
        "parquet" | "pq" => Format::Parquet,
        _ => return None,
    })
}

fn format_by_content(sample: &[u8]) -> Format {
    if sample.trim_ascii_start().starts_with(b"{") { Format::Ndjson } else { Format::Csv }
}

/// The separator that occurs most often in the header line outside quotes; a comma when none does.
fn sniff_delimiter(sample: &[u8], newline: u8) -> u8 {
    let header = sample.split(|byte| *byte == newline).next().unwrap_or(sample);
    let mut quoted = false;
    let mut counts = [(b',', 0u32), (b'\t', 0), (b';', 0), (b'|', 0)];
    for byte in header {
        quoted ^= *byte == b'"';
        if let Some((_, n)) = counts.iter_mut().find(|(delimiter, _)| !quoted && delimiter == byte) {
            *n += 1;
        }
    }
    // `max_by_key` takes the last of equals; the comma is to win, so it goes last.
    counts.iter().rev().max_by_key(|(_, n)| *n).map_or(b',', |(delimiter, _)| *delimiter)
}

/// Parquet is read from its end, so a compressed one is unpacked into a temporary file first.
fn unpack(path: &Path, input: &mut dyn BufRead) -> Result<File, SourceError> {
    let failed = |source| SourceError::Unpack { path: path.to_owned(), source };
    let mut unpacked = tempfile::tempfile().map_err(failed)?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        let n = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(source) => return Err(gzip_failed(path, source)),
        };
        io::Write::write_all(&mut unpacked, &buffer[..n]).map_err(failed)?;
    }
    unpacked.seek(SeekFrom::Start(0)).map_err(failed)?;
    Ok(unpacked)
}

/// Counts the bytes that go through.
struct Counted {
    inner: File,
    position: Position,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.position.add(n as u64);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_are_told_by_the_header() {
        for (header, expected) in [
            ("id,name\n", b','),
            ("id\tname\n", b'\t'),
            ("id;name;x\n", b';'),
            ("id|name\n", b'|'),
            ("id\n1;2;3\n", b','),
            ("\"a;b;c\",id\n", b','),
            ("\"a,b,c\";id\n", b';'),
        ] {
            assert_eq!(sniff_delimiter(header.as_bytes(), b'\n'), expected, "{header}");
        }
    }

    #[test]
    fn formats_are_told_by_name_then_by_content() {
        for (name, expected) in [
            ("a.csv", Some(Format::Csv)),
            ("a.CSV.GZ", Some(Format::Csv)),
            ("a.b.tsv.gz", Some(Format::Tsv)),
            ("a.jsonl", Some(Format::Ndjson)),
            ("a.parquet", Some(Format::Parquet)),
            ("a.txt", None),
            ("csv", None),
        ] {
            assert_eq!(format_by_name(Path::new(name)), expected, "{name}");
        }
        assert_eq!(format_by_content(b" {\"id\":1}"), Format::Ndjson);
        assert_eq!(format_by_content(b"id,name"), Format::Csv);
    }
}
