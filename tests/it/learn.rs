//! Weights from examples, feedback of users, and what both do to queries.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::fixture;
use crate::server::{Server, nearfield};
use crate::support::Workplace;

/// Serves the shared snapshot, with feedback in the catalogue `store` of `directory`.
fn serve(directory: &Path, store: &str) -> Server {
    let mut command = nearfield(directory);
    command.args(["serve", "--bind", "127.0.0.1:0", "--store", store, "--indexes"]).arg(fixture::shared());
    Server::of(command)
}

/// Ids of the tracks most like a value of a feature.
fn like(server: &Server, feature: &str, value: f64, k: usize) -> Vec<String> {
    let body = json!({"targets": {feature: value}, "k": k, "engine": "exact"});
    let results = server.similar(&body).ok()["results"].as_array().unwrap().clone();
    results.iter().map(|result| result["id"].as_str().unwrap().to_owned()).collect()
}

fn results(answer: &Value) -> Vec<(&Value, &Value)> {
    answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| (&result["id"], &result["similarity"]))
        .collect()
}

#[test]
fn inferred_weights_say_what_the_examples_share_and_can_be_used_as_they_are() {
    let server = Server::start();
    let liked = like(&server, "tempo", 174.0, 12);
    let answer = server.post("/api/v1/weights/infer", &json!({"liked": liked}).to_string()).ok();
    let weights = answer["weights"].as_object().unwrap();
    assert_eq!(weights.len(), 15);
    let others = json!({"liked": like(&server, "valence", 0.5, 12)}).to_string();
    let others = server.post("/api/v1/weights/infer", &others).ok();
    let tempo = |answer: &Value| answer["weights"]["tempo"].as_f64().unwrap();
    assert!(tempo(&answer) > 5.0 * tempo(&others), "{answer:#} {others:#}");
    assert!(
        answer["confidence"]
            .as_object()
            .unwrap()
            .values()
            .all(|c| (0.0..=1.0).contains(&c.as_f64().unwrap()))
    );
    assert_eq!(
        (&answer["n_liked"], &answer["n_disliked"], &answer["anchor"]),
        (&json!(12), &json!(0), &json!(0.5))
    );
    let query = json!({"seeds": [liked[0]], "weights": weights, "anchor": answer["anchor"]});
    let found = server.similar(&query).ok();
    assert_eq!(found["generation"], answer["generation"]);
    let mut backwards = liked.clone();
    backwards.reverse();
    backwards.push(format!("spotify:track:{}", liked[0]));
    let again = server.post("/api/v1/weights/infer", &json!({"liked": backwards}).to_string()).ok();
    assert_eq!(again, answer, "neither order nor repetition matters");
}

#[test]
fn examples_that_make_no_sense_are_refused_by_their_place() {
    let server = Server::start();
    let ids = server.ids();
    let check = |body: Value, status: u16, code: &str, field: &str| {
        server.post("/api/v1/weights/infer", &body.to_string()).refused(
            &body.to_string(),
            status,
            code,
            field,
        );
    };
    check(json!({}), 400, "nothing_liked", "liked");
    check(json!({"liked": []}), 400, "nothing_liked", "liked");
    check(json!({"liked": [ids[0], "nobody"]}), 404, "unknown_track", "liked[1]");
    check(json!({"liked": [ids[0]], "disliked": [ids[1], ids[0]]}), 400, "liked_and_disliked", "disliked[1]");
    check(json!({"liked": vec!["a"; 10_001]}), 400, "too_many_entries", "liked");
    check(json!({"liked": [ids[0]], "base_weights": "loud"}), 400, "unknown_profile", "base_weights");
    check(json!({"liked": [ids[0]], "base_weights": "zero"}), 400, "all_weights_zero", "base_weights");
    check(json!({"liked": [ids[0]], "base": "dj"}), 400, "unknown_field", "base");
    check(json!({"liked": ids[0]}), 400, "wrong_type", "liked");
    server.get("/api/v1/weights/infer").refused("GET", 405, "method_not_allowed", "");
}

