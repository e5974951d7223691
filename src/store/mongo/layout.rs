//! How a track is written: each field where its document has it already, else under nearfield's own name, flat.

use mongodb::bson::{Bson, Document, RawArray, RawBsonRef, RawDocument, doc};

use crate::source::columns::{DEFAULT_VECTOR, Field};
use crate::store::{Provenance, Refresh};
use crate::track::{Track, value};

use super::document::{Known, at};

/// The import that last touched a document's genres.
pub(super) const RUN: &str = "nearfield_run";
/// What refreshing left with a track.
pub(super) const REFRESH: &str = "nearfield_refresh";
/// Values that nearfield does not know by name.
pub(super) const OTHER_VALUES: &str = "values";
/// What had no place of its own in somebody's document; it counts instead of what is there.
pub(super) const OWN: &str = "nearfield";
/// Vectors but the default one.
pub(super) const OTHER_VECTORS: &str = "vectors";

/// Dots would nest.
fn escape(name: &str) -> String {
    name.replace('%', "%25").replace('.', "%2E")
}

pub(super) fn unescape(name: &str) -> String {
    name.replace("%2E", ".").replace("%25", "%")
}

/// What must be set in the document of `after` so that it says what `after` does: everything, where there is no
/// document, else what differs from it.
pub(super) fn changes(before: Option<&Known>, after: &Track, run: u64) -> Document {
    let mut changes = Document::new();
    let empty = Track::new(after.id.clone());
    let old = before.map_or(&empty, |known| &known.track);
    let text = |text: &Option<String>| text.clone().map(Bson::String);
    let list = |list: &[String]| (!list.is_empty()).then(|| Bson::from(list.to_vec()));
    let count = |n: Option<u32>| n.map(|n| Bson::Int64(n.into()));
    let plain = [
        (Field::Name, text(&old.name), text(&after.name)),
        (Field::Artists, list(&old.artists), list(&after.artists)),
        (Field::ArtistIds, list(&old.artist_ids), list(&after.artist_ids)),
        (Field::Album, text(&old.album), text(&after.album)),
        (Field::AlbumId, text(&old.album_id), text(&after.album_id)),
        (Field::AlbumImage, text(&old.album_image), text(&after.album_image)),
        (Field::ReleaseDate, text(&old.release_date), text(&after.release_date)),
        (Field::Genres, list(&old.genres), list(&after.genres)),
        (Field::Explicit, old.explicit.map(Bson::Boolean), after.explicit.map(Bson::Boolean)),
        (Field::TrackNumber, count(old.track_number), count(after.track_number)),
        (Field::DiscNumber, count(old.disc_number), count(after.disc_number)),
    ];
    for (field, old, new) in plain {
        if let Some(new) = new
            && old.as_ref() != Some(&new)
        {
            changes.insert(place_of(before, &field, old.is_some()), new);
        }
    }
    for (name, value) in &after.values {
        let old = old.values.get(name);
        if old.map(|old| old.to_bits()) != Some(value.to_bits()) {
            let place = place_of(before, &Field::Value(name.clone()), old.is_some());
            let number = number_like(before.and_then(|known| at(&known.raw, &place)), *value);
            changes.insert(place, number);
        }
    }
    for (name, vector) in &after.vectors {
        let old = old.vectors.get(name);
        if old != Some(vector) {
            let numbers: Vec<f64> = vector.iter().map(|x| f64::from(*x)).collect();
            let place = place_of(before, &Field::Vector(name.clone()), old.is_some());
            changes.insert(place, Bson::from(numbers));
        }
    }
    // A track of which nothing but its id is known gets a document, too.
    if !changes.is_empty() || before.is_none_or(|known| known.run != run) {
        changes.insert(RUN, run as i64);
    }
    changes
}

/// A number of the type that there is, where it is of that type.
fn number_like(there: Option<RawBsonRef<'_>>, value: f64) -> Bson {
    const EXACT: f64 = (1_u64 << 53) as f64;
    match there {
        Some(RawBsonRef::Int32(_) | RawBsonRef::Int64(_)) if value.fract() == 0.0 && value.abs() <= EXACT => {
            Bson::Int64(value as i64)
        }
        _ => Bson::Double(value),
    }
}

/// What refreshing left, as it is in the document.
pub(super) fn refresh_document(refresh: &Refresh) -> Document {
    let from = refresh.provenance.iter().map(|(name, Provenance { provider, fetched_at_ms })| {
        (name.clone(), Bson::from(doc! { "provider": provider, "fetched_at_ms": *fetched_at_ms }))
    });
    doc! {
        "n_refreshes": refresh.n_refreshes as i64,
        "refreshed_at_ms": refresh.refreshed_at_ms,
        "changed_at_ms": refresh.changed_at_ms,
        "n_misses": i64::from(refresh.n_misses),
        "retry_at_ms": refresh.retry_at_ms,
        "asked_at_ms": refresh.asked_at_ms,
        "provenance": from.collect::<Document>(),
    }
}

