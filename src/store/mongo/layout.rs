//! How a track is written: each field where its document has it already, else under nearfield's own name, flat.

use mongodb::bson::{Bson, Document, doc};

use crate::source::columns::{DEFAULT_VECTOR, Field, names_of};
use crate::store::{Provenance, Refresh};
use crate::track::{Track, value};

use super::document::Known;

/// The import that last touched a document's genres.
pub(super) const RUN: &str = "nearfield_run";
/// What refreshing left with a track.
pub(super) const REFRESH: &str = "nearfield_refresh";
/// Values that nearfield does not know by name.
pub(super) const OTHER_VALUES: &str = "values";
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
    let mut set = |field: Field, value: Bson| {
        let place = place_of(before, &field);
        match place.strip_suffix(".name").or_else(|| place.strip_suffix(".id")) {
            // A list of objects cannot be set part by part: artists and their ids are written together.
            Some(list) if field == Field::Artists || field == Field::ArtistIds => {
                changes.insert(list, people(after));
            }
            // Pictures of several sizes stay; another one is put beside them.
            None if field == Field::AlbumImage && place.ends_with(".url") => {
                changes.insert(field.to_string(), value);
            }
            _ => {
                changes.insert(place, value);
            }
        }
    };
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
            set(field, new);
        }
    }
    for (name, value) in &after.values {
        if old.values.get(name).map(|old| old.to_bits()) != Some(value.to_bits()) {
            set(Field::Value(name.clone()), Bson::Double(*value));
        }
    }
    for (name, vector) in &after.vectors {
        if old.vectors.get(name) != Some(vector) {
            let numbers: Vec<f64> = vector.iter().map(|x| f64::from(*x)).collect();
            set(Field::Vector(name.clone()), Bson::from(numbers));
        }
    }
    // A track of which nothing but its id is known gets a document, too.
    if !changes.is_empty() || before.is_none_or(|known| known.run != run) {
        changes.insert(RUN, run as i64);
    }
    changes
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

/// Artists as Spotify writes them.
fn people(track: &Track) -> Bson {
    let ids = track.artist_ids.iter().map(Some).chain(std::iter::repeat(None));
    let people = track.artists.iter().zip(ids).map(|(name, id)| match id {
        Some(id) => Bson::Document(doc! { "name": name, "id": id }),
        None => Bson::Document(doc! { "name": name }),
    });
    Bson::Array(people.collect())
}

/// Where a field is, or will be: never where the document has an object with something else in it.
fn place_of(before: Option<&Known>, field: &Field) -> String {
    let given = before.and_then(|known| known.fields.iter().find(|(_, given)| given == field));
    if let Some((name, _)) = given {
        return name.clone();
    }
    let is_object = |place: &str| {
        let inside = |name: &String| name.strip_prefix(place).is_some_and(|rest| rest.starts_with('.'));
        before.is_some_and(|known| known.names.iter().any(inside))
    };
    let mut usual = vec![match field {
        Field::Value(name) if value::ALL.contains(&name.as_str()) => {
            // Beside the other features of the document.
            let is_feature = !matches!(name.as_str(), value::POPULARITY | value::RELEASE_YEAR);
            if is_feature && is_object(FEATURES) { format!("{FEATURES}.{name}") } else { name.clone() }
        }
        Field::Value(name) => format!("{OTHER_VALUES}.{}", escape(name)),
        Field::Vector(name) if name == DEFAULT_VECTOR => name.clone(),
        Field::Vector(name) => format!("{OTHER_VECTORS}.{}", escape(name)),
        other => other.to_string(),
    }];
    usual.extend(names_of(field).iter().filter(|name| !name.contains('.')).map(|name| (*name).to_owned()));
    if let Field::Value(name) = field {
        usual.push(format!("{OTHER_VALUES}.{}", escape(name)));
    }
    let free = usual.iter().position(|place| !is_object(place)).unwrap_or(0);
    usual.swap_remove(free)
}

const FEATURES: &str = "audio_features";

#[cfg(test)]
mod tests {
    use mongodb::bson::RawDocumentBuf;

    use super::*;
    use crate::store::mongo::document::Decoder;
    use crate::track::TrackId;

    /// What must be set in `document` so that it says what `change` makes of its track.
    fn check(document: Document, change: impl FnOnce(&mut Track), expected: Document) {
        let raw = RawDocumentBuf::try_from(&document).unwrap();
        let known = Decoder::new("_id", &[]).known(&raw).unwrap();
        let mut track = known.track.clone();
        change(&mut track);
        let mut set = changes(Some(&known), &track, 0);
        set.remove(RUN);
        assert_eq!(set, expected, "{document}");
    }

    #[test]
    fn fields_are_written_where_they_are_and_others_where_they_hurt_nothing() {
        let energy = |track: &mut Track| {
            track.values.insert("energy".into(), 0.5);
        };
        check(doc! { "_id": "a" }, energy, doc! { "energy": 0.5 });
        check(doc! { "_id": "a", "energy": 0.5 }, energy, doc! {});
        check(
            doc! { "_id": "a", "audio_features": { "tempo": 1 } },
            energy,
            doc! { "audio_features.energy": 0.5 },
        );
        check(doc! { "_id": "a", "energy": { "mean": 1 } }, energy, doc! { "values.energy": 0.5 });
        let album = |track: &mut Track| track.album = Some("Z".into());
        check(doc! { "_id": "a" }, album, doc! { "album": "Z" });
        check(doc! { "_id": "a", "album": { "name": "Y", "label": "x" } }, album, doc! { "album.name": "Z" });
        check(doc! { "_id": "a", "album": { "label": "x" } }, album, doc! { "album_name": "Z" });
        let image = |track: &mut Track| track.album_image = Some("u".into());
        let images = doc! { "_id": "a", "album": { "images": [{ "url": "v", "width": 1 }, { "url": "w" }] } };
        check(images, image, doc! { "album_image": "u" });
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
