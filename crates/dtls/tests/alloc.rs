//! The steady state allocates nothing, and an idle connection is small.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_dtls::{Data, OVERHEAD};
use antiphon_testkit::{alloc, start};
use common::connected;

antiphon_testkit::install_counting_allocator!();

#[test]
fn ten_thousand_records_each_way_without_an_allocation() {
    let (mut client, mut server) = connected();
    let payload = OVERHEAD.before..OVERHEAD.before + 1191;
    let mut buf = vec![7; OVERHEAD.before + 1191 + OVERHEAD.after];
    // The queue of ranges is made once.
    let record = client.protect(&mut buf, payload.clone()).unwrap();
    server.handle_input(start(), &mut buf[record]).unwrap();
    let record = server.protect(&mut buf, payload.clone()).unwrap();
    client.handle_input(start(), &mut buf[record]).unwrap();

    let allocations = alloc::count(|| {
        for _ in 0..10_000 {
            let record = client.protect(&mut buf, payload.clone()).unwrap();
            server.handle_input(start(), &mut buf[record]).unwrap();
            assert!(matches!(server.poll_data(), Some(Data::InPlace(_))));
            let record = server.protect(&mut buf, payload.clone()).unwrap();
            client.handle_input(start(), &mut buf[record]).unwrap();
            assert!(matches!(client.poll_data(), Some(Data::InPlace(_))));
            assert!(server.poll_timeout().is_some());
            assert_eq!(server.poll_output(start(), &mut []), Ok(None));
        }
    });
    assert_eq!(allocations, 0);
    assert!(buf[payload].iter().all(|byte| *byte == 7), "it is the payload again");
}

#[test]
fn a_connected_pair_is_small() {
    drop(connected());
    let (pair, usage) = alloc::measure(connected);
    let size = 2 * size_of::<antiphon_dtls::Connection>();
    let each = (usize::try_from(usage.retained_bytes).unwrap() + size) / 2;
    assert!(each < 6 * 1024, "{each} bytes");
    drop(pair);
}
