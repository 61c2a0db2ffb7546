//! Double encryption (RFC 8723): from endpoint to endpoint through a media distributor.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_crypto_rust::RustCrypto;
use antiphon_srtp::double::{
    Changes, DoubleProfile, DoubleReceiver, DoubleSender, DoubleUnprotectError, MAX_DOUBLE_TRAILER,
    rewrite,
};
use antiphon_srtp::{Config, ProtectError, SrtpReceiver, SrtpSender, UnprotectError};
use common::{SSRC, rtcp, rtp, rtp_with};
use proptest::prelude::*;

const PROFILES: [DoubleProfile; 2] =
    [DoubleProfile::AeadAes128GcmAeadAes128Gcm, DoubleProfile::AeadAes256GcmAeadAes256Gcm];

/// Two endpoints and the two ends of a distributor between them.
struct Path {
    alice: DoubleSender,
    from_alice: SrtpReceiver,
    to_bob: SrtpSender,
    bob: DoubleReceiver,
}

impl Path {
    fn new(profile: DoubleProfile) -> Self {
        let (provider, config) = (RustCrypto::new(), Config::default());
        let half = profile.key_len() / 2;
        let key = |byte| vec![byte; half];
        let salt = |byte| vec![byte; 12];
        let (up, up_salt) = ([key(1), key(2)].concat(), [salt(1), salt(2)].concat());
        let (down, down_salt) = ([key(1), key(3)].concat(), [salt(1), salt(3)].concat());
        let outer = profile.outer();
        Self {
            alice: DoubleSender::new(&provider, profile, &up, &up_salt, &config).unwrap(),
            from_alice: SrtpReceiver::new(&provider, outer, &key(2), &salt(2), &config).unwrap(),
            to_bob: SrtpSender::new(&provider, outer, &key(3), &salt(3), &config).unwrap(),
            bob: DoubleReceiver::new(&provider, profile, &down, &down_salt, &config).unwrap(),
        }
    }

    fn sent(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut buf = [packet, &[0; MAX_DOUBLE_TRAILER]].concat();
        let len = self.alice.protect(&mut buf, packet.len()).unwrap();
        buf.truncate(len);
        buf
    }

    /// What the distributor sends on of a packet that it received.
    fn relayed(
        &mut self,
        mut packet: Vec<u8>,
        meddle: impl FnOnce(&mut [u8], usize) -> usize,
    ) -> Vec<u8> {
        let len = self.from_alice.unprotect(&mut packet).unwrap();
        packet.resize(packet.len() + 40, 0);
        let len = meddle(&mut packet, len);
        let len = self.to_bob.protect(&mut packet, len).unwrap();
        packet.truncate(len);
        packet
    }
}

//= rfc8723#5.1
//= type=test
//= rfc8723#5.3
//= type=test
#[test]
fn a_packet_goes_from_end_to_end_and_the_distributor_cannot_read_it() {
    for profile in PROFILES {
        let mut path = Path::new(profile);
        let plain = rtp_with(5, &[7, 8], Some((0xbede, &[0x10, 1, 0, 0])), b"versicle");
        let sent = path.sent(&plain);
        assert_eq!(sent.len(), plain.len() + 33);
        let mut relayed = path.relayed(sent, |packet, len| {
            assert_eq!(packet[..28], plain[..28]);
            assert_ne!(packet[28..36], *b"versicle");
            assert_eq!(packet[len - 1], 0, "nothing changed yet");
            len
        });
        let opened = path.bob.unprotect(&mut relayed).unwrap();
        assert_eq!(relayed[..opened.len], plain);
        assert_eq!((opened.payload_type, opened.sequence_number), (96, 5));
    }
}

//= rfc8723#5.2
//= type=test
#[test]
fn the_distributor_changes_what_it_may_and_the_endpoint_knows() {
    for profile in PROFILES {
        let mut path = Path::new(profile);
        let plain = rtp_with(5, &[], Some((0xbede, &[0x10, 1, 0, 0])), b"versicle");
        let sent = path.sent(&plain);
        let mut relayed = path.relayed(sent, |packet, len| {
            packet[17] = 99; // extensions are the distributor's
            let changes =
                Changes { payload_type: Some(111), sequence_number: Some(900), marker: Some(true) };
            rewrite(packet, len, changes).unwrap()
        });
        let opened = path.bob.unprotect(&mut relayed).unwrap();
        assert_eq!((opened.payload_type, opened.sequence_number), (96, 5));
        assert_eq!(relayed[..4], [0x90, 111, 3, 0x84], "the marker is the endpoint's");
        assert_eq!((relayed[17], &relayed[20..opened.len]), (99, &b"versicle"[..]));
    }
}

