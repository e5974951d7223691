//! `nearfield serve` as a process: settings, addresses, damage, shutdown.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::fixture;
use crate::server::{Answer, PATIENCE, Server, generation, nearfield};

/// Runs the binary and expects it to fail with this code and a message that contains all of `expected`.
fn check_fails(directory: &Path, arguments: &[&str], code: i32, expected: &[&str]) {
    let output = nearfield(directory).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    for part in expected {
        assert!(text.contains(part), "{arguments:?}: {part:?} is not in {text}");
    }
}

#[test]
fn wrong_settings_are_refused() {
    let here = tempfile::tempdir().unwrap();
    let check = |arguments: &[&str], code: i32, expected: &[&str]| {
        let arguments: Vec<&str> = ["serve"].iter().chain(arguments).copied().collect();
        check_fails(here.path(), &arguments, code, expected);
    };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = taken.local_addr().unwrap().to_string();
    check(&["--bind", &busy], 1, &["cannot listen on", &busy, "address already in use", "--bind"]);
    check(&["--bind", "0.0.0.0:0"], 2, &["0.0.0.0:0", "SECRET_TOKEN", "--insecure"]);
    check(&["--bind", "8080"], 2, &["`8080`", "HOST:PORT"]);
    check(&["--bind", "127.0.0.1:0"], 1, &["there is no snapshot `main` in indexes", "nearfield build"]);
    check(&["--max-k", "1000001"], 2, &["--max-k"]);
    check(&["--log", "a=b=c"], 2, &["--log"]);
    check(&["--config", "absent.toml"], 2, &["absent.toml"]);
    fs::write(here.path().join("nearfield.toml"), "bnid = '127.0.0.1:1'").unwrap();
    check(&[], 2, &["nearfield.toml", "unknown field `bnid`"]);
    fs::write(here.path().join("nearfield.toml"), "workers = 5000").unwrap();
    check(&[], 2, &["nearfield.toml", "`workers` is 5000", "0 to 1024"]);
    fs::remove_file(here.path().join("nearfield.toml")).unwrap();
    fs::write(here.path().join(".env"), "no equals sign here").unwrap();
    check(&[], 2, &[".env", "NAME=value"]);
}

#[test]
fn flags_win_over_environment_over_dot_env_over_file() {
    let here = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(here.path().join(name), text).unwrap();
    let file = format!("indexes = '{}'\nbind = '127.0.0.1:0'\nmax_k = 5\n", fixture::shared().display());
    write("nearfield.toml", &file);
    let limit = |environment: Option<&str>, flag: Option<&str>| {
        let mut command = nearfield(here.path());
        command.arg("serve");
        command.args(flag.map(|limit| ["--max-k", limit]).into_iter().flatten());
        command.envs(environment.map(|limit| ("NEARFIELD_MAX_K", limit)));
        let server = Server::of(command);
        let refused = server.similar(&json!({"targets": {"energy": 0.5}, "k": 1000}));
        let problem = refused.refused("k 1000", 400, "out_of_range", "k");
        problem["detail"].as_str().unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(limit(None, None), "5");
    write(".env", "NEARFIELD_MAX_K=6\n");
    assert_eq!(limit(None, None), "6");
    assert_eq!(limit(Some("7"), None), "7");
    assert_eq!(limit(Some("7"), Some("8")), "8");
}

#[test]
fn a_token_opens_public_addresses() {
    let here = tempfile::tempdir().unwrap();
    let serve = || {
        let mut command = nearfield(here.path());
        let indexes = fixture::shared().to_str().unwrap();
        command.args(["serve", "--indexes", indexes, "--bind", "0.0.0.0:0"]);
        command
    };
    let mut with_token = serve();
    with_token.env("SECRET_TOKEN", "hunter2");
    let server = Server::of(with_token);
    assert!(server.url.starts_with("http://0.0.0.0:"));
    let mut insecure = serve();
    insecure.arg("--insecure");
    Server::of(insecure);
    let blank = serve().env("SECRET_TOKEN", " ").output().unwrap();
    assert_eq!(blank.status.code(), Some(2));
}

#[test]
fn a_request_that_is_under_way_is_answered_before_the_end() {
    let server = Server::start();
    let body = json!({"seeds": [server.ids()[0]], "k": 3}).to_string();
    // An idle connection must not delay the end.
    let mut idle = TcpStream::connect(server.address()).unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut start = [0; 15];
    idle.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");

    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST /api/v1/similar HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The server asks for the body: from now on the request is under way.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    server.terminate();
    let started = std::time::Instant::now();
    while TcpStream::connect(server.address()).is_ok() {
        assert!(started.elapsed() < PATIENCE, "new connections are still accepted");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("\"rank\":3"), "{answer}");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn an_interrupt_ends_an_idle_server() {
    let server = Server::start();
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn the_demo_serves_what_it_built() {
    let here = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = taken.local_addr().unwrap().to_string();
    // Before the build, not after it.
    check_fails(here.path(), &["demo", "--bind", &busy], 1, &["address already in use"]);
    assert!(!here.path().join("indexes").exists());
    let mut command = nearfield(here.path());
    command.args(["demo", "--tracks", "60", "--bind", "127.0.0.1:0"]);
    let server = Server::of(command);
    assert_eq!(
        server.similar(&json!({"targets": {"energy": 0.5}, "k": 100})).ok()["results"]
            .as_array()
            .unwrap()
            .len(),
        60
    );
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}

/// A copy of the snapshot with one byte of `file` changed.
fn damaged(file: &str) -> TempDir {
    let indexes = fixture::copy();
    let path = generation(indexes.path()).join(file);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 100;
    bytes[last] ^= 0x40;
    fs::write(&path, bytes).unwrap();
    indexes
}

#[test]
fn a_damaged_snapshot_is_found_out_in_the_background() {
    let indexes = damaged("vectors.nf");
    let server = Server::serving(indexes.path());
    let code = |answer: &Answer| answer.json()["code"].as_str().map(str::to_owned);
    let unready = server.until("/readyz", |answer| code(answer).as_deref() == Some("damaged"));
    unready.refused("damaged", 503, "damaged", "");
    assert_eq!(server.get("/healthz").status, 200);
    assert!(server.get("/metrics").text.contains("nearfield_snapshot_damaged 1"));
    server.similar(&json!({"targets": {"energy": 0.5}})).ok();
}

#[test]
fn a_stray_file_does_not_make_a_server_unready() {
    let indexes = fixture::copy();
    fs::write(generation(indexes.path()).join("notes.txt"), "x").unwrap();
    let server = Server::serving(indexes.path());
    let verified =
        server.until("/readyz", |answer| answer.status != 503 && answer.json()["verified"] == true);
    assert_eq!(verified.ok()["status"], "ready");
    assert!(server.get("/metrics").text.contains("nearfield_snapshot_damaged 0"));
}

#[test]
fn a_damaged_forest_is_out_of_service_and_the_rest_answers() {
    let indexes = damaged("forest.mdb");
    let server = Server::serving(indexes.path());
    server.until("/readyz", |answer| {
        answer.json()["reasons"].as_array().is_some_and(|reasons| {
            reasons.iter().any(|reason| reason.as_str().is_some_and(|text| text.contains("failed")))
        })
    });
    let query = |engine: &str| server.similar(&json!({"targets": {"energy": 0.5}, "engine": engine}));
    query("forest").refused("forest", 503, "engine_unusable", "engine");
    query("auto").ok();
    query("hnsw").ok();
    let found = server.get("/api/v1/indexes").ok();
    assert_eq!(found["indexes"][0]["engines"][2], json!({"name": "forest", "state": "unusable"}));
}
