//! One test per rule of RFC 9260 for tags and the handshake, against a hand-made peer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_sctp::{CloseReason, Config, Event, InputError, Violation};
use common::{
    MS, Manual, PEER_TAG, PEER_TSN, SEC, be32, chunk, chunks, data, init_value, message, packet,
    seal,
};

fn open() -> Manual {
    Manual::open(Config::default())
}

//= rfc9260#6.8
//= type=test
#[test]
fn a_wrong_checksum_is_dropped_and_so_is_a_big_endian_one() {
    let mut manual = Manual::fresh(Config::default());
    let good = packet(0, &[chunk(1, 0, &init_value(1, 5000, 1, 1, 1))]);
    let mut swapped = good.clone();
    swapped[8..12].reverse();
    assert_eq!(manual.give(&swapped), Err(InputError::Checksum));
    // attack: zero checksum that was never negotiated
    let mut zero = good.clone();
    zero[8..12].fill(0);
    assert_eq!(manual.give(&zero), Err(InputError::Checksum));
    assert_eq!(manual.give(&good), Ok(()));
}

//= rfc9260#8.5
//= type=test
#[test]
fn a_packet_with_another_tag_is_discarded() {
    let mut manual = open();
    let wrong = packet(manual.tag ^ 1, &[data(3, PEER_TSN, 0, 0, b"x")]);
    assert!(matches!(manual.give(&wrong), Err(InputError::VerificationTag(_))));
    assert!(manual.sctp.recv().is_none());
    let ports = {
        let mut other = packet(manual.tag, &[data(3, PEER_TSN, 0, 0, b"x")]);
        other[1] = 1;
        seal(&mut other);
        other
    };
    assert!(matches!(manual.give(&ports), Err(InputError::Ports { .. })));
}

//= rfc9260#8.5.1
//= type=test
// attack: verification tag 0 is for INIT alone
#[test]
fn tag_zero_is_for_init_only_and_init_is_alone() {
    let mut manual = open();
    let zero = packet(0, &[data(3, PEER_TSN, 0, 0, b"x")]);
    assert_eq!(manual.give(&zero), Err(InputError::VerificationTag(0)));
    let init = chunk(1, 0, &init_value(1, 5000, 1, 1, 1));
    assert!(manual.give(&packet(manual.tag, std::slice::from_ref(&init))).is_err());
    let bundled = packet(0, &[init, data(3, PEER_TSN, 0, 0, b"x")]);
    assert_eq!(manual.give(&bundled), Err(InputError::NotAlone(1)));
    assert!(manual.drain().is_empty());
}

//= rfc9260#8.5.1
//= type=test
// attack: ABORT with and without the T bit
#[test]
fn an_abort_needs_our_tag_or_its_own_with_the_t_bit() {
    for (tag_is_ours, t_bit, accepted) in
        [(true, 0, true), (false, 1, true), (true, 1, false), (false, 0, false)]
    {
        let mut manual = open();
        let tag = if tag_is_ours { manual.tag } else { PEER_TAG };
        let abort = packet(tag, &[chunk(6, t_bit, &[0, 12, 0, 4])]);
        assert_eq!(manual.give(&abort).is_ok(), accepted);
        assert_eq!(manual.sctp.is_closed(), accepted);
        if accepted {
            let cause = Some(12);
            assert_eq!(manual.events(), [Event::Closed(CloseReason::PeerAborted { cause })]);
            // An ABORT is never answered.
            assert!(manual.drain().is_empty());
        }
    }
}

// attack: ABORT with an unknown cause, and with a malformed one
#[test]
fn an_abort_with_any_cause_is_an_abort() {
    for causes in [&[0xff, 0xff, 0, 4][..], &[0, 1], &[0, 1, 0, 2], &[]] {
        let mut manual = open();
        manual.chunks(&[chunk(6, 0, causes)]).unwrap();
        assert!(manual.sctp.is_closed());
    }
}

//= rfc9260#5.1
//= type=test
#[test]
fn nothing_is_kept_between_init_and_cookie_echo() {
    let mut manual = Manual::fresh(Config::default());
    let cookie = manual.handshake(1 << 20);
    let tag = manual.tag;
    for _ in 0..10 {
        manual.handshake(1 << 20);
        assert_ne!(manual.tag, tag, "each INIT ACK has a tag of its own");
    }
    assert_eq!(manual.sctp.poll_timeout(), None);
    // The first cookie is as good as the last.
    manual.give(&packet(tag, &[chunk(10, 0, &cookie)])).unwrap();
    assert!(manual.sctp.is_connected());
}

