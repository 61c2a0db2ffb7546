//! Nothing is allocated per packet, and contexts are small.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_srtp::MAX_TRAILER;
use antiphon_testkit::alloc;
use common::{PROFILES, pair, rtcp, rtp};

antiphon_testkit::install_counting_allocator!();

#[test]
fn packets_of_known_sources_allocate_nothing() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let packet = rtp(0, 0, &[7; 1200]);
        let report = rtcp(0, &[7; 60]);
        let mut buf = [&packet[..], &[0; MAX_TRAILER]].concat();
        let mut round = |sequence_number: u16, ssrc: u32| {
            buf[..packet.len()].copy_from_slice(&packet);
            buf[2..4].copy_from_slice(&sequence_number.to_be_bytes());
            buf[8..12].copy_from_slice(&ssrc.to_be_bytes());
            let len = sender.protect(&mut buf, packet.len()).unwrap();
            receiver.unprotect(&mut buf[..len]).unwrap();
            // Replays and forgeries cost no memory either.
            assert!(receiver.unprotect(&mut buf[..len]).is_err());
            buf[..report.len()].copy_from_slice(&report);
            buf[4..8].copy_from_slice(&ssrc.to_be_bytes());
            let len = sender.protect_rtcp(&mut buf, report.len()).unwrap();
            receiver.unprotect_rtcp(&mut buf[..len]).unwrap();
            assert!(receiver.unprotect_rtcp(&mut buf[..len]).is_err());
            buf[8..12].copy_from_slice(&[0x77; 4]);
            assert!(receiver.unprotect(&mut buf).is_err());
        };
        for ssrc in 0..3 {
            round(0, ssrc);
        }
        let allocations = alloc::count(|| {
            for sequence_number in 1..1000 {
                for ssrc in 0..3 {
                    round(sequence_number, ssrc);
                }
            }
        });
        assert_eq!(allocations, 0, "{profile:?}");
    }
}

/// The goal: well under 2 KiB for a direction with one source.
#[test]
fn a_direction_with_one_source_is_small() {
    for profile in PROFILES {
        let packet = rtp(1, 1, b"one source");
        let (made, usage) = alloc::measure(|| {
            let (mut sender, mut receiver) = pair(profile);
            let mut buf = [0; 64];
            buf[..packet.len()].copy_from_slice(&packet);
            let len = sender.protect(&mut buf, packet.len()).unwrap();
            receiver.unprotect(&mut buf[..len]).unwrap();
            (sender, receiver)
        });
        let stack = size_of_val(&made.0) + size_of_val(&made.1);
        let both = usize::try_from(usage.retained_bytes).unwrap() + stack;
        assert!(both < 2 * 1800, "{profile:?}: {both} bytes in both directions");
    }
}

#[test]
fn contexts_can_be_sent_to_other_threads() {
    fn movable<T: Send + 'static>(_: &T) {}
    let (sender, receiver) = pair(PROFILES[0]);
    movable(&sender);
    movable(&receiver);
}
