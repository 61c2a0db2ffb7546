//! One test per rule of RFC 9260 from the first DATA to the end, against a hand-made peer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_sctp::{CloseReason, Config, Event, SendError, Violation};
use common::{
    MS, Manual, PEER_TSN, SEC, be32, chunk, chunks, config, data, init_value, message, numbered,
    packet, sack,
};

fn open() -> Manual {
    Manual::open(Config::default())
}

//= rfc9260#3.2
//= type=test
#[test]
fn unknown_chunks_are_skipped_stopped_at_and_reported() {
    for (kind, goes_on, reported) in
        [(0x3f, false, false), (0x7f, false, true), (0xbf, true, false), (0xff, true, true)]
    {
        let mut manual = open();
        manual.chunks(&[chunk(kind, 0, b"what"), data(3, PEER_TSN, 0, 0, b"x")]).unwrap();
        assert_eq!(manual.sctp.recv().is_some(), goes_on, "{kind:#x}");
        let errors = manual.drain_kind(9);
        assert_eq!(errors.len(), usize::from(reported), "{kind:#x}");
        if let Some((_, causes)) = errors.first() {
            assert_eq!(causes[..], [&[0, 6, 0, 12, kind, 0, 0, 8][..], b"what"].concat());
        }
    }
}

//= rfc9260#5.1
//= type=test
#[test]
fn the_first_data_is_acknowledged_at_once_then_every_second_packet() {
    let mut manual = open();
    manual.chunks(&[data(3, PEER_TSN, 0, 0, b"1")]).unwrap();
    assert_eq!(manual.drain_kind(3).len(), 1);
    manual.chunks(&[data(3, PEER_TSN + 1, 0, 1, b"2")]).unwrap();
    assert!(manual.drain().is_empty());
    manual.chunks(&[data(3, PEER_TSN + 2, 0, 2, b"3")]).unwrap();
    let sacks = manual.drain_kind(3);
    assert_eq!(be32(&sacks[0].1, 0), PEER_TSN + 2);
    //= rfc9260#6.2
    //= type=test
    manual.chunks(&[data(3, PEER_TSN + 3, 0, 3, b"4")]).unwrap();
    assert!(manual.drain().is_empty());
    manual.wait(200 * MS);
    assert_eq!(manual.drain_kind(3).len(), 1);
}

//= rfc9260#6.2
//= type=test
#[test]
fn the_i_bit_a_duplicate_and_a_gap_are_acknowledged_at_once() {
    let mut manual = open();
    manual.chunks(&[data(3, PEER_TSN, 0, 0, b"1")]).unwrap();
    manual.drain();
    manual.chunks(&[data(3 | 8, PEER_TSN + 1, 0, 1, b"2")]).unwrap();
    assert_eq!(manual.drain_kind(3).len(), 1);
    manual.chunks(&[data(3, PEER_TSN + 1, 0, 1, b"2")]).unwrap();
    let (_, sack) = manual.drain_kind(3).remove(0);
    assert_eq!(sack[8..], [0, 0, 0, 1, 0, 0, 0, 101], "the duplicate is listed");
    manual.chunks(&[data(3, PEER_TSN + 3, 0, 3, b"4")]).unwrap();
    let (_, sack) = manual.drain_kind(3).remove(0);
    assert_eq!(be32(&sack, 0), PEER_TSN + 1);
    assert_eq!(sack[8..], [0, 1, 0, 0, 0, 2, 0, 2]);
}

//= rfc9260#6.2
//= type=test
// attack: a user message of no bytes
#[test]
fn data_without_data_ends_the_association() {
    let mut manual = open();
    manual.chunks(&[data(3, PEER_TSN, 0, 0, b"")]).unwrap();
    let abort = manual.drain_kind(6);
    assert_eq!(abort[0].1, [&[0, 9, 0, 8][..], &PEER_TSN.to_be_bytes()].concat());
    let reason = CloseReason::PeerMisbehaved(Violation::NoUserData);
    assert_eq!(manual.events(), [Event::Closed(reason)]);
}

