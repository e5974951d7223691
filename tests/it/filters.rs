//! Compiled filters are kept and shared; no answer may show it.

use nearfield::feature::Schema;
use nearfield::query::{Answer, QueryError, SimilarRequest, similar};
use nearfield::snapshot::Snapshot;
use nearfield::track::{ItemIdx, TrackId, value};
use serde_json::{Value, json};

use crate::fixture::{MemoryStore, build_in, build_with, options, shared};

fn open(filter_cache_bytes: u64) -> Snapshot {
    Snapshot::open(shared(), "main", None).unwrap().with_filter_cache(filter_cache_bytes)
}

fn ask(snapshot: &Snapshot, filters: &Value) -> Result<Answer, QueryError> {
    let seed = snapshot.items().id(ItemIdx(3)).into_owned();
    let request = json!({"seeds": [seed], "engine": "exact", "k": 1_500, "filters": filters, "collapse_duplicates": false});
    similar(snapshot, &serde_json::from_value::<SimilarRequest>(request).unwrap())
}

/// What an answer says, apart from how long it took.
fn said(answer: &Answer) -> (Vec<String>, Vec<String>, usize) {
    let ids = answer.results.iter().map(|result| result.id.clone()).collect();
    (ids, answer.warnings.clone(), answer.plan.candidates)
}

fn all_filters(snapshot: &Snapshot) -> Vec<Value> {
    let id = |item| snapshot.items().id(ItemIdx(item)).into_owned();
    let artist = snapshot.items().record(ItemIdx(9)).unwrap().artists[0].clone();
    vec![
        json!({"genres": ["pop", "country"]}),
        json!({"genres": [" COUNTRY", "Pop", "polka"]}),
        json!({"genres": ["POLKA", "country", "pop", "Polka"]}),
        json!({"genres": ["polka"]}),
        json!({"artists": [artist, "Nobody at all"]}),
        json!({"artists": [artist.to_uppercase(), "NOBODY at all"]}),
        json!({"exclude_artists": [artist, "Nobody at all"]}),
        json!({"artists": ["Nobody at all"], "exclude_artists": [artist, "nobody AT all"]}),
        json!({"ids": [id(1), id(2), "unknown"]}),
        json!({"ids": [format!("spotify:track:{}", id(2)), id(1)]}),
        json!({"ids": ["not an id"]}),
        json!({"exclude_ids": ["not an id"]}),
        json!({"exclude_ids": [id(1), id(2)]}),
        json!({"explicit": true}),
        json!({"explicit": false}),
        json!({"year": {"min": 1990, "max": 2010}}),
        json!({"year": {"min": 1990}, "popularity": {"max": 40}, "explicit": false}),
        json!({"features": {"tempo": {"min": 100, "max": 130}, "energy": {"max": 0.5}}, "genres": ["pop"]}),
        json!({"year": {}}),
    ]
}

/// Whether `item` passes, item by item and without any of the machinery.
fn passes(snapshot: &Snapshot, filters: &SimilarRequest, item: ItemIdx) -> bool {
    let filters = &filters.filters;
    let record = snapshot.items().record(item).unwrap();
    let any = |names: &[String], of: &[String]| {
        names.iter().any(|name| of.iter().any(|tag| tag.to_lowercase() == name.trim().to_lowercase()))
    };
    let listed = |ids: &[String]| {
        let own = snapshot.items().id(item);
        ids.iter().any(|id| TrackId::parse(id).is_ok_and(|id| id.as_str() == own))
    };
    let within = |column: &str, bounds: Option<nearfield::query::Bounds>| {
        bounds.is_none_or(|bounds| {
            bounds == Default::default()
                || snapshot.raw(column, item).is_some_and(|value| bounds.contain(value))
        })
    };
    (filters.genres.is_empty() || any(&filters.genres, &record.genres))
        && (filters.artists.is_empty() || any(&filters.artists, &record.artists))
        && !any(&filters.exclude_artists, &record.artists)
        && (filters.ids.is_empty() || listed(&filters.ids))
        && !listed(&filters.exclude_ids)
        && filters.explicit.is_none_or(|explicit| snapshot.items().explicit(item) == Some(explicit))
        && within(value::RELEASE_YEAR, filters.year)
        && within(value::POPULARITY, filters.popularity)
        && filters.features.iter().all(|(name, bounds)| within(name, Some(*bounds)))
}

