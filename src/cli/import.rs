//! `nearfield import`: files of tracks into the catalogue.

use std::path::PathBuf;

use super::manual::examples;
use super::store_flags::StoreFlags;
use super::{Context, Failure, SnapshotFlags, print_json, print_line};
use crate::artifact::SnapshotDir;
use crate::import::{Destination, Import, Outcome, RejectsPlace};
use crate::removal;
use crate::source::mapping::Mapping;
use crate::store::CatalogueStore;

/// The column names of the public Spotify dumps are recognised; `--map` names all others.
#[derive(Debug, clap::Args)]
#[command(after_help = examples(&[
    ("A dump whose columns are recognised", "nearfield import tracks.csv.gz"),
    ("Columns with names of their own", "nearfield import songs.csv --map 'Song Title=name' --map bpm=tempo"),
    ("What would happen, without writing anything", "nearfield import part-1.parquet part-2.parquet --dry-run"),
]))]
pub(super) struct ImportArgs {
    /// CSV, TSV, Parquet or NDJSON files, also gzipped
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    snapshot: SnapshotFlags,
    /// Read FIELD from COLUMN; repeatable. Fields: id, name, artists, artist_ids, album, album_id, album_image,
    /// release_date, genres, explicit, track_number, disc_number, every audio feature, popularity, release_year, duration_ms,
    /// value:NAME (any number), vector, vector:NAME (2 to 1024 numbers), ignore
    #[arg(long = "map", value_name = "COLUMN=FIELD")]
    mappings: Vec<Mapping>,
    /// Write refused rows and values here [default: rejects/INPUT.ndjson beside the catalogue]
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Read and check everything, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: ImportArgs, context: &Context) -> Result<(), Failure> {
    let location = args.store.location()?;
    let import = Import::prepare(&args.files, &args.mappings).map_err(|error| match error.is_usage() {
        true => Failure::Usage(Failure::from(error).to_string()),
        false => error.into(),
    })?;
    let rejects = match args.rejects {
        Some(file) => RejectsPlace::File(file),
        None => RejectsPlace::Directory(location.parent_dir().join("rejects")),
    };
    import.check_rejects(&rejects).map_err(|error| Failure::Usage(error.to_string()))?;
    let snapshot = SnapshotDir::new(&args.snapshot.indexes, &args.snapshot.name)?;
    let mut cleared = Ok(0);
    let Outcome { report, error } = if args.dry_run {
        let existing = args.store.open_existing(context)?;
        let destination = Destination::DryRun(existing.as_deref().map(|store| store as &dyn CatalogueStore));
        import.run(&destination, RejectsPlace::Nowhere, &context.progress, &context.cancel)
    } else {
        let store = args.store.open(context)?;
        let outcome = import.run(&Destination::Store(&*store), rejects, &context.progress, &context.cancel);
        // Also after an import that ended early: what was written is in the catalogue again.
        cleared = removal::clear(&*store, &snapshot);
        outcome
    };
    if args.json {
        print_json(&report)?;
    } else {
        print_line(report.to_string().trim_end())?;
    }
    match error {
        Some(error) => Err(error.into()),
        None => Ok(cleared.map(|_| ())?),
    }
}
