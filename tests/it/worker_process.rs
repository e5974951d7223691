//! The worker as a process: its rate, kills at any point, rebuilds, signals, and what the server says of it.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nearfield::demo;
use nearfield::track::TrackId;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::providers_stub::{Fault, Route};
use crate::server::Server;
use crate::worker_bench::{Bench, id, provider};
use crate::worker_kills::{Running, check_kills, refreshed};

/// The most requests of a route that began within any stretch of `window`.
fn most_within(bench: &Bench, route: Route, window: Duration) -> usize {
    let times: Vec<Instant> =
        bench.stub.log().iter().filter(|logged| logged.route == route).map(|logged| logged.at).collect();
    let ends = |first: usize| times[first..].iter().take_while(|at| **at - times[first] < window).count();
    (0..times.len()).map(ends).max().unwrap_or(0)
}

/// Refreshes a thousand tracks at so many requests a second and looks at the stub's log.
///
/// Requests begin at least a period apart, one after the other. So with any delay on the way the one after the next
/// arrives at least a period later: within t there are at most r t + 2, of which the last is owed to the way alone.
fn check_rate(route: Route, name: &str, rate: u64, n_requests: usize, windows_ms: [u64; 4]) {
    let bench = Bench::new(1_000);
    let mut command = bench.command(&["worker", "--once", "--json", "--providers", name]);
    let variable = format!("NEARFIELD_{}_REQUESTS_PER_MINUTE", name.to_uppercase());
    command.env(variable, (rate * 60).to_string());
    let summary = bench.refresh(command);
    assert_eq!(summary["recorded"], 1_000);
    assert_eq!(bench.stub.n_requests(), n_requests);
    for window_ms in windows_ms {
        let most = most_within(&bench, route, Duration::from_millis(window_ms));
        let allowed = (rate * window_ms / 1_000) as usize + 1;
        println!("{name}: at most {most} requests within {window_ms} ms, {allowed} allowed");
        assert!(most <= allowed + 1, "{name}: {most} within {window_ms} ms, {allowed} allowed");
        // It is the limit that kept them apart.
        assert!(most >= allowed / 2, "{name}: {most} within {window_ms} ms, {allowed} allowed");
    }
}

#[test]
fn a_thousand_tracks_never_exceed_the_rate_of_reccobeats() {
    check_rate(Route::ReccoBeats, "reccobeats", 10, 25, [200, 500, 1_000, 2_000]);
}

#[test]
fn a_thousand_tracks_never_exceed_the_rate_of_oembed() {
    check_rate(Route::OEmbed, "oembed", 200, 1_000, [100, 500, 1_000, 3_000]);
}

#[test]
fn twenty_kills_lose_nothing_and_repeat_nothing() {
    check_kills(&Bench::new(2_000), 2_000, 20, |_| ());
}

#[test]
fn a_kill_during_retry_after_does_not_shorten_it() {
    let bench = Bench::new(5);
    bench.stub.fail(Route::ReccoBeats, [Fault::TooMany(Some(3), "slow down")]);
    let arguments = ["worker", "--once", "--json", "--providers", "reccobeats"];
    let mut worker = Running::start(bench.command(&arguments));
    let state = || bench.store().worker_state().unwrap().unwrap_or_default();
    worker.until(|| state().contains("\"suspended_until_ms\":1"));
    assert_eq!(worker.ended(), None, "it is to be durable before the wait");
    worker.kill();
    let refused = bench.stub.log()[0].at;
    bench.refresh(bench.command(&arguments));
    let wait = bench.stub.log()[1].at - refused;
    assert!(wait >= Duration::from_secs(3), "{wait:?}");
    assert_eq!(bench.stub.n_requests(), 2);
}

/// A catalogue of complete made-up tracks with ids that providers know, and its first generation.
fn built(n_tracks: usize) -> Bench {
    built_with(n_tracks, &["--engines", "exact,hnsw", "--m", "8"])
}