#[test]
fn feedback_outlives_a_killed_server_and_gives_a_users_queries_their_weights() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("data");
    let server = serve(directory.path(), "lmdb:data");
    let liked = like(&server, "energy", 0.9, 8);
    let disliked = like(&server, "energy", 0.1, 3);
    let seed = server.ids().remove(5);
    let query = |user: Value| json!({"seeds": [seed], "user": user, "k": 20, "engine": "exact"});
    let plain = server.similar(&query(Value::Null)).ok();

    let stranger = server.similar(&query(json!("alice"))).ok();
    assert_eq!(results(&stranger), results(&plain));
    assert_eq!(stranger["warnings"].as_array().unwrap().len(), 1, "{stranger:#}");
    assert_eq!(server.delete("/api/v1/feedback/alice").ok(), json!({"user": "alice", "n_forgotten": 0}));
    assert!(!store.exists(), "neither starting nor asking makes a catalogue");

    let give = |body: Value| server.post("/api/v1/feedback", &body.to_string());
    let given = give(json!({"user": "alice", "liked": liked, "disliked": disliked})).ok();
    assert_eq!(given, json!({"user": "alice", "n_liked": 8, "n_disliked": 3}));
    give(json!({"user": "bob", "liked": [disliked[0]]})).ok();
    // Killed, not asked to stop.
    drop(server);

    let server = serve(directory.path(), "lmdb:data");
    let taste = server.get("/api/v1/feedback/alice").ok();
    let mut sorted = liked.clone();
    sorted.sort();
    assert_eq!(taste["liked"], json!(sorted));
    assert_eq!(taste["disliked"].as_array().unwrap().len(), 3);
    let infer = json!({"liked": liked, "disliked": disliked}).to_string();
    let inferred = server.post("/api/v1/weights/infer", &infer).ok();
    assert_eq!(taste["learned"]["weights"], inferred["weights"]);

    let theirs = server.similar(&query(json!("alice"))).ok();
    let pasted = json!({"seeds": [seed], "weights": inferred["weights"], "k": 20, "engine": "exact"});
    assert_eq!(results(&theirs), results(&server.similar(&pasted).ok()));
    assert_ne!(results(&theirs), results(&plain));
    // `weights` override what was learned.
    let mut weights = inferred["weights"].clone();
    weights["tempo"] = json!(3);
    let overridden =
        json!({"seeds": [seed], "user": "alice", "weights": {"tempo": 3}, "k": 20, "engine": "exact"});
    let pasted = json!({"seeds": [seed], "weights": weights, "k": 20, "engine": "exact"});
    assert_eq!(results(&server.similar(&overridden).ok()), results(&server.similar(&pasted).ok()));
    let got = server.get(&format!("/api/v1/similar/{seed}?user=alice&k=20&engine=exact")).ok();
    assert_eq!(results(&got), results(&theirs));
    let batch = json!({"defaults": {"user": "alice", "engine": "exact", "k": 20}, "requests": [{"seeds": [seed]}, {"seeds": [seed], "user": null}]});
    let batch = server.post("/api/v1/similar/batch", &batch.to_string()).ok();
    assert_eq!(results(&batch["results"][0]["answer"]), results(&theirs), "{batch:#}");
    assert_eq!(results(&batch["results"][1]["answer"]), results(&plain));

    // What is given or taken back counts at once, whatever was learned before.
    let change = json!({"user": "alice", "disliked": [liked[0]], "cleared": [liked[1], "gone"]}).to_string();
    let changed = server.post("/api/v1/feedback", &change).ok();
    assert_eq!(changed, json!({"user": "alice", "n_liked": 6, "n_disliked": 4}));
    assert_ne!(results(&server.similar(&query(json!("alice"))).ok()), results(&theirs));
    assert_eq!(server.delete("/api/v1/feedback/alice").ok(), json!({"user": "alice", "n_forgotten": 10}));
    assert_eq!(results(&server.similar(&query(json!("alice"))).ok()), results(&plain));
    let forgotten = server.get("/api/v1/feedback/alice").ok();
    assert_eq!((&forgotten["liked"], &forgotten["learned"]), (&json!([]), &Value::Null));
    assert_eq!(server.get("/api/v1/feedback/bob").ok()["liked"], json!([disliked[0]]));
}

