//! The way of data through the client allocates nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

#[path = "client/hosts.rs"]
#[allow(dead_code, reason = "the other tests need the rest")]
mod hosts;
#[path = "client/script.rs"]
#[allow(dead_code, reason = "the other tests need the rest")]
mod script;

use std::hint::black_box;
use std::time::Duration;

use antiphon_testkit::alloc;
use antiphon_turn::client::{HEADROOM, Input, TAILROOM};

antiphon_testkit::install_counting_allocator!();

#[test]
fn data_through_channels_and_indications_allocates_nothing() {
    for bind in [false, true] {
        let mut script = script::Script::allocated(hosts::config());
        let peer = script::peer();
        script.permit(peer.ip());
        if bind {
            script.client.bind_channel(script.now, peer).unwrap();
            script.answer_success();
            script.drain();
        }
        let incoming = if bind {
            [&[0x40, 0, 0, 200][..], &[7; 200]].concat()
        } else {
            script.data_bytes(peer, &[7; 200])
        };
        let mut buf = [7; HEADROOM + 1200 + TAILROOM];
        let count = alloc::count(|| {
            for round in 0..10_000u64 {
                let sent = script.client.wrap(peer, &mut buf, HEADROOM..HEADROOM + 1200);
                assert_eq!(sent.unwrap().len(), if bind { 1204 } else { 1236 });
                let now = script.now + Duration::from_millis(round);
                let input = script.client.handle_input(now, hosts::addr(hosts::SERVER), &incoming);
                let Ok(Input::Data { payload, .. }) = input else { panic!("{input:?}") };
                assert_eq!(payload.len(), 200);
                black_box(script.client.poll_timeout());
                assert_eq!(script.client.poll_output(now, &mut []), Ok(None));
            }
        });
        assert_eq!(count, 0, "channel: {bind}");
    }
}
