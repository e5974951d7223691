//! A running server.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;

use crate::fixture;

/// The longest any of these tests waits for something that happens by itself.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The directory of the only generation of snapshot `main`.
pub fn generation(indexes: &Path) -> PathBuf {
    let current = fs::read_to_string(indexes.join("main/CURRENT")).unwrap();
    indexes.join("main").join(current.trim())
}

/// The binary in a working directory, without settings from outside.
pub fn nearfield(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nearfield"));
    command.current_dir(directory);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("NEARFIELD_") || name == "SECRET_TOKEN" || name == "REDIS_URL" {
            command.env_remove(name);
        }
    }
    command.env("NEARFIELD_LOG", "error");
    command
}

/// What a server said to a request.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A success, as JSON.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    /// A refusal of the right form with this status, code and field (empty for none).
    pub fn refused(&self, what: &str, status: u16, code: &str, field: &str) -> Value {
        assert_eq!(self.status, status, "{what}: {}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json", "{what}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{what}: {}", self.text);
        assert_eq!(problem["code"], code, "{what}: {}", self.text);
        assert_eq!(problem["field"].as_str().unwrap_or(""), field, "{what}: {}", self.text);
        for name in ["type", "title", "detail"] {
            assert!(problem[name].as_str().is_some_and(|text| !text.is_empty()), "{what}: {}", self.text);
        }
        problem
    }
}

/// A running server, killed at the end of the test if it is a process and still runs.
pub struct Server {
    child: Option<Child>,
    pub url: String,
    agent: Agent,
}

impl Server {
    /// Serves the shared snapshot.
    pub fn start() -> Self {
        Self::serving(fixture::shared())
    }

    /// Serves snapshot `main` under `indexes`.
    pub fn serving(indexes: &Path) -> Self {
        let mut command = nearfield(indexes);
        command.args(["serve", "--indexes", ".", "--bind", "127.0.0.1:0"]);
        Self::of(command)
    }

    /// Runs a command that serves, and waits for the line that says where.
    pub fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.map(Result::unwrap).find(|line| line.starts_with("listening on "));
        let line = line.unwrap_or_else(|| panic!("the server ended: {:?}", child.wait()));
        let url = line.strip_prefix("listening on ").unwrap();
        let mut server = Self::at(url);
        server.child = Some(child);
        server
    }

    /// A server at `url` that somebody else ends.
    pub fn at(url: &str) -> Self {
        let agent =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        Self { child: None, url: url.to_owned(), agent: agent.new_agent() }
    }

    fn child(&mut self) -> &mut Child {
        self.child.as_mut().expect("a process of this test")
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        answer(self.agent.get(format!("{}{path}", self.url)).call())
    }

    /// A GET with a header.
    pub fn get_with(&self, path: &str, name: &str, value: &str) -> Answer {
        answer(self.agent.get(format!("{}{path}", self.url)).header(name, value).call())
    }

    pub fn head(&self, path: &str) -> Answer {
        answer(self.agent.head(format!("{}{path}", self.url)).call())
    }

    pub fn delete(&self, path: &str) -> Answer {
        answer(self.agent.delete(format!("{}{path}", self.url)).call())
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        let request = self.agent.post(format!("{}{path}", self.url)).content_type("application/json");
        answer(request.send(body))
    }

    /// A POST with a header.
    pub fn post_with(&self, path: &str, body: &str, name: &str, value: &str) -> Answer {
        let request = self.agent.post(format!("{}{path}", self.url)).content_type("application/json");
        answer(request.header(name, value).send(body))
    }

    /// A DELETE with a header.
    pub fn delete_with(&self, path: &str, name: &str, value: &str) -> Answer {
        answer(self.agent.delete(format!("{}{path}", self.url)).header(name, value).call())
    }

    /// Posts nothing, with a token if there is one.
    pub fn post_as(&self, path: &str, token: Option<&str>) -> Answer {
        let request = self.agent.post(format!("{}{path}", self.url));
        let request = match token {
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
            None => request,
        };
        answer(request.send_empty())
    }

    pub fn similar(&self, body: &Value) -> Answer {
        self.post("/api/v1/similar", &body.to_string())
    }

    /// Some ids of the catalogue.
    pub fn ids(&self) -> Vec<String> {
        let body =
            serde_json::json!({"targets": {"energy": 0.5, "valence": 0.5}, "k": 20, "engine": "exact"});
        let results = self.similar(&body).ok()["results"].as_array().unwrap().clone();
        results.iter().map(|result| result["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Asks the process to stop, as a service manager does.
    pub fn terminate(&self) {
        let killed = Command::new("kill")
            .args(["-TERM", &self.child.as_ref().unwrap().id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
    }

    /// Waits until the process has ended by itself.
    pub fn wait(mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child().try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "the server does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks `path` until the answer is as wanted.
    pub fn until(&self, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        let started = Instant::now();
        loop {
            let answer = self.get(path);
            if wanted(&answer) {
                return answer;
            }
            assert!(started.elapsed() < PATIENCE, "{path} stays {answer:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let mut response = response.unwrap();
    let text = response.body_mut().with_config().limit(1 << 30).read_to_string().unwrap();
    Answer { status: response.status().as_u16(), headers: response.headers().clone(), text }
}
