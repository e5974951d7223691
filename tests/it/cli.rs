//! The subcommands as users run them: build, inspect, export, rollback, eval, demo; killed, on a full disk, misused.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::{Run, Workplace};

/// A workplace with a small snapshot `demo` and its catalogue.
fn demo(n_tracks: &str) -> Workplace {
    let workplace = Workplace::new();
    let run = workplace.run(&["demo", "--no-serve", "--tracks", n_tracks]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains("nearfield similar "), "{}", run.stdout);
    workplace
}

const BUILD: [&str; 6] = ["build", "--name", "demo", "--store", "lmdb:data/demo", "--json"];

#[test]
fn a_build_reports_and_replaces_the_generation() {
    let workplace = demo("400");
    let before = workplace.json(&["inspect", "--name", "demo", "--verify", "--json"]);
    assert_eq!((before["verified"].as_bool(), before["live"].as_bool()), (Some(true), Some(true)));
    let report = workplace.json(&BUILD);
    assert_eq!(report["n_items"], 400);
    assert_eq!(report["parent"], before["manifest"]["generation"]);
    assert!(report["seconds"]["total"].as_f64().unwrap() > 0.0);
    assert!(report["peak_memory_bytes"].as_u64().unwrap() > 1 << 20);
    assert!(report["measured"].as_array().unwrap().len() >= 28);
    let after = workplace.json(&["inspect", "--name", "demo", "--json"]);
    assert_eq!(after["manifest"]["generation"], report["generation"]);
    let back = workplace.json(&["rollback", "--name", "demo", "--json"]);
    assert_eq!(back["live"], before["manifest"]["generation"]);
}

#[test]
fn two_builds_with_one_thread_and_seed_have_the_same_vectors() {
    let workplace = demo("300");
    let checksum = |report: &serde_json::Value| {
        let generation = report["generation"].as_str().unwrap().to_owned();
        let json = workplace.json(&["inspect", "--name", "demo", "--generation", &generation, "--json"]);
        let files = &json["manifest"]["files"];
        ["vectors.nf", "exact.nf", "items.nf", "tags.nf", "titles.fst", "titles.nf", "graph.nf"]
            .map(|name| files[name]["blake3"].clone())
    };
    let build = || {
        let mut args = BUILD.to_vec();
        args.extend(["--threads", "1"]);
        checksum(&workplace.json(&args))
    };
    assert_eq!(build(), build());
}

