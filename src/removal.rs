//! Taking tracks out of the catalogue and, at once, out of what is served; and what becomes of a removal when its track
//! comes back.

use crate::artifact::{ArtifactError, Removals, SnapshotDir};
use crate::store::{CatalogueStore, RefreshStore, StoreError};
use crate::track::TrackId;

/// Why tracks were not removed, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    /// The list beside the snapshot.
    #[error(transparent)]
    List(#[from] ArtifactError),
    /// The catalogue.
    #[error(
        "the tracks are not returned any more, but may still be in the catalogue and come back with the next build; run this again"
    )]
    Store(#[from] StoreError),
}

/// Takes tracks out of `store` and puts them on the list of `snapshot`; returns how many were in the store. A running
/// server stops returning them at once.
pub fn remove(
    store: &dyn CatalogueStore,
    snapshot: &SnapshotDir,
    ids: &[TrackId],
) -> Result<u64, RemovalError> {
    snapshot.note_removed(ids)?;
    let n_removed = store.remove(ids)?;
    // A build that began to read in between may hold them, and only a removal after that hides them from it.
    snapshot.note_removed(ids)?;
    Ok(n_removed)
}

/// Takes the tracks that are in `store` again off the list of `snapshot`; returns how many those were.
pub fn clear(store: &dyn RefreshStore, snapshot: &SnapshotDir) -> Result<usize, RemovalError> {
    let listed = snapshot.removals()?;
    let ids: Vec<TrackId> = listed.iter().map(|(id, _)| id.clone()).collect();
    let mut back = Removals::default();
    // Looked up together: a store may be far away.
    for ((id, time), known) in listed.iter().zip(store.get_refreshes(&ids)?) {
        if known.is_some() {
            back.note(id, time);
        }
    }
    Ok(snapshot.clear_removed(&back)?)
}
