//! Asking the providers: limits, faults, retries, and which calls are of use now.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::StdRng;
use tokio::runtime::Runtime;

use crate::progress::CancelToken;
use crate::store::StoreError;
use crate::track::TrackId;

use super::backoff::before_attempt;
use super::clock::Clock;
use super::providers::{Call, Fault, Found, Group, Provider};
use super::rfc3339;
use super::select::Wants;
use super::state::WorkerState;
use super::summary::ProviderReport;
use trust::Trust;

#[path = "chain_trust.rs"]
mod trust;

/// The longest suspension that is waited for within a run.
const SHORT_WAIT_MS: i64 = 60_000;
/// Attempts of a call that fails.
const MAX_ATTEMPTS: u32 = 4;
/// Attempts of a call that is answered by "too many requests".
const MAX_TOO_MANY: u32 = 8;
/// Calls given up in a row before a provider is left alone for the rest of the run. One alone may be the fault of an id.
const MAX_FAILURES: u32 = 3;
/// How long a used-up quota is believed in where nothing is said of its end.
const QUOTA_PAUSE: Duration = Duration::from_secs(60 * 60);

/// The calls and how they stand.
pub(super) struct Chain<'a> {
    pub calls: &'a [Box<dyn Call>],
    pub state: WorkerState,
    /// Tracks that somebody was asked for who did not answer. Whoever records that empties it.
    pub unanswered: BTreeSet<TrackId>,
    /// Tracks that were unknown in earlier runs. That they are refused again says nothing of a call.
    pub missed_before: BTreeSet<TrackId>,
    /// One for each provider, in the order of the chain.
    providers: Vec<(Provider, InThisRun)>,
    clock: &'a dyn Clock,
    runtime: &'a Runtime,
    cancel: &'a CancelToken,
    backoff: Duration,
    random: StdRng,
    /// Makes the state durable.
    save: &'a dyn Fn(&mut WorkerState) -> Result<(), StoreError>,
}

#[derive(Default)]
struct InThisRun {
    report: ProviderReport,
    failures_in_a_row: u32,
    /// By call.
    trust: BTreeMap<&'static str, Trust>,
    /// Why it is left alone.
    out: Option<String>,
}

/// What came of asking for some tracks.
enum Outcome {
    Found(Found),
    /// There was one track, and it was refused.
    Refused(String),
    NoAnswer,
}

impl<'a> Chain<'a> {
    #[expect(clippy::too_many_arguments, reason = "all of it is what a run has")]
    pub fn new(
        calls: &'a [Box<dyn Call>],
        order: &[Provider],
        state: WorkerState,
        clock: &'a dyn Clock,
        runtime: &'a Runtime,
        cancel: &'a CancelToken,
        backoff: Duration,
        random: StdRng,
        save: &'a dyn Fn(&mut WorkerState) -> Result<(), StoreError>,
    ) -> Self {
        let providers = order.iter().map(|provider| (*provider, InThisRun::default())).collect();
        let (unanswered, missed_before) = Default::default();
        Self {
            calls,
            state,
            unanswered,
            missed_before,
            providers,
            clock,
            runtime,
            cancel,
            backoff,
            random,
            save,
        }
    }

    /// What the chain gives when everything works: all but the calls that are refused to this application.
    pub fn all(&self) -> Wants {
        self.wants(|chain, call| !chain.is_disabled(call))
    }

    /// What it gives now.
    pub fn usable(&self) -> Wants {
        self.wants(Self::is_usable)
    }

    fn wants(&self, counts: impl Fn(&Self, &dyn Call) -> bool) -> Wants {
        let mut wants = Wants::default();
        for call in self.calls.iter().map(|call| &**call).filter(|call| counts(self, *call)) {
            match call.group() {
                Group::Features => {
                    wants.features = true;
                    wants.time_signature |= call.gives_time_signature();
                }
                Group::Metadata => wants.metadata = true,
                Group::Image => wants.image = true,
            }
        }
        wants
    }

    /// How many tracks the first call for features takes, or a modest number.
    pub fn step_size(&self) -> usize {
        let mut calls = self.calls.iter().map(|call| &**call);
        let features = calls.find(|call| call.group() == Group::Features && self.is_usable(*call));
        features.map_or(20, Call::max_ids)
    }

    fn is_disabled(&self, call: &dyn Call) -> bool {
        let state = self.state.providers.get(call.provider().name());
        state.is_some_and(|state| state.is_disabled(call.name(), self.clock.now_ms()))
    }

    /// Whether asking may lead to an answer in this run.
    fn is_usable(&self, call: &dyn Call) -> bool {
        let state = self.state.providers.get(call.provider().name());
        let suspended_ms = state.map_or(0, |state| state.suspended_for_ms(self.clock.now_ms()));
        let out = self.providers.iter().any(|(of, run)| *of == call.provider() && run.out.is_some());
        !out && suspended_ms <= SHORT_WAIT_MS && !self.is_disabled(call)
    }

