//! Removed tracks are in no answer: every engine, filters with counts, seeds, search.

use std::collections::BTreeSet;

use nearfield::artifact::Removals;
use nearfield::index::{Allowed, ItemSet};
use nearfield::query::{
    Answer, EngineChoice, NearestRequest, SimilarRequest, nearest, similar, similar_batch,
};
use nearfield::snapshot::Snapshot;
use nearfield::track::{ItemIdx, TrackId};
use serde_json::{Value, json};

use crate::fixture::shared;

const N_ITEMS: usize = 1_500;

fn open() -> Snapshot {
    let snapshot = Snapshot::open(shared(), "main", None).unwrap();
    snapshot.forest().unwrap().wait().unwrap();
    snapshot
}

/// Every `step`-th item but the first, as a list of removals made now.
fn some(snapshot: &Snapshot, step: usize) -> (Removals, BTreeSet<String>) {
    let mut removals = Removals::default();
    let mut ids = BTreeSet::new();
    for item in (step..N_ITEMS).step_by(step) {
        let id = snapshot.items().id(ItemIdx(item as u32)).into_owned();
        removals.note(&TrackId::parse(&id).unwrap(), jiff::Timestamp::now());
        ids.insert(id);
    }
    (removals, ids)
}

fn request(json: Value) -> SimilarRequest {
    serde_json::from_value(json).unwrap()
}

fn ranking(answer: &Answer) -> Vec<(String, f32)> {
    answer.results.iter().map(|result| (result.id.clone(), result.similarity)).collect()
}

#[test]
fn no_engine_returns_them_and_counts_are_without_them() {
    let whole = open();
    let seed = whole.items().id(ItemIdx(0)).into_owned();
    // 3 are excluded one by one, 214 are a filter, 1,499 leave nothing but the seed.
    for step in [500, 7, 1] {
        let (removals, ids) = some(&whole, step);
        assert_eq!(ids.len() > 32, step < 500);
        let without = whole.with_removals(&removals);
        assert_eq!(without.removed().len(), ids.len());
        let listed: Vec<&String> = ids.iter().collect();
        let filters = [
            json!({}),
            json!({"year": {"min": 1990}}),
            json!({"ids": listed}),
            json!({"exclude_ids": listed}),
            json!({"exclude_ids": ["nobody"]}),
        ];
        let mut batch = Vec::new();
        for filters in &filters {
            // What is right: everything that the exact engine returns of the whole, without the removed.
            let ask = |snapshot: &Snapshot, engine: &str, k: usize| {
                let asked = json!({"seeds": [seed], "k": k, "engine": engine, "filters": filters, "recall": 0.9, "collapse_duplicates": false});
                similar(snapshot, &request(asked)).unwrap()
            };
            let all = ask(&whole, "exact", N_ITEMS).results;
            let expected: Vec<(String, f32)> = all
                .into_iter()
                .filter(|result| !ids.contains(&result.id))
                .map(|result| (result.id, result.similarity))
                .collect();
            for engine in ["exact", "hnsw", "forest", "auto"] {
                for k in [10, N_ITEMS] {
                    let what = format!("{step} {filters} {engine} {k}");
                    let answer = ask(&without, engine, k);
                    assert_eq!(answer.plan.candidates, expected.len(), "{what}");
                    assert_eq!(answer.results.len(), k.min(expected.len()), "{what}");
                    assert!(answer.results.iter().all(|result| !ids.contains(&result.id)), "{what}");
                    if engine == "exact" || k == N_ITEMS {
                        let found =
                            answer.results.iter().map(|result| (result.id.clone(), result.similarity));
                        assert!(found.eq(expected.iter().take(k).cloned()), "{what}");
                    }
                }
            }
            batch.push(request(
                json!({"seeds": [seed], "k": N_ITEMS, "filters": filters, "collapse_duplicates": false}),
            ));
        }
        for (answer, request) in similar_batch(&without, &batch).into_iter().zip(&batch) {
            let alone = similar(&without, request).unwrap();
            assert_eq!(ranking(&answer.unwrap()), ranking(&alone));
        }
        // The list shrinks, and everything is as before, compiled filters too.
        let again = without.with_removals(&Removals::default());
        for request in &batch {
            assert_eq!(
                ranking(&similar(&again, request).unwrap()),
                ranking(&similar(&whole, request).unwrap())
            );
        }
    }
}

