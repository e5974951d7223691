//! Which terms are a few edits away from a word.
//!
//! `fst` has a Levenshtein automaton, but builds its whole table first: milliseconds and megabytes for two edits, for
//! every keystroke. This one keeps only the diagonal band of the edit-distance matrix (Ukkonen 1985) and advances it
//! letter by letter, and takes two swapped neighbours for one edit (the optimal string alignment distance).

use std::cell::Cell;

use fst::Automaton;

/// The largest distance there is room for in [`State`].
pub(super) const MAX_DISTANCE: u8 = 2;
const BAND: usize = 2 * MAX_DISTANCE as usize + 1;
/// Any distance that is too large.
const FAR: u8 = MAX_DISTANCE + 1;

/// Accepts the terms within `distance` edits of a word or, with `prefix`, those that begin with something that is.
pub(super) struct TypoAutomaton {
    word: Vec<char>,
    distance: u8,
    prefix: bool,
    /// How many more steps may be taken: bounds the time of a walk, and ends it in a damaged dictionary with cycles.
    steps_left: Cell<u32>,
}

/// Where a walk stands after some bytes of a term.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// Number of the term's letters read.
    n_read: usize,
    /// Distances between these letters and the first j of the word, j from `n_read - MAX_DISTANCE`.
    row: [u8; BAND],
    /// The row before, for swaps.
    row_before: [u8; BAND],
    last: Option<char>,
    /// The smallest distance between the word and a prefix of what was read.
    prefix_distance: u8,
    /// A letter that has not been read to its end: the bits so far and how many bytes are missing.
    partial: (u32, u8),
}

impl State {
    fn dead() -> Self {
        Self {
            n_read: 0,
            row: [FAR; BAND],
            row_before: [FAR; BAND],
            last: None,
            prefix_distance: FAR,
            partial: (0, 0),
        }
    }
}

impl TypoAutomaton {
    /// For `word` of at least one letter; larger distances than [`MAX_DISTANCE`] are cut to it.
    pub fn new(word: &str, distance: u8, prefix: bool, max_steps: u32) -> Self {
        Self {
            word: word.chars().collect(),
            distance: distance.min(MAX_DISTANCE),
            prefix,
            steps_left: Cell::new(max_steps),
        }
    }

    /// Edits between the word and all that was read; above the distance asked for when too many.
    pub fn whole_distance(&self, state: &State) -> u8 {
        // The band holds the word's end when both lengths are close.
        let k = (self.word.len() + usize::from(MAX_DISTANCE)).checked_sub(state.n_read);
        k.and_then(|k| state.row.get(k)).copied().unwrap_or(FAR)
    }

    /// Edits between the word and the best prefix of what was read.
    pub fn prefix_distance(&self, state: &State) -> u8 {
        state.prefix_distance
    }

    fn read(&self, state: &State, letter: char) -> State {
        let n_read = state.n_read + 1;
        let mut row = [FAR; BAND];
        for k in 0..BAND {
            // Column k of this row is about the first j letters of the word.
            let Some(j) = (n_read + k).checked_sub(usize::from(MAX_DISTANCE)) else {
                continue;
            };
            if j > self.word.len() {
                break;
            }
            let mut best = FAR;
            if j == 0 {
                best = n_read.min(usize::from(FAR)) as u8;
            } else {
                best = best.min(state.row[k] + u8::from(self.word[j - 1] != letter));
                if k > 0 {
                    best = best.min(row[k - 1] + 1);
                }
                let swapped = j > 1 && self.word[j - 2] == letter && state.last == Some(self.word[j - 1]);
                if swapped {
                    best = best.min(state.row_before[k] + 1);
                }
            }
            if k + 1 < BAND {
                best = best.min(state.row[k + 1] + 1);
            }
            row[k] = best.min(FAR);
        }
        let mut next = State {
            n_read,
            row,
            row_before: state.row,
            last: Some(letter),
            prefix_distance: state.prefix_distance,
            partial: (0, 0),
        };
        next.prefix_distance = next.prefix_distance.min(self.whole_distance(&next));
        next
    }
}