    /// Asks the calls of `group` in order, each for what those before did not know. `known` takes what is found;
    /// returned are the tracks that nobody knows and those that somebody might know who did not answer.
    pub fn ask_group(
        &mut self,
        group: Group,
        ids: Vec<TrackId>,
        mut known: impl FnMut(Provider, i64, Found),
    ) -> Result<(Vec<TrackId>, Vec<TrackId>), StoreError> {
        let calls = self.calls;
        let mut open = ids;
        let (mut unknown, mut unanswered) = (BTreeSet::new(), BTreeSet::new());
        for call in calls.iter().map(|call| &**call).filter(|call| call.group() == group) {
            let asked = std::mem::take(&mut open);
            if self.is_disabled(call) {
                open = asked;
                continue;
            }
            let mut refused = Vec::new();
            for part in asked.chunks(call.max_ids()) {
                let n_requests = self.in_this_run(call).report.requests;
                match self.ask(call, part)? {
                    Outcome::Found(found) => {
                        let left = part.iter().filter(|id| !found.contains_key(*id)).cloned();
                        unknown.extend(left.clone());
                        open.extend(left);
                        known(call.provider(), self.clock.now_ms(), found);
                    }
                    Outcome::Refused(what) => {
                        refused.extend_from_slice(part);
                        open.extend_from_slice(part);
                        self.refused(call, &part[0], &what);
                    }
                    // Whoever refuses a call is no member of the chain from now on: the others decide.
                    Outcome::NoAnswer if self.is_disabled(call) => open.extend_from_slice(part),
                    Outcome::NoAnswer => {
                        unanswered.extend(part.iter().cloned());
                        open.extend_from_slice(part);
                        if self.in_this_run(call).report.requests > n_requests {
                            self.unanswered.extend(part.iter().cloned());
                        }
                    }
                }
            }
            let (believed, doubtful) = self.weigh(call, refused);
            unknown.extend(believed);
            self.unanswered.extend(doubtful.iter().cloned());
            unanswered.extend(doubtful);
        }
        let is_missed = |id: &TrackId| unknown.contains(id) && !unanswered.contains(id);
        Ok(open.into_iter().partition(is_missed))
    }

    /// Asks a call for some tracks, at most as many as it takes.
    fn ask(&mut self, call: &dyn Call, ids: &[TrackId]) -> Result<Outcome, StoreError> {
        let Some((found, mut refusals)) = self.request(call, ids)? else { return Ok(Outcome::NoAnswer) };
        match refusals.pop() {
            Some(what) if ids.len() == 1 => Ok(Outcome::Refused(what)),
            Some(what) if refusals.len() + 1 == ids.len() => {
                let n_ids = ids.len();
                let what = format!("it refuses each of {n_ids} ids; is its address right? {what}");
                self.give_up(call, &Fault::Unexpected(what));
                Ok(Outcome::NoAnswer)
            }
            last => {
                self.in_this_run(call).report.unknown +=
                    (refusals.len() + usize::from(last.is_some())) as u64;
                Ok(Outcome::Found(found))
            }
        }
    }

