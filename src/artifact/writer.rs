//! Streams sections into a file; the head, which needs their lengths, is written last.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytemuck::Pod;

use super::error::ArtifactError;
use super::header::{ALIGNMENT, Entry, FileKind, HEAD_BYTES, Head, MAX_SECTIONS};

/// Bytes written at a time, at multiples of as many: a huge page. Linux file systems with large folios then keep the
/// file in huge pages of the page cache and map it by them, which a graph that is read here and there gains by.
const CHUNK_BYTES: usize = 2 << 20;

/// Writes one file of sections.
///
/// Call [`section`](Self::section), then [`write`](Self::write) any number of times, for each section in turn, and
/// [`finish`](Self::finish) at the end: a file without its head is refused by every reader.
pub struct SectionWriter {
    path: PathBuf,
    file: File,
    /// What was not written yet: the part of the current chunk that there is.
    chunk: Vec<u8>,
    position: u64,
    head: Head,
}

impl SectionWriter {
    /// Creates (or truncates) the file at `path`.
    pub(crate) fn create(path: &Path, kind: FileKind) -> Result<Self, ArtifactError> {
        if cfg!(target_endian = "big") {
            return Err(ArtifactError::BigEndian);
        }
        let file = File::create(path).map_err(ArtifactError::io("create", path))?;
        let mut writer = Self {
            path: path.to_owned(),
            file,
            chunk: Vec::with_capacity(CHUNK_BYTES),
            position: 0,
            head: Head { kind: kind as u32, file_bytes: 0, entries: Vec::new() },
        };
        writer.raw(&[0; HEAD_BYTES])?;
        Ok(writer)
    }

    /// Begins section `id` of elements of type `T`.
    ///
    /// # Panics
    /// When the file already has all the sections that fit its table: the caller's layout is fixed.
    pub fn section<T: Pod>(&mut self, id: u32) -> Result<(), ArtifactError> {
        assert!(self.head.entries.len() < MAX_SECTIONS, "the section table has {MAX_SECTIONS} entries");
        let padding = self.position.next_multiple_of(ALIGNMENT) - self.position;
        self.raw(&[0; ALIGNMENT as usize][..padding as usize])?;
        let element_bytes = size_of::<T>() as u32;
        self.head.entries.push(Entry { id, element_bytes, offset: self.position, n_elements: 0 });
        Ok(())
    }

    /// Appends elements to the section begun last.
    ///
    /// # Panics
    /// When no section was begun, or with another element size.
    pub fn write<T: Pod>(&mut self, elements: &[T]) -> Result<(), ArtifactError> {
        let entry = self.head.entries.last_mut().expect("a section was begun");
        assert_eq!(entry.element_bytes as usize, size_of::<T>(), "the section's element size");
        entry.n_elements += elements.len() as u64;
        self.raw(bytemuck::cast_slice(elements))
    }

    /// Writes the head and everything still buffered, and waits until the disk has it.
    pub fn finish(mut self) -> Result<(), ArtifactError> {
        self.head.file_bytes = self.position;
        let head = self.head.encode();
        let write = |file: &mut File| {
            file.write_all(&self.chunk)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&head)?;
            file.sync_all()
        };
        write(&mut self.file).map_err(ArtifactError::io("write", &self.path))
    }

    fn raw(&mut self, mut bytes: &[u8]) -> Result<(), ArtifactError> {
        self.position += bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
            if self.chunk.len() == CHUNK_BYTES {
                self.file.write_all(&self.chunk).map_err(ArtifactError::io("write", &self.path))?;
                self.chunk.clear();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FileEntry, SectionFile};
    use super::*;

    #[test]
    fn files_around_whole_chunks_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let at_end = CHUNK_BYTES - HEAD_BYTES;
        for n in [0, 1, at_end - 1, at_end, at_end + 1, at_end + CHUNK_BYTES, at_end + 2 * CHUNK_BYTES + 3] {
            let path = directory.path().join(n.to_string());
            let bytes: Vec<u8> = (0..n).map(|place| (place % 251) as u8).collect();
            let mut writer = SectionWriter::create(&path, FileKind::Graph).unwrap();
            writer.section::<u8>(1).unwrap();
            let (first, second) = bytes.split_at(n / 3);
            writer.write(first).unwrap();
            writer.write(second).unwrap();
            writer.section::<u32>(2).unwrap();
            writer.write(&[7_u32, 8]).unwrap();
            writer.finish().unwrap();
            let file = SectionFile::open(&path, FileKind::Graph, &FileEntry::of(&path).unwrap()).unwrap();
            assert_eq!(file.section_of::<u8>(1, "bytes", n).unwrap()[..], bytes[..]);
            assert_eq!(file.section_of::<u32>(2, "numbers", 2).unwrap()[..], [7, 8]);
        }
    }
}
