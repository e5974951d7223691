//! The sample catalogue: made-up tracks to try nearfield with, the same on every machine.
//!
//! `words.rs` holds the vocabulary, `genres.rs` how each genre sounds, `draws.rs` the random numbers, `naming.rs` makes
//! names and titles, `artists.rs` says who plays, and `generate.rs` puts tracks together. Artists, albums and titles
//! are invented; the sound of a genre is set by hand so that nearest neighbours make sense, it is not measured.

mod artists;
mod draws;
mod generate;
#[rustfmt::skip] // tables read best in rows
mod genres;
mod naming;
#[rustfmt::skip]
mod words;

#[cfg(test)]
mod tests;

pub use generate::catalogue;