/// Where a field is to be written: where its document has it, if nothing else is there; at its usual place, if nothing is
/// there at all; else at a place of our own. What others put into a document is never written over.
fn place_of(before: Option<&Known>, field: &Field, has_value: bool) -> String {
    let Some(known) = before else { return usual(field) };
    let mut given = known.given.iter().filter(|(_, given)| given == field).map(|(name, _)| name);
    let place = match (given.next(), given.next()) {
        (Some(name), None) if has_value && holds(field, at(&known.raw, name)) => return name.clone(),
        (Some(_), _) => return own(field),
        (None, _) => match field {
            // Beside the other features of the document.
            Field::Value(name) if is_feature(name) && at(&known.raw, FEATURES).is_some() => {
                format!("{FEATURES}.{name}")
            }
            field => usual(field),
        },
    };
    if is_free(&known.raw, &place) { place } else { own(field) }
}

/// Where a document without any of it has a field.
fn usual(field: &Field) -> String {
    match field {
        Field::Value(name) if value::ALL.contains(&name.as_str()) => name.clone(),
        Field::Value(name) => format!("{OTHER_VALUES}.{}", escape(name)),
        Field::Vector(name) if name == DEFAULT_VECTOR => name.clone(),
        Field::Vector(name) => format!("{OTHER_VECTORS}.{}", escape(name)),
        other => other.to_string(),
    }
}

fn own(field: &Field) -> String {
    format!("{OWN}.{}", escape(&field.to_string()))
}

fn is_feature(name: &str) -> bool {
    value::ALL.contains(&name) && !matches!(name, value::POPULARITY | value::RELEASE_YEAR)
}

/// Whether what is there is this field and nothing more.
fn holds(field: &Field, there: Option<RawBsonRef<'_>>) -> bool {
    let Some(there) = there else { return false };
    let texts = |list: &RawArray| list.into_iter().all(|item| item.is_ok_and(|item| item.as_str().is_some()));
    match field {
        Field::Value(_) | Field::TrackNumber | Field::DiscNumber => matches!(
            there,
            RawBsonRef::Int32(_) | RawBsonRef::Int64(_) | RawBsonRef::Double(_) | RawBsonRef::Decimal128(_)
        ),
        Field::Explicit => there.as_bool().is_some(),
        Field::Artists | Field::ArtistIds | Field::Genres => there.as_array().is_some_and(texts),
        Field::Vector(_) => there.as_array().is_some(),
        _ => there.as_str().is_some(),
    }
}

/// Whether nothing is at `place`, and it can be made.
fn is_free(document: &RawDocument, place: &str) -> bool {
    let is_absent = |there: Option<RawBsonRef<'_>>| there.is_none_or(|there| there == RawBsonRef::Null);
    match place.split_once('.') {
        None => is_absent(at(document, place)),
        Some((outer, _)) => match at(document, outer) {
            Some(RawBsonRef::Document(_)) => is_absent(at(document, place)),
            outer => outer.is_none(),
        },
    }
}

const FEATURES: &str = "audio_features";

#[cfg(test)]
mod tests {
    use mongodb::bson::RawDocumentBuf;

    use super::*;
    use crate::store::mongo::document::Decoder;
    use crate::track::TrackId;

    /// What must be set in `document` so that it says what `change` makes of its track; done, it says so.
    fn check(document: Document, change: impl Fn(&mut Track), expected: Document) {
        let read = |document: &Document| {
            Decoder::new("_id", &[]).known(RawDocumentBuf::try_from(document).unwrap()).unwrap()
        };
        let known = read(&document);
        let mut track = known.track.clone();
        change(&mut track);
        let mut set = changes(Some(&known), &track, 0);
        set.remove(RUN);
        assert_eq!(set, expected, "{document}");
        let mut after = document.clone();
        for (place, value) in set {
            match place.split_once('.') {
                None => drop(after.insert(place, value)),
                Some((outer, inner)) => {
                    let inside = after.entry(outer.to_owned()).or_insert_with(|| doc! {}.into());
                    inside.as_document_mut().unwrap().insert(inner, value);
                }
            }
        }
        assert_eq!(read(&after).track, track, "{after}");
    }

