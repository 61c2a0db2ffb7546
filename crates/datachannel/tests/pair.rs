//! Two tables that behave.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod wire;

use std::time::Duration;

use antiphon_datachannel::{
    ChannelConfig, ChannelError, ChannelState, Channels, Config, DtlsRole, Event, Message,
    OpenError, Outgoing, Priority, Reliability, SendError, TransportEnd, ppid,
};
use antiphon_testkit::start;
use bytes::Bytes;
use wire::{Packet, Wire};

fn text(text: &'static str) -> Message {
    Message::Text(Bytes::from_static(text.as_bytes()))
}

//= rfc8832#6
//= type=test
#[test]
fn a_channel_opens_carries_messages_and_closes() {
    let mut wire = Wire::new(Config::default());
    let mut config = ChannelConfig::new("chat");
    config.protocol = "v1.example".to_owned();
    config.ordered = false;
    config.reliability = Reliability::Retransmits(2);
    config.priority = Priority::HIGH;
    let ours = wire.sides[0].open(config).unwrap();
    let info = wire.sides[0].info(ours).unwrap();
    assert_eq!((info.state, info.stream), (ChannelState::Connecting, None));
    assert_eq!(
        wire.sides[0].send_text(wire.now, ours, "early".into()),
        Err(SendError::NotOpen { state: ChannelState::Connecting })
    );
    wire.connect();
    wire.run();
    assert_eq!(wire.take_events(0), [Event::Opened(ours)]);
    let theirs = wire.announced(1);
    let info = wire.sides[1].info(theirs).unwrap();
    assert_eq!((info.label, info.protocol), ("chat", "v1.example"));
    assert_eq!((info.stream, info.state), (Some(0), ChannelState::Open));
    assert_eq!((info.ordered, info.negotiated), (false, false));
    assert_eq!((info.reliability, info.priority), (Reliability::Retransmits(2), Priority::HIGH));

    let now = wire.now;
    wire.sides[0].send_text(now, ours, "hello".into()).unwrap();
    wire.sides[0].send_text(now, ours, Bytes::new()).unwrap();
    wire.sides[0].send_binary(now, ours, Bytes::new()).unwrap();
    wire.sides[1].send_binary(now, theirs, vec![1, 2, 3].into()).unwrap();
    wire.run();
    assert_eq!(wire.take_events(1), [Event::Readable(theirs)]);
    assert_eq!(wire.recv_all(1, theirs), [text("hello"), text(""), Message::Binary(Bytes::new())]);
    assert_eq!(wire.recv_all(0, ours), [Message::Binary(vec![1, 2, 3].into())]);
    let stats = wire.sides[0].info(ours).unwrap().stats;
    assert_eq!((stats.messages_sent, stats.bytes_sent), (3, 5));
    assert_eq!((stats.messages_received, stats.bytes_received), (1, 3));

    wire.take_events(0);
    wire.sides[0].close(ours);
    assert_eq!(wire.sides[0].info(ours).unwrap().state, ChannelState::Closing);
    wire.run();
    assert_eq!(wire.take_events(0), [Event::Closed(ours)]);
    assert_eq!(wire.take_events(1), [Event::Closing(theirs), Event::Closed(theirs)]);
    assert_eq!(wire.sides[0].info(ours), None);
    // The id is free again, and the new channel is another one.
    let again = wire.sides[0].open(ChannelConfig::new("again")).unwrap();
    assert_ne!(again, ours);
    assert_eq!(wire.sides[0].info(again).unwrap().stream, Some(0));
    wire.run();
    assert_eq!(wire.sides[1].info(wire.sides[1].channel_on(0).unwrap()).unwrap().label, "again");
}

