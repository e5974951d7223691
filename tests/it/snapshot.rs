//! Publication, rollback and damage.

use std::fs;
use std::path::{Path, PathBuf};

use nearfield::artifact::{ArtifactError, FORMAT_VERSION, Manifest, OLDEST_FORMAT_VERSION, SnapshotDir};
use nearfield::build::BuildError;
use nearfield::index::EngineKind;
use nearfield::progress::CancelToken;
use nearfield::snapshot::Snapshot;

use crate::fixture::{MemoryStore, build_in, build_with, copy, options, shared};
use crate::golden::by_the_document;

fn generation(indexes: &Path) -> PathBuf {
    SnapshotDir::new(indexes, "main").unwrap().resolve(None).unwrap()
}

fn open(indexes: &Path) -> Result<Snapshot, ArtifactError> {
    Snapshot::open(indexes, "main", None)
}

/// Puts other contents in a file's place without touching the old ones, which may still be mapped.
fn replace(path: &Path, bytes: impl AsRef<[u8]>) {
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
}

fn files(indexes: &Path) -> Vec<String> {
    Manifest::read(&generation(indexes)).unwrap().files.into_keys().collect()
}

#[test]
fn a_generation_opens_and_verifies() {
    let snapshot = open(shared()).unwrap();
    assert_eq!(snapshot.items().len(), 1_500);
    assert_eq!(snapshot.engines(), EngineKind::ALL);
    snapshot.verify(|_| {}).unwrap();
    let listed = files(shared());
    let expected = [
        "exact.nf",
        "forest.mdb",
        "graph.nf",
        "items.nf",
        "overview.nf",
        "tags.nf",
        "titles.fst",
        "titles.nf",
        "vectors.nf",
    ];
    assert_eq!(listed, expected);
}

#[test]
fn every_file_cut_anywhere_is_refused_when_opened() {
    let indexes = copy();
    let directory = generation(indexes.path());
    for name in files(indexes.path()).into_iter().chain(["manifest.json".to_owned()]) {
        let path = directory.join(&name);
        let whole = fs::read(&path).unwrap();
        // The last byte of the manifest is a newline that nobody needs.
        let last = whole.len() - 2;
        for length in [0, 1, 63, 64, 575, 576, whole.len() / 2, last] {
            replace(&path, &whole[..length.min(last)]);
            match open(indexes.path()) {
                Err(ArtifactError::Damaged { path: named, .. }) => {
                    assert_eq!(named.file_name(), path.file_name(), "the error names the file");
                }
                other => panic!("{name} cut to {length}: {other:?}"),
            }
        }
        fs::remove_file(&path).unwrap();
        assert!(open(indexes.path()).is_err(), "without {name}");
        replace(&path, &whole);
    }
    open(indexes.path()).unwrap().verify(|_| {}).unwrap();
}

/// Where the sections of a file begin that have anything in them.
fn sections(name: &str, file: &[u8]) -> Vec<usize> {
    if !name.ends_with(".nf") {
        return Vec::new();
    }
    let (_, sections) = by_the_document(file);
    sections.into_iter().filter(|section| section.3 > 0).map(|section| section.2 as usize).collect()
}

#[test]
fn every_flipped_byte_is_found() {
    let indexes = copy();
    let directory = generation(indexes.path());
    for name in files(indexes.path()).into_iter().chain(["manifest.json".to_owned()]) {
        let path = directory.join(&name);
        let whole = fs::read(&path).unwrap();
        // Heads nearly byte by byte, the rest in steps, and the first byte of every section.
        let places =
            (0..whole.len().min(600)).step_by(7).chain((600..whole.len()).step_by(whole.len() / 40 + 1));
        for place in places.chain(sections(&name, &whole)) {
            let mut flipped = whole.clone();
            flipped[place] ^= 0x10;
            replace(&path, &flipped);
            let found = open(indexes.path()).and_then(|snapshot| snapshot.verify(|_| {}));
            assert!(found.is_err(), "{name}: byte {place} flipped and not found");
        }
        replace(&path, &whole);
    }
}

