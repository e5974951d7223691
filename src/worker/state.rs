//! What outlives a run: suspensions, disabled calls, totals. Kept in the catalogue as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::store::{RefreshStore, StoreError};

use super::providers::LONGEST_RETRY_AFTER;

/// How long a call that was refused to this application is left alone.
const PROBE_AFTER_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// All of it. Times are milliseconds since 1970 (UTC).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct WorkerState {
    /// By name.
    pub providers: BTreeMap<String, ProviderState>,
    /// Since the catalogue began.
    pub totals: Totals,
}

/// What is known of a provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ProviderState {
    /// Whom it knows us as, hashed: what it refuses to one application it may allow to another.
    pub application: Option<String>,
    /// It is not to be asked before.
    pub suspended_until_ms: Option<i64>,
    /// Why.
    pub reason: String,
    /// Calls that it refuses, by name.
    pub disabled: BTreeMap<String, Disabled>,
}

/// A call that a provider refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Disabled {
    /// Since when.
    pub since_ms: i64,
    /// When it is tried again.
    pub probe_at_ms: i64,
}

/// What all runs did together. The last step of a killed worker may be missing here; the tracks it recorded are not lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Totals {
    /// Runs begun.
    pub runs: u64,
    /// Runs that failed.
    pub failed_runs: u64,
    /// Refreshes recorded.
    pub recorded: u64,
    /// Those that changed a track.
    pub changed: u64,
    /// Those that met something no provider knew.
    pub unknown: u64,
    /// Generations published.
    pub rebuilds: u64,
    /// Calls made, by provider.
    pub requests: BTreeMap<String, u64>,
    /// Calls that failed, answers of "too many requests" included, by provider.
    pub failures: BTreeMap<String, u64>,
}

impl WorkerState {
    /// Reads the state back. What cannot be read is as good as none: suspensions are found out again. One that would last
    /// longer than any provider is believed to ask for is cut: a clock was wrong, then or now.
    pub fn parse(text: Option<&str>, now_ms: i64) -> Self {
        let Some(text) = text else { return Self::default() };
        let mut state: Self = serde_json::from_str(text).unwrap_or_else(|error| {
            tracing::warn!("the worker's state in the catalogue is not readable ({error}); it begins anew");
            Self::default()
        });
        let longest_ms = i64::try_from(LONGEST_RETRY_AFTER.as_millis()).unwrap_or(i64::MAX);
        let latest_ms = now_ms.saturating_add(longest_ms);
        for until_ms in
            state.providers.values_mut().filter_map(|provider| provider.suspended_until_ms.as_mut())
        {
            *until_ms = latest_ms.min(*until_ms);
        }
        state
    }

    /// Makes it durable. Another worker of the same catalogue may have written meanwhile: what it was told to wait for
    /// is kept, and counts here from now on.
    pub fn save(&mut self, store: &dyn RefreshStore, now_ms: i64) -> Result<(), StoreError> {
        let stored = Self::parse(store.worker_state()?.as_deref(), now_ms);
        for (name, theirs) in stored.providers {
            let ours = self.provider(&name);
            // What one application is told is not meant for another.
            if ours.application.is_none() || ours.application == theirs.application {
                theirs
                    .suspended_until_ms
                    .into_iter()
                    .for_each(|until_ms| ours.suspend(until_ms, &theirs.reason));
            }
        }
        store.set_worker_state(&self.to_text())
    }

    /// Everybody may be asked, and for everything: the providers say again what they refuse.
    pub fn probe(&mut self) {
        for provider in self.providers.values_mut() {
            provider.disabled.clear();
            provider.suspended_until_ms = None;
            provider.reason.clear();
        }
    }

    /// As text.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("the state has text keys and plain values only")
    }

    pub fn provider(&mut self, name: &str) -> &mut ProviderState {
        self.providers.entry(name.to_owned()).or_default()
    }

    /// The provider knows us as `application` from now on.
    pub fn identify(&mut self, name: &str, application: String) {
        let state = self.provider(name);
        if state.application.as_ref() != Some(&application) {
            *state = ProviderState { application: Some(application), ..ProviderState::default() };
        }
    }
}

impl ProviderState {
    /// Nothing is to be asked before `until_ms`.
    pub fn suspend(&mut self, until_ms: i64, reason: &str) {
        // Two reasons to wait: the later one counts.
        if self.suspended_until_ms.is_none_or(|known| known < until_ms) {
            self.suspended_until_ms = Some(until_ms);
            reason.clone_into(&mut self.reason);
        }
    }

    /// How long it is still suspended, in milliseconds.
    pub fn suspended_for_ms(&self, now_ms: i64) -> i64 {
        self.suspended_until_ms.map_or(0, |until| until.saturating_sub(now_ms).max(0))
    }

    /// The call was refused.
    pub fn disable(&mut self, call: &str, now_ms: i64) {
        let since_ms = self.disabled.get(call).map_or(now_ms, |known| known.since_ms);
        let disabled = Disabled { since_ms, probe_at_ms: now_ms.saturating_add(PROBE_AFTER_MS) };
        self.disabled.insert(call.to_owned(), disabled);
    }

