//! The surface of Spotify's Web API from the outside: shapes, refusals, unknown values, and what a seed counts for.

use std::collections::BTreeSet;

use nearfield::artifact::{Removals, SnapshotDir};
use nearfield::content::TagKind;
use nearfield::query::{Prepared, SimilarRequest};
use nearfield::snapshot::Snapshot;
use nearfield::track::{ItemIdx, Track, TrackId, value};
use serde_json::{Value, json};

use crate::fixture::{MemoryStore, build_in, copy, options, shared};
use crate::server::{Answer, Server};

/// A refusal in Spotify's shape.
pub fn refused(answer: &Answer, status: u16, part: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json");
    let body = answer.json();
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    assert_eq!(body["error"]["status"], status);
    assert!(body["error"]["message"].as_str().unwrap().contains(part), "{part}: {body}");
}

pub fn ids(tracks: &Value) -> Vec<String> {
    tracks.as_array().unwrap().iter().map(|track| track["id"].as_str().unwrap().to_owned()).collect()
}

pub fn recommended(server: &Server, query: &str) -> Vec<String> {
    ids(&server.get(&format!("/spotify/v1/recommendations?{query}")).ok()["tracks"])
}

#[test]
fn refusals_have_spotifys_shape() {
    let server = Server::start();
    let id = &server.ids()[0];
    let get = |path: &str| server.get(&format!("/spotify/{path}"));
    for (path, status, part) in [
        ("v1/recommendations", 400, "no seed"),
        ("v1/recommendations?seed_tracks=ID&limit=101", 400, "limit"),
        ("v1/recommendations?seed_tracks=a,b,c,d,e,f", 400, "6 seeds"),
        ("v1/recommendations?seed_genres=t,e,c,h,n,o", 400, "a list of its letters"),
        ("v1/recommendations?seed_tracks=ID&target_enrgy=1", 400, "did you mean `energy`"),
        ("v1/recommendations?seed_tracks=ID&min_enrgy=1", 400, "did you mean `energy`"),
        ("v1/recommendations?seed_tracks=ID&seed_track=x", 400, "seed_track"),
        ("v1/recommendations?seed_tracks=ID&target_key=12", 400, "`target_key` is 12; expected 0 to 11"),
        ("v1/recommendations?seed_tracks=ID&min_tempo=9&max_tempo=8", 400, "`min_tempo` is 9"),
        ("v1/recommendations?seed_tracks=ID&min_popularity=9&max_popularity=8", 400, "`min_popularity` is 9"),
        ("v1/recommendations?seed_tracks=ID&weight_energy=-1", 400, "`weight_energy` is -1"),
        (
            "v1/recommendations?seed_tracks=nobody&seed_genres=nothing&seed_artists=none",
            404,
            "none of the seeds",
        ),
        ("v1/audio-features", 400, "`ids` is missing"),
        ("v1/audio-features?ids=,", 400, "`ids` is missing"),
        ("v1/audio-features/nobody", 404, "nobody"),
        ("v1/tracks/nobody", 404, "nobody"),
        ("v1/search?q=love", 400, "type=track"),
        ("v1/search?q=love&type=artist", 400, "type=track"),
        ("v1/search?type=track", 400, "`q` is empty"),
        ("v1/search?q=love&type=track&limit=51", 400, "`limit` is 51"),
        ("v1/search?q=love&type=track&offset=-1", 400, "`offset`"),
        ("v1/search?q=love&type=track&offset=18446744073709551616", 400, "`offset`"),
        ("v1/search?q=%FF&type=track", 400, "UTF-8"),
        ("v1/nothing", 404, "/spotify/v1/nothing"),
        ("v1", 404, "/spotify/v1"),
        ("", 404, "/spotify"),
    ] {
        refused(&get(&path.replace("ID", id)), status, part);
    }
    for (path, max) in [("audio-features", 100), ("tracks", 50)] {
        let ids = |n: usize| vec![id.as_str(); n].join(",");
        assert_eq!(get(&format!("v1/{path}/?ids={}", ids(max))).status, 200);
        refused(&get(&format!("v1/{path}/?ids={}", ids(max + 1))), 400, &format!("at most {max}"));
    }
    let answer = server.delete("/spotify/v1/recommendations");
    refused(&answer, 405, "GET, HEAD");
    assert_eq!(answer.header("allow"), "GET, HEAD");
    refused(&server.get("/spotify/api/token"), 405, "POST");
    server.get("/api/v1/nothing").refused("others keep theirs", 404, "not_found", "");
}

