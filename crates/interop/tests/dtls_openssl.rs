//! DTLS against OpenSSL's `s_server` and `s_client`, on loopback, in both roles: handshake with
//! certificates on both sides, profiles for SRTP, exporters, data, and the end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use std::io::{ErrorKind, Read, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use antiphon_crypto::{CertificateParams, CryptoProvider, Fingerprint, HashAlgorithm};
use antiphon_crypto_rust::RustCrypto;
use antiphon_dtls::{
    CloseReason, Config, Connection, Data, Event, InputError, OVERHEAD, Role, SrtpProfile,
};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(20);
const SRTP_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// OpenSSL as a process of ours: ended with its handle, its output collected.
struct OpenSsl {
    child: Child,
    input: ChildStdin,
    output: Arc<Mutex<String>>,
    dir: TempDir,
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl OpenSsl {
    /// Makes a certificate and starts `openssl` with it and `arguments`.
    fn start(arguments: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        make_certificate(dir.path());
        let mut child = Command::new("openssl")
            .args(arguments)
            .args(["-dtls1_2", "-cert", "cert.pem", "-key", "key.pem"])
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        collect(child.stdout.take().unwrap(), &output);
        collect(child.stderr.take().unwrap(), &output);
        let input = child.stdin.take().unwrap();
        Self { child, input, output, dir }
    }

    fn fingerprint(&self) -> Fingerprint {
        let der = std::fs::read(self.dir.path().join("cert.der")).unwrap();
        let digest = RustCrypto::new().hash(HashAlgorithm::Sha256, &der).unwrap();
        Fingerprint::new(HashAlgorithm::Sha256, digest.as_bytes()).unwrap()
    }

    fn says(&self, text: &str) -> bool {
        self.output.lock().unwrap().contains(text)
    }

    fn wait_for(&self, text: &str) {
        let begin = Instant::now();
        while !self.says(text) {
            assert!(begin.elapsed() < LIMIT, "no {text:?} in:\n{}", self.output.lock().unwrap());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn write(&mut self, line: &str) {
        self.input.write_all(line.as_bytes()).unwrap();
        self.input.flush().unwrap();
    }

    /// The bytes that OpenSSL exported, out of its output.
    fn keying_material(&self) -> Vec<u8> {
        self.wait_for("Keying material: ");
        let output = self.output.lock().unwrap().clone();
        let hex = output.split("Keying material: ").nth(1).unwrap();
        let digits: Vec<_> = hex.chars().map_while(|digit| digit.to_digit(16)).collect();
        digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
    }
}

fn collect(mut from: impl Read + Send + 'static, into: &Arc<Mutex<String>>) {
    let into = Arc::clone(into);
    std::thread::spawn(move || {
        let mut buf = [0; 4096];
        while let Ok(len @ 1..) = from.read(&mut buf) {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&buf[..len]));
        }
    });
}

fn make_certificate(dir: &Path) {
    let run = |arguments: &str| {
        let status = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(dir)
            .output()
            .unwrap()
            .status;
        assert!(status.success(), "openssl {arguments}");
    };
    run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=peer \
         -keyout key.pem -out cert.pem");
    run("x509 -in cert.pem -outform der -out cert.der");
}

/// Whether OpenSSL is here. Where it has to be, its absence is a failure.
fn is_missing() -> bool {
    let missing = Command::new("openssl").arg("version").output().is_err();
    if missing {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "openssl is not installed");
        eprintln!("SKIPPED: the program `openssl` is not installed, so nothing was tested");
    }
    missing
}

/// A connection of ours on a socket of its own.
struct Ours {
    dtls: Connection,
    socket: UdpSocket,
    peer: Option<SocketAddr>,
    received: Vec<u8>,
    events: Vec<Event>,
}

