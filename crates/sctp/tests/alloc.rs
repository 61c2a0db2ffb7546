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
    let mut a = Association::new(Config::default(), [1; 32], now);
    let mut b = Association::new(Config::default(), [2; 32], now);
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
    let before = run(count / 2);
    let (after, usage) = alloc::measure(|| run(count));
    (after - before, usage.allocations)
}

#[test]
fn small_messages_share_allocations() {
    let (packets, allocations) = transfer(1000, 20_000);
    assert!(allocations * 5 < packets, "{allocations} allocations for {packets} packets");
}

#[test]
fn a_large_message_is_one_allocation_or_two() {
    let (packets, allocations) = transfer(60_000, 2000);
    assert!(
        allocations <= 6 * 1000,
        "{allocations} allocations for 1,000 messages, {packets} packets"
    );
}
