//! Who is next to send.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use antiphon_datachannel::{
    ChannelConfig, ChannelId, Channels, Config, DtlsRole, Priority, SendError,
};
use antiphon_testkit::start;
use bytes::Bytes;

/// A table with a channel of each priority, on streams 0, 2, 4 and so on.
fn table<const N: usize>(priorities: [Priority; N]) -> (Channels, [ChannelId; N]) {
    let mut table = Channels::new(Config::default());
    table.set_max_message_size(None);
    table.transport_connected(DtlsRole::Client, 10);
    let ids = priorities.map(|priority| {
        let mut config = ChannelConfig::new("");
        config.priority = priority;
        table.open(config).unwrap()
    });
    while table.poll_send(start()).is_some() {}
    (table, ids)
}

fn queue(table: &mut Channels, id: ChannelId, count: usize, len: usize) {
    for _ in 0..count {
        table.send_binary(start(), id, Bytes::from(vec![0; len])).unwrap();
    }
}

/// Bytes on each of two streams among the next `count` messages.
fn served(table: &mut Channels, count: usize) -> [usize; 2] {
    let mut bytes = [0; 2];
    for _ in 0..count {
        let sent = table.poll_send(start()).unwrap();
        bytes[usize::from(sent.stream) / 2] += sent.payload.len();
    }
    bytes
}

//= rfc8831#6.4
//= type=test
#[test]
fn bytes_are_in_proportion_to_the_priority() {
    let (mut table, [high, low]) = table([Priority::HIGH, Priority::LOW]);
    queue(&mut table, high, 1000, 1000);
    queue(&mut table, low, 1000, 1000);
    assert_eq!(served(&mut table, 500), [400_000, 100_000]);
    // Long messages are weighed, not counted.
    let (mut table, [small, large]) = self::table([Priority::LOW; 2]);
    queue(&mut table, small, 5000, 100);
    queue(&mut table, large, 10, 50_000);
    let [small, large] = served(&mut table, 2505);
    assert_eq!((small, large), (250_000, 250_000));
}

#[test]
fn who_was_idle_is_next_and_saves_nothing_up() {
    let (mut table, [busy, idle]) = table([Priority::LOW; 2]);
    queue(&mut table, busy, 1000, 1000);
    assert_eq!(served(&mut table, 500), [500_000, 0]);
    queue(&mut table, idle, 100, 1000);
    let [first, second] = served(&mut table, 100);
    assert_eq!((first, second), (50_000, 50_000), "equal from here on");
}

#[test]
fn a_priority_of_nothing_is_served_too() {
    let (mut table, [least, most]) = table([Priority(0), Priority(u16::MAX)]);
    queue(&mut table, least, 3, 10);
    queue(&mut table, most, 3, 10);
    assert_eq!(served(&mut table, 6), [30, 30]);
    assert_eq!(table.poll_send(start()), None);
}

#[test]
fn the_transport_learns_each_priority_once() {
    let (mut ours, [first, second]) = table([Priority::HIGH, Priority::VERY_LOW]);
    let next = |table: &mut Channels| table.poll_priority().map(|(stream, p)| (stream, p.0));
    assert_eq!(next(&mut ours), Some((0, 1024)));
    assert_eq!(next(&mut ours), Some((2, 128)));
    assert_eq!(next(&mut ours), None);
    // The peer's channel has the priority that was announced.
    let mut theirs = Channels::new(Config::default());
    theirs.transport_connected(DtlsRole::Server, 10);
    let mut config = ChannelConfig::new("");
    config.priority = Priority(77);
    ours.open(config).unwrap();
    let open = ours.poll_send(start()).unwrap();
    theirs.handle_message(open.stream, open.ppid, open.payload).unwrap();
    assert_eq!(next(&mut theirs), Some((4, 77)));
    assert_eq!(next(&mut ours), Some((4, 77)));
    // What is changed twice is told once, and what is gone not at all.
    ours.set_priority(first, Priority::LOW);
    ours.set_priority(first, Priority::MEDIUM);
    ours.set_priority(second, Priority::MEDIUM);
    ours.transport_closed(antiphon_datachannel::TransportEnd::Closed);
    ours.set_priority(first, Priority::LOW);
    assert_eq!(next(&mut ours), None);
    let (mut ours, [first, _]) = table([Priority::HIGH; 2]);
    while ours.poll_priority().is_some() {}
    ours.set_priority(first, Priority::LOW);
    ours.set_priority(first, Priority::MEDIUM);
    assert_eq!((next(&mut ours), next(&mut ours)), (Some((0, 512)), None));
    assert_eq!(ours.info(first).unwrap().priority, Priority::MEDIUM);
}

