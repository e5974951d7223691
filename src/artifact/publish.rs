//! Staging, atomic publication, rollback and cleaning up.
//!
//! A generation is written to `.staging-<generation>`, synced, renamed to `<generation>` and named in `CURRENT` by a
//! second rename. Whoever dies in between leaves the live generation as it was; what is left over is removed by
//! the next build. A published file is never changed.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::suggest;

use super::error::ArtifactError;
use super::manifest::{FileEntry, MANIFEST_FILE, Manifest};

/// The file that names the live generation.
pub const CURRENT_FILE: &str = "CURRENT";
/// Where snapshots are unless the user says otherwise.
pub const DEFAULT_INDEXES: &str = "indexes";
const LOCK_FILE: &str = ".lock";
pub(super) const STAGING_PREFIX: &str = ".staging-";

/// The directory of one snapshot: its generations and which of them is live.
#[derive(Clone, Debug)]
pub struct SnapshotDir {
    indexes: PathBuf,
    path: PathBuf,
    name: String,
}

/// A generation being written. Dropped unpublished, it removes what it wrote.
#[derive(Debug)]
pub struct Staging {
    snapshot: SnapshotDir,
    generation: String,
    path: PathBuf,
    published: bool,
    /// Held until the end, so that builds of one snapshot come one after another.
    _lock: File,
}

/// A generation that is live now.
#[derive(Debug)]
pub struct Published {
    /// Its directory.
    pub directory: PathBuf,
    /// Old generations that were removed, or why that failed.
    pub removed: Result<Vec<String>, ArtifactError>,
}

impl SnapshotDir {
    /// The snapshot `name` under `indexes`, whether it exists yet or not.
    pub fn new(indexes: &Path, name: &str) -> Result<Self, ArtifactError> {
        check_name("snapshot", name)?;
        Ok(Self { indexes: indexes.to_owned(), path: indexes.join(name), name: name.to_owned() })
    }

