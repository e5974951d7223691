//! Maps a file: the only place where one is mapped.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use super::error::ArtifactError;

/// A file mapped for reading.
#[derive(Debug)]
pub(super) struct MappedFile {
    map: Mmap,
    path: PathBuf,
}

impl MappedFile {
    /// Maps the file at `path`, which must be `expected_bytes` long where that is known.
    pub fn open(path: &Path, expected_bytes: Option<u64>) -> Result<Self, ArtifactError> {
        let file = File::open(path).map_err(ArtifactError::io("open", path))?;
        let bytes = file.metadata().map_err(ArtifactError::io("inspect", path))?.len();
        if let Some(expected) = expected_bytes
            && bytes != expected
        {
            return Err(ArtifactError::damaged(
                path,
                "length",
                format!("{expected} bytes"),
                format!("{bytes} bytes"),
            ));
        }
        // SAFETY: a generation's files are written to a staging directory, published by rename and never changed
        // afterwards (publish.rs), so nobody writes to the mapped bytes. Whoever changes them from outside breaks
        // that contract of the snapshot directory, which docs/format.md states.
        let map = unsafe { Mmap::map(&file) }.map_err(ArtifactError::io("map", path))?;
        Ok(Self { map, path: path.to_owned() })
    }

    pub fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Asks the system to keep the file in huge pages, where it is not in memory yet: far fewer translations for the
    /// processor to remember when it is read here and there.
    pub fn prefer_huge_pages(&self) {
        #[cfg(target_os = "linux")]
        // Advice that is refused costs time only.
        let _ = self.map.advise(memmap2::Advice::HugePage);
    }

    /// Asks the system to read a range ahead, all at once instead of fault by fault.
    pub fn will_need(&self, range: Range<usize>) {
        #[cfg(unix)]
        // Advice that is refused costs time only.
        let _ = self.map.advise_range(memmap2::Advice::WillNeed, range.start, range.len());
        #[cfg(not(unix))]
        let _ = range;
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}
