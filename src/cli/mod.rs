//! The command line: one file per subcommand; this one parses and dispatches. Exit codes: 0 done, 1 the work failed, 2 wrong
//! usage.
//!
//! ```text
//! failure.rs   how a subcommand ends when it does not succeed
//! output.rs    standard output, standard error, colour
//! manual.rs    examples, completions, man pages
//! *_flags.rs   flags that subcommands share
//! ```

mod backup;
mod build;
mod cache_flags;
mod demo;
mod eval;
mod export;
mod failure;
mod import;
mod inspect;
mod manual;
mod output;
mod recall_flags;
mod remove;
mod serve;
mod show;
mod similar;
mod store_flags;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::artifact::DEFAULT_INDEXES;
use crate::config::{self, ConfigFile, Secret};
use crate::progress::{CancelToken, Progress};

pub(crate) use failure::Failure;
pub(crate) use output::{print_json, print_line};

/// Where flags stand in help that every subcommand has: below its own.
const LAST: usize = 500;

/// A self-hosted similarity server for music tracks.
#[derive(Debug, Parser)]
#[command(
    name = "nearfield",
    version,
    max_term_width = 110,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = manual::first_steps()
)]
struct Cli {
    /// Settings; flags and environment win over them [default: nearfield.toml, where it exists]
    // Read by `ConfigFile::find` before clap parses.
    #[arg(long, global = true, value_name = "FILE", env = config::CONFIG_VARIABLE, display_order = LAST)]
    config: Option<PathBuf>,
    /// What is logged on standard error: error, warn, info, debug, trace, or a filter like `nearfield=debug,warn`
    #[arg(
        long,
        global = true,
        display_order = LAST,
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
    /// Make up a catalogue, build it, serve it
    Demo(demo::DemoArgs),
    /// Read tracks from CSV, TSV, Parquet or NDJSON files into the catalogue
    Import(import::ImportArgs),
    /// Build the indexes from the catalogue and publish them as a new generation
    Build(build::BuildArgs),
    /// Answer queries over HTTP
    Serve(serve::ServeArgs),
    /// Find the tracks most similar to others, from a snapshot or a server
    Similar(similar::SimilarArgs),
    /// Refresh stale and incomplete tracks from Spotify, ReccoBeats and oEmbed
    Worker(worker::WorkerArgs),
    /// Show what the catalogue knows of a track, and where each value is from
    Show(show::ShowArgs),
    /// Take tracks out of the catalogue and, at once, out of what a server returns
    Remove(remove::RemoveArgs),
    /// Show what a snapshot holds; with --verify, read and check all of it
    Inspect(inspect::InspectArgs),
    /// Measure recall and latency of a snapshot's engines
    Eval(eval::EvalArgs),
    /// Write a snapshot's vectors and ids for other programs
    Export(export::ExportArgs),
    /// Make the generation before the live one live again
    Rollback(inspect::RollbackArgs),
    /// Copy the embedded catalogue into one file, also while others use it
    Backup(backup::BackupArgs),
    /// Put a copy of the embedded catalogue back
    Restore(backup::RestoreArgs),
    /// Print the completions of a shell
    Completions(manual::CompletionsArgs),
    /// Print or write the manual as man pages
    Man(manual::ManArgs),
}

/// Which snapshot a subcommand is about.
#[derive(Debug, Args)]
pub(crate) struct SnapshotFlags {
    /// The directory that holds built snapshots
    #[arg(long, value_name = "DIR", env = "NEARFIELD_INDEXES", default_value = DEFAULT_INDEXES)]
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

/// Parses the arguments of this process and runs what they ask for.
pub fn main() -> ExitCode {
    match parse().and_then(|(cli, file)| run(cli, &file)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::print_failure(&failure);
            failure.code()
        }
    }
}

