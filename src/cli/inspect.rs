//! `nearfield inspect`: what a generation holds, and whether it is whole.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::manual::examples;
use super::{Context, Failure, SnapshotFlags, print_json, print_line};
use crate::artifact::{Manifest, SnapshotDir};
use crate::eval;
use crate::snapshot::Snapshot;

/// Without --verify only what opening checks is checked.
#[derive(Debug, clap::Args)]
#[command(after_help = examples(&[
    ("What is live", "nearfield inspect"),
    ("Read and check every byte", "nearfield inspect --verify"),
]))]
pub(super) struct InspectArgs {
    #[command(flatten)]
    snapshot: SnapshotFlags,
    /// A generation other than the live one
    #[arg(long, value_name = "G")]
    generation: Option<String>,
    /// Read every file: checksums and structures
    #[arg(long)]
    verify: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Inspection<'a> {
    directory: PathBuf,
    live: bool,
    generations: Vec<String>,
    open_us: u64,
    verified: bool,
    bytes: u64,
    manifest: &'a Manifest,
}

pub(super) fn run(args: InspectArgs, context: &Context) -> Result<(), Failure> {
    let snapshot_dir = SnapshotDir::new(&args.snapshot.indexes, &args.snapshot.name)?;
    let directory = snapshot_dir.resolve(args.generation.as_deref())?;
    let started = std::time::Instant::now();
    let snapshot = Snapshot::open_directory(&directory)?;
    let open_us = started.elapsed().as_micros() as u64;
    let manifest = snapshot.manifest();
    let bytes: u64 = manifest.files.values().map(|entry| entry.bytes).sum();
    if args.verify {
        let phase = context.progress.bytes("verification", bytes);
        snapshot.verify(|bytes| phase.advance(bytes))?;
    }
    let inspection = Inspection {
        live: snapshot_dir.current()?.as_ref() == Some(&manifest.generation),
        generations: snapshot_dir.generations()?,
        directory,
        open_us,
        verified: args.verify,
        bytes,
        manifest,
    };
    if args.json {
        return print_json(&inspection);
    }
    print_line(inspection.to_string().trim_end())
}

impl fmt::Display for Inspection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let manifest = self.manifest;
        let live = if self.live { "live" } else { "not live" };
        writeln!(f, "{} {} ({live}), created {}", manifest.name, manifest.generation, manifest.created)?;
        writeln!(f, "{} tracks, {} dimensions", manifest.n_items, manifest.dim)?;
        writeln!(f, "schema {} {}", manifest.fitted.schema.name, manifest.schema_hash)?;
        writeln!(f, "from {}, read from {}", manifest.provenance.store, manifest.provenance.read_started)?;
        writeln!(
            f,
            "engines {}; m {}, ef-construction {}, trees {}, seed {}, built by {}",
            manifest.parameters.engines.join(", "),
            manifest.parameters.m,
            manifest.parameters.ef_construction,
            manifest.parameters.trees,
            manifest.parameters.seed,
            manifest.parameters.graph_builder
        )?;
        writeln!(
            f,
            "opened in {} us; {}",
            self.open_us,
            match self.verified {
                true => "every checksum and structure verified",
                false => "not verified (use --verify)",
            }
        )?;
        writeln!(f, "\n{} bytes in {}", self.bytes, self.directory.display())?;
        for (name, entry) in &manifest.files {
            writeln!(f, "  {:>12}  {}  {name}", entry.bytes, &entry.blake3[..16])?;
        }
        writeln!(f, "\nfeature statistics (over the values present)")?;
        let features = manifest.fitted.schema.features.iter().zip(&manifest.fitted.stats);
        for (feature, stats) in features {
            let mean = if stats.mean.len() <= 2 { format!("{:?}", stats.mean) } else { "...".into() };
            writeln!(
                f,
                "  {:<18} present {:>9}  scale {:<12.6} mean {mean}",
                feature.name, stats.n_present, stats.scale
            )?;
        }
        writeln!(f, "\ngenerations: {}", self.generations.join(", "))?;
        writeln!(f, "\nmeasured when built")?;
        write!(f, "{}", eval::table(&manifest.measured))?;
        Ok(())
    }
}

/// `nearfield rollback`: the generation before the live one becomes live again.
#[derive(Debug, clap::Args)]
#[command(after_help = examples(&[
    ("To the generation before", "nearfield rollback"),
    ("To another one that `nearfield inspect` lists", "nearfield rollback --to 20260101T120000000Z"),
]))]
pub(super) struct RollbackArgs {
    #[command(flatten)]
    snapshot: SnapshotFlags,
    /// The generation to make live [default: the one before the live one]
    #[arg(long, value_name = "G")]
    to: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn roll_back(args: RollbackArgs) -> Result<(), Failure> {
    let directory = SnapshotDir::new(&args.snapshot.indexes, &args.snapshot.name)?;
    let before = directory.current()?;
    let generation = directory.roll_back(args.to.as_deref())?;
    if args.json {
        return print_json(&BTreeMap::from([("live", Some(generation)), ("was_live", before)]));
    }
    print_line(format_args!(
        "generation {generation} of `{}` is live again; a running server swaps it in once it has checked it",
        args.snapshot.name
    ))
}