//= rfc9260#6.5
//= type=test
// attack: a stream beyond those negotiated
#[test]
fn data_on_a_stream_that_does_not_exist_is_reported_and_acknowledged() {
    let mut manual = Manual::open(config(|c| c.streams = 10));
    assert_eq!(manual.sctp.incoming_streams(), Some(10));
    manual.chunks(&[data(3, PEER_TSN, 10, 0, b"x")]).unwrap();
    let packets: Vec<_> = manual.drain().into_iter().flatten().collect();
    assert!(packets.iter().any(|(kind, _, v)| *kind == 3 && be32(v, 0) == PEER_TSN));
    assert!(packets.iter().any(|(kind, _, v)| *kind == 9 && v[..6] == [0, 1, 0, 8, 0, 10]));
    assert!(manual.sctp.recv().is_none());
}

//= rfc9260#6.1
//= type=test
#[test]
fn nothing_new_exceeds_the_peers_window_but_one_probe() {
    let mut manual = Manual::open_with(Config::default(), 3000);
    for i in 0..10 {
        manual.send(message(0, numbered(i, 1000)));
    }
    let sent = manual.drain_kind(0);
    assert_eq!(sent.len(), 3);
    let last = manual.tsn + 2;
    manual.chunks(&[sack(last, 0, &[])]).unwrap();
    assert!(manual.drain_kind(0).is_empty(), "closed");
    manual.wait(SEC);
    assert_eq!(manual.drain_kind(0).len(), 1, "the probe");
    // Dropped there, and so on for ever without an end.
    for _ in 0..40 {
        manual.chunks(&[sack(last, 0, &[])]).unwrap();
        manual.wait(10 * SEC);
        assert!(manual.drain_kind(0).len() <= 1);
    }
    assert!(manual.sctp.is_connected());
    manual.chunks(&[sack(last, 100_000, &[])]).unwrap();
    manual.wait(10 * SEC);
    assert!(!manual.drain_kind(0).is_empty());
}

//= rfc9260#7.2.1
//= type=test
#[test]
fn the_first_window_is_ten_packets_and_one_may_exceed_it() {
    for len in [1160, 1100] {
        let mut manual = open();
        for i in 0..100 {
            manual.send(message(0, numbered(i, len)));
        }
        assert_eq!(manual.drain_kind(0).len(), if len == 1160 { 10 } else { 11 });
    }
}

//= rfc9260#6.1
//= type=test
#[test]
fn the_whole_window_fits_one_burst_after_each_sack() {
    let mut manual = open();
    for i in 0..100 {
        manual.send(message(0, numbered(i, 1160)));
    }
    assert_eq!(manual.drain_kind(0).len(), 10);
}

//= rfc9260#7.2.4
//= type=test
#[test]
fn the_third_report_of_a_missing_chunk_brings_it_back() {
    let mut manual = open();
    // The first exchanges tell the round trip.
    for _ in 0..20 {
        manual.send(message(0, "measure"));
        manual.drain();
        manual.wait(20 * MS);
        manual.chunks(&[sack(manual.tsn, 100_000, &[])]).unwrap();
        manual.tsn = manual.tsn.wrapping_add(1);
    }
    for i in 0..8 {
        manual.send(message(0, numbered(i, 1000)));
    }
    assert_eq!(manual.drain_kind(0).len(), 8);
    manual.wait(20 * MS);
    let base = manual.tsn.wrapping_sub(1);
    for end in 2..4 {
        manual.chunks(&[sack(base, 100_000, &[(2, end)])]).unwrap();
        assert!(manual.drain_kind(0).is_empty());
    }
    // The same again reports nothing new: no miss.
    manual.chunks(&[sack(base, 100_000, &[(2, 3)])]).unwrap();
    assert!(manual.drain_kind(0).is_empty());
    manual.chunks(&[sack(base, 100_000, &[(2, 4)])]).unwrap();
    let again = manual.drain_kind(0);
    assert_eq!(again.len(), 1);
    assert_eq!(be32(&again[0].1, 0), manual.tsn);
    assert_eq!(manual.sctp.stats().fast_recoveries, 1);
    // Once only: later reports do not bring it back again.
    for end in 5..8 {
        manual.chunks(&[sack(base, 100_000, &[(2, end)])]).unwrap();
    }
    assert!(manual.drain_kind(0).is_empty());
}

//= rfc9260#6.3.3
//= type=test
#[test]
fn after_a_timeout_one_packet_goes_and_the_timeout_doubles() {
    let mut manual = open();
    for i in 0..8 {
        manual.send(message(0, numbered(i, 1000)));
    }
    manual.drain();
    let rto = manual.sctp.stats().rto;
    manual.wait(rto);
    let again = manual.drain_kind(0);
    assert_eq!(again.len(), 1);
    assert_eq!(be32(&again[0].1, 0), manual.tsn);
    assert_eq!(manual.sctp.stats().rto, rto * 2);
    manual.wait(rto * 2 - MS);
    assert!(manual.drain_kind(0).is_empty());
    manual.wait(MS);
    assert_eq!(manual.drain_kind(0).len(), 1);
}

