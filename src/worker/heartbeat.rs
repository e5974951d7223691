//! Something done again and again beside the work, however long that takes.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Beats until it is dropped; afterwards no beat is under way any more.
#[derive(Debug)]
pub(super) struct Heartbeat {
    /// Dropping it ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// Calls `beat` every `period`, the first time after one. Without a thread there is none; the work goes on.
    pub fn start(period: Duration, beat: impl Fn() + Send + 'static) -> Self {
        let (stop, stopped) = mpsc::channel();
        let beats = move || {
            while stopped.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
                beat();
            }
        };
        let thread = thread::Builder::new().name("heartbeat".to_owned()).spawn(beats);
        let thread = thread.inspect_err(|error: &io::Error| tracing::warn!("no heartbeat: {error}")).ok();
        Self { stop: Some(stop), thread }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It can only fail by a panic, which was reported then.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Instant;

    use super::*;

    #[test]
    fn it_beats_until_it_is_dropped() {
        let n_beats = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&n_beats);
        let heartbeat = Heartbeat::start(Duration::from_millis(2), move || {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let deadline = Instant::now() + Duration::from_secs(20);
        while n_beats.load(Ordering::SeqCst) < 5 {
            assert!(Instant::now() < deadline, "it does not beat");
            thread::yield_now();
        }
        drop(heartbeat);
        // The thread is gone, and what it held with it.
        assert_eq!(Arc::strong_count(&n_beats), 1);
    }

    #[test]
    fn the_end_is_not_waited_for_until_the_next_beat() {
        let began = Instant::now();
        drop(Heartbeat::start(Duration::from_secs(60), || ()));
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }
}
