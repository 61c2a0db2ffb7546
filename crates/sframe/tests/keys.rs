//! Keys: their ids, ratchets that are followed, epochs that come and go, and their limits.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_sframe::{CipherSuite, Config, DecryptError, KeyError, MlsKeyIds, Ratchet};
use common::{BASE_KEY, SUITES, encrypt, receiver, sender};

fn small(max_keys: usize) -> Config {
    let mut config = Config::default();
    config.max_keys = max_keys;
    config
}

#[test]
fn keys_are_found_by_their_ids_and_forgotten_when_told() {
    for suite in SUITES {
        let mut receiver = receiver(suite, &Config::default());
        let mut senders: Vec<_> = [0, 7, 8, u64::MAX]
            .into_iter()
            .map(|key_id| {
                let mut sender = sender(suite);
                sender.add_key(key_id, &key_id.to_be_bytes()).unwrap();
                receiver.add_key(key_id, &key_id.to_be_bytes()).unwrap();
                (key_id, sender)
            })
            .collect();
        for (key_id, sender) in &mut senders {
            let mut frame = encrypt(sender, *key_id, &[], b"frame");
            assert_eq!(receiver.decrypt(&[], &mut frame).unwrap().key_id, *key_id);
        }
        assert!(receiver.remove_key(7) && !receiver.remove_key(7));
        let (_, sender) = &mut senders[1];
        let frame = encrypt(sender, 7, &[], b"frame");
        let mut copy = frame.clone();
        let unknown = Err(DecryptError::UnknownKey { key_id: 7 });
        assert_eq!(receiver.decrypt(&[], &mut copy), unknown);
        // It can be kept until the key comes.
        assert_eq!(copy, frame);
        receiver.add_key(7, &7u64.to_be_bytes()).unwrap();
        receiver.decrypt(&[], &mut copy).unwrap();
        assert!(sender.remove_key(7) && !sender.remove_key(7));
    }
}

// attack: keys without end
#[test]
fn keys_are_counted() {
    let suite = SUITES[3];
    let mut receiver = receiver(suite, &small(2));
    receiver.add_key(1, &BASE_KEY).unwrap();
    receiver.add_key(2, &BASE_KEY).unwrap();
    let too_many = Err(KeyError::TooMany { limit: 2 });
    assert_eq!(receiver.add_key(3, &BASE_KEY), too_many);
    assert_eq!(receiver.add_key(2, &BASE_KEY), Err(KeyError::InUse { key_id: 2 }));
    assert_eq!(receiver.add_ratchet(Ratchet::new(suite, 4, 9, &BASE_KEY).unwrap()), too_many);
    assert!(receiver.remove_key(1));
    assert_eq!(receiver.add_key(1, &[]), Err(KeyError::Empty));
}

//= rfc9605#5.1
//= type=test
#[test]
fn a_receiver_follows_a_ratchet_and_forgets_old_steps() {
    for suite in SUITES {
        let mut ratchet = Ratchet::new(suite, 3, 6, &BASE_KEY).unwrap();
        let (mut sender, mut receiver) = (sender(suite), receiver(suite, &Config::default()));
        receiver.add_ratchet(ratchet.clone()).unwrap();
        let mut key_id = sender.add_ratchet(&ratchet).unwrap();
        let mut frames = Vec::new();
        // Longer than the low bits can count.
        for step in 0..20u64 {
            assert_eq!(key_id, (6 << 3) | (step % 8));
            frames.push((
                encrypt(&mut sender, key_id, &[], b"now"),
                encrypt(&mut sender, key_id, &[], b"later"),
            ));
            key_id = sender.step(&mut ratchet).unwrap();
        }
        for (step, (now, _)) in frames.iter().enumerate() {
            receiver.decrypt(&[], &mut now.clone()).unwrap();
            assert!(receiver.keys() <= 2, "this step and the one before");
            if step > 0 {
                let (_, late) = &frames[step - 1];
                receiver.decrypt(&[], &mut late.clone()).unwrap();
            }
            if step > 1 {
                let (_, too_late) = &frames[step - 2];
                assert!(receiver.decrypt(&[], &mut too_late.clone()).is_err());
            }
        }
        assert_eq!(receiver.stats().frames, 39);
    }
}

#[test]
fn steps_may_be_skipped_but_not_too_many() {
    let suite = CipherSuite::Aes128GcmSha256_128;
    let mut config = Config::default();
    config.max_ratchet_steps = 5;
    let start = Ratchet::new(suite, 8, 1, &BASE_KEY).unwrap();
    for (steps, reaches) in [(1, true), (5, true), (6, false), (200, false)] {
        let mut receiver = receiver(suite, &config);
        receiver.add_ratchet(start.clone()).unwrap();
        let (mut sender, mut ratchet) = (sender(suite), start.clone());
        let mut key_id = sender.add_ratchet(&ratchet).unwrap();
        for _ in 0..steps {
            key_id = sender.step(&mut ratchet).unwrap();
        }
        let mut frame = encrypt(&mut sender, key_id, &[], b"frame");
        let verdict = receiver.decrypt(&[], &mut frame);
        assert_eq!(verdict.is_ok(), reaches, "{steps} steps: {verdict:?}");
    }
}

