//! Two connections on a simulated network.
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

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use antiphon_peerconnection::{
    ConnectionState, DataChannelId, DataChannelInit, DataChannelMessage, Error, Event,
    InvalidState, Kind, OfferOptions, RtpOutgoing,
};
use bytes::Bytes;
use common::{Call, MS, Packet, SECOND, Signal, payload};

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

/// When the first DTLS datagram left, and when both ends could use the channel.
fn time_to_open(mut call: Call) -> (Duration, Duration) {
    let first = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&first);
    call.pair.drop_when(move |datagram| {
        if (20..64).contains(&datagram.bytes[0]) {
            seen.lock().unwrap().get_or_insert(datagram.at);
        }
        false
    });
    call.connect_with_channel(DataChannelInit::default());
    let hello = first.lock().unwrap().unwrap();
    (hello, call.pair.elapsed() - hello)
}

#[test]
fn a_channel_opens_within_few_round_trips() {
    let (hello, after) = time_to_open(Call::new(3).with_delay(25 * MS));
    eprintln!("50 ms round trip: ClientHello after {hello:?}, channel open {after:?} later");
    // Two round trips of DTLS, two of SCTP; the announcement goes with the last.
    assert!(hello <= 120 * MS, "{hello:?}");
    assert!(after <= 225 * MS, "{after:?}");
}

#[test]
fn a_client_hello_may_come_before_the_answer() {
    let mut call = Call::new(4).with_delay(10 * MS);
    call.signalling = 400 * MS;
    let (hello, after) = time_to_open(call);
    // The answer is on its way from 400 to 800 ms; the hello has waited for it.
    assert!(hello < 600 * MS, "{hello:?}");
    assert!(hello + after < 950 * MS, "{hello:?} {after:?}");
}

#[test]
fn lost_video_is_sent_again() {
    let mut call = Call::new(5).with_delay(15 * MS);
    call.add_media();
    call.connect();
    call.run_for(SECOND);
    for side in 0..2 {
        call.pair.uplink(side).loss = 0.05;
    }
    for number in 0..500 {
        for side in 0..2 {
            call.send_rtp(side, Kind::Audio, number * 960, &payload(number, 80));
            call.send_rtp(side, Kind::Video, number * 1800, &payload(number, 1100));
        }
        call.run_for(20 * MS);
    }
    for side in 0..2 {
        call.pair.uplink(side).loss = 0.0;
    }
    call.run_for(SECOND);
    for side in 0..2 {
        let video = call.peer(side).of_kind(Kind::Video);
        let packets = &call.peer(side).packets;
        let of_video = packets.iter().filter(|packet| packet.header.transceiver == video);
        let numbers: BTreeSet<u32> = of_video.map(number).collect();
        assert_eq!(numbers.len(), 500, "video comes back");
        let audio = packets.len() - 500;
        assert!((420..500).contains(&audio), "audio does not: {audio}");
        let stats = call.pc(side).stats();
        let sent = stats.outbound_rtp.iter().map(|s| s.retransmitted_packets_sent).sum::<u64>();
        assert!((10..80).contains(&sent), "{sent}");
    }
}

fn number(packet: &Packet) -> u32 {
    u32::from_be_bytes(*packet.payload.first_chunk().unwrap())
}

#[test]
fn a_key_frame_is_asked_for() {
    let mut call = Call::new(6).with_delay(15 * MS);
    call.add_media();
    call.connect();
    let video = call.peer(1).of_kind(Kind::Video);
    let now = call.now();
    assert!(!call.pc(1).request_key_frame(now, video), "nothing came yet");
    call.send_rtp(0, Kind::Video, 0, &payload(0, 500));
    call.run_for(100 * MS);
    let now = call.now();
    assert!(call.pc(1).request_key_frame(now, video));
    call.run_for(50 * MS);
    let asked = Event::KeyFrameRequested(call.peer(0).of_kind(Kind::Video));
    assert!(call.events(0).contains(&asked));
}

