//! Kills of the worker at any point, whatever the catalogue is in.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::providers_stub::{FEATURES, Route, image, value};
use crate::server::PATIENCE;
use crate::worker_bench::{Bench, ids};

/// Tracks of a step: what one request to ReccoBeats takes.
const STEP: usize = 40;

/// A running worker, killed at the end of the test if it still runs.
pub struct Running(Child);

impl Running {
    pub fn start(mut command: Command) -> Self {
        Self(command.stdout(Stdio::null()).spawn().unwrap())
    }

    pub fn ended(&mut self) -> Option<i32> {
        self.0.try_wait().unwrap().map(|status| status.code().unwrap_or(-1))
    }

    /// Waits until `wanted`, or until the worker has ended.
    pub fn until(&mut self, wanted: impl Fn() -> bool) {
        let started = Instant::now();
        while !wanted() && self.ended().is_none() {
            assert!(started.elapsed() < PATIENCE, "it does not happen");
            sleep(Duration::from_micros(200));
        }
    }

    pub fn kill(&mut self) {
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }

    pub fn terminate(&mut self) -> Option<i32> {
        Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        self.until(|| false);
        self.ended()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Ids that the log of a worker says are recorded.
fn acknowledged(log: &str) -> BTreeSet<String> {
    let lists = log.lines().filter_map(|line| line.split_once(" recorded: "));
    lists.flat_map(|(_, list)| list.split(' ').map(str::to_owned)).collect()
}

/// Ids by how often the store says they were refreshed.
pub fn refreshed(bench: &Bench) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    bench
        .store()
        .scan_refreshes(&mut |track, refresh| {
            assert!(refresh.n_refreshes <= 1, "{} was refreshed {} times", track.id, refresh.n_refreshes);
            // Its values and its state are of one moment.
            assert_eq!(refresh.n_refreshes == 1, track.values.contains_key("energy"), "{}", track.id);
            if refresh.n_refreshes == 1 {
                found.insert(track.id.to_string());
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}

/// Kills the worker `n_kills` times in the midst of refreshing the `n_tracks` of `bench`, then lets it end. `disturb` is
/// called while each of them runs.
pub fn check_kills(bench: &Bench, n_tracks: usize, n_kills: usize, mut disturb: impl FnMut(usize)) {
    let limit = n_tracks.to_string();
    let mut random = StdRng::seed_from_u64(20);
    let mut known = BTreeSet::new();
    for kill in 1..=n_kills {
        let log_path = bench.path().join("worker.log");
        let mut command = bench.command(&["worker", "--once", "--limit", &limit, "--log", "nearfield=debug"]);
        command.stderr(File::create(&log_path).unwrap());
        bench.stub.clear_log();
        let mut worker = Running::start(command);
        let n_requests = random.random_range(0..120);
        let pause = Duration::from_micros(random.random_range(0..3_000));
        worker.until(|| bench.stub.n_requests() >= n_requests);
        disturb(kill);
        sleep(pause);
        worker.kill();
        let asked: BTreeSet<String> = bench.stub.log().into_iter().flat_map(|logged| logged.ids).collect();
        assert!(asked.is_disjoint(&known), "kill {kill}: what was recorded is asked for again");
        let acknowledged = acknowledged(&fs::read_to_string(&log_path).unwrap());
        let now = refreshed(bench);
        assert!(now.is_superset(&known), "kill {kill}: something recorded was lost");
        assert!(now.is_superset(&acknowledged), "kill {kill}: something acknowledged was lost");
        let n_new = now.len() - known.len();
        // The kill may fall between the commit and the line that says so.
        assert!(n_new - acknowledged.len() <= STEP, "kill {kill}: {n_new} {}", acknowledged.len());
        println!(
            "kill {kill:>2}: after {n_requests:>3} requests and {:>4} us; {:>3} tracks acknowledged, {n_new:>3} recorded, {:>4} of {n_tracks} in all",
            pause.as_micros(),
            acknowledged.len(),
            now.len()
        );
        known = now;
    }
    assert!(
        known.len() > STEP && known.len() < n_tracks,
        "the kills were not in the midst of it: {}",
        known.len()
    );
    let summary = bench.refresh(bench.command(&["worker", "--once", "--limit", &limit, "--json"]));
    assert_eq!(summary["recorded"].as_u64(), Some((n_tracks - known.len()) as u64));
    println!("then undisturbed: {} recorded", summary["recorded"]);
    assert_eq!(refreshed(bench).len(), n_tracks);
    for id in ids(0..n_tracks) {
        let (track, refresh) = bench.get(&id);
        for name in FEATURES {
            assert_eq!(track.values[name], value(Route::ReccoBeats, &id, name), "{name} of {id}");
        }
        assert_eq!(track.album_image, Some(image(Route::OEmbed, &id)));
        assert_eq!(refresh.provenance.len(), FEATURES.len() + 1);
    }
}
