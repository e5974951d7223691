//! Puts artists, albums and tracks together.

use std::collections::VecDeque;

use crate::track::{Track, TrackId, value};

use super::artists::{Artist, draw_artists};
use super::draws::{Draws, base62_id};
use super::genres::{
    ACOUSTICNESS, DANCEABILITY, DURATION, ENERGY, Genre, INSTRUMENTALNESS, LIVENESS, LOUDNESS, N_COLUMNS,
    SPEECHINESS, TEMPO, VALENCE,
};
use super::naming::{draw_title, piece};
use super::words::REISSUES;

/// The newest release in the catalogue.
pub(super) const LAST_YEAR: i32 = 2025;
/// Originals that a re-release may still copy; bounds the memory of a large catalogue.
const N_REMEMBERED: usize = 512;

/// The sample catalogue: `n_tracks` made-up tracks, album by album, the same for the same arguments on every platform.
///
/// A catalogue of another size is another catalogue, not a longer or shorter version of this one. Ids are unique and in
/// no particular order.
pub fn catalogue(n_tracks: usize, seed: u64) -> impl Iterator<Item = Track> {
    Generator {
        artists: draw_artists((n_tracks / 20).clamp(40, 20_000), seed),
        draws: Draws::new(seed, 2),
        seed,
        n_albums: 0,
        n_numbered: 0,
        pending: VecDeque::new(),
        remembered: Vec::new(),
    }
    .take(n_tracks)
}

struct Generator {
    artists: Vec<Artist>,
    draws: Draws,
    seed: u64,
    n_albums: u64,
    n_numbered: u64,
    pending: VecDeque<Track>,
    remembered: Vec<Track>,
}

impl Iterator for Generator {
    type Item = Track;

    fn next(&mut self) -> Option<Track> {
        if self.pending.is_empty() {
            if self.remembered.len() >= 64 && self.draws.chance(0.03) {
                self.reissue();
            } else {
                self.album();
            }
        }
        self.pending.pop_front()
    }
}

/// What the tracks of one album share.
struct Album {
    title: String,
    id: String,
    year: i32,
    /// `None` for the few albums whose date nobody noted down.
    release_date: Option<String>,
    /// How far this album is from the mean of the genre, in spreads.
    offsets: [f64; N_COLUMNS],
}

impl Generator {
    fn next_id(&mut self) -> TrackId {
        self.n_numbered += 1;
        TrackId::parse(&base62_id(self.seed, 0, self.n_numbered))
            .expect("22 base62 characters are a track id")
    }

    fn release(&mut self, title: String, year: i32) -> Album {
        let draws = &mut self.draws;
        let date = match draws.below(3) {
            0 => format!("{year}"),
            _ => format!("{year}-{:02}-{:02}", draws.between(1, 12), draws.between(1, 28)),
        };
        self.n_albums += 1;
        Album {
            title,
            id: base62_id(self.seed, 2, self.n_albums),
            year,
            release_date: (!draws.chance(0.03)).then_some(date),
            offsets: [0.0; N_COLUMNS],
        }
    }

    /// An album, or a single, of new tracks by one artist.
    fn album(&mut self) {
        // The square favours the first: some artists have many albums, most have one or two.
        let u = self.draws.unit();
        let artist_idx = (u * u * self.artists.len() as f64) as usize;
        let n_tracks = if self.draws.chance(0.3) { 1 } else { self.draws.between(5, 14) as u32 };
        let genre = self.artists[artist_idx].genre;
        let year = (self.artists[artist_idx].first_year + self.draws.between(0, 14)).min(LAST_YEAR);
        let title = draw_title(&mut self.draws, genre);
        let mut album = self.release(title, year);
        album.offsets = std::array::from_fn(|column| {
            self.artists[artist_idx].offsets[column] + 0.3 * self.draws.normal()
        });
        for number in 1..=n_tracks {
            let guest = self.draws.chance(0.06).then(|| self.draws.below(self.artists.len()));
            let mut track = Track::new(self.next_id());
            let artist = &self.artists[artist_idx];
            set_sound(&mut track, &mut self.draws, genre, &album.offsets);
            set_people(
                &mut track,
                artist,
                guest.filter(|&guest| guest != artist_idx).map(|guest| &self.artists[guest]),
            );
            let title = if number == 1 && self.draws.chance(0.5) {
                album.title.clone()
            } else if genre.name == "classical piano" && self.draws.chance(0.6) {
                piece(&mut self.draws, &track)
            } else {
                draw_title(&mut self.draws, genre)
            };
            track.name = Some(match track.artists.get(1) {
                Some(guest) if self.draws.chance(0.7) => format!("{title} (feat. {guest})"),
                _ => title,
            });
            set_release(&mut track, &album, number);
            track.explicit = Some(self.draws.chance(genre.explicit));
            // The first tracks of an album are heard most, and a hit is rare.
            let hit = self.draws.unit();
            // Adding 0 turns the -0 of rounding into 0.
            let popularity = 100.0 * artist.fame * (0.35 + 0.65 * hit * hit) - f64::from(number);
            track.values.insert(value::POPULARITY.into(), popularity.round().clamp(0.0, 100.0) + 0.0);
            forget_some(&mut track, &mut self.draws);
            self.remember(&track);
            if self.draws.chance(0.004) {
                // Catalogues list some recordings twice.
                let copy = Track { id: self.next_id(), ..track.clone() };
                self.pending.push_back(copy);
            }
            self.pending.push_back(track);
        }
    }