    /// Whether the call is not to be made.
    pub fn is_disabled(&self, call: &str, now_ms: i64) -> bool {
        self.disabled.get(call).is_some_and(|disabled| disabled.probe_at_ms > now_ms)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::clock::{Clock, TestClock};
    use super::*;
    use crate::store::{LmdbOptions, LmdbStore};

    #[test]
    fn a_state_reads_back_and_garbage_is_none() {
        let mut state = WorkerState::default();
        state.provider("spotify").suspend(5, "quota");
        state.provider("spotify").disable("audio-features", 7);
        state.totals.requests.insert("spotify".into(), 3);
        assert_eq!(WorkerState::parse(Some(&state.to_text()), 0), state);
        for text in [None, Some("{"), Some("[]")] {
            assert_eq!(WorkerState::parse(text, 0), WorkerState::default());
        }
        assert_eq!(WorkerState::parse(Some(r#"{"later": 1}"#), 0), WorkerState::default());
    }

    #[test]
    fn a_disabled_call_is_tried_again_after_a_week() {
        let mut provider = ProviderState::default();
        provider.disable("audio-features", 10);
        assert!(provider.is_disabled("audio-features", 10 + PROBE_AFTER_MS - 1));
        assert!(!provider.is_disabled("audio-features", 10 + PROBE_AFTER_MS));
        assert!(!provider.is_disabled("tracks", 10));
        provider.disable("audio-features", 10 + PROBE_AFTER_MS);
        assert!(provider.is_disabled("audio-features", 11 + PROBE_AFTER_MS));
        assert_eq!(provider.disabled["audio-features"].since_ms, 10);
    }

    #[test]
    fn the_later_of_two_suspensions_counts() {
        let mut provider = ProviderState::default();
        provider.suspend(100, "a");
        provider.suspend(50, "b");
        assert_eq!((provider.suspended_for_ms(40), provider.reason.as_str()), (60, "a"));
        assert_eq!(provider.suspended_for_ms(100), 0);
    }

    #[test]
    fn a_suspension_read_back_ends_within_thirty_days_of_any_clock() {
        const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
        let clock = TestClock(Cell::new(1_000));
        let mut state = WorkerState::default();
        state.provider("spotify").suspend(i64::MAX, "a clock gone wrong");
        state.provider("oembed").suspend(5 * DAY_MS, "too many requests");
        let mut read = WorkerState::parse(Some(&state.to_text()), clock.now_ms());
        assert_eq!(read.provider("spotify").suspended_for_ms(clock.now_ms()), 30 * DAY_MS);
        assert_eq!(read.provider("oembed").suspended_until_ms, Some(5 * DAY_MS));
        read.probe();
        assert_eq!(read.provider("spotify").suspended_for_ms(clock.now_ms()), 0);
        assert_eq!(read.provider("oembed").suspended_for_ms(clock.now_ms()), 0);
    }

    #[test]
    fn two_workers_of_a_catalogue_keep_each_others_suspensions() {
        let clock = TestClock(Cell::new(1_000));
        let directory = tempfile::tempdir().unwrap();
        let store = LmdbStore::open(directory.path(), &LmdbOptions::default()).unwrap();
        let until = |state: &WorkerState, name: &str| state.providers[name].suspended_until_ms;
        let (mut one, mut two) = (WorkerState::default(), WorkerState::default());
        one.provider("spotify").suspend(clock.now_ms() + 7_000, "too many requests");
        one.save(&store, clock.now_ms()).unwrap();
        // It began before and knows nothing of that.
        two.provider("spotify").suspend(clock.now_ms() + 3_000, "slow down");
        two.provider("oembed").suspend(clock.now_ms() + 9_000, "too many requests");
        two.save(&store, clock.now_ms()).unwrap();
        assert_eq!((until(&two, "spotify"), until(&two, "oembed")), (Some(8_000), Some(10_000)));
        assert_eq!(two.providers["spotify"].reason, "too many requests");
        one.save(&store, clock.now_ms()).unwrap();
        let stored = WorkerState::parse(store.worker_state().unwrap().as_deref(), clock.now_ms());
        assert_eq!((until(&stored, "spotify"), until(&stored, "oembed")), (Some(8_000), Some(10_000)));
        assert_eq!(until(&one, "oembed"), Some(10_000), "and it counts for this one, too");
        // Another application has limits of its own.
        two.identify("spotify", "another".into());
        two.save(&store, clock.now_ms()).unwrap();
        assert_eq!((until(&two, "spotify"), until(&two, "oembed")), (None, Some(10_000)));
    }

    #[test]
    fn another_application_starts_without_refusals() {
        let mut state = WorkerState::default();
        state.identify("spotify", "one".into());
        state.provider("spotify").disable("audio-features", 0);
        state.identify("spotify", "one".into());
        assert_eq!(state.provider("spotify").disabled.len(), 1);
        state.identify("spotify", "two".into());
        assert!(state.provider("spotify").disabled.is_empty());
    }
}
