//! What the exact engine costs on a new generation: by the number of weighted dimensions, and under filters.

use std::collections::BTreeMap;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::artifact::{DimsCost, ExactCost, ShareCost};
use crate::index::{Allowed, EngineKind, ItemSet};
use crate::progress::CancelToken;
use crate::query::{CALIBRATED_K, EngineChoice, SearchTarget, execute, make_plan};
use crate::snapshot::Snapshot;

use super::measure::percentile;
use super::queries::{EvalError, EvalQuery, QuerySet};
use super::weights::Family;

/// Fewer queries with so many dimensions say nothing about them.
const LEAST_QUERIES: usize = 10;
/// Queries run under each filter.
const FILTER_QUERIES: usize = 15;
/// Shares of items that filters accept.
const SHARES: [f64; 7] = [0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.5];
/// The share under which items scored on their own are timed.
const ROWS_SHARE: f64 = 1.0 / 32.0;

/// Measures `snapshot`; `queries` have been run by the exact engine already.
pub(super) fn exact_cost(
    snapshot: &Snapshot,
    queries: &[EvalQuery],
    seed: u64,
    cancel: &CancelToken,
) -> Result<ExactCost, EvalError> {
    let mut by_dims: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for query in queries {
        by_dims.entry(query.query.n_active()).or_default().push(query.exact_us);
    }
    let by_dims = by_dims.into_iter().filter(|(_, times)| times.len() >= LEAST_QUERIES);
    let by_dims =
        by_dims.map(|(dims, times)| DimsCost { dims: dims as u32, median_us: median(times) }).collect();
    let set = QuerySet::draw(snapshot, &Family::Uniform, FILTER_QUERIES, CALIBRATED_K, seed)?;
    let unfiltered = run(snapshot, &set, None)?;
    let mut by_share = Vec::new();
    let mut rng = StdRng::seed_from_u64(seed);
    for share in SHARES {
        cancel.check()?;
        let allowed = random_filter(snapshot, share, &mut rng);
        let factor = run(snapshot, &set, Some(&allowed))? / unfiltered.max(1e-3);
        by_share.push(ShareCost { share, factor });
    }
    by_share.push(ShareCost { share: 1.0, factor: 1.0 });
    let some = random_filter(snapshot, ROWS_SHARE, &mut rng);
    Ok(ExactCost { by_dims, by_share, per_row_ns: per_row_ns(snapshot, &set, &some) })
}

fn random_filter(snapshot: &Snapshot, share: f64, rng: &mut StdRng) -> Allowed {
    let n_items = snapshot.items().len();
    let draws: Vec<bool> = (0..n_items).map(|_| rng.random_bool(share)).collect();
    Allowed::new(ItemSet::from_fn(n_items, |item| draws[item]), snapshot.vectors())
}

/// Median microseconds of the exact engine under a filter.
fn run(snapshot: &Snapshot, set: &QuerySet, allowed: Option<&Allowed>) -> Result<f64, EvalError> {
    let mut times = Vec::with_capacity(set.queries.len());
    for query in &set.queries {
        let target = SearchTarget { query: &query.query, k: set.k, allowed, excluded: &[] };
        let started = Instant::now();
        let plan = make_plan(snapshot, EngineChoice::Fixed(EngineKind::Exact), &target, 1.0, query.distance);
        execute(snapshot, &plan, &target)?;
        times.push(started.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(times))
}

/// Nanoseconds for each row of the plain scan of some items.
fn per_row_ns(snapshot: &Snapshot, set: &QuerySet, some: &Allowed) -> f64 {
    let time = |query: &EvalQuery| {
        let target = SearchTarget { query: &query.query, k: set.k, allowed: Some(some), excluded: &[] };
        let started = Instant::now();
        snapshot.exact().plain(snapshot.vectors(), &target.with_effort(0));
        started.elapsed().as_secs_f64() * 1e9 / some.len().max(1) as f64
    };
    median(set.queries.iter().map(time).collect())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    percentile(&times, 0.5)
}
