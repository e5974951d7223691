//! Both tiers together, before a store that can be told to misbehave.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use super::breaker::{FAILURES, FIRST_PAUSE};
use super::*;

/// How the store behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Good,
    Gone,
    /// Says nothing as long as it is so.
    Hung,
    /// Takes its time.
    Slow,
    /// Gives, but takes nothing.
    Full,
}

#[derive(Debug)]
struct Fake {
    values: Mutex<HashMap<[u8; 32], Value>>,
    mood: Mutex<Mood>,
    /// The number of keys of every question.
    asked: Mutex<Vec<usize>>,
    n_puts: AtomicUsize,
    /// Questions and puts that went on to their end.
    n_ended: AtomicUsize,
}

impl Fake {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            values: Mutex::default(),
            mood: Mutex::new(Mood::Good),
            asked: Mutex::default(),
            n_puts: AtomicUsize::new(0),
            n_ended: AtomicUsize::new(0),
        })
    }

    fn feel(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn asked(&self) -> Vec<usize> {
        self.asked.lock().unwrap().clone()
    }

    async fn obey(&self, writes: bool) -> Result<(), StoreError> {
        let mood = || *self.mood.lock().unwrap();
        while mood() == Mood::Hung {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if mood() == Mood::Slow {
            tokio::time::sleep(SLOW).await;
        }
        self.n_ended.fetch_add(1, Ordering::Relaxed);
        match mood() {
            Mood::Good | Mood::Slow => Ok(()),
            Mood::Full if !writes => Ok(()),
            Mood::Full => Err(StoreError::Full("OOM".into())),
            Mood::Gone => Err(StoreError::Connection("refused".into())),
            Mood::Hung => Err(StoreError::Timeout(PATIENCE)),
        }
    }
}

impl ByteStore for Fake {
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Vec<Option<Value>>> {
        Box::pin(async move {
            self.asked.lock().unwrap().push(keys.len());
            self.obey(false).await?;
            let values = self.values.lock().unwrap();
            Ok(keys.iter().map(|key| values.get(key.hash()).cloned()).collect())
        })
    }

    fn put_many<'a>(&'a self, entries: &'a [(Key, Value)], _: Duration) -> Pending<'a, ()> {
        Box::pin(async move {
            self.n_puts.fetch_add(1, Ordering::Relaxed);
            self.obey(true).await?;
            let entries = entries.iter().map(|(key, value)| (*key.hash(), Arc::clone(value)));
            self.values.lock().unwrap().extend(entries);
            Ok(())
        })
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
const SLOW: Duration = Duration::from_millis(5);

fn settings() -> Settings {
    Settings { redis_timeout: Duration::from_millis(20), redis_min_us: 100.0, ..Settings::default() }
}

fn before(store: &Arc<Fake>) -> Cache {
    Cache::before(Arc::clone(store) as Arc<dyn ByteStore>, &settings()).unwrap()
}

fn value(text: &str) -> Value {
    text.as_bytes().into()
}

/// Asks for an answer that costs a lot; what was computed, if it was, and what happened.
async fn ask(cache: &Cache, key: &Key, text: &str) -> (Value, bool, Seen) {
    let trace = Trace::default();
    if let Some(found) = cache.here(key, &trace).await {
        return (found, false, trace.seen());
    }
    let computed = AtomicBool::new(false);
    let compute = async {
        computed.store(true, Ordering::Relaxed);
        Ok::<_, ()>(value(text))
    };
    let answer = cache.answer(key, 1e6, &trace, compute).await.unwrap();
    (answer, computed.into_inner(), trace.seen())
}

/// The value of a counter in the text of `/metrics`.
fn counted(cache: &Cache, line: &str) -> f64 {
    let mut registry = Registry::default();
    cache.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let found = text.lines().find_map(|found| found.strip_prefix(line));
    found.map_or(0.0, |number| number.trim().parse().unwrap())
}

#[tokio::test]
async fn what_one_process_computed_another_finds_in_redis() {
    let store = Fake::new();
    let (one, other) = (before(&store), before(&store));
    let key = Key::for_test(1);
    let (first, computed, seen) = ask(&one, &key, "a").await;
    assert_eq!((&*first, computed), (&b"a"[..], true));
    assert_eq!((seen.local, seen.redis), (Some(Outcome::Miss), Some(Outcome::Miss)));
    assert!(one.settle(PATIENCE).await);
    let (second, computed, seen) = ask(&other, &key, "b").await;
    assert_eq!((&*second, computed, seen.redis), (&b"a"[..], false, Some(Outcome::Hit)));
    let (_, _, seen) = ask(&other, &key, "b").await;
    assert_eq!((seen.local, seen.redis), (Some(Outcome::Hit), None));
    assert_eq!(counted(&one, "cache_redis_written_total"), 1.0);
    // Another process cannot be told, so what it kept before is what it answers.
    other.forget_local();
    assert_eq!(ask(&other, &key, "b").await.2.redis, Some(Outcome::Hit));
}

#[tokio::test]
async fn what_is_cheap_is_kept_here_only() {
    let store = Fake::new();
    let cache = before(&store);
    let trace = Trace::default();
    let compute = async { Ok::<_, ()>(value("a")) };
    cache.answer(&Key::for_test(1), 99.0, &trace, compute).await.unwrap();
    assert!(cache.settle(PATIENCE).await);
    assert_eq!((store.asked(), store.n_puts.load(Ordering::Relaxed)), (vec![], 0));
    assert_eq!(trace.seen().redis, None);
    assert_eq!(ask(&cache, &Key::for_test(1), "b").await.2.local, Some(Outcome::Hit));
}

// One thread runs all of them: whoever has arrived has gone on until it had to wait.
#[tokio::test]
async fn a_hundred_who_ask_for_the_same_compute_once() {
    for local_bytes in [64 << 20, 0] {
        let store = Fake::new();
        let settings = Settings { local_bytes, ..settings() };
        let cache = Arc::new(Cache::before(Arc::clone(&store) as Arc<dyn ByteStore>, &settings).unwrap());
        let (n_arrived, n_computed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (open, gate) = tokio::sync::watch::channel(false);
        let ask = |_| {
            let (cache, mut gate) = (Arc::clone(&cache), gate.clone());
            let (n_arrived, n_computed) = (Arc::clone(&n_arrived), Arc::clone(&n_computed));
            tokio::spawn(async move {
                n_arrived.fetch_add(1, Ordering::Relaxed);
                let compute = async {
                    n_computed.fetch_add(1, Ordering::Relaxed);
                    gate.wait_for(|open| *open).await.unwrap();
                    Ok::<_, ()>(value("a"))
                };
                cache.answer(&Key::for_test(1), 1e6, &Trace::default(), compute).await.unwrap()
            })
        };
        let asking: Vec<_> = (0..100).map(ask).collect();
        until(|| n_arrived.load(Ordering::Relaxed) == 100 && n_computed.load(Ordering::Relaxed) > 0).await;
        open.send(true).unwrap();
        for answer in asking {
            assert_eq!(&*answer.await.unwrap(), b"a");
        }
        assert_eq!(n_computed.load(Ordering::Relaxed), 1, "{local_bytes}");
        let collapsed = r#"cache_lookups_total{kind="answer",tier="local",result="collapsed"}"#;
        assert_eq!(counted(&cache, collapsed), 99.0);
    }
}

#[tokio::test]
async fn when_the_one_who_computes_goes_away_another_does() {
    let cache = Arc::new(Cache::of(&settings(), None));
    let key = Key::for_test(1);
    let (started, waits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let leader = tokio::spawn({
        let (cache, key, started) = (Arc::clone(&cache), key.clone(), Arc::clone(&started));
        async move {
            let compute = async {
                started.store(true, Ordering::Relaxed);
                std::future::pending::<Result<Value, ()>>().await
            };
            cache.answer(&key, 1e6, &Trace::default(), compute).await
        }
    });
    until(|| started.load(Ordering::Relaxed)).await;
    let waiter = tokio::spawn({
        let (cache, key, waits) = (Arc::clone(&cache), key.clone(), Arc::clone(&waits));
        async move {
            waits.store(true, Ordering::Relaxed);
            ask(&cache, &key, "by the waiter").await
        }
    });
    until(|| waits.load(Ordering::Relaxed)).await;
    assert!(!waiter.is_finished());
    leader.abort();
    let (answer, computed, _) = tokio::time::timeout(PATIENCE, waiter).await.unwrap().unwrap();
    assert_eq!((&*answer, computed), (&b"by the waiter"[..], true));
}

#[tokio::test]
async fn errors_are_not_kept() {
    let store = Fake::new();
    let cache = before(&store);
    let key = Key::for_test(1);
    let failing = cache.answer(&key, 1e6, &Trace::default(), async { Err::<Value, _>("no") }).await;
    assert_eq!(*failing.unwrap_err(), "no");
    assert!(cache.settle(PATIENCE).await);
    assert!(store.values.lock().unwrap().is_empty());
    assert_eq!(&*ask(&cache, &key, "yes").await.0, b"yes");
}

#[tokio::test]
async fn a_store_that_hangs_or_is_gone_is_left_alone_after_a_few_failures() {
    for mood in [Mood::Hung, Mood::Gone] {
        let store = Fake::new();
        let cache = before(&store);
        store.feel(mood);
        let started = Instant::now();
        for number in 0..50 {
            let (answer, computed, seen) = ask(&cache, &Key::for_test(number), "a").await;
            assert_eq!((&*answer, computed, seen.redis), (&b"a"[..], true, Some(Outcome::Unavailable)));
        }
        assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
        // Pauses are this long at least.
        let n_probes = started.elapsed().div_duration_f64(FIRST_PAUSE) as usize;
        assert!(store.asked().len() <= FAILURES as usize + n_probes, "{n_probes}: {:?}", store.asked());
        let kind = if mood == Mood::Hung { "timeout" } else { "connection" };
        let errors = format!("cache_redis_errors_total{{operation=\"read\",kind=\"{kind}\"}}");
        assert!(counted(&cache, &errors) >= f64::from(FAILURES));
        assert_eq!(counted(&cache, r#"cache_breaker_openings_total{operation="read"}"#), 1.0);
        // It comes back by itself: requests go on being answered until a probe finds it well.
        store.feel(Mood::Good);
        let started = Instant::now();
        let mut number = 100;
        while ask(&cache, &Key::for_test(number), "a").await.2.redis == Some(Outcome::Unavailable) {
            assert!(started.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(10)).await;
            number = 100 + number % 100;
            cache.forget_local();
        }
    }
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_goes_on_so_that_the_store_sees_how_it_ends() {
    let store = Fake::new();
    let cache = before(&store);
    store.feel(Mood::Hung);
    cache.remote.as_ref().unwrap().put([(Key::for_test(0), value("a"))].into_iter());
    // The last of these questions is a probe.
    let mut number = 0;
    while store.asked().len() <= FAILURES as usize {
        number = (number + 1) % 100;
        ask(&cache, &Key::for_test(number), "a").await;
        cache.forget_local();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let timeouts =
        |operation| format!("cache_redis_errors_total{{operation=\"{operation}\",kind=\"timeout\"}}");
    until(|| counted(&cache, &timeouts("read")) >= f64::from(FAILURES) + 1.0).await;
    until(|| counted(&cache, &timeouts("write")) >= 1.0).await;
    assert_eq!(store.n_ended.load(Ordering::Relaxed), 0);
    store.feel(Mood::Good);
    until(|| {
        let asked = store.asked().len() + store.n_puts.load(Ordering::Relaxed);
        store.n_ended.load(Ordering::Relaxed) == asked
    })
    .await;
}

#[tokio::test]
async fn a_request_that_redis_failed_once_does_not_wait_for_it_again() {
    let store = Fake::new();
    let cache = before(&store);
    store.feel(Mood::Hung);
    let trace = Trace::default();
    let compute = async {
        cache.explanations(&ExplanationKeys::for_test(7), &[ItemIdx(1)], &trace).await;
        Ok::<_, ()>(value("a"))
    };
    cache.answer(&Key::for_test(1), 1e6, &trace, compute).await.unwrap();
    assert_eq!(store.asked(), [1]);
}

#[tokio::test]
async fn a_request_that_asks_redis_twice_waits_no_longer_for_that() {
    let store = Fake::new();
    let cache = before(&store);
    let (limit, keys) = (settings().redis_timeout, ExplanationKeys::for_test(7));
    let trace = Trace::default();
    store.feel(Mood::Slow);
    let compute = async { Ok::<_, ()>(value("a")) };
    cache.answer(&Key::for_test(1), 1e6, &trace, compute).await.unwrap();
    assert!(trace.waited() >= SLOW, "{:?}", trace.waited());
    // What is left is waited for, and that it was not enough is not the server's failure.
    store.feel(Mood::Hung);
    for n in 1..=2 * FAILURES {
        let trace = Trace::default();
        trace.wait(limit - Duration::from_millis(1));
        assert_eq!(cache.explanations(&keys, &[ItemIdx(1)], &trace).await.values, [None]);
        assert_eq!(store.asked().len(), 1 + n as usize);
    }
    let timeouts = r#"cache_redis_errors_total{operation="read",kind="timeout"}"#;
    assert!(counted(&cache, timeouts) >= f64::from(2 * FAILURES));
    assert_eq!(counted(&cache, r#"cache_breaker_openings_total{operation="read"}"#), 0.0);
    // Where nothing is left it is not asked.
    let trace = Trace::default();
    trace.wait(limit);
    assert_eq!(cache.explanations(&keys, &[ItemIdx(1)], &trace).await.values, [None]);
    assert_eq!(store.asked().len(), 1 + 2 * FAILURES as usize);
}

#[tokio::test]
async fn foreign_values_are_counted_ignored_and_replaced() {
    let store = Fake::new();
    let (key, other) = (Key::for_test(1), Key::for_test(2));
    let sealed = sealed::seal(&key, b"old");
    let foreign =
        [b"garbage".to_vec(), Vec::new(), sealed[..sealed.len() - 1].to_vec(), sealed::seal(&other, b"old")];
    for bytes in foreign {
        store.values.lock().unwrap().insert(*key.hash(), bytes.into());
        let cache = before(&store);
        let (answer, computed, seen) = ask(&cache, &key, "new").await;
        assert_eq!((&*answer, computed, seen.redis), (&b"new"[..], true, Some(Outcome::Miss)));
        assert_eq!(counted(&cache, r#"cache_redis_errors_total{operation="read",kind="foreign"}"#), 1.0);
        assert!(cache.settle(PATIENCE).await);
        assert_eq!(store.values.lock().unwrap()[key.hash()], sealed::seal(&key, b"new").into());
    }
}

#[tokio::test]
async fn explanations_come_from_here_then_with_one_question_from_redis() {
    let store = Fake::new();
    let (one, other) = (before(&store), before(&store));
    let keys = ExplanationKeys::for_test(1);
    let items: Vec<ItemIdx> = (0..6).map(ItemIdx).collect();
    let values: Vec<Value> = (0..6).map(|item| value(&item.to_string())).collect();
    let trace = Trace::default();
    let known = one.explanations(&keys, &items[..4], &trace).await;
    one.keep_explanations(&keys, &items[..4], &values[..4], known).await;
    assert!(one.settle(PATIENCE).await);
    assert_eq!((store.asked(), store.values.lock().unwrap().len()), (vec![4], 4), "each on its own");
    let known = other.explanations(&keys, &items[..1], &trace).await;
    other.keep_explanations(&keys, &items[..1], &values[..1], known).await;
    let known = other.explanations(&keys, &items, &trace).await;
    let found = [Some("0"), Some("1"), Some("2"), Some("3"), None, None].map(|text| text.map(value));
    assert_eq!(known.values, found);
    assert_eq!(store.asked(), [4, 1, 5], "one question, for what is not here");
    assert_eq!(trace.seen().explanations, Some((1, 3, 2)));
    other.keep_explanations(&keys, &items, &values, known).await;
    assert!(other.settle(PATIENCE).await);
    assert_eq!(store.values.lock().unwrap().len(), 6);
    assert_eq!(counted(&other, "cache_redis_written_total"), 2.0, "what was there is not written again");
    // They are here from now on.
    let known = other.explanations(&keys, &items, &trace).await;
    assert_eq!(known.values, values.iter().cloned().map(Some).collect::<Vec<_>>());
    assert_eq!((store.asked().len(), trace.seen().explanations), (3, Some((6, 0, 0))));
}

#[tokio::test]
async fn what_a_full_store_or_queue_does_not_take_is_dropped_and_counted() {
    let store = Fake::new();
    let cache = before(&store);
    store.feel(Mood::Full);
    for number in 0..10 {
        assert!(ask(&cache, &Key::for_test(number), "a").await.1);
        assert!(cache.settle(PATIENCE).await);
    }
    assert_eq!(counted(&cache, "cache_redis_dropped_total"), 10.0);
    assert_eq!(store.n_puts.load(Ordering::Relaxed), FAILURES as usize, "then it is not tried for a while");
    assert_eq!(store.asked().len(), 10, "reading goes on");
    // A writer that hangs holds the queue's room.
    let store = Fake::new();
    let cache = before(&store);
    store.feel(Mood::Hung);
    let large: Value = vec![0; 5 << 20].into();
    for number in 0..5 {
        let keys = ExplanationKeys::for_test(number);
        let known = cache.explanations(&keys, &[ItemIdx(0)], &Trace::default()).await;
        cache.keep_explanations(&keys, &[ItemIdx(0)], std::slice::from_ref(&large), known).await;
    }
    assert_eq!(counted(&cache, "cache_redis_dropped_total"), 2.0);
}

#[tokio::test]
async fn a_cache_that_is_off_keeps_nothing() {
    let cache = Cache::off();
    assert!(cache.is_off());
    assert!(ask(&cache, &Key::for_test(1), "a").await.1);
    assert!(ask(&cache, &Key::for_test(1), "a").await.1);
}

/// Waits until `done`.
async fn until(done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
