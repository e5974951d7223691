//! Many queries at once: every answer is that of the query alone, and one that makes no sense spoils none of the others.

use std::io::Write;
use std::net::TcpStream;

use nearfield::query::{SimilarRequest, similar, similar_batch};
use nearfield::snapshot::Snapshot;
use nearfield::track::ItemIdx;
use serde_json::{Value, json};

use crate::fixture;
use crate::server::{Answer, Server, nearfield};

const PATH: &str = "/api/v1/similar/batch";

fn post(server: &Server, body: &Value) -> Answer {
    server.post(PATH, &body.to_string())
}

/// An answer without what differs from one time to the next.
fn timeless(mut answer: Value) -> Value {
    answer["took_us"].take();
    answer
}

/// Queries of every kind, some of which say the same.
fn queries(ids: &[String]) -> Vec<Value> {
    let genre = json!({"genres": ["pop", "Country", "no such genre"], "year": {"min": 1990}});
    let same_genre = json!({"year": {"min": 1990}, "genres": ["COUNTRY", "pop", "no such genre"]});
    let mut queries = vec![
        json!({"seeds": [ids[0]]}),
        json!({"seeds": [ids[1]], "k": 3, "explain": true, "weights": {"energy": 2, "tempo": 1}}),
        json!({"k": 10.0, "seeds": [ids[0]]}),
        json!({"seeds": [ids[2]], "engine": "exact", "filters": genre}),
        json!({"seeds": [ids[3]], "engine": "exact", "filters": same_genre}),
        json!({"targets": {"energy": 0.7}, "max_per_artist": 1, "diversity": 0.4}),
        json!({"seeds": [ids[4]], "negative_seeds": [ids[5]], "filters": {"explicit": false}}),
        json!({"seeds": [ids[4]], "filters": {"genres": ["no such genre"]}}),
        json!({"seeds": [ids[0]], "k": 1}),
    ];
    queries.extend(ids.iter().map(|id| json!({"seeds": [id], "recall": 0.9, "weights": {"valence": 3}})));
    queries
}

#[test]
fn the_library_answers_a_batch_as_it_answers_each() {
    let snapshot = Snapshot::open(fixture::shared(), "main", None).unwrap();
    let ids: Vec<String> = (0..20).map(|n| snapshot.items().id(ItemIdx(n * 70)).into_owned()).collect();
    let mut queries = queries(&ids);
    queries.insert(2, json!({"seeds": ["nobody"]}));
    queries.insert(5, json!({"seeds": [ids[0]], "filters": {"year": {"min": 2, "max": 1}}}));
    queries.push(json!({"seeds": ["nobody"]}));
    let requests: Vec<SimilarRequest> =
        queries.iter().map(|query| serde_json::from_value(query.clone()).unwrap()).collect();
    let answers = similar_batch(&snapshot, &requests);
    assert_eq!(answers.len(), requests.len());
    let json = |answer: &nearfield::query::Answer| timeless(serde_json::to_value(answer).unwrap());
    for ((request, answer), query) in requests.iter().zip(&answers).zip(&queries) {
        match (similar(&snapshot, request), answer) {
            (Ok(alone), Ok(answer)) => assert_eq!(json(answer), json(&alone), "{query}"),
            (Err(alone), Err(error)) => {
                assert_eq!((error.code(), error.field()), (alone.code(), alone.field()), "{query}");
            }
            (alone, answer) => panic!("{query}: {answer:?}, alone {alone:?}"),
        }
    }
    assert_eq!(answers[2].as_ref().unwrap_err().code(), "unknown_track");
    assert!(answers.last().unwrap().is_err());
    assert!(similar_batch(&snapshot, &[]).is_empty());
}

#[test]
fn a_batch_answers_as_the_queries_do_alone_and_in_their_order() {
    let server = Server::start();
    let queries = queries(&server.ids());
    let answer = post(&server, &json!({"requests": queries}));
    assert!(!answer.header("content-length").is_empty());
    let answer = answer.ok();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), queries.len());
    for (query, result) in queries.iter().zip(results) {
        let alone = timeless(server.similar(query).ok());
        assert_eq!(result["status"], 200);
        assert_eq!(timeless(result["answer"].clone()), alone, "{query}");
        assert_eq!(result["answer"]["generation"], answer["generation"]);
    }
    assert!(answer["took_us"].as_u64().is_some_and(|us| us > 0));
    assert_eq!(
        results[0]["answer"], results[2]["answer"],
        "computed once, so that even the time is the same"
    );
}