/// Reads `.env`, the configuration file and the arguments; wrong arguments and `--help` end the process here.
fn parse() -> Result<(Cli, ConfigFile), Failure> {
    let usage = |error: config::ConfigError| Failure::Usage(error.to_string());
    // A shell asks for its completions in whatever directory it starts: what lies there is no business of theirs.
    let needs_settings =
        std::env::args_os().nth(1).is_none_or(|first| first != "completions" && first != "man");
    let mut file = ConfigFile::default();
    if needs_settings {
        config::load_dot_env().map_err(usage)?;
        file = ConfigFile::find(std::env::args_os().skip(1)).map_err(usage)?;
    }
    let matches = file.as_defaults(Cli::command()).get_matches();
    let mut cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let (Command::Similar(args), Some((_, matches))) = (&mut cli.command, matches.subcommand()) {
        args.settle(matches);
    }
    Ok((cli, file))
}

fn run(cli: Cli, file: &ConfigFile) -> Result<(), Failure> {
    output::start_logging(&cli.log)?;
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
        Command::Demo(args) => demo::run(args, &context),
        Command::Import(args) => import::run(args, &context),
        Command::Build(args) => build::run(args, &context),
        Command::Serve(args) => serve::run(args, &context),
        Command::Similar(args) => similar::run(args, &context),
        Command::Worker(args) => worker::run(args, &context),
        Command::Show(args) => show::run(args, &context),
        Command::Remove(args) => remove::run(args, &context),
        Command::Inspect(args) => inspect::run(args, &context),
        Command::Eval(args) => eval::run(args, &context),
        Command::Export(args) => export::run(args, &context),
        Command::Rollback(args) => inspect::roll_back(args),
        Command::Backup(args) => backup::back_up(args),
        Command::Restore(args) => backup::restore(args),
        // Without what settings and environment change in it.
        Command::Completions(args) => manual::complete(&args, Cli::command()),
        Command::Man(args) => manual::man(&args, Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of a command as a shell separates them; what comes after `|` or `>` is not ours.
    fn words(command: &str) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        for (place, part) in command.split('\'').enumerate() {
            let is_quoted = place % 2 == 1;
            match words.last_mut() {
                // A quote goes on with the word before it, unless that is over.
                Some(word) if is_quoted => word.push_str(part),
                _ if is_quoted => words.push(part.to_owned()),
                _ => {
                    let mut parts = part.split(' ');
                    if let (Some(word), Some(rest)) = (words.last_mut(), parts.next()) {
                        word.push_str(rest);
                    } else {
                        parts = part.split(' ');
                    }
                    words.extend(parts.map(str::to_owned));
                }
            }
        }
        words.retain(|word| !word.is_empty());
        words.into_iter().take_while(|word| word != "|" && word != ">").collect()
    }

    #[test]
    fn every_subcommand_has_examples_and_each_of_them_parses() {
        assert_eq!(words("a 'b c' --d 'e f=g' h | i"), ["a", "b c", "--d", "e f=g", "h"]);
        let mut n_examples = 0;
        let program = Cli::command();
        for command in program.get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<&str> = help.lines().filter_map(|line| line.strip_prefix("    ")).collect();
            assert!(!examples.is_empty(), "{} has no examples", command.get_name());
            for example in examples {
                let words = words(example);
                assert_eq!(words.get(1).map(String::as_str), Some(command.get_name()), "{example}");
                if let Err(error) = Cli::try_parse_from(&words) {
                    panic!("{example}: {error}");
                }
                n_examples += 1;
            }
        }
        assert!(n_examples >= 30, "{n_examples}");
    }

    #[test]
    fn the_first_steps_parse() {
        let help = Cli::command().get_after_help().map(ToString::to_string).unwrap_or_default();
        let steps: Vec<&str> = help.lines().filter(|line| line.starts_with("  nearfield")).collect();
        assert_eq!(steps.len(), 5, "{help}");
        for step in steps {
            let command = step.trim().split("  ").next().unwrap_or_default();
            assert!(Cli::try_parse_from(words(command)).is_ok(), "{command}");
        }
    }

    #[test]
    fn clap_finds_nothing_wrong_with_the_description() {
        Cli::command().debug_assert();
    }
}
