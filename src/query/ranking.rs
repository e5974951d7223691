//! What was found, best first, and the stages between a plain ranking and what is returned:
//! other recordings of a hit collapsed into it, then `max_per_artist`, then diversity, then `k`.

use std::collections::{BTreeMap, HashSet};

use crate::index::Hit;
use crate::snapshot::Snapshot;
use crate::track::ItemIdx;

use super::diversify::{limit_artists, spread};
use super::error::QueryError;
use super::plan::Plan;
use super::prepare::Prepared;

/// Hits looked at for each one returned under maximal marginal relevance.
const POOL: usize = 5;
/// How much deeper a ranking is fetched that did not suffice.
const DEEPER: usize = 4;

/// What was found for a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    /// Best first.
    pub hits: Vec<Hit>,
    /// Other recordings of hits, by hit, that could have been returned too; only of hits that have some.
    collapsed: BTreeMap<ItemIdx, Vec<ItemIdx>>,
}

impl Ranking {
    /// The other recordings of a hit that are not in the ranking for its sake, ascending.
    pub fn collapsed(&self, item: ItemIdx) -> &[ItemIdx] {
        self.collapsed.get(&item).map_or(&[], Vec::as_slice)
    }
}

impl Prepared {
    /// How deep the plain ranking is looked at first.
    pub fn depth(&self) -> usize {
        let wanted = self.n_wanted();
        // Enough for what is usually collapsed, so that few queries are searched for twice.
        if self.collapse { wanted + wanted / 4 + 2 } else { wanted }
    }

    /// Whether what is returned may come from deeper in the ranking than `k`.
    pub fn looks_deeper(&self) -> bool {
        self.collapse || self.is_diversified()
    }

    pub(super) fn is_diversified(&self) -> bool {
        self.diversity > 0.0 || self.max_per_artist.is_some()
    }

    fn n_wanted(&self) -> usize {
        if self.diversity > 0.0 { self.k * POOL } else { self.k }
    }

    /// The ranking that `plan`, that for [`Self::depth`], begins with; where it does not suffice, deeper ones are searched
    /// for. Also the plan that was followed last.
    pub(super) fn rank(
        &self,
        snapshot: &Snapshot,
        mut plan: Plan,
        search: impl Fn(&Plan, usize) -> Result<Vec<Hit>, QueryError>,
    ) -> Result<(Plan, Ranking), QueryError> {
        let wanted = self.n_wanted();
        let mut depth = self.depth();
        loop {
            let hits = search(&plan, depth)?;
            let exhausted = hits.len() < depth;
            let mut pool = if self.collapse { first_of_each_recording(snapshot, hits) } else { hits };
            if let Some(max) = self.max_per_artist {
                pool = limit_artists(snapshot, pool, max)?;
            }
            if exhausted || pool.len() >= wanted {
                pool.truncate(wanted);
                if self.diversity > 0.0 {
                    pool = spread(snapshot, self, pool);
                }
                pool.truncate(self.k);
                let collapsed = self.collapsed_into(snapshot, &pool);
                return Ok((plan, Ranking { hits: pool, collapsed }));
            }
            depth *= DEEPER;
            plan = self.plan(snapshot, depth);
        }
    }

    fn collapsed_into(&self, snapshot: &Snapshot, hits: &[Hit]) -> BTreeMap<ItemIdx, Vec<ItemIdx>> {
        if !self.collapse {
            return BTreeMap::new();
        }
        let others = |hit: &Hit| {
            let same = snapshot.overview().same_recording(hit.item);
            let others: Vec<ItemIdx> =
                same.filter(|item| *item != hit.item && self.may_return(*item)).collect();
            (!others.is_empty()).then_some((hit.item, others))
        };
        hits.iter().filter_map(others).collect()
    }

    fn may_return(&self, item: ItemIdx) -> bool {
        self.excluded.binary_search(&item).is_err()
            && self.allowed.as_ref().is_none_or(|allowed| allowed.items().contains(item))
    }
}

/// The best hit of each recording.
fn first_of_each_recording(snapshot: &Snapshot, mut hits: Vec<Hit>) -> Vec<Hit> {
    let mut seen = HashSet::with_capacity(hits.len());
    hits.retain(|hit| seen.insert(snapshot.overview().recording(hit.item)));
    hits
}
