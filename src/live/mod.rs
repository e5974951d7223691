//! The generation being served, and how it changes while requests are answered.
//!
//! ```text
//! mod.rs      what is served; swapping it
//! served.rs   one generation being served, and what its verification found
//! gates.rs    what a generation must pass before it is served
//! attempt.rs  from what CURRENT names to what is served, or why not
//! watch.rs    the threads that notice changes of CURRENT and REMOVED
//! sample.rs   one to try the others with (in tests)
//! recall/     what the engines find of what is really asked for
//! ```
//!
//! A request loads what is served once and ends on it, whatever is swapped in meanwhile. Two things change it: `CURRENT`
//! names another generation, which is opened and passes its gates before it is swapped in; and the list of removed
//! tracks changes, which takes effect at once, also while a new generation is still at its gates.

mod attempt;
mod gates;
mod recall;
#[cfg(test)]
pub(crate) mod sample;
mod served;
mod watch;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;

use crate::artifact::{ArtifactError, Removals, SnapshotDir};
use crate::snapshot::Snapshot;

pub use attempt::{Attempt, Refusal, Ticket};
pub use recall::{LiveRecall, MAX_AGE, MAX_SAMPLES, RecallSettings, WindowView};
pub use served::Served;
pub use watch::Follower;

use attempt::Attempts;

/// How generations are opened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LiveSettings {
    /// Memory for the filters that were used last, in bytes.
    pub filter_cache_bytes: u64,
    /// Recall that a generation's manifest must promise, as a build checks it, before it is swapped in.
    pub min_recall: f64,
}

/// The generation being served.
#[derive(Debug)]
pub struct Live {
    served: ArcSwap<Served>,
    directory: SnapshotDir,
    settings: LiveSettings,
    /// Locked while what is served is exchanged, never for long.
    change: Mutex<Change>,
    /// Locked while a generation is opened and at its gates.
    attempts: Mutex<Attempts>,
    n_attempts: AtomicU64,
    refused: ArcSwapOption<Refusal>,
    counts: Counts,
}

/// What was known when what is served was last exchanged.
#[derive(Debug)]
struct Change {
    /// The first line of the list of removals, which tells lists apart.
    head: Option<Vec<u8>>,
    /// The removals in force.
    removals: Removals,
    /// What was served before. The last request that holds one must not have to close its files, which takes time.
    retired: Vec<Arc<Served>>,
    /// What was last said in the log, so that it is not said every few seconds.
    complaint: Option<String>,
}

/// How often what is served was exchanged.
#[derive(Debug, Default)]
struct Counts {
    swapped: AtomicU64,
    refused: AtomicU64,
    removals: AtomicU64,
    last_swap_seconds: AtomicU64,
}

/// How often what is served was exchanged since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwapCounts {
    /// Generations swapped in.
    pub swapped: u64,
    /// Generations refused.
    pub refused: u64,
    /// Changes of the list of removals that took effect.
    pub removals: u64,
    /// When a generation was last swapped in, in seconds since 1970; 0 for never.
    pub last_swap_seconds: u64,
}

impl Live {
    /// Opens the live generation of `directory`, to be served without the tracks that were removed.
    pub fn open(directory: SnapshotDir, settings: LiveSettings) -> Result<Self, ArtifactError> {
        let snapshot = Snapshot::open_directory(&directory.resolve(None)?)?;
        let head = directory.removals_head()?;
        let removals = directory.removals()?;
        let snapshot = snapshot.with_filter_cache(settings.filter_cache_bytes).with_removals(&removals);
        Ok(Self {
            served: ArcSwap::from_pointee(Served::new(snapshot)),
            directory,
            settings,
            change: Mutex::new(Change { head, removals, retired: Vec::new(), complaint: None }),
            attempts: Mutex::default(),
            n_attempts: AtomicU64::new(0),
            refused: ArcSwapOption::empty(),
            counts: Counts::default(),
        })
    }

    /// The snapshot whose generations are served.
    pub fn directory(&self) -> &SnapshotDir {
        &self.directory
    }

    /// What is served. A handler calls this once, so that its answer belongs to one generation.
    pub fn served(&self) -> Arc<Served> {
        self.served.load_full()
    }

    /// The generation that `CURRENT` names and that is not served, with the reason.
    pub fn refused(&self) -> Option<Arc<Refusal>> {
        self.refused.load_full()
    }

    /// How often what is served was exchanged.
    pub fn counts(&self) -> SwapCounts {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        SwapCounts {
            swapped: get(&self.counts.swapped),
            refused: get(&self.counts.refused),
            removals: get(&self.counts.removals),
            last_swap_seconds: get(&self.counts.last_swap_seconds),
        }
    }

    /// Puts the list of removals in force if it has changed. One that cannot be read changes nothing.
    pub fn apply_removals(&self) {
        let mut change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let read = self.directory.removals_head().and_then(|head| match head == change.head {
            true => Ok(None),
            false => self.directory.removals().map(|removals| Some((head, removals))),
        });
        let (head, mut removals) = match read {
            Ok(Some(read)) => read,
            Ok(None) => return,
            Err(error) => {
                return change.complain(format!("the removals known before stay in force: {error}"));
            }
        };
        let served = self.served();
        self.recall(&mut removals, &change, served.generation());
        let snapshot = served.snapshot.with_removals(&removals);
        (change.head, change.removals, change.complaint) = (head, removals, None);
        if snapshot.removed() != served.snapshot.removed() {
            let n_removed = snapshot.removed().len();
            self.exchange(&mut change, served.with_snapshot(snapshot));
            self.counts.removals.fetch_add(1, Ordering::Relaxed);
            tracing::info!("{n_removed} removed tracks are not returned");
        }
    }

    /// Serves `snapshot`, which has passed its gates, without what was removed.
    fn swap_in(&self, snapshot: &Snapshot) -> Result<(), ArtifactError> {
        let mut change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        // A track may have been removed since the generation was opened.
        let head = self.directory.removals_head()?;
        let mut removals = self.directory.removals()?;
        self.recall(&mut removals, &change, &snapshot.manifest().generation);
        let snapshot = snapshot.with_removals(&removals);
        (change.head, change.removals, change.complaint) = (head, removals, None);
        self.exchange(&mut change, Served::verified(snapshot));
        self.counts.swapped.fetch_add(1, Ordering::Relaxed);
        let now = u64::try_from(Timestamp::now().as_second()).unwrap_or(0);
        self.counts.last_swap_seconds.store(now, Ordering::Relaxed);
        Ok(())
    }

    /// A build drops removals that no generation on disk needs. One that is not there any more may need those known before.
    /// To be asked after the list was read: it is dropped before the list is written.
    fn recall(&self, removals: &mut Removals, change: &Change, generation: &str) {
        if self.directory.resolve(Some(generation)).is_err() {
            removals.extend(&change.removals);
        }
    }

    fn exchange(&self, change: &mut Change, served: Served) {
        change.retired.push(self.served.swap(Arc::new(served)));
    }

    /// Closes what was served before and is not used any more.
    pub fn close_unused(&self) {
        let mut change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let unused: Vec<_> = change.retired.extract_if(.., |served| Arc::strong_count(served) == 1).collect();
        drop(change);
        // Nobody waits for this.
        drop(unused);
    }
}

impl Change {
    /// Logs a complaint that differs from the last one.
    fn complain(&mut self, complaint: String) {
        if self.complaint.as_ref() != Some(&complaint) {
            tracing::warn!("{complaint}");
            self.complaint = Some(complaint);
        }
    }
}
