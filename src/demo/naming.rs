//! How artists, albums and tracks get their names.

use crate::track::{Track, value};

use super::draws::Draws;
use super::genres::Genre;
use super::words::{
    ADJECTIVES, DOINGS, FAMILY_NAMES, FOREIGN, FORMS, GIVEN_NAMES, KEY_NAMES, NOUNS, PHRASES, PLACES,
    PLURALS, VERSIONS,
};

/// An artist's name.
pub(super) fn draw_name(draws: &mut Draws) -> String {
    match draws.below(12) {
        0..=5 => format!("{} {}", draws.pick(GIVEN_NAMES), draws.pick(FAMILY_NAMES)),
        6 => format!("The {}", draws.pick(PLURALS)),
        7 | 8 => format!("The {} {}", draws.pick(ADJECTIVES), draws.pick(PLURALS)),
        9 => format!("{} {}", draws.pick(ADJECTIVES), draws.pick(NOUNS)),
        10 => format!("{} & the {}", draws.pick(GIVEN_NAMES), draws.pick(PLURALS)),
        _ => format!("{} {}", draws.pick(PLACES), draws.pick(PLURALS)),
    }
}

/// The title of a track or an album.
pub(super) fn draw_title(draws: &mut Draws, genre: &Genre) -> String {
    let noun = if draws.chance(0.5) { draws.pick(genre.nouns) } else { draws.pick(NOUNS) };
    let title = match draws.below(20) {
        0..=4 => format!("{} {noun}", draws.pick(ADJECTIVES)),
        5 | 6 => format!("{} the {noun}", draws.pick(DOINGS)),
        7 => format!("{} the {} {noun}", draws.pick(DOINGS), draws.pick(ADJECTIVES)),
        8 | 9 => format!("{noun} of the {}", draws.pick(NOUNS)),
        10 => format!("The {noun} and the {}", draws.pick(NOUNS)),
        11 => format!("{noun} in {}", draws.pick(PLACES)),
        12 => format!("{} in {}", draws.pick(ADJECTIVES), draws.pick(PLACES)),
        13 => noun.to_owned(),
        14 => format!("My {} {noun}", draws.pick(ADJECTIVES)),
        15 => draws.pick(FOREIGN).to_owned(),
        16 => format!("{} ({noun})", draws.pick(PHRASES)),
        17 => format!("No {noun} Tonight"),
        _ => draws.pick(PHRASES).to_owned(),
    };
    if draws.chance(0.06) { format!("{title} - {}", draws.pick(VERSIONS)) } else { title }
}

/// A piano piece is called after the key it is in.
pub(super) fn piece(draws: &mut Draws, track: &Track) -> String {
    let key = track.values.get(value::KEY).map_or(0, |&key| key as usize % KEY_NAMES.len());
    let mode = if track.values.get(value::MODE) == Some(&1.0) { "Major" } else { "Minor" };
    format!("{} No. {} in {} {mode}", draws.pick(FORMS), draws.between(1, 24), KEY_NAMES[key])
}
