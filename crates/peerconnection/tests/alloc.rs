//! The steady state allocates nothing or little, and an idle connection is small.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::time::Instant;

use antiphon_peerconnection::{
    DataChannelId, DataChannelInit, Kind, PeerConnection, Received, RtpOutgoing,
};
use antiphon_testkit::alloc;
use bytes::Bytes;
use common::{Call, MS, SECOND, payload};

antiphon_testkit::install_counting_allocator!();

/// A call with everything in it, taken from the network.
fn connected() -> (PeerConnection, PeerConnection, [DataChannelId; 2], Instant) {
    let mut call = Call::new(1).with_delay(MS);
    call.add_media();
    let ids = call.connect_with_channel(DataChannelInit::default());
    for number in 0..300 {
        for side in 0..2 {
            call.send_rtp(side, Kind::Video, number * 1800, &payload(number, 1100));
        }
        call.run_for(20 * MS);
    }
    call.run_for(SECOND);
    let now = call.now();
    let pair = call.pair;
    (pair.a.machine.pc, pair.b.machine.pc, ids, now)
}

/// Hands what `from` sends to `to`; how many RTP packets rose.
fn carry(
    now: Instant,
    from: &mut PeerConnection,
    to: &mut PeerConnection,
    buf: &mut [u8],
) -> usize {
    let mut rose = 0;
    while let Some(sent) = from.poll_output(now, buf) {
        let segment = sent.segment_size.unwrap_or(sent.len);
        let received = Received { local: sent.remote, remote: sent.local };
        for datagram in buf[..sent.len].chunks_mut(segment) {
            rose += usize::from(to.handle_input(now, received, datagram).unwrap().is_some());
        }
    }
    rose
}

#[test]
fn media_flows_without_an_allocation() {
    let (mut a, mut b, _, start) = connected();
    let mut buf = vec![0; 64 * 1024];
    let payload = [7; 1100];
    let video = a.transceivers()[1];
    let mut now = start;
    let mut rose = 0;
    let mut round = |count: u32, rose: &mut usize| {
        for number in 0..count {
            now += MS;
            let packet = RtpOutgoing {
                payload_type: 96,
                marker: number % 4 == 3,
                timestamp: number * 750,
                payload: &payload,
            };
            a.send_rtp(now, video, packet).unwrap();
            a.handle_timeout(now);
            b.handle_timeout(now);
            *rose += carry(now, &mut a, &mut b, &mut buf);
            carry(now, &mut b, &mut a, &mut buf);
            assert!(a.poll_timeout().is_some() && b.poll_timeout().is_some());
            while a.poll_event().is_some() || b.poll_event().is_some() {}
        }
    };
    // Queues and the history of what was sent grow to their size.
    round(3_000, &mut rose);
    let allocations = alloc::count(|| round(10_000, &mut rose));
    assert_eq!(rose, 13_000);
    // Reports and consent are in it too.
    assert_eq!(allocations, 0);
}

#[test]
fn a_message_costs_few_allocations() {
    let (mut a, mut b, [from, to], mut now) = connected();
    let mut buf = vec![0; 64 * 1024];
    let payload = Bytes::from(vec![7; 1024]);
    let mut round = |count: u32| {
        for _ in 0..count {
            now += MS;
            a.send_binary(now, from, payload.clone()).unwrap();
            a.handle_timeout(now);
            b.handle_timeout(now);
            carry(now, &mut a, &mut b, &mut buf);
            assert!(b.receive_message(to).is_some());
            carry(now, &mut b, &mut a, &mut buf);
            while a.poll_event().is_some() || b.poll_event().is_some() {}
        }
    };
    round(2_000);
    let allocations = alloc::count(|| round(10_000));
    eprintln!("{} allocations for 10,000 messages of 1 KiB, both ends", allocations);
    assert_eq!(allocations, 0, "messages are cut from blocks that are used again");
    assert!(alloc::count(|| drop(std::hint::black_box(Box::new(1)))) > 0, "counting works");
}

#[test]
fn an_idle_connection_is_small() {
    drop(connected());
    let size = size_of::<PeerConnection>();
    let (_made, usage) = alloc::measure(|| common::connection(0, 3));
    eprintln!("a connection that did nothing: {} bytes, and {size} in place", usage.retained_bytes);
    for media in [false, true] {
        let (_pair, usage) = alloc::measure(|| {
            let mut call = Call::new(2).with_delay(MS);
            if media {
                call.add_media();
            }
            call.connect_with_channel(DataChannelInit::default());
            call.run_for(10 * SECOND);
            (call.pair.a.machine.pc, call.pair.b.machine.pc)
        });
        let each = usage.retained_bytes / 2;
        eprintln!("connected, media {media}: {each} bytes each, and {size} in place");
        // With media most of it are the two descriptions, and what is known of their sections.
        let limit = if media { 72 << 10 } else { 40 << 10 };
        assert!(each + size as i64 <= limit, "{each} + {size}");
    }
}
