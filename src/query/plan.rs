//! Which engine, how hard, and why.

use crate::artifact::{Calibration, CalibrationBucket, ExactCost};
use crate::feature::Schema;
use crate::index::hnsw::{MAX_EF, MIN_EF, MOST_WIDENED_SHARE, filter_widening};
use crate::index::{EngineKind, Exact};

use super::error::QueryError;

/// The engine a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineChoice {
    /// Whichever meets the recall at the least cost; the exact one where it costs hardly more.
    Auto,
    /// This one.
    Fixed(EngineKind),
}

impl EngineChoice {
    /// Reads the name of an engine that is among those `built`.
    pub fn parse(name: &str, built: &[EngineKind]) -> Result<Self, QueryError> {
        if name == "auto" {
            return Ok(Self::Auto);
        }
        let kind: EngineKind =
            name.parse().map_err(|_| QueryError::UnknownEngine { name: name.to_owned() })?;
        if !built.contains(&kind) {
            let built: Vec<&str> = built.iter().map(|kind| kind.name()).collect();
            return Err(QueryError::EngineNotBuilt { name: name.to_owned(), built: built.join(", ") });
        }
        Ok(Self::Fixed(kind))
    }
}

/// What the planner looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation<'a> {
    pub calibration: &'a Calibration,
    /// Whether this generation has a graph.
    pub has_graph: bool,
    pub n_items: usize,
    /// Items that may be returned.
    pub n_accepted: usize,
    pub n_active_dims: usize,
    /// How far the weights are from the build metric.
    pub distance: f64,
    /// How far the query is from the centre of the catalogue.
    pub eccentricity: f64,
    pub k: usize,
    /// The recall to meet.
    pub recall: f64,
}

/// What will be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The engine.
    pub engine: EngineKind,
    /// ef of the graph, `search_k` of the forest, 0 for the scan.
    pub effort: usize,
    /// ef of the graph search that gives a scan its first threshold; 0 for none.
    pub seed_effort: usize,
    /// Why, in one line.
    pub reason: String,
    /// What it should cost in microseconds.
    pub estimated_us: f64,
    /// How far the weights are from the build metric.
    pub distance_from_build: f64,
    /// Items that may be returned.
    pub n_accepted: usize,
}

/// Results the calibration was measured with.
pub(crate) const CALIBRATED_K: usize = 10;
/// The share of the allowed error that is kept in reserve: calibration queries are a sample.
const RESERVE: f64 = 0.3;
/// A graph search has to pass by what a filter rejects; below this share it never pays.
const LEAST_GRAPH_SHARE: f64 = 0.02;
/// What a filter that lets a share of all items pass adds to a graph search's time, in times of the unfiltered one, is
/// about this over the share: the search ends once enough accepted items are among the nearest. Fitted to random filters
/// of 50 % to 1 % over a million tracks (docs/benchmarks.md).
const FILTER_COST: f64 = 0.55;
/// An exact answer is taken where it costs no more than so many microseconds above an approximate one.
const EXACT_IS_WORTH_US: f64 = 4.0;
/// ef of the search that seeds a scan for up to [`CALIBRATED_K`] results.
const SEED_EFFORT: usize = 16;
/// A scan of fewer items needs no seed.
const LEAST_SEEDED: usize = 20_000;

/// Chooses the engine. Each branch says why.
pub(super) fn plan(choice: EngineChoice, situation: Situation<'_>) -> Plan {
    match choice {
        EngineChoice::Fixed(EngineKind::Exact) => scan(situation, "asked for".into()),
        EngineChoice::Fixed(EngineKind::Hnsw) => {
            let search = graph_search(situation);
            approximate(EngineKind::Hnsw, situation, search, "asked for".into())
        }
        EngineChoice::Fixed(EngineKind::Forest) => {
            let cost = widening(situation);
            let search = effort(&situation.calibration.forest, situation, situation.k * 50, cost);
            approximate(EngineKind::Forest, situation, search, "asked for".into())
        }
        EngineChoice::Auto => choose(situation),
    }
}

/// What an approximate engine would do.
#[derive(Clone, Copy, Debug)]
struct Search {
    effort: usize,
    recall: f64,
    us: f64,
}

