//! Tests of whole imports, on the shapes of the public dumps.

use std::fs;
use std::io::Write;
use std::ops::ControlFlow;

use super::*;
use crate::store::{LmdbOptions, LmdbStore, StoreError, TrackReader, UpsertCounts};
use crate::track::{Track, TrackId};

/// A catalogue and a place for input files, gone at the end of the test.
struct Bench {
    dir: tempfile::TempDir,
    store: LmdbStore,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = LmdbStore::open(&dir.path().join("catalogue"), &LmdbOptions::default()).unwrap();
        Self { dir, store }
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn run(&self, files: &[PathBuf], mappings: &[&str]) -> Outcome {
        self.run_batches(files, mappings, 2, &CancelToken::new())
    }

    fn run_batches(
        &self,
        files: &[PathBuf],
        mappings: &[&str],
        rows: usize,
        cancel: &CancelToken,
    ) -> Outcome {
        let mappings: Vec<Mapping> = mappings.iter().map(|m| m.parse().unwrap()).collect();
        let import = Import::prepare(files, &mappings).unwrap().with_batch_rows(rows);
        let rejects = RejectsPlace::Directory(self.dir.path().join("rejects"));
        import.run(&Destination::Store(&self.store), rejects, &Progress::hidden(), cancel)
    }

    /// Imports `content` and expects success.
    fn import(&self, name: &str, content: &str) -> ImportReport {
        let outcome = self.run(&[self.file(name, content.as_bytes())], &[]);
        assert!(outcome.error.is_none(), "{:?}", outcome.error);
        outcome.report
    }

    fn get(&self, id: &str) -> Track {
        self.store.get(&TrackId::parse(id).unwrap()).unwrap().unwrap()
    }

    fn rejects(&self, name: &str) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.dir.path().join("rejects").join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn all(&self) -> Vec<Track> {
        let mut tracks = Vec::new();
        self.store
            .scan(&mut |track| {
                tracks.push(track);
                ControlFlow::Continue(())
            })
            .unwrap();
        tracks
    }
}

fn counts(inserted: u64, updated: u64, unchanged: u64, merged: u64) -> UpsertCounts {
    UpsertCounts { inserted, updated, unchanged, merged }
}

const ONE_ROW_PER_GENRE: &str = ",track_id,artists,album_name,track_name,popularity,energy,track_genre
0,a,A;B,Al,N,50,0.5,pop
1,b,C,Al,M,40,0.25,pop
2,c,C,Al,O,40,0.25,jazz
3,a,A;B,Al,N,50,0.5,rock
4,b,C,Al,M,40,0.25,metal
5,a,A;B,Al,N,50,0.5,pop
";

#[test]
fn one_row_per_genre_becomes_one_track() {
    let bench = Bench::new();
    let report = bench.import("dataset.csv", ONE_ROW_PER_GENRE);
    assert_eq!(report.tracks, counts(3, 0, 0, 3));
    assert_eq!(bench.get("a").genres, ["pop", "rock"]);
    assert_eq!(bench.get("b").genres, ["pop", "metal"]);
    assert_eq!(report.files[0].columns.ignored, ["column_1"]);
    let before = bench.all();
    bench.import("dataset.csv", ONE_ROW_PER_GENRE);
    assert_eq!(bench.all(), before, "importing again changes nothing");
}

#[test]
fn importing_again_is_counted_as_unchanged() {
    let bench = Bench::new();
    let text = "id,name,genre,energy\na,N,pop|rock,0.5\nb,M,,0.25\n";
    assert_eq!(bench.import("t.csv", text).tracks, counts(2, 0, 0, 0));
    assert_eq!(bench.import("t.csv", text).tracks, counts(0, 0, 2, 0));
    let changed = "id,name,energy\na,N,0.75\nb,M,\n";
    assert_eq!(bench.import("t.csv", changed).tracks, counts(0, 1, 1, 0));
    assert_eq!(bench.get("a").genres, ["pop", "rock"], "a file without genres leaves them");
    assert_eq!(bench.get("b").values["energy"], 0.25, "a missing value leaves the known one");
}

