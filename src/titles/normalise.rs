//! From text to words, for titles and queries alike.
//!
//! Text is decomposed (NFKD), stripped of accents and lowercased; what is neither letter nor digit separates. Titles get
//! more terms than queries have words, so that several spellings meet: `Don't` is found as `dont`, `don` and `t`, `AC/DC`
//! as `ac`, `dc` and `acdc`. Scripts without spaces (Han, kana, Thai, ...) have no words to split into: of each run of them
//! every suffix is a term, and their query words match as prefixes, which together finds any substring.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};

/// Longer words are cut, on a character's boundary.
pub(super) const MAX_WORD_BYTES: usize = 64;
/// Longer text is cut before anything is done with it; catalogues have titles of whole paragraphs.
const MAX_TEXT_CHARS: usize = 1_000;
/// More suffixes of one run are not indexed.
const MAX_SUFFIXES: usize = 32;

/// How a term stands in the text it was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// A word as a query has it.
    Word,
    /// A piece of a word, or several words written together.
    Piece,
}

/// The words of a query.
pub(super) fn query_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for_each_chunk(text, |segments| words.extend(segments.iter().map(|s| capped(&s.text).to_owned())));
    words
}

/// Every term under which `text` is to be found, its words first to last; returns how many words there are.
pub(super) fn index_terms(text: &str, mut emit: impl FnMut(&str, Stand)) -> usize {
    let mut n_words = 0;
    for_each_chunk(text, |segments| {
        for segment in segments {
            n_words += 1;
            emit(capped(&segment.text), Stand::Word);
            if segment.unspaced {
                for (at, _) in segment.text.char_indices().skip(1).take(MAX_SUFFIXES) {
                    emit(capped(&segment.text[at..]), Stand::Piece);
                }
            } else if segment.cuts.len() > 1 {
                for pair in segment.cuts.windows(2) {
                    emit(capped(&segment.text[pair[0]..pair[1]]), Stand::Piece);
                }
            }
        }
        if segments.len() > 1 {
            emit_joined(segments, &mut emit);
            // Run-D.M.C. is looked for as "dmc", too.
            for letters in segments.chunk_by(|a, b| a.is_letter() && b.is_letter()) {
                if letters.len() > 1 && letters.len() < segments.len() {
                    emit_joined(letters, &mut emit);
                }
            }
        }
    });
    n_words
}

/// Whether `c` belongs to a script that is written without spaces between words.
pub(super) fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}' // Thai, Lao
        | '\u{1000}'..='\u{109F}' // Myanmar
        | '\u{1780}'..='\u{17FF}' // Khmer
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' // kana and their signs
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{323AF}') // Han
}

/// A run of letters and digits of one kind of script; apostrophes inside are left out.
struct Segment {
    text: String,
    unspaced: bool,
    /// Where `text` begins, where apostrophes were, and where it ends. Empty without apostrophes.
    cuts: Vec<usize>,
}

impl Segment {
    fn new(unspaced: bool) -> Self {
        Self { text: String::new(), unspaced, cuts: Vec::new() }
    }

    fn is_letter(&self) -> bool {
        !self.unspaced && self.text.chars().count() == 1
    }
}

fn emit_joined(segments: &[Segment], emit: &mut impl FnMut(&str, Stand)) {
    let joined: String = segments.iter().map(|segment| segment.text.as_str()).collect();
    emit(capped(&joined), Stand::Piece);
}

/// Calls `visit` with the segments of each stretch of text between white space.
fn for_each_chunk(text: &str, mut visit: impl FnMut(&[Segment])) {
    let folded = fold(text);
    let mut any = false;
    for chunk in folded.split_whitespace() {
        let segments = segments(chunk);
        if !segments.is_empty() {
            any = true;
            visit(&segments);
        }
    }
    if !any {
        // A title of signs alone ("???") has to be found by them.
        for chunk in folded.split_whitespace() {
            visit(&[Segment { text: chunk.to_owned(), unspaced: false, cuts: Vec::new() }]);
        }
    }
}

