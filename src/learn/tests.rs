//! Tests of learning, on a catalogue with a planted structure.

use std::ops::ControlFlow;

use proptest::prelude::*;
use tempfile::TempDir;

use super::examples::Examples;
use super::weights::{Evidence, to_mean_one};
use super::*;
use crate::artifact::SnapshotDir;
use crate::build::{BuildOptions, build};
use crate::feature::Schema;
use crate::progress::{CancelToken, Progress};
use crate::snapshot::Snapshot;
use crate::store::{StoreError, TrackReader};
use crate::track::{ItemIdx, Track, TrackId, value};

struct Tracks(Vec<Track>);

impl TrackReader for Tracks {
    fn count(&self) -> Result<u64, StoreError> {
        Ok(self.0.len() as u64)
    }

    fn scan(&self, visit: &mut dyn FnMut(Track) -> ControlFlow<()>) -> Result<(), StoreError> {
        let _ = self.0.iter().try_for_each(|track| visit(track.clone()));
        Ok(())
    }
}

/// Tracks `t000` to `t199`: valence grows with the number; energy is 0.8 for the first half, 0.2 for the others; tempo runs
/// through all values in either half; no track has a popularity.
fn catalogue() -> (TempDir, Snapshot) {
    let track = |n: u32| {
        let mut track = Track::new(TrackId::parse(&format!("t{n:03}")).unwrap());
        track.values.insert(value::VALENCE.into(), f64::from(n) / 200.0);
        track.values.insert(value::ENERGY.into(), if n < 100 { 0.8 } else { 0.2 });
        track.values.insert(value::TEMPO.into(), 60.0 + f64::from(n * 37 % 100));
        track
    };
    let directory = tempfile::tempdir().unwrap();
    let snapshot_dir = SnapshotDir::new(directory.path(), "main").unwrap();
    let options = BuildOptions { engines: vec![crate::index::EngineKind::Exact], ..BuildOptions::default() };
    let (hidden, go_on) = (Progress::hidden(), CancelToken::new());
    let tracks = Tracks((0..200).map(track).collect());
    build(&tracks, "memory", &snapshot_dir, Schema::spotify(), &options, &hidden, &go_on).unwrap();
    let snapshot = Snapshot::open(directory.path(), "main", None).unwrap();
    (directory, snapshot)
}

fn ids(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(|n| format!("t{n:03}")).collect()
}

fn request(liked: Vec<String>, disliked: Vec<String>) -> InferRequest {
    InferRequest { liked, disliked, base_weights: None }
}

/// The factor over the weight that no evidence leads to.
fn gain(snapshot: &Snapshot, learned: &Learned, feature: &str) -> f64 {
    let schema = snapshot.schema();
    learned.weights[feature] / Prior::of(schema, None).unwrap().base[schema.feature(feature).unwrap().0]
}

#[test]
fn what_liked_tracks_share_counts_more_than_what_they_do_not() {
    let (_directory, snapshot) = catalogue();
    let learned = infer(&snapshot, &request(ids((0..100).step_by(9)), Vec::new())).unwrap();
    let gain = |feature| gain(&snapshot, &learned, feature);
    assert!(gain("energy") > 4.0 * gain("valence"), "{learned:?}");
    assert!(gain("valence") > gain("tempo"), "half of its range is closer than all of it: {learned:?}");
    assert_eq!((learned.n_liked, learned.n_disliked, learned.anchor), (12, 0, 0.5));
    assert!(learned.confidence["energy"] > learned.confidence["valence"]);
    let mean = learned.weights.values().sum::<f64>() / learned.weights.len() as f64;
    assert!((mean - 1.0).abs() < 1e-3, "{mean}");
}

#[test]
fn disliked_tracks_count_where_they_differ() {
    let (_directory, snapshot) = catalogue();
    let liked = || ids([60, 75, 90, 101, 112, 140]);
    let before = infer(&snapshot, &request(liked(), Vec::new())).unwrap();
    // Energy and tempo of all kinds, like the liked ones; but valence far below.
    let after = infer(&snapshot, &request(liked(), ids([0, 3, 5, 8, 12, 15]))).unwrap();
    let ratio = |feature: &str| after.weights[feature] / before.weights[feature];
    assert!(ratio("valence") > 1.5 * ratio("tempo"), "{before:?} {after:?}");
    let alike = infer(&snapshot, &request(liked(), ids([61, 76, 91, 102, 113, 141]))).unwrap();
    for (feature, weight) in &before.weights {
        assert!((alike.weights[feature] - weight).abs() < 1e-9, "{feature}: they tell nothing");
    }
}

