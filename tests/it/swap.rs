//! A server follows what is published: under load, past damage, back and forth.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use nearfield::artifact::{Manifest, SnapshotDir};
use nearfield::build::BuildOptions;
use nearfield::query::{SimilarRequest, similar};
use nearfield::snapshot::Snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixture::{self, MemoryStore, build_in, options};
use crate::server::{PATIENCE, Server, generation, nearfield};

/// Requests that are answered while generations are swapped.
const N_REQUESTS: usize = 10_000;
const N_CLIENTS: usize = 8;
const N_GENERATIONS: usize = 5;

fn serve(indexes: &Path, arguments: &[&str]) -> Server {
    let mut command = nearfield(indexes);
    command.args(["serve", "--indexes", ".", "--bind", "127.0.0.1:0"]).args(arguments);
    Server::of(command)
}

fn served(server: &Server) -> String {
    server.get("/readyz").ok()["generation"].as_str().unwrap().to_owned()
}

/// Waits until the server answers from `generation`.
fn until_served(server: &Server, generation: &str) {
    server.until("/readyz", |answer| answer.json()["generation"] == generation);
}

fn set_current(indexes: &Path, generation: &str) {
    let directory = indexes.join("main");
    fs::write(directory.join("next"), format!("{generation}\n")).unwrap();
    fs::rename(directory.join("next"), directory.join("CURRENT")).unwrap();
}

/// Generations that differ in their tracks, all published under `indexes`; the first is live.
fn generations(indexes: &Path, n: usize) -> Vec<String> {
    let keep = BuildOptions { keep: 2 * n, ..options() };
    let built: Vec<String> = (0..n)
        .map(|number| {
            let all = MemoryStore::sample(700).0.into_values().enumerate();
            let some = all.filter(|(place, _)| place % (n + 1) != number).map(|(_, track)| track);
            build_in(indexes, &MemoryStore::of(some), &keep).unwrap().generation
        })
        .collect();
    set_current(indexes, &built[0]);
    built
}

/// What an answer says, apart from how long it took and what was guessed about that.
fn said(answer: &Value) -> String {
    let results: Vec<(&Value, &Value)> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| (&result["id"], &result["similarity"]))
        .collect();
    format!("{} {} {results:?}", answer["engine"], answer["plan"]["candidates"])
}

