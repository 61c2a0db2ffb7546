//! Encrypted header extensions (RFC 6904), roll-over counters in the tag (RFC 4771), batches, and
//! the profiles that encrypt nothing.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::num::NonZeroU16;

use antiphon_srtp::{
    Config, ExtensionIds, HeaderError, MAX_TRAILER, Position, Profile, ProtectError, SetupError,
    SrtpReceiver, UnprotectError,
};
use common::{
    NULL_PROFILES, PROFILES, SSRC, pair, pair_with, protect, protect_rtcp, receiver, rtcp, rtp,
    rtp_with, sender,
};

/// Elements 1 (2 bytes), 2 (1 byte), 3 (4 bytes), and padding.
const ELEMENTS: [u8; 12] = [0x11, 7, 8, 0x20, 9, 0x33, 1, 2, 3, 4, 0, 0];

fn encrypting(ids: &[u8]) -> Config {
    let mut config = Config::default();
    config.encrypted_extensions = Some(ids.iter().copied().collect());
    config
}

fn carrying(rate: u16) -> Config {
    let mut config = Config::default();
    config.roc_carriage = NonZeroU16::new(rate);
    config
}

//= rfc6904#3
//= type=test
#[test]
fn only_the_elements_asked_for_are_encrypted() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair_with(profile, &encrypting(&[1, 3]));
        let plain = rtp_with(7, &[5], Some((0xbede, &ELEMENTS)), b"a payload");
        let mut sealed = protect(&mut sender, &plain);
        // Headers of elements, element 2 and padding are as they were.
        for at in [20, 23, 24, 25, 30, 31] {
            assert_eq!(sealed[at], plain[at], "{profile:?}: byte {at}");
        }
        assert!(sealed[21..23] != plain[21..23] && sealed[26..30] != plain[26..30]);
        let mut unaware = common::receiver(profile, &Config::default());
        let mut copy = sealed.clone();
        let len = unaware.unprotect(&mut copy).unwrap();
        assert_eq!((&copy[..20], &copy[32..len]), (&plain[..20], &plain[32..]));
        assert_ne!(copy[26..30], plain[26..30]);
        let len = receiver.unprotect(&mut sealed).unwrap();
        assert_eq!(sealed[..len], plain);
    }
}

#[test]
fn what_is_encrypted_may_change_when_keys_are_there() {
    let profile = Profile::AeadAes128Gcm;
    let plain =
        |sequence_number| rtp_with(sequence_number, &[], Some((0xbede, &ELEMENTS)), b"a payload");
    let ids: ExtensionIds = [2].into_iter().collect();
    let (mut sender, mut receiver) = pair_with(profile, &encrypting(&[]));
    assert_eq!(protect(&mut sender, &plain(1))[..28], plain(1)[..28]);
    sender.set_encrypted_extensions(ids).unwrap();
    receiver.set_encrypted_extensions(ids).unwrap();
    let mut sealed = protect(&mut sender, &plain(2));
    assert_ne!(sealed[20], plain(2)[20]);
    let len = receiver.unprotect(&mut sealed).unwrap();
    assert_eq!(sealed[..len], plain(2));
    // Without keys there is nothing to encrypt with.
    let (mut sender, mut receiver) = pair(profile);
    assert_eq!(sender.set_encrypted_extensions(ids), Err(SetupError::NoExtensionKeys));
    assert_eq!(receiver.set_encrypted_extensions(ids), Err(SetupError::NoExtensionKeys));
    assert_eq!(sender.set_encrypted_extensions(ExtensionIds::default()), Ok(()));
}

// attack: header extensions that lie about their length
#[test]
fn elements_that_reach_too_far_are_not_sent() {
    for profile in PROFILES {
        let (mut sender, _) = pair_with(profile, &encrypting(&[1]));
        let mut packet = rtp_with(1, &[], Some((0xbede, &[0x1f, 1, 2, 3])), &[0; 60]);
        let wrong = ProtectError::Header(HeaderError::Element { at: 0 });
        assert_eq!(sender.protect(&mut packet, 40), Err(wrong));
        assert_eq!(sender.position(SSRC), None, "nothing is used up");
    }
}

//= rfc4771#2
//= type=test
#[test]
fn a_receiver_joins_with_the_counter_in_the_tag() {
    for profile in PROFILES.into_iter().filter(|profile| profile.rtp_overhead() > 4) {
        let config = carrying(100);
        let (mut sender, mut receiver) = pair_with(profile, &config);
        sender.resume(SSRC, Position::new(Some(0x1234_0000_0000 - 100), None)).unwrap();
        let first = 0x1234_0000_0000u64 + 99;
        for index in first..first + 300 {
            let plain = rtp(SSRC, index as u16, b"joined in the middle");
            let mut sealed = protect(&mut sender, &plain);
            let verdict = receiver.unprotect(&mut sealed);
            if index == first {
                // Nobody has told the counter yet.
                assert_eq!(verdict, Err(UnprotectError::NotAuthentic));
            } else {
                assert_eq!(verdict, Ok(plain.len()));
                assert_eq!(sealed[..plain.len()], plain);
                assert_eq!(receiver.position(SSRC), Some(Position::new(Some(index), None)));
            }
        }
        assert_eq!(receiver.stats().not_authentic, 1);
    }
}