//= rfc9260#8.1
//= type=test
#[test]
fn too_many_timeouts_end_the_association() {
    let mut manual = Manual::open(config(|c| c.max_retransmits = 3));
    manual.send(message(0, "x"));
    let mut sent = 0;
    for _ in 0..1000 {
        sent += manual.drain_kind(0).len();
        manual.wait(100 * MS);
    }
    assert_eq!(sent, 5, "once, a probe of the tail, and three timeouts");
    assert_eq!(manual.events().last(), Some(&Event::Closed(CloseReason::Timeout)));
}

//= rfc9260#6.2.1
//= type=test
#[test]
fn an_old_sack_is_dropped_and_an_impossible_one_ends_the_association() {
    let mut manual = open();
    manual.send(message(0, "1"));
    manual.send(message(0, "2"));
    manual.drain();
    manual.chunks(&[sack(manual.tsn + 1, 100_000, &[])]).unwrap();
    manual.chunks(&[sack(manual.tsn, 0, &[])]).unwrap();
    assert_eq!(manual.sctp.stats().peer_window, 100_000);
    manual.chunks(&[sack(manual.tsn + 2, 100_000, &[])]).unwrap();
    assert_eq!(manual.drain_kind(6).len(), 1);
    let reason = CloseReason::PeerMisbehaved(Violation::AcknowledgedUnsent);
    assert_eq!(manual.events().last(), Some(&Event::Closed(reason)));
}

//= rfc9260#6.2.1
//= type=test
#[test]
fn what_was_acknowledged_in_a_gap_and_no_longer_is_is_sent_again() {
    let mut manual = open();
    for i in 0..4 {
        manual.send(message(0, numbered(i, 100)));
    }
    manual.drain();
    manual.chunks(&[sack(manual.tsn, 100_000, &[(2, 2)])]).unwrap();
    let before = manual.sctp.stats().in_flight;
    manual.chunks(&[sack(manual.tsn, 100_000, &[])]).unwrap();
    assert!(manual.sctp.stats().in_flight > before);
    manual.wait(SEC);
    let again: Vec<_> = manual.drain_kind(0).iter().map(|part| be32(&part.1, 0)).collect();
    assert_eq!(again, [manual.tsn + 1, manual.tsn + 2, manual.tsn + 3]);
}

//= rfc9260#8.3
//= type=test
#[test]
fn a_heartbeat_is_answered_with_what_it_carried() {
    let mut manual = open();
    let info = [0, 1, 0, 9, 1, 2, 3, 4, 5];
    manual.chunks(&[chunk(4, 0, &info)]).unwrap();
    assert_eq!(manual.drain_kind(5), [(0, info.to_vec())]);
}

//= rfc9260#8.3
//= type=test
#[test]
fn an_idle_path_is_asked_and_only_the_right_nonce_counts() {
    let mut manual = Manual::open(config(|c| c.max_retransmits = 5));
    let mut asked = 0;
    for round in 0..2000 {
        for (_, mut value) in manual.drain_kind(4) {
            asked += 1;
            if round >= 1000 {
                value[5] ^= 1;
            }
            let _ = manual.chunks(&[chunk(5, 0, &value)]);
        }
        manual.wait(100 * MS);
        if round == 999 {
            assert!((2..5).contains(&asked), "{asked} in 100 s");
            assert!(manual.sctp.is_connected());
        }
    }
    assert!(manual.sctp.is_closed(), "answers to other questions do not count");
}

