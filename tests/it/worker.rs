//! `nearfield worker` against the stub: what is asked for and recorded, and what each fault leads to.

use std::time::Duration;

use nearfield::store::Refresh;
use nearfield::track::{Track, TrackId};
use serde_json::json;

use crate::providers_stub::{CLIENT_ID, CLIENT_SECRET, FEATURES, Fault, Route, image, value};
use crate::worker_bench::{Bench, id, ids, provider};

const ONCE: [&str; 3] = ["worker", "--once", "--json"];

/// Checks a track's audio features and whom they are from.
fn check_features(bench: &Bench, id: &str, route: Route, source: &str) {
    let (track, refresh) = bench.get(id);
    for name in FEATURES {
        assert_eq!(track.values[name], value(route, id, name), "{name} of {id}");
        assert_eq!(refresh.provenance[name].provider, source, "{name} of {id}");
    }
}

#[test]
fn the_chain_fills_the_catalogue_and_says_whom_each_value_is_from() {
    let bench = Bench::new(120);
    let other = Track::new(TrackId::parse("not-a-spotify-id").unwrap());
    bench.import(vec![other.clone()]);
    // 100 to 109 are unknown to Spotify's analysis but not to ReccoBeats; 110 has no image there.
    bench.stub.forget(Route::SpotifyFeatures, &ids(100..110));
    let summary = bench.refresh(bench.spotify(&ONCE));
    assert_eq!((&summary["outcome"], &summary["selected"]), (&json!("done"), &json!(120)), "{summary:#}");
    assert_eq!((&summary["recorded"], &summary["changed"]), (&json!(120), &json!(120)));
    let before = json!({"tracks": 121, "incomplete": 120, "stale": 0, "unknown": 0, "not_spotify": 1});
    assert_eq!(summary["backlog_before"], before);
    assert_eq!(summary["backlog"]["incomplete"], 0);
    for n in [0, 57, 99, 119] {
        check_features(&bench, &id(n), Route::SpotifyFeatures, "spotify");
    }
    check_features(&bench, &id(105), Route::ReccoBeats, "reccobeats");
    assert!(!bench.get(&id(105)).0.values.contains_key("time_signature"), "ReccoBeats has none");

    let (track, refresh) = bench.get(&id(7));
    assert_eq!(track.name, Some(format!("Name of {}", id(7))));
    assert_eq!(track.album_image, Some(image(Route::SpotifyTrack, &id(7))));
    assert_eq!(track.values["duration_ms"], value(Route::SpotifyTrack, &id(7), "duration_ms"));
    assert_eq!(
        (track.values["release_year"], track.genres.as_slice()),
        (1994.0, ["pop".to_owned()].as_slice())
    );
    assert_eq!((refresh.n_refreshes, refresh.n_misses, refresh.retry_at_ms), (1, 0, None));
    for name in ["name", "artists", "album", "album_image", "duration_ms", "explicit", "time_signature"] {
        assert_eq!(refresh.provenance[name].provider, "spotify", "{name}");
    }
    assert_eq!(bench.get("not-a-spotify-id"), (other, Refresh::default()));
    // One token, two batches, one request a track, and no image that Spotify gave already.
    let n = |route| bench.stub.n_of(route);
    assert_eq!((n(Route::Token), n(Route::SpotifyFeatures), n(Route::SpotifyTrack)), (1, 2, 120));
    assert_eq!((n(Route::ReccoBeats), n(Route::OEmbed)), (1, 0));

    // Nothing is left to do, and that is no failure.
    let summary = bench.refresh(bench.spotify(&ONCE));
    assert_eq!((&summary["selected"], &summary["outcome"]), (&json!(0), &json!("done")));
    let shown = bench.command(&["show", &id(105), "--json"]).output().unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["provenance"]["energy"]["provider"], "reccobeats");
    assert_eq!(shown["track"]["values"]["energy"], value(Route::ReccoBeats, &id(105), "energy"));
    let text = bench.command(&["show", &id(105)]).output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("(reccobeats, ") && text.contains("pop  (imported)"), "{text}");
    assert_eq!(bench.command(&["show", "absent"]).output().unwrap().status.code(), Some(1));
}

