//! Tests of what is asked for, and in which order.

use crate::store::{CatalogueStore, LmdbOptions, LmdbStore, Provenance, Refreshed};

use std::cell::RefCell;

use super::*;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const NOW: i64 = 100 * DAY_MS;
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const ALL: Wants = Wants { features: true, time_signature: true, metadata: true, image: true };
const FEATURES_ONLY: Wants = Wants { features: true, time_signature: false, metadata: false, image: false };

fn complete(id: &str) -> Track {
    let mut track = Track::new(TrackId::parse(id).unwrap());
    for name in FEATURES.into_iter().chain([value::TIME_SIGNATURE, value::DURATION_MS]) {
        track.values.insert(name.to_owned(), 0.5);
    }
    track.album_image = Some("https://i/1".into());
    track
}

fn asked(names: &[&str], at_ms: i64) -> Refresh {
    let from = Provenance { provider: "x".into(), fetched_at_ms: at_ms };
    let provenance = names.iter().map(|name| ((*name).to_owned(), from.clone())).collect();
    Refresh { refreshed_at_ms: Some(at_ms), provenance, ..Refresh::default() }
}

fn check(track: &Track, refresh: &Refresh, wants: Wants, expected: &str) {
    let need = need(track, refresh, wants, NOW, MONTH);
    let parts = [("features", need.features), ("metadata", need.metadata), ("image", need.image)];
    let mut found: Vec<&str> = parts.into_iter().filter(|(_, due)| *due).map(|(name, _)| name).collect();
    found.extend(need.incomplete.then_some("incomplete"));
    assert_eq!(found.join(" "), expected);
}

#[test]
fn what_is_missing_or_old_is_due_as_far_as_it_can_be_had() {
    let whole = complete("a");
    check(&whole, &Refresh::default(), ALL, "features metadata");
    check(&whole, &asked(&["energy", "name"], NOW - DAY_MS), ALL, "");
    check(&whole, &asked(&["energy", "name"], NOW - 30 * DAY_MS), ALL, "features metadata");
    check(&whole, &asked(&["energy"], NOW), ALL, "metadata");
    check(&whole, &Refresh::default(), Wants::default(), "");

    let mut partial = complete("a");
    partial.values.remove("time_signature");
    check(&partial, &Refresh::default(), ALL, "features metadata incomplete");
    check(&partial, &Refresh::default(), FEATURES_ONLY, "features");
    partial.values.remove("duration_ms");
    check(&partial, &asked(&["energy"], NOW), ALL, "metadata incomplete");
    // Asked lately: what the provider does not give is not asked for again and again.
    check(&partial, &asked(&["energy", "name"], NOW), ALL, "");

    let mut plain = complete("a");
    plain.album_image = None;
    check(&plain, &asked(&["energy", "name"], NOW), ALL, "image incomplete");
    check(&plain, &asked(&["energy", "name"], NOW), FEATURES_ONLY, "");
}

#[test]
fn what_nobody_knew_waits() {
    let track = Track::new(TrackId::parse("a").unwrap());
    let waiting = Refresh { retry_at_ms: Some(NOW + 1), n_misses: 1, ..Refresh::default() };
    check(&track, &waiting, ALL, "");
    let over = Refresh { retry_at_ms: Some(NOW), ..waiting };
    check(&track, &over, ALL, "features metadata image incomplete");
}

#[test]
fn incomplete_before_stale_oldest_first_then_by_id() {
    let dir = tempfile::tempdir().unwrap();
    let store = LmdbStore::open(dir.path(), &LmdbOptions::default()).unwrap();
    let id = |letter: char| letter.to_string().repeat(22);
    let bare = |letter| Track::new(TrackId::parse(&id(letter)).unwrap());
    let old = NOW - 40 * DAY_MS;
    let states = [
        (complete(&id('a')), Refresh::default()),
        (complete(&id('b')), asked(&["energy", "name"], old)),
        (complete(&id('c')), asked(&["energy", "name"], old - 1)),
        (complete(&id('d')), asked(&["energy", "name"], NOW)),
        (bare('e'), asked(&["energy", "name"], old)),
        (bare('f'), Refresh::default()),
        (bare('g'), Refresh::default()),
        (bare('h'), Refresh { retry_at_ms: Some(NOW + 1), ..Refresh::default() }),
        (Track::new(TrackId::parse("no-spotify-id").unwrap()), Refresh::default()),
    ];
    store.upsert(states.iter().map(|(track, _)| track.clone()).collect(), 1).unwrap();
    let states = states.into_iter().map(|(track, refresh)| Refreshed { track, refresh });
    store.record_refreshes(states.collect()).unwrap();
    let done = RefCell::new(BTreeSet::new());
    let run = |usable, limit| {
        let (backlog, ids) = select(&store, ALL, usable, NOW, MONTH, limit, &done.borrow()).unwrap();
        assert_eq!((backlog.tracks, backlog.not_spotify, backlog.unknown), (9, 1, 1));
        assert_eq!((backlog.incomplete, backlog.stale), (3, 3));
        ids.iter().map(|id| &id.as_str()[..1]).collect::<String>()
    };
    assert_eq!(run(ALL, 100), "fgeacb");
    assert_eq!(run(ALL, 4), "fgea");
    assert_eq!(run(ALL, 0), "");
    // What cannot be had now is backlog, but takes nobody's place.
    assert_eq!(run(Wants::default(), 100), "");
    assert_eq!(run(Wants { image: true, ..Wants::default() }, 100), "fge");
    done.borrow_mut().insert(TrackId::parse(&id('g')).unwrap());
    assert_eq!(run(ALL, 100), "feacb");
    done.borrow_mut().clear();
    // What was asked for in vain comes after all others, the longest ago first; after a week it is as if refreshed then.
    let set = |letter: char, asked_at_ms| {
        let id = TrackId::parse(&id(letter)).unwrap();
        let (_, refresh) = store.get_refresh(&id).unwrap().unwrap();
        let refresh = Refresh { asked_at_ms: Some(asked_at_ms), ..refresh };
        store.record_refreshes(vec![Refreshed { track: Track::new(id), refresh }]).unwrap();
    };
    set('f', NOW - 1);
    set('g', NOW - BEHIND_MS + 1);
    assert_eq!(run(ALL, 100), "eacbgf");
    set('g', NOW - BEHIND_MS);
    assert_eq!(run(ALL, 100), "egacbf");
}
