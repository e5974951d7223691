//! What goes to standard output, which belongs to results, and to standard error, which belongs to everything else.
//!
//! Colour goes to terminals only, decided for each of the two by itself. `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and
//! `TERM=dumb` are heeded by clap for help and wrong usage, by `console` for all else. JSON has none in any case.

use std::fmt::Display;
use std::io::{self, Write};

use console::style;
use tracing_subscriber::EnvFilter;

use super::Failure;

/// Prints one machine-readable object on standard output.
pub(crate) fn print_json<T: serde::Serialize>(value: &T) -> Result<(), Failure> {
    print_line(serde_json::to_string_pretty(value)?)
}

/// Prints a line on standard output. A reader that has seen enough (`| head`) is no failure.
pub(crate) fn print_line(text: impl Display) -> Result<(), Failure> {
    print_bytes(format!("{text}\n").as_bytes())
}

/// Writes to standard output as it is. A reader that has seen enough is no failure.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Work(format!("cannot write to standard output: {error}").into()))
        }
        _ => Ok(()),
    }
}

/// Text without control characters, which a title or a server may bring along and a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// The same line by line.
fn plain_lines(text: &dyn Display) -> String {
    text.to_string().split('\n').map(plain).collect::<Vec<_>>().join("\n")
}

/// Says on standard error why the work failed.
pub(super) fn print_failure(failure: &Failure) {
    eprintln!("{} {}", style("error:").for_stderr().red().bold(), plain_lines(failure));
}

/// Says on standard error what should be known, though the work goes on.
pub(super) fn warn(text: impl Display) {
    eprintln!("{} {}", style("warning:").for_stderr().yellow().bold(), plain_lines(&text));
}

/// Says on standard error, in passing, what came of something.
pub(super) fn note(text: impl Display) {
    eprintln!("{}", style(plain_lines(&text)).for_stderr().dim());
}

/// Logs to standard error.
pub(super) fn start_logging(filter: &str) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Failure::Usage(format!("--log {filter:?} is no filter: {error}")))?;
    // These log the headers of requests, the client secret among them.
    let quiet = ["rspotify=off", "rspotify_http=off"].map(|directive| directive.parse());
    let filter = quiet.into_iter().flatten().fold(filter, EnvFilter::add_directive);
    let ansi = console::colors_enabled_stderr();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(ansi).init();
    Ok(())
}
