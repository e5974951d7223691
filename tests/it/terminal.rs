//! What the command line is like to use: help, completions, man pages, colour, the first run.

use std::fs;
use std::process::Command;

use crate::fixture;
use crate::server::nearfield;
use crate::support::{Run, Workplace};

const ESCAPE: &str = "\x1b[";

#[test]
fn without_arguments_it_says_how_to_begin() {
    let workplace = Workplace::new();
    let run = workplace.run(&[]);
    assert_eq!(run.code, Some(2));
    assert!(run.stdout.is_empty(), "{}", run.stdout);
    for part in ["To begin:", "nearfield demo", "nearfield import", "Usage:", "similar"] {
        assert!(run.stderr.contains(part), "{part:?} is not in {}", run.stderr);
    }
    workplace.check_fails(&["simlar"], 2, &["'simlar'", "'similar'"]);
    workplace.check_fails(&["build", "--enginse", "exact"], 2, &["'--engines'"]);
    workplace.check_fails(&["build", "--engines", "exact,hnws"], 2, &["'hnws'", "'hnsw'"]);
    workplace.check_fails(&["build", "--builder", "bached"], 2, &["'batched'"]);
    workplace.check_fails(&["worker", "--providers", "spotfy"], 2, &["'spotify'"]);
    let help = workplace.run(&["import", "--help"]);
    assert!(
        help.stdout.contains("Examples:\n") && help.stdout.contains("    nearfield import"),
        "{}",
        help.stdout
    );
}

#[test]
fn every_message_of_a_first_run_names_the_next_command() {
    let workplace = Workplace::new();
    workplace.check_fails(
        &["serve", "--bind", "127.0.0.1:0"],
        1,
        &["nearfield build --name main", "nearfield demo"],
    );
    workplace.check_fails(&["similar", "anything"], 1, &["nearfield build --name main", "nearfield demo"]);
    workplace.check_fails(&["build"], 1, &["nearfield import FILE", "nearfield demo"]);
    workplace.check_fails(&["show", "4u7EnebtmKWzUH433cf5Qv"], 1, &["nearfield similar --candidates"]);
    let demo = workplace.run(&["demo", "--tracks", "60", "--no-serve"]);
    assert_eq!(demo.code, Some(0), "{}", demo.stderr);
    // What it says to try works.
    let ask = demo.stdout.lines().find_map(|line| line.strip_prefix("ask it:   nearfield ")).unwrap();
    let asked = workplace.run(&ask.split(' ').collect::<Vec<_>>());
    assert_eq!(asked.code, Some(0), "{}", asked.stderr);
    assert!(asked.stdout.lines().filter(|line| line.contains('█')).count() >= 10, "{}", asked.stdout);
    // The demo's name is another one than the default.
    workplace.check_fails(&["serve"], 1, &["no snapshot `main`", "there is demo", "--name"]);
    workplace.check_fails(&["inspect", "--name", "dmeo"], 1, &["did you mean `demo`?"]);
}

#[test]
fn shells_understand_their_completions() {
    let workplace = Workplace::new();
    // What lies in the directory where a shell starts does not matter.
    workplace.file("nearfield.toml", "not settings");
    workplace.file(".env", "not a setting");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = workplace.run(&["completions", shell]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        for part in ["similar", "base-weights", "candidates"] {
            assert!(run.stdout.contains(part), "{shell}: {part}");
        }
    }
    let script = workplace.run(&["completions", "bash"]).stdout;
    let path = workplace.path().join("completions");
    fs::write(&path, script).unwrap();
    let complete = |words: &str| {
        let asked = "source \"$0\"; COMP_WORDS=($1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); \
            _nearfield nearfield \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"; echo \"${COMPREPLY[*]}\"";
        let output = Command::new("bash").args(["-c", asked]).arg(&path).arg(words).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete("nearfield simi"), "similar");
    assert_eq!(complete("nearfield similar --base"), "--base-weights");
    assert_eq!(complete("nearfield similar --engine h"), "hnsw");
    workplace.check_fails(&["completions", "bsh"], 2, &["'bash'"]);
}

