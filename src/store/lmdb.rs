//! The embedded catalogue: one LMDB environment in a directory of its own.
//!
//! Four databases: `tracks` maps the bytes of a track id to its record (`record.rs`), so LMDB's bytewise key order is
//! the order scans promise; `refreshes` maps ids to what refreshing left with them (`lmdb_refresh.rs`); `feedback` holds
//! what users think of tracks (`lmdb_feedback.rs`); `meta` holds the format version and the worker's state. A commit is durable when [`upsert`] returns.
//!
//! [`upsert`]: CatalogueStore::upsert

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, Weak};

use heed::types::Bytes;
use heed::{Database, Env, WithoutTls};

use super::lmdb_env::{
    FORMAT_VERSION, FORMAT_VERSION_KEY, LmdbOptions, create_databases, failed, open_databases, open_env,
    sizes,
};
use super::lmdb_refresh;
use super::record;
use super::{
    CatalogueStore, Refresh, RefreshStore, Refreshed, StoreError, TrackReader, UpsertCounts,
    sort_and_coalesce,
};
use crate::track::{Track, TrackId};

/// The run id follows the version byte of a record.
const RUN_BYTES: std::ops::Range<usize> = 1..9;

/// A catalogue in an LMDB environment. Opening the same path twice in one process gives the same environment.
#[derive(Clone)]
pub struct LmdbStore {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) env: Env<WithoutTls>,
    pub(super) meta: Database<'static, Bytes, Bytes>,
    pub(super) tracks: Database<'static, Bytes, Bytes>,
    /// Set once it was found or made; any process may make it at any time.
    pub(super) refreshes: OnceLock<Database<'static, Bytes, Bytes>>,
    /// The same.
    pub(super) feedback: OnceLock<Database<'static, Bytes, Bytes>>,
    path: PathBuf,
}

impl fmt::Debug for LmdbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LmdbStore").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

/// The environments this process has open, by canonical path: LMDB allows each only once per process.
static OPEN: LazyLock<Mutex<HashMap<PathBuf, Weak<Shared>>>> = LazyLock::new(Mutex::default);

impl LmdbStore {
    /// Opens the catalogue in the directory `path`, creating it when it does not exist.
    pub fn open(path: &Path, options: &LmdbOptions) -> Result<Self, StoreError> {
        fs::create_dir_all(path).map_err(|source| StoreError::Create { path: path.to_owned(), source })?;
        let canonical =
            path.canonicalize().map_err(|source| StoreError::Create { path: path.to_owned(), source })?;
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, shared| shared.strong_count() > 0);
        if let Some(shared) = open.get(&canonical).and_then(Weak::upgrade) {
            return Ok(Self { shared });
        }
        let shared = Arc::new(Shared::open(path, &canonical, options)?);
        open.insert(canonical, Arc::downgrade(&shared));
        Ok(Self { shared })
    }

    /// Opens the catalogue in the directory `path`; `None` when there is none. Creates nothing.
    pub fn open_existing(path: &Path, options: &LmdbOptions) -> Result<Option<Self>, StoreError> {
        if path.join("data.mdb").exists() { Self::open(path, options).map(Some) } else { Ok(None) }
    }

    pub(super) fn env(&self) -> &Env<WithoutTls> {
        &self.shared.env
    }

    /// Runs a change that commits by itself.
    pub(super) fn change(
        &self,
        change: impl FnOnce(&Env<WithoutTls>) -> heed::Result<()>,
    ) -> Result<(), StoreError> {
        let changed = change(&self.shared.env).and_then(|()| self.shared.cover_last_page());
        changed.map_err(|source| self.shared.failed(source))
    }
}

