//! The surface of Spotify's Web API over catalogues that are unlike Spotify's: odd values, schemas of their own, names that others
//! contain, tracks that are gone.

use std::path::Path;

use nearfield::artifact::SnapshotDir;
use nearfield::feature::Schema;
use nearfield::track::{Track, TrackId, value};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixture::{MemoryStore, build_in, build_with, options};
use crate::server::{Server, nearfield};
use crate::spotify::{ids, recommended, refused};

fn track(id: &str, values: &[(&str, f64)]) -> Track {
    let mut track = Track::new(TrackId::parse(id).unwrap());
    track.values = values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    track
}

fn total(server: &Server, q: &str) -> u64 {
    let q = percent_encoding::utf8_percent_encode(q, percent_encoding::NON_ALPHANUMERIC);
    server.get(&format!("/spotify/v1/search?type=track&q={q}")).ok()["tracks"]["total"].as_u64().unwrap()
}

#[test]
fn what_is_outside_the_range_of_a_field_is_unknown() {
    let sound = [(value::ENERGY, 0.5), (value::TEMPO, 100.0)];
    let with = |id: &str, values: &[(&str, f64)]| track(id, &[sound.as_slice(), values].concat());
    let odd = [
        (value::POPULARITY, -1.0),
        (value::MODE, 2.0),
        (value::KEY, 12.0),
        (value::TIME_SIGNATURE, 0.0),
        (value::DURATION_MS, 1e300),
        (value::RELEASE_YEAR, -50.0),
    ];
    let huge = [(value::POPULARITY, 1e30), (value::DURATION_MS, -5.0), (value::TIME_SIGNATURE, 8.0)];
    let plain =
        [(value::POPULARITY, 100.0), (value::MODE, 0.0), (value::KEY, 11.0), (value::TIME_SIGNATURE, 7.0)];
    let mut odd = with("odd", &odd);
    (odd.disc_number, odd.track_number) = (Some(u32::MAX), Some(u32::MAX));
    let indexes = tempfile::tempdir().unwrap();
    let store = MemoryStore::of([odd, with("huge", &huge), with("plain", &plain)]);
    build_in(indexes.path(), &store, &options()).unwrap();
    let server = Server::serving(indexes.path());
    let features = |id: &str| server.get(&format!("/spotify/v1/audio-features/{id}")).ok();
    let shown = |id: &str| {
        let of = features(id);
        ["key", "mode", "time_signature", "duration_ms"].map(|name| of[name].as_i64().unwrap())
    };
    assert_eq!(shown("odd"), [-1, -1, 4, 0]);
    assert_eq!(shown("huge"), [-1, -1, 4, 0]);
    assert_eq!(shown("plain"), [11, 0, 7, 0]);
    let tracks = server.get("/spotify/v1/tracks?ids=odd,huge,plain").ok()["tracks"].clone();
    let popularity = |place: usize| tracks[place].get("popularity").cloned();
    assert_eq!([popularity(0), popularity(1), popularity(2)], [None, None, Some(json!(100))]);
    let odd = &tracks[0];
    assert_eq!(
        [&odd["duration_ms"], &odd["disc_number"], &odd["track_number"]],
        [&json!(0), &json!(1), &json!(0)]
    );
    assert_eq!(odd["album"]["release_date"], "0000");
}

/// A catalogue with a schema of two features, one of which has another name in the catalogue.
fn small() -> (TempDir, Server) {
    let schema = "name = 'small'\n[[features]]\nname = 'tempo'\nsource = 'bpm'\ntransform = 'log2'\n\
                  [[features]]\nname = 'energy'\ntransform = 'linear'\nmin = 0.0\nmax = 1.0\n";
    let tracks = (0..60_u32).map(|n| {
        let n = f64::from(n);
        let length = if n < 10.0 { vec![] } else { vec![(value::DURATION_MS, 1_000.0 * n)] };
        let values = [("bpm", 60.0 + n), (value::ENERGY, n / 60.0), (value::RELEASE_YEAR, 1_960.0 + n)];
        track(&format!("t{n:02}"), &[values.as_slice(), &length].concat())
    });
    let indexes = tempfile::tempdir().unwrap();
    let schema = Schema::parse(schema, "small.toml").unwrap();
    build_with(indexes.path(), &MemoryStore::of(tracks), schema, &options(), &Default::default()).unwrap();
    let server = Server::serving(indexes.path());
    (indexes, server)
}