fn segments(chunk: &str) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut open = false;
    let mut apostrophe = false;
    for c in chunk.chars() {
        if is_apostrophe(c) {
            apostrophe = open;
            continue;
        }
        // Marks that were not stripped (vowel signs, voiced kana) belong to the letter before them.
        let mark = is_combining_mark(c);
        if !(c.is_alphanumeric() || mark) {
            open = false;
            continue;
        }
        let unspaced = is_unspaced(c);
        let fits = open && segments.last().is_some_and(|last| mark || last.unspaced == unspaced);
        if !fits {
            segments.push(Segment::new(unspaced));
            apostrophe = false;
        }
        open = true;
        if let Some(last) = segments.last_mut() {
            if std::mem::take(&mut apostrophe) {
                if last.cuts.is_empty() {
                    last.cuts.push(0);
                }
                last.cuts.push(last.text.len());
            }
            last.text.push(c);
        }
    }
    for segment in &mut segments {
        if !segment.cuts.is_empty() {
            segment.cuts.push(segment.text.len());
        }
    }
    segments
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '`' | '\u{2018}' | '\u{2019}' | '\u{2032}' | '\u{02BB}' | '\u{02BC}' | '\u{02B9}')
}

/// Decomposes, drops accents, lowercases.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars().take(MAX_TEXT_CHARS).nfkd() {
        // Classes below 10 are no accents: nukta, voiced-sound marks and viramas change the letter itself, and
        // vowel signs (class 0) are letters of their own.
        if canonical_combining_class(c) >= 10 {
            continue;
        }
        for lower in c.to_lowercase() {
            // Letters that NFKD does not take apart but a keyboard without them does.
            match lower {
                'ß' => folded.push_str("ss"),
                'æ' => folded.push_str("ae"),
                'œ' => folded.push_str("oe"),
                'þ' => folded.push_str("th"),
                'ø' => folded.push('o'),
                'ł' => folded.push('l'),
                'đ' | 'ð' => folded.push('d'),
                'ħ' => folded.push('h'),
                'ı' => folded.push('i'),
                'ς' => folded.push('σ'),
                other if canonical_combining_class(other) >= 10 => {}
                other => folded.push(other),
            }
        }
    }
    folded
}

fn capped(word: &str) -> &str {
    &word[..word.floor_char_boundary(MAX_WORD_BYTES)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms(text: &str) -> Vec<String> {
        let mut terms = Vec::new();
        index_terms(text, |term, _| terms.push(term.to_owned()));
        terms
    }

    #[test]
    fn words_of_queries() {
        for (text, expected) in [
            ("", vec![]),
            ("  Bowie,  HEROES! ", vec!["bowie", "heroes"]),
            ("Beyoncé", vec!["beyonce"]),
            ("Don’t Stop", vec!["dont", "stop"]),
            ("AC/DC", vec!["ac", "dc"]),
            ("Sørland Straße Ærø Łódka", vec!["sorland", "strasse", "aero", "lodka"]),
            ("ΚΑΛΟΚΑΊΡΙ Σίσυφος", vec!["καλοκαιρι", "σισυφοσ"]),
            ("Белый", vec!["белыи"]),
            ("TOKYO東京の雨", vec!["tokyo", "東京の雨"]),
            ("ﬁne ＡＢＣ", vec!["fine", "abc"]),
            ("???", vec!["???"]),
            ("İstanbul", vec!["istanbul"]),
        ] {
            assert_eq!(query_words(text), expected, "{text}");
        }
    }

    #[test]
    fn titles_have_terms_for_several_spellings() {
        for (text, expected) in [
            ("Don't", vec!["dont", "don", "t"]),
            ("l'été", vec!["lete", "l", "ete"]),
            ("AC/DC", vec!["ac", "dc", "acdc"]),
            ("Run-D.M.C.", vec!["run", "d", "m", "c", "rundmc", "dmc"]),
            ("東京の雨", vec!["東京の雨", "京の雨", "の雨", "雨"]),
        ] {
            assert_eq!(terms(text), expected, "{text}");
        }
        assert_eq!(index_terms("Don't Stop (AC/DC)", |_, _| ()), 4);
    }

    #[test]
    fn long_words_are_cut_on_a_boundary() {
        let words = query_words(&"é\u{4e00}".repeat(100));
        assert!(words.iter().all(|word| word.len() <= MAX_WORD_BYTES), "{words:?}");
        assert_eq!(query_words(&"x".repeat(100))[0].len(), MAX_WORD_BYTES);
    }

    proptest! {
        #[test]
        fn every_word_of_a_text_is_among_its_terms(text in "\\PC{0,40}|[a-z'./ \u{3042}\u{4e00}\u{ac00}é-]{0,40}") {
            let terms = terms(&text);
            for word in query_words(&text) {
                prop_assert!(!word.is_empty() && word.len() <= MAX_WORD_BYTES);
                prop_assert!(terms.contains(&word), "{word:?} not in {terms:?}");
            }
        }
    }
}