#[test]
fn a_slash_at_the_end_and_head_do_not_matter() {
    let server = Server::start();
    let id = &server.ids()[0];
    for path in [
        format!("tracks/{id}"),
        format!("audio-features/{id}"),
        "recommendations/available-genre-seeds".to_owned(),
    ] {
        let plain = server.get(&format!("/spotify/v1/{path}")).ok();
        assert_eq!(server.get(&format!("/spotify/v1/{path}/")).ok(), plain);
        let head = server.head(&format!("/spotify/v1/{path}/"));
        assert_eq!((head.status, head.text.as_str()), (200, ""));
    }
    for query in [
        "tracks?ids=ID",
        "audio-features?ids=ID",
        "recommendations?seed_tracks=ID",
        "search?q=love&type=track",
    ] {
        let query = query.replace("ID", id);
        let plain = server.get(&format!("/spotify/v1/{query}")).ok();
        assert_eq!(server.get(&format!("/spotify/v1/{}", query.replace('?', "/?"))).ok(), plain);
    }
}

#[test]
fn a_token_is_given_to_whoever_asks() {
    let server = Server::start();
    let token = server.post("/spotify/api/token", "grant_type=client_credentials");
    let body = token.ok();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert!(!body["access_token"].as_str().unwrap().is_empty());
    assert_eq!(token.header("cache-control"), "no-store");
    for (form, error) in [
        ("grant_type=password", "unsupported_grant_type"),
        ("", "invalid_request"),
        ("grant_type=a&grant_type=b", "invalid_request"),
    ] {
        let answer = server.post("/spotify/api/token", form);
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!(error)), "{form}");
        assert!(answer.json()["error_description"].is_string());
    }
}

#[test]
fn bounds_are_hard_and_targets_pull() {
    let server = Server::start();
    let id = &server.ids()[0];
    let tempo =
        |id: &String| server.get(&format!("/spotify/v1/audio-features/{id}")).ok()["tempo"].as_f64().unwrap();
    let distance =
        |ids: Vec<String>| ids.iter().map(|id| (tempo(id) - 170.0).abs()).sum::<f64>() / ids.len() as f64;
    let bounded = recommended(&server, &format!("seed_tracks={id}&min_tempo=100&max_tempo=120&limit=50"));
    assert!(!bounded.is_empty() && bounded.iter().all(|id| (100.0..=120.0).contains(&tempo(id))));
    // Both bounds are inclusive: between a value and itself is the track that has it.
    let (hit, exact) = (&bounded[0], tempo(&bounded[0]));
    let at = recommended(&server, &format!("seed_tracks={id}&min_tempo={exact}&max_tempo={exact}&limit=100"));
    assert!(at.contains(hit) && at.iter().all(|id| tempo(id) == exact), "{exact}: {at:?}");
    let plain = distance(recommended(&server, &format!("seed_tracks={id}")));
    let pulled = distance(recommended(&server, &format!("seed_tracks={id}&target_tempo=170")));
    let weighted =
        distance(recommended(&server, &format!("seed_tracks={id}&target_tempo=170&weight_tempo=50")));
    assert!(plain > pulled && pulled > weighted, "{plain} {pulled} {weighted}");
    // Where there are fewer tracks than asked for, there are fewer.
    let narrow = recommended(
        &server,
        &format!("seed_tracks={id}&min_tempo=119&max_tempo=120&min_energy=0.5&limit=100"),
    );
    assert!(narrow.len() < 100);
    // What somebody else's client adds is passed over.
    assert_eq!(
        recommended(&server, &format!("seed_tracks={id}&market=XX&locale=de")),
        recommended(&server, &format!("seed_tracks={id}"))
    );
}

#[test]
fn an_unknown_seed_among_others_has_an_empty_pool() {
    let server = Server::start();
    let id = &server.ids()[0];
    let answer =
        server.get(&format!("/spotify/v1/recommendations?seed_tracks=nobody,{id}&seed_genres=polka")).ok();
    let pools: Vec<(&str, u64, u64)> = answer["seeds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|seed| {
            let size = |name: &str| seed[name].as_u64().unwrap();
            (seed["id"].as_str().unwrap(), size("initialPoolSize"), size("afterRelinkingSize"))
        })
        .collect();
    assert_eq!(pools[..2], [("polka", 0, 0), ("nobody", 0, 0)]);
    assert!(pools[2].1 > 1_000 && pools[2].1 == pools[2].2);
    assert_eq!(ids(&answer["tracks"]), recommended(&server, &format!("seed_tracks={id}")));
}

