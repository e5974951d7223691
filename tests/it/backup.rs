//! Copies of the catalogue: consistent while others write, checked before they are used; the scripts around them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nearfield::demo;
use nearfield::store::backup::{Backup, BackupError, BackupReport, backup};
use nearfield::store::{CatalogueStore, LmdbOptions, LmdbStore, TrackReader};
use nearfield::track::{Track, TrackId};

use crate::server::nearfield;

fn open(path: &Path) -> LmdbStore {
    LmdbStore::open(path, &LmdbOptions::default()).unwrap()
}

fn filled(path: &Path, n_tracks: usize) -> LmdbStore {
    let store = open(path);
    store.upsert(demo::catalogue(n_tracks, 42).collect(), 1).unwrap();
    store
}

fn restore(file: &Path, store: &LmdbStore, force: bool) -> Result<BackupReport, BackupError> {
    Backup::open(file)?.restore(store, force)
}

fn all(store: &LmdbStore) -> Vec<Track> {
    let mut tracks = Vec::new();
    store
        .scan(&mut |track| {
            tracks.push(track);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    tracks
}

#[test]
fn what_is_restored_is_what_was_backed_up() {
    let here = tempfile::tempdir().unwrap();
    let store = filled(&here.path().join("a"), 500);
    let before = all(&store);
    let file = here.path().join("deep/a.backup");
    let report = backup(&store, &file, false).unwrap();
    assert_eq!((report.tracks, report.bytes), (500, fs::metadata(&file).unwrap().len()));
    assert!(matches!(backup(&store, &file, false), Err(BackupError::Exists { .. })));
    let fresh = open(&here.path().join("b"));
    assert_eq!(restore(&file, &fresh, false).unwrap().tracks, 500);
    assert_eq!(all(&fresh), before);
    // A catalogue that goes on: what came since goes, what was removed comes back.
    store.remove(&[before[7].id.clone(), TrackId::parse("nobody").unwrap()]).unwrap();
    store.upsert(vec![Track::new(TrackId::parse("new").unwrap())], 2).unwrap();
    assert!(matches!(
        restore(&file, &store, false),
        Err(BackupError::Occupied { n_tracks: 500, has_feedback: false })
    ));
    assert_eq!(restore(&file, &store, true).unwrap().tracks, 500);
    assert_eq!(all(&store), before);
    // It is a catalogue like any other.
    store.upsert(vec![Track::new(TrackId::parse("new").unwrap())], 3).unwrap();
    assert_eq!(store.count().unwrap(), 501);
    drop(store);
    assert_eq!(open(&here.path().join("a")).count().unwrap(), 501);
}

#[test]
fn a_backup_is_of_one_moment_while_others_write() {
    let here = tempfile::tempdir().unwrap();
    let store = filled(&here.path().join("a"), 200);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Two tracks at a time: a copy with one of a pair is of no moment there was.
            for number in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let pair = ["a", "b"]
                    .map(|half| Track::new(TrackId::parse(&format!("pair-{number}{half}")).unwrap()));
                store.upsert(pair.to_vec(), 1).unwrap();
            }
        });
        let mut last = 0;
        for number in 0..8 {
            let file = here.path().join(format!("{number}.backup"));
            let report = backup(&store, &file, false).unwrap();
            let copy = open(&here.path().join(format!("copy-{number}")));
            restore(&file, &copy, false).unwrap();
            assert_eq!((copy.count().unwrap(), report.tracks % 2), (report.tracks, 0));
            assert!(report.tracks >= last);
            last = report.tracks;
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_damaged_backup_changes_nothing() {
    let here = tempfile::tempdir().unwrap();
    let store = filled(&here.path().join("a"), 50);
    let file = here.path().join("a.backup");
    backup(&store, &file, false).unwrap();
    let whole = fs::read(&file).unwrap();
    let before = all(&store);
    let check = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        let error = restore(&file, &store, true).unwrap_err();
        assert!(matches!(error, BackupError::Damaged { .. }), "{error}");
        assert_eq!(all(&store), before);
    };
    check(b"");
    check(b"not a backup");
    check(&whole[..whole.len() - 1]);
    check(&whole[..whole.len() / 2]);
    for at in [0, whole.len() / 2, whole.len() - 120, whole.len() - 50, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        check(&flipped);
    }
    fs::write(&file, &whole).unwrap();
    restore(&file, &store, true).unwrap();
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts")
}

