//! One engine over a set of queries, single-threaded.

use std::time::Instant;

use crate::artifact::Measurement;
use crate::index::{Allowed, EngineKind, Hit};
use crate::progress::CancelToken;
use crate::query::{EngineChoice, Plan, SearchTarget, execute, make_plan};
use crate::snapshot::Snapshot;

use super::queries::{EvalError, EvalQuery, QuerySet};

/// Recall that searches are planned for.
const TARGET_RECALL: f64 = 0.99;

/// Runs every query of `set` with the effort that the planner chooses (planning included in the time).
pub fn measure(
    snapshot: &Snapshot,
    engine: EngineChoice,
    set: &QuerySet,
    cancel: &CancelToken,
) -> Result<Measurement, EvalError> {
    run(snapshot, engine, None, set, cancel)
}

/// Runs every query of `set` at each of the given efforts.
pub fn sweep(
    snapshot: &Snapshot,
    engine: EngineKind,
    efforts: &[usize],
    set: &QuerySet,
    cancel: &CancelToken,
) -> Result<Vec<Measurement>, EvalError> {
    efforts
        .iter()
        .map(|effort| run(snapshot, EngineChoice::Fixed(engine), Some(*effort), set, cancel))
        .collect()
}

fn run(
    snapshot: &Snapshot,
    engine: EngineChoice,
    effort: Option<usize>,
    set: &QuerySet,
    cancel: &CancelToken,
) -> Result<Measurement, EvalError> {
    let mut outcomes = Vec::with_capacity(set.queries.len());
    for query in &set.queries {
        cancel.check()?;
        outcomes.push(search(snapshot, engine, effort, query, set.k)?);
    }
    let recall = outcomes.iter().map(|outcome| outcome.recall).sum::<f64>() / outcomes.len().max(1) as f64;
    let mut times: Vec<f64> = outcomes.iter().map(|outcome| outcome.us).collect();
    times.sort_by(f64::total_cmp);
    let name = match engine {
        EngineChoice::Auto => "auto",
        EngineChoice::Fixed(kind) => kind.name(),
    };
    Ok(Measurement {
        engine: name.to_owned(),
        weights: set.family.clone(),
        effort: describe_effort(engine, effort, &outcomes),
        k: set.k as u64,
        queries: set.queries.len() as u64,
        recall,
        mean_us: times.iter().sum::<f64>() / times.len().max(1) as f64,
        p50_us: percentile(&times, 0.50),
        p95_us: percentile(&times, 0.95),
        p99_us: percentile(&times, 0.99),
        p999_us: percentile(&times, 0.999),
    })
}

/// One search.
pub(super) struct Outcome {
    pub recall: f64,
    pub us: f64,
    pub plan: Plan,
}

/// Runs one query, with the planner's effort or the given one.
pub(super) fn search(
    snapshot: &Snapshot,
    engine: EngineChoice,
    effort: Option<usize>,
    query: &EvalQuery,
    k: usize,
) -> Result<Outcome, EvalError> {
    let target = SearchTarget { query: &query.query, k, allowed: None::<&Allowed>, excluded: &[] };
    let started = Instant::now();
    let mut plan = make_plan(snapshot, engine, &target, TARGET_RECALL, query.distance);
    plan.effort = effort.unwrap_or(plan.effort);
    let found = execute(snapshot, &plan, &target)?;
    let us = started.elapsed().as_secs_f64() * 1e6;
    Ok(Outcome { recall: recall_by_score(&query.truth, &found.hits), us, plan })
}

/// Tie-aware recall by score: a hit counts when its score is not below the k-th best true one, so that equals may
/// stand in for each other (as ann-benchmarks does by distance).
pub(crate) fn recall_by_score(truth: &[f32], hits: &[Hit]) -> f64 {
    let Some(kth) = truth.last() else { return 1.0 };
    let n_good = hits.iter().filter(|hit| hit.score >= *kth).count();
    n_good.min(truth.len()) as f64 / truth.len() as f64
}

/// The effort spent, as text: one number, or the least and the most; with `auto`, the share of scans.
fn describe_effort(engine: EngineChoice, effort: Option<usize>, outcomes: &[Outcome]) -> String {
    if let Some(effort) = effort {
        return effort.to_string();
    }
    let efforts = outcomes.iter().map(|outcome| outcome.plan.effort).filter(|effort| *effort > 0);
    let range = match (efforts.clone().min(), efforts.clone().max()) {
        (Some(min), Some(max)) if min == max => min.to_string(),
        (Some(min), Some(max)) => format!("{min}..{max}"),
        _ => String::new(),
    };
    if engine != EngineChoice::Auto {
        return range;
    }
    let n_scans = outcomes.iter().filter(|outcome| outcome.plan.engine == EngineKind::Exact).count();
    let share = (100 * n_scans) as f64 / outcomes.len().max(1) as f64;
    format!("{range} scans {share:.0} %").trim().to_owned()
}

/// The value below which a share of the ascending `times` lies (nearest rank).
pub(super) fn percentile(times: &[f64], share: f64) -> f64 {
    let rank = (share * times.len() as f64).ceil() as usize;
    times.get(rank.clamp(1, times.len().max(1)) - 1).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::ItemIdx;

    #[test]
    fn equals_stand_in_for_each_other() {
        let hit = |score| Hit { item: ItemIdx(0), score };
        assert_eq!(recall_by_score(&[0.9, 0.8, 0.8], &[hit(0.9), hit(0.8), hit(0.7)]), 2.0 / 3.0);
        assert_eq!(recall_by_score(&[0.9, 0.8], &[hit(0.8), hit(0.8)]), 1.0);
        assert_eq!(recall_by_score(&[], &[]), 1.0);
    }

    #[test]
    fn percentiles_are_nearest_rank() {
        let times: Vec<f64> = (1..=1000).map(f64::from).collect();
        assert_eq!((percentile(&times, 0.5), percentile(&times, 0.999)), (500.0, 999.0));
        assert_eq!(percentile(&[], 0.5), 0.0);
    }
}
