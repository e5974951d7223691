//! The cache before a real Redis, well and unwell: every answer has to be the one that is computed without a cache.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fixture::shared;
use crate::redis_server::{RedisServer, prefix, shared_url};
use crate::server::{Answer, PATIENCE, Server, nearfield};

/// A server before the Redis at `url`, to which every answer goes. It keeps next to nothing itself where `local` is 0.
fn serving(url: &str, prefix: &str, local: &str) -> Server {
    waiting(url, prefix, local, 25)
}

/// The same, whose requests wait up to `timeout_ms` for Redis.
fn waiting(url: &str, prefix: &str, local: &str, timeout_ms: u64) -> Server {
    let mut command = nearfield(shared());
    command.args(["serve", "--indexes", ".", "--bind", "127.0.0.1:0", "--cache-redis-min-us", "0"]);
    command.args(["--cache-mib", local, "--cache-prefix", prefix]).env("REDIS_URL", url);
    command.args(["--cache-timeout-ms", &timeout_ms.to_string()]);
    command.env("NEARFIELD_LOG", "warn,nearfield::cache=info");
    Server::of(command)
}

fn uncached() -> Server {
    let mut command = nearfield(shared());
    command.args(["serve", "--indexes", ".", "--bind", "127.0.0.1:0", "--cache-mib", "0"]);
    Server::of(command)
}

/// The text without the one number that differs every time.
fn without_time(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let (before, after) = answer.text.split_once("\"took_us\":").unwrap();
    format!("{before}{}", after.trim_start_matches(|letter: char| letter.is_ascii_digit()))
}

fn status(answer: &Answer) -> &str {
    answer.header("cache-status")
}

/// Queries and their right answers.
fn expected() -> Vec<(Value, String)> {
    let server = uncached();
    let ids = server.ids();
    let mut queries = Vec::new();
    for (place, id) in ids.iter().enumerate() {
        queries.push(json!({"seeds": [id], "k": 20}));
        queries.push(json!({"seeds": [id, ids[0]], "explain": true, "weights": {"energy": place}}));
        queries.push(json!({"seeds": [id], "explain": true, "k": 5, "max_per_artist": 1}));
    }
    let answer = |query: Value| {
        let answer = without_time(&server.similar(&query));
        (query, answer)
    };
    queries.into_iter().map(answer).collect()
}

fn metric(server: &Server, line: &str) -> u64 {
    let text = server.get("/metrics").text;
    text.lines().find_map(|found| found.strip_prefix(line)).map_or(0, |number| number.trim().parse().unwrap())
}

