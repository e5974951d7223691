//! Explanations and counterfactuals, against what the server does when it is asked again.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use nearfield::eval::Family;
use nearfield::progress::CancelToken;
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
    open(&BUILT, N_TRACKS)
}

/// So many that more are undecided than are swept without halving.
fn large_snapshot() -> Snapshot {
    static BUILT: OnceLock<TempDir> = OnceLock::new();
    open(&BUILT, 2 * N_TRACKS)
}

fn open(built: &OnceLock<TempDir>, n_tracks: usize) -> Snapshot {
    let directory = built.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        build_in(directory.path(), &MemoryStore::sample(n_tracks), &options()).unwrap();
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
    prepared.explain_track(snapshot, item, &CancelToken::new())
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
    let (mut n_drops, mut n_enters, mut n_none, mut n_grid, mut n_undetermined) = (0, 0, 0, 0, 0);
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
        n_undetermined += answer.undetermined.len();
        assert_eq!(answer.undetermined.is_empty(), answer.warnings.len() == prepared.warnings.len());
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
    println!(
        "{n_drops} drop, {n_enters} enter, {n_none} do neither, {n_grid} smaller changes tried, {n_undetermined} undetermined"
    );
    assert!(n_undetermined < (n_drops + n_enters + n_none) / 100);
    assert!(n_drops > 1_000 && n_enters > 300 && n_none > 1_000 && n_grid > 50_000);
}

/// A query by hand.
fn weighing(seed: String, weights: &[(&str, f64)], anchor: Option<f64>) -> SimilarRequest {
    SimilarRequest {
        seeds: vec![seed],
        weights: weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect(),
        base_weights: Some("zero".into()),
        anchor,
        engine: "exact".into(),
        collapse_duplicates: false,
        ..SimilarRequest::default()
    }
}

/// Checks what is said of the track at `rank`, and returns how many features are undetermined.
fn check_at(snapshot: &Snapshot, request: &SimilarRequest, rank: usize) -> usize {
    let ranking = similar(snapshot, &SimilarRequest { k: rank, ..request.clone() }).unwrap().results;
    let track = &ranking[rank - 1].id;
    let answer = explained(snapshot, request, track).unwrap();
    assert_eq!(answer.rank, Some(rank));
    for (feature, change) in answer.counterfactuals.unwrap() {
        let with = |to: f64| {
            let mut changed = request.clone();
            changed.weights.insert(feature.clone(), to);
            is_in(snapshot, &changed, track)
        };
        let what = format!("{request:?} {track} {feature} {change:?}");
        if let Some(change) = &change {
            assert_ne!(with(change.to).unwrap(), answer.in_top_k, "{what}");
        }
        if answer.undetermined.contains(&feature) {
            continue;
        }
        let nearest = change
            .as_ref()
            .map_or(f64::INFINITY, |change| (change.threshold / change.weight - 1.0).abs() * (1.0 - 1e-6));
        for factor in [0.0, 0.01, 0.1, 0.5, 0.9, 1.1, 2.0, 5.0, 8.85, 10.0] {
            let to = factor * request.weights[&feature];
            if to <= 1e6 && (factor - 1.0_f64).abs() < nearest {
                assert!(
                    with(to).is_ok_and(|now| now == answer.in_top_k) || with(to).is_err(),
                    "{what} x {factor}"
                );
            }
        }
    }
    answer.undetermined.len()
}

#[test]
fn one_feature_without_an_anchor_is_determined() {
    let snapshot = large_snapshot();
    let mut n_checked = 0;
    for feature in &snapshot.schema().features {
        for (seed, rank) in [(7, 1), (8, 10), (9, 11), (10, 3_000)] {
            let request = weighing(id(&snapshot, seed), &[(&feature.name, 1.0)], Some(0.0));
            if Prepared::new(&snapshot, &request).is_ok() {
                assert_eq!(check_at(&snapshot, &request, rank), 0, "{} {seed} {rank}", feature.name);
                n_checked += 1;
            }
        }
    }
    assert!(n_checked > 40);
}