#[test]
fn a_track_joins_a_connection_that_lives() {
    let mut call = Call::new(7).with_delay(15 * MS);
    let [a, b] = call.connect_with_channel(DataChannelInit::default());
    let video = call.pc(1).add_track(Kind::Video, vec!["cam".into()]).unwrap();
    call.run_for(10 * MS);
    assert_eq!(call.events(1).last(), Some(&Event::NegotiationNeeded));
    call.offer(1);
    call.run_for(SECOND);
    let track = call.events(0).into_iter().find_map(|event| match event {
        Event::Track { transceiver, stream_ids } => Some((transceiver, stream_ids)),
        _ => None,
    });
    let (transceiver, streams) = track.expect("a track");
    assert_eq!(streams, ["cam"]);
    call.send_rtp(1, Kind::Video, 0, &payload(9, 1000));
    let now = call.now();
    call.pc(0).send_text(now, a, Bytes::from("still here")).unwrap();
    call.run_for(SECOND);
    assert_eq!(call.peer(0).packets[0].header.transceiver, transceiver);
    assert_eq!(call.peer(1).messages.len(), 1);
    assert_eq!(call.peer(1).messages[0].0, b);
    // It stops again.
    call.pc(1).remove_track(video).unwrap();
    call.offer(1);
    call.run_for(SECOND);
    assert!(call.events(0).contains(&Event::TrackRemoved(transceiver)));
    assert_eq!(call.states(), [ConnectionState::Connected; 2]);
}

#[test]
fn nothing_is_lost_while_ice_restarts() {
    for side in 0..2 {
        let mut call = Call::new(8 + side as u64).with_delay(15 * MS);
        call.add_media();
        let [a, b] = call.connect_with_channel(DataChannelInit::default());
        call.run_for(SECOND);
        call.pair.a.errors.clear();
        call.pair.b.errors.clear();
        for number in 0..200 {
            for (side, id) in [(0, a), (1, b)] {
                call.send_rtp(side, Kind::Video, number * 1800, &payload(number, 1100));
                let now = call.now();
                call.pc(side).send_binary(now, id, Bytes::from(payload(number, 900))).unwrap();
            }
            if number == 20 || number == 120 {
                call.pc(side).restart_ice();
                call.offer(side);
            }
            call.run_for(20 * MS);
        }
        call.run_for(2 * SECOND);
        for side in 0..2 {
            assert_eq!(call.peer(side).packets.len(), 200);
            assert_eq!(call.peer(side).messages.len(), 200);
            let disturbed = |event: &&Event| {
                matches!(event, Event::ConnectionStateChange(ConnectionState::Disconnected))
            };
            assert_eq!(call.events(side).iter().find(disturbed), None);
        }
        assert_eq!(call.states(), [ConnectionState::Connected; 2]);
    }
}

#[test]
fn ten_seconds_of_darkness_heal() {
    let mut call = Call::new(10).with_delay(15 * MS);
    call.add_media();
    let [a, b] = call.connect_with_channel(DataChannelInit::default());
    call.run_for(SECOND);
    let (from, until) = (call.pair.elapsed(), call.pair.elapsed() + 10 * SECOND);
    for side in 0..2 {
        call.pair.uplink(side).blackouts.push(from..until);
    }
    for number in 0..600 {
        for (side, id) in [(0, a), (1, b)] {
            call.send_rtp(side, Kind::Audio, number * 960, &payload(number, 80));
            let now = call.now();
            call.pc(side).send_binary(now, id, Bytes::from(payload(number, 100))).unwrap();
        }
        call.run_for(20 * MS);
    }
    call.run_for(30 * SECOND);
    assert_eq!(call.states(), [ConnectionState::Connected; 2]);
    for side in 0..2 {
        let numbers: Vec<u32> = call.peer(side).messages.iter().map(text_number).collect();
        assert_eq!(numbers, (0..600).collect::<Vec<_>>());
        assert!((90..110).contains(&call.peer(side).packets.len()));
    }
}

fn text_number((_, message): &(DataChannelId, DataChannelMessage)) -> u32 {
    let (DataChannelMessage::Text(bytes) | DataChannelMessage::Binary(bytes)) = message;
    u32::from_be_bytes(*bytes.first_chunk().unwrap())
}

#[test]
fn the_end_is_told_on_every_layer() {
    for side in 0..2 {
        let mut call = Call::new(12 + side as u64).with_delay(15 * MS);
        call.add_media();
        let ids = call.connect_with_channel(DataChannelInit::default());
        for kind in [Kind::Audio, Kind::Video] {
            call.send_rtp(side, kind, 0, &payload(0, 100));
        }
        call.run_for(SECOND);
        let kinds = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&kinds);
        call.pair.drop_when(move |datagram| {
            if datagram.from == side {
                seen.lock().unwrap().push((datagram.bytes[0], datagram.bytes[1]));
            }
            false
        });
        let now = call.now();
        call.pc(side).close(now);
        call.run_for(SECOND);
        let kinds = kinds.lock().unwrap().clone();
        assert!(matches!(kinds[0], (0x80..=0xbf, 192..=223)), "BYE: {kinds:?}");
        // A record with SCTP's last word and one with an alert; DTLS 1.3 hides which is which.
        assert!(matches!(kinds[1..], [(20..=63, _), (20..=63, _)]), "{kinds:?}");
        let closed = Event::DataChannelClosed(ids[1 - side]);
        assert!(call.events(1 - side).contains(&closed));
        for end in 0..2 {
            assert_eq!(call.events(end).last(), Some(&Event::Closed));
            assert!(call.pc(end).is_closed());
            assert_eq!(call.pc(end).poll_timeout(), None);
            assert_eq!(call.pc(end).connection_state(), ConnectionState::Closed);
        }
        let now = call.now();
        let refused = call.pc(side).create_offer(now, OfferOptions::default());
        assert_eq!(refused, Err(Error::InvalidState(InvalidState::Closed)));
    }
}

