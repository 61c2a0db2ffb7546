//! What an agent costs.
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

use antiphon_testkit::{alloc, start};

antiphon_testkit::install_counting_allocator!();

#[test]
fn ten_hours_of_consent_allocate_nothing() {
    let mut pair = common::connected(start());
    pair.run_for(Duration::from_secs(60));
    let before = [pair.a.allocations, pair.b.allocations];
    pair.run_for(Duration::from_secs(36_000));
    assert_eq!([pair.a.allocations, pair.b.allocations], before);
}

#[test]
fn a_connected_agent_is_small() {
    let mut pair = common::connected(start());
    pair.run_for(Duration::from_secs(60));
    let before = alloc::current_bytes();
    let common::Peer(agent) = pair.a.machine;
    let size = i64::try_from(size_of_val(&agent)).unwrap();
    drop(agent);
    let heap = before - alloc::current_bytes();
    assert!(size + heap < 7 * 1024, "{size} bytes and {heap} on the heap");
}