#[test]
fn export_gives_numpy_what_the_snapshot_holds() {
    let workplace = demo("120");
    let run = workplace.run(&["export", "--name", "demo", "--vectors", "v.npy", "--ids", "ids.txt"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let bytes = fs::read(workplace.path().join("v.npy")).unwrap();
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert_eq!(bytes.len() - header, 120 * 16 * 4);
    let ids = fs::read_to_string(workplace.path().join("ids.txt")).unwrap();
    let ids: Vec<&str> = ids.lines().collect();
    assert_eq!(ids.len(), 120);
    assert!(ids.is_sorted());
    let args = ["export", "--name", "demo", "--vectors", "/dev/full", "--ids", "ids.txt"];
    workplace.check_fails(&args, 1, &["cannot write /dev/full"]);
    let same = ["export", "--name", "demo", "--vectors", "x", "--ids", "./x"];
    workplace.check_fails(&same, 2, &["a file each"]);
    let current = fs::read_to_string(workplace.path().join("indexes/demo/CURRENT")).unwrap();
    let inside = format!("indexes/demo/{}/vectors.nf", current.trim());
    let args = ["export", "--name", "demo", "--vectors", &inside, "--ids", "ids.txt"];
    workplace.check_fails(&args, 2, &["inside the snapshot"]);
    let args = ["export", "--name", "demo", "--vectors", "v.npy", "--ids", "indexes/demo/CURRENT"];
    workplace.check_fails(&args, 2, &["inside the snapshot"]);
    workplace.json(&["inspect", "--name", "demo", "--verify", "--json"]);
    assert!(!workplace.listing().iter().any(|name| name.to_string_lossy().ends_with(".part")));
}

#[test]
fn a_demo_is_made_anew_each_time() {
    let workplace = demo("200");
    let run = workplace.run(&["demo", "--no-serve", "--tracks", "80"]);
    assert!(run.stdout.contains("built 80 made-up tracks"), "{} {}", run.stdout, run.stderr);
}

#[test]
fn a_schema_that_fits_nothing_is_refused() {
    let workplace = demo("50");
    workplace.file("typo.toml", "name = 'typo'\n[[features]]\nname = 'enrgy'\ntransform = 'linear'\n");
    let mut args = BUILD.to_vec();
    args.extend(["--schema", "typo.toml"]);
    workplace.check_fails(&args, 1, &["enrgy", "no track has a value"]);
}

#[test]
fn eval_prints_json_and_draws() {
    let workplace = demo("600");
    let args = ["eval", "--name", "demo", "--queries", "40", "--json", "--plot", "plot.svg"];
    let report = workplace.json(&args);
    assert_eq!(report["n_items"], 600);
    let results = report["results"].as_array().unwrap();
    for family in ["uniform", "random", "exponential", "sparse"] {
        let of = |engine: &str| {
            results.iter().find(|row| row["engine"] == engine && row["weights"] == family).unwrap()
        };
        assert_eq!(of("exact")["recall"], 1.0);
        assert!(of("auto")["recall"].as_f64().unwrap() >= 0.99, "{family}");
        assert!(of("hnsw")["p999_us"].as_f64() >= of("hnsw")["p50_us"].as_f64());
    }
    let svg = fs::read_to_string(workplace.path().join("plot.svg")).unwrap();
    assert!(svg.contains("<svg") && svg.contains("sparse weights") && svg.contains("forest"));
    let args = ["eval", "--name", "demo", "--weights", "loud"];
    workplace.check_fails(&args, 2, &["loud", "uniform", "playlist"]);
    workplace.check_fails(&["eval", "--name", "demo", "--engines", "annoy"], 2, &["annoy", "hnsw"]);
    let args = ["eval", "--name", "demo", "--queries", "3", "--plot", "no/such/dir/plot.svg"];
    workplace.check_fails(&args, 1, &["no/such/dir/plot.svg"]);
}

#[test]
fn misuse_is_named() {
    let workplace = Workplace::new();
    workplace.check_fails(&["build"], 1, &["no tracks", "nearfield import"]);
    workplace.check_fails(&["inspect"], 1, &["no snapshot `main`", "nearfield build"]);
    workplace.check_fails(&["inspect", "--name", "../up"], 1, &["../up"]);
    workplace.check_fails(&["rollback"], 1, &["no snapshot `main`"]);
    workplace.check_fails(&["build", "--m", "1"], 2, &["m = 1", "2 to 128"]);
    workplace.check_fails(&["build", "--m", "300"], 2, &["m = 300"]);
    workplace.check_fails(&["build", "--ef-construction", "1"], 2, &["ef-construction"]);
    workplace.check_fails(&["build", "--trees", "0"], 2, &["--trees"]);
    workplace.check_fails(&["build", "--engines", "hnsw"], 2, &["--engines", "exact"]);
    workplace.check_fails(&["build", "--engines", "exact,annoy"], 2, &["annoy"]);
    workplace.check_fails(&["build", "--schema", "none.toml"], 1, &["none.toml"]);
    workplace.file("bad.toml", "name = 'x'\nfeatures = []\n");
    workplace.check_fails(&["build", "--schema", "bad.toml"], 1, &["at least one feature"]);
    workplace.check_fails(&["demo", "--tracks", "1"], 2, &["--tracks"]);
    workplace.check_fails(&["build", "--store", "mongo:x"], 2, &["\"mongo:\" is not understood"]);
    let built = demo("60");
    // A file stands where the directory should be: nobody, not even root, can write there.
    built.file("blocked", "");
    let args = ["build", "--store", "lmdb:data/demo", "--indexes", "blocked"];
    built.check_fails(&args, 1, &["cannot create blocked/main"]);
    let args = ["rollback", "--name", "demo"];
    built.check_fails(&args, 1, &["no earlier generation"]);
}

#[test]
fn no_secret_is_in_a_message() {
    let check = |workplace: &Workplace, url: Option<&str>, code: i32, expected: &str| {
        let mut command = workplace.command(&["build", "--mongo-patience-seconds", "1"]);
        let run: Run = command.envs(url.map(|url| ("MONGO_URL", url))).output().unwrap().into();
        assert_eq!(run.code, Some(code), "{url:?}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{url:?}: {expected:?} is not in {}", run.stderr);
        for secret in ["hunter2", "hunt", "er2"] {
            assert!(!run.stderr.contains(secret) && !run.stdout.contains(secret), "{url:?}: {}", run.stderr);
        }
    };
    let workplace = Workplace::new();
    for (url, code, expected) in [
        ("mongo://u:hunter2@127.0.0.1:1", 2, "\"mongo:\" is not understood"),
        ("'mongodb://u:hunter2@127.0.0.1:1'", 2, "mongodb://HOST/DATABASE"),
        (" MongoDB://u:hunter2@127.0.0.1:1/db", 1, "127.0.0.1:1/db, collection tracks: connecting"),
        ("mongodb://u:hunt?er2@127.0.0.1:1/db", 1, "%3F"),
        ("mongodb://u:1?hunt=er2@127.0.0.1:1/db", 1, "%3F"),
        ("mongodb://u:hunt/er2@127.0.0.1:1/db", 1, "percent-encoded"),
        ("mongodb://u:hunt:er2@127.0.0.1:1/db", 1, "percent-encoded"),
        ("mongodb://u:hunt@er2@127.0.0.1:1/db", 1, "percent-encoded"),
        ("mongodb://u:hunt%er2@127.0.0.1:1/db", 1, "percent-encoded"),
        ("mongodb://127.0.0.1:1/db?proxyPassword=hunter2", 1, "MongoDB address is not usable"),
    ] {
        check(&workplace, Some(url), code, expected);
    }
    let dot_env = Workplace::new();
    for (text, expected) in [
        (
            "# SPOTIFY_CLIENT_SECRET=hunter2 b\n\nSPOTIFY_CLIENT_SECRET=hunter2 b\n",
            ".env, line 3 (`SPOTIFY_CLIENT_SECRET`)",
        ),
        ("MONGO_URL='mongodb://u:hunter2@h\nA=b\n", ".env, line 1 (`MONGO_URL`)"),
        ("A=b\r\nexport SECRET_TOKEN=hunt er2\r\n", ".env, line 2 (`SECRET_TOKEN`)"),
        ("A='b\nc'\nhunter2\n", ".env, line 3 is not understood"),
    ] {
        dot_env.file(".env", text);
        check(&dot_env, None, 2, expected);
    }
    let settings = Workplace::new();
    for (text, expected) in [
        ("name = 'x'\nsecret_token = hunter2\n", "nearfield.toml, line 2 (`secret_token`)"),
        ("redis_url = 'redis://:hunter2@h\n", "nearfield.toml, line 1 (`redis_url`)"),
        ("max_k = 'hunter2'\n", "nearfield.toml, line 1 (`max_k`)"),
        ("store = ['mongodb://u:hunter2@h']\n", "nearfield.toml, line 1 (`store`)"),
        ("store = 'mongo://u:hunter2@h'\n", "\"mongo:\" is not understood"),
    ] {
        settings.file("nearfield.toml", text);
        check(&settings, None, 2, expected);
    }
}

#[test]
fn a_full_disk_ends_the_build_and_leaves_the_live_generation() {
    let workplace = demo("2000");
    let live = fs::read_to_string(workplace.path().join("indexes/demo/CURRENT")).unwrap();
    // A limit on file sizes fails writes as a full disk does, wherever it strikes: vectors, graph or forest.
    for blocks in ["16", "300", "700"] {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let output = Command::new("bash")
            .args(["-c", &script, env!("CARGO_BIN_EXE_nearfield")])
            .args(BUILD)
            .current_dir(workplace.path())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{blocks}: {stderr}");
        assert!(stderr.contains("error: "), "{stderr}");
        assert_eq!(fs::read_to_string(workplace.path().join("indexes/demo/CURRENT")).unwrap(), live);
        assert_eq!(staged(&workplace), 0, "nothing is left behind");
    }
    workplace.json(&["inspect", "--name", "demo", "--verify", "--json"]);
    workplace.json(&BUILD);
}

fn staged(workplace: &Workplace) -> usize {
    let entries = fs::read_dir(workplace.path().join("indexes/demo")).unwrap();
    entries.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("staging")).count()
}

#[test]
fn killed_builds_leave_the_live_generation_serving() {
    let workplace = demo("1500");
    let started = Instant::now();
    workplace.json(&BUILD);
    let whole = started.elapsed();
    let mut rng = StdRng::seed_from_u64(5);
    for _ in 0..8 {
        let mut child =
            workplace.command(&BUILD).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // A random moment of the build, which is what is tested.
        std::thread::sleep(whole.mul_f64(rng.random_range(0.0..1.0)));
        child.kill().unwrap();
        child.wait().unwrap();
        let inspection = workplace.json(&["inspect", "--name", "demo", "--verify", "--json"]);
        assert_eq!(inspection["manifest"]["n_items"], 1500);
    }
    workplace.json(&BUILD);
    assert_eq!(staged(&workplace), 0, "the next build cleans up");
}

#[test]
fn ctrl_c_ends_a_build_cleanly() {
    let workplace = demo("400");
    let live = fs::read_to_string(workplace.path().join("indexes/demo/CURRENT")).unwrap();
    let mut args = BUILD.to_vec();
    // Long enough to be interrupted in the graph.
    args.extend(["--ef-construction", "5000", "--m", "64"]);
    let run = workplace.run(&["demo", "--no-serve", "--tracks", "20000", "--max-seconds", "0"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("time limit"), "{}", run.stderr);
    let mut child = workplace.command(&args).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let waited = Instant::now();
    while staged(&workplace) == 0 {
        assert!(waited.elapsed() < Duration::from_secs(60), "the build never began");
        std::thread::yield_now();
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(1));
    assert_eq!(fs::read_to_string(workplace.path().join("indexes/demo/CURRENT")).unwrap(), live);
    assert_eq!(staged(&workplace), 0, "it cleans up itself");
}
