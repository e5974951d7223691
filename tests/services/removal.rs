//! Removing tracks from a MongoDB collection.

use nearfield::store::CatalogueStore;
use nearfield::track::{Track, TrackId};

use crate::mongo::{TestCollection, all, id};

#[test]
fn removed_tracks_are_gone_and_only_they() {
    let collection = TestCollection::new();
    let store = collection.store();
    let ids: Vec<TrackId> = (0..1_300).map(|number| id(&format!("Track{number:04}"))).collect();
    store.upsert(ids.iter().cloned().map(Track::new).collect(), 1).unwrap();
    // More than go into one message, one twice, one unknown, and one that differs in case only.
    let mut gone: Vec<TrackId> = ids[..700].to_vec();
    gone.extend([ids[3].clone(), id("nobody"), id("track0900")]);
    assert_eq!(store.remove(&gone).unwrap(), 700);
    assert_eq!(store.remove(&gone).unwrap(), 0);
    assert_eq!(store.remove(&[]).unwrap(), 0);
    assert_eq!((store.get(&ids[0]).unwrap(), store.get(&ids[900]).unwrap().is_some()), (None, true));
    let left: Vec<TrackId> = all(&store).into_iter().map(|track| track.id).collect();
    assert_eq!(left, ids[700..]);
}
