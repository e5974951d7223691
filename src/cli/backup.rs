//! `nearfield backup` and `nearfield restore`: copies of the embedded catalogue.

use std::path::PathBuf;

use super::manual::examples;
use super::store_flags::StoreFlags;
use super::{Failure, print_json, print_line};
use crate::store::backup::{self, Backup, BackupReport};
use crate::store::{LmdbStore, StoreLocation};

/// The copy is of one moment, whoever writes meanwhile; it is one file with a checksum.
#[derive(Debug, clap::Args)]
#[command(after_help = examples(&[
    ("Into a file that is not there yet", "nearfield backup catalogue.backup"),
]))]
pub(super) struct BackupArgs {
    /// The file to write
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    store: StoreFlags,
    /// Write over FILE if it exists
    #[arg(long)]
    force: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What is in the catalogue is replaced in one transaction, also while others read it.
#[derive(Debug, clap::Args)]
#[command(after_help = examples(&[
    ("Into an empty catalogue", "nearfield restore catalogue.backup"),
    ("In place of another one", "nearfield restore catalogue.backup --force"),
]))]
pub(super) struct RestoreArgs {
    /// A file that `nearfield backup` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    store: StoreFlags,
    /// Replace a catalogue that holds tracks: all of them go
    #[arg(long)]
    force: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn back_up(args: BackupArgs) -> Result<(), Failure> {
    let path = embedded(&args.store, "mongodump")?;
    let store = LmdbStore::open_existing(&path, &args.store.lmdb())?;
    let store =
        store.ok_or_else(|| Failure::Work(format!("there is no catalogue in {}", path.display()).into()))?;
    let report = backup::backup(&store, &args.file, args.force)?;
    show(&report, args.json, |report| {
        format!("{} tracks of lmdb:{} are in {}", report.tracks, path.display(), report.file.display())
    })
}

pub(super) fn restore(args: RestoreArgs) -> Result<(), Failure> {
    let path = embedded(&args.store, "mongorestore")?;
    // Before a catalogue is created for it.
    let backup = Backup::open(&args.file)?;
    let store = LmdbStore::open(&path, &args.store.lmdb())?;
    let report = backup.restore(&store, args.force)?;
    show(&report, args.json, |report| {
        format!(
            "{} tracks of {} are in lmdb:{}; `nearfield build` makes a generation of them",
            report.tracks,
            report.file.display(),
            path.display()
        )
    })
}

fn show(
    report: &BackupReport,
    json: bool,
    text: impl FnOnce(&BackupReport) -> String,
) -> Result<(), Failure> {
    if json { print_json(report) } else { print_line(text(report)) }
}

/// The directory of the embedded catalogue; MongoDB has tools of its own.
fn embedded(store: &StoreFlags, tool: &str) -> Result<PathBuf, Failure> {
    match store.location()? {
        StoreLocation::Lmdb(path) => Ok(path),
        StoreLocation::Mongo(_) => Err(Failure::Usage(format!(
            "this is for the embedded catalogue (lmdb:PATH); for a MongoDB collection use {tool}"
        ))),
    }
}
