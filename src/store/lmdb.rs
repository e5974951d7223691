//! The embedded catalogue: one LMDB environment in a directory of its own.
//!
//! Two databases: `tracks` maps the bytes of a track id to its record (`record.rs`), so LMDB's bytewise key order is
//! the order scans promise; `meta` holds the format version. A commit is durable when [`upsert`] returns.
//!
//! [`upsert`]: CatalogueStore::upsert

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, EnvOpenOptions, MdbError, WithoutTls};

use super::record;
use super::{CatalogueStore, StoreError, UpsertCounts, sort_and_coalesce};
use crate::track::{Track, TrackId};

/// The catalogue format this program writes, and the newest it reads.
const FORMAT_VERSION: u32 = 1;
const FORMAT_VERSION_KEY: &[u8] = b"format_version";
/// Reader slots: one for every query, build or tool that reads at the same moment, across processes.
const MAX_READERS: u32 = 512;
/// The run id follows the version byte of a record.
const RUN_BYTES: std::ops::Range<usize> = 1..9;

/// How an LMDB catalogue is opened.
#[derive(Clone, Debug)]
pub struct LmdbOptions {
    /// The size the catalogue can grow to, in bytes. Address space is reserved, not memory or disk.
    pub map_size_bytes: usize,
}

impl Default for LmdbOptions {
    fn default() -> Self {
        Self {
            map_size_bytes: 64 << 30,
        }
    }
}

impl LmdbOptions {
    /// The environment variable that sets [`Self::map_size_bytes`] in GiB.
    pub const MAP_GIB_VARIABLE: &str = "NEARFIELD_LMDB_MAP_GIB";

    /// The defaults, overridden by the process environment.
    pub fn from_env() -> Result<Self, StoreError> {
        match std::env::var(Self::MAP_GIB_VARIABLE) {
            Ok(text) => Self::with_map_gib(&text),
            Err(_) => Ok(Self::default()),
        }
    }

    fn with_map_gib(text: &str) -> Result<Self, StoreError> {
        match text.trim().parse::<usize>() {
            Ok(gib) if (1..=64 * 1024).contains(&gib) => Ok(Self {
                map_size_bytes: gib << 30,
            }),
            _ => Err(StoreError::Option {
                name: Self::MAP_GIB_VARIABLE,
                value: text.to_owned(),
                expected: "a whole number of GiB from 1 to 65536".to_owned(),
            }),
        }
    }
}

/// A catalogue in an LMDB environment. Opening the same path twice in one process gives the same environment.
#[derive(Clone)]
pub struct LmdbStore {
    shared: Arc<Shared>,
}

struct Shared {
    env: Env<WithoutTls>,
    tracks: Database<'static, Bytes, Bytes>,
    path: PathBuf,
}

impl fmt::Debug for LmdbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LmdbStore")
            .field("path", &self.shared.path)
            .finish_non_exhaustive()
    }
}

/// The environments this process has open, by canonical path: LMDB allows each only once per process.
static OPEN: LazyLock<Mutex<HashMap<PathBuf, Weak<Shared>>>> = LazyLock::new(Mutex::default);

impl LmdbStore {
    /// Opens the catalogue in the directory `path`, creating it when it does not exist.
    pub fn open(path: &Path, options: &LmdbOptions) -> Result<Self, StoreError> {
        fs::create_dir_all(path).map_err(|source| StoreError::Create {
            path: path.to_owned(),
            source,
        })?;
        let canonical = path.canonicalize().map_err(|source| StoreError::Create {
            path: path.to_owned(),
            source,
        })?;
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
        if path.join("data.mdb").exists() {
            Self::open(path, options).map(Some)
        } else {
            Ok(None)
        }
    }
}