#[test]
fn no_request_fails_and_none_mixes_generations_while_five_are_swapped() {
    let indexes = tempfile::tempdir().unwrap();
    let generations = generations(indexes.path(), N_GENERATIONS + 1);
    let open = |name: &String| Snapshot::open(indexes.path(), "main", Some(name)).unwrap();
    let snapshots: Vec<Snapshot> = generations.iter().map(open).collect();
    let known = |id: &&str| {
        let id = nearfield::track::TrackId::parse(id).unwrap();
        snapshots.iter().all(|snapshot| snapshot.find(&id).is_some())
    };
    let ids: Vec<String> = MemoryStore::sample(700).0.into_keys().map(|id| id.to_string()).collect();
    let seeds: Vec<&str> = ids.iter().map(String::as_str).filter(known).take(20).collect();
    // Engines, filters and seeds, each with what every generation answers.
    let mut requests = Vec::new();
    for (number, seed) in seeds.iter().enumerate() {
        let engine = ["exact", "hnsw", "forest", "auto"][number % 4];
        let filters = if number % 3 == 0 { json!({"year": {"min": 1990}}) } else { json!({}) };
        requests.push(json!({"seeds": [seed], "k": 25, "engine": engine, "filters": filters}));
    }
    let mut expected: HashMap<(usize, String), String> = HashMap::new();
    for snapshot in &snapshots {
        snapshot.forest().unwrap().wait().unwrap();
        for (number, request) in requests.iter().enumerate() {
            let parsed: SimilarRequest = serde_json::from_value(request.clone()).unwrap();
            // As it arrives: numbers are written as text in between.
            let answer = serde_json::to_string(&similar(snapshot, &parsed).unwrap()).unwrap();
            let answer = serde_json::from_str(&answer).unwrap();
            expected.insert((number, snapshot.manifest().generation.clone()), said(&answer));
        }
    }
    drop(snapshots);

    let server = serve(indexes.path(), &["--poll-seconds", "5"]);
    server.until("/readyz", |answer| answer.status == 200);
    let n_sent = AtomicUsize::new(0);
    let by_generation: Mutex<BTreeMap<String, usize>> = Mutex::default();
    let swapped_all = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..N_CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let number = n_sent.fetch_add(1, Ordering::Relaxed);
                        if number >= N_REQUESTS && swapped_all.load(Ordering::Relaxed) {
                            return;
                        }
                        let place = number % requests.len();
                        // Each of these fails the test if its status is not 200.
                        let answer = server.similar(&requests[place]).ok();
                        let generation = answer["generation"].as_str().unwrap().to_owned();
                        let expected = &expected[&(place, generation.clone())];
                        assert_eq!(&said(&answer), expected, "{generation}: {}", requests[place]);
                        *by_generation.lock().unwrap().entry(generation).or_default() += 1;
                    }
                })
            })
            .collect();
        for (number, generation) in generations.iter().enumerate().skip(1) {
            // Spread over the load: each generation answers some of it before the next one comes.
            let share = number * N_REQUESTS / (N_GENERATIONS + 2);
            let started = std::time::Instant::now();
            while n_sent.load(Ordering::Relaxed) < share {
                assert!(started.elapsed() < PATIENCE && !clients.iter().any(|client| client.is_finished()));
                thread::yield_now();
            }
            set_current(indexes.path(), generation);
            until_served(&server, generation);
        }
        swapped_all.store(true, Ordering::Relaxed);
    });
    let by_generation = by_generation.into_inner().unwrap();
    assert!(by_generation.values().sum::<usize>() >= N_REQUESTS);
    assert_eq!(
        by_generation.keys().collect::<Vec<_>>(),
        generations.iter().collect::<Vec<_>>(),
        "each answers some"
    );
    let metrics = server.get("/metrics").text;
    assert!(metrics.contains("nearfield_snapshot_swaps_total{result=\"swapped\"} 5"), "{metrics}");
    assert!(metrics.contains("nearfield_snapshot_swaps_total{result=\"refused\"} 0"), "{metrics}");
    assert!(!metrics.contains("nearfield_snapshot_last_swap_timestamp_seconds 0\n"), "{metrics}");
}

/// The shared snapshot, and a second generation of it that is not live.
fn two_generations() -> (TempDir, String, String) {
    let indexes = fixture::copy();
    let first = SnapshotDir::new(indexes.path(), "main").unwrap().current().unwrap().unwrap();
    let second = build_in(indexes.path(), &MemoryStore::sample(300), &options()).unwrap().generation;
    set_current(indexes.path(), &first);
    (indexes, first, second)
}

