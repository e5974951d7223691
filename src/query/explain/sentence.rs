//! The sentence of an explanation: what speaks for the track, what most against it, what is not known.

use std::collections::BTreeMap;

use crate::query::vector::Origin;

use super::Difference;
use super::reading::{AROUND, MAJOR, MINOR, Reading, Words};
use super::sources::OtherSource;

/// What a sentence may be long, in characters; values are left out before words.
const MAX_CHARS: usize = 200;
/// Names that are listed; the others are counted.
const MAX_NAMES: usize = 3;

/// One feature that both query and track have a value for.
#[derive(Clone, Copy, Debug)]
pub struct Aspect<'a> {
    pub name: &'a str,
    /// How it reads; `None` for vectors.
    pub reading: Option<Reading>,
    pub words: Option<Words>,
    pub is_tempo: bool,
    /// What it adds to the similarity.
    pub share: f64,
    /// Whether query and track are alike in it.
    pub is_alike: bool,
    /// Whether their texts say that they are the same, alike or not.
    pub reads_same: bool,
    /// Its weight times the squared distance.
    pub apart: f64,
}

/// What all sentences of a query share.
pub struct Sentence {
    /// What tracks are compared with.
    reference: &'static str,
}

type Differences = BTreeMap<String, Difference>;

impl Sentence {
    /// Sentences about a query that was made like this.
    pub fn about(origin: &Origin) -> Self {
        let reference = match (origin.seeds.len(), origin.targeted.contains(&true) || origin.is_pushed) {
            (0, true) => "what you asked for",
            (0, false) | (_, true) => "your query",
            (1, false) => "your seed",
            (_, false) => "your seeds",
        };
        Self { reference }
    }

