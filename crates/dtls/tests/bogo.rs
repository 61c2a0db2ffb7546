//! The shim for the foreign test runner, driven as that runner does it: a process per test, and
//! datagrams and time over TCP on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use antiphon_crypto::NamedGroup;
use antiphon_dtls::{
    ClientCertificate, Config, Connection, Data, Event, OVERHEAD, PeerIdentity, Role, SrtpProfile,
    Version,
};
use antiphon_testkit::start;

/// The shim's program, built when the build of this test did not bring it along.
fn shim() -> PathBuf {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    let path = SHIM.get_or_init(|| {
        let mut path = std::env::current_exe().unwrap();
        path.pop();
        path.pop();
        path.push("examples/bogo_shim");
        if !path.exists() {
            let built = Command::new(env!("CARGO"))
                .args(["build", "--package", "antiphon-dtls", "--example", "bogo_shim"])
                .status();
            assert!(built.unwrap().success());
        }
        path
    });
    path.clone()
}

/// What the runner says and hears.
#[derive(Debug, PartialEq)]
enum Frame {
    Datagram(Vec<u8>),
    TimePassed,
}

/// The runner's side: a shim, the connection to it, and a peer for it.
struct Runner {
    shim: Child,
    stream: TcpStream,
    peer: Connection,
    now: Instant,
}

fn peer_config(configure: impl FnOnce(&mut Config)) -> Config {
    let mut config = common::config_both(0);
    config.groups = vec![NamedGroup::Secp256r1];
    config.srtp_profiles = Vec::new();
    config.peer_identity = PeerIdentity::Unverified;
    config.client_certificate = ClientCertificate::NotRequested;
    config.refusal_grace = Duration::ZERO;
    config.trust_plaintext_acks = true;
    configure(&mut config);
    config
}

impl Runner {
    /// Starts the shim with `flags`; the peer has the other role.
    fn start(flags: &[&str], configure: impl FnOnce(&mut Config)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let shim = Command::new(shim())
            .args(["-port", &port, "-shim-id", "77", "-dtls"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut id = [0; 8];
        stream.read_exact(&mut id).unwrap();
        assert_eq!(u64::from_le_bytes(id), 77);
        let mut peer = Connection::new(peer_config(configure), [3; 32], start());
        let role = if flags.contains(&"-server") { Role::Client } else { Role::Server };
        peer.start(start(), role).unwrap();
        Self { shim, stream, peer, now: start() }
    }

    fn send(&mut self, opcode: u8, body: &[u8]) {
        let _ = self.stream.write_all(&[&[opcode], body].concat());
    }

    fn send_datagram(&mut self, datagram: &[u8]) {
        let len = (datagram.len() as u32).to_be_bytes();
        self.send(b'P', &[&len[..], datagram].concat());
    }

    /// The next frame of the shim's; `None` at the end.
    fn receive(&mut self) -> Option<Frame> {
        let mut opcode = [0];
        self.stream.read_exact(&mut opcode).ok()?;
        match opcode[0] {
            b't' => Some(Frame::TimePassed),
            b'P' => {
                let mut len = [0; 4];
                self.stream.read_exact(&mut len).unwrap();
                let mut datagram = vec![0; u32::from_be_bytes(len) as usize];
                self.stream.read_exact(&mut datagram).unwrap();
                Some(Frame::Datagram(datagram))
            }
            other => panic!("opcode {other}"),
        }
    }

    fn datagram(&mut self) -> Option<Vec<u8>> {
        match self.receive()? {
            Frame::Datagram(datagram) => Some(datagram),
            Frame::TimePassed => panic!("no time was to pass"),
        }
    }

    fn advance(&mut self, time: Duration) {
        self.send(b'T', &(time.as_nanos() as u64).to_be_bytes());
        assert_eq!(self.receive(), Some(Frame::TimePassed), "nothing comes before its time");
        self.now += time;
    }

    fn expect_timeout(&mut self, time: Option<Duration>) {
        let nanos = time.map_or(u64::MAX, |time| time.as_nanos() as u64);
        self.send(b'E', &nanos.to_be_bytes());
    }

    fn flush_peer(&mut self) {
        let mut buf = [0; 2000];
        while let Some(sent) = self.peer.poll_output(self.now, &mut buf).unwrap() {
            self.send_datagram(&buf[..sent.len]);
        }
    }

    /// Hands one datagram of the shim's to the peer; what it carried.
    fn step(&mut self) -> Option<Vec<u8>> {
        let mut datagram = self.datagram()?;
        let _ = self.peer.handle_input(self.now, &mut datagram);
        self.peer.handle_timeout(self.now);
        let data = self.peer.poll_data().map(|data| match data {
            Data::InPlace(range) => datagram[range].to_vec(),
            Data::Held(bytes) => bytes.to_vec(),
        });
        self.flush_peer();
        Some(data.unwrap_or_default())
    }

    /// Hands the peer a datagram that was looked at.
    fn pass_on(&mut self, mut datagram: Vec<u8>) {
        let _ = self.peer.handle_input(self.now, &mut datagram);
        self.flush_peer();
    }

    fn connect(&mut self) -> Version {
        self.flush_peer();
        while !self.peer.is_connected() {
            self.step().expect("the shim goes on");
        }
        let Some(Event::Connected(connected)) = self.peer.poll_event() else { panic!() };
        connected.version
    }

    fn write(&mut self, payload: &[u8]) {
        let mut buf = vec![0; OVERHEAD.before + payload.len() + OVERHEAD.after];
        let range = OVERHEAD.before..OVERHEAD.before + payload.len();
        buf[range.clone()].copy_from_slice(payload);
        let record = self.peer.protect(&mut buf, range).unwrap();
        let datagram = buf[record].to_vec();
        self.send_datagram(&datagram);
    }

    /// The next data of the shim's; empty records do not count.
    fn read(&mut self) -> Vec<u8> {
        loop {
            let Some(data) = self.step() else {
                let mut error = String::new();
                self.shim.stderr.take().unwrap().read_to_string(&mut error).unwrap();
                panic!("the shim is gone: {error}");
            };
            if !data.is_empty() {
                return data;
            }
        }
    }

    fn assert_echo(&mut self) {
        self.write(b"\x00\x0f\xf0");
        assert_eq!(self.read(), b"\xff\xf0\x0f");
    }

    /// Hangs up, and waits for the end.
    fn finish(mut self) -> Output {
        self.peer.close(self.now);
        self.flush_peer();
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
        self.shim.wait_with_output().unwrap()
    }

    fn assert_succeeds(self) {
        let output = self.finish();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && error.is_empty(), "{:?} {error}", output.status);
    }

    fn assert_fails(self, with: &str) {
        let output = self.finish();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(with), "{error}");
    }
}

