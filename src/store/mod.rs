//! The living catalogue: tracks as they were imported and refreshed, before a build turns them into a snapshot.
//!
//! `lmdb.rs` is the embedded store, the default (its environment: `lmdb_env.rs`; what refreshing leaves there:
//! `lmdb_refresh.rs`); `record.rs` and `refresh_record.rs` are how it writes one track and its refresh; `backup.rs` copies
//! it and puts copies back; `feedback.rs` is what users think of tracks (`lmdb_feedback.rs` keeps it in LMDB); `refresh.rs` is what a refresh leaves, whatever the store; `mongo/` is a collection of a
//! MongoDB server; `location.rs` reads the `--store` notation; `error.rs` says what can go
//! wrong.

pub mod backup;
mod error;
mod feedback;
mod lmdb;
mod lmdb_env;
mod lmdb_feedback;
mod lmdb_refresh;
mod location;
mod mongo;
mod record;
mod refresh;
mod refresh_record;

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;

pub use error::StoreError;
pub use feedback::{FeedbackStore, InvalidUserKey, MAX_ALL_THUMBS, MAX_THUMBS, ThumbChange, Thumbs, UserKey};
pub use lmdb::LmdbStore;
pub use lmdb_env::LmdbOptions;
pub use location::StoreLocation;
pub use mongo::{DocumentError, MongoFeedback, MongoOptions, MongoStore};
pub use refresh::{Provenance, Refresh, Refreshed, field};

use crate::progress::CancelToken;
use crate::track::{Track, TrackId};

/// Tracks that can be counted and read through in order: all that a build needs.
pub trait TrackReader: Send + Sync {
    /// How many tracks there are.
    fn count(&self) -> Result<u64, StoreError>;

    /// Calls `visit` for every track, bytewise ascending by id, until it breaks: from one consistent reading, where the
    /// store has such a thing.
    fn scan(&self, visit: &mut dyn FnMut(Track) -> ControlFlow<()>) -> Result<(), StoreError>;

    /// The same with what refreshing left with each track, the default where nothing did.
    fn scan_refreshes(
        &self,
        visit: &mut dyn FnMut(Track, Refresh) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.scan(&mut |track| visit(track, Refresh::default()))
    }
}

/// A catalogue that can be written to, looked into and read through in order.
pub trait CatalogueStore: TrackReader {
    /// Inserts or merges `tracks` (see [`Track::merge`]), all of them or none (MongoDB
    /// may keep a part of a failed batch; writing it again completes it). `run` names the import: rows of the
    /// same run add their genres to each other, those of a later run replace them.
    fn upsert(&self, tracks: Vec<Track>, run: u64) -> Result<UpsertCounts, StoreError>;

    /// Takes tracks out, all of them or none (MongoDB: see [`Self::upsert`]); returns how many of them were there.
    fn remove(&self, ids: &[TrackId]) -> Result<u64, StoreError>;

    /// One track by its id.
    fn get(&self, id: &TrackId) -> Result<Option<Track>, StoreError>;
}

/// A catalogue that keeps what refreshing leaves.
pub trait RefreshStore: CatalogueStore {
    /// Tracks by their ids, in their order, with what refreshing left with each; `None` for those there are not.
    fn get_refreshes(&self, ids: &[TrackId]) -> Result<Vec<Option<(Track, Refresh)>>, StoreError>;

    /// One of them.
    fn get_refresh(&self, id: &TrackId) -> Result<Option<(Track, Refresh)>, StoreError> {
        Ok(self.get_refreshes(std::slice::from_ref(id))?.pop().flatten())
    }

    /// Merges what refreshing found into the tracks and sets their new state, each track with its state at once. All of
    /// it is durable when this returns. A track that was removed meanwhile is left out. Returns how many were written.
    fn record_refreshes(&self, refreshed: Vec<Refreshed>) -> Result<u64, StoreError>;

