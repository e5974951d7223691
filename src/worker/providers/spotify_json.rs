//! Answers of Spotify's Web API as tracks. Any field may be absent or null.

use serde_json::{Map, Value};

use super::answer::{features, number, text};
use super::{FEATURES, Fault, Found};
use crate::track::{Track, TrackId, value};

/// `{"audio_features": [object | null, ...]}`; tracks are told by their ids, not by their places.
pub(super) fn read_features(answer: &Map<String, Value>, ids: &[TrackId]) -> Result<Found, Fault> {
    let list = answer.get("audio_features").and_then(Value::as_array);
    let list = list.ok_or_else(|| Fault::Unavailable("its answer has no `audio_features`".to_owned()))?;
    let mut found = Found::new();
    for item in list.iter().filter_map(Value::as_object) {
        let id = item.get("id").and_then(Value::as_str).and_then(|id| TrackId::parse(id).ok());
        let Some(id) = id.filter(|id| ids.contains(id)) else { continue };
        if let Some(mut track) = features(item, &id, &[&FEATURES[..], &[value::TIME_SIGNATURE]].concat()) {
            track.values.extend(duration(item));
            found.insert(id, track);
        }
    }
    Ok(found)
}

/// A track object, which must be the one asked for; `None` where it says nothing.
pub(super) fn read_track(answer: &Map<String, Value>, id: &TrackId) -> Result<Option<Track>, Fault> {
    let own = answer.get("id").and_then(Value::as_str);
    // Where a track was replaced by another recording of it, `linked_from` says which one was asked for.
    let asked = answer.get("linked_from").and_then(|from| from.get("id")).and_then(Value::as_str);
    if own != Some(id.as_str()) && asked != Some(id.as_str()) {
        return Err(Fault::Unexpected(format!("its answer for track {id} is about {own:?}")));
    }
    let mut track = Track::new(id.clone());
    track.name = text(answer, "name");
    let artists = answer.get("artists").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let artists: Vec<_> = artists.iter().filter_map(Value::as_object).collect();
    track.artists = artists.iter().filter_map(|artist| text(artist, "name")).collect();
    track.artist_ids = artists.iter().filter_map(|artist| text(artist, "id")).collect();
    if track.artist_ids.len() != track.artists.len() {
        // Ids go by the places of names.
        track.artist_ids.clear();
    }
    if let Some(album) = answer.get("album").and_then(Value::as_object) {
        track.album = text(album, "name");
        track.album_id = text(album, "id");
        // `0000` is Spotify's way of not knowing.
        track.release_date = text(album, "release_date").filter(|date| year(date).is_some());
        let images = album.get("images").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        // The widest comes first.
        track.album_image = images.iter().filter_map(Value::as_object).find_map(|image| text(image, "url"));
    }
    track.explicit = answer.get("explicit").and_then(Value::as_bool);
    track.track_number = whole(answer, "track_number");
    track.disc_number = whole(answer, "disc_number");
    let year = track.release_date.as_deref().and_then(year);
    track.values.extend(year.map(|year| (value::RELEASE_YEAR.to_owned(), year)));
    track.values.extend(duration(answer));
    track.values.extend(number(answer, value::POPULARITY).map(|known| (value::POPULARITY.to_owned(), known)));
    Ok((track.name.is_some() || !track.artists.is_empty()).then_some(track))
}

fn duration(object: &Map<String, Value>) -> Option<(String, f64)> {
    let known = number(object, value::DURATION_MS).filter(|known| *known > 0.0)?;
    Some((value::DURATION_MS.to_owned(), known))
}

fn whole(object: &Map<String, Value>, name: &str) -> Option<u32> {
    object.get(name)?.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0)
}

fn year(date: &str) -> Option<f64> {
    date.get(..4)?.parse::<u16>().ok().filter(|year| *year > 0).map(f64::from)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "1111111111111111111111";

    fn read(answer: &Value) -> Result<Option<Track>, Fault> {
        read_track(answer.as_object().unwrap(), &TrackId::parse(ID).unwrap())
    }

    #[test]
    fn features_are_told_by_id_and_nulls_are_unknown() {
        let ids = [ID, "2222222222222222222222"].map(|id| TrackId::parse(id).unwrap());
        let answer = json!({"audio_features": [
            null,
            {"id": ID, "energy": 0.5, "time_signature": 4, "duration_ms": 1000, "tempo": null, "uri": "x"},
            {"id": "3333333333333333333333", "energy": 0.5},
            {"id": "2222222222222222222222", "duration_ms": 5},
        ]});
        let found = read_features(answer.as_object().unwrap(), &ids).unwrap();
        assert_eq!(found.len(), 1, "a length alone is no analysis: {found:?}");
        let names: Vec<_> = found[&ids[0]].values.keys().collect();
        assert_eq!(names, ["duration_ms", "energy", "time_signature"]);
        assert!(matches!(read_features(&Map::new(), &ids), Err(Fault::Unavailable(_))));
    }

    #[test]
    fn a_failed_analysis_is_no_measurement() {
        let answer = json!({"audio_features": [
            {"id": ID, "danceability": 0.0, "speechiness": 0.0, "valence": 0.0, "tempo": 0.0, "energy": 0.5},
        ]});
        let found = read_features(answer.as_object().unwrap(), &[TrackId::parse(ID).unwrap()]).unwrap();
        assert_eq!(found.values().next().unwrap().values.len(), 1);
    }

    #[test]
    fn a_track_may_lack_anything() {
        let full = json!({
            "id": ID, "name": "Song", "explicit": true, "track_number": 3, "disc_number": 1, "duration_ms": 200_000,
            "popularity": 40, "artists": [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}],
            "album": {"id": "c", "name": "Album", "release_date": "1999-12", "images": [{"url": "https://i/640"}, {"url": "https://i/64"}]},
        });
        let track = read(&full).unwrap().unwrap();
        assert_eq!(track.artists, ["A", "B"]);
        assert_eq!(track.artist_ids, ["a", "b"]);
        assert_eq!(track.album_image.as_deref(), Some("https://i/640"));
        assert_eq!((track.values["release_year"], track.values["popularity"]), (1999.0, 40.0));
        let bare = json!({
            "id": ID, "name": "Song", "explicit": null, "popularity": null, "duration_ms": 0, "artists": [{"name": "A"}, {}],
            "album": {"release_date": "0000", "images": []},
        });
        let mut expected = Track::new(TrackId::parse(ID).unwrap());
        expected.name = Some("Song".into());
        expected.artists = vec!["A".into()];
        assert_eq!(read(&bare).unwrap(), Some(expected));
        assert_eq!(read(&json!({"id": ID, "name": "", "artists": []})).unwrap(), None);
        let linked = json!({"id": "9999999999999999999999", "linked_from": {"id": ID}, "name": "Song"});
        assert!(read(&linked).unwrap().is_some());
        assert!(read(&json!({"id": "9999999999999999999999", "name": "Other"})).is_err());
    }
}