#[test]
fn features_are_found_by_name_wherever_the_schema_takes_them_from() {
    let (_indexes, server) = small();
    let features = server.get("/spotify/v1/audio-features/t07").ok();
    assert_eq!((&features["tempo"], &features["valence"]), (&json!(67.0), &json!(0.0)));
    // The bounds are inclusive, and mean the same value.
    assert_eq!(recommended(&server, "seed_tracks=t00&min_tempo=67&max_tempo=67"), ["t07"]);
}

#[test]
fn what_spotify_knows_and_the_schema_does_not() {
    let (_indexes, server) = small();
    let plain = recommended(&server, "seed_tracks=t30&limit=100");
    assert_eq!(plain.len(), 59);
    // There is nothing that could be pulled there.
    for target in ["liveness=0.5", "duration_ms=20000", "popularity=50", "key=3"] {
        assert_eq!(
            recommended(&server, &format!("seed_tracks=t30&limit=100&target_{target}")),
            plain,
            "{target}"
        );
    }
    // Every catalogue keeps these, and a track without the value fails any bound.
    let long = recommended(&server, "seed_tracks=t30&limit=100&min_duration_ms=0");
    assert_eq!(long.len(), 49);
    assert!(recommended(&server, "seed_tracks=t30&min_popularity=0").is_empty());
    assert_eq!(recommended(&server, "seed_tracks=t30&min_release_year=1965&max_release_year=1965"), ["t05"]);
    let native = server
        .similar(&json!({"seeds": ["t30"], "k": 100, "filters": {"features": {"duration_ms": {"min": 0}}}}));
    assert_eq!(native.ok()["results"].as_array().unwrap().len(), 49);
    for (query, part) in [
        ("min_liveness=0.1", "`liveness`"),
        ("weight_liveness=1", "`liveness`"),
        ("target_release_year=1990", "`release_year`"),
        ("target_enrgy=1", "did you mean `energy`"),
        ("min_duration_ms=9&max_duration_ms=8", "`min_duration_ms` is 9"),
    ] {
        refused(&server.get(&format!("/spotify/v1/recommendations?seed_tracks=t30&{query}")), 400, part);
    }
}

/// Tracks of artists of which one is called like part of another, and of genres that differ in a hyphen.
fn namesakes(directory: &Path) {
    let track = |(id, artist, genre, n): (&str, &str, &str, f64)| {
        let mut track = track(id, &[(value::ENERGY, n / 10.0), (value::TEMPO, 100.0 + n)]);
        (track.artists, track.genres) = (vec![artist.to_owned()], vec![genre.to_owned()]);
        track
    };
    let tracks = [
        ("air", "Air", "Trip Hop", 1.0),
        ("supply1", "Air Supply", "Trip-Hop", 2.0),
        ("supply2", "Air Supply", "Trip-Hop", 3.0),
        ("lone", "Supply", "Rock", 4.0),
        ("other", "Nobody Else", "Rock", 5.0),
    ];
    build_in(directory, &MemoryStore::of(tracks.map(track)), &options()).unwrap();
}

