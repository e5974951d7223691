//! Search by title and artist over generated names: what a keystroke costs. `cargo bench --bench titles`

use std::sync::LazyLock;

use divan::Bencher;
use nearfield::titles::{OwnedTitleIndex, TitleIndexBuilder};
use nearfield::track::ItemIdx;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// As many tracks as the largest public data set of audio features has, with about as many terms.
const N_TRACKS: u32 = 254_000;
const N_WORDS: f64 = 120_000.0;

struct Names {
    index: OwnedTitleIndex,
    tracks: Vec<(String, String)>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let mut rng = Pcg64::seed_from_u64(1);
    let tracks: Vec<(String, String)> =
        (0..N_TRACKS).map(|_| (phrase(&mut rng, 4), phrase(&mut rng, 2))).collect();
    let mut builder = TitleIndexBuilder::new();
    for ((title, artist), item) in tracks.iter().zip(0..) {
        builder.add(ItemIdx(item), Some(title), std::slice::from_ref(artist));
    }
    let index =
        OwnedTitleIndex::try_from((builder.finish(), N_TRACKS)).expect("what was just built is sound");
    Names { index, tracks }
});

/// One to `max_words` words; a few words are frequent and most are rare, as in a language.
fn phrase(rng: &mut Pcg64, max_words: usize) -> String {
    let words: Vec<String> = (0..rng.random_range(1..=max_words))
        .map(|_| word(N_WORDS.powf(rng.random_range(0.0..1.0)) as u32))
        .collect();
    words.join(" ")
}

/// The `rank`-th word: of syllables, frequent ones short.
fn word(rank: u32) -> String {
    const SYLLABLES: [&str; 24] = [
        "a", "be", "co", "da", "el", "fi", "go", "hu", "in", "jo", "ka", "lo", "me", "nor", "o", "pa", "qui",
        "ri", "sun", "ter", "u", "vi", "wa", "yo",
    ];
    let mut rest = rank.max(1);
    let mut word = String::new();
    while rest > 0 {
        word.push_str(SYLLABLES[(rest % 24) as usize]);
        rest /= 24;
    }
    word
}

/// The queries of one kind.
fn queries(kind: &str) -> Vec<String> {
    let sample = NAMES.tracks.iter().step_by(1_009);
    match kind {
        "one letter" => ('a'..='z').map(String::from).collect(),
        "two letters" => ('a'..='z').flat_map(|a| ["a", "e", "o"].map(|b| format!("{a}{b}"))).collect(),
        "title and artist" => sample.map(|(title, artist)| format!("{title} {artist}")).collect(),
        "typing" => sample.map(|(title, artist)| format!("{artist} {}", &title[..1])).collect(),
        "typo" => {
            sample.map(|(title, artist)| format!("{artist} {title}x").replacen("ter", "tre", 1)).collect()
        }
        _ => sample.map(|(title, artist)| format!("{title} xyzzyxyzzy {artist}")).collect(),
    }
}

#[divan::bench(args = ["one letter", "two letters", "title and artist", "typing", "typo", "nothing matches all"])]
fn search(bencher: Bencher, kind: &str) {
    let queries = queries(kind);
    let mut next = queries.iter().cycle();
    bencher
        .with_inputs(|| next.next().expect("a cycle does not end"))
        .bench_local_values(|query| NAMES.index.search(query, 20, |item| f64::from(item.0 % 101)));
}

fn main() {
    divan::main();
}
