//! What a search for changes may cost. Work is counted, not timed, so that the same question has the same answer.

use std::cell::Cell;

use crate::progress::CancelToken;

/// Steps that all features of a request may take together, beyond looking at every candidate once for each.
pub const STEPS: u64 = 100_000_000;

/// What is paid for. A step is about what bounding one rival over an interval takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Bounding a rival over an interval.
    Bound,
    /// Finding every place where a rival changes sides.
    Turns,
    /// A score.
    Score,
}

impl Work {
    fn steps(self) -> u64 {
        match self {
            Self::Bound => 1,
            Self::Turns => 24,
            Self::Score => 2,
        }
    }
}

/// Steps left.
#[derive(Debug)]
pub struct Budget<'a> {
    left: Cell<u64>,
    cancel: &'a CancelToken,
}

impl<'a> Budget<'a> {
    pub fn new(steps: u64, cancel: &'a CancelToken) -> Self {
        Self { left: Cell::new(steps), cancel }
    }

    /// Pays for `work` on so many rivals; `false`, and nothing is paid, where that is too much or nobody waits any more.
    pub fn pays(&self, work: Work, n_rivals: usize) -> bool {
        let steps = work.steps() * n_rivals as u64;
        let pays = steps <= self.left.get() && !self.cancel.is_cancelled();
        if pays {
            self.left.set(self.left.get() - steps);
        }
        pays
    }

    /// Steps that are left.
    pub fn left(&self) -> u64 {
        self.left.get()
    }
}
