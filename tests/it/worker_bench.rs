//! A catalogue to refresh, the stub to ask, and the binary that does it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use nearfield::store::{self, Refresh, RefreshStore, Refreshed, StoreLocation, StoreOptions};
use nearfield::track::{Track, TrackId};
use serde_json::Value;
use tempfile::TempDir;

use crate::providers_stub::{CLIENT_ID, CLIENT_SECRET, Stub};
use crate::server::nearfield;
use crate::support::Run;

pub struct Bench {
    directory: TempDir,
    /// The catalogue, as `--store` names it.
    uri: String,
    pub stub: Stub,
}

/// The `n`th track's id.
pub fn id(n: usize) -> String {
    format!("0track{n:016}")
}

pub fn ids(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(id).collect()
}

impl Bench {
    /// An embedded catalogue of so many tracks of which nothing but the id and a genre is known.
    pub fn new(n_tracks: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let uri = format!("lmdb:{}", directory.path().join("catalogue").display());
        Self::of(directory, uri, n_tracks)
    }

    /// The same in a catalogue somewhere else: for the tests with real servers.
    #[allow(dead_code)]
    pub fn at(uri: &str, n_tracks: usize) -> Self {
        Self::of(tempfile::tempdir().unwrap(), uri.to_owned(), n_tracks)
    }

    fn of(directory: TempDir, uri: String, n_tracks: usize) -> Self {
        let bench = Self { directory, uri, stub: Stub::start() };
        let bare = |id| {
            let mut track = Track::new(TrackId::parse(id).unwrap());
            track.genres = vec!["pop".into()];
            track
        };
        bench.import(ids(0..n_tracks).iter().map(|id| bare(id)).collect());
        bench
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn store(&self) -> Arc<dyn RefreshStore> {
        store::open(&StoreLocation::parse(&self.uri).unwrap(), &StoreOptions::default()).unwrap()
    }

    pub fn import(&self, tracks: Vec<Track>) {
        self.store().upsert(tracks, 1).unwrap();
    }

    pub fn get(&self, id: &str) -> (Track, Refresh) {
        self.store().get_refresh(&TrackId::parse(id).unwrap()).unwrap().unwrap()
    }

    /// Replaces what refreshing left with a track.
    pub fn set_refresh(&self, id: &str, refresh: Refresh) {
        let track = Track::new(TrackId::parse(id).unwrap());
        self.store().record_refreshes(vec![Refreshed { track, refresh }]).unwrap();
    }

    /// The binary, pointed at the stub, as fast as may be.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = nearfield(self.path());
        command.env_remove("SPOTIFY_CLIENT_ID").env_remove("SPOTIFY_CLIENT_SECRET");
        command.env("NEARFIELD_STORE", &self.uri);
        for variable in ["SPOTIFY", "RECCOBEATS", "OEMBED"] {
            command.env(format!("NEARFIELD_{variable}_REQUESTS_PER_MINUTE"), "60000");
        }
        command.env("NEARFIELD_PROVIDER_BACKOFF_MS", "20");
        let url = &self.stub.url;
        command.env("NEARFIELD_SPOTIFY_API_URL", format!("{url}/spotify"));
        command.env("NEARFIELD_SPOTIFY_ACCOUNTS_URL", url);
        command.env("NEARFIELD_RECCOBEATS_URL", format!("{url}/recco"));
        command.env("NEARFIELD_OEMBED_URL", format!("{url}/oembed"));
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// The same with an account at Spotify.
    pub fn spotify(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.env("SPOTIFY_CLIENT_ID", CLIENT_ID).env("SPOTIFY_CLIENT_SECRET", CLIENT_SECRET);
        command
    }

    /// One run; its summary.
    pub fn refresh(&self, command: Command) -> Value {
        let (run, summary) = self.refresh_to(command);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        summary
    }

    /// One run that fails; its summary.
    pub fn refresh_fails(&self, command: Command, expected: &str) -> Value {
        let (run, summary) = self.refresh_to(command);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains(expected), "{expected:?} is not in {}", run.stderr);
        summary
    }

    fn refresh_to(&self, mut command: Command) -> (Run, Value) {
        let run = Run::from(command.output().unwrap());
        let summary = serde_json::from_str(&run.stdout)
            .unwrap_or_else(|error| panic!("{error}: {} {}", run.stdout, run.stderr));
        (run, summary)
    }
}

/// What the summary of a run says of a provider.
pub fn provider<'s>(summary: &'s Value, name: &str) -> &'s Value {
    let providers = summary["providers"].as_array().unwrap();
    providers.iter().find(|provider| provider["name"] == name).unwrap()
}