    /// One sentence.
    pub fn of(
        &self,
        aspects: &[Aspect<'_>],
        differences: &Differences,
        missing: &[String],
        other_source: &BTreeMap<String, OtherSource>,
    ) -> String {
        let mut alike: Vec<&Aspect<'_>> =
            aspects.iter().filter(|aspect| aspect.is_alike && aspect.share > 0.0).collect();
        alike.sort_by(|a, b| b.share.total_cmp(&a.share));
        alike.truncate(2);
        // Where nothing is alike, what adds most is named; it is not called unlike as well.
        let best = aspects.iter().filter(|aspect| alike.is_empty() && aspect.share > 0.0);
        let nearest = best.max_by(|a, b| a.share.total_cmp(&b.share));
        let is_named = |aspect: &&Aspect<'_>| nearest.is_some_and(|nearest| nearest.name == aspect.name);
        let unlike = |aspect: &&Aspect<'_>| !aspect.is_alike && !aspect.reads_same && !is_named(aspect);
        let unlike = aspects.iter().filter(unlike);
        let unlike = unlike.max_by(|a, b| a.apart.total_cmp(&b.apart));
        let tail = self.tail(missing, other_source);
        let mut text = String::new();
        // With all values, without those of the second likeness, with one likeness, without any value.
        for (n_alike, n_values) in [(2, 2), (2, 1), (1, 1), (1, 0)] {
            let alike = &alike[..alike.len().min(n_alike)];
            text = self.likeness(alike, nearest, n_values, differences);
            if let Some(aside) =
                aside(aspects, alike.iter().copied().chain(nearest).chain(unlike), differences)
            {
                text.push_str(&aside);
            }
            if let Some(aspect) = unlike {
                text.push_str("; ");
                text.push_str(&unlikeness(aspect, differences, n_values > 0));
            }
            text.push_str(&tail);
            text.push('.');
            if text.chars().count() <= MAX_CHARS {
                break;
            }
        }
        if let Some((cut, _)) =
            text.char_indices().nth(MAX_CHARS - 3).filter(|_| text.chars().count() > MAX_CHARS)
        {
            text.truncate(cut);
            text.push_str("...");
        }
        text
    }

    fn likeness(
        &self,
        alike: &[&Aspect<'_>],
        nearest: Option<&Aspect<'_>>,
        n_values: usize,
        differences: &Differences,
    ) -> String {
        let values = |place: usize, aspect: &Aspect<'_>| match place < n_values {
            true => beside(aspect, differences),
            false => String::new(),
        };
        let mut described = Vec::new();
        let mut clauses = Vec::new();
        for (place, aspect) in alike.iter().enumerate() {
            let values = values(place, aspect);
            match (aspect.words, aspect.reading) {
                (Some(words), Some(_)) => {
                    let about = if aspect.reads_same { "" } else { "about " };
                    described.push(format!("{about}as {}{values}", words.positive));
                }
                (_, reading) => clauses.push(clause(aspect, reading, differences, &values)),
            }
        }
        let reference = self.reference;
        let text = match (described.as_slice(), clauses.as_slice()) {
            ([], []) => match nearest {
                Some(aspect) => format!("nearest to {reference} in {}{}", aspect.name, values(0, aspect)),
                None => format!("little in common with {reference}"),
            },
            ([], [first, rest @ ..]) => joined(&format!("like {reference} {first}"), rest),
            (described, clauses) => joined(&format!("{} as {reference}", described.join(" and ")), clauses),
        };
        capitalised(text)
    }

    fn tail(&self, missing: &[String], other_source: &BTreeMap<String, OtherSource>) -> String {
        let mut text = String::new();
        if !missing.is_empty() {
            text.push_str(&format!("; unknown: {}", listed(missing.iter().map(String::as_str))));
        }
        if !other_source.is_empty() {
            let names = listed(other_source.keys().map(String::as_str));
            text.push_str(&format!("; from another provider: {names}"));
        }
        text
    }
}

/// A likeness that no "as ... as" says.
fn clause(aspect: &Aspect<'_>, reading: Option<Reading>, differences: &Differences, values: &str) -> String {
    let difference = differences.get(aspect.name);
    let texts = difference.and_then(|it| it.query_text.as_deref().zip(it.track_text.as_deref()));
    match (reading, texts) {
        (Some(Reading::Key), Some((query, track))) => {
            let is_same = difference.and_then(|it| it.difference) == Some(0.0) && !query.starts_with(AROUND);
            let mode = |key| [MAJOR, MINOR].into_iter().find(|mode| str::ends_with(key, mode));
            match (mode(query), mode(track)) {
                _ if !is_same => format!("in a key close by{values}"),
                (Some(query), Some(track)) if query != track => format!("in the same key, but{track}"),
                _ => format!("in the same key ({track})"),
            }
        }
        (Some(Reading::Mode | Reading::Meter), Some((_, track))) => format!("in {track}"),
        (Some(Reading::Year), Some((query, track))) if query == track => {
            format!("from the same year ({track})")
        }
        (Some(Reading::Year), Some(_)) => format!("from the same time{values}"),
        _ => format!("in {}{values}", aspect.name),
    }
}

/// What sets the track most apart.
fn unlikeness(aspect: &Aspect<'_>, differences: &Differences, with_values: bool) -> String {
    let text = differences.get(aspect.name).and_then(|difference| difference.text.as_deref());
    let (Some(text), Some(reading)) = (text, aspect.reading) else {
        return format!("unlike it in {}", aspect.name);
    };
    let values = if with_values { beside(aspect, differences) } else { String::new() };
    match reading {
        // What is in brackets says how much.
        Reading::Share if with_values && aspect.words.is_some() => {
            format!("{}{values}", text.split_once(" points ").map_or(text, |(_, rest)| rest))
        }
        Reading::Mode | Reading::Meter => text.to_owned(),
        _ if aspect.words.is_some() => format!("{text}{values}"),
        Reading::Key => format!("{text}{values}"),
        Reading::Year => format!("{text}{values}"),
        _ => format!("{} {text}{values}", aspect.name),
    }
}

/// The tempo, which people ask for first, where nothing else says it.
fn aside<'a>(
    aspects: &[Aspect<'_>],
    mut said: impl Iterator<Item = &'a Aspect<'a>>,
    differences: &Differences,
) -> Option<String> {
    let tempo = aspects.iter().find(|aspect| aspect.is_tempo)?;
    let text = differences.get(tempo.name)?.text.as_deref()?;
    (!said.any(|aspect| aspect.is_tempo)).then(|| format!(", {text}"))
}

/// ` (12 % beside 48 %)`: the track, then the query; one value where they read the same.
fn beside(aspect: &Aspect<'_>, differences: &Differences) -> String {
    let Some(difference) = differences.get(aspect.name).filter(|difference| difference.text.is_some()) else {
        return String::new();
    };
    match (&difference.track_text, &difference.query_text) {
        (Some(track), Some(query)) if track == query => format!(" ({track})"),
        (Some(track), Some(query)) => format!(" ({track} beside {query})"),
        _ => String::new(),
    }
}

fn joined(first: &str, rest: &[String]) -> String {
    rest.iter().fold(first.to_owned(), |text, part| text + ", " + part)
}

fn listed<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    let n_names = names.len();
    let first: Vec<&str> = names.take(MAX_NAMES).collect();
    match n_names - first.len() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

fn capitalised(text: String) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(query_text: &str, track_text: &str, text: &str) -> Difference {
        Difference {
            query: Some(0.0),
            track: Some(0.0),
            unit: String::new(),
            difference: Some(0.0),
            text: Some(text.into()),
            query_text: Some(query_text.into()),
            track_text: Some(track_text.into()),
            query_percentile: None,
            track_percentile: None,
        }
    }

