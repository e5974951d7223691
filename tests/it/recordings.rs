//! Other recordings of a song: collapsed into the best ranked one, listed, and left in where asked for.

use std::collections::{BTreeMap, BTreeSet};

use nearfield::artifact::Removals;
use nearfield::build::BuildOptions;
use nearfield::query::{Answer, SimilarRequest, map, near_on_map, similar, similar_batch};
use nearfield::snapshot::Snapshot;
use nearfield::track::{Track, TrackId};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixture::{MemoryStore, build_in, options};
use crate::server::Server;

/// Songs of their own besides those listed below.
const N_OTHERS: usize = 300;

fn track(id: &str, name: &str, artist: &str, energy: f64) -> Track {
    let mut track = Track::new(TrackId::parse(id).unwrap());
    track.name = Some(name.to_owned());
    track.artists = vec![artist.to_owned()];
    let analysed = ["danceability", "acousticness", "instrumentalness", "valence", "speechiness", "liveness"];
    track.values = analysed.iter().map(|name| ((*name).to_owned(), 0.3)).collect();
    track.values.insert("energy".into(), energy);
    track.values.insert("loudness".into(), -8.0);
    track.values.insert("tempo".into(), 120.0);
    track
}

/// `one-*` are a song in three releases, `twin-*` have the same analysis under different titles, `many-*` are sixty releases
/// of one song, more than any first look is deep; the others differ in energy and tempo.
fn catalogue() -> MemoryStore {
    let mut tracks = vec![
        track("one-a", "One", "Singer", 0.500),
        track("one-b", "ONE ", "singer", 0.501),
        track("one-c", "One", "Singer", 0.502),
        track("twin-a", "Left", "Her", 0.505),
        track("twin-b", "Right", "Him", 0.505),
        track("cover", "One", "Somebody Else", 0.503),
    ];
    tracks.extend(
        (0..60).map(|n| track(&format!("many-{n:02}"), "Hymn", "Choir", 0.5041 + 1e-6 * f64::from(n))),
    );
    tracks.extend((0..N_OTHERS).map(|n| {
        let mut other =
            track(&format!("other-{n:03}"), &format!("Song {n}"), "Band", 0.51 + 0.001 * n as f64);
        other.values.insert("tempo".into(), 90.0 + n as f64 / 4.0);
        other
    }));
    // Two tracks of which nothing is known but the same few values are not the same recording.
    for id in ["bare-a", "bare-b"] {
        let mut bare = Track::new(TrackId::parse(id).unwrap());
        bare.values.insert("energy".into(), 0.99);
        tracks.push(bare);
    }
    MemoryStore::of(tracks)
}

fn snapshot() -> (TempDir, Snapshot) {
    let indexes = tempfile::tempdir().unwrap();
    // So many alike are hard for a graph; what is tested here is what becomes of what was found.
    let options = BuildOptions { min_recall: 0.0, ..options() };
    build_in(indexes.path(), &catalogue(), &options).unwrap();
    let snapshot = Snapshot::open(indexes.path(), "main", None).unwrap();
    snapshot.forest().unwrap().wait().unwrap();
    (indexes, snapshot)
}

fn ask(snapshot: &Snapshot, request: Value) -> Answer {
    let request: SimilarRequest = serde_json::from_value(request).unwrap();
    similar(snapshot, &request).unwrap()
}

fn ids(answer: &Answer) -> Vec<&str> {
    answer.results.iter().map(|result| result.id.as_str()).collect()
}

#[test]
fn each_recording_is_returned_once_and_lists_the_others() {
    let (_indexes, snapshot) = snapshot();
    snapshot.verify(|_| {}).unwrap();
    for engine in ["auto", "exact", "hnsw", "forest"] {
        let answer = ask(&snapshot, json!({"seeds": ["cover"], "engine": engine, "k": 3}));
        let recordings: BTreeMap<&str, Vec<&str>> = answer
            .results
            .iter()
            .map(|result| (&result.id[..3], result.collapsed.iter().map(String::as_str).collect()))
            .collect();
        assert_eq!(recordings.len(), 3, "{engine}: {:?}", ids(&answer));
        assert_eq!(recordings["one"].len(), 2);
        assert_eq!(recordings["man"].len(), 59, "however deep they rank");
        assert_eq!(recordings["twi"].len(), 1);
        assert!(answer.results.iter().all(|result| !result.collapsed.contains(&result.id)));
        assert!(answer.collapsed_into_seeds.is_empty(), "a cover is a recording of its own");
    }
}

#[test]
fn other_recordings_of_seeds_are_left_out_like_the_seeds() {
    let (_indexes, snapshot) = snapshot();
    for kind in ["seeds", "negative_seeds"] {
        let mut request = json!({"seeds": ["cover"], "k": 1000});
        request[kind] = json!(["one-b"]);
        let answer = ask(&snapshot, request);
        assert_eq!(answer.collapsed_into_seeds, ["one-a", "one-c"]);
        assert!(ids(&answer).iter().all(|id| !id.starts_with("one-")));
    }
    let filtered = json!({"seeds": ["one-b"], "filters": {"exclude_ids": ["one-a"]}, "k": 3});
    assert_eq!(
        ask(&snapshot, filtered).collapsed_into_seeds,
        ["one-c"],
        "what may not be returned is not listed"
    );
}

