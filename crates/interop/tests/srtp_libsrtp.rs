//! SRTP and SRTCP against libsrtp, as Debian has it: ten thousand packets in each direction and
//! for each profile, with loss, reordering, duplicates, and wraps of the sequence number. A small
//! program of ours in C (`libsrtp/peer.c`) is a pipe through the library; `cc` builds it here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use std::collections::BTreeSet;
use std::io::{BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use antiphon_crypto_rust::RustCrypto;
use antiphon_srtp::{
    Config, MAX_TRAILER, Position, Profile, SrtpReceiver, SrtpSender, UnprotectError,
};

/// Packets per profile and direction.
const PACKETS: u64 = 10_000;

const SSRCS: [u32; 3] = [0xcafe_babe, 1, 0xffff_fff0];

const PROFILES: [(Profile, &str); 7] = [
    (Profile::AesCm128HmacSha1_80, "cm128-80"),
    (Profile::AesCm128HmacSha1_32, "cm128-32"),
    (Profile::AesCm256HmacSha1_80, "cm256-80"),
    (Profile::AesCm256HmacSha1_32, "cm256-32"),
    (Profile::NullHmacSha1_80, "null-80"),
    (Profile::AeadAes128Gcm, "gcm128"),
    (Profile::AeadAes256Gcm, "gcm256"),
];

/// libsrtp's status for a packet that came before.
const REPLAY_FAIL: u32 = 9;
/// And for one behind the window.
const REPLAY_OLD: u32 = 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rtp,
    Rtcp,
}

/// libsrtp in a process of its own, ended with its handle.
struct Peer {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// `None` where libsrtp is not installed, which `missing` has said.
    fn start(mode: &str, name: &str, key: &[u8], elements: &[u8]) -> Option<Self> {
        let program = program()?;
        let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut command = Command::new(program);
        command.args([mode, name, &key]).args(elements.iter().map(u8::to_string));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it was built");
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        Some(Self { child, input, output: BufReader::new(output) })
    }

    /// Sends a packet through, and returns its other form or libsrtp's status.
    fn pass(&mut self, kind: Kind, packet: &[u8]) -> Result<Vec<u8>, u32> {
        let mut request = vec![u8::from(kind == Kind::Rtcp)];
        request.extend((packet.len() as u32).to_be_bytes());
        request.extend(packet);
        self.input.as_mut().unwrap().write_all(&request).expect("the peer runs");
        let mut numbers = [0; 8];
        self.output.read_exact(&mut numbers).expect("an answer");
        let [status, len] =
            [0, 4].map(|at| u32::from_be_bytes(numbers[at..at + 4].try_into().unwrap()));
        let mut answer = vec![0; len as usize];
        self.output.read_exact(&mut answer).unwrap();
        if status == 0 { Ok(answer) } else { Err(status) }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, built once.
fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    PROGRAM.get_or_init(build).as_deref()
}

fn build() -> Option<PathBuf> {
    if !Path::new("/usr/include/srtp2/srtp.h").exists() {
        antiphon_interop::missing("libsrtp", "libsrtp2-dev");
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/libsrtp/peer.c");
    let name = format!("libsrtp-peer-{}", std::process::id());
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut command = Command::new("cc");
    command.args(["-O2", "-Wall", "-Werror", "-o"]).arg(&program).arg(source).arg("-lsrtp2");
    let status = command.status().expect("a C compiler");
    assert!(status.success(), "cc: {status}");
    Some(program)
}

/// A sequence of numbers that looks random and is the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn key(profile: Profile) -> (Vec<u8>, Vec<u8>) {
    let bytes = |seed: u8, len| (0..len).map(|at: usize| seed.wrapping_mul(at as u8)).collect();
    (bytes(37, profile.key_len()), bytes(91, profile.salt_len()))
}

/// RTP packets of three sources, as they were sent: with CSRCs, extensions and payloads of every
/// size, and with gaps, so that their sequence numbers wrap several times.
fn packets(dice: &mut Dice) -> Vec<(Kind, Vec<u8>)> {
    let mut at = [0x7000_u64, 0, 0x1234];
    (0..PACKETS)
        .map(|number| {
            let source = dice.below(3) as usize;
            if number % 16 == 15 {
                return (Kind::Rtcp, report(SSRCS[source], dice));
            }
            at[source] += 1 + if dice.below(10) == 0 { dice.below(900) } else { 0 };
            (Kind::Rtp, packet(SSRCS[source], at[source] as u16, dice))
        })
        .collect()
}

fn packet(ssrc: u32, sequence_number: u16, dice: &mut Dice) -> Vec<u8> {
    let (csrcs, extended) = (dice.below(3) as u8, dice.below(2) == 0);
    let mut packet = vec![0x80 | csrcs | if extended { 0x10 } else { 0 }, 96];
    packet.extend(sequence_number.to_be_bytes());
    packet.extend([0, 0, 3, 0]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..csrcs).flat_map(|csrc| [9, 9, 9, csrc]));
    if extended {
        // Elements 1 (4 bytes), 2 (1 byte) and 3 (2 bytes), and padding: behind them all, because
        // libsrtp's key stream does not go on over padding, as that of RFC 6904 does.
        packet.extend([0xbe, 0xde, 0, 3, 0x13, 1, 2, 3, 4, 0x20, 5, 0x31, 6, 7, 0, 0]);
    }
    packet.extend((0..dice.below(1100)).map(|at| at as u8));
    packet
}