#[test]
fn an_answer_is_shared_with_the_native_api() {
    let server = Server::start();
    let id = &server.ids()[0];
    let query = format!("seed_tracks={id}&target_energy=0.3&limit=12");
    let first = recommended(&server, &query);
    assert_eq!(first, recommended(&server, &query));
    let native = server.similar(&json!({"seeds": [id], "targets": {"energy": 0.3}, "k": 12}));
    assert!(native.header("cache-status").contains("hit"), "{}", native.header("cache-status"));
    let native: Vec<String> = native.ok()["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(first, native);
}

/// The mean of items over what is present, in the way that is easiest to follow.
fn mean(snapshot: &Snapshot, items: &[u32]) -> Vec<Option<f64>> {
    let mut means = Vec::new();
    for (feature, range) in snapshot.schema().dim_ranges().into_iter().enumerate() {
        for dim in range {
            let present = items.iter().map(|item| ItemIdx(*item));
            let values: Vec<f64> = present
                .filter(|item| !snapshot.vectors().is_missing(feature, *item))
                .map(|item| f64::from(snapshot.vectors().row(item)[dim]))
                .collect();
            means.push((!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64));
        }
    }
    means
}

#[test]
fn every_seed_has_one_vote_however_many_tracks_it_stands_for() {
    let snapshot = Snapshot::open(shared(), "main", None).unwrap();
    let jazz = snapshot.tags().items(TagKind::Genre, "jazz").unwrap();
    let metal = &snapshot.tags().items(TagKind::Genre, "metal").unwrap()[..7];
    assert!(jazz.len() > 64, "enough to be kept");
    let seed = ItemIdx(3);
    let group = |key: &str, items: &[u32]| snapshot.group_mean(TagKind::Genre, key, items).unwrap();
    let request = SimilarRequest {
        seeds: vec![snapshot.items().id(seed).into_owned()],
        groups: vec![group("jazz", jazz), group("metal", metal)],
        ..SimilarRequest::default()
    };
    let prepared = Prepared::new(&snapshot, &request).unwrap();
    assert_eq!(prepared.excluded, [seed], "tracks of groups may be in the answer");
    let votes = [mean(&snapshot, &[seed.0]), mean(&snapshot, jazz), mean(&snapshot, metal)];
    for (dim, got) in prepared.query.vector().iter().enumerate() {
        let values: Vec<f64> = votes.iter().filter_map(|vote| vote[dim]).collect();
        let expected = if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 };
        assert!((f64::from(*got) - expected).abs() < 1e-6, "{dim}: {got} {expected}");
    }
    assert_eq!(
        (
            snapshot.n_to_average(TagKind::Genre, "jazz", jazz),
            snapshot.n_to_average(TagKind::Genre, "metal", metal)
        ),
        (0, 7)
    );
}

#[test]
fn removed_tracks_are_no_part_of_anything() {
    let indexes = copy();
    let whole = Snapshot::open(indexes.path(), "main", None).unwrap();
    let tagged = |genre: &str| whole.tags().items(TagKind::Genre, genre).unwrap();
    let (jazz, metal) = (tagged("jazz"), tagged("metal"));
    let gone: BTreeSet<u32> = jazz.iter().step_by(2).chain(metal).copied().collect();
    let id = |item: &u32| TrackId::parse(&whole.items().id(ItemIdx(*item))).unwrap();
    let mut removals = Removals::default();
    gone.iter().for_each(|item| removals.note(&id(item), jiff::Timestamp::now()));
    let before = whole.group_mean(TagKind::Genre, "jazz", jazz).unwrap();
    let without = whole.with_removals(&removals);
    let after = without.group_mean(TagKind::Genre, "jazz", jazz).unwrap();
    let left: Vec<u32> = jazz.iter().filter(|item| !gone.contains(item)).copied().collect();
    assert_ne!(before, after, "it was kept for all of them");
    for (got, expected) in after.vector.iter().zip(mean(&whole, &left)) {
        assert!((got - expected.unwrap_or(0.0)).abs() < 1e-9);
    }
    assert_eq!(without.group_mean(TagKind::Genre, "metal", metal), None);

    let gone: Vec<TrackId> = gone.iter().map(id).collect();
    SnapshotDir::new(indexes.path(), "main").unwrap().note_removed(&gone).unwrap();
    let server = Server::serving(indexes.path());
    let genres = server.get("/spotify/v1/recommendations/available-genre-seeds").ok();
    let genres = genres["genres"].as_array().unwrap();
    assert!(genres.contains(&json!("jazz")) && !genres.contains(&json!("metal")));
    refused(&server.get("/spotify/v1/recommendations?seed_genres=metal"), 404, "`metal` of seed_genres");
    for path in ["tracks", "audio-features"] {
        refused(&server.get(&format!("/spotify/v1/{path}/{}", gone[0])), 404, gone[0].as_str());
    }
    let answer = server.get("/spotify/v1/recommendations?seed_genres=jazz&limit=100").ok();
    let ids = ids(&answer["tracks"]);
    assert!(ids.len() == 100 && ids.iter().all(|id| !gone.iter().any(|gone| gone.as_str() == id)));
    assert_eq!(answer["seeds"][0]["initialPoolSize"], 1_500 - gone.len());
}

