//! `POST /api/v1/explain`, and explanations in answers, over HTTP.

use serde_json::{Value, json};

use crate::server::Server;

const PATH: &str = "/api/v1/explain";

/// The query with a track to explain.
fn beside(query: &Value, track: &str) -> String {
    let mut body = query.clone();
    body["track"] = json!(track);
    body.to_string()
}

fn ids(answer: &Value) -> Vec<String> {
    let results = answer["results"].as_array().unwrap();
    results.iter().map(|result| result["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_change_of_weight_does_over_http_what_it_says() {
    let server = Server::start();
    let seed = server.ids().remove(0);
    let query = json!({"seeds": [seed], "k": 10, "engine": "exact", "collapse_duplicates": false});
    let mut deep = query.clone();
    deep["k"] = json!(40);
    let ranking = ids(&server.similar(&deep).ok());
    let mut n_changes = 0;
    for rank in [1, 4, 10, 11, 25, 40] {
        let track = &ranking[rank - 1];
        let answer = server.post(PATH, &beside(&query, track)).ok();
        assert_eq!((&answer["id"], &answer["rank"]), (&json!(track), &json!(rank)));
        assert_eq!((&answer["k"], &answer["in_top_k"]), (&json!(10), &json!(rank <= 10)));
        assert_eq!(answer["counterfactuals"].as_object().unwrap().len(), 9, "one for each weighted feature");
        let Some(smallest) = answer["smallest"].as_object() else {
            assert!(answer["summary"].as_str().unwrap().contains("no change of one weight"), "{answer:#}");
            continue;
        };
        n_changes += 1;
        let effect = if rank <= 10 { "drops" } else { "enters" };
        assert_eq!(smallest["effect"], effect);
        let (feature, to) = (smallest["feature"].as_str().unwrap(), &smallest["to"]);
        let summary = answer["summary"].as_str().unwrap();
        assert!(
            summary.starts_with(&format!("Rank {rank} of 1499; ")) && summary.contains(feature),
            "{summary}"
        );
        assert!(
            summary.contains(&format!("to {} (rank {})", to.as_f64().unwrap(), smallest["rank"])),
            "{summary}"
        );
        // The numbers as they were printed, in a new request.
        let mut changed = query.clone();
        changed["weights"] = json!({feature: to});
        let now = ids(&server.similar(&changed).ok());
        assert_ne!(now.contains(track), rank <= 10, "{answer:#}");
        let again = server.post(PATH, &beside(&changed, track)).ok();
        assert_eq!(again["rank"], smallest["rank"]);
    }
    assert!(n_changes >= 4);
}

#[test]
fn what_cannot_be_explained_is_said() {
    let server = Server::start();
    let found = server.ids();
    let (seed, other) = (&found[0], &found[1]);
    let query = json!({"seeds": [seed]});
    let refused = |body: &str, status: u16, code: &str, field: &str| {
        server.post(PATH, body).refused(body, status, code, field);
    };
    refused(&beside(&query, "nobody"), 404, "unknown_track", "track");
    refused(&beside(&query, "a b"), 404, "unknown_track", "track");
    refused(&beside(&query, seed), 400, "track_is_seed", "track");
    refused(
        &beside(&json!({"seeds": [other], "negative_seeds": [seed]}), seed),
        400,
        "track_is_seed",
        "track",
    );
    refused(&query.to_string(), 400, "missing_field", "track");
    refused(&beside(&json!({"seeds": ["nobody"]}), other), 404, "unknown_track", "seeds[0]");
    refused(&beside(&json!({"seeds": [seed], "k": 0}), other), 400, "out_of_range", "k");
    refused(&beside(&json!({"seeds": [seed], "kk": 1}), other), 400, "unknown_field", "kk");
    refused("[]", 400, "malformed_json", "body");
    server.get(PATH).refused(PATH, 405, "method_not_allowed", "");
    // A filter keeps it out.
    let answer = server
        .post(PATH, &beside(&json!({"seeds": [seed], "filters": {"exclude_ids": [other]}}), other))
        .ok();
    for field in ["rank", "counterfactuals", "smallest"] {
        assert_eq!(answer[field], Value::Null, "{answer:#}");
    }
    assert_eq!(answer["in_top_k"], false);
    assert!(answer["summary"].as_str().unwrap().starts_with("A filter keeps it out"), "{answer:#}");
    assert!(answer["explanation"]["contributions"].is_object());
}

#[test]
fn what_was_explained_is_kept() {
    let server = Server::start();
    let found = server.ids();
    let query = json!({"seeds": [found[0]], "weights": {"energy": 2}});
    let first = server.post(PATH, &beside(&query, &found[1]));
    assert_eq!(first.header("cache-status"), "nearfield-local; fwd=miss");
    // Engine, collapsing and diversity do not matter to the plain ranking.
    let spelled = json!({"seeds": [format!("spotify:track:{}", found[0])], "weights": {"energy": 2.0},
        "engine": "exact", "collapse_duplicates": false, "diversity": 0.5, "max_per_artist": 1});
    let again = server.post(PATH, &beside(&spelled, &found[1]));
    assert_eq!(again.header("cache-status"), "nearfield-local; hit");
    assert_eq!((first.ok(), &first.text), (again.ok(), &again.text));
    for other in [
        beside(&query, &found[2]),
        beside(&json!({"seeds": [found[0]], "weights": {"energy": 2}, "k": 11}), &found[1]),
        // The same in proportion, and yet other weights are shown.
        beside(&json!({"seeds": [found[0]], "base_weights": "zero", "weights": {"energy": 2}}), &found[1]),
        beside(
            &json!({"seeds": [found[0]], "base_weights": "zero", "weights": {"energy": 4}, "anchor": 1}),
            &found[1],
        ),
    ] {
        assert_eq!(server.post(PATH, &other).header("cache-status"), "nearfield-local; fwd=miss", "{other}");
    }
    let metrics = server.get("/metrics").text;
    let line = "nearfield_cache_lookups_total{kind=\"counterfactual\",tier=\"local\",result=\"hit\"} 1";
    assert!(metrics.contains(line), "{metrics}");
}

#[test]
fn explanations_speak_in_the_units_people_use() {
    let server = Server::start();
    let found = server.ids();
    let body = json!({"seeds": [found[0]], "explain": true, "base_weights": "playlist"});
    let answer = server.similar(&body).ok();
    let mut n_percentiles = 0;
    for result in answer["results"].as_array().unwrap() {
        let explanation = &result["explanation"];
        let differences = explanation["differences"].as_object().unwrap();
        assert_eq!(differences.len(), 15);
        let check = |feature: &str, ending: &str| {
            let text = differences[feature]["track_text"].as_str();
            assert!(text.is_none_or(|text| text.ends_with(ending)), "{feature}: {text:?}");
        };
        check("tempo", " BPM");
        check("loudness", " dB");
        check("energy", " %");
        check("time_signature", "/4");
        for (feature, difference) in differences {
            for side in ["query_percentile", "track_percentile"] {
                if let Some(percentile) = difference[side].as_f64() {
                    assert!((0.0..=100.0).contains(&percentile), "{feature} {difference}");
                    n_percentiles += 1;
                }
            }
            assert!(feature != "key" || difference["track_percentile"].is_null(), "keys have no order");
            let both = difference["query"].is_number() && difference["track"].is_number();
            assert_eq!((difference["difference"].is_number(), difference["text"].is_string()), (both, both));
        }
        let milliseconds = result["track"]["duration_ms"].as_i64().unwrap();
        let seconds = (milliseconds + 500) / 1000;
        let duration = format!("{}:{:02}", seconds / 60, seconds % 60);
        assert_eq!(differences["duration_ms"]["track_text"], duration);
        assert_eq!(explanation["other_source"], json!({}), "all was imported");
        assert!(explanation["summary"].as_str().unwrap().ends_with('.'));
    }
    assert!(n_percentiles > 200);
}