// attack: a forged roll-over counter
#[test]
fn a_forged_counter_in_the_tag_moves_nothing() {
    for profile in PROFILES.into_iter().filter(|profile| profile.rtp_overhead() > 4) {
        let (mut sender, mut receiver) = pair_with(profile, &carrying(2));
        receiver.unprotect(&mut protect(&mut sender, &rtp(SSRC, 2, b"real"))).unwrap();
        let sealed = protect(&mut sender, &rtp(SSRC, 4, b"real"));
        let before = receiver.position(SSRC);
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(receiver.unprotect(&mut changed).is_err(), "bit {bit}");
            assert_eq!(receiver.position(SSRC), before);
        }
        receiver.unprotect(&mut sealed.clone()).unwrap();
        let replayed = UnprotectError::Replayed { ssrc: SSRC, index: 4 };
        assert_eq!(receiver.unprotect(&mut sealed.clone()), Err(replayed));
    }
}

#[test]
fn tags_of_four_bytes_carry_no_counter() {
    for profile in PROFILES.into_iter().filter(|profile| profile.rtp_overhead() == 4) {
        let (key, salt) = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
        let provider = antiphon_crypto_rust::RustCrypto::new();
        let refused = SrtpReceiver::new(&provider, profile, &key, &salt, &carrying(5)).err();
        assert_eq!(refused, Some(SetupError::NoRoomForCounter { tag_len: 4 }));
    }
}

#[test]
fn a_batch_does_what_its_packets_would_do_alone() {
    for profile in PROFILES {
        let (mut batched, mut receiver) = pair(profile);
        let mut single = sender(profile, &Config::default());
        let plain: Vec<Vec<u8>> = (0..40)
            .map(|at| rtp(at % 3, 100 + at as u16, &vec![at as u8; 30 * at as usize]))
            .collect();
        let mut buffers: Vec<Vec<u8>> =
            plain.iter().map(|packet| [&packet[..], &[0; MAX_TRAILER]].concat()).collect();
        // One of them has no room, and does not keep the others back.
        buffers[7].truncate(plain[7].len());
        let mut lens = vec![None; plain.len()];
        let packets =
            buffers.iter_mut().zip(&plain).map(|(buf, packet)| (&mut buf[..], packet.len()));
        batched.protect_batch(packets, |at, len| lens[at] = Some(len));
        assert!(matches!(lens[7], Some(Err(ProtectError::BufferTooSmall { .. }))));
        for at in (0..40).filter(|at| *at != 7) {
            buffers[at].truncate(lens[at].unwrap().unwrap());
            assert_eq!(buffers[at], protect(&mut single, &plain[at]));
        }
        let mut read = 0;
        receiver.unprotect_batch(buffers.iter_mut().map(|buf| &mut buf[..]), |at, len| {
            assert_eq!(len.is_ok(), at != 7);
            read += usize::from(len == Ok(plain[at].len()));
        });
        assert_eq!((read, receiver.streams()), (39, 3));
        for at in (0..40).filter(|at| *at != 7) {
            assert_eq!(buffers[at][..plain[at].len()], plain[at]);
        }
    }
}

#[test]
fn profiles_that_encrypt_nothing_authenticate_all_the_same() {
    for profile in NULL_PROFILES {
        let (mut sender, mut receiver) = pair_with(profile, &encrypting(&[1]));
        let plain = rtp_with(1, &[], Some((0xbede, &ELEMENTS)), b"in the clear");
        let sealed = protect(&mut sender, &plain);
        assert_eq!(sealed[..plain.len()], plain);
        assert_eq!(sealed.len(), plain.len() + profile.rtp_overhead());
        let report = rtcp(SSRC, b"in the clear");
        let sealed_report = protect_rtcp(&mut sender, &report);
        assert_eq!(sealed_report[..report.len()], report);
        // The bit that says that it is encrypted is not set.
        assert_eq!(sealed_report[report.len()..report.len() + 4], [0; 4]);
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(receiver.unprotect(&mut changed).is_err(), "bit {bit}");
        }
        for bit in 0..sealed_report.len() * 8 {
            let mut changed = sealed_report.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(receiver.unprotect_rtcp(&mut changed).is_err(), "bit {bit}");
        }
        assert_eq!(receiver.unprotect(&mut sealed.clone()), Ok(plain.len()));
        assert_eq!(receiver.unprotect_rtcp(&mut sealed_report.clone()), Ok(report.len()));
    }
}

#[test]
fn a_packet_with_a_master_key_identifier_is_not_authentic() {
    for profile in PROFILES {
        let mut sender = sender(profile, &Config::default());
        let mut receiver = receiver(profile, &Config::default());
        let sealed = protect(&mut sender, &rtp(SSRC, 1, b"no identifier was negotiated"));
        let (body, tag) = sealed.split_at(sealed.len() - profile.rtp_overhead());
        for identifier in [&[1][..], &[0, 1], &[0, 0, 0, 1]] {
            let before_tag = [body, identifier, tag].concat();
            let behind_tag = [body, tag, identifier].concat();
            for mut packet in [before_tag, behind_tag] {
                let verdict = receiver.unprotect(&mut packet);
                assert_eq!(verdict, Err(UnprotectError::NotAuthentic));
            }
        }
        assert_eq!(receiver.streams(), 0);
    }
}
