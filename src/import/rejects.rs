//! Which rejects file belongs to which input.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::source::reject::{Reject, RejectsError, RejectsWriter};

/// Where refusals go.
#[derive(Clone, Debug)]
pub enum RejectsPlace {
    /// Into this directory, one `<input file name>.ndjson` for each input.
    Directory(PathBuf),
    /// All into this file.
    File(PathBuf),
    /// They are only counted.
    Nowhere,
}

/// Opens rejects files as inputs come by.
pub(super) struct Rejects {
    place: RejectsPlace,
    writer: Option<RejectsWriter>,
    taken: HashSet<PathBuf>,
}

impl Rejects {
    pub(super) fn new(place: RejectsPlace) -> Self {
        let writer = match &place {
            RejectsPlace::File(path) => Some(RejectsWriter::new(path.clone())),
            RejectsPlace::Directory(_) | RejectsPlace::Nowhere => None,
        };
        Self { place, writer, taken: HashSet::new() }
    }

    /// What follows is about `input`.
    pub(super) fn begin(&mut self, input: &Path) {
        if let RejectsPlace::Directory(dir) = &self.place {
            let name = input.file_name().map_or_else(|| "input".into(), |name| name.to_string_lossy());
            let mut path = dir.join(format!("{name}.ndjson"));
            // Inputs of the same name from different directories.
            let mut n = 1;
            while !self.taken.insert(path.clone()) {
                n += 1;
                path = dir.join(format!("{name}.{n}.ndjson"));
            }
            self.writer = Some(RejectsWriter::new(path));
        }
    }

    pub(super) fn write(&mut self, reject: &Reject<'_>) -> Result<(), RejectsError> {
        self.writer.as_mut().map_or(Ok(()), |writer| writer.write(reject))
    }

    /// Makes sure that what was written has reached the file; returns the file if there is one.
    pub(super) fn flush(&mut self) -> Result<Option<PathBuf>, RejectsError> {
        let Some(writer) = &mut self.writer else {
            return Ok(None);
        };
        writer.flush()?;
        Ok(writer.created().map(Path::to_owned))
    }
}
