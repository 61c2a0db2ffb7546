//! Hostile peers: every queue has an end, and no input is expensive.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::time::Duration;

use antiphon_sctp::{Association, CloseReason, Config, Event, InputError, SendError, Violation};
use antiphon_testkit::{alloc, start};
use common::{
    Manual, PEER_TSN, SEC, be32, chunk, config, data, init_value, message, numbered, packet, sack,
};

antiphon_testkit::install_counting_allocator!();

fn open() -> Manual {
    Manual::open(Config::default())
}

#[test]
fn an_idle_association_is_small() {
    let before = alloc::current_bytes();
    let fresh = Association::new(Config::default(), [1; 32], start());
    let mut manual = open();
    manual.wait(SEC);
    let held = alloc::current_bytes() - before;
    // Inline size of both and everything on the heap of the established one.
    let size = size_of_val(&fresh);
    assert!(size <= 1024, "{size} bytes inline");
    assert!(held <= 4096, "{held} bytes on the heap");
}

// attack: 65,535 announced streams cost nothing
#[test]
fn announced_streams_are_not_allocated() {
    let mut manual = open();
    let before = alloc::current_bytes();
    manual.send(message(999, "x"));
    manual.drain();
    manual.chunks(&[data(3, PEER_TSN, 65_534, 0, b"x")]).unwrap();
    assert!(alloc::current_bytes() - before < 128 << 10);
}

// attack: tiny messages nobody reads
#[test]
fn a_flood_of_tiny_messages_is_bounded() {
    let mut manual = open();
    let before = alloc::current_bytes();
    let mut tsn = PEER_TSN;
    for _ in 0..3000 {
        let chunks: Vec<_> = (0..50)
            .map(|_| {
                tsn += 1;
                data(7, tsn - 1, 0, 0, b"x")
            })
            .collect();
        manual.chunks(&chunks).unwrap();
        while manual.output().is_some() {}
    }
    let held = alloc::current_bytes() - before;
    assert!(held < 6 << 20, "{held} bytes for 150,000 messages");
    // A closed window drops the newest, and says so.
    manual.wait(SEC);
    manual.chunks(&[data(7, tsn, 0, 0, b"x")]).unwrap();
    let (_, sack) = manual.drain_kind(3).pop().unwrap();
    assert_eq!(be32(&sack, 4), 0);
    assert!(be32(&sack, 0) < tsn);
}

// attack: every second TSN, never the ones between; fragments without begin or end
#[test]
fn gaps_and_orphaned_fragments_are_bounded() {
    for flags in [0, 2, 1, 3] {
        let mut manual = open();
        let before = alloc::current_bytes();
        for i in 1..8_000 {
            let _ =
                manual.chunks(&[data(flags, PEER_TSN + 2 * (i % 6_000), 0, i as u16, &[0; 500])]);
            while manual.output().is_some() {}
        }
        let held = alloc::current_bytes() - before;
        assert!(held < 8 << 20, "{held} bytes, flags {flags}");
        assert!(manual.sctp.is_connected());
    }
}

// attack: small pieces that pin large blocks
#[test]
fn what_waits_does_not_pin_what_was_delivered() {
    let mut manual = open();
    let before = alloc::current_bytes();
    let mut tsn = PEER_TSN;
    for i in 0..2000_u16 {
        // One byte that waits for an earlier number for ever, then a block's worth that is read.
        let waits = data(3, tsn, 1, 1 + i, b"w");
        manual.chunks(&[waits]).unwrap();
        tsn += 1;
        for _ in 0..32 {
            manual.chunks(&[data(7, tsn, 2, 0, &[0; 1000])]).unwrap();
            tsn += 1;
            assert!(manual.sctp.recv().is_some());
        }
        while manual.output().is_some() {}
    }
    let held = alloc::current_bytes() - before;
    assert!(held < 4 << 20, "{held} bytes for 2,000 bytes");
}

// attack: a message that never ends
#[test]
fn an_endless_message_ends_the_association() {
    let mut manual = open();
    let mut tsn = PEER_TSN;
    while manual.sctp.is_connected() {
        manual.chunks(&[data(u8::from(tsn == PEER_TSN) * 2, tsn, 0, 0, &[0; 1100])]).unwrap();
        while manual.output().is_some() {}
        tsn += 1;
        assert!(tsn < PEER_TSN + 300);
    }
    let end = manual.events().pop();
    assert!(matches!(
        end,
        Some(Event::Closed(CloseReason::PeerMisbehaved(Violation::MessageTooLarge { .. })))
    ));
}

