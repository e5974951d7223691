//! `nearfield backup` and `nearfield restore`: copies of the embedded catalogue.

use std::path::PathBuf;

use super::{Failure, StoreFlag, print_json, print_line};
use crate::store::backup::{self, Backup, BackupReport};
use crate::store::{LmdbOptions, LmdbStore, StoreLocation};

/// The copy is of one moment, whoever writes meanwhile; it is one file with a checksum.
#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// The file to write
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    store: StoreFlag,
    /// Write over FILE if it exists
    #[arg(long)]
    force: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What is in the catalogue is replaced in one transaction, also while others read it.
#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// A file that `nearfield backup` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    store: StoreFlag,
    /// Replace a catalogue that holds tracks: all of them go
    #[arg(long)]
    force: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn back_up(args: BackupArgs) -> Result<(), Failure> {
    let path = embedded(&args.store, "mongodump")?;
    let store = LmdbStore::open_existing(&path, &LmdbOptions::from_env()?)?;
    let store =
        store.ok_or_else(|| Failure::Work(format!("there is no catalogue in {}", path.display()).into()))?;
    let report = backup::backup(&store, &args.file, args.force)?;
    show(&report, args.json, |report| {
        format!("{} tracks of {} are in {}", report.tracks, args.store.store, report.file.display())
    })
}

pub(super) fn restore(args: RestoreArgs) -> Result<(), Failure> {
    let path = embedded(&args.store, "mongorestore")?;
    // Before a catalogue is created for it.
    let backup = Backup::open(&args.file)?;
    let store = LmdbStore::open(&path, &LmdbOptions::from_env()?)?;
    let report = backup.restore(&store, args.force)?;
    show(&report, args.json, |report| {
        format!(
            "{} tracks of {} are in {}; `nearfield build` makes a generation of them",
            report.tracks,
            report.file.display(),
            args.store.store
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
fn embedded(store: &StoreFlag, tool: &str) -> Result<PathBuf, Failure> {
    match StoreLocation::parse(&store.store).map_err(|error| Failure::Usage(error.to_string()))? {
        StoreLocation::Lmdb(path) => Ok(path),
        StoreLocation::Mongo(_) => Err(Failure::Usage(format!(
            "this is for the embedded catalogue (lmdb:PATH); for a MongoDB collection use {tool}"
        ))),
    }
}