#[test]
fn there_is_a_man_page_for_everything() {
    let workplace = Workplace::new();
    let run = workplace.run(&["man", "--dir", "pages"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let pages = fs::read_dir(workplace.path().join("pages")).unwrap().count();
    assert!(run.stdout.starts_with(&format!("{pages} pages")), "{}", run.stdout);
    for name in ["nearfield", "nearfield-similar", "nearfield-serve", "nearfield-man"] {
        let page = fs::read_to_string(workplace.path().join(format!("pages/{name}.1"))).unwrap();
        for part in [".TH nearfield", ".SH NAME", ".SH SYNOPSIS", ".SH EXAMPLES\n.nf"] {
            assert!(page.contains(part), "{name}: {part}");
        }
        assert!(!page.contains('\x1b'), "{name}");
    }
    let page = workplace.run(&["man", "similar"]).stdout;
    let printed = fs::read_to_string(workplace.path().join("pages/nearfield-similar.1")).unwrap();
    assert_eq!(page, printed);
    assert!(
        page.contains("nearfield similar \\(aqbohemian rhapsody queen\\(aq \\-\\-weight energy=2"),
        "{page}"
    );
    assert!(workplace.run(&["man"]).stdout.contains(".SH SUBCOMMANDS"));
    workplace.check_fails(&["man", "simlar"], 2, &["did you mean `similar`?"]);
}

/// Runs the binary with these variables; neither output is a terminal.
fn with(variables: &[(&str, &str)], arguments: &[&str]) -> Run {
    let mut command = nearfield(fixture::shared());
    command.args(arguments);
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied()).output().unwrap().into()
}

const ASK: [&str; 7] =
    ["similar", "--indexes", ".", "--target", "energy=0.5", "--genre", "nothing like this"];

#[test]
fn colour_is_for_terminals_unless_forced_and_never_in_json() {
    let plain = with(&[("TERM", "xterm-256color")], &ASK);
    assert!(!plain.stdout.contains(ESCAPE) && !plain.stderr.contains(ESCAPE), "{}", plain.stderr);
    let force = ("CLICOLOR_FORCE", "1");
    let table = ["similar", "--indexes", ".", "--target", "energy=0.5"];
    let forced = with(&[force], &table);
    assert!(forced.stdout.contains(ESCAPE) && forced.stderr.contains(ESCAPE), "{}", forced.stderr);
    let json = with(&[force], &[&table[..], &["--json"]].concat());
    assert!(!json.stdout.contains(ESCAPE), "{}", json.stdout);
    let wrong = ["inspect", "--indexes", ".", "--name", "absent"];
    assert!(with(&[force], &wrong).stderr.contains("\x1b[31m"), "an error is red");
    assert!(with(&[force], &["build", "--nonsense"]).stderr.contains(ESCAPE));
    assert!(!with(&[], &["build", "--help"]).stdout.contains(ESCAPE));
    assert!(!with(&[], &wrong).stderr.contains(ESCAPE));
}

#[test]
fn each_output_is_coloured_by_what_it_is() {
    // `script` gives a terminal for both; redirections take one of them away.
    let run = |variables: &str, redirection: &str| {
        let binary = env!("CARGO_BIN_EXE_nearfield");
        let line = format!(
            "env {variables} {binary} {} {redirection}",
            "similar --indexes . --target energy=0.5 --k 2"
        );
        let output = Command::new("script")
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .current_dir(fixture::shared())
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}");
        String::from_utf8(output.stdout).unwrap()
    };
    let unset = "-u NO_COLOR -u CLICOLOR -u CLICOLOR_FORCE TERM=xterm-256color";
    assert!(run(unset, "2>/dev/null").contains(ESCAPE));
    assert!(run(unset, ">/dev/null").contains(ESCAPE));
    // The table goes to a file, the plan to the terminal; then the other way round.
    assert!(!run(unset, "2>/dev/null | cat").contains(ESCAPE));
    assert!(!run(unset, "2>&1 >/dev/null | cat").contains(ESCAPE));
    for variables in ["NO_COLOR=1 TERM=xterm", "-u NO_COLOR TERM=dumb", "-u NO_COLOR CLICOLOR=0 TERM=xterm"] {
        assert!(!run(&format!("-u CLICOLOR_FORCE {variables}"), "").contains(ESCAPE), "{variables}");
    }
}