// attack: fragments that contradict each other
#[test]
fn fragments_of_different_streams_do_not_join() {
    let mut manual = open();
    manual.chunks(&[data(2, PEER_TSN, 0, 0, b"begin")]).unwrap();
    manual.chunks(&[data(1, PEER_TSN + 1, 1, 0, b"end")]).unwrap();
    let reason = CloseReason::PeerMisbehaved(Violation::BadFragments);
    assert_eq!(manual.events(), [Event::Closed(reason)]);
}

// attack: duplicate TSNs without end
#[test]
fn duplicates_are_answered_and_forgotten() {
    let mut manual = open();
    manual.chunks(&[data(3, PEER_TSN, 0, 0, b"x")]).unwrap();
    while manual.output().is_some() {}
    let before = alloc::current_bytes();
    for _ in 0..10_000 {
        let chunks = vec![data(3, PEER_TSN, 0, 0, b"x"); 50];
        manual.chunks(&chunks).unwrap();
    }
    assert!(alloc::current_bytes() - before < 4096);
    assert_eq!(manual.drain_kind(3).len(), 1);
}

// attack: gap ack blocks that descend, overlap, repeat, or lie beyond what was sent
#[test]
fn absurd_gap_blocks_change_nothing() {
    let mut manual = open();
    for i in 0..8 {
        manual.send(message(0, numbered(i, 1000)));
    }
    manual.drain();
    let base = manual.tsn.wrapping_sub(1);
    let before = manual.sctp.stats();
    for blocks in [
        &[(2, 1)][..],
        &[(0, 0)],
        &[(0, 65_535)],
        &[(1, 65_535)],
        &[(5, 6), (2, 3)],
        &[(2, 5), (3, 6)],
        &[(2, 2), (2, 2)],
        &[(9, 9)],
    ] {
        manual.chunks(&[sack(base, 100_000, blocks)]).unwrap();
    }
    assert_eq!(manual.sctp.stats().in_flight, before.in_flight);
    assert!(manual.sctp.is_connected());
    // As many as fit, on a flight of any size, cost what they change.
    let blocks: Vec<_> = (1..=290_u16).map(|i| (2 * i, 2 * i)).collect();
    manual.chunks(&[sack(base, 100_000, &blocks)]).unwrap();
    assert_eq!(manual.sctp.stats().in_flight, before.in_flight);
}

// attack: INIT floods
#[test]
fn inits_are_answered_a_few_at_a_time_and_cost_nothing() {
    let mut manual = Manual::fresh(Config::default());
    let init = packet(0, &[chunk(1, 0, &init_value(5, 5000, 1, 1, 1))]);
    let before = alloc::current_bytes();
    for _ in 0..10_000 {
        manual.give(&init).unwrap();
    }
    assert!(alloc::current_bytes() - before < 16 << 10);
    assert!(manual.drain().len() <= 4);
}

// attack: unknown parameters that would be reported many times over
#[test]
fn reports_do_not_amplify() {
    let mut manual = Manual::fresh(Config::default());
    let mut init = init_value(5, 5000, 1, 1, 1);
    for _ in 0..200 {
        init.extend([0xC1, 1, 0, 4]);
    }
    manual.give(&packet(0, &[chunk(1, 0, &init)])).unwrap();
    assert!(manual.output().unwrap().len() < 500);
    let mut manual = open();
    let unknown = chunk(0xff, 0, &[0; 40]);
    manual.chunks(&vec![unknown; 20]).unwrap();
    assert!(manual.drain_kind(9).len() <= 4);
}

// attack: huge heartbeats and error loops
#[test]
fn heartbeats_are_answered_once_and_errors_never() {
    let mut manual = open();
    manual.chunks(&[chunk(4, 0, &[0; 1000])]).unwrap();
    assert!(manual.drain().is_empty());
    let beat = chunk(4, 0, &[0, 1, 0, 5, 7]);
    manual.chunks(&vec![beat; 100]).unwrap();
    assert_eq!(manual.drain_kind(5).len(), 1);
    manual.chunks(&vec![chunk(9, 0, &[0, 1, 0, 4]); 100]).unwrap();
    assert!(manual.drain().is_empty());
}

