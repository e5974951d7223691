//! Documents as people have them.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Decimal128, Document, doc};
use nearfield::store::{CatalogueStore, MongoOptions, TrackReader};
use nearfield::track::Track;

use crate::mongo::{TestCollection, all, by_id, id};
use crate::support::Workplace;

fn decimal(text: &str) -> Bson {
    Bson::Decimal128(text.parse::<Decimal128>().unwrap())
}

#[test]
fn flat_and_nested_features_ids_and_numbers_of_all_kinds_are_read() {
    let check = |key: &str, documents: [Document; 2]| {
        let collection = TestCollection::new();
        collection.insert(&documents);
        let tracks = all(&collection.store());
        assert_eq!(tracks.iter().map(|track| track.id.as_str()).collect::<Vec<_>>(), ["a", "b"], "{key}");
        for track in &tracks {
            assert_eq!(track.values["energy"], 0.5, "{key}");
            assert_eq!(track.values["key"], 7.0, "{key}");
            assert_eq!(track.values["duration_ms"], 200_000.0, "{key}");
            assert_eq!(track.values["tempo"], 120.25, "{key}");
            assert_eq!(track.artists, ["X", "Y"], "{key}");
        }
        tracks
    };
    let flat = doc! { "energy": 0.5, "key": 7_i32, "duration_ms": 200_000_i64, "tempo": decimal("120.25"),
    "artists": ["X", "Y"], "popularity": Bson::Null };
    let nested = doc! {
        "audio_features": { "energy": decimal("0.5"), "key": 7.0, "duration_ms": 200_000_i32, "tempo": 120.25 },
        "artists": [{ "name": "X", "id": "x1" }, { "name": "Y", "id": "y1" }],
        "album": { "name": "Z", "release_date": "1999-12" },
    };
    let with = |document: &Document, key: &str, id: &str| {
        let mut document = document.clone();
        document.insert(key, id);
        document
    };
    for key in ["_id", "id", "track_id"] {
        // In another order than that of the ids.
        let tracks = check(key, [with(&nested, key, "b"), with(&flat, key, "a")]);
        assert_eq!((tracks[1].album.as_deref(), tracks[1].values["release_year"]), (Some("Z"), 1999.0));
        assert_eq!(tracks[1].artist_ids, ["x1", "y1"]);
    }
}

#[test]
fn other_fields_are_mapped() {
    let collection = TestCollection::new();
    collection.insert(&[
        doc! { "song": { "key": "a" }, "bpm": 100, "meta": { "loud": -3.5 }, "Energy": 0.25 },
        doc! { "song": { "key": "b" }, "bpm": 101 },
    ]);
    let mappings = ["song.key=id", "bpm=tempo", "meta.loud=loudness"];
    let mappings = mappings.map(|text| text.parse().unwrap()).to_vec();
    let store = collection.store_with(MongoOptions { mappings, ..MongoOptions::default() });
    let tracks = all(&store);
    assert_eq!(tracks.len(), 2);
    assert_eq!(tracks[0].id, id("a"));
    assert_eq!((tracks[0].values["tempo"], tracks[0].values["loudness"]), (100.0, -3.5));
    assert_eq!(tracks[0].values["energy"], 0.25, "a name in another spelling is still that name");
    // What is written stays where it was.
    let mut newer = Track::new(id("a"));
    newer.values.insert("tempo".into(), 90.0);
    newer.values.insert("loudness".into(), -4.0);
    let mut unknown = Track::new(id("c"));
    unknown.values.insert("tempo".into(), 91.0);
    store.upsert(vec![newer, unknown], 1).unwrap();
    let document = collection.document(doc! { "song.key": "a" });
    assert_eq!(document.get_i64("bpm").unwrap(), 90);
    assert_eq!(document.get_document("meta").unwrap().get_f64("loud").unwrap(), -4.0);
    assert!(!document.contains_key("tempo"));
    assert_eq!(store.get(&id("c")).unwrap().unwrap().values["tempo"], 91.0);
    assert_eq!(all(&store).len(), 3);
}

