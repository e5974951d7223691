//! The API from the outside: what it answers and how it refuses.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::fixture;
use crate::server::{PATIENCE, Server};

/// The answer without what differs from one time to the next.
fn timeless(mut answer: Value) -> Value {
    answer["took_us"].take();
    answer
}

#[test]
fn post_answers_with_scores_that_add_up() {
    let server = Server::start();
    let id = server.ids().remove(0);
    let body = json!({"seeds": [id], "weights": {"energy": 2, "key": 1}, "k": 7, "explain": true});
    let answer = server.similar(&body).ok();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 7);
    assert!(answer["plan"]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    let mut last = 1.0;
    for (place, result) in results.iter().enumerate() {
        assert_eq!(result["rank"], place + 1);
        assert_ne!(result["id"], id);
        assert!(result["track"]["artists"].is_array());
        let similarity = result["similarity"].as_f64().unwrap();
        assert!(similarity <= last);
        last = similarity;
        let contributions = result["explanation"]["contributions"].as_object().unwrap();
        let sum: f64 = contributions.values().map(|value| value.as_f64().unwrap()).sum();
        assert!((sum - similarity).abs() < 1e-5, "{sum} {similarity}");
    }
    let plain = server.similar(&json!({"seeds": [id]})).ok();
    assert!(plain["results"][0].get("explanation").is_none());
}

#[test]
fn every_engine_answers() {
    let server = Server::start();
    let id = server.ids().remove(0);
    server.until("/readyz", |answer| answer.status == 200);
    for engine in ["auto", "exact", "hnsw", "forest"] {
        let answer = server.similar(&json!({"seeds": [id], "engine": engine})).ok();
        assert_eq!(answer["results"].as_array().unwrap().len(), 10);
        if engine != "auto" {
            assert_eq!(answer["engine"], engine);
        }
    }
}

#[test]
fn a_large_answer_begins_as_a_small_one() {
    let server = Server::start();
    let query = |k: usize| json!({"targets": {"energy": 0.5}, "k": k, "engine": "exact", "explain": true});
    let (small, large) = (server.similar(&query(1000)), server.similar(&query(1400)));
    // Only what was made as a whole has a known length.
    assert_eq!((small.header("content-length").is_empty(), large.header("content-length")), (false, ""));
    let (small, large) = (small.ok(), large.ok());
    let results = large["results"].as_array().unwrap();
    assert_eq!(results.len(), 1400);
    assert_eq!(results[..1000], small["results"].as_array().unwrap()[..]);
    assert_eq!(results[1399]["rank"], 1400);
    assert_eq!(large["generation"], small["generation"]);
}

#[test]
fn get_answers_as_post_does() {
    let server = Server::start();
    let id = server.ids().remove(0);
    server.until("/readyz", |answer| answer.status == 200);
    let pairs = [
        ("", json!({})),
        ("k=5&weight.energy=2&explain=true", json!({"k": 5, "weights": {"energy": 2}, "explain": true})),
        (
            "target.tempo=120&anchor=1&engine=forest",
            json!({"targets": {"tempo": 120}, "anchor": 1, "engine": "forest"}),
        ),
        ("base_weights=mood&recall=0.9", json!({"base_weights": "mood", "recall": 0.9})),
        (
            "genres=pop,rock&year.min=1990&min.tempo=100&max.tempo=140&explicit=false",
            json!({"filters": {"genres": ["pop", "rock"], "year": {"min": 1990}, "explicit": false,
                "features": {"tempo": {"min": 100, "max": 140}}}}),
        ),
        ("max_per_artist=1&diversity=0.3", json!({"max_per_artist": 1, "diversity": 0.3})),
        ("k=2000", json!({"k": 2000})),
    ];
    for (query, mut body) in pairs {
        body["seeds"] = json!([id]);
        let got = server.get(&format!("/api/v1/similar/{id}?{query}")).ok();
        assert_eq!(timeless(got), timeless(server.similar(&body).ok()), "{query}");
    }
}

