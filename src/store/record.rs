//! One track as the LMDB store writes it: a version byte, then a [`StoredTrack`] in the project's codec; in version 2
//! followed by the address of the album's image.
//!
//! A track is written in the oldest version that can hold it, so that importing a catalogue again does not rewrite what
//! did not change, and an older program reads every track that has nothing new.
//!
//! The names of well-known values are stored as one-byte codes: with sixteen values a track that halves a record.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::RecordError;
use crate::codec::{self, CodecError};
use crate::track::{Track, TrackId, value};

/// A track without an album image.
const PLAIN_VERSION: u8 = 1;
/// A track with one: the newest version this program writes and reads.
const IMAGE_VERSION: u8 = 2;

/// Value names by code. Stored data depends on the order: only ever append.
pub(super) const CODED_VALUES: [&str; 15] = [
    value::DANCEABILITY,
    value::ENERGY,
    value::KEY,
    value::LOUDNESS,
    value::MODE,
    value::SPEECHINESS,
    value::ACOUSTICNESS,
    value::INSTRUMENTALNESS,
    value::LIVENESS,
    value::VALENCE,
    value::TEMPO,
    value::TIME_SIGNATURE,
    value::DURATION_MS,
    value::POPULARITY,
    value::RELEASE_YEAR,
];

/// The id is the key, so it is not repeated here. The order of fields is the format.
#[derive(Serialize, Deserialize)]
struct StoredTrack<'a> {
    run: u64,
    name: Option<Cow<'a, str>>,
    artists: Cow<'a, [String]>,
    artist_ids: Cow<'a, [String]>,
    album: Option<Cow<'a, str>>,
    album_id: Option<Cow<'a, str>>,
    release_date: Option<Cow<'a, str>>,
    genres: Cow<'a, [String]>,
    explicit: Option<bool>,
    track_number: Option<u32>,
    disc_number: Option<u32>,
    coded_values: Vec<(u8, f64)>,
    other_values: Vec<(Cow<'a, str>, f64)>,
    vectors: Cow<'a, BTreeMap<String, Vec<f32>>>,
}

/// Writes `track` into `out` (cleared first). `run` is the import that last touched its genres.
pub(super) fn encode(track: &Track, run: u64, out: &mut Vec<u8>) -> Result<(), CodecError> {
    fn text(text: &Option<String>) -> Option<Cow<'_, str>> {
        text.as_deref().map(Cow::Borrowed)
    }
    let mut coded_values = Vec::with_capacity(track.values.len());
    let mut other_values = Vec::new();
    for (name, value) in &track.values {
        match CODED_VALUES.iter().position(|known| known == name) {
            Some(code) => coded_values.push((code as u8, *value)),
            None => other_values.push((Cow::Borrowed(name.as_str()), *value)),
        }
    }
    let stored = StoredTrack {
        run,
        name: text(&track.name),
        artists: Cow::Borrowed(&track.artists),
        artist_ids: Cow::Borrowed(&track.artist_ids),
        album: text(&track.album),
        album_id: text(&track.album_id),
        release_date: text(&track.release_date),
        genres: Cow::Borrowed(&track.genres),
        explicit: track.explicit,
        track_number: track.track_number,
        disc_number: track.disc_number,
        coded_values,
        other_values,
        vectors: Cow::Borrowed(&track.vectors),
    };
    out.clear();
    match &track.album_image {
        None => {
            out.push(PLAIN_VERSION);
            codec::encode_into(&stored, out)
        }
        Some(image) => {
            out.push(IMAGE_VERSION);
            codec::encode_into(&(stored, image), out)
        }
    }
}

