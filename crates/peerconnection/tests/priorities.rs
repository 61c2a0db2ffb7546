//! Channels that share a narrow path.
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

use std::time::Duration;

use antiphon_peerconnection::{
    DataChannelId, DataChannelInit, DataChannelPriority, Event, PeerConnection,
};
use antiphon_testkit::Random;
use bytes::Bytes;
use common::{Call, MS, SECOND, config};

/// Two connected peers on a path of `rate` bits per second, with a channel of each priority: as
/// the sender and as the receiver know them. The receiver learns of them, and of their priority.
fn narrow<const N: usize>(
    rate: u64,
    priorities: [DataChannelPriority; N],
) -> (Call, [[DataChannelId; 2]; N]) {
    let peer = |side: usize| {
        let mut config = config(side, 40);
        config.max_message_bytes = 1 << 20;
        let seed = Random::new(side as u64).seed();
        PeerConnection::new(config, seed, antiphon_testkit::start()).unwrap()
    };
    let mut call = Call::with(peer(0), peer(1)).with_delay(20 * MS);
    let mut number = 0;
    let ours = priorities.map(|priority| {
        number += 1;
        let init = DataChannelInit { priority, ..DataChannelInit::default() };
        call.pc(0).create_data_channel(&number.to_string(), init).unwrap()
    });
    call.connect();
    call.run_for(SECOND);
    for side in 0..2 {
        call.pair.uplink(side).rate_bps = Some(rate);
    }
    let theirs: Vec<_> = call
        .events(1)
        .into_iter()
        .filter_map(|event| match event {
            Event::DataChannel(id) => Some(id),
            _ => None,
        })
        .collect();
    let found = ours.map(|id| {
        let label = call.pc(0).data_channel(id).unwrap().label;
        let same = |other: &&DataChannelId| {
            call.pair.b.machine.pc.data_channel(**other).unwrap().label == label
        };
        [id, *theirs.iter().find(same).unwrap()]
    });
    for ([_, theirs], priority) in found.iter().zip(priorities) {
        assert_eq!(call.pc(1).data_channel(*theirs).unwrap().init.priority, priority);
    }
    (call, found)
}

/// Sends messages of `len` bytes while the channel holds less than two mebibytes.
fn fill(call: &mut Call, side: usize, id: DataChannelId, len: usize) {
    let now = call.now();
    while call.pc(side).buffered_amount(id) < 2 << 20 {
        if call.pc(side).send_binary(now, id, Bytes::from(vec![7; len])).is_err() {
            return;
        }
    }
}

fn received(call: &mut Call, side: usize, id: DataChannelId) -> usize {
    let messages = &call.peer(side).messages;
    messages.iter().filter(|(of, _)| *of == id).map(|(_, message)| len(message)).sum()
}

fn len(message: &antiphon_peerconnection::DataChannelMessage) -> usize {
    match message {
        antiphon_peerconnection::DataChannelMessage::Text(bytes)
        | antiphon_peerconnection::DataChannelMessage::Binary(bytes) => bytes.len(),
    }
}

/// What the channels of two priorities got of a path of 4 Mbit/s in ten seconds, in bytes, when
/// `side` sends.
fn shares(side: usize, lens: [usize; 2]) -> [usize; 2] {
    let priorities = [DataChannelPriority::HIGH, DataChannelPriority::LOW];
    let (mut call, channels) = narrow(4_000_000, priorities);
    for _ in 0..100 {
        for (channel, len) in channels.iter().zip(lens) {
            fill(&mut call, side, channel[side], len);
        }
        call.run_for(100 * MS);
    }
    channels.map(|channel| received(&mut call, 1 - side, channel[1 - side]))
}

//= rfc8831#6.4
//= type=test
#[test]
fn bytes_are_shared_in_proportion_to_the_priorities() {
    // The side that was told of the channels heeds the priority too.
    for (side, lens) in [(0, [16_384, 16_384]), (1, [16_384, 16_384]), (0, [1_000, 65_536])] {
        let [high, low] = shares(side, lens);
        eprintln!("high {high}, low {low}, of 5,000,000 bytes");
        let ratio = high as f64 / low as f64;
        assert!((3.5..4.6).contains(&ratio), "{high} : {low}, side {side}, {lens:?}");
        assert!(high + low > 3_500_000, "{high} + {low} of 5,000,000 that fit");
    }
}

/// The times a small message takes while another channel of the same priority sends messages of
/// a mebibyte, each of which takes two seconds.
fn delays_beside_bulk() -> Vec<Duration> {
    let (mut call, [talk, bulk]) = narrow(4_000_000, [DataChannelPriority::LOW; 2]);
    fill(&mut call, 0, bulk[0], 1 << 20);
    call.run_for(SECOND);
    let mut delays = Vec::new();
    for _ in 0..40 {
        fill(&mut call, 0, bulk[0], 1 << 20);
        let before = received(&mut call, 1, talk[1]);
        let sent = call.pair.elapsed();
        let now = call.now();
        call.pc(0).send_text(now, talk[0], "hello".into()).unwrap();
        let arrived =
            call.run_until(sent + 20 * SECOND, |call| received(call, 1, talk[1]) > before);
        assert!(arrived, "a message never came");
        delays.push(call.pair.elapsed() - sent);
        call.run_for(100 * MS);
    }
    assert!(received(&mut call, 1, bulk[1]) >= 1 << 20, "the large messages arrive too");
    delays
}

//= rfc8260#1
//= type=test
#[test]
fn a_small_message_does_not_wait_for_a_large_one() {
    let mut delays = delays_beside_bulk();
    delays.sort();
    let (median, longest) = (delays[delays.len() / 2], delays[delays.len() - 1]);
    eprintln!("beside messages of 1 MiB at 4 Mbit/s: median {median:?}, longest {longest:?}");
    // 20 ms of path, and what stands in its queue, which holds 130 ms at most.
    assert!(median < 120 * MS, "{median:?}");
    assert!(longest < 400 * MS, "{longest:?}");
}