/// A catalogue that knows names only, and little of some tracks.
fn sparse() -> MemoryStore {
    let mut tracks: Vec<Track> = nearfield::demo::catalogue(200, 7).collect();
    for (place, track) in tracks.iter_mut().enumerate() {
        track.artist_ids.clear();
        track.album_id = None;
        track.album_image = None;
        if place % 2 == 0 {
            track.artists = vec!["Björk".into()];
            track.genres = vec!["Art Pop".into()];
        }
    }
    let id = |text: &str| TrackId::parse(text).unwrap();
    let mut little = Track::new(id("little"));
    little.values.insert(value::ENERGY.into(), 0.5);
    little.album_image = Some("https://i.example/cover".into());
    little.values.insert(value::RELEASE_YEAR.into(), 1993.0);
    tracks.push(little);
    tracks.push(Track::new(id("nothing")));
    MemoryStore::of(tracks)
}

#[test]
fn what_is_unknown_is_served_as_what_clients_parse() {
    let indexes = tempfile::tempdir().unwrap();
    build_in(indexes.path(), &sparse(), &options()).unwrap();
    let server = Server::serving(indexes.path());
    let features = server.get("/spotify/v1/audio-features/little").ok();
    for (name, expected) in [
        ("energy", json!(0.5)),
        ("key", json!(-1)),
        ("mode", json!(-1)),
        ("time_signature", json!(4)),
        ("duration_ms", json!(0)),
        ("tempo", json!(0.0)),
        ("loudness", json!(-60.0)),
        ("type", json!("audio_features")),
        ("uri", json!("spotify:track:little")),
    ] {
        assert_eq!(features[name], expected, "{name}");
    }
    refused(
        &server.get("/spotify/v1/audio-features/nothing"),
        404,
        "nothing is known of how `nothing` sounds",
    );
    let several = server.get("/spotify/v1/audio-features/?ids=nothing,little,nobody,little").ok();
    assert_eq!(several, json!({"audio_features": [null, features, null, features]}));

    let track = server.get("/spotify/v1/tracks/little").ok();
    assert_eq!(
        (&track["name"], &track["explicit"], &track["duration_ms"]),
        (&json!(""), &json!(false), &json!(0))
    );
    assert!(track.get("popularity").is_none() && track["external_urls"] == json!({}));
    assert_eq!(track["artists"][0]["name"], "");
    assert_eq!(track["artists"][0]["id"], Value::Null);
    let album = &track["album"];
    assert_eq!((&album["release_date"], &album["release_date_precision"]), (&json!("1993"), &json!("year")));
    assert_eq!(album["images"], json!([{"url": "https://i.example/cover", "height": null, "width": null}]));
    let nothing = server.get("/spotify/v1/tracks/nothing").ok();
    assert_eq!(nothing["album"]["release_date"], "0000");
    let several = server.get("/spotify/v1/tracks?ids=nothing,nobody,little").ok();
    assert_eq!(several, json!({"tracks": [nothing, null, track]}));

    // An artist known by name has an id that is found again, but nowhere else.
    let found = server.get("/spotify/v1/search?q=artist:bj%C3%B6rk&type=track&limit=50").ok();
    assert_eq!(found["tracks"]["total"], 100);
    let artist = &found["tracks"]["items"][0]["artists"][0];
    let id = artist["id"].as_str().unwrap();
    assert!(id.len() == 22 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    assert_eq!((&artist["external_urls"], &artist["href"]), (&json!({}), &Value::Null));
    let by_artist = recommended(&server, &format!("seed_artists={id}"));
    assert_eq!(by_artist.len(), 20);
    // Here the artist's tracks are the genre's.
    assert_eq!(by_artist, recommended(&server, "seed_genres=art-pop"));
}

/// An artist of some tracks who has other albums too: the name, the number of tracks, the title of one album.
fn by_artists_with_albums(tracks: &Value, n_tracks: impl Fn(&str) -> u64) -> (String, u64, String) {
    let shown = tracks["items"].as_array().unwrap().iter();
    let mut pairs = shown.map(|track| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&track["artists"][0]["name"]), text(&track["album"]["name"]))
    });
    let found = pairs.find_map(|(artist, album)| {
        let of_artist = n_tracks(&format!("artist:\"{artist}\""));
        let on_album = n_tracks(&format!("artist:\"{artist}\" album:\"{album}\""));
        (on_album < of_artist).then_some((artist, of_artist, album))
    });
    found.expect("an artist with two albums")
}

