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

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use antiphon_crypto::{CryptoProvider as _, HashAlgorithm};
use antiphon_crypto_rust::RustCrypto;
use antiphon_stun::{Class, MessageView, MessageWriter, Method, TransactionId};
use antiphon_turn_server::{Config, Server, Transport};
use base64::Engine as _;
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
        let limit =
            if arguments.contains(&"-S") && !arguments.contains(&"-t") { "6" } else { "15" };
        command.args([limit, "turnutils_uclient", "-n", PACKETS, "-m", "2", "-l", "200", "-c"]);
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
    let key = base64(OAUTH_KEY);
    text += &format!(
        "[auth.oauth]\nserver_name = \"turn.example\"\nkeys = [{{ id = \"north\", key = \"{key}\" }}]\n"
    );
    Config::parse(&folder.path().join("turn.toml"), &text).unwrap_or_else(|error| panic!("{error}"))
}

const OAUTH_KEY: &[u8; 32] = b"0123456789abcdef0123456789abcdef";
const MAC_KEY: &[u8; 20] = b"abcdefghijklmnopqrst";

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn free_port() -> String {
    let socket = UdpSocket::bind("127.0.0.2:0").unwrap();
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
}

#[test]
fn coturns_client_relays_over_dtls() {
    let Some(rig) = Rig::start() else { return };
    let dtls = rig.address(Transport::Dtls, true);
    // For each connection the client draws DTLS 1.0 or 1.2, and waits for ever where it drew the former,
    // which nobody should speak any more. Some draws are all good.
    let mut tries = Vec::new();
    for _ in 0..4 {
        tries = std::thread::scope(|scope| {
            let one = || rig.relays(dtls, &with(&["-S", "-m", "1"]));
            let tries: Vec<_> = (0..12).map(|_| scope.spawn(one)).collect();
            tries.into_iter().map(|one| one.join().unwrap()).collect()
        });
        if tries.iter().any(Result::is_ok) {
            return;
        }
    }
    panic!("{tries:?}");
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

/// A token that coturn's tool seals for our server.
fn token(server_name: &str, lifetime: &str) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let output = Command::new("turnutils_oauth")
        .args(["-e", "--server-name", server_name, "--auth-key-id", "north"])
        .args(["--auth-key", &base64(OAUTH_KEY), "--auth-key-as-rs-alg", "A256GCM"])
        .args(["--auth-key-timestamp", &now.to_string(), "--auth-key-lifetime", "3600"])
        .args(["--token-mac-key", &base64(MAC_KEY), "--token-nonce", &base64(b"twelve bytes")])
        .args(["--token-timestamp", &(now << 16).to_string(), "--token-lifetime", lifetime])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let token = said.split("\"access_token\":\"").nth(1).unwrap().split('"').next().unwrap();
    base64::engine::general_purpose::STANDARD.decode(token).unwrap()
}

/// The answer to an Allocate that shows a token: 0 for success.
fn allocate(server: SocketAddr, token: &[u8]) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let provider = RustCrypto::new();
    let hmac = provider.hmac(HashAlgorithm::Sha1, MAC_KEY).unwrap();
    let mut nonce = Vec::new();
    for number in 1..3 {
        let mut buf = [0; 1024];
        let id = TransactionId([number; 12]);
        let mut request =
            MessageWriter::new(&mut buf, Class::Request, Method::ALLOCATE, id).unwrap();
        request.attribute(0x0019, &[17, 0, 0, 0]).unwrap();
        if !nonce.is_empty() {
            request.username(b"north").unwrap().realm(b"turn.example").unwrap();
            request.nonce(&nonce).unwrap().attribute(0x001b, token).unwrap();
            request.message_integrity(|parts| hmac.sign(parts).prefix().unwrap()).unwrap();
        }
        let len = request.finish();
        socket.send(&buf[..len]).unwrap();
        let len = socket.recv(&mut buf).unwrap();
        let answer = MessageView::parse(&buf[..len]).unwrap();
        if answer.class() == Class::Success {
            return 0;
        }
        if number == 2 {
            return answer.error_code().unwrap().code();
        }
        // THIRD-PARTY-AUTHORIZATION says whom to ask for a token.
        assert_eq!(answer.find(0x802e), Some(&b"turn.example"[..]));
        nonce = answer.nonce().unwrap().to_vec();
    }
    unreachable!("both rounds return");
}

#[test]
fn tokens_that_coturn_seals_open_the_door() {
    let Some(rig) = Rig::start() else { return };
    let udp = rig.address(Transport::Udp, true);
    assert_eq!(allocate(udp, &token("turn.example", "3600")), 0);
    assert_eq!(allocate(udp, &token("another.example", "3600")), 401);
    let mut damaged = token("turn.example", "3600");
    damaged[20] ^= 1;
    assert_eq!(allocate(udp, &damaged), 401);
}