impl Ours {
    fn new(configure: impl FnOnce(&mut Config)) -> Self {
        let provider: Arc<dyn CryptoProvider> = Arc::new(RustCrypto::new());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let certificate = provider.generate_certificate(&CertificateParams::new(now)).unwrap();
        let mut config = Config::new(Arc::clone(&provider), certificate);
        configure(&mut config);
        let mut seed = [0; 32];
        provider.fill_random(&mut seed).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let dtls = Connection::new(config, seed, Instant::now());
        Self { dtls, socket, peer: None, received: Vec::new(), events: Vec::new() }
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    /// Drives the connection until `done`.
    fn run(&mut self, openssl: &OpenSsl, mut done: impl FnMut(&Self) -> bool) {
        let begin = Instant::now();
        while !done(self) {
            assert!(
                begin.elapsed() < LIMIT,
                "{:?}\n{:?}\n{}",
                self.events,
                self.dtls.stats(),
                openssl.output.lock().unwrap()
            );
            self.turn();
        }
    }

    fn turn(&mut self) {
        let mut buf = [0; 2048];
        while let Some(transmit) = self.dtls.poll_output(Instant::now(), &mut buf).unwrap() {
            if let Some(peer) = self.peer {
                self.socket.send_to(&buf[..transmit.len], peer).unwrap();
            }
        }
        while let Some(event) = self.dtls.poll_event() {
            self.events.push(event);
        }
        let wait = self.dtls.poll_timeout().map_or(LIMIT, |at| at - Instant::now());
        let wait = wait.clamp(Duration::from_millis(1), Duration::from_millis(20));
        self.socket.set_read_timeout(Some(wait)).unwrap();
        match self.socket.recv_from(&mut buf) {
            Ok((len, peer)) => {
                self.peer.get_or_insert(peer);
                let handled = self.dtls.handle_input(Instant::now(), &mut buf[..len]);
                assert!(matches!(handled, Ok(()) | Err(InputError::Closed)), "{handled:?}");
                while let Some(data) = self.dtls.poll_data() {
                    match data {
                        Data::InPlace(range) => self.received.extend_from_slice(&buf[range]),
                        Data::Held(bytes) => self.received.extend_from_slice(&bytes),
                    }
                }
            }
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
                "{error}"
            ),
        }
        self.dtls.handle_timeout(Instant::now());
    }

    fn send(&mut self, payload: &[u8]) {
        let mut buf = vec![0; OVERHEAD.before + payload.len() + OVERHEAD.after];
        let range = OVERHEAD.before..OVERHEAD.before + payload.len();
        buf[range.clone()].copy_from_slice(payload);
        let record = self.dtls.protect(&mut buf, range).unwrap();
        self.socket.send_to(&buf[record], self.peer.unwrap()).unwrap();
    }

    fn has(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.received).contains(text)
    }
}

