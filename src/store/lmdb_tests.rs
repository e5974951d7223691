//! Tests of the LMDB catalogue.

use super::*;

fn track(id: &str, genres: &[&str]) -> Track {
    let mut track = Track::new(TrackId::parse(id).unwrap());
    track.name = Some(format!("name of {id}"));
    track.genres = genres.iter().map(|g| (*g).to_owned()).collect();
    track.values.insert("energy".into(), 0.5);
    track
}

fn open(dir: &Path) -> LmdbStore {
    LmdbStore::open(dir, &LmdbOptions::default()).unwrap()
}

fn counts(inserted: u64, updated: u64, unchanged: u64, merged: u64) -> UpsertCounts {
    UpsertCounts { inserted, updated, unchanged, merged }
}

fn genres(store: &LmdbStore, id: &str) -> Vec<String> {
    store.get(&TrackId::parse(id).unwrap()).unwrap().unwrap().genres
}

#[test]
fn scan_is_in_byte_order_and_stops_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let ids = ["b", "a", "Z", "é", "a1", "~", "0"];
    store.upsert(ids.iter().map(|id| track(id, &[])).collect(), 1).unwrap();
    let mut seen = Vec::new();
    store
        .scan(&mut |track| {
            seen.push(track.id.to_string());
            ControlFlow::Continue(())
        })
        .unwrap();
    let mut expected = ids.map(str::to_owned).to_vec();
    expected.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    assert_eq!(seen, expected);
    assert_eq!(store.count().unwrap(), 7);
    let mut n_visits = 0;
    store
        .scan(&mut |_| {
            n_visits += 1;
            if n_visits == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!(n_visits, 2);
}

#[test]
fn genres_are_added_within_a_run_and_replaced_by_a_later_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert_eq!(
        store.upsert(vec![track("a", &["pop"]), track("a", &["rock"])], 1).unwrap(),
        counts(1, 0, 0, 1)
    );
    assert_eq!(store.upsert(vec![track("a", &["jazz"])], 1).unwrap(), counts(0, 0, 0, 1));
    assert_eq!(genres(&store, "a"), ["pop", "rock", "jazz"]);
    assert_eq!(store.upsert(vec![track("a", &["folk"])], 2).unwrap(), counts(0, 1, 0, 0));
    assert_eq!(genres(&store, "a"), ["folk"]);
    // A run without genres leaves them, and leaves the right to add to them where it was.
    assert_eq!(store.upsert(vec![track("a", &[])], 3).unwrap(), counts(0, 0, 1, 0));
    store.upsert(vec![track("a", &["soul"])], 2).unwrap();
    assert_eq!(genres(&store, "a"), ["folk", "soul"]);
}

#[test]
fn importing_the_same_rows_again_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let rows = || vec![track("a", &["pop"]), track("b", &[]), track("a", &["rock"])];
    store.upsert(rows(), 1).unwrap();
    assert_eq!(store.upsert(rows(), 2).unwrap(), counts(0, 0, 2, 1));
    // The genres of `a` are the same, yet they are this run's now: a further row adds to them.
    store.upsert(vec![track("a", &["jazz"])], 2).unwrap();
    assert_eq!(genres(&store, "a"), ["pop", "rock", "jazz"]);
}

#[test]
fn a_track_survives_closing_and_opening() {
    let dir = tempfile::tempdir().unwrap();
    let expected = track("a", &["pop"]);
    open(dir.path()).upsert(vec![expected.clone()], 1).unwrap();
    let store = open(dir.path());
    assert_eq!(store.get(&expected.id).unwrap(), Some(expected));
    assert_eq!(store.get(&TrackId::parse("other").unwrap()).unwrap(), None);
}

#[test]
fn opening_a_path_twice_gives_one_environment() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let second = open(&dir.path().join("."));
    first.upsert(vec![track("a", &[])], 1).unwrap();
    assert_eq!(second.count().unwrap(), 1);
    assert!(Arc::ptr_eq(&first.shared, &second.shared));
}

#[test]
fn open_existing_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalogue");
    assert!(LmdbStore::open_existing(&path, &LmdbOptions::default()).unwrap().is_none());
    assert!(!path.exists());
}