//= rfc9260#9.2
//= type=test
#[test]
fn a_shutdown_waits_for_data_and_takes_no_more() {
    let mut manual = open();
    manual.send(message(0, "last"));
    manual.sctp.shutdown(manual.now);
    assert_eq!(manual.sctp.send(manual.now, message(0, "late")), Err(SendError::Closing));
    let parts: Vec<_> = manual.drain().into_iter().flatten().map(|part| part.0).collect();
    assert_eq!(parts, [0]);
    // Data still comes in and is acknowledged.
    manual.chunks(&[sack(manual.tsn, 100_000, &[])]).unwrap();
    let shutdown = manual.drain_kind(7);
    assert_eq!(be32(&shutdown[0].1, 0), PEER_TSN - 1);
    manual.chunks(&[data(3, PEER_TSN, 0, 0, b"x")]).unwrap();
    let shutdown = manual.drain_kind(7);
    assert_eq!(be32(&shutdown[0].1, 0), PEER_TSN);
    manual.chunks(&[chunk(8, 0, &[])]).unwrap();
    assert_eq!(manual.drain_kind(14), [(0, vec![])]);
    assert_eq!(manual.events(), [Event::Readable, Event::Closed(CloseReason::LocalShutdown)]);
    assert_eq!(manual.sctp.recv().unwrap().payload, "x");
    //= rfc9260#8.4
    //= type=test
    // SHUTDOWN COMPLETE was lost: it is repeated with the tag reflected.
    manual.chunks(&[chunk(8, 0, &[])]).unwrap();
    let answer = manual.output().unwrap();
    assert_eq!((be32(&answer, 4), chunks(&answer)[0].0, chunks(&answer)[0].1), (manual.tag, 14, 1));
}

//= rfc9260#9.2
//= type=test
#[test]
fn a_peers_shutdown_is_acknowledged_after_our_data() {
    let mut manual = open();
    manual.send(message(0, "ours"));
    manual.drain();
    let before = manual.tsn.wrapping_sub(1);
    manual.chunks(&[chunk(7, 0, &before.to_be_bytes())]).unwrap();
    assert!(manual.drain_kind(8).is_empty(), "our data is outstanding");
    manual.chunks(&[chunk(7, 0, &manual.tsn.to_be_bytes())]).unwrap();
    assert_eq!(manual.drain_kind(8).len(), 1);
    // An INIT now gets SHUTDOWN ACK again.
    let init = packet(0, &[chunk(1, 0, &init_value(5, 5000, 1, 1, 1))]);
    manual.give(&init).unwrap();
    assert_eq!(manual.drain_kind(8).len(), 1);
    manual.chunks(&[chunk(14, 0, &[])]).unwrap();
    assert_eq!(manual.events(), [Event::Closed(CloseReason::PeerShutdown)]);
}

//= rfc9260#6.9
//= type=test
#[test]
fn fragments_in_any_order_make_the_message() {
    let parts: Vec<Vec<u8>> = (0..5)
        .map(|i| {
            let flags = if i == 0 { 2 } else { u8::from(i == 4) };
            data(flags, PEER_TSN + i, 3, 0, &[i as u8; 10])
        })
        .collect();
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3], [1, 3, 2, 4, 0]] {
        let mut manual = open();
        for i in order {
            assert!(manual.sctp.recv().is_none());
            manual.chunks(&[parts[i].clone()]).unwrap();
        }
        let whole = manual.sctp.recv().expect("complete").payload;
        assert_eq!(whole[..], (0..5_u8).flat_map(|i| [i; 10]).collect::<Vec<_>>());
    }
}

//= rfc9260#6.6
//= type=test
#[test]
fn order_is_kept_within_a_stream_and_not_across_streams() {
    let mut manual = open();
    manual.chunks(&[data(3, PEER_TSN + 1, 1, 1, b"second")]).unwrap();
    assert!(manual.sctp.recv().is_none());
    manual.chunks(&[data(3, PEER_TSN + 2, 2, 0, b"other")]).unwrap();
    manual.chunks(&[data(3 | 4, PEER_TSN + 3, 1, 77, b"unordered")]).unwrap();
    manual.chunks(&[data(3, PEER_TSN, 1, 0, b"first")]).unwrap();
    let got: Vec<_> = std::iter::from_fn(|| manual.sctp.recv()).map(|m| m.payload).collect();
    assert_eq!(got, ["other", "unordered", "first", "second"]);
}

//= rfc9260#6.10
//= type=test
#[test]
fn small_messages_share_packets_and_no_packet_is_too_large() {
    let mut manual = Manual::open(config(|c| c.max_packet = 600));
    for i in 0..30 {
        manual.send(message(0, numbered(i, 40)));
    }
    manual.send(message(0, numbered(30, 5000)));
    let mut sizes = Vec::new();
    while let Some(packet) = manual.output() {
        sizes.push(packet.len());
    }
    assert!(sizes.iter().all(|size| *size <= 600), "{sizes:?}");
    assert!(sizes.len() < 15, "{sizes:?}");
}