#[test]
fn without_an_account_the_chain_begins_with_reccobeats() {
    let bench = Bench::new(90);
    let summary = bench.refresh(bench.command(&ONCE));
    assert_eq!((&summary["recorded"], &provider(&summary, "spotify")["state"]), (&json!(90), &json!("off")));
    check_features(&bench, &id(80), Route::ReccoBeats, "reccobeats");
    let (track, refresh) = bench.get(&id(80));
    assert_eq!(track.album_image, Some(image(Route::OEmbed, &id(80))));
    assert_eq!(refresh.provenance["album_image"].provider, "oembed");
    assert_eq!(bench.stub.n_of(Route::ReccoBeats), 3, "40 at a time");
    // What the chain cannot give does not keep a track in the backlog.
    assert_eq!(summary["backlog"]["incomplete"], 0);
    let limited = Bench::new(50);
    let summary = limited.refresh(limited.command(&["worker", "--once", "--json", "--limit", "30"]));
    assert_eq!((&summary["recorded"], &summary["backlog"]["incomplete"]), (&json!(30), &json!(20)));
    assert_eq!(limited.get(&id(29)).1.n_refreshes, 1);
    assert_eq!(limited.get(&id(30)).1, Refresh::default());
}

#[test]
fn a_refused_analysis_is_remembered_and_its_old_values_stay() {
    let bench = Bench::new(50);
    bench.refresh(bench.spotify(&ONCE));
    let first = bench.get(&id(3));
    // Stale at once; Spotify now refuses its analysis.
    bench.stub.clear_log();
    bench.stub.fail(Route::SpotifyFeatures, vec![Fault::Status(403); 50]);
    let stale = ["worker", "--once", "--json", "--stale-after-days", "0"];
    let summary = bench.refresh(bench.spotify(&stale));
    assert_eq!(summary["recorded"], 50, "{summary:#}");
    assert_eq!(bench.stub.n_of(Route::SpotifyFeatures), 1);
    assert!(provider(&summary, "spotify")["disabled"]["audio-features"].is_string());
    check_features(&bench, &id(3), Route::ReccoBeats, "reccobeats");
    let (track, refresh) = bench.get(&id(3));
    assert_eq!(track.values["time_signature"], first.0.values["time_signature"]);
    assert_eq!(refresh.provenance["time_signature"], first.1.provenance["time_signature"]);
    assert_eq!(refresh.n_refreshes, 2);
    // Another process remembers; metadata is still asked of Spotify.
    bench.stub.clear_log();
    bench.refresh(bench.spotify(&stale));
    assert_eq!((bench.stub.n_of(Route::SpotifyFeatures), bench.stub.n_of(Route::SpotifyTrack)), (0, 50));
    // Until told to try, and then it is as if nothing had been.
    bench.stub.heal();
    let probe = ["worker", "--once", "--json", "--stale-after-days", "0", "--probe"];
    let summary = bench.refresh(bench.spotify(&probe));
    assert!(provider(&summary, "spotify").get("disabled").is_none());
    check_features(&bench, &id(3), Route::SpotifyFeatures, "spotify");
}

#[test]
fn retry_after_is_honoured_to_the_second() {
    let bench = Bench::new(60);
    bench.stub.fail(Route::ReccoBeats, [Fault::TooMany(Some(2), "slow down")]);
    let summary = bench.refresh(bench.command(&ONCE));
    assert_eq!(
        (&summary["recorded"], &provider(&summary, "reccobeats")["rate_limited"]),
        (&json!(60), &json!(1))
    );
    let log = bench.stub.log();
    let times: Vec<_> =
        log.iter().filter(|logged| logged.route == Route::ReccoBeats).map(|logged| logged.at).collect();
    assert_eq!(times.len(), 3);
    let wait = times[1] - times[0];
    assert!(wait >= Duration::from_secs(2) && wait < Duration::from_secs(4), "{wait:?}");
}

#[test]
fn a_used_up_quota_suspends_one_provider_across_runs() {
    let bench = Bench::new(60);
    bench.stub.fail(Route::SpotifyFeatures, [Fault::TooMany(Some(7_200), "QUOTA_EXCEEDED")]);
    let summary = bench.refresh(bench.spotify(&ONCE));
    let spotify = provider(&summary, "spotify");
    assert_eq!(
        (&spotify["state"], &spotify["reason"]),
        (&json!("suspended"), &json!("the quota is used up"))
    );
    assert_eq!(summary["recorded"], 60);
    check_features(&bench, &id(1), Route::ReccoBeats, "reccobeats");
    assert_eq!(bench.get(&id(1)).0.album_image, Some(image(Route::OEmbed, &id(1))));
    // What only Spotify could say stays in the backlog, and nobody asks before the time.
    assert_eq!(summary["backlog"]["incomplete"], 60);
    bench.stub.clear_log();
    let failed =
        bench.refresh_fails(bench.spotify(&ONCE), "nothing could be refreshed: spotify: suspended until");
    assert_eq!((&failed["outcome"], bench.stub.n_requests()), (&json!("failed"), 0));
    assert_eq!(bench.get(&id(1)).1.n_refreshes, 1);
    // Unless told to.
    let summary = bench.refresh(bench.spotify(&["worker", "--once", "--json", "--probe"]));
    assert_eq!(
        (&summary["recorded"], &provider(&summary, "spotify")["state"]),
        (&json!(60), &json!("ready"))
    );
}

