//! `nearfield demo`: the main job on a catalogue that needs no data of yours.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::build::{BuildFlags, build_from};
use super::manual::examples;
use super::serve::{self, ServerFlags};
use super::store_flags::feedback_in;
use super::{Context, Failure, SnapshotFlags, print_line};
use crate::artifact::{ArtifactError, DEFAULT_INDEXES};
use crate::demo;
use crate::feature::Schema;
use crate::progress::Cancelled;
use crate::store::{self, RefreshStore, StoreError, StoreLocation, StoreOptions};
use crate::track::Track;

/// Makes up a catalogue (the same every time), builds a snapshot of it and serves it.
#[derive(Debug, clap::Args)]
#[command(after_help = examples(&[
    ("Make up 10,000 tracks, build, serve at http://127.0.0.1:8080", "nearfield demo"),
    ("A larger catalogue, without serving it", "nearfield demo --tracks 200000 --no-serve"),
]))]
pub(super) struct DemoArgs {
    #[command(flatten)]
    snapshot: DemoSnapshotFlags,
    #[command(flatten)]
    options: BuildFlags,
    /// Tracks to make up
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..=10_000_000))]
    tracks: u32,
    #[command(flatten)]
    server: ServerFlags,
    /// Stop after the build
    #[arg(long)]
    no_serve: bool,
}

#[derive(Debug, clap::Args)]
struct DemoSnapshotFlags {
    /// The directory that holds built snapshots
    #[arg(long, value_name = "DIR", env = "NEARFIELD_INDEXES", default_value = DEFAULT_INDEXES)]
    indexes: std::path::PathBuf,
    /// The snapshot's name
    #[arg(long, default_value = "demo")]
    name: String,
}

/// The demo's own catalogue, made anew each time; that of the defaults is never touched.
const STORE: &str = "lmdb:data/demo";
const STORE_FILES: [&str; 2] = ["data/demo/data.mdb", "data/demo/lock.mdb"];
/// Tracks written to the store at a time.
const BATCH: usize = 10_000;

pub(super) fn run(args: DemoArgs, context: &Context) -> Result<(), Failure> {
    let options = args.options.options()?;
    if !args.no_serve {
        // Found out now rather than after the build.
        drop(serve::listen(&args.server, context)?);
        args.server.cache.settings(context.redis_url.as_ref())?;
    }
    let snapshot = SnapshotFlags { indexes: args.snapshot.indexes, name: args.snapshot.name };
    let first = fill(args.tracks as usize, options.seed, context)?;
    let store = open()?;
    let report = build_from(&*store, STORE, &snapshot, Schema::spotify(), &options, context)?;
    drop(store);
    eprintln!("{report}");
    print_line(format_args!("built {} made-up tracks in {:.1} s", report.n_items, report.seconds["total"]))?;
    let which = match snapshot.indexes.as_os_str() == DEFAULT_INDEXES {
        true => format!("--name {}", snapshot.name),
        false => format!("--indexes {} --name {}", snapshot.indexes.display(), snapshot.name),
    };
    if args.no_serve {
        print_line(format_args!("ask it:   nearfield similar {first} {which} --weight energy=2 --explain"))?;
        return print_line(format_args!("serve it: nearfield serve {which}"));
    }
    let hint = |url: &str| {
        print_line(format_args!(
            "ask it:   curl -s {url}/api/v1/similar -d '{{\"seeds\": [\"{first}\"], \"weights\": {{\"energy\": 2}}, \"k\": 5, \"explain\": true}}'"
        ))?;
        print_line(format_args!(
            "or:       nearfield similar {first} --server {url} --weight energy=2 --explain"
        ))
    };
    let listener = serve::listen(&args.server, context)?;
    let feedback = feedback_in(StoreLocation::parse(STORE)?, StoreOptions::default());
    serve::serve_snapshot(listener, &snapshot, &args.server, options.min_recall, feedback, context, hint)
}

fn open() -> Result<Arc<dyn RefreshStore>, StoreError> {
    store::open(&StoreLocation::parse(STORE)?, &StoreOptions::default())
}

/// Writes the made-up tracks and returns the id of the most popular one.
fn fill(n_tracks: usize, seed: u64, context: &Context) -> Result<String, Failure> {
    for file in STORE_FILES {
        match fs::remove_file(file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(ArtifactError::io("remove", Path::new(file))(error).into());
            }
            _ => {}
        }
    }
    let store = open()?;
    let phase = context.progress.phase("catalogue", n_tracks as u64, "tracks");
    let mut tracks = demo::catalogue(n_tracks, seed);
    let popularity = |track: &Track| track.values.get("popularity").copied().unwrap_or(0.0);
    let mut best: Option<(f64, String)> = None;
    loop {
        if context.cancel.is_cancelled() {
            return Err(Cancelled::Asked.into());
        }
        let batch: Vec<Track> = tracks.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        for track in &batch {
            if best.as_ref().is_none_or(|(most, _)| popularity(track) > *most) {
                best = Some((popularity(track), track.id.to_string()));
            }
        }
        phase.advance(batch.len() as u64);
        store.upsert(batch, 0)?;
    }
    Ok(best.map(|(_, id)| id).unwrap_or_default())
}
