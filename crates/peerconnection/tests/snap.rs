//! Data channels without SCTP's handshake (draft-hancke-tsvwg-snap).
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
    DataChannelId, DataChannelInit, DataChannelMessage, DataChannelState, Error, InvalidAccess,
    PeerConnection, SdpType,
};
use antiphon_testkit::{Random, start};
use bytes::Bytes;
use common::{Call, MS, SECOND, Signal, config};

const ROUND_TRIP: Duration = Duration::from_millis(100);

fn call(snap: [bool; 2]) -> Call {
    let [a, b] = [0, 1].map(|side| {
        let mut config = config(side, 50);
        config.sctp_snap = snap[side];
        PeerConnection::new(config, Random::new(60 + side as u64).seed(), start()).unwrap()
    });
    Call::with(a, b).with_delay(ROUND_TRIP / 2)
}

/// The descriptions of both sides, after `change`.
fn connect(
    call: &mut Call,
    mut change: impl FnMut(SdpType, String) -> String,
) -> ([DataChannelId; 2], [String; 2]) {
    let id = call.pc(0).create_data_channel("chat", DataChannelInit::default()).unwrap();
    let mut texts = [String::new(), String::new()];
    call.offer(0);
    let deliver = |call: &mut Call, side: usize, signal: Signal| {
        let Signal::Description(mut description) = signal else { return call.take(side, signal) };
        texts[1 - side].clone_from(&description.sdp);
        description.sdp = change(description.kind, description.sdp);
        call.take(side, Signal::Description(description));
    };
    let open = |call: &mut Call| call.pc(0).data_channel_state(id) == DataChannelState::Open;
    assert!(call.run_with(30 * SECOND, deliver, open), "{:?}", call.states());
    ([id, call.await_channel(id)], texts)
}

/// A message in either direction, both ways at once.
fn talk(call: &mut Call, ids: [DataChannelId; 2]) {
    let now = call.now();
    for (side, id) in ids.into_iter().enumerate() {
        let bytes = Bytes::from(vec![side as u8; 100_000]);
        call.pc(side).send_binary(now, id, bytes).unwrap();
    }
    call.run_for(5 * SECOND);
    for (side, id) in ids.into_iter().enumerate() {
        let expected = DataChannelMessage::Binary(vec![1 - side as u8; 100_000].into());
        assert_eq!(call.peer(side).messages, [(id, expected)]);
    }
}

fn time_to_open(snap: [bool; 2]) -> Duration {
    let mut call = call(snap);
    let (ids, [offer, answer]) = connect(&mut call, |_, text| text);
    let elapsed = call.pair.elapsed();
    assert_eq!(offer.contains("\r\na=sctp-init:AQAA"), snap[0], "{offer}");
    assert_eq!(answer.contains("\r\na=sctp-init:AQAA"), snap == [true; 2], "{answer}");
    talk(&mut call, ids);
    elapsed
}

#[test]
fn the_channel_opens_earlier_without_the_handshake() {
    let usual = time_to_open([false; 2]);
    let quick = time_to_open([true; 2]);
    eprintln!("round trip {ROUND_TRIP:?}: open after {usual:?}, without the handshake {quick:?}");
    let saved = usual - quick;
    assert!(saved >= ROUND_TRIP && saved <= 2 * ROUND_TRIP + 10 * MS, "{saved:?}");
}

#[test]
fn a_peer_that_does_not_know_it_shakes_hands() {
    let usual = time_to_open([false; 2]);
    assert_eq!(time_to_open([true, false]), usual);
    assert_eq!(time_to_open([false, true]), usual);
}

/// The text with another value in its `a=sctp-init`.
fn with_init(text: &str, value: &str) -> String {
    let (before, after) = text.split_once("a=sctp-init:").expect("the attribute");
    let (_, after) = after.split_once("\r\n").unwrap();
    format!("{before}a=sctp-init:{value}\r\n{after}")
}

