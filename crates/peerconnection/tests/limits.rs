//! What strangers and hostile peers can do, and what they cannot.
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

use std::net::SocketAddr;

use antiphon_peerconnection::{
    DataChannelId, DataChannelInit, DataChannelMessage, DataChannelState, Error, Event,
    IceCandidate, Kind, MAX_RTP_PAYLOAD, OperationError, RtpOutgoing, TypeError,
};
use antiphon_testkit::{Random, alloc};
use bytes::Bytes;
use common::{Call, MS, SECOND, address, payload};

antiphon_testkit::install_counting_allocator!();

fn connected(seed: u64) -> (Call, [DataChannelId; 2]) {
    let mut call = Call::new(seed).with_delay(5 * MS);
    call.add_media();
    let ids = call.connect_with_channel(DataChannelInit::default());
    call.run_for(SECOND);
    (call, ids)
}

// attack: a stranger who knows the address sends datagrams that look like anything
#[test]
fn strangers_change_nothing_and_are_counted() {
    let stranger = SocketAddr::from(([198, 51, 100, 7], 4444));
    for is_connected in [false, true] {
        let mut call = Call::new(1).with_delay(5 * MS);
        call.add_media();
        if is_connected {
            call.connect_with_channel(DataChannelInit::default());
            call.run_for(SECOND);
        } else {
            call.signalling = 3600 * SECOND;
            call.offer(0);
            call.run_for(MS);
        }
        let before = call.events(0).len();
        let sent = call.pair.counters(0).sent;
        let dropped = call.pc(0).stats().transport.packets_dropped;
        let timeout = call.pc(0).poll_timeout();
        let mut random = Random::new(3);
        let at = call.pair.elapsed();
        for first in 0..=255_u8 {
            for len in [1, 2, 13, 20, 100, 1200] {
                let mut bytes = random.bytes(len);
                bytes[0] = first;
                call.pair.net().inject(at, stranger, address(0), &bytes);
            }
        }
        call.pair.exchange();
        assert_eq!(call.events(0).len(), before);
        assert_eq!(call.pair.counters(0).sent, sent, "not a single answer");
        assert_eq!(call.pc(0).poll_timeout(), timeout);
        assert_eq!(call.pc(0).stats().transport.packets_dropped, dropped + 256 * 6);
        assert!(call.peer(0).packets.is_empty());
    }
}

// attack: floods of garbage with the peer's address as their source
#[test]
fn garbage_from_the_path_of_the_peer_is_survived() {
    let (mut call, [a, b]) = connected(2);
    let mut random = Random::new(4);
    let memory = alloc::current_bytes();
    for round in 0..200_u32 {
        let now = call.now();
        call.pc(1).send_binary(now, b, Bytes::from(payload(round, 500))).unwrap();
        call.send_rtp(1, Kind::Video, round * 3000, &payload(round, 1000));
        let at = call.pair.elapsed();
        for _ in 0..100 {
            let len = 1 + random.index(1300);
            let mut bytes = random.bytes(len);
            bytes[0] = [20, 21, 22, 23, 25, 44, 63, 128, 144, 191, 0, 1][random.index(12)];
            if bytes[0] == 23 && len > 13 {
                // The header of a record of this epoch.
                bytes[1..11].copy_from_slice(&[254, 253, 0, 1, 0, 0, 0, 0, 0, round as u8]);
                bytes[11..13].copy_from_slice(&(len as u16 - 13).to_be_bytes());
            }
            call.pair.net().inject(at, address(1), address(0), &bytes);
        }
        call.run_for(20 * MS);
    }
    call.pair.a.errors = Vec::new();
    call.run_for(2 * SECOND);
    assert!(call.peer(0).is_connected());
    assert_eq!(call.peer(0).messages.len(), 200);
    assert!(call.peer(0).messages.iter().all(|(id, _)| *id == a));
    assert_eq!(call.peer(0).packets.len(), 200);
    assert!(call.pc(0).stats().transport.packets_dropped >= 19_000);
    let grown = alloc::current_bytes() - memory;
    assert!(grown < 4 << 20, "{grown}: what the test itself keeps, and little more");
}

// attack: a peer that signals candidates without end
#[test]
fn candidates_without_end_are_not_kept() {
    let mut call = Call::new(3);
    call.add_media();
    call.offer(0);
    call.run_for(MS);
    let before = alloc::current_bytes();
    let now = call.now();
    for number in 0..20_000_u32 {
        let [_, b, c, d] = number.to_be_bytes();
        let candidate = format!("candidate:{number} 1 udp 2130706431 10.{b}.{c}.{d} 5000 typ host");
        let init = IceCandidate { candidate, sdp_mid: Some("0".into()), ..IceCandidate::default() };
        call.pc(0).add_ice_candidate(now, init).unwrap();
    }
    let grown = alloc::current_bytes() - before;
    assert!(grown < 128 << 10, "{grown}");
    call.pair.a.machine.candidates.clear();
    call.run_for(10 * SECOND);
    assert!(call.pair.counters(0).sent < 2_000, "{}", call.pair.counters(0).sent);
}