//= rfc8832#6
//= type=test
#[test]
fn user_data_is_ordered_until_something_arrives() {
    let mut config = ChannelConfig::new("unordered");
    config.ordered = false;
    config.reliability = Reliability::Retransmits(0);
    let mut wire = Wire::connected(Config::default());
    let now = wire.now;
    let ours = wire.sides[0].open(config).unwrap();
    wire.sides[0].send_text(now, ours, "first".into()).unwrap();
    wire.collect(0);
    let sent: Vec<(u32, bool, Reliability)> = wire.to[1]
        .packets
        .iter()
        .map(|packet| match packet {
            Packet::Message(Outgoing { ppid, ordered, reliability, .. }) => {
                (*ppid, *ordered, *reliability)
            }
            Packet::Reset(stream) => panic!("reset of {stream}"),
        })
        .collect();
    assert_eq!(
        sent,
        [
            (ppid::DCEP, true, Reliability::Reliable),
            (ppid::STRING, true, Reliability::Retransmits(0)),
        ]
    );
    wire.run();
    wire.sides[0].send_text(now, ours, "second".into()).unwrap();
    let second = wire.sides[0].poll_send(now).unwrap();
    assert_eq!((second.ordered, second.reliability), (false, Reliability::Retransmits(0)));
    // The acknowledgement itself is ordered and reliable, on this channel too.
    let mut table = Channels::new(Config::default());
    table.transport_connected(DtlsRole::Server, 1);
    table.handle_message(0, ppid::DCEP, b"\x03\x81\0\0\0\0\0\0\0\0\0\0"[..].into()).unwrap();
    let ack = table.poll_send(now).unwrap();
    assert_eq!((&ack.payload[..], ack.ordered), (&[2][..], true));
    assert_eq!(ack.reliability, Reliability::Reliable);
}

//= rfc8832#6
//= type=test
#[test]
fn ids_wait_for_the_role_and_follow_the_order_of_creation() {
    for (role, expected) in [(DtlsRole::Client, [0, 2, 4]), (DtlsRole::Server, [1, 3, 5])] {
        let mut table = Channels::new(Config::default());
        let mut taken = ChannelConfig::new("negotiated");
        taken.negotiated = Some(expected[1]);
        let before: Vec<_> = ["a", "b"].map(|l| table.open(ChannelConfig::new(l)).unwrap()).into();
        let negotiated = table.open(taken).unwrap();
        assert_eq!(before.iter().map(|id| table.info(*id).unwrap().stream).max(), Some(None));
        table.set_role(role);
        let streams: Vec<_> =
            before.iter().map(|id| table.info(*id).unwrap().stream.unwrap()).collect();
        assert_eq!(streams, [expected[0], expected[2]]);
        table.close(negotiated);
        let next = table.open(ChannelConfig::new("c")).unwrap();
        assert_eq!(table.info(next).unwrap().stream, Some(expected[1]), "lowest first");
    }
}

#[test]
fn both_sides_open_channels_before_the_roles_are_known() {
    let mut wire = Wire::new(Config::default());
    for side in 0..2 {
        for label in ["a", "b", "c"] {
            wire.sides[side].open(ChannelConfig::new(label)).unwrap();
        }
    }
    wire.connect();
    wire.run();
    for side in 0..2 {
        assert_eq!(wire.sides[side].stats().channels_opened, 6);
        assert_eq!(wire.sides[side].stats().channels_refused, 0);
    }
}

#[test]
fn negotiated_channels_need_no_announcement_and_either_parity_is_fine() {
    let mut wire = Wire::connected(Config::default());
    for stream in [0, 1, 65_534] {
        let mut config = ChannelConfig::new("ours");
        config.negotiated = Some(stream);
        config.ordered = false;
        let ours = wire.sides[0].open(config.clone()).unwrap();
        // The peer's application is slower than its network.
        wire.sides[0].send_text(wire.now, ours, "quick".into()).unwrap();
        let sent = wire.sides[0].poll_send(wire.now).unwrap();
        assert!(!sent.ordered, "nothing to wait for");
        wire.sides[1].handle_message(sent.stream, sent.ppid, sent.payload).unwrap();
        config.label = "theirs".to_owned();
        let theirs = wire.sides[1].open(config.clone()).unwrap();
        assert_eq!(wire.sides[1].recv(theirs), Some(text("quick")));
        assert_eq!(wire.sides[1].open(config), Err(OpenError::InUse { stream }));
        wire.sides[1].close(theirs);
        wire.run();
        assert_eq!(wire.sides[0].info(ours), None);
        assert_eq!(wire.sides[1].info(theirs), None);
    }
}