fn report(ssrc: u32, dice: &mut Dice) -> Vec<u8> {
    let words = dice.below(20) as u16;
    let mut packet = vec![0x80, 201];
    packet.extend((words + 1).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..words * 4).map(|at| at as u8));
    packet
}

/// What the network makes of packets: some are lost, some late, some come twice.
fn network<T: Clone>(sent: Vec<T>, dice: &mut Dice) -> Vec<(usize, T)> {
    let mut arrivals = Vec::new();
    for (at, packet) in sent.into_iter().enumerate() {
        if dice.below(20) == 0 {
            continue;
        }
        let late = if dice.below(8) == 0 { dice.below(60) as usize } else { 0 };
        if dice.below(30) == 0 {
            arrivals.push((at + late + 3, at, packet.clone()));
        }
        arrivals.push((at + late, at, packet));
    }
    arrivals.sort_by_key(|(when, ..)| *when);
    arrivals.into_iter().map(|(_, at, packet)| (at, packet)).collect()
}

fn config(elements: &[u8]) -> Config {
    let mut config = Config::default();
    // The program's, too: gaps take packets far apart.
    config.replay_window = 8192;
    config.encrypted_extensions = Some(elements.iter().copied().collect());
    config
}

fn sender(profile: Profile, elements: &[u8]) -> SrtpSender {
    let (key, salt) = key(profile);
    let mut sender =
        SrtpSender::new(&RustCrypto::new(), profile, &key, &salt, &config(elements)).unwrap();
    // libsrtp's first SRTCP packet has index 1.
    for ssrc in SSRCS {
        sender.resume(ssrc, Position::new(None, Some(0))).unwrap();
    }
    sender
}

fn protect(sender: &mut SrtpSender, kind: Kind, packet: &[u8]) -> Vec<u8> {
    let mut buf = [packet, &[0; MAX_TRAILER]].concat();
    let len = match kind {
        Kind::Rtp => sender.protect(&mut buf, packet.len()),
        Kind::Rtcp => sender.protect_rtcp(&mut buf, packet.len()),
    };
    buf.truncate(len.unwrap());
    buf
}

/// We send, libsrtp receives.
fn from_us(profile: Profile, name: &str, elements: &[u8]) {
    let (key, salt) = key(profile);
    let Some(mut peer) = Peer::start("unprotect", name, &[key, salt].concat(), elements) else {
        return;
    };
    let mut dice = Dice(1);
    let (mut sender, plain) = (sender(profile, elements), packets(&mut dice));
    let sealed: Vec<_> =
        plain.iter().map(|(kind, packet)| protect(&mut sender, *kind, packet)).collect();
    let mut read = BTreeSet::new();
    for (at, packet) in network(sealed, &mut dice) {
        let (kind, plain) = &plain[at];
        match peer.pass(*kind, &packet) {
            Ok(packet) => {
                assert_eq!(packet, *plain, "{name}: packet {at}");
                assert!(read.insert(at), "{name}: packet {at} twice");
            }
            Err(REPLAY_FAIL | REPLAY_OLD) if read.contains(&at) => {}
            Err(status) => panic!("{name}: packet {at}: status {status}"),
        }
    }
    assert!(read.len() > 9_000, "{name}: {} packets read", read.len());
}

