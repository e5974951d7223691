//! Tracks, artists, albums and audio features as Spotify's clients parse them. What is unknown has the value that they can
//! read (`docs/spotify.md` lists them); the native API says null.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::Serialize;

use crate::content::{TrackRecord, album_id, artist_id};
use crate::feature::Feature;
use crate::query::QueryError;
use crate::snapshot::Snapshot;
use crate::track::{ItemIdx, TrackId, value};

use super::links::Links;

/// What a client reads where a date is unknown, as it does at Spotify.
const UNKNOWN_DATE: &str = "0000";
/// The quietest level a track can have, for one whose level is unknown.
const UNKNOWN_LOUDNESS: f64 = -60.0;

/// Lengths that any client can hold.
const MILLISECONDS: RangeInclusive<i64> = 0..=i32::MAX as i64;

/// By place: `{"spotify": "https://open.spotify.com/..."}`, or nothing.
type Urls = BTreeMap<&'static str, String>;

/// A full track object.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Track {
    album: Album,
    artists: Vec<Artist>,
    available_markets: [String; 0],
    disc_number: u32,
    duration_ms: i64,
    explicit: bool,
    external_ids: Urls,
    external_urls: Urls,
    href: String,
    id: String,
    is_local: bool,
    is_playable: bool,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    popularity: Option<i64>,
    preview_url: Option<String>,
    track_number: u32,
    r#type: &'static str,
    uri: String,
}

#[derive(Clone, Debug, Serialize)]
struct Artist {
    external_urls: Urls,
    href: Option<String>,
    id: Option<String>,
    name: String,
    r#type: &'static str,
    uri: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Album {
    album_type: &'static str,
    artists: Vec<Artist>,
    available_markets: [String; 0],
    external_urls: Urls,
    href: Option<String>,
    id: Option<String>,
    images: Vec<Image>,
    name: String,
    release_date: String,
    release_date_precision: &'static str,
    total_tracks: u32,
    r#type: &'static str,
    uri: Option<String>,
}

/// Sizes are not known.
#[derive(Clone, Debug, Serialize)]
struct Image {
    url: String,
    height: Option<u32>,
    width: Option<u32>,
}

/// An audio-features object.
#[derive(Clone, Debug, Serialize)]
pub(super) struct AudioFeatures {
    acousticness: f64,
    analysis_url: String,
    danceability: f64,
    duration_ms: i64,
    energy: f64,
    id: String,
    instrumentalness: f64,
    key: i64,
    liveness: f64,
    loudness: f64,
    mode: i64,
    speechiness: f64,
    tempo: f64,
    time_signature: i64,
    track_href: String,
    r#type: &'static str,
    uri: String,
    valence: f64,
}

/// Makes the objects of one answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Objects<'a> {
    pub snapshot: &'a Snapshot,
    pub links: &'a Links,
}