fn flip_a_bit(indexes: &Path, generation: &str, file: &str) {
    let path = indexes.join("main").join(generation).join(file);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 100;
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_generation_is_refused_and_the_old_one_goes_on() {
    let (indexes, first, second) = two_generations();
    flip_a_bit(indexes.path(), &second, "vectors.nf");
    let server = serve(indexes.path(), &[]);
    server.until("/readyz", |answer| answer.status == 200);
    set_current(indexes.path(), &second);
    let serving = |answer: &crate::server::Answer| answer.ok()["serving"].clone();
    let refused = server.until("/api/v1/indexes", |answer| !serving(answer)["refused"].is_null());
    let refused = serving(&refused);
    assert_eq!((&refused["generation"], &refused["refused"]["generation"]), (&json!(first), &json!(second)));
    assert!(refused["refused"]["reason"].as_str().unwrap().contains("vectors.nf is damaged"), "{refused}");
    // It is ready: what it serves is whole.
    assert_eq!(served(&server), first);
    let answer = server.post("/api/v1/admin/reload", "");
    let problem = answer.refused("reload", 409, "generation_refused", "");
    assert!(problem["detail"].as_str().unwrap().contains("vectors.nf is damaged"), "{problem}");
    assert_eq!(server.similar(&json!({"targets": {"energy": 0.5}})).ok()["generation"], json!(first));
    // Made whole again it is not tried by itself, but on request.
    flip_a_bit(indexes.path(), &second, "vectors.nf");
    let reloaded = server.post("/api/v1/admin/reload", "").ok();
    assert_eq!(reloaded, json!({"generation": second, "previous": first, "changed": true}));
    assert!(serving(&server.get("/api/v1/indexes"))["refused"].is_null());
    let again = server.post("/api/v1/admin/reload", "").ok();
    assert_eq!(again, json!({"generation": second, "previous": second, "changed": false}));
}

#[test]
fn a_generation_below_the_floor_is_refused() {
    let (indexes, first, second) = two_generations();
    let directory = indexes.path().join("main").join(&second);
    let mut manifest = Manifest::read(&directory).unwrap();
    let rows = manifest.measured.iter_mut();
    rows.filter(|row| row.engine == "auto" && row.weights == "random").for_each(|row| row.recall = 0.85);
    manifest.write(&directory).unwrap();
    let server = serve(indexes.path(), &[]);
    set_current(indexes.path(), &second);
    let problem = server.post("/api/v1/admin/reload", "").refused("floor", 409, "generation_refused", "");
    assert!(problem["detail"].as_str().unwrap().contains("recall 0.8500 of auto"), "{problem}");
    assert_eq!(served(&server), first);
    drop(server);
    set_current(indexes.path(), &first);
    let server = serve(indexes.path(), &["--min-recall", "0.8"]);
    set_current(indexes.path(), &second);
    until_served(&server, &second);
}

#[test]
fn a_rollback_is_followed_and_so_is_the_newest_of_quick_changes() {
    let (indexes, first, second) = two_generations();
    let server = serve(indexes.path(), &["--poll-seconds", "5"]);
    for _ in 0..5 {
        set_current(indexes.path(), &second);
        set_current(indexes.path(), &first);
    }
    set_current(indexes.path(), &second);
    until_served(&server, &second);
    let mut rollback = nearfield(indexes.path());
    let done = rollback.args(["rollback", "--indexes", "."]).output().unwrap();
    assert!(done.status.success());
    until_served(&server, &first);
}

#[test]
fn a_missing_or_unreadable_current_changes_nothing() {
    let (indexes, first, second) = two_generations();
    let server = serve(indexes.path(), &["--poll-seconds", "1"]);
    let current = indexes.path().join("main/CURRENT");
    fs::remove_file(&current).unwrap();
    server.post("/api/v1/admin/reload", "").refused("no CURRENT", 409, "no_generation", "");
    fs::write(&current, "../elsewhere\n").unwrap();
    server.post("/api/v1/admin/reload", "").refused("no name", 409, "no_generation", "");
    fs::write(&current, "20200101T000000000Z\n").unwrap();
    server.post("/api/v1/admin/reload", "").refused("no such", 409, "generation_refused", "");
    assert_eq!(served(&server), first);
    set_current(indexes.path(), &second);
    until_served(&server, &second);
}

#[test]
fn many_reloads_at_once_are_answered_alike() {
    let (indexes, first, second) = two_generations();
    let server = serve(indexes.path(), &[]);
    set_current(indexes.path(), &second);
    thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| {
                let answer = server.post("/api/v1/admin/reload", "").ok();
                assert_eq!(answer["generation"], json!(second));
                assert!([&first, &second].contains(&&answer["previous"].as_str().unwrap().to_owned()));
            });
        }
    });
    assert!(server.get("/metrics").text.contains("nearfield_snapshot_swaps_total{result=\"swapped\"} 1"));
}

