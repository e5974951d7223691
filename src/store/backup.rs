//! Copies of the embedded catalogue, made and put back while others use it.
//!
//! A backup is one file: a compacted copy of the LMDB environment as it was at one moment, and a last line
//!
//! ```text
//! nearfield-backup 1 <length of the copy, 20 digits> <BLAKE3 of the copy>
//! ```
//!
//! LMDB trusts its pages, so that line is compared before it sees them. Restoring copies the databases into the catalogue
//! in one transaction, so that readers see the catalogue from before or the restored one, and nothing in between.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use heed::types::Bytes;
use heed::{
    CommitOrAbort, CompactionOption, Database, DatabaseOpener, Env, EnvFlags, EnvOpenOptions, PutFlags,
    RoTxn, WithoutTls,
};
use serde::Serialize;

use super::lmdb_env::{FORMAT_VERSION, FORMAT_VERSION_KEY};
use super::{LmdbStore, StoreError, TrackReader};

/// What the last line begins with: what it is, and the version of its format.
const MARK: &str = "nearfield-backup 1 ";
/// Its length with two numbers, a space and a line end.
const TRAILER_BYTES: u64 = MARK.len() as u64 + 20 + 1 + 64 + 1;
/// Databases a backup may hold.
const MAX_DATABASES: u32 = 16;

/// Why a catalogue cannot be copied or put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The catalogue cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system refused.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// There is a file of that name.
    #[error("{} exists; give another name, or --force to write over it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The catalogue has tracks or thumbs that would be lost.
    #[error(
        "the catalogue holds {n_tracks} tracks{}; --force replaces all of it by what is in the backup",
        if *has_feedback { " and feedback of users" } else { "" }
    )]
    Occupied {
        /// How many.
        n_tracks: u64,
        /// Whether users gave feedback.
        has_feedback: bool,
    },
    /// Not a backup, or not what was written.
    #[error("{} is no backup that can be used: {what}; nothing was changed", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// LMDB failed on the backup.
    #[error("{} cannot be read or written as a catalogue", path.display())]
    Lmdb {
        /// The file.
        path: PathBuf,
        /// Why.
        source: heed::Error,
    },
}

/// What was copied: the object of `nearfield backup --json` and `nearfield restore --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackupReport {
    /// The backup.
    pub file: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Tracks in it.
    pub tracks: u64,
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> BackupError + 'a {
    move |cause| BackupError::Io { action, path: path.to_owned(), cause }
}

/// Writes a backup of `store` to `path`, which appears when it is whole and on disk.
pub fn backup(store: &LmdbStore, path: &Path, force: bool) -> Result<BackupReport, BackupError> {
    if path.exists() && !force {
        return Err(BackupError::Exists { path: path.to_owned() });
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(failed("create", parent))?;
    // Dropped half-way, it is gone.
    let mut unfinished = tempfile::Builder::new()
        .prefix(".nearfield-backup-")
        .tempfile_in(parent)
        .map_err(failed("create a file in", parent))?;
    let file = unfinished.as_file_mut();
    // LMDB copies what one read transaction sees, whoever writes meanwhile.
    let copied = store.env().copy_to_file(file, CompactionOption::Enabled);
    copied.map_err(|source| BackupError::Lmdb { path: path.to_owned(), source })?;
    let write = |file: &mut File| -> io::Result<u64> {
        let bytes = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(0))?;
        let mut hasher = blake3::Hasher::new();
        io::copy(file, &mut hasher)?;
        writeln!(file, "{MARK}{bytes:020} {}", hasher.finalize().to_hex())?;
        file.sync_all()?;
        Ok(bytes + TRAILER_BYTES)
    };
    let bytes = write(file).map_err(failed("write", path))?;
    // What was copied is counted, not what is in the catalogue by now.
    let tracks = n_tracks(&open_checked(unfinished.path())?)
        .map_err(|source| BackupError::Lmdb { path: path.to_owned(), source })?;
    unfinished.persist(path).map_err(|error| failed("rename a file to", path)(error.error))?;
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed("sync", parent))?;
    Ok(BackupReport { file: path.to_owned(), bytes, tracks })
}

/// A backup whose checksum was compared.
#[derive(Debug)]
pub struct Backup {
    env: Env<WithoutTls>,
    path: PathBuf,
}

impl Backup {
    /// Opens the backup at `path` and reads all of it.
    pub fn open(path: &Path) -> Result<Self, BackupError> {
        Ok(Self { env: open_checked(path)?, path: path.to_owned() })
    }

    /// Replaces what is in `store`, in one transaction. A catalogue with tracks or thumbs is replaced with
    /// `force` only.
    pub fn restore(&self, store: &LmdbStore, force: bool) -> Result<BackupReport, BackupError> {
        let (n_tracks_before, has_feedback) = (store.count()?, store.has_feedback()?);
        if (n_tracks_before > 0 || has_feedback) && !force {
            return Err(BackupError::Occupied { n_tracks: n_tracks_before, has_feedback });
        }
        store.change(|catalogue| replace(catalogue, &self.env))?;
        let tracks =
            n_tracks(&self.env).map_err(|source| BackupError::Lmdb { path: self.path.clone(), source })?;
        let bytes = fs::metadata(&self.path).map_err(failed("inspect", &self.path))?.len();
        Ok(BackupReport { file: self.path.clone(), bytes, tracks })
    }
}

