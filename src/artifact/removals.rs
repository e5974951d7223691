//! `REMOVED`: the tracks that were taken out of the catalogue and may still be in generations that were read before.
//!
//! An entry is a time and an id. It holds for every generation whose reading of the store did not begin after that time:
//! such a generation may hold the track, and a server must not return it. A list belongs to a snapshot, not to a
//! generation, so it holds after a rollback too. A build drops the entries that no kept generation needs any more.
//!
//! The first line has a checksum of all that follows, so damage is an error and never a forgotten removal.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use jiff::Timestamp;

use super::error::ArtifactError;
use super::manifest::Manifest;
use super::publish::{SnapshotDir, open_lock, sync_directory};
use crate::track::TrackId;

/// The file beside [`super::CURRENT_FILE`] that lists removals; there is none without a removal.
pub const REMOVED_FILE: &str = "REMOVED";
/// What its first line begins with: what it is, and the version of its format.
const HEAD: &str = "nearfield-removals 1 ";
/// The length of the first line with its checksum and line end.
const HEAD_BYTES: usize = HEAD.len() + 64 + 1;
/// Locked while the list is changed. Not the lock of builds, which take long.
const LOCK_FILE: &str = ".removed.lock";
/// Builds clean up what has their prefix, so this has another; whoever writes next writes over it.
const UNFINISHED_FILE: &str = ".removed.new";

/// The tracks taken out of the catalogue, with when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removals {
    by_id: BTreeMap<TrackId, Timestamp>,
}

impl Removals {
    /// How many tracks are listed.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Ids and times, ascending by id.
    pub fn iter(&self) -> impl Iterator<Item = (&TrackId, Timestamp)> {
        self.by_id.iter().map(|(id, time)| (id, *time))
    }

    /// The tracks that a generation must not return whose reading of the store began at `read_started`.
    pub fn hidden_from(&self, read_started: Timestamp) -> impl Iterator<Item = &TrackId> {
        self.iter().filter(move |(_, time)| *time >= read_started).map(|(id, _)| id)
    }

    /// Adds the entries of `other`; of two times the later counts.
    pub fn extend(&mut self, other: &Self) {
        for (id, time) in other.iter() {
            self.note(id, time);
        }
    }

    /// Adds an entry; of two times of a track the later counts.
    pub fn note(&mut self, id: &TrackId, time: Timestamp) {
        let known = self.by_id.entry(id.clone()).or_insert(time);
        *known = time.max(*known);
    }

    /// Reads the contents of the file at `path`.
    fn parse(text: &str, path: &Path) -> Result<Self, ArtifactError> {
        let damaged = |what, expected: &str, got: &str| damaged(path, what, expected, got);
        let (head, entries) = text.split_once('\n').unwrap_or((text, ""));
        let Some(checksum) = head.strip_prefix(HEAD) else {
            return Err(damaged("first line", &format!("`{HEAD}` and a checksum"), head));
        };
        let found = blake3::hash(entries.as_bytes()).to_hex();
        if found.as_str() != checksum {
            return Err(damaged("checksum", checksum, &found));
        }
        let mut removals = Self::default();
        for line in entries.lines() {
            let entry = line.split_once(' ').and_then(|(time, id)| {
                let parsed = TrackId::parse(id).ok()?;
                Some((time.parse::<Timestamp>().ok()?, (parsed.as_str() == id).then_some(parsed)?))
            });
            let (time, id) = entry.ok_or_else(|| damaged("entry", "a time, a space and a track id", line))?;
            removals.note(&id, time);
        }
        Ok(removals)
    }

    fn to_text(&self) -> String {
        let mut entries = String::new();
        for (id, time) in self.iter() {
            entries.push_str(&format!("{time} {id}\n"));
        }
        format!("{HEAD}{}\n{entries}", blake3::hash(entries.as_bytes()).to_hex())
    }
}

fn damaged(path: &Path, what: &'static str, expected: &str, got: &str) -> ArtifactError {
    // It may be anything, of any length.
    let got: String = got.chars().take(200).collect();
    let (expected, got) = (expected.to_owned(), format!("{got:?}"));
    ArtifactError::DamagedRemovals { path: path.to_owned(), what, expected, got }
}

impl SnapshotDir {
    /// The list of removals; an empty one where there is no file.
    pub fn removals(&self) -> Result<Removals, ArtifactError> {
        let path = self.path().join(REMOVED_FILE);
        match fs::read(&path) {
            Ok(bytes) => match str::from_utf8(&bytes) {
                Ok(text) => Removals::parse(text, &path),
                Err(error) => Err(damaged(&path, "contents", "UTF-8", &error.to_string())),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Removals::default()),
            Err(error) => Err(ArtifactError::io("read", &path)(error)),
        }
    }

    /// The first line of the list, which is another one whenever the list is; `None` where there is no file.
    pub fn removals_head(&self) -> Result<Option<Vec<u8>>, ArtifactError> {
        let path = self.path().join(REMOVED_FILE);
        let read = || -> io::Result<Vec<u8>> {
            let mut head = Vec::with_capacity(HEAD_BYTES);
            File::open(&path)?.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
            Ok(head)
        };
        match read() {
            Ok(head) => Ok(Some(head)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ArtifactError::io("read", &path)(error)),
        }
    }

    /// Lists `ids` as removed now, and waits until the disk has it. Creates the snapshot's directory where there is
    /// none: a first build may be reading the store at this moment.
    pub fn note_removed(&self, ids: &[TrackId]) -> Result<(), ArtifactError> {
        fs::create_dir_all(self.path()).map_err(ArtifactError::io("create", self.path()))?;
        let _lock = self.lock_removals()?;
        let mut removals = self.removals()?;
        // After the clock was set back, now may be before the reading of a generation that holds the track.
        let newest = self.kept_read_started()?.into_iter().flatten().max();
        let time = newest.map_or(Timestamp::now(), |newest| newest.max(Timestamp::now()));
        ids.iter().for_each(|id| removals.note(id, time));
        self.write_removals(&removals)
    }

