//! What is made of the command line's own description: examples below its help, completions, man pages.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Command;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap_complete::Shell;
use clap_mangen::Man;

use super::output::print_bytes;
use super::{Failure, print_line};
use crate::artifact::ArtifactError;
use crate::suggest;

/// Sets a heading as clap does; its man pages and unstyled help leave this out.
const HEADING: [&str; 2] = ["\x1b[1m\x1b[4m", "\x1b[0m"];

/// The examples below the help of a subcommand: pairs of what is done and the command that does it.
pub(super) fn examples(examples: &[(&str, &str)]) -> String {
    let mut text = heading("Examples:");
    for (what, command) in examples {
        text.push_str(&format!("\n  {what}:\n    {command}"));
    }
    text
}

/// A value that has one of these names: unlike its own parser, this lets help, completions and errors know them.
pub(super) fn named<T>(names: impl IntoIterator<Item = &'static str>) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}

/// How to begin, below the help of the program.
pub(super) fn first_steps() -> String {
    heading("To begin:")
        + "\n  nearfield demo                 a made-up catalogue, served at http://127.0.0.1:8080\
           \n  nearfield import tracks.csv    tracks of your own into data/catalogue; then\
           \n  nearfield build                indexes of them into indexes/main; then\
           \n  nearfield serve                answers over HTTP\
           \n  nearfield similar 'A TITLE'    asks from the terminal\
           \n\n`nearfield COMMAND --help` says more, with examples."
}

fn heading(text: &str) -> String {
    format!("{}{text}{}", HEADING[0], HEADING[1])
}

/// Prints a script that teaches a shell the subcommands and flags.
#[derive(Debug, clap::Args)]
#[command(after_help = examples(&[
    ("Bash", "nearfield completions bash > ~/.local/share/bash-completion/completions/nearfield"),
    ("Zsh, with ~/.zfunc in fpath", "nearfield completions zsh > ~/.zfunc/_nearfield"),
    ("Fish", "nearfield completions fish > ~/.config/fish/completions/nearfield.fish"),
]))]
pub(super) struct CompletionsArgs {
    /// For which shell
    shell: Shell,
}

/// Prints the page of the program or of one of its subcommands, or writes all of them.
#[derive(Debug, clap::Args)]
#[command(after_help = examples(&[
    ("Read the page of a subcommand", "nearfield man similar | man -l -"),
    ("Install all pages", "nearfield man --dir ~/.local/share/man/man1"),
]))]
pub(super) struct ManArgs {
    /// The subcommand whose page to print [default: the program's own]
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    page: Option<String>,
    /// Write every page into this directory instead
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn complete(args: &CompletionsArgs, mut program: Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "nearfield", &mut script);
    print_bytes(&script)
}

pub(super) fn man(args: &ManArgs, program: Command) -> Result<(), Failure> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let commands = || program.get_subcommands().filter(|command| !command.is_hide_set());
    if let Some(directory) = &args.dir {
        fs::create_dir_all(directory).map_err(ArtifactError::io("create", directory))?;
        let mut n_pages = 0;
        for command in std::iter::once(&program).chain(commands()) {
            let path = directory.join(Man::new(command.clone()).get_filename());
            fs::write(&path, page(command)?).map_err(ArtifactError::io("write", &path))?;
            n_pages += 1;
        }
        return print_line(format_args!("{n_pages} pages are in {}", directory.display()));
    }
    let command = match &args.page {
        None => &program,
        Some(name) => commands().find(|command| command.get_name() == name).ok_or_else(|| {
            let known = suggest::among(name, commands().map(Command::get_name));
            Failure::Usage(format!("there is no subcommand `{name}`{known}"))
        })?,
    };
    print_bytes(&page(command)?)
}

/// The page of a command in roff, with its examples as they are: `clap_mangen` would fill their lines.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut page = Vec::new();
    let man = Man::new(command.clone().after_help(None::<&str>));
    man.source(concat!("nearfield ", env!("CARGO_PKG_VERSION"))).render(&mut page)?;
    writeln!(page, ".SH EXAMPLES\n.nf")?;
    for line in examples.lines().skip(1) {
        // Typographic quotes and hyphens could not be pasted; `\&` keeps a point from being a request.
        let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
        writeln!(page, "\\&{line}")?;
    }
    writeln!(page, ".fi")?;
    Ok(page)
}
