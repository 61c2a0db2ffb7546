//! Handshakes of real stacks, for tests.

use crate::wire::cursor::Reader;
use crate::wire::handshake::{FragmentHeader, HandshakeType};
use crate::wire::record::{HEADER_LEN, RecordHeader};

/// A captured handshake: direction (0 from the client), length, datagram, and so on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capture(&'static [u8]);

impl Capture {
    /// Chromium 156 with itself: DTLS 1.3 after a ClientHello in two datagrams.
    pub(crate) const CHROMIUM: Self = Self(include_bytes!("../../tests/fixtures/chromium.bin"));
    /// Firefox ESR 153 with itself: DTLS 1.3 after a ClientHello in two datagrams.
    pub(crate) const FIREFOX: Self = Self(include_bytes!("../../tests/fixtures/firefox.bin"));
    /// Firefox ESR 153 with itself, held to DTLS 1.2.
    pub(crate) const FIREFOX_12: Self = Self(include_bytes!("../../tests/fixtures/firefox12.bin"));
    /// aiortc 1.16 (OpenSSL) with itself.
    pub(crate) const AIORTC: Self = Self(include_bytes!("../../tests/fixtures/aiortc.bin"));
}

/// The datagrams with their direction: `true` from the client.
pub(crate) fn datagrams(capture: Capture) -> Vec<(bool, &'static [u8])> {
    let mut reader = Reader::new(capture.0);
    let mut all = Vec::new();
    while !reader.is_empty() {
        let from_client = reader.u8().unwrap() == 0;
        all.push((from_client, reader.vector16().unwrap()));
    }
    all
}

/// The unencrypted handshake messages of one side, put together again.
pub(crate) fn messages(capture: Capture, from_client: bool) -> Vec<(HandshakeType, Vec<u8>)> {
    let mut all: Vec<(HandshakeType, u16, Vec<u8>)> = Vec::new();
    for (_, datagram) in datagrams(capture).iter().filter(|(side, _)| *side == from_client) {
        let mut rest = *datagram;
        while rest.first() == Some(&22) || rest.first() == Some(&20) {
            let header = RecordHeader::parse(rest).unwrap();
            let (payload, behind) = rest[HEADER_LEN..].split_at(header.len);
            rest = behind;
            if header.kind != 22 || header.epoch != 0 {
                continue;
            }
            let mut reader = Reader::new(payload);
            while !reader.is_empty() {
                let fragment = FragmentHeader::read(&mut reader).unwrap();
                let bytes = reader.take(fragment.fragment_len).unwrap();
                match all.iter_mut().find(|(_, seq, _)| *seq == fragment.message_seq) {
                    Some((_, _, body)) => body.extend_from_slice(bytes),
                    None => all.push((fragment.kind, fragment.message_seq, bytes.to_vec())),
                }
            }
        }
    }
    all.into_iter().map(|(kind, _, body)| (kind, body)).collect()
}

/// All messages of one kind from all captures.
pub(crate) fn all_of(kind: HandshakeType) -> Vec<Vec<u8>> {
    [Capture::CHROMIUM, Capture::FIREFOX, Capture::FIREFOX_12, Capture::AIORTC]
        .into_iter()
        .flat_map(|capture| [messages(capture, true), messages(capture, false)])
        .flatten()
        .filter(|(found, _)| *found == kind)
        .map(|(_, body)| body)
        .collect()
}