/// Reads the track stored under `key`, and the run that last touched its genres.
pub(super) fn decode(key: &[u8], bytes: &[u8]) -> Result<(Track, u64), RecordError> {
    let (version, body) = bytes.split_first().ok_or(RecordError::Empty)?;
    if !(PLAIN_VERSION..=IMAGE_VERSION).contains(version) {
        return Err(RecordError::Version { got: *version, supported: IMAGE_VERSION });
    }
    let text = std::str::from_utf8(key).map_err(|_| RecordError::Key)?;
    let id = TrackId::parse(text).map_err(|_| RecordError::Key)?;
    let (stored, album_image): (StoredTrack<'static>, Option<String>) = match *version {
        PLAIN_VERSION => (codec::decode(body)?, None),
        _ => {
            let (stored, image) = codec::decode(body)?;
            (stored, Some(image))
        }
    };
    let mut values = BTreeMap::new();
    for (code, value) in stored.coded_values {
        let name = CODED_VALUES.get(code as usize).ok_or(RecordError::ValueCode { code })?;
        values.insert((*name).to_owned(), value);
    }
    values.extend(stored.other_values.into_iter().map(|(name, value)| (name.into_owned(), value)));
    if let Some((name, _)) = values.iter().find(|(_, value)| !value.is_finite()) {
        return Err(RecordError::NotFinite { name: name.clone() });
    }
    let vectors = stored.vectors.into_owned();
    if let Some((name, _)) = vectors.iter().find(|(_, vector)| vector.iter().any(|x| !x.is_finite())) {
        return Err(RecordError::NotFinite { name: name.clone() });
    }
    let track = Track {
        id,
        name: stored.name.map(Cow::into_owned),
        artists: stored.artists.into_owned(),
        artist_ids: stored.artist_ids.into_owned(),
        album: stored.album.map(Cow::into_owned),
        album_id: stored.album_id.map(Cow::into_owned),
        album_image,
        release_date: stored.release_date.map(Cow::into_owned),
        genres: stored.genres.into_owned(),
        explicit: stored.explicit,
        track_number: stored.track_number,
        disc_number: stored.disc_number,
        values,
        vectors,
    };
    Ok((track, stored.run))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track() -> Track {
        let mut track = Track::new(TrackId::parse("abc").unwrap());
        track.name = Some("Name".into());
        track.artists = vec!["A".into(), "B".into()];
        track.genres = vec!["pop".into()];
        track.explicit = Some(true);
        track.release_date = Some("1999-12".into());
        for (i, name) in value::ALL.iter().enumerate() {
            track.values.insert((*name).to_owned(), i as f64 / 3.0);
        }
        track.values.insert("brightness".into(), -2.5);
        track.vectors.insert("vector".into(), vec![0.5, -1.0]);
        track
    }

    #[test]
    fn a_record_reads_back_as_written() {
        let mut bytes = Vec::new();
        encode(&track(), 7, &mut bytes).unwrap();
        assert_eq!(decode(b"abc", &bytes).unwrap(), (track(), 7));
    }

    #[test]
    fn the_first_version_is_what_it_always_was() {
        let mut bytes = vec![1];
        bytes.extend(7u64.to_le_bytes());
        bytes.push(0); // name
        bytes.extend([0; 16]); // artists, their ids
        bytes.extend([0; 3]); // album, its id, date
        bytes.extend([0; 8]); // genres
        bytes.extend([0; 3]); // explicit, numbers
        bytes.extend(1u64.to_le_bytes());
        bytes.push(1); // energy
        bytes.extend(0.5f64.to_le_bytes());
        bytes.extend([0; 16]); // other values, vectors
        let mut plain = Track::new(TrackId::parse("abc").unwrap());
        plain.values.insert("energy".into(), 0.5);
        assert_eq!(decode(b"abc", &bytes).unwrap(), (plain.clone(), 7));
        let mut written = Vec::new();
        encode(&plain, 7, &mut written).unwrap();
        assert_eq!(written, bytes);
    }

    #[test]
    fn only_tracks_with_an_image_need_the_second_version() {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        encode(&track(), 7, &mut first).unwrap();
        let mut pictured = track();
        pictured.album_image = Some("https://i.example/1".into());
        encode(&pictured, 7, &mut second).unwrap();
        assert_eq!((first[0], second[0]), (PLAIN_VERSION, IMAGE_VERSION));
        // The rest of version 1 is what it was: what earlier programs wrote is read.
        assert_eq!(first[1..], second[1..first.len()]);
        assert_eq!(decode(b"abc", &second).unwrap(), (pictured, 7));
        for cut in 0..second.len() {
            assert!(decode(b"abc", &second[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn damaged_records_are_typed_errors() {
        let mut bytes = Vec::new();
        encode(&track(), 7, &mut bytes).unwrap();
        for cut in 0..bytes.len() {
            assert!(decode(b"abc", &bytes[..cut]).is_err(), "cut at {cut}");
        }
        let mut newer = bytes.clone();
        newer[0] = 9;
        assert!(matches!(decode(b"abc", &newer), Err(RecordError::Version { got: 9, .. })));
        assert!(matches!(decode(b"", &bytes), Err(RecordError::Key)));
        assert!(matches!(decode(b"\xff", &bytes), Err(RecordError::Key)));
        let mut infinite = track();
        infinite.values.insert("energy".into(), f64::INFINITY);
        encode(&infinite, 7, &mut bytes).unwrap();
        assert!(matches!(decode(b"abc", &bytes), Err(RecordError::NotFinite { .. })));
    }

    #[test]
    fn every_flipped_byte_gives_a_track_or_an_error() {
        let mut bytes = Vec::new();
        encode(&track(), 7, &mut bytes).unwrap();
        for at in 0..bytes.len() {
            for flip in [1u8, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                let _ = decode(b"abc", &damaged); // must not panic
            }
        }
    }
}