#[test]
fn a_graph_keeps_its_recall_among_many_removed() {
    let whole = open();
    let (removals, _) = some(&whole, 2);
    let without = whole.with_removals(&removals);
    let (mut found, mut wanted) = (0, 0);
    for item in (0..N_ITEMS as u32).step_by(50) {
        let seed = whole.items().id(ItemIdx(item)).into_owned();
        let ask = |engine: &str| {
            let asked = json!({"seeds": [seed], "k": 10, "engine": engine});
            let answer = similar(&without, &request(asked)).unwrap();
            answer.results.into_iter().map(|result| result.id).collect::<BTreeSet<String>>()
        };
        if without.find(&TrackId::parse(&seed).unwrap()).is_some() {
            let truth = ask("exact");
            found += ask("hnsw").intersection(&truth).count();
            wanted += truth.len();
        }
    }
    assert!(found * 100 >= wanted * 97, "{found} of {wanted}");
}

#[test]
fn nearest_by_vector_leaves_them_out_whatever_is_allowed() {
    let whole = open();
    for step in [500, 7] {
        let (removals, _) = some(&whole, step);
        let without = whole.with_removals(&removals);
        let everything = Allowed::new(ItemSet::from_fn(N_ITEMS, |_| true), whole.vectors());
        for allowed in [None, Some(&everything)] {
            let schema = whole.schema();
            let asked = NearestRequest {
                vector: &vec![0.1; schema.dim()],
                weights: &vec![1.0; schema.features.len()],
                anchor: 0.5,
                k: N_ITEMS,
                engine: EngineChoice::Auto,
                recall: 0.99,
                effort: None,
                allowed,
            };
            let (plan, found) = nearest(&without, &asked).unwrap();
            assert_eq!(
                (found.hits.len(), plan.n_accepted),
                (N_ITEMS - without.removed().len(), found.hits.len())
            );
            assert!(found.hits.iter().all(|hit| !without.is_removed(hit.item)));
        }
    }
}

#[test]
fn a_removed_seed_is_unknown_and_search_passes_it_by() {
    let whole = open();
    let (removals, ids) = some(&whole, 500);
    let without = whole.with_removals(&removals);
    let id = ids.first().unwrap();
    for asked in [json!({"seeds": [id]}), json!({"targets": {"energy": 0.5}, "negative_seeds": [id]})] {
        assert_eq!(similar(&without, &request(asked.clone())).unwrap_err().code(), "unknown_track");
        assert!(similar(&whole, &request(asked)).is_ok());
    }
    let item = whole.find(&TrackId::parse(id).unwrap()).unwrap();
    let name = whole.items().record(item).unwrap().name.unwrap();
    let search = |snapshot: &Snapshot| {
        snapshot.titles().search_among(&name, 50, |_| 0.0, |item| !snapshot.is_removed(item))
    };
    assert!(search(&whole).iter().any(|hit| hit.item == item));
    assert!(!search(&without).iter().any(|hit| hit.item == item));
}

#[test]
fn what_answers_depend_on_has_a_name() {
    let whole = open();
    let edition = |step: usize| whole.with_removals(&some(&whole, step).0).edition().to_owned();
    assert_eq!(whole.edition(), whole.manifest().generation);
    assert_eq!(whole.with_removals(&Removals::default()).edition(), whole.edition());
    assert_eq!(edition(500), edition(500));
    assert_eq!(BTreeSet::from([edition(500), edition(7), edition(1), whole.edition().to_owned()]).len(), 4);
}