/// A script in a working directory, with the tested program on its path.
fn script(here: &Path, name: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(scripts().join(name));
    command.args(arguments).current_dir(here);
    let program = Path::new(env!("CARGO_BIN_EXE_nearfield")).parent().unwrap();
    command.env("PATH", format!("{}:{}", program.display(), std::env::var("PATH").unwrap()));
    for (name, _) in std::env::vars_os() {
        let known = name.to_string_lossy();
        if known.starts_with("NEARFIELD_") || known == "MONGO_URL" {
            command.env_remove(name);
        }
    }
    command.output().unwrap()
}

fn check(output: &Output, code: i32, expected: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(expected), "{expected:?} is not in {text}");
}

#[test]
fn scripts_keep_the_last_backups_and_put_the_newest_back() {
    let here = tempfile::tempdir().unwrap();
    drop(filled(&here.path().join("data/catalogue"), 60));
    let backups = here.path().join("backups");
    fs::create_dir(&backups).unwrap();
    for name in ["catalogue-20200101T000000Z.backup", "catalogue-20210101T000000Z.backup", "mine.backup"] {
        fs::write(backups.join(name), "x").unwrap();
    }
    check(
        &script(here.path(), "backup", &["--keep", "2"]),
        0,
        "60 tracks of lmdb:data/catalogue are in backups/",
    );
    let listing = || {
        let names =
            fs::read_dir(&backups).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    };
    let names = listing();
    assert_eq!(
        (names.len(), names[0].as_str(), names[2].as_str()),
        (3, "catalogue-20210101T000000Z.backup", "mine.backup")
    );
    check(&script(here.path(), "restore", &["--store", "lmdb:copy"]), 0, "");
    assert_eq!(open(&here.path().join("copy")).count().unwrap(), 60);
    check(&script(here.path(), "restore", &["--store", "lmdb:copy"]), 1, "--force");
    check(
        &script(here.path(), "restore", &["backups/mine.backup", "--store", "lmdb:copy", "--force"]),
        1,
        "no backup",
    );
    check(&script(here.path(), "restore", &["backups/mine.backup", "--store", "lmdb:none"]), 1, "no backup");
    assert!(!here.path().join("none").exists(), "nothing is created for a backup that is none");
    check(&script(here.path(), "restore", &["--from", "nowhere"]), 1, "there is no backup in nowhere");
    check(&script(here.path(), "backup", &["--store", "mongodb://h/db"]), 2, "mongodump");
    check(
        &script(here.path(), "backup", &["--store", "lmdb:nowhere"]),
        1,
        "there is no catalogue in nowhere",
    );
    check(&script(here.path(), "backup", &["--keep", "0"]), 2, "--keep is '0'");
    assert_eq!(listing(), names);
    for name in ["rebuild", "backup", "restore"] {
        let help = script(here.path(), name, &["--help"]);
        assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains(name));
    }
}

