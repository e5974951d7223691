//! Running the binary in a directory of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A working directory with everything relative to it, gone at the end of the test.
pub struct Workplace {
    dir: tempfile::TempDir,
}

/// What a run of the binary gave.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Workplace {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file and returns its name.
    pub fn file<'n>(&self, name: &'n str, content: impl AsRef<[u8]>) -> &'n str {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        name
    }

    /// The names of everything in the directory, sorted.
    pub fn listing(&self) -> Vec<PathBuf> {
        let mut names: Vec<PathBuf> =
            fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into()).collect();
        names.sort();
        names
    }

    /// The binary with these arguments, in this directory, without settings from outside.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nearfield"));
        command.args(args).current_dir(self.dir.path());
        for (name, _) in std::env::vars_os() {
            let known = name.to_string_lossy();
            if known.starts_with("NEARFIELD_") || ["MONGO_URL", "REDIS_URL"].contains(&&*known) {
                command.env_remove(name);
            }
        }
        command
    }

    pub fn run(&self, args: &[&str]) -> Run {
        self.command(args).output().unwrap().into()
    }

    /// Runs the binary, expects success and reads its standard output as JSON.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let run = self.run(args);
        assert_eq!(run.code, Some(0), "{args:?}: {}", run.stderr);
        serde_json::from_str(&run.stdout).unwrap()
    }

    /// Runs the binary and expects it to fail with this code and a message that contains all of `expected`.
    pub fn check_fails(&self, args: &[&str], code: i32, expected: &[&str]) {
        let run = self.run(args);
        assert_eq!(run.code, Some(code), "{args:?}: {} {}", run.stdout, run.stderr);
        for part in expected {
            assert!(run.stderr.contains(part), "{args:?}: {part:?} is not in {}", run.stderr);
        }
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
