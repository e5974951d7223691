//! The catalogue on a map, over HTTP.

use serde_json::Value;

use crate::server::Server;

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn every_track_is_in_a_cell_and_at_a_place() {
    let server = Server::start();
    let map = server.get("/api/v1/map").ok();
    let size = map["size"].as_u64().unwrap() as usize;
    let counts: Vec<u64> =
        map["counts"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect();
    assert_eq!((counts.len(), counts.iter().sum::<u64>()), (size * size, 1_500));
    assert_eq!(map["n_items"], 1_500);
    for axis in map["axes"].as_array().unwrap() {
        let shares: f64 =
            axis["features"].as_object().unwrap().values().map(|share| number(share).abs()).sum();
        assert!((shares - 1.0).abs() < 1e-6 && !axis["label"].as_str().unwrap().is_empty(), "{axis}");
    }
    // A track counts in the cell of its place.
    let ids = server.ids();
    let points = server.get(&format!("/api/v1/map/points?ids={},{},nobody", ids[0], ids[1])).ok();
    let points = points["points"].as_object().unwrap().clone();
    assert_eq!(points.len(), 2, "who is not there has no place");
    let cell = |place: &Value, axis: &str, at: usize| {
        let bounds = &map["bounds"][axis];
        let share = (number(&place[at]) - number(&bounds[0])) / (number(&bounds[1]) - number(&bounds[0]));
        ((share * size as f64).max(0.0) as usize).min(size - 1)
    };
    for (id, place) in &points {
        assert!(counts[cell(place, "y", 1) * size + cell(place, "x", 0)] > 0, "{place}");
        let at = format!("/api/v1/map/nearest?x={}&y={}&limit=3", place[0], place[1]);
        let nearest = server.get(&at).ok();
        let nearest = nearest["results"].as_array().unwrap();
        assert_eq!((nearest[0]["id"].as_str(), nearest.len()), (Some(id.as_str()), 3));
        assert!(nearest[0]["track"]["name"].is_string());
        let far = |found: &Value| {
            (number(&found["x"]) - number(&place[0])).hypot(number(&found["y"]) - number(&place[1]))
        };
        assert!(nearest.windows(2).all(|pair| far(&pair[0]) <= far(&pair[1])));
    }
}

#[test]
fn wrong_questions_are_refused_by_name() {
    let server = Server::start();
    let check = |path: &str, code: &str, field: &str| {
        server.get(path).refused(path, 400, code, field);
    };
    check("/api/v1/map?x=1", "unknown_parameter", "x");
    check("/api/v1/map/points", "out_of_range", "ids");
    let many = "a,".repeat(1_001);
    check(&format!("/api/v1/map/points?ids={many}"), "out_of_range", "ids");
    check("/api/v1/map/nearest?x=1", "out_of_range", "y");
    check("/api/v1/map/nearest?x=NaN&y=0", "out_of_range", "x");
    check("/api/v1/map/nearest?x=1e99&y=0", "out_of_range", "x");
    check("/api/v1/map/nearest?x=one&y=0", "wrong_type", "x");
    check("/api/v1/map/nearest?x=0&y=0&limit=0", "out_of_range", "limit");
    assert_eq!(server.post("/api/v1/map", "{}").status, 405);
}
