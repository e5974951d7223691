//! Removing tracks: a running server stops returning them at once, the next build is without them, and what happens in
//! between loses nothing.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use nearfield::artifact::SnapshotDir;
use nearfield::build::{BuildOptions, build};
use nearfield::demo;
use nearfield::feature::Schema;
use nearfield::live::{Live, LiveSettings};
use nearfield::progress::{CancelToken, Progress};
use nearfield::removal;
use nearfield::snapshot::Snapshot;
use nearfield::store::{CatalogueStore, LmdbOptions, LmdbStore, StoreError, TrackReader, UpsertCounts};
use nearfield::track::{Track, TrackId};
use serde_json::{Value, json};

use crate::fixture::options;
use crate::server::{Server, nearfield};

/// A catalogue on disk with some sample tracks, and a snapshot `main` of it in `indexes`.
struct Place {
    directory: tempfile::TempDir,
    tracks: Vec<Track>,
}

impl Place {
    fn new() -> Self {
        let place =
            Self { directory: tempfile::tempdir().unwrap(), tracks: demo::catalogue(300, 42).collect() };
        place.store().upsert(place.tracks.clone(), 1).unwrap();
        place.build(&options());
        place
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn indexes(&self) -> SnapshotDir {
        SnapshotDir::new(&self.path().join("indexes"), "main").unwrap()
    }

    fn store(&self) -> LmdbStore {
        LmdbStore::open(&self.path().join("data/catalogue"), &LmdbOptions::default()).unwrap()
    }

    fn build(&self, options: &BuildOptions) -> String {
        self.build_from(&self.store(), options)
    }

    fn build_from(&self, store: &dyn TrackReader, options: &BuildOptions) -> String {
        let (progress, cancel) = (Progress::hidden(), CancelToken::new());
        let built = build(store, "test", &self.indexes(), Schema::spotify(), options, &progress, &cancel);
        built.unwrap().generation
    }

    fn id(&self, place: usize) -> String {
        self.tracks[place].id.to_string()
    }

    fn run(&self, arguments: &[&str]) -> std::process::Output {
        nearfield(self.path()).args(arguments).output().unwrap()
    }

    fn remove(&self, ids: &[&str]) -> Value {
        let output = self.run(&[&["remove", "--json"], ids].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn serve(&self) -> Server {
        let mut command = nearfield(self.path());
        command.args(["serve", "--bind", "127.0.0.1:0", "--poll-seconds", "5"]);
        let server = Server::of(command);
        server.until("/readyz", |answer| answer.status == 200);
        server
    }

    fn listed(&self) -> Vec<String> {
        self.indexes().removals().unwrap().iter().map(|(id, _)| id.to_string()).collect()
    }
}

fn path_of(id: &str) -> String {
    format!("/api/v1/tracks/{id}")
}

#[test]
fn a_running_server_stops_returning_them_and_the_next_generation_is_without() {
    let place = Place::new();
    let server = place.serve();
    let (gone, stays) = (place.id(3), place.id(4));
    server.get(&path_of(&gone)).ok();
    assert_eq!(place.remove(&[&gone, "nobody", &gone]), json!({"asked": 2, "removed": 1, "name": "main"}));
    server.until(&path_of(&gone), |answer| answer.status == 404).refused("gone", 404, "unknown_track", "id");
    server.similar(&json!({"seeds": [gone]})).refused("seed", 404, "unknown_track", "seeds[0]");
    let ids = |server: &Server| {
        let answer = server
            .similar(&json!({"seeds": [stays], "k": 1000, "engine": "exact", "collapse_duplicates": false}))
            .ok();
        assert_eq!(answer["plan"]["candidates"], answer["results"].as_array().unwrap().len());
        let results = answer["results"].as_array().unwrap();
        results.iter().map(|result| result["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&server).len(), 298);
    assert!(!ids(&server).contains(&gone));
    assert_eq!(server.get("/api/v1/indexes").ok()["serving"]["removed"], 1);
    assert!(server.get("/metrics").text.contains("nearfield_snapshot_removed 1"));
    // It stays verified: the same files are served.
    assert_eq!(server.get("/readyz").ok()["verified"], true);
    // Another server begins without it.
    place.serve().get(&path_of(&gone)).refused("gone", 404, "unknown_track", "id");

    let generation = place.build(&options());
    server.until("/readyz", |answer| answer.ok()["generation"] == generation.as_str());
    server.get(&path_of(&gone)).refused("gone", 404, "unknown_track", "id");
    assert_eq!(server.get("/api/v1/indexes").ok()["serving"]["removed"], 0);
    assert_eq!(ids(&server).len(), 298);
    // The first generation is still there, so a rollback does not bring the track back.
    let mut listed = [gone.clone(), "nobody".to_owned()];
    listed.sort();
    assert_eq!(place.listed(), listed);
    assert!(place.run(&["rollback"]).status.success());
    server.until("/readyz", |answer| answer.ok()["generation"] != generation.as_str());
    server.get(&path_of(&gone)).refused("gone", 404, "unknown_track", "id");
    // Once no generation is left that was read before, the list is of no use any more.
    for _ in 0..2 {
        place.build(&BuildOptions { keep: 1, ..options() });
    }
    assert_eq!(place.listed(), Vec::<String>::new());
    assert!(!place.path().join("indexes/main/REMOVED").exists());
}

#[test]
fn importing_a_track_again_clears_its_removal() {
    let place = Place::new();
    let server = place.serve();
    let (back, gone) = (place.id(3), place.id(4));
    place.remove(&[&back, &gone]);
    server.until(&path_of(&back), |answer| answer.status == 404);
    fs::write(place.path().join("again.csv"), format!("id,energy,tempo\n{back},0.5,120\n")).unwrap();
    assert!(place.run(&["import", "again.csv"]).status.success());
    assert_eq!(place.listed(), std::slice::from_ref(&gone));
    server.until(&path_of(&back), |answer| answer.status == 200);
    server.get(&path_of(&gone)).refused("gone", 404, "unknown_track", "id");
    // One that is not there stays removed, whatever else is imported.
    assert!(place.run(&["import", "again.csv"]).status.success());
    assert_eq!(place.listed(), [gone]);
}

/// A store beside which something happens.
struct Watched<'a> {
    store: LmdbStore,
    /// Before the first track is read.
    before_scan: &'a (dyn Fn() + Sync),
    /// Before tracks are removed.
    before_remove: &'a (dyn Fn() + Sync),
}

impl CatalogueStore for Watched<'_> {
    fn upsert(&self, tracks: Vec<Track>, run: u64) -> Result<UpsertCounts, StoreError> {
        self.store.upsert(tracks, run)
    }

    fn remove(&self, ids: &[TrackId]) -> Result<u64, StoreError> {
        (self.before_remove)();
        self.store.remove(ids)
    }

    fn get(&self, id: &TrackId) -> Result<Option<Track>, StoreError> {
        self.store.get(id)
    }
}

impl TrackReader for Watched<'_> {
    fn count(&self) -> Result<u64, StoreError> {
        self.store.count()
    }

    /// What happens before the first track is not seen: reading has begun.
    fn scan(&self, visit: &mut dyn FnMut(Track) -> ControlFlow<()>) -> Result<(), StoreError> {
        let mut is_first = true;
        self.store.scan(&mut |track| {
            if std::mem::take(&mut is_first) {
                (self.before_scan)();
            }
            visit(track)
        })
    }
}

#[test]
fn a_build_that_began_before_the_removal_still_hides_them() {
    let place = Place::new();
    let server = place.serve();
    let id = place.id(3);
    let remove = || assert_eq!(place.remove(&[&id])["removed"], 1);
    let store = Watched { store: place.store(), before_scan: &remove, before_remove: &|| () };
    let generation = place.build_from(&store, &BuildOptions { keep: 1, ..options() });
    server.until("/readyz", |answer| answer.ok()["generation"] == generation.as_str());
    let snapshot = Snapshot::open(&place.path().join("indexes"), "main", None).unwrap();
    assert!(snapshot.find(&TrackId::parse(&id).unwrap()).is_some(), "it was read before it was removed");
    server.get(&path_of(&id)).refused("gone", 404, "unknown_track", "id");
    assert_eq!(place.listed(), [id]);
}

#[test]
fn a_build_that_read_between_the_list_and_the_deletion_hides_them_too() {
    let place = Place::new();
    let id = TrackId::parse(&place.id(3)).unwrap();
    let build = || _ = place.build(&BuildOptions { keep: 1, ..options() });
    let store = Watched { store: place.store(), before_scan: &|| (), before_remove: &build };
    assert_eq!(removal::remove(&store, &place.indexes(), std::slice::from_ref(&id)).unwrap(), 1);
    let live = Live::open(place.indexes(), LiveSettings { filter_cache_bytes: 0, min_recall: 0.0 }).unwrap();
    let served = live.served();
    assert!(served.snapshot.items().find(&id).is_some(), "it was read before it was removed");
    assert_eq!(served.snapshot.find(&id), None);
}

#[test]
fn removals_outlive_what_a_build_drops_while_an_old_generation_is_served() {
    let place = Place::new();
    let live = Live::open(place.indexes(), LiveSettings { filter_cache_bytes: 0, min_recall: 0.0 }).unwrap();
    let first = live.served().generation().to_owned();
    let (id, other) = (place.id(3), place.id(4));
    place.remove(&[&id]);
    live.apply_removals();
    let n_removed = || live.served().snapshot.removed().len();
    assert_eq!((n_removed(), live.counts().removals), (1, 1));
    // Until the generation served is gone from the disk, and the list with it, which no other generation needs.
    for _ in 0..2 {
        place.build(&BuildOptions { keep: 1, ..options() });
    }
    assert_eq!(place.listed(), Vec::<String>::new());
    assert!(!place.indexes().path().join(&first).exists());
    live.apply_removals();
    assert_eq!((n_removed(), live.served().generation()), (1, first.as_str()));
    place.remove(&[&other]);
    live.apply_removals();
    assert_eq!(n_removed(), 2);
    // The newest is without the first track, and holds the other.
    let attempt = live.follow(&CancelToken::new());
    assert!(attempt.refused.is_none(), "{attempt:?}");
    assert_eq!((attempt.previous, n_removed()), (first, 1));
    let find = |id: &str| live.served().snapshot.find(&TrackId::parse(id).unwrap());
    assert_eq!((find(&id), find(&other)), (None, None));
}

#[test]
fn a_damaged_list_is_an_error_and_forgets_nothing() {
    let place = Place::new();
    let server = place.serve();
    let id = place.id(3);
    place.remove(&[&id]);
    server.until(&path_of(&id), |answer| answer.status == 404);
    let list = place.path().join("indexes/main/REMOVED");
    let whole = fs::read_to_string(&list).unwrap();
    fs::write(&list, whole.replace(&id, &place.id(4))).unwrap();
    // What the running server knows stays in force; nothing new is served under a list that cannot be read.
    let before = server.get("/readyz").ok()["generation"].clone();
    place.build(&options());
    let refused = server.post("/api/v1/admin/reload", "").refused("list", 409, "generation_refused", "");
    assert!(refused["detail"].as_str().unwrap().contains("REMOVED is damaged"), "{refused}");
    assert_eq!(server.get("/readyz").ok()["generation"], before);
    server.get(&path_of(&id)).refused("gone", 404, "unknown_track", "id");
    server.get(&path_of(&place.id(4))).ok();
    for arguments in [&["serve", "--bind", "127.0.0.1:0"][..], &["remove", "x"]] {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("REMOVED is damaged"), "{arguments:?}");
    }
    // Mended, everything goes on by itself.
    fs::write(&list, whole).unwrap();
    server.until("/readyz", |answer| answer.json()["generation"] != before);
    server.get(&path_of(&id)).refused("gone", 404, "unknown_track", "id");
}

#[test]
fn ids_come_from_the_command_line_and_from_files() {
    let place = Place::new();
    let list = format!("{}\n\n  spotify:track:{} \r\n", place.id(1), place.id(2));
    fs::write(place.path().join("ids.txt"), list).unwrap();
    assert_eq!(place.remove(&[&place.id(3), "--from", "ids.txt"])["removed"], 3);
    assert_eq!(place.store().count().unwrap(), 297);
    let check = |arguments: &[&str], code: i32, expected: &str| {
        let output = place.run(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
    };
    fs::write(place.path().join("bad.txt"), format!("{}\na b\n", place.id(5))).unwrap();
    check(&["remove", "--from", "bad.txt"], 2, "bad.txt, line 2");
    check(&["remove", "--from", "absent.txt"], 1, "absent.txt");
    check(&["remove"], 2, "ID");
    check(&["remove", "x", "--store", "lmdb:elsewhere"], 1, "holds no tracks");
    check(&["remove", "x", "--name", "other"], 0, "there is no snapshot `other`");
    assert_eq!(place.store().count().unwrap(), 297);
}