#[test]
fn both_roles_and_versions_echo() {
    for role in [&[][..], &["-server"]] {
        for (version, spoken) in
            [("65277", Version::Dtls12), ("65276", Version::Dtls13), ("772", Version::Dtls13)]
        {
            let flags = [role, &["-max-version", version, "-expect-version", version]].concat();
            let mut runner = Runner::start(&flags, |_| {});
            assert_eq!(runner.connect(), spoken);
            runner.assert_echo();
            runner.assert_echo();
            runner.assert_succeeds();
        }
    }
}

#[test]
fn unknown_flags_and_resumptions_are_not_implemented() {
    for flags in [&[][..], &["-no-such-flag"], &["-resume-count", "1"], &["-curves", "25"]] {
        let output = Command::new(shim())
            .args(["-port", "1", "-shim-id", "1"])
            .args(flags)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(89), "{flags:?}");
    }
    let help = Command::new(shim()).arg("-h").output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(text.contains("-srtp-profiles VALUE") && text.contains("-check-close-notify"));
}

#[test]
fn no_version_is_an_error() {
    let flags = ["-dtls", "-no-tls12", "-no-tls13"];
    let output = Command::new(shim()).args(["-port", "1", "-shim-id", "1"]).args(flags).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("NoVersion"));
}

#[test]
fn exported_keys_are_sent_first() {
    let flags = ["-export-keying-material", "99", "-export-label", "a label"];
    for context in [&[][..], &["-export-context", "x", "-use-export-context"]] {
        let mut runner = Runner::start(&[&flags[..], context].concat(), |_| {});
        runner.connect();
        let mut expected = vec![0; 99];
        let context = (!context.is_empty()).then_some(&b"x"[..]);
        runner.peer.export_keying_material(b"a label", context, &mut expected).unwrap();
        assert_eq!(runner.read(), expected);
        runner.assert_succeeds();
    }
}

#[test]
fn profiles_and_protocols_are_agreed_on() {
    let flags = [
        "-server",
        "-srtp-profiles",
        "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM",
        "-select-alpn",
        "webrtc",
        "-expect-alpn",
        "webrtc",
    ];
    let mut runner = Runner::start(&flags, |config| {
        config.srtp_profiles = vec![SrtpProfile::AeadAes128Gcm, SrtpProfile::AeadAes256Gcm];
        config.alpn_protocols = vec![b"c-webrtc".to_vec(), b"webrtc".to_vec()];
    });
    runner.connect();
    assert_eq!(runner.peer.srtp_keys().unwrap().profile, SrtpProfile::AeadAes128Gcm);
    assert_eq!(runner.peer.alpn_protocol(), Some(&b"webrtc"[..]));
    runner.assert_succeeds();
}

#[test]
fn a_second_hello_is_expected_or_not() {
    let other = |config: &mut Config| config.groups = vec![NamedGroup::Secp256r1];
    let mut runner = Runner::start(&["-curves", "29", "-curves", "23", "-expect-hrr"], other);
    runner.connect();
    runner.assert_succeeds();
    let mut runner = Runner::start(&["-expect-hrr", "-curves", "23"], other);
    runner.connect();
    runner.assert_fails("a second hello: false");
}