impl Objects<'_> {
    /// A track.
    pub fn track(&self, item: ItemIdx) -> Result<Track, QueryError> {
        let id = self.snapshot.items().id(item).into_owned();
        let record = self.snapshot.items().record(item)?;
        let artists = artists(&record);
        Ok(Track {
            album: self.album(&record, &artists, item),
            artists,
            available_markets: [],
            disc_number: small(record.disc_number).unwrap_or(1),
            duration_ms: self.whole(value::DURATION_MS, MILLISECONDS, item).unwrap_or(0),
            explicit: self.snapshot.items().explicit(item).unwrap_or(false),
            external_ids: Urls::new(),
            external_urls: urls("track", &id),
            href: self.links.track(&id),
            uri: format!("spotify:track:{id}"),
            id,
            is_local: false,
            is_playable: true,
            name: record.name.unwrap_or_default(),
            popularity: self.whole(value::POPULARITY, 0..=100, item),
            preview_url: None,
            track_number: small(record.track_number).unwrap_or(0),
            r#type: "track",
        })
    }

    /// The audio features of a track; `None` where none of the nine is known: there was no analysis.
    pub fn audio_features(&self, item: ItemIdx) -> Option<AudioFeatures> {
        const ANALYSED: [&str; 9] = [
            value::ACOUSTICNESS,
            value::DANCEABILITY,
            value::ENERGY,
            value::INSTRUMENTALNESS,
            value::LIVENESS,
            value::LOUDNESS,
            value::SPEECHINESS,
            value::TEMPO,
            value::VALENCE,
        ];
        let raw = |name| self.raw(name, item);
        ANALYSED.into_iter().find_map(raw)?;
        let number = |name| raw(name).unwrap_or(0.0);
        let whole = |name, range, unknown| self.whole(name, range, item).unwrap_or(unknown);
        let id = self.snapshot.items().id(item).into_owned();
        Some(AudioFeatures {
            acousticness: number(value::ACOUSTICNESS),
            // Not served here; clients want an address.
            analysis_url: format!("https://api.spotify.com/v1/audio-analysis/{id}"),
            danceability: number(value::DANCEABILITY),
            duration_ms: whole(value::DURATION_MS, MILLISECONDS, 0),
            energy: number(value::ENERGY),
            instrumentalness: number(value::INSTRUMENTALNESS),
            key: whole(value::KEY, 0..=11, -1),
            liveness: number(value::LIVENESS),
            loudness: raw(value::LOUDNESS).unwrap_or(UNKNOWN_LOUDNESS),
            mode: whole(value::MODE, 0..=1, -1),
            speechiness: number(value::SPEECHINESS),
            tempo: number(value::TEMPO),
            time_signature: whole(value::TIME_SIGNATURE, 3..=7, 4),
            track_href: self.links.track(&id),
            r#type: "audio_features",
            uri: format!("spotify:track:{id}"),
            id,
            valence: number(value::VALENCE),
        })
    }

    fn album(&self, record: &TrackRecord, artists: &[Artist], item: ItemIdx) -> Album {
        let known = record.album_id.as_deref().filter(|id| !id.is_empty());
        let main_artist = record.artists.first().map_or("", String::as_str);
        let named = record.album.as_deref().map(|title| album_id(title, main_artist, known));
        let id = named.or_else(|| known.map(str::to_owned));
        let year = || self.whole(value::RELEASE_YEAR, 1..=9_999, item).map(|year| format!("{year:04}"));
        let release_date = record.release_date.clone().or_else(year).unwrap_or_else(|| UNKNOWN_DATE.into());
        Album {
            album_type: "album",
            artists: artists.first().cloned().into_iter().collect(),
            available_markets: [],
            external_urls: known.map_or_else(Urls::new, |id| urls("album", id)),
            href: known.and_then(|id| href("album", id)),
            uri: id.as_ref().map(|id| format!("spotify:album:{id}")),
            id,
            images: images(record),
            name: record.album.clone().unwrap_or_default(),
            release_date_precision: match release_date.len() {
                ..5 => "year",
                5..8 => "month",
                _ => "day",
            },
            release_date,
            total_tracks: 0,
            r#type: "album",
        }
    }

    /// Whole by nature. Clients refuse a whole answer for one value out of the range of its field, so that counts as unknown.
    fn whole(&self, name: &str, range: RangeInclusive<i64>, item: ItemIdx) -> Option<i64> {
        self.raw(name, item).map(|value| value.round() as i64).filter(|value| range.contains(value))
    }

    /// The raw value of the feature of this name, wherever the schema takes it from, as for filters.
    fn raw(&self, name: &str, item: ItemIdx) -> Option<f64> {
        let feature = self.snapshot.schema().feature(name).map(|(_, feature)| feature);
        let column =
            feature.filter(|feature| !feature.transform.takes_vector()).map_or(name, Feature::source);
        self.snapshot.raw(column, item)
    }
}

/// What any client can hold.
fn small(number: Option<u32>) -> Option<u32> {
    number.filter(|number| i32::try_from(*number).is_ok())
}

/// At least one, because clients take the first without looking: with an empty name where nobody is known.
fn artists(record: &TrackRecord) -> Vec<Artist> {
    let artist = |(place, name): (usize, &String)| {
        let known = record.artist_ids.get(place).map(String::as_str).filter(|id| !id.is_empty());
        let id = artist_id(name, known);
        Artist {
            external_urls: known.map_or_else(Urls::new, |id| urls("artist", id)),
            href: known.and_then(|id| href("artist", id)),
            uri: Some(format!("spotify:artist:{id}")),
            id: Some(id),
            name: name.clone(),
            r#type: "artist",
        }
    };
    let nobody = || Artist {
        external_urls: Urls::new(),
        href: None,
        id: None,
        name: String::new(),
        r#type: "artist",
        uri: None,
    };
    let named: Vec<Artist> = record.artists.iter().enumerate().map(artist).collect();
    if named.is_empty() { vec![nobody()] } else { named }
}

fn images(record: &TrackRecord) -> Vec<Image> {
    let image = |url: &String| Image { url: url.clone(), height: None, width: None };
    record.album_image.iter().map(image).collect()
}

/// Whether Spotify may know this id: it has the form of its ids.
fn is_spotify(id: &str) -> bool {
    TrackId::parse(id).is_ok_and(|parsed| parsed.is_spotify() && parsed.as_str() == id)
}

/// Where people find it.
fn urls(kind: &str, id: &str) -> Urls {
    let url = || ("spotify", format!("https://open.spotify.com/{kind}/{id}"));
    is_spotify(id).then(url).into_iter().collect()
}

/// Where programs find an artist or an album: not here, and elsewhere only under the id it really has.
pub(super) fn href(kind: &str, id: &str) -> Option<String> {
    is_spotify(id).then(|| format!("https://api.spotify.com/v1/{kind}s/{id}"))
}
