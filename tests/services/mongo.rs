//! A catalogue in MongoDB: what the trait promises, and the program with it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};

use mongodb::bson::{Document, doc};
use mongodb::{Client, Collection};
use nearfield::demo;
use nearfield::store::{
    CatalogueStore, LmdbOptions, LmdbStore, MongoOptions, MongoStore, Provenance, Refresh, RefreshStore,
    Refreshed, TrackReader,
};
use nearfield::track::{Track, TrackId};

use crate::servers::address;
use crate::support::Workplace;

/// A collection of a test's own, gone at its end.
pub struct TestCollection {
    uri: String,
    database: String,
    runtime: tokio::runtime::Runtime,
}

impl TestCollection {
    pub fn new() -> Self {
        Self::at(&address("MONGO_URL"))
    }

    pub fn at(server: &str) -> Self {
        static N: AtomicU32 = AtomicU32::new(0);
        let database = format!("test_{}_{}", std::process::id(), N.fetch_add(1, Ordering::Relaxed));
        let (base, options) = server.split_once('?').unwrap_or((server, ""));
        let uri = format!("{}/{database}?{options}", base.trim_end_matches('/'));
        Self { uri, database, runtime: tokio::runtime::Runtime::new().unwrap() }
    }

    pub fn uri(&self) -> &str {
        &self.uri
    }

    pub fn store(&self) -> MongoStore {
        self.store_with(MongoOptions::default())
    }

    pub fn store_with(&self, options: MongoOptions) -> MongoStore {
        MongoStore::open(&self.uri, options).unwrap()
    }

    /// Runs `work` on the collection by the driver itself.
    pub fn with<T>(&self, work: impl AsyncFnOnce(Collection<Document>) -> T) -> T {
        self.runtime.block_on(async {
            let client = Client::with_uri_str(&self.uri).await.unwrap();
            work(client.database(&self.database).collection("tracks")).await
        })
    }

    pub fn insert(&self, documents: &[Document]) {
        self.with(async |collection| collection.insert_many(documents).await.unwrap());
    }

    pub fn document(&self, filter: Document) -> Document {
        self.with(async |collection| collection.find_one(filter).await.unwrap().unwrap())
    }
}

impl Drop for TestCollection {
    fn drop(&mut self) {
        let _ = self.runtime.block_on(async {
            let client = Client::with_uri_str(&self.uri).await?;
            client.database(&self.database).drop().await
        });
    }
}

pub fn all(store: &dyn TrackReader) -> Vec<Track> {
    let mut tracks = Vec::new();
    store
        .scan(&mut |track| {
            tracks.push(track);
            ControlFlow::Continue(())
        })
        .unwrap();
    tracks
}

pub fn id(text: &str) -> TrackId {
    TrackId::parse(text).unwrap()
}

/// Every second track of one sample with some of its values changed, and a track in three parts.
fn second_import(n_tracks: usize) -> Vec<Track> {
    let mut tracks: Vec<Track> = demo::catalogue(n_tracks, 1).step_by(2).collect();
    for (number, track) in tracks.iter_mut().enumerate() {
        match number % 4 {
            0 => track.genres = vec!["polka".into()],
            1 => drop(track.values.insert("energy".into(), number as f64 / 1e4)),
            2 => track.album = None,
            _ => drop(track.values.insert("brightness.1".into(), 0.1 + 0.2)),
        }
    }
    for genre in ["a", "b", "a"] {
        let mut part = Track::new(id("in-parts"));
        part.genres = vec![genre.into()];
        part.vectors.insert("embedding".into(), vec![0.1, 0.2, 0.3]);
        tracks.push(part);
    }
    tracks
}

