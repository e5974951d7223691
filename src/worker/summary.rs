//! What came of a run.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::rebuild::RebuildReport;

/// Tracks that wait to be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Backlog {
    /// Tracks in the catalogue.
    pub tracks: u64,
    /// Those that lack something the providers give.
    pub incomplete: u64,
    /// Complete ones that were not refreshed for too long, or never.
    pub stale: u64,
    /// Those that nobody knew lately; they are asked for again ever more rarely.
    pub unknown: u64,
    /// Those whose id is none of Spotify's: they are left alone.
    pub not_spotify: u64,
}

/// What a run asked of a provider, and how that stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProviderReport {
    /// Its name.
    pub name: String,
    /// `ready`, `suspended`, `failing` (for the rest of this run), `off`.
    pub state: String,
    /// Why it is not ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Until when it is suspended, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_until: Option<String>,
    /// Calls it refuses, with the time when they are tried again (RFC 3339).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub disabled: BTreeMap<String, String>,
    /// Calls made, attempts counted.
    pub requests: u64,
    /// Tracks it knew.
    pub known: u64,
    /// Tracks it did not know.
    pub unknown: u64,
    /// Answers of "too many requests".
    pub rate_limited: u64,
    /// Calls that were made again after a failure.
    pub retries: u64,
    /// Calls given up.
    pub failures: u64,
}

/// What came of a run: the object of `nearfield worker --json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunSummary {
    /// `done`, `interrupted` or `failed`.
    pub outcome: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// RFC 3339.
    pub started: String,
    /// RFC 3339.
    pub ended: String,
    /// How long it took.
    pub seconds: f64,
    /// Tracks chosen.
    pub selected: u64,
    /// Tracks recorded, each durable when it was counted.
    pub recorded: u64,
    /// Those that changed.
    pub changed: u64,
    /// Those that met something no provider knew.
    pub unknown: u64,
    /// Tracks of which nobody said anything; they stay in the backlog.
    pub not_answered: u64,
    /// Before the run.
    pub backlog_before: Backlog,
    /// After it.
    pub backlog: Backlog,
    /// In the order of the chain.
    pub providers: Vec<ProviderReport>,
    /// What `--rebuild-after` led to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuild: Option<RebuildReport>,
}

impl fmt::Display for RunSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} of {} tracks recorded in {:.1} s ({} changed, {} not known everywhere, {} without an answer)",
            self.outcome,
            self.recorded,
            self.selected,
            self.seconds,
            self.changed,
            self.unknown,
            self.not_answered
        )?;
        if let Some(error) = &self.error {
            writeln!(f, "{error}")?;
        }
        let Backlog { tracks, incomplete, stale, unknown, not_spotify } = self.backlog;
        writeln!(
            f,
            "backlog: {incomplete} incomplete, {stale} stale, {unknown} unknown and waiting, of {tracks} tracks ({not_spotify} without a Spotify id)"
        )?;
        for provider in &self.providers {
            writeln!(f, "{provider}")?;
        }
        if let Some(rebuild) = &self.rebuild {
            writeln!(f, "{rebuild}")?;
        }
        Ok(())
    }
}

impl ProviderReport {
    /// How it stands, and why.
    pub(super) fn standing(&self) -> String {
        let mut text = format!("{}: {}", self.name, self.state);
        if let Some(until) = &self.suspended_until {
            text = format!("{text} until {until}");
        }
        match &self.reason {
            Some(reason) => format!("{text} ({reason})"),
            None => text,
        }
    }
}

impl fmt::Display for ProviderReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}; {} requests, {} known, {} unknown, {} too many, {} retries, {} given up",
            self.standing(),
            self.requests,
            self.known,
            self.unknown,
            self.rate_limited,
            self.retries,
            self.failures
        )?;
        for (call, until) in &self.disabled {
            write!(f, "; {call} is refused to this application, tried again after {until}")?;
        }
        Ok(())
    }
}