#[test]
fn time_is_the_runners() {
    let mut runner = Runner::start(&["-initial-timeout-duration-ms", "250"], |_| {});
    let first = runner.datagram().unwrap();
    let mut wait = Duration::from_millis(250);
    for _ in 0..3 {
        runner.expect_timeout(Some(wait));
        // A clock that is a little late counts as on time.
        runner.advance(wait - Duration::from_millis(10));
        assert_eq!(runner.datagram().unwrap()[13..], first[13..]);
        wait *= 2;
    }
    runner.pass_on(first);
    runner.connect();
    runner.assert_echo();
    runner.expect_timeout(None);
    runner.assert_echo();
    runner.assert_succeeds();

    let mut runner = Runner::start(&[], |_| {});
    runner.datagram().unwrap();
    runner.expect_timeout(Some(Duration::from_millis(401)));
    runner.assert_fails("the next timeout is in");
}

#[test]
fn a_runner_that_never_answers_is_given_up_on_the_thirteenth_timeout() {
    let mut runner = Runner::start(&[], |_| {});
    runner.datagram().unwrap();
    let mut wait = Duration::from_millis(400);
    for _ in 0..12 {
        runner.expect_timeout(Some(wait));
        runner.advance(wait);
        runner.datagram().unwrap();
        wait = (wait * 2).min(Duration::from_secs(60));
    }
    runner.advance(wait);
    runner.assert_fails("TimedOut");
}

#[test]
fn datagrams_follow_the_runners_mtu() {
    let mut runner = Runner::start(&["-mtu", "300"], |_| {});
    let hello = runner.datagram().unwrap();
    runner.send(b'M', &150u32.to_be_bytes());
    runner.advance(Duration::from_millis(400));
    let again = runner.datagram().unwrap();
    assert_eq!((hello.len() > 150, again.len()), (true, 150));
    runner.pass_on(hello);
    runner.connect();
    runner.assert_succeeds();
}

#[test]
fn refused_certificates_and_missing_ones_end_it() {
    let mut runner = Runner::start(&["-verify-fail"], |_| {});
    runner.flush_peer();
    while runner.step().is_some() {}
    let reason = std::iter::from_fn(|| runner.peer.poll_event()).last();
    let Some(Event::Closed(reason)) = reason else { panic!("{reason:?}") };
    assert_eq!(reason.received_alert().map(|alert| alert.0), Some(42));
    runner.assert_fails("FingerprintMismatch");

    let flags = ["-server", "-require-any-client-certificate"];
    let mut runner = Runner::start(&flags, |config| {
        config.certificate = None;
        config.client_certificate = ClientCertificate::Requested;
    });
    runner.flush_peer();
    while runner.step().is_some() {}
    runner.assert_fails("NoCertificate");
}

#[test]
fn keys_change_before_each_read() {
    let mut runner = Runner::start(&["-key-update-before-read"], |_| {});
    runner.connect();
    for round in 0..5 {
        let mut changed = runner.peer.stats().peer_keys_updated;
        while changed <= round {
            // The change of keys is acknowledged a little later.
            runner.step().unwrap();
            changed = runner.peer.stats().peer_keys_updated;
            let due = runner.peer.retransmission_timeout().unwrap_or(runner.now);
            runner.now = runner.now.max(due);
            runner.flush_peer();
        }
        runner.assert_echo();
    }
    runner.assert_succeeds();
}

#[test]
fn closing_is_checked() {
    let mut runner = Runner::start(&["-shim-shuts-down", "-check-close-notify"], |_| {});
    runner.connect();
    // Its alert, and ours in answer to it.
    while !matches!(runner.peer.poll_event(), Some(Event::Closed(_))) {
        runner.step().unwrap();
    }
    runner.assert_succeeds();
    let mut runner = Runner::start(&["-check-close-notify"], |_| {});
    runner.connect();
    runner.assert_echo();
    runner.peer = Connection::new(peer_config(|_| {}), [4; 32], start());
    runner.assert_fails("hung up");
}

#[test]
fn junk_before_the_hello_counts_at_once() {
    let mut runner = Runner::start(&[], |_| {});
    runner.datagram().unwrap();
    runner.send_datagram(&[23, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7]);
    let alert = runner.datagram().unwrap();
    assert_eq!(alert, [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 2, 10]);
    runner.assert_fails("UnexpectedRecord(23)");
}

#[test]
fn the_runners_configuration_names_errors_that_we_print() {
    let text = include_str!("bogo.json");
    for name in ["TimedOut", "ExcessData", "TooManyKeyUpdates", "HandshakeRecord", "AlertLevel"] {
        assert!(text.contains(name), "{name}");
    }
    // The runner is to expect as many acknowledged records as we remember.
    assert!(text.contains("\"MaxACKBuffer\": 32"));
}
