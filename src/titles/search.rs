//! Answers queries from the sections of a title index, mapped or in memory.

use std::cmp::{Ordering, Reverse};
use std::collections::HashSet;
use std::ops::{Deref, Range};

use crate::track::ItemIdx;

use super::automaton::MAX_DISTANCE;
use super::build::TitleParts;
use super::candidates::{Candidates, Quality};
use super::dictionary::Dictionary;
use super::error::TitleIndexError;
use super::normalise::{is_unspaced, query_words};

/// Further words of a query are not looked at.
const MAX_QUERY_WORDS: usize = 16;
/// Longer queries are cut before anything is done with them.
const MAX_QUERY_BYTES: usize = 1_024;
/// Postings from which one word may admit candidates. The 254,000 tracks of the largest public catalogue stay below it
/// even for one letter; beyond, the most frequent terms are taken.
const MAX_ADMITTED: u64 = 300_000;
/// Postings that one further word may look through; looking is cheaper than admitting.
const MAX_LOOKED_AT: u64 = 1_500_000;
/// Misspelt terms, or beginnings of terms, taken for one word and distance.
const MAX_TYPO_SPANS: usize = 128;
/// Transitions of the dictionary that all words of a query together may follow in search of typos.
const MAX_TYPO_STEPS: u32 = 250_000;
/// A word that fewer tracks match than this may be a typo that somebody else made, too. The same for every limit: what
/// matches a query must not depend on which page of it is asked for.
const FEW: usize = 20;

/// One track found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TitleHit {
    /// Which.
    pub item: ItemIdx,
    /// How well its title and artists match. Above 2: every word of the query matches as written; above 1: every word,
    /// some with typos; below 1: only some words. Scores of different queries do not compare.
    pub score: f32,
}

/// The best tracks that match a query, and how many match in all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TitleMatches {
    /// Best first.
    pub hits: Vec<TitleHit>,
    /// How many match, those beyond the limit too. Where one word of a query has more matches than are looked at, those that
    /// were looked at.
    pub n_matching: usize,
}

/// A title index over sections of `T` (dictionary), `O` (offsets), `P` (postings) and `F` (fields); see [`TitleParts`].
pub struct TitleIndex<T, O, P, F> {
    dictionary: Dictionary<T>,
    offsets: O,
    postings: P,
    fields: F,
    n_items: u32,
}

/// A title index that owns its sections.
pub type OwnedTitleIndex = TitleIndex<Vec<u8>, Vec<u64>, Vec<u32>, Vec<u8>>;

impl TryFrom<(TitleParts, u32)> for OwnedTitleIndex {
    type Error = TitleIndexError;

    /// The index of `n_items` tracks whose sections were just built.
    fn try_from((parts, n_items): (TitleParts, u32)) -> Result<Self, TitleIndexError> {
        Self::new(parts.terms, parts.offsets, parts.postings, parts.fields, n_items)
    }
}

/// A run of terms that match a word equally well.
struct Span {
    terms: Range<u32>,
    quality: Quality,
}

/// How far the search for typos in one query has come.
struct TypoSearch<'a> {
    words: &'a [String],
    /// For each word, the largest distance that was tried.
    tried: Vec<u8>,
    steps_left: u32,
}

