//! The living catalogue: tracks as they were imported and refreshed, before a build turns them into a snapshot.
//!
//! `lmdb.rs` is the embedded store, the default. [`open`] reads the `--store` notation.

use std::ops::ControlFlow;

use crate::track::{Track, TrackId};

/// A catalogue that can be written to, looked into and read through in order.
pub trait CatalogueStore: Send + Sync {
    /// Inserts or merges `tracks` (see [`Track::merge`]), all of them or none. `run` names the import: rows of the
    /// same run add their genres to each other, those of a later run replace them.
    fn upsert(&self, tracks: Vec<Track>, run: u64) -> Result<UpsertCounts, StoreError>;

    /// One track by its id.
    fn get(&self, id: &TrackId) -> Result<Option<Track>, StoreError>;

    /// How many tracks there are.
    fn count(&self) -> Result<u64, StoreError>;

    /// Calls `visit` for every track, bytewise ascending by id, from one consistent reading, until it breaks.
    fn scan(&self, visit: &mut dyn FnMut(Track) -> ControlFlow<()>) -> Result<(), StoreError>;
}