//= rfc9260#3.3.2
//= type=test
#[test]
fn an_init_with_unusable_values_is_refused() {
    for (tag, window, outbound, inbound) in
        [(5, 1499, 1, 1), (5, 5000, 0, 1), (5, 5000, 1, 0), (0, 5000, 1, 1)]
    {
        let mut manual = Manual::fresh(Config::default());
        let init = init_value(tag, window, outbound, inbound, 1);
        let result = manual.give(&packet(0, &[chunk(1, 0, &init)]));
        assert_eq!(result.is_err(), tag == 0);
        match manual.output() {
            None => assert_eq!(tag, 0),
            Some(answer) => {
                assert_eq!(be32(&answer, 4), tag);
                assert_eq!(chunks(&answer)[0].0, 6);
            }
        }
        assert!(!manual.sctp.is_closed());
    }
}

//= rfc9260#5.1.2
//= type=test
#[test]
fn a_host_name_is_refused() {
    let mut manual = Manual::fresh(Config::default());
    let mut init = init_value(5, 5000, 1, 1, 1);
    init.extend([0, 11, 0, 6, b'a', 0, 0, 0]);
    manual.give(&packet(0, &[chunk(1, 0, &init)])).unwrap();
    assert_eq!(manual.drain()[0], [(6, 0, vec![0, 5, 0, 4])]);
}

//= rfc9260#5.1.5
//= type=test
// attack: a forged, truncated or foreign cookie
#[test]
fn only_our_own_cookie_with_its_own_tag_is_taken() {
    let mut manual = Manual::fresh(Config::default());
    let cookie = manual.handshake(1 << 20);
    let mut forged = cookie.clone();
    forged[20] ^= 1;
    for bad in [&forged[..], &cookie[..cookie.len() - 1], &[], &[0; 300]] {
        let echo = packet(manual.tag, &[chunk(10, 0, bad)]);
        assert_eq!(manual.give(&echo), Err(InputError::Cookie));
    }
    let other_tag = packet(manual.tag ^ 1, &[chunk(10, 0, &cookie)]);
    assert_eq!(manual.give(&other_tag), Err(InputError::Cookie));
    // attack: INIT hidden in the place of the cookie
    let init = chunk(1, 0, &init_value(9, 5000, 1, 1, 1));
    let nested = packet(manual.tag, &[chunk(10, 0, &init[..init.len() - 8])]);
    assert_eq!(manual.give(&nested), Err(InputError::Cookie));
    assert!(!manual.sctp.is_connected());
}

//= rfc9260#5.1.5
//= type=test
#[test]
fn a_stale_cookie_is_answered_by_an_error() {
    let mut manual = Manual::fresh(Config::default());
    let cookie = manual.handshake(1 << 20);
    manual.wait(61 * SEC);
    manual.give(&packet(manual.tag, &[chunk(10, 0, &cookie)])).unwrap();
    let answer = manual.output().unwrap();
    assert_eq!(be32(&answer, 4), PEER_TAG);
    let parts = chunks(&answer);
    assert_eq!((parts[0].0, &parts[0].2[..4]), (9, &[0, 3, 0, 8][..]));
    assert_eq!(be32(&parts[0].2, 4), 1_000_000);
    assert!(!manual.sctp.is_connected());
}

//= rfc9260#5.2.4
//= type=test
// attack: a cookie replayed after the association has moved on
#[test]
fn a_repeated_cookie_changes_nothing_and_is_confirmed_again() {
    let mut manual = Manual::fresh(Config::default());
    let cookie = manual.handshake(1 << 20);
    let echo = packet(manual.tag, &[chunk(10, 0, &cookie)]);
    manual.give(&echo).unwrap();
    manual.drain();
    manual.chunks(&[data(3, PEER_TSN, 0, 0, b"one")]).unwrap();
    manual.send(message(0, "ours"));
    manual.drain();
    // Even long after its life: both tags match.
    manual.wait(SEC / 10);
    manual.give(&echo).unwrap();
    let packets = manual.drain();
    assert_eq!(packets[0][0].0, 11, "COOKIE ACK comes first");
    manual.chunks(&[data(3, PEER_TSN + 1, 0, 1, b"two")]).unwrap();
    assert_eq!(manual.sctp.recv().unwrap().payload, "one");
    assert_eq!(manual.sctp.recv().unwrap().payload, "two");
    assert_eq!(manual.events().iter().filter(|e| **e == Event::Connected).count(), 1);
    // After the end it opens nothing.
    manual.sctp.abort(manual.now);
    manual.drain();
    assert_eq!(manual.give(&echo), Err(InputError::Closed));
}

