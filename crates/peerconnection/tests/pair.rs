//! Two connections on a simulated network.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_peerconnection::{DataChannelInit, DataChannelMessage, Event, Kind};
use bytes::Bytes;
use common::{Call, MS, SECOND, payload};

#[test]
fn a_channel_opens_and_carries_messages_of_all_sizes() {
    let mut call = Call::new(1).with_delay(20 * MS);
    let [a, b] = call.connect_with_channel(DataChannelInit::default());
    let sizes = [0, 1, 2, 100, 1_000, 1_150, 1_200, 1_250, 16_384, 65_535, 65_536, 262_144];
    for (number, len) in sizes.into_iter().enumerate() {
        let now = call.now();
        let bytes = Bytes::from(vec![number as u8; len]);
        call.pc(0).send_binary(now, a, bytes.clone()).unwrap();
        call.pc(1).send_binary(now, b, bytes).unwrap();
        call.pc(1).send_text(now, b, Bytes::from(vec![b'x'; len])).unwrap();
        call.run_for(SECOND);
    }
    call.run_for(10 * SECOND);
    for (number, len) in sizes.into_iter().enumerate() {
        let binary = DataChannelMessage::Binary(Bytes::from(vec![number as u8; len]));
        assert_eq!(call.peer(1).messages[number], (b, binary.clone()));
        assert_eq!(call.peer(0).messages[2 * number], (a, binary));
        let text = DataChannelMessage::Text(Bytes::from(vec![b'x'; len]));
        assert_eq!(call.peer(0).messages[2 * number + 1], (a, text));
    }
}

#[test]
fn media_flows_both_ways() {
    let mut call = Call::new(2).with_delay(20 * MS);
    call.add_media();
    call.connect();
    for number in 0..200 {
        for side in 0..2 {
            call.send_rtp(side, Kind::Audio, number * 960, &payload(number, 80));
            call.send_rtp(side, Kind::Video, number * 3000, &payload(number, 1000));
        }
        call.run_for(20 * MS);
    }
    call.run_for(SECOND);
    for side in 0..2 {
        assert_eq!(call.peer(side).packets.len(), 400);
        let unmuted = |event: &&Event| matches!(event, Event::TrackUnmuted(_));
        assert_eq!(call.events(side).iter().filter(unmuted).count(), 2);
    }
}
