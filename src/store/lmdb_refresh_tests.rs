//! Tests of what refreshing leaves in an LMDB catalogue.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::store::{CatalogueStore, LmdbOptions, LmdbStore, Provenance, RefreshStore, TrackReader};

fn id(text: &str) -> TrackId {
    TrackId::parse(text).unwrap()
}

fn track(text: &str, energy: f64) -> Track {
    let mut track = Track::new(id(text));
    track.genres = vec!["pop".into()];
    track.values.insert("energy".into(), energy);
    track
}

fn refreshed(text: &str, energy: f64) -> Refreshed {
    let from = Provenance { provider: "reccobeats".into(), fetched_at_ms: 9 };
    let mut track = Track::new(id(text));
    track.values.insert("energy".into(), energy);
    track.album_image = Some("https://i.example/1".into());
    let provenance = BTreeMap::from([("energy".to_owned(), from.clone()), ("album_image".to_owned(), from)]);
    let refresh = Refresh {
        n_refreshes: 1,
        refreshed_at_ms: Some(9),
        changed_at_ms: Some(9),
        provenance,
        ..Refresh::default()
    };
    Refreshed { track, refresh }
}

fn open(dir: &Path) -> LmdbStore {
    LmdbStore::open(dir, &LmdbOptions::default()).unwrap()
}

fn all(store: &LmdbStore) -> Vec<(String, f64, u64)> {
    let mut seen = Vec::new();
    store
        .scan_refreshes(&mut |track, refresh| {
            seen.push((track.id.to_string(), track.values["energy"], refresh.n_refreshes));
            ControlFlow::Continue(())
        })
        .unwrap();
    seen
}

#[test]
fn a_track_and_its_refresh_are_written_together() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = open(dir.path());
        store.upsert(["a", "b", "c"].map(|id| track(id, 0.5)).to_vec(), 1).unwrap();
        assert_eq!(all(&store), [("a".into(), 0.5, 0), ("b".into(), 0.5, 0), ("c".into(), 0.5, 0)]);
        assert_eq!(store.get_refresh(&id("b")).unwrap().unwrap().1, Refresh::default());
        assert_eq!(store.get_refresh(&id("x")).unwrap(), None);
        // One that was removed meanwhile is left out.
        assert_eq!(store.record_refreshes(vec![refreshed("b", 0.75), refreshed("x", 1.0)]).unwrap(), 1);
    }
    let store = open(dir.path());
    assert_eq!(all(&store), [("a".into(), 0.5, 0), ("b".into(), 0.75, 1), ("c".into(), 0.5, 0)]);
    let (known, refresh) = store.get_refresh(&id("b")).unwrap().unwrap();
    assert_eq!(known.genres, ["pop"], "what a refresh does not know stays");
    assert_eq!(known.album_image.as_deref(), Some("https://i.example/1"));
    assert_eq!(refresh, refreshed("b", 0.75).refresh);
    assert_eq!(store.get(&id("x")).unwrap(), None);
}

#[test]
fn an_import_takes_over_what_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.upsert(vec![track("a", 0.5)], 1).unwrap();
    store.record_refreshes(vec![refreshed("a", 0.75)]).unwrap();
    store.upsert(vec![track("a", 0.75)], 2).unwrap();
    assert_eq!(store.get_refresh(&id("a")).unwrap().unwrap().1, refreshed("a", 0.75).refresh);
    store.upsert(vec![track("a", 0.25)], 3).unwrap();
    let (known, refresh) = store.get_refresh(&id("a")).unwrap().unwrap();
    assert_eq!(known.values["energy"], 0.25);
    assert_eq!(refresh.provenance.keys().collect::<Vec<_>>(), ["album_image"]);
    assert_eq!(refresh.n_refreshes, 1);
}

#[test]
fn the_workers_state_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert_eq!(store.worker_state().unwrap(), None);
    store.set_worker_state("{\"a\":1}").unwrap();
    drop(store);
    assert_eq!(open(dir.path()).worker_state().unwrap().as_deref(), Some("{\"a\":1}"));
}

#[test]
fn a_damaged_refresh_counts_as_none_and_a_later_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.upsert(vec![track("a", 0.5)], 1).unwrap();
    store.record_refreshes(vec![refreshed("a", 0.75)]).unwrap();
    let put = |bytes: &[u8]| {
        let mut wtxn = store.shared.env.write_txn().unwrap();
        store.shared.refreshes().unwrap().unwrap().put(&mut wtxn, b"a", bytes).unwrap();
        wtxn.commit().unwrap();
    };
    put(&[1, 2, 3]);
    assert_eq!(all(&store), [("a".into(), 0.75, 0)]);
    put(&[9]);
    assert!(matches!(store.get_refresh(&id("a")), Err(StoreError::Refresh { .. })));
}
