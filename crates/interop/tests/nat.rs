//! Calls between homes behind NATs of the kernel, with coturn on the public network: every pairing
//! finds a path, a direct one where that is possible.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failed expectation is a failed test"
)]

use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use antiphon_interop::lab::{Home, Host, Lab, Nat, SERVER, Word};
use antiphon_interop::missing;

const PEER: &str = env!("CARGO_BIN_EXE_lab-peer");
const PATIENCE: Duration = Duration::from_secs(70);

/// A program of the lab, ended with it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// coturn on both addresses of the server.
fn coturn(lab: &Lab) -> Running {
    let mut command = lab.command(Host::Server, "turnserver");
    command.args(["-n", "--no-cli", "--no-tls", "--no-dtls", "--lt-cred-mech", "--user=u:p"]);
    command.args(["--realm=lab", "--pidfile=/dev/null", "--log-file=/dev/null", "--fingerprint"]);
    for address in SERVER {
        command.arg(format!("-L{address}"));
    }
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let running = Running(child.unwrap());
    let answers = || {
        // It waits for ever for an answer that was never sent.
        let mut probe = lab.command(Host::Server, "timeout");
        probe.args(["0.5", "turnutils_stunclient", SERVER[1]]);
        probe.stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().unwrap().success()
    };
    let begin = Instant::now();
    while !answers() {
        assert!(begin.elapsed() < PATIENCE, "coturn did not start");
    }
    running
}

/// Where a path begins and ends, and how long it took.
#[derive(Debug)]
struct Found {
    local: SocketAddr,
    remote: SocketAddr,
    millis: u64,
}

impl Found {
    /// Whether it leads from one home to the other without a relay.
    fn is_direct(&self) -> bool {
        let homes = ["203.0.113.1", "203.0.113.2", "10.1.0.2", "10.2.0.2"];
        let at_home = |address: SocketAddr| {
            homes.contains(&address.ip().to_string().as_str()) || address.is_ipv6()
        };
        at_home(self.local) && at_home(self.remote)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_direct() { "direct" } else { "relayed" };
        write!(f, "{kind}, {} to {}", self.local, self.remote)
    }
}

/// Starts an end; its words go into `words` with its name.
fn end(
    mut command: Command,
    host: Host,
    words: mpsc::Sender<(Host, Word)>,
) -> (Running, ChildStdin) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let Ok(word) = serde_json::from_str(&line) else { continue };
            if words.send((host, word)).is_err() {
                return;
            }
        }
    });
    (Running(child), input)
}

/// Lets alice call bob.
fn call(lab: &Lab, servers: &[&str]) -> Result<Found, String> {
    let (sender, words) = mpsc::channel();
    let start = |host, role| {
        let mut command = lab.command(host, PEER);
        command.arg(role).args(servers);
        end(command, host, sender.clone())
    };
    let (_bob, mut to_bob) = start(Host::Bob, "answer");
    let (_alice, mut to_alice) = start(Host::Alice, "offer");
    loop {
        let (host, word) = words.recv_timeout(PATIENCE).map_err(|error| error.to_string())?;
        match word {
            Word::Connected { local, remote, millis } => {
                return Ok(Found { local, remote, millis });
            }
            Word::Failed(reason) => return Err(format!("{host:?}: {reason}")),
            Word::Description(_) | Word::Candidate { .. } => {
                let other = if host == Host::Alice { &mut to_bob } else { &mut to_alice };
                let line = serde_json::to_string(&word).unwrap();
                writeln!(other, "{line}").map_err(|error| error.to_string())?;
            }
        }
    }
}

fn is_ready() -> bool {
    let tools = Lab::is_possible();
    if !tools {
        missing("a machine where namespaces can be made", "iproute2 nftables");
    }
    tools
}

#[test]
fn every_pairing_of_nats_finds_the_path_that_there_is() {
    if !is_ready() {
        return;
    }
    let servers = ["stun:203.0.113.10", "turn:203.0.113.10,u,p"];
    println!("{:20}{:20}{:>10}  path", "alice", "bob", "open");
    for alice in Nat::ALL {
        for bob in Nat::ALL {
            let lab = Lab::new(&Home::behind(alice), &Home::behind(bob)).unwrap();
            let _server = coturn(&lab);
            let found =
                call(&lab, &servers).unwrap_or_else(|error| panic!("{alice} to {bob}: {error}"));
            println!("{alice:20}{bob:20}{:7} ms  {found}", found.millis);
            assert_eq!(found.is_direct(), alice.reaches(bob), "{alice} to {bob}: {found}");
        }
    }
}
