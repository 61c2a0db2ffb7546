//! Frames from end to end: what arrives, what is refused, and what counters and windows allow.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_sframe::{
    Config, DecryptError, EncryptError, HeaderError, KeyError, MAX_HEADER, MAX_TAG,
};
use common::{BASE_KEY, SUITES, encrypt, pair, receiver, sender, try_encrypt};
use proptest::prelude::*;

#[test]
fn frames_come_back_whatever_their_size() {
    for suite in SUITES {
        let (mut sender, mut receiver) = pair(suite, 300);
        for len in [0, 1, 15, 16, 17, 1200, 100_000] {
            let plain: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let mut frame = encrypt(&mut sender, 300, b"metadata", &plain);
            let decrypted = receiver.decrypt(b"metadata", &mut frame).unwrap();
            assert_eq!(frame[decrypted.plaintext], plain);
        }
        assert_eq!((sender.frames(), receiver.stats().frames), (7, 7));
    }
}

// attack: an SFU that changes what it forwards
#[test]
fn every_changed_bit_of_frame_and_metadata_is_noticed() {
    for suite in SUITES {
        let (mut sender, mut receiver) = pair(suite, 300);
        let frame = encrypt(&mut sender, 300, b"metadata", b"a frame");
        for bit in 0..frame.len() * 8 {
            let mut changed = frame.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(receiver.decrypt(b"metadata", &mut changed).is_err(), "bit {bit}");
        }
        for metadata in [&b"Metadata"[..], b"", b"metadata\0", b"metadat"] {
            let verdict = receiver.decrypt(metadata, &mut frame.clone());
            assert_eq!(verdict, Err(DecryptError::NotAuthentic));
        }
        // None of them was in the way of the real one.
        receiver.decrypt(b"metadata", &mut frame.clone()).unwrap();
    }
}

// attack: bytes that move between header, metadata and frame
#[test]
fn metadata_and_frame_cannot_trade_bytes() {
    for suite in SUITES {
        let (mut sender, mut receiver) = pair(suite, 1);
        let frame = encrypt(&mut sender, 1, b"metadata", b"a frame");
        // The first byte of the ciphertext as the last one of the metadata, and the reverse.
        let mut shorter = [&frame[..1], &frame[2..]].concat();
        let metadata = [b"metadata", &frame[1..2]].concat();
        assert_eq!(receiver.decrypt(&metadata, &mut shorter), Err(DecryptError::NotAuthentic));
        let mut longer = [&frame[..1], b"a", &frame[1..]].concat();
        assert_eq!(receiver.decrypt(b"metadat", &mut longer), Err(DecryptError::NotAuthentic));
    }
}

#[test]
fn truncated_frames_name_what_they_need() {
    for suite in SUITES {
        let (mut sender, mut receiver) = pair(suite, 300);
        let frame = encrypt(&mut sender, 300, &[], b"a frame");
        for len in 0..frame.len() {
            let expected = match len {
                0 => HeaderError::Truncated { need: 1, len }.into(),
                1 | 2 => HeaderError::Truncated { need: 3, len }.into(),
                _ if len < 3 + suite.tag_len() => {
                    DecryptError::Truncated { need: 3 + suite.tag_len(), len }
                }
                _ => DecryptError::NotAuthentic,
            };
            assert_eq!(receiver.decrypt(&[], &mut frame[..len].to_vec()), Err(expected));
        }
        assert_eq!(receiver.stats().malformed, 3 + suite.tag_len() as u64);
    }
}

// attack: replay of frames
#[test]
fn a_frame_is_taken_once_and_old_ones_not_at_all() {
    let mut config = Config::default();
    config.replay_window = 64;
    for suite in SUITES {
        let (mut sender, mut receiver) = (sender(suite), receiver(suite, &config));
        sender.add_key(7, &BASE_KEY).unwrap();
        receiver.add_key(7, &BASE_KEY).unwrap();
        let frames: Vec<_> = (0..100).map(|_| encrypt(&mut sender, 7, &[], b"frame")).collect();
        receiver.decrypt(&[], &mut frames[80].clone()).unwrap();
        receiver.decrypt(&[], &mut frames[17].clone()).unwrap();
        let (key_id, counter) = (7, 17);
        let replayed = Err(DecryptError::Replayed { key_id, counter });
        assert_eq!(receiver.decrypt(&[], &mut frames[17].clone()), replayed);
        let too_old = Err(DecryptError::TooOld { key_id, counter: 16 });
        assert_eq!(receiver.decrypt(&[], &mut frames[16].clone()), too_old);
        receiver.decrypt(&[], &mut frames[99].clone()).unwrap();
        let stats = receiver.stats();
        assert_eq!((stats.frames, stats.replayed, stats.too_old), (3, 1, 1));
    }
}

