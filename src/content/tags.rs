//! `tags.nf`: which items carry a genre, an artist's name or an artist's id, for filters and seeds. Names are compared in lower
//! case, ids as they are.

use std::collections::BTreeMap;
use std::path::Path;

use crate::artifact::{ArtifactError, FileEntry, FileKind, Section, SectionFile, SectionWriter};
use crate::suggest;
use crate::track::{ItemIdx, Track};

use super::ids::artist_id;

pub(crate) const TAGS_FILE: &str = "tags.nf";

/// What a tag says of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TagKind {
    /// A genre.
    Genre,
    /// An artist's name.
    Artist,
    /// An artist's id: see [`super::artist_id`].
    ArtistId,
}

impl TagKind {
    /// Sections: name offsets, names, posting offsets, postings.
    fn sections(self) -> [u32; 4] {
        match self {
            Self::Genre => [1, 2, 3, 4],
            Self::Artist => [5, 6, 7, 8],
            Self::ArtistId => [9, 10, 11, 12],
        }
    }

    /// The form in which a name of this kind is kept.
    fn form(self, name: &str) -> String {
        match self {
            Self::Genre | Self::Artist => fold(name),
            Self::ArtistId => name.to_owned(),
        }
    }
}

/// The form in which names are compared.
pub(crate) fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

#[derive(Default)]
pub(crate) struct TagsBuilder {
    genres: BTreeMap<String, Vec<u32>>,
    artists: BTreeMap<String, Vec<u32>>,
    artist_ids: BTreeMap<String, Vec<u32>>,
}

impl TagsBuilder {
    /// Adds the tags of `track`; items come in ascending order.
    pub fn push(&mut self, item: ItemIdx, track: &Track) {
        let add = |names: &mut BTreeMap<String, Vec<u32>>, name: String| {
            let items = names.entry(name).or_default();
            if items.last() != Some(&item.0) {
                items.push(item.0);
            }
        };
        track.genres.iter().for_each(|genre| add(&mut self.genres, fold(genre)));
        for (place, artist) in track.artists.iter().enumerate() {
            add(&mut self.artists, fold(artist));
            add(&mut self.artist_ids, artist_id(artist, track.artist_ids.get(place).map(String::as_str)));
        }
    }

    /// Writes `tags.nf` into `directory`.
    pub fn write(&self, directory: &Path) -> Result<(), ArtifactError> {
        let mut file = SectionWriter::create(&directory.join(TAGS_FILE), FileKind::Tags)?;
        let tags = [
            (TagKind::Genre, &self.genres),
            (TagKind::Artist, &self.artists),
            (TagKind::ArtistId, &self.artist_ids),
        ];
        for (kind, names) in tags {
            let [name_offsets, name_bytes, posting_offsets, postings] = kind.sections();
            write_offsets(&mut file, name_offsets, names.keys().map(String::len))?;
            file.section::<u8>(name_bytes)?;
            names.keys().try_for_each(|name| file.write(name.as_bytes()))?;
            write_offsets(&mut file, posting_offsets, names.values().map(Vec::len))?;
            file.section::<u32>(postings)?;
            names.values().try_for_each(|items| file.write(items))?;
        }
        file.finish()
    }
}

fn write_offsets(
    file: &mut SectionWriter,
    section: u32,
    lengths: impl Iterator<Item = usize>,
) -> Result<(), ArtifactError> {
    let mut offsets = vec![0_u64];
    let mut end = 0;
    offsets.extend(lengths.map(|length| {
        end += length as u64;
        end
    }));
    file.section::<u64>(section)?;
    file.write(&offsets)
}

/// The tags of an open generation.
#[derive(Debug)]
pub struct Tags {
    genres: TagIndex,
    artists: TagIndex,
    artist_ids: TagIndex,
}

#[derive(Debug)]
struct TagIndex {
    name_offsets: Section<u64>,
    name_bytes: Section<u8>,
    posting_offsets: Section<u64>,
    postings: Section<u32>,
}

