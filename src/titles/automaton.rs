//! Which terms are a few edits away from a word.
//!
//! `fst` has a Levenshtein automaton, but builds its whole table first: milliseconds and megabytes for two edits, at
//! every keystroke. This one is simulated bit by bit (Wu and Manber 1992): bit j of row e says that what was read is at
//! most e edits from the first j letters of the word. A letter costs a dozen operations. Two swapped neighbours are one
//! edit (the optimal string alignment distance).

/// The largest distance that rows are kept for.
pub(super) const MAX_DISTANCE: u8 = 2;
const N_ROWS: usize = MAX_DISTANCE as usize + 1;
/// Bit j is for the first j letters, so that one bit is for none.
const MAX_LETTERS: usize = 63;

/// Tells how far terms, read byte by byte, are from a word.
pub(super) struct TypoAutomaton {
    /// For each ASCII letter, bit j is set where it is the j-th of the word, counted from 1.
    ascii: [u64; 128],
    /// The same for other letters.
    others: Vec<(char, u64)>,
    n_letters: usize,
    distance: usize,
}

/// Where a walk stands after some bytes of a term.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    rows: [u64; N_ROWS],
    /// Bit j of row e: a swap of letters j - 1 and j was begun, e edits before it.
    swaps: [u64; N_ROWS],
    /// A letter that has not been read to its end: the bits so far and how many bytes are missing.
    partial: (u32, u8),
}

const DEAD: State = State { rows: [0; N_ROWS], swaps: [0; N_ROWS], partial: (0, 0) };

impl TypoAutomaton {
    /// For up to `distance` (at most [`MAX_DISTANCE`]) edits; `None` when the word has more letters than there are bits.
    pub fn new(word: &str, distance: u8) -> Option<Self> {
        let mut automaton = Self {
            ascii: [0; 128],
            others: Vec::new(),
            n_letters: word.chars().count(),
            distance: usize::from(distance.min(MAX_DISTANCE)),
        };
        if automaton.n_letters > MAX_LETTERS {
            return None;
        }
        for (letter, j) in word.chars().zip(1..) {
            let bit = 1_u64 << j;
            if letter.is_ascii() {
                automaton.ascii[letter as usize] |= bit;
            } else if let Some((_, bits)) = automaton.others.iter_mut().find(|(other, _)| *other == letter) {
                *bits |= bit;
            } else {
                automaton.others.push((letter, bit));
            }
        }
        Some(automaton)
    }

    /// Before the first byte.
    pub fn start(&self) -> State {
        // With e edits, up to e letters of the word may be missing.
        State { rows: std::array::from_fn(|e| (2_u64 << e) - 1).map(|row| row & self.mask()), ..DEAD }
    }

    /// After one byte more; of what is not UTF-8, nothing is alive.
    pub fn accept(&self, state: &State, byte: u8) -> State {
        let (bits, missing) = match (state.partial, byte) {
            ((_, 0), 0x00..=0x7f) => return self.read(state, self.ascii[usize::from(byte)]),
            ((_, 0), 0xc2..=0xdf) => (u32::from(byte & 0x1f), 1),
            ((_, 0), 0xe0..=0xef) => (u32::from(byte & 0x0f), 2),
            ((_, 0), 0xf0..=0xf4) => (u32::from(byte & 0x07), 3),
            ((bits, missing @ 1..), 0x80..=0xbf) => ((bits << 6) | u32::from(byte & 0x3f), missing - 1),
            _ => return DEAD,
        };
        if missing > 0 {
            return State { partial: (bits, missing), ..*state };
        }
        let found = self.others.iter().find(|(other, _)| u32::from(*other) == bits);
        self.read(state, found.map_or(0, |(_, places)| *places))
    }

    /// Reads a letter that is at `places` of the word.
    fn read(&self, state: &State, places: u64) -> State {
        let mut next = DEAD;
        for e in 0..=self.distance {
            let mut row = (state.rows[e] << 1) & places;
            if e > 0 {
                let fewer = state.rows[e - 1];
                row |= fewer // the letter is one too many,
                    | (fewer << 1) // in place of another,
                    | (next.rows[e - 1] << 1) // or behind one that is missing,
                    | (state.swaps[e - 1] & (places << 1)); // or the second of two swapped
            }
            next.rows[e] = row & self.mask();
            next.swaps[e] = (state.rows[e] << 2) & places;
        }
        next
    }

    /// Whether a term that goes on from here may still match.
    pub fn is_alive(&self, state: &State) -> bool {
        state.rows[self.distance] != 0
    }

    /// Edits between the word and what was read, if not too many.
    pub fn distance(&self, state: &State) -> Option<u8> {
        if state.partial.1 > 0 {
            return None;
        }
        (0..=self.distance).find(|&e| (state.rows[e] >> self.n_letters) & 1 == 1).map(|e| e as u8)
    }

    fn mask(&self) -> u64 {
        u64::MAX >> (MAX_LETTERS - self.n_letters)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        fn distances_are_those_of_the_textbook(
            word in "[abé\u{96e8}]{1,8}|[ab]{60,63}",
            term in "[abé\u{96e8}]{0,9}|[ab]{60,65}",
            distance in 0..3_u8,
        ) {
            let automaton = TypoAutomaton::new(&word, distance).unwrap();
            let (a, b): (Vec<char>, Vec<char>) = (term.chars().collect(), word.chars().collect());
            let states: Vec<State> = std::iter::once(automaton.start())
                .chain(term.bytes().scan(automaton.start(), |state, byte| {
                    *state = automaton.accept(state, byte);
                    Some(*state)
                }))
                .collect();
            let got = automaton.distance(states.last().unwrap());
            let expected = Some(textbook(&a, &b) as u8).filter(|d| *d <= distance);
            prop_assert_eq!(got, expected);
            // What matches in the end was never given up on.
            prop_assert!(got.is_none() || states.iter().all(|state| automaton.is_alive(state)));
        }

        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..40), word in "\\PC{0,70}") {
            if let Some(automaton) = TypoAutomaton::new(&word, 2) {
                let mut state = automaton.start();
                for byte in bytes {
                    state = automaton.accept(&state, byte);
                    let _ = (automaton.distance(&state), automaton.is_alive(&state));
                }
            }
        }
    }
}
