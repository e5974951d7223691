//! The head of a file of sections: 64 bytes of header, then a table of 16 entries of 32 bytes, then the sections.
//! All numbers are little-endian.

use std::path::Path;

use super::error::ArtifactError;

/// The format this version writes.
pub const FORMAT_VERSION: u32 = 4;
/// The oldest format this version reads.
pub const OLDEST_FORMAT_VERSION: u32 = 4;

pub(super) const MAGIC: [u8; 8] = *b"NEARFLD\0";
pub(super) const MAX_SECTIONS: usize = 16;
/// Sections begin at multiples of this: a cache line, and the alignment of every element type.
pub(super) const ALIGNMENT: u64 = 64;

const FIXED_BYTES: usize = 32;
const HEADER_BYTES: usize = FIXED_BYTES + blake3::OUT_LEN;
const ENTRY_BYTES: usize = 32;
const TABLE_BYTES: usize = MAX_SECTIONS * ENTRY_BYTES;
/// Where the first section begins.
pub(super) const HEAD_BYTES: usize = HEADER_BYTES + TABLE_BYTES;

/// Which of a generation's files this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum FileKind {
    Items = 1,
    Vectors = 2,
    Tags = 3,
    Titles = 4,
    Exact = 5,
    Graph = 6,
    Overview = 7,
}

/// One entry of the section table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub id: u32,
    pub element_bytes: u32,
    pub offset: u64,
    pub n_elements: u64,
}

/// The parsed head of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub kind: u32,
    pub file_bytes: u64,
    pub entries: Vec<Entry>,
}

impl Head {
    /// The head as bytes, checksum included.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEAD_BYTES];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.kind.to_le_bytes());
        bytes[16..20].copy_from_slice(&(self.entries.len() as u32).to_le_bytes());
        bytes[24..32].copy_from_slice(&self.file_bytes.to_le_bytes());
        for (entry, bytes) in self.entries.iter().zip(bytes[HEADER_BYTES..].chunks_exact_mut(ENTRY_BYTES)) {
            bytes[0..4].copy_from_slice(&entry.id.to_le_bytes());
            bytes[4..8].copy_from_slice(&entry.element_bytes.to_le_bytes());
            bytes[8..16].copy_from_slice(&entry.offset.to_le_bytes());
            bytes[16..24].copy_from_slice(&entry.n_elements.to_le_bytes());
        }
        let checksum = checksum(&bytes);
        bytes[FIXED_BYTES..HEADER_BYTES].copy_from_slice(checksum.as_bytes());
        bytes
    }

    /// Parses and checks the head of the file at `path` (for messages) with contents `file`: magic, version,
    /// checksum, length, and that every section lies inside the file at an aligned place.
    pub fn decode(path: &Path, file: &[u8], kind: FileKind) -> Result<Self, ArtifactError> {
        let damaged = |what: &str, expected: String, got: String| {
            Err(ArtifactError::damaged(path, what, expected, got))
        };
        if file.len() < HEAD_BYTES {
            return damaged(
                "length",
                format!("at least {HEAD_BYTES} bytes"),
                format!("{} bytes", file.len()),
            );
        }
        if file[0..8] != MAGIC {
            return damaged("magic", format!("{MAGIC:?}"), format!("{:?}", &file[0..8]));
        }
        let version = read_u32(file, 8);
        if !(OLDEST_FORMAT_VERSION..=FORMAT_VERSION).contains(&version) {
            return Err(ArtifactError::Version {
                path: path.to_owned(),
                found: version,
                oldest: OLDEST_FORMAT_VERSION,
                newest: FORMAT_VERSION,
            });
        }
        let sum = checksum(&file[..HEAD_BYTES]);
        if *sum.as_bytes() != file[FIXED_BYTES..HEADER_BYTES] {
            return damaged("header", "a matching checksum".into(), "another one".into());
        }
        let n_sections = read_u32(file, 16) as usize;
        if n_sections > MAX_SECTIONS {
            return damaged("number of sections", format!("at most {MAX_SECTIONS}"), n_sections.to_string());
        }
        let head = Self {
            kind: read_u32(file, 12),
            file_bytes: read_u64(file, 24),
            entries: file[HEADER_BYTES..HEAD_BYTES]
                .chunks_exact(ENTRY_BYTES)
                .take(n_sections)
                .map(|bytes| Entry {
                    id: read_u32(bytes, 0),
                    element_bytes: read_u32(bytes, 4),
                    offset: read_u64(bytes, 8),
                    n_elements: read_u64(bytes, 16),
                })
                .collect(),
        };
        if head.kind != kind as u32 {
            return damaged("kind", format!("{kind:?} ({})", kind as u32), head.kind.to_string());
        }
        if head.file_bytes != file.len() as u64 {
            return damaged(
                "length",
                format!("{} bytes", head.file_bytes),
                format!("{} bytes (cut off?)", file.len()),
            );
        }
        for entry in &head.entries {
            let bytes = entry.n_elements.checked_mul(u64::from(entry.element_bytes));
            let end = bytes.and_then(|bytes| entry.offset.checked_add(bytes));
            let inside = entry.offset >= HEAD_BYTES as u64 && end.is_some_and(|end| end <= head.file_bytes);
            if !inside || entry.offset % ALIGNMENT != 0 {
                return damaged(
                    &format!("section {}", entry.id),
                    "an aligned range inside the file".into(),
                    format!("{entry:?}"),
                );
            }
        }
        Ok(head)
    }
}

/// Over the head without the checksum itself.
fn checksum(head: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&head[..FIXED_BYTES]);
    hasher.update(&head[HEADER_BYTES..HEAD_BYTES]);
    hasher.finalize()
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn read_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