#[test]
fn a_token_is_renewed_once() {
    let bench = Bench::new(3);
    bench.stub.fail(Route::SpotifyTrack, [Fault::Status(401)]);
    let summary = bench.refresh(bench.spotify(&ONCE));
    assert_eq!((&summary["recorded"], bench.stub.n_of(Route::Token)), (&json!(3), 2));
    assert!(bench.get(&id(0)).0.name.is_some());
    // When that does not help, the others go on.
    let bench = Bench::new(3);
    bench.stub.revoke(true);
    let summary = bench.refresh(bench.spotify(&ONCE));
    assert_eq!((&summary["recorded"], bench.stub.n_of(Route::Token)), (&json!(3), 2), "{summary:#}");
    assert_eq!(provider(&summary, "spotify")["state"], "failing");
    check_features(&bench, &id(0), Route::ReccoBeats, "reccobeats");
    // Wrong credentials: the same, and the reason says what to look at.
    let bench = Bench::new(3);
    let mut command = bench.spotify(&ONCE);
    command.env("SPOTIFY_CLIENT_SECRET", "wrong");
    let summary = bench.refresh(command);
    let reason = provider(&summary, "spotify")["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("SPOTIFY_CLIENT_SECRET"), "{reason}");
    assert_eq!(bench.stub.n_of(Route::Token), 1);
}

#[test]
fn failures_that_pass_cost_nothing() {
    let bench = Bench::new(45);
    let hang = Fault::Hang(Duration::from_secs(20));
    let faults = [Fault::Status(500), Fault::Garbage, hang, Fault::Status(503)];
    // Three before the first batch succeeds, one before the second.
    bench.stub.fail(Route::ReccoBeats, faults.clone()[..3].to_vec());
    bench.stub.fail(Route::OEmbed, [Fault::Garbage, Fault::Status(502), faults[3].clone()]);
    let summary = bench.refresh(bench.command(&["worker", "--once", "--json", "--timeout-seconds", "1"]));
    assert_eq!((&summary["recorded"], &summary["not_answered"]), (&json!(45), &json!(0)), "{summary:#}");
    assert_eq!(provider(&summary, "reccobeats")["retries"], 3);
    assert_eq!(provider(&summary, "oembed")["retries"], 3);
    check_features(&bench, &id(0), Route::ReccoBeats, "reccobeats");
}

#[test]
fn what_has_no_answer_stays_in_the_backlog() {
    let bench = Bench::new(30);
    bench.stub.fail(Route::ReccoBeats, vec![Fault::Status(500); 4]);
    let only = ["worker", "--once", "--json", "--providers", "reccobeats"];
    let summary = bench.refresh_fails(bench.command(&only), "nothing could be refreshed");
    assert_eq!((&summary["recorded"], &summary["not_answered"]), (&json!(0), &json!(30)));
    let refresh = bench.get(&id(0)).1;
    assert!(refresh.asked_at_ms.is_some(), "that it was asked for is known");
    assert_eq!(Refresh { asked_at_ms: None, ..refresh }, Refresh::default());
    // Images alone are recorded; the features are asked for again.
    bench.stub.fail(Route::ReccoBeats, vec![Fault::Status(500); 4]);
    let summary = bench.refresh(bench.command(&ONCE));
    assert_eq!((&summary["recorded"], &summary["backlog"]["incomplete"]), (&json!(30), &json!(30)));
    bench.stub.clear_log();
    let summary = bench.refresh(bench.command(&ONCE));
    assert_eq!((&summary["backlog"]["incomplete"], bench.stub.n_of(Route::OEmbed)), (&json!(0), 0));
    check_features(&bench, &id(0), Route::ReccoBeats, "reccobeats");
}

#[test]
fn tracks_without_an_answer_do_not_keep_others_from_theirs() {
    let bench = Bench::new(30);
    let only = ["worker", "--once", "--json", "--providers", "reccobeats", "--limit", "10"];
    bench.stub.fail(Route::ReccoBeats, vec![Fault::Status(500); 4]);
    bench.refresh_fails(bench.command(&only), "nothing could be refreshed");
    for (first, recorded) in [(10, 10), (20, 10), (0, 10), (0, 0)] {
        bench.stub.clear_log();
        let summary = bench.refresh(bench.command(&only));
        assert_eq!(summary["recorded"], recorded, "{summary:#}");
        if recorded > 0 {
            assert_eq!(bench.stub.log()[0].ids, ids(first..first + 10));
        }
    }
    assert_eq!(bench.get(&id(0)).1.asked_at_ms, None, "there was an answer at last");
}

#[test]
fn credentials_that_are_revoked_during_a_run_leave_room_for_others() {
    // Only Spotify could say more of the first tracks, the features of the others are to be had elsewhere.
    let bench = Bench::new(150);
    bench.refresh(bench.command(&["worker", "--once", "--json", "--limit", "120"]));
    bench.stub.revoke(true);
    bench.stub.clear_log();
    let limited = ["worker", "--once", "--json", "--limit", "115"];
    // The tracks refreshed longest ago are the last thirty, then the others.
    let summary = bench.refresh(bench.spotify(&limited));
    assert_eq!((&summary["recorded"], &summary["not_answered"]), (&json!(30), &json!(70)), "{summary:#}");
    assert_eq!(summary["selected"], 100, "nobody is left to ask for the rest");
    check_features(&bench, &id(149), Route::ReccoBeats, "reccobeats");
}

#[test]
fn whoever_refuses_everything_makes_nothing_unknown() {
    // Requests for several tracks: each is divided in vain, three are enough.
    let bench = Bench::new(130);
    bench.stub.fail(Route::ReccoBeats, vec![Fault::Status(400); 1_000]);
    let only = ["worker", "--once", "--json", "--providers", "reccobeats"];
    let summary = bench.refresh_fails(bench.command(&only), "is its address right?");
    assert_eq!((&summary["unknown"], &summary["recorded"]), (&json!(0), &json!(0)), "{summary:#}");
    assert_eq!(bench.stub.n_requests(), 3 * 79);
    assert_eq!(bench.get(&id(0)).1.retry_at_ms, None);

    // One by one, at an address that knows nothing of it.
    let bench = Bench::new(30);
    let only = ["worker", "--once", "--json", "--providers", "oembed"];
    let mut lost = bench.command(&only);
    lost.env("NEARFIELD_OEMBED_URL", format!("{}/elsewhere", bench.stub.url));
    let summary = bench.refresh_fails(lost, "is its address right?");
    assert_eq!((&summary["unknown"], &summary["backlog"]["incomplete"]), (&json!(0), &json!(30)));
    assert_eq!(provider(&summary, "oembed")["requests"], 7);
    assert!((0..30).all(|n| bench.get(&id(n)).1.n_misses == 0));
    // Set right, the next run makes up for it.
    assert_eq!(bench.refresh(bench.command(&only))["recorded"], 30);
    // The same of Spotify's metadata; the others still answer.
    let bench = Bench::new(30);
    bench.stub.fail(Route::SpotifyTrack, vec![Fault::Status(400); 1_000]);
    let summary = bench.refresh(bench.spotify(&ONCE));
    assert_eq!((&summary["recorded"], &summary["unknown"]), (&json!(30), &json!(0)), "{summary:#}");
    assert_eq!(provider(&summary, "spotify")["state"], "failing");
    assert_eq!(bench.get(&id(3)).0.album_image, Some(image(Route::OEmbed, &id(3))));
}

#[test]
fn unknown_tracks_are_remembered_and_asked_for_ever_more_rarely() {
    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
    let bench = Bench::new(10);
    for route in [Route::SpotifyFeatures, Route::SpotifyTrack, Route::ReccoBeats, Route::OEmbed] {
        bench.stub.forget(route, &ids(0..2));
    }
    let mut known = Track::new(TrackId::parse(&id(1)).unwrap());
    known.values.insert("energy".into(), 0.5);
    bench.import(vec![known]);
    let summary = bench.refresh(bench.spotify(&ONCE));
    assert_eq!((&summary["recorded"], &summary["unknown"]), (&json!(10), &json!(2)), "{summary:#}");
    assert_eq!((&summary["backlog"]["incomplete"], &summary["backlog"]["unknown"]), (&json!(0), &json!(2)));
    let (track, mut refresh) = bench.get(&id(1));
    assert_eq!(track.values["energy"], 0.5, "what nobody knows is not erased");
    assert_eq!((refresh.n_refreshes, refresh.n_misses, refresh.refreshed_at_ms), (1, 1, None));
    for n_misses in 2..=4 {
        // A day, two, four: that is how long each wait is. Not before:
        bench.stub.clear_log();
        bench.refresh(bench.spotify(&ONCE));
        assert_eq!(bench.stub.n_requests(), 0);
        // Its time has come.
        refresh.retry_at_ms = Some(1);
        bench.set_refresh(&id(1), refresh.clone());
        let before_ms = jiff::Timestamp::now().as_millisecond();
        bench.refresh(bench.spotify(&ONCE));
        refresh = bench.get(&id(1)).1;
        assert_eq!(refresh.n_misses, n_misses);
        let wait_ms = refresh.retry_at_ms.unwrap() - before_ms;
        let expected_ms = DAY_MS << (n_misses - 1);
        assert!((expected_ms..expected_ms + 60_000).contains(&wait_ms), "{wait_ms}");
    }
}

#[test]
fn fields_that_are_absent_are_unknown_and_erase_nothing() {
    let bench = Bench::new(4);
    bench.refresh(bench.spotify(&ONCE));
    let (before, _) = bench.get(&id(2));
    for field in ["popularity", "explicit", "album", "artists", "valence", "time_signature", "external_ids"] {
        bench.stub.leave_out(field);
    }
    let stale = ["worker", "--once", "--json", "--stale-after-days", "0"];
    let summary = bench.refresh(bench.spotify(&stale));
    assert_eq!((&summary["recorded"], &summary["changed"]), (&json!(4), &json!(0)));
    let (after, refresh) = bench.get(&id(2));
    assert_eq!(after, before);
    let time = |name: &str| refresh.provenance[name].fetched_at_ms;
    assert!(time("valence") < time("energy") && time("popularity") < time("name"), "{refresh:?}");
}

#[test]
fn secrets_are_never_logged() {
    let bench = Bench::new(2);
    let output = bench.spotify(&["worker", "--once", "--log", "trace"]).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && log.contains("TRACE"), "{log}");
    // The secret, the same as it is sent, the token.
    for secret in [CLIENT_SECRET, "dGhlLWNsaWVudDp0aGUtc2VjcmV0", "token-1"] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
    let state = bench.store().worker_state().unwrap().unwrap();
    assert!(!state.contains(CLIENT_ID) && !state.contains(CLIENT_SECRET), "{state}");
}

