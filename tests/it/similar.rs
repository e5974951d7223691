//! Queries through the library: what every answer promises, on every engine.

use std::collections::BTreeMap;

use nearfield::feature::Schema;
use nearfield::query::{Bounds, QueryError, SimilarRequest, similar};
use nearfield::snapshot::Snapshot;
use nearfield::track::{Track, TrackId, value};

use crate::fixture::{MemoryStore, build_in, build_with, options, shared};

fn snapshot() -> Snapshot {
    let snapshot = Snapshot::open(shared(), "main", None).unwrap();
    snapshot.forest().unwrap().wait().unwrap();
    snapshot
}

fn seed(snapshot: &Snapshot, item: u32) -> String {
    snapshot.items().id(nearfield::track::ItemIdx(item)).into_owned()
}

fn request(json: serde_json::Value) -> SimilarRequest {
    serde_json::from_value(json).unwrap()
}

#[test]
fn contributions_add_up_to_the_similarity_on_every_engine() {
    let snapshot = snapshot();
    for engine in ["auto", "exact", "hnsw", "forest"] {
        for item in (0..1_500).step_by(97) {
            let request = request(serde_json::json!({
                "seeds": [seed(&snapshot, item), seed(&snapshot, (item + 31) % 1_500)],
                "negative_seeds": [seed(&snapshot, (item + 77) % 1_500)],
                "targets": {"tempo": 120.0},
                "weights": {"energy": 2.5, "key": 1.0, "valence": 0.0, "popularity": 0.3},
                "engine": engine, "explain": true, "k": 15,
            }));
            let answer = similar(&snapshot, &request).unwrap();
            assert_eq!(answer.results.len(), 15);
            for (place, result) in answer.results.iter().enumerate() {
                assert_eq!(result.rank, place + 1);
                assert!(!request.seeds.contains(&result.id) && !request.negative_seeds.contains(&result.id));
                let explanation = result.explanation.as_ref().unwrap();
                let sum: f64 = explanation.contributions.values().sum();
                assert!((sum - f64::from(result.similarity)).abs() <= 1e-5, "{sum} {}", result.similarity);
                assert!(!explanation.contributions.contains_key("valence"), "weight 0 is not explained");
                assert_eq!(explanation.differences["tempo"].query.map(f64::round), Some(120.0));
            }
        }
    }
}

#[test]
fn filters_hold_on_every_engine_and_leave_all_there_are() {
    let snapshot = snapshot();
    for engine in ["auto", "exact", "hnsw", "forest"] {
        let mut request = request(
            serde_json::json!({"seeds": [seed(&snapshot, 5)], "engine": engine, "k": 1500, "collapse_duplicates": false}),
        );
        let everything = similar(&snapshot, &request).unwrap();
        assert_eq!(everything.results.len(), 1_499, "{engine}: all but the seed");
        let genre = everything.results[0].track.genres[0].to_uppercase();
        request.filters.genres = vec![genre.clone(), "no such genre".into()];
        request.filters.year = Some(Bounds { min: Some(1990.0), max: Some(2015.0) });
        request.filters.features = BTreeMap::from([("tempo".into(), Bounds { min: Some(90.0), max: None })]);
        let filtered = similar(&snapshot, &request).unwrap();
        assert!(!filtered.results.is_empty());
        assert_eq!(filtered.warnings, ["no track has the genre `no such genre`"]);
        let passes = |result: &&nearfield::query::ResultView| {
            let track = &result.track;
            let tempo = snapshot
                .raw(value::TEMPO, snapshot.items().find(&TrackId::parse(&result.id).unwrap()).unwrap());
            track.genres.iter().any(|tag| tag.to_uppercase() == genre)
                && track.year.is_some_and(|year| (1990..=2015).contains(&year))
                && tempo.is_some_and(|tempo| tempo >= 90.0)
        };
        assert!(filtered.results.iter().all(|result| passes(&result)), "{engine}");
        let expected = everything.results.iter().filter(passes).count();
        assert_eq!(filtered.results.len(), expected, "{engine}");
    }
}

#[test]
fn one_artist_does_not_fill_the_answer_when_asked_not_to() {
    let snapshot = snapshot();
    let plain = request(serde_json::json!({"seeds": [seed(&snapshot, 8)], "k": 60}));
    let mut limited = plain.clone();
    limited.max_per_artist = Some(1);
    let answer = similar(&snapshot, &limited).unwrap();
    let mut artists: Vec<&String> =
        answer.results.iter().filter_map(|result| result.track.artists.first()).collect();
    let n = artists.len();
    artists.sort();
    artists.dedup();
    assert_eq!((answer.results.len(), artists.len()), (60, n));
    let mut diverse = plain.clone();
    diverse.diversity = 0.7;
    let (plain, diverse) = (similar(&snapshot, &plain).unwrap(), similar(&snapshot, &diverse).unwrap());
    assert_eq!(plain.results[0].id, diverse.results[0].id, "the best stays the best");
    let mean = |answer: &nearfield::query::Answer| {
        answer.results.iter().map(|result| f64::from(result.similarity)).sum::<f64>()
    };
    assert!(mean(&diverse) < mean(&plain), "diversity costs similarity");
}