impl Tags {
    pub(crate) fn open(path: &Path, entry: &FileEntry) -> Result<Self, ArtifactError> {
        let file = SectionFile::open(path, FileKind::Tags, entry)?;
        Ok(Self {
            genres: TagIndex::open(&file, TagKind::Genre)?,
            artists: TagIndex::open(&file, TagKind::Artist)?,
            artist_ids: TagIndex::open(&file, TagKind::ArtistId)?,
        })
    }

    /// The items tagged `name`, ascending; `None` where no track is. Ids of a damaged file may be out of range.
    pub fn items(&self, kind: TagKind, name: &str) -> Option<&[u32]> {
        let index = self.index(kind);
        let found = index.find(&kind.form(name))?;
        Some(&index.postings[index.posting_offsets.range(found)])
    }

    /// The name that was probably meant where no track is tagged `name`, in lower case; `None` where none is near. Only
    /// names with the same first letter are looked at: there may be hundreds of thousands.
    pub fn nearest(&self, kind: TagKind, name: &str) -> Option<String> {
        let (index, name) = (self.index(kind), fold(name));
        let names = index.beginning_with(name.chars().next()?);
        suggest::nearest_of_many(&name, names).map(str::to_owned)
    }

    /// How many different names there are.
    pub fn len(&self, kind: TagKind) -> usize {
        self.index(kind).len()
    }

    /// The names there are, in the form they are compared in, ascending bytewise, each with how many items bear it.
    pub fn names(&self, kind: TagKind) -> impl Iterator<Item = (std::borrow::Cow<'_, str>, usize)> {
        let index = self.index(kind);
        (0..index.len()).map(|tag| {
            let name = String::from_utf8_lossy(&index.name_bytes[index.name_offsets.range(tag)]);
            (name, index.posting_offsets.range(tag).len())
        })
    }

    fn index(&self, kind: TagKind) -> &TagIndex {
        match kind {
            TagKind::Genre => &self.genres,
            TagKind::Artist => &self.artists,
            TagKind::ArtistId => &self.artist_ids,
        }
    }

    pub(crate) fn verify(&self, n_items: usize) -> Result<(), ArtifactError> {
        for index in [&self.genres, &self.artists, &self.artist_ids] {
            if let Some(item) = index.postings.iter().find(|item| **item as usize >= n_items) {
                return Err(index.postings.damaged("tagged items", format!("ids below {n_items}"), item));
            }
        }
        Ok(())
    }
}

impl TagIndex {
    fn open(file: &SectionFile, kind: TagKind) -> Result<Self, ArtifactError> {
        let [name_offsets, name_bytes, posting_offsets, postings] = kind.sections();
        let index = Self {
            name_offsets: file.section(name_offsets, "tag offsets")?,
            name_bytes: file.section(name_bytes, "tags")?,
            posting_offsets: file.section(posting_offsets, "tag posting offsets")?,
            postings: file.section(postings, "tag postings")?,
        };
        index.name_offsets.check_offsets("tag offsets", index.name_bytes.len())?;
        index.posting_offsets.check_offsets("tag posting offsets", index.postings.len())?;
        let (names, lists) = (index.name_offsets.len(), index.posting_offsets.len());
        if names != lists {
            return Err(index.posting_offsets.damaged("tag posting offsets", names, lists));
        }
        Ok(index)
    }

    fn len(&self) -> usize {
        self.name_offsets.len() - 1
    }

    fn name(&self, place: usize) -> &[u8] {
        &self.name_bytes[self.name_offsets.range(place)]
    }

    fn find(&self, name: &str) -> Option<usize> {
        let place = self.first_from(name.as_bytes());
        (place < self.len() && self.name(place) == name.as_bytes()).then_some(place)
    }

    /// The names that begin with `letter`.
    fn beginning_with(&self, letter: char) -> impl Iterator<Item = &str> {
        let mut buffer = [0; 4];
        let letter = letter.encode_utf8(&mut buffer).as_bytes().to_vec();
        let places = self.first_from(&letter)..self.len();
        places
            .map(|place| self.name(place))
            .take_while(move |name| name.starts_with(&letter))
            .filter_map(|name| std::str::from_utf8(name).ok())
    }

    /// The place of the first name that is not before `name`.
    fn first_from(&self, name: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            match self.name(middle) < name {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }
}
