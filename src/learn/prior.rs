//! What is known before the first example: how far apart tracks of a playlist usually are, and which weights that gives.

use crate::feature::{PROFILE_DEFAULT, Schema};
use crate::snapshot::Snapshot;
use crate::track::{ItemIdx, value};

use super::examples::{Examples, Rows};

/// Added to every spread, so that tracks that are the same in a feature do not make it all that counts.
pub(super) const FLOOR: f64 = 0.03;
/// The profile whose features are learned where a request names none.
const PROFILE_PLAYLIST: &str = "playlist";
/// Playlists with fewer tracks say little of a spread.
const LEAST_TRACKS: usize = 10;

/// The mean variance within the 247 playlists of the collection `mackorone_2021`, in units of the variance over a catalogue
/// of 254,179 tracks: `nearfield eval --playlists FILE --playlist-source mackorone_2021 --json` prints it as `spreads`.
const SPREADS: [(&str, f64); 15] = [
    (value::DANCEABILITY, 0.52),
    (value::ENERGY, 0.41),
    (value::ACOUSTICNESS, 0.50),
    (value::INSTRUMENTALNESS, 0.24),
    (value::VALENCE, 0.64),
    (value::SPEECHINESS, 0.61),
    (value::LIVENESS, 0.68),
    (value::LOUDNESS, 0.31),
    (value::TEMPO, 0.91),
    (value::KEY, 1.01),
    (value::MODE, 0.97),
    (value::TIME_SIGNATURE, 0.63),
    (value::DURATION_MS, 0.33),
    (value::POPULARITY, 0.54),
    (value::RELEASE_YEAR, 0.19),
];

/// What is known before the first example.
#[derive(Clone, Debug, PartialEq)]
pub struct Prior {
    /// Usual variance within a playlist in units of the variance over the catalogue, by feature; above 0.
    pub spreads: Vec<f64>,
    /// The weights that no evidence leads to, by feature.
    pub base: Vec<f64>,
}

impl Prior {
    /// The weights of profile `base`, or where none is named the best ones for playlists: of every feature of the profile
    /// `playlist` (the default profile in a schema without it), the more the closer together playlists are in it. `None`
    /// where there is no such profile.
    pub fn of(schema: &Schema, base: Option<&str>) -> Option<Self> {
        let usual =
            |name: &str| SPREADS.iter().find(|(known, _)| *known == name).map_or(1.0, |(_, spread)| *spread);
        let spreads: Vec<f64> = schema.features.iter().map(|feature| usual(feature.source())).collect();
        match base {
            Some(name) => Some(Self { base: schema.profile(name)?, spreads }),
            None => Some(Self::of_spreads(schema, spreads)),
        }
    }

    /// The same with spreads of one's own.
    pub fn of_spreads(schema: &Schema, spreads: Vec<f64>) -> Self {
        let profile =
            schema.profile(PROFILE_PLAYLIST).or_else(|| schema.profile(PROFILE_DEFAULT)).unwrap_or_default();
        let base =
            profile.iter().zip(&spreads).map(|(weight, spread)| weight / (spread + FLOOR).powi(2)).collect();
        Self { spreads, base }
    }
}

/// The mean variance within `playlists` of at least ten tracks, in units of the variance over the catalogue, by feature; 1
/// where no playlist has values.
pub fn spreads(snapshot: &Snapshot, playlists: &[Vec<ItemIdx>]) -> Vec<f64> {
    let rows = Rows::of(snapshot);
    let mean = |feature: usize| {
        let within =
            playlists.iter().filter(|playlist| playlist.len() >= LEAST_TRACKS).filter_map(|playlist| {
                let examples = Examples::of(&rows, feature, playlist);
                (examples.n() > 2).then(|| examples.squares() / (examples.n() - 1) as f64)
            });
        let within: Vec<f64> = within.collect();
        if within.is_empty() { 1.0 } else { within.iter().sum::<f64>() / within.len() as f64 }
    };
    (0..snapshot.schema().features.len()).map(mean).collect()
}
