//! How the LMDB environment of a catalogue is opened, what is in it, and what its failures mean.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, EnvOpenOptions, MdbError, WithoutTls};

use super::StoreError;

/// The catalogue format this program writes, and the newest it reads.
pub(super) const FORMAT_VERSION: u32 = 1;
pub(super) const FORMAT_VERSION_KEY: &[u8] = b"format_version";
/// Reader slots: one for every query, build or tool that reads at the same moment, across processes.
const MAX_READERS: u32 = 512;
/// `meta`, `tracks`, and those that are made when they are needed.
const MAX_DATABASES: u32 = 4;

/// How an LMDB catalogue is opened.
#[derive(Clone, Debug, PartialEq)]
pub struct LmdbOptions {
    /// The size the catalogue can grow to, in bytes. Address space is reserved, not memory or disk.
    pub map_size_bytes: usize,
}

impl Default for LmdbOptions {
    fn default() -> Self {
        Self { map_size_bytes: 64 << 30 }
    }
}

impl LmdbOptions {
    /// A catalogue that can grow to `gib` GiB.
    pub fn with_map_gib(gib: u64) -> Self {
        Self { map_size_bytes: (gib as usize) << 30 }
    }
}

pub(super) fn open_env(
    path: &Path,
    canonical: &Path,
    options: &LmdbOptions,
) -> Result<Env<WithoutTls>, StoreError> {
    // Every page size in use divides 64 KiB, and LMDB wants a multiple of it.
    let map_size = options.map_size_bytes.next_multiple_of(64 << 10);
    let mut open_options = EnvOpenOptions::new().read_txn_without_tls();
    open_options.map_size(map_size).max_dbs(MAX_DATABASES).max_readers(MAX_READERS);
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
                return Err(StoreError::Open { path: path.to_owned(), source });
            }
        }
    }
    unreachable!("the last attempt returns")
}

pub(super) type Databases = (Database<'static, Bytes, Bytes>, Database<'static, Bytes, Bytes>);

pub(super) fn open_databases(env: &Env<WithoutTls>) -> heed::Result<Option<Databases>> {
    let opened = env.open_databases_and_commit(env.read_txn()?, |opener, rtxn| -> heed::Result<_> {
        let meta = opener.database_options().types::<Bytes, Bytes>().name("meta").open(rtxn)?;
        let tracks = opener.database_options().types::<Bytes, Bytes>().name("tracks").open(rtxn)?;
        Ok(match (meta, tracks) {
            (Some(meta), Some(tracks)) => CommitOrAbort::Commit((meta, tracks)),
            _ => CommitOrAbort::Abort(()),
        })
    })?;
    Ok(opened.commit())
}

pub(super) fn create_databases(env: &Env<WithoutTls>) -> heed::Result<Databases> {
    let created = env.create_databases_and_commit(env.write_txn()?, |opener, wtxn| -> heed::Result<_> {
        let meta = opener.database_options().types::<Bytes, Bytes>().name("meta").create(wtxn)?;
        let tracks = opener.database_options().types::<Bytes, Bytes>().name("tracks").create(wtxn)?;
        meta.put(wtxn, FORMAT_VERSION_KEY, &FORMAT_VERSION.to_le_bytes())?;
        Ok(CommitOrAbort::<_, ()>::Commit((meta, tracks)))
    })?;
    Ok(created.unwrap_commit())
}

/// What refreshing left with tracks.
pub(super) const REFRESHES: &str = "refreshes";
/// What users think of tracks.
pub(super) const FEEDBACK: &str = "feedback";

/// The database called `name`: `None` where nothing was ever written to it. Catalogues from before there was such a thing
/// have none.
pub(super) fn open_database(
    env: &Env<WithoutTls>,
    name: &str,
) -> heed::Result<Option<Database<'static, Bytes, Bytes>>> {
    let opened = env.open_databases_and_commit(env.read_txn()?, |opener, rtxn| -> heed::Result<_> {
        let found = opener.database_options().types::<Bytes, Bytes>().name(name).open(rtxn)?;
        Ok(match found {
            Some(database) => CommitOrAbort::Commit(database),
            None => CommitOrAbort::Abort(()),
        })
    })?;
    Ok(opened.commit())
}

pub(super) fn create_database(
    env: &Env<WithoutTls>,
    name: &str,
) -> heed::Result<Database<'static, Bytes, Bytes>> {
    let created = env.create_databases_and_commit(env.write_txn()?, |opener, wtxn| -> heed::Result<_> {
        let database = opener.database_options().types::<Bytes, Bytes>().name(name).create(wtxn)?;
        Ok(CommitOrAbort::<_, ()>::Commit(database))
    })?;
    Ok(created.unwrap_commit())
}

/// The bytes the data file must have to hold its last page, and the bytes it has.
pub(super) fn sizes(env: &Env<WithoutTls>) -> heed::Result<(u64, u64)> {
    let page_size = u64::from(env.unnamed_database_stat().page_size);
    let n_pages = env.info().last_page_number as u64 + 1;
    Ok((n_pages.saturating_mul(page_size), env.real_disk_size()?))
}

/// Gives an LMDB failure its name.
pub(super) fn failed(path: &Path, options: &LmdbOptions, source: heed::Error) -> StoreError {
    let path = path.to_owned();
    match &source {
        heed::Error::Mdb(MdbError::MapFull) => {
            StoreError::MapFull { path, limit_bytes: options.map_size_bytes as u64 }
        }
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