fn choose(situation: Situation<'_>) -> Plan {
    let share = situation.n_accepted as f64 / situation.n_items.max(1) as f64;
    if !situation.has_graph || situation.calibration.graph.is_empty() {
        return scan(situation, "this snapshot has no graph".into());
    }
    if situation.recall >= 1.0 {
        return scan(situation, "recall 1 is asked for, which only the scan promises".into());
    }
    if situation.n_accepted == 0 {
        return scan(situation, "no track can be returned".into());
    }
    if situation.eccentricity > situation.calibration.max_eccentricity {
        return scan(
            situation,
            "the query lies outside the catalogue, where the graph's recall is not known".into(),
        );
    }
    if share < LEAST_GRAPH_SHARE {
        let reason =
            format!("the filter leaves {:.2} % of the tracks, too few to navigate by", share * 100.0);
        return scan(situation, reason);
    }
    let search = graph_search(situation);
    let needed = situation.recall + (1.0 - situation.recall) * RESERVE;
    if search.recall < needed {
        let reason = format!(
            "under weights this far from the build metric ({:.2}) the graph reaches recall {:.3} only",
            situation.distance, search.recall
        );
        return scan(situation, reason);
    }
    if search.effort > MAX_EF {
        let reason = format!("the graph would need a beam of {}, {MAX_EF} is the widest", search.effort);
        return scan(situation, reason);
    }
    let scan_us = scan_us(&situation.calibration.exact, situation);
    if scan_us <= search.us + EXACT_IS_WORTH_US {
        let reason =
            format!("scanning takes about {scan_us:.0} us and is exact, the graph about {:.0} us", search.us);
        return scan(situation, reason);
    }
    let reason = format!(
        "the graph reaches recall {:.3} under such weights in about {:.0} us, scanning takes about {scan_us:.0} us",
        search.recall, search.us
    );
    approximate(EngineKind::Hnsw, situation, search, reason)
}

fn scan(situation: Situation<'_>, reason: String) -> Plan {
    // A filter that leaves few would need a wide beam: the scan then finds its threshold by itself.
    let widen = widening(situation);
    let seeded = situation.has_graph && situation.n_items >= LEAST_SEEDED && widen <= 1.0 / LEAST_GRAPH_SHARE;
    Plan {
        engine: EngineKind::Exact,
        effort: 0,
        seed_effort: if seeded { (SEED_EFFORT as f64 * widen).round() as usize } else { 0 },
        reason,
        estimated_us: scan_us(&situation.calibration.exact, situation),
        distance_from_build: situation.distance,
        n_accepted: situation.n_accepted,
    }
}

fn approximate(engine: EngineKind, situation: Situation<'_>, search: Search, reason: String) -> Plan {
    Plan {
        engine,
        effort: search.effort,
        seed_effort: 0,
        reason,
        estimated_us: search.us,
        distance_from_build: situation.distance,
        n_accepted: situation.n_accepted,
    }
}

/// How much more than the calibrated search a beam must hold: more results need a wider one, and so does a filter that
/// rejects what is found.
fn widening(situation: Situation<'_>) -> f64 {
    results(situation) * filter_widening(accepted_share(situation))
}

/// How many times the calibrated number of results is asked for, at least 1.
fn results(situation: Situation<'_>) -> f64 {
    (situation.k as f64 / CALIBRATED_K as f64).max(1.0)
}

/// The share of all items that may be returned; less than one in a thousand counts as that.
fn accepted_share(situation: Situation<'_>) -> f64 {
    (situation.n_accepted as f64 / situation.n_items.max(1) as f64).max(1e-3)
}

fn scan_us(cost: &ExactCost, situation: Situation<'_>) -> f64 {
    let by_dims: Vec<(f64, f64)> =
        cost.by_dims.iter().map(|point| (f64::from(point.dims), point.median_us)).collect();
    let all = interpolate(&by_dims, situation.n_active_dims as f64);
    let Situation { n_items, n_accepted, k, .. } = situation;
    if Exact::scores_rows(n_items, n_accepted, k) {
        return 1.0 + n_accepted as f64 * cost.per_row_ns / 1000.0;
    }
    let share = (n_accepted as f64 / n_items.max(1) as f64).max(1e-9);
    let by_share: Vec<(f64, f64)> =
        cost.by_share.iter().map(|point| (point.share.ln(), point.factor)).collect();
    all * interpolate(&by_share, share.ln())
}

/// The value at `x` on the line through `points`, ascending; level beyond its ends, 0 without any.
fn interpolate(points: &[(f64, f64)], x: f64) -> f64 {
    let after = points.partition_point(|point| point.0 < x);
    match (points.get(after.wrapping_sub(1)), points.get(after)) {
        (Some(a), Some(b)) if b.0 > a.0 => a.1 + (b.1 - a.1) * (x - a.0) / (b.0 - a.0),
        (Some(point), None) | (None, Some(point)) | (_, Some(point)) => point.1,
        (None, None) => 0.0,
    }
}

