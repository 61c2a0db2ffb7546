//! Hostile packets, and the limits of memory and keys.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_srtp::{
    Config, HeaderError, Position, Profile, ProtectError, ResumeError, UnprotectError,
};
use common::{PROFILES, SSRC, pair, protect, protect_rtcp, receiver, rtcp, rtp, sender};
use proptest::prelude::*;

// attack: zero and short tags, truncated packets, trailers that underflow
#[test]
fn truncated_packets_are_dropped_whatever_their_length() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let packet = protect(&mut sender, &rtp(SSRC, 1, b"a payload"));
        for len in 0..packet.len() {
            let expected = match len {
                0..12 => UnprotectError::Header(HeaderError::Truncated { need: 12, len }),
                _ if len < 12 + profile.rtp_overhead() => {
                    UnprotectError::Truncated { need: 12 + profile.rtp_overhead(), len }
                }
                _ => UnprotectError::NotAuthentic,
            };
            assert_eq!(receiver.unprotect(&mut packet[..len].to_vec()), Err(expected));
        }
        let report = protect_rtcp(&mut sender, &rtcp(SSRC, b"a report"));
        for len in 0..report.len() {
            let verdict = receiver.unprotect_rtcp(&mut report[..len].to_vec());
            match len {
                0..8 => {
                    let truncated = HeaderError::Truncated { need: 8, len };
                    assert_eq!(verdict, Err(UnprotectError::Header(truncated)));
                }
                _ if len < 8 + profile.rtcp_overhead() => {
                    let need = 8 + profile.rtcp_overhead();
                    assert_eq!(verdict, Err(UnprotectError::Truncated { need, len }));
                }
                // Where the index is looked for lies something else now.
                _ => assert!(matches!(
                    verdict,
                    Err(UnprotectError::NotAuthentic | UnprotectError::NotEncrypted)
                )),
            }
        }
        assert_eq!(receiver.streams(), 0);
    }
}

#[test]
fn an_empty_payload_is_a_payload() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let mut packet = protect(&mut sender, &rtp(SSRC, 1, b""));
        assert_eq!(receiver.unprotect(&mut packet), Ok(12));
        let mut report = protect_rtcp(&mut sender, &rtcp(SSRC, b""));
        assert_eq!(receiver.unprotect_rtcp(&mut report), Ok(8));
    }
}

#[test]
fn every_changed_bit_is_noticed() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let packet = protect(&mut sender, &rtp(SSRC, 1, b"a payload"));
        let report = protect_rtcp(&mut sender, &rtcp(SSRC, b"a report"));
        for bit in 0..packet.len() * 8 {
            let mut changed = packet.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(receiver.unprotect(&mut changed).is_err(), "bit {bit}");
        }
        for bit in 0..report.len() * 8 {
            let mut changed = report.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(receiver.unprotect_rtcp(&mut changed).is_err(), "bit {bit}");
        }
        assert_eq!(receiver.streams(), 0);
        // None of them was in the way of the real ones.
        receiver.unprotect(&mut packet.clone()).unwrap();
        receiver.unprotect_rtcp(&mut report.clone()).unwrap();
    }
}

// attack: RTCP in the clear although encryption was negotiated
#[test]
fn unencrypted_rtcp_is_refused() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let mut report = protect_rtcp(&mut sender, &rtcp(SSRC, b"a report"));
        let gcm = matches!(profile, Profile::AeadAes128Gcm | Profile::AeadAes256Gcm);
        let word = report.len() - if gcm { 4 } else { 14 };
        assert_eq!(report[word], 0x80);
        report[word] = 0;
        assert_eq!(receiver.unprotect_rtcp(&mut report), Err(UnprotectError::NotEncrypted));
        assert_eq!(receiver.stats().not_encrypted, 1);
    }
}