    /// An album that sells older tracks again: the same recordings under new ids, some a little louder.
    fn reissue(&mut self) {
        let model_idx = self.draws.below(self.remembered.len());
        let model = self.remembered[model_idx].clone();
        let originals: Vec<Track> =
            self.remembered.iter().filter(|t| t.album_id == model.album_id).take(8).cloned().collect();
        let remastered = self.draws.chance(0.5);
        let mark = self.draws.pick(REISSUES);
        let title = format!("{} ({mark})", model.album.as_deref().unwrap_or("Untitled"));
        let year = model.values.get(value::RELEASE_YEAR).map_or(2005, |&year| year as i32);
        let later = self.draws.between(1, 25);
        let album = self.release(title, (year + later).min(LAST_YEAR));
        for (original, number) in originals.into_iter().zip(1..) {
            let mut track = original;
            track.id = self.next_id();
            set_release(&mut track, &album, number);
            if remastered && let Some(loudness) = track.values.get_mut(value::LOUDNESS) {
                *loudness = rounded((*loudness + 0.8).min(0.0), 1000.0);
            }
            self.pending.push_back(track);
        }
    }

    fn remember(&mut self, track: &Track) {
        if self.remembered.len() < N_REMEMBERED {
            self.remembered.push(track.clone());
        } else {
            self.remembered[self.n_numbered as usize % N_REMEMBERED] = track.clone();
        }
    }
}

fn set_people(track: &mut Track, artist: &Artist, guest: Option<&Artist>) {
    for artist in std::iter::once(artist).chain(guest) {
        track.artists.push(artist.name.clone());
        track.artist_ids.push(artist.id.clone());
    }
    track.genres.push(artist.genre.name.to_owned());
    track.genres.extend(artist.second_genre.map(str::to_owned));
}

fn set_release(track: &mut Track, album: &Album, number: u32) {
    track.album = Some(album.title.clone());
    track.album_id = Some(album.id.clone());
    track.release_date.clone_from(&album.release_date);
    match album.release_date {
        Some(_) => track.values.insert(value::RELEASE_YEAR.into(), f64::from(album.year)),
        None => track.values.remove(value::RELEASE_YEAR),
    };
    track.track_number = Some(number);
    track.disc_number = Some(1);
}

/// Draws every audio feature. Energy leads; loudness follows it and acousticness runs against it, as in real music.
fn set_sound(track: &mut Track, draws: &mut Draws, genre: &Genre, offsets: &[f64; N_COLUMNS]) {
    let mut deviations = *offsets;
    for deviation in &mut deviations {
        *deviation += 0.7 * draws.normal();
    }
    let energy = deviations[ENERGY];
    deviations[LOUDNESS] = 0.8 * energy + 0.6 * deviations[LOUDNESS];
    deviations[ACOUSTICNESS] = -0.6 * energy + 0.8 * deviations[ACOUSTICNESS];
    deviations[DANCEABILITY] = 0.4 * deviations[VALENCE] + 0.9 * deviations[DANCEABILITY];
    let at = |column: usize| genre.means[column] + genre.spreads[column] * deviations[column];

    let mut live = at(LIVENESS);
    if draws.chance(0.04) {
        live += 0.5; // an audience
    }
    let mut instrumental = at(INSTRUMENTALNESS);
    if draws.chance(0.02) {
        instrumental = 0.9 - 0.5 * instrumental; // the band without its singer, or the pianist with one
    }
    for (name, x, low) in [
        (value::DANCEABILITY, at(DANCEABILITY), 0.05),
        (value::ENERGY, at(ENERGY), 0.002),
        (value::SPEECHINESS, at(SPEECHINESS), 0.023),
        (value::ACOUSTICNESS, at(ACOUSTICNESS), 0.0),
        (value::INSTRUMENTALNESS, instrumental, 0.0),
        (value::LIVENESS, live, 0.02),
        (value::VALENCE, at(VALENCE), 0.02),
    ] {
        track.values.insert(name.into(), rounded(x.clamp(low, 0.996), 1000.0));
    }
    track.values.insert(value::LOUDNESS.into(), rounded(at(LOUDNESS).clamp(-45.0, -0.5), 1000.0));
    track.values.insert(value::TEMPO.into(), rounded(at(TEMPO).clamp(45.0, 215.0), 1000.0));
    track.values.insert(value::DURATION_MS.into(), (1000.0 * at(DURATION).clamp(45.0, 1200.0)).round());

    // Keys with few accidentals are played more often: a walk on the circle of fifths around C.
    let fifths = (2.2 * draws.normal() + 0.5).round() as i32;
    track.values.insert(value::KEY.into(), f64::from((fifths * 7).rem_euclid(12)));
    track.values.insert(value::MODE.into(), f64::from(u8::from(draws.chance(genre.major))));
    let beats = match draws.unit() {
        u if u < genre.waltz => 3.0,
        u if u > 0.99 => 5.0,
        _ => 4.0,
    };
    track.values.insert(value::TIME_SIGNATURE.into(), beats);
}

/// Real catalogues have gaps.
fn forget_some(track: &mut Track, draws: &mut Draws) {
    for (name, share) in [(value::POPULARITY, 0.03), (value::KEY, 0.02)] {
        if draws.chance(share) {
            track.values.remove(name);
        }
    }
    if draws.chance(0.02) {
        track.explicit = None;
    }
}

/// `x` rounded to a whole number of 1 / `per_unit`.
fn rounded(x: f64, per_unit: f64) -> f64 {
    (x * per_unit).round() / per_unit
}
