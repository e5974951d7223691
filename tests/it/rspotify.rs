//! The real rspotify against a running server: what it parses, and that it is the right thing.

// Spotify took these routes away, which is why they are served here.
#![allow(deprecated)]

use rspotify::clients::BaseClient;
use rspotify::http::HttpError;
use rspotify::model::{
    ArtistId, Country, FullTrack, Id, Market, Modality, Page, RecommendationsAttribute as Attribute,
    RecommendationsSeedType, SearchResult, SearchType, TrackId,
};
use rspotify::{ClientCredsSpotify, ClientError, Config, Credentials};
use serde_json::{Value, json};

use crate::server::Server;

/// The three lines of the README, where the server is.
async fn client(server: &Server) -> ClientCredsSpotify {
    let config = Config {
        api_base_url: format!("{}/spotify/v1/", server.url),
        auth_base_url: format!("{}/spotify/", server.url),
        ..Config::default()
    };
    let spotify = ClientCredsSpotify::with_config(Credentials::new("any", "any"), config);
    spotify.request_token().await.unwrap();
    spotify
}

#[test]
fn the_readme_says_how() {
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once("## Move your Spotify code here").unwrap();
    let (_, rest) = section.split_once("```rust\n").unwrap();
    let (snippet, _) = rest.split_once("```").unwrap();
    let there = |path: &str| format!("\"http://127.0.0.1:8080/spotify/{path}\".into()");
    let here = |path: &str| format!("format!(\"{{}}/spotify/{path}\", server.url)");
    let snippet = snippet.replace(&there("v1/"), &here("v1/")).replace(&there(""), &here(""));
    let tested = squeezed(include_str!("rspotify.rs")).replace(".unwrap();", "?;");
    assert!(tested.contains(&squeezed(&snippet)), "this is not what is tested: {snippet}");
}

fn track_id(id: &str) -> TrackId<'static> {
    TrackId::from_id(id.to_owned()).unwrap()
}

/// The ids that the native API answers.
fn native(server: &Server, request: Value) -> Vec<String> {
    let answer = server.similar(&request).ok();
    let results = answer["results"].as_array().unwrap();
    results.iter().map(|result| result["id"].as_str().unwrap().to_owned()).collect()
}

fn ids(tracks: &[rspotify::model::SimplifiedTrack]) -> Vec<String> {
    tracks.iter().map(|track| track.id.as_ref().unwrap().id().to_owned()).collect()
}