/// libsrtp sends, we receive; and what it sends, we would have sent.
fn from_them(profile: Profile, name: &str, elements: &[u8]) {
    let (key, salt) = key(profile);
    let both = [&key[..], &salt].concat();
    let Some(mut peer) = Peer::start("protect", name, &both, elements) else { return };
    let mut receiver =
        SrtpReceiver::new(&RustCrypto::new(), profile, &key, &salt, &config(elements)).unwrap();
    let mut dice = Dice(2);
    let (mut sender, plain) = (sender(profile, elements), packets(&mut dice));
    let mut sealed = Vec::new();
    for (at, (kind, packet)) in plain.iter().enumerate() {
        let theirs = peer.pass(*kind, packet).unwrap();
        assert_eq!(theirs, protect(&mut sender, *kind, packet), "{name}: packet {at}");
        sealed.push(theirs);
    }
    let mut read = BTreeSet::new();
    for (at, mut packet) in network(sealed, &mut dice) {
        let (kind, plain) = &plain[at];
        let verdict = match kind {
            Kind::Rtp => receiver.unprotect(&mut packet),
            Kind::Rtcp => receiver.unprotect_rtcp(&mut packet),
        };
        match verdict {
            Ok(len) => {
                assert_eq!(packet[..len], *plain, "{name}: packet {at}");
                assert!(read.insert(at), "{name}: packet {at} twice");
            }
            Err(UnprotectError::Replayed { .. }) if read.contains(&at) => {}
            Err(error) => panic!("{name}: packet {at}: {error}"),
        }
    }
    let stats = receiver.stats();
    assert_eq!(stats.rtp_packets + stats.rtcp_packets, read.len() as u64);
    assert!(read.len() > 9_000, "{name}: {} packets read", read.len());
    let wrapped = |ssrc| receiver.position(ssrc).and_then(|at| at.rtp).unwrap() >> 16;
    assert!(SSRCS.into_iter().all(|ssrc| wrapped(ssrc) >= 2), "the sequence numbers wrapped");
}

#[test]
fn libsrtp_reads_what_we_send() {
    for (profile, name) in PROFILES {
        from_us(profile, name, &[]);
    }
}

#[test]
fn we_read_what_libsrtp_sends_and_send_the_same() {
    for (profile, name) in PROFILES {
        from_them(profile, name, &[]);
    }
}

#[test]
fn encrypted_header_extensions_go_both_ways() {
    for (profile, name) in PROFILES {
        from_us(profile, name, &[1, 3]);
        from_them(profile, name, &[1, 3]);
    }
}

// attack: changed packets, and packets of another key
#[test]
fn libsrtp_refuses_what_we_refuse() {
    for (profile, name) in PROFILES {
        let (key, salt) = key(profile);
        let both = [&key[..], &salt].concat();
        let Some(mut peer) = Peer::start("unprotect", name, &both, &[]) else { return };
        let mut receiver =
            SrtpReceiver::new(&RustCrypto::new(), profile, &key, &salt, &Config::default())
                .unwrap();
        let (mut sender, mut dice) = (sender(profile, &[]), Dice(3));
        let packet = protect(&mut sender, Kind::Rtp, &packet(7, 7, &mut dice)[..40]);
        for bit in 0..packet.len() * 8 {
            let mut changed = packet.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(peer.pass(Kind::Rtp, &changed).is_err(), "{name}: bit {bit}");
            assert!(receiver.unprotect(&mut changed).is_err(), "{name}: bit {bit}");
        }
        assert!(peer.pass(Kind::Rtp, &packet).is_ok());
        assert!(receiver.unprotect(&mut packet.clone()).is_ok());
    }
}