// attack: memory for sources that nobody authenticated
// attack: so many errors that a session gives up; they are counted, and that is all
#[test]
fn strangers_take_no_memory_and_end_nothing() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        for ssrc in 0..10_000u32 {
            let mut forged = rtp(ssrc, ssrc as u16, &[0x5a; 60]);
            assert_eq!(receiver.unprotect(&mut forged), Err(UnprotectError::NotAuthentic));
            let mut forged = rtcp(ssrc, &[0xff; 40]);
            assert_eq!(receiver.unprotect_rtcp(&mut forged), Err(UnprotectError::NotAuthentic));
        }
        assert_eq!(receiver.streams(), 0);
        assert_eq!(receiver.position(1), None);
        assert_eq!(receiver.stats().not_authentic, 20_000);
        receiver.unprotect(&mut protect(&mut sender, &rtp(SSRC, 1, b"real"))).unwrap();
    }
}

// attack: an endless number of sources from the peer itself
#[test]
fn sources_are_counted() {
    let mut few = Config::default();
    few.max_streams = 2;
    for profile in PROFILES {
        let mut everyone = sender(profile, &Config::default());
        let (mut sender, mut receiver) = (sender(profile, &few), receiver(profile, &few));
        for ssrc in [1, 2] {
            receiver.unprotect(&mut protect(&mut sender, &rtp(ssrc, 1, b"in"))).unwrap();
        }
        let limit = 2;
        let mut third = protect(&mut everyone, &rtp(3, 1, b"out"));
        let refused = UnprotectError::TooManyStreams { limit };
        assert_eq!(receiver.unprotect(&mut third.clone()), Err(refused));
        let mut report = protect_rtcp(&mut everyone, &rtcp(3, b"out."));
        assert_eq!(receiver.unprotect_rtcp(&mut report), Err(refused));
        let refused = ProtectError::TooManyStreams { limit };
        assert_eq!(sender.protect(&mut third, 15), Err(refused));
        assert_eq!(sender.protect_rtcp(&mut report, 12), Err(refused));
        let refused = ResumeError::TooManyStreams { limit };
        let position = Position::new(Some(1), None);
        assert_eq!(sender.resume(3, position), Err(refused));
        assert_eq!(receiver.resume(3, position), Err(refused));
        // Those that are in are not disturbed.
        receiver.unprotect(&mut protect(&mut sender, &rtp(1, 2, b"in"))).unwrap();
        assert_eq!(receiver.stats().refused, 2);
    }
}

//= rfc3711#9.2
//= type=test
#[test]
fn a_key_protects_as_many_packets_as_it_may() {
    let mut config = Config::default();
    config.packet_limit = Some(3);
    for profile in PROFILES {
        let mut sender = sender(profile, &config);
        // Over all sources together.
        for ssrc in [1, 2, 3] {
            protect(&mut sender, &rtp(ssrc, 1, b"fine"));
            protect_rtcp(&mut sender, &rtcp(ssrc, b"fine"));
        }
        let reached = Err(ProtectError::KeyLimitReached { packets: 3 });
        let mut packet = [&rtp(1, 2, b"no")[..], &[0; 16]].concat();
        assert_eq!(sender.protect(&mut packet, 14), reached);
        let mut report = [&rtcp(1, b"no..")[..], &[0; 20]].concat();
        assert_eq!(sender.protect_rtcp(&mut report, 12), reached);
        assert_eq!((sender.stats().rtp_packets, sender.stats().rtcp_packets), (3, 3));
    }
}

//= rfc3711#3.4
//= type=test
#[test]
fn rtcp_ends_with_its_last_index() {
    const LAST: u32 = (1 << 31) - 1;
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        sender.resume(SSRC, Position::new(None, Some(LAST - 1))).unwrap();
        let mut last = protect_rtcp(&mut sender, &rtcp(SSRC, b"last"));
        receiver.unprotect_rtcp(&mut last).unwrap();
        assert_eq!(receiver.position(SSRC), Some(Position::new(None, Some(LAST))));
        let mut next = [&rtcp(SSRC, b"more")[..], &[0; 20]].concat();
        assert!(matches!(
            sender.protect_rtcp(&mut next, 12),
            Err(ProtectError::KeyLimitReached { .. })
        ));
    }
}

