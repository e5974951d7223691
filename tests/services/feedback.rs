//! Thumbs of users in MongoDB.

use mongodb::bson::doc;
use nearfield::progress::CancelToken;
use nearfield::store::{
    FeedbackStore, MAX_ALL_THUMBS, MAX_THUMBS, MongoFeedback, MongoOptions, StoreError, ThumbChange, Thumbs,
    UserKey,
};
use nearfield::track::TrackId;
use serde_json::json;

use crate::fixture;
use crate::mongo::TestCollection;
use crate::server::{Server, nearfield};

fn open(collection: &TestCollection) -> MongoFeedback {
    MongoFeedback::open_until(collection.uri(), &MongoOptions::default(), &CancelToken::new()).unwrap()
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
fn thumbs_are_kept_by_user_in_a_collection_of_their_own() {
    let collection = TestCollection::new();
    let store = open(&collection);
    assert_eq!(store.thumbs(&user("u")).unwrap(), Thumbs::default());
    assert_eq!(store.forget_user(&user("u")).unwrap(), 0);
    // An id may look like a path of MongoDB.
    let given =
        store.change_thumbs(&user("u"), &change(&["b", "a"], &["$liked"], &[]), MAX_ALL_THUMBS).unwrap();
    assert_eq!(given, thumbs(&["a", "b"], &["$liked"]));
    store.change_thumbs(&user("U"), &change(&["z"], &[], &[]), MAX_ALL_THUMBS).unwrap();
    let changed =
        store.change_thumbs(&user("u"), &change(&["c"], &["a"], &["b", "never"]), MAX_ALL_THUMBS).unwrap();
    assert_eq!(changed, thumbs(&["c"], &["$liked", "a"]));
    assert_eq!(
        store.change_thumbs(&user("u"), &change(&["c"], &["a"], &["b"]), MAX_ALL_THUMBS).unwrap(),
        changed,
        "twice is once"
    );
    assert_eq!(open(&collection).thumbs(&user("u")).unwrap(), changed);
    let n_tracks = collection.with(async |tracks| tracks.count_documents(doc! {}).await.unwrap());
    assert_eq!(n_tracks, 0, "nothing lies among the tracks");
    assert_eq!(store.forget_user(&user("u")).unwrap(), 3);
    assert_eq!(store.thumbs(&user("u")).unwrap(), Thumbs::default());
    assert_eq!(store.thumbs(&user("U")).unwrap(), thumbs(&["z"], &[]));
}

#[test]
fn too_many_thumbs_leave_what_there_was() {
    let collection = TestCollection::new();
    let store = open(&collection);
    let many: Vec<TrackId> = (0..MAX_THUMBS).map(|n| TrackId::parse(&format!("t{n}")).unwrap()).collect();
    let full = ThumbChange { liked: many, ..ThumbChange::default() };
    assert_eq!(store.change_thumbs(&user("u"), &full, MAX_ALL_THUMBS).unwrap().len(), MAX_THUMBS);
    let error = store.change_thumbs(&user("u"), &change(&[], &["x"], &[]), MAX_ALL_THUMBS).unwrap_err();
    assert!(matches!(error, StoreError::TooManyThumbs { got } if got == MAX_THUMBS + 1), "{error}");
    let swapped = store.change_thumbs(&user("u"), &change(&[], &["x"], &["t0"]), MAX_ALL_THUMBS).unwrap();
    assert_eq!((swapped.liked.len(), swapped.disliked.len()), (MAX_THUMBS - 1, 1));
}

#[test]
fn all_thumbs_together_have_an_end() {
    let collection = TestCollection::new();
    open(&collection).change_thumbs(&user("u"), &change(&["a"], &["b"], &[]), 3).unwrap();
    let store = open(&collection);
    let error = store.change_thumbs(&user("v"), &change(&["a"], &["b"], &[]), 3).unwrap_err();
    assert!(matches!(error, StoreError::FeedbackFull { max_all: 3 }), "{error}");
    store.change_thumbs(&user("v"), &change(&["a"], &[], &[]), 3).unwrap();
    let error = store.change_thumbs(&user("v"), &change(&["b"], &[], &[]), 3).unwrap_err();
    assert!(matches!(error, StoreError::FeedbackFull { .. }), "what was added is counted: {error}");
    store.change_thumbs(&user("u"), &change(&["b"], &[], &[]), 3).unwrap();
    store.forget_user(&user("u")).unwrap();
    store.change_thumbs(&user("v"), &change(&["b"], &[], &[]), 3).unwrap();
}

#[test]
fn a_user_with_a_damaged_thumb_can_be_forgotten() {
    let collection = TestCollection::new();
    let store = open(&collection);
    store.change_thumbs(&user("u"), &change(&["a"], &["b"], &[]), MAX_ALL_THUMBS).unwrap();
    collection.with(async |tracks| {
        let feedback = tracks.client().database(&tracks.namespace().db);
        let feedback = feedback.collection::<mongodb::bson::Document>(&format!("{}_feedback", tracks.name()));
        feedback.update_one(doc! { "_id": "u" }, doc! { "$push": { "liked": 7 } }).await.unwrap();
    });
    assert!(matches!(store.thumbs(&user("u")), Err(StoreError::Thumb)));
    assert_eq!(store.forget_user(&user("u")).unwrap(), 3);
    assert_eq!(store.thumbs(&user("u")).unwrap(), Thumbs::default());
}

#[test]
fn changes_at_the_same_moment_are_all_kept() {
    let collection = TestCollection::new();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let collection = &collection;
            scope.spawn(move || {
                let store = open(collection);
                for n in 0..10 {
                    store
                        .change_thumbs(
                            &user("u"),
                            &change(&[&format!("t{thread}-{n}")], &[], &[]),
                            MAX_ALL_THUMBS,
                        )
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(open(&collection).thumbs(&user("u")).unwrap().liked.len(), 40);
}

#[test]
fn a_server_keeps_feedback_in_mongodb() {
    let collection = TestCollection::new();
    let directory = tempfile::tempdir().unwrap();
    let serve = || {
        let mut command = nearfield(directory.path());
        command.env("NEARFIELD_STORE", collection.uri());
        command.args(["serve", "--bind", "127.0.0.1:0", "--indexes"]).arg(fixture::shared());
        Server::of(command)
    };
    let server = serve();
    let liked = server.ids();
    let given = server.post("/api/v1/feedback", &json!({"user": "u", "liked": liked}).to_string()).ok();
    assert_eq!(given, json!({"user": "u", "n_liked": 20, "n_disliked": 0}));
    drop(server);
    let server = serve();
    let weights = server.get("/api/v1/feedback/u").ok()["learned"]["weights"].clone();
    let query = |weights: serde_json::Value| server.similar(&weights).ok()["results"].clone();
    let theirs = query(json!({"seeds": [liked[0]], "user": "u", "engine": "exact"}));
    assert_eq!(theirs, query(json!({"seeds": [liked[0]], "weights": weights, "engine": "exact"})));
    assert_eq!(server.delete("/api/v1/feedback/u").ok()["n_forgotten"], 20);
}