    fn aspect(name: &str, reading: Reading, share: f64, apart: f64) -> Aspect<'_> {
        Aspect {
            name,
            reading: Some(reading),
            words: Words::of(name),
            is_tempo: name == "tempo",
            share,
            is_alike: apart < 0.1,
            reads_same: false,
            apart,
        }
    }

    const SEED: Sentence = Sentence { reference: "your seed" };

    #[test]
    fn a_sentence_names_likeness_unlikeness_and_what_is_missing() {
        let differences = BTreeMap::from([
            ("danceability".into(), difference("74 %", "72 %", "a little less danceable")),
            ("loudness".into(), difference("-5.9 dB", "-6.1 dB", "0.2 dB quieter")),
            ("tempo".into(), difference("120 BPM", "118.3 BPM", "1.7 BPM slower")),
            ("acousticness".into(), difference("48 %", "12 %", "36 points less acoustic")),
        ]);
        let aspects = [
            aspect("danceability", Reading::Share, 0.2, 0.01),
            aspect("loudness", Reading::Number(Some(1)), 0.3, 0.01),
            aspect("tempo", Reading::Number(Some(1)), 0.01, 0.01),
            aspect("acousticness", Reading::Share, -0.1, 2.0),
        ];
        let sentence = SEED.of(&aspects, &differences, &["key".into()], &BTreeMap::new());
        assert_eq!(
            sentence,
            "About as loud (-6.1 dB beside -5.9 dB) and about as danceable (72 % beside 74 %) as your seed, 1.7 BPM slower; \
             less acoustic (12 % beside 48 %); unknown: key."
        );
        let source = OtherSource { query: vec!["import".into()], track: "spotify".into() };
        let others = BTreeMap::from([("tempo".to_owned(), source)]);
        let sentence = SEED.of(&aspects[2..], &differences, &[], &others);
        assert_eq!(
            sentence,
            "About as fast (118.3 BPM beside 120 BPM) as your seed; less acoustic (12 % beside 48 %); from another provider: tempo."
        );
    }

    #[test]
    fn keys_years_and_vectors_have_their_own_words() {
        let differences = BTreeMap::from([
            ("key".into(), difference("A minor", "A minor", "the same key")),
            ("release_year".into(), difference("1994", "1994", "from the same year")),
            ("mode".into(), difference("minor", "major", "major instead of minor")),
        ]);
        let key = aspect("key", Reading::Key, 0.3, 0.0);
        let year = aspect("release_year", Reading::Year, 0.2, 0.0);
        let mode = aspect("mode", Reading::Mode, -0.2, 3.0);
        let embedding = Aspect { reading: None, ..aspect("embedding", Reading::Mode, 0.5, 9.0) };
        let of = |aspects: &[Aspect<'_>]| SEED.of(aspects, &differences, &[], &BTreeMap::new());
        assert_eq!(
            of(&[key, year, mode]),
            "Like your seed in the same key (A minor), from the same year (1994); major instead of minor."
        );
        assert_eq!(of(&[embedding]), "Nearest to your seed in embedding.");
        let opposite = Aspect { share: -0.5, ..embedding };
        assert_eq!(of(&[opposite]), "Little in common with your seed; unlike it in embedding.");
        assert_eq!(of(&[mode]), "Little in common with your seed; major instead of minor.");
        assert_eq!(of(&[]), "Little in common with your seed.");
    }

    #[test]
    fn keys_are_only_the_same_where_they_are() {
        let of = |query: &str, track: &str| {
            let differences = BTreeMap::from([("key".into(), difference(query, track, "the same key"))]);
            SEED.of(&[aspect("key", Reading::Key, 0.3, 0.0)], &differences, &[], &BTreeMap::new())
        };
        assert_eq!(of("C major", "C minor"), "Like your seed in the same key, but minor.");
        assert_eq!(of("C", "C minor"), "Like your seed in the same key (C minor).");
        assert_eq!(of("around A", "A minor"), "Like your seed in a key close by (A minor beside around A).");
    }

    #[test]
    fn what_reads_the_same_sets_nothing_apart() {
        let differences = BTreeMap::from([
            ("time_signature".into(), difference("around 4/4", "4/4", "also 4/4")),
            ("tempo".into(), difference("61.9 BPM", "105.6 BPM", "43.7 BPM faster")),
        ]);
        let tempo = aspect("tempo", Reading::Number(Some(1)), 0.1, 1.0);
        let meter = aspect("time_signature", Reading::Meter, -0.2, 9.0);
        let of = |meter| SEED.of(&[tempo, meter], &differences, &[], &BTreeMap::new());
        // What is named is not said a second time.
        assert_eq!(
            of(meter),
            "Nearest to your seed in tempo (105.6 BPM beside 61.9 BPM); also 4/4.",
            "the texts alone do not tell"
        );
        assert_eq!(
            of(Aspect { reads_same: true, ..meter }),
            "Nearest to your seed in tempo (105.6 BPM beside 61.9 BPM)."
        );
    }

    #[test]
    fn a_sentence_is_never_too_long() {
        let names: Vec<String> = (0..20).map(|n| format!("{n}{}", "long".repeat(20))).collect();
        let missing = SEED.of(&[], &BTreeMap::new(), &names, &BTreeMap::new());
        assert!(missing.ends_with("...") && missing.chars().count() <= MAX_CHARS, "{missing}");
        let few: Vec<String> = ["a", "b", "c", "d", "e"].map(String::from).to_vec();
        let sentence = SEED.of(&[], &BTreeMap::new(), &few, &BTreeMap::new());
        assert_eq!(sentence, "Little in common with your seed; unknown: a, b, c and 2 more.");
    }
}
