//! The time, replaceable in tests.

use std::time::Duration;

use tokio::runtime::Runtime;

use crate::progress::CancelToken;

/// What tells the time and waits.
pub trait Clock {
    /// Milliseconds since 1970 (UTC).
    fn now_ms(&self) -> i64;

    /// Waits for at least `duration`, or until the work is to stop.
    fn sleep(&self, duration: Duration, cancel: &CancelToken);

    /// Waits until `at_ms`. Returns false when the work is to stop before.
    fn sleep_until(&self, at_ms: i64, cancel: &CancelToken) -> bool {
        loop {
            if cancel.is_cancelled() {
                return false;
            }
            match at_ms.saturating_sub(self.now_ms()) {
                left @ 1.. => self.sleep(Duration::from_millis(left.unsigned_abs()), cancel),
                _ => return true,
            }
        }
    }
}

/// The time of this machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock<'a>(pub &'a Runtime);

impl Clock for SystemClock<'_> {
    fn now_ms(&self) -> i64 {
        jiff::Timestamp::now().as_millisecond()
    }

    fn sleep(&self, duration: Duration, cancel: &CancelToken) {
        self.0.block_on(async {
            tokio::select! {
                () = tokio::time::sleep(duration) => {}
                () = cancel.asked() => {}
            }
        });
    }
}

/// A clock that stands still but for its sleeps.
#[cfg(test)]
pub(super) struct TestClock(pub std::cell::Cell<i64>);

#[cfg(test)]
impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.get()
    }

    fn sleep(&self, duration: Duration, _: &CancelToken) {
        self.0.set(self.0.get() + duration.as_millis() as i64);
    }
}
