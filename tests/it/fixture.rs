//! A small snapshot built in-process from the sample catalogue.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::OnceLock;

use nearfield::artifact::SnapshotDir;
use nearfield::build::{BuildError, BuildOptions, BuildReport, build};
use nearfield::demo;
use nearfield::feature::Schema;
use nearfield::progress::{CancelToken, Progress};
use nearfield::store::{StoreError, TrackReader};
use nearfield::track::{Track, TrackId};
use tempfile::TempDir;

/// A catalogue in memory.
#[derive(Default)]
pub struct MemoryStore(pub BTreeMap<TrackId, Track>);

impl MemoryStore {
    pub fn of(tracks: impl IntoIterator<Item = Track>) -> Self {
        Self(tracks.into_iter().map(|track| (track.id.clone(), track)).collect())
    }

    pub fn sample(n_tracks: usize) -> Self {
        Self::of(demo::catalogue(n_tracks, 42))
    }
}

impl TrackReader for MemoryStore {
    fn count(&self) -> Result<u64, StoreError> {
        Ok(self.0.len() as u64)
    }

    fn scan(&self, visit: &mut dyn FnMut(Track) -> ControlFlow<()>) -> Result<(), StoreError> {
        let _ = self.0.values().try_for_each(|track| visit(track.clone()));
        Ok(())
    }
}

pub fn options() -> BuildOptions {
    BuildOptions { m: 12, ef_construction: Some(80), trees: 8, ..BuildOptions::default() }
}

/// Builds snapshot `main` under `indexes`.
pub fn build_in(
    indexes: &Path,
    store: &MemoryStore,
    options: &BuildOptions,
) -> Result<BuildReport, BuildError> {
    build_with(indexes, store, Schema::spotify(), options, &CancelToken::new())
}

pub fn build_with(
    indexes: &Path,
    store: &MemoryStore,
    schema: Schema,
    options: &BuildOptions,
    cancel: &CancelToken,
) -> Result<BuildReport, BuildError> {
    let directory = SnapshotDir::new(indexes, "main").unwrap();
    build(store, "memory", &directory, schema, options, &Progress::hidden(), cancel)
}

/// The indexes directory of a snapshot `main` of 1,500 sample tracks, built once for all tests, which only read it.
pub fn shared() -> &'static Path {
    static BUILT: OnceLock<TempDir> = OnceLock::new();
    let directory = BUILT.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        build_in(directory.path(), &MemoryStore::sample(1_500), &options()).unwrap();
        directory
    });
    directory.path()
}

/// A copy of the shared indexes directory, to be damaged.
pub fn copy() -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_directory(shared(), copy.path());
    copy
}

fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