impl<T, O, P, F> TitleIndex<T, O, P, F>
where
    T: Deref<Target = [u8]>,
    O: Deref<Target = [u64]>,
    P: Deref<Target = [u32]>,
    F: Deref<Target = [u8]>,
{
    /// Checks the structure of the sections: the dictionary with its checksum, every offset, all lengths. Reads the
    /// dictionary and the offsets once, but not the postings: ids from `n_items` on are passed over in search.
    pub fn new(terms: T, offsets: O, postings: P, fields: F, n_items: u32) -> Result<Self, TitleIndexError> {
        let dictionary = Dictionary::open(terms)?;
        let n_terms = dictionary.n_terms();
        let expected = n_terms.saturating_add(1);
        if offsets.len() != expected {
            return Err(TitleIndexError::OffsetCount { n_terms, expected, got: offsets.len() });
        }
        if offsets[0] != 0 {
            return Err(TitleIndexError::Offset { at: 0, expected: "0", got: offsets[0] });
        }
        if let Some(i) = offsets.windows(2).position(|pair| pair[0] > pair[1]) {
            let expected = "no less than the one before";
            return Err(TitleIndexError::Offset { at: i + 1, expected, got: offsets[i + 1] });
        }
        let n_postings = postings.len();
        let last = offsets[n_terms];
        if last != n_postings as u64 {
            return Err(TitleIndexError::PostingCount { expected: last, got: n_postings });
        }
        if fields.len() != n_postings {
            return Err(TitleIndexError::FieldCount { n_postings, got: fields.len() });
        }
        Ok(Self { dictionary, offsets, postings, fields, n_items })
    }

    /// The at most `limit` tracks that match `query` best, best first.
    ///
    /// Every word has to match a term of the title or an artist: exactly, as the beginning of it (the last word, which
    /// may still be being typed, and words in scripts without spaces), or misspelt: by one edit in words of 4 letters and
    /// more, by two in words of 8 and more. Typos are looked for when there is no answer without (for a query of one word:
    /// when fewer than 20 tracks match). If no track matches every word, those that match most words are the answer.
    ///
    /// Exact beats prefix beats typo, then title beats artist, then a wholly matched title or name a partly matched one;
    /// of equals, the larger `popularity` comes first (NaN last), then the smaller `ItemIdx`.
    pub fn search(&self, query: &str, limit: usize, popularity: impl Fn(ItemIdx) -> f64) -> Vec<TitleHit> {
        self.search_among(query, limit, popularity, |_| true)
    }

    /// The same among the tracks that `accept` accepts, as if there were no others.
    pub fn search_among(
        &self,
        query: &str,
        limit: usize,
        popularity: impl Fn(ItemIdx) -> f64,
        accept: impl Fn(ItemIdx) -> bool,
    ) -> Vec<TitleHit> {
        self.matches(query, limit, popularity, accept).hits
    }

    /// The same, with their number.
    pub fn matches(
        &self,
        query: &str,
        limit: usize,
        popularity: impl Fn(ItemIdx) -> f64,
        accept: impl Fn(ItemIdx) -> bool,
    ) -> TitleMatches {
        let mut words = query_words(&query[..query.floor_char_boundary(MAX_QUERY_BYTES)]);
        words.truncate(MAX_QUERY_WORDS);
        // Of equal words the last stays: it may be the one that is being typed.
        let mut unseen = HashSet::new();
        words.reverse();
        words.retain(|word| unseen.insert(word.clone()));
        words.reverse();
        if words.is_empty() || limit == 0 {
            return TitleMatches::default();
        }

        let mut spans: Vec<Vec<Span>> = Vec::with_capacity(words.len());
        for (i, word) in words.iter().enumerate() {
            spans.push(self.spans(word, i + 1 == words.len()));
        }
        let mut found = self.gather(&spans, true, &accept);
        // An answer to a single word may be an accident (there is a "metalica"); one to several words rarely is.
        let enough = if words.len() == 1 { FEW } else { 1 };
        if found.list().len() < enough {
            // Looking for typos takes longer than all else. A word that matches nothing keeps every track from
            // matching all words, so these come first.
            let mut typos =
                TypoSearch { words: &words, tried: vec![0; words.len()], steps_left: MAX_TYPO_STEPS };
            for distance in 1..=MAX_DISTANCE {
                self.add_typos(&mut typos, distance, &mut spans, true);
            }
            if spans.iter().all(|spans| self.is_matched(spans)) {
                found = self.gather(&spans, true, &accept);
                for (distance, enough) in [(1, enough), (2, 1)] {
                    if found.list().len() < enough && self.add_typos(&mut typos, distance, &mut spans, false)
                    {
                        found = self.gather(&spans, true, &accept);
                    }
                }
            }
        }
        if found.list().is_empty() && words.len() > 1 {
            found = self.gather(&spans, false, &accept);
        }
        let n_matching = found.list().len();
        TitleMatches { hits: rank(&found, words.len(), limit, popularity), n_matching }
    }

    /// What `word` matches as it is written.
    fn spans(&self, word: &str, last: bool) -> Vec<Span> {
        let exact = self.dictionary.exact(word);
        let mut spans = Vec::new();
        if last || word.chars().any(is_unspaced) {
            spans.push(Span {
                terms: self.dictionary.beginning_with(word.as_bytes()),
                quality: Quality::PREFIX,
            });
        }
        spans.extend(exact.map(|term| Span { terms: term..term + 1, quality: Quality::EXACT }));
        spans
    }

    /// What `word` matches if it was misspelt by `distance` edits.
    fn typo_spans(&self, word: &str, distance: u8, last: bool, steps_left: &mut u32) -> Vec<Span> {
        let mut typos = self.dictionary.typos(word, distance, last, steps_left);
        typos.retain(|typo| typo.distance == distance); // fewer edits were tried before
        typos.sort_by_cached_key(|t| (!t.whole, Reverse(self.n_postings(&t.terms)), t.terms.start));
        typos.truncate(MAX_TYPO_SPANS);
        typos
            .into_iter()
            .map(|t| Span { terms: t.terms, quality: Quality::typo(distance, t.whole) })
            .collect()
    }

    /// Adds what words (with `unmatched_only`, those without any match) match if misspelt by `distance` edits; whether
    /// that is anything.
    fn add_typos(
        &self,
        search: &mut TypoSearch<'_>,
        distance: u8,
        spans: &mut [Vec<Span>],
        unmatched_only: bool,
    ) -> bool {
        let mut n_added = 0;
        for (i, word) in search.words.iter().enumerate() {
            let skip = unmatched_only && self.is_matched(&spans[i]);
            if !skip && search.tried[i] < distance && distance <= typos_allowed(word) {
                search.tried[i] = distance;
                let last = i + 1 == search.words.len();
                let typos = self.typo_spans(word, distance, last, &mut search.steps_left);
                n_added += typos.len();
                spans[i].extend(typos);
            }
        }
        n_added > 0
    }

    fn is_matched(&self, spans: &[Span]) -> bool {
        spans.iter().any(|span| self.n_postings(&span.terms) > 0)
    }

    /// The items that match every word, or (unless `need_all`) any.
    fn gather(&self, words: &[Vec<Span>], need_all: bool, accept: &impl Fn(ItemIdx) -> bool) -> Candidates {
        let mut found = Candidates::new(self.n_items);
        let mut order: Vec<&Vec<Span>> = words.iter().collect();
        // The rarest word first: it admits the fewest candidates. The sort is stable, hence deterministic.
        order.sort_by_key(|spans| spans.iter().map(|span| self.n_postings(&span.terms)).sum::<u64>());
        let mut budget = MAX_ADMITTED;
        for (i, spans) in order.into_iter().enumerate() {
            let admit = i == 0 || !need_all;
            if !admit && found.list().is_empty() {
                break;
            }
            // Without `need_all`, all words together admit as many as one would.
            let mut looked_at = if admit { budget } else { MAX_LOOKED_AT };
            let mut by_quality: Vec<&Span> = spans.iter().collect();
            by_quality.sort_by(|a, b| b.quality.total_cmp(&a.quality));
            for span in by_quality {
                let admit = |item| admit && accept(item);
                self.scan(span, &mut found, &admit, &mut looked_at);
            }
            if admit {
                budget = looked_at;
            }
            found.finish_round(need_all);
        }
        found
    }

    /// Looks through the postings of `span`; of more than `budget`, through those of the most frequent terms.
    fn scan(&self, span: &Span, found: &mut Candidates, admit: &impl Fn(ItemIdx) -> bool, budget: &mut u64) {
        let n = self.n_postings(&span.terms);
        if n <= *budget {
            *budget -= n;
            let range = self.range(&span.terms);
            found.scan(&self.postings[range.clone()], &self.fields[range], span.quality, admit);
            return;
        }
        if *budget == 0 {
            return;
        }
        let mut terms: Vec<(u64, u32)> =
            span.terms.clone().map(|term| (self.n_postings(&(term..term + 1)), term)).collect();
        terms.sort_unstable_by_key(|&(n, term)| (Reverse(n), term));
        for (n, term) in terms {
            let range = self.range(&(term..term + 1));
            let range = range.start..range.end.min(range.start + *budget as usize);
            *budget -= n.min(*budget);
            found.scan(&self.postings[range.clone()], &self.fields[range], span.quality, admit);
            if *budget == 0 {
                break;
            }
        }
    }

    fn n_postings(&self, terms: &Range<u32>) -> u64 {
        self.offsets[terms.end as usize] - self.offsets[terms.start as usize]
    }

    fn range(&self, terms: &Range<u32>) -> Range<usize> {
        self.offsets[terms.start as usize] as usize..self.offsets[terms.end as usize] as usize
    }
}