#[test]
fn a_connection_comes_about_whatever_is_lost() {
    for seed in 0..40 {
        let loss = (seed % 5) as f64 * 0.05;
        let mut call = Call::new(100 + seed).with_delay(20 * MS);
        for side in 0..2 {
            let link = call.pair.uplink(side);
            (link.loss, link.reorder, link.duplicate) = (loss, 0.05, 0.05);
            link.reorder_delay = 5 * MS;
        }
        let [a, _] = call.connect_with_channel(DataChannelInit::default());
        let open = call.pair.elapsed();
        for number in 0..50 {
            let now = call.now();
            call.pc(0).send_binary(now, a, Bytes::from(payload(number, 2000))).unwrap();
        }
        let end = open + 60 * SECOND;
        let all = |call: &mut Call| call.peer(1).messages.len() == 50;
        assert!(call.run_until(end, all), "seed {seed}, loss {loss}");
        let numbers: Vec<u32> = call.peer(1).messages.iter().map(text_number).collect();
        assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    }
}

// attack: somebody in the middle with a certificate of his own
#[test]
fn a_wrong_certificate_never_connects() {
    for honest in 0..2 {
        let mut call = Call::new(20 + honest as u64).with_delay(10 * MS);
        // The other side proves itself with another certificate than its description names.
        let wrong = common::fingerprint(2);
        let right = common::fingerprint(1 - honest);
        call.pc(0).create_data_channel("chat", DataChannelInit::default()).unwrap();
        call.add_media();
        call.offer(0);
        let deliver = |call: &mut Call, side: usize, signal: Signal| match signal {
            Signal::Description(mut description) if side == honest => {
                description.sdp = description.sdp.replace(&right, &wrong);
                call.take(side, Signal::Description(description));
            }
            signal => call.take(side, signal),
        };
        call.run_with(60 * SECOND, deliver, |_| false);
        let events = call.events(honest);
        let failed = Event::ConnectionStateChange(ConnectionState::Failed);
        assert!(events.contains(&failed), "{events:?}");
        for side in 0..2 {
            let connected = Event::ConnectionStateChange(ConnectionState::Connected);
            if side == honest {
                assert!(!call.events(side).contains(&connected));
            }
            assert!(!call.events(side).iter().any(|event| matches!(
                event,
                Event::DataChannelOpen(_) | Event::DataChannel(_) | Event::TrackUnmuted(_)
            )));
        }
        let id = call.peer(honest).of_kind(Kind::Audio);
        let now = call.now();
        let packet =
            RtpOutgoing { payload_type: 111, marker: false, timestamp: 0, payload: &[1; 10] };
        assert!(call.pc(honest).send_rtp(now, id, packet).is_err());
    }
}

#[test]
fn a_lost_socket_is_replaced_by_a_restart() {
    let mut call = Call::new(31).with_delay(15 * MS);
    call.add_media();
    let [a, b] = call.connect_with_channel(DataChannelInit::default());
    for number in 0..50 {
        for (side, id) in [(0, a), (1, b)] {
            call.send_rtp(side, Kind::Video, number * 1800, &payload(number, 1100));
            let now = call.now();
            call.pc(side).send_binary(now, id, Bytes::from(payload(number, 900))).unwrap();
        }
        if number == 20 {
            let (now, old) = (call.now(), common::address(0));
            call.pc(0).remove_local_address(now, old);
        }
        call.run_for(20 * MS);
    }
    // Without a path everybody waits, nobody spins.
    call.run_for(5 * SECOND);
    let now = call.now();
    let new = SocketAddr::from(([203, 0, 113, 1], 6000));
    call.peer(0).address = new;
    // Its candidate in the old generation comes after the offer of the new one.
    call.lenient = true;
    call.pc(0).add_local_address(now, new);
    call.pc(0).end_of_local_addresses(now);
    call.pc(0).restart_ice();
    call.offer(0);
    call.run_for(30 * SECOND);
    assert_eq!(call.states(), [ConnectionState::Connected; 2]);
    for side in 0..2 {
        let numbers: Vec<u32> = call.peer(side).messages.iter().map(text_number).collect();
        assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    }
}
