//! Whether the exact scan is exact: it is the ground truth of everything else, so it is compared with the canonical
//! score of every item.

use crate::index::{Allowed, EngineKind, best_accepted};
use crate::query::{EngineChoice, SearchTarget, execute, make_plan};
use crate::snapshot::Snapshot;

use super::queries::{EvalError, QuerySet};
use super::weights::Family;

/// Queries of each weight family.
const QUERIES: usize = 4;
/// Results compared.
const K: usize = 50;

/// Runs some queries of every main family through the scan and item by item. The family under which ids, order or
/// score bits differ, if any does.
pub fn find_scan_error(snapshot: &Snapshot, seed: u64) -> Result<Option<String>, EvalError> {
    for family in Family::MAIN {
        let set = QuerySet::draw(snapshot, &family, QUERIES, K, seed)?;
        for query in &set.queries {
            let target = SearchTarget { query: &query.query, k: K, allowed: None::<&Allowed>, excluded: &[] };
            let choice = EngineChoice::Fixed(EngineKind::Exact);
            let plan = make_plan(snapshot, choice, &target, 1.0, query.distance);
            let found = execute(snapshot, &plan, &target)?.hits;
            if found != best_accepted(snapshot.vectors(), &target.with_effort(0)) {
                return Ok(Some(family.to_string()));
            }
        }
    }
    Ok(None)
}