fn refused(snapshot: &Snapshot, json: serde_json::Value, code: &str, field: &str) {
    let request = request(json.clone());
    let error = similar(snapshot, &request).map(|_| ()).expect_err(&json.to_string());
    assert_eq!((error.code(), error.field().as_deref()), (code, Some(field)), "{json}: {error}");
}

#[test]
fn impossible_requests_are_refused_by_field() {
    let snapshot = snapshot();
    let id = seed(&snapshot, 0);
    let check = |json, code, field| refused(&snapshot, json, code, field);
    let json = |more: serde_json::Value| {
        let mut json = serde_json::json!({"seeds": [id]});
        json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json
    };
    check(serde_json::json!({"seeds": ["nobody"]}), "unknown_track", "seeds[0]");
    check(serde_json::json!({"seeds": []}), "empty_query", "seeds");
    check(serde_json::json!({"negative_seeds": [id]}), "only_negative_seeds", "negative_seeds");
    check(json(serde_json::json!({"k": 0})), "out_of_range", "k");
    check(json(serde_json::json!({"k": 1_000_001})), "out_of_range", "k");
    check(json(serde_json::json!({"recall": 0.0})), "out_of_range", "recall");
    check(json(serde_json::json!({"recall": 1.5})), "out_of_range", "recall");
    check(json(serde_json::json!({"engine": "annoy"})), "unknown_engine", "engine");
    check(json(serde_json::json!({"targets": {"energy": 1.5}})), "out_of_range", "targets.energy");
    check(json(serde_json::json!({"targets": {"tempo": 0}})), "out_of_range", "targets.tempo");
    check(json(serde_json::json!({"targets": {"key": -1}})), "out_of_range", "targets.key");
    check(json(serde_json::json!({"negative_weight": -1})), "out_of_range", "negative_weight");
    check(json(serde_json::json!({"diversity": 2})), "out_of_range", "diversity");
    check(json(serde_json::json!({"max_per_artist": 0})), "out_of_range", "max_per_artist");
    check(
        json(serde_json::json!({"filters": {"year": {"min": 2, "max": 1}}})),
        "out_of_range",
        "filters.year.min",
    );
    check(
        json(serde_json::json!({"filters": {"features": {"bpm": {"min": 2}}}})),
        "unknown_feature",
        "filters.features.bpm",
    );
    for weight in [f64::NAN, f64::INFINITY, -0.1, 1e7] {
        let mut request = request(json(serde_json::json!({})));
        request.weights.insert("energy".into(), weight);
        let error = similar(&snapshot, &request).unwrap_err();
        assert_eq!(error.field().as_deref(), Some("weights.energy"));
    }
}

fn track(id: &str, values: &[(&str, f64)]) -> Track {
    let mut track = Track::new(TrackId::parse(id).unwrap());
    track.values = values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    track
}

#[test]
fn missing_values_warn_and_a_query_without_any_is_refused() {
    let indexes = tempfile::tempdir().unwrap();
    let full = [(value::ENERGY, 0.3), (value::VALENCE, 0.4), (value::TEMPO, 100.0), (value::KEY, 3.0)];
    let mut tracks: Vec<Track> = (0..40).map(|n| track(&format!("t{n:02}"), &full)).collect();
    for (n, track) in tracks.iter_mut().enumerate() {
        track.values.insert(value::ENERGY.into(), n as f64 / 40.0);
    }
    tracks.push(track("keyless", &[(value::ENERGY, 0.5), (value::TEMPO, 0.0), (value::KEY, -1.0)]));
    build_in(indexes.path(), &MemoryStore::of(tracks), &options()).unwrap();
    let snapshot = Snapshot::open(indexes.path(), "main", None).unwrap();
    let ask = |weights: serde_json::Value| {
        let json = serde_json::json!({"seeds": ["keyless"], "base_weights": "zero", "weights": weights});
        similar(&snapshot, &request(json))
    };
    let answer = ask(serde_json::json!({"energy": 1, "key": 1})).unwrap();
    assert_eq!(answer.warnings, ["neither a seed nor a target gives `key` a value: it does not count"]);
    assert_eq!(answer.results[0].id, "t20");
    assert!(matches!(ask(serde_json::json!({"key": 1})), Err(QueryError::AllMissing { .. })));
    // Outside the logarithm's domain is missing, in filters too.
    let json = serde_json::json!({
        "seeds": ["t00"], "k": 100, "filters": {"features": {"tempo": {"min": 0}}}
    });
    let answer = similar(&snapshot, &request(json)).unwrap();
    assert_eq!(answer.results.len(), 39);
    // Every valence is the same, so with anchor 0 it gives no direction.
    let json = serde_json::json!({
        "seeds": ["t00"], "base_weights": "zero", "weights": {"valence": 1}, "anchor": 0
    });
    assert!(matches!(similar(&snapshot, &request(json)), Err(QueryError::NoDirection)));
}