fn built_with(n_tracks: usize, flags: &[&str]) -> Bench {
    let bench = Bench::new(0);
    let tracks = demo::catalogue(n_tracks, 42).enumerate();
    let renamed = tracks.map(|(n, mut track)| {
        track.id = TrackId::parse(&id(n)).unwrap();
        track
    });
    bench.import(renamed.collect());
    let output = bench.command(&[&["build"], flags].concat()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    bench
}

fn live(bench: &Bench) -> String {
    fs::read_to_string(bench.path().join("indexes/main/CURRENT")).unwrap().trim().to_owned()
}

fn inspect(bench: &Bench) -> Value {
    let output = bench.command(&["inspect", "--verify", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn enough_changes_make_a_generation_and_a_server_tells_of_it() {
    let bench = built(400);
    let first = live(&bench);
    let mut serve = bench.command(&["serve", "--bind", "127.0.0.1:0"]);
    serve.env_remove("NEARFIELD_LOG");
    let server = Server::of(serve);
    assert_eq!(server.get("/api/v1/worker").ok(), json!({"state": "never_run"}));
    assert!(server.get("/metrics").text.contains("nearfield_worker_runs_total 0"));
    server.get("/api/v1/worker?x=1").refused("a parameter", 400, "unknown_parameter", "x");

    let arguments = ["worker", "--once", "--json", "--limit", "100", "--rebuild-after", "150"];
    let summary = bench.refresh(bench.command(&arguments));
    assert_eq!(summary["rebuild"], json!({"changed": 100, "needed": 150}), "{summary:#}");
    assert_eq!(live(&bench), first);
    let summary = bench.refresh(bench.command(&arguments));
    assert_eq!(
        (&summary["rebuild"]["changed"], &summary["outcome"]),
        (&json!(200), &json!("done")),
        "{summary:#}"
    );
    let second = live(&bench);
    assert_eq!(summary["rebuild"]["generation"], second);
    assert!(second > first);
    let inspected = inspect(&bench);
    assert_eq!(inspected["manifest"]["parent"], first);
    // It is built the way the one before was.
    assert_eq!(inspected["manifest"]["parameters"]["m"], 8);
    assert_eq!(inspected["manifest"]["parameters"]["engines"], json!(["exact", "hnsw"]));
    // What is in it is counted no more.
    let arguments = ["worker", "--once", "--json", "--limit", "10", "--rebuild-after", "11"];
    let summary = bench.refresh(bench.command(&arguments));
    assert_eq!(summary["rebuild"], json!({"changed": 10, "needed": 11}));

    let status = server.get("/api/v1/worker").ok();
    assert_eq!(
        (&status["state"], &status["totals"]["recorded"]),
        (&json!("ended"), &json!(210)),
        "{status:#}"
    );
    assert_eq!((&status["totals"]["runs"], &status["totals"]["rebuilds"]), (&json!(3), &json!(1)));
    assert_eq!(status["last_run"]["backlog"]["tracks"], 400);
    assert_eq!(provider(&status["last_run"], "reccobeats")["state"], "ready");
    let metrics = server.get("/metrics").text;
    for line in [
        "nearfield_worker_running 0",
        "nearfield_worker_runs_total 3",
        "nearfield_worker_rebuilds_total 1",
        "nearfield_worker_tracks_total{outcome=\"recorded\"} 210",
        "nearfield_worker_backlog_tracks{reason=\"stale\"} 0",
        "nearfield_worker_provider_ready{provider=\"reccobeats\"} 1",
        "nearfield_worker_provider_ready{provider=\"spotify\"} 0",
        "nearfield_worker_requests_total{provider=\"oembed\"} 210",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    // A damaged file is no reason to fail a scrape.
    fs::write(bench.path().join("indexes/main/worker.json"), "{").unwrap();
    assert_eq!(server.get("/api/v1/worker").ok(), json!({"state": "never_run"}));
}

#[test]
fn a_kill_during_the_rebuild_leaves_the_live_generation() {
    let bench = built(400);
    let first = live(&bench);
    let summary = bench.refresh(bench.command(&["worker", "--once", "--json"]));
    assert_eq!(summary["recorded"], 400);
    let mut random = StdRng::seed_from_u64(5);
    for kill in 1..=5 {
        let mut worker = Running::start(bench.command(&["worker", "--once", "--rebuild-after", "1"]));
        let staging = || {
            let entries = fs::read_dir(bench.path().join("indexes/main")).unwrap();
            entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(".staging-2"))
        };
        worker.until(staging);
        let pause = Duration::from_millis(random.random_range(0..60));
        sleep(pause);
        let ended = worker.ended();
        worker.kill();
        println!("kill {kill}: {} ms into the build; live: {}", pause.as_millis(), live(&bench));
        assert_eq!(inspect(&bench)["verified"], true);
        if ended.is_some() || live(&bench) != first {
            break;
        }
    }
    // The changes were not forgotten, unless a build went through before its kill.
    let expected = if live(&bench) == first { 400 } else { 0 };
    let summary = bench.refresh(bench.command(&["worker", "--once", "--json", "--rebuild-after", "1"]));
    assert_eq!(summary["rebuild"]["changed"], expected, "{summary:#}");
    assert!(live(&bench) > first);
}

#[test]
fn a_failed_rebuild_is_a_failed_run_and_changes_nothing() {
    let bench = built(400);
    let first = live(&bench);
    fs::write(bench.path().join("indexes/main").join(&first).join("manifest.json"), "{}").unwrap();
    let arguments = ["worker", "--once", "--json", "--limit", "5", "--rebuild-after", "1"];
    let summary = bench.refresh_fails(bench.command(&arguments), "no new generation was published");
    assert_eq!((&summary["recorded"], &summary["outcome"]), (&json!(5), &json!("failed")));
    assert_eq!(live(&bench), first);
}

#[test]
fn a_rebuild_is_held_to_the_configured_floor_and_keeps_what_is_said() {
    // As in a build whose graph is too thin: approximate engines miss some of 3,000 tracks.
    let bench = built_with(
        3_000,
        &["--engines", "exact,hnsw", "--m", "2", "--ef-construction", "8", "--min-recall", "0"],
    );
    let first = live(&bench);
    let arguments = ["worker", "--once", "--json", "--limit", "5", "--rebuild-after", "1", "--keep", "1"];
    let mut command = bench.command(&arguments);
    command.env("NEARFIELD_MIN_RECALL", "1");
    let summary = bench.refresh_fails(command, "the floor is 1");
    assert_eq!((&summary["recorded"], &summary["outcome"]), (&json!(5), &json!("failed")));
    let error = summary["rebuild"]["error"].as_str().unwrap();
    assert!(error.contains("not published"), "{error}");
    assert_eq!(live(&bench), first);
    // The file is read, too, and a lower floor lets it through.
    fs::write(bench.path().join("nearfield.toml"), "min_recall = 0.0\n").unwrap();
    let generations = || {
        let entries = fs::read_dir(bench.path().join("indexes/main")).unwrap();
        entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("20")).count()
    };
    for n_generations in [2, 2, 2] {
        let summary = bench.refresh(bench.command(&arguments));
        assert_eq!(summary["rebuild"]["generation"], live(&bench), "{summary:#}");
        assert_eq!(generations(), n_generations, "the live one and its parent");
    }
}

#[test]
fn a_long_running_worker_runs_again_and_ends_when_asked() {
    let bench = Bench::new(30);
    let log_path = bench.path().join("worker.log");
    let mut command =
        bench.command(&["worker", "--interval", "1", "--limit", "10", "--log", "nearfield=info"]);
    command.stderr(File::create(&log_path).unwrap());
    let mut worker = Running::start(command);
    let log = || fs::read_to_string(&log_path).unwrap();
    worker.until(|| log().matches("recorded 10 tracks").count() == 3);
    // No second one beside it.
    let second = bench.command(&["worker", "--once"]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(text.contains("another worker refreshes snapshot `main`"), "{text}");
    assert_eq!(worker.terminate(), Some(0), "{}", log());
    let status = fs::read_to_string(bench.path().join("indexes/main/worker.json")).unwrap();
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!((&status["state"], &status["totals"]["recorded"]), (&json!("ended"), &json!(30)));
}

#[test]
fn a_worker_that_waits_for_a_provider_ends_when_asked_and_keeps_what_it_has() {
    let bench = Bench::new(10);
    bench.stub.fail(Route::OEmbed, [Fault::TooMany(Some(50), "slow down")]);
    let mut worker = Running::start(bench.command(&["worker", "--once"]));
    let state = || bench.store().worker_state().unwrap().unwrap_or_default();
    worker.until(|| state().contains("\"suspended_until_ms\":1"));
    assert_eq!(worker.ended(), None, "it is to be durable before the wait");
    let asked = Instant::now();
    assert_eq!(worker.terminate(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(10));
    let (track, refresh) = bench.get(&id(4));
    assert_eq!((refresh.n_refreshes, track.values.contains_key("energy")), (1, true));
}

#[test]
fn the_script_for_cron_refreshes_and_keeps_out_of_its_own_way() {
    let bench = Bench::new(10);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/refresh");
    let run = || {
        // What cron gives, and the settings of this test.
        let settings = bench.command(&[]);
        let mut command = Command::new("bash");
        command.env_clear().arg(script).args(["--limit", "4", "--json"]).stdin(Stdio::null());
        for (name, value) in settings.get_envs() {
            command.envs(value.map(|value| (name, value)));
        }
        command.env("PATH", "/usr/bin:/bin").env("NEARFIELD_BIN", env!("CARGO_BIN_EXE_nearfield"));
        command.current_dir(bench.path()).output().unwrap()
    };
    let first = run();
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    let summary: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(summary["recorded"], 4);
    let lock = File::open(bench.path().join(".nearfield-refresh.lock")).unwrap();
    lock.lock().unwrap();
    let second = run();
    assert_eq!((second.status.code(), second.stdout.is_empty()), (Some(75), true));
    assert!(String::from_utf8_lossy(&second.stderr).contains("a refresh is running already"));
    drop(lock);
    assert_eq!(run().status.code(), Some(0));
    assert_eq!(refreshed(&bench).len(), 8);
}