#[test]
fn a_buffer_without_room_is_an_error() {
    for profile in PROFILES {
        let (mut sender, _) = pair(profile);
        let packet = rtp(SSRC, 1, b"a payload");
        let (len, room) = (packet.len(), profile.rtp_overhead());
        for short in 0..room {
            let mut buf = [&packet[..], &vec![0; short]].concat();
            let too_small = ProtectError::BufferTooSmall { need: len + room, len: len + short };
            assert_eq!(sender.protect(&mut buf, len), Err(too_small));
        }
        assert!(matches!(
            sender.protect(&mut [0; 64], usize::MAX),
            Err(ProtectError::BufferTooSmall { .. })
        ));
        assert!(matches!(
            sender.protect(&mut [0; 64], 11),
            Err(ProtectError::Header(HeaderError::Truncated { need: 12, len: 11 }))
        ));
        // Nothing was used up.
        protect(&mut sender, &packet);
    }
}

#[test]
fn nothing_secret_is_shown() {
    let (sender, receiver) = pair(Profile::AesCm128HmacSha1_80);
    let shown = format!("{sender:?} {receiver:?}");
    assert!(shown.contains("rtp: CounterMode") && shown.contains("0 of at most 1024"), "{shown}");
}

proptest! {
    /// Any bytes, after real packets: an error, no panic, and no change.
    #[test]
    fn no_bytes_do_harm(
        bytes in prop::collection::vec(any::<u8>(), 0..120),
        profile in prop::sample::select(PROFILES.to_vec()),
    ) {
        let (mut sender, mut receiver) = pair(profile);
        receiver.unprotect(&mut protect(&mut sender, &rtp(SSRC, 3, b"real"))).unwrap();
        let before = receiver.position(SSRC);
        prop_assert!(receiver.unprotect(&mut bytes.clone()).is_err());
        prop_assert!(receiver.unprotect_rtcp(&mut bytes.clone()).is_err());
        prop_assert_eq!(receiver.position(SSRC), before);
        prop_assert_eq!(receiver.streams(), 1);
        // The sending side takes what its owner gives it.
        let len = bytes.len();
        let mut buf = [&bytes[..], &[0; 20]].concat();
        let _ = sender.protect(&mut buf.clone(), len);
        let _ = sender.protect_rtcp(&mut buf, len);
    }

    /// Header fields of every kind survive, and what was encrypted comes back.
    #[test]
    fn what_is_protected_is_unprotected(
        csrcs in prop::collection::vec(any::<[u8; 4]>(), 0..=15),
        extension in prop::option::of(prop::collection::vec(any::<[u8; 4]>(), 0..20)),
        payload in prop::collection::vec(any::<u8>(), 0..1300),
        sequence_number in any::<u16>(),
        ssrc in any::<u32>(),
        profile in prop::sample::select(PROFILES.to_vec()),
    ) {
        let mut packet = rtp(ssrc, sequence_number, &csrcs.concat());
        packet[0] |= csrcs.len() as u8;
        if let Some(words) = &extension {
            packet[0] |= 0x10;
            packet.extend([0xbe, 0xde, 0, words.len() as u8]);
            packet.extend(words.concat());
        }
        let header = packet.len();
        packet.extend(&payload);
        let (mut sender, mut receiver) = pair(profile);
        let mut protected = protect(&mut sender, &packet);
        prop_assert_eq!(&protected[..header], &packet[..header]);
        let len = receiver.unprotect(&mut protected).unwrap();
        prop_assert_eq!(&protected[..len], &packet[..]);
        let report = rtcp(ssrc, &payload);
        let mut protected = protect_rtcp(&mut sender, &report);
        let len = receiver.unprotect_rtcp(&mut protected).unwrap();
        prop_assert_eq!(&protected[..len], &report[..]);
    }
}