#[test]
fn a_kept_filter_answers_as_a_new_one() {
    let (kept, anew) = (open(1 << 20), open(0));
    let filters = all_filters(&kept);
    for _ in 0..3 {
        for filters in &filters {
            let (first, second) = (ask(&kept, filters).unwrap(), ask(&anew, filters).unwrap());
            assert_eq!(said(&first), said(&second), "{filters}");
            let request: SimilarRequest = serde_json::from_value(json!({"filters": filters})).unwrap();
            let all = (0..1_500).map(ItemIdx).filter(|item| *item != ItemIdx(3));
            let expected = all.filter(|item| passes(&kept, &request, *item)).count();
            assert_eq!((first.results.len(), first.plan.candidates), (expected, expected), "{filters}");
        }
    }
    assert_eq!(anew.filters().bytes(), 0);
    assert!(kept.filters().bytes() > 0);
    // Spellings share an entry, yet everybody is warned in their own words.
    let warnings = |filters: &Value| ask(&kept, filters).unwrap().warnings;
    assert_eq!(warnings(&filters[1]), ["no track has the genre `polka`"]);
    assert_eq!(warnings(&filters[2]), ["no track has the genre `POLKA`", "no track has the genre `Polka`"]);
    assert_eq!(warnings(&filters[5]), ["no track has the artist `NOBODY at all`"]);
    assert_eq!(
        warnings(&filters[7]),
        ["no track has the artist `Nobody at all`", "no track has the artist `nobody AT all`"]
    );
}

#[test]
fn an_evicted_filter_is_compiled_again() {
    // Room for two filters over 1,500 tracks.
    let snapshot = open(1_100);
    let anew = open(0);
    for turn in 0..3 {
        for year in 1960..2020 {
            let filters = json!({"year": {"min": year}, "genres": ["pop", format!("polka {year}")]});
            let (first, second) = (ask(&snapshot, &filters).unwrap(), ask(&anew, &filters).unwrap());
            assert_eq!(said(&first), said(&second), "{turn} {filters}");
            assert_eq!(first.warnings, [format!("no track has the genre `polka {year}`")]);
            let bytes = snapshot.filters().bytes();
            assert!((1..=1_100).contains(&bytes), "{bytes}");
        }
    }
}

#[test]
fn spellings_of_a_filter_are_compiled_once() {
    let snapshot = open(1 << 20);
    ask(&snapshot, &json!({"genres": ["pop", "country"], "year": {"min": 1990}})).unwrap();
    let bytes = snapshot.filters().bytes();
    let compiled = |filters: &Value| {
        let request: SimilarRequest = serde_json::from_value(json!({"filters": filters})).unwrap();
        request.filters.are_compiled(&snapshot)
    };
    let same =
        json!({"features": {}, "year": {"min": 1990.0, "max": null}, "genres": ["COUNTRY", "Pop", " pop "]});
    assert!(compiled(&same));
    ask(&snapshot, &same).unwrap();
    assert_eq!(snapshot.filters().bytes(), bytes);
    let other = json!({"genres": ["pop", "country"], "year": {"min": 1991}});
    assert!(!compiled(&other));
    ask(&snapshot, &other).unwrap();
    assert!(compiled(&other) && snapshot.filters().bytes() > bytes);
}

#[test]
fn a_bad_filter_is_refused_whatever_is_kept() {
    let snapshot = open(1 << 20);
    for _ in 0..2 {
        ask(&snapshot, &json!({"year": {"min": 1990, "max": 2000}})).unwrap();
        let error = ask(&snapshot, &json!({"year": {"min": 2000, "max": 1990}})).unwrap_err();
        assert_eq!((error.code(), error.field().as_deref()), ("out_of_range", Some("filters.year.min")));
        let many: Vec<String> = (0..10_001).map(|n| n.to_string()).collect();
        let error = ask(&snapshot, &json!({"artists": many})).unwrap_err();
        assert_eq!((error.code(), error.field().as_deref()), ("too_many_entries", Some("filters.artists")));
    }
}

#[test]
fn another_generation_has_filters_of_its_own() {
    let indexes = tempfile::tempdir().unwrap();
    build_in(indexes.path(), &MemoryStore::sample(300), &options()).unwrap();
    let first = Snapshot::open(indexes.path(), "main", None).unwrap();
    let filters = json!({"year": {"min": 1990}});
    let before = said(&ask(&first, &filters).unwrap());
    build_with(indexes.path(), &MemoryStore::sample(400), Schema::spotify(), &options(), &Default::default())
        .unwrap();
    let second = Snapshot::open(indexes.path(), "main", None).unwrap();
    assert_ne!(said(&ask(&second, &filters).unwrap()).2, before.2);
    assert_eq!(said(&ask(&first, &filters).unwrap()), before);
}
