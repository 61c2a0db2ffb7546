//! Our TURN server against coturn's clients, on loopback: every transport, both kinds of credentials,
//! both address families, TCP relays, mobility.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use antiphon_turn_server::{Config, Server, Transport};
use tempfile::TempDir;

/// Packets that a client sends; it needs a fifth of a second for each.
const PACKETS: &str = "5";

/// Our server, and coturn's peer, which returns what it gets.
struct Rig {
    server: Server,
    peer: Child,
    peer_port: String,
    _folder: TempDir,
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.peer.kill();
        let _ = self.peer.wait();
    }
}

impl Rig {
    fn start() -> Option<Self> {
        if is_missing() {
            return None;
        }
        let folder = TempDir::new().unwrap();
        let made = Command::new("openssl")
            .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(' '))
            .args("-subj /CN=turn.example -keyout key.pem -out cert.pem".split(' '))
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success());
        let server = Server::start(config(&folder)).unwrap();
        let peer_port = free_port();
        let peer = Command::new("turnutils_peer")
            .args(["-L", "127.0.0.2", "-p", &peer_port])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(200));
        Some(Self { server, peer, peer_port, _folder: folder })
    }

    fn address(&self, transport: Transport, v4: bool) -> SocketAddr {
        let mut listeners = self.server.listeners().iter();
        let found = listeners
            .find(|listener| listener.transport == transport && listener.address.is_ipv4() == v4);
        found.unwrap().address
    }

    /// Whether all packets of `turnutils_uclient` came back.
    fn relays(&self, server: SocketAddr, arguments: &[&str]) -> Result<(), String> {
        let mut command = Command::new("timeout");
        command.args(["10", "turnutils_uclient", "-n", PACKETS, "-m", "2", "-l", "200", "-c"]);
        command.args(["-p", &server.port().to_string()]).args(arguments);
        if !arguments.contains(&"-y") {
            command.args(["-e", "127.0.0.2", "-r", &self.peer_port]);
        }
        let output = command.arg(server.ip().to_string()).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let is_good = output.status.success() && said.contains("Total lost packets 0 ");
        if is_good { Ok(()) } else { Err(format!("{arguments:?}:\n{said}")) }
    }

    fn expect(&self, server: SocketAddr, arguments: &[&str]) {
        if let Err(said) = self.relays(server, arguments) {
            panic!("{said}");
        }
    }
}

const ALICE: [&str; 4] = ["-u", "alice", "-w", "wonderland"];

