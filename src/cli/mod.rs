//! The command line: one file per subcommand; this one parses, dispatches and turns errors into exit codes
//! (0 done, 1 the work failed, 2 wrong usage).

mod backup;
mod build;
mod cache_flags;
mod demo;
mod eval;
mod export;
mod import;
mod inspect;
mod recall_flags;
mod remove;
mod serve;
mod show;
mod store_flags;
mod worker;

use std::error::Error;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::config::{self, ConfigFile, Secret};
use crate::progress::{CancelToken, Progress};

/// A self-hosted similarity server for music tracks.
#[derive(Debug, Parser)]
#[command(name = "nearfield", version, max_term_width = 110)]
struct Cli {
    /// Settings; flags and environment win over them [default: nearfield.toml, where it exists]
    // Read by `ConfigFile::find` before clap parses.
    #[arg(long, global = true, value_name = "FILE", env = config::CONFIG_VARIABLE)]
    config: Option<PathBuf>,
    /// What is logged on standard error: error, warn, info, debug, trace, or a filter like `nearfield=debug,warn`
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        env = "NEARFIELD_LOG",
        default_value = "warn,actix_http=off,nearfield=info"
    )]
    log: String,
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
    /// Take tracks out of the catalogue and, at once, out of what a server returns
    Remove(remove::RemoveArgs),
    /// Copy the embedded catalogue into one file, also while others use it
    Backup(backup::BackupArgs),
    /// Put a copy of the embedded catalogue back
    Restore(backup::RestoreArgs),
    /// Answer queries over HTTP
    Serve(serve::ServeArgs),
    /// Refresh stale and incomplete tracks from Spotify, ReccoBeats and oEmbed
    Worker(worker::WorkerArgs),
    /// Show what the catalogue knows of a track, and where each value is from
    Show(show::ShowArgs),
    /// Make up a catalogue, build it, serve it
    Demo(demo::DemoArgs),
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
    /// Protects administration, where one is set.
    pub secret_token: Option<Secret>,
    /// Where Redis is, where there is one.
    pub redis_url: Option<Secret>,
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
    match parse().and_then(|(cli, file)| run(cli, &file)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(if matches!(failure, Failure::Usage(_)) { 2 } else { 1 })
        }
    }
}

/// Reads `.env`, the configuration file and the arguments; wrong arguments and `--help` end the process here.
fn parse() -> Result<(Cli, ConfigFile), Failure> {
    let usage = |error: config::ConfigError| Failure::Usage(error.to_string());
    config::load_dot_env().map_err(usage)?;
    let file = ConfigFile::find(std::env::args_os().skip(1)).map_err(usage)?;
    let matches = file.as_defaults(Cli::command()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    Ok((cli, file))
}

fn run(cli: Cli, file: &ConfigFile) -> Result<(), Failure> {
    start_logging(&cli.log)?;
    let context = Context {
        progress: Progress::stderr(),
        cancel: CancelToken::new(),
        secret_token: file.secret_token(),
        redis_url: file.redis_url(),
    };
    let on_signal = context.cancel.clone();
    if let Err(error) = ctrlc::set_handler(move || on_signal.cancel()) {
        tracing::warn!("Ctrl-C will not stop cleanly: {error}");
    }
    match cli.command {
        Command::Import(args) => import::run(args, &context),
        Command::Build(args) => build::run(args, &context),
        Command::Eval(args) => eval::run(args, &context),
        Command::Inspect(args) => inspect::run(args, &context),
        Command::Export(args) => export::run(args, &context),
        Command::Rollback(args) => inspect::roll_back(args),
        Command::Remove(args) => remove::run(args, &context),
        Command::Backup(args) => backup::back_up(args),
        Command::Restore(args) => backup::restore(args),
        Command::Serve(args) => serve::run(args, &context),
        Command::Worker(args) => worker::run(args, &context),
        Command::Show(args) => show::run(args, &context),
        Command::Demo(args) => demo::run(args, &context),
    }
}

/// Logs to standard error; standard output belongs to results.
fn start_logging(filter: &str) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Failure::Usage(format!("--log {filter:?} is no filter: {error}")))?;
    // These log the headers of requests, the client secret among them.
    let quiet = ["rspotify=off", "rspotify_http=off"].map(|directive| directive.parse());
    let filter = quiet.into_iter().flatten().fold(filter, EnvFilter::add_directive);
    let ansi = io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(ansi).init();
    Ok(())
}

/// Prints one machine-readable object on standard output.
pub(crate) fn print_json<T: serde::Serialize>(value: &T) -> Result<(), Failure> {
    print_line(serde_json::to_string_pretty(value)?)
}

/// Prints a line on standard output. A reader that has seen enough (`| head`) is no failure.
pub(crate) fn print_line(text: impl fmt::Display) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Work(format!("cannot write to standard output: {error}").into()))
        }
        _ => Ok(()),
    }
}