// attack: frames that pretend to be steps ahead
#[test]
fn a_forged_frame_moves_no_ratchet() {
    for suite in SUITES {
        let start = Ratchet::new(suite, 4, 1, &BASE_KEY).unwrap();
        let (mut sender, mut receiver) = (sender(suite), receiver(suite, &Config::default()));
        receiver.add_ratchet(start.clone()).unwrap();
        let key_id = sender.add_ratchet(&start).unwrap();
        let frame = encrypt(&mut sender, key_id, &[], b"frame");
        // The header says step 3 of the generation: 0x13, in its longer form.
        for step in 1..8 {
            let mut forged = [&[0x80, 0x10 | step][..], &frame[2..]].concat();
            assert_eq!(receiver.decrypt(&[], &mut forged), Err(DecryptError::NotAuthentic));
        }
        assert_eq!(receiver.keys(), 1);
        receiver.decrypt(&[], &mut frame.clone()).unwrap();
    }
}

#[test]
fn a_step_without_its_key_is_refused() {
    let suite = SUITES[0];
    let mut sender = sender(suite);
    let mut ratchet = Ratchet::new(suite, 1, 3, &BASE_KEY).unwrap();
    assert_eq!(sender.step(&mut ratchet), Err(KeyError::Unknown { key_id: 6 }));
    sender.add_ratchet(&ratchet).unwrap();
    sender.add_key(7, &BASE_KEY).unwrap();
    assert_eq!(sender.step(&mut ratchet), Err(KeyError::InUse { key_id: 7 }));
    assert_eq!(ratchet.step(), 0);
    sender.remove_key(7);
    assert_eq!(sender.step(&mut ratchet), Ok(7));
    let mut receiver = receiver(suite, &Config::default());
    receiver.add_ratchet(ratchet.clone()).unwrap();
    assert_eq!(receiver.add_ratchet(ratchet), Err(KeyError::InUse { key_id: 7 }));
}

//= rfc9605#5.2
//= type=test
#[test]
fn members_of_a_group_are_known_by_their_epoch() {
    for suite in SUITES {
        let ids = MlsKeyIds::new(2, 8).unwrap();
        let mut receiver = receiver(suite, &Config::default());
        let frame = |epoch: u64, index, secret: &[u8]| {
            let mut sender = sender(suite);
            let key_id = ids.key_id(0, index, epoch).unwrap();
            sender.add_key(key_id, secret).unwrap();
            encrypt(&mut sender, key_id, &[], b"frame")
        };
        receiver.add_epoch(ids, 5, b"epoch five").unwrap();
        receiver.add_epoch(ids, 6, b"epoch six").unwrap();
        for index in 0..20 {
            receiver.decrypt(&[], &mut frame(5, index, b"epoch five")).unwrap();
            receiver.decrypt(&[], &mut frame(6, index, b"epoch six")).unwrap();
        }
        assert_eq!(receiver.keys(), 40);
        // Keys of a stranger leave nothing behind.
        let forged = receiver.decrypt(&[], &mut frame(6, 99, b"a guess"));
        assert_eq!(forged, Err(DecryptError::NotAuthentic));
        assert_eq!(receiver.keys(), 40);
        // Epoch 9 has the low bits of epoch 5.
        receiver.add_epoch(ids, 9, b"epoch nine").unwrap();
        assert_eq!(receiver.keys(), 20);
        let old = receiver.decrypt(&[], &mut frame(5, 1, b"epoch five"));
        assert_eq!(old, Err(DecryptError::NotAuthentic));
        receiver.decrypt(&[], &mut frame(9, 1, b"epoch nine")).unwrap();
        receiver.remove_epoch(6);
        let gone = receiver.decrypt(&[], &mut frame(6, 1, b"epoch six"));
        assert_eq!(gone, Err(DecryptError::UnknownKey { key_id: 6 }));
        assert_eq!(receiver.add_epoch(ids, 7, b""), Err(KeyError::Empty));
    }
}

// attack: members without end
#[test]
fn keys_of_members_are_counted() {
    let suite = SUITES[3];
    let ids = MlsKeyIds::new(2, 8).unwrap();
    let mut receiver = receiver(suite, &small(3));
    receiver.add_epoch(ids, 0, &BASE_KEY).unwrap();
    for index in 0..5 {
        let (mut sender, key_id) = (sender(suite), ids.key_id(0, index, 0).unwrap());
        sender.add_key(key_id, &BASE_KEY).unwrap();
        let verdict = receiver.decrypt(&[], &mut encrypt(&mut sender, key_id, &[], b"frame"));
        if index < 3 {
            verdict.unwrap();
        } else {
            assert_eq!(verdict, Err(DecryptError::TooManyKeys { limit: 3 }));
        }
    }
    assert_eq!((receiver.keys(), receiver.stats().refused), (3, 2));
}
