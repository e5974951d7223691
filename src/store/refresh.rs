//! What refreshing leaves with a track: when providers were asked, what came of it, and where each value is from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The state of one track as refreshing sees it. It is written together with the track, so that one never says what the
/// other does not hold. Times are milliseconds since 1970 (UTC).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Refresh {
    /// How many refreshes of this track are in the store.
    pub n_refreshes: u64,
    /// When a provider last knew it.
    pub refreshed_at_ms: Option<i64>,
    /// When a refresh last changed anything of it.
    pub changed_at_ms: Option<i64>,
    /// How often in a row no provider knew it.
    pub n_misses: u32,
    /// When it may be asked for again, after a miss.
    pub retry_at_ms: Option<i64>,
    /// Where values are from, by their names (`energy`, `album_image`); what is not here was imported.
    pub provenance: BTreeMap<String, Provenance>,
}

/// Where a value is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The provider's name.
    pub provider: String,
    /// When it said so.
    pub fetched_at_ms: i64,
}

/// A refreshed track: what became known of it, and its new state.
#[derive(Clone, Debug, PartialEq)]
pub struct Refreshed {
    /// What is to be merged into the catalogue's track ([`crate::track::Track::merge`], genres replaced).
    pub track: crate::track::Track,
    /// What takes the place of the state there was.
    pub refresh: Refresh,
}