/// How many edits are forgiven in `word`.
fn typos_allowed(word: &str) -> u8 {
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0; // 1998 is not a misspelt 1999
    }
    match word.chars().count() {
        0..4 => 0,
        4..8 => 1,
        _ => MAX_DISTANCE,
    }
}

/// The `limit` best candidates, best first.
fn rank(
    found: &Candidates,
    n_words: usize,
    limit: usize,
    popularity: impl Fn(ItemIdx) -> f64,
) -> Vec<TitleHit> {
    let mut scored: Vec<(f32, ItemIdx)> =
        found.list().iter().map(|candidate| (candidate.score(n_words), candidate.item)).collect();
    if scored.len() > limit {
        // Popularity is asked for only where it can matter.
        let (_, &mut (last, _), _) = scored.select_nth_unstable_by(limit - 1, |a, b| b.0.total_cmp(&a.0));
        scored.retain(|(score, _)| *score >= last);
    }
    let mut ranked: Vec<(f32, f64, ItemIdx)> = scored
        .into_iter()
        .map(|(score, item)| {
            let popularity = popularity(item);
            (score, if popularity.is_nan() { f64::NEG_INFINITY } else { popularity }, item)
        })
        .collect();
    let order = |a: &(f32, f64, ItemIdx), b: &(f32, f64, ItemIdx)| -> Ordering {
        b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2))
    };
    if ranked.len() > limit {
        ranked.select_nth_unstable_by(limit - 1, order);
        ranked.truncate(limit);
    }
    ranked.sort_unstable_by(order);
    ranked.into_iter().map(|(score, _, item)| TitleHit { item, score }).collect()
}