#[test]
fn a_paused_stream_lets_the_others_go_first() {
    let (mut table, [bulk, talk]) = table([Priority::HIGH, Priority::LOW]);
    queue(&mut table, bulk, 10, 1000);
    assert_eq!(served(&mut table, 1), [1000, 0]);
    table.pause(0);
    assert_eq!((table.next_send_len(), table.poll_send(start())), (None, None));
    queue(&mut table, talk, 2, 10);
    assert_eq!(table.next_send_len(), Some(10));
    assert_eq!(served(&mut table, 2), [0, 20]);
    queue(&mut table, bulk, 1, 1000);
    assert_eq!(table.poll_send(start()), None, "still paused");
    // It closes only after its messages.
    table.close(bulk);
    assert_eq!((table.poll_send(start()), table.poll_reset()), (None, None));
    table.resume(0);
    table.resume(0);
    assert_eq!(served(&mut table, 10), [10_000, 0]);
    assert_eq!((table.poll_send(start()), table.poll_reset()), (None, Some(0)));
}

// attack: many streams paused, closed and opened again
#[test]
fn streams_that_are_no_channel_are_neither_paused_nor_resumed() {
    let (mut table, [id]) = table([Priority::LOW]);
    for stream in [1, 5, 9, 65_534, 65_535] {
        table.pause(stream);
        table.resume(stream);
    }
    table.pause(0);
    table.close(id);
    table.handle_incoming_reset(0);
    assert_eq!(table.poll_reset(), Some(0));
    table.handle_outgoing_reset_done(0);
    // The next channel on the stream is not paused.
    let next = table.open(ChannelConfig::new("")).unwrap();
    assert_eq!(table.info(next).unwrap().stream, Some(0));
    assert!(table.poll_send(start()).is_some());
}

#[test]
fn messages_of_a_gibibyte_are_carried() {
    const GIB: usize = 1 << 30;
    let mut config = Config::default();
    config.max_message_size = GIB;
    config.send_buffer = GIB;
    let [mut ours, mut theirs] = [(); 2].map(|()| Channels::new(config));
    ours.set_max_message_size(Some(GIB));
    ours.transport_connected(DtlsRole::Client, 10);
    theirs.transport_connected(DtlsRole::Server, 10);
    let id = ours.open(ChannelConfig::new("")).unwrap();
    // Zeroes that nobody looks at cost no memory.
    let bytes = Bytes::from(vec![0; GIB + 1]);
    let error = SendError::MessageTooLarge { len: GIB + 1, limit: GIB };
    let open = ours.poll_send(start()).unwrap();
    theirs.handle_message(open.stream, open.ppid, open.payload).unwrap();
    assert_eq!(ours.send_binary(start(), id, bytes.clone()), Err(error));
    ours.send_binary(start(), id, bytes.slice(1..)).unwrap();
    assert_eq!(ours.buffered_amount(id), GIB);
    let sent = ours.poll_send(start()).unwrap();
    theirs.handle_message(sent.stream, sent.ppid, sent.payload).unwrap();
    let other = theirs.channel_on(0).unwrap();
    assert_eq!(theirs.recv(other).unwrap().payload().len(), GIB);
    assert!(theirs.handle_message(0, 53, bytes).is_err(), "one byte more closes the channel");
    assert_eq!(theirs.poll_reset(), Some(0));
}
