//! Replays, and what the window remembers.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_srtp::{Config, Position, Profile, ProtectError, ResumeError, UnprotectError};
use common::{PROFILES, SSRC, pair, protect, protect_rtcp, receiver, rtcp, rtp, sender};

fn with_window(packets: usize) -> Config {
    let mut config = Config::default();
    config.replay_window = packets;
    config.rtcp_replay_window = packets;
    config
}

// attack: replay of RTP and RTCP
#[test]
fn a_packet_is_taken_once() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let packet = protect(&mut sender, &rtp(SSRC, 7, b"once"));
        assert!(receiver.unprotect(&mut packet.clone()).is_ok());
        for _ in 0..3 {
            let replayed = UnprotectError::Replayed { ssrc: SSRC, index: 7 };
            assert_eq!(receiver.unprotect(&mut packet.clone()), Err(replayed));
        }
        let packet = protect_rtcp(&mut sender, &rtcp(SSRC, b"once"));
        assert!(receiver.unprotect_rtcp(&mut packet.clone()).is_ok());
        let replayed = UnprotectError::Replayed { ssrc: SSRC, index: 0 };
        assert_eq!(receiver.unprotect_rtcp(&mut packet.clone()), Err(replayed));
        let stats = receiver.stats();
        assert_eq!((stats.rtp_packets, stats.rtcp_packets, stats.replayed), (1, 1, 4));
    }
}

//= rfc3711#3.3.2
//= type=test
#[test]
fn the_window_ends_where_it_says() {
    for (size, profile) in [(64, PROFILES[0]), (1024, PROFILES[2]), (4096, PROFILES[1])] {
        let config = with_window(size);
        let (mut sender, mut receiver) = (sender(profile, &config), receiver(profile, &config));
        let packets: Vec<_> =
            (0..5000).map(|at| protect(&mut sender, &rtp(SSRC, at, b"in the window?"))).collect();
        receiver.unprotect(&mut packets[4999].clone()).unwrap();
        receiver.unprotect(&mut packets[5000 - size].clone()).unwrap();
        let index = (4999 - size) as u64;
        let too_old = UnprotectError::TooOld { ssrc: SSRC, index };
        assert_eq!(receiver.unprotect(&mut packets[4999 - size].clone()), Err(too_old));
        assert_eq!(receiver.stats().too_old, 1);
    }
}

#[test]
fn the_window_of_rtcp_is_its_own() {
    let config = with_window(64);
    let profile = Profile::AesCm128HmacSha1_80;
    let (mut sender, mut receiver) = (sender(profile, &config), receiver(profile, &config));
    let reports: Vec<_> =
        (0..100).map(|_| protect_rtcp(&mut sender, &rtcp(SSRC, b"late"))).collect();
    receiver.unprotect(&mut protect(&mut sender, &rtp(SSRC, 30_000, b"far ahead"))).unwrap();
    receiver.unprotect_rtcp(&mut reports[99].clone()).unwrap();
    receiver.unprotect_rtcp(&mut reports[36].clone()).unwrap();
    let too_old = UnprotectError::TooOld { ssrc: SSRC, index: 35 };
    assert_eq!(receiver.unprotect_rtcp(&mut reports[35].clone()), Err(too_old));
    assert_eq!(receiver.position(SSRC), Some(Position::new(Some(30_000), Some(99))));
}

#[test]
fn windows_outside_the_limits_are_refused() {
    use antiphon_crypto_rust::RustCrypto;
    use antiphon_srtp::{SetupError, SrtpReceiver};
    for packets in [0, 63, 32_769] {
        let made = SrtpReceiver::new(
            &RustCrypto::new(),
            Profile::AeadAes128Gcm,
            &[1; 16],
            &[2; 12],
            &with_window(packets),
        );
        let refused = SetupError::ReplayWindow { packets, min: 64, max: 32_768 };
        assert_eq!(made.err(), Some(refused));
    }
}

// attack: reuse of an index, which gives two plain texts away
#[test]
fn a_sequence_number_is_never_encrypted_twice() {
    for profile in PROFILES {
        let mut sender = sender(profile, &with_window(64));
        let stored = protect(&mut sender, &rtp(SSRC, 100, b"first"));
        let mut again = [&rtp(SSRC, 100, b"other")[..], &[0; 16]].concat();
        let before = again.clone();
        let reused = ProtectError::IndexReused { ssrc: SSRC, index: 100 };
        assert_eq!(sender.protect(&mut again, 17), Err(reused));
        assert_eq!(again, before);
        // Out of order is fine, as long as it can be remembered.
        protect(&mut sender, &rtp(SSRC, 99, b"late"));
        protect(&mut sender, &rtp(SSRC, 162, b"ahead"));
        let mut old = [&rtp(SSRC, 98, b"too late")[..], &[0; 16]].concat();
        let too_old = ProtectError::IndexTooOld { ssrc: SSRC, index: 98 };
        assert_eq!(sender.protect(&mut old, 20), Err(too_old));
        // What was lost is sent again as it was.
        let mut receiver = receiver(profile, &Config::default());
        receiver.unprotect(&mut stored.clone()).unwrap();
    }
}

#[test]
fn streams_go_on_where_another_context_stopped() {
    for profile in PROFILES {
        let (mut first, mut receiver) = pair(profile);
        for at in 0..10 {
            receiver.unprotect(&mut protect(&mut first, &rtp(SSRC, at, b"first"))).unwrap();
        }
        protect_rtcp(&mut first, &rtcp(SSRC, b"first"));
        let position = first.position(SSRC).unwrap();
        assert_eq!(position, Position::new(Some(9), Some(0)));

        let mut second = sender(profile, &Config::default());
        second.resume(SSRC, position).unwrap();
        let mut reused = [&rtp(SSRC, 9, b"again")[..], &[0; 16]].concat();
        assert!(matches!(
            second.protect(&mut reused, 17),
            Err(ProtectError::IndexReused { index: 9, .. })
        ));
        receiver.unprotect(&mut protect(&mut second, &rtp(SSRC, 10, b"second"))).unwrap();
        receiver.unprotect_rtcp(&mut protect_rtcp(&mut second, &rtcp(SSRC, b"2nd."))).unwrap();
        assert_eq!(receiver.position(SSRC), Some(Position::new(Some(10), Some(1))));
    }
}

#[test]
fn nothing_resumes_backwards_or_out_of_range() {
    let (mut sender, mut receiver) = pair(Profile::AeadAes128Gcm);
    let at = Position::new(Some(500), Some(20));
    sender.resume(SSRC, at).unwrap();
    receiver.resume(SSRC, at).unwrap();
    for (to, refused) in [
        (Position::new(Some(499), None), ResumeError::Backwards { at: 500, to: 499 }),
        (Position::new(Some(501), Some(19)), ResumeError::Backwards { at: 20, to: 19 }),
        (
            Position::new(Some(1 << 48), None),
            ResumeError::OutOfRange { index: 1 << 48, limit: (1 << 48) - 1 },
        ),
        (
            Position::new(None, Some(1 << 31)),
            ResumeError::OutOfRange { index: 1 << 31, limit: (1 << 31) - 1 },
        ),
    ] {
        assert_eq!(sender.resume(SSRC, to), Err(refused));
        assert_eq!(receiver.resume(SSRC, to), Err(refused));
    }
    assert_eq!(sender.position(SSRC), Some(at));
    assert_eq!(receiver.position(SSRC), Some(at));
    // Where it stands already, it may stand.
    sender.resume(SSRC, at).unwrap();
    receiver.resume(SSRC, at).unwrap();
}