/// Waits until `n` entries were written.
fn until_written(server: &Server, n: u64) {
    let started = Instant::now();
    while metric(server, "nearfield_cache_redis_written_total ") < n {
        assert!(started.elapsed() < PATIENCE, "{}", server.get("/metrics").text);
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The keys that begin with `prefix`.
fn keys(connection: &mut redis::Connection, prefix: &str) -> Vec<String> {
    redis::cmd("KEYS").arg(format!("{prefix}*")).query(connection).unwrap()
}

#[test]
fn servers_of_the_same_catalogue_share_what_they_computed() {
    let (url, prefix) = (shared_url(), prefix());
    let (one, other) = (serving(&url, &prefix, "16"), serving(&url, &prefix, "16"));
    let id = one.ids().remove(0);
    until_written(&one, 1);
    let query = json!({"seeds": [id], "explain": true});
    let computed = one.similar(&query);
    let text = "nearfield-redis; fwd=miss, nearfield-local; fwd=miss; detail=\"explanations: 0 local, 0 redis, 10 computed\"";
    assert_eq!(status(&computed), text);
    until_written(&one, 12);
    let shared = other.similar(&query);
    assert_eq!(status(&shared), "nearfield-redis; hit, nearfield-local; fwd=miss");
    assert_eq!(status(&other.similar(&query)), "nearfield-local; hit");
    let explained = other.similar(&json!({"seeds": [id], "explain": true, "k": 8}));
    let text = "nearfield-redis; fwd=miss, nearfield-local; fwd=miss; detail=\"explanations: 0 local, 8 redis, 0 computed\"";
    assert_eq!(status(&explained), text);
    assert_eq!(without_time(&computed), without_time(&shared));
    let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
    let keys = keys(&mut connection, &prefix);
    assert!(keys.len() >= 12, "{keys:?}");
    for key in keys {
        let seconds: i64 = redis::cmd("TTL").arg(&key).query(&mut connection).unwrap();
        assert!((70_000..=86_400).contains(&seconds), "{key} {seconds}");
    }
}

#[test]
fn plain_answers_that_are_cheap_stay_out_of_redis_and_explanations_do_not() {
    let (url, prefix) = (shared_url(), prefix());
    let mut command = nearfield(shared());
    command.args(["serve", "--indexes", ".", "--bind", "127.0.0.1:0", "--cache-redis-min-us", "1000000"]);
    command.args(["--cache-prefix", &prefix]).env("REDIS_URL", &url);
    let server = Server::of(command);
    let id = server.ids().remove(0);
    assert_eq!(status(&server.similar(&json!({"seeds": [id]}))), "nearfield-local; fwd=miss");
    server.similar(&json!({"seeds": [id], "explain": true}));
    until_written(&server, 10);
    let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
    let keys = keys(&mut connection, &prefix);
    assert_eq!(keys.len(), 10);
    assert!(keys.iter().all(|key| key.starts_with(&format!("{prefix}explanation:"))), "{keys:?}");
}

#[test]
fn garbage_under_our_keys_is_ignored_counted_and_replaced() {
    let redis = RedisServer::start(&[]);
    let (prefix, expected) = (prefix(), expected());
    // A breaker that opens on a busy machine would hide what is counted here.
    let server = waiting(&redis.url(), &prefix, "0", 1_000);
    for (query, answer) in &expected {
        assert_eq!(without_time(&server.similar(query)), *answer);
    }
    let mut connection = redis.connection();
    let all_written = |connection: &mut redis::Connection, wanted: usize| {
        let started = Instant::now();
        while keys(connection, &prefix).len() < wanted {
            assert!(started.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    all_written(&mut connection, expected.len());
    let names = keys(&mut connection, &prefix);
    let value = |connection: &mut redis::Connection, name: &str| -> Vec<u8> {
        redis::cmd("GET").arg(name).query(connection).unwrap()
    };
    let valid: Vec<Vec<u8>> = names.iter().map(|name| value(&mut connection, name)).collect();
    for round in 0..5 {
        for (place, name) in names.iter().enumerate() {
            let own = &valid[place];
            let bytes = match round {
                0 => (0..500).map(|_| rand::random()).collect(),
                // A valid envelope of another key.
                1 => valid[(place + 1) % valid.len()].clone(),
                2 => own[..own.len() / 2].to_vec(),
                3 => Vec::new(),
                // Not even a string.
                _ => {
                    redis::cmd("DEL").arg(name).exec(&mut connection).unwrap();
                    redis::cmd("LPUSH").arg(name).arg("x").exec(&mut connection).unwrap();
                    continue;
                }
            };
            redis::cmd("SET").arg(name).arg(bytes).exec(&mut connection).unwrap();
        }
        let line = "nearfield_cache_redis_errors_total{operation=\"read\",kind=\"foreign\"} ";
        let before = metric(&server, line);
        for (query, answer) in &expected {
            assert_eq!(without_time(&server.similar(query)), *answer, "round {round}: {query}");
        }
        let counted = metric(&server, line) - before;
        assert!(counted as usize >= expected.len() || round == 4, "round {round}: {counted}");
        // What is right is written over it.
        let started = Instant::now();
        let replaced = |connection: &mut redis::Connection| {
            let kind: String = redis::cmd("TYPE").arg(&names[0]).query(connection).unwrap();
            kind == "string" && value(connection, &names[0]) == valid[0]
        };
        while !replaced(&mut connection) {
            assert!(started.elapsed() < PATIENCE, "round {round}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn readers_and_the_writer_have_connections_of_their_own() {
    let redis = RedisServer::start(&[]);
    let server = serving(&redis.url(), &prefix(), "0");
    let query = json!({"seeds": [server.ids()[0]]});
    server.similar(&query);
    until_hit(&server, &query);
    let clients: String = redis::cmd("CLIENT").arg("LIST").query(&mut redis.connection()).unwrap();
    let n_last = |command: &str| clients.lines().filter(|line| line.contains(command)).count();
    assert_eq!((n_last(" cmd=mget "), n_last(" cmd=set ")), (1, 1), "{clients}");
}

#[test]
fn connections_that_fall_silent_are_replaced() {
    let redis = RedisServer::start(&[]);
    let way = Way::to(redis.port);
    // A write is given up before its connection is known to be silent.
    let server = waiting(&format!("redis://127.0.0.1:{}", way.port), &prefix(), "0", 500);
    let query = json!({"seeds": [server.ids()[0]]});
    server.similar(&query);
    until_hit(&server, &query);
    way.lose_all();
    let written = metric(&server, "nearfield_cache_redis_written_total ");
    let started = Instant::now();
    let mut k = 10;
    while metric(&server, "nearfield_cache_redis_written_total ") == written {
        k += 1;
        server.similar(&json!({"seeds": [server.ids()[0]], "k": k}));
        assert!(started.elapsed() < PATIENCE, "{}", server.get("/metrics").text);
    }
    until_hit(&server, &query);
}

/// A way to a port that can lose all connections there are without a word, and takes new ones.
struct Way {
    port: u16,
    lost: Arc<AtomicUsize>,
}

impl Way {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let way = Self { port: listener.local_addr().unwrap().port(), lost: Arc::default() };
        let lost = Arc::clone(&way.lost);
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let (near, far) = (near.unwrap(), TcpStream::connect(("127.0.0.1", port)).unwrap());
                let began = lost.load(Ordering::SeqCst);
                for (from, to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
                    let lost = Arc::clone(&lost);
                    std::thread::spawn(move || pass_on(from, to, || lost.load(Ordering::SeqCst) > began));
                }
            }
        });
        way
    }

    fn lose_all(&self) {
        self.lost.fetch_add(1, Ordering::SeqCst);
    }
}

/// Passes bytes on until the connection is lost: then they are read and go nowhere.
fn pass_on(mut from: TcpStream, mut to: TcpStream, is_lost: impl Fn() -> bool) {
    let mut bytes = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        if !is_lost() && to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
}

#[test]
fn a_frozen_redis_costs_little_and_is_used_again() {
    let redis = RedisServer::start(&[]);
    let expected = expected();
    let server = serving(&redis.url(), &prefix(), "0");
    let (query, answer) = &expected[1];
    server.similar(query);
    until_hit(&server, query);
    redis.freeze();
    let started = Instant::now();
    let mut slowest = Duration::ZERO;
    for (query, answer) in expected.iter().cycle().take(300) {
        let asked = Instant::now();
        assert_eq!(without_time(&server.similar(query)), *answer);
        slowest = slowest.max(asked.elapsed());
    }
    println!("frozen: 300 answers in {:?}, the slowest in {slowest:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(metric(&server, "nearfield_cache_redis_errors_total{operation=\"read\",kind=\"timeout\"} ") >= 3);
    redis.thaw();
    until_hit(&server, query);
    assert_eq!(without_time(&server.similar(query)), *answer);
}

/// Asks until the answer comes from Redis.
fn until_hit(server: &Server, query: &Value) {
    let started = Instant::now();
    while !status(&server.similar(query)).starts_with("nearfield-redis; hit") {
        assert!(started.elapsed() < PATIENCE, "{}", status(&server.similar(query)));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_full_redis_gives_what_it_has_and_the_rest_is_computed() {
    let redis = RedisServer::start(&["--maxmemory", "2mb", "--maxmemory-policy", "noeviction"]);
    let expected = expected();
    let server = serving(&redis.url(), &prefix(), "0");
    let (query, answer) = &expected[0];
    server.similar(query);
    until_hit(&server, query);
    let mut connection = redis.connection();
    let mut number = 0;
    while redis::cmd("SET").arg(number).arg(vec![0_u8; 10_000]).exec(&mut connection).is_ok() {
        number += 1;
    }
    for (query, answer) in &expected {
        assert_eq!(without_time(&server.similar(query)), *answer);
    }
    let hit = server.similar(query);
    assert_eq!(
        (status(&hit), &without_time(&hit)),
        ("nearfield-redis; hit, nearfield-local; fwd=miss", answer)
    );
    let full = "nearfield_cache_redis_errors_total{operation=\"write\",kind=\"full\"} ";
    let started = Instant::now();
    while metric(&server, full) == 0 {
        server.similar(&expected[5].0);
        assert!(started.elapsed() < PATIENCE, "{}", server.get("/metrics").text);
    }
    assert!(metric(&server, "nearfield_cache_redis_dropped_total ") > 0);
}

#[test]
fn a_wrong_password_is_no_reason_not_to_answer() {
    let redis = RedisServer::start(&[]);
    let expected = expected();
    let server = serving(&redis.url().replace("//", "//:wrong@"), &prefix(), "0");
    for (query, answer) in &expected {
        assert_eq!(without_time(&server.similar(query)), *answer);
    }
    // Once the password is set on the other side, the server finds its way by itself.
    redis::cmd("CONFIG").arg("SET").arg("requirepass").arg("wrong").exec(&mut redis.connection()).unwrap();
    until_hit(&server, &expected[0].0);
}

#[test]
fn killing_redis_under_load_gives_no_wrong_answer() {
    let mut redis = RedisServer::start(&[]);
    let expected = expected();
    let server = serving(&redis.url(), &prefix(), "0");
    let (stop, next, n_wrong) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    // How many answers of which kind there were in which phase, and the slowest.
    let phase = AtomicUsize::new(0);
    let seen: Mutex<HashMap<(usize, String), usize>> = Mutex::default();
    let slowest = Mutex::new([Duration::ZERO; 5]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let (query, answer) = &expected[next.fetch_add(1, Ordering::Relaxed) % expected.len()];
                    let (at, asked) = (phase.load(Ordering::Relaxed), Instant::now());
                    let got = server.similar(query);
                    let took = asked.elapsed();
                    if got.status != 200 || without_time(&got) != *answer {
                        n_wrong.fetch_add(1, Ordering::Relaxed);
                    }
                    let kind = status(&got).split(", ").next().unwrap().to_owned();
                    *seen.lock().unwrap().entry((at, kind)).or_default() += 1;
                    let mut slowest = slowest.lock().unwrap();
                    slowest[at] = slowest[at].max(took);
                }
            });
        }
        let n_of =
            |at: usize, kind: &str| seen.lock().unwrap().get(&(at, kind.to_owned())).copied().unwrap_or(0);
        let until = |at: usize, kind: &str, n: usize| {
            let started = Instant::now();
            while n_of(at, kind) < n && started.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        let (hit, away) = ("nearfield-redis; hit", "nearfield-redis; fwd=bypass; detail=unavailable");
        until(0, hit, 500);
        for (at, wanted) in [(1, away), (2, hit), (3, away), (4, hit)] {
            if at % 2 == 1 {
                redis.kill()
            } else {
                redis.restart()
            }
            phase.store(at, Ordering::Relaxed);
            until(at, wanted, 500);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let seen = seen.into_inner().unwrap();
    let slowest = slowest.into_inner().unwrap();
    for (at, what) in ["well", "killed", "restarted", "killed again", "restarted again"].iter().enumerate() {
        let mut kinds: Vec<_> = seen.iter().filter(|((phase, _), _)| *phase == at).collect();
        kinds.sort();
        let kinds: Vec<String> = kinds.iter().map(|((_, kind), n)| format!("{n} x {kind}")).collect();
        println!("redis {what}: {}; slowest {:?}", kinds.join(", "), slowest[at]);
    }
    println!("wrong answers: {}", n_wrong.load(Ordering::Relaxed));
    for line in
        server.get("/metrics").text.lines().filter(|line| line.starts_with("nearfield_cache_redis_errors"))
    {
        println!("{line}");
    }
    assert_eq!(n_wrong.into_inner(), 0);
    for (at, kind) in [(0, "hit"), (1, "fwd=bypass"), (2, "hit"), (3, "fwd=bypass"), (4, "hit")] {
        let n: usize = seen
            .iter()
            .filter(|((phase, text), _)| *phase == at && text.contains(kind))
            .map(|(_, n)| n)
            .sum();
        assert!(n >= 500, "phase {at}: {n} x {kind}");
    }
    assert_eq!(server.get("/healthz").status, 200);
}