#[test]
fn feedback_that_makes_no_sense_is_refused_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path(), "lmdb:data");
    let ids = server.ids();
    let check = |body: Value, status: u16, code: &str, field: &str| {
        server.post("/api/v1/feedback", &body.to_string()).refused(&body.to_string(), status, code, field);
    };
    for user in ["", "a b", "a/b", ".", "é", &"x".repeat(129)] {
        check(json!({"user": user, "liked": [ids[0]]}), 400, "invalid_user", "user");
    }
    check(json!({"liked": [ids[0]]}), 400, "missing_field", "user");
    check(json!({"user": "u"}), 400, "empty_feedback", "liked");
    check(json!({"user": "u", "liked": [ids[0], "nobody"]}), 404, "unknown_track", "liked[1]");
    check(json!({"user": "u", "disliked": ["nobody"]}), 404, "unknown_track", "disliked[0]");
    check(json!({"user": "u", "cleared": ["a b"]}), 404, "unknown_track", "cleared[0]");
    check(
        json!({"user": "u", "liked": [ids[0]], "disliked": [ids[0]]}),
        400,
        "contradicting_feedback",
        "disliked",
    );
    check(
        json!({"user": "u", "liked": [ids[0]], "cleared": [ids[0]]}),
        400,
        "contradicting_feedback",
        "cleared",
    );
    check(json!({"user": "u", "liked": [ids[0]], "thumbs": 1}), 400, "unknown_field", "thumbs");
    server.get("/api/v1/feedback/a%20b").refused("GET", 400, "invalid_user", "user");
    server.get("/api/v1/feedback/u?x=1").refused("GET", 400, "unknown_parameter", "x");
    server.post("/api/v1/feedback/u", "{}").refused("POST", 405, "method_not_allowed", "");
    let both = json!({"seeds": [ids[0]], "user": "u", "base_weights": "dj"});
    server.similar(&both).refused("both", 400, "user_and_base_weights", "user");
    server.similar(&json!({"seeds": [ids[0]], "user": "a b"})).refused("user", 400, "invalid_user", "user");
    assert!(!directory.path().join("data").exists());
}

#[test]
fn feedback_has_an_end_and_pages_of_other_sites_give_none() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = nearfield(directory.path());
    command
        .args(["serve", "--bind", "127.0.0.1:0", "--max-feedback", "2", "--indexes"])
        .arg(fixture::shared());
    let server = Server::of(command);
    let ids = server.ids();
    let give = |user: &str, liked: &[String], cleared: &[String]| {
        let body = json!({"user": user, "liked": liked, "cleared": cleared}).to_string();
        server.post("/api/v1/feedback", &body)
    };
    give("u", &ids[..2], &[]).ok();
    for _ in 0..2 {
        // A second time too: that there is enough is no failure of the store.
        give("v", &ids[..1], &[]).refused("one more", 507, "feedback_full", "");
    }
    give("u", &ids[2..3], &ids[..1]).ok();
    let path = "/api/v1/feedback/u";
    let body = json!({"user": "u", "cleared": ids}).to_string();
    let foreign = ("Origin", "https://other.example");
    let posted = server.post_with("/api/v1/feedback", &body, foreign.0, foreign.1);
    posted.refused("POST", 403, "foreign_origin", "");
    server.delete_with(path, foreign.0, foreign.1).refused("DELETE", 403, "foreign_origin", "");
    assert_eq!(server.get(path).ok()["liked"].as_array().unwrap().len(), 2);
    server.post_with("/api/v1/feedback", &body, "Origin", &server.url).ok();
    assert_eq!(server.delete_with(path, "Origin", &server.url).ok()["n_forgotten"], 0);
}