#[test]
fn names_of_which_no_track_is_left_are_nobodys() {
    let indexes = tempfile::tempdir().unwrap();
    namesakes(indexes.path());
    {
        let server = Server::serving(indexes.path());
        assert_eq!((total(&server, "artist:air"), total(&server, "genre:trip-hop")), (1, 2));
        assert_eq!((total(&server, "artist:\"supply air\""), total(&server, "genre:\"trip hop\"")), (2, 1));
        // Words count once, and those beyond the sixteenth are not looked at.
        assert_eq!(total(&server, &format!("artist:{}", "supply air ".repeat(20))), 2);
        let letters: String = ('a'..='p').map(|letter| format!("{letter} ")).collect();
        assert_eq!(total(&server, &format!("artist:{letters}")), 0);
    }
    SnapshotDir::new(indexes.path(), "main")
        .unwrap()
        .note_removed(&[TrackId::parse("air").unwrap()])
        .unwrap();
    let server = Server::serving(indexes.path());
    assert_eq!((total(&server, "artist:air"), total(&server, "genre:\"trip hop\"")), (2, 2));
    let seed = server.get("/spotify/v1/recommendations?seed_genres=Trip%20Hop").ok()["seeds"][0].clone();
    assert_eq!((&seed["id"], &seed["initialPoolSize"]), (&json!("Trip Hop"), &json!(4)));
}

#[test]
fn a_seed_counts_once_however_it_is_written() {
    let server = Server::start();
    let track_ids = server.ids();
    let (id, other) = (&track_ids[0], &track_ids[1]);
    let artist = server.get(&format!("/spotify/v1/tracks/{other}")).ok()["artists"][0].clone();
    let artist_id = artist["id"].as_str().unwrap();
    let genres = server.get("/spotify/v1/recommendations/available-genre-seeds").ok();
    let genre = genres["genres"][0].as_str().unwrap();
    let asked = |query: &str| {
        let query = query.replace("TRACK", id).replace("ARTIST", artist_id).replace("GENRE", genre);
        server.get(&format!("/spotify/v1/recommendations?{}", query.replace(' ', "%20"))).ok()
    };
    let plain = asked("seed_tracks=TRACK&seed_artists=ARTIST&seed_genres=GENRE");
    let seeds = plain["seeds"].as_array().unwrap().clone();
    let href = |place: usize| seeds[place]["href"].clone();
    assert_eq!(href(0), format!("https://api.spotify.com/v1/artists/{artist_id}"), "it was imported");
    assert_eq!((href(1), href(2)), (Value::Null, json!(format!("{}/spotify/v1/tracks/{id}", server.url))));
    for (tracks, artists) in [
        ("spotify:track:TRACK", "spotify:artist:ARTIST"),
        ("https://open.spotify.com/track/TRACK?si=x", "https://open.spotify.com/artist/ARTIST?si=x"),
        ("https://open.spotify.com/intl-de/track/TRACK", "https://open.spotify.com/intl-de/artist/ARTIST"),
    ] {
        let wrapped = asked(&format!("seed_tracks={tracks}&seed_artists={artists}&seed_genres=GENRE"));
        assert_eq!(wrapped, plain, "{tracks} {artists}");
    }
    let shouted = genre.to_uppercase();
    for twice in [
        "seed_tracks=TRACK,spotify:track:TRACK&seed_artists=ARTIST&seed_genres=GENRE".to_owned(),
        "seed_tracks=TRACK&seed_artists=ARTIST,spotify:artist:ARTIST&seed_genres=GENRE".to_owned(),
        format!("seed_tracks=TRACK&seed_artists=ARTIST&seed_genres=GENRE,{shouted}"),
    ] {
        let answer = asked(&twice);
        assert_eq!(ids(&answer["tracks"]), ids(&plain["tracks"]), "{twice}");
        assert_eq!(answer["seeds"].as_array().unwrap().len(), 4);
    }
    let unknown = asked("seed_tracks=TRACK&seed_artists=0000000000000000000000");
    assert_eq!(unknown["seeds"][0]["href"], Value::Null);
}

#[test]
fn a_made_up_id_leads_nowhere() {
    let indexes = tempfile::tempdir().unwrap();
    namesakes(indexes.path());
    let server = Server::serving(indexes.path());
    let artist = server.get("/spotify/v1/tracks/supply1").ok()["artists"][0].clone();
    let id = artist["id"].as_str().unwrap();
    assert_eq!(id.len(), 22);
    let seed = server.get(&format!("/spotify/v1/recommendations?seed_artists={id}")).ok()["seeds"][0].clone();
    assert_eq!((&seed["href"], &artist["href"]), (&Value::Null, &Value::Null));
    assert_eq!(seed["initialPoolSize"], 5);
}

