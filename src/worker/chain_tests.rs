//! Tests of asking: what each fault leads to, with a clock that only its sleeps move.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Mutex;

use futures_util::future::BoxFuture;
use rand::SeedableRng;

use crate::track::Track;

use super::super::clock::TestClock;
use super::*;

/// Answers by script; once that is used up it knows every track whose id is not in `unknown`.
struct Scripted {
    provider: Provider,
    group: Group,
    max_ids: usize,
    script: Mutex<VecDeque<Fault>>,
    unknown: &'static str,
    asked: Arc<Mutex<Vec<String>>>,
}

use std::sync::Arc;

impl Call for Scripted {
    fn provider(&self) -> Provider {
        self.provider
    }
    fn name(&self) -> &'static str {
        "call"
    }
    fn group(&self) -> Group {
        self.group
    }
    fn max_ids(&self) -> usize {
        self.max_ids
    }
    fn fetch<'a>(&'a self, ids: &'a [TrackId]) -> BoxFuture<'a, Result<Found, Fault>> {
        let list: String = ids.iter().map(TrackId::as_str).collect();
        self.asked.lock().unwrap().push(list.clone());
        let next = self.script.lock().unwrap().front().cloned();
        let answer = match next {
            // This one is about an id, not about a time.
            Some(Fault::BadIds(bad)) if list.chars().any(|id| bad.contains(id)) => Err(Fault::BadIds(bad)),
            Some(Fault::BadIds(_)) | None => Ok(ids
                .iter()
                .filter(|id| !self.unknown.contains(id.as_str()))
                .map(|id| (id.clone(), Track::new(id.clone())))
                .collect()),
            Some(fault) => {
                self.script.lock().unwrap().pop_front();
                Err(fault)
            }
        };
        Box::pin(async move { answer })
    }
}

struct Bench {
    calls: Vec<Box<dyn Call>>,
    asked: Vec<Arc<Mutex<Vec<String>>>>,
    clock: TestClock,
    runtime: Runtime,
    cancel: CancelToken,
    saved: RefCell<Vec<WorkerState>>,
}

