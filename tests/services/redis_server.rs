//! A Redis server of a test's own, to be killed, stopped and filled.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::server::PATIENCE;

/// The Redis server that `scripts/services up` started.
pub fn shared_url() -> String {
    std::env::var("REDIS_URL")
        .expect("REDIS_URL is not set: run `scripts/services up` and set what it prints")
}

/// A prefix that no other test uses.
pub fn prefix() -> String {
    format!("test-{:016x}:", rand::random::<u64>())
}

/// A `redis-server` on a port of its own.
pub struct RedisServer {
    child: Option<Child>,
    pub port: u16,
    settings: Vec<String>,
    home: TempDir,
}

impl RedisServer {
    /// Starts one with these settings (`--maxmemory 2mb`).
    pub fn start(settings: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let mut server = Self { child: None, port, settings, home: tempfile::tempdir().unwrap() };
        server.restart();
        server
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Starts it on the same port, empty.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "it still runs");
        let mut command = Command::new("redis-server");
        command.args([
            "--port",
            &self.port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        command.arg("--dir").arg(self.home.path()).args(&self.settings).stdout(Stdio::null());
        self.child = Some(command.spawn().expect("redis-server has to be installed"));
        let started = Instant::now();
        while self.try_connection().is_none() {
            assert!(started.elapsed() < PATIENCE, "redis-server does not start");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Stops it where it stands: connections stay open and nothing is answered.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    pub fn connection(&self) -> redis::Connection {
        self.try_connection().expect("redis-server answers")
    }

    fn try_connection(&self) -> Option<redis::Connection> {
        let mut connection = redis::Client::open(self.url()).unwrap().get_connection().ok()?;
        redis::cmd("PING").exec(&mut connection).ok()?;
        Some(connection)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // SIGKILL also ends what is stopped.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
