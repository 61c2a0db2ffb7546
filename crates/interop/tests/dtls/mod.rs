//! What the tests of DTLS against other programs share: our end on a socket of its own, the other
//! program as a process, and what both have to agree on.
#![allow(dead_code, unreachable_pub, reason = "several tests have it, none needs all of it")]

pub mod wolfssl;

use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use antiphon_crypto::{
    Certificate, CertificateParams, CryptoProvider, Fingerprint, HashAlgorithm, PublicKeyKind,
    SignatureScheme,
};
use antiphon_crypto_rust::RustCrypto;
use antiphon_dtls::{
    CloseReason, Config, Connected, Connection, Data, Event, InputError, OVERHEAD, Role, Version,
};
use tempfile::TempDir;

pub const LIMIT: Duration = Duration::from_secs(20);
pub const SRTP_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// The kinds of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    P256,
    P384,
    Ed25519,
    Rsa,
}

impl Key {
    /// Whether a signature of that scheme is one of such a key. TLS 1.2 names the kind of the key
    /// and the hash function, not the curve.
    pub fn made(self, scheme: SignatureScheme, version: Version) -> bool {
        let schemes = match (self, version) {
            (Self::P256 | Self::P384, Version::Dtls12) => {
                &[SignatureScheme::EcdsaSecp256r1Sha256, SignatureScheme::EcdsaSecp384r1Sha384]
            }
            (Self::P256 | Self::P384 | Self::Ed25519 | Self::Rsa, _) => self.kind().schemes(),
        };
        schemes.contains(&scheme)
    }

    pub const fn kind(self) -> PublicKeyKind {
        match self {
            Self::P256 => PublicKeyKind::EcdsaP256,
            Self::P384 => PublicKeyKind::EcdsaP384,
            Self::Ed25519 => PublicKeyKind::Ed25519,
            Self::Rsa => PublicKeyKind::Rsa { bits: 2048 },
        }
    }

    /// What `openssl req` makes it with.
    const fn arguments(self) -> &'static str {
        match self {
            Self::P256 => "-newkey ec -pkeyopt ec_paramgen_curve:P-256",
            Self::P384 => "-newkey ec -pkeyopt ec_paramgen_curve:P-384",
            Self::Ed25519 => "-newkey ed25519",
            Self::Rsa => "-newkey rsa:2048",
        }
    }
}

/// Another program as a process of ours: ended with its handle, its output collected.
pub struct Peer {
    child: Child,
    input: Option<ChildStdin>,
    output: Arc<Mutex<String>>,
    dir: TempDir,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    /// Makes a certificate (`cert.pem`, `key.pem`) and starts the program where it lies.
    pub fn start(program: impl AsRef<Path>, key: Key, arguments: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        make_certificate(dir.path(), key);
        let mut child = Command::new(program.as_ref())
            .args(arguments)
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        collect(child.stdout.take().unwrap(), &output);
        collect(child.stderr.take().unwrap(), &output);
        let input = child.stdin.take();
        Self { child, input, output, dir }
    }

    pub fn fingerprint(&self) -> Fingerprint {
        let der = std::fs::read(self.dir.path().join("cert.der")).unwrap();
        let digest = RustCrypto::new().hash(HashAlgorithm::Sha256, &der).unwrap();
        Fingerprint::new(HashAlgorithm::Sha256, digest.as_bytes()).unwrap()
    }

    pub fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    pub fn says(&self, text: &str) -> bool {
        self.output.lock().unwrap().contains(text)
    }

