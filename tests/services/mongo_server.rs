//! A MongoDB server that is killed.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use nearfield::demo;
use nearfield::store::{CatalogueStore, MongoOptions, MongoStore, TrackReader};
use nearfield::track::Track;

use crate::mongo::all;
use crate::servers::{Mongod, wait_for};
use crate::support::Workplace;

const N_TRACKS: usize = 30_000;

fn filled(server: &Mongod) -> MongoStore {
    let store = MongoStore::open(&server.uri(), MongoOptions::default()).unwrap();
    let tracks: Vec<Track> = demo::catalogue(N_TRACKS, 3).collect();
    for batch in tracks.chunks(5_000) {
        store.upsert(batch.to_vec(), 1).unwrap();
    }
    store
}

#[test]
fn a_reading_goes_on_where_a_killed_server_left_it() {
    let mut server = Mongod::start();
    let store = filled(&server);
    let expected = all(&store);
    let mut tracks: Vec<Track> = Vec::new();
    store
        .scan(&mut |track| {
            tracks.push(track);
            // Pages are read ahead, so the second kill is in the middle of them as well.
            if [6_000, 21_000].contains(&tracks.len()) {
                server.kill();
                server.restart();
            }
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(tracks.len(), N_TRACKS);
    assert!(tracks == expected);
}

#[test]
fn a_build_survives_a_killed_server_and_says_so() {
    let mut server = Mongod::start();
    drop(filled(&server));
    let here = Workplace::new();
    let uri = server.uri();
    let start = || {
        let mut build = here.command(&["build", "--store", &uri, "--engines", "exact", "--json"]);
        build.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut n_disturbed = 0;
    // The moment is not ours to choose: where a build was too quick, the next one may not be.
    for pause_ms in [60, 100, 140, 180, 220, 260] {
        let build = start();
        std::thread::sleep(Duration::from_millis(pause_ms));
        server.kill();
        server.restart();
        let output = build.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["n_items"], N_TRACKS);
        n_disturbed += usize::from(stderr.contains("trying again"));
    }
    assert!(n_disturbed > 0, "no build noticed that its server was killed");
}

#[test]
fn a_server_that_stays_away_fails_the_build_and_the_live_generation_stays() {
    let mut server = Mongod::start();
    drop(filled(&server));
    let here = Workplace::new();
    let uri = server.uri();
    let build = ["build", "--store", &uri, "--engines", "exact", "--mongo-patience-seconds", "2"];
    assert_eq!(here.run(&build).code, Some(0));
    let current = || std::fs::read_to_string(here.path().join("indexes/main/CURRENT")).unwrap();
    let live = current();
    server.kill();
    here.check_fails(&build, 1, &["failed for 2 s", "check that the server runs"]);
    assert_eq!(current(), live);
}

#[test]
fn what_was_acknowledged_outlives_a_killed_server() {
    let mut server = Mongod::start();
    let store = MongoStore::open(&server.uri(), MongoOptions::default()).unwrap();
    let tracks: Vec<Track> = demo::catalogue(12_000, 5).collect();
    let n_done = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for batch in tracks.chunks(500) {
                let counts = store.upsert(batch.to_vec(), 1).unwrap();
                // A batch whose answer was lost is written again, and counted as it was found.
                assert_eq!(counts.inserted + counts.merged + counts.unchanged, batch.len() as u64);
                n_done.fetch_add(batch.len(), Ordering::Release);
            }
            is_over.store(true, Ordering::Release);
        });
        let mut n_kills = 0;
        while !is_over.load(Ordering::Acquire) {
            let before = n_done.load(Ordering::Acquire);
            wait_for("progress", || {
                let moved = n_done.load(Ordering::Acquire) >= before + 1_500;
                (moved || is_over.load(Ordering::Acquire)).then_some(())
            });
            let acknowledged = n_done.load(Ordering::Acquire);
            server.kill();
            server.restart();
            n_kills += 1;
            let fresh = MongoStore::open(&server.uri(), MongoOptions::default()).unwrap();
            let found = all(&fresh);
            for track in &tracks[..acknowledged] {
                assert!(
                    found.binary_search_by(|other| other.id.cmp(&track.id)).is_ok(),
                    "{} is lost",
                    track.id
                );
            }
        }
        assert!(n_kills >= 3, "{n_kills}");
    });
    let mut expected = tracks.clone();
    expected.sort_by(|a, b| a.id.cmp(&b.id));
    assert!(all(&store) == expected);
}

#[test]
fn a_signal_ends_waiting_for_a_server_that_is_away() {
    let mut server = Mongod::start();
    drop(filled(&server));
    let here = Workplace::new();
    let uri = server.uri();
    server.kill();
    let mut build = here.command(&["build", "--store", &uri, "--mongo-patience-seconds", "3600"]);
    let mut build = build.stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(build.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("trying again"), "{line}");
    Command::new("kill").args(["-TERM", &build.id().to_string()]).status().unwrap();
    let status = wait_for("the end", || build.try_wait().unwrap());
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(rest.contains("interrupted while connecting"), "{rest}");
}