#[test]
fn without_a_usable_store_only_feedback_is_unavailable() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("data")).unwrap();
    fs::write(directory.path().join("data/data.mdb"), "something else").unwrap();
    let server = serve(directory.path(), "lmdb:data");
    let id = server.ids().remove(0);
    for _ in 0..2 {
        let body = json!({"user": "u", "liked": [id]}).to_string();
        server.post("/api/v1/feedback", &body).refused("POST", 503, "feedback_unavailable", "");
        server.get("/api/v1/feedback/u").refused("GET", 503, "feedback_unavailable", "");
        let query = json!({"seeds": [id], "user": "u"});
        server.similar(&query).refused("query", 503, "feedback_unavailable", "user");
    }
    let batch = json!({"requests": [{"seeds": [id], "user": "u"}, {"seeds": [id]}]}).to_string();
    let batch = server.post("/api/v1/similar/batch", &batch).ok();
    assert_eq!(batch["results"][0]["problem"]["code"], "feedback_unavailable", "{batch:#}");
    assert_eq!(batch["results"][0]["problem"]["field"], "requests[0].user");
    assert_eq!(batch["results"][1]["answer"]["results"].as_array().unwrap().len(), 10);
    server.similar(&json!({"seeds": [id]})).ok();
    server.post("/api/v1/weights/infer", &json!({"liked": [id]}).to_string()).ok();
}

#[test]
fn playlists_are_continued_by_what_their_tracks_share() {
    let workplace = Workplace::new();
    let server = Server::start();
    // Six playlists of tracks with nearly one tempo.
    let mut rows = "source,playlist_id,playlist_name,track_id\n".to_owned();
    for (n, tempo) in [80.0, 95.0, 110.0, 125.0, 140.0, 170.0].into_iter().enumerate() {
        for id in like(&server, "tempo", tempo, 30) {
            rows += &format!("planted,{n},tempo {tempo},{id}\n");
        }
        rows += &format!("planted,{n},tempo {tempo},of another catalogue\nother,{n},,nobody\n");
    }
    workplace.file("playlists.csv", rows);
    let indexes = fixture::shared().to_str().unwrap();
    let run = ["eval", "--indexes", indexes, "--playlists", "playlists.csv", "--playlist-source", "planted"];
    let args = [&run[..], &["--seed", "42", "--splits", "3", "--json"]].concat();
    let report = workplace.json(&args);
    assert_eq!((&report["n_playlists"], &report["n_measured"]), (&json!(6), &json!(6)));
    assert!(report["spreads"]["tempo"].as_f64().unwrap() < 0.1, "{report:#}");
    let tables = report["tables"].as_array().unwrap();
    let kinds: Vec<_> = tables.iter().map(|table| (&table["candidates"], &table["same_artist"])).collect();
    assert_eq!(format!("{kinds:?}").matches("String").count(), 8);
    for table in tables {
        let score = |method: &str| {
            let rows = table["methods"].as_array().unwrap();
            let row = rows.iter().find(|row| row["method"] == method).unwrap();
            assert_eq!(row["n_queries"], 9);
            row["r_precision"].as_f64().unwrap()
        };
        assert!(score("learned") > score("default") && score("learned") > score("prior"), "{table:#}");
        assert!(score("default") > score("random"), "{table:#}");
        assert!(score("learned, own prior") > 1.1 * score("learned"), "{table:#}");
    }
    assert_eq!(workplace.json(&args), report, "the same every time");
    let live = fixture::copy();
    let directory = nearfield::artifact::SnapshotDir::new(live.path(), "main").unwrap();
    let removed = &like(&server, "tempo", 80.0, 1)[0];
    directory.note_removed(&[nearfield::track::TrackId::parse(removed).unwrap()]).unwrap();
    let mut of_live = args.clone();
    of_live[2] = live.path().to_str().unwrap();
    let n = |report: &Value| report["tables"][0]["n_candidates"].as_u64().unwrap();
    assert_eq!(n(&workplace.json(&of_live)), n(&report) - 1, "a removed track is not measured");
    workplace.file("wrong.csv", "playlist,track\na,b\n");
    let wrong = ["eval", "--indexes", indexes, "--playlists", "wrong.csv"];
    workplace.check_fails(&wrong, 1, &["wrong.csv", "playlist_id"]);
    let absent = ["eval", "--indexes", indexes, "--playlists", "playlists.csv", "--playlist-source", "other"];
    workplace.check_fails(&absent, 1, &["fewer than two"]);
    workplace.check_fails(&["eval", "--playlists", "wrong.csv", "--k", "5"], 2, &["--k"]);
}
