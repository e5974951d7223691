//! The terms a word of a query may mean: itself, what begins with it, what is a typo away.

use std::cell::Cell;
use std::ops::{Deref, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};

use fst::raw::Node;
use fst::{Automaton, IntoStreamer, Streamer};

use super::automaton::{State, TypoAutomaton};

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

/// Terms that are not what was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Typo {
    /// One term when `whole`, otherwise all with one beginning.
    pub terms: Range<u32>,
    /// Edits between the word and the term or, unless `whole`, the beginning of it; at least 1.
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
    pub fn beginning_with(&self, word: &[u8]) -> Range<u32> {
        let first_from = |key: &[u8]| {
            let steps = &Steps(Cell::new(MAX_SEEK_STEPS));
            guarded(|| self.map.search(steps).ge(key).into_stream().next().map(|(_, number)| number))
                .and_then(|number| self.checked(number))
                .unwrap_or(self.n_terms)
        };
        // The first key after all that begin with the word; no byte of UTF-8 is 0xff.
        let mut after = word.to_vec();
        match after.last_mut() {
            Some(last) => *last = last.saturating_add(1),
            None => return 0..self.n_terms,
        }
        let begin = first_from(word);
        begin..first_from(&after).max(begin)
    }

    /// The terms 1 to `distance` edits from `word` and, with `prefix`, those whose beginning is. Takes from `steps_left`
    /// the transitions it follows and ends when there are no more.
    pub fn typos(&self, word: &str, distance: u8, prefix: bool, steps_left: &mut u32) -> Vec<Typo> {
        let Some(automaton) = TypoAutomaton::new(word, distance) else {
            return Vec::new();
        };
        let mut walk =
            TypoWalk { dictionary: self, automaton, prefix, steps_left, key: Vec::new(), found: Vec::new() };
        guarded(|| {
            let root = self.map.as_fst().root();
            let start = walk.automaton.start();
            walk.descend(&root, 0, &start, distance.saturating_add(1));
            std::mem::take(&mut walk.found)
        })
    }

    fn checked(&self, number: u64) -> Option<u32> {
        u32::try_from(number).ok().filter(|&term| term < self.n_terms)
    }
}

/// A depth-first walk through all terms that may match. (The streams of `fst` would do, but load every node behind a
/// transition before they ask whether it can match; most cannot.)
struct TypoWalk<'a, T> {
    dictionary: &'a Dictionary<T>,
    automaton: TypoAutomaton,
    prefix: bool,
    steps_left: &'a mut u32,
    /// The bytes read on the way to the current node.
    key: Vec<u8>,
    found: Vec<Typo>,
}

impl<T: Deref<Target = [u8]>> TypoWalk<'_, T> {
    /// Follows the transitions of `node`. `best` is the smallest distance of a beginning that was already reported. No
    /// deeper than the word has letters, and the edits: longer terms are not alive.
    fn descend(&mut self, node: &Node<'_>, number: u64, state: &State, best: u8) {
        for transition in node.transitions() {
            if *self.steps_left == 0 {
                return;
            }
            *self.steps_left -= 1;
            let next = self.automaton.accept(state, transition.inp);
            if !self.automaton.is_alive(&next) {
                continue;
            }
            let number = number.wrapping_add(transition.out.value());
            let child = self.dictionary.map.as_fst().node(transition.addr);
            self.key.push(transition.inp);
            let mut best = best;
            if let Some(distance) = self.automaton.distance(&next) {
                if child.is_final() && distance > 0 {
                    let number = number.wrapping_add(child.final_output().value());
                    let term = self.dictionary.checked(number);
                    self.found.extend(term.map(|t| Typo { terms: t..t + 1, distance, whole: true }));
                }
                if self.prefix && distance < best {
                    best = distance;
                    if distance > 0 {
                        let terms = self.dictionary.beginning_with(&self.key);
                        self.found.push(Typo { terms, distance, whole: false });
                    }
                }
            }
            self.descend(&child, number, &next, best);
            self.key.pop();
        }
    }
}

/// The result of `walk`, or nothing if it panics: `fst` documents that it may when bytes were forged together with
/// their checksum, and a query must not take the server down for that.
fn guarded<R: Default>(walk: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(walk)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn dictionary(terms: &BTreeSet<String>) -> Dictionary<Vec<u8>> {
        let mut builder = fst::MapBuilder::memory();
        for (term, number) in terms.iter().zip(0..) {
            builder.insert(term, number).unwrap();
        }
        Dictionary::open(builder.into_inner().unwrap()).map_err(|error| error.to_string()).unwrap()
    }

    proptest! {
        #[test]
        fn runs_of_terms_are_those_with_the_beginning(
            terms in prop::collection::btree_set("[abé\u{96e8}]{1,6}", 0..60),
            word in "[abé\u{96e8}]{1,4}",
        ) {
            let run = dictionary(&terms).beginning_with(word.as_bytes());
            for (term, number) in terms.iter().zip(0..) {
                prop_assert_eq!(run.contains(&number), term.starts_with(&word), "{} {:?}", term, run);
            }
        }

        #[test]
        fn typos_are_all_terms_within_the_distance(
            terms in prop::collection::btree_set("[abcé\u{96e8}]{1,7}", 0..60),
            word in "[abcé\u{96e8}]{1,6}",
            distance in 1..3_u8,
        ) {
            let dictionary = dictionary(&terms);
            let mut steps_left = u32::MAX;
            let found = dictionary.typos(&word, distance, true, &mut steps_left);
            let automaton = TypoAutomaton::new(&word, distance).unwrap();
            let nearest = |term: u32, whole: bool| {
                found.iter().filter(|t| t.whole == whole && t.terms.contains(&term)).map(|t| t.distance).min()
            };
            for (term, number) in terms.iter().zip(0..) {
                let mut state = automaton.start();
                let mut beginnings = Vec::new();
                for byte in term.bytes() {
                    state = automaton.accept(&state, byte);
                    beginnings.extend(automaton.distance(&state));
                }
                prop_assert_eq!(nearest(number, true), automaton.distance(&state).filter(|d| *d > 0));
                match beginnings.into_iter().min() {
                    Some(0) => prop_assert!(dictionary.beginning_with(word.as_bytes()).contains(&number)),
                    expected => prop_assert_eq!(nearest(number, false), expected, "{}", term),
                }
            }
        }
    }

    #[test]
    fn a_walk_ends_when_its_steps_are_used_up() {
        let terms = ["aaaa", "aaab", "aaba"].map(String::from).into();
        let mut steps_left = 2;
        assert_eq!(dictionary(&terms).typos("aaaa", 1, false, &mut steps_left), []);
        assert_eq!(steps_left, 0);
    }
}
