//! On what is served, without the server.

use super::super::sample::{build_again, serving};
use super::*;
use crate::progress::CancelToken;

/// The longest that is waited for the thread.
const PATIENCE: Duration = Duration::from_secs(60);

const ALL: RecallSettings = RecallSettings { share: 1.0, cpu_share: 1.0 };

fn prepared(served: &Served, engine: &str) -> (Prepared, Plan) {
    let request = serde_json::json!({"targets": {"energy": 0.7, "tempo": 120, "valence": 0.2}, "k": 10, "engine": engine});
    let request = serde_json::from_value(request).unwrap();
    let prepared = Prepared::new(&served.snapshot, &request).unwrap();
    let plan = prepared.plan(&served.snapshot, prepared.depth());
    (prepared, plan)
}

/// Waits until so many queries of an engine were measured.
fn measured(recall: &LiveRecall, generation: &str, engine: EngineKind, n: usize) -> WindowView {
    let started = Instant::now();
    loop {
        let view = recall.of(generation)[engine as usize].1;
        if view.n_samples >= n {
            return view;
        }
        assert!(started.elapsed() < PATIENCE, "{view:?}");
        thread::yield_now();
    }
}

fn until_ready(served: &Served) {
    let started = Instant::now();
    while served.unready().is_some() {
        assert!(started.elapsed() < PATIENCE);
        thread::yield_now();
    }
}

#[test]
fn an_engine_that_loses_results_shows() {
    let (_indexes, _, live) = serving(1_000);
    let served = live.served();
    until_ready(&served);
    let recall = LiveRecall::start(Arc::clone(&live), ALL).unwrap();
    for engine in ["exact", "hnsw"] {
        let (prepared, plan) = prepared(&served, engine);
        recall.offer(&served, &prepared, &plan);
    }
    let view = |engine| measured(&recall, served.generation(), engine, 1);
    assert_eq!(view(EngineKind::Exact).recall, Some(1.0));
    assert_eq!(view(EngineKind::Hnsw).recall, Some(1.0));
    // Asked for ten candidates in its own metric, the forest cannot know the ten best by these weights.
    let (prepared, plan) = prepared(&served, "forest");
    let lazy = Plan { effort: 10, ..plan.clone() };
    recall.offer(&served, &prepared, &lazy);
    let view = view(EngineKind::Forest);
    assert!(view.recall.unwrap() < 0.9, "{view:?}");
    assert_eq!(view.lowest, view.recall);
    recall.offer(&served, &prepared, &Plan { effort: 1_000, ..plan });
    let both = measured(&recall, served.generation(), EngineKind::Forest, 2);
    assert!(both.recall > view.recall && both.lowest == view.lowest, "{both:?}");
}

#[test]
fn what_is_not_there_any_more_is_not_measured() {
    let (_indexes, directory, live) = serving(300);
    let (before, (query, plan)) = (live.served(), prepared(&live.served(), "exact"));
    let recall = LiveRecall::start(Arc::clone(&live), ALL).unwrap();
    recall.offer(&before, &query, &plan);
    measured(&recall, before.generation(), EngineKind::Exact, 1);
    build_again(&directory, 301);
    let ticket = live.ticket();
    assert_eq!(live.reload(ticket, &CancelToken::new()).refused, None);
    let after = live.served();
    assert_ne!(before.generation(), after.generation());
    assert_eq!(recall.of(after.generation())[0].1.n_samples, 0);
    // It is one after the other: the second tells that the first was seen.
    recall.offer(&before, &query, &plan);
    let (query, plan) = prepared(&after, "exact");
    recall.offer(&after, &query, &plan);
    assert_eq!(measured(&recall, after.generation(), EngineKind::Exact, 1).n_samples, 1);
    assert_eq!(recall.of(before.generation())[0].1.n_samples, 0);
}

#[test]
fn a_full_queue_drops_and_the_end_does_not_wait() {
    let (_indexes, _, live) = serving(300);
    let served = live.served();
    let (query, plan) = prepared(&served, "exact");
    // After the first it rests for hours.
    let settings = RecallSettings { share: 1.0, cpu_share: 1e-9 };
    let recall = LiveRecall::start(Arc::clone(&live), settings).unwrap();
    (0..2 * QUEUE + 2).for_each(|_| recall.offer(&served, &query, &plan));
    assert_eq!(measured(&recall, served.generation(), EngineKind::Exact, 1).n_samples, 1);
    let mut registry = Registry::default();
    recall.register(&mut registry);
    recall.refresh_metrics(served.generation());
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("live_recall{engine=\"exact\"} 1.0\n"), "{text}");
    assert!(text.contains("live_recall_dropped_total{engine=\"exact\",reason=\"queue_full\"}"), "{text}");
    drop(recall);
}

#[test]
fn nothing_is_taken_where_it_is_off_or_too_large() {
    let (_indexes, _, live) = serving(300);
    let served = live.served();
    let (query, plan) = prepared(&served, "exact");
    let off = LiveRecall::start(Arc::clone(&live), RecallSettings { share: 0.0, cpu_share: 1.0 }).unwrap();
    off.offer(&served, &query, &plan);
    assert!(off.thread.is_none());
    let recall = LiveRecall::start(Arc::clone(&live), ALL).unwrap();
    recall.offer(&served, &Prepared { k: MAX_MEASURED_K + 1, ..query.clone() }, &plan);
    recall.offer(&served, &query, &plan);
    assert_eq!(measured(&recall, served.generation(), EngineKind::Exact, 1).n_samples, 1);
}

#[test]
fn rests_are_as_long_as_the_share_asks_for() {
    let work = Duration::from_millis(2);
    assert_eq!(rest(work, 1.0), Duration::ZERO);
    assert_eq!(rest(work, 0.5), work);
    assert_eq!(rest(work, 0.02).as_millis(), 98);
    for tiny in [1e-9, 1e-300, f64::MIN_POSITIVE, 5e-324] {
        assert_eq!(rest(work, tiny), MAX_REST, "{tiny}");
    }
    assert_eq!(rest(Duration::ZERO, 5e-324), MAX_REST, "no number times infinity");
}