#[test]
fn every_format_gives_the_same_tracks() {
    let rows = [("a", "Ünï, \"x\"", "A;B", 0.5), ("b", "M", "C", -1.25)];
    let csv: String = rows
        .iter()
        .map(|(id, name, artists, v)| format!("{id},\"{}\",{artists},{v}\n", name.replace('"', "\"\"")))
        .collect();
    let tsv: String = rows
        .iter()
        .map(|(id, name, artists, v)| format!("{id}\t\"{}\"\t{artists}\t{v}\n", name.replace('"', "\"\"")))
        .collect();
    let ndjson: String = rows
        .iter()
        .map(|(id, name, artists, v)| {
            let artists: Vec<_> = artists.split(';').collect();
            let features = serde_json::json!({"energy": v});
            format!(
                "{}\n",
                serde_json::json!({"id": id, "name": name, "artists": artists, "audio_features": features})
            )
        })
        .collect();
    let csv = format!("id,name,artists,energy\n{csv}").into_bytes();
    let gzip = |bytes: &[u8]| {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(bytes).unwrap();
        gz.finish().unwrap()
    };
    let mut two_members = gzip(&csv[..30]);
    two_members.extend(gzip(&csv[30..]));
    let semicolons = csv.iter().map(|b| if *b == b',' { b';' } else { *b }).collect::<Vec<_>>();
    let semicolons = String::from_utf8(semicolons).unwrap().replace("A;B", "\"A;B\"").replace("Ünï;", "Ünï,");
    let inputs: Vec<(&str, Vec<u8>)> = vec![
        ("t.csv", csv.clone()),
        ("bom.csv", [b"\xef\xbb\xbf", csv.as_slice()].concat()),
        ("crlf.csv", String::from_utf8(csv.clone()).unwrap().replace('\n', "\r\n").into_bytes()),
        ("mac.csv", String::from_utf8(csv.clone()).unwrap().replace('\n', "\r").into_bytes()),
        ("semicolons.csv", semicolons.into_bytes()),
        ("t.tsv", format!("id\tname\tartists\tenergy\n{tsv}").into_bytes()),
        ("unnamed", format!("id\tname\tartists\tenergy\n{tsv}").into_bytes()),
        ("t.csv.gz", gzip(&csv)),
        ("members.csv.gz", two_members),
        ("misnamed.csv", gzip(&csv)),
        ("t.ndjson", ndjson.clone().into_bytes()),
        ("t.jsonl.gz", gzip(ndjson.as_bytes())),
    ];
    let mut expected = None;
    for (name, bytes) in inputs {
        let bench = Bench::new();
        let outcome = bench.run(&[bench.file(name, &bytes)], &[]);
        assert!(outcome.error.is_none(), "{name}: {:?}", outcome.error);
        assert_eq!(outcome.report.tracks, counts(2, 0, 0, 0), "{name}: {:?}", outcome.report);
        let tracks = bench.all();
        assert_eq!(tracks[0].name.as_deref(), Some("Ünï, \"x\""), "{name}");
        assert_eq!(tracks[0].artists, ["A", "B"], "{name}");
        assert_eq!(*expected.get_or_insert_with(|| tracks.clone()), tracks, "{name}");
    }
}

#[test]
fn refusals_are_counted_and_written_down_and_the_rest_is_kept() {
    let bench = Bench::new();
    let report = bench.import("bad.csv", "id,name,energy\na,N,0.5\n,Nameless,0.5\nb,M,high\nc,O\nd,P,1.5\n");
    assert_eq!(report.tracks, counts(3, 0, 0, 0));
    assert_eq!((report.rows_read, report.rejected_rows), (5, 2));
    assert_eq!(report.dropped_values.clone().into_iter().collect::<Vec<_>>(), [("energy".to_owned(), 1)]);
    assert_eq!(report.out_of_range["energy"], 1);
    let rejects = bench.rejects("bad.csv.ndjson");
    let file = bench.dir.path().join("bad.csv");
    assert_eq!(
        rejects[0],
        serde_json::json!({"file": file, "line": 3, "action": "row_rejected", "field": "id", "value": "",
            "reason": "the track id is missing", "row": {"id": "", "name": "Nameless", "energy": "0.5"}})
    );
    assert_eq!(
        rejects[1],
        serde_json::json!({"file": file, "line": 4, "action": "value_dropped", "field": "energy", "value": "high",
            "reason": "not a number", "row": {"id": "b", "name": "M", "energy": "high"}})
    );
    assert_eq!((rejects[2]["line"].as_u64(), rejects[2]["row"]["name"].as_str()), (Some(5), Some("O")));
    assert_eq!(rejects.len(), 3);
    assert_eq!(report.rejects_files, [bench.dir.path().join("rejects/bad.csv.ndjson")]);
    assert_eq!(report.examples.len(), 3);
}

