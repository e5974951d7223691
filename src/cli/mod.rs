//! The command line: one file per subcommand; this one parses, dispatches and turns errors into exit codes
//! (0 done, 1 the work failed, 2 wrong usage).

mod build;
mod demo;
mod eval;
mod export;
mod import;
mod inspect;

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::progress::{CancelToken, Progress};

/// A self-hosted similarity server for music tracks.
#[derive(Debug, Parser)]
#[command(name = "nearfield", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read tracks from CSV, TSV, Parquet or NDJSON files into the catalogue
    Import(import::ImportArgs),
    /// Build the indexes from the catalogue and publish them as a new generation
    Build(build::BuildArgs),
    /// Measure recall and latency of a snapshot's engines
    Eval(eval::EvalArgs),
    /// Show what a snapshot holds; with --verify, read and check all of it
    Inspect(inspect::InspectArgs),
    /// Write a snapshot's vectors and ids for other programs
    Export(export::ExportArgs),
    /// Make the generation before the live one live again
    Rollback(inspect::RollbackArgs),
    /// Make up a catalogue, build it, serve it
    Demo(demo::DemoArgs),
}

/// Where the catalogue lives.
#[derive(Debug, Args)]
pub(crate) struct StoreFlag {
    /// The catalogue: `lmdb:PATH`
    #[arg(long, value_name = "STORE", env = "NEARFIELD_STORE", default_value = "lmdb:data/catalogue")]
    pub store: String,
}

/// Which snapshot a subcommand is about.
#[derive(Debug, Args)]
pub(crate) struct SnapshotFlags {
    /// The directory that holds built snapshots
    #[arg(long, value_name = "DIR", env = "NEARFIELD_INDEXES", default_value = "indexes")]
    pub indexes: PathBuf,
    /// The snapshot's name
    #[arg(long, env = "NEARFIELD_NAME", default_value = "main")]
    pub name: String,
}

/// What every subcommand is given besides its flags.
pub(crate) struct Context {
    /// Where phases report to.
    pub progress: Progress,
    /// Set on Ctrl-C and SIGTERM.
    pub cancel: CancelToken,
}

/// How a subcommand ends when it does not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line asks for something impossible: exit code 2.
    Usage(String),
    /// The work failed: exit code 1.
    Work(Box<dyn Error + Send + Sync>),
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Work(Box::new(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => f.write_str(text),
            Self::Work(error) => {
                write!(f, "{error}")?;
                let mut cause = error.source();
                while let Some(error) = cause {
                    write!(f, "\n  caused by: {error}")?;
                    cause = error.source();
                }
                Ok(())
            }
        }
    }
}

/// Parses the arguments of this process and runs what they ask for.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let context = Context { progress: Progress::stderr(), cancel: CancelToken::new() };
    let on_signal = context.cancel.clone();
    if let Err(error) = ctrlc::set_handler(move || on_signal.cancel()) {
        eprintln!("warning: Ctrl-C will not stop cleanly: {error}");
    }
    let done = match cli.command {
        Command::Import(args) => import::run(args, &context),
        Command::Build(args) => build::run(args, &context),
        Command::Eval(args) => eval::run(args, &context),
        Command::Inspect(args) => inspect::run(args, &context),
        Command::Export(args) => export::run(args, &context),
        Command::Rollback(args) => inspect::roll_back(args),
        Command::Demo(args) => demo::run(args, &context),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(if matches!(failure, Failure::Usage(_)) { 2 } else { 1 })
        }
    }
}

/// Prints one machine-readable object on standard output.
pub(crate) fn print_json<T: serde::Serialize>(value: &T) -> Result<(), Failure> {
    print_line(serde_json::to_string_pretty(value)?)
}

/// Prints a line on standard output. A reader that has seen enough (`| head`) is no failure.
pub(crate) fn print_line(text: impl fmt::Display) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
