//! Playlists of a file, as items.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::snapshot::Snapshot;
use crate::source::{self, Cell, RawRow, ReadRow, SourceError};
use crate::track::{ItemIdx, TrackId};

const PLAYLIST: &str = "playlist_id";
const TRACK: &str = "track_id";
const SOURCE: &str = "source";

/// Why playlists cannot be measured on.
#[derive(Debug, thiserror::Error)]
pub enum PlaylistError {
    /// The file cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A column is missing.
    #[error("{} has no column `{column}`; expected {PLAYLIST}, {TRACK} and, where sources are told apart, {SOURCE}", path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        column: &'static str,
    },
    /// Nothing to measure on.
    #[error(
        "{n_found} playlists were found, fewer than two of them with {n_tracks} tracks of this catalogue; check the name of the source, or give fewer --seeds"
    )]
    TooFew {
        /// Playlists there are.
        n_found: usize,
        /// What each must have.
        n_tracks: usize,
    },
}

/// The playlists of a file (of one `source`), each with its tracks that are in the catalogue, ascending, each once; in the
/// order of source and id.
pub(super) fn read(
    snapshot: &Snapshot,
    path: &Path,
    source: Option<&str>,
) -> Result<Vec<Vec<ItemIdx>>, PlaylistError> {
    let mut file = source::open(path)?;
    for column in [PLAYLIST, TRACK].into_iter().chain(source.map(|_| SOURCE)) {
        if !file.rows.columns().iter().any(|known| known == column) {
            return Err(PlaylistError::Column { path: path.to_owned(), column });
        }
    }
    let mut playlists: BTreeMap<(String, String), Vec<ItemIdx>> = BTreeMap::new();
    loop {
        let row = match file.rows.read()? {
            ReadRow::Row(row) => row,
            // Lines that are no rows name no track.
            ReadRow::Bad(_) => continue,
            ReadRow::End => break,
        };
        let from = cell(&row, SOURCE);
        if source.is_some_and(|source| source != from) {
            continue;
        }
        let playlist = playlists.entry((from, cell(&row, PLAYLIST))).or_default();
        playlist.extend(TrackId::parse(&cell(&row, TRACK)).ok().and_then(|id| snapshot.find(&id)));
    }
    for playlist in playlists.values_mut() {
        playlist.sort_unstable();
        playlist.dedup();
    }
    Ok(playlists.into_values().collect())
}

fn cell(row: &RawRow<'_>, column: &str) -> String {
    let place = row.columns.iter().position(|known| known == column);
    place.and_then(|place| row.cells.get(place)).map(Cell::display).unwrap_or_default()
}