#[test]
fn weights_of_unlike_size_end_and_tell_no_lies() {
    let snapshot = large_snapshot();
    let mut rng = StdRng::seed_from_u64(5);
    let mut requests = vec![
        weighing(id(&snapshot, 7), &[("mode", 1.0), ("energy", 0.001)], None),
        weighing(
            id(&snapshot, 7),
            &[("time_signature", 1e4), ("mode", 0.6), ("duration_ms", 0.19)],
            Some(100.0),
        ),
        weighing(id(&snapshot, 7), &[("mode", 1e6), ("tempo", 0.024)], Some(0.0)),
    ];
    let names: Vec<&str> = snapshot.schema().features.iter().map(|feature| feature.name.as_str()).collect();
    for _ in 0..20 {
        let seed = id(&snapshot, rng.random_range(0..2 * N_TRACKS));
        let [a, b] = [0, 7].map(|first| names[first + rng.random_range(0..7)]);
        let ratio = 10_f64.powf(rng.random_range(3.0..6.0));
        let weights = if rng.random_bool(0.5) { [(a, ratio), (b, 1.0)] } else { [(a, 1.0), (b, ratio)] };
        requests.push(weighing(seed, &weights, [None, Some(0.0), Some(100.0)][rng.random_range(0..3)]));
    }
    let (mut n_features, mut n_undetermined) = (0, 0);
    for request in requests {
        if Prepared::new(&snapshot, &request).is_err() {
            continue;
        }
        for rank in [3, 12, 2_000] {
            n_features += request.weights.len();
            n_undetermined += check_at(&snapshot, &request, rank);
        }
    }
    println!("{n_undetermined} of {n_features} undetermined");
    assert!(n_features > 100);
}

#[test]
fn a_seed_has_the_values_that_it_has_as_a_track() {
    let snapshot = snapshot();
    let names = snapshot.schema().features.iter().map(|feature| (feature.name.clone(), 1.0));
    let weights: BTreeMap<String, f64> = names.collect();
    let (mut n_values, mut n_minor, mut n_same) = (0, 0, 0);
    let seeds: Vec<String> = (0..40).map(|item| id(&snapshot, item)).collect();
    let of = |seed: &String| {
        let request = SimilarRequest {
            seeds: vec![seed.clone()],
            weights: weights.clone(),
            explain: true,
            k: 50,
            ..SimilarRequest::default()
        };
        similar(&snapshot, &request).unwrap().results
    };
    for pair in seeds.windows(2) {
        let request = SimilarRequest { weights: weights.clone(), ..weighing(pair[0].clone(), &[], None) };
        let as_track = explained(&snapshot, &request, &pair[1]).unwrap().explanation.differences;
        let results = of(&pair[1]);
        let as_query = &results[0].explanation.as_ref().unwrap().differences;
        for (feature, known) in as_track {
            let query = &as_query[&feature];
            assert_eq!(
                (query.query, &query.query_text, query.query_percentile),
                (known.track, &known.track_text, known.track_percentile),
                "{feature}"
            );
            n_values += usize::from(known.track.is_some());
        }
        for result in &results {
            let explanation = result.explanation.as_ref().unwrap();
            let key = &explanation.differences["key"];
            let is_minor = key.track_text.as_ref().is_some_and(|text| text.ends_with(" minor"));
            n_minor += usize::from(is_minor && key.query_text == key.track_text);
            for (feature, difference) in &explanation.differences {
                if difference.query.is_some() && difference.query == difference.track {
                    assert_eq!(difference.query_percentile, difference.track_percentile, "{feature}");
                    n_same += 1;
                }
            }
        }
    }
    assert!(n_values > 300 && n_minor > 0 && n_same > 300, "{n_values} {n_minor} {n_same}");
}

#[test]
fn what_no_track_can_be_is_told_as_such() {
    let snapshot = snapshot();
    let mut rng = StdRng::seed_from_u64(6);
    let mut n_outside = 0;
    for _ in 0..50 {
        let request = SimilarRequest {
            negative_seeds: vec![id(&snapshot, rng.random_range(0..N_TRACKS))],
            negative_weight: 3.0,
            base_weights: Some("playlist".into()),
            explain: true,
            ..weighing(id(&snapshot, rng.random_range(0..N_TRACKS)), &[], None)
        };
        for result in similar(&snapshot, &request).unwrap().results {
            for (feature, difference) in result.explanation.unwrap().differences {
                let schema = snapshot.schema();
                let (_, known) = schema.feature(&feature).unwrap();
                let (Some(query), Some(text)) = (difference.query, difference.query_text) else { continue };
                let is_outside = !known.in_range(query) && feature != "mode";
                let says_so = text.starts_with("below ")
                    || text.starts_with("above ")
                    || text.contains("fore ")
                    || text.contains("fter ");
                assert_eq!(is_outside, says_so, "{feature} {query} {text}");
                n_outside += usize::from(is_outside);
                let amount = difference.text.is_some_and(|text| text.contains(|c: char| c.is_ascii_digit()));
                assert!(!is_outside || !amount || feature == "time_signature", "{feature} {query}");
            }
        }
    }
    assert!(n_outside > 100);
}