    /// Every snapshot under `indexes` that has a live generation, by name.
    pub fn list(indexes: &Path) -> Result<Vec<Self>, ArtifactError> {
        let mut found = Vec::new();
        for entry in fs::read_dir(indexes).map_err(ArtifactError::io("list", indexes))? {
            let entry = entry.map_err(ArtifactError::io("list", indexes))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().join(CURRENT_FILE).is_file() && check_name("snapshot", &name).is_ok() {
                found.push(Self::new(indexes, &name)?);
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Where its generations are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The snapshot's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the live generation, or `None` where nothing was published yet.
    pub fn current(&self) -> Result<Option<String>, ArtifactError> {
        let path = self.path.join(CURRENT_FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ArtifactError::io("read", &path)(error)),
        };
        let generation = text.trim().to_owned();
        if check_name("generation", &generation).is_err() {
            return Err(ArtifactError::damaged(
                &path,
                "contents",
                "a generation's name",
                format!("{text:?}"),
            ));
        }
        Ok(Some(generation))
    }

    /// The directory of `generation`, or of the live one.
    pub fn resolve(&self, generation: Option<&str>) -> Result<PathBuf, ArtifactError> {
        let generation = match generation {
            Some(generation) => {
                check_name("generation", generation)?;
                generation.to_owned()
            }
            None => self.current()?.ok_or_else(|| self.missing())?,
        };
        let path = self.path.join(&generation);
        if path.join(MANIFEST_FILE).is_file() {
            Ok(path)
        } else {
            Err(ArtifactError::NoGeneration { name: self.name.clone(), generation })
        }
    }

    /// That there is no such snapshot, and what to do about it.
    fn missing(&self) -> ArtifactError {
        let name = &self.name;
        let others = Self::list(&self.indexes).unwrap_or_default();
        let known = match others.is_empty() {
            true => String::new(),
            false => suggest::among(name, others.iter().map(Self::name)) + " (say so with --name)",
        };
        let place = match self.indexes.as_os_str() == DEFAULT_INDEXES {
            true => String::new(),
            false => format!(" --indexes {}", self.indexes.display()),
        };
        let instead = format!(
            "{known}. `nearfield build{place} --name {name}` makes it from the catalogue; `nearfield demo` makes up a \
             catalogue to try"
        );
        ArtifactError::NoSnapshot { name: name.clone(), indexes: self.indexes.clone(), instead }
    }

    /// All complete generations, oldest first.
    pub fn generations(&self) -> Result<Vec<String>, ArtifactError> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(ArtifactError::io("list", &self.path))? {
            let entry = entry.map_err(ArtifactError::io("list", &self.path))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if check_name("generation", &name).is_ok() && entry.path().join(MANIFEST_FILE).is_file() {
                found.push(name);
            }
        }
        found.sort();
        Ok(found)
    }

    /// Begins a new generation: takes the lock, removes what a killed build left behind, and creates the staging
    /// directory.
    pub fn stage(&self) -> Result<Staging, ArtifactError> {
        fs::create_dir_all(&self.path).map_err(ArtifactError::io("create", &self.path))?;
        let lock = self.lock()?;
        self.remove_leftovers()?;
        let generation = next_name(self.generations()?.last(), jiff::Timestamp::now());
        check_name("generation", &generation)?;
        let path = self.path.join(format!("{STAGING_PREFIX}{generation}"));
        fs::create_dir(&path).map_err(ArtifactError::io("create", &path))?;
        Ok(Staging { snapshot: self.clone(), generation, path, published: false, _lock: lock })
    }

    /// Makes an earlier generation live again and returns its name: the one asked for, else the live one's parent. Where
    /// the live manifest is damaged, or its parent is gone or damaged, the newest older generation that is whole.
    pub fn roll_back(&self, to: Option<&str>) -> Result<String, ArtifactError> {
        if !self.path.is_dir() {
            return Err(self.missing());
        }
        let _lock = self.lock()?;
        if let Some(generation) = to {
            self.check_whole(generation)?;
            self.set_current(generation)?;
            return Ok(generation.to_owned());
        }
        let live = self.current()?.ok_or_else(|| self.missing())?;
        let parent = Manifest::read(&self.path.join(&live)).ok().and_then(|manifest| manifest.parent);
        let older = self.generations()?.into_iter().rev().filter(|generation| *generation < live);
        let mut damaged = None;
        for generation in parent.into_iter().chain(older) {
            match self.check_whole(&generation) {
                Ok(()) => {
                    self.set_current(&generation)?;
                    return Ok(generation);
                }
                Err(error) => damaged = damaged.or(Some(error)),
            }
        }
        Err(ArtifactError::NoParent {
            name: self.name.clone(),
            problem: damaged.map(|error| format!(" ({error})")).unwrap_or_default(),
        })
    }

    /// Whether a generation can go live: its manifest is sound and every file has its checksum.
    fn check_whole(&self, generation: &str) -> Result<(), ArtifactError> {
        let path = self.resolve(Some(generation))?;
        Manifest::read(&path)?.verify_files(&path, |_| {})
    }

    /// Removes the oldest generations until `keep` are left; the live one and its parent always stay. The caller holds
    /// the lock.
    fn prune(&self, keep: usize) -> Result<Vec<String>, ArtifactError> {
        let Some(current) = self.current()? else { return Ok(Vec::new()) };
        let parent = Manifest::read(&self.resolve(None)?)?.parent;
        let generations = self.generations()?;
        let mut surplus = generations.len().saturating_sub(keep.max(1));
        let mut removed = Vec::new();
        for generation in generations {
            if surplus == 0 {
                break;
            }
            if generation == current || Some(&generation) == parent.as_ref() {
                continue;
            }
            // Under the name of a leftover it is no generation any more, and what is interrupted here is finished by
            // the next build.
            let path = self.path.join(&generation);
            let doomed = self.path.join(format!("{STAGING_PREFIX}removed-{generation}"));
            fs::rename(&path, &doomed).map_err(ArtifactError::io("rename", &path))?;
            fs::remove_dir_all(&doomed).map_err(ArtifactError::io("remove", &doomed))?;
            removed.push(generation);
            surplus -= 1;
        }
        Ok(removed)
    }

    fn lock(&self) -> Result<File, ArtifactError> {
        let path = self.path.join(LOCK_FILE);
        let file = open_lock(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(ArtifactError::Locked { path }),
            Err(TryLockError::Error(error)) => Err(ArtifactError::io("lock", &path)(error)),
        }
    }

    /// Removes what builds left that were killed: staging directories, generations half-way out, a `CURRENT` that was
    /// never renamed into place. All of them bear our prefix; nothing else is touched.
    fn remove_leftovers(&self) -> Result<(), ArtifactError> {
        for entry in fs::read_dir(&self.path).map_err(ArtifactError::io("list", &self.path))? {
            let entry = entry.map_err(ArtifactError::io("list", &self.path))?;
            let path = entry.path();
            if !entry.file_name().to_string_lossy().starts_with(STAGING_PREFIX) {
                continue;
            }
            let kind = entry.file_type().map_err(ArtifactError::io("inspect", &path))?;
            let removed = if kind.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(ArtifactError::io("remove", &path))?;
        }
        Ok(())
    }

    fn set_current(&self, generation: &str) -> Result<(), ArtifactError> {
        check_name("generation", generation)?;
        let unfinished = format!("{STAGING_PREFIX}{CURRENT_FILE}");
        self.replace(CURRENT_FILE, &unfinished, format!("{generation}\n").as_bytes())
    }

    /// Makes `contents` those of the file `name`, which a reader sees wholly or not at all, and waits until the disk has
    /// them. Until then they are in the file `unfinished`.
    pub(super) fn replace(&self, name: &str, unfinished: &str, contents: &[u8]) -> Result<(), ArtifactError> {
        let (path, unfinished) = (self.path.join(name), self.path.join(unfinished));
        let mut file = File::create(&unfinished).map_err(ArtifactError::io("create", &unfinished))?;
        let written = file.write_all(contents).and_then(|()| file.sync_all());
        written.map_err(ArtifactError::io("write", &unfinished))?;
        fs::rename(&unfinished, &path).map_err(ArtifactError::io("replace", &path))?;
        sync_directory(&self.path)
    }
}

impl Staging {
    /// Where the generation's files are to be written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The new generation's name.
    pub fn generation(&self) -> &str {
        &self.generation
    }