#[test]
fn every_place_of_a_list_has_its_answer() {
    let server = Server::start();
    let id = &server.ids()[0];
    for (path, field) in [("tracks", "tracks"), ("audio-features", "audio_features")] {
        let places = |list: &str| -> Vec<Option<String>> {
            let answer = server.get(&format!("/spotify/v1/{path}?ids={list}")).ok();
            let shown = answer[field].as_array().unwrap().iter();
            shown.map(|entry| entry.get("id").map(|id| id.as_str().unwrap().to_owned())).collect()
        };
        let known = Some(id.clone());
        assert_eq!(places(&format!("{id},,nobody,{id}")), [known.clone(), None, None, known.clone()]);
        assert_eq!(places(&format!(",%20,{id},")), [None, None, known, None]);
        refused(&server.get(&format!("/spotify/v1/{path}?ids=,%20,")), 400, "`ids` is missing");
    }
}

#[test]
fn every_page_of_a_search_has_the_same_total() {
    let server = Server::start();
    let titles: Vec<String> = {
        let ids = server.ids().join(",");
        let tracks = server.get(&format!("/spotify/v1/tracks?ids={ids}")).ok();
        let names = tracks["tracks"].as_array().unwrap().iter();
        names.map(|track| track["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let is_plain = |word: &&str| word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    let mut words: Vec<&str> = titles.iter().flat_map(|title| title.split(' ')).filter(is_plain).collect();
    words.sort_unstable();
    words.dedup();
    let mut n_paged = 0;
    // Beginnings of words match more, and more of what they match is a typo away.
    for word in words.iter().flat_map(|word| [*word, &word[..4]]).take(60) {
        let page = |limit: usize, offset: usize| {
            let path = format!("/spotify/v1/search?type=track&q={word}&limit={limit}&offset={offset}");
            server.get(&path).ok()["tracks"].clone()
        };
        let whole = page(50, 0);
        let n_total = whole["total"].as_u64().unwrap();
        for limit in [1, 7, 20, 50] {
            for offset in [0, 7, 21, 50, 130, 100_000] {
                let page = page(limit, offset);
                assert_eq!(page["total"], n_total, "{word} {limit} {offset}");
                assert_eq!(
                    page["next"].is_null(),
                    (limit + offset) as u64 >= n_total,
                    "{word} {limit} {offset}"
                );
                if limit + offset <= 50 {
                    let expected: Vec<String> =
                        ids(&whole["items"]).into_iter().skip(offset).take(limit).collect();
                    assert_eq!(ids(&page["items"]), expected);
                }
            }
        }
        n_paged += usize::from(n_total > 20);
    }
    assert!(n_paged > 10, "hardly anything has a second page: {n_paged}");
}

#[test]
fn live_recall_is_told_of_recommendations_with_and_without_a_cache() {
    for cache in ["0", "8"] {
        let mut command = nearfield(crate::fixture::shared());
        command.args(["serve", "--indexes", ".", "--bind", "127.0.0.1:0", "--live-recall-share", "1"]);
        command.args(["--live-recall-cpu-share", "1", "--cache-mib", cache]);
        let server = Server::of(command);
        let id = server.ids()[0].clone();
        let samples = |server: &Server| -> u64 {
            let answer = server.get("/api/v1/recall").ok();
            let engines = answer["engines"].as_object().unwrap().values();
            engines.map(|engine| engine["samples"].as_u64().unwrap()).sum()
        };
        let before = {
            server.until("/api/v1/recall", |_| samples(&server) == 1);
            samples(&server)
        };
        recommended(&server, &format!("seed_tracks={id}"));
        server.until("/api/v1/recall", |_| samples(&server) == before + 1);
    }
}