#[test]
fn a_bad_body_is_refused_by_field() {
    let server = Server::start();
    let id = server.ids().remove(0);
    let with = |more: &str| format!("{{\"seeds\": [\"{id}\"]{more}}}");
    let check = |body: String, status: u16, code: &str, field: &str| {
        server.post("/api/v1/similar", &body).refused(&body, status, code, field)
    };
    check(r#"{"seeds": ["nobody"]}"#.into(), 404, "unknown_track", "seeds[0]");
    check(with(r#", "negative_seeds": ["a b"]"#), 404, "unknown_track", "negative_seeds[0]");
    check("{}".into(), 400, "empty_query", "seeds");
    check(r#"{"negative_seeds": ["x"]}"#.into(), 400, "only_negative_seeds", "negative_seeds");
    let problem = check(with(r#", "weights": {"enrgy": 1}"#), 400, "unknown_feature", "weights.enrgy");
    assert!(problem["detail"].as_str().unwrap().contains("did you mean `energy`?"));
    check(with(r#", "weights": {"energy": -1}"#), 400, "out_of_range", "weights.energy");
    check(with(r#", "weights": {"energy": 1e7}"#), 400, "out_of_range", "weights.energy");
    check(with(r#", "weights": {"energy": 1e999}"#), 400, "out_of_range", "weights.energy");
    check(with(r#", "weights": {"energy": NaN}"#), 400, "malformed_json", "weights.energy");
    check(with(r#", "weights": {"energy": Infinity}"#), 400, "malformed_json", "weights.energy");
    check(with(r#", "weights": {"energy": null}"#), 400, "wrong_type", "weights.energy");
    check(with(r#", "base_weights": "zero""#), 400, "all_weights_zero", "weights");
    check(with(r#", "base_weights": "disco""#), 400, "unknown_profile", "base_weights");
    check(with(r#", "targets": {"energy": 2}"#), 400, "out_of_range", "targets.energy");
    check(with(r#", "k": 0"#), 400, "out_of_range", "k");
    check(with(r#", "k": 1000001"#), 400, "out_of_range", "k");
    check(with(r#", "k": "ten""#), 400, "wrong_type", "k");
    check(with(r#", "kk": 5"#), 400, "unknown_field", "kk");
    check(with(r#", "filters": {"genre": []}"#), 400, "unknown_field", "filters.genre");
    check(with(r#", "filters": {"year": {"min": 2, "max": 1}}"#), 400, "out_of_range", "filters.year.min");
    check(with(r#", "engine": "annoy""#), 400, "unknown_engine", "engine");
}

#[test]
fn a_body_that_is_no_query_is_refused() {
    let server = Server::start();
    let check = |body: &str, code: &str| {
        server.post("/api/v1/similar", body).refused(body, 400, code, "body");
    };
    check("", "empty_body");
    check("[]", "malformed_json");
    check("{\"seeds\": [", "malformed_json");
    check("{\"seeds\": []} x", "malformed_json");
    let id = server.ids().remove(0);
    // What the content type says does not matter.
    let form = ureq::post(format!("{}/api/v1/similar", server.url)).content_type("text/plain");
    assert_eq!(form.send(json!({"seeds": [id]}).to_string()).unwrap().status(), 200);
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let server = Server::start();
    let padded = format!("{{}}{}", " ".repeat(5 << 20));
    let problem = server.post("/api/v1/similar", &padded).refused("5 MiB", 413, "body_too_large", "body");
    assert!(problem["detail"].as_str().unwrap().contains("4194304"));
    // Without a length in its head the body is counted as it comes.
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = "POST /api/v1/similar HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    for _ in 0..65 {
        // The server may already have refused and closed its side.
        if stream.write_all(chunk.as_bytes()).is_err() {
            break;
        }
    }
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(std::str::from_utf8(&start).unwrap(), "HTTP/1.1 413");
    // Ten thousand ids in a filter are within the limit.
    let ids: Vec<String> = (0..10_000).map(|n| format!("{n:022}")).collect();
    server.similar(&json!({"seeds": [server.ids().remove(0)], "filters": {"exclude_ids": ids}})).ok();
}

#[test]
fn a_bad_parameter_is_refused_by_name() {
    let server = Server::start();
    let id = server.ids().remove(0);
    let check = |query: &str, code: &str, field: &str| {
        let path = format!("/api/v1/similar/{id}?{query}");
        server.get(&path).refused(&path, 400, code, field)
    };
    let problem = check("colour=red", "unknown_parameter", "colour");
    assert!(problem["detail"].as_str().unwrap().contains("weight.FEATURE"));
    check("k=1&k=2", "repeated_parameter", "k");
    check("k=0", "out_of_range", "k");
    check("k=1000001", "out_of_range", "k");
    check("k=ten", "wrong_type", "k");
    check("explain=perhaps", "wrong_type", "explain");
    check("genres=%FF", "malformed_parameter", "genres");
    for weight in ["-1", "NaN", "inf", "-inf", "1e999"] {
        let problem = check(&format!("weight.energy={weight}"), "out_of_range", "weight.energy");
        assert!(problem["detail"].as_str().unwrap().starts_with("`weight.energy` is"));
    }
    check("weight.enrgy=1", "unknown_feature", "weight.enrgy");
    check("target.energy=NaN", "out_of_range", "target.energy");
    check("min.tempo=2&max.tempo=1", "out_of_range", "min.tempo");
    check("max.temppo=1", "unknown_feature", "max.temppo");
    check("recall=NaN", "out_of_range", "recall");
    check("diversity=NaN", "out_of_range", "diversity");
    check("base_weights=zero", "all_weights_zero", "weight.FEATURE");
    server.get("/api/v1/similar/nobody").refused("GET", 404, "unknown_track", "id");
}

#[test]
fn a_track_shows_its_raw_values() {
    let server = Server::start();
    let id = server.ids().remove(0);
    let track = server.get(&format!("/api/v1/tracks/{id}")).ok();
    assert_eq!(track["id"], id);
    assert!(track["track"]["name"].is_string());
    assert_eq!(track["features"].as_object().unwrap().len(), 15);
    assert_eq!(track["units"]["tempo"], "BPM");
    let encoded: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
    assert_eq!(server.get(&format!("/api/v1/tracks/{encoded}")).ok(), track);
    assert_eq!(server.get(&format!("/api/v1/tracks/spotify:track:{id}/")).ok(), track);
    server.get("/api/v1/tracks/nobody").refused("unknown", 404, "unknown_track", "id");
    server.get("/api/v1/tracks/a%20b").refused("no id", 404, "unknown_track", "id");
    server.get("/api/v1/tracks/a%2Fb").refused("a slash", 404, "unknown_track", "id");
    let path = format!("/api/v1/tracks/{id}?x=1");
    server.get(&path).refused(&path, 400, "unknown_parameter", "x");
}

#[test]
fn tracks_are_found_by_what_is_typed_of_them() {
    let server = Server::start();
    let id = server.ids().remove(0);
    let track = server.get(&format!("/api/v1/tracks/{id}")).ok();
    let artist = track["track"]["artists"][0].as_str().unwrap();
    let search = |q: &str| {
        let q: String = q.bytes().map(|byte| format!("%{byte:02X}")).collect();
        server.get(&format!("/api/v1/tracks?q={q}&limit=100")).ok()
    };
    let finds = |q: &str| {
        let found = search(q);
        found["results"].as_array().unwrap().iter().any(|result| result["id"] == track["id"])
    };
    assert!(finds(artist));
    assert!(finds(&artist.to_uppercase()));
    let typed: String = artist.chars().take(artist.chars().count() - 1).collect();
    assert!(finds(&typed), "{typed}");
    let found = search(artist);
    assert_eq!(found["query"], artist);
    assert!(found["results"][0]["score"].as_f64().is_some_and(|score| score > 0.0));
    assert_eq!(server.get("/api/v1/tracks?q=a&limit=3").ok()["results"].as_array().unwrap().len(), 3);
    let check = |query: &str, code: &str, field: &str| {
        server.get(&format!("/api/v1/tracks{query}")).refused(query, 400, code, field);
    };
    check("", "empty_query", "q");
    check("?q=+", "empty_query", "q");
    check("?q=a&limit=0", "out_of_range", "limit");
    check("?q=a&limit=101", "out_of_range", "limit");
    check("?q=a&page=2", "unknown_parameter", "page");
}

#[test]
fn indexes_lists_damaged_neighbours_too() {
    let indexes = fixture::copy();
    let broken = indexes.path().join("broken");
    fs::create_dir_all(broken.join("g1")).unwrap();
    fs::write(broken.join("CURRENT"), "g1\n").unwrap();
    fs::write(broken.join("g1/manifest.json"), "{").unwrap();
    let server = Server::serving(indexes.path());
    server.until("/readyz", |answer| answer.status == 200);
    let answer = server.get("/api/v1/indexes").ok();
    let found = answer["indexes"].as_array().unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!((found[0]["name"].as_str(), found[0]["served"].as_bool()), (Some("broken"), Some(false)));
    assert!(found[0]["error"].as_str().unwrap().contains("manifest.json"));
    let live = &found[1];
    assert_eq!((live["served"].as_bool(), live["n_items"].as_u64()), (Some(true), Some(1500)));
    assert_eq!(live["generation"], answer["serving"]["generation"]);
    assert_eq!(live["engines"][2], json!({"name": "forest", "state": "ready"}));
    assert_eq!(live["schema"]["features"].as_array().unwrap().len(), 15);
    assert_eq!(live["schema"]["profiles"]["dj"]["tempo"], 1.0);
    assert!(!live["measured"].as_array().unwrap().is_empty());
    assert!(live["files"]["vectors.nf"].as_u64().is_some_and(|bytes| bytes > 0));
}

#[test]
fn health_and_metrics_are_reported() {
    let server = Server::start();
    assert_eq!(server.get("/healthz").ok(), json!({"status": "ok"}));
    let ready = server.until("/readyz", |answer| answer.status == 200).ok();
    assert_eq!((ready["status"].as_str(), ready["name"].as_str()), (Some("ready"), Some("main")));
    server.similar(&json!({"seeds": [server.ids().remove(0)], "engine": "exact"})).ok();
    let metrics = server.get("/metrics");
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    for part in [
        "nearfield_http_requests_total{method=\"POST\",route=\"/api/v1/similar\",status=\"2xx\"}",
        "nearfield_http_request_duration_seconds_bucket{",
        "nearfield_searches_total{engine=\"exact\",choice=\"fixed\"}",
        "nearfield_search_duration_seconds_count{engine=\"exact\"}",
        "nearfield_snapshot_info{name=\"main\",generation=\"",
        "nearfield_snapshot_items 1500",
        "nearfield_snapshot_damaged 0",
        "nearfield_uptime_seconds ",
    ] {
        assert!(metrics.text.contains(part), "{part} is not in {}", metrics.text);
    }
}

#[test]
fn the_root_says_where_to_go() {
    let server = Server::start();
    let root = server.get_with("/", "accept", "application/json");
    assert_eq!(root.header("vary"), "Accept");
    let root = root.ok();
    assert_eq!((root["name"].as_str(), root["serving"]["n_items"].as_u64()), (Some("nearfield"), Some(1500)));
    for (name, path) in root["links"].as_object().unwrap() {
        assert_eq!(server.get(path.as_str().unwrap()).status, 200, "{name}");
    }
    server.get_with("/?x=1", "accept", "application/json").refused("/?x=1", 400, "unknown_parameter", "x");
    server.post("/", "{}").refused("POST /", 405, "method_not_allowed", "");
}

#[test]
fn an_encoded_body_is_refused_as_such() {
    let server = Server::start();
    let body = json!({"targets": {"energy": 0.5}}).to_string();
    let send = |path: &str, encoding: &str| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\
             Content-Encoding: {encoding}\r\n\r\n{body}"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    for path in ["/api/v1/similar", "/api/v1/similar/batch"] {
        let answer = send(path, "gzip");
        assert!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
        for part in ["\"code\":\"encoded_body\"", "\"field\":\"body\"", "Content-Encoding: gzip"] {
            assert!(answer.contains(part), "{part} is not in {answer}");
        }
    }
    assert!(send("/api/v1/similar", "Identity").starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_whole_number_may_be_written_as_a_float() {
    let server = Server::start();
    let id = server.ids().remove(0);
    let ask = |k: &str| server.post("/api/v1/similar", &format!("{{\"seeds\": [\"{id}\"], \"k\": {k}}}"));
    assert_eq!(timeless(ask("4.0").ok()), timeless(ask("4").ok()));
    let problem = ask("4.5").refused("4.5", 400, "wrong_type", "k");
    assert!(problem["detail"].as_str().unwrap().contains("`4.5`, expected a whole number"), "{problem}");
    ask("1e300").refused("1e300", 400, "out_of_range", "k");
    ask("-1.0").refused("-1.0", 400, "out_of_range", "k");
}

#[test]
fn unknown_routes_and_methods_are_problems() {
    let server = Server::start();
    server.get("/api/v1/nothing").refused("route", 404, "not_found", "");
    let refused = server.delete("/api/v1/similar");
    refused.refused("DELETE", 405, "method_not_allowed", "");
    assert_eq!(refused.header("allow"), "POST");
    let refused = server.post("/api/v1/tracks", "{}");
    refused.refused("POST", 405, "method_not_allowed", "");
    assert_eq!(refused.header("allow"), "GET, HEAD");
    assert_eq!(server.get("/healthz/").status, 200);
    let head = server.head(&format!("/api/v1/similar/{}", server.ids().remove(0)));
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert!(head.header("content-length").parse::<u64>().unwrap() > 100);
}

#[test]
fn many_at_once_get_the_same_answers() {
    let server = Server::start();
    let ids = server.ids();
    let bodies: Vec<Value> = ids.iter().map(|id| json!({"seeds": [id], "k": 5, "explain": true})).collect();
    let expected: Vec<Value> = bodies.iter().map(|body| timeless(server.similar(body).ok())).collect();
    std::thread::scope(|scope| {
        for start in 0..8 {
            let (server, bodies, expected) = (&server, &bodies, &expected);
            scope.spawn(move || {
                for turn in 0..40 {
                    let which = (start * 7 + turn) % bodies.len();
                    assert_eq!(timeless(server.similar(&bodies[which]).ok()), expected[which]);
                    // A large answer from the blocking pool in between.
                    if turn % 10 == 0 {
                        let all = server
                            .similar(&json!({"seeds": bodies[which]["seeds"], "k": 3000, "collapse_duplicates": false}))
                            .ok();
                        assert_eq!(all["results"].as_array().unwrap().len(), 1499);
                    }
                }
            });
        }
    });
}