#[test]
fn a_large_batch_is_sent_in_parts() {
    let server = Server::start();
    let ids = server.ids();
    // Small answers, some of more than a part, one without results, a refusal, and a large one at the end.
    let mut requests: Vec<Value> =
        ids.iter().map(|id| json!({"seeds": [id], "k": 300, "engine": "exact", "explain": true})).collect();
    requests.insert(0, json!({"seeds": [ids[0]], "k": 1400, "engine": "exact"}));
    requests.insert(5, json!({"seeds": [ids[0]], "k": 1400, "engine": "exact", "explain": true}));
    requests.insert(9, json!({"seeds": [ids[1]], "filters": {"genres": ["no such genre"]}}));
    requests.insert(9, json!({"seeds": ["nobody"]}));
    requests.push(json!({"seeds": [ids[2]], "k": 5000, "engine": "exact", "collapse_duplicates": false}));
    let answer = post(&server, &json!({"requests": requests}));
    assert_eq!(answer.header("content-length"), "");
    let answer = answer.ok();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), requests.len());
    for (place, (request, result)) in requests.iter().zip(results).enumerate() {
        let alone = server.similar(request);
        assert_eq!(result["status"], alone.status);
        match alone.status {
            200 => assert_eq!(timeless(result["answer"].clone()), timeless(alone.ok()), "{request}"),
            _ => assert_eq!(result["problem"]["field"], format!("requests[{place}].seeds[0]")),
        }
    }
    assert_eq!(results[9]["status"], 404);
    assert_eq!(results.last().unwrap()["answer"]["results"].as_array().unwrap().len(), 1499);
}

#[test]
fn a_bad_query_is_refused_alone_and_by_field() {
    let server = Server::start();
    let id = server.ids().remove(0);
    let good = json!({"seeds": [id]});
    let bad = [
        (json!({"seeds": [id], "weights": {"energi": 1}}), 400, "unknown_feature", "weights.energi"),
        (json!({"seeds": [id], "weights": {"energy": -1}}), 400, "out_of_range", "weights.energy"),
        (json!({"seeds": ["nobody"]}), 404, "unknown_track", "seeds[0]"),
        (json!({}), 400, "empty_query", "seeds"),
        (json!({"seeds": [id], "k": 0}), 400, "out_of_range", "k"),
        (json!({"seeds": [id], "k": 1_000_001}), 400, "out_of_range", "k"),
        (json!({"seeds": [id], "k": 2.5}), 400, "wrong_type", "k"),
        (json!({"seeds": [id], "kk": 2}), 400, "unknown_field", "kk"),
        (
            json!({"seeds": [id], "filters": {"year": {"min": 2, "max": 1}}}),
            400,
            "out_of_range",
            "filters.year.min",
        ),
        (json!(5), 400, "wrong_type", ""),
        (json!(null), 400, "wrong_type", ""),
        (json!([]), 400, "wrong_type", ""),
    ];
    let mut requests = Vec::new();
    for (query, ..) in &bad {
        requests.extend([good.clone(), query.clone()]);
    }
    let answer = post(&server, &json!({"requests": requests})).ok();
    let alone = timeless(server.similar(&good).ok());
    for (index, (query, status, code, field)) in bad.iter().enumerate() {
        let place = 2 * index + 1;
        let result = &answer["results"][place];
        let problem = &result["problem"];
        let path = format!("requests[{place}]{}{field}", if field.is_empty() { "" } else { "." });
        assert_eq!(
            (result["status"].as_u64(), problem["status"].as_u64()),
            (Some(*status), Some(*status)),
            "{query}"
        );
        assert_eq!(
            (problem["code"].as_str(), problem["field"].as_str()),
            (Some(*code), Some(&path[..])),
            "{query}"
        );
        assert!(problem["title"].is_string() && problem["detail"].is_string() && problem["type"].is_string());
        assert_eq!(timeless(answer["results"][place - 1]["answer"].clone()), alone);
    }
    let detail = answer["results"][3]["problem"]["detail"].as_str().unwrap();
    assert!(detail.starts_with("`requests[3].weights.energy` is -1"), "{detail}");
}

#[test]
fn defaults_count_where_a_request_says_nothing() {
    let server = Server::start();
    let ids = server.ids();
    let body = json!({
        "defaults": {"k": 3, "weights": {"energi": 1}, "filters": {"year": {"min": 2000}}},
        "requests": [
            {"seeds": [ids[0]], "weights": {"energy": 2}},
            {"seeds": [ids[1]]},
            {"seeds": [ids[2]], "weights": {}, "filters": {}, "k": 4},
        ],
    });
    let answer = post(&server, &body).ok();
    let first =
        json!({"seeds": [ids[0]], "weights": {"energy": 2}, "k": 3, "filters": {"year": {"min": 2000}}});
    assert_eq!(timeless(answer["results"][0]["answer"].clone()), timeless(server.similar(&first).ok()));
    assert_eq!(answer["results"][1]["problem"]["field"], "defaults.weights.energi");
    let third = json!({"seeds": [ids[2]], "k": 4});
    assert_eq!(timeless(answer["results"][2]["answer"].clone()), timeless(server.similar(&third).ok()));
}