#[test]
fn a_file_without_refusals_makes_no_rejects_file() {
    let bench = Bench::new();
    bench.import("good.csv", "id\na\n");
    assert!(!bench.dir.path().join("rejects").exists());
}

#[test]
fn inputs_of_one_name_have_rejects_files_of_their_own() {
    let bench = Bench::new();
    fs::create_dir(bench.dir.path().join("other")).unwrap();
    let files = [bench.file("t.csv", b"id\na b\n"), bench.file("other/t.csv", b"id\nc d\n")];
    assert!(bench.run(&files, &[]).error.is_none());
    assert_eq!(bench.rejects("t.csv.ndjson")[0]["value"], "a b");
    assert_eq!(bench.rejects("t.csv.2.ndjson")[0]["value"], "c d");
}

#[test]
fn a_cut_gzip_keeps_the_rows_before_the_cut() {
    let bench = Bench::new();
    let text: String = (0..20_000).map(|i| format!("id{i},{}\n", f64::from(i).sin())).collect();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(format!("id,energy\n{text}").as_bytes()).unwrap();
    let bytes = gz.finish().unwrap();
    let outcome = bench.run_batches(
        &[bench.file("cut.csv.gz", &bytes[..bytes.len() * 3 / 4])],
        &[],
        1000,
        &CancelToken::new(),
    );
    let error = outcome.error.unwrap();
    assert!(
        matches!(&error, ImportError::Source(source::SourceError::Gzip { line, .. }) if *line > 1000),
        "{error}"
    );
    let n_tracks = bench.store.count().unwrap();
    assert!(n_tracks > 10_000 && n_tracks == outcome.report.tracks.inserted, "{n_tracks}");
}

#[test]
fn a_cancelled_import_keeps_whole_batches() {
    let bench = Bench::new();
    let cancel = CancelToken::new();
    cancel.cancel();
    let text: String = (0..10).map(|i| format!("id{i}\n")).collect();
    let file = bench.file("t.csv", format!("id\n{text}").as_bytes());
    let outcome = bench.run_batches(&[file], &[], 3, &cancel);
    assert!(matches!(outcome.error, Some(ImportError::Interrupted)));
    assert!(outcome.report.interrupted);
    assert_eq!(bench.store.count().unwrap() % 3, 0);
}

#[test]
fn a_dry_run_counts_and_writes_nothing() {
    let bench = Bench::new();
    bench.import("first.csv", "id,energy\na,0.5\nb,0.25\n");
    let before = bench.all();
    let file = bench.file("second.csv", b"id,energy\na,0.75\nb,0.25\nc,1\nx y,1\nc,1\n");
    let import = Import::prepare(&[file], &[]).unwrap().with_batch_rows(2);
    let run = |destination| {
        import.run(&destination, RejectsPlace::Nowhere, &Progress::hidden(), &CancelToken::new())
    };
    let report = run(Destination::DryRun(Some(&bench.store))).report;
    assert_eq!((report.tracks, report.rejected_rows, report.dry_run), (counts(1, 1, 1, 1), 1, true));
    assert_eq!(bench.all(), before);
    assert_eq!(run(Destination::DryRun(None)).report.tracks, counts(3, 0, 0, 1));
}

