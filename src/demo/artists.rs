//! The artists of the sample catalogue: names, genres, and what sets each apart from others of its genre.

use std::collections::HashSet;

use super::draws::{Draws, base62_id};
use super::genres::{GENRES, Genre, N_COLUMNS};
use super::naming::draw_name;
use super::words::PLURALS;

/// One artist.
pub(super) struct Artist {
    pub name: String,
    pub id: String,
    pub genre: &'static Genre,
    /// A second tag that some artists carry.
    pub second_genre: Option<&'static str>,
    /// How well known, 0..1; few are.
    pub fame: f64,
    /// The year of the first album.
    pub first_year: i32,
    /// How far this artist is from the mean of the genre, in spreads.
    pub offsets: [f64; N_COLUMNS],
}

/// Draws `n_artists` artists with different names.
pub(super) fn draw_artists(n_artists: usize, seed: u64) -> Vec<Artist> {
    let mut draws = Draws::new(seed, 1);
    let mut names = HashSet::new();
    (0..n_artists)
        .map(|artist_idx| {
            // In turn rather than by chance: a small catalogue has every genre as well.
            let genre = &GENRES[artist_idx % GENRES.len()];
            let second_genre = draws.chance(0.15).then(|| GENRES[draws.below(GENRES.len())].name);
            let mut name = draw_name(&mut draws);
            while names.contains(&name) {
                name = format!("{} {}", draw_name(&mut draws), draws.pick(PLURALS));
            }
            names.insert(name.clone());
            let u = draws.unit();
            let year = genre.years.0 + genre.years.1 * draws.normal();
            Artist {
                name,
                id: base62_id(seed, 1, artist_idx as u64),
                genre,
                second_genre: second_genre.filter(|second| *second != genre.name),
                fame: (u * u * u * 0.8 + 0.08 + genre.appeal).clamp(0.0, 1.0),
                first_year: (year.round() as i32).clamp(1955, 2023),
                offsets: std::array::from_fn(|_| 0.6 * draws.normal()),
            }
        })
        .collect()
}
