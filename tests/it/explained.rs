//! Explanations and counterfactuals, against what the server does when it is asked again.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use nearfield::eval::Family;
use nearfield::query::{Bounds, ExplainedTrack, Prepared, QueryError, SimilarRequest, similar};
use nearfield::snapshot::Snapshot;
use nearfield::track::ItemIdx;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use crate::fixture::{MemoryStore, build_in, options};

const N_TRACKS: usize = 3_000;
const N_QUERIES: usize = 1_000;

fn snapshot() -> Snapshot {
    static BUILT: OnceLock<TempDir> = OnceLock::new();
    let directory = BUILT.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        build_in(directory.path(), &MemoryStore::sample(N_TRACKS), &options()).unwrap();
        directory
    });
    Snapshot::open(directory.path(), "main", None).unwrap()
}

fn id(snapshot: &Snapshot, item: usize) -> String {
    snapshot.items().id(ItemIdx(item as u32)).into_owned()
}

/// A query of any kind.
fn draw(snapshot: &Snapshot, rng: &mut StdRng) -> SimilarRequest {
    let engine = "exact".into();
    let mut request = SimilarRequest { engine, collapse_duplicates: false, ..SimilarRequest::default() };
    let families = [Family::Random, Family::Exponential, Family::Sparse, Family::Uniform];
    let family = &families[rng.random_range(0..families.len())];
    let weights = family.draw(snapshot.schema(), rng);
    let names = snapshot.schema().features.iter().map(|feature| feature.name.clone());
    request.weights = names.zip(weights).filter(|(_, weight)| *weight > 0.0).collect();
    request.base_weights = Some("zero".into());
    if rng.random_bool(0.2) {
        request.weights.insert("key".into(), rng.random_range(0.0..2.0));
        request.weights.insert("release_year".into(), 0.5);
    }
    let n_seeds = if rng.random_bool(0.5) { 1 } else { rng.random_range(1..6) };
    request.seeds = (0..n_seeds).map(|_| id(snapshot, rng.random_range(0..N_TRACKS))).collect();
    if rng.random_bool(0.2) {
        request.negative_seeds = vec![id(snapshot, rng.random_range(0..N_TRACKS))];
    }
    if rng.random_bool(0.2) {
        request.targets.insert("tempo".into(), rng.random_range(80.0..160.0));
    }
    if rng.random_bool(0.1) {
        request.seeds.clear();
        request.negative_seeds.clear();
        request.targets.insert("energy".into(), rng.random_range(0.1..0.9));
        request.targets.insert("valence".into(), rng.random_range(0.1..0.9));
    }
    if rng.random_bool(0.3) {
        request.filters.year = Some(Bounds { min: Some(1990.0), max: None });
    }
    request.anchor = [None, Some(0.0), Some(2.0)][rng.random_range(0..3)];
    request.k = [1, 5, 10, 25][rng.random_range(0..4)];
    request
}

fn explained(
    snapshot: &Snapshot,
    request: &SimilarRequest,
    track: &str,
) -> Result<ExplainedTrack, QueryError> {
    let prepared = Prepared::plain(snapshot, request)?;
    let item = prepared.find_track(snapshot, track)?;
    prepared.explain_track(snapshot, item)
}

/// Whether `track` is in the answer when the request is sent as it is.
fn is_in(snapshot: &Snapshot, request: &SimilarRequest, track: &str) -> Result<bool, QueryError> {
    Ok(similar(snapshot, request)?.results.iter().any(|result| result.id == track))
}

#[test]
fn contributions_of_random_queries_add_up() {
    let snapshot = snapshot();
    let mut rng = StdRng::seed_from_u64(3);
    let mut n_results = 0;
    for _ in 0..N_QUERIES {
        let request = SimilarRequest { explain: true, ..draw(&snapshot, &mut rng) };
        let answer = similar(&snapshot, &request).unwrap();
        for result in answer.results {
            let explanation = result.explanation.unwrap();
            let sum: f64 = explanation.contributions.values().sum();
            assert!((sum - f64::from(result.similarity)).abs() <= 1e-5, "{request:?}: {sum}");
            assert!(explanation.summary.chars().count() <= 200, "{}", explanation.summary);
            n_results += 1;
        }
    }
    assert!(n_results > 9 * N_QUERIES);
}