#[test]
fn a_write_keeps_a_documents_layout_and_what_is_not_ours() {
    let collection = TestCollection::new();
    let theirs = doc! { "_id": "a", "plays": 17, "audio_features": { "energy": 0.5, "theirs": "x" },
    "artists": [{ "name": "X", "id": "x1", "followers": 3 }] };
    collection.insert(&[theirs]);
    let store = collection.store();
    let mut newer = Track::new(id("a"));
    newer.values.insert("energy".into(), 0.75);
    newer.values.insert("valence".into(), 0.1);
    newer.album = Some("Z".into());
    store.upsert(vec![newer.clone()], 1).unwrap();
    let document = collection.document(by_id("a"));
    assert_eq!(document.get_i32("plays").unwrap(), 17);
    let features = document.get_document("audio_features").unwrap();
    assert_eq!(features.get_f64("energy").unwrap(), 0.75);
    assert_eq!(features.get_f64("valence").unwrap(), 0.1);
    assert_eq!(features.get_str("theirs").unwrap(), "x");
    assert_eq!(document.get_str("album").unwrap(), "Z");
    let artist = document.get_array("artists").unwrap()[0].as_document().unwrap();
    assert_eq!(artist.get_i32("followers").unwrap(), 3);
    // Others' objects are not written over: what changes in them is kept beside them, and counts.
    newer.artists = vec!["X".into(), "W".into()];
    store.upsert(vec![newer.clone()], 1).unwrap();
    let document = collection.document(by_id("a"));
    assert_eq!(
        document.get_array("artists").unwrap()[0].as_document().unwrap().get_i32("followers").unwrap(),
        3
    );
    assert_eq!(store.get(&id("a")).unwrap().unwrap().artists, ["X", "W"]);
    assert_eq!(all(&store)[0].artists, ["X", "W"]);
    // Writing the same again writes nothing.
    let counts = store.upsert(vec![newer], 2).unwrap();
    assert_eq!((counts.unchanged, counts.updated), (1, 0));
}

#[test]
fn an_index_is_made_for_keys_but_the_own_one() {
    let collection = TestCollection::new();
    collection.insert(&[doc! { "_id": ObjectId::new(), "track_id": "a", "energy": 0.5 }]);
    assert_eq!(all(&collection.store()).len(), 1);
    let names = collection.with(async |collection| collection.list_index_names().await.unwrap());
    assert!(names.iter().any(|name| name.starts_with("track_id")), "{names:?}");
}

#[test]
fn documents_with_one_id_are_one_track() {
    let collection = TestCollection::new();
    collection.insert(&[
        doc! { "_id": 1, "id": "a", "genre": "rock", "energy": 0.5 },
        doc! { "_id": 2, "id": "b", "genre": "pop" },
        doc! { "_id": 3, "id": "a", "genre": "jazz", "valence": 0.25 },
    ]);
    let tracks = all(&collection.store());
    assert_eq!(tracks.len(), 2);
    assert_eq!(tracks[0].genres, ["rock", "jazz"]);
    assert_eq!((tracks[0].values["energy"], tracks[0].values["valence"]), (0.5, 0.25));
    // What is written is what is read, in whichever of them it lies.
    let store = collection.store();
    assert_eq!(store.get(&id("a")).unwrap().as_ref(), Some(&tracks[0]));
    let mut newer = Track::new(id("a"));
    newer.values.insert("energy".into(), 0.75);
    newer.values.insert("valence".into(), 0.125);
    assert_eq!(store.upsert(vec![newer.clone()], 1).unwrap().updated, 1);
    let read = &all(&store)[0];
    assert_eq!((read.values["energy"], read.values["valence"]), (0.75, 0.125));
    assert_eq!(store.upsert(vec![newer], 2).unwrap().unchanged, 1);
    assert_eq!(store.count().unwrap(), 3);
}

#[test]
fn ids_that_are_not_stored_as_they_are_fail_a_build_instead_of_being_lost() {
    let collection = TestCollection::new();
    collection.insert(&[doc! { "uri": "spotify:track:4qPNDBW1i3p13qLCt0Ki3A", "energy": 0.5 }]);
    let here = Workplace::new();
    let build = ["build", "--engines", "exact", "--store", collection.uri()];
    here.check_fails(&build, 1, &["no field holds a track id", "--mongo-map"]);
    let mapped = [&build[..], &["--mongo-map", "uri=id"]].concat();
    here.check_fails(&mapped, 1, &["stored as it is", "4qPNDBW1i3p13qLCt0Ki3A"]);
}