// attack: lengths below 4, beyond the packet, and packets of any size
#[test]
fn malformed_packets_are_refused_without_effect() {
    let mut manual = open();
    for len in 0..16 {
        assert!(manual.give(&vec![0; len]).is_err());
    }
    for len in [0_u16, 1, 3, 5, 2000] {
        let mut bad = vec![3, 0];
        bad.extend(len.to_be_bytes());
        assert_eq!(manual.chunks(&[bad]), Err(InputError::MalformedChunk));
    }
    // Too short for its type: the rest of the packet is not read.
    for kind in [0, 3, 7, 192] {
        manual.chunks(&[chunk(kind, 0, &[]), data(3, PEER_TSN, 0, 0, b"x")]).unwrap();
    }
    assert!(manual.sctp.recv().is_none());
    assert!(manual.sctp.is_connected());
}

#[test]
fn the_send_buffer_has_a_limit_and_messages_have() {
    let mut manual = Manual::open(config(|c| {
        c.send_buffer = 10_000;
        c.max_send_message_size = 50_000;
    }));
    let mut send = |len| manual.sctp.send(manual.now, message(0, vec![0; len]));
    assert_eq!(send(50_001), Err(SendError::MessageTooLarge { len: 50_001, limit: 50_000 }));
    assert_eq!(send(0), Err(SendError::Empty));
    assert_eq!(send(50_000), Ok(()), "alone it may exceed the buffer");
    assert_eq!(send(1), Err(SendError::BufferFull { buffered: 50_000, limit: 10_000 }));
    assert!(manual.sctp.send(manual.now, message(1000, "x")).is_err());
}

#[test]
fn a_configuration_of_extremes_works() {
    for (max_packet, delay) in [(0, 10 * SEC), (usize::MAX, Duration::ZERO)] {
        let config = config(|c| {
            c.max_packet = max_packet;
            c.sack_delay = delay;
            c.rto_initial = Duration::MAX;
            c.rto_min = Duration::ZERO;
            c.rto_max = Duration::ZERO;
            c.receive_buffer = 0;
            c.max_receive_message_size = 100;
            c.max_burst = 0;
            c.initial_window = 0;
            c.streams = 0;
            c.heartbeat_interval = Duration::MAX;
            c.cookie_life = Duration::MAX;
        });
        let mut association = Association::new(config, [3; 32], start());
        association.connect(start());
        let mut buf = vec![0; 70_000];
        assert!(association.poll_output(start(), &mut buf).unwrap().is_some());
        let mut manual = Manual::fresh(config);
        manual.now = start();
        let mut small = [0; 100];
        manual.give(&packet(0, &[chunk(1, 0, &init_value(5, 5000, 1, 1, 1))])).unwrap();
        assert!(manual.sctp.poll_output(manual.now, &mut small).is_err());
        assert!(manual.sctp.poll_output(manual.now, &mut buf).unwrap().is_some());
    }
}

// attack: a peer that begins messages without end, on all streams and with all identifiers
#[test]
fn unfinished_interleaved_messages_stay_within_the_receive_buffer() {
    let buffer = 500_000;
    let mut manual = Manual::open_interleaving(config(|c| {
        c.receive_buffer = buffer;
        c.max_receive_message_size = 100_000;
    }));
    let mut tsn = PEER_TSN;
    let (_, usage) = alloc::measure(|| {
        for round in 0..40_000_u32 {
            // A first fragment of a byte, or one that waits for others before it.
            let (flags, last) = if round % 2 == 0 { (2, 51) } else { (0, 1 + round % 3) };
            let stream = (round % 900) as u16;
            let fragment = common::i_data(flags | 4, tsn, stream, round, last, b"x");
            manual.chunks(&[fragment]).unwrap();
            tsn = tsn.wrapping_add(1);
            manual.drain();
        }
    });
    assert!(usage.retained_bytes < 4 * buffer as i64, "{} bytes", usage.retained_bytes);
    assert!(!manual.sctp.is_closed());
    let window = manual.sctp.stats().chunks_received;
    assert!(window < 10_000, "{window} chunks taken");
}
