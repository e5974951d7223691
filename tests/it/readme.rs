//! The examples of README.md, run as they stand there against a running server.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::fixture;
use crate::server::{Server, nearfield};

const README: &str = include_str!("../../README.md");
const LIBRARY: &str = include_str!("../../src/lib.rs");
/// Where README's examples expect the server.
const ADDRESS: &str = "http://127.0.0.1:8080";

/// The blocks of a language in a section, as they are.
fn blocks(section: &str, language: &str) -> Vec<String> {
    let (_, rest) = README.split_once(&format!("\n## {section}\n")).unwrap();
    let text = rest.split("\n## ").next().unwrap();
    let fence = format!("```{language}\n");
    let parts = text.split(&fence).skip(1);
    parts.map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

/// Runs a block with an interpreter and returns what it prints.
fn run(server: &Server, block: &str, interpreter: &[&str]) -> String {
    let binaries = Path::new(env!("CARGO_BIN_EXE_nearfield")).parent().unwrap().display();
    let path = std::env::var("PATH").unwrap_or_default();
    let here = tempfile::tempdir().unwrap();
    // The snapshot that `nearfield demo` makes where it is run; this one is made as that is.
    std::fs::create_dir(here.path().join("indexes")).unwrap();
    std::os::unix::fs::symlink(fixture::shared().join("main"), here.path().join("indexes/demo")).unwrap();
    let output = Command::new(interpreter[0])
        .args(&interpreter[1..])
        .arg(block.replace(ADDRESS, &server.url))
        .current_dir(here.path())
        .env("PATH", format!("{binaries}:{path}"))
        .env("NO_PROXY", "*")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{}, which scripts/test installs: {error}", interpreter[0]));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{block}\n{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_shell_examples_work() {
    let server = Server::start();
    let blocks = blocks("Ask", "sh");
    assert_eq!(blocks.len(), 2);
    let table = run(&server, &blocks[0], &["bash", "-euc"]);
    assert!(table.trim_start().starts_with("#  ") && table.contains('█'), "{table}");
    let answers = run(&server, &blocks[1], &["bash", "-euc"]);
    let answers: Vec<serde_json::Value> =
        serde_json::Deserializer::from_str(&answers).into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert_eq!(answers[0]["results"].as_array().unwrap().len(), 1, "{answers:?}");
    assert!(answers[1]["results"][0]["explanation"]["summary"].is_string(), "{answers:?}");
}

#[test]
fn the_examples_in_other_languages_print_five_tracks() {
    let server = Server::start();
    for (language, interpreter) in
        [("python", &["python3", "-c"][..]), ("js", &["node", "--input-type=module", "--eval"])]
    {
        let blocks = blocks("From your own code", language);
        assert_eq!(blocks.len(), 1, "{language}");
        let printed = run(&server, &blocks[0], interpreter);
        assert_eq!(printed.lines().count(), 5, "{language}: {printed}");
        assert!(printed.lines().all(|line| line.starts_with("0.")), "{language}: {printed}");
    }
}

#[test]
fn the_rust_example_is_the_one_that_the_documentation_of_the_library_runs() {
    let shown: Vec<&str> = LIBRARY
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .skip_while(|line| !line.starts_with("```rust"))
        .skip(1)
        .take_while(|line| *line != "```")
        .filter(|line| *line != "#" && !line.starts_with("# "))
        .collect();
    assert_eq!(blocks("From your own code", "rust"), [shown.join("\n") + "\n"]);
}

#[test]
fn the_demo_of_the_readme_has_what_its_examples_ask_for() {
    // The examples look for a title; the shared snapshot is made as the demo's is.
    let mut command = nearfield(fixture::shared());
    command.args(["similar", "--indexes", ".", "tuesday", "--candidates", "--json"]);
    let found: serde_json::Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    assert!(!found["candidates"]["tuesday"].as_array().unwrap().is_empty());
}
