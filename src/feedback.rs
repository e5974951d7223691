//! What users think of tracks, as a server uses it: where it is kept, opened when it is first needed, and the weights
//! learned from it, kept in memory for a moment.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::learn::{Learned, Prior, learn};
use crate::query::UserWeights;
use crate::snapshot::Snapshot;
use crate::store::{FeedbackStore, MAX_ALL_THUMBS, StoreError, ThumbChange, Thumbs, UserKey};
use crate::track::TrackId;

/// Users whose weights are kept.
const MAX_USERS: u64 = 4_096;
/// How long weights are kept: feedback that another server was given shows by then.
const FRESH: Duration = Duration::from_secs(10);
/// How long a store that failed is left alone, so that what needs none does not wait for a thread.
const PAUSE: Duration = Duration::from_secs(2);
/// Counters of changes that users share.
const N_EPOCHS: usize = 1_024;

/// Opens the store; whether it may be created is the argument, `None` says that there is none yet.
pub type OpenStore = dyn Fn(bool) -> Result<Option<Arc<dyn FeedbackStore>>, StoreError> + Send + Sync;

/// Why there is no feedback, or why it was not taken.
#[derive(Debug, thiserror::Error)]
pub enum FeedbackError {
    /// Nobody said where to keep it.
    #[error("this server keeps no feedback")]
    Off,
    /// The store failed a moment ago and is left alone.
    #[error("the store of feedback failed a moment ago")]
    Paused,
    /// The store failed, or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Feedback and what was learned from it.
pub struct Feedback {
    open: Option<Box<OpenStore>>,
    /// The most thumbs of all users together.
    max_all: u64,
    store: Mutex<Option<Arc<dyn FeedbackStore>>>,
    failed: Mutex<Option<Instant>>,
    /// By user and edition of a snapshot.
    learned: moka::sync::Cache<(UserKey, Arc<str>), Entry>,
    /// How often feedback was given, by a hash of the user: what was learned before counts no more.
    epochs: Vec<AtomicU64>,
    hasher: std::hash::RandomState,
}

#[derive(Clone)]
struct Entry {
    epoch: u64,
    weights: Arc<UserWeights>,
}

impl std::fmt::Debug for Feedback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feedback").field("kept", &self.open.is_some()).finish_non_exhaustive()
    }
}

impl Feedback {
    /// None is kept.
    pub fn off() -> Self {
        Self {
            open: None,
            max_all: MAX_ALL_THUMBS,
            store: Mutex::default(),
            failed: Mutex::default(),
            learned: moka::sync::Cache::builder().max_capacity(MAX_USERS).time_to_live(FRESH).build(),
            epochs: (0..N_EPOCHS).map(|_| AtomicU64::new(0)).collect(),
            hasher: std::hash::RandomState::new(),
        }
    }

    /// Kept where `open` says, which is asked when it is first needed.
    pub fn kept(open: Box<OpenStore>) -> Self {
        Self { open: Some(open), ..Self::off() }
    }

    /// The same with another limit of the thumbs of all users together.
    pub fn with_max_all(self, max_all: u64) -> Self {
        Self { max_all, ..self }
    }

    /// The thumbs of a user.
    pub fn thumbs(&self, user: &UserKey) -> Result<Thumbs, FeedbackError> {
        match self.store(false)? {
            Some(store) => self.ask(|| store.thumbs(user)),
            None => Ok(Thumbs::default()),
        }
    }

    /// Makes a change; durable when it returns. Returns the user's thumbs after it.
    pub fn change(&self, user: &UserKey, change: &ThumbChange) -> Result<Thumbs, FeedbackError> {
        let store = self.store(true)?.ok_or(FeedbackError::Off)?;
        let changed = self.ask(|| store.change_thumbs(user, change, self.max_all));
        // Also where it failed: it may have been made all the same.
        self.epoch(user).fetch_add(1, Ordering::AcqRel);
        changed
    }

    /// Forgets a user; durable when it returns. Returns how many thumbs there were.
    pub fn forget(&self, user: &UserKey) -> Result<u64, FeedbackError> {
        let Some(store) = self.store(false)? else { return Ok(0) };
        let forgotten = self.ask(|| store.forget_user(user));
        self.epoch(user).fetch_add(1, Ordering::AcqRel);
        forgotten
    }

    /// The weights of a user for queries to `snapshot`, if they are in memory.
    pub fn weights_here(&self, user: &UserKey, snapshot: &Snapshot) -> Option<Arc<UserWeights>> {
        let epoch = self.epoch(user).load(Ordering::Acquire);
        let entry = self.learned.get(&key(user, snapshot))?;
        (entry.epoch == epoch).then_some(entry.weights)
    }