/// A port for a server: free a moment ago.
fn free_port() -> String {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// What both roles have in common: keys agree, data passes, the end is seen.
fn exchange(ours: &mut Ours, openssl: &mut OpenSsl, profile: SrtpProfile, len: usize) {
    ours.run(openssl, |ours| !ours.events.is_empty());
    let [Event::Connected(connected)] = ours.events[..] else { panic!("{:?}", ours.events) };
    assert_eq!(connected.srtp_profile, Some(profile));

    let mut exported = vec![0; len];
    ours.dtls.export_keying_material(SRTP_LABEL.as_bytes(), None, &mut exported).unwrap();
    ours.run(openssl, |_| openssl.says("Keying material: "));
    assert_eq!(openssl.keying_material(), exported);
    let keys = ours.dtls.srtp_keys().unwrap();
    let (client, server) = (keys.writing(Role::Client), keys.writing(Role::Server));
    assert_eq!([client.0, server.0, client.1, server.1].concat(), exported);

    ours.send(b"from antiphon\n");
    ours.run(openssl, |_| openssl.says("from antiphon"));
    openssl.write("from openssl\n");
    ours.run(openssl, |ours| ours.has("from openssl"));
}

/// We are the client, `arguments` make the server special.
fn against_server(arguments: &[&str], configure: impl FnOnce(&mut Config)) -> (Ours, OpenSsl) {
    let port = free_port();
    let mut all = vec!["s_server", "-4", "-port", &port, "-Verify", "1"];
    all.extend_from_slice(arguments);
    let openssl = OpenSsl::start(&all);
    openssl.wait_for("ACCEPT");
    let mut ours = Ours::new(configure);
    ours.peer = Some(format!("127.0.0.1:{port}").parse().unwrap());
    ours.dtls.set_remote_fingerprints(Instant::now(), &[openssl.fingerprint()]);
    ours.dtls.start(Instant::now(), Role::Client).unwrap();
    (ours, openssl)
}

/// We are the server, `arguments` make the client special.
fn against_client(arguments: &[&str], configure: impl FnOnce(&mut Config)) -> (Ours, OpenSsl) {
    let mut ours = Ours::new(configure);
    let target = format!("127.0.0.1:{}", ours.port());
    let mut all = vec!["s_client", "-connect", &target];
    all.extend_from_slice(arguments);
    let openssl = OpenSsl::start(&all);
    ours.dtls.set_remote_fingerprints(Instant::now(), &[openssl.fingerprint()]);
    ours.dtls.start(Instant::now(), Role::Server).unwrap();
    (ours, openssl)
}

const SHA1_80: &[&str] =
    &["-use_srtp", "SRTP_AES128_CM_SHA1_80", "-keymatexport", SRTP_LABEL, "-keymatexportlen", "60"];
const GCM_128: &[&str] =
    &["-use_srtp", "SRTP_AEAD_AES_128_GCM", "-keymatexport", SRTP_LABEL, "-keymatexportlen", "56"];
const GCM_256: &[&str] =
    &["-use_srtp", "SRTP_AEAD_AES_256_GCM", "-keymatexport", SRTP_LABEL, "-keymatexportlen", "88"];

#[test]
fn our_client_works_with_an_openssl_server() {
    if is_missing() {
        return;
    }
    for (arguments, profile, len) in [
        (SHA1_80, SrtpProfile::Aes128CmSha1_80, 60),
        (GCM_128, SrtpProfile::AeadAes128Gcm, 56),
        (GCM_256, SrtpProfile::AeadAes256Gcm, 88),
    ] {
        let (mut ours, mut openssl) = against_server(arguments, |_| {});
        exchange(&mut ours, &mut openssl, profile, len);
        ours.dtls.close(Instant::now());
        ours.turn();
        openssl.wait_for("DONE");
    }
}

#[test]
fn our_server_works_with_an_openssl_client() {
    if is_missing() {
        return;
    }
    for (arguments, profile, len) in [
        (SHA1_80, SrtpProfile::Aes128CmSha1_80, 60),
        (GCM_128, SrtpProfile::AeadAes128Gcm, 56),
        (GCM_256, SrtpProfile::AeadAes256Gcm, 88),
    ] {
        let (mut ours, mut openssl) = against_client(arguments, |_| {});
        exchange(&mut ours, &mut openssl, profile, len);
        openssl.write("Q\n");
        ours.run(&openssl, |ours| ours.events.len() == 2);
        assert_eq!(ours.events[1], Event::Closed(CloseReason::PeerClosed));
    }
}

//= rfc6347#4.2.1
//= type=test
#[test]
fn our_client_brings_the_cookie_back_that_an_openssl_server_asks_for() {
    if is_missing() {
        return;
    }
    let arguments: Vec<&str> = SHA1_80.iter().copied().chain(["-listen"]).collect();
    let (mut ours, mut openssl) = against_server(&arguments, |_| {});
    exchange(&mut ours, &mut openssl, SrtpProfile::Aes128CmSha1_80, 60);
    assert!(ours.dtls.stats().datagrams_sent >= 3, "two hellos and a flight");
}

#[test]
fn small_datagrams_work_with_openssl_in_both_roles() {
    if is_missing() {
        return;
    }
    let arguments: Vec<&str> = SHA1_80.iter().copied().chain(["-mtu", "256"]).collect();
    let small = |config: &mut Config| config.mtu = 200;
    let (mut ours, mut openssl) = against_server(&arguments, small);
    exchange(&mut ours, &mut openssl, SrtpProfile::Aes128CmSha1_80, 60);
    let (mut ours, mut openssl) = against_client(&arguments, small);
    exchange(&mut ours, &mut openssl, SrtpProfile::Aes128CmSha1_80, 60);
}

//= rfc8122#5.1
//= type=test
#[test]
fn an_openssl_peer_with_another_certificate_is_told_so_and_left() {
    if is_missing() {
        return;
    }
    let wrong = Fingerprint::new(HashAlgorithm::Sha256, &[7; 32]).unwrap();
    for role in [Role::Client, Role::Server] {
        let (mut ours, openssl) = match role {
            Role::Client => against_server(SHA1_80, |_| {}),
            Role::Server => against_client(SHA1_80, |_| {}),
        };
        // Nobody may change the fingerprints of a connection, so this is a fresh one.
        ours.dtls = Ours::new(|_| {}).dtls;
        ours.dtls.set_remote_fingerprints(Instant::now(), &[wrong]);
        ours.dtls.start(Instant::now(), role).unwrap();
        ours.run(&openssl, |ours| !ours.events.is_empty());
        assert_eq!(ours.events, [Event::Closed(CloseReason::FingerprintMismatch)]);
        openssl.wait_for("bad certificate");
    }
}

// attack: a client that leaves its certificate out (CVE-2022-29222)
#[test]
fn an_openssl_client_without_a_certificate_is_refused() {
    if is_missing() {
        return;
    }
    let dir = TempDir::new().unwrap();
    make_certificate(dir.path());
    let mut ours = Ours::new(|_| {});
    ours.dtls.start(Instant::now(), Role::Server).unwrap();
    let target = format!("127.0.0.1:{}", ours.port());
    let mut child = Command::new("openssl")
        .args(["s_client", "-dtls1_2", "-connect", &target])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while ours.events.is_empty() && begin.elapsed() < LIMIT {
        ours.turn();
    }
    let _ = child.kill();
    let _ = child.wait();
    let [Event::Closed(CloseReason::PeerIncompatible(incompatibility))] = ours.events[..] else {
        panic!("{:?}", ours.events)
    };
    assert_eq!(incompatibility, antiphon_dtls::Incompatibility::NoCertificate);
}
