//! One step of a run: some tracks go through the chain, then what came of it is recorded at once.

use crate::progress::Phase;
use crate::store::{Refresh, Refreshed};
use crate::track::{Track, TrackId};

use super::clock::Clock;
use super::findings::{ByTrack, Findings};
use super::providers::{Found, Group};
use super::run::{Run, WorkerError};
use super::select::need;
use super::summary::Backlog;

impl Run<'_> {
    /// Takes some tracks through the chain and records what came of it.
    pub fn step(&mut self, ids: &[TrackId], phase: &Phase) -> Result<(), WorkerError> {
        let findings = self.ask(ids)?;
        let now_ms = self.clock.now_ms();
        let (mut records, mut n_changed, mut n_unknown) = (Vec::new(), 0, 0);
        let mut backlog = self.summary.backlog;
        let (empty, findings): (Vec<_>, Vec<_>) =
            findings.into_iter().partition(|(_, findings)| findings.is_empty());
        let attempted = empty.into_iter().filter(|(_, findings)| findings.is_unanswered());
        self.record_attempts(attempted.map(|(id, _)| id).collect(), now_ms)?;
        let ids_found: Vec<TrackId> = findings.iter().map(|(id, _)| id.clone()).collect();
        // Read again: an import may have come in between.
        let known = self.worker.store.get_refreshes(&ids_found)?;
        for ((_, findings), known) in findings.into_iter().zip(known) {
            let Some((track, before)) = known else { continue };
            n_unknown += u64::from(findings.is_missed());
            self.count(&mut backlog, &track, &before, now_ms, -1);
            let (refreshed, changed) = findings.refreshed(&track, before, now_ms);
            n_changed += u64::from(changed);
            let mut after = track;
            after.merge(refreshed.track.clone(), false);
            self.count(&mut backlog, &after, &refreshed.refresh, now_ms, 1);
            records.push(refreshed);
        }
        self.record(records, n_changed, n_unknown, ids.len())?;
        self.summary.backlog = backlog;
        phase.advance(ids.len() as u64);
        self.show();
        Ok(())
    }

    fn count(&self, backlog: &mut Backlog, track: &Track, refresh: &Refresh, now_ms: i64, times: i64) {
        backlog.count(track, refresh, self.chain.all(), now_ms, self.worker.settings.stale_after, times);
    }

    /// Asks for what each track needs, group by group.
    fn ask(&mut self, ids: &[TrackId]) -> Result<ByTrack, WorkerError> {
        let mut findings = ByTrack::new();
        let (mut features, mut metadata, mut images) = (Vec::new(), Vec::new(), Vec::new());
        for (id, known) in ids.iter().zip(self.worker.store.get_refreshes(ids)?) {
            let Some((track, refresh)) = known else { continue };
            let now_ms = self.clock.now_ms();
            let need = need(&track, &refresh, self.chain.usable(), now_ms, self.worker.settings.stale_after);
            findings.insert(id.clone(), Findings::default());
            if refresh.n_misses > 0 {
                self.chain.missed_before.insert(id.clone());
            }
            let groups =
                [(need.features, &mut features), (need.metadata, &mut metadata), (need.image, &mut images)];
            groups.into_iter().filter(|(due, _)| *due).for_each(|(_, list)| list.push(id.clone()));
        }
        self.ask_group(Group::Features, features, &mut findings)?;
        self.ask_group(Group::Metadata, metadata, &mut findings)?;
        // Metadata may have brought an image along.
        images.retain(|id| !findings.get(id).is_some_and(Findings::has_image));
        self.ask_group(Group::Image, images, &mut findings)?;
        for id in std::mem::take(&mut self.chain.unanswered) {
            findings.entry(id).or_default().unanswered();
        }
        Ok(findings)
    }

    /// Notes of tracks that nobody answered for that they were asked for, so that others come first in the next run. That
    /// is no refresh.
    fn record_attempts(&mut self, ids: Vec<TrackId>, now_ms: i64) -> Result<(), WorkerError> {
        if ids.is_empty() {
            return Ok(());
        }
        let known = self.worker.store.get_refreshes(&ids)?.into_iter().flatten();
        let attempt = |(track, refresh): (Track, Refresh)| Refreshed {
            track: Track::new(track.id),
            refresh: Refresh { asked_at_ms: Some(now_ms), ..refresh },
        };
        self.worker.store.record_refreshes(known.map(attempt).collect())?;
        Ok(())
    }

    fn ask_group(
        &mut self,
        group: Group,
        ids: Vec<TrackId>,
        findings: &mut ByTrack,
    ) -> Result<(), WorkerError> {
        if ids.is_empty() {
            return Ok(());
        }
        let known = |provider, at_ms, found: Found| {
            for (id, track) in found {
                findings.entry(id).or_default().known(provider, at_ms, track);
            }
        };
        let (missed, _) = self.chain.ask_group(group, ids, known)?;
        for id in missed {
            findings.entry(id).or_default().missed();
        }
        Ok(())
    }

    /// The acknowledgement: what is counted here is durable.
    fn record(
        &mut self,
        records: Vec<Refreshed>,
        n_changed: u64,
        n_unknown: u64,
        n_asked: usize,
    ) -> Result<(), WorkerError> {
        let summary = &mut self.summary;
        summary.not_answered += n_asked.saturating_sub(records.len()) as u64;
        if records.is_empty() {
            return Ok(());
        }
        let ids: Vec<TrackId> = records.iter().map(|record| record.track.id.clone()).collect();
        let n_recorded = self.worker.store.record_refreshes(records)?;
        let list = || ids.iter().map(TrackId::as_str).collect::<Vec<_>>().join(" ");
        tracing::info!("recorded {n_recorded} tracks");
        tracing::debug!("recorded: {}", list());
        summary.recorded += n_recorded;
        summary.changed += n_changed;
        summary.unknown += n_unknown;
        let totals = &mut self.chain.state.totals;
        totals.recorded += n_recorded;
        totals.changed += n_changed;
        totals.unknown += n_unknown;
        Ok(self.chain.save()?)
    }
}
