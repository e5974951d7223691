//! `items.nf`: ids, track records and raw values by item.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::artifact::{ArtifactError, FileEntry, FileKind, Section, SectionFile, SectionWriter};
use crate::codec;
use crate::track::{ItemIdx, Track, TrackId};

pub(crate) const ITEMS_FILE: &str = "items.nf";

const ID_OFFSETS: u32 = 1;
const ID_BYTES: u32 = 2;
const RECORD_OFFSETS: u32 = 3;
const RECORD_BYTES: u32 = 4;
const RAW: u32 = 5;
const EXPLICIT: u32 = 6;
const SOURCES: u32 = 7;

/// Different providers that a generation can tell apart.
pub const MAX_PROVIDERS: usize = 254;
/// A provider beyond those.
const OTHER_PROVIDER: u8 = u8::MAX;

const UNKNOWN: u8 = 2;

/// What is shown of a track; its numbers are in the raw columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackRecord {
    /// Title.
    pub name: Option<String>,
    /// Artist names, the main one first.
    pub artists: Vec<String>,
    /// Artist ids in the order of `artists`.
    pub artist_ids: Vec<String>,
    /// Album title.
    pub album: Option<String>,
    /// Album id.
    pub album_id: Option<String>,
    /// Address of the album's cover.
    pub album_image: Option<String>,
    /// Release date as published.
    pub release_date: Option<String>,
    /// Genre tags.
    pub genres: Vec<String>,
    /// Place on its disc.
    pub track_number: Option<u32>,
    /// Disc.
    pub disc_number: Option<u32>,
}

/// Collects the items of a generation in the order of their ids.
pub(crate) struct ItemsBuilder {
    raw_columns: Vec<String>,
    ids: Texts,
    records: Texts,
    /// `[n_items, n_columns]`, NaN where missing.
    raw: Vec<f64>,
    explicit: Vec<u8>,
    /// `[n_items, n_columns]`: 0 for an import, else 1 and the place among the providers.
    sources: Vec<u8>,
    providers: Vec<String>,
}

/// Byte strings one after another.
#[derive(Default)]
struct Texts {
    offsets: Vec<u64>,
    bytes: Vec<u8>,
}

impl Texts {
    fn push(&mut self, text: &[u8]) {
        if self.offsets.is_empty() {
            self.offsets.push(0);
        }
        self.bytes.extend_from_slice(text);
        self.offsets.push(self.bytes.len() as u64);
    }

    fn write(&self, file: &mut SectionWriter, offsets: u32, bytes: u32) -> Result<(), ArtifactError> {
        file.section::<u64>(offsets)?;
        file.write(&self.offsets)?;
        file.section::<u8>(bytes)?;
        file.write(&self.bytes)
    }
}

impl ItemsBuilder {
    /// `raw_columns` names the raw values to keep.
    pub fn new(raw_columns: Vec<String>) -> Self {
        Self {
            raw_columns,
            ids: Texts::default(),
            records: Texts::default(),
            raw: Vec::new(),
            explicit: Vec::new(),
            sources: Vec::new(),
            providers: Vec::new(),
        }
    }

    /// Number of items added.
    pub fn len(&self) -> usize {
        self.explicit.len()
    }

    /// Names of the providers that values came from so far, in the order of their first value.
    pub fn providers(&self) -> &[String] {
        &self.providers
    }

    /// Raw column `column` by item, NaN where missing.
    pub fn column(&self, column: usize) -> impl Iterator<Item = f64> {
        self.raw.iter().skip(column).step_by(self.raw_columns.len()).copied()
    }

    /// Adds a track, whose id must be above all earlier ones; `provider_of` says who gave a value, where it was not an import.
    pub fn push<'a>(
        &mut self,
        track: &Track,
        provider_of: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<(), codec::CodecError> {
        self.ids.push(track.id.as_str().as_bytes());
        let record = TrackRecord {
            name: track.name.clone(),
            artists: track.artists.clone(),
            artist_ids: track.artist_ids.clone(),
            album: track.album.clone(),
            album_id: track.album_id.clone(),
            album_image: track.album_image.clone(),
            release_date: track.release_date.clone(),
            genres: track.genres.clone(),
            track_number: track.track_number,
            disc_number: track.disc_number,
        };
        self.records.push(&codec::encode(&record)?);
        for column in &self.raw_columns {
            self.raw.push(track.values.get(column).copied().unwrap_or(f64::NAN));
            let source = provider_of(column).map_or(0, |name| provider_number(&mut self.providers, name));
            self.sources.push(source);
        }
        self.explicit.push(track.explicit.map_or(UNKNOWN, u8::from));
        Ok(())
    }

    /// Writes `items.nf` into `directory`.
    pub fn write(&self, directory: &Path) -> Result<(), ArtifactError> {
        let mut file = SectionWriter::create(&directory.join(ITEMS_FILE), FileKind::Items)?;
        self.ids.write(&mut file, ID_OFFSETS, ID_BYTES)?;
        self.records.write(&mut file, RECORD_OFFSETS, RECORD_BYTES)?;
        file.section::<f64>(RAW)?;
        let n_columns = self.raw_columns.len();
        for column in 0..n_columns {
            file.write(&self.column(column).collect::<Vec<f64>>())?;
        }
        file.section::<u8>(EXPLICIT)?;
        file.write(&self.explicit)?;
        file.section::<u8>(SOURCES)?;
        for column in 0..n_columns {
            let sources: Vec<u8> = self.sources.iter().skip(column).step_by(n_columns).copied().collect();
            file.write(&sources)?;
        }
        file.finish()
    }
}