impl Automaton for &TypoAutomaton {
    type State = State;

    fn start(&self) -> State {
        let mut row = [FAR; BAND];
        for (j, distance) in (0..=MAX_DISTANCE).enumerate() {
            if j <= self.word.len() {
                row[usize::from(MAX_DISTANCE) + j] = distance;
            }
        }
        State { row, ..State::dead() }
    }

    fn is_match(&self, state: &State) -> bool {
        if state.partial.1 != 0 {
            return false;
        }
        let distance = if self.prefix { state.prefix_distance } else { self.whole_distance(state) };
        distance <= self.distance
    }

    fn can_match(&self, state: &State) -> bool {
        if self.steps_left.get() == 0 {
            return false;
        }
        (self.prefix && state.prefix_distance <= self.distance)
            || state.row.iter().chain(&state.row_before).any(|&d| d <= self.distance)
    }

    fn accept(&self, state: &State, byte: u8) -> State {
        self.steps_left.set(self.steps_left.get().saturating_sub(1));
        let (bits, missing) = match (state.partial, byte) {
            ((_, 0), 0x00..=0x7f) => return self.read(state, char::from(byte)),
            ((_, 0), 0xc2..=0xdf) => (u32::from(byte & 0x1f), 1),
            ((_, 0), 0xe0..=0xef) => (u32::from(byte & 0x0f), 2),
            ((_, 0), 0xf0..=0xf4) => (u32::from(byte & 0x07), 3),
            ((bits, missing @ 1..), 0x80..=0xbf) => ((bits << 6) | u32::from(byte & 0x3f), missing - 1),
            _ => return State::dead(),
        };
        if missing > 0 {
            return State { partial: (bits, missing), ..state.clone() };
        }
        match char::from_u32(bits) {
            Some(letter) => self.read(state, letter),
            None => State::dead(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn end(automaton: &TypoAutomaton, term: &str) -> State {
        term.bytes().fold(automaton.start(), |state, byte| automaton.accept(&state, byte))
    }

    /// The optimal string alignment distance by the textbook, over the whole matrix.
    fn textbook(a: &[char], b: &[char]) -> usize {
        let mut d = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 0..=a.len() {
            for j in 0..=b.len() {
                d[i][j] = if i == 0 || j == 0 {
                    i + j
                } else {
                    let replaced = d[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let mut best = replaced.min(d[i - 1][j] + 1).min(d[i][j - 1] + 1);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        best = best.min(d[i - 2][j - 2] + 1);
                    }
                    best
                };
            }
        }
        d[a.len()][b.len()]
    }

    proptest! {
        #[test]
        fn distances_are_those_of_the_textbook(word in "[abé\u{96e8}]{1,8}", term in "[abé\u{96e8}]{0,9}") {
            let automaton = &TypoAutomaton::new(&word, 2, true, u32::MAX);
            let (a, b): (Vec<char>, Vec<char>) = (term.chars().collect(), word.chars().collect());
            let state = end(automaton, &term);
            let expected = textbook(&a, &b).min(3) as u8;
            prop_assert_eq!(automaton.whole_distance(&state), expected);
            let expected = (1..=a.len()).map(|n| textbook(&a[..n], &b)).min().unwrap_or(3).min(3) as u8;
            prop_assert_eq!(automaton.prefix_distance(&state), expected);
            // Whatever matches in the end was never given up on.
            let mut state = automaton.start();
            for byte in term.bytes() {
                state = automaton.accept(&state, byte);
                if automaton.is_match(&end(automaton, &term)) {
                    prop_assert!(automaton.can_match(&state));
                }
            }
        }

        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..40), word in "\\PC{1,8}") {
            let automaton = &TypoAutomaton::new(&word, 2, true, 30);
            let mut state = automaton.start();
            for byte in bytes {
                let _ = (automaton.is_match(&state), automaton.can_match(&state));
                state = automaton.accept(&state, byte);
            }
        }
    }
}
