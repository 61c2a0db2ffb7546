//! Two associations on the simulated network, and hand-made packets.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use std::time::{Duration, Instant};

use antiphon_sctp::{Association, Config, Event, InputError, Message, Outgoing, Reliability};
use antiphon_testkit::{Machine, Pair, Path, Sent, start};
use bytes::Bytes;

/// An association as the simulator sees it; takes every message at once unless told otherwise.
#[derive(Debug)]
pub struct Peer {
    pub sctp: Association,
    pub inbox: Vec<Message>,
    /// Takes no messages while set.
    pub slow: bool,
    /// What is left to send, newest last; handed over as the send buffer allows.
    pub backlog: std::collections::VecDeque<Outgoing>,
}

impl Peer {
    pub fn new(sctp: Association) -> Self {
        Self { sctp, inbox: Vec::new(), slow: false, backlog: std::collections::VecDeque::new() }
    }

    pub fn read(&mut self) {
        if !self.slow {
            while let Some(message) = self.sctp.recv() {
                self.inbox.push(message);
            }
        }
    }

    fn feed(&mut self, now: Instant) {
        while let Some(message) = self.backlog.front() {
            if self.sctp.send(now, message.clone()).is_err() {
                return;
            }
            self.backlog.pop_front();
        }
    }
}

impl Machine for Peer {
    type Event = Event;
    type Error = InputError;

    fn handle_input(
        &mut self,
        now: Instant,
        _path: Path,
        datagram: &mut [u8],
    ) -> Result<(), InputError> {
        let result = self.sctp.handle_input(now, datagram);
        self.read();
        result
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Sent> {
        self.feed(now);
        self.sctp.poll_output(now, buf).expect("64 KiB are enough").map(|sent| Sent::new(sent.len))
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.sctp.poll_event()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.sctp.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.sctp.poll_timeout()
    }
}

pub const MS: Duration = Duration::from_millis(1);
pub const SEC: Duration = Duration::from_secs(1);

/// The defaults with changes.
pub fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

/// Both ends fresh, nothing sent.
pub fn fresh(config: Config) -> Pair<Peer> {
    let peer = |seed| Peer::new(Association::new(config, [seed; 32], start()));
    Pair::new(start(), peer(1), peer(2))
}

/// Both ends connected over a path with this one-way delay.
pub fn connected(config: Config, delay: Duration) -> Pair<Peer> {
    let mut pair = fresh(config).with_delay(delay);
    let now = pair.now();
    pair.a.machine.sctp.connect(now);
    pair.b.machine.sctp.connect(now);
    let end = pair.elapsed() + 10 * SEC;
    assert!(
        pair.run_while(end, |pair| !(pair.a.machine.sctp.is_connected()
            && pair.b.machine.sctp.is_connected())),
        "not connected"
    );
    pair
}

pub fn message(stream: u16, payload: impl Into<Bytes>) -> Outgoing {
    Outgoing {
        stream,
        ppid: 53,
        payload: payload.into(),
        ordered: true,
        reliability: Reliability::Reliable,
    }
}

/// A payload of `len` bytes that says who it is.
pub fn numbered(number: u32, len: usize) -> Bytes {
    let mut payload: Vec<u8> = (0..len.max(4)).map(|i| (i as u32 ^ number) as u8).collect();
    payload[..4].copy_from_slice(&number.to_be_bytes());
    payload.into()
}

/// Whether this is the payload [`numbered`] made; its number.
pub fn number(payload: &[u8]) -> u32 {
    let number = u32::from_be_bytes(payload[..4].try_into().unwrap());
    assert_eq!(payload, numbered(number, payload.len()), "payload of {number} is damaged");
    number
}

/// A packet with any chunks, written independently of the crate.
pub fn packet(tag: u32, chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut packet = Vec::new();
    packet.extend(5000_u16.to_be_bytes());
    packet.extend(5000_u16.to_be_bytes());
    packet.extend(tag.to_be_bytes());
    packet.extend([0; 4]);
    for chunk in chunks {
        packet.extend(chunk);
        packet.resize(packet.len().next_multiple_of(4), 0);
    }
    seal(&mut packet);
    packet
}

/// Puts the CRC32c in, bit by bit.
pub fn seal(packet: &mut [u8]) {
    packet[8..12].fill(0);
    let mut crc = u32::MAX;
    for byte in packet.iter() {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
        }
    }
    packet[8..12].copy_from_slice(&(!crc).to_le_bytes());
}