#[test]
fn a_rebuild_publishes_keeps_the_last_and_runs_once_at_a_time() {
    let here = tempfile::tempdir().unwrap();
    check(&script(here.path(), "rebuild", &[]), 1, "rebuild failed (exit code 1): error: the catalogue");
    drop(filled(&here.path().join("data/catalogue"), 60));
    for _ in 0..3 {
        let done = script(here.path(), "rebuild", &["--keep", "2", "--", "--engines", "exact"]);
        check(&done, 0, "published generation");
        assert_eq!(String::from_utf8_lossy(&done.stderr).lines().count(), 1);
    }
    let snapshot = nearfield(here.path()).args(["inspect", "--json"]).output().unwrap();
    let snapshot: serde_json::Value = serde_json::from_slice(&snapshot.stdout).unwrap();
    assert_eq!(snapshot["generations"].as_array().unwrap().len(), 2);
    let quiet = script(here.path(), "rebuild", &["--quiet", "--", "--engines", "exact"]);
    assert!(quiet.status.success() && quiet.stderr.is_empty() && quiet.stdout.is_empty());
    // Whoever holds the lock is another run.
    let lock = fs::File::open(here.path().join(".nearfield-rebuild.lock")).unwrap();
    lock.lock().unwrap();
    check(&script(here.path(), "rebuild", &[]), 75, "a rebuild is running already");
    // One of another snapshot is not the same.
    let other = ["--indexes", "else where", "--name", "other", "--", "--engines", "exact"];
    check(&script(here.path(), "rebuild", &other), 0, "rebuild of other: published generation");
    assert!(here.path().join("else where/other/CURRENT").exists());
    let lock_of_other = fs::File::open(here.path().join("else where/.nearfield-rebuild-other.lock")).unwrap();
    lock_of_other.lock().unwrap();
    check(&script(here.path(), "rebuild", &other), 75, "a rebuild of other is running already");
    drop(lock);
    check(&script(here.path(), "rebuild", &["--keep"]), 2, "--keep needs a value");
    check(&script(here.path(), "rebuild", &["--what"]), 2, "--what");
}

#[test]
fn scripts_take_settings_from_where_the_program_does() {
    let outer = tempfile::tempdir().unwrap();
    let here = outer.path().join("a place");
    let write = |name: &str, text: &str| fs::write(here.join(name), text).unwrap();
    // A catalogue from before the settings, which nothing may take for the one in use.
    drop(filled(&here.join("data/catalogue"), 10));
    drop(filled(&here.join("in use"), 60));
    write("nearfield.toml", "store = 'lmdb:in use'\nname = 'prod'\nindexes = 'my indexes'\n");
    check(&script(&here, "rebuild", &["--", "--engines", "exact"]), 0, "rebuild: published generation");
    let publishes = |name: &str| here.join(name).join("CURRENT").exists();
    assert!(publishes("my indexes/prod") && !here.join("indexes").exists());
    check(&script(&here, "backup", &[]), 0, "60 tracks of lmdb:in use are in");
    check(&script(&here, "restore", &[]), 1, "--force");
    check(&script(&here, "restore", &["--force"]), 0, "");
    // `.env` comes before the file, and flags come before both.
    write(".env", "NEARFIELD_STORE=lmdb:data/catalogue\nNEARFIELD_NAME=test\n");
    check(&script(&here, "rebuild", &["--", "--engines", "exact"]), 0, "published generation");
    assert!(publishes("my indexes/test"));
    check(&script(&here, "backup", &["--to", "of env"]), 0, "10 tracks of lmdb:data/catalogue are in");
    let flags = ["--name", "flag", "--store", "lmdb:in use", "--", "--engines", "exact"];
    check(&script(&here, "rebuild", &flags), 0, "rebuild of flag: published generation");
    assert!(publishes("my indexes/flag"));
    check(&script(&here, "backup", &["--to", "of flag", "--store", "lmdb:in use"]), 0, "60 tracks");
    // What may hold a password is on no command line, where other users of the machine could read it.
    write(".env", "");
    let stub = here.join("stub");
    fs::write(&stub, "#!/bin/sh\necho \"published generation: $*\"\n").unwrap();
    fs::set_permissions(&stub, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for (name, arguments) in [("rebuild", [].as_slice()), ("backup", &[]), ("restore", &["x"])] {
        let mut command = Command::new(scripts().join(name));
        command.args(arguments).current_dir(&here).env("NEARFIELD_BIN", &stub);
        let output = command.env("NEARFIELD_STORE", "mongodb://u:hunter2@h").output().unwrap();
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("published generation") && !text.contains("hunter2"), "{name}: {text}");
    }
}
