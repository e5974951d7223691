//! What the planner needs to know of a new generation: what the scan costs, and what recall the approximate engines
//! reach at which effort, by how far the weights are from the build metric.

use crate::artifact::{Calibration, CalibrationBucket, EffortPoint};
use crate::index::EngineKind;
use crate::progress::{CancelToken, Progress};
use crate::query::{CALIBRATED_K, EngineChoice};
use crate::snapshot::Snapshot;

use super::exact_cost::exact_cost;
use super::measure::{percentile, search};
use super::queries::{EvalError, EvalQuery, QuerySet};
use super::weights::Family;

/// Queries drawn for each kind of weights.
const QUERIES: usize = 200;
/// Efforts tried: ef of the graph.
const GRAPH_EFFORTS: [usize; 17] =
    [10, 12, 14, 16, 20, 24, 32, 40, 48, 64, 96, 128, 192, 320, 512, 800, 1280];
/// Efforts tried: `search_k` of the forest.
const FOREST_EFFORTS: [usize; 7] = [200, 500, 1_000, 2_000, 4_000, 8_000, 16_000];
/// Upper ends of the buckets; the last takes the rest.
const BUCKETS: [f64; 9] = [0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.5, 1.8, 100.0];
/// Queries of a bucket that are run: the forest is far slower than the graph and nobody plans by it.
const GRAPH_QUERIES: usize = 400;
const FOREST_QUERIES: usize = 40;
/// A bucket with fewer queries says nothing: the next one, which is harder, stands in for it.
const LEAST_QUERIES: usize = 20;

/// Measures `snapshot`.
pub fn calibrate(
    snapshot: &Snapshot,
    seed: u64,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<Calibration, EvalError> {
    let families = families(snapshot);
    let phase = progress.phase("calibration", families.len() as u64, "weight families");
    let mut calibration = Calibration::default();
    let mut queries: Vec<EvalQuery> = Vec::new();
    for (number, family) in families.iter().enumerate() {
        cancel.check()?;
        let set = QuerySet::draw(snapshot, family, QUERIES, CALIBRATED_K, seed.wrapping_add(number as u64))?;
        queries.extend(set.queries);
        phase.advance(1);
    }
    calibration.exact = exact_cost(snapshot, &queries, seed, cancel)?;
    let mut eccentricities: Vec<f64> = queries.iter().map(|query| query.query.eccentricity()).collect();
    eccentricities.sort_by(f64::total_cmp);
    calibration.max_eccentricity = percentile(&eccentricities, 0.99);
    let engines = snapshot.engines();
    if engines.contains(&EngineKind::Hnsw) {
        calibration.graph =
            buckets(snapshot, EngineKind::Hnsw, &GRAPH_EFFORTS, GRAPH_QUERIES, &queries, cancel)?;
    }
    if let Some(forest) = snapshot.forest() {
        forest.wait()?;
        calibration.forest =
            buckets(snapshot, EngineKind::Forest, &FOREST_EFFORTS, FOREST_QUERIES, &queries, cancel)?;
    }
    Ok(calibration)
}

/// Weights from close to the build metric to far from it.
fn families(snapshot: &Snapshot) -> Vec<Family> {
    let schema = snapshot.schema();
    let n_main = schema.features.iter().filter(|feature| feature.weight > 0.0).count();
    let mut families = Family::all(schema);
    families.extend([3, 6, 8, 13, 16, 20].map(Family::LogNormal));
    families.extend((1..n_main).map(Family::Few));
    families
}

fn buckets(
    snapshot: &Snapshot,
    engine: EngineKind,
    efforts: &[usize],
    most_queries: usize,
    queries: &[EvalQuery],
    cancel: &CancelToken,
) -> Result<Vec<CalibrationBucket>, EvalError> {
    let mut buckets = Vec::new();
    let mut least = 0.0;
    for max_distance in BUCKETS {
        let inside: Vec<&EvalQuery> =
            queries.iter().filter(|query| (least..max_distance).contains(&query.distance)).collect();
        if inside.len() < LEAST_QUERIES {
            continue;
        }
        // Spread over all kinds of weights that fall into the bucket.
        let inside: Vec<&EvalQuery> =
            inside.iter().copied().step_by(inside.len().div_ceil(most_queries)).collect();
        least = max_distance;
        let mut points = Vec::new();
        for &effort in efforts {
            cancel.check()?;
            let point = effort_point(snapshot, engine, effort, &inside)?;
            points.push(point);
            // More effort cannot find more, or costs more than scanning.
            let exact_us = inside.iter().map(|query| query.exact_us).sum::<f64>() / inside.len() as f64;
            if point.recall >= 0.9999 || (engine == EngineKind::Hnsw && point.mean_us > 2.0 * exact_us) {
                break;
            }
        }
        buckets.push(CalibrationBucket { max_distance, queries: inside.len() as u64, points });
    }
    Ok(buckets)
}

fn effort_point(
    snapshot: &Snapshot,
    engine: EngineKind,
    effort: usize,
    queries: &[&EvalQuery],
) -> Result<EffortPoint, EvalError> {
    let (mut recall, mut us) = (0.0, 0.0);
    for query in queries {
        let outcome = search(snapshot, EngineChoice::Fixed(engine), Some(effort), query, CALIBRATED_K)?;
        recall += outcome.recall;
        us += outcome.us;
    }
    let n = queries.len() as f64;
    Ok(EffortPoint { effort: effort as u32, recall: recall / n, mean_us: us / n })
}
