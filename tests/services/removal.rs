//! Removing tracks from a MongoDB collection.

use nearfield::store;
use nearfield::track::{Track, TrackId};

fn id(text: &str) -> TrackId {
    TrackId::parse(text).unwrap()
}

#[test]
fn removed_tracks_are_gone_and_only_they() {
    let server = std::env::var("MONGO_URL").expect("set MONGO_URL as `scripts/services up` prints it");
    let server = server.trim_end_matches('/');
    let store = store::open(&format!("{server}/nearfield_removal_{}", std::process::id())).unwrap();
    let n_tracks = 1_300;
    let all: Vec<TrackId> = (0..n_tracks).map(|number| id(&format!("Track{number:04}"))).collect();
    let named = |id: &TrackId| Track { name: Some(format!("name of {id}")), ..Track::new(id.clone()) };
    store.upsert(all.iter().map(named).collect(), 1).unwrap();
    // More than go into one message, one twice, one unknown, and one that differs in case only.
    let mut gone: Vec<TrackId> = all[..700].to_vec();
    gone.extend([all[3].clone(), id("nobody"), id("track0900")]);
    assert_eq!(store.remove(&gone).unwrap(), 700);
    assert_eq!(store.remove(&gone).unwrap(), 0);
    assert_eq!(store.remove(&[]).unwrap(), 0);
    assert_eq!((store.get(&all[0]).unwrap(), store.get(&all[900]).unwrap().is_some()), (None, true));
    let mut left = Vec::new();
    store
        .scan(&mut |track| {
            left.push(track.id);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(left, all[700..]);
    store.remove(&left).unwrap();
}