    #[test]
    fn values_are_written_where_they_are_and_over_nothing_else() {
        let energy = |track: &mut Track| _ = track.values.insert("energy".into(), 0.5);
        check(doc! { "_id": "a" }, energy, doc! { "energy": 0.5 });
        check(doc! { "_id": "a", "energy": Bson::Null }, energy, doc! { "energy": 0.5 });
        check(doc! { "_id": "a", "energy": 0.5 }, energy, doc! {});
        check(doc! { "_id": "a", "energy": 0.25 }, energy, doc! { "energy": 0.5 });
        check(
            doc! { "_id": "a", "audio_features": { "tempo": 1 } },
            energy,
            doc! { "audio_features.energy": 0.5 },
        );
        check(doc! { "_id": "a", "audio_features": 3 }, energy, doc! { "nearfield.energy": 0.5 });
        for theirs in [Bson::from(doc! { "mean": 1 }), "high".into(), "0.25".into(), Bson::from(vec![1])] {
            check(doc! { "_id": "a", "energy": theirs }, energy, doc! { "nearfield.energy": 0.5 });
        }
        let key = |track: &mut Track| _ = track.values.insert("key".into(), 7.0);
        check(doc! { "_id": "a", "key": 3 }, key, doc! { "key": 7_i64 });
        check(doc! { "_id": "a", "key": "C#" }, key, doc! { "nearfield.key": 7.0 });
        let other = |track: &mut Track| _ = track.values.insert("warmth".into(), 0.5);
        check(doc! { "_id": "a" }, other, doc! { "values.warmth": 0.5 });
        check(doc! { "_id": "a", "values": [1, 2] }, other, doc! { "nearfield.value:warmth": 0.5 });
        check(
            doc! { "_id": "a", "values": { "warmth": "w" } },
            other,
            doc! { "nearfield.value:warmth": 0.5 },
        );
    }

    #[test]
    fn names_are_written_where_they_are_and_over_nothing_else() {
        let album = |track: &mut Track| track.album = Some("Z".into());
        check(doc! { "_id": "a" }, album, doc! { "album": "Z" });
        check(doc! { "_id": "a", "album": { "name": "Y", "label": "x" } }, album, doc! { "album.name": "Z" });
        check(doc! { "_id": "a", "album": { "label": "x" } }, album, doc! { "nearfield.album": "Z" });
        check(doc! { "_id": "a", "album": [{ "title": "x" }] }, album, doc! { "nearfield.album": "Z" });
        let cover = Bson::Binary(mongodb::bson::Binary { subtype: 0.into(), bytes: vec![1] });
        check(doc! { "_id": "a", "album": { "cover": cover } }, album, doc! { "nearfield.album": "Z" });
        let image = |track: &mut Track| track.album_image = Some("u".into());
        let images = doc! { "_id": "a", "album": { "images": [{ "url": "v", "width": 1 }, { "url": "w" }] } };
        check(images, image, doc! { "nearfield.album_image": "u" });
        let artists = |track: &mut Track| track.artists = vec!["X".into(), "Y".into()];
        check(doc! { "_id": "a", "artists": ["Z"] }, artists, doc! { "artists": ["X", "Y"] });
        let people = doc! { "_id": "a", "artists": [{ "name": "Z", "id": "z", "followers": 3 }] };
        check(people, artists, doc! { "nearfield.artists": ["X", "Y"] });
        check(doc! { "_id": "a", "artists": "Z" }, artists, doc! { "nearfield.artists": ["X", "Y"] });
    }

    #[test]
    fn genres_from_several_fields_are_replaced_as_a_whole() {
        let genres = |track: &mut Track| track.genres = vec!["rock".into()];
        check(doc! { "_id": "a", "genres": ["pop"] }, genres, doc! { "genres": ["rock"] });
        let two = doc! { "_id": "a", "playlist_genre": "pop", "playlist_subgenre": "dance pop" };
        check(two, genres, doc! { "nearfield.genres": ["rock"] });
    }

    #[test]
    fn a_new_document_says_all_that_is_known() {
        let mut track = Track::new(TrackId::parse("a").unwrap());
        track.values.insert("a.b%".into(), 1.0);
        track.vectors.insert("v.1".into(), vec![0.5]);
        track.artists = vec!["X".into()];
        track.album_image = Some("u".into());
        let set = changes(None, &track, 7);
        let expected = doc! { "artists": ["X"], "album_image": "u", "values.a%2Eb%25": 1.0, "vectors.v%2E1": [0.5],
        RUN: 7_i64 };
        assert_eq!(set, expected);
        assert_eq!(changes(None, &Track::new(track.id), 7), doc! { RUN: 7_i64 });
        assert_eq!((unescape("a%2Eb%25").as_str(), unescape("v%2E1").as_str()), ("a.b%", "v.1"));
    }
}