impl Bench {
    /// Two providers of features, then one of images.
    fn new(scripts: [Vec<Fault>; 3], unknown: [&'static str; 2]) -> Self {
        let asked: Vec<_> = (0..3).map(|_| Arc::<Mutex<Vec<String>>>::default()).collect();
        let [a, b, c] = scripts;
        let call = |provider, group, max_ids, script: Vec<Fault>, unknown, place: usize| {
            let asked = Arc::clone(&asked[place]);
            let script = Mutex::new(script.into());
            Box::new(Scripted { provider, group, max_ids, script, unknown, asked }) as Box<dyn Call>
        };
        let calls = vec![
            call(Provider::Spotify, Group::Features, 4, a, unknown[0], 0),
            call(Provider::ReccoBeats, Group::Features, 2, b, unknown[1], 1),
            call(Provider::OEmbed, Group::Image, 1, c, "", 2),
        ];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self {
            calls,
            asked,
            clock: TestClock(std::cell::Cell::new(1_000_000)),
            runtime,
            cancel: CancelToken::new(),
            saved: RefCell::default(),
        }
    }

    /// Asks for the features of the tracks whose ids are the letters of `ids`. Gives who knew which, which nobody knows,
    /// which had no answer, and the chain's reports.
    fn run(&self, state: WorkerState, ids: &str) -> (String, String, String, Vec<ProviderReport>) {
        self.run_group(Group::Features, state, ids, "")
    }

    /// The same for any group and with tracks that earlier runs did not find.
    fn run_group(
        &self,
        group: Group,
        state: WorkerState,
        ids: &str,
        missed_before: &str,
    ) -> (String, String, String, Vec<ProviderReport>) {
        let save = |state: &mut WorkerState| {
            self.saved.borrow_mut().push(state.clone());
            Ok(())
        };
        let order = [Provider::Spotify, Provider::ReccoBeats, Provider::OEmbed];
        let random = StdRng::seed_from_u64(1);
        let backoff = Duration::from_secs(1);
        let (clock, runtime, cancel) = (&self.clock, &self.runtime, &self.cancel);
        let mut chain =
            Chain::new(&self.calls, &order, state, clock, runtime, cancel, backoff, random, &save);
        let track_ids = |letters: &str| {
            letters.chars().map(|letter| TrackId::parse(&letter.to_string()).unwrap()).collect::<Vec<_>>()
        };
        chain.missed_before.extend(track_ids(missed_before));
        let ids = track_ids(ids);
        let mut known = Vec::new();
        let (missed, unanswered) = chain
            .ask_group(group, ids, |provider, _, found| {
                let list: String = found.keys().map(TrackId::as_str).collect();
                known.push(format!("{}:{list}", provider.name()));
            })
            .unwrap();
        let text = |ids: Vec<TrackId>| ids.iter().map(TrackId::as_str).collect::<String>();
        (known.join(" "), text(missed), text(unanswered), chain.reports())
    }

    fn asked(&self, place: usize) -> String {
        self.asked[place].lock().unwrap().join(" ")
    }

    fn passed_ms(&self) -> i64 {
        self.clock.now_ms() - 1_000_000
    }
}

fn too_many(seconds: u64) -> Fault {
    Fault::TooMany { retry_after: Some(Duration::from_secs(seconds)), quota: false }
}

fn down() -> Fault {
    Fault::Unavailable("HTTP 500".into())
}

#[test]
fn the_next_provider_is_asked_for_what_the_first_does_not_know() {
    let bench = Bench::new(Default::default(), ["bde", "e"]);
    let (known, missed, unanswered, _) = bench.run(WorkerState::default(), "abcdef");
    assert_eq!(known, "spotify:ac spotify:f reccobeats:bd reccobeats:");
    assert_eq!((missed.as_str(), unanswered.as_str()), ("e", ""));
    assert_eq!((bench.asked(0), bench.asked(1)), ("abcd ef".into(), "bd e".into()));
    assert_eq!(bench.asked(2), "", "it gives something else");
}

#[test]
fn a_short_retry_after_is_waited_for_to_the_second() {
    let bench = Bench::new([vec![too_many(7)], vec![], vec![]], ["", ""]);
    let (known, ..) = bench.run(WorkerState::default(), "ab");
    assert_eq!(known, "spotify:ab");
    assert_eq!(bench.passed_ms(), 7_000);
    // It was durable before the wait began: a kill would not have shortened it.
    assert_eq!(bench.saved.borrow()[0].providers["spotify"].suspended_until_ms, Some(1_007_000));
}

#[test]
fn a_suspension_left_by_an_earlier_run_is_waited_for() {
    let bench = Bench::new(Default::default(), ["", ""]);
    let mut state = WorkerState::default();
    state.provider("spotify").suspend(1_003_000, "too many requests");
    bench.run(state, "a");
    assert_eq!(bench.passed_ms(), 3_000);
}

#[test]
fn a_long_one_or_a_used_up_quota_suspends_and_the_chain_goes_on() {
    for (fault, until_ms) in [
        (too_many(61), 1_061_000),
        (Fault::TooMany { retry_after: Some(Duration::from_secs(7_200)), quota: true }, 8_200_000),
        (Fault::TooMany { retry_after: None, quota: true }, 4_600_000),
    ] {
        let bench = Bench::new([vec![fault], vec![], vec![]], ["", "b"]);
        let (known, missed, unanswered, reports) = bench.run(WorkerState::default(), "ab");
        // `b` may be known to the one that is suspended.
        assert_eq!((known.as_str(), missed.as_str(), unanswered.as_str()), ("reccobeats:a", "", "b"));
        assert_eq!((reports[0].state.as_str(), bench.passed_ms()), ("suspended", 0));
        let saved = bench.saved.borrow().last().unwrap().clone();
        assert_eq!(saved.providers["spotify"].suspended_until_ms, Some(until_ms));
    }
}

#[test]
fn without_retry_after_the_waits_grow_and_end() {
    let fault = Fault::TooMany { retry_after: None, quota: false };
    let bench = Bench::new([vec![fault; 20], vec![], vec![]], ["", ""]);
    let (known, ..) = bench.run(WorkerState::default(), "a");
    assert_eq!(known, "reccobeats:a");
    assert_eq!(bench.asked(0).split(' ').count(), MAX_TOO_MANY as usize);
    // At least half of 1 + 2 + 4 + ... seconds.
    assert!(bench.passed_ms() >= 31_500, "{}", bench.passed_ms());
}

#[test]
fn a_refused_call_is_left_out_and_the_others_decide() {
    let bench = Bench::new([vec![Fault::Refused], vec![], vec![]], ["", "b"]);
    let (known, missed, unanswered, reports) = bench.run(WorkerState::default(), "abcde");
    assert_eq!(known, "reccobeats:a reccobeats:cd reccobeats:e");
    assert_eq!((missed.as_str(), unanswered.as_str()), ("b", ""));
    assert_eq!(bench.asked(0), "abcd", "not asked for the rest");
    assert!(reports[0].disabled.contains_key("call"));
    let state = bench.saved.borrow().last().unwrap().clone();
    // The next run does not ask; the one after a week does, and forgets the refusal when it is answered.
    bench.run(state.clone(), "a");
    assert_eq!(bench.asked(0), "abcd");
    bench.clock.0.set(1_000_000 + 7 * 24 * 60 * 60 * 1_000);
    bench.run(state, "a");
    assert_eq!(bench.asked(0), "abcd a");
    assert!(bench.saved.borrow().last().unwrap().providers["spotify"].disabled.is_empty());
}

#[test]
fn a_server_in_trouble_is_asked_again_then_left_alone() {
    let bench = Bench::new([vec![down(), down()], vec![], vec![]], ["", ""]);
    let (known, _, _, reports) = bench.run(WorkerState::default(), "ab");
    assert_eq!(known, "spotify:ab");
    assert_eq!((reports[0].retries, reports[0].failures), (2, 0));
    assert!((1_500..=3_000).contains(&bench.passed_ms()), "{}", bench.passed_ms());

    // For good: three calls of four attempts, then no more; nothing of it counts as unknown.
    let bench = Bench::new([vec![down(); 99], vec![], vec![]], ["", "abcdefghijklmnop"]);
    let (known, missed, unanswered, reports) = bench.run(WorkerState::default(), "abcdefghijklmnop");
    assert_eq!(bench.asked(0).split(' ').count(), 12);
    assert!(known.chars().filter(|c| *c == ':').count() == 8, "{known}");
    assert_eq!((missed.as_str(), unanswered.as_str()), ("", "abcdefghijklmnop"));
    assert_eq!((reports[0].state.as_str(), reports[0].failures), ("failing", 3));
}

#[test]
fn credentials_that_do_not_count_end_it_for_this_run() {
    let bench = Bench::new([vec![Fault::Unauthorized("no".into())], vec![], vec![]], ["", ""]);
    let (known, _, _, reports) = bench.run(WorkerState::default(), "abcde");
    assert_eq!(
        (known.as_str(), bench.asked(0).as_str()),
        ("reccobeats:ab reccobeats:cd reccobeats:e", "abcd")
    );
    assert_eq!(reports[0].state, "failing");
}

#[test]
fn one_bad_id_does_not_keep_the_others_from_their_answer() {
    let bench = Bench::new([vec![Fault::BadIds("c".into())], vec![], vec![]], ["", "abcd"]);
    let (known, missed, unanswered, _) = bench.run(WorkerState::default(), "abcd");
    assert_eq!(bench.asked(0), "abcd ab cd c d");
    assert_eq!(known, "spotify:abd reccobeats:");
    assert_eq!((missed.as_str(), unanswered.as_str()), ("c", ""));
}

#[test]
fn a_call_that_refuses_every_id_says_nothing_of_them() {
    let bad = Fault::BadIds("abcdefghijklmnop".into());
    let bench = Bench::new([vec![bad.clone()], vec![], vec![]], ["", "b"]);
    let (known, missed, unanswered, reports) = bench.run(WorkerState::default(), "abcd");
    assert_eq!(bench.asked(0), "abcd ab a b cd c d");
    assert_eq!(
        (known.as_str(), missed.as_str(), unanswered.as_str()),
        ("reccobeats:a reccobeats:cd", "", "b")
    );
    assert_eq!((reports[0].failures, reports[0].unknown), (1, 0));
    // Three such requests in a row are enough.
    let bench = Bench::new([vec![bad], vec![], vec![]], ["", "abcdefghijklmnop"]);
    let (_, missed, _, reports) = bench.run(WorkerState::default(), "abcdefghijklmnop");
    assert_eq!(bench.asked(0).split(' ').count(), 21);
    assert_eq!((missed.as_str(), reports[0].state.as_str()), ("", "failing"));
}

#[test]
fn tracks_refused_one_by_one_are_unknown_only_to_whom_answers_at_all() {
    let ask = |ids: &str, missed_before: &str| {
        let bench = Bench::new([vec![], vec![], vec![Fault::BadIds("abcdefghij".into())]], ["", ""]);
        bench.run_group(Group::Image, WorkerState::default(), ids, missed_before)
    };
    // A few may be unknown.
    let (_, missed, unanswered, _) = ask("abcd", "");
    assert_eq!((missed.as_str(), unanswered.as_str()), ("abcd", ""));
    // With five it is the call that is in doubt; after seven it is left alone.
    let (_, missed, unanswered, reports) = ask("abcdefghij", "");
    assert_eq!((missed.as_str(), unanswered.as_str()), ("", "abcdefghij"));
    assert_eq!((reports[2].state.as_str(), reports[2].requests, reports[2].unknown), ("failing", 7, 0));
    assert!(reports[2].reason.as_ref().unwrap().contains("address"), "{:?}", reports[2].reason);
    // That those are refused again which were before is nothing new.
    let (_, missed, unanswered, reports) = ask("abcdefghij", "abcdefgh");
    assert_eq!((missed.as_str(), unanswered.as_str()), ("abcdefghij", ""));
    assert_eq!((reports[2].state.as_str(), reports[2].unknown), ("ready", 10));
}

#[test]
fn one_answer_is_enough_to_believe_the_refusals_before_it() {
    let bench = Bench::new([vec![], vec![], vec![Fault::BadIds("abcdef".into())]], ["", ""]);
    let (known, missed, unanswered, _) = bench.run_group(Group::Image, WorkerState::default(), "abcdefg", "");
    assert_eq!((known.as_str(), missed.as_str(), unanswered.as_str()), ("oembed:g", "abcdef", ""));
}

#[test]
fn a_worker_that_is_to_stop_asks_nobody() {
    let bench = Bench::new(Default::default(), ["", ""]);
    bench.cancel.cancel();
    let (known, missed, unanswered, _) = bench.run(WorkerState::default(), "ab");
    assert_eq!((known.as_str(), missed.as_str(), unanswered.as_str()), ("", "", "ab"));
}