#[test]
fn targets_that_f32_cannot_square_are_refused() {
    let schema =
        Schema::parse("name = 't'\n[[features]]\nname = 'foo'\ntransform = 'linear'\n", "t").unwrap();
    let indexes = tempfile::tempdir().unwrap();
    let tracks = (0..60).map(|n| track(&format!("t{n:02}"), &[("foo", f64::from(n))]));
    build_with(indexes.path(), &MemoryStore::of(tracks), schema, &options(), &Default::default()).unwrap();
    let snapshot = Snapshot::open(indexes.path(), "main", None).unwrap();
    refused(&snapshot, serde_json::json!({"targets": {"foo": 1e60}}), "out_of_range", "targets.foo");
    let far = similar(&snapshot, &request(serde_json::json!({"targets": {"foo": 1e6}, "k": 60}))).unwrap();
    assert_eq!(far.results.len(), 60);
    // Beside the anchor f32 knows of no such weight.
    let json = serde_json::json!({"seeds": ["t01"], "base_weights": "zero", "weights": {"foo": 1e-300}});
    refused(&snapshot, json, "out_of_range", "weights");
}

#[test]
fn ties_break_by_id_and_answers_repeat() {
    let indexes = tempfile::tempdir().unwrap();
    let tracks = (0..50).map(|n| track(&format!("t{n:02}"), &[(value::ENERGY, f64::from(n % 2))]));
    build_in(indexes.path(), &MemoryStore::of(tracks), &options()).unwrap();
    let snapshot = Snapshot::open(indexes.path(), "main", None).unwrap();
    snapshot.forest().unwrap().wait().unwrap();
    for engine in ["exact", "hnsw", "forest"] {
        let json = serde_json::json!({"seeds": ["t10"], "k": 24, "engine": engine});
        let answer = similar(&snapshot, &request(json)).unwrap();
        let ids: Vec<&str> = answer.results.iter().map(|result| result.id.as_str()).collect();
        let expected: Vec<String> =
            (0..50).step_by(2).filter(|n| *n != 10).map(|n| format!("t{n:02}")).collect();
        assert_eq!(ids, expected, "{engine}");
    }
}

#[test]
fn embeddings_have_a_schema_of_their_own() {
    let schema = "name = 'mine'\nanchor = 0.0\n[[features]]\nname = 'embedding'\nsource = 'vector'\n\
                  transform = 'unit_vector'\ndimensions = 32\n[[features]]\nname = 'energy'\n\
                  transform = 'linear'\nweight = 0.0\nbuild_weight = 0.1\n";
    let indexes = tempfile::tempdir().unwrap();
    let tracks = (0..300_u32).map(|n| {
        let mut track = track(&format!("t{n:03}"), &[(value::ENERGY, f64::from(n % 7))]);
        // Slowly turning directions: neighbours in number are neighbours in angle.
        let angle = f64::from(n) * 0.01;
        let vector = (0..32).map(|i| (angle * f64::from(i % 5 + 1) + f64::from(i)).cos() as f32).collect();
        if n != 299 {
            track.vectors.insert("vector".into(), vector);
        }
        track
    });
    let schema = Schema::parse(schema, "mine.toml").unwrap();
    let store = MemoryStore::of(tracks);
    build_with(indexes.path(), &store, schema, &options(), &Default::default()).unwrap();
    let snapshot = Snapshot::open(indexes.path(), "main", None).unwrap();
    let json = serde_json::json!({"seeds": ["t100"], "k": 2, "explain": true});
    let answer = similar(&snapshot, &request(json)).unwrap();
    let mut ids: Vec<&str> = answer.results.iter().map(|result| result.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["t099", "t101"]);
    let json = serde_json::json!({"seeds": ["t299"], "weights": {"embedding": 1.0}});
    assert!(matches!(similar(&snapshot, &request(json)), Err(QueryError::AllMissing { .. })));
    let json = serde_json::json!({"targets": {"embedding": 1.0}});
    assert!(matches!(similar(&snapshot, &request(json)), Err(QueryError::VectorTarget { .. })));
}