#[test]
fn it_holds_and_counts_what_the_embedded_store_does() {
    let collection = TestCollection::new();
    let mongo = collection.store();
    let directory = tempfile::tempdir().unwrap();
    let lmdb = LmdbStore::open(directory.path(), &LmdbOptions::default()).unwrap();
    // More than a page, and more than a message, of them.
    let first: Vec<Track> = demo::catalogue(11_000, 1).collect();
    let imports = [(first.clone(), 1), (second_import(11_000), 2), (second_import(11_000), 2), (first, 3)];
    for (tracks, run) in imports {
        for batch in tracks.chunks(3_000) {
            let expected = lmdb.upsert(batch.to_vec(), run).unwrap();
            assert_eq!(mongo.upsert(batch.to_vec(), run).unwrap(), expected, "run {run}");
        }
        assert_eq!(mongo.count().unwrap(), lmdb.count().unwrap());
        assert!(all(&mongo) == all(&lmdb), "after run {run} the stores differ");
    }
    let track = mongo.get(&id("in-parts")).unwrap().unwrap();
    assert_eq!(track.genres, ["a", "b"]);
    assert_eq!(mongo.get(&id("nobody")).unwrap(), None);
}

#[test]
fn a_scan_can_be_broken_off() {
    let collection = TestCollection::new();
    let store = collection.store();
    store.upsert(demo::catalogue(20, 1).collect(), 1).unwrap();
    let mut n_seen = 0;
    store
        .scan(&mut |_| {
            n_seen += 1;
            if n_seen == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!(n_seen, 7);
}

#[test]
fn what_refreshing_leaves_is_kept_beside_the_track() {
    let collection = TestCollection::new();
    let store = collection.store();
    store.upsert(demo::catalogue(2_000, 1).collect(), 1).unwrap();
    let before = all(&store);
    let refreshed = |track: &Track, n: u64| {
        let mut found = Track::new(track.id.clone());
        found.values.insert("energy".into(), 0.125);
        let from = Provenance { provider: "reccobeats".into(), fetched_at_ms: 1_700_000_000_123 };
        let refresh = Refresh {
            n_refreshes: n,
            refreshed_at_ms: Some(1_700_000_000_123),
            changed_at_ms: None,
            n_misses: 3,
            retry_at_ms: Some(-1),
            asked_at_ms: Some(-2),
            provenance: BTreeMap::from([("energy".to_owned(), from)]),
        };
        Refreshed { track: found, refresh }
    };
    let mut batch: Vec<Refreshed> = before.iter().take(1_200).map(|track| refreshed(track, 1)).collect();
    let gone = Track::new(id("gone"));
    batch.push(refreshed(&gone, 1));
    assert_eq!(store.record_refreshes(batch).unwrap(), 1_200);
    assert_eq!(store.get(&gone.id).unwrap(), None);
    let (track, refresh) = store.get_refresh(&before[5].id).unwrap().unwrap();
    assert_eq!(track.values["energy"], 0.125);
    assert_eq!((track.name, track.genres), (before[5].name.clone(), before[5].genres.clone()));
    assert_eq!(refresh, refreshed(&before[5], 1).refresh);
    let mut states = Vec::new();
    store
        .scan_refreshes(&mut |_, refresh| {
            states.push(refresh);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(states.iter().filter(|state| state.n_refreshes == 1).count(), 1_200);
    assert_eq!(states[1_999], Refresh::default());
    // An import leaves it alone, but what it changes is its own.
    store.upsert(before.clone(), 2).unwrap();
    let (track, refresh) = store.get_refresh(&before[5].id).unwrap().unwrap();
    assert_eq!((&track, refresh.n_refreshes, refresh.provenance.len()), (&before[5], 1, 0));
    assert_eq!(store.worker_state().unwrap(), None);
    for state in ["{}", "{\"a\": 1}"] {
        store.set_worker_state(state).unwrap();
        assert_eq!(collection.store().worker_state().unwrap().as_deref(), Some(state));
    }
}

#[test]
fn a_generation_is_the_same_from_either_store() {
    let collection = TestCollection::new();
    let here = Workplace::new();
    let mut csv = String::from("id,name,artists,genre,explicit,energy,tempo,valence,key,release_date\n");
    for track in demo::catalogue(3_000, 9) {
        let value = |name| track.values.get(name).copied().unwrap_or_default();
        let numbers = [value("energy"), value("tempo"), value("valence"), value("key")];
        let numbers = numbers.map(|number| number.to_string()).join(",");
        let (name, genre) = (track.name.as_deref().unwrap_or(""), &track.genres[0]);
        csv += &format!("{},{name},['{}'],{genre},True,{numbers},1999-01-02\n", track.id, track.artists[0]);
    }
    here.file("tracks.csv", csv);
    let uri = collection.uri();
    for (store, name) in [(uri, "mongo"), ("lmdb:catalogue", "lmdb")] {
        let report = here.json(&["import", "tracks.csv", "--store", store, "--json"]);
        assert_eq!(report["inserted"], 3_000, "{report}");
        here.json(&["build", "--store", store, "--name", name, "--json", "--trees", "4"]);
    }
    let read = |name: &str, file: &str| {
        let current =
            std::fs::read_to_string(here.path().join("indexes").join(name).join("CURRENT")).unwrap();
        std::fs::read(here.path().join("indexes").join(name).join(current.trim()).join(file)).unwrap()
    };
    for file in ["items.nf", "vectors.nf", "exact.nf", "tags.nf", "titles.nf", "titles.fst"] {
        assert!(read("mongo", file) == read("lmdb", file), "{file} differs");
    }
    let manifest = String::from_utf8(read("mongo", "manifest.json")).unwrap();
    assert!(manifest.contains("mongodb://127.0.0.1"), "the manifest says where the tracks are from");
}

#[test]
fn the_catalogue_is_found_by_the_variable_people_have() {
    let collection = TestCollection::new();
    collection.store().upsert(demo::catalogue(50, 1).collect(), 1).unwrap();
    let here = Workplace::new();
    here.file("one.csv", "id,energy\nx,0.5\n");
    let run = |arguments: &[&str]| {
        here.command(arguments).env("MONGO_URL", collection.uri()).output().unwrap().status.success()
    };
    assert!(run(&["import", "one.csv"]));
    assert_eq!(collection.store().count().unwrap(), 51);
    // What was named on purpose wins.
    assert!(run(&["import", "one.csv", "--store", "lmdb:elsewhere"]));
    let help =
        here.command(&["build", "--help"]).env("MONGO_URL", "mongodb://me:secret@h/").output().unwrap();
    assert!(!String::from_utf8(help.stdout).unwrap().contains("secret"));
}

#[test]
fn wrong_addresses_are_refused_with_what_was_expected() {
    let here = Workplace::new();
    here.file("one.csv", "id,energy\nx,0.5\n");
    let fails = |store: &str, code, expected: &[&str]| {
        here.check_fails(
            &["import", "one.csv", "--store", store, "--mongo-patience-seconds", "1"],
            code,
            expected,
        );
    };
    fails("mongodb://", 1, &["MongoDB address is not usable", "percent-encoded"]);
    fails("mongo://h/db", 2, &["lmdb:PATH", "mongodb://HOST/DATABASE"]);
    fails("mongodb://me:secret@127.0.0.1:1/db", 1, &["127.0.0.1:1/db, collection tracks: connecting", "1 s"]);
    let run = here.run(&[
        "import",
        "one.csv",
        "--store",
        "mongodb://me:secret@127.0.0.1:1/db",
        "--mongo-patience-seconds",
        "1",
    ]);
    assert!(!run.stderr.contains("secret"), "{}", run.stderr);
    here.check_fails(&["build", "--store", "mongodb://h", "--mongo-map", "bpm"], 2, &["COLUMN=FIELD", "bpm"]);
    let twice = ["build", "--store", "mongodb://h", "--mongo-map", "a=tempo,b=tempo"];
    here.check_fails(&twice, 2, &["--mongo-map", "tempo is given twice"]);
}

/// Documents by id, for tests that look at them.
pub fn by_id(id: &str) -> Document {
    doc! { "_id": id }
}
