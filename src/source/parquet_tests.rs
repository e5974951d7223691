//! Tests of Parquet reading, on files written here.

use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::*;

const SCHEMA: &str = "message schema {
    REQUIRED BYTE_ARRAY track_id (UTF8);
    OPTIONAL DOUBLE energy;
    OPTIONAL INT64 key;
    OPTIONAL INT32 release_date (DATE);
    REQUIRED GROUP vector (LIST) { REPEATED GROUP list { REQUIRED FLOAT element; } }
}";

/// A file of `n_groups` row groups with three rows each.
fn write_file(n_groups: usize) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut bytes = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut bytes, schema, Arc::new(WriterProperties::builder().build())).unwrap();
    for group in 0..n_groups {
        let mut rows = writer.next_row_group().unwrap();
        let ids: Vec<ByteArray> = (0..3).map(|i| format!("id{group}-{i}").into_bytes().into()).collect();
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&ids, None, None).unwrap();
        column.close().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(&[0.25, f64::NAN], Some(&[1, 0, 1]), None).unwrap();
        column.close().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&[-1, 3, 4], Some(&[1, 1, 1]), None).unwrap();
        column.close().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<Int32Type>().write_batch(&[10_957, -1], Some(&[1, 1, 0]), None).unwrap();
        column.close().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        column
            .typed::<FloatType>()
            .write_batch(&[0.5, 1.5, 2.5], Some(&[1, 1, 0, 1]), Some(&[0, 1, 0, 0]))
            .unwrap();
        column.close().unwrap();
        rows.close().unwrap();
    }
    writer.close().unwrap();
    bytes
}

fn open(bytes: &[u8]) -> Result<ParquetReader, SourceError> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    ParquetReader::open(Path::new("test.parquet"), file, Position::default(), bytes.len() as u64)
}

fn read_all(bytes: &[u8]) -> Result<Vec<String>, SourceError> {
    let mut reader = open(bytes)?;
    let mut rows = Vec::new();
    while let ReadRow::Row(row) = reader.read()? {
        rows.push(format!("{}: {}", row.line, serde_json::Value::Object(row.to_json())));
    }
    assert_eq!(reader.position.get(), bytes.len() as u64);
    Ok(rows)
}

#[test]
fn values_lists_dates_and_gaps_are_read() {
    let bytes = write_file(2);
    assert_eq!(open(&bytes).unwrap().columns(), ["track_id", "energy", "key", "release_date", "vector"]);
    let rows = read_all(&bytes).unwrap();
    assert_eq!(rows.len(), 6);
    assert_eq!(
        rows[..3],
        [
            r#"1: {"energy":0.25,"key":-1,"release_date":"2000-01-01","track_id":"id0-0","vector":[0.5,1.5]}"#,
            r#"2: {"energy":null,"key":3,"release_date":"1969-12-31","track_id":"id0-1","vector":[]}"#,
            r#"3: {"energy":"NaN","key":4,"release_date":null,"track_id":"id0-2","vector":[2.5]}"#,
        ]
    );
    assert!(rows[5].starts_with("6: "));
}

#[test]
fn a_file_cut_at_any_length_is_a_typed_error() {
    let bytes = write_file(3);
    for cut in 0..bytes.len() {
        match read_all(&bytes[..cut]) {
            Err(SourceError::Parquet { .. }) => {}
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
}

#[test]
fn every_flipped_byte_gives_rows_or_a_typed_error() {
    let bytes = write_file(1);
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            match open(&damaged).map(|mut reader| {
                // A damaged row count must not keep the test busy.
                (0..1000).find_map(|_| match reader.read() {
                    Ok(ReadRow::Row(_)) => None,
                    other => Some(other.map(|_| ())),
                })
            }) {
                Ok(_) | Err(SourceError::Parquet { .. }) => {}
                Err(other) => panic!("byte {at}: {other}"),
            }
        }
    }
}

#[test]
fn structs_give_a_column_for_each_member() {
    let schema = parse_message_type(
        "message schema {
            REQUIRED BYTE_ARRAY id (UTF8);
            OPTIONAL GROUP audio_features { OPTIONAL DOUBLE energy; OPTIONAL DOUBLE valence; }
        }",
    )
    .unwrap();
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, Arc::new(schema), Default::default()).unwrap();
    let mut rows = writer.next_row_group().unwrap();
    let ids: Vec<ByteArray> = vec!["a".into(), "b".into()];
    let mut column = rows.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&ids, None, None).unwrap();
    column.close().unwrap();
    for value in [0.5, 0.75] {
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(&[value], Some(&[2, 0]), None).unwrap();
        column.close().unwrap();
    }
    rows.close().unwrap();
    writer.close().unwrap();
    assert_eq!(
        read_all(&bytes).unwrap(),
        [
            r#"1: {"audio_features.energy":0.5,"audio_features.valence":0.75,"id":"a"}"#,
            r#"2: {"audio_features.energy":null,"audio_features.valence":null,"id":"b"}"#,
        ]
    );
}
