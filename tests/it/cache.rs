//! The cache in the process, over HTTP; keys, through the library.

use std::net::TcpListener;
use std::sync::{Arc, Barrier};

use actix_web::web;
use nearfield::artifact::SnapshotDir;
use nearfield::cache::{Cache, ExplanationKeys, Identity, Key, Settings as CacheSettings};
use nearfield::http::{self, Settings, State};
use nearfield::live::{Live, LiveSettings};
use nearfield::progress::CancelToken;
use nearfield::query::{Prepared, SimilarRequest};
use nearfield::snapshot::Snapshot;
use nearfield::track::{ItemIdx, TrackId};
use serde_json::{Value, json};

use crate::fixture::{MemoryStore, build_in, options, shared};
use crate::server::{Answer, Server, nearfield};

fn serving(settings: &[(&str, &str)]) -> Server {
    let mut command = nearfield(shared());
    command.args(["serve", "--indexes", ".", "--bind", "127.0.0.1:0"]);
    command.envs(settings.iter().copied());
    Server::of(command)
}

fn status(answer: &Answer) -> &str {
    answer.header("cache-status")
}

/// The text without the one number that differs every time.
fn without_time(answer: &Answer) -> String {
    let (before, after) = answer.text.split_once("\"took_us\":").unwrap();
    format!("{before}{}", after.trim_start_matches(|letter: char| letter.is_ascii_digit()))
}

fn took_us(answer: &Answer) -> u64 {
    answer.ok()["took_us"].as_u64().unwrap()
}

/// A counter in the text of `/metrics`.
fn counted(server: &Server, line: &str) -> u64 {
    let text = server.get("/metrics").text;
    text.lines().find_map(|found| found.strip_prefix(line)).map_or(0, |number| number.trim().parse().unwrap())
}

fn queries(ids: &[String]) -> Vec<Value> {
    vec![
        json!({"seeds": [ids[0]]}),
        json!({"seeds": [ids[0]], "explain": true}),
        json!({"seeds": [ids[1]], "explain": true, "k": 1000}),
        json!({"seeds": [ids[0], ids[2]], "negative_seeds": [ids[3]], "k": 25, "explain": true, "diversity": 0.4}),
        json!({"seeds": [ids[0]], "filters": {"genres": ["no \"took_us\":0 such"], "year": {"min": 1990}}, "explain": true}),
        json!({"targets": {"energy": 0.9, "tempo": 120}, "max_per_artist": 1, "engine": "exact"}),
        json!({"seeds": [ids[4]], "filters": {"ids": [ids[4]]}, "explain": true}),
    ]
}

#[test]
fn cached_answers_are_the_computed_ones_but_for_their_time() {
    let (cached, uncached) = (serving(&[]), serving(&[("NEARFIELD_CACHE_MIB", "0")]));
    let ids = cached.ids();
    for query in queries(&ids) {
        let expected = uncached.similar(&query);
        assert_eq!((expected.status, status(&expected)), (200, ""), "off means off");
        let (miss, hit) = (cached.similar(&query), cached.similar(&query));
        assert!(status(&miss).starts_with("nearfield-local; fwd=miss"), "{}", status(&miss));
        assert_eq!(status(&hit), "nearfield-local; hit");
        assert_eq!(without_time(&miss), without_time(&expected), "{query}");
        assert_eq!(without_time(&hit), without_time(&expected), "{query}");
        assert!(took_us(&hit) < 1_000_000);
    }
    let by_get = cached.get(&format!("/api/v1/similar/{}?k=10&recall=0.99", ids[0]));
    assert_eq!(status(&by_get), "nearfield-local; hit", "GET says the same as POST");
    // Refusals are no answers.
    let wrong = json!({"seeds": ["nobody"]});
    (0..2).for_each(|_| {
        assert_eq!((cached.similar(&wrong).status, status(&cached.similar(&wrong))), (404, ""))
    });
    let large = cached.similar(&json!({"seeds": [ids[0]], "k": 1_200}));
    assert_eq!(status(&large), "nearfield-local; fwd=bypass; detail=large");
    assert!(counted(&cached, "nearfield_cache_local_bytes ") > 10_000);
    assert!(counted(&cached, "nearfield_cache_local_entries ") > 10);
}