//= rfc8831#6.7
//= type=test
#[test]
fn what_was_queued_is_sent_before_the_reset() {
    let mut wire = Wire::connected(Config::default());
    let ours = wire.sides[0].open(ChannelConfig::new("last words")).unwrap();
    wire.sides[0].send_text(wire.now, ours, "bye".into()).unwrap();
    wire.sides[0].close(ours);
    assert_eq!(wire.sides[0].poll_reset(), None, "messages first");
    wire.run();
    let theirs = wire.announced(1);
    // The end is told when everything was read.
    assert_eq!(wire.sides[1].info(theirs).unwrap().state, ChannelState::Closed);
    assert_eq!(wire.take_events(1), []);
    assert_eq!(wire.recv_all(1, theirs), [text("bye")]);
    assert_eq!(wire.take_events(1), [Event::Closing(theirs), Event::Closed(theirs)]);
}

#[test]
fn both_sides_may_close_at_once() {
    let mut wire = Wire::connected(Config::default());
    let ours = wire.sides[0].open(ChannelConfig::new("x")).unwrap();
    wire.run();
    let theirs = wire.announced(1);
    wire.take_events(0);
    wire.sides[0].close(ours);
    wire.sides[1].close(theirs);
    wire.collect(0);
    wire.collect(1);
    wire.run();
    assert_eq!(wire.take_events(0), [Event::Closed(ours)]);
    assert_eq!(wire.take_events(1), [Event::Closed(theirs)]);
}

#[test]
fn a_new_channel_may_arrive_before_the_answer_to_our_reset() {
    let mut wire = Wire::connected(Config::default());
    let first = wire.sides[0].open(ChannelConfig::new("first")).unwrap();
    wire.run();
    let theirs = wire.announced(1);
    wire.sides[0].close(first);
    wire.collect(0);
    wire.deliver(1); // our reset
    wire.deliver_done(0);
    wire.collect(1);
    wire.deliver(0); // theirs: for us the stream is free
    wire.collect_events(0);
    assert_eq!(wire.sides[0].info(first), None);
    let second = wire.sides[0].open(ChannelConfig::new("second")).unwrap();
    assert_eq!(wire.sides[0].info(second).unwrap().stream, Some(0));
    wire.sides[0].send_text(wire.now, second, "hello".into()).unwrap();
    wire.collect(0);
    while let Some(result) = wire.deliver(1) {
        result.unwrap();
    }
    // The peer takes it, but does not send on a stream that is being reset.
    assert_eq!(wire.sides[1].poll_send(wire.now), None);
    let events = wire.take_events(1);
    assert_eq!(events[..2], [Event::Closing(theirs), Event::Closed(theirs)]);
    assert!(matches!(events[2..], [Event::Announced(_), Event::Opened(_), Event::Readable(_)]));
    wire.deliver_done(1);
    assert_eq!(wire.sides[1].poll_send(wire.now).map(|ack| ack.payload), Some([2][..].into()));
}

#[test]
fn the_buffered_amount_follows_the_transport() {
    let now = start();
    let mut table = Channels::new(Config::default());
    table.transport_connected(DtlsRole::Client, 10);
    let id = table.open(ChannelConfig::new("label")).unwrap();
    table.poll_event();
    table.set_buffered_amount_low_threshold(id, 100);
    assert_eq!(table.buffered_amount(id), 0, "the announcement does not count");
    table.send_binary(now, id, vec![7; 60].into()).unwrap();
    table.send_binary(now, id, Bytes::new()).unwrap();
    table.send_text(now, id, "x".repeat(80).into()).unwrap();
    assert_eq!(table.buffered_amount(id), 140);
    assert_eq!(table.next_send_len(), Some(17));
    let mut wire_bytes = 0;
    while let Some(sent) = table.poll_send(now) {
        wire_bytes += sent.payload.len();
    }
    assert_eq!(table.next_send_len(), None);
    assert_eq!(wire_bytes, 17 + 140 + 1);
    table.handle_buffered(0, wire_bytes);
    assert_eq!(table.buffered_amount(id), 140, "given away, but not on the wire");
    table.handle_buffered(0, 101);
    assert_eq!((table.buffered_amount(id), table.poll_event()), (101, None));
    table.handle_buffered(0, 100);
    table.handle_buffered(0, 99);
    assert_eq!(table.poll_event(), Some(Event::BufferedAmountLow(id)));
    assert_eq!(table.poll_event(), None);
    table.handle_buffered(0, 5000);
    assert_eq!(table.buffered_amount(id), 99, "it does not grow by itself");
    table.handle_buffered(0, 0);
    assert_eq!((table.buffered_amount(id), table.poll_event()), (0, None));
    table.send_binary(now, id, vec![7; 101].into()).unwrap();
    table.close(id);
    table.transport_closed(TransportEnd::Closed);
    assert_eq!(table.buffered_amount(id), 101, "closing does not reset it");
}