#[test]
fn another_format_version_is_refused_by_name() {
    let indexes = copy();
    let path = generation(indexes.path()).join("vectors.nf");
    let mut bytes = fs::read(&path).unwrap();
    for other in [FORMAT_VERSION + 1, OLDEST_FORMAT_VERSION - 1] {
        bytes[8..12].copy_from_slice(&other.to_le_bytes());
        replace(&path, &bytes);
        let error = open(indexes.path()).unwrap_err();
        assert!(matches!(error, ArtifactError::Version { found, .. } if found == other), "{error}");
    }
}

#[test]
fn a_file_that_is_not_listed_is_found() {
    let indexes = copy();
    fs::write(generation(indexes.path()).join("extra.nf"), "x").unwrap();
    let error = open(indexes.path()).unwrap().verify(|_| {}).unwrap_err();
    assert!(error.to_string().contains("extra.nf"), "{error}");
}

#[test]
fn rollback_returns_to_the_parent_and_verifies_it() {
    let indexes = copy();
    let directory = SnapshotDir::new(indexes.path(), "main").unwrap();
    let first = directory.current().unwrap().unwrap();
    assert!(matches!(directory.roll_back(None), Err(ArtifactError::NoParent { .. })));
    build_in(indexes.path(), &MemoryStore::sample(300), &options()).unwrap();
    assert_ne!(directory.current().unwrap().unwrap(), first);
    assert_eq!(open(indexes.path()).unwrap().items().len(), 300);
    assert_eq!(directory.roll_back(None).unwrap(), first);
    assert_eq!(open(indexes.path()).unwrap().items().len(), 1_500);
    assert!(matches!(
        directory.roll_back(Some("20200101T000000000Z")),
        Err(ArtifactError::NoGeneration { .. })
    ));
    // A damaged parent is no place to go back to.
    let mut options = options();
    options.keep = 1;
    build_in(indexes.path(), &MemoryStore::sample(300), &options).unwrap();
    let live = directory.current().unwrap();
    let path = indexes.path().join("main").join(&first).join("exact.nf");
    let mut bytes = fs::read(&path).unwrap();
    bytes[700] ^= 1;
    replace(&path, bytes);
    let error = directory.roll_back(None).unwrap_err();
    assert!(
        matches!(error, ArtifactError::NoParent { .. }) && error.to_string().contains("exact.nf"),
        "{error}"
    );
    assert_eq!(directory.current().unwrap(), live);
}

#[test]
fn rollback_works_when_the_live_generation_is_damaged() {
    let indexes = copy();
    let directory = SnapshotDir::new(indexes.path(), "main").unwrap();
    let first = directory.current().unwrap().unwrap();
    build_in(indexes.path(), &MemoryStore::sample(60), &options()).unwrap();
    replace(&generation(indexes.path()).join("manifest.json"), "{}");
    assert_eq!(directory.roll_back(None).unwrap(), first);
    let live = build_in(indexes.path(), &MemoryStore::sample(60), &options()).unwrap();
    fs::remove_file(live.directory.join("manifest.json")).unwrap();
    assert!(open(indexes.path()).is_err());
    assert_eq!(directory.roll_back(None).unwrap(), first);
    assert_eq!(open(indexes.path()).unwrap().items().len(), 1_500);
    build_in(indexes.path(), &MemoryStore::sample(60), &options()).unwrap();
    assert_eq!(directory.roll_back(Some(&first)).unwrap(), first);
}