    pub fn wait_for(&self, text: &str) {
        let begin = Instant::now();
        while !self.says(text) {
            assert!(begin.elapsed() < LIMIT, "no {text:?} in:\n{}", self.output());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn write(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(line.as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// Ends its standard input.
    pub fn close_input(&mut self) {
        drop(self.input.take());
    }

    /// What follows `name` on its line, once the line is complete.
    pub fn line(&self, name: &str) -> Option<String> {
        let output = self.output.lock().unwrap();
        let complete = output.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        complete.filter_map(|line| line.trim().strip_prefix(name)).map(str::to_owned).next()
    }

    /// The bytes that the line with that name shows in hexadecimal.
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let digits: Vec<_> = self.line(name)?.chars().map_while(|c| c.to_digit(16)).collect();
        Some(digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
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

/// Writes `cert.pem`, `cert.der` and `key.pem`; the same for all of one kind, as RSA takes time.
pub fn make_certificate(dir: &Path, key: Key) {
    const FILES: [&str; 3] = ["cert.pem", "cert.der", "key.pem"];
    static MADE: [OnceLock<[Vec<u8>; 3]>; 4] = [const { OnceLock::new() }; 4];
    let made = MADE[key as usize].get_or_init(|| {
        let dir = TempDir::new().unwrap();
        run_openssl(dir.path(), key);
        FILES.map(|name| std::fs::read(dir.path().join(name)).unwrap())
    });
    for (name, bytes) in FILES.iter().zip(made) {
        std::fs::write(dir.join(name), bytes).unwrap();
    }
}

fn run_openssl(dir: &Path, key: Key) {
    let run = |arguments: &str| {
        let mut command = Command::new("openssl");
        command.args(arguments.split(' ')).current_dir(dir);
        assert!(command.output().unwrap().status.success(), "openssl {arguments}");
    };
    let key = key.arguments();
    run(&format!("req -x509 {key} -nodes -days 2 -subj /CN=peer -keyout key.pem -out cert.pem"));
    run("x509 -in cert.pem -outform der -out cert.der");
}

/// Ours; one of each kind, too.
fn our_certificate(provider: &dyn CryptoProvider, key: Key) -> Certificate {
    static MADE: [OnceLock<Certificate>; 4] = [const { OnceLock::new() }; 4];
    let make = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let mut params = CertificateParams::new(now);
        params.kind = key.kind();
        provider.generate_certificate(&params).unwrap()
    };
    MADE[key as usize].get_or_init(make).clone()
}

/// Whether one of these programs or files is not here. Where they have to be, that is a failure.
pub fn is_missing(needed: &[(&str, &str)]) -> bool {
    let folders: Vec<PathBuf> =
        std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    // A path joined to a folder is that path, if it is absolute.
    let has = |name: &str| folders.iter().any(|folder| folder.join(name).is_file());
    let missing: Vec<_> = needed.iter().filter(|(name, _)| !has(name)).collect();
    for (name, package) in &missing {
        antiphon_interop::missing(name, package);
    }
    !missing.is_empty()
}

/// Compiles one of the peers in C beside this file, unless it was since that one changed last.
pub fn compile(name: &str, arguments: impl FnOnce() -> Vec<OsString>) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dtls");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("dtls-{name}"));
    let source = folder.join(name).with_extension("c");
    let changed = |path: &Path| path.metadata().and_then(|data| data.modified());
    let sources = [&source, &folder.join("peer.h"), &folder.join("user_settings.h")];
    if let Ok(built) = changed(&program)
        && sources.into_iter().all(|path| changed(path).unwrap() < built)
    {
        return program;
    }
    // Nobody is to run half of it.
    let half = program.with_extension(std::process::id().to_string());
    let mut command = Command::new("cc");
    command.args(["-O1", "-Wall", "-Werror", "-o"]).arg(&half).arg(source).args(arguments());
    assert!(command.status().expect("a C compiler").success(), "{command:?}");
    std::fs::rename(half, &program).unwrap();
    program
}

/// A connection of ours on a socket of its own.
pub struct Ours {
    pub dtls: Connection,
    pub socket: UdpSocket,
    pub peer: Option<SocketAddr>,
    pub received: Vec<u8>,
    pub events: Vec<Event>,
    /// Which datagrams of the handshake get lost: ours and the peer's, counted from 0.
    pub lost: [Vec<u64>; 2],
    passed: [u64; 2],
}

impl Ours {
    pub fn new(configure: impl FnOnce(&mut Config)) -> Self {
        Self::with(Key::P256, configure)
    }

    pub fn with(key: Key, configure: impl FnOnce(&mut Config)) -> Self {
        let provider: Arc<dyn CryptoProvider> = Arc::new(RustCrypto::new());
        let certificate = our_certificate(&*provider, key);
        let mut config = Config::new(Arc::clone(&provider), certificate);
        configure(&mut config);
        let mut seed = [0; 32];
        provider.fill_random(&mut seed).unwrap();
        Self {
            dtls: Connection::new(config, seed, Instant::now()),
            socket: UdpSocket::bind("127.0.0.1:0").unwrap(),
            peer: None,
            received: Vec::new(),
            events: Vec::new(),
            lost: [Vec::new(), Vec::new()],
            passed: [0; 2],
        }
    }

    pub fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    /// Drives the connection until `done`.
    pub fn run(&mut self, peer: &Peer, mut done: impl FnMut(&Self) -> bool) {
        let begin = Instant::now();
        while !done(self) {
            assert!(
                begin.elapsed() < LIMIT,
                "{:?}\n{:?}\n{}",
                self.events,
                self.dtls.stats(),
                peer.output()
            );
            self.turn();
        }
    }

    fn is_lost(&mut self, direction: usize) -> bool {
        let number = self.passed[direction];
        self.passed[direction] += 1;
        self.lost[direction].contains(&number)
    }

    pub fn turn(&mut self) {
        let mut buf = [0; 2048];
        while let Some(transmit) = self.dtls.poll_output(Instant::now(), &mut buf).unwrap() {
            let Some(peer) = self.peer else { continue };
            if !self.is_lost(0) {
                self.socket.send_to(&buf[..transmit.len], peer).unwrap();
            }
        }
        while let Some(event) = self.dtls.poll_event() {
            self.events.push(event);
        }
        let wait = self.dtls.poll_timeout().map_or(LIMIT, |at| at - Instant::now());
        let wait = wait.clamp(Duration::from_millis(1), Duration::from_millis(10));
        self.socket.set_read_timeout(Some(wait)).unwrap();
        match self.socket.recv_from(&mut buf) {
            Ok((len, peer)) => {
                self.peer.get_or_insert(peer);
                if !self.is_lost(1) {
                    self.take(&mut buf[..len]);
                }
            }
            Err(error) => assert!(
                // The last is a port that nobody listens on any more.
                matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionRefused
                ),
                "{error}"
            ),
        }
        self.dtls.handle_timeout(Instant::now());
    }

    fn take(&mut self, datagram: &mut [u8]) {
        let handled = self.dtls.handle_input(Instant::now(), datagram);
        // What is sent again comes twice, or when its keys are gone.
        let late = InputError::Epoch(0);
        let fine = matches!(handled, Ok(()) | Err(InputError::Closed | InputError::Replayed(_)))
            || handled == Err(late);
        assert!(fine, "{handled:?}");
        while let Some(data) = self.dtls.poll_data() {
            match data {
                Data::InPlace(range) => self.received.extend_from_slice(&datagram[range]),
                Data::Held(bytes) => self.received.extend_from_slice(&bytes),
            }
        }
    }

    pub fn send(&mut self, payload: &[u8]) {
        let mut buf = vec![0; OVERHEAD.before + payload.len() + OVERHEAD.after];
        let range = OVERHEAD.before..OVERHEAD.before + payload.len();
        buf[range.clone()].copy_from_slice(payload);
        let record = self.dtls.protect(&mut buf, range).unwrap();
        self.socket.send_to(&buf[record], self.peer.unwrap()).unwrap();
    }

    pub fn has(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.received).contains(text)
    }

    /// What the handshake came to.
    pub fn connected(&mut self, peer: &Peer) -> Connected {
        self.run(peer, |ours| !ours.events.is_empty());
        match self.events[0] {
            Event::Connected(connected) => connected,
            Event::Closed(reason) => panic!("{reason:?}\n{}", peer.output()),
            other => panic!("{other:?}\n{}", peer.output()),
        }
    }

    /// The keys for SRTP in one piece, which is what an exporter makes of them.
    ///
    /// The peer has it, too, so that the handshake is over: what comes now is not lost.
    pub fn exported(&mut self) -> Vec<u8> {
        self.lost = [Vec::new(), Vec::new()];
        let keys = self.dtls.srtp_keys().unwrap();
        let (client, server) = (keys.writing(Role::Client), keys.writing(Role::Server));
        let whole = [client.0, server.0, client.1, server.1].concat();
        let mut exported = vec![0; whole.len()];
        self.dtls.export_keying_material(SRTP_LABEL.as_bytes(), None, &mut exported).unwrap();
        assert_eq!(whole, exported);
        exported
    }
}

/// A port for a server: free a moment ago.
pub fn free_port() -> String {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// Meets a peer in C: `arguments` stand between its role and port, and what follows.
pub fn meet(
    program: &Path,
    role: Role,
    mut ours: Ours,
    key: Key,
    arguments: &[&str],
) -> (Ours, Peer) {
    let port = ours.port().to_string();
    let theirs = match role {
        Role::Client => "server",
        Role::Server => "client",
    };
    let mut all = vec![theirs, &port];
    all.extend_from_slice(arguments);
    let peer = Peer::start(program, key, &all);
    if role == Role::Client {
        peer.wait_for("\n");
        let port = peer.line("port ").unwrap();
        ours.peer = Some(format!("127.0.0.1:{port}").parse().unwrap());
    }
    ours.dtls.set_remote_fingerprints(Instant::now(), &[peer.fingerprint()]);
    ours.dtls.start(Instant::now(), role).unwrap();
    (ours, peer)
}

/// With a connected peer in C: keys agree, data passes.
pub fn converse(ours: &mut Ours, peer: &mut Peer) {
    ours.run(peer, |_| peer.line("keys ").is_some());
    let exported = ours.exported();
    assert!(peer.bytes("keys ").unwrap().starts_with(&exported));
    speak(ours, peer, "word");
}

/// Data both ways.
pub fn speak(ours: &mut Ours, peer: &mut Peer, text: &str) {
    ours.send(format!("our {text}").as_bytes());
    ours.run(peer, |_| peer.line(&format!("heard our {text}")).is_some());
    peer.write(&format!("say their {text}\n"));
    ours.run(peer, |ours| ours.has(&format!("their {text}")));
}

/// One of the two ends the connection, and the other one sees it.
pub fn close(ours: &mut Ours, peer: &mut Peer, by_us: bool) {
    if by_us {
        ours.dtls.close(Instant::now());
        ours.run(peer, |_| peer.line("closed").is_some());
        assert_eq!(ours.events[1..], [Event::Closed(CloseReason::Local)]);
    } else {
        peer.write("close\n");
        ours.run(peer, |ours| ours.events.len() == 2);
        assert_eq!(ours.events[1], Event::Closed(CloseReason::PeerClosed));
    }
}