// attack: channels opened and closed without end, and nobody looks at the events
#[test]
fn events_that_nobody_polls_do_not_pile_up() {
    let (mut call, _) = connected(4);
    let mut buf = vec![0; 65_536];
    let mut opened = 0;
    let before = alloc::current_bytes();
    // Side 0 is driven by hand: its events are never polled.
    let mut now = call.now();
    for _ in 0..60 {
        for _ in 0..64 {
            if let Ok(id) = call.pc(1).create_data_channel("flood", DataChannelInit::default()) {
                let _ = call.pc(1).send_binary(now, id, Bytes::from(vec![1; 100]));
                call.pc(1).close_data_channel(now, id);
                opened += 1;
            }
        }
        let at = |side: usize| antiphon_peerconnection::Received {
            local: address(side),
            remote: address(1 - side),
        };
        for _ in 0..20 {
            now += 5 * MS;
            for side in 0..2 {
                call.pc(side).handle_timeout(now);
                while let Some(sent) = call.pc(side).poll_output(now, &mut buf) {
                    let segment = sent.segment_size.unwrap_or(sent.len);
                    for datagram in buf[..sent.len].chunks_mut(segment) {
                        let _ = call.pc(1 - side).handle_input(now, at(1 - side), datagram);
                    }
                }
            }
            while call.pc(1).poll_event().is_some() {}
        }
    }
    assert!(opened > 1_000, "{opened}");
    let grown = alloc::current_bytes() - before;
    eprintln!("{opened} channels, {grown} bytes");
    assert!(grown < 8 << 20, "{grown}: mostly what waits at the peer");
    let mut waiting = 0;
    let mut most = 0;
    while let Some(event) = call.pc(0).poll_event() {
        waiting += usize::from(matches!(event, Event::DataChannel(_)));
        most += 1;
    }
    eprintln!("{most} events, {waiting} channels told");
    assert!(waiting > 300, "what waited in the parts is told when there is room: {waiting}");
    // And it goes on.
    call.run_for(10 * SECOND);
    let id = call.pc(1).create_data_channel("after", DataChannelInit::default()).unwrap();
    let open = |call: &mut Call| call.pc(1).data_channel_state(id) == DataChannelState::Open;
    let end = call.pair.elapsed() + 20 * SECOND;
    assert!(call.run_until(end, open));
}

#[test]
fn a_peer_that_does_not_read_stops_the_sender() {
    let (mut call, [a, b]) = connected(5);
    call.peer(1).reads = false;
    let mut sent = 0;
    let before = alloc::current_bytes();
    for _ in 0..200 {
        let now = call.now();
        while call.pc(0).send_binary(now, a, Bytes::from(vec![sent as u8; 16_384])).is_ok() {
            sent += 1;
        }
        call.run_for(10 * MS);
    }
    assert!(!call.pc(0).has_send_room());
    let now = call.now();
    let refused = call.pc(0).send_binary(now, a, Bytes::from(vec![0; 16_384]));
    assert!(matches!(refused, Err(Error::Operation(OperationError::BufferFull { .. }))));
    let grown = alloc::current_bytes() - before;
    assert!(grown < 16 << 20, "{grown}");
    // Reading lets all of it come.
    call.peer(1).reads = true;
    call.peer(1).read(b);
    call.run_for(30 * SECOND);
    assert_eq!(call.peer(1).messages.len(), sent);
    let in_order = |(number, (_, message)): (usize, &(DataChannelId, DataChannelMessage))| matches!(message, DataChannelMessage::Binary(bytes) if bytes[0] == number as u8);
    assert!(call.peer(1).messages.iter().enumerate().all(in_order));
}

#[test]
fn media_without_a_path_is_bounded() {
    let (mut call, _) = connected(6);
    let now = call.now();
    call.pc(0).remove_local_address(now, address(0));
    let video = call.peer(0).of_kind(Kind::Video);
    let payload = [1; MAX_RTP_PAYLOAD];
    let packet = RtpOutgoing { payload_type: 96, marker: true, timestamp: 1, payload: &payload };
    let results: Vec<_> = (0..1_000).map(|_| call.pc(0).send_rtp(now, video, packet)).collect();
    assert!(results.iter().any(Result::is_err));
    let too_long = [1; MAX_RTP_PAYLOAD + 1];
    let packet = RtpOutgoing { payload: &too_long, ..packet };
    let refused = call.pc(0).send_rtp(now, video, packet);
    let (len, limit) = (MAX_RTP_PAYLOAD + 1, MAX_RTP_PAYLOAD);
    assert_eq!(refused, Err(Error::Type(TypeError::MessageTooLarge { len, limit })));
    // Nobody spins, though reports are due.
    call.run_for(60 * SECOND);
}

#[test]
fn no_datagram_is_larger_than_any_path_carries() {
    let (mut call, [a, _]) = connected(7);
    let largest = std::sync::Arc::new(std::sync::Mutex::new(0));
    let seen = std::sync::Arc::clone(&largest);
    call.pair.drop_when(move |datagram| {
        let mut largest = seen.lock().unwrap();
        *largest = datagram.bytes.len().max(*largest);
        datagram.number % 20 == 0
    });
    for number in 0..100 {
        call.send_rtp(0, Kind::Video, number * 3000, &[5; MAX_RTP_PAYLOAD]);
        let now = call.now();
        call.pc(0).send_binary(now, a, Bytes::from(vec![1; 5_000])).unwrap();
        call.run_for(20 * MS);
    }
    let largest = *largest.lock().unwrap();
    eprintln!("largest datagram: {largest}");
    assert!((1_200..=1_232).contains(&largest), "{largest}");
}