impl Shared {
    fn open(path: &Path, canonical: &Path, options: &LmdbOptions) -> Result<Self, StoreError> {
        let env = open_env(path, canonical, options)?;
        let data = || path.join("data.mdb");
        let (expected, got) = sizes(&env).map_err(|source| failed(path, options, source))?;
        if got < expected {
            // Reading a mapped page behind the end of the file would kill the process with SIGBUS.
            return Err(StoreError::Truncated { path: data(), expected, got });
        }
        let error = |source| failed(path, options, source);
        env.clear_stale_readers().map_err(error)?;
        let existing = open_databases(&env).map_err(error)?;
        let (meta, tracks) = match existing {
            Some(databases) => databases,
            None if env.unnamed_database_stat().entries > 0 => {
                return Err(StoreError::NotACatalogue {
                    path: path.to_owned(),
                    what: "an LMDB environment of another program".to_owned(),
                });
            }
            None => create_databases(&env).map_err(error)?,
        };
        let rtxn = env.read_txn().map_err(error)?;
        let version = meta.get(&rtxn, FORMAT_VERSION_KEY).map_err(error)?;
        match version.and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes) {
            Some(version) if version <= FORMAT_VERSION => {}
            Some(got) => {
                return Err(StoreError::NewerFormat {
                    path: path.to_owned(),
                    got,
                    supported: FORMAT_VERSION,
                });
            }
            None => {
                return Err(StoreError::NotACatalogue {
                    path: path.to_owned(),
                    what: "its format version is missing".to_owned(),
                });
            }
        }
        drop(rtxn);
        Ok(Self {
            env,
            meta,
            tracks,
            refreshes: OnceLock::new(),
            feedback: OnceLock::new(),
            path: path.to_owned(),
        })
    }

    pub(super) fn failed(&self, source: heed::Error) -> StoreError {
        let options = LmdbOptions { map_size_bytes: self.env.info().map_size };
        failed(&self.path, &options, source)
    }

    /// Keeps the promise that [`StoreError::Truncated`] relies on: the file reaches to its last page. LMDB does not
    /// write pages that a transaction allocated and freed again, and those can be the last ones.
    pub(super) fn cover_last_page(&self) -> heed::Result<()> {
        let (expected, got) = sizes(&self.env)?;
        if got >= expected {
            return Ok(());
        }
        // The write lock keeps every other writer, in any process, from growing the file meanwhile.
        let lock = self.env.write_txn()?;
        let (expected, got) = sizes(&self.env)?;
        if got < expected {
            self.env.try_clone_inner_file()?.set_len(expected)?;
        }
        lock.abort();
        Ok(())
    }
}

impl TrackReader for LmdbStore {
    fn count(&self) -> Result<u64, StoreError> {
        let error = |source| self.shared.failed(source);
        let rtxn = self.shared.env.read_txn().map_err(error)?;
        self.shared.tracks.len(&rtxn).map_err(error)
    }

