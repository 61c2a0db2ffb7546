//! Nothing is allocated per packet, and contexts are small.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::num::NonZeroU16;

use antiphon_srtp::{Config, Cryptex, MAX_TRAILER};
use antiphon_testkit::alloc;
use common::{NULL_PROFILES, PROFILES, pair, pair_with, rtcp, rtp, rtp_with};

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

#[test]
fn options_batches_and_null_profiles_allocate_nothing_either() {
    let mut config = Config::default();
    config.encrypted_extensions = Some([1, 3].into_iter().collect());
    let mut cryptex = config;
    cryptex.cryptex = Cryptex::On;
    let mut carrying = config;
    carrying.roc_carriage = NonZeroU16::new(3);
    for (config, csrcs) in [(config, &[][..]), (cryptex, &[7, 8]), (carrying, &[7])] {
        for profile in PROFILES.into_iter().chain(NULL_PROFILES) {
            if config.roc_carriage.is_some() && profile.rtp_overhead() == 4 {
                continue;
            }
            let (mut sender, mut receiver) = pair_with(profile, &config);
            let extension = [0x13, 1, 2, 3, 4, 0x32, 1, 2, 3, 0, 0, 0];
            let with = rtp_with(0, csrcs, Some((0xbede, &extension)), &[7; 1200]);
            let without = rtp_with(0, csrcs, None, &[7; 1200]);
            let mut buffers = [[0; 1300]; 16];
            let mut lens = [0; 16];
            let mut sequence_number = 0u16;
            let mut round = || {
                for (at, buf) in buffers.iter_mut().enumerate() {
                    let packet = if at % 2 == 0 { &with } else { &without };
                    buf[..packet.len()].copy_from_slice(packet);
                    buf[2..4].copy_from_slice(&sequence_number.to_be_bytes());
                    sequence_number = sequence_number.wrapping_add(1);
                    lens[at] = packet.len();
                }
                let sizes = lens;
                let packets = buffers.iter_mut().zip(sizes).map(|(buf, len)| (&mut buf[..], len));
                sender.protect_batch(packets, |at, len| lens[at] = len.unwrap());
                let packets = buffers.iter_mut().zip(lens).map(|(buf, len)| &mut buf[..len]);
                receiver.unprotect_batch(packets, |_, len| assert!(len.is_ok(), "{len:?}"));
            };
            round();
            assert_eq!(alloc::count(|| (0..100).for_each(|_| round())), 0, "{profile:?}");
        }
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