fn graph_search(situation: Situation<'_>) -> Search {
    let share = accepted_share(situation);
    let filter_cost = if share > MOST_WIDENED_SHARE { 0.0 } else { FILTER_COST / share };
    let cost = results(situation) * (1.0 + filter_cost);
    effort(&situation.calibration.graph, situation, 4 * MIN_EF, cost)
}

/// The least effort that meets the recall under such weights, or the most there is; `fallback` without calibration.
/// It takes `cost` times as long as when it was calibrated.
fn effort(buckets: &[CalibrationBucket], situation: Situation<'_>, fallback: usize, cost: f64) -> Search {
    let bucket = buckets.iter().find(|bucket| situation.distance <= bucket.max_distance).or(buckets.last());
    let needed = situation.recall + (1.0 - situation.recall) * RESERVE;
    let point = bucket.and_then(|bucket| {
        bucket.points.iter().find(|point| point.recall >= needed).or(bucket.points.last())
    });
    let widen = widening(situation);
    match point {
        Some(point) => Search {
            effort: (f64::from(point.effort) * widen).round() as usize,
            recall: point.recall,
            us: point.mean_us * cost,
        },
        None => Search { effort: (fallback as f64 * widen).round() as usize, recall: 0.0, us: f64::INFINITY },
    }
}