/// The number that stands for provider `name`, which is added to `providers` where it is new.
fn provider_number(providers: &mut Vec<String>, name: &str) -> u8 {
    let known = providers.iter().position(|known| known == name);
    let place = known.or_else(|| {
        (providers.len() < MAX_PROVIDERS).then(|| {
            providers.push(name.to_owned());
            providers.len() - 1
        })
    });
    place.map_or(OTHER_PROVIDER, |place| place as u8 + 1)
}

/// The items of an open generation.
#[derive(Debug)]
pub struct Items {
    n_items: usize,
    id_offsets: Section<u64>,
    id_bytes: Section<u8>,
    record_offsets: Section<u64>,
    record_bytes: Section<u8>,
    raw: Section<f64>,
    explicit: Section<u8>,
    sources: Section<u8>,
}

impl Items {
    pub(crate) fn open(
        path: &Path,
        entry: &FileEntry,
        n_items: usize,
        n_columns: usize,
    ) -> Result<Self, ArtifactError> {
        let file = SectionFile::open(path, FileKind::Items, entry)?;
        let items = Self {
            n_items,
            id_offsets: file.section_of(ID_OFFSETS, "id offsets", n_items + 1)?,
            id_bytes: file.section(ID_BYTES, "ids")?,
            record_offsets: file.section_of(RECORD_OFFSETS, "record offsets", n_items + 1)?,
            record_bytes: file.section(RECORD_BYTES, "records")?,
            raw: file.section_of(RAW, "raw values", n_items.saturating_mul(n_columns))?,
            explicit: file.section_of(EXPLICIT, "explicit", n_items)?,
            sources: file.section_of(SOURCES, "sources", n_items.saturating_mul(n_columns))?,
        };
        items.id_offsets.check_offsets("id offsets", items.id_bytes.len())?;
        items.record_offsets.check_offsets("record offsets", items.record_bytes.len())?;
        Ok(items)
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.n_items
    }

    /// Whether there are none; a generation always has some.
    pub fn is_empty(&self) -> bool {
        self.n_items == 0
    }

    /// The id of an item.
    ///
    /// # Panics
    /// When there is no such item.
    pub fn id(&self, item: ItemIdx) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.id_bytes[self.id_offsets.range(item.as_usize())])
    }

    /// The item with this id, found by bisection: ids are in order.
    pub fn find(&self, id: &TrackId) -> Option<ItemIdx> {
        let wanted = id.as_str().as_bytes();
        let (mut low, mut high) = (0, self.n_items);
        while low < high {
            let middle = (low + high) / 2;
            match self.id_bytes[self.id_offsets.range(middle)].cmp(wanted) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(ItemIdx(middle as u32)),
            }
        }
        None
    }

    /// What is shown of an item.
    ///
    /// # Panics
    /// When there is no such item.
    pub fn record(&self, item: ItemIdx) -> Result<TrackRecord, codec::CodecError> {
        codec::decode(&self.record_bytes[self.record_offsets.range(item.as_usize())])
    }

    /// A raw column, `[n_items]`, NaN where missing.
    pub fn raw_column(&self, column: usize) -> &[f64] {
        &self.raw[column * self.n_items..][..self.n_items]
    }

    /// One raw value.
    pub fn raw(&self, column: usize, item: ItemIdx) -> Option<f64> {
        Some(self.raw_column(column)[item.as_usize()]).filter(|value| !value.is_nan())
    }

    /// Which provider a raw value comes from: a place among the manifest's providers, beyond them for one that has no place
    /// there; `None` for an import.
    pub(crate) fn provider(&self, column: usize, item: ItemIdx) -> Option<usize> {
        (self.sources[column * self.n_items + item.as_usize()] as usize).checked_sub(1)
    }

    /// Whether the lyrics are marked explicit.
    pub fn explicit(&self, item: ItemIdx) -> Option<bool> {
        match self.explicit[item.as_usize()] {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// Whether the lyrics are marked explicit, `[n_items]`: 0 for no, 1 for yes, anything else for unknown.
    pub(crate) fn explicit_column(&self) -> &[u8] {
        &self.explicit
    }

    /// Reads every record and compares the order of the ids: what opening leaves unread.
    pub(crate) fn verify(&self) -> Result<(), ArtifactError> {
        for index in 1..self.n_items {
            let ids = |index| &self.id_bytes[self.id_offsets.range(index)];
            if ids(index - 1) >= ids(index) {
                return Err(self.id_bytes.damaged(
                    format!("id {index}"),
                    "ascending ids",
                    self.id(ItemIdx(index as u32)),
                ));
            }
        }
        for index in 0..self.n_items as u32 {
            if let Err(error) = self.record(ItemIdx(index)) {
                return Err(self.record_bytes.damaged(format!("record {index}"), "a track record", error));
            }
        }
        Ok(())
    }
}
