//! `nearfield similar`: the same from a snapshot and from a server, tracks by words, what it says when something is wrong.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Output;
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::fixture;
use crate::server::{Server, nearfield};

/// Runs `nearfield similar` against the shared snapshot.
fn from_snapshot(arguments: &[&str]) -> Output {
    let mut command = nearfield(fixture::shared());
    command.args(["similar", "--indexes", "."]).args(arguments).output().unwrap()
}

/// The same against a server.
fn from_server(server: &Server, arguments: &[&str]) -> Output {
    let here = tempfile::tempdir().unwrap();
    nearfield(here.path()).args(["similar", "--server", &server.url]).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn answer(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap()
}

fn check_fails(output: &Output, code: i32, expected: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(output.stdout.is_empty(), "{text}");
    for part in expected {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

/// A track of the catalogue, with its title.
fn some_track(server: &Server) -> (String, String) {
    let found = server.similar(&json!({"targets": {"energy": 0.5}, "k": 1, "engine": "exact"})).ok();
    let result = &found["results"][0];
    (result["id"].as_str().unwrap().to_owned(), result["track"]["name"].as_str().unwrap().to_owned())
}

#[test]
fn a_snapshot_and_a_server_give_the_same() {
    let server = Server::start();
    let (id, title) = some_track(&server);
    let uri = format!("spotify:track:{id}");
    let queries: [&[&str]; 9] = [
        &[&uri],
        &[&title, "--k", "25", "--weight", "energy=2,key=1"],
        &[&id, "--not", &title, "--negative-weight", "0.25"],
        &["--target", "tempo=120", "--target", "energy=0.8", "--anchor", "0.1"],
        &[&id, "--base-weights", "dj", "--engine", "hnsw", "--recall", "0.9"],
        &[&id, "--year", "1990..1999", "--popularity", "10..", "--min", "tempo=90", "--max", "tempo=140"],
        &[&id, "--explicit=false", "--exclude-id", &id, "--genre", "polka"],
        &[&id, "--explain", "--max-per-artist", "1", "--diversity", "0.2", "--k", "5"],
        &[&id, "--engine", "forest", "--no-collapse"],
    ];
    for arguments in queries {
        let arguments: Vec<&str> = arguments.iter().chain(&["--json"]).copied().collect();
        let (mut here, mut there) =
            (answer(&from_snapshot(&arguments)), answer(&from_server(&server, &arguments)));
        assert!(here["results"].is_array(), "{arguments:?}");
        for answer in [&mut here, &mut there] {
            // The one thing that differs from run to run.
            assert!(answer.as_object_mut().unwrap().remove("took_us").unwrap().is_u64());
        }
        assert_eq!(here, there, "{arguments:?}");
    }
    // And the object is that of the HTTP answer.
    let mut posted = server.similar(&json!({"seeds": [id], "k": 3, "weights": {"energy": 2}})).ok();
    let mut printed = answer(&from_server(&server, &[&id, "--k", "3", "--weight", "energy=2", "--json"]));
    for answer in [&mut posted, &mut printed] {
        answer.as_object_mut().unwrap().remove("took_us");
    }
    assert_eq!(printed, posted);
}

#[test]
fn words_find_a_track_and_are_said_to() {
    let server = Server::start();
    let (id, title) = some_track(&server);
    let mut misspelt = title.to_lowercase();
    misspelt.remove(misspelt.len() / 2);
    let candidates = answer(&from_snapshot(&[&misspelt, "--candidates", "--json"]));
    let candidates = candidates["candidates"][&misspelt].as_array().unwrap().clone();
    assert!(candidates.iter().any(|candidate| candidate["id"] == id.as_str()), "{candidates:?}");
    for output in [from_snapshot(&[&misspelt]), from_server(&server, &[&misspelt])] {
        let best = candidates[0]["id"].as_str().unwrap();
        assert!(stderr(&output).contains(best), "{}", stderr(&output));
        assert!(stderr(&output).contains(&format!("{misspelt:?} is ")), "{}", stderr(&output));
        assert!(!stdout(&output).contains(best), "a seed is not in its answer");
    }
    let listed = stdout(&from_server(&server, &[&misspelt, "--candidates"]));
    assert!(listed.contains(&id) && listed.contains(&title), "{listed}");
}

#[test]
fn the_table_has_a_line_for_each_track() {
    let server = Server::start();
    let (id, _) = some_track(&server);
    let output = from_server(&server, &[&id, "--k", "4"]);
    let table = stdout(&output);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 5, "{table}");
    assert!(lines[0].starts_with('#'), "{table}");
    let ids = server.similar(&json!({"seeds": [id], "k": 4})).ok();
    for (line, result) in lines[1..].iter().zip(ids["results"].as_array().unwrap()) {
        assert!(line.ends_with(result["id"].as_str().unwrap()), "{table}");
        assert!(line.contains(&format!("{:.4}", result["similarity"].as_f64().unwrap())), "{table}");
        assert!(line.contains(result["track"]["name"].as_str().unwrap()), "{table}");
    }
    // Why this engine, on standard error.
    assert!(stderr(&output).contains("generation "), "{}", stderr(&output));
    let explained = stdout(&from_snapshot(&[&id, "--k", "1", "--explain"]));
    assert!(explained.contains('█') && explained.lines().count() > 4, "{explained}");
    let nothing = from_snapshot(&[&id, "--genre", "no such genre"]);
    assert!(stdout(&nothing).is_empty());
    assert!(stderr(&nothing).contains("warning: no track has the genre"), "{}", stderr(&nothing));
}

#[test]
fn what_is_wrong_names_the_flag_and_the_nearest_name() {
    let server = Server::start();
    let (id, _) = some_track(&server);
    let both = |arguments: &[&str], code: i32, expected: &[&str]| {
        check_fails(&from_snapshot(arguments), code, expected);
        check_fails(&from_server(&server, arguments), code, expected);
    };
    both(&[&id, "--weight", "dancability=1"], 2, &["--weight dancability", "did you mean `danceability`?"]);
    both(&[&id, "--target", "tempoo=1"], 2, &["--target tempoo", "did you mean `tempo`?"]);
    both(&[&id, "--min", "enrgy=1"], 2, &["--min enrgy", "did you mean `energy`?"]);
    both(&[&id, "--base-weights", "moods"], 2, &["--base-weights", "did you mean `mood`?"]);
    both(&[&id, "--engine", "hnws"], 2, &["--engine", "a similar value exists: 'hnsw'"]);
    both(&[&id, "--year", "2000..1990"], 2, &["--year", "at most max"]);
    both(&[&id, "--k", "0"], 2, &["--k", "1 to 1000000"]);
    both(&[&id, "--diversity", "-1"], 2, &["--diversity", "0 to 1"]);
    both(&[&id, "--wieght", "energy=1"], 2, &["--wieght", "'--weight'"]);
    both(&[&id, "--weight", "energy"], 2, &["energy=2"]);
    both(&[], 2, &["TRACK", "--target"]);
    both(&["4u7EnebtmKWzUH433cf5Qv"], 1, &["4u7EnebtmKWzUH433cf5Qv", "words of its title"]);
    both(&["https://open.spotify.com/album/x"], 2, &["no link of a track"]);
    both(&["."], 1, &["no track", "\".\""]);
    both(&[".."], 1, &["no track", "\"..\""]);
    both(&[&id, "--weight", "tempo=1", "--weight", "tempo=5"], 2, &["--weight tempo", "twice"]);
    both(&["qxzqxz jkqvvx"], 1, &["qxzqxz jkqvvx"]);
    check_fails(&from_snapshot(&[&id, "--user", "me"]), 2, &["--server"]);
    let other = nearfield(fixture::shared())
        .args(["similar", "--indexes", ".", "--name", "mian", &id])
        .output()
        .unwrap();
    check_fails(
        &other,
        1,
        &["no snapshot `mian`", "did you mean `main`?", "nearfield build", "nearfield demo"],
    );
    // A filter's names are warned of, with the nearest one.
    let genre = answer(&from_snapshot(&[&id, "--genre", "tehcno", "--json"]))["warnings"][0].to_string();
    assert!(genre.contains("did you mean `techno`?"), "{genre}");
}

#[test]
fn a_server_that_is_none_is_told_apart() {
    let here = tempfile::tempdir().unwrap();
    let ask = |url: &str| {
        let mut command = nearfield(here.path());
        command.env("NEARFIELD_SERVER", url).env("NO_PROXY", "*");
        command.args(["similar", "--target", "tempo=120"]).output().unwrap()
    };
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    check_fails(&ask(&address), 1, &[&address, "refused", "nearfield serve", "--server"]);
    check_fails(&ask("ftp://x"), 2, &["ftp://x", "http://127.0.0.1:8080"]);
    check_fails(&ask("http://"), 2, &["no address"]);
    // An empty variable names no server.
    check_fails(&ask(" "), 1, &["no snapshot `main`"]);
    // Whatever else answers there.
    for (response, expected) in [
        ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\noops", "502 Bad Gateway"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "not understood"),
        ("nonsense\r\n\r\n", "cannot ask"),
    ] {
        let (url, served) = answer_once(response.to_owned());
        check_fails(&ask(&format!("{url}/prefix/")), 1, &[expected]);
        let request = served.join().unwrap();
        assert!(request.starts_with("POST /prefix/api/v1/similar HTTP/1.1"), "{request}");
        assert!(request.contains("user-agent: nearfield/"), "{request}");
    }
}

#[test]
fn what_is_no_answer_is_not_printed_and_nothing_moves_the_cursor() {
    let here = tempfile::tempdir().unwrap();
    let ask = |body: &str, arguments: &[&str]| {
        let length = body.len();
        let (url, served) = answer_once(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"));
        let mut command = nearfield(here.path());
        command.args(["similar", "--server", &url, "--target", "tempo=120"]).args(arguments);
        let output = command.env("NO_PROXY", "*").output().unwrap();
        served.join().unwrap();
        output
    };
    check_fails(&ask("<html>", &["--json"]), 1, &["not understood"]);
    check_fails(&ask(r#"{"tracks": []}"#, &["--json"]), 1, &["not understood", "results"]);
    let evil = "\x1b]0;x\x07";
    let body = json!({"generation": evil, "plan": {"reason": evil}, "warnings": [evil], "results": []});
    let said = stderr(&ask(&body.to_string(), &[]));
    assert!(said.contains(" ]0;x ") && !said.contains(['\x1b', '\x07']), "{said:?}");
}

#[test]
fn a_flag_names_what_is_asked_before_the_environment_does() {
    let ask = |arguments: &[&str]| {
        let mut command = nearfield(fixture::shared());
        command.env("NEARFIELD_SERVER", "ftp://x").args(["similar", "--target", "tempo=120"]);
        command.args(arguments).output().unwrap()
    };
    check_fails(&ask(&[]), 2, &["ftp://x"]);
    assert!(stdout(&ask(&["--indexes", "."])).trim_start().starts_with('#'));
    check_fails(&ask(&["--name", "mian"]), 1, &["no snapshot `mian`"]);
    check_fails(&ask(&["--indexes", ".", "--server", "ftp://y"]), 2, &["ftp://y"]);
    check_fails(&ask(&["--indexes", ".", "--user", "me"]), 2, &["--user"]);
}

/// Something that answers one request with a JSON body by `response`, and gives the request back.
fn answer_once(response: String) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut request, mut buffer) = (String::new(), [0; 4096]);
        while !request.ends_with('}') {
            let n = stream.read(&mut buffer).unwrap();
            assert_ne!(n, 0, "{request}");
            request.push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
        stream.write_all(response.as_bytes()).unwrap();
        request
    });
    (url, served)
}

#[test]
fn an_answer_of_another_version_is_shown() {
    let body =
        json!({"results": [{"id": "x", "similarity": 0.5, "novel": 1, "track": {"name": "N"}}], "new": {}});
    let length = body.to_string().len();
    let (url, served) = answer_once(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"));
    let here = tempfile::tempdir().unwrap();
    let arguments = ["similar", "--server", &url, "--target", "tempo=120", "--user", "me"];
    let output = nearfield(here.path()).args(arguments).env("NO_PROXY", "*").output().unwrap();
    assert!(stdout(&output).contains("0.5000  N"), "{}", stdout(&output));
    // What is as ever is not sent: an older server may not know it.
    let request = served.join().unwrap();
    assert!(request.ends_with(r#"{"targets":{"tempo":120.0},"user":"me"}"#), "{request}");
}

#[test]
fn a_removed_track_is_not_returned() {
    let indexes = fixture::copy();
    let ask = |arguments: &[&str]| {
        let mut command = nearfield(indexes.path());
        command.args(["similar", "--indexes", ".", "--json"]).args(arguments).output().unwrap()
    };
    let first = |output: &Output| answer(output)["results"][0]["id"].as_str().unwrap().to_owned();
    let best = first(&ask(&["--target", "energy=0.5"]));
    let directory = nearfield::artifact::SnapshotDir::new(indexes.path(), "main").unwrap();
    directory.note_removed(&[nearfield::track::TrackId::parse(&best).unwrap()]).unwrap();
    assert_ne!(first(&ask(&["--target", "energy=0.5"])), best);
    check_fails(&ask(&[&best]), 1, &[&best, "there is no track"]);
}
