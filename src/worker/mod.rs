//! Keeping the catalogue fresh: which tracks to ask for, whom, how fast, and what is kept of the answers.
//!
//! ```text
//! settings.rs   what can be set
//! providers/    Spotify, ReccoBeats, oEmbed: each a list of calls behind one trait
//! limits.rs     the rate of requests of a provider
//! backoff.rs    how long to wait before the next attempt, and before an unknown track is asked for again
//! clock.rs      the time, replaceable in tests
//! state.rs      what outlives a run: suspensions, disabled calls, totals
//! chain.rs      asking: limits, faults, retries; which calls are of use now
//! chain_trust.rs  refusals: the id at fault, or the call itself
//! select.rs     one pass over the catalogue: backlog, and the tracks that come first
//! findings.rs   answers -> what is recorded of a track
//! run.rs        one run
//! step.rs       a step of it: asking and recording
//! heartbeat.rs  saying that it is there while a step or a build takes its time
//! rebuild.rs    a new generation once enough has changed
//! summary.rs    what came of a run
//! status.rs     worker.json beside the snapshot, which the server reads
//! lock.rs       one worker for each snapshot
//! ```
//!
//! A step takes some tracks through the chain and records them in one durable write: that is the acknowledgement. A kill
//! at any point loses the answers of one step, which is asked for again; what was recorded is not asked for again.
//!
//! The engine is synchronous but for the requests themselves: stores may have runtimes of their own.

mod backoff;
mod chain;
mod clock;
mod findings;
mod heartbeat;
mod limits;
mod lock;
mod providers;
mod rebuild;
mod run;
mod select;
mod settings;
mod state;
mod status;
mod step;
mod summary;

pub use clock::{Clock, SystemClock};
pub use lock::{LockError, WorkerLock};
pub use providers::{Provider, UnknownProvider};
pub use rebuild::{RebuildError, RebuildReport};
pub use run::{Worker, WorkerError};
pub use settings::{Credentials, Rates, RebuildSettings, Settings, Urls};
pub use state::Totals;
pub use status::{STATUS_FILE, StatusError, WorkerStatus, read_status};
pub use summary::{Backlog, ProviderReport, RunSummary};

/// A time in milliseconds since 1970 as RFC 3339.
pub(crate) fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|time| time.to_string()).unwrap_or_else(|_| ms.to_string())
}
