//! The roll-over counter: wraps with loss and reordering, late and early beginnings.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_srtp::{Config, Position, Profile, ProtectError, UnprotectError};
use common::{PROFILES, SSRC, pair, protect, rtp};
use proptest::prelude::*;

/// Protects a packet for each index, in that order.
fn stream(profile: Profile, indices: impl IntoIterator<Item = u64>) -> Vec<(u64, Vec<u8>)> {
    let mut sender = common::sender(profile, &Config::default());
    indices
        .into_iter()
        .map(|index| (index, protect(&mut sender, &rtp(SSRC, index as u16, &index.to_be_bytes()))))
        .collect()
}

fn highest(receiver: &antiphon_srtp::SrtpReceiver) -> Option<u64> {
    receiver.position(SSRC).and_then(|position| position.rtp)
}

#[test]
fn both_sides_count_every_wrap() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        for index in (0x7000..0x5_0000).step_by(0x1234) {
            let mut packet = protect(&mut sender, &rtp(SSRC, index as u16, b"on and on"));
            receiver.unprotect(&mut packet).unwrap();
            assert_eq!(highest(&receiver), Some(index));
            assert_eq!(sender.position(SSRC), Some(Position::new(Some(index), None)));
        }
    }
}

// attack: reordering across the wrap
#[test]
fn packets_that_cross_the_wrap_out_of_order_are_read() {
    for profile in PROFILES {
        let mut packets = stream(profile, 0xfff0..0x1_0010);
        packets.reverse();
        let mut receiver = common::receiver(profile, &Config::default());
        // The first to arrive comes from after the wrap.
        for (index, packet) in &mut packets {
            let len = receiver.unprotect(packet).unwrap();
            assert_eq!(packet[12..len], index.to_be_bytes());
        }
        assert_eq!(highest(&receiver), Some(0x1_000f));
    }
}

// attack: a stream that starts at 65535 and loses its first packets
#[test]
fn a_receiver_that_misses_everything_before_the_wrap_catches_up() {
    for profile in PROFILES {
        let mut packets = stream(profile, 0xffff..0x1_0003);
        let mut receiver = common::receiver(profile, &Config::default());
        for (_, packet) in &mut packets[1..] {
            receiver.unprotect(packet).unwrap();
        }
        let (_, late) = &mut packets[0];
        receiver.unprotect(late).unwrap();
        assert_eq!(highest(&receiver), Some(0x1_0002));
    }
}

#[test]
fn a_receiver_that_joins_later_is_told_the_counter() {
    let mut packets = stream(Profile::AesCm128HmacSha1_80, (0..0x4_0000).step_by(0x1000));
    let mut receiver = common::receiver(Profile::AesCm128HmacSha1_80, &Config::default());
    let (index, packet) = packets.last_mut().unwrap();
    let before = packet.clone();
    assert_eq!(receiver.unprotect(packet), Err(UnprotectError::NotAuthentic));
    receiver.resume(SSRC, Position::new(Some(*index - 1), None)).unwrap();
    *packet = before;
    receiver.unprotect(packet).unwrap();
    assert_eq!(highest(&receiver), Some(*index));
}

//= rfc3711#3.3.1
//= type=test
#[test]
fn just_under_32768_lost_packets_do_not_lose_the_counter() {
    for profile in PROFILES {
        let far = [0x4000, 0xbfff, 0x1_3ffe, 0x1_bffd, 0x2_3ffc];
        let mut receiver = common::receiver(profile, &Config::default());
        for (index, mut packet) in stream(profile, far) {
            receiver.unprotect(&mut packet).unwrap();
            assert_eq!(highest(&receiver), Some(index));
        }
    }
}

//= rfc3711#3.3.1
//= type=test
#[test]
fn a_forged_packet_moves_no_counter() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        receiver.unprotect(&mut protect(&mut sender, &rtp(SSRC, 0xfffe, b"real"))).unwrap();
        for sequence_number in [0, 0x1000, 0x7ffd, 0xff00, 0xffff] {
            let mut forged = rtp(SSRC, sequence_number, &[7; 40]);
            assert_eq!(receiver.unprotect(&mut forged), Err(UnprotectError::NotAuthentic));
            assert_eq!(highest(&receiver), Some(0xfffe));
        }
        receiver.unprotect(&mut protect(&mut sender, &rtp(SSRC, 0xffff, b"real"))).unwrap();
        assert_eq!(receiver.stats().not_authentic, 5);
    }
}

#[test]
fn a_key_ends_with_the_last_index() {
    const LAST: u64 = (1 << 48) - 1;
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let before = Position::new(Some(LAST - 1), None);
        sender.resume(SSRC, before).unwrap();
        receiver.resume(SSRC, before).unwrap();
        receiver.unprotect(&mut protect(&mut sender, &rtp(SSRC, 0xffff, b"the last"))).unwrap();
        assert_eq!(highest(&receiver), Some(LAST));
        let mut next = [&rtp(SSRC, 0, b"one too many")[..], &[0; 16]].concat();
        assert_eq!(
            sender.protect(&mut next, 24),
            Err(ProtectError::KeyLimitReached { packets: LAST })
        );
        assert_eq!(receiver.unprotect(&mut next), Err(UnprotectError::KeyExhausted));
    }
}

#[test]
fn counters_of_sources_are_their_own() {
    let (mut sender, mut receiver) = pair(Profile::AeadAes128Gcm);
    for round in 0..4u16 {
        for ssrc in [5, 1, 9, 3] {
            // Each source wraps at another time.
            let at = round.wrapping_mul(0x6000).wrapping_add(ssrc as u16 * 0x700);
            receiver.unprotect(&mut protect(&mut sender, &rtp(ssrc, at, b"mine"))).unwrap();
        }
    }
    for ssrc in [5, 1, 9, 3] {
        let expected = u64::from(ssrc) * 0x700 + 3 * 0x6000;
        assert_eq!(receiver.position(ssrc), Some(Position::new(Some(expected), None)));
    }
    assert_eq!((sender.streams(), receiver.streams()), (4, 4));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is lost, duplicated and late within the window, each packet is read exactly once.
    #[test]
    fn loss_and_reordering_around_a_wrap_do_no_harm(
        start in prop_oneof![0u16..0x8000, 0xff00u16..=0xffff],
        fate in prop::collection::vec((any::<bool>(), 0usize..40, any::<bool>()), 600),
        profile in prop::sample::select(PROFILES.to_vec()),
    ) {
        let first = u64::from(start);
        let packets = stream(profile, first..first + 600);
        // Each packet is held up by some places; some twice, some never arrive.
        let mut arrivals: Vec<(usize, usize)> = Vec::new();
        for (at, (kept, delay, twice)) in fate.iter().enumerate() {
            if *kept {
                arrivals.push((at + delay, at));
            }
            if *kept && *twice {
                arrivals.push((at + delay + 7, at));
            }
        }
        arrivals.sort_unstable();
        let mut receiver = common::receiver(profile, &Config::default());
        let mut read = std::collections::BTreeSet::new();
        for (_, at) in arrivals {
            let (index, packet) = &packets[at];
            let verdict = receiver.unprotect(&mut packet.clone());
            if read.insert(*index) {
                prop_assert_eq!(verdict, Ok(20));
            } else {
                prop_assert_eq!(verdict, Err(UnprotectError::Replayed { ssrc: SSRC, index: *index }));
            }
        }
        prop_assert_eq!(highest(&receiver), read.last().copied());
    }
}
