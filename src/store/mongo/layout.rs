//! How a track is written: each field where its document has it already, else under nearfield's own name, flat.

use mongodb::bson::{Bson, Document, doc};

use crate::source::columns::{DEFAULT_VECTOR, Field};
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
            // A list of objects cannot be set part by part: artists and their ids are written together below.
            Some(list) if field == Field::Artists || field == Field::ArtistIds => {
                changes.insert(list, people(after));
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
    if !changes.is_empty() || before.is_some_and(|known| known.run != run) {
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

/// Where a field is, or will be.
fn place_of(before: Option<&Known>, field: &Field) -> String {
    let given = before.and_then(|known| known.fields.iter().find(|(_, given)| given == field));
    if let Some((name, _)) = given {
        return name.clone();
    }
    match field {
        Field::Value(name) if value::ALL.contains(&name.as_str()) => {
            // Beside the other features of the document.
            let nested = before.is_some_and(|known| known.fields.iter().any(|(name, _)| is_nested(name)));
            let is_feature = !matches!(name.as_str(), value::POPULARITY | value::RELEASE_YEAR);
            if nested && is_feature { format!("{FEATURES}{name}") } else { name.clone() }
        }
        Field::Value(name) => format!("{OTHER_VALUES}.{}", escape(name)),
        Field::Vector(name) if name == DEFAULT_VECTOR => name.clone(),
        Field::Vector(name) => format!("{OTHER_VECTORS}.{}", escape(name)),
        other => other.to_string(),
    }
}

const FEATURES: &str = "audio_features.";

fn is_nested(name: &str) -> bool {
    name.starts_with(FEATURES)
}
