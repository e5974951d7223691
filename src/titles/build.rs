//! Writes the sections of a title index.

use std::collections::HashMap;

use crate::track::ItemIdx;

use super::field;
use super::normalise::{Stand, index_terms};

/// More terms of one track are not indexed (operas credit their whole ensemble).
const MAX_TERMS_PER_ITEM: usize = 256;

/// The sections of a title index, as they go into a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TitleParts {
    /// An `fst::Map` from term to term number; numbers are 0..n_terms in the bytewise order of the terms.
    pub terms: Vec<u8>,
    /// `[n_terms + 1]`: term `t` has postings `offsets[t]..offsets[t + 1]`.
    pub offsets: Vec<u64>,
    /// `[n_postings]`: the items of each term, ascending.
    pub postings: Vec<u32>,
    /// `[n_postings]`: for each posting, where in the item the term stands.
    pub fields: Vec<u8>,
}

/// Collects tracks and writes their title index.
///
/// Takes about 15 bytes of memory per posting (a track has about ten) and 100 per distinct term.
#[derive(Debug, Default)]
pub struct TitleIndexBuilder {
    /// Terms are numbered as they first appear until `finish` knows their order.
    numbers: HashMap<Box<str>, u32>,
    postings: Vec<Posting>,
    fields: Vec<u8>,
    last_item: Option<ItemIdx>,
    /// Terms of the track being added.
    current: Vec<(u32, u8)>,
}

#[derive(Debug, Clone, Copy)]
struct Posting {
    term: u32,
    item: u32,
}

impl TitleIndexBuilder {
    /// An index of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one track. Tracks must come in ascending order of `item`, each once.
    ///
    /// # Panics
    /// When they do not: the index would answer wrongly.
    pub fn add(&mut self, item: ItemIdx, name: Option<&str>, artists: &[String]) {
        assert!(
            self.last_item < Some(item),
            "tracks are added in ascending order: {item:?} after {:?}",
            self.last_item
        );
        self.last_item = Some(item);
        self.current.clear();
        if let Some(name) = name {
            self.add_text(name, field::TITLE);
        }
        for artist in artists {
            self.add_text(artist, field::ARTIST);
        }
        for &(term, bits) in &self.current {
            self.postings.push(Posting { term, item: item.0 });
            self.fields.push(bits);
        }
    }

    fn add_text(&mut self, text: &str, place: u8) {
        let begin = self.current.len();
        let (numbers, current) = (&mut self.numbers, &mut self.current);
        let mut first = if place == field::TITLE { field::FIRST } else { 0 };
        let n_words = index_terms(text, |term, stand| {
            let mut bits = place | std::mem::take(&mut first);
            if stand == Stand::Piece {
                bits |= field::PIECE;
            }
            let term = match numbers.get(term) {
                Some(&number) => number,
                None => {
                    let number = u32::try_from(numbers.len()).expect("terms fit in memory, hence into u32");
                    numbers.insert(term.into(), number);
                    number
                }
            };
            if let Some((_, old)) = current.iter_mut().find(|(other, _)| *other == term) {
                // A piece only as long as it stands nowhere as a word.
                *old = (*old | bits) & !(field::PIECE & !(*old & bits));
            } else if current.len() < MAX_TERMS_PER_ITEM {
                current.push((term, bits));
            }
        });
        let n_words = (n_words.min(usize::from(field::MAX_WORDS)) as u8) << field::WORDS_SHIFT;
        for (_, bits) in &mut self.current[begin..] {
            *bits |= n_words;
        }
    }

    /// Writes the sections. The same tracks give the same bytes.
    pub fn finish(self) -> TitleParts {
        let mut sorted: Vec<(Box<str>, u32)> = self.numbers.into_iter().collect();
        sorted.sort_unstable();
        let mut dictionary = fst::MapBuilder::memory();
        let mut ranks = vec![0_u32; sorted.len()];
        for ((term, number), rank) in sorted.iter().zip(0_u32..) {
            ranks[*number as usize] = rank;
            dictionary
                .insert(term.as_bytes(), u64::from(rank))
                .expect("sorted, distinct keys go into memory");
        }
        let terms = dictionary.into_inner().expect("memory takes every write");

        // A counting sort by term; it is stable, so items stay in ascending order.
        let mut offsets = vec![0_u64; sorted.len() + 1];
        drop(sorted);
        for posting in &self.postings {
            offsets[ranks[posting.term as usize] as usize + 1] += 1;
        }
        for t in 1..offsets.len() {
            offsets[t] += offsets[t - 1];
        }
        let mut next: Vec<u64> = offsets.clone();
        let mut postings = vec![0_u32; self.postings.len()];
        let mut fields = vec![0_u8; self.fields.len()];
        for (posting, bits) in self.postings.iter().zip(&self.fields) {
            let slot = &mut next[ranks[posting.term as usize] as usize];
            postings[*slot as usize] = posting.item;
            fields[*slot as usize] = *bits;
            *slot += 1;
        }
        TitleParts { terms, offsets, postings, fields }
    }
}