#[test]
fn a_full_catalogue_stops_the_import_and_keeps_whole_batches() {
    let dir = tempfile::tempdir().unwrap();
    let store = LmdbStore::open(&dir.path().join("c"), &LmdbOptions { map_size_bytes: 1 << 20 }).unwrap();
    let text: String = (0..50_000).map(|i| format!("id{i},some name\n")).collect();
    let file = dir.path().join("t.csv");
    fs::write(&file, format!("id,name\n{text}")).unwrap();
    let import = Import::prepare(&[file], &[]).unwrap().with_batch_rows(100);
    let outcome = import.run(
        &Destination::Store(&store),
        RejectsPlace::Nowhere,
        &Progress::hidden(),
        &CancelToken::new(),
    );
    assert!(
        matches!(outcome.error, Some(ImportError::Store(StoreError::MapFull { .. }))),
        "{:?}",
        outcome.error
    );
    let n_tracks = store.count().unwrap();
    assert!(
        n_tracks > 0 && n_tracks.is_multiple_of(100) && n_tracks == outcome.report.tracks.inserted,
        "{n_tracks}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_under_the_rejects_file_is_a_typed_error() {
    let bench = Bench::new();
    let file = bench.file("t.csv", b"id\na\nb c\n");
    let import = Import::prepare(&[file], &[]).unwrap();
    let place = RejectsPlace::File("/dev/full".into());
    let outcome =
        import.run(&Destination::Store(&bench.store), place, &Progress::hidden(), &CancelToken::new());
    assert!(matches!(outcome.error, Some(ImportError::Rejects(_))), "{:?}", outcome.error);
    assert_eq!(bench.store.count().unwrap(), 1, "the good rows are kept");
}

/// Preparing `content` under `name` fails with a message that contains all of `expected`.
fn check_refused(name: &str, content: &[u8], mappings: &[&str], expected: &[&str]) {
    let bench = Bench::new();
    let mappings: Vec<Mapping> = mappings.iter().map(|m| m.parse().unwrap()).collect();
    let error = Import::prepare(&[bench.file(name, content)], &mappings).unwrap_err().to_string();
    for part in expected {
        assert!(error.contains(part), "{name}: {error}");
    }
}

#[test]
fn what_is_wrong_with_a_file_is_said_before_anything_is_written() {
    check_refused("empty.csv", b"", &[], &["empty.csv is empty"]);
    check_refused("blank.csv", b"\n \n", &[], &["is empty"]);
    check_refused("empty.csv.gz", &[], &[], &["is empty"]);
    check_refused("t.parquet", b"PAR1 and nothing more", &[], &["damaged or cut short"]);
    check_refused("t.parquet", b"id,name\n", &[], &["does not begin with PAR1"]);
    check_refused("t.csv", b"PK\x03\x04zip", &[], &["ZIP archive", "unpack"]);
    check_refused("t.csv", b"\xff\xfei\0d\0", &[], &["UTF-16", "UTF-8"]);
    check_refused("t.json", b"[{\"id\":1}]", &[], &["JSON array", "jq"]);
    check_refused(
        "t.csv",
        b"song,energy\nx,1\n",
        &[],
        &["field id", "song, energy", "track_id", "--map COLUMN=id"],
    );
    check_refused("t.csv", b"id,e\nx,1\n", &["nope=energy"], &["no file has a column \"nope\"", "id, e"]);
    check_refused("t.csv", b"id,e\nx,1\n", &["e=energy", "e=valence"], &["given twice"]);
    let device = Import::prepare(&["/dev/null".into()], &[]).unwrap_err().to_string();
    assert!(!cfg!(unix) || device.contains("not a regular file"), "{device}");
    let missing = Import::prepare(&["no/such/file.csv".into()], &[]).unwrap_err();
    assert!(missing.is_usage() && missing.to_string().contains("no/such/file.csv"), "{missing}");
}

#[test]
fn a_header_alone_is_no_rows() {
    let bench = Bench::new();
    let report = bench.import("t.csv", "id,name\n");
    assert_eq!((report.rows_read, report.tracks), (0, counts(0, 0, 0, 0)));
    assert!(report.to_string().contains("warning: the file has no rows"));
}

#[test]
fn large_batches_and_small_ones_give_the_same_catalogue() {
    let text: String = (0..200).map(|i| format!("id{},name {i},genre {}\n", i * 7919 % 60, i % 5)).collect();
    let text = format!("id,name,genre\n{text}");
    let mut expected = None;
    for rows in [1, 2, 7, 1000] {
        let bench = Bench::new();
        let file = bench.file("t.csv", text.as_bytes());
        let outcome = bench.run_batches(&[file], &[], rows, &CancelToken::new());
        assert!(outcome.error.is_none());
        assert_eq!(outcome.report.tracks, counts(60, 0, 0, 140), "{rows} rows a batch");
        let tracks = bench.all();
        assert_eq!(*expected.get_or_insert_with(|| tracks.clone()), tracks, "{rows} rows a batch");
    }
}
