//! A circuit breaker: after a few failures in a row a server is left alone for a while, then one caller tries it again.
//! It reads no clock and draws no random numbers itself.
//!
//! ```text
//! closed --failures in a row--> open --after a pause--> half-open --success--> closed
//!                                ^---------- failure, longer pause ----'
//! ```

use std::time::{Duration, Instant};

/// Failures in a row that open it.
pub const FAILURES: u32 = 3;
/// The first pause.
pub const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause; each is twice the one before.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A pause is up to this share longer, so that many servers do not come back at the same moment.
const JITTER: f64 = 0.25;
/// After so long a probe that said nothing is taken for lost.
const PROBE_PATIENCE: Duration = Duration::from_secs(5);

/// Whether a server may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Yes.
    Go(Turn),
    /// It is time to try whether it is there again: by this caller only.
    Probe(Turn),
    /// No.
    Refused,
}

/// Since which probe a permit was given. A reply to what was asked before that one says nothing about the server now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn(u64);

/// What a report changed, worth a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is left alone from now on.
    Opened,
    /// It is asked again; how long it was left alone.
    Closed(Duration),
}

/// As a number for gauges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// In use.
    Closed = 0,
    /// Being tried.
    HalfOpen = 1,
    /// Left alone.
    Open = 2,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed { failures: u32 },
    Open { since: Instant, until: Instant },
    HalfOpen { since: Instant, given_up: Instant },
}

/// The breaker of one server.
#[derive(Debug)]
pub struct Breaker {
    state: State,
    /// Probes so far.
    turn: Turn,
    /// The pause of the next opening.
    pause: Duration,
    /// When it was closed last: one that opens again at once goes on with longer pauses.
    closed_at: Option<Instant>,
}

impl Breaker {
    /// A closed one.
    pub fn new() -> Self {
        Self { state: State::Closed { failures: 0 }, turn: Turn(0), pause: FIRST_PAUSE, closed_at: None }
    }

    /// Whether the server may be asked at `now`. Whoever gets [`Permit::Probe`] must report what came of it.
    pub fn ask(&mut self, now: Instant) -> Permit {
        match self.state {
            State::Closed { .. } => Permit::Go(self.turn),
            State::Open { since, until } if now >= until => self.probe(since, now),
            State::HalfOpen { since, given_up } if now >= given_up => self.probe(since, now),
            State::Open { .. } | State::HalfOpen { .. } => Permit::Refused,
        }
    }