fn with(arguments: &[&'static str]) -> Vec<&'static str> {
    ALICE.iter().chain(arguments).copied().collect()
}

fn config(folder: &TempDir) -> Config {
    let mut text = "realm = \"turn.example\"\nshards = 1\n".to_owned();
    for (transport, address) in [
        ("udp", "127.0.0.1"),
        ("tcp", "127.0.0.1"),
        ("tls", "127.0.0.1"),
        ("dtls", "127.0.0.1"),
        ("udp", "[::1]"),
        ("tcp", "[::1]"),
    ] {
        text += &format!("[[listen]]\ntransport = \"{transport}\"\naddress = \"{address}:0\"\n");
    }
    // Its clients use channels up to 0x7FFE.
    text += "[relay]\naddresses = [\"127.0.0.1\", \"::1\"]\nports = \"20000-59999\"\ntcp = true\n\
             mobility = true\nwide_channels = true\n\
             [peers]\nallow = [\"127.0.0.0/8\", \"::1\"]\nrelay_to_relay = true\n\
             [tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n\
             [auth]\nusers = [{ name = \"alice\", password = \"wonderland\" }]\n\
             rest_secrets = [\"a secret of the web service\"]\n";
    Config::parse(&folder.path().join("turn.toml"), &text).unwrap_or_else(|error| panic!("{error}"))
}

fn free_port() -> String {
    let socket = std::net::UdpSocket::bind("127.0.0.2:0").unwrap();
    socket.local_addr().unwrap().port().to_string()
}

/// Whether coturn is here. Where it has to be, its absence is a failure.
fn is_missing() -> bool {
    let missing = Command::new("turnserver").arg("--version").output().is_err();
    if missing {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "coturn is not installed");
        eprintln!("SKIPPED: coturn is not installed, so nothing was tested");
    }
    missing
}

#[test]
fn coturns_client_relays_over_every_transport() {
    let Some(rig) = Rig::start() else { return };
    let (udp, tcp) = (rig.address(Transport::Udp, true), rig.address(Transport::Tcp, true));
    let tls = rig.address(Transport::Tls, true);
    std::thread::scope(|scope| {
        // Channels, indications, streams, and a secret instead of a password.
        scope.spawn(|| rig.expect(udp, &with(&[])));
        scope.spawn(|| rig.expect(udp, &with(&["-s"])));
        scope.spawn(|| rig.expect(tcp, &with(&["-t"])));
        scope.spawn(|| rig.expect(tls, &with(&["-t", "-S"])));
        scope.spawn(|| rig.expect(udp, &["-u", "carol", "-W", "a secret of the web service"]));
        scope.spawn(|| rig.expect(udp, &with(&["-M"])));
    });
    let begin = Instant::now();
    while rig.server.report().allocations() > 0 {
        assert!(begin.elapsed() < Duration::from_secs(5), "its clients clean up");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn coturns_client_relays_over_dtls() {
    let Some(rig) = Rig::start() else { return };
    let dtls = rig.address(Transport::Dtls, true);
    // For each connection the client draws one of several versions and lists of ciphers, DTLS 1.0 among
    // them, which nobody should speak any more. Some draws are all good.
    let tries = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..24)
            .map(|_| scope.spawn(|| rig.relays(dtls, &with(&["-S"]))))
            .collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    let good = tries.iter().filter(|one| one.is_ok()).count();
    assert!(good > 0, "{tries:?}");
}

#[test]
fn two_clients_of_coturn_reach_each_other_over_both_families() {
    let Some(rig) = Rig::start() else { return };
    let (v4, v6) = (rig.address(Transport::Udp, true), rig.address(Transport::Udp, false));
    std::thread::scope(|scope| {
        scope.spawn(|| rig.expect(v4, &with(&["-y"])));
        scope.spawn(|| rig.expect(v6, &with(&["-y", "-x"])));
        scope.spawn(|| rig.expect(v4, &with(&["-y", "-x"])));
    });
}

#[test]
fn coturns_client_relays_tcp() {
    let Some(rig) = Rig::start() else { return };
    let tcp = rig.address(Transport::Tcp, true);
    std::thread::scope(|scope| {
        scope.spawn(|| rig.expect(tcp, &with(&["-T"])));
        scope.spawn(|| rig.expect(tcp, &with(&["-T", "-y"])));
    });
}

#[test]
fn a_wrong_password_is_refused() {
    let Some(rig) = Rig::start() else { return };
    let udp = rig.address(Transport::Udp, true);
    assert!(rig.relays(udp, &["-u", "alice", "-w", "wrong"]).is_err());
    assert!(rig.relays(udp, &["-u", "carol", "-W", "another secret, just as long"]).is_err());
    assert_eq!(rig.server.report().allocations(), 0);
}

#[test]
fn coturns_stun_clients_learn_their_address() {
    let Some(rig) = Rig::start() else { return };
    let udp = rig.address(Transport::Udp, true);
    for program in [&["turnutils_stunclient"][..], &["turnutils_natdiscovery", "-m"][..]] {
        let output = Command::new("timeout")
            .arg("10")
            .args(program)
            .args(["-p", &udp.port().to_string(), "127.0.0.1"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(said.contains("UDP reflexive addr: 127.0.0.1:"), "{program:?}: {said}");
    }
}
