//! Live recall of a running server.

use serde_json::json;

use crate::fixture::shared;
use crate::server::{Server, nearfield};

fn measuring(share: &str) -> Server {
    let mut command = nearfield(shared());
    command.args(["serve", "--indexes", ".", "--bind", "127.0.0.1:0", "--live-recall-share", share]);
    command.args(["--live-recall-cpu-share", "1"]);
    Server::of(command)
}

#[test]
fn what_is_asked_for_is_measured_by_engine() {
    let server = measuring("1");
    let ids = server.ids();
    server.until("/readyz", |answer| answer.status == 200);
    for engine in ["hnsw", "forest"] {
        let query = json!({"seeds": [ids[0]], "engine": engine, "filters": {"year": {"min": 1990}}});
        assert_eq!(server.similar(&query).ok()["engine"], engine);
        // A cached answer was not searched for.
        server.similar(&query).ok();
    }
    let requests: Vec<_> = ids[..3].iter().map(|id| json!({"seeds": [id], "engine": "hnsw"})).collect();
    server.post("/api/v1/similar/batch", &json!({ "requests": requests }).to_string()).ok();
    // `ids` was a scan, too.
    let samples = |answer: &serde_json::Value| {
        ["exact", "hnsw", "forest"].map(|engine| answer["engines"][engine]["samples"].as_u64().unwrap())
    };
    let answer = server.until("/api/v1/recall", |answer| samples(&answer.ok()) == [1, 4, 1]).ok();
    assert_eq!(answer["engines"]["exact"], json!({"samples": 1, "recall": 1.0, "lowest": 1.0}));
    for engine in ["hnsw", "forest"] {
        let recall = answer["engines"][engine]["recall"].as_f64().unwrap();
        assert!(recall > 0.5 && recall <= 1.0, "{answer}");
    }
    let built = answer["measured"].as_array().unwrap();
    assert!(built.iter().any(|row| row["engine"] == "hnsw" && row["weights"] == "uniform"), "{answer}");
    assert_eq!((&answer["share"], &answer["cpu_share"]), (&json!(1.0), &json!(1.0)));
    let metrics = server.get("/metrics").text;
    for line in [
        "nearfield_live_recall{engine=\"exact\"} 1.0\n",
        "nearfield_live_recall_window_queries{engine=\"hnsw\"} 4\n",
        "nearfield_live_recall_measured_total{engine=\"forest\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line} {metrics}");
    }
}

#[test]
fn it_can_be_turned_off() {
    let server = measuring("0");
    server.ids();
    let answer = server.get("/api/v1/recall").ok();
    assert_eq!(answer["share"], 0.0);
    assert_eq!(answer["engines"]["exact"], json!({"samples": 0, "recall": null, "lowest": null}));
    server.get("/api/v1/recall?x=1").refused("x", 400, "unknown_parameter", "x");
}
