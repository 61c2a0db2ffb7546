//! The steady state allocates nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use antiphon_datachannel::{ChannelConfig, Channels, Config, DtlsRole, Event};
use antiphon_testkit::{alloc, start};
use bytes::Bytes;

antiphon_testkit::install_counting_allocator!();

fn assert_send<T: Send + 'static>(value: T) -> T {
    value
}

#[test]
fn ten_thousand_messages_without_an_allocation() {
    let now = start();
    let mut ours = assert_send(Channels::new(Config::default()));
    let mut theirs = Channels::new(Config::default());
    let id = ours.open(ChannelConfig::new("x")).unwrap();
    ours.transport_connected(DtlsRole::Client, 10);
    theirs.transport_connected(DtlsRole::Server, 10);
    let payload = Bytes::from_static(&[7; 1000]);
    let round = |ours: &mut Channels, theirs: &mut Channels| {
        ours.send_binary(now, id, payload.clone()).unwrap();
        while let Some(sent) = ours.poll_send(now) {
            theirs.handle_message(sent.stream, sent.ppid, sent.payload).unwrap();
        }
        ours.handle_buffered(0, 0);
        while let Some(event) = theirs.poll_event() {
            if let Event::Readable(id) = event {
                while theirs.recv(id).is_some() {}
            }
        }
        while theirs.poll_send(now).is_some() {}
        while ours.poll_event().is_some() {}
    };
    round(&mut ours, &mut theirs);
    let count = alloc::count(|| {
        for _ in 0..10_000 {
            round(&mut ours, &mut theirs);
        }
    });
    assert_eq!(count, 0);
}
