//! Tests of thumbs in an LMDB catalogue.

use std::path::Path;

use super::*;
use crate::store::backup::{Backup, BackupError, backup};
use crate::store::feedback::{MAX_ALL_THUMBS, MAX_THUMBS};
use crate::store::{CatalogueStore, LmdbOptions, TrackReader};
use crate::track::Track;

fn open(dir: &Path) -> LmdbStore {
    LmdbStore::open(dir, &LmdbOptions::default()).unwrap()
}

fn user(text: &str) -> UserKey {
    UserKey::parse(text).unwrap()
}

fn ids(texts: &[&str]) -> Vec<TrackId> {
    texts.iter().map(|text| TrackId::parse(text).unwrap()).collect()
}

fn change(liked: &[&str], disliked: &[&str], cleared: &[&str]) -> ThumbChange {
    ThumbChange { liked: ids(liked), disliked: ids(disliked), cleared: ids(cleared) }
}

fn thumbs(liked: &[&str], disliked: &[&str]) -> Thumbs {
    Thumbs { liked: ids(liked), disliked: ids(disliked) }
}

#[test]
fn thumbs_survive_closing_and_belong_to_one_user() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert_eq!(store.thumbs(&user("u")).unwrap(), Thumbs::default());
    assert_eq!(store.forget_user(&user("u")).unwrap(), 0);
    let given = store.change_thumbs(&user("u"), &change(&["b", "a"], &["é"], &[]), MAX_ALL_THUMBS).unwrap();
    assert_eq!(given, thumbs(&["a", "b"], &["é"]));
    store.change_thumbs(&user("u2"), &change(&["z"], &[], &[]), MAX_ALL_THUMBS).unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.thumbs(&user("u")).unwrap(), given);
    assert_eq!(store.thumbs(&user("u2")).unwrap(), thumbs(&["z"], &[]));
    let changed =
        store.change_thumbs(&user("u"), &change(&["c"], &["a"], &["b", "never"]), MAX_ALL_THUMBS).unwrap();
    assert_eq!(changed, thumbs(&["c"], &["a", "é"]));
    assert_eq!(
        store.change_thumbs(&user("u"), &change(&["c"], &["a"], &["b"]), MAX_ALL_THUMBS).unwrap(),
        changed,
        "twice is once"
    );
    assert_eq!(store.forget_user(&user("u")).unwrap(), 3);
    assert_eq!(store.thumbs(&user("u")).unwrap(), Thumbs::default());
    assert_eq!(store.thumbs(&user("u2")).unwrap(), thumbs(&["z"], &[]));
}

#[test]
fn too_many_thumbs_leave_what_there_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let many: Vec<TrackId> = (0..MAX_THUMBS).map(|n| TrackId::parse(&format!("t{n}")).unwrap()).collect();
    let full = ThumbChange { liked: many, ..ThumbChange::default() };
    assert_eq!(store.change_thumbs(&user("u"), &full, MAX_ALL_THUMBS).unwrap().len(), MAX_THUMBS);
    let error = store.change_thumbs(&user("u"), &change(&[], &["x", "t0"], &[]), MAX_ALL_THUMBS).unwrap_err();
    assert!(matches!(error, StoreError::TooManyThumbs { got } if got == MAX_THUMBS + 1), "{error}");
    assert_eq!(store.thumbs(&user("u")).unwrap().disliked, []);
    let swapped = store.change_thumbs(&user("u"), &change(&[], &["x"], &["t0"]), MAX_ALL_THUMBS).unwrap();
    assert_eq!((swapped.liked.len(), swapped.disliked.len()), (MAX_THUMBS - 1, 1));
}

#[test]
fn all_thumbs_together_have_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.change_thumbs(&user("u"), &change(&["a", "b"], &[], &[]), 3).unwrap();
    let error = store.change_thumbs(&user("v"), &change(&["a"], &["b"], &[]), 3).unwrap_err();
    assert!(matches!(error, StoreError::FeedbackFull { max_all: 3 }), "{error}");
    assert_eq!(store.thumbs(&user("v")).unwrap(), Thumbs::default());
    store.change_thumbs(&user("v"), &change(&["a"], &[], &[]), 3).unwrap();
    // What adds none is taken, also where a lower limit came later.
    let turned = store.change_thumbs(&user("u"), &change(&[], &["a"], &["b"]), 1).unwrap();
    assert_eq!(turned, thumbs(&[], &["a"]));
    store.change_thumbs(&user("v"), &change(&["c"], &[], &[]), 3).unwrap();
}

#[test]
fn a_user_with_a_damaged_thumb_can_be_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for name in ["u", "u2"] {
        store.change_thumbs(&user(name), &change(&["a", "b"], &[], &[]), MAX_ALL_THUMBS).unwrap();
    }
    let feedback = store.shared.feedback().unwrap().unwrap();
    let mut wtxn = store.env().write_txn().unwrap();
    feedback.put(&mut wtxn, &key(&user("u"), &ids(&["a"])[0]), b"?").unwrap();
    feedback.put(&mut wtxn, b"u\0\xff", LIKED).unwrap();
    wtxn.commit().unwrap();
    assert!(matches!(store.thumbs(&user("u")), Err(StoreError::Thumb)));
    assert_eq!(store.forget_user(&user("u")).unwrap(), 3);
    assert_eq!(store.thumbs(&user("u")).unwrap(), Thumbs::default());
    assert_eq!(store.thumbs(&user("u2")).unwrap().len(), 2);
}

#[test]
fn the_longest_keys_fit() {
    let dir = tempfile::tempdir().unwrap();
    let (user, id) = (user(&"u".repeat(128)), "t".repeat(128));
    let given = open(dir.path()).change_thumbs(&user, &change(&[&id], &[], &[]), MAX_ALL_THUMBS).unwrap();
    assert_eq!(given, thumbs(&[&id], &[]));
}

#[test]
fn thumbs_are_in_backups_and_gone_with_what_a_restore_replaces() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    let store = open(&dir.path().join("one"));
    store.upsert(vec![Track::new(ids(&["a"]).remove(0))], 1).unwrap();
    store.change_thumbs(&user("u"), &change(&["a"], &["b"], &[]), MAX_ALL_THUMBS).unwrap();
    backup(&store, &file, false).unwrap();
    let other = open(&dir.path().join("two"));
    other.change_thumbs(&user("v"), &change(&["z"], &[], &[]), MAX_ALL_THUMBS).unwrap();
    let occupied = Backup::open(&file).unwrap().restore(&other, false).unwrap_err();
    assert!(matches!(occupied, BackupError::Occupied { n_tracks: 0, has_feedback: true }), "{occupied}");
    Backup::open(&file).unwrap().restore(&other, true).unwrap();
    assert_eq!(other.count().unwrap(), 1);
    assert_eq!(other.thumbs(&user("u")).unwrap(), thumbs(&["a"], &["b"]));
    assert_eq!(other.thumbs(&user("v")).unwrap(), Thumbs::default());
}