#[test]
fn another_application_is_not_refused_what_one_was() {
    let bench = Bench::new(2);
    bench.stub.fail(Route::SpotifyFeatures, [Fault::Status(403)]);
    bench.refresh(bench.spotify(&ONCE));
    let stale = ["worker", "--once", "--json", "--stale-after-days", "0"];
    // A run without an account knows nothing of applications and changes nothing.
    bench.refresh(bench.command(&stale));
    bench.refresh(bench.spotify(&stale));
    assert_eq!(bench.stub.n_of(Route::SpotifyFeatures), 1);
    let mut other = bench.spotify(&stale);
    other.env("SPOTIFY_CLIENT_ID", "another");
    bench.refresh(other);
    // The stub knows no such application, so there was no token to ask with; but it was tried.
    assert_eq!(bench.stub.n_of(Route::Token), 3);
    bench.refresh(bench.spotify(&stale));
    assert_eq!(bench.stub.n_of(Route::SpotifyFeatures), 2);
}

#[test]
fn wrong_usage_is_refused() {
    let bench = Bench::new(1);
    let check = |arguments: &[&str], code: i32, expected: &str| {
        let output = bench.command(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {expected:?} is not in {text}");
    };
    check(&["worker", "--once", "--limit", "0"], 2, "--limit");
    check(
        &["worker", "--once", "--providers", "lastfm"],
        2,
        "[possible values: spotify, reccobeats, oembed]",
    );
    check(&["worker", "--once", "--providers", "oembed,oembed"], 2, "twice");
    check(&["worker", "--once", "--reccobeats-url", "ftp://x"], 2, "http://");
    check(&["worker", "--once", "--store", "nonsense"], 2, "lmdb:PATH");
    check(&["worker", "--once", "--store", "lmdb:absent"], 1, "nearfield import");
    let mut half = bench.command(&["worker", "--once"]);
    half.env("SPOTIFY_CLIENT_ID", "x");
    let output = half.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("SPOTIFY_CLIENT_SECRET"));
    assert_eq!(bench.stub.n_requests(), 0);
}
