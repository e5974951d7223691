//! Search by vector through the library.

use nearfield::index::{Allowed, EngineKind, ItemSet};
use nearfield::query::{EngineChoice, NearestRequest, QueryError, SimilarRequest, nearest, similar};
use nearfield::snapshot::Snapshot;
use nearfield::track::ItemIdx;

use crate::fixture::shared;

fn snapshot() -> Snapshot {
    let snapshot = Snapshot::open(shared(), "main", None).unwrap();
    snapshot.forest().unwrap().wait().unwrap();
    snapshot
}

fn default_weights(snapshot: &Snapshot) -> Vec<f64> {
    snapshot.schema().features.iter().map(|feature| feature.weight).collect()
}

fn request<'a>(vector: &'a [f32], weights: &'a [f64]) -> NearestRequest<'a> {
    let engine = EngineChoice::Auto;
    NearestRequest { vector, weights, anchor: 0.5, k: 10, engine, recall: 0.99, effort: None, allowed: None }
}

#[test]
fn a_tracks_vector_finds_what_the_track_finds() {
    let snapshot = snapshot();
    let weights = default_weights(&snapshot);
    let item = ItemIdx(41);
    let vector = snapshot.vectors().row(item);
    for kind in EngineKind::ALL {
        let engine = EngineChoice::Fixed(kind);
        // Everything, so that engines cannot differ in what they find.
        let k = snapshot.items().len();
        let (plan, found) =
            nearest(&snapshot, &NearestRequest { engine, k, ..request(vector, &weights) }).unwrap();
        assert_eq!((plan.engine, found.hits.len()), (kind, k));
        let by_vector: Vec<(String, f32)> = found
            .hits
            .iter()
            .filter(|hit| hit.item != item)
            .map(|hit| (snapshot.items().id(hit.item).into_owned(), hit.score))
            .collect();
        let seeds = vec![snapshot.items().id(item).into_owned()];
        let by_track = SimilarRequest {
            seeds,
            k,
            engine: kind.name().into(),
            collapse_duplicates: false,
            ..SimilarRequest::default()
        };
        let by_track = similar(&snapshot, &by_track).unwrap();
        let by_track: Vec<(String, f32)> =
            by_track.results.into_iter().map(|result| (result.id, result.similarity)).collect();
        assert_eq!(by_vector, by_track, "{kind}");
    }
}

#[test]
fn effort_and_filter_are_the_callers() {
    let snapshot = snapshot();
    let weights = default_weights(&snapshot);
    let vector = snapshot.vectors().row(ItemIdx(3));
    let engine = EngineChoice::Fixed(EngineKind::Hnsw);
    let (plan, _) =
        nearest(&snapshot, &NearestRequest { engine, effort: Some(77), ..request(vector, &weights) })
            .unwrap();
    assert_eq!(plan.effort, 77);
    let items = ItemSet::from_fn(snapshot.items().len(), |item| item % 400 == 7);
    let allowed = Allowed::new(items, snapshot.vectors());
    let (plan, found) =
        nearest(&snapshot, &NearestRequest { allowed: Some(&allowed), ..request(vector, &weights) }).unwrap();
    assert_eq!((plan.n_accepted, found.hits.len()), (allowed.len(), allowed.len().min(10)));
    assert!(found.hits.iter().all(|hit| allowed.items().contains(hit.item)));
}

#[test]
fn what_no_engine_could_answer_is_refused() {
    let snapshot = snapshot();
    let weights = default_weights(&snapshot);
    let vector = snapshot.vectors().row(ItemIdx(3)).to_vec();
    let refused = |request: NearestRequest<'_>, code: &str, field: &str| {
        let error = nearest(&snapshot, &request).unwrap_err();
        assert_eq!((error.code(), error.field().as_deref()), (code, Some(field)), "{error}");
    };
    refused(request(&vector[1..], &weights), "out_of_range", "vector");
    refused(request(&vector, &weights[1..]), "out_of_range", "weights");
    refused(NearestRequest { k: 0, ..request(&vector, &weights) }, "out_of_range", "k");
    refused(NearestRequest { recall: f64::NAN, ..request(&vector, &weights) }, "out_of_range", "recall");
    refused(NearestRequest { anchor: -1.0, ..request(&vector, &weights) }, "out_of_range", "anchor");
    for wrong in [f32::NAN, f32::INFINITY, 1e30] {
        let mut vector = vector.clone();
        vector[2] = wrong;
        refused(request(&vector, &weights), "out_of_range", "vector[2]");
    }
    let negative: Vec<f64> = weights.iter().map(|_| -1.0).collect();
    refused(request(&vector, &negative), "out_of_range", "weights.danceability");
    let none = vec![0.0; weights.len()];
    refused(request(&vector, &none), "all_weights_zero", "weights");
    let origin = vec![0.0; vector.len()];
    let no_direction = nearest(&snapshot, &NearestRequest { anchor: 0.0, ..request(&origin, &weights) });
    assert!(matches!(no_direction, Err(QueryError::NoDirection)));
}