#[test]
fn only_who_knows_the_token_may_reload() {
    let indexes = fixture::shared();
    let reload = |server: &Server, token: Option<&str>| server.post_as("/api/v1/admin/reload", token);
    let with_token = |bind: &str| {
        let mut command = nearfield(indexes);
        command.args(["serve", "--indexes", ".", "--bind", bind]).env("SECRET_TOKEN", "hunter2");
        Server::of(command)
    };
    for bind in ["127.0.0.1:0", "0.0.0.0:0"] {
        let server = with_token(bind);
        let missing = reload(&server, None);
        missing.refused("none", 401, "token_missing", "");
        assert_eq!(missing.header("www-authenticate"), "Bearer");
        reload(&server, Some("hunter3")).refused("wrong", 401, "wrong_token", "");
        assert_eq!(reload(&server, Some("hunter2")).ok()["changed"], false);
        server.get("/api/v1/admin/reload").refused("GET", 405, "method_not_allowed", "");
    }
    let mut command = nearfield(indexes);
    command.args(["serve", "--indexes", ".", "--bind", "0.0.0.0:0", "--insecure"]);
    let closed = Server::of(command);
    let problem = reload(&closed, Some("x")).refused("public", 403, "admin_closed", "");
    assert!(problem["detail"].as_str().unwrap().contains("SECRET_TOKEN"));
    let open = Server::start();
    assert_eq!(
        reload(&open, None).ok()["generation"],
        generation(indexes).file_name().unwrap().to_str().unwrap()
    );
}

/// What the thread that checks has to tell apart, without threads.
mod attempts {
    use std::sync::Arc;

    use nearfield::live::{Live, LiveSettings};
    use nearfield::progress::CancelToken;

    use super::*;

    #[test]
    fn what_was_refused_is_tried_again_on_request_only() {
        let (indexes, first, second) = two_generations();
        let directory = SnapshotDir::new(indexes.path(), "main").unwrap();
        let live = Live::open(directory, LiveSettings { filter_cache_bytes: 0, min_recall: 0.9 }).unwrap();
        let cancel = CancelToken::new();
        assert!(live.follow(&cancel).refused.is_none());
        set_current(indexes.path(), &second);
        flip_a_bit(indexes.path(), &second, "exact.nf");
        let asked_before = live.ticket();
        let refused = live.follow(&cancel).refused.unwrap();
        assert_eq!(refused.generation.as_ref(), Some(&second));
        assert!(refused.reason.contains("exact.nf"), "{refused}");
        // Whoever asked before that attempt began is answered by it.
        assert!(Arc::ptr_eq(&live.reload(asked_before, &cancel).refused.unwrap(), &refused));
        flip_a_bit(indexes.path(), &second, "exact.nf");
        assert_eq!(live.follow(&cancel).refused, Some(refused), "it is known, and not tried");
        assert_eq!(live.counts().refused, 1);
        let asked = live.ticket();
        // Somebody looks in between, and tries nothing.
        live.follow(&cancel);
        let attempt = live.reload(asked, &cancel);
        assert_eq!((attempt.generation, attempt.previous, attempt.refused), (second, first, None));
        assert!(live.refused().is_none());
        assert_eq!((live.counts().swapped, live.counts().refused), (1, 1));
    }

    #[test]
    fn a_retired_generation_is_closed_when_nobody_uses_it_any_more() {
        let (indexes, _, second) = two_generations();
        let directory = SnapshotDir::new(indexes.path(), "main").unwrap();
        let live = Live::open(directory, LiveSettings { filter_cache_bytes: 0, min_recall: 0.9 }).unwrap();
        let in_use = live.served();
        set_current(indexes.path(), &second);
        live.follow(&CancelToken::new());
        live.close_unused();
        assert_eq!(Arc::strong_count(&in_use), 2, "a request never closes it");
        let weak = Arc::downgrade(&in_use);
        drop(in_use);
        live.close_unused();
        assert!(weak.upgrade().is_none());
    }
}
