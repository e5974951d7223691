//! Progress for people and cancellation for programs: what every long phase reports to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::Notify;

/// Why work ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cancelled {
    /// It was asked to stop (Ctrl-C, SIGTERM, or a caller's own request).
    #[error("interrupted")]
    Asked,
    /// It took longer than it was given.
    #[error("the time limit was reached")]
    OutOfTime,
}

/// A request to stop, shared by whoever asks and whoever works. Cheap to clone and to check.
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    asked: Arc<Asked>,
    deadline: Option<Instant>,
}

#[derive(Debug, Default)]
struct Asked {
    to_stop: AtomicBool,
    wake: Notify,
}

impl CancelToken {
    /// A token nobody has cancelled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same token, which also stops the work `limit` from now.
    pub fn with_time_limit(&self, limit: Duration) -> Self {
        Self { asked: Arc::clone(&self.asked), deadline: Instant::now().checked_add(limit) }
    }

    /// Asks the work to stop at its next check.
    pub fn cancel(&self) {
        self.asked.to_stop.store(true, Ordering::Release);
        self.asked.wake.notify_waiters();
    }

    /// Asks the work to stop when what this returns is dropped: a future that waits for the work, for example.
    pub fn cancel_on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(self.clone())
    }

    /// Ends once the work was asked to stop; at once if it already was. A time limit does not end it.
    pub async fn asked(&self) {
        // Made before the flag is looked at, so that a request between the two is not missed.
        let woken = self.asked.wake.notified();
        if !self.asked.to_stop.load(Ordering::Acquire) {
            woken.await;
        }
    }

    /// Whether the work has to stop.
    pub fn is_cancelled(&self) -> bool {
        self.check().is_err()
    }

    /// An error once the work has to stop, for use with `?`.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.asked.to_stop.load(Ordering::Acquire) {
            Err(Cancelled::Asked)
        } else if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            Err(Cancelled::OutOfTime)
        } else {
            Ok(())
        }
    }
}

/// Cancels a token when it is dropped.
#[must_use = "it cancels at once where it is not kept"]
#[derive(Debug)]
pub struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Where phases report to: bars with rate and ETA on a terminal's standard error, nothing elsewhere.
#[derive(Clone, Debug)]
pub struct Progress {
    visible: bool,
}

impl Progress {
    /// Bars on standard error when it is a terminal.
    pub fn stderr() -> Self {
        Self { visible: true }
    }

    /// No output at all.
    pub fn hidden() -> Self {
        Self { visible: false }
    }

    /// Starts a phase of `n` units (`unit` names them: "tracks", "items").
    pub fn phase(&self, title: &'static str, n: u64, unit: &'static str) -> Phase {
        let template = format!(
            "{{msg:<16}} {{wide_bar}} {{human_pos}}/{{human_len}} {unit} {{per_sec}} elapsed {{elapsed}} ETA {{eta}}"
        );
        self.bar(title, n, &template)
    }

    /// Starts a phase measured in bytes of input; [`Phase::note`] adds how many rows that were.
    pub fn bytes(&self, title: &'static str, n: u64) -> Phase {
        self.bar(
            title,
            n,
            "{msg:<16} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} elapsed {elapsed} ETA {eta} {prefix}",
        )
    }

    fn bar(&self, title: &'static str, n: u64, template: &str) -> Phase {
        // `stderr()` draws on terminals only; indicatif checks.
        let target = if self.visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(n), target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(title);
        bar.enable_steady_tick(Duration::from_millis(250));
        Phase { bar }
    }
}

/// One running phase; its bar goes away when it is dropped.
#[derive(Debug)]
pub struct Phase {
    bar: ProgressBar,
}

impl Phase {
    /// `n` more units are done.
    pub fn advance(&self, n: u64) {
        self.bar.inc(n);
    }

    /// `position` units are done in all.
    pub fn set(&self, position: u64) {
        self.bar.set_position(position);
    }

    /// A short text after the figures.
    pub fn note(&self, text: String) {
        self.bar.set_prefix(text);
    }

    /// Prints a line without disturbing the bar (or plainly, where no bar is drawn).
    pub fn println(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }
}

impl Drop for Phase {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
