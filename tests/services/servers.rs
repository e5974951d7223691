//! Where the servers are, and servers of a test's own that can be killed.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The address in an environment variable that `scripts/services up` prints.
pub fn address(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: start the servers with `export $(scripts/services up)`")
    })
}

/// Calls `check` until it gives something, for at most a minute.
pub fn wait_for<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A MongoDB server on a port of its own, whose data outlive it.
pub struct Mongod {
    data: tempfile::TempDir,
    port: u16,
    process: Option<Child>,
}

impl Mongod {
    pub fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { data: tempfile::tempdir().unwrap(), port, process: None };
        server.restart();
        server
    }

    /// The URI of a collection of its own.
    pub fn uri(&self) -> String {
        format!("mongodb://127.0.0.1:{}/test", self.port)
    }

    /// Starts it again on the same data and port.
    pub fn restart(&mut self) {
        let script: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/services");
        let process = Command::new("bash")
            .arg(script)
            .arg("mongod")
            .arg(self.data.path())
            .arg(self.port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(process);
        wait_for("MongoDB", || TcpStream::connect(("127.0.0.1", self.port)).ok());
    }

    /// Ends it by SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl Drop for Mongod {
    fn drop(&mut self) {
        self.kill();
    }
}