impl Shared {
    fn open(path: &Path, canonical: &Path, options: &LmdbOptions) -> Result<Self, StoreError> {
        let env = open_env(path, canonical, options)?;
        let data = || path.join("data.mdb");
        let (expected, got) = sizes(&env).map_err(|source| failed(path, options, source))?;
        if got < expected {
            // Reading a mapped page behind the end of the file would kill the process with SIGBUS.
            return Err(StoreError::Truncated {
                path: data(),
                expected,
                got,
            });
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
        match version
            .and_then(|bytes| bytes.try_into().ok())
            .map(u32::from_le_bytes)
        {
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
            tracks,
            path: path.to_owned(),
        })
    }

    fn failed(&self, source: heed::Error) -> StoreError {
        let options = LmdbOptions {
            map_size_bytes: self.env.info().map_size,
        };
        failed(&self.path, &options, source)
    }

    /// Keeps the promise that [`StoreError::Truncated`] relies on: the file reaches to its last page. LMDB does not
    /// write pages that a transaction allocated and freed again, and those can be the last ones.
    fn cover_last_page(&self) -> heed::Result<()> {
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

impl CatalogueStore for LmdbStore {
    fn upsert(&self, mut tracks: Vec<Track>, run: u64) -> Result<UpsertCounts, StoreError> {
        let Shared {
            env,
            tracks: database,
            ..
        } = &*self.shared;
        let error = |source| self.shared.failed(source);
        let mut counts = UpsertCounts {
            merged: sort_and_coalesce(&mut tracks),
            ..UpsertCounts::default()
        };
        let mut wtxn = env.write_txn().map_err(error)?;
        let mut record = Vec::new();
        for track in tracks {
            let id = track.id.clone();
            let key = id.as_str().as_bytes();
            let stored = database.get(&wtxn, key).map_err(error)?;
            let write = match stored {
                None => {
                    counts.inserted += 1;
                    encode(&track, run, &mut record)?;
                    true
                }
                Some(bytes) => match record::decode(key, bytes) {
                    Ok((mut known, known_run)) => {
                        let new_run = if track.genres.is_empty() { known_run } else { run };
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
        }
        wtxn.commit().map_err(error)?;
        self.shared.cover_last_page().map_err(error)?;
        Ok(counts)
    }

    fn get(&self, id: &TrackId) -> Result<Option<Track>, StoreError> {
        let error = |source| self.shared.failed(source);
        let rtxn = self.shared.env.read_txn().map_err(error)?;
        let key = id.as_str().as_bytes();
        self.shared
            .tracks
            .get(&rtxn, key)
            .map_err(error)?
            .map(|bytes| decode(key, bytes))
            .transpose()
    }

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
}

fn encode(track: &Track, run: u64, record: &mut Vec<u8>) -> Result<(), StoreError> {
    record::encode(track, run, record).map_err(|source| StoreError::Encode {
        id: track.id.clone(),
        source,
    })
}

fn decode(key: &[u8], bytes: &[u8]) -> Result<Track, StoreError> {
    match record::decode(key, bytes) {
        Ok((track, _run)) => Ok(track),
        Err(source) => Err(StoreError::Record {
            id: String::from_utf8_lossy(key).into_owned(),
            source,
        }),
    }
}

fn open_env(path: &Path, canonical: &Path, options: &LmdbOptions) -> Result<Env<WithoutTls>, StoreError> {
    // Every page size in use divides 64 KiB, and LMDB wants a multiple of it.
    let map_size = options.map_size_bytes.next_multiple_of(64 << 10);
    let mut open_options = EnvOpenOptions::new().read_txn_without_tls();
    open_options
        .map_size(map_size)
        .max_dbs(2)
        .max_readers(MAX_READERS);
    for attempt in 0.. {
        // SAFETY: the map is only ever changed through LMDB, whose lock file (no flag disables it here) orders the
        // writers of all processes; no other code of this program writes to `data.mdb`, and `Shared::open` refuses a
        // file shorter than its last page before any page is read.
        match unsafe { open_options.open(canonical) } {
            Ok(env) => return Ok(env),
            // The last user of this environment is just closing it.
            Err(heed::Error::EnvAlreadyOpened) if attempt < 3 => {
                if let Some(closing) = heed::env_closing_event(canonical) {
                    closing.wait_timeout(Duration::from_secs(2));
                }
            }
            Err(heed::Error::Mdb(MdbError::Invalid | MdbError::VersionMismatch)) => {
                return Err(StoreError::NotACatalogue {
                    path: path.to_owned(),
                    what: "data.mdb is damaged or not an LMDB file".to_owned(),
                });
            }
            Err(source) => {
                return Err(StoreError::Open {
                    path: path.to_owned(),
                    source,
                });
            }
        }
    }
    unreachable!("the last attempt returns")
}

type Databases = (Database<'static, Bytes, Bytes>, Database<'static, Bytes, Bytes>);

fn open_databases(env: &Env<WithoutTls>) -> heed::Result<Option<Databases>> {
    let opened = env.open_databases_and_commit(env.read_txn()?, |opener, rtxn| -> heed::Result<_> {
        let meta = opener
            .database_options()
            .types::<Bytes, Bytes>()
            .name("meta")
            .open(rtxn)?;
        let tracks = opener
            .database_options()
            .types::<Bytes, Bytes>()
            .name("tracks")
            .open(rtxn)?;
        Ok(match (meta, tracks) {
            (Some(meta), Some(tracks)) => CommitOrAbort::Commit((meta, tracks)),
            _ => CommitOrAbort::Abort(()),
        })
    })?;
    Ok(opened.commit())
}

fn create_databases(env: &Env<WithoutTls>) -> heed::Result<Databases> {
    let created = env.create_databases_and_commit(env.write_txn()?, |opener, wtxn| -> heed::Result<_> {
        let meta = opener
            .database_options()
            .types::<Bytes, Bytes>()
            .name("meta")
            .create(wtxn)?;
        let tracks = opener
            .database_options()
            .types::<Bytes, Bytes>()
            .name("tracks")
            .create(wtxn)?;
        meta.put(wtxn, FORMAT_VERSION_KEY, &FORMAT_VERSION.to_le_bytes())?;
        Ok(CommitOrAbort::<_, ()>::Commit((meta, tracks)))
    })?;
    Ok(created.unwrap_commit())
}

/// The bytes the data file must have to hold its last page, and the bytes it has.
fn sizes(env: &Env<WithoutTls>) -> heed::Result<(u64, u64)> {
    let page_size = u64::from(env.unnamed_database_stat().page_size);
    let n_pages = env.info().last_page_number as u64 + 1;
    Ok((n_pages.saturating_mul(page_size), env.real_disk_size()?))
}

/// Gives an LMDB failure its name.
fn failed(path: &Path, options: &LmdbOptions, source: heed::Error) -> StoreError {
    let path = path.to_owned();
    match &source {
        heed::Error::Mdb(MdbError::MapFull) => StoreError::MapFull {
            path,
            limit_bytes: options.map_size_bytes as u64,
        },
        heed::Error::Io(error) if is_disk_full(&path, error) => StoreError::DiskFull { path },
        _ => StoreError::Lmdb { path, source },
    }
}

/// LMDB reports a short write on a full disk as EIO, so that one is looked into.
fn is_disk_full(dir: &Path, error: &io::Error) -> bool {
    const EIO: i32 = 5;
    fn full(kind: io::ErrorKind) -> bool {
        matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
    let probe = || -> io::Result<()> {
        let mut file = tempfile::tempfile_in(dir)?;
        file.write_all(&[0; 1 << 16])?;
        file.sync_all()
    };
    full(error.kind())
        || (error.raw_os_error() == Some(EIO) && probe().is_err_and(|error| full(error.kind())))
}

#[cfg(test)]
#[path = "lmdb_tests.rs"]
mod tests;