#[test]
fn counterfactuals_of_random_queries_do_what_they_say() {
    let snapshot = snapshot();
    let mut rng = StdRng::seed_from_u64(4);
    let (mut n_drops, mut n_enters, mut n_none, mut n_grid) = (0, 0, 0, 0);
    for turn in 0..N_QUERIES {
        let request = draw(&snapshot, &mut rng);
        // Half of the tracks are within, half of them not far behind, some anywhere.
        let depth =
            [request.k, 4 * request.k, N_TRACKS][usize::from(turn % 2 == 1) + usize::from(turn % 8 == 7)];
        let ranking = similar(&snapshot, &SimilarRequest { k: depth, ..request.clone() }).unwrap().results;
        if ranking.is_empty() {
            continue;
        }
        let chosen = &ranking[rng.random_range(0..ranking.len())];
        let answer = explained(&snapshot, &request, &chosen.id).unwrap();
        assert_eq!((answer.rank, answer.similarity), (Some(chosen.rank), chosen.similarity));
        assert_eq!(answer.in_top_k, chosen.rank <= request.k);
        assert_eq!(answer.kth_similarity, ranking.get(request.k - 1).map(|hit| hit.similarity));
        let counterfactuals = answer.counterfactuals.unwrap();
        let prepared = Prepared::new(&snapshot, &request).unwrap();
        let names = snapshot.schema().features.iter().map(|feature| feature.name.clone());
        let weights: BTreeMap<String, f64> =
            names.zip(prepared.feature_weights).filter(|(_, weight)| *weight > 0.0).collect();
        assert!(counterfactuals.keys().eq(weights.keys()));
        let sizes = counterfactuals.values().flatten().map(|change| (change.factor - 1.0).abs());
        let smallest = sizes.min_by(f64::total_cmp);
        assert_eq!(answer.smallest.map(|change| (change.factor - 1.0).abs()), smallest);
        for (feature, change) in counterfactuals {
            let weight = weights[&feature];
            let with = |to: f64| {
                let mut changed = request.clone();
                changed.weights.insert(feature.clone(), to);
                // As a client sends it.
                let json = serde_json::to_string(&changed).unwrap();
                serde_json::from_str::<SimilarRequest>(&json).unwrap()
            };
            let threshold = match &change {
                Some(change) => {
                    assert_eq!(change.weight, weight);
                    assert!((0.0..=10.0).contains(&change.factor) && change.to != weight, "{change:?}");
                    let what = format!("{request:?} {} {feature} {change:?}", chosen.id);
                    let now_in = is_in(&snapshot, &with(change.to), &chosen.id).unwrap();
                    assert_ne!(now_in, answer.in_top_k, "{what}");
                    let as_far = SimilarRequest { k: change.rank, ..with(change.to) };
                    let ranking = similar(&snapshot, &as_far).unwrap().results;
                    assert_eq!(
                        (ranking.len(), &ranking[change.rank - 1].id),
                        (change.rank, &chosen.id),
                        "{what}"
                    );
                    let beyond = (change.to - change.threshold).abs() / (change.threshold - weight).abs();
                    assert!(beyond <= 0.0201, "{change:?}");
                    *(if answer.in_top_k { &mut n_drops } else { &mut n_enters }) += 1;
                    (change.threshold / weight - 1.0).abs()
                }
                None => {
                    n_none += 1;
                    f64::INFINITY
                }
            };
            if turn % 25 != 0 {
                continue;
            }
            // No smaller change on a grid does it.
            let factors = (0..200)
                .map(|step| f64::from(step) / 200.0)
                .chain((0..180).map(|step| 1.0 + f64::from(step) / 20.0));
            for factor in factors.filter(|factor| (factor - 1.0).abs() < threshold * (1.0 - 1e-6)) {
                let Ok(now_in) = is_in(&snapshot, &with(weight * factor), &chosen.id) else { continue };
                let what = format!("{request:?} {} {feature} x {factor} {change:?}", chosen.id);
                assert_eq!(now_in, answer.in_top_k, "{what}");
                n_grid += 1;
            }
        }
    }
    println!("{n_drops} drop, {n_enters} enter, {n_none} do neither, {n_grid} smaller changes tried");
    assert!(n_drops > 1_000 && n_enters > 300 && n_none > 1_000 && n_grid > 50_000);
}
