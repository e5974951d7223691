//! `nearfield import` from the outside: exit codes, messages, files.

use std::fs;

use crate::support::{Run, Workplace};

const DUMP: &str = "id,name,artists,explicit,energy,key,year,release_date
a,N,\"['A', \"\"B's\"\"]\",True,0.5,-1,1999,1999-11-02
b,M,['C'],False,0.25,3,0,1987
,X,['C'],False,0.25,3,0,1987
c,O,['C'],False,loud,3,2001,
";

#[test]
fn the_json_report_counts_everything() {
    let here = Workplace::new();
    here.file("dump.csv", DUMP);
    let report = here.json(&["import", "dump.csv", "--json"]);
    assert_eq!(report["rows_read"], 4);
    assert_eq!((report["inserted"].as_u64(), report["updated"].as_u64()), (Some(3), Some(0)));
    assert_eq!(report["rejected_rows"], 1);
    assert_eq!(report["dropped_values"], serde_json::json!({"energy": 1, "release_year": 1}));
    assert_eq!(report["files"][0]["columns"]["recognised"]["year"], "release_year");
    assert_eq!(report["rejects_files"][0], "data/rejects/dump.csv.ndjson");
    let rejects = fs::read_to_string(here.path().join("data/rejects/dump.csv.ndjson")).unwrap();
    assert_eq!(rejects.lines().count(), 3);
    let again = here.json(&["import", "dump.csv", "--json"]);
    assert_eq!((again["inserted"].as_u64(), again["unchanged"].as_u64()), (Some(0), Some(3)));
}

#[test]
fn the_report_for_people_names_what_was_refused() {
    let here = Workplace::new();
    here.file("dump.csv", DUMP);
    let Run { code, stdout, stderr } = here.run(&["import", "dump.csv", "--rejects", "refused.ndjson"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    for part in [
        "3 inserted",
        "1 rejected",
        "dump.csv:4: id \"\": the track id is missing",
        "dump.csv:5: energy \"loud\": not a number",
        "refused.ndjson",
    ] {
        assert!(stdout.contains(part), "{part:?} is not in {stdout}");
    }
    assert!(here.path().join("refused.ndjson").exists());
}

#[test]
fn a_dry_run_writes_nothing() {
    let here = Workplace::new();
    here.file("dump.csv", DUMP);
    let report = here.json(&["import", "dump.csv", "--dry-run", "--json"]);
    assert_eq!((report["dry_run"].as_bool(), report["inserted"].as_u64()), (Some(true), Some(3)));
    assert_eq!(here.listing(), ["dump.csv"].map(Into::into) as [std::path::PathBuf; 1]);
}

#[test]
fn wrong_usage_is_said_before_anything_is_written() {
    let here = Workplace::new();
    here.file("dump.csv", DUMP);
    here.check_fails(&["import"], 2, &["FILE"]);
    here.check_fails(
        &["import", "dump.csv", "missing.csv"],
        2,
        &["missing.csv cannot be opened", "No such file"],
    );
    here.check_fails(&["import", "."], 2, &["is a directory"]);
    here.check_fails(&["import", "dump.csv", "--map", "x=enrgy"], 2, &["`enrgy`", "did you mean `energy`?"]);
    here.check_fails(&["import", "dump.csv", "--map", "nope=energy"], 2, &["no file has a column \"nope\""]);
    here.check_fails(&["import", "dump.csv", "--store", "sqlite:x"], 2, &["lmdb:PATH"]);
    assert_eq!(here.listing().len(), 1);
}

#[test]
fn unusable_files_are_errors_that_say_what_to_do() {
    let here = Workplace::new();
    here.file("empty.csv", "");
    here.file("noid.csv", "song,energy\nx,1\n");
    here.file("half.parquet", &b"PAR1 the rest is missing"[..]);
    here.check_fails(&["import", "empty.csv"], 1, &["empty.csv is empty"]);
    here.check_fails(&["import", "noid.csv"], 1, &["field id", "song, energy", "--map COLUMN=id"]);
    here.check_fails(&["import", "half.parquet"], 1, &["half.parquet", "damaged or cut short"]);
    assert!(!here.path().join("data").exists());
    let report = here.json(&["import", "noid.csv", "--map", "song=id", "--json"]);
    assert_eq!(report["inserted"], 1);
}

#[test]
fn a_place_that_cannot_be_written_is_an_error() {
    let here = Workplace::new();
    here.file("dump.csv", DUMP);
    here.file("file", "");
    here.check_fails(
        &["import", "dump.csv", "--store", "lmdb:file/catalogue"],
        1,
        &["file/catalogue cannot be created", "writable"],
    );
    here.check_fails(
        &["import", "dump.csv", "--rejects", "file/x.ndjson"],
        1,
        &["file/x.ndjson", "--rejects"],
    );
    let run: Run =
        here.command(&["import", "dump.csv"]).env("NEARFIELD_LMDB_MAP_GIB", "lots").output().unwrap().into();
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("'lots' for '--lmdb-map-gib"), "{}", run.stderr);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error_and_the_good_rows_are_kept() {
    let here = Workplace::new();
    here.file("dump.csv", DUMP);
    here.check_fails(&["import", "dump.csv", "--rejects", "/dev/full"], 1, &["/dev/full", "No space left"]);
    let report = here.json(&["import", "dump.csv", "--json"]);
    assert_eq!(report["unchanged"], 3);
}

#[test]
#[cfg(unix)]
fn an_interrupt_keeps_what_is_committed_and_the_import_can_be_repeated() {
    use std::io::Write;
    let here = Workplace::new();
    let mut file = fs::File::create(here.path().join("many.csv")).unwrap();
    writeln!(file, "id,name").unwrap();
    for i in 0..400_000 {
        writeln!(file, "id{i},name {i}").unwrap();
    }
    drop(file);
    let mut child = here
        .command(&["import", "many.csv", "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The catalogue exists before the first row is read, and the rows take much longer than this.
    while !here.path().join("data/catalogue/data.mdb").exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let run: Run = child.wait_with_output().unwrap().into();
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["interrupted"], true);
    assert!(run.stderr.contains("interrupted"), "{}", run.stderr);
    let n_kept = report["inserted"].as_u64().unwrap();
    assert!(n_kept < 400_000 && n_kept.is_multiple_of(50_000), "{n_kept}");
    let again = here.json(&["import", "many.csv", "--json"]);
    assert_eq!(again["inserted"].as_u64().unwrap() + again["unchanged"].as_u64().unwrap(), 400_000);
    assert_eq!(again["unchanged"].as_u64(), Some(n_kept));
}

#[test]
fn rejects_are_not_written_over_an_input() {
    let workplace = Workplace::new();
    let text = "id,energy\nt1,0.5\n,0.1\n";
    workplace.file("victim.csv", text);
    workplace.check_fails(
        &["import", "victim.csv", "--rejects", "./victim.csv"],
        2,
        &["--rejects", "victim.csv"],
    );
    assert_eq!(std::fs::read_to_string(workplace.path().join("victim.csv")).unwrap(), text);
}