    fn scan(&self, visit: &mut dyn FnMut(Track) -> ControlFlow<()>) -> Result<(), StoreError> {
        let error = |source| self.shared.failed(source);
        let rtxn = self.shared.env.read_txn().map_err(error)?;
        for entry in self.shared.tracks.iter(&rtxn).map_err(error)? {
            let (key, bytes) = entry.map_err(error)?;
            if visit(decode(key, bytes)?).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn scan_refreshes(
        &self,
        visit: &mut dyn FnMut(Track, Refresh) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.shared.scan_refreshes(visit)
    }
}

impl CatalogueStore for LmdbStore {
    fn upsert(&self, mut tracks: Vec<Track>, run: u64) -> Result<UpsertCounts, StoreError> {
        let Shared { env, tracks: database, .. } = &*self.shared;
        let error = |source| self.shared.failed(source);
        let mut counts = UpsertCounts { merged: sort_and_coalesce(&mut tracks), ..UpsertCounts::default() };
        let refreshes = self.shared.refreshes().map_err(error)?;
        let mut wtxn = env.write_txn().map_err(error)?;
        let mut record = Vec::new();
        for track in tracks {
            let id = track.id.clone();
            let key = id.as_str().as_bytes();
            let stored = database.get(&wtxn, key).map_err(error)?;
            let mut forgotten = None;
            let write = match stored {
                None => {
                    counts.inserted += 1;
                    encode(&track, run, &mut record)?;
                    true
                }
                Some(bytes) => match record::decode(key, bytes) {
                    Ok((mut known, known_run)) => {
                        let new_run = if track.genres.is_empty() { known_run } else { run };
                        if let Some(refreshes) = refreshes {
                            forgotten =
                                lmdb_refresh::forget(refreshes, &wtxn, &known, &track).map_err(error)?;
                        }
                        known.merge(track, known_run == run);
                        encode(&known, new_run, &mut record)?;
                        // Compared as bytes: the encoding is deterministic, and the run id is not content.
                        let changed = record[..RUN_BYTES.start] != bytes[..RUN_BYTES.start]
                            || record[RUN_BYTES.end..] != bytes[RUN_BYTES.end..];
                        match (known_run == run, changed) {
                            (true, _) => counts.merged += 1,
                            (false, true) => counts.updated += 1,
                            (false, false) => counts.unchanged += 1,
                        }
                        changed || new_run != known_run
                    }
                    // A damaged record knows nothing that could be merged; importing the track again repairs it.
                    Err(_) => {
                        counts.updated += 1;
                        encode(&track, run, &mut record)?;
                        true
                    }
                },
            };
            if write {
                database.put(&mut wtxn, key, &record).map_err(error)?;
            }
            if let (Some(refreshes), Some(left)) = (refreshes, forgotten) {
                refreshes.put(&mut wtxn, key, &left).map_err(error)?;
            }
        }
        wtxn.commit().map_err(error)?;
        self.shared.cover_last_page().map_err(error)?;
        Ok(counts)
    }

    fn remove(&self, ids: &[TrackId]) -> Result<u64, StoreError> {
        let Shared { env, tracks, .. } = &*self.shared;
        let error = |source| self.shared.failed(source);
        // A track that comes back later is a new one.
        let refreshes = self.shared.refreshes().map_err(error)?;
        let mut wtxn = env.write_txn().map_err(error)?;
        let mut n_removed = 0;
        for id in ids {
            let key = id.as_str().as_bytes();
            n_removed += u64::from(tracks.delete(&mut wtxn, key).map_err(error)?);
            if let Some(refreshes) = refreshes {
                refreshes.delete(&mut wtxn, key).map_err(error)?;
            }
        }
        wtxn.commit().map_err(error)?;
        self.shared.cover_last_page().map_err(error)?;
        Ok(n_removed)
    }

    fn get(&self, id: &TrackId) -> Result<Option<Track>, StoreError> {
        let error = |source| self.shared.failed(source);
        let rtxn = self.shared.env.read_txn().map_err(error)?;
        let key = id.as_str().as_bytes();
        self.shared.tracks.get(&rtxn, key).map_err(error)?.map(|bytes| decode(key, bytes)).transpose()
    }
}

impl RefreshStore for LmdbStore {
    fn get_refreshes(&self, ids: &[TrackId]) -> Result<Vec<Option<(Track, Refresh)>>, StoreError> {
        self.shared.get_refreshes(ids)
    }

    fn record_refreshes(&self, refreshed: Vec<Refreshed>) -> Result<u64, StoreError> {
        self.shared.record_refreshes(refreshed)
    }

    /// Nobody but this program writes here, and what refreshing changed is in the states it leaves.
    fn changed_since(&self, _: i64, _: u64) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }

    fn worker_state(&self) -> Result<Option<String>, StoreError> {
        self.shared.worker_state()
    }

    fn set_worker_state(&self, state: &str) -> Result<(), StoreError> {
        self.shared.set_worker_state(state)
    }
}

pub(super) fn encode(track: &Track, run: u64, record: &mut Vec<u8>) -> Result<(), StoreError> {
    record::encode(track, run, record).map_err(|source| StoreError::Encode { id: track.id.clone(), source })
}

pub(super) fn decode(key: &[u8], bytes: &[u8]) -> Result<Track, StoreError> {
    match record::decode(key, bytes) {
        Ok((track, _run)) => Ok(track),
        Err(source) => Err(StoreError::Record { id: String::from_utf8_lossy(key).into_owned(), source }),
    }
}

#[cfg(test)]
#[path = "lmdb_tests.rs"]
mod tests;