//= rfc9260#5.2.2
//= type=test
#[test]
fn an_init_on_an_association_gets_a_new_tag_and_changes_nothing() {
    let mut manual = open();
    let tag = manual.tag;
    let cookie = manual.handshake(1 << 20);
    assert_ne!(manual.tag, tag);
    manual.give(&packet(tag, &[data(3, PEER_TSN, 0, 0, b"x")])).unwrap();
    assert!(manual.sctp.recv().is_some(), "the old association goes on");
    // The INIT had the old tag of the peer: no case of the table, so the cookie is dropped.
    let echo = packet(manual.tag, &[chunk(10, 0, &cookie)]);
    assert_eq!(manual.give(&echo), Err(InputError::Cookie));
}

//= rfc9260#5.2.4
//= type=test
#[test]
fn a_peer_that_restarts_gets_a_new_association() {
    let mut manual = open();
    manual.send(message(0, "lost by the restart"));
    let init = init_value(99, 1 << 20, 10, 10, 5000);
    manual.give(&packet(0, &[chunk(1, 0, &init)])).unwrap();
    let packets = std::iter::from_fn(|| manual.output());
    let answer = packets.into_iter().find(|p| chunks(p)[0].0 == 2).expect("INIT ACK");
    let value = &chunks(&answer)[0].2;
    let (tag, len) = (be32(value, 0), usize::from(value[19]));
    let echo = packet(tag, &[chunk(10, 0, &value[20..16 + len])]);
    manual.give(&echo).unwrap();
    assert!(manual.events().contains(&Event::Restarted));
    manual.tag = tag;
    manual.chunks(&[data(3, 5000, 0, 0, b"new")]).unwrap();
    assert_eq!(manual.sctp.recv().unwrap().payload, "new");
    assert_eq!(manual.sctp.outgoing_streams(), Some(10));
}

//= rfc9260#5.2.1
//= type=test
#[test]
fn an_init_that_crosses_ours_is_answered_with_the_same_tag() {
    let mut manual = Manual::fresh(Config::default());
    manual.sctp.connect(manual.now);
    let ours = manual.output().unwrap();
    assert_eq!(be32(&ours, 4), 0, "INIT has tag 0");
    let (tag, tsn) = (be32(&chunks(&ours)[0].2, 0), be32(&chunks(&ours)[0].2, 12));
    let cookie = manual.handshake(1 << 20);
    assert_eq!((manual.tag, manual.tsn), (tag, tsn));
    // COOKIE-WAIT, the peer's tag unknown: action B.
    manual.give(&packet(tag, &[chunk(10, 0, &cookie)])).unwrap();
    assert!(manual.sctp.is_connected());
    assert_eq!(manual.drain()[0][0].0, 11);
}

//= rfc9260#5.1
//= type=test
#[test]
fn init_is_repeated_and_given_up() {
    let mut manual = Manual::fresh(Config::default());
    manual.sctp.connect(manual.now);
    let mut sent = Vec::new();
    for _ in 0..3000 {
        sent.extend(manual.drain_kind(1));
        manual.wait(100 * MS);
    }
    assert_eq!(sent.len(), 9, "one and Max.Init.Retransmits");
    assert!(sent.windows(2).all(|pair| pair[0] == pair[1]), "always the same INIT");
    assert_eq!(manual.events(), [Event::Closed(CloseReason::ConnectTimeout)]);
}

//= rfc9260#3.3.3
//= type=test
#[test]
fn an_init_ack_without_cookie_ends_the_attempt() {
    let mut manual = Manual::fresh(Config::default());
    manual.sctp.connect(manual.now);
    let tag = be32(&chunks(&manual.output().unwrap())[0].2, 0);
    let small = init_value(PEER_TAG, 1499, 1, 1, 1);
    manual.give(&packet(tag, &[chunk(2, 0, &small)])).unwrap();
    assert!(!manual.sctp.is_closed(), "a small window is only refused");
    manual.drain();
    let init_ack = init_value(PEER_TAG, 5000, 1, 1, 1);
    manual.give(&packet(tag, &[chunk(2, 0, &init_ack)])).unwrap();
    assert_eq!(manual.drain()[0], [(6, 0, vec![0, 2, 0, 10, 0, 0, 0, 1, 0, 7])]);
    let reason = CloseReason::PeerMisbehaved(Violation::BadInit);
    assert_eq!(manual.events(), [Event::Closed(reason)]);
}
