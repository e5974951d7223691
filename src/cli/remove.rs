//! `nearfield remove`: tracks out of the catalogue, and at once out of what is served.

use std::io::{self, Read};
use std::path::PathBuf;
use std::{fmt, fs};

use serde::Serialize;

use super::manual::examples;
use super::output::warn;
use super::store_flags::StoreFlags;
use super::{Context, Failure, SnapshotFlags, print_json, print_line};
use crate::artifact::{ArtifactError, SnapshotDir};
use crate::build::BuildError;
use crate::removal;
use crate::track::TrackId;

/// A running server stops returning the tracks at once; the next build is without them. To have one back, import it
/// again.
#[derive(Debug, clap::Args)]
#[command(after_help = examples(&[
    ("One track", "nearfield remove 4u7EnebtmKWzUH433cf5Qv"),
    ("A list of them, an id on each line", "nearfield remove --from taken-down.txt"),
]))]
pub(super) struct RemoveArgs {
    /// Ids of tracks
    #[arg(value_name = "ID", required_unless_present = "from")]
    ids: Vec<String>,
    /// A file with an id on each line; `-` for standard input
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    snapshot: SnapshotFlags,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Removed {
    /// Different ids given.
    asked: usize,
    /// How many of them were in the catalogue.
    removed: u64,
    /// The snapshot that does not return them any more.
    name: String,
}

pub(super) fn run(args: RemoveArgs, context: &Context) -> Result<(), Failure> {
    let ids = read_ids(&args)?;
    let location = args.store.location()?;
    let directory = SnapshotDir::new(&args.snapshot.indexes, &args.snapshot.name)?;
    let store =
        args.store.open_existing(context)?.ok_or_else(|| BuildError::Empty { store: location.redacted() })?;
    if directory.current()?.is_none() {
        let (name, indexes) = (directory.name(), args.snapshot.indexes.display());
        warn(format_args!(
            "there is no snapshot `{name}` in {indexes}; a server of another one goes on returning the tracks"
        ));
    }
    let n_removed = removal::remove(&*store, &directory, &ids)?;
    let removed = Removed { asked: ids.len(), removed: n_removed, name: directory.name().to_owned() };
    if args.json { print_json(&removed) } else { print_line(&removed) }
}

fn read_ids(args: &RemoveArgs) -> Result<Vec<TrackId>, Failure> {
    let mut ids = Vec::new();
    for text in &args.ids {
        ids.push(parse(text, "the command line")?);
    }
    if let Some(path) = &args.from {
        let text = if path.as_os_str() == "-" {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map(|_| text)
        } else {
            fs::read_to_string(path)
        };
        let text = text.map_err(ArtifactError::io("read", path))?;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            ids.push(parse(line, &format!("{}, line {}", path.display(), number + 1))?);
        }
    }
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Err(Failure::Usage("no ids were given".into()));
    }
    Ok(ids)
}

fn parse(text: &str, place: &str) -> Result<TrackId, Failure> {
    TrackId::parse(text).map_err(|error| {
        Failure::Usage(format!("{place}: {text:?} is no track id: {error}; nothing was removed"))
    })
}

impl fmt::Display for Removed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, removed, name } = self;
        write!(
            f,
            "{removed} of {asked} tracks were in the catalogue and are removed; snapshot `{name}` returns none of them"
        )
    }
}