    /// Makes one call: what is found, and what was said of each id that was refused. `None` when there is no answer.
    fn request(
        &mut self,
        call: &dyn Call,
        ids: &[TrackId],
    ) -> Result<Option<(Found, Vec<String>)>, StoreError> {
        let name = call.provider().name();
        let (mut n_failed, mut n_too_many) = (0, 0);
        loop {
            if !self.is_usable(call) {
                return Ok(None);
            }
            let until_ms = self.state.provider(name).suspended_until_ms.unwrap_or(i64::MIN);
            if !self.clock.sleep_until(until_ms, self.cancel) {
                return Ok(None);
            }
            let answer = self.runtime.block_on(async {
                tokio::select! {
                    answer = call.fetch(ids) => Some(answer),
                    () = self.cancel.asked() => None,
                }
            });
            let Some(answer) = answer else { return Ok(None) };
            let totals = &mut self.state.totals;
            *totals.requests.entry(name.to_owned()).or_default() += 1;
            // That one track is unknown is an answer.
            let is_answered = answer.is_ok() || (ids.len() == 1 && matches!(answer, Err(Fault::BadIds(_))));
            if !is_answered {
                *totals.failures.entry(name.to_owned()).or_default() += 1;
            }
            let run = self.in_this_run(call);
            run.report.requests += 1;
            let fault = match answer {
                Ok(found) => {
                    run.failures_in_a_row = 0;
                    run.trust.entry(call.name()).or_default().has_answered = true;
                    run.report.known += found.len() as u64;
                    run.report.unknown += (ids.len() - found.len()) as u64;
                    if self.state.provider(name).disabled.remove(call.name()).is_some() {
                        tracing::info!("{name} answers {} again", call.name());
                        self.save()?;
                    }
                    return Ok(Some((found, Vec::new())));
                }
                Err(fault) => fault,
            };
            match fault {
                Fault::TooMany { retry_after, quota } => {
                    run.report.rate_limited += 1;
                    n_too_many += 1;
                    let wait = match retry_after {
                        Some(wait) => wait,
                        None if quota => QUOTA_PAUSE,
                        None => before_attempt(self.backoff, n_too_many, &mut self.random),
                    };
                    self.suspend(name, wait, &fault)?;
                    if n_too_many >= MAX_TOO_MANY {
                        self.give_up(call, &fault);
                        return Ok(None);
                    }
                }
                Fault::Refused => {
                    let now_ms = self.clock.now_ms();
                    self.state.provider(name).disable(call.name(), now_ms);
                    self.save()?;
                    tracing::warn!(
                        "{name} refuses {} to this application; it is left out from now on",
                        call.name()
                    );
                    return Ok(None);
                }
                Fault::Unauthorized(what) => {
                    run.report.failures += 1;
                    tracing::warn!("{name} does not accept us: {what}");
                    run.out = Some(format!("not authorized: {what}"));
                    return Ok(None);
                }
                Fault::BadIds(what) => return self.divide(call, ids, what),
                Fault::Unavailable(_) if n_failed + 1 < MAX_ATTEMPTS => {
                    n_failed += 1;
                    run.report.retries += 1;
                    let wait = before_attempt(self.backoff, n_failed, &mut self.random);
                    tracing::debug!("{name} {}: {fault}; again in {} ms", call.name(), wait.as_millis());
                    self.clock.sleep(wait, self.cancel);
                    if self.cancel.is_cancelled() {
                        return Ok(None);
                    }
                }
                Fault::Unavailable(_) | Fault::Unexpected(_) => {
                    self.give_up(call, &fault);
                    return Ok(None);
                }
            }
        }
    }

    fn suspend(&mut self, name: &str, wait: Duration, fault: &Fault) -> Result<(), StoreError> {
        let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        let until_ms = self.clock.now_ms().saturating_add(wait_ms);
        self.state.provider(name).suspend(until_ms, &fault.to_string());
        tracing::warn!("{name}: {fault}; nothing is asked of it before {}", rfc3339(until_ms));
        // Before waiting: a worker that is killed meanwhile must not forget it.
        self.save()
    }

    fn give_up(&mut self, call: &dyn Call, fault: &Fault) {
        let name = call.provider().name();
        let run = self.in_this_run(call);
        run.report.failures += 1;
        run.failures_in_a_row += 1;
        tracing::warn!("{name} {}: {fault}; given up for now", call.name());
        if run.failures_in_a_row >= MAX_FAILURES {
            tracing::warn!("{name} is left alone for the rest of this run");
            run.out = Some(fault.to_string());
        }
    }

    fn in_this_run(&mut self, call: &dyn Call) -> &mut InThisRun {
        let place = self.providers.iter().position(|(provider, _)| *provider == call.provider());
        // Calls are made from the same list; a new entry keeps this from being a panic.
        let place = place.unwrap_or_else(|| {
            self.providers.push((call.provider(), InThisRun::default()));
            self.providers.len() - 1
        });
        &mut self.providers[place].1
    }

    /// Makes the state durable.
    pub fn save(&mut self) -> Result<(), StoreError> {
        (self.save)(&mut self.state)
    }

    /// How every provider of the chain stands.
    pub fn reports(&self) -> Vec<ProviderReport> {
        let now_ms = self.clock.now_ms();
        let report = |(provider, run): &(Provider, InThisRun)| {
            let name = provider.name();
            let state = self.state.providers.get(name).cloned().unwrap_or_default();
            let is_off = !self.calls.iter().any(|call| call.provider() == *provider);
            let is_suspended = state.suspended_for_ms(now_ms) > 0;
            let (word, reason) = match (&run.out, is_off, is_suspended) {
                (_, true, _) => {
                    ("off", Some("SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET are not set".to_owned()))
                }
                (Some(why), ..) => ("failing", Some(why.clone())),
                (None, _, true) => ("suspended", Some(state.reason.clone())),
                (None, ..) => ("ready", None),
            };
            let disabled = state.disabled.iter();
            ProviderReport {
                name: name.to_owned(),
                state: word.to_owned(),
                reason,
                suspended_until: state.suspended_until_ms.filter(|_| is_suspended).map(rfc3339),
                disabled: disabled.map(|(call, of)| (call.clone(), rfc3339(of.probe_at_ms))).collect(),
                ..run.report.clone()
            }
        };
        self.providers.iter().map(report).collect()
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