#[test]
fn all_recordings_are_returned_where_that_is_asked_for() {
    let (_indexes, snapshot) = snapshot();
    let n_items = snapshot.items().len();
    let all = ask(&snapshot, json!({"seeds": ["one-a"], "k": n_items, "collapse_duplicates": false}));
    assert_eq!(all.results.len(), n_items - 1);
    assert!(
        all.results.iter().all(|result| result.collapsed.is_empty()) && all.collapsed_into_seeds.is_empty()
    );
    let collapsed = ask(&snapshot, json!({"seeds": ["one-a"], "k": n_items}));
    // The others, bare and cover; one of many, one of the twins.
    assert_eq!(collapsed.results.len(), N_OTHERS + 2 + 1 + 2);
    let listed: BTreeSet<&str> = collapsed
        .results
        .iter()
        .flat_map(|result| std::iter::once(&result.id).chain(&result.collapsed))
        .chain(&collapsed.collapsed_into_seeds)
        .map(String::as_str)
        .collect();
    assert_eq!(listed, all.results.iter().map(|result| result.id.as_str()).collect(), "nothing is lost");
    // The same, less what is collapsed: the order does not change.
    let kept: BTreeSet<&str> = ids(&collapsed).into_iter().collect();
    let in_order: Vec<&str> = ids(&all).into_iter().filter(|id| kept.contains(id)).collect();
    assert_eq!(ids(&collapsed), in_order);
}

#[test]
fn filters_come_before_collapsing_and_collapsing_before_the_rest() {
    let (_indexes, snapshot) = snapshot();
    let without_best = json!({"seeds": ["cover"], "filters": {"exclude_ids": ["one-a", "one-c"]}, "k": 400});
    let answer = ask(&snapshot, without_best);
    let one = answer.results.iter().find(|result| result.id.starts_with("one-")).unwrap();
    assert_eq!((one.id.as_str(), one.collapsed.len()), ("one-b", 0));
    // Sixty releases of one song count once for their artist.
    let limited = ask(&snapshot, json!({"seeds": ["cover"], "max_per_artist": 2, "k": 6}));
    let choir = ids(&limited).into_iter().filter(|id| id.starts_with("many-")).count();
    let band = ids(&limited).into_iter().filter(|id| id.starts_with("other-")).count();
    assert_eq!((choir, band, limited.results.len()), (1, 2, 6), "{:?}", ids(&limited));
    let diverse = ask(&snapshot, json!({"seeds": ["cover"], "diversity": 0.7, "k": 10}));
    let n_recordings = ids(&diverse)
        .iter()
        .map(|id| if id.starts_with("other") { id } else { &id[..3] })
        .collect::<BTreeSet<_>>();
    assert_eq!((n_recordings.len(), diverse.results.len()), (10, 10), "{:?}", ids(&diverse));
}

#[test]
fn removed_tracks_are_neither_listed_nor_on_the_map() {
    let (_indexes, whole) = snapshot();
    let n_items = whole.items().len();
    // Two are excluded one by one, 42 are a filter.
    for n_many in [1, 41] {
        let mut removed = vec!["one-c".to_owned()];
        removed.extend((0..n_many).map(|n| format!("many-{n:02}")));
        let mut removals = Removals::default();
        removed.iter().for_each(|id| removals.note(&TrackId::parse(id).unwrap(), jiff::Timestamp::now()));
        let snapshot = whole.with_removals(&removals);
        let answer = ask(&snapshot, json!({"seeds": ["one-a"], "k": n_items}));
        assert_eq!(answer.collapsed_into_seeds, ["one-b"]);
        let listed: BTreeSet<&String> = answer
            .results
            .iter()
            .flat_map(|result| std::iter::once(&result.id).chain(&result.collapsed))
            .collect();
        assert!(removed.iter().all(|id| !listed.contains(id)));
        assert_eq!(listed.len(), n_items - removed.len() - 2, "all but the seed's recording");
        let map = map(&snapshot);
        assert_eq!(map.n_items, n_items - removed.len());
        assert_eq!(map.counts.iter().sum::<u32>() as usize, map.n_items);
        let at = whole.overview().place(whole.find(&TrackId::parse("one-c").unwrap()).unwrap());
        let near = |snapshot| near_on_map(snapshot, at, n_items).unwrap();
        assert_eq!((near(&whole)[0].id.as_str(), near(&snapshot).len()), ("one-c", map.n_items));
        assert!(near(&snapshot).iter().all(|track| !removed.contains(&track.id)));
    }
}

#[test]
fn batches_and_the_server_say_the_same() {
    let (indexes, snapshot) = snapshot();
    let body = json!({"seeds": ["one-a"], "k": 4, "explain": true});
    let shown = |answer: &Answer| -> Vec<(String, Vec<String>)> {
        answer.results.iter().map(|result| (result.id.clone(), result.collapsed.clone())).collect()
    };
    let expected = shown(&ask(&snapshot, body.clone()));
    let request: SimilarRequest = serde_json::from_value(body.clone()).unwrap();
    let batch = similar_batch(&snapshot, std::slice::from_ref(&request)).remove(0).unwrap();
    assert_eq!(shown(&batch), expected);
    let server = Server::serving(indexes.path());
    for _ in 0..2 {
        // Computed, then from the cache.
        let answer = server.similar(&body).ok();
        let results: Vec<(String, Vec<String>)> = answer["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| serde_json::from_value(json!([result["id"], result["collapsed"]])).unwrap())
            .collect();
        assert_eq!(results, expected);
        assert_eq!(answer["collapsed_into_seeds"], json!(["one-b", "one-c"]));
    }
    let plain = server.get("/api/v1/similar/one-a?k=2&collapse_duplicates=false").ok();
    assert_eq!(plain["results"][0]["id"], "one-b");
    assert_eq!(plain["collapsed_into_seeds"], json!([]));
    server.similar(&json!({"seeds": ["one-a"], "collapse_duplicates": "no"})).refused(
        "a text",
        400,
        "wrong_type",
        "collapse_duplicates",
    );
}