#[test]
fn the_key_stays_what_it_was_found_to_be() {
    let collection = TestCollection::new();
    collection.insert(&[doc! { "_id": "song-1", "track_id": "4qPNDBW1i3p13qLCt0Ki3A", "energy": 0.5 }]);
    assert_eq!(all(&collection.store())[0].id, id("4qPNDBW1i3p13qLCt0Ki3A"));
    // Alone it would be told by its `_id`.
    collection.with(async |raw| {
        raw.delete_one(by_id("song-1")).await.unwrap();
        raw.insert_one(doc! { "_id": "song-2", "track_id": "local-2" }).await.unwrap();
    });
    assert_eq!(all(&collection.store())[0].id, id("local-2"));
    let other = TestCollection::new();
    other.insert(&[doc! { "_id": "song-1", "track_id": "local-1" }]);
    let here = Workplace::new();
    here.check_fails(&["build", "--store", other.uri()], 1, &["_id and track_id", "--mongo-map FIELD=id"]);
}

#[test]
fn fields_that_nobody_asks_for_are_no_burden() {
    let collection = TestCollection::new();
    let plays: Document = (0..6_000).map(|user| (format!("user{user}"), Bson::from(1))).collect();
    collection.insert(&[doc! { "_id": "a", "plays_by_user": plays, "energy": 0.5 }]);
    let store = collection.store();
    let mut newer = Track::new(id("a"));
    newer.values.insert("energy".into(), 0.75);
    assert_eq!(store.upsert(vec![newer], 1).unwrap().updated, 1);
    let document = collection.document(by_id("a"));
    assert_eq!(document.get_document("plays_by_user").unwrap().len(), 6_000);
    assert_eq!(all(&store)[0].values["energy"], 0.75);
}

#[test]
fn documents_that_are_no_tracks_fail_a_build_instead_of_being_left_out() {
    let collection = TestCollection::new();
    let mut documents: Vec<Document> =
        (0..150).map(|n| doc! { "_id": format!("t{n:03}"), "energy": f64::from(n) / 150.0 }).collect();
    collection.insert(&documents);
    let here = Workplace::new();
    let build = ["build", "--store", collection.uri(), "--engines", "exact"];
    here.check_fails(&["build", "--store", "lmdb:none"], 1, &["none"]);
    let run = here.run(&build);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    // Behind those that are looked at to find the key.
    documents.clear();
    documents.push(doc! { "_id": 17, "energy": 0.5 });
    collection.insert(&documents);
    here.check_fails(&build, 1, &["150 of 151 documents were read", "\"_id\"", "$type"]);
    collection.with(async |collection| collection.delete_one(doc! { "_id": 17 }).await.unwrap());
    collection.insert(&[doc! { "_id": "white space", "energy": 0.5 }]);
    here.check_fails(&build, 1, &["\"white space\"", "white space and control characters"]);
    let empty = TestCollection::new();
    here.check_fails(&["build", "--store", empty.uri()], 1, &["mongodb://127.0.0.1", "import"]);
}

#[test]
fn ids_are_compared_bytewise_whatever_the_collation() {
    let collection = TestCollection::new();
    collection.with(async |raw| {
        let database = raw.client().database(raw.namespace().db.as_str());
        let blind = doc! { "create": "tracks", "collation": { "locale": "en", "strength": 1 } };
        database.run_command(blind).await.unwrap();
    });
    let store = collection.store();
    let tracks: Vec<Track> = ["B", "b", "a", "A"].into_iter().map(|name| Track::new(id(name))).collect();
    // In a collection of that kind `_id` cannot differ by case alone, so nothing may be taken for something else.
    assert_eq!(store.upsert(tracks[..1].to_vec(), 1).unwrap().inserted, 1);
    assert_eq!(store.get(&id("b")).unwrap(), None);
    assert_eq!(store.remove(&[id("b")]).unwrap(), 0);
    let error = store.upsert(tracks[1..2].to_vec(), 1).unwrap_err().to_string();
    assert!(error.contains("refused") && error.contains("E11000"), "{error}");
    assert_eq!(all(&store).len(), 1);
}
