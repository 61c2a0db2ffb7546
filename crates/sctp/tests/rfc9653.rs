//! Packets without a checksum, clause by clause (RFC 9653).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_sctp::{Config, InputError};
use common::{
    MS, Manual, PEER_TAG, PEER_TSN, SEC, chunk, config, connected, data, init_value, message,
    packet,
};

fn zero(c: &mut Config) {
    c.zero_checksum = true;
}

/// An INIT that accepts packets without checksum, by this method.
fn init(method: u32) -> Vec<u8> {
    let mut value = init_value(PEER_TAG, 1 << 20, 10, 10, PEER_TSN);
    value.extend([0x80, 1, 0, 8]);
    value.extend(method.to_be_bytes());
    value
}

fn open(config: Config, init: &[u8]) -> Manual {
    let mut manual = Manual::fresh(config);
    let cookie = manual.handshake_with(init);
    manual.give(&packet(manual.tag, &[chunk(10, 0, &cookie)])).unwrap();
    manual.drain();
    manual
}

fn without_checksum(mut packet: Vec<u8>) -> Vec<u8> {
    packet[8..12].fill(0);
    packet
}

fn sends_without(manual: &mut Manual) -> bool {
    manual.send(message(0, "hello"));
    manual.output().unwrap()[8..12] == [0; 4]
}

//= rfc9653#5.2
//= type=test
#[test]
fn only_a_peer_that_announced_the_method_gets_packets_without_checksum() {
    assert!(sends_without(&mut open(config(zero), &init(1))));
    assert!(!sends_without(&mut open(config(zero), &init(2))), "an unknown method");
    let plain = init_value(PEER_TAG, 1 << 20, 10, 10, PEER_TSN);
    assert!(!sends_without(&mut open(config(zero), &plain)));
    assert!(!sends_without(&mut open(Config::default(), &init(1))), "not over DTLS");
}

//= rfc9653#5.2
//= type=test
#[test]
fn init_and_cookie_echo_always_have_their_checksum() {
    let mut manual = Manual::fresh(config(zero));
    manual.sctp.connect(manual.now);
    let first = manual.output().unwrap();
    assert_eq!(first[12], 1);
    let mut sealed = first.clone();
    common::seal(&mut sealed);
    assert_eq!(first, sealed, "INIT");
    let tag = common::be32(&first, 16);
    let mut ack = init(1);
    ack.extend([0, 7, 0, 8, 1, 2, 3, 4]);
    manual.give(&packet(tag, &[chunk(2, 0, &ack)])).unwrap();
    let echo = manual.output().unwrap();
    assert_eq!(echo[12], 10);
    let mut sealed = echo.clone();
    common::seal(&mut sealed);
    assert_eq!(echo, sealed, "COOKIE ECHO");
}

//= rfc9653#5.3
//= type=test
#[test]
fn what_was_announced_is_accepted_with_and_without_checksum() {
    let mut manual = open(config(zero), &init(1));
    let good = packet(manual.tag, &[data(3, PEER_TSN, 0, 0, b"a")]);
    manual.give(&without_checksum(good)).unwrap();
    manual.give(&packet(manual.tag, &[data(3, PEER_TSN + 1, 0, 1, b"b")])).unwrap();
    assert_eq!(manual.sctp.recv().unwrap().payload, "a");
    assert_eq!(manual.sctp.recv().unwrap().payload, "b");
    let mut wrong = packet(manual.tag, &[data(3, PEER_TSN + 2, 0, 2, b"c")]);
    wrong[9] ^= 1;
    assert_eq!(manual.give(&wrong), Err(InputError::Checksum));
}

// attack: zero checksum without negotiation
//= rfc9653#5.3
//= type=test
#[test]
fn without_an_announcement_a_checksum_of_zero_is_wrong() {
    let mut manual = open(Config::default(), &init(1));
    let bare = without_checksum(packet(manual.tag, &[data(3, PEER_TSN, 0, 0, b"a")]));
    assert_eq!(manual.give(&bare), Err(InputError::Checksum));
    // An INIT never comes without, whatever was announced.
    let mut manual = Manual::fresh(config(zero));
    let bare = without_checksum(packet(0, &[chunk(1, 0, &init(1))]));
    assert_eq!(manual.give(&bare), Err(InputError::Checksum));
}

#[test]
fn two_ends_that_agree_leave_it_out_of_everything_after_the_handshake() {
    let mut pair = connected(config(zero), 5 * MS);
    pair.run_for(SEC);
    let bare = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&bare);
    pair.drop_when(move |datagram| {
        let zero = datagram.bytes[8..12] == [0; 4];
        count.fetch_add(usize::from(zero), std::sync::atomic::Ordering::Relaxed);
        !zero
    });
    let now = pair.now();
    pair.a.machine.sctp.send(now, message(0, "hello")).unwrap();
    pair.run_for(SEC);
    assert_eq!(pair.b.machine.inbox.len(), 1);
    assert!(bare.load(std::sync::atomic::Ordering::Relaxed) >= 2);
}