pub fn chunk(kind: u8, flags: u8, value: &[u8]) -> Vec<u8> {
    let mut chunk = vec![kind, flags];
    chunk.extend((value.len() as u16 + 4).to_be_bytes());
    chunk.extend(value);
    chunk
}

pub fn init_value(tag: u32, window: u32, outbound: u16, inbound: u16, tsn: u32) -> Vec<u8> {
    let mut value = Vec::new();
    value.extend(tag.to_be_bytes());
    value.extend(window.to_be_bytes());
    value.extend(outbound.to_be_bytes());
    value.extend(inbound.to_be_bytes());
    value.extend(tsn.to_be_bytes());
    value.extend([0x80, 8, 0, 6, 130, 192, 0, 0]); // supported extensions
    value.extend([0xC0, 0, 0, 4]); // FORWARD TSN
    value
}

/// The same with I-DATA and I-FORWARD-TSN among the extensions.
pub fn interleaving_init_value(tag: u32, window: u32, tsn: u32) -> Vec<u8> {
    let mut value = init_value(tag, window, 1000, 1000, tsn);
    value.truncate(16);
    value.extend([0x80, 8, 0, 8, 130, 192, 64, 194]);
    value.extend([0xC0, 0, 0, 4]);
    value
}

/// I-DATA with the flags U=4, B=2, E=1, I=8; `last` is protocol or fragment number.
pub fn i_data(flags: u8, tsn: u32, stream: u16, mid: u32, last: u32, payload: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    value.extend(tsn.to_be_bytes());
    value.extend(stream.to_be_bytes());
    value.extend([0; 2]);
    value.extend(mid.to_be_bytes());
    value.extend(last.to_be_bytes());
    value.extend(payload);
    chunk(64, flags, &value)
}

/// DATA with the flags U=4, B=2, E=1, I=8.
pub fn data(flags: u8, tsn: u32, stream: u16, ssn: u16, payload: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    value.extend(tsn.to_be_bytes());
    value.extend(stream.to_be_bytes());
    value.extend(ssn.to_be_bytes());
    value.extend(53_u32.to_be_bytes());
    value.extend(payload);
    chunk(0, flags, &value)
}

pub fn sack(cumulative: u32, window: u32, blocks: &[(u16, u16)]) -> Vec<u8> {
    let mut value = Vec::new();
    value.extend(cumulative.to_be_bytes());
    value.extend(window.to_be_bytes());
    value.extend((blocks.len() as u16).to_be_bytes());
    value.extend([0; 2]);
    for (first, last) in blocks {
        value.extend(first.to_be_bytes());
        value.extend(last.to_be_bytes());
    }
    chunk(3, 0, &value)
}

/// The chunks of a packet: type, flags, value.
pub fn chunks(packet: &[u8]) -> Vec<(u8, u8, Vec<u8>)> {
    let mut rest = &packet[12..];
    let mut chunks = Vec::new();
    while rest.len() >= 4 {
        let len = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        chunks.push((rest[0], rest[1], rest[4..len].to_vec()));
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or(&[]);
    }
    chunks
}

pub fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// One association with a hand-made peer: tag 7, initial TSN 100.
#[derive(Debug)]
pub struct Manual {
    pub sctp: Association,
    pub now: Instant,
    pub tag: u32,
    /// The first TSN of the association.
    pub tsn: u32,
}

pub const PEER_TAG: u32 = 7;
pub const PEER_TSN: u32 = 100;