#[test]
fn old_generations_are_pruned_but_never_the_live_one_or_its_parent() {
    let indexes = tempfile::tempdir().unwrap();
    let directory = SnapshotDir::new(indexes.path(), "main").unwrap();
    let store = MemoryStore::sample(60);
    let mut built = Vec::new();
    for _ in 0..4 {
        let mut options = options();
        options.keep = 2;
        built.push(build_in(indexes.path(), &store, &options).unwrap().generation);
    }
    assert_eq!(directory.generations().unwrap(), built[2..]);
    assert_eq!(directory.current().unwrap().as_ref(), built.last());
}

#[test]
fn leftovers_of_a_killed_build_are_cleaned_by_the_next() {
    let indexes = copy();
    let main = indexes.path().join("main");
    fs::create_dir(main.join(".staging-20200101T000000Z")).unwrap();
    fs::write(main.join(".staging-20200101T000000Z/items.nf"), "half").unwrap();
    fs::write(main.join(".staging-CURRENT"), "half").unwrap();
    fs::create_dir(main.join(".staging-removed-20200101T000000Z")).unwrap();
    // What is not ours stays, whatever it is called.
    fs::create_dir(main.join("notes")).unwrap();
    fs::write(main.join("notes/data.mdb"), "precious").unwrap();
    assert_eq!(open(indexes.path()).unwrap().items().len(), 1_500, "they do not disturb");
    build_in(indexes.path(), &MemoryStore::sample(60), &options()).unwrap();
    let mut names: Vec<String> = fs::read_dir(&main)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names.len(), 5, "{names:?}");
    assert!(!names.iter().any(|name| name.starts_with(".staging")), "{names:?}");
    assert!(main.join("notes/data.mdb").is_file());
}

#[test]
fn a_build_that_ends_early_leaves_everything_as_it_was() {
    let indexes = copy();
    let directory = SnapshotDir::new(indexes.path(), "main").unwrap();
    let before = directory.current().unwrap();
    let check = |result: Result<_, BuildError>, expected: &str| {
        let error = result.map(|_: nearfield::build::BuildReport| ()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(directory.current().unwrap(), before);
        assert_eq!(directory.generations().unwrap().len(), 1);
        let staged = fs::read_dir(indexes.path().join("main")).unwrap();
        let staged =
            staged.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("staging"));
        assert_eq!(staged.count(), 0);
    };
    let cancelled = CancelToken::new();
    cancelled.cancel();
    let (sample, schema) = (MemoryStore::sample(300), nearfield::feature::Schema::spotify);
    check(build_with(indexes.path(), &sample, schema(), &options(), &cancelled), "interrupted");
    let mut late = options();
    late.max_seconds = Some(0);
    check(build_in(indexes.path(), &sample, &late), "time limit");
    let mut small = options();
    small.max_memory_mib = Some(1);
    check(build_in(indexes.path(), &sample, &small), "MiB");
    check(build_in(indexes.path(), &MemoryStore::default(), &options()), "holds no tracks");
    let mut strict = options();
    strict.m = 2;
    strict.ef_construction = Some(8);
    strict.min_recall = 1.0;
    strict.engines = vec![EngineKind::Exact, EngineKind::Hnsw];
    check(build_in(indexes.path(), &MemoryStore::sample(3_000), &strict), "not published");
}

#[test]
fn two_builds_of_one_snapshot_do_not_run_at_once() {
    let indexes = copy();
    let directory = SnapshotDir::new(indexes.path(), "main").unwrap();
    let staging = directory.stage().unwrap();
    let error = build_in(indexes.path(), &MemoryStore::sample(60), &options()).unwrap_err();
    assert!(matches!(error, BuildError::Artifact(ArtifactError::Locked { .. })), "{error}");
    drop(staging);
    build_in(indexes.path(), &MemoryStore::sample(60), &options()).unwrap();
}

#[test]
fn names_cannot_leave_the_directory() {
    for name in ["", "..", "a/b", ".hidden", "CURRENT", "a b", &"x".repeat(65)] {
        let error = SnapshotDir::new(shared(), name).unwrap_err();
        assert!(matches!(error, ArtifactError::Name { .. }), "{name}");
    }
}
