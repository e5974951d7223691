//! Opens a file of sections and hands out typed slices of its map.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

use bytemuck::Pod;

use super::error::ArtifactError;
use super::header::{FileKind, Head};
use super::manifest::FileEntry;
use super::mmap::MappedFile;

/// A file of sections whose head has been checked.
#[derive(Debug)]
pub struct SectionFile {
    file: Arc<MappedFile>,
    head: Head,
}

impl SectionFile {
    /// Maps the file at `path` and checks its head; reads nothing else.
    pub(crate) fn open(path: &Path, kind: FileKind, entry: &FileEntry) -> Result<Self, ArtifactError> {
        if cfg!(target_endian = "big") {
            return Err(ArtifactError::BigEndian);
        }
        let file = MappedFile::open(path, Some(entry.bytes))?;
        if matches!(kind, FileKind::Vectors | FileKind::Exact | FileKind::Graph) {
            file.prefer_huge_pages();
        }
        let head = Head::decode(path, file.bytes(), kind)?;
        Ok(Self { file: Arc::new(file), head })
    }

    /// Section `id` as elements of type `T`; `what` names it in errors.
    pub fn section<T: Pod>(&self, id: u32, what: &'static str) -> Result<Section<T>, ArtifactError> {
        let path = self.file.path();
        let Some(entry) = self.head.entries.iter().find(|entry| entry.id == id) else {
            return Err(ArtifactError::damaged(path, what, format!("section {id}"), "none"));
        };
        if entry.element_bytes as usize != size_of::<T>() {
            return Err(ArtifactError::damaged(
                path,
                what,
                format!("elements of {} bytes", size_of::<T>()),
                format!("elements of {} bytes", entry.element_bytes),
            ));
        }
        // The head promises that the range lies inside the file.
        let start = entry.offset as usize;
        let range = start..start + entry.n_elements as usize * size_of::<T>();
        if bytemuck::try_cast_slice::<u8, T>(&self.file.bytes()[range.clone()]).is_err() {
            return Err(ArtifactError::damaged(path, what, "an aligned section", format!("offset {start}")));
        }
        Ok(Section { file: Arc::clone(&self.file), range, element: PhantomData })
    }

    /// Section `id`, which must have `n` elements.
    pub fn section_of<T: Pod>(
        &self,
        id: u32,
        what: &'static str,
        n: usize,
    ) -> Result<Section<T>, ArtifactError> {
        let section = self.section(id, what)?;
        if section.len() == n { Ok(section) } else { Err(section.damaged(what, n, section.len())) }
    }
}

/// A typed slice of a mapped file, which it keeps mapped.
pub struct Section<T> {
    file: Arc<MappedFile>,
    range: Range<usize>,
    element: PhantomData<T>,
}

impl<T> Section<T> {
    /// An [`ArtifactError::Damaged`] about the file this section belongs to.
    pub fn damaged(
        &self,
        what: impl Into<String>,
        expected: impl ToString,
        got: impl ToString,
    ) -> ArtifactError {
        ArtifactError::damaged(self.file.path(), what, expected, got)
    }
}

impl Section<u64> {
    /// Checks that the section holds ascending offsets from 0 to `end` inclusive.
    pub fn check_offsets(&self, what: &'static str, end: usize) -> Result<(), ArtifactError> {
        self.file.will_need(self.range.clone());
        let ascending = self.windows(2).all(|pair| pair[0] <= pair[1]);
        let (first, last) = (self.first().copied(), self.last().copied());
        if !ascending || first != Some(0) || last != Some(end as u64) {
            let got = format!("{first:?} to {last:?}, ascending: {ascending}");
            return Err(self.damaged(what, format!("ascending offsets from 0 to {end}"), got));
        }
        Ok(())
    }

    /// Range `index` between two offsets; in bounds once [`check_offsets`](Self::check_offsets) has passed.
    pub fn range(&self, index: usize) -> Range<usize> {
        self[index] as usize..self[index + 1] as usize
    }
}

impl<T: Pod> Deref for Section<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // `section` tried this very cast.
        bytemuck::cast_slice(&self.file.bytes()[self.range.clone()])
    }
}

impl<T: Pod> fmt::Debug for Section<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Section({} elements of {})", self.len(), self.file.path().display())
    }
}

/// A third-party file, mapped and read through once to check its checksum before any library sees it.
pub fn read_checked(path: &Path, entry: &FileEntry) -> Result<Section<u8>, ArtifactError> {
    let file = MappedFile::open(path, Some(entry.bytes))?;
    file.will_need(0..file.bytes().len());
    let got = blake3::hash(file.bytes()).to_hex().to_string();
    if got != entry.blake3 {
        return Err(ArtifactError::damaged(path, "checksum", &entry.blake3, got));
    }
    let range = 0..file.bytes().len();
    Ok(Section { file: Arc::new(file), range, element: PhantomData })
}