    /// Whether [`Self::ask`] would refuse, without taking the probe.
    pub fn refuses(&self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => false,
            State::Open { until, .. } => now < until,
            State::HalfOpen { given_up, .. } => now < given_up,
        }
    }

    fn probe(&mut self, since: Instant, now: Instant) -> Permit {
        self.state = State::HalfOpen { since, given_up: now + PROBE_PATIENCE };
        self.turn.0 += 1;
        Permit::Probe(self.turn)
    }

    /// The server did what it was asked for with a permit of `turn`.
    pub fn succeeded(&mut self, turn: Turn, now: Instant) -> Option<Change> {
        match self.state {
            _ if turn != self.turn => None,
            State::Closed { .. } => {
                self.state = State::Closed { failures: 0 };
                None
            }
            // A late reply to a question from before it opened.
            State::Open { .. } => None,
            State::HalfOpen { since, .. } => {
                self.state = State::Closed { failures: 0 };
                self.closed_at = Some(now);
                Some(Change::Closed(now.saturating_duration_since(since)))
            }
        }
    }

    /// The server did not; `random`, 0 to 1, spreads the pauses.
    pub fn failed(&mut self, turn: Turn, now: Instant, random: f64) -> Option<Change> {
        match self.state {
            _ if turn != self.turn => None,
            State::Closed { failures } if failures + 1 < FAILURES => {
                self.state = State::Closed { failures: failures + 1 };
                None
            }
            State::Closed { .. } => {
                let settled = |at: Instant| now.saturating_duration_since(at) > LONGEST_PAUSE;
                if self.closed_at.is_none_or(settled) {
                    self.pause = FIRST_PAUSE;
                }
                self.open(now, now, random);
                Some(Change::Opened)
            }
            State::Open { .. } => None,
            State::HalfOpen { since, .. } => {
                self.open(since, now, random);
                None
            }
        }
    }

    fn open(&mut self, since: Instant, now: Instant, random: f64) {
        let pause = self.pause.mul_f64(1.0 + JITTER * random.clamp(0.0, 1.0)).min(LONGEST_PAUSE);
        self.state = State::Open { since, until: now + pause };
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    /// Where it stands.
    pub fn position(&self) -> Position {
        match self.state {
            State::Closed { .. } => Position::Closed,
            State::Open { .. } => Position::Open,
            State::HalfOpen { .. } => Position::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn fail(breaker: &mut Breaker, now: Instant, random: f64) {
        let turn = breaker.turn;
        let changes: Vec<_> = (0..FAILURES).map(|_| breaker.failed(turn, now, random)).collect();
        assert_eq!(changes, [None, None, Some(Change::Opened)]);
    }

    fn probe(breaker: &mut Breaker, now: Instant) -> Turn {
        match breaker.ask(now) {
            Permit::Probe(turn) => turn,
            other => panic!("{other:?}"),
        }
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new();
        fail(&mut breaker, now, 0.0);
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_does_not() {
        let now = Instant::now();
        let mut breaker = Breaker::new();
        for _ in 0..10 {
            let turn = breaker.turn;
            assert_eq!((breaker.failed(turn, now, 0.0), breaker.failed(turn, now, 0.0)), (None, None));
            assert_eq!(breaker.succeeded(turn, now), None);
            assert_eq!((breaker.ask(now), breaker.position()), (Permit::Go(turn), Position::Closed));
        }
        let mut breaker = opened(now);
        assert_eq!((breaker.ask(now), breaker.position()), (Permit::Refused, Position::Open));
        // What was on its way when it opened changes nothing.
        let turn = breaker.turn;
        assert_eq!((breaker.failed(turn, now, 0.0), breaker.succeeded(turn, now)), (None, None));
        assert_eq!(breaker.ask(now + FIRST_PAUSE - MS), Permit::Refused);
    }

    #[test]
    fn one_caller_probes_and_its_success_closes() {
        let start = Instant::now();
        let mut breaker = opened(start);
        let now = start + FIRST_PAUSE;
        assert!(breaker.refuses(now - MS) && !breaker.refuses(now), "looking takes nothing");
        let turn = probe(&mut breaker, now);
        assert_eq!(breaker.ask(now), Permit::Refused);
        assert!(breaker.refuses(now));
        assert_eq!(breaker.position(), Position::HalfOpen);
        assert_eq!(breaker.succeeded(turn, now + MS), Some(Change::Closed(FIRST_PAUSE + MS)));
        assert_eq!(breaker.ask(now + MS), Permit::Go(turn));
    }

    #[test]
    fn stragglers_do_not_decide_for_the_probe() {
        let start = Instant::now();
        let mut breaker = opened(start);
        let old = Turn(0);
        let now = start + FIRST_PAUSE;
        let lost = probe(&mut breaker, now);
        assert_eq!(breaker.succeeded(old, now), None, "the server was well before it failed");
        assert_eq!((breaker.failed(old, now, 0.0), breaker.position()), (None, Position::HalfOpen));
        // Neither does a probe that was taken for lost.
        let now = now + PROBE_PATIENCE;
        let turn = probe(&mut breaker, now);
        assert_eq!((breaker.succeeded(lost, now), breaker.failed(lost, now, 0.0)), (None, None));
        assert_eq!(breaker.position(), Position::HalfOpen);
        assert!(breaker.succeeded(turn, now).is_some());
        // Failures from before the opening do not open it again.
        assert_eq!([0; 5].map(|_| breaker.failed(old, now, 0.0)), [None; 5]);
        assert_eq!(breaker.ask(now), Permit::Go(turn));
    }

    #[test]
    fn pauses_grow_to_a_limit_and_shrink_after_a_quiet_time() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        let mut pause = FIRST_PAUSE;
        for _ in 0..10 {
            assert_eq!(breaker.ask(now + pause - MS), Permit::Refused, "{pause:?}");
            now += pause;
            let turn = probe(&mut breaker, now);
            assert_eq!(breaker.failed(turn, now, 0.0), None, "a failed probe is not news");
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        now += LONGEST_PAUSE;
        let turn = probe(&mut breaker, now);
        assert!(breaker.succeeded(turn, now).is_some());
        // It comes and goes: the pauses stay long.
        fail(&mut breaker, now, 0.0);
        assert_eq!(breaker.ask(now + LONGEST_PAUSE - MS), Permit::Refused);
        now += LONGEST_PAUSE;
        let turn = probe(&mut breaker, now);
        assert!(breaker.succeeded(turn, now).is_some());
        now += LONGEST_PAUSE + MS;
        fail(&mut breaker, now, 0.0);
        probe(&mut breaker, now + FIRST_PAUSE);
    }

    #[test]
    fn jitter_spreads_pauses_and_a_lost_probe_is_replaced() {
        let now = Instant::now();
        let mut breaker = Breaker::new();
        fail(&mut breaker, now, 1.0);
        assert_eq!(breaker.ask(now + FIRST_PAUSE), Permit::Refused);
        let later = now + FIRST_PAUSE * 2;
        probe(&mut breaker, later);
        assert_eq!(breaker.ask(later), Permit::Refused);
        probe(&mut breaker, later + PROBE_PATIENCE);
    }
}