#[test]
fn few_examples_leave_the_base() {
    let (_directory, snapshot) = catalogue();
    let prior = Prior::of(snapshot.schema(), None).unwrap();
    let mut base = prior.base.clone();
    to_mean_one(&mut base);
    let nothing = learn(&snapshot, Vec::new(), Vec::new(), &prior);
    let by_feature = |learned: &Learned| -> Vec<f64> {
        snapshot.schema().features.iter().map(|feature| learned.weights[&feature.name]).collect()
    };
    assert_eq!(by_feature(&nothing), base);
    // The one at the very end of valence, and with a disliked one at the other.
    for disliked in [Vec::new(), vec![ItemIdx(0)]] {
        let one = learn(&snapshot, vec![ItemIdx(199)], disliked, &prior);
        assert_eq!(by_feature(&one), base);
    }
    let one = learn(&snapshot, vec![ItemIdx(100)], Vec::new(), &prior);
    assert!(one.warnings.iter().any(|warning| warning.starts_with("one liked track")));
    assert!(one.confidence.values().all(|confidence| *confidence == 0.0));
    let popularity = snapshot.schema().feature(value::POPULARITY).unwrap().0;
    let many = infer(&snapshot, &request(ids(0..50), Vec::new())).unwrap();
    assert_eq!(many.confidence[value::POPULARITY], 0.0);
    assert!(many.warnings.iter().any(|warning| warning.contains("`popularity`")), "{:?}", many.warnings);
    assert!(prior.base[popularity] > 0.0 && many.weights[value::POPULARITY] > 0.0);
}

#[test]
fn a_base_is_kept_to() {
    let (_directory, snapshot) = catalogue();
    let based =
        |base: &str| InferRequest { base_weights: Some(base.into()), ..request(ids(0..9), Vec::new()) };
    let learned = infer(&snapshot, &based("dj")).unwrap();
    let used: Vec<&str> =
        learned.weights.iter().filter(|(_, weight)| **weight > 0.0).map(|(name, _)| name.as_str()).collect();
    assert_eq!(used, ["danceability", "energy", "key", "tempo"]);
    assert_eq!(learned.confidence["valence"], 0.0);
    assert_eq!(infer(&snapshot, &based("zero")).unwrap_err().code(), "all_weights_zero");
    let unknown = infer(&snapshot, &based("moods")).unwrap_err();
    assert_eq!(unknown.code(), "unknown_profile");
    assert!(unknown.to_string().contains("did you mean `mood`?"), "{unknown}");
}

#[test]
fn what_is_wrong_is_named_by_its_place() {
    let (_directory, snapshot) = catalogue();
    let check = |liked: Vec<String>, disliked: Vec<String>, code: &str, field: &str| {
        let error = infer(&snapshot, &request(liked, disliked)).unwrap_err();
        assert_eq!((error.code(), error.field()), (code, field), "{error}");
    };
    check(Vec::new(), ids([1]), "nothing_liked", "liked");
    check(vec!["t001".into(), "nobody".into()], Vec::new(), "unknown_track", "liked[1]");
    check(ids([1]), vec!["a b".into()], "unknown_track", "disliked[0]");
    check(ids([1, 2]), ids([5, 2]), "liked_and_disliked", "disliked[1]");
    check(vec!["t001".into(); MAX_EXAMPLES + 1], Vec::new(), "too_many_entries", "liked");
}

#[test]
fn the_same_track_under_two_spellings_counts_once() {
    let (_directory, snapshot) = catalogue();
    let twice = vec!["t001".into(), "spotify:track:t001".into(), "t050".into()];
    let twice = infer(&snapshot, &request(twice, Vec::new())).unwrap();
    assert_eq!(twice, infer(&snapshot, &request(ids([50, 1]), Vec::new())).unwrap());
}