const NO_ARTISTS: Option<[ArtistId<'_>; 0]> = None;
const NO_GENRES: Option<[&str; 0]> = None;
const NO_TRACKS: Option<[TrackId<'_>; 0]> = None;

#[tokio::test]
async fn recommendations_are_those_of_the_native_api() {
    let server = Server::start();
    let spotify = client(&server).await;
    let seeds = &server.ids()[..2];
    let attributes = [
        Attribute::MinTempo(90.0),
        Attribute::MaxTempo(160.0),
        Attribute::TargetEnergy(0.75),
        Attribute::MinPopularity(10),
        Attribute::TargetKey(5),
        Attribute::MaxDurationMs(400_000),
    ];
    let tracks = seeds.iter().map(|id| track_id(id));
    let market = Some(Market::Country(Country::Germany));
    let found =
        spotify.recommendations(attributes, NO_ARTISTS, NO_GENRES, Some(tracks), market, Some(30)).await;
    let found = found.unwrap();
    let request = json!({
        "seeds": seeds, "k": 30, "targets": {"energy": 0.75, "key": 5},
        "filters": {"popularity": {"min": 10}, "features": {"tempo": {"min": 90, "max": 160}, "duration_ms": {"max": 400_000}}},
    });
    assert_eq!(ids(&found.tracks), native(&server, request.clone()));
    assert_eq!(found.tracks.len(), 30);
    // The pools are what the plan counted.
    let candidates = |request: &Value| server.similar(request).ok()["plan"]["candidates"].as_u64().unwrap();
    let unfiltered = json!({"seeds": seeds});
    let n_others = server.similar(&unfiltered).ok()["collapsed_into_seeds"].as_array().unwrap().len() as u64;
    let n_pool = candidates(&unfiltered) + n_others;
    for seed in &found.seeds {
        assert_eq!(seed._type, RecommendationsSeedType::Track);
        assert!(seeds.contains(&seed.id) && seed.href.as_ref().unwrap().starts_with(&server.url));
        assert_eq!(u64::from(seed.initial_pool_size), n_pool);
        assert_eq!(u64::from(seed.after_filtering_size), candidates(&request));
        assert_eq!(seed.after_relinking_size, seed.after_filtering_size);
    }
}

#[tokio::test]
async fn seeds_of_every_kind() {
    let server = Server::start();
    let spotify = client(&server).await;
    let id = server.ids().remove(0);
    let track = spotify.track(track_id(&id), None).await.unwrap();
    let artist = track.artists[0].id.clone().unwrap();
    let found = spotify
        .recommendations(
            [],
            Some([artist.clone()]),
            Some(["hip-hop", "jazz"]),
            Some([track_id(&id)]),
            None,
            None,
        )
        .await
        .unwrap();
    assert_eq!(found.tracks.len(), 20, "the default");
    assert!(!ids(&found.tracks).contains(&id));
    let seeds: Vec<(RecommendationsSeedType, &str, bool)> =
        found.seeds.iter().map(|seed| (seed._type.clone(), seed.id.as_str(), seed.href.is_some())).collect();
    use RecommendationsSeedType::{Artist, Genre, Track};
    let expected = [
        (Artist, artist.id(), true),
        (Genre, "hip-hop", false),
        (Genre, "jazz", false),
        (Track, id.as_str(), true),
    ];
    assert_eq!(seeds, expected);

    // An artist alone is the mean of the artist's tracks, some of which may be in the answer.
    let found =
        spotify.recommendations([], Some([artist.clone()]), NO_GENRES, NO_TRACKS, None, Some(100)).await;
    let name = &track.artists[0].name;
    let all = json!({"targets": {"energy": 0.5}, "filters": {"artists": [name]}, "k": 1_000, "collapse_duplicates": false});
    let own = native(&server, all);
    let (mine, others): (Vec<String>, Vec<String>) =
        ids(&found.unwrap().tracks).into_iter().partition(|id| own.contains(id));
    assert!(!mine.is_empty() && !own.is_empty(), "an artist is no filter");
    let like_all = server.similar(&json!({"seeds": own})).ok();
    assert_eq!(like_all["collapsed_into_seeds"], json!([]), "nothing else is left out");
    let expected = native(&server, json!({"seeds": own, "k": 200}));
    let expected: Vec<String> =
        expected.into_iter().filter(|id| !own.contains(id)).take(others.len()).collect();
    assert_eq!(others, expected);
}

#[tokio::test]
async fn tracks_and_their_features() {
    let server = Server::start();
    let spotify = client(&server).await;
    let known = server.ids();
    let unknown = "0000000000000000000000";
    let asked = [&known[0], unknown, &known[1], &known[0]].map(track_id);
    let features = spotify.tracks_features(asked).await.unwrap().unwrap();
    let got: Vec<&str> = features.iter().map(|features| features.id.id()).collect();
    assert_eq!(got, [&known[0], &known[1], &known[0]], "rspotify drops what is null");
    let native = server.get(&format!("/api/v1/tracks/{}", known[0])).ok();
    let one = spotify.track_features(track_id(&known[0])).await.unwrap();
    assert_eq!(one, features[0]);
    let raw = |name: &str| native["features"][name].as_f64();
    for (name, value) in [
        ("acousticness", one.acousticness),
        ("danceability", one.danceability),
        ("energy", one.energy),
        ("instrumentalness", one.instrumentalness),
        ("liveness", one.liveness),
        ("loudness", one.loudness),
        ("speechiness", one.speechiness),
        ("tempo", one.tempo),
        ("valence", one.valence),
        ("key", one.key as f32),
        ("time_signature", one.time_signature as f32),
        ("duration_ms", one.duration.num_milliseconds() as f32),
    ] {
        assert_eq!(Some(value), raw(name).map(|raw| raw as f32), "{name}");
    }
    assert_eq!(one.mode == Modality::Major, raw("mode") == Some(1.0));

    let track = spotify.track(track_id(&known[0]), None).await.unwrap();
    assert_eq!(track.name, native["track"]["name"].as_str().unwrap());
    assert_eq!(track.album.name, native["track"]["album"].as_str().unwrap());
    assert_eq!(track.popularity, native["track"]["popularity"].as_u64().unwrap() as u32);
    let artists: Vec<&str> = track.artists.iter().map(|artist| artist.name.as_str()).collect();
    assert_eq!(json!(artists), native["track"]["artists"]);
    let several = spotify.tracks([&known[0], &known[1]].map(|id| track_id(id)), None).await.unwrap();
    assert_eq!(several[0], track);
    assert_eq!(several[1].id.as_ref().unwrap().id(), known[1]);
}

#[tokio::test]
async fn a_search_is_walked_page_by_page() {
    let server = Server::start();
    let spotify = client(&server).await;
    let mut seen: Vec<String> = Vec::new();
    loop {
        let offset = Some(seen.len() as u32);
        let page = spotify.search("love", SearchType::Track, None, None, Some(7), offset).await.unwrap();
        let SearchResult::Tracks(page): SearchResult = page else { panic!("tracks were asked for") };
        let page: Page<FullTrack> = page;
        assert_eq!((page.limit, page.offset), (7, seen.len() as u32));
        seen.extend(page.items.iter().map(|track| track.id.as_ref().unwrap().id().to_owned()));
        if page.next.is_none() {
            assert_eq!(page.total as usize, seen.len());
            break;
        }
    }
    let native = server.get("/api/v1/tracks?q=love&limit=100").ok();
    let native: Vec<&str> =
        native["results"].as_array().unwrap().iter().map(|result| result["id"].as_str().unwrap()).collect();
    assert!(seen.len() > 7, "more than a page: {}", seen.len());
    assert_eq!(seen[..native.len().min(seen.len())], native);
}

#[tokio::test]
async fn refusals_are_parsed() {
    let server = Server::start();
    let spotify = client(&server).await;
    let error = spotify.track_features(track_id("0000000000000000000000")).await.unwrap_err();
    let ClientError::Http(error) = error else { panic!("{error}") };
    let HttpError::StatusCode(response) = *error else { panic!("{error}") };
    assert_eq!(response.status(), 404);
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(body["error"]["status"], 404);
    assert!(body["error"]["message"].as_str().unwrap().contains("0000000000000000000000"));
}
