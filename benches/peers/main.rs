//! What `scripts/bench-peers` needs of nearfield, in one thread and in process: searches with their times, raw values
//! of a snapshot, and raw values as vectors. Arrays go in and out as `.npy` files.
//!
//! ```text
//! npy.rs      .npy files
//! filter.rs   which items a query may return
//! search.rs   answers and times of one engine
//! raw.rs      raw values out of a snapshot, and into its vectors
//! ```

mod filter;
mod npy;
mod raw;
mod search;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use nearfield::snapshot::Snapshot;

/// Whatever went wrong, in words.
type Failed = Box<dyn Error + Send + Sync>;

/// Runs nearfield for the comparison with other libraries (see scripts/bench-peers)
#[derive(Debug, Parser)]
struct Arguments {
    /// The directory of a generation (indexes/NAME/GENERATION)
    #[arg(long, value_name = "DIR")]
    generation: PathBuf,
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Search with every query vector and write answers and times
    Search(search::SearchArgs),
    /// Write the raw values of all items
    Raw(raw::RawArgs),
    /// Turn raw values into vectors of this generation
    Transform(raw::TransformArgs),
}

fn main() -> ExitCode {
    // `cargo bench` runs every benchmark; this one does nothing without its script.
    if std::env::args().skip(1).all(|argument| argument == "--bench") {
        println!("peers: run by scripts/bench-peers");
        return ExitCode::SUCCESS;
    }
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failed> {
    let snapshot = Snapshot::open_directory(&arguments.generation)?;
    match &arguments.task {
        Task::Search(args) => search::run(&snapshot, args),
        Task::Raw(args) => raw::dump(&snapshot, args),
        Task::Transform(args) => raw::transform(&snapshot, args),
    }
}