#[test]
fn a_body_that_is_no_batch_is_refused_as_a_whole() {
    let server = Server::start();
    let check = |body: &str, code: &str, field: &str| {
        server.post(PATH, body).refused(body, 400, code, field);
    };
    check("", "empty_body", "body");
    check("[]", "malformed_json", "body");
    check("{}", "empty_batch", "requests");
    check(r#"{"requests": []}"#, "empty_batch", "requests");
    check(r#"{"requests": {}}"#, "wrong_type", "requests");
    check(r#"{"requests": [{}"#, "malformed_json", "body");
    check(r#"{"requests": [{"k": NaN}]}"#, "malformed_json", "requests[0]");
    check(r#"{"requests": [{}], "kk": 1}"#, "unknown_field", "kk");
    check(r#"{"requests": [{}], "defaults": {"kk": 1}}"#, "unknown_field", "defaults.kk");
    let many = json!({"requests": vec![json!({}); 1001]});
    let problem = post(&server, &many).refused("1001 requests", 400, "too_many_entries", "requests");
    assert!(problem["detail"].as_str().unwrap().contains("at most 1000"), "{problem}");
    let padded = format!("{{}}{}", " ".repeat(5 << 20));
    server.post(PATH, &padded).refused("5 MiB", 413, "body_too_large", "body");
    let refused = server.get(PATH);
    refused.refused("GET", 405, "method_not_allowed", "");
    assert_eq!(refused.header("allow"), "POST");
}

#[test]
fn limits_of_a_batch_are_settings() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = nearfield(directory.path());
    command.args(["serve", "--bind", "127.0.0.1:0", "--max-batch-requests", "3", "--max-k", "60"]);
    command.arg("--indexes").arg(fixture::shared());
    command.env("NEARFIELD_MAX_BATCH_RESULTS", "100");
    let server = Server::of(command);
    let of = |ks: &[usize]| {
        let requests: Vec<Value> = ks.iter().map(|k| json!({"targets": {"energy": 0.5}, "k": k})).collect();
        post(&server, &json!({"requests": requests}))
    };
    of(&[10, 40, 50]).ok();
    let problem = of(&[10, 41, 50]).refused("101 results", 400, "too_many_results", "requests");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("101") && detail.contains("100"), "{detail}");
    of(&[1, 1, 1, 1]).refused("4 requests", 400, "too_many_entries", "requests");
    // What is refused by itself is no reason to refuse the batch.
    let answer = of(&[40, 61, 60]).ok();
    assert_eq!(answer["results"][1]["problem"]["field"], "requests[1].k");
    assert_eq!(answer["results"][2]["answer"]["results"].as_array().unwrap().len(), 60);
}

#[test]
fn batches_are_counted_and_their_searches_once() {
    let server = Server::start();
    let body = json!({"defaults": {"targets": {"energy": 0.5}, "engine": "exact"}, "requests": [{}, {"k": 2}, {}, 5]});
    post(&server, &body).ok();
    let metrics = server.get("/metrics").text;
    for part in [
        "nearfield_batch_requests_count 1",
        "nearfield_batch_requests_sum 4.0",
        "nearfield_searches_total{engine=\"exact\",choice=\"fixed\"} 2",
        "route=\"/api/v1/similar/batch\",status=\"2xx\"} 1",
    ] {
        assert!(metrics.contains(part), "{part} is not in {metrics}");
    }
}

#[test]
fn a_client_that_goes_away_leaves_no_work_behind() {
    let server = Server::start();
    let id = server.ids().remove(0);
    // Minutes of work, and as many of such batches as are searched for at the same time.
    let requests: Vec<Value> = (0..1_000)
        .map(|n| json!({"seeds": [id], "k": 1_000, "diversity": 0.5, "weights": {"energy": 1.0 + f64::from(n)}}))
        .collect();
    let body = json!({"requests": requests}).to_string();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let head = format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    post(&server, &json!({"requests": [{"seeds": [id]}]})).ok();
    let metrics = server.get("/metrics").text;
    assert!(metrics.contains("nearfield_batch_requests_count 1"), "{metrics}");
    assert!(metrics.contains("nearfield_http_requests_in_flight 1"), "{metrics}");
}