#[test]
fn fields_of_a_search_are_filters() {
    let server = Server::start();
    let total = |q: &str| {
        let q = percent_encoding::utf8_percent_encode(q, percent_encoding::NON_ALPHANUMERIC);
        server.get(&format!("/spotify/v1/search?type=track&limit=50&q={q}")).ok()["tracks"].clone()
    };
    let jazz = total("genre:jazz year:1990-2009");
    let all: BTreeSet<String> = {
        let filters = json!({"genres": ["jazz"], "year": {"min": 1990, "max": 2009}});
        let answer =
            server.similar(&json!({"targets": {"energy": 0.5}, "filters": filters, "k": 1_500})).ok();
        answer["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| result["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(jazz["total"], all.len());
    assert!(!all.is_empty() && ids(&jazz["items"]).iter().all(|id| all.contains(id)));
    let popularity: Vec<i64> = jazz["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|track| track["popularity"].as_i64().unwrap_or(-1))
        .collect();
    assert!(popularity.is_sorted_by(|a, b| a >= b), "{popularity:?}");

    let track = &jazz["items"][0];
    let (title, name) = (track["name"].as_str().unwrap(), track["artists"][0]["name"].as_str().unwrap());
    let quoted = |text: &str| text.replace('"', " ");
    let found = total(&format!("track:\"{}\" artist:\"{}\"", quoted(title), quoted(name)));
    assert_eq!(found["items"][0]["id"], track["id"], "{title} {name}");
    let by_artist = total(&format!("artist:{}", quoted(name)));
    assert!(
        by_artist["items"].as_array().unwrap().iter().all(|track| {
            track["artists"].as_array().unwrap().iter().any(|artist| artist["name"] == name)
        })
    );
    // Of an artist with several albums, those of one are some.
    let (artist, n_all, album) = by_artists_with_albums(&jazz, |q| total(q)["total"].as_u64().unwrap());
    let on_album = total(&format!("artist:\"{artist}\" album:\"{}\"", album.to_uppercase()));
    let n_on_album = on_album["total"].as_u64().unwrap();
    assert!(n_on_album >= 1 && n_on_album < n_all, "{artist} {album}: {n_on_album} of {n_all}");
    let items = on_album["items"].as_array().unwrap();
    assert!(items.iter().all(|track| {
        track["album"]["name"].as_str().unwrap().to_lowercase().contains(&album.to_lowercase())
    }));
    // The same tracks, whether there are words or not.
    let all = ids(&total(&format!("album:\"{album}\""))["items"]);
    assert!(ids(&on_album["items"]).iter().all(|id| all.contains(id)));
    let title = items[0]["name"].as_str().unwrap();
    let named = total(&format!("{} album:\"{album}\"", quoted(title)));
    assert!(ids(&named["items"]).contains(&items[0]["id"].as_str().unwrap().to_owned()));
    assert_eq!(total(&format!("{} album:zzzz", quoted(title)))["total"], 0);
    for nobody in
        ["artist:nobody", "genre:polka", "isrc:USUM72104140 love", "year:1066", "year:1990 year:1991"]
    {
        assert_eq!(total(nobody)["total"], 0, "{nobody}");
    }
}

#[test]
fn genres_are_all_there_are() {
    let server = Server::start();
    let genres = server.get("/spotify/v1/recommendations/available-genre-seeds").ok();
    let genres: Vec<&str> =
        genres["genres"].as_array().unwrap().iter().map(|genre| genre.as_str().unwrap()).collect();
    assert!(genres.contains(&"jazz") && genres.is_sorted());
    for genre in genres {
        assert_eq!(
            recommended(&server, &format!("seed_genres={}&limit=1", genre.replace(' ', "%20"))).len(),
            1
        );
    }
}