/// How far `weights` (by feature) are from the metric the graph was built in: the spread (standard deviation) of the
/// logarithm of weight over build weight. 0 means proportional weights, which change no ranking. Each feature counts
/// by its mean share of both metrics; a weight below 1 % of the largest counts as 1 %, since it hardly matters how
/// much smaller than that it is.
pub fn distance_from_build(schema: &Schema, weights: &[f64]) -> f64 {
    let build: Vec<f64> = schema.features.iter().map(|feature| feature.build_weight()).collect();
    let max = |weights: &[f64]| weights.iter().fold(0.0_f64, |max, weight| max.max(*weight));
    let (max_weight, max_build) = (max(weights), max(&build));
    let (sum_weight, sum_build) = (weights.iter().sum::<f64>(), build.iter().sum::<f64>());
    let terms: Vec<(f64, f64)> = weights
        .iter()
        .zip(&build)
        .map(|(weight, build)| {
            let share = (weight / sum_weight + build / sum_build) / 2.0;
            let ratio = (weight / max_weight).max(0.01) / (build / max_build).max(0.01);
            (share, ratio.ln())
        })
        .collect();
    let mean: f64 = terms.iter().map(|(share, log)| share * log).sum();
    terms.iter().map(|(share, log)| share * (log - mean).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{DimsCost, EffortPoint, ShareCost};

    fn calibration() -> Calibration {
        let point = |effort, recall, mean_us| EffortPoint { effort, recall, mean_us };
        let bucket = |max_distance, points| CalibrationBucket { max_distance, queries: 100, points };
        Calibration {
            exact: ExactCost {
                by_dims: vec![DimsCost { dims: 3, median_us: 100.0 }, DimsCost { dims: 9, median_us: 60.0 }],
                by_share: vec![
                    ShareCost { share: 0.001, factor: 4.0 },
                    ShareCost { share: 1.0, factor: 1.0 },
                ],
                per_row_ns: 5.0,
            },
            graph: vec![
                bucket(1.0, vec![point(16, 0.98, 10.0), point(64, 0.999, 30.0)]),
                bucket(9.0, vec![point(16, 0.3, 10.0), point(64, 0.6, 30.0)]),
            ],
            forest: Vec::new(),
            max_eccentricity: 3.0,
        }
    }

    fn situation(calibration: &Calibration) -> Situation<'_> {
        Situation {
            calibration,
            has_graph: true,
            n_items: 250_000,
            n_accepted: 249_999,
            n_active_dims: 9,
            distance: 0.4,
            eccentricity: 1.0,
            k: 10,
            recall: 0.99,
        }
    }

    #[test]
    fn auto_takes_the_cheapest_that_meets_the_recall() {
        let calibration = calibration();
        let near = situation(&calibration);
        let check = |situation, engine, effort, reason: &str| {
            let plan = plan(EngineChoice::Auto, situation);
            assert_eq!((plan.engine, plan.effort), (engine, effort), "{}", plan.reason);
            assert!(plan.reason.contains(reason), "{}", plan.reason);
        };
        check(near, EngineKind::Hnsw, 64, "recall 0.999");
        check(Situation { recall: 0.95, ..near }, EngineKind::Hnsw, 16, "recall 0.98");
        check(Situation { recall: 1.0, ..near }, EngineKind::Exact, 0, "recall 1");
        check(Situation { distance: 2.0, ..near }, EngineKind::Exact, 0, "recall 0.600 only");
        check(Situation { eccentricity: 3.5, ..near }, EngineKind::Exact, 0, "outside the catalogue");
        check(Situation { n_accepted: 0, n_items: 1, ..near }, EngineKind::Exact, 0, "no track can");
        check(Situation { n_accepted: 1000, ..near }, EngineKind::Exact, 0, "filter leaves 0.40 %");
        check(Situation { n_items: 500, n_accepted: 499, ..near }, EngineKind::Exact, 0, "scanning takes");
        check(Situation { k: 200, ..near }, EngineKind::Exact, 0, "scanning takes");
        check(Situation { has_graph: false, ..near }, EngineKind::Exact, 0, "no graph");
        let wide = Situation { n_items: 50_000_000, n_accepted: 50_000_000, k: 2_000, ..near };
        check(wide, EngineKind::Exact, 0, "a beam of 12800");
        // The graph takes 30 us.
        let scan = |us| {
            let mut calibration = near.calibration.clone();
            calibration.exact.by_dims = vec![DimsCost { dims: 9, median_us: us }];
            plan(EngineChoice::Auto, Situation { calibration: &calibration, ..near }).engine
        };
        assert_eq!((scan(33.0), scan(35.0)), (EngineKind::Exact, EngineKind::Hnsw));
    }

    #[test]
    fn a_filter_widens_the_beam_until_scanning_is_cheaper() {
        let calibration = calibration();
        let near = situation(&calibration);
        let half = plan(EngineChoice::Auto, Situation { n_accepted: 125_000, recall: 0.95, ..near });
        assert_eq!((half.engine, half.effort), (EngineKind::Hnsw, 48), "{}", half.reason);
        // 30 us, and 2.1 times that; the scan takes 1.6 of its 60 us.
        let half = plan(EngineChoice::Auto, Situation { n_accepted: 125_000, ..near });
        assert_eq!((half.engine, half.effort), (EngineKind::Hnsw, 192), "{}", half.reason);
        assert!((half.estimated_us - 63.0).abs() < 1e-9, "{}", half.estimated_us);
        let nearly_all = plan(EngineChoice::Auto, Situation { n_accepted: 230_000, ..near });
        assert_eq!((nearly_all.effort, nearly_all.estimated_us), (64, 30.0));
        let tenth = plan(EngineChoice::Auto, Situation { n_accepted: 25_000, ..near });
        assert_eq!(tenth.engine, EngineKind::Exact, "{}", tenth.reason);
        assert!(tenth.seed_effort > SEED_EFFORT, "its threshold comes from a wider beam, too");
        let few = plan(EngineChoice::Auto, Situation { n_accepted: 2_000, ..near });
        assert_eq!(few.estimated_us, 11.0, "few are scored one by one");
        assert_eq!(few.seed_effort, 0, "and need no threshold");
    }

    #[test]
    fn costs_are_interpolated() {
        let points = [(1.0, 10.0), (3.0, 30.0)];
        assert_eq!(
            [0.0, 1.0, 2.0, 3.0, 9.0].map(|x| interpolate(&points, x)),
            [10.0, 10.0, 20.0, 30.0, 30.0]
        );
        assert_eq!(interpolate(&[], 1.0), 0.0);
    }

    #[test]
    fn an_engine_asked_for_does_its_best() {
        let calibration = calibration();
        let far = Situation { distance: 2.0, ..situation(&calibration) };
        let plan = plan(EngineChoice::Fixed(EngineKind::Hnsw), far);
        assert_eq!((plan.engine, plan.effort), (EngineKind::Hnsw, 64));
    }

    #[test]
    fn distance_grows_with_sparser_weights() {
        let schema = Schema::spotify();
        let distance = |profile: &str| distance_from_build(&schema, &schema.profile(profile).unwrap());
        let build: Vec<f64> = schema.features.iter().map(|feature| 5.0 * feature.build_weight()).collect();
        assert!(distance_from_build(&schema, &build) < 1e-9);
        assert!(distance("default") < distance("playlist"));
        assert!(distance("playlist") < distance("dj"));
    }
}