#[test]
fn spreads_are_those_within_playlists() {
    let (_directory, snapshot) = catalogue();
    let playlists: Vec<Vec<ItemIdx>> =
        (0..2).map(|half| (0..100).map(|n| ItemIdx(100 * half + n)).collect()).collect();
    let spreads = spreads(&snapshot, &playlists);
    let spread = |feature: &str| spreads[snapshot.schema().feature(feature).unwrap().0];
    assert!(spread("energy") < 1e-9, "the same all over each half");
    assert!(
        (spread("valence") - 0.2525).abs() < 1e-3,
        "a quarter of the variance, n - 1 in place of n: {spreads:?}"
    );
    assert!((spread("tempo") - 1.0).abs() < 0.02, "all values in each half: {spreads:?}");
    assert_eq!(spread("popularity"), 1.0, "nothing is known of it");
}

fn examples(values: &[f64]) -> Examples {
    Examples::of_values(values.to_vec(), values.len(), 1)
}

proptest! {
    #[test]
    fn evidence_is_finite_and_within_its_bounds(
        liked in prop::collection::vec(-50.0..50.0_f64, 0..40),
        disliked in prop::collection::vec(-50.0..50.0_f64, 0..40),
        spread in 0.0..2.0_f64,
    ) {
        let evidence = Evidence::of(&examples(&liked), &examples(&disliked), spread);
        prop_assert!(evidence.factor.is_finite() && evidence.factor > 0.0, "{:?}", evidence);
        prop_assert!((0.0..1.0).contains(&evidence.confidence), "{:?}", evidence);
        // However extreme the examples are, few of them change little.
        let most = |n: f64| (n - 1.0) / (n + 3.0) * 1_000.0_f64.ln();
        let n = liked.len().max(1) as f64;
        prop_assert!(evidence.factor.ln().abs() <= most(n) + 1e-9, "{:?}", evidence);
    }

    #[test]
    fn dislikes_never_lower_a_factor(
        liked in prop::collection::vec(-3.0..3.0_f64, 1..20),
        disliked in prop::collection::vec(-3.0..3.0_f64, 1..20),
    ) {
        let (with, without) = (examples(&disliked), examples(&[]));
        let factor = |disliked| Evidence::of(&examples(&liked), disliked, 0.5).factor;
        prop_assert!(factor(&with) >= factor(&without));
    }

    #[test]
    fn closer_examples_weigh_more(liked in prop::collection::vec(-3.0..3.0_f64, 3..20), shrink in 0.1..0.9_f64) {
        // About the centre of the catalogue, so that where they are says nothing.
        let mean = liked.iter().sum::<f64>() / liked.len() as f64;
        let about = |factor: f64| liked.iter().map(|x| factor * (x - mean)).collect::<Vec<f64>>();
        let factor = |scale| Evidence::of(&examples(&about(scale)), &examples(&[]), 0.5).factor;
        prop_assert!(factor(shrink) >= factor(1.0));
    }

    #[test]
    fn leaving_one_out_is_what_the_others_give(liked in prop::collection::vec(-3.0..3.0_f64, 2..12)) {
        let (all, none) = (examples(&liked), examples(&[1.0]));
        for (place, quick) in all.sums_without_each(&none).enumerate() {
            let mut others = liked.clone();
            others.remove(place);
            let slow = examples(&others).sums(&none);
            for (a, b) in [
                (quick.n, slow.n),
                (quick.squares, slow.squares),
                (quick.from_centre, slow.from_centre),
                (quick.from_disliked, slow.from_disliked),
            ] {
                prop_assert!((a - b).abs() < 1e-9, "{:?} {:?}", quick, slow);
            }
        }
    }

    #[test]
    fn weights_have_a_mean_of_one(weights in prop::collection::vec(1e-6..1e6_f64, 1..20)) {
        let mut scaled = weights.clone();
        to_mean_one(&mut scaled);
        let mean = scaled.iter().sum::<f64>() / scaled.len() as f64;
        prop_assert!((mean - 1.0).abs() < 1e-3, "{}", mean);
        for (a, b) in weights.iter().zip(&scaled) {
            let ratio = a / b * scaled[0] / weights[0];
            prop_assert!((ratio - 1.0).abs() < 2e-3, "{}", ratio);
        }
    }
}

#[test]
fn examples_that_are_all_the_same_are_sure_and_finite() {
    for n in [2, 10, 1000] {
        let evidence = Evidence::of(&examples(&vec![0.7; n]), &examples(&[]), 0.5);
        assert!(evidence.factor > 1.0 && evidence.factor < 1_000.0, "{evidence:?}");
        let share = (n as f64 - 1.0) / (n as f64 + 3.0);
        assert!((evidence.confidence - share).abs() < 1e-6, "{evidence:?}");
    }
}
