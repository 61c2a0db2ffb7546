//! Any order of calls, and the contract that all machines share.
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
use std::time::{Duration, Instant};

use antiphon_peerconnection::{
    DataChannelInit, Direction, Event, IceCandidate, Kind, OfferOptions, RtpOutgoing, SdpType,
    SessionDescription, TransceiverInit,
};
use antiphon_testkit::conformance::Suite;
use antiphon_testkit::{Machine as _, Random, fixtures};
use bytes::Bytes;
use common::{Peer, address, connection};

/// Two peers whose descriptions and candidates are exchanged, and that have sent nothing yet.
fn signalled(now: Instant) -> [Peer; 2] {
    let mut peers = [0, 1].map(|side| Peer::new(connection(side, 7), address(side)));
    let [a, b] = &mut peers;
    let init = || TransceiverInit { stream_ids: vec!["s".into()], ..TransceiverInit::default() };
    a.pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
    a.pc.add_transceiver(Kind::Video, init()).unwrap();
    b.pc.add_track(Kind::Video, vec!["t".into()]).unwrap();
    a.pc.set_local_description(now, None).unwrap();
    b.pc.set_remote_description(now, a.pc.local_description().unwrap()).unwrap();
    b.pc.set_local_description(now, None).unwrap();
    a.pc.set_remote_description(now, b.pc.local_description().unwrap()).unwrap();
    for peer in [&mut *a, &mut *b] {
        while peer.poll_event().is_some() {}
    }
    for candidate in std::mem::take(&mut a.candidates) {
        b.pc.add_ice_candidate(now, candidate).unwrap();
    }
    for candidate in std::mem::take(&mut b.candidates) {
        a.pc.add_ice_candidate(now, candidate).unwrap();
    }
    peers
}

/// Traffic, and sometimes the end.
fn traffic(peer: &mut Peer, now: Instant, chance: u64) {
    let video = peer.pc.transceivers().first().copied();
    match chance % 64 {
        0 => peer.pc.close(now),
        1 => peer.pc.restart_ice(),
        2 => peer.pc.remove_local_address(now, peer.address),
        3..=8 => {
            let label = format!("{chance}");
            let _ = peer.pc.create_data_channel(&label, DataChannelInit::default());
        }
        9..=14 => {
            if let Some(id) = video {
                peer.pc.request_key_frame(now, id);
            }
        }
        15..=40 => {
            let payload = [1; 1000];
            let packet = RtpOutgoing {
                payload_type: 96,
                marker: true,
                timestamp: chance as u32,
                payload: &payload,
            };
            if let Some(id) = video {
                let _ = peer.pc.send_rtp(now, id, packet);
            }
        }
        _ => {
            let channels: Vec<_> =
                peer.pc.stats().data_channels.iter().map(|c| c.channel).collect();
            for id in channels {
                let bytes = Bytes::from(vec![7; (chance % 3000) as usize]);
                let _ = peer.pc.send_binary(now, id, bytes);
            }
        }
    }
}

#[test]
fn the_contract_of_all_machines_holds() {
    Suite::new(|side, now| {
        let [a, b] = signalled(now);
        if side == 0 { a } else { b }
    })
    .command(traffic)
    .effort(16, 400)
    .run();
}

/// Calls of every kind with arguments that fit and ones that do not.
fn anything(peer: &mut Peer, now: Instant, chance: u64) {
    let mut random = Random::new(chance);
    let pc = &mut peer.pc;
    let some = pc.transceivers().first().copied();
    let init = |direction| TransceiverInit { direction, ..TransceiverInit::default() };
    match random.below(20) {
        0 | 1 => drop(pc.create_offer(now, OfferOptions { ice_restart: random.chance(0.3) })),
        2 => drop(pc.create_answer(now)),
        3..=5 => drop(pc.set_local_description(now, None)),
        6 => drop(pc.set_local_description(now, Some(SessionDescription::rollback()))),
        7..=9 => {
            let all: Vec<_> = fixtures::sdp().collect();
            let sdp = all[random.index(all.len())].1.to_owned();
            let kind = [SdpType::Offer, SdpType::Answer, SdpType::Pranswer][random.index(3)];
            let _ = pc.set_remote_description(now, SessionDescription { kind, sdp });
        }
        10 => drop(pc.set_remote_description(now, SessionDescription::rollback())),
        11 => {
            let candidate = IceCandidate {
                candidate: "candidate:1 1 udp 2130706431 203.0.113.9 5000 typ host".into(),
                sdp_mid: Some("0".into()),
                ..IceCandidate::default()
            };
            let _ = pc.add_ice_candidate(now, candidate);
        }
        12 => drop(pc.add_transceiver(Kind::Video, init(Direction::RecvOnly))),
        13 => drop(pc.add_track(Kind::Audio, vec!["s".into()])),
        14 => drop(pc.create_data_channel("chat", DataChannelInit::default())),
        15 => pc.restart_ice(),
        16 => pc.add_local_address(now, SocketAddr::from(([203, 0, 113, 7], chance as u16))),
        17 => pc.end_of_local_addresses(now),
        18 => {
            if let Some(id) = some {
                let _ = pc.set_direction(id, Direction::SendOnly);
                let _ = pc.stop_transceiver(now, id);
            }
        }
        _ if random.chance(0.05) => pc.close(now),
        _ => {}
    }
}

#[test]
fn any_calls_in_any_order_keep_the_contract() {
    Suite::new(|side, _| Peer::new(connection(side, 9), address(side)))
        .command(anything)
        .effort(16, 400)
        .run();
}

#[test]
fn nothing_follows_the_end() {
    let now = antiphon_testkit::start();
    for chance in 0..200 {
        let mut peer = Peer::new(connection(0, chance), address(0));
        for step in 0..20 {
            anything(&mut peer, now, chance * 100 + step);
        }
        peer.pc.close(now);
        let mut last = None;
        while let Some(event) = peer.pc.poll_event() {
            last = Some(event);
        }
        let mut buf = [0; 2000];
        while peer.pc.poll_output(now, &mut buf).is_some() {}
        for step in 20..40 {
            anything(&mut peer, now + Duration::from_secs(step), chance * 100 + step);
        }
        assert_eq!(peer.pc.poll_event(), None);
        assert_eq!(peer.pc.poll_timeout(), None);
        assert_eq!(peer.pc.poll_output(now, &mut buf), None);
        // One that was closed before by a call has told it already.
        assert!(last.is_none_or(|event| event == Event::Closed));
    }
}