#[test]
fn lifetimes_run_while_messages_wait() {
    let start = start();
    let mut config = ChannelConfig::new("fresh");
    config.reliability = Reliability::Lifetime(Duration::from_millis(100));
    let mut table = Channels::new(Config::default());
    table.transport_connected(DtlsRole::Client, 10);
    let id = table.open(config).unwrap();
    table.poll_send(start);
    for (millis, name) in [(0, "old"), (50, "younger"), (60, "youngest")] {
        let now = start + Duration::from_millis(millis);
        table.send_text(now, id, name.into()).unwrap();
    }
    let sent = table.poll_send(start + Duration::from_millis(120)).unwrap();
    assert_eq!(&sent.payload[..], b"younger");
    assert_eq!(sent.reliability, Reliability::Lifetime(Duration::from_millis(30)));
    assert_eq!(table.stats().messages_expired, 1);
    assert_eq!(table.buffered_amount(id), "younger".len() + "youngest".len());
    assert_eq!(table.poll_send(start + Duration::from_secs(10)), None);
    table.handle_buffered(0, 0);
    assert_eq!(table.buffered_amount(id), 0);
}

#[test]
fn channels_take_turns() {
    let now = start();
    let mut table = Channels::new(Config::default());
    table.transport_connected(DtlsRole::Client, 10);
    let ids: Vec<_> = (0..3).map(|_| table.open(ChannelConfig::new("")).unwrap()).collect();
    while table.poll_send(now).is_some() {}
    for id in &ids {
        for _ in 0..3 {
            table.send_text(now, *id, "x".into()).unwrap();
        }
    }
    let streams: Vec<u16> =
        std::iter::from_fn(|| table.poll_send(now)).map(|sent| sent.stream).collect();
    assert_eq!(streams, [0, 2, 4, 0, 2, 4, 0, 2, 4]);
}

#[test]
fn a_transport_that_fails_takes_its_channels_along() {
    let mut wire = Wire::connected(Config::default());
    let ours = wire.sides[0].open(ChannelConfig::new("x")).unwrap();
    wire.run();
    let theirs = wire.announced(1);
    wire.take_events(0);
    wire.sides[0].send_text(wire.now, ours, "unread".into()).unwrap();
    wire.run();
    wire.take_events(1);
    wire.sides[0].transport_closed(TransportEnd::Closed);
    assert_eq!(wire.take_events(0), [Event::Closed(ours)]);
    assert_eq!(wire.sides[0].open(ChannelConfig::new("y")), Err(OpenError::TransportClosed));
    assert_eq!(wire.sides[0].send_text(wire.now, ours, "z".into()), Err(SendError::UnknownChannel));
    wire.sides[1].transport_closed(TransportEnd::Failed { cause: Some(12) });
    wire.sides[1].transport_closed(TransportEnd::Closed);
    assert_eq!(wire.take_events(1), [], "first the application reads");
    assert_eq!(wire.recv_all(1, theirs), [text("unread")]);
    let error = ChannelError::TransportFailed { cause: Some(12) };
    assert_eq!(
        wire.take_events(1),
        [Event::Error { channel: theirs, error }, Event::Closed(theirs)]
    );
}

#[test]
fn the_peers_greatest_message_is_the_limit() {
    let now = start();
    let mut table = Channels::new(Config::default());
    table.transport_connected(DtlsRole::Client, 10);
    let id = table.open(ChannelConfig::new("")).unwrap();
    table.send_binary(now, id, vec![0; 65_536].into()).unwrap();
    assert_eq!(
        table.send_binary(now, id, vec![0; 65_537].into()),
        Err(SendError::MessageTooLarge { len: 65_537, limit: 65_536 })
    );
    table.set_max_message_size(Some(20));
    assert_eq!(
        table.open(ChannelConfig::new("123456789")),
        Err(OpenError::AnnouncementTooLarge { len: 21, limit: 20 })
    );
    table.set_max_message_size(None);
    table.send_binary(now, id, vec![0; 1_000_000].into()).unwrap();
    assert_eq!(table.send_text(now, id, vec![0xff].into()), Err(SendError::NotUtf8));
}
