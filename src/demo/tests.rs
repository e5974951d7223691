use std::collections::HashSet;

use super::catalogue;
use super::generate::LAST_YEAR;
use crate::track::{Track, value};

fn tracks(n: usize) -> Vec<Track> {
    catalogue(n, 42).collect()
}

#[test]
fn the_same_arguments_give_the_same_bytes() {
    let first: Vec<Track> = catalogue(100, 7).collect();
    let mut hasher = blake3::Hasher::new();
    for track in &first {
        let Track { id, name, artists, album, release_date, genres, explicit, track_number, .. } = track;
        let text = format!(
            "{id} {name:?} {artists:?} {album:?} {release_date:?} {genres:?} {explicit:?} {track_number:?}"
        );
        hasher.update(text.as_bytes());
        for (name, x) in &track.values {
            hasher.update(name.as_bytes()).update(&x.to_le_bytes());
        }
    }
    // Pinned: users compare results over the sample catalogue, so it changes on purpose or not at all.
    assert_eq!(
        hasher.finalize().to_hex().as_str(),
        "ebfef4af1617f59955027979b67c4aa7d75e88af610317106ff09188f6037e08"
    );
    assert_eq!(first, catalogue(100, 7).collect::<Vec<_>>());
    assert_ne!(first, catalogue(100, 8).collect::<Vec<_>>());
}

#[test]
fn ids_are_unique_and_look_like_spotifys() {
    let tracks = tracks(5_000);
    assert_eq!(tracks.len(), 5_000);
    let ids: HashSet<&str> = tracks.iter().map(|track| track.id.as_str()).collect();
    assert_eq!(ids.len(), tracks.len());
    assert!(ids.iter().all(|id| id.len() == 22 && id.bytes().all(|b| b.is_ascii_alphanumeric())));
}

#[test]
fn small_catalogues_work() {
    for n in [0, 1, 2, 17] {
        assert_eq!(catalogue(n, 1).count(), n);
    }
}

#[test]
fn values_are_within_their_ranges() {
    for track in tracks(5_000) {
        for (name, &x) in &track.values {
            let (low, high) = match name.as_str() {
                value::KEY => (0.0, 11.0),
                value::MODE => (0.0, 1.0),
                value::LOUDNESS => (-60.0, 0.0),
                value::TEMPO => (40.0, 220.0),
                value::TIME_SIGNATURE => (3.0, 5.0),
                value::DURATION_MS => (45_000.0, 1_200_000.0),
                value::POPULARITY => (0.0, 100.0),
                value::RELEASE_YEAR => (1955.0, f64::from(LAST_YEAR)),
                _ => (0.0, 1.0),
            };
            assert!((low..=high).contains(&x), "{name} = {x} in {track:?}");
        }
        let n_optional = [value::POPULARITY, value::KEY, value::RELEASE_YEAR]
            .iter()
            .filter(|name| track.values.contains_key(**name))
            .count();
        assert_eq!(track.values.len() - n_optional, value::ALL.len() - 3, "{track:?}");
        assert!(track.name.is_some() && !track.artists.is_empty() && !track.genres.is_empty());
        assert_eq!(track.artists.len(), track.artist_ids.len());
    }
}

#[test]
fn the_catalogue_has_the_irregularities_of_a_real_one() {
    let tracks = tracks(10_000);
    let share = |what: &dyn Fn(&Track) -> bool| tracks.iter().filter(|t| what(t)).count() as f64 / 10_000.0;
    for name in [value::POPULARITY, value::KEY, value::RELEASE_YEAR] {
        let missing = share(&|track| !track.values.contains_key(name));
        assert!((0.005..0.08).contains(&missing), "{name} is missing in {missing}");
    }
    let featured = share(&|track| track.artists.len() > 1);
    assert!((0.03..0.10).contains(&featured), "featured artists: {featured}");
    let foreign = share(&|track| track.name.as_ref().is_some_and(|name| !name.is_ascii()));
    assert!((0.03..0.20).contains(&foreign), "titles beyond ASCII: {foreign}");
    let popular = share(&|track| track.values.get(value::POPULARITY).is_some_and(|&p| p >= 60.0));
    assert!((0.005..0.10).contains(&popular), "popular: {popular}");
    let sounds: HashSet<String> = tracks
        .iter()
        .map(|t| format!("{:?} {:?}", t.values[value::TEMPO], t.values[value::DURATION_MS]))
        .collect();
    let repeated = 1.0 - sounds.len() as f64 / 10_000.0;
    assert!((0.005..0.06).contains(&repeated), "re-releases: {repeated}");
    let artists: HashSet<&str> = tracks.iter().map(|track| track.artist_ids[0].as_str()).collect();
    assert!(artists.len() > 300, "{} artists", artists.len());
}

#[test]
fn loudness_follows_energy_and_acousticness_runs_against_it() {
    let tracks = tracks(3_000);
    let column = |name: &str| -> Vec<f64> { z_scored(tracks.iter().map(|t| t.values[name]).collect()) };
    let correlation =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / a.len() as f64;
    let energy = column(value::ENERGY);
    assert!(correlation(&energy, &column(value::LOUDNESS)) > 0.7);
    assert!(correlation(&energy, &column(value::ACOUSTICNESS)) < -0.6);
}

#[test]
fn nearest_neighbours_mostly_share_the_genre() {
    let tracks = tracks(3_000);
    let names = [
        value::DANCEABILITY,
        value::ENERGY,
        value::LOUDNESS,
        value::SPEECHINESS,
        value::ACOUSTICNESS,
        value::INSTRUMENTALNESS,
        value::LIVENESS,
        value::VALENCE,
        value::TEMPO,
    ];
    let columns: Vec<Vec<f64>> =
        names.iter().map(|name| z_scored(tracks.iter().map(|t| t.values[*name]).collect())).collect();
    let (mut n_same, mut n_all) = (0, 0);
    for query in (0..tracks.len()).step_by(15) {
        let distance = |other: usize| -> f64 { columns.iter().map(|c| (c[query] - c[other]).powi(2)).sum() };
        // Of other artists only: an artist's own tracks share the genre by construction.
        let mut others: Vec<usize> =
            (0..tracks.len()).filter(|&o| tracks[o].artist_ids[0] != tracks[query].artist_ids[0]).collect();
        others.sort_by(|&a, &b| distance(a).total_cmp(&distance(b)));
        n_same += others[..10].iter().filter(|&&o| tracks[o].genres[0] == tracks[query].genres[0]).count();
        n_all += 10;
    }
    let share = f64::from(n_same as u32) / f64::from(n_all);
    println!("same genre among ten neighbours of other artists: {share:.3}");
    assert!(share > 0.6, "same-genre share {share}, by chance it would be about 0.06");
}

fn z_scored(mut column: Vec<f64>) -> Vec<f64> {
    let n = column.len() as f64;
    let mean = column.iter().sum::<f64>() / n;
    let deviation = (column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    for x in &mut column {
        *x = (*x - mean) / deviation;
    }
    column
}