    /// Length and checksum of every file written so far.
    pub fn files(&self) -> Result<std::collections::BTreeMap<String, FileEntry>, ArtifactError> {
        let mut files = std::collections::BTreeMap::new();
        for entry in fs::read_dir(&self.path).map_err(ArtifactError::io("list", &self.path))? {
            let entry = entry.map_err(ArtifactError::io("list", &self.path))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != MANIFEST_FILE {
                files.insert(name, FileEntry::of(&entry.path())?);
            }
        }
        Ok(files)
    }

    /// Makes the generation live, then removes old ones until `keep` are left. Its manifest must be written and its
    /// gates passed. A failure to remove is reported beside the success: the generation is live all the same.
    pub fn publish(mut self, keep: usize) -> Result<Published, ArtifactError> {
        for entry in fs::read_dir(&self.path).map_err(ArtifactError::io("list", &self.path))? {
            let path = entry.map_err(ArtifactError::io("list", &self.path))?.path();
            let synced = File::open(&path).and_then(|file| file.sync_all());
            synced.map_err(ArtifactError::io("sync", &path))?;
        }
        sync_directory(&self.path)?;
        let target = self.snapshot.path.join(&self.generation);
        fs::rename(&self.path, &target).map_err(ArtifactError::io("rename", &self.path))?;
        self.path.clone_from(&target);
        sync_directory(&self.snapshot.path)?;
        // From here on the directory is a generation like any other: if naming it fails half-way, `CURRENT` may already
        // point to it, so it must stay.
        self.published = true;
        self.snapshot.set_current(&self.generation)?;
        let removed = self.snapshot.prune(keep);
        // Removals that the generations removed just now were the last to need. A failure leaves more than is needed.
        let removed = removed.and_then(|removed| self.snapshot.prune_removals().map(|()| removed));
        Ok(Published { directory: target, removed })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.published {
            // Best effort: the next build removes what stays.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The name of a generation built at `now`: the time to the millisecond, but always behind `newest`, so that
/// generations sort by age even after the clock was set back.
fn next_name(newest: Option<&String>, now: jiff::Timestamp) -> String {
    const FORMAT: &str = "%Y%m%dT%H%M%S%3fZ";
    let name = now.strftime(FORMAT).to_string();
    let Some(newest) = newest.filter(|newest| **newest >= name) else { return name };
    let parsed = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S", newest.get(..15).unwrap_or_default());
    let millis: i64 = newest.get(15..18).and_then(|digits| digits.parse().ok()).unwrap_or(0);
    let later = parsed
        .and_then(|time| jiff::tz::TimeZone::UTC.to_timestamp(time))
        .and_then(|time| time.checked_add(jiff::SignedDuration::from_millis(millis + 1)));
    match later {
        Ok(later) => later.strftime(FORMAT).to_string(),
        // Not a name of ours: it was put there by hand.
        Err(_) => format!("{}-1", newest.get(..48).unwrap_or(newest)),
    }
}

/// The file at `path`, to be locked; made where there is none.
pub(super) fn open_lock(path: &Path) -> Result<File, ArtifactError> {
    let file = File::options().create(true).truncate(false).write(true).open(path);
    file.map_err(ArtifactError::io("open", path))
}

pub(super) fn sync_directory(path: &Path) -> Result<(), ArtifactError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(ArtifactError::io("sync", path))
}

fn check_name(what: &'static str, name: &str) -> Result<(), ArtifactError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = (1..=64).contains(&name.len()) && name.chars().all(allowed);
    if fits && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name != CURRENT_FILE {
        Ok(())
    } else {
        Err(ArtifactError::Name { what, name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_sort_by_age_whatever_the_clock_does() {
        let now: jiff::Timestamp = "2026-11-24T13:56:27.123Z".parse().unwrap();
        let check = |newest: Option<&str>, expected: &str| {
            assert_eq!(next_name(newest.map(str::to_owned).as_ref(), now), expected);
        };
        check(None, "20261124T135627123Z");
        check(Some("20261124T135627122Z"), "20261124T135627123Z");
        check(Some("20261124T135627123Z"), "20261124T135627124Z");
        check(Some("20991231T235959999Z"), "21000101T000000000Z");
        check(Some("restored"), "restored-1");
    }
}