    /// How many tracks were changed since `since_ms` (milliseconds since 1970) by whoever, as far as `enough`: more are
    /// not counted. `None` where the store does not know.
    fn changed_since(&self, since_ms: i64, enough: u64) -> Result<Option<u64>, StoreError>;

    /// What the worker left for its next run: a text that only it understands.
    fn worker_state(&self) -> Result<Option<String>, StoreError>;

    /// Leaves a text for the worker's next run; durable when it returns.
    fn set_worker_state(&self, state: &str) -> Result<(), StoreError>;
}

/// What became of the tracks given to [`CatalogueStore::upsert`]: each is counted exactly once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UpsertCounts {
    /// New to the catalogue.
    pub inserted: u64,
    /// Known, and something changed.
    pub updated: u64,
    /// Known, and nothing changed.
    pub unchanged: u64,
    /// Merged into a track that this same run had already given (one row per genre, or a repeated row).
    pub merged: u64,
}

impl std::ops::AddAssign for UpsertCounts {
    fn add_assign(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.merged += other.merged;
    }
}

/// How catalogues are opened, whichever kind a URI names.
#[derive(Clone, Debug, Default)]
pub struct StoreOptions {
    /// Of the embedded store.
    pub lmdb: LmdbOptions,
    /// Of a collection of MongoDB.
    pub mongo: MongoOptions,
    /// Ends waiting for a server that is away.
    pub cancel: CancelToken,
}

/// Opens the catalogue at `location`, creating it when it does not exist.
pub fn open(location: &StoreLocation, options: &StoreOptions) -> Result<Arc<dyn RefreshStore>, StoreError> {
    match location {
        StoreLocation::Lmdb(path) => Ok(Arc::new(LmdbStore::open(path, &options.lmdb)?)),
        StoreLocation::Mongo(uri) => {
            Ok(Arc::new(MongoStore::open_until(uri, options.mongo.clone(), &options.cancel)?))
        }
    }
}

/// Opens the catalogue at `location`; `None` when it does not exist yet. Creates nothing.
pub fn open_existing(
    location: &StoreLocation,
    options: &StoreOptions,
) -> Result<Option<Arc<dyn RefreshStore>>, StoreError> {
    match location {
        StoreLocation::Lmdb(path) => {
            let store = LmdbStore::open_existing(path, &options.lmdb)?;
            Ok(store.map(|store| Arc::new(store) as Arc<dyn RefreshStore>))
        }
        // Collections need not be created: one without documents is an empty catalogue.
        StoreLocation::Mongo(_) => open(location, options).map(Some),
    }
}

/// Opens where thumbs are kept: in the catalogue at `location`, or beside it. `None` when there is no catalogue and it must not
/// be created.
pub fn open_feedback(
    location: &StoreLocation,
    options: &StoreOptions,
    create: bool,
) -> Result<Option<Arc<dyn FeedbackStore>>, StoreError> {
    match location {
        StoreLocation::Lmdb(path) => {
            let store = match create {
                true => Some(LmdbStore::open(path, &options.lmdb)?),
                false => LmdbStore::open_existing(path, &options.lmdb)?,
            };
            Ok(store.map(|store| Arc::new(store) as Arc<dyn FeedbackStore>))
        }
        StoreLocation::Mongo(uri) => {
            Ok(Some(Arc::new(MongoFeedback::open_until(uri, &options.mongo, &options.cancel)?)))
        }
    }
}

/// Sorts `tracks` by id and merges those with the same id in the order given, their genres added to each other.
/// Returns how many were merged away.
pub(crate) fn sort_and_coalesce(tracks: &mut Vec<Track>) -> u64 {
    let n_before = tracks.len();
    // Stable: for one id, later rows win.
    tracks.sort_by(|a, b| a.id.cmp(&b.id));
    tracks.dedup_by(|later, kept| {
        let same = later.id == kept.id;
        if same {
            let taken = std::mem::replace(later, Track::new(kept.id.clone()));
            kept.merge(taken, true);
        }
        same
    });
    (n_before - tracks.len()) as u64
}