    /// The weights of a user for queries to `snapshot`. May wait for the store.
    pub fn weights(&self, user: &UserKey, snapshot: &Snapshot) -> Result<Arc<UserWeights>, FeedbackError> {
        // Before the store is asked: feedback that is given meanwhile makes this out of date.
        let epoch = self.epoch(user).load(Ordering::Acquire);
        if let Some(known) = self.weights_here(user, snapshot) {
            return Ok(known);
        }
        let weights = Arc::new(match learn_from(snapshot, &self.thumbs(user)?) {
            Ok(learned) => UserWeights { weights: Some(learned.weights), warnings: learned.warnings },
            Err(warning) => UserWeights { weights: None, warnings: vec![warning.to_owned()] },
        });
        self.learned.insert(key(user, snapshot), Entry { epoch, weights: Arc::clone(&weights) });
        Ok(weights)
    }

    fn epoch(&self, user: &UserKey) -> &AtomicU64 {
        &self.epochs[self.hasher.hash_one(user) as usize % N_EPOCHS]
    }

    fn store(&self, create: bool) -> Result<Option<Arc<dyn FeedbackStore>>, FeedbackError> {
        let open = self.open.as_ref().ok_or(FeedbackError::Off)?;
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if store.is_none() {
            *store = self.ask(|| open(create))?;
        }
        Ok(store.clone())
    }

    /// Asks the store, unless it failed a moment ago.
    fn ask<T>(&self, ask: impl FnOnce() -> Result<T, StoreError>) -> Result<T, FeedbackError> {
        let failed = || self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed().is_some_and(|at| at.elapsed() < PAUSE) {
            return Err(FeedbackError::Paused);
        }
        let asked = ask();
        // What is wrong with one user, or enough, is no failure of the store.
        let has_failed = !matches!(
            asked,
            Ok(_)
                | Err(StoreError::TooManyThumbs { .. } | StoreError::FeedbackFull { .. } | StoreError::Thumb)
        );
        *failed() = has_failed.then(Instant::now);
        Ok(asked?)
    }
}

fn key(user: &UserKey, snapshot: &Snapshot) -> (UserKey, Arc<str>) {
    (user.clone(), snapshot.edition().into())
}

/// The weights that thumbs on tracks of `snapshot` lead to, or why they lead to none.
pub fn learn_from(snapshot: &Snapshot, thumbs: &Thumbs) -> Result<Learned, &'static str> {
    // Tracks that were taken out since say nothing any more.
    let find = |ids: &[TrackId]| ids.iter().filter_map(|id| snapshot.find(id)).collect::<Vec<_>>();
    let (liked, disliked) = (find(&thumbs.liked), find(&thumbs.disliked));
    if liked.is_empty() {
        return Err("this user likes no track of this catalogue so far: there are no weights of their own");
    }
    let prior =
        Prior::of(snapshot.schema(), None).ok_or("this catalogue's schema has no weights to begin with")?;
    Ok(learn(snapshot, liked, disliked, &prior))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Fails, and counts how often it is read.
    struct Broken(Arc<AtomicUsize>);

    impl FeedbackStore for Broken {
        fn thumbs(&self, user: &UserKey) -> Result<Thumbs, StoreError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Err(match user.as_str() {
                "damaged" => StoreError::Thumb,
                _ => StoreError::Location { scheme: None },
            })
        }

        fn change_thumbs(&self, _: &UserKey, _: &ThumbChange, max_all: u64) -> Result<Thumbs, StoreError> {
            Err(StoreError::FeedbackFull { max_all })
        }

        fn forget_user(&self, _: &UserKey) -> Result<u64, StoreError> {
            Ok(7)
        }
    }

    fn user() -> UserKey {
        UserKey::parse("u").unwrap()
    }

    #[test]
    fn a_store_that_failed_is_left_alone_for_a_moment() {
        let n_asked = Arc::new(AtomicUsize::new(0));
        let store = Arc::clone(&n_asked);
        let feedback = Feedback::kept(Box::new(move |_| Ok(Some(Arc::new(Broken(Arc::clone(&store)))))));
        let feedback = feedback.with_max_all(9);
        let full = feedback.change(&user(), &ThumbChange::default()).unwrap_err();
        assert!(matches!(full, FeedbackError::Store(StoreError::FeedbackFull { max_all: 9 })));
        assert_eq!(feedback.forget(&user()).unwrap(), 7, "that was no failure");
        let damaged = UserKey::parse("damaged").unwrap();
        for _ in 0..2 {
            assert!(matches!(feedback.thumbs(&damaged), Err(FeedbackError::Store(StoreError::Thumb))));
        }
        let failed = feedback.thumbs(&user());
        assert!(matches!(failed, Err(FeedbackError::Store(StoreError::Location { .. }))), "others are asked");
        assert!(matches!(feedback.thumbs(&user()), Err(FeedbackError::Paused)));
        assert_eq!(n_asked.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn reading_creates_no_store() {
        let feedback = Feedback::kept(Box::new(|create| {
            assert!(!create);
            Ok(None)
        }));
        assert!(feedback.thumbs(&user()).unwrap().is_empty());
        assert_eq!(feedback.forget(&user()).unwrap(), 0);
        assert!(matches!(Feedback::off().thumbs(&user()), Err(FeedbackError::Off)));
    }
}
