//! The items that match a query so far, and how well.

use std::cmp::Ordering;

use crate::track::ItemIdx;

use super::field;

/// How good a match with one term is; ordered so that any exact match beats any prefix, and that any typo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quality {
    points: f32,
    typo: bool,
}

impl Quality {
    pub const EXACT: Self = Self { points: 1.0, typo: false };
    pub const PREFIX: Self = Self { points: 0.7, typo: false };

    /// A term some edits away, or one that begins with something that is.
    pub fn typo(distance: u8, whole: bool) -> Self {
        let points = if whole { 0.5 } else { 0.35 } - 0.1 * f32::from(distance.saturating_sub(1));
        Self { points, typo: true }
    }

    /// By points.
    pub fn total_cmp(&self, other: &Self) -> Ordering {
        self.points.total_cmp(&other.points)
    }
}

// Exact in an artist's name and only a piece (.855) still beats a prefix in a fully covered title (.7 + .15).
const ARTIST_FACTOR: f32 = 0.95;
const PIECE_FACTOR: f32 = 0.9;
const TITLE_COVERED: f32 = 0.10;
const ARTIST_COVERED: f32 = 0.04;
const TITLE_BEGINS: f32 = 0.01;
/// Above the largest sum of all these.
const FULL_SCORE: f32 = 1.2;

/// One matching item.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub item: ItemIdx,
    /// Words of the query matched in finished rounds.
    pub n_matched: u8,
    /// Whether one of them only with a typo.
    typo: bool,
    points: f32,
    /// The best match of the round under way; 0 points when there is none yet.
    best: Quality,
    best_field: u8,
    begins: bool,
    title_hits: u8,
    title_words: u8,
    artist_hits: u8,
    artist_words: u8,
}

impl Candidate {
    /// Larger is better. With all of `n_words` matched: above 2 without typos, above 1 with; otherwise below 1.
    pub fn score(&self, n_words: usize) -> f32 {
        let covered = |hits: u8, words: u8| f32::from(hits.min(words)) / f32::from(words.max(1));
        let detail = self.points / f32::from(self.n_matched.max(1))
            + TITLE_COVERED * covered(self.title_hits, self.title_words)
            + ARTIST_COVERED * covered(self.artist_hits, self.artist_words)
            + if self.begins { TITLE_BEGINS } else { 0.0 };
        let detail = detail / FULL_SCORE;
        match (usize::from(self.n_matched) >= n_words, self.typo) {
            (true, false) => 2.0 + detail,
            (true, true) => 1.0 + detail,
            (false, _) => (f32::from(self.n_matched) + detail) / (n_words as f32 + 1.0),
        }
    }

    fn finish_round(&mut self) {
        if self.best.points == 0.0 {
            return;
        }
        self.points += self.best.points;
        self.typo |= self.best.typo;
        self.n_matched += 1;
        let (bits, words) = (self.best_field, self.best_field >> field::WORDS_SHIFT);
        self.begins |= bits & field::FIRST != 0;
        let whole_word = u8::from(bits & field::PIECE == 0);
        if bits & field::TITLE != 0 {
            self.title_hits += whole_word;
            self.title_words = words;
        } else {
            self.artist_hits += whole_word;
            self.artist_words = words;
        }
        self.best.points = 0.0;
    }
}

/// Candidates by item. One round per word of the query.
pub(super) struct Candidates {
    /// `[n_items]`: 1 + place in `list`, or 0. Zeroed memory comes untouched from the system: only what is used costs.
    slots: Vec<u32>,
    list: Vec<Candidate>,
    n_rounds: u8,
}

impl Candidates {
    /// None of `n_items` yet.
    pub fn new(n_items: u32) -> Self {
        Self { slots: vec![0; n_items as usize], list: Vec::new(), n_rounds: 0 }
    }

    /// Notes matches of `quality` with the items of `postings`; items beyond `n_items` are passed over, and so are those
    /// that are no candidates yet and that `admit` does not accept.
    pub fn scan(
        &mut self,
        postings: &[u32],
        fields: &[u8],
        quality: Quality,
        admit: &impl Fn(ItemIdx) -> bool,
    ) {
        for (&item, &bits) in postings.iter().zip(fields) {
            let Some(slot) = self.slots.get_mut(item as usize) else {
                continue;
            };
            let mut points = quality.points;
            if bits & field::TITLE == 0 {
                points *= ARTIST_FACTOR;
            }
            if bits & field::PIECE != 0 {
                points *= PIECE_FACTOR;
            }
            let best = Quality { points, ..quality };
            if let Some(place) = (*slot as usize).checked_sub(1) {
                let candidate = &mut self.list[place];
                if candidate.best.points < points {
                    candidate.best = best;
                    candidate.best_field = bits;
                }
            } else if admit(ItemIdx(item)) {
                self.list.push(Candidate {
                    item: ItemIdx(item),
                    n_matched: 0,
                    typo: false,
                    points: 0.0,
                    best,
                    best_field: bits,
                    begins: false,
                    title_hits: 0,
                    title_words: 0,
                    artist_hits: 0,
                    artist_words: 0,
                });
                *slot = self.list.len() as u32;
            }
        }
    }

    /// Closes the round of one word; with `need_all`, drops candidates that miss a word.
    pub fn finish_round(&mut self, need_all: bool) {
        self.n_rounds += 1;
        for candidate in &mut self.list {
            candidate.finish_round();
        }
        if need_all {
            let n_rounds = self.n_rounds;
            let slots = &mut self.slots;
            let mut n_kept = 0;
            self.list.retain(|candidate| {
                let keep = candidate.n_matched == n_rounds;
                n_kept += u32::from(keep);
                slots[candidate.item.as_usize()] = if keep { n_kept } else { 0 };
                keep
            });
        }
    }

    /// The candidates, in no particular order.
    pub fn list(&self) -> &[Candidate] {
        &self.list
    }
}
