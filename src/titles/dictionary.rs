//! The terms a word of a query may mean: itself, what begins with it, what is a typo away.

use std::cell::Cell;
use std::ops::{Deref, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};

use fst::{Automaton, IntoStreamer, Streamer};

use super::automaton::TypoAutomaton;

/// Transitions a search for typos may follow; a dictionary of 300,000 terms asks for about this many at two edits.
const MAX_TYPO_STEPS: u32 = 60_000;

/// Transitions on the way to one term; terms are short, so that only cycles in a damaged dictionary take more.
const MAX_SEEK_STEPS: u32 = 1_000;

/// Term -> term number, numbers ascending with the terms.
pub(super) struct Dictionary<T> {
    map: fst::Map<Bytes<T>>,
    n_terms: u32,
}

/// `fst` wants `AsRef`, mapped sections have `Deref`.
struct Bytes<T>(T);

impl<T: Deref<Target = [u8]>> AsRef<[u8]> for Bytes<T> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Accepts every term until so many transitions were followed.
struct Steps(Cell<u32>);

impl Automaton for &Steps {
    type State = ();

    fn start(&self) {}

    fn is_match(&self, _: &()) -> bool {
        true
    }

    fn can_match(&self, _: &()) -> bool {
        self.0.get() > 0
    }

    fn accept(&self, _: &(), _: u8) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// A term that is not what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Typo {
    pub term: u32,
    /// Edits between the word and the term or, unless `whole`, the beginning of it.
    pub distance: u8,
    pub whole: bool,
}

impl<T: Deref<Target = [u8]>> Dictionary<T> {
    /// Opens the bytes of an `fst::Map` and checks its checksum: the walks of `fst` trust what they read.
    pub fn open(bytes: T) -> Result<Self, fst::Error> {
        // Even the opening computes with lengths from the file.
        let opened = catch_unwind(AssertUnwindSafe(|| -> Result<_, fst::Error> {
            let map = fst::Map::new(Bytes(bytes))?;
            map.as_fst().verify()?;
            Ok(map)
        }));
        let map = opened.unwrap_or_else(|_| Err(fst::raw::Error::Format { size: 0 }.into()))?;
        let n_terms = u32::try_from(map.len()).unwrap_or(u32::MAX);
        Ok(Self { map, n_terms })
    }

    /// How many terms the dictionary says it has.
    pub fn n_terms(&self) -> usize {
        self.map.len()
    }

    /// The number of `word` itself.
    pub fn exact(&self, word: &str) -> Option<u32> {
        guarded(|| self.map.get(word)).and_then(|number| self.checked(number))
    }

    /// The numbers of all terms that begin with `word`, itself included.
    pub fn beginning_with(&self, word: &str) -> Range<u32> {
        let first_from = |key: &[u8]| {
            let steps = &Steps(Cell::new(MAX_SEEK_STEPS));
            guarded(|| self.map.search(steps).ge(key).into_stream().next().map(|(_, number)| number))
                .and_then(|number| self.checked(number))
                .unwrap_or(self.n_terms)
        };
        // The first key after all that begin with the word; no byte of UTF-8 is 0xff.
        let mut after = word.as_bytes().to_vec();
        match after.last_mut() {
            Some(last) => *last = last.saturating_add(1),
            None => return 0..self.n_terms,
        }
        let begin = first_from(word.as_bytes());
        begin..first_from(&after).max(begin)
    }

    /// The terms at most `distance` edits from `word` (or, with `prefix`, from a beginning of them).
    pub fn typos(&self, word: &str, distance: u8, prefix: bool) -> Vec<Typo> {
        guarded(|| {
            let automaton = TypoAutomaton::new(word, distance, prefix, MAX_TYPO_STEPS);
            let mut found = Vec::new();
            let mut stream = self.map.search_with_state(&automaton).into_stream();
            while let Some((_, number, state)) = stream.next() {
                let Some(term) = self.checked(number) else {
                    continue;
                };
                let whole_distance = automaton.whole_distance(&state);
                let whole = whole_distance <= distance;
                let distance = if whole { whole_distance } else { automaton.prefix_distance(&state) };
                found.push(Typo { term, distance, whole });
            }
            found
        })
    }

    fn checked(&self, number: u64) -> Option<u32> {
        u32::try_from(number).ok().filter(|&term| term < self.n_terms)
    }
}

/// The result of `walk`, or nothing if it panics: `fst` documents that it may when bytes were forged together with
/// their checksum, and a query must not take the server down for that.
fn guarded<R: Default>(walk: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(walk)).unwrap_or_default()
}