#[test]
fn explanations_are_found_whatever_else_the_query_asks_for() {
    let server = serving(&[]);
    let seed = &server.ids()[0];
    let all = server.similar(&json!({"seeds": [seed], "k": 100, "explain": true}));
    assert!(
        status(&all).ends_with("detail=\"explanations: 0 local, 0 redis, 100 computed\""),
        "{}",
        status(&all)
    );
    for query in [
        json!({"seeds": [seed], "k": 50, "explain": true, "engine": "exact"}),
        json!({"seeds": [format!("spotify:track:{seed}")], "k": 50, "explain": true, "recall": 1, "anchor": 0.5}),
    ] {
        let some = server.similar(&query);
        assert!(
            status(&some).ends_with("detail=\"explanations: 50 local, 0 redis, 0 computed\""),
            "{}",
            status(&some)
        );
        let of = |answer: &Answer| answer.ok()["results"].as_array().unwrap()[..50].to_vec();
        assert_eq!(of(&some), of(&all));
    }
}

#[test]
fn a_hundred_identical_requests_at_once_are_computed_once() {
    let server = serving(&[]);
    let ids = server.ids();
    let searches = |server: &Server| {
        let text = server.get("/metrics").text;
        let lines = text.lines().filter(|line| line.starts_with("nearfield_searches_total{"));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum::<u64>()
    };
    let before = searches(&server);
    let query = json!({"seeds": [ids[0]], "k": 300, "diversity": 0.5, "explain": true});
    let barrier = Barrier::new(100);
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let ask = || {
            barrier.wait();
            server.similar(&query)
        };
        let asking: Vec<_> = (0..100).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|asking| asking.join().unwrap()).collect()
    });
    assert_eq!(searches(&server) - before, 1);
    let first = without_time(&answers[0]);
    assert!(answers.iter().all(|answer| answer.status == 200 && without_time(answer) == first));
    let n = |end: &str| answers.iter().filter(|answer| status(answer).contains(end)).count();
    assert_eq!((n("detail"), n("; hit") + n("; collapsed")), (1, 99));
    let line = |result| {
        format!("nearfield_cache_lookups_total{{kind=\"answer\",tier=\"local\",result=\"{result}\"}}")
    };
    assert_eq!(counted(&server, &line("collapsed")) as usize, n("; collapsed"));
}