    /// Takes out the entries of `cleared` that are in the list with the same time; returns how many there were.
    pub fn clear_removed(&self, cleared: &Removals) -> Result<usize, ArtifactError> {
        if cleared.is_empty() {
            return Ok(0);
        }
        let _lock = self.lock_removals()?;
        let mut removals = self.removals()?;
        let n_before = removals.len();
        // Another time is that of another removal, which came later.
        removals.by_id.retain(|id, time| cleared.by_id.get(id) != Some(time));
        self.write_removals(&removals)?;
        Ok(n_before - removals.len())
    }

    /// Drops the entries that no generation on disk needs: all of them were read after the removal. The caller holds the
    /// lock of builds, so that none appears meanwhile.
    pub(super) fn prune_removals(&self) -> Result<(), ArtifactError> {
        if self.removals_head()?.is_none() {
            return Ok(());
        }
        let _lock = self.lock_removals()?;
        let mut removals = self.removals()?;
        let mut oldest = None;
        for read_started in self.kept_read_started()? {
            oldest = match read_started {
                Ok(time) => Some(oldest.map_or(time, |oldest: Timestamp| oldest.min(time))),
                // It cannot be served by anybody, ever.
                Err(ArtifactError::Damaged { .. }) => oldest,
                // It may be read another time, or by a newer program: nothing is known of what it needs.
                Err(_) => return Ok(()),
            };
        }
        let Some(oldest) = oldest else { return Ok(()) };
        let n_before = removals.len();
        removals.by_id.retain(|_, time| *time >= oldest);
        if removals.len() < n_before { self.write_removals(&removals) } else { Ok(()) }
    }

    /// When the reading of each generation on disk began, or why that is not known.
    fn kept_read_started(&self) -> Result<Vec<Result<Timestamp, ArtifactError>>, ArtifactError> {
        let read = |name: &String| {
            let manifest = Manifest::read(&self.path().join(name))?;
            Ok(manifest.provenance.read_started())
        };
        Ok(self.generations()?.iter().map(read).collect())
    }

    fn write_removals(&self, removals: &Removals) -> Result<(), ArtifactError> {
        if removals.is_empty() {
            let path = self.path().join(REMOVED_FILE);
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(ArtifactError::io("remove", &path)(error))
                }
                _ => sync_directory(self.path()),
            };
        }
        self.replace(REMOVED_FILE, UNFINISHED_FILE, removals.to_text().as_bytes())
    }

    /// Waits for its turn: the list is never locked for long.
    fn lock_removals(&self) -> Result<File, ArtifactError> {
        let path = self.path().join(LOCK_FILE);
        let file = open_lock(&path)?;
        file.lock().map_err(ArtifactError::io("lock", &path))?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> TrackId {
        TrackId::parse(text).unwrap()
    }

    fn listed(directory: &SnapshotDir) -> Vec<String> {
        directory.removals().unwrap().iter().map(|(id, _)| id.to_string()).collect()
    }

    #[test]
    fn a_list_is_what_was_written() {
        let indexes = tempfile::tempdir().unwrap();
        let directory = SnapshotDir::new(indexes.path(), "main").unwrap();
        assert_eq!((directory.removals().unwrap().len(), directory.removals_head().unwrap()), (0, None));
        let before = Timestamp::now();
        directory.note_removed(&[id("b"), id("ä")]).unwrap();
        let first = directory.removals().unwrap();
        let head = directory.removals_head().unwrap().unwrap();
        directory.note_removed(&[id("a"), id("b")]).unwrap();
        assert_eq!(listed(&directory), ["a", "b", "ä"]);
        assert_ne!(directory.removals_head().unwrap().unwrap(), head);
        let removals = directory.removals().unwrap();
        assert_eq!(removals.hidden_from(before).count(), 3);
        assert_eq!(removals.hidden_from(Timestamp::now()).count(), 0);
        // `b` was removed once more since, which the clearing of its first removal leaves alone.
        assert_eq!(directory.clear_removed(&first).unwrap(), 1);
        assert_eq!(listed(&directory), ["a", "b"]);
        directory.clear_removed(&directory.removals().unwrap()).unwrap();
        assert_eq!(directory.removals_head().unwrap(), None);
    }

    #[test]
    fn every_damage_is_noticed() {
        let indexes = tempfile::tempdir().unwrap();
        let directory = SnapshotDir::new(indexes.path(), "main").unwrap();
        directory.note_removed(&[id("a"), id("b")]).unwrap();
        let path = directory.path().join(REMOVED_FILE);
        let bytes = fs::read(&path).unwrap();
        let check = |damaged: &[u8]| {
            fs::write(&path, damaged).unwrap();
            let error = directory.removals().unwrap_err();
            assert!(matches!(error, ArtifactError::DamagedRemovals { .. }), "{error}");
        };
        for at in 0..bytes.len() {
            check(&bytes[..at]);
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            check(&flipped);
        }
        // Whole, but nonsense.
        for entries in ["2026-11-24T13:56:27Z\n", "today a\n", "2026-11-24T13:56:27Z a b\n"] {
            check(format!("{HEAD}{}\n{entries}", blake3::hash(entries.as_bytes()).to_hex()).as_bytes());
        }
        fs::write(&path, &bytes).unwrap();
        assert_eq!(listed(&directory), ["a", "b"]);
        // Nobody may write over a list that cannot be read.
        check(b"");
        assert!(directory.note_removed(&[id("c")]).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"");
    }
}