/// Opens the backup at `path` after its last line was compared with all that is before it.
fn open_checked(path: &Path) -> Result<Env<WithoutTls>, BackupError> {
    let damaged = |what: &str| BackupError::Damaged { path: path.to_owned(), what: what.to_owned() };
    let mut file = File::open(path).map_err(failed("open", path))?;
    let length = file.metadata().map_err(failed("inspect", path))?.len();
    let Some(n_copied) = length.checked_sub(TRAILER_BYTES) else {
        return Err(damaged("it is too short for one"));
    };
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut (&mut file).take(n_copied), &mut hasher).map_err(failed("read", path))?;
    let mut trailer = String::new();
    let read = file.read_to_string(&mut trailer);
    if read.is_err() || !trailer.starts_with(MARK) {
        return Err(damaged("its last line is not that of a backup, so it was cut off or is something else"));
    }
    if trailer != format!("{MARK}{n_copied:020} {}\n", hasher.finalize().to_hex()) {
        return Err(damaged("its checksum differs, so it was changed or damaged after it was made"));
    }
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size((n_copied as usize).next_multiple_of(1 << 20)).max_dbs(MAX_DATABASES);
    // SAFETY: the checksum is the one that the copy was made with, so LMDB sees pages it wrote itself; nobody writes to a
    // finished backup, so no lock is needed.
    let opened = unsafe {
        options.flags(EnvFlags::NO_SUB_DIR | EnvFlags::READ_ONLY | EnvFlags::NO_LOCK);
        options.open(path)
    };
    let env = opened.map_err(|source| BackupError::Lmdb { path: path.to_owned(), source })?;
    let version =
        format_version(&env).map_err(|source| BackupError::Lmdb { path: path.to_owned(), source })?;
    match version {
        Some(version) if version <= FORMAT_VERSION => Ok(env),
        Some(version) => Err(damaged(&format!(
            "its format version is {version}, up to {FORMAT_VERSION} is known: use a newer nearfield"
        ))),
        None => Err(damaged("it holds no catalogue")),
    }
}

fn format_version(backup: &Env<WithoutTls>) -> heed::Result<Option<u32>> {
    look(backup, |opener, rtxn, _| {
        let meta = opener.database_options().types::<Bytes, Bytes>().name("meta").open(rtxn)?;
        let version = meta.map_or(Ok(None), |meta| meta.get(rtxn, FORMAT_VERSION_KEY))?;
        Ok(version.and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes))
    })
}

fn n_tracks(backup: &Env<WithoutTls>) -> heed::Result<u64> {
    look(backup, |opener, rtxn, _| {
        let tracks = opener.database_options().types::<Bytes, Bytes>().name("tracks").open(rtxn)?;
        tracks.map_or(Ok(0), |tracks| tracks.len(rtxn))
    })
}

/// Makes the databases of `catalogue` those of `backup`, in one transaction.
fn replace(catalogue: &Env<WithoutTls>, backup: &Env<WithoutTls>) -> heed::Result<()> {
    let wtxn = catalogue.write_txn()?;
    look(backup, |from, rtxn, names| {
        let replaced = catalogue.create_databases_and_commit(wtxn, |to, wtxn| -> heed::Result<_> {
            let unnamed = to.database_options().types::<Bytes, Bytes>().open(wtxn)?;
            for name in unnamed.map_or(Ok(Vec::new()), |unnamed| names_in(&unnamed, wtxn))? {
                to.database_options().types::<Bytes, Bytes>().name(&name).create(wtxn)?.clear(wtxn)?;
            }
            for name in names {
                let source = from.database_options().types::<Bytes, Bytes>().name(name).open(rtxn)?;
                let target = to.database_options().types::<Bytes, Bytes>().name(name).create(wtxn)?;
                let Some(source) = source else { continue };
                for entry in source.iter(rtxn)? {
                    let (key, value) = entry?;
                    // Keys come in order, so each goes behind the last.
                    target.put_with_flags(wtxn, PutFlags::APPEND, key, value)?;
                }
            }
            Ok(CommitOrAbort::<_, ()>::Commit(()))
        });
        replaced.map(|_| ())
    })
}

/// Gives `look` a reading of `env` and the names of its databases.
fn look<R>(
    env: &Env<WithoutTls>,
    look: impl FnOnce(&DatabaseOpener<'_, WithoutTls>, &RoTxn<'_>, &[String]) -> heed::Result<R>,
) -> heed::Result<R> {
    let mut seen = None;
    env.open_databases_and_commit(env.read_txn()?, |opener, rtxn| -> heed::Result<_> {
        let unnamed = opener.database_options().types::<Bytes, Bytes>().open(rtxn)?;
        let names = unnamed.map_or(Ok(Vec::new()), |unnamed| names_in(&unnamed, rtxn))?;
        seen = Some(look(opener, rtxn, &names)?);
        Ok(CommitOrAbort::<_, ()>::Commit(()))
    })?;
    // The closure has run, or its error was returned.
    seen.ok_or(heed::Error::Mdb(heed::MdbError::NotFound))
}

/// LMDB keeps the names of databases as keys of the one without a name.
fn names_in(unnamed: &Database<'_, Bytes, Bytes>, rtxn: &RoTxn<'_>) -> heed::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in unnamed.iter(rtxn)? {
        names.extend(String::from_utf8(entry?.0.to_vec()));
    }
    Ok(names)
}
