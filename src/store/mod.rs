//! The living catalogue: tracks as they were imported and refreshed, before a build turns them into a snapshot.
//!
//! `lmdb.rs` is the embedded store, the default (its environment: `lmdb_env.rs`); `record.rs` is how it writes one track;
//! `mongo/` is a collection of a MongoDB server; `location.rs` reads the `--store` notation; `error.rs` says what can go
//! wrong.

mod error;
mod lmdb;
mod lmdb_env;
mod location;
mod mongo;
mod record;

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;

pub use error::StoreError;
pub use lmdb::LmdbStore;
pub use lmdb_env::LmdbOptions;
pub use location::StoreLocation;
pub use mongo::{
    COLLECTION_VARIABLE, DATABASE_VARIABLE, DocumentError, MAP_VARIABLE, MongoOptions, MongoStore,
    PATIENCE_VARIABLE,
};

use crate::track::{Track, TrackId};

/// A catalogue that can be written to, looked into and read through in order.
pub trait CatalogueStore: Send + Sync {
    /// Inserts or merges `tracks` (see [`Track::merge`]), all of them or none (MongoDB
    /// may keep a part of a failed batch; writing it again completes it). `run` names the import: rows of the
    /// same run add their genres to each other, those of a later run replace them.
    fn upsert(&self, tracks: Vec<Track>, run: u64) -> Result<UpsertCounts, StoreError>;

    /// One track by its id.
    fn get(&self, id: &TrackId) -> Result<Option<Track>, StoreError>;

    /// How many tracks there are.
    fn count(&self) -> Result<u64, StoreError>;

    /// Calls `visit` for every track, bytewise ascending by id, until it breaks: from one consistent reading, where the
    /// store has such a thing.
    fn scan(&self, visit: &mut dyn FnMut(Track) -> ControlFlow<()>) -> Result<(), StoreError>;
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

/// Opens the catalogue that `uri` names (`lmdb:PATH`, `mongodb://...`), creating it when it does not exist.
pub fn open(uri: &str) -> Result<Arc<dyn CatalogueStore>, StoreError> {
    match StoreLocation::parse(uri)? {
        StoreLocation::Lmdb(path) => Ok(Arc::new(LmdbStore::open(&path, &LmdbOptions::from_env()?)?)),
        StoreLocation::Mongo(uri) => Ok(Arc::new(MongoStore::open(&uri, MongoOptions::from_env()?)?)),
    }
}

/// Opens the catalogue that `uri` names; `None` when it does not exist yet. Creates nothing.
pub fn open_existing(uri: &str) -> Result<Option<Arc<dyn CatalogueStore>>, StoreError> {
    match StoreLocation::parse(uri)? {
        StoreLocation::Lmdb(path) => {
            let store = LmdbStore::open_existing(&path, &LmdbOptions::from_env()?)?;
            Ok(store.map(|store| Arc::new(store) as Arc<dyn CatalogueStore>))
        }
        // Collections need not be created: one without documents is an empty catalogue.
        StoreLocation::Mongo(uri) => {
            Ok(Some(Arc::new(MongoStore::open(&uri, MongoOptions::from_env()?)?)))
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
