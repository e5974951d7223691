//! A generation of a few sample tracks, being served without a server: for tests.

use std::ops::ControlFlow;
use std::sync::Arc;

use tempfile::TempDir;

use crate::artifact::SnapshotDir;
use crate::build::{BuildOptions, build};
use crate::feature::Schema;
use crate::progress::{CancelToken, Progress};
use crate::store::{StoreError, TrackReader};
use crate::track::Track;

use super::{Live, LiveSettings};

struct Tracks(Vec<Track>);

impl TrackReader for Tracks {
    fn count(&self) -> Result<u64, StoreError> {
        Ok(self.0.len() as u64)
    }

    fn scan(&self, visit: &mut dyn FnMut(Track) -> ControlFlow<()>) -> Result<(), StoreError> {
        let _ = self.0.iter().try_for_each(|track| visit(track.clone()));
        Ok(())
    }
}

/// Builds one; the directory is that of the snapshots and is removed when it is dropped.
pub(crate) fn serving(n_tracks: usize) -> (TempDir, SnapshotDir, Arc<Live>) {
    let indexes = tempfile::tempdir().unwrap();
    let directory = SnapshotDir::new(indexes.path(), "main").unwrap();
    build_again(&directory, n_tracks);
    let settings = LiveSettings { filter_cache_bytes: 0, min_recall: 0.0 };
    let live = Arc::new(Live::open(directory.clone(), settings).unwrap());
    (indexes, directory, live)
}

/// Builds another generation and publishes it.
pub(crate) fn build_again(directory: &SnapshotDir, n_tracks: usize) {
    let mut tracks: Vec<Track> = crate::demo::catalogue(n_tracks, 42).collect();
    tracks.sort_by(|one, other| one.id.cmp(&other.id));
    let (schema, options) = (Schema::spotify(), BuildOptions { trees: 2, ..BuildOptions::default() });
    let (hidden, go_on) = (Progress::hidden(), CancelToken::new());
    build(&Tracks(tracks), "memory", directory, schema, &options, &hidden, &go_on).unwrap();
}
