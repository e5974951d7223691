//! Search of tracks by title and artist: as you type, forgiving typos, accents and word order.
//!
//! ```text
//!   build:   title, artists --normalise--> words --> terms (fst: term -> number, in bytewise order)
//!                                                    offsets  [n_terms + 1], into
//!                                                    postings [n]  items of each term, ascending
//!                                                    fields   [n]  where in the item the term stands
//!   search:  query --normalise--> words --dictionary--> spans of terms --> candidates --rank--> hits
//! ```
//!
//! `normalise.rs` turns text into words, `build.rs` writes the four sections, `dictionary.rs` finds the terms a word may
//! mean, `automaton.rs` knows which terms are a typo away, `candidates.rs` gathers and scores items, `search.rs` puts
//! it together. Terms are numbered in order, so that all terms with one prefix are one run of numbers and their postings
//! one run of memory: a query of one letter is a scan, not thousands of look-ups.

mod automaton;
mod build;
mod candidates;
mod dictionary;
mod error;
mod normalise;
mod search;

#[cfg(test)]
mod tests;

pub use build::{TitleIndexBuilder, TitleParts};
pub use error::TitleIndexError;
pub use search::{OwnedTitleIndex, TitleHit, TitleIndex, TitleMatches};

/// What the eight bits of a posting's field say.
mod field {
    /// The term stands in the title.
    pub const TITLE: u8 = 1;
    /// The term stands in an artist's name.
    pub const ARTIST: u8 = 2;
    /// The term is only a piece of a word (`don` of `don't`), not a word.
    pub const PIECE: u8 = 4;
    /// The title begins with the term.
    pub const FIRST: u8 = 8;
    /// The upper half is the number of words, at most this, of the title (of the artist's name, where the term is not in
    /// the title).
    pub const MAX_WORDS: u8 = 15;
    /// Where that number begins.
    pub const WORDS_SHIFT: u32 = 4;
}