//= rfc9605#7.4
//= type=test
//= rfc9605#9.3
//= type=test
//= rfc9605#4.4.1
//= type=test
#[test]
fn a_counter_is_never_used_twice() {
    for suite in SUITES {
        let mut sender = sender(suite);
        sender.add_key_at(1, &BASE_KEY, u64::MAX - 1).unwrap();
        assert_eq!(sender.add_key(1, &BASE_KEY), Err(KeyError::InUse { key_id: 1 }));
        let first = encrypt(&mut sender, 1, &[], b"frame");
        assert_eq!(sender.next_counter(1), Some(u64::MAX));
        let mut receiver = receiver(suite, &Config::default());
        receiver.add_key(1, &BASE_KEY).unwrap();
        let mut last = encrypt(&mut sender, 1, &[], b"frame");
        assert_eq!(receiver.decrypt(&[], &mut last).unwrap().counter, u64::MAX);
        receiver.decrypt(&[], &mut first.clone()).unwrap();
        assert!(matches!(
            receiver.decrypt(&[], &mut first.clone()),
            Err(DecryptError::Replayed { .. })
        ));
        let exhausted = Err(EncryptError::CounterExhausted { key_id: 1 });
        assert_eq!(try_encrypt(&mut sender, 1, &[], b"frame"), exhausted);
        assert_eq!(sender.next_counter(1), None);
    }
}

#[test]
fn a_buffer_without_room_uses_no_counter_up() {
    for suite in SUITES {
        let (mut sender, _) = pair(suite, 300);
        let (mut buf, tag) = ([0; 64], suite.tag_len());
        let no_room = |before, behind| Err(EncryptError::NoRoom { before, behind, header: 3, tag });
        assert_eq!(sender.encrypt(300, &[], &mut buf, 2..10), no_room(2, 54));
        let end = 64 - tag + 1;
        assert_eq!(sender.encrypt(300, &[], &mut buf, 20..end), no_room(20, tag - 1));
        for range in [60..65, 65..70, 10..usize::MAX] {
            let (start, end) = (range.start, range.end);
            let outside = Err(EncryptError::OutsideBuffer { start, end, len: 64 });
            assert_eq!(sender.encrypt(300, &[], &mut buf, range), outside);
        }
        assert_eq!(
            sender.encrypt(301, &[], &mut buf, 20..30),
            Err(EncryptError::UnknownKey { key_id: 301 })
        );
        assert_eq!(sender.next_counter(300), Some(0));
        assert_eq!(sender.encrypt(300, &[], &mut buf, 3..10), Ok(0..10 + tag));
    }
}

#[test]
fn nothing_secret_is_shown() {
    let (sender, receiver) = pair(SUITES[0], 3);
    let shown = format!("{sender:?} {receiver:?}");
    assert!(shown.contains("1 of at most 1024") && !shown.contains("90, 90"), "{shown}");
}

proptest! {
    /// Any bytes: an error, no panic, and no change.
    #[test]
    fn no_bytes_do_harm(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
        suite in prop::sample::select(SUITES.to_vec()),
    ) {
        let (mut sender, mut receiver) = pair(suite, 1);
        prop_assert!(receiver.decrypt(&[], &mut bytes.clone()).is_err());
        let mut frame = encrypt(&mut sender, 1, &[], &bytes);
        let decrypted = receiver.decrypt(&[], &mut frame).unwrap();
        prop_assert_eq!(&frame[decrypted.plaintext], &bytes[..]);
        prop_assert_eq!(receiver.keys(), 1);
    }

    /// Whatever is lost, late or doubled within the window, each frame is read exactly once.
    #[test]
    fn loss_and_reordering_do_no_harm(
        fate in prop::collection::vec((any::<bool>(), 0usize..40, any::<bool>()), 200),
        suite in prop::sample::select(SUITES.to_vec()),
        key_id in any::<u64>(),
    ) {
        let (mut sender, mut receiver) = pair(suite, key_id);
        let mut arrivals = Vec::new();
        for (at, (kept, delay, twice)) in fate.iter().enumerate() {
            let frame = encrypt(&mut sender, key_id, &[], &at.to_be_bytes());
            if *kept {
                arrivals.push((at + delay, at, frame.clone()));
            }
            if *kept && *twice {
                arrivals.push((at + delay + 5, at, frame));
            }
        }
        arrivals.sort_unstable();
        let mut read = std::collections::BTreeSet::new();
        for (_, at, mut frame) in arrivals {
            let verdict = receiver.decrypt(&[], &mut frame);
            if read.insert(at) {
                prop_assert_eq!(&frame[verdict.unwrap().plaintext], &at.to_be_bytes()[..]);
            } else {
                let replayed = DecryptError::Replayed { key_id, counter: at as u64 };
                prop_assert_eq!(verdict, Err(replayed));
            }
        }
    }

    /// Header and tag take no more room than is said.
    #[test]
    fn the_room_that_is_said_to_suffice_does(
        key_id in any::<u64>(), counter in any::<u64>(), suite in prop::sample::select(SUITES.to_vec()),
    ) {
        let mut sender = sender(suite);
        sender.add_key_at(key_id, &BASE_KEY, counter).unwrap();
        let frame = encrypt(&mut sender, key_id, &[], b"frame");
        prop_assert!(frame.len() <= MAX_HEADER + 5 + MAX_TAG);
    }
}