#[test]
fn a_full_map_is_a_typed_error_and_keeps_what_was_committed() {
    let dir = tempfile::tempdir().unwrap();
    let store = LmdbStore::open(dir.path(), &LmdbOptions { map_size_bytes: 256 << 10 }).unwrap();
    store.upsert(vec![track("kept", &[])], 1).unwrap();
    let many = (0..10_000).map(|i| track(&format!("id{i}"), &["pop"])).collect();
    match store.upsert(many, 1).unwrap_err() {
        StoreError::MapFull { limit_bytes, .. } => assert_eq!(limit_bytes, 256 << 10),
        other => panic!("{other}"),
    }
    assert_eq!(store.count().unwrap(), 1);
    store.upsert(vec![track("later", &[])], 1).unwrap();
}

#[test]
fn a_newer_format_is_refused_with_both_versions() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (meta, _) = open_databases(&store.shared.env).unwrap().unwrap();
    let mut wtxn = store.shared.env.write_txn().unwrap();
    meta.put(&mut wtxn, FORMAT_VERSION_KEY, &7u32.to_le_bytes()).unwrap();
    wtxn.commit().unwrap();
    drop(store);
    match LmdbStore::open(dir.path(), &LmdbOptions::default()).unwrap_err() {
        StoreError::NewerFormat { got: 7, supported: 1, .. } => {}
        other => panic!("{other}"),
    }
}

#[test]
fn a_damaged_record_is_named_and_repaired_by_importing_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.upsert(vec![track("a", &[]), track("b", &[])], 1).unwrap();
    let mut wtxn = store.shared.env.write_txn().unwrap();
    store.shared.tracks.put(&mut wtxn, b"b", &[1, 2, 3]).unwrap();
    wtxn.commit().unwrap();
    let error = store.scan(&mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(&error, StoreError::Record { id, .. } if id == "b"), "{error}");
    store.upsert(vec![track("b", &[])], 2).unwrap();
    assert_eq!(store.get(&TrackId::parse("b").unwrap()).unwrap(), Some(track("b", &[])));
}

#[test]
fn a_data_file_cut_anywhere_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalogue");
    let many = (0..2_000).map(|i| track(&format!("id{i}"), &["pop"])).collect();
    open(&path).upsert(many, 1).unwrap();
    let whole = fs::read(path.join("data.mdb")).unwrap();
    for cut in [1, 100, 4096, 8191, 8192, 12_288, whole.len() / 2, whole.len() - 1] {
        fs::write(path.join("data.mdb"), &whole[..cut]).unwrap();
        let error = LmdbStore::open(&path, &LmdbOptions::default()).unwrap_err();
        assert!(
            matches!(error, StoreError::Truncated { .. } | StoreError::NotACatalogue { .. }),
            "cut at {cut}: {error}"
        );
    }
}

#[test]
fn other_files_are_not_taken_for_a_catalogue() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("data.mdb"), vec![b'x'; 100_000]).unwrap();
    let error = LmdbStore::open(dir.path(), &LmdbOptions::default()).unwrap_err();
    assert!(matches!(error, StoreError::NotACatalogue { .. }), "{error}");
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = LmdbStore::open(&file, &LmdbOptions::default()).unwrap_err();
    assert!(matches!(error, StoreError::Create { .. }), "{error}");
}

#[test]
fn removed_tracks_are_gone_and_only_they() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.upsert(["a", "b", "c"].iter().map(|id| track(id, &[])).collect(), 1).unwrap();
    let ids = ["b", "nobody", "b"].map(|id| TrackId::parse(id).unwrap());
    assert_eq!(store.remove(&ids).unwrap(), 1);
    assert_eq!(store.remove(&ids).unwrap(), 0);
    assert_eq!((store.count().unwrap(), store.get(&ids[0]).unwrap()), (2, None));
    // The file reaches to its last page after a removal, too.
    store.remove(&["a", "c"].map(|id| TrackId::parse(id).unwrap())).unwrap();
    drop(store);
    assert_eq!(open(dir.path()).count().unwrap(), 0);
}