#[test]
fn a_new_generation_never_serves_an_old_answer() {
    let indexes = tempfile::tempdir().unwrap();
    let build = |seed_offset: usize| {
        let store = MemoryStore::of(nearfield::demo::catalogue(600 + seed_offset, 42));
        build_in(indexes.path(), &store, &options()).unwrap();
    };
    build(0);
    let directory = SnapshotDir::new(indexes.path(), "main").unwrap();
    let settings = LiveSettings { filter_cache_bytes: 0, min_recall: 0.0 };
    let live = Arc::new(Live::open(directory.clone(), settings).unwrap());
    let state = State::new(Arc::clone(&live), indexes.path(), Settings::default()).unwrap();
    let state = web::Data::new(state.with_cache(Cache::new(&CacheSettings::default()).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancelToken::new();
    let running = std::thread::spawn({
        let (state, stop) = (state.clone(), stop.clone());
        move || http::run(listener, state, stop)
    });
    let server = Server::at(&url);
    let query = json!({"targets": {"energy": 0.5, "valence": 0.5}, "k": 5, "explain": true});
    let old = server.similar(&query);
    assert_eq!(status(&server.similar(&query)), "nearfield-local; hit");
    build(1);
    assert_eq!(live.follow(&CancelToken::new()).refused, None);
    let new = server.similar(&query);
    assert!(status(&new).starts_with("nearfield-local; fwd=miss"), "{}", status(&new));
    assert!(status(&new).ends_with("5 computed\""), "{}", status(&new));
    assert_ne!(new.ok()["generation"], old.ok()["generation"]);
    // Back again: the old generation's answers are its own, wherever they come from.
    directory.roll_back(None).unwrap();
    assert_eq!(live.follow(&CancelToken::new()).refused, None);
    assert_eq!(without_time(&server.similar(&query)), without_time(&old));
    // Without a track that was removed an answer is another one.
    assert_eq!(status(&server.similar(&query)), "nearfield-local; hit");
    let best = old.ok()["results"][0]["id"].as_str().unwrap().to_owned();
    directory.note_removed(&[TrackId::parse(&best).unwrap()]).unwrap();
    live.apply_removals();
    let without = server.similar(&query);
    assert!(status(&without).starts_with("nearfield-local; fwd=miss"), "{}", status(&without));
    assert_eq!(without.ok()["results"][0]["id"], old.ok()["results"][1]["id"]);
    assert!(!without.text.contains(&best));
    stop.cancel();
    running.join().unwrap().unwrap();
}

#[test]
fn a_wrong_redis_is_refused_and_an_absent_one_is_not() {
    let here = tempfile::tempdir().unwrap();
    let output =
        nearfield(here.path()).arg("serve").env("REDIS_URL", "http://me:hunter2@h").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    for part in ["REDIS_URL", "`http://...`", "expected redis://"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = serving(&[("REDIS_URL", &format!("redis://{free}/"))]);
    for id in server.ids() {
        let answer = server.similar(&json!({"seeds": [id], "explain": true}));
        assert_eq!(answer.ok()["results"].as_array().unwrap().len(), 10);
    }
    server.until("/metrics", |answer| {
        answer.text.contains("nearfield_cache_breaker_state{operation=\"read\"} 2")
    });
    let mut blank = nearfield(shared());
    blank.args(["serve", "--indexes", ".", "--bind", "127.0.0.1:0"]).env("REDIS_URL", " ");
    Server::of(blank);
}

/// The keys of a request's answer and of its explanations.
fn keys(snapshot: &Snapshot, request: &Value) -> (Key, Key) {
    keys_without(snapshot, snapshot.edition(), request)
}

/// The same where the tracks that `edition` stands for were removed.
fn keys_without(snapshot: &Snapshot, edition: &str, request: &Value) -> (Key, Key) {
    let identity = Identity::of(snapshot.manifest(), edition);
    let request: SimilarRequest = serde_json::from_value(request.clone()).unwrap();
    let prepared = Prepared::new(snapshot, &request).unwrap();
    let plan = prepared.plan(snapshot, prepared.k);
    (Key::of_answer(&identity, &prepared, &plan), ExplanationKeys::of(&identity, &prepared).key(ItemIdx(7)))
}

#[test]
fn two_spellings_of_a_query_share_an_entry() {
    let snapshot = Snapshot::open(shared(), "main", None).unwrap();
    let id = |item: u32| snapshot.items().id(ItemIdx(item)).into_owned();
    let (a, b) = (id(1), id(2));
    let check = |one: Value, other: Value| {
        assert_eq!(keys(&snapshot, &one), keys(&snapshot, &other), "{one} {other}");
    };
    check(
        json!({"seeds": [a]}),
        json!({"seeds": [format!("spotify:track:{a}")], "k": 10.0, "engine": "auto"}),
    );
    check(
        json!({"seeds": [a]}),
        json!({"seeds": [a], "base_weights": "default", "anchor": 0.5, "diversity": -0.0}),
    );
    check(
        json!({"seeds": [a], "weights": {"energy": 2, "key": 1.0}}),
        json!({"weights": {"key": 1, "energy": 2.0}, "seeds": [a], "filters": {}, "explain": false}),
    );
    let zero = |energy: f64, key: f64, anchor: f64| json!({"seeds": [a], "base_weights": "zero", "weights": {"energy": energy, "key": key}, "anchor": anchor});
    check(zero(2.0, 1.0, 0.5), zero(4.0, 2.0, 1.0));
    check(zero(3.0, 1.0, 0.0), zero(0.75, 0.25, 0.0));
    let genres: Vec<String> =
        (0..50).flat_map(|item| snapshot.items().record(ItemIdx(item)).unwrap().genres).collect();
    let (rock, pop) = (&genres[0], genres.iter().find(|genre| **genre != genres[0]).unwrap());
    check(
        json!({"seeds": [a], "filters": {"genres": [rock, pop], "year": {"min": 1990}}}),
        json!({"seeds": [a], "filters": {"genres": [pop, format!(" {}", rock.to_uppercase())], "features": {},
            "year": {"min": 1990.0}}}),
    );
    check(json!({"seeds": [a, b]}), json!({"seeds": [a, b, ], "negative_seeds": []}));
}

#[test]
fn what_is_another_question_has_another_key() {
    let snapshot = Snapshot::open(shared(), "main", None).unwrap();
    let id = |item: u32| snapshot.items().id(ItemIdx(item)).into_owned();
    let (a, b) = (id(1), id(2));
    // Of each, whether its explanations are those of the first.
    let all = [
        (json!({"seeds": [a]}), true),
        (json!({"seeds": [a], "k": 11}), true),
        (json!({"seeds": [a], "explain": true}), true),
        (json!({"seeds": [a], "engine": "exact"}), true),
        (json!({"seeds": [a], "engine": "forest"}), true),
        (json!({"seeds": [a], "recall": 0.999}), true),
        (json!({"seeds": [a], "max_per_artist": 1}), true),
        (json!({"seeds": [a], "diversity": 0.5}), true),
        (json!({"seeds": [a], "filters": {"explicit": true}}), true),
        (json!({"seeds": [a], "filters": {"explicit": false}}), true),
        // The same tracks pass, but what it warns of is another name.
        (json!({"seeds": [a], "filters": {"exclude_artists": ["nobody at all"]}}), true),
        (json!({"seeds": [a], "filters": {"exclude_artists": ["Nobody at all"]}}), true),
        (json!({"seeds": [b]}), false),
        (json!({"seeds": [a, b]}), false),
        (json!({"seeds": [a], "negative_seeds": [b]}), false),
        (json!({"seeds": [a], "targets": {"energy": 0.5}}), false),
        (json!({"seeds": [a], "weights": {"energy": 2}}), false),
        // Too small to count, and explained all the same.
        (json!({"seeds": [a], "weights": {"key": 1e-300}}), false),
        (json!({"seeds": [a], "anchor": 0.25}), false),
    ];
    let all: Vec<_> = all.iter().map(|(query, same)| (query, keys(&snapshot, query), same)).collect();
    for (index, (query, (answer, explanation), same)) in all.iter().enumerate() {
        assert_eq!(*explanation == all[0].1.1, **same, "{query}");
        for (other_query, (other, _), _) in &all[..index] {
            assert_ne!(answer, other, "{query} {other_query}");
        }
    }
    assert!(all[0].1.0.name("p:").starts_with(&format!("p:answer:{}-", snapshot.manifest().generation)));
    // After a removal answers are others, and explanations are found under the names they have.
    let query = json!({"seeds": [a], "explain": true});
    let ((answer, explanation), (other_answer, other_explanation)) =
        (keys_without(&snapshot, "a", &query), keys_without(&snapshot, "b", &query));
    assert_ne!(answer.name("p:"), other_answer.name("p:"));
    assert_eq!(explanation.name("p:"), other_explanation.name("p:"));
    // Other files under the same name of a generation.
    let mut manifest = snapshot.manifest().clone();
    let identity = Identity::of(&manifest, "a");
    assert_ne!(Identity::of(&manifest, "b"), identity);
    manifest.files.values_mut().next().unwrap().blake3 = "0".repeat(64);
    assert_ne!(Identity::of(&manifest, "a"), identity);
}
