//! Which tracks to ask for, and what of them.

use std::collections::{BTreeSet, BinaryHeap};
use std::ops::ControlFlow;
use std::time::Duration;

use crate::store::{Refresh, RefreshStore, StoreError, field};
use crate::track::{Track, TrackId, value};

use super::providers::FEATURES;
use super::summary::Backlog;

/// What some calls can give together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wants {
    pub features: bool,
    pub time_signature: bool,
    pub metadata: bool,
    pub image: bool,
}

/// How long a track that nobody answered for comes after all others. A week, so that a run a day gets to them, too.
const BEHIND_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// What is to be asked for a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Need {
    pub features: bool,
    pub metadata: bool,
    pub image: bool,
    /// Something is missing; otherwise it is only old.
    pub incomplete: bool,
}

impl Need {
    /// Whether there is anything to ask for.
    pub fn is_due(self) -> bool {
        self.features || self.metadata || self.image
    }
}

/// What is to be asked for a track now.
///
/// Features and metadata are due when no provider gave them yet, or too long ago; an image when there is none. So a group
/// that a provider knows only in part is not asked for again and again, and one that nobody knew waits for its retry.
pub(super) fn need(
    track: &Track,
    refresh: &Refresh,
    wants: Wants,
    now_ms: i64,
    stale_after: Duration,
) -> Need {
    if is_waiting(refresh, now_ms) {
        return Need::default();
    }
    let stale_ms = i64::try_from(stale_after.as_millis()).unwrap_or(i64::MAX);
    let is_old = |names: &[&str]| {
        let given = names.iter().filter_map(|name| refresh.provenance.get(*name));
        let latest = given.map(|from| from.fetched_at_ms).max();
        latest.is_none_or(|at_ms| now_ms.saturating_sub(at_ms) >= stale_ms)
    };
    let lacks = |name: &str| !track.values.contains_key(name);
    let features = wants.features && is_old(&FEATURES);
    let metadata = wants.metadata && is_old(&[field::NAME, field::ARTISTS]);
    let image = wants.image && track.album_image.is_none();
    let no_features =
        FEATURES.iter().any(|name| lacks(name)) || (wants.time_signature && lacks(value::TIME_SIGNATURE));
    let incomplete = (features && no_features) || (metadata && lacks(value::DURATION_MS)) || image;
    Need { features, metadata, image, incomplete }
}

/// Whether a track is left alone because nobody knew it lately.
pub(super) fn is_waiting(refresh: &Refresh, now_ms: i64) -> bool {
    refresh.retry_at_ms.is_some_and(|at_ms| at_ms > now_ms)
}

/// What comes first is smaller: tracks that were not asked for in vain lately, or else those where that is longest ago; then
/// incomplete ones, then those refreshed or asked for longest ago, never before all, then by id.
type Priority = (Option<i64>, bool, i64, TrackId);

fn priority(track: Track, refresh: &Refresh, need: Need, now_ms: i64) -> Priority {
    let is_late = |at_ms: &i64| now_ms.saturating_sub(*at_ms) < BEHIND_MS;
    let last_ms = refresh.refreshed_at_ms.max(refresh.asked_at_ms).unwrap_or(i64::MIN);
    (refresh.asked_at_ms.filter(is_late), !need.incomplete, last_ms, track.id)
}

/// The tracks that come first, at most `limit` and none of `done`, in order, and the backlog they are part of. `all` is what the chain gives when
/// everything works: it decides on the backlog. `usable` is what it gives now: it decides on what can be selected.
pub(super) fn select(
    store: &dyn RefreshStore,
    all: Wants,
    usable: Wants,
    now_ms: i64,
    stale_after: Duration,
    limit: usize,
    done: &BTreeSet<TrackId>,
) -> Result<(Backlog, Vec<TrackId>), StoreError> {
    let mut backlog = Backlog::default();
    let mut first: BinaryHeap<Priority> = BinaryHeap::new();
    store.scan_refreshes(&mut |track, refresh| {
        backlog.tracks += 1;
        // Providers know tracks by such ids only.
        if !track.id.is_spotify() {
            backlog.not_spotify += 1;
            return ControlFlow::Continue(());
        }
        backlog.count(&track, &refresh, all, now_ms, stale_after, 1);
        let need = need(&track, &refresh, usable, now_ms, stale_after);
        if need.is_due() && limit > 0 && !done.contains(&track.id) {
            let priority = priority(track, &refresh, need, now_ms);
            if first.len() < limit {
                first.push(priority);
            } else if let Some(mut last) = first.peek_mut()
                && priority < *last
            {
                *last = priority;
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok((backlog, first.into_sorted_vec().into_iter().map(|(.., id)| id).collect()))
}

impl Backlog {
    /// Counts a track `times` times, which may be -1.
    pub(super) fn count(
        &mut self,
        track: &Track,
        refresh: &Refresh,
        all: Wants,
        now_ms: i64,
        stale_after: Duration,
        times: i64,
    ) {
        let need = need(track, refresh, all, now_ms, stale_after);
        let place = match (is_waiting(refresh, now_ms), need.is_due(), need.incomplete) {
            (true, ..) => &mut self.unknown,
            (_, true, true) => &mut self.incomplete,
            (_, true, false) => &mut self.stale,
            (_, false, _) => return,
        };
        *place = place.saturating_add_signed(times);
    }
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
