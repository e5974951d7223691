//! `titles.fst` and `titles.nf`: the search by title and artist ([`crate::titles`]).

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::artifact::{
    ArtifactError, FileEntry, FileKind, Section, SectionFile, SectionWriter, read_checked,
};
use crate::titles::{TitleIndex, TitleParts};

pub(crate) const TERMS_FILE: &str = "titles.fst";
pub(crate) const TITLES_FILE: &str = "titles.nf";

const OFFSETS: u32 = 1;
const POSTINGS: u32 = 2;
const FIELDS: u32 = 3;

/// The title search of an open generation.
pub type Titles = TitleIndex<Section<u8>, Section<u64>, Section<u32>, Section<u8>>;

/// Writes both files into `directory`.
pub(crate) fn write_titles(directory: &Path, parts: &TitleParts) -> Result<(), ArtifactError> {
    let path = directory.join(TERMS_FILE);
    let write = || {
        let mut file = File::create(&path)?;
        file.write_all(&parts.terms)?;
        file.sync_all()
    };
    write().map_err(ArtifactError::io("write", &path))?;
    let mut file = SectionWriter::create(&directory.join(TITLES_FILE), FileKind::Titles)?;
    file.section::<u64>(OFFSETS)?;
    file.write(&parts.offsets)?;
    file.section::<u32>(POSTINGS)?;
    file.write(&parts.postings)?;
    file.section::<u8>(FIELDS)?;
    file.write(&parts.fields)?;
    file.finish()
}

/// Opens both files; the dictionary, which the fst library reads, is checksummed first.
pub(crate) fn open_titles(
    (terms_path, terms_entry): (&Path, &FileEntry),
    (path, entry): (&Path, &FileEntry),
    n_items: usize,
) -> Result<Titles, ArtifactError> {
    let terms = read_checked(terms_path, terms_entry)?;
    let file = SectionFile::open(path, FileKind::Titles, entry)?;
    let offsets = file.section(OFFSETS, "term offsets")?;
    let postings = file.section(POSTINGS, "term postings")?;
    let fields = file.section(FIELDS, "term fields")?;
    TitleIndex::new(terms, offsets, postings, fields, n_items as u32)
        .map_err(|error| ArtifactError::damaged(path, "title index", "a valid one", error))
}
