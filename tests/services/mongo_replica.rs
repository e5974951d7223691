//! What only a replica set can do: readings of one moment, batches as a whole. The server is emulated and slow, so these
//! run with the long tests: `scripts/services up --replica-set`, then `cargo test --test services -- --ignored`.

use std::ops::ControlFlow;

use mongodb::bson::doc;
use nearfield::demo;
use nearfield::store::{CatalogueStore, Refresh, RefreshStore, Refreshed, TrackReader};
use nearfield::track::Track;

use crate::mongo::{TestCollection, all};
use crate::servers::{address, wait_for};

#[test]
#[ignore = "needs a replica set"]
fn a_reading_is_of_one_moment() {
    let collection = TestCollection::at(&address("MONGO_REPLICA_URL"));
    let store = collection.store();
    store.upsert(demo::catalogue(12_000, 1).collect(), 1).unwrap();
    let expected = all(&store);
    let mut tracks: Vec<Track> = Vec::new();
    store
        .scan(&mut |track| {
            if tracks.is_empty() {
                // Behind all that was read so far, and ahead of it.
                collection.insert(&[doc! { "_id": "zzzz" }, doc! { "_id": "0" }]);
                let last = expected[11_999].id.as_str();
                collection.with(async |raw| raw.delete_one(doc! { "_id": last }).await.unwrap());
            }
            tracks.push(track);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(tracks == expected);
    assert_eq!(all(&store).len(), 12_001);
}

#[test]
#[ignore = "needs a replica set"]
fn a_refused_batch_leaves_nothing() {
    let collection = TestCollection::at(&address("MONGO_REPLICA_URL"));
    collection.insert(&[doc! { "_id": "first", "name": "x" }]);
    let store = collection.store();
    let tracks: Vec<Track> = demo::catalogue(2_000, 1).collect();
    // A rule that one of the last tracks breaks.
    let bad = tracks[1_900].id.as_str();
    let rule = doc! { "collMod": "tracks", "validator": { "_id": { "$ne": bad } } };
    collection.with(async |raw| {
        raw.client().database(raw.namespace().db.as_str()).run_command(rule).await.unwrap()
    });
    let error = store.upsert(tracks.clone(), 1).unwrap_err().to_string();
    assert!(error.contains("refused"), "{error}");
    assert_eq!(store.count().unwrap(), 1, "a part of the batch was written");
    store.upsert(tracks[..1_900].to_vec(), 1).unwrap();
    assert_eq!(store.count().unwrap(), 1_901);
}

#[test]
#[ignore = "needs a replica set"]
fn changes_are_counted_whoever_made_them() {
    let collection = TestCollection::at(&address("MONGO_REPLICA_URL"));
    let store = collection.store();
    let tracks: Vec<Track> = demo::catalogue(700, 1).collect();
    store.upsert(tracks.clone(), 1).unwrap();
    let now_ms = || jiff::Timestamp::now().as_millisecond();
    let since = now_ms();
    // The stream is asked by whole seconds.
    wait_for("the next second", || (now_ms() / 1_000 > since / 1_000).then_some(()));
    let since = now_ms();
    assert_eq!(store.changed_since(since, 1_000).unwrap(), Some(0));
    let refreshes = tracks[..50].iter().map(|track| Refreshed {
        track: Track::new(track.id.clone()),
        refresh: Refresh { n_refreshes: 1, ..Refresh::default() },
    });
    store.record_refreshes(refreshes.collect()).unwrap();
    assert_eq!(store.changed_since(since, 1_000).unwrap(), Some(0), "nothing of a track was changed");
    let id = |n: usize| doc! { "_id": tracks[n].id.as_str() };
    collection.with(async |raw| {
        for n in 0..3 {
            for plays in 0..2 {
                raw.update_one(id(n), doc! { "$set": { "energy": plays } }).await.unwrap();
            }
        }
        raw.delete_one(id(3)).await.unwrap();
        raw.insert_one(doc! { "_id": "new" }).await.unwrap();
    });
    assert_eq!(store.changed_since(since, 1_000).unwrap(), Some(5));
    assert_eq!(store.changed_since(since, 2).unwrap(), Some(2));
}

#[test]
#[ignore = "needs a replica set"]
fn a_batch_is_written_although_others_write_the_same_documents_or_read_elsewhere() {
    let server = address("MONGO_REPLICA_URL");
    let collection = TestCollection::at(&format!("{server}&readPreference=secondaryPreferred"));
    let store = collection.store();
    let tracks: Vec<Track> = demo::catalogue(600, 1).collect();
    store.upsert(tracks.clone(), 1).unwrap();
    let changed = tracks.iter().cloned().map(|mut track| {
        track.values.insert("energy".into(), 0.125);
        track
    });
    let changed: Vec<Track> = changed.collect();
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                let play = doc! { "$inc": { "plays": 1 } };
                collection.with(async |raw| raw.update_many(doc! {}, play).await.unwrap());
            }
        });
        for run in 2..3 {
            store.upsert(if run % 2 == 0 { changed.clone() } else { tracks.clone() }, run).unwrap();
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(all(&store).iter().all(|track| track.values["energy"] == 0.125));
}
