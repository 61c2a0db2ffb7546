//! The steady state allocates next to nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_sctp::{Association, Config};
use antiphon_testkit::{alloc, start};
use bytes::Bytes;
use common::{MS, message};

antiphon_testkit::install_counting_allocator!();

/// Sends and receives `count` messages; returns (packets, allocations).
fn transfer(len: usize, count: usize) -> (u64, u64) {
    let mut now = start();
    // A window that reaches its size at once.
    let config = common::config(|c| c.max_window = 256 << 10);
    let mut a = Association::new(config, [1; 32], now);
    let mut b = Association::new(config, [2; 32], now);
    a.connect(now);
    let mut buf = [0; 1200];
    let payload = Bytes::from(vec![7; len]);
    let mut packets = 0;
    let mut received = 0;
    let mut sent = 0;
    let mut run = |until: usize| {
        while received < until {
            while a.is_connected()
                && sent < until
                && a.send(now, message(0, payload.clone())).is_ok()
            {
                sent += 1;
            }
            while let Some(t) = a.poll_output(now, &mut buf).expect("fits") {
                packets += 1;
                b.handle_input(now, &buf[..t.len]).expect("sound");
                while b.recv().is_some() {
                    received += 1;
                }
                if packets % 4 == 0 {
                    break;
                }
            }
            while let Some(t) = b.poll_output(now, &mut buf).expect("fits") {
                packets += 1;
                a.handle_input(now, &buf[..t.len]).expect("sound");
            }
            while a.poll_event().is_some() || b.poll_event().is_some() {}
            now += MS / 100;
        }
        packets
    };
    // Windows, rings and lists grow to their size first.
    let before = run(count);
    let (after, usage) = alloc::measure(|| run(count + count / 2));
    (after - before, usage.allocations)
}

#[test]
fn the_steady_state_allocates_nothing_for_messages_that_are_taken() {
    for len in [20, 100, 1000] {
        let (packets, allocations) = transfer(len, 20_000);
        assert!(packets > 100);
        // Packets cost none; a block of the arena may be in use when it is wanted back.
        assert!(allocations <= 2, "{allocations} for {packets} packets of {len} bytes");
    }
}

#[test]
fn a_large_message_is_its_own_allocation_and_its_packets_cost_none() {
    let (packets, allocations) = transfer(60_000, 2000);
    assert!(
        allocations <= 2 * 1000,
        "{allocations} allocations for 1,000 messages, {packets} packets"
    );
}

#[test]
fn an_idle_association_holds_at_most_four_kibibytes() {
    let now = start();
    let mut peer = Association::new(Config::default(), [2; 32], now);
    let (association, usage) = alloc::measure(|| {
        let mut association = Box::new(Association::new(Config::default(), [1; 32], now));
        association.connect(now);
        let mut talk = |rounds: usize| {
            let mut buf = [0; 1200];
            for _ in 0..rounds {
                while let Some(t) = association.poll_output(now, &mut buf).expect("fits") {
                    peer.handle_input(now, &buf[..t.len]).expect("sound");
                }
                while let Some(t) = peer.poll_output(now, &mut buf).expect("fits") {
                    association.handle_input(now, &buf[..t.len]).expect("sound");
                }
                while association.poll_event().is_some() {}
                while association.recv().is_some() {}
                while peer.recv().is_some() {}
            }
            if association.is_connected() {
                association.send(now, message(0, "hello")).expect("room");
            }
            if peer.is_connected() {
                peer.send(now, message(0, "hello")).expect("room");
            }
        };
        talk(4);
        talk(4);
        association
    });
    assert!(association.is_connected());
    // The other end is measured along: both together.
    assert!(usage.retained_bytes <= 2 * 4096, "{} bytes for two ends", usage.retained_bytes);
}
