//! From what `CURRENT` names to what is served, or why not.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use crate::artifact::ArtifactError;
use crate::progress::CancelToken;

use super::{Live, gates};

/// Why what `CURRENT` names is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not served: {reason}", generation.as_deref().map_or("what CURRENT names".into(), |name| format!("generation {name}")))]
pub struct Refusal {
    /// The generation; `None` where `CURRENT` names none or cannot be read.
    pub generation: Option<String>,
    /// Why.
    pub reason: String,
    /// Whether it is looked at again although `CURRENT` stays the same.
    pub(super) passing: bool,
}

/// What came of an attempt to serve what `CURRENT` names.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The generation served after it.
    pub generation: String,
    /// The one served before it.
    pub previous: String,
    /// Why that is not the one that `CURRENT` names, if it is not.
    pub refused: Option<Arc<Refusal>>,
}

/// When somebody asked: attempts that began later answer for it.
#[derive(Clone, Copy, Debug)]
pub struct Ticket(u64);

/// The last attempt, and which one it was.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    last: Option<(u64, Attempt)>,
}

impl Live {
    /// Serves what `CURRENT` names, if it is another generation that passes its gates. One that was refused before is
    /// not tried again.
    pub fn follow(&self, cancel: &CancelToken) -> Attempt {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        self.attempt(&mut attempts, false, cancel)
    }

    /// Notes that somebody asks now.
    pub fn ticket(&self) -> Ticket {
        Ticket(self.n_attempts.load(Ordering::SeqCst))
    }

    /// The same as [`Self::follow`] for whoever asked when the ticket was given, also for a generation that was refused
    /// before. Where an attempt began since then, its outcome is the answer.
    pub fn reload(&self, ticket: Ticket, cancel: &CancelToken) -> Attempt {
        self.apply_removals();
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        match &attempts.last {
            Some((number, attempt)) if *number > ticket.0 => attempt.clone(),
            _ => self.attempt(&mut attempts, true, cancel),
        }
    }

    fn attempt(&self, attempts: &mut Attempts, again: bool, cancel: &CancelToken) -> Attempt {
        let number = self.n_attempts.fetch_add(1, Ordering::SeqCst) + 1;
        let previous = self.served().generation().to_owned();
        let refused = self.serve_current(again, cancel).err().map(Arc::new);
        let is_news = again || refused != self.refused();
        if let Some(refusal) = &refused
            && is_news
            && !cancel.is_cancelled()
        {
            tracing::error!("{refusal}; generation {previous} goes on being served");
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
        }
        self.refused.store(refused.clone());
        let attempt = Attempt { generation: self.served().generation().to_owned(), previous, refused };
        // What was refused before and not tried now answers nobody who asks for another try.
        if is_news || attempt.refused.is_none() {
            attempts.last = Some((number, attempt.clone()));
        }
        attempt
    }

    /// Ends when what `CURRENT` names is served, or with the reason why not.
    fn serve_current(&self, again: bool, cancel: &CancelToken) -> Result<(), Refusal> {
        loop {
            let wanted = self.current()?;
            if wanted == self.served().generation() {
                return Ok(());
            }
            let known = self.refused();
            let known = known.filter(|known| known.generation.as_ref() == Some(&wanted) && !known.passing);
            if let (Some(known), false) = (known, again) {
                return Err((*known).clone());
            }
            // Without it nothing can be swapped in, which is better known before all files are read.
            self.directory.removals().map_err(|error| unlisted(&wanted, &error))?;
            tracing::info!("checking generation {wanted}");
            let passed = gates::pass(
                self.directory.name(),
                self.directory.resolve(Some(&wanted)),
                &self.settings,
                cancel,
            );
            // Checking takes its time: `CURRENT` may name another one by now, or again the one being served.
            match (passed, self.current()?) {
                (_, now) if now == self.served().generation() => return Ok(()),
                (Err(_), now) if now != wanted => {}
                (Ok(snapshot), _) => {
                    self.swap_in(&snapshot).map_err(|error| unlisted(&wanted, &error))?;
                    tracing::info!("serving generation {wanted}");
                }
                (Err(error), _) => {
                    let passing = error.is_passing();
                    return Err(Refusal { generation: Some(wanted), reason: error.to_string(), passing });
                }
            }
        }
    }

    fn current(&self) -> Result<String, Refusal> {
        let reason = match self.directory.current() {
            Ok(Some(generation)) => return Ok(generation),
            Ok(None) => "there is no such file".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(Refusal { generation: None, reason, passing: true })
    }
}

/// The list of removals cannot be read: what must not be returned is not known.
fn unlisted(generation: &str, error: &ArtifactError) -> Refusal {
    Refusal { generation: Some(generation.to_owned()), reason: error.to_string(), passing: true }
}
