//! The worker before a catalogue in MongoDB.

use mongodb::bson::doc;
use nearfield::track::Track;
use serde_json::json;

use crate::mongo::{TestCollection, by_id};
use crate::providers_stub::{FEATURES, Route, value};
use crate::servers::{Mongod, address, wait_for};
use crate::worker_bench::{Bench, id};
use crate::worker_kills::check_kills;

#[test]
fn values_go_where_a_document_has_them_and_say_whom_they_are_from() {
    let collection = TestCollection::new();
    let (flat, nested) = (id(0), id(1));
    collection.insert(&[
        doc! { "_id": &flat, "energy": 0.5, "plays": 3 },
        doc! { "_id": &nested, "audio_features": { "energy": 0.5 } },
        doc! { "_id": "of-another-world" },
    ]);
    let bench = Bench::at(collection.uri(), 0);
    let arguments = ["worker", "--once", "--json", "--providers", "reccobeats"];
    let summary = bench.refresh(bench.command(&arguments));
    assert_eq!((&summary["recorded"], &summary["outcome"]), (&json!(2), &json!("done")), "{summary:#}");
    let document = collection.document(by_id(&flat));
    assert_eq!(document.get_f64("energy").unwrap(), value(Route::ReccoBeats, &flat, "energy"));
    assert_eq!(document.get_i32("plays").unwrap(), 3);
    let document = collection.document(by_id(&nested));
    let features = document.get_document("audio_features").unwrap();
    for name in FEATURES {
        assert_eq!(features.get_f64(name).unwrap(), value(Route::ReccoBeats, &nested, name), "{name}");
    }
    let shown = bench.command(&["show", &nested, "--json"]).output().unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["provenance"]["energy"]["provider"], "reccobeats", "{shown:#}");
    assert_eq!(shown["n_refreshes"], 1);
    // Nothing is left to do.
    let summary = bench.refresh(bench.command(&arguments));
    assert_eq!((&summary["selected"], &summary["recorded"]), (&json!(0), &json!(0)), "{summary:#}");
}

#[test]
fn kills_of_the_worker_lose_nothing_and_repeat_nothing() {
    let collection = TestCollection::new();
    check_kills(&Bench::at(collection.uri(), 1_000), 1_000, 8, |_| ());
}

#[test]
fn kills_of_the_server_and_the_worker_lose_nothing_and_repeat_nothing() {
    let mut server = Mongod::start();
    let bench = Bench::at(&server.uri(), 1_000);
    check_kills(&bench, 1_000, 8, |kill| {
        if kill % 2 == 0 {
            server.kill();
            server.restart();
        }
    });
}

#[test]
#[ignore = "needs a replica set"]
fn what_others_change_counts_towards_a_rebuild() {
    let collection = TestCollection::at(&address("MONGO_REPLICA_URL"));
    let bench = Bench::at(collection.uri(), 0);
    bench.import(nearfield::demo::catalogue(300, 1).collect::<Vec<Track>>());
    // The stream of changes is asked by whole seconds.
    let second = || jiff::Timestamp::now().as_second();
    let imported = second();
    wait_for("the next second", || (second() > imported).then_some(()));
    assert!(bench.command(&["build", "--engines", "exact"]).output().unwrap().status.success());
    let arguments = ["worker", "--once", "--json", "--limit", "1", "--rebuild-after", "20"];
    let summary = bench.refresh(bench.command(&arguments));
    assert_eq!(summary["rebuild"]["generation"], json!(null), "{summary:#}");
    collection.with(async |raw| {
        let all = doc! { "$set": { "valence": 0.5 } };
        raw.update_many(doc! {}, all).await.unwrap();
    });
    let summary = bench.refresh(bench.command(&arguments));
    assert!(summary["rebuild"]["generation"].is_string(), "{summary:#}");
}
