//! The servers under load, each a process of its own on one core.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::client::{Allocation, Failure, PASSWORD, REALM, Signer, USER};

/// The core that servers run on.
pub(crate) const SERVER_CORE: usize = 0;
/// The core that the load comes from.
pub(crate) const LOAD_CORE: usize = 1;

/// A server that is ended with its handle.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Its files.
    _folder: tempfile::TempDir,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    Coturn,
}

impl Process {
    /// Starts a server and waits until it grants an allocation.
    pub(crate) fn start(kind: Kind) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let address = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new("taskset");
        // Priority, where that is allowed: whatever else runs here disturbs less.
        command.args(["-c", &SERVER_CORE.to_string(), "nice", "-n", "-10"]);
        match kind {
            Kind::Ours => ours(&mut command, folder.path(), address)?,
            Kind::Coturn => coturn(&mut command, folder.path(), address)?,
        }
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let process = Self { child, address, _folder: folder };
        let signer = Signer::new()?;
        let begin = Instant::now();
        loop {
            match Allocation::open(address, &signer) {
                Ok(_) => return Ok(process),
                Err(error) if begin.elapsed() > Duration::from_secs(10) => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// CPU time of all its threads so far.
    pub(crate) fn cpu_time(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let nanos = tasks.into_iter().flatten().flatten().filter_map(|task| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanos.sum())
    }

    /// Resident memory in bytes.
    pub(crate) fn memory(&self) -> f64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let text = text.unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kib.unwrap_or_default() * 1024.0
    }
}

/// This program again: it holds the server as a library.
fn ours(command: &mut Command, folder: &Path, address: SocketAddr) -> Result<(), Failure> {
    let file = folder.join("turn.toml");
    let text = format!(
        "realm = \"{REALM}\"\nshards = 1\n\
         [[listen]]\ntransport = \"udp\"\naddress = \"{address}\"\n\
         [relay]\naddresses = [\"127.0.0.1\"]\nports = \"20000-59999\"\n\
         [peers]\nallow = [\"127.0.0.0/8\"]\n\
         [auth]\nusers = [{{ name = \"{USER}\", password = \"{PASSWORD}\" }}]\n\
         [limits]\nunauthenticated_per_second = 1000000\n\
         [log]\nlevel = \"warn\"\n"
    );
    fs::write(&file, text)?;
    command.arg(std::env::current_exe()?).arg("serve").arg(file);
    Ok(())
}

fn coturn(command: &mut Command, folder: &Path, address: SocketAddr) -> Result<(), Failure> {
    let path = |name: &str| folder.join(name).display().to_string();
    // Relay threads: one, as we have one shard.
    command.args(["turnserver", "-n", "--no-cli", "--lt-cred-mech", "--allow-loopback-peers"]);
    command.args(["--no-tls", "--no-dtls", "--no-tcp", "--relay-threads", "1"]);
    command.args(["--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1"]);
    command.args(["--min-port", "20000", "--max-port", "59999"]);
    command.args(["--listening-port", &address.port().to_string()]);
    command.args(["--realm", REALM, "--user", &format!("{USER}:{PASSWORD}")]);
    command.arg(format!("--userdb={}", path("db"))).arg(format!("--pidfile={}", path("pid")));
    command.args(["--log-file", "stdout", "--simple-log"]);
    Ok(())
}

/// coturn's version, if it is installed.
pub(crate) fn coturn_version() -> Option<String> {
    let output =
        Command::new("dpkg-query").args(["-W", "-f=${Version}", "coturn"]).output().ok()?;
    Command::new("turnserver").arg("--version").stdout(Stdio::null()).status().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split('-').next().filter(|version| !version.is_empty()).map(str::to_owned)
}
