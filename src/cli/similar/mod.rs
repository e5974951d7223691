//! `nearfield similar`: a query from the terminal, to a snapshot or a server.
//!
//! ```text
//! flags.rs     flags -> the request, and the flag that a field of it came from
//! source.rs    whom it is asked of: a snapshot, or server.rs
//! server.rs    a server, over HTTP
//! tracks.rs    what the user calls a track -> its id
//! answer.rs    what an answer must have to be shown
//! table.rs     columns in the width of the terminal
//! ```
//!
//! Both sources are given the same request and give the same JSON, so that what is shown does not depend on which it was.

mod answer;
mod flags;
mod server;
mod source;
mod table;
mod tracks;

use std::collections::BTreeMap;

use clap::ArgMatches;
use clap::parser::ValueSource;
use serde::Serialize;

use super::manual::examples;
use super::output::{note, print_bytes, warn};
use super::{Context, Failure, SnapshotFlags, print_json, print_line};

use answer::{Answer, Candidate};
use flags::QueryFlags;
use source::Source;

/// Finds the tracks most similar to others. A TRACK is an id, a Spotify URI or link, or, in quotes, words of its title and
/// its artists; what these were taken for is said on standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = examples(&[
    ("Like one track, energy counting double", "nearfield similar 'bohemian rhapsody queen' --weight energy=2"),
    (
        "Between two, of the nineties, with reasons",
        "nearfield similar spotify:track:4u7EnebtmKWzUH433cf5Qv 'karma police' --year 1990..1999 --explain",
    ),
    (
        "Fast and dark, no seed, from a running server",
        "nearfield similar --target tempo=150 --target valence=0.2 --server http://127.0.0.1:8080",
    ),
]))]
pub(super) struct SimilarArgs {
    /// Tracks to be similar to: ids, Spotify URIs or links, or, in quotes, words of title and artists
    #[arg(value_name = "TRACK")]
    tracks: Vec<String>,
    /// A track to be unlike; repeatable
    #[arg(long, value_name = "TRACK")]
    not: Vec<String>,
    #[command(flatten)]
    query: QueryFlags,
    #[command(flatten)]
    snapshot: SnapshotFlags,
    /// Ask this server; --indexes and --name then say nothing, unless they are given and this one is of the environment
    #[arg(long, value_name = "URL", env = "NEARFIELD_SERVER")]
    server: Option<String>,
    /// List the tracks that each TRACK may mean, the likeliest first, and end
    #[arg(long)]
    candidates: bool,
    /// Print the answer as one JSON object, as a server gives it
    #[arg(long)]
    json: bool,
}

impl SimilarArgs {
    /// Flags win over the environment: a server that only the environment names is not asked where a snapshot is named by a
    /// flag, and an empty variable names none. `matches` are those of the subcommand.
    pub fn settle(&mut self, matches: &ArgMatches) {
        let is_flag = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        let is_empty = self.server.as_ref().is_some_and(|url| url.trim().is_empty());
        if !is_flag("server") && (is_empty || is_flag("indexes") || is_flag("name")) {
            self.server = None;
        }
    }
}

/// What `--candidates` prints.
#[derive(Serialize)]
struct Candidates<'a> {
    candidates: BTreeMap<&'a str, Vec<Candidate>>,
}

pub(super) fn run(args: SimilarArgs, context: &Context) -> Result<(), Failure> {
    if args.tracks.is_empty() && (args.candidates || !args.query.has_targets()) {
        return Err(Failure::Usage(
            "nothing to be similar to: name a TRACK, or give a value to aim at, such as --target tempo=120"
                .into(),
        ));
    }
    args.query.check()?;
    let source = Source::open(&args, context)?;
    if args.candidates {
        return list_candidates(&args, &source);
    }
    let find = |texts: &[String]| -> Result<Vec<String>, Failure> {
        texts.iter().map(|text| tracks::resolve(&source, text)).collect()
    };
    let request = args.query.request(find(&args.tracks)?, find(&args.not)?);
    let json = source.similar(&request).map_err(|refused| refused.of_flags(&args.query))?;
    // Also where it is printed as it is: what is no answer is none.
    let answer = Answer::parse(&json)?;
    if args.json {
        return print_bytes(format!("{json}\n").as_bytes());
    }
    note(answer.plan_line());
    answer.warnings.iter().for_each(warn);
    if answer.results.is_empty() {
        note("no track passes the filters");
        return Ok(());
    }
    print_line(table::results(&answer.results, table::Terminal::of_stdout()))
}

fn list_candidates(args: &SimilarArgs, source: &Source) -> Result<(), Failure> {
    let mut candidates = BTreeMap::new();
    for text in args.tracks.iter().chain(&args.not) {
        candidates.insert(text.as_str(), tracks::candidates(source, text)?);
    }
    if args.json {
        return print_json(&Candidates { candidates });
    }
    let terminal = table::Terminal::of_stdout();
    let lists = candidates.iter().map(|(text, found)| match found.is_empty() {
        true => format!("{text}: nothing like it"),
        false => format!("{text}:\n{}", table::candidates(found, terminal)),
    });
    print_line(lists.collect::<Vec<_>>().join("\n\n"))
}