// attack: sctp-init with anything in it
#[test]
fn what_is_no_init_chunk_leaves_the_handshake() {
    let zeros = "A".repeat(64);
    let long = "AQAA".repeat(2000);
    for value in ["AQAA", "Q29va2llTW9uc3Rlcg==", &zeros, &long] {
        let mut call = call([true; 2]);
        let change = |kind, text: String| match kind {
            SdpType::Offer => with_init(&text, value),
            SdpType::Answer | SdpType::Pranswer | SdpType::Rollback => text,
        };
        let (ids, [_, answer]) = connect(&mut call, change);
        assert!(!answer.contains("a=sctp-init"), "{answer}");
        talk(&mut call, ids);
    }
}

// attack: an answer whose sctp-init has anything in it
#[test]
fn an_answer_that_is_no_init_chunk_is_refused() {
    for value in ["AQAA", "Q29va2llTW9uc3Rlcg=="] {
        let mut call = call([true; 2]);
        call.pc(0).create_data_channel("chat", DataChannelInit::default()).unwrap();
        let now = call.now();
        call.pc(0).set_local_description(now, None).unwrap();
        let offer = call.pc(0).local_description().unwrap();
        call.pc(1).set_remote_description(now, offer).unwrap();
        call.pc(1).set_local_description(now, None).unwrap();
        let answer = call.pc(1).local_description().unwrap();
        let mut changed = answer.clone();
        changed.sdp = with_init(&answer.sdp, value);
        let error = call.pc(0).set_remote_description(now, changed).unwrap_err();
        let data = Error::InvalidAccess(InvalidAccess::Malformed { section: 0 });
        assert_eq!(error, data, "{value}");
        // The offer stands, for an answer that is right.
        call.pc(0).set_remote_description(now, answer).unwrap();
    }
}

// attack: sctp-init that is no base64
#[test]
fn what_is_no_base64_spoils_the_description() {
    for value in ["", "=", "====", "A", "AQA", "AQA=A", "AQ AA", "AQAA=", "a,b.", "\u{e4}\u{e4}"] {
        let mut call = call([true; 2]);
        call.pc(0).create_data_channel("chat", DataChannelInit::default()).unwrap();
        let now = call.now();
        call.pc(0).set_local_description(now, None).unwrap();
        let mut offer = call.pc(0).local_description().unwrap();
        offer.sdp = with_init(&offer.sdp, value);
        assert!(call.pc(1).set_remote_description(now, offer).is_err(), "{value:?}");
    }
}

#[test]
fn an_answer_without_offer_of_it_changes_nothing() {
    let mut call = call([false, true]);
    let init = "AQAAGAkJCQkAEAAA/////wECAwTAAAAE";
    let change = |kind, text: String| match kind {
        SdpType::Answer => {
            text.replace("a=sctp-port", &format!("a=sctp-init:{init}\r\na=sctp-port"))
        }
        SdpType::Offer | SdpType::Pranswer | SdpType::Rollback => text,
    };
    let (ids, _) = connect(&mut call, change);
    talk(&mut call, ids);
}

//= rfc8841#10.4
//= type=test
#[test]
fn port_zero_closes_the_channels() {
    let mut call = call([false; 2]);
    let id = call.pc(0).create_data_channel("chat", DataChannelInit::default()).unwrap();
    call.offer(0);
    let deliver = |call: &mut Call, side: usize, signal: Signal| {
        let Signal::Description(mut description) = signal else { return call.take(side, signal) };
        if description.kind == SdpType::Answer {
            description.sdp = description.sdp.replace("a=sctp-port:5000", "a=sctp-port:0");
        }
        call.take(side, Signal::Description(description));
    };
    let closed = |call: &mut Call| call.pc(0).data_channel_state(id) == DataChannelState::Closed;
    assert!(call.run_with(5 * SECOND, deliver, closed), "{:?}", call.states());
}
