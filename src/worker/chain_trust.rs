//! What is refused: finding the id at fault, and whether it is the tracks or the call when they are refused one by one.

use super::Chain;
use crate::store::StoreError;
use crate::track::TrackId;
use crate::worker::providers::{Call, Fault, Found};

/// Tracks that a call refuses one by one, before any answer of it in a run, until that says something of the call: its
/// address may be wrong, or a proxy answers for it.
const MAX_REFUSALS: u32 = 5;

/// Whether a call's refusals are believed.
#[derive(Default)]
pub(super) struct Trust {
    pub has_answered: bool,
    n_refusals: u32,
}

impl Trust {
    fn is_lost(&self) -> bool {
        !self.has_answered && self.n_refusals >= MAX_REFUSALS
    }
}

impl Chain<'_> {
    /// One id that a provider does not take for one must not keep the others from their answer.
    pub(super) fn divide(
        &mut self,
        call: &dyn Call,
        ids: &[TrackId],
        what: String,
    ) -> Result<Option<(Found, Vec<String>)>, StoreError> {
        if let [id] = ids {
            tracing::debug!("{} does not know {id}: {what}", call.provider().name());
            return Ok(Some((Found::new(), vec![what])));
        }
        let (left, right) = ids.split_at(ids.len() / 2);
        let Some((mut found, mut refusals)) = self.request(call, left)? else { return Ok(None) };
        let Some((rest, more)) = self.request(call, right)? else { return Ok(None) };
        found.extend(rest);
        refusals.extend(more);
        Ok(Some((found, refusals)))
    }

    /// Counts what a refused track says of the call.
    pub(super) fn refused(&mut self, call: &dyn Call, id: &TrackId, what: &str) {
        let is_known = self.missed_before.contains(id);
        let trust = self.in_this_run(call).trust.entry(call.name()).or_default();
        trust.n_refusals += u32::from(!is_known);
        if !is_known && trust.is_lost() {
            let what = format!("it refuses every track; is its address right? {what}");
            self.give_up(call, &Fault::Unexpected(what));
        }
    }

    /// Which refused tracks are unknown to the provider, and of which that is not to be believed.
    pub(super) fn weigh(&mut self, call: &dyn Call, refused: Vec<TrackId>) -> (Vec<TrackId>, Vec<TrackId>) {
        let is_lost = self.in_this_run(call).trust.get(call.name()).is_some_and(Trust::is_lost);
        let is_believed = |id: &TrackId| !is_lost || self.missed_before.contains(id);
        let (believed, doubtful): (Vec<_>, Vec<_>) = refused.into_iter().partition(is_believed);
        self.in_this_run(call).report.unknown += believed.len() as u64;
        (believed, doubtful)
    }
}