impl Manual {
    /// Fresh: no packet exchanged.
    pub fn fresh(config: Config) -> Self {
        let sctp = Association::new(config, [9; 32], start());
        Self { sctp, now: start(), tag: 0, tsn: 0 }
    }

    /// Established by an INIT from the hand-made peer.
    pub fn open(config: Config) -> Self {
        Self::open_with(config, 1 << 20)
    }

    /// The same with the peer's window given.
    pub fn open_with(config: Config, window: u32) -> Self {
        let mut manual = Self::fresh(config);
        let cookie = manual.handshake(window);
        manual.give(&packet(manual.tag, &[chunk(10, 0, &cookie)])).expect("a good cookie");
        assert_eq!(manual.sctp.poll_event(), Some(Event::Connected));
        let answer = manual.output().expect("COOKIE ACK");
        assert_eq!(chunks(&answer)[0].0, 11);
        manual
    }

    /// The same with a peer that interleaves.
    pub fn open_interleaving(config: Config) -> Self {
        let mut manual = Self::fresh(config);
        let init = interleaving_init_value(PEER_TAG, 1 << 20, PEER_TSN);
        let cookie = manual.handshake_with(&init);
        manual.give(&packet(manual.tag, &[chunk(10, 0, &cookie)])).expect("a good cookie");
        assert_eq!(manual.sctp.poll_event(), Some(Event::Connected));
        manual.drain();
        manual
    }

    /// INIT and INIT ACK; returns the cookie and remembers tag and TSN.
    pub fn handshake(&mut self, window: u32) -> Vec<u8> {
        self.handshake_with(&init_value(PEER_TAG, window, 1000, 1000, PEER_TSN))
    }

    /// The same with this INIT.
    pub fn handshake_with(&mut self, init: &[u8]) -> Vec<u8> {
        self.give(&packet(0, &[chunk(1, 0, init)])).expect("a good INIT");
        let answer = self.output().expect("INIT ACK");
        let parts = chunks(&answer);
        assert_eq!((parts.len(), parts[0].0), (1, 2));
        assert_eq!(be32(&answer, 4), PEER_TAG);
        self.tag = be32(&parts[0].2, 0);
        self.tsn = be32(&parts[0].2, 12);
        let parameter = &parts[0].2[16..];
        assert_eq!(parameter[..2], [0, 7], "the cookie comes first");
        let len = usize::from(u16::from_be_bytes([parameter[2], parameter[3]]));
        parameter[4..len].to_vec()
    }

    pub fn give(&mut self, packet: &[u8]) -> Result<(), InputError> {
        self.sctp.handle_input(self.now, packet)
    }

    /// Gives chunks under the right tag.
    pub fn chunks(&mut self, chunks: &[Vec<u8>]) -> Result<(), InputError> {
        let packet = packet(self.tag, chunks);
        self.give(&packet)
    }

    pub fn output(&mut self) -> Option<Vec<u8>> {
        let mut buf = [0; 2000];
        let sent = self.sctp.poll_output(self.now, &mut buf).expect("fits")?;
        Some(buf[..sent.len].to_vec())
    }

    /// All packets there are, as chunks.
    pub fn drain(&mut self) -> Vec<Vec<(u8, u8, Vec<u8>)>> {
        let mut all = Vec::new();
        while let Some(packet) = self.output() {
            all.push(chunks(&packet));
            assert!(all.len() < 10_000, "endless output");
        }
        all
    }

    /// Chunks of one type among all there is to send.
    pub fn drain_kind(&mut self, kind: u8) -> Vec<(u8, Vec<u8>)> {
        let packets = self.drain();
        let all = packets.into_iter().flatten();
        all.filter(|part| part.0 == kind).map(|part| (part.1, part.2)).collect()
    }

    pub fn wait(&mut self, time: Duration) {
        self.now += time;
        self.sctp.handle_timeout(self.now);
    }

    pub fn send(&mut self, message: Outgoing) {
        self.sctp.send(self.now, message).expect("room");
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.sctp.poll_event()).collect()
    }
}