// attack: a media distributor that changes, forges or replays what endpoints sent
#[test]
fn the_distributor_can_neither_forge_nor_replay() {
    for profile in PROFILES {
        let mut path = Path::new(profile);
        let inner = |error| Err(DoubleUnprotectError::Inner(error));
        // The timestamp, a CSRC, the payload, the tag, and a field behind the back of the block.
        for (sequence_number, at) in [(1u16, 4), (2, 12), (3, 17), (4, 40), (5, 1)] {
            let sent = path.sent(&rtp_with(sequence_number, &[9], None, &[7; 20]));
            let mut relayed = path.relayed(sent, |packet, len| {
                packet[at] ^= 1;
                len
            });
            assert_eq!(path.bob.unprotect(&mut relayed), inner(UnprotectError::NotAuthentic));
        }
        // The same packet under another sequence number.
        let sent = path.sent(&rtp(SSRC, 20, b"once"));
        let mut copies = Vec::new();
        let first = path.relayed(sent, |packet, len| {
            copies = packet[..len].to_vec();
            len
        });
        path.bob.unprotect(&mut first.clone()).unwrap();
        copies.extend([0; 40]);
        let changes = Changes { sequence_number: Some(21), ..Changes::default() };
        let len = copies.len() - 40;
        let len = rewrite(&mut copies, len, changes).unwrap();
        let len = path.to_bob.protect(&mut copies, len).unwrap();
        let replayed = inner(UnprotectError::Replayed { ssrc: SSRC, index: 20 });
        assert_eq!(path.bob.unprotect(&mut copies[..len]), replayed);
        // A packet of the distributor's own.
        for payload in [&[][..], &[0], &[0; 16], &[0; 17], &[0x80; 30], &[0; 60]] {
            let mut forged = [&rtp(SSRC, 30, payload)[..], &[0; 40]].concat();
            forged[3] = 30 + payload.len() as u8;
            let len = path.to_bob.protect(&mut forged, 12 + payload.len()).unwrap();
            assert!(matches!(
                path.bob.unprotect(&mut forged[..len]),
                Err(DoubleUnprotectError::NoInnerPacket { .. }
                    | DoubleUnprotectError::Inner(UnprotectError::NotAuthentic))
            ));
        }
        // And somebody else's.
        assert!(matches!(
            path.bob.unprotect(&mut [0x80; 60]),
            Err(DoubleUnprotectError::Outer(UnprotectError::NotAuthentic))
        ));
    }
}

#[test]
fn an_index_is_never_encrypted_twice_end_to_end() {
    let mut path = Path::new(PROFILES[0]);
    let plain = rtp(SSRC, 5, b"versicle");
    path.sent(&plain);
    let mut again = [&plain[..], &[0; MAX_DOUBLE_TRAILER]].concat();
    let reused = Err(ProtectError::IndexReused { ssrc: SSRC, index: 5 });
    assert_eq!(path.alice.protect(&mut again, plain.len()), reused);
    let too_small = Err(ProtectError::BufferTooSmall { need: 53, len: 52 });
    assert_eq!(path.alice.protect(&mut again[..52], 20), too_small);
}

// attack: a stream that starts at 65535 and loses its first packets
#[test]
fn an_endpoint_that_misses_everything_before_the_wrap_catches_up() {
    let mut path = Path::new(PROFILES[0]);
    for sequence_number in [0xfffe, 0xffff, 0, 1] {
        let plain = rtp(SSRC, sequence_number, b"versicle");
        let sent = path.sent(&plain);
        let mut relayed = path.relayed(sent, |_, len| len);
        if sequence_number < 9 {
            let opened = path.bob.unprotect(&mut relayed).unwrap();
            assert_eq!(relayed[..opened.len], plain);
        }
    }
}

//= rfc8723#7.1
//= type=test
#[test]
fn repair_packets_and_rtcp_are_encrypted_for_the_hop_alone() {
    for profile in PROFILES {
        let mut path = Path::new(profile);
        let lost = path.sent(&rtp(SSRC, 5, b"versicle"));
        // RTX: the original sequence number, and the payload as it was on the wire.
        let repair = rtp(77, 1, &[&[0, 5][..], &lost[12..]].concat());
        let mut buf = [&repair[..], &[0; 40]].concat();
        let len = path.alice.protect_repair(&mut buf, repair.len()).unwrap();
        assert_eq!(len, repair.len() + 16);
        buf.truncate(len);
        let mut relayed = path.relayed(buf, |_, len| len);
        let len = path.bob.unprotect_repair(&mut relayed).unwrap();
        assert_eq!(relayed[..len], repair);
        let report = rtcp(SSRC, b"only one hop");
        let mut buf = [&report[..], &[0; 40]].concat();
        let len = path.alice.protect_rtcp(&mut buf, report.len()).unwrap();
        assert_eq!(path.from_alice.unprotect_rtcp(&mut buf[..len]), Ok(report.len()));
        let len = path.to_bob.protect_rtcp(&mut buf, report.len()).unwrap();
        assert_eq!(path.bob.unprotect_rtcp(&mut buf[..len]), Ok(report.len()));
        assert_eq!(buf[..report.len()], report);
    }
}

proptest! {
    #[test]
    fn any_change_that_is_allowed_leads_to_the_same_packet(
        payload in prop::collection::vec(any::<u8>(), 0..300),
        changes in prop::collection::vec(
            (prop::option::of(0u8..128), any::<bool>(), prop::option::of(any::<bool>())), 0..4),
        first in any::<u16>(),
    ) {
        let mut path = Path::new(PROFILES[0]);
        let plain = rtp(SSRC, first, &payload);
        let sent = path.sent(&plain);
        let mut relayed = path.relayed(sent, |packet, mut len| {
            for (payload_type, renumber, marker) in &changes {
                let sequence_number = renumber.then_some(first.wrapping_add(1) & 0x7fff);
                let changes = Changes { payload_type: *payload_type, sequence_number, marker: *marker };
                len = rewrite(packet, len, changes).unwrap();
            }
            len
        });
        let opened = path.bob.unprotect(&mut relayed).unwrap();
        prop_assert_eq!((opened.payload_type, opened.sequence_number), (96, first));
        prop_assert_eq!(&relayed[12..opened.len], &payload[..]);
        prop_assert_eq!(relayed[1] & 0x80, 0);
    }
}
