//! A generation being served, and what its verification found.

use std::sync::{Arc, OnceLock};

use crate::cache::Identity;
use crate::index::ForestState;
use crate::snapshot::Snapshot;

/// A generation being served, and what its verification found.
#[derive(Debug)]
pub struct Served {
    /// The generation.
    pub snapshot: Snapshot,
    /// Under which its answers are cached.
    identity: Identity,
    /// Shared by all who look at this generation, with whatever removals.
    verified: Arc<OnceLock<Result<(), String>>>,
}

/// What keeps a server from being ready.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unready {
    /// Each with what is the matter.
    pub reasons: Vec<String>,
    /// Whether waiting helps.
    pub passing: bool,
}

impl Served {
    pub(super) fn new(snapshot: Snapshot) -> Self {
        Self::of(snapshot, Arc::default())
    }

    /// One whose files were all read and found whole.
    pub(super) fn verified(snapshot: Snapshot) -> Self {
        Self::of(snapshot, Arc::new(OnceLock::from(Ok(()))))
    }

    /// The same generation with other removals.
    pub(super) fn with_snapshot(&self, snapshot: Snapshot) -> Self {
        Self::of(snapshot, Arc::clone(&self.verified))
    }

    fn of(snapshot: Snapshot, verified: Arc<OnceLock<Result<(), String>>>) -> Self {
        Self { identity: Identity::of(snapshot.manifest(), snapshot.edition()), snapshot, verified }
    }

    /// The generation's name.
    pub fn generation(&self) -> &str {
        &self.snapshot.manifest().generation
    }

    /// Under which its answers are cached.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What was found damaged so far.
    pub fn damage(&self) -> Option<&str> {
        self.verified.get()?.as_ref().err().map(String::as_str)
    }

    /// Whether every file was read and found whole.
    pub fn is_verified(&self) -> bool {
        matches!(self.verified.get(), Some(Ok(())))
    }

    /// What keeps it from being ready, if anything does. A verification that still runs does not.
    pub(crate) fn unready(&self) -> Option<Unready> {
        let mut unready = Unready { reasons: Vec::new(), passing: true };
        match self.snapshot.forest().map(|forest| forest.state()) {
            Some(ForestState::Loading) => {
                unready.reasons.push("the forest engine is still being verified".into());
            }
            Some(ForestState::Unusable) => {
                unready.reasons.push("the forest engine failed its verification".into());
                unready.passing = false;
            }
            Some(ForestState::Ready) | None => {}
        }
        if self.damage().is_some() {
            unready.reasons.push("the snapshot is damaged; the server's log says where".into());
            unready.passing = false;
        }
        (!unready.reasons.is_empty()).then_some(unready)
    }

    /// Reads every file of the generation and remembers what it finds.
    pub fn verify(&self) {
        let manifest = self.snapshot.manifest();
        let generation = &manifest.generation;
        // A stray file is no business of the queries: it is not among those they read.
        match manifest.strays(self.snapshot.directory()) {
            Ok(strays) if !strays.is_empty() => {
                tracing::warn!(
                    "generation {generation} holds files that do not belong to it: {}",
                    strays.join(", ")
                );
            }
            Ok(_) => {}
            Err(error) => tracing::warn!("generation {generation}: {error}"),
        }
        let found = self.snapshot.verify_listed(|_| {}).map_err(|error| error.to_string());
        match &found {
            Ok(()) => tracing::info!("verified every file of generation {generation}"),
            Err(error) => tracing::error!("generation {generation}: {error}"),
        }
        // A second verification finds the same: files never change.
        let _ = self.verified.set(found);
    }
}
