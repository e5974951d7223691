//! The threads that notice changes. One looks at the list of removals, which takes effect at once; the other takes new
//! generations through their gates, which takes as long as reading them.
//!
//! The system tells of changes of the snapshot's directory. Where it cannot (network file systems, no inotify watches
//! left), and for whatever it does not tell, both files are looked at every few seconds too.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::artifact::{CURRENT_FILE, REMOVED_FILE};
use crate::progress::CancelToken;

use super::Live;

/// How long the end of a check is waited for when the server stops. It only reads, so the process may end without it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Follows `CURRENT` and the list of removals until it is dropped.
#[derive(Debug)]
pub struct Follower {
    stop: CancelToken,
    wake: SyncSender<()>,
    watch: Option<JoinHandle<()>>,
    check: Option<JoinHandle<()>>,
}

impl Follower {
    /// Begins to follow; looks at both files at least once every `poll`.
    pub fn start(live: Arc<Live>, poll: Duration) -> io::Result<Self> {
        let stop = CancelToken::new();
        // A message says that something may have changed; one that waits stands for all that follow.
        let (wake, woken) = sync_channel(1);
        let (ask, asked) = sync_channel(1);
        let watcher = watch(live.directory.path(), wake.clone()).map_err(|error| {
            tracing::warn!(
                "the system does not tell of new generations ({error}): looking every {} s instead",
                poll.as_secs()
            );
        });
        let check = {
            let (live, stop) = (Arc::clone(&live), stop.clone());
            let run = move || {
                for () in asked {
                    if stop.is_cancelled() {
                        return;
                    }
                    live.follow(&stop);
                }
            };
            thread::Builder::new().name("check".into()).spawn(run)?
        };
        let watch = {
            let stop = stop.clone();
            let run = move || {
                // Kept for as long as it is to tell.
                let _watcher = watcher;
                run_watch(&live, &woken, &ask, poll, &stop);
            };
            thread::Builder::new().name("watch".into()).spawn(run)?
        };
        Ok(Self { stop, wake, watch: Some(watch), check: Some(check) })
    }
}

fn run_watch(live: &Live, woken: &Receiver<()>, ask: &SyncSender<()>, poll: Duration, stop: &CancelToken) {
    loop {
        live.apply_removals();
        live.close_unused();
        // Where it is being checked already, that ends with a look at `CURRENT`; one message waits for a look after it.
        let _ = ask.try_send(());
        match woken.recv_timeout(poll) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if stop.is_cancelled() {
            return;
        }
    }
}

/// Sends a message whenever one of the two files of `directory` changes.
fn watch(directory: &Path, wake: SyncSender<()>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.map_or(true, |event| is_change(&event)) {
            let _ = wake.try_send(());
        }
    })?;
    watcher.watch(directory, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Whether an event may have changed one of the two files. That they were opened and read is told, too.
fn is_change(event: &Event) -> bool {
    let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
    if event.kind.is_access() && event.kind != written {
        return false;
    }
    let is_ours =
        |path: &Path| path.file_name().is_some_and(|name| name == CURRENT_FILE || name == REMOVED_FILE);
    event.need_rescan() || event.paths.iter().any(|path| is_ours(path))
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop.cancel();
        let _ = self.wake.try_send(());
        if let Some(watch) = self.watch.take() {
            let _ = watch.join();
        }
        // The watch is gone, and with it the sender that the check listens to.
        if let Some(check) = self.check.take() {
            let started = Instant::now();
            while !check.is_finished() && started.elapsed() < PATIENCE {
                thread::sleep(Duration::from_millis(10));
            }
            if check.is_finished() {
                let _ = check.join();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_a_file_is_no_change() {
        let event = |kind, name: &str| Event::new(kind).add_path(Path::new("/indexes/main").join(name));
        let open = EventKind::Access(AccessKind::Open(AccessMode::Any));
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        let modified = EventKind::Modify(notify::event::ModifyKind::Any);
        assert!(is_change(&event(modified, CURRENT_FILE)));
        assert!(is_change(&event(modified, REMOVED_FILE)));
        assert!(is_change(&event(closed, CURRENT_FILE)));
        assert!(!is_change(&event(open, CURRENT_FILE)));
        assert!(!is_change(&event(modified, ".staging-CURRENT")));
        assert!(is_change(&Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan)));
    }
}
