//! A hostile peer: what it may fill, and what it gets for breaking rules.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod wire;

use antiphon_datachannel::{
    ChannelConfig, ChannelError, ChannelId, ChannelState, Channels, Config, DcepError, DtlsRole,
    Event, InputError, OpenError, OpenView, Priority, Reliability, SendError, ppid,
};
use antiphon_testkit::start;
use bytes::Bytes;

fn announcement(label: &str, protocol: &str) -> Bytes {
    let reliability = Reliability::Reliable;
    OpenView { ordered: true, reliability, priority: Priority::LOW, label, protocol }
        .to_bytes()
        .unwrap()
}

/// A connected DTLS server: the peer's ids are even.
fn server(config: Config) -> Channels {
    let mut table = Channels::new(config);
    table.transport_connected(DtlsRole::Server, 65_535);
    table
}

fn open(table: &mut Channels, stream: u16) -> Result<(), InputError> {
    table.handle_message(stream, ppid::DCEP, announcement("", ""))
}

/// The error that the application is told about the channel on stream 0 when `message` arrives.
fn failure(ppid: u32, message: &[u8]) -> ChannelError {
    let mut table = server(Config::default());
    open(&mut table, 0).unwrap();
    let id = table.channel_on(0).unwrap();
    let result = table.handle_message(0, ppid, Bytes::copy_from_slice(message));
    let events: Vec<Event> = std::iter::from_fn(|| table.poll_event()).collect();
    let [.., Event::Error { channel, error }] = events[..] else { panic!("{events:?}") };
    assert_eq!((channel, result), (id, Err(InputError::ChannelFailed(error))));
    assert_eq!(table.poll_send(start()), None, "nothing more to say, not even the acknowledgement");
    assert_eq!(table.poll_reset(), Some(0));
    assert_eq!(table.info(id).unwrap().state, ChannelState::Closing);
    assert_eq!(
        table.handle_message(0, ppid::STRING, Bytes::from_static(b"x")),
        Err(InputError::Closing { stream: 0 })
    );
    table.handle_outgoing_reset_done(0);
    table.handle_incoming_reset(0);
    assert_eq!(table.poll_event(), Some(Event::Closed(id)));
    error
}

//= rfc8831#6.6
//= type=test
#[test]
fn what_breaks_a_rule_closes_its_channel() {
    assert_eq!(failure(ppid::STRING, b"\xff"), ChannelError::NotUtf8);
    for unknown in [0, 52, 54, 55, 58, u32::MAX] {
        assert_eq!(failure(unknown, b"x"), ChannelError::UnknownPpid(unknown));
    }
    assert_eq!(failure(ppid::DCEP, &announcement("again", "")), ChannelError::StreamInUse);
    assert_eq!(failure(ppid::DCEP, &[4]), ChannelError::Dcep(DcepError::UnknownMessage(4)));
    assert_eq!(
        failure(ppid::DCEP, &[]),
        ChannelError::Dcep(DcepError::Length { need: 1, have: 0 })
    );
    let len = Config::default().max_message_size + 1;
    assert_eq!(
        failure(ppid::BINARY, &vec![0; len]),
        ChannelError::MessageTooLarge { len, limit: len - 1 }
    );
}

/// Refused: no acknowledgement, no event, one reset, and silence until the peer reset its side.
fn refused(table: &mut Channels, stream: u16, open: Bytes) -> ChannelError {
    let result = table.handle_message(stream, ppid::DCEP, open.clone());
    let Err(InputError::Refused(error)) = result else { panic!("{result:?}") };
    for _ in 0..3 {
        assert_eq!(
            table.handle_message(stream, ppid::DCEP, open.clone()),
            Err(InputError::Closing { stream })
        );
    }
    assert_eq!(table.poll_send(start()), None);
    assert_eq!(table.poll_reset(), Some(stream));
    assert_eq!(table.poll_reset(), None);
    assert_eq!(table.poll_event(), None);
    error
}

// attack: odd/even id clash
// attack: malformed announcements
//= rfc8832#6
//= type=test
#[test]
fn announcements_that_are_wrong_are_refused() {
    let mut table = server(Config::default());
    assert_eq!(refused(&mut table, 1, announcement("", "")), ChannelError::WrongParity);
    let mut trailing = announcement("label", "").to_vec();
    trailing.push(0);
    assert_eq!(
        refused(&mut table, 2, trailing.into()),
        ChannelError::Dcep(DcepError::Length { need: 17, have: 18 })
    );
    let mut kind = announcement("label", "").to_vec();
    kind[1] = 0x7f;
    assert_eq!(
        refused(&mut table, 4, kind.into()),
        ChannelError::Dcep(DcepError::UnknownChannelType(0x7f))
    );
    assert_eq!(table.stats().channels_refused, 3);
    // Ids that are ours stay unusable until both directions are reset.
    let id = table.open(ChannelConfig::new("ours")).unwrap();
    assert_eq!(table.info(id).unwrap().stream, Some(3));
    table.handle_outgoing_reset_done(1);
    table.handle_incoming_reset(1);
    let id = table.open(ChannelConfig::new("ours")).unwrap();
    assert_eq!(table.info(id).unwrap().stream, Some(1));
    table.handle_incoming_reset(2);
    table.handle_outgoing_reset_done(2);
    assert_eq!(open(&mut table, 2), Ok(()));
}

// attack: acknowledgement before, without and after an announcement
#[test]
fn acknowledgements_of_nothing_are_ignored() {
    let mut table = server(Config::default());
    let ack = || Bytes::from_static(&[2]);
    assert_eq!(
        table.handle_message(0, ppid::DCEP, ack()),
        Err(InputError::UnexpectedAck { stream: 0 })
    );
    open(&mut table, 0).unwrap();
    assert_eq!(
        table.handle_message(0, ppid::DCEP, ack()),
        Err(InputError::UnexpectedAck { stream: 0 })
    );
    let ours = table.open(ChannelConfig::new("")).unwrap();
    assert_eq!(table.handle_message(1, ppid::DCEP, ack()), Ok(()));
    assert_eq!(
        table.handle_message(1, ppid::DCEP, ack()),
        Err(InputError::UnexpectedAck { stream: 1 })
    );
    assert_eq!(table.info(ours).unwrap().state, ChannelState::Open);
    assert_eq!(table.poll_reset(), None);
}

// attack: labels of the greatest length, many of them
#[test]
fn the_longest_names_are_read_and_many_of_them_refused() {
    let long = "l".repeat(65_535);
    let mut table = server(Config::default());
    let mut taken = 0;
    let mut error = None;
    for stream in (0..100).step_by(2) {
        match table.handle_message(stream, ppid::DCEP, announcement(&long, &long)) {
            Ok(()) => taken += 1,
            Err(other) => error = Some(other),
        }
    }
    assert_eq!(taken, (1 << 20) / 131_070);
    assert_eq!(error, Some(InputError::Refused(ChannelError::NamesTooLong)));
    let id = table.channel_on(0).unwrap();
    assert_eq!(table.info(id).unwrap().label, long);
    // Room comes back when channels are gone.
    while table.poll_reset().is_some() {}
    table.handle_incoming_reset(0);
    assert_eq!(table.poll_reset(), Some(0));
    table.handle_outgoing_reset_done(0);
    while table.poll_event().is_some() {}
    assert_eq!(table.handle_message(0, ppid::DCEP, announcement(&long, &long)), Ok(()));
    assert_eq!(
        table.open(ChannelConfig::new("l".repeat(65_536))),
        Err(OpenError::NameTooLong { len: 65_536 })
    );
}

// attack: 65534 channels
#[test]
fn the_peer_opens_as_many_channels_as_the_limit_says() {
    let mut table = server(Config::default());
    for stream in (0..2048).step_by(2) {
        open(&mut table, stream).unwrap();
    }
    assert_eq!(open(&mut table, 2048), Err(InputError::Refused(ChannelError::TooManyChannels)));
    // A closed channel counts until the application knows: events cannot pile up.
    let mut refusals = 0;
    for round in 0..10 {
        table.handle_all_incoming_reset();
        while let Some(stream) = table.poll_reset() {
            table.handle_outgoing_reset_done(stream);
        }
        for stream in (0..2048).step_by(2) {
            refusals += usize::from(open(&mut table, stream).is_err());
        }
        assert_eq!(refusals, 1024 * (round + 1));
    }
    let events = std::iter::from_fn(|| table.poll_event()).count();
    assert_eq!(events, 1024 * 4);
}

#[test]
fn all_streams_can_be_channels() {
    let mut config = Config::default();
    config.max_incoming_channels = 65_535;
    let mut table = server(config);
    for stream in (0..65_535).step_by(2) {
        open(&mut table, stream).unwrap();
    }
    let ours: Vec<ChannelId> =
        std::iter::from_fn(|| table.open(ChannelConfig::new("")).ok()).collect();
    assert_eq!(ours.len(), 32_767);
    assert_eq!(table.info(ours[32_766]).unwrap().stream, Some(65_533));
    assert_eq!(table.open(ChannelConfig::new("")), Err(OpenError::NoStreamLeft));
    assert_eq!(
        table.handle_message(65_535, ppid::STRING, Bytes::from_static(b"x")),
        Err(InputError::Refused(ChannelError::NoSuchStream { stream: 65_535, streams: 65_535 }))
    );
    assert_eq!(table.stats().channels_opened, 65_535);
    let sent = std::iter::from_fn(|| table.poll_send(start())).count();
    assert_eq!(sent, 65_535);
    // And all of them are gone at once.
    table.handle_all_incoming_reset();
    let resets: Vec<u16> = std::iter::from_fn(|| table.poll_reset()).collect();
    assert_eq!(resets.len(), 65_535);
    for stream in resets {
        table.handle_outgoing_reset_done(stream);
    }
    while table.poll_event().is_some() {}
    assert_eq!(table.stats().channels_closed, 65_535);
}

#[test]
fn channels_beyond_the_streams_of_the_transport_fail() {
    let mut table = Channels::new(Config::default());
    let ids: Vec<ChannelId> = (0..3).map(|_| table.open(ChannelConfig::new("")).unwrap()).collect();
    let mut config = ChannelConfig::new("");
    config.negotiated = Some(9);
    let negotiated = table.open(config.clone()).unwrap();
    table.transport_connected(DtlsRole::Client, 4);
    let mut failed = vec![];
    while let Some(event) = table.poll_event() {
        if let Event::Error { channel, error: ChannelError::NoSuchStream { stream, streams: 4 } } =
            event
        {
            failed.push((channel, stream));
        }
    }
    assert_eq!(failed, [(ids[2], 4), (negotiated, 9)]);
    assert_eq!(table.open(config), Err(OpenError::NoSuchStream { stream: 9, streams: 4 }));
    assert_eq!(table.open(ChannelConfig::new("")), Err(OpenError::NoStreamLeft));
    let mut config = ChannelConfig::new("");
    config.negotiated = Some(65_535);
    assert!(matches!(
        Channels::new(Config::default()).open(config),
        Err(OpenError::NoSuchStream { stream: 65_535, .. })
    ));
}

#[test]
fn unread_messages_fill_a_buffer_and_then_wait_outside() {
    let mut table = server(Config::default());
    open(&mut table, 0).unwrap();
    let id = table.channel_on(0).unwrap();
    let mut taken = 0;
    // attack: empty messages cost the sender nothing
    while table.handle_message(0, ppid::BINARY_EMPTY, Bytes::from_static(&[0])).is_ok() {
        taken += 1;
    }
    assert_eq!(taken, (1 << 20) / 64);
    assert!(!table.is_receptive());
    open(&mut table, 2).unwrap();
    assert!(table.recv(id).is_some());
    assert!(table.is_receptive());
    assert_eq!(table.handle_message(2, ppid::STRING, Bytes::from_static(b"x")), Ok(()));
    let readable = std::iter::from_fn(|| table.poll_event())
        .filter(|event| matches!(event, Event::Readable(_)))
        .count();
    assert_eq!(readable, 2, "one event a channel, however many messages");
    table.close(id);
    assert!(table.is_receptive(), "a channel that is closed keeps nothing");
}

// attack: user data on streams that are no channels
//= rfc8832#6
//= type=test
#[test]
fn data_without_a_channel_is_kept_for_a_while_and_then_refused() {
    let payload = || Bytes::from_static(&[0; 960]);
    let mut table = server(Config::default());
    for stream in 0..64 {
        assert_eq!(table.handle_message(stream, ppid::BINARY, payload()), Ok(()));
    }
    assert_eq!(
        table.handle_message(64, ppid::BINARY, payload()),
        Err(InputError::Refused(ChannelError::NoChannel))
    );
    assert_eq!(table.poll_reset(), Some(64));
    // What was kept for a stream that the peer closes, or that breaks a rule, makes room.
    table.handle_incoming_reset(5);
    assert_eq!(table.handle_message(5, ppid::BINARY, payload()), Ok(()));
    table.handle_message(7, 99, Bytes::new()).unwrap_err();
    let mut config = ChannelConfig::new("");
    config.negotiated = Some(8);
    let id = table.open(config).unwrap();
    assert_eq!(table.recv(id).map(|message| message.payload().len()), Some(960));

    let mut config = Config::default();
    config.early_data = 0;
    let mut strict = server(config);
    assert_eq!(
        strict.handle_message(0, ppid::BINARY, payload()),
        Err(InputError::Refused(ChannelError::NoChannel))
    );
}

#[test]
fn what_waits_to_be_sent_is_limited() {
    let now = start();
    let mut config = Config::default();
    config.send_buffer = 1000;
    let mut table = server(config);
    let id = table.open(ChannelConfig::new("")).unwrap();
    while table.poll_send(now).is_some() {}
    table.send_binary(now, id, vec![0; 5000].into()).unwrap();
    assert_eq!(
        table.send_binary(now, id, vec![0; 1].into()),
        Err(SendError::BufferFull { buffered: 5064, limit: 1000 })
    );
    assert!(table.poll_send(now).is_some());
    table.send_binary(now, id, vec![0; 1].into()).unwrap();
}

//= rfc8832#6
//= type=test
#[test]
fn a_reset_in_place_of_an_acknowledgement_is_a_refusal() {
    let mut table = server(Config::default());
    let id = table.open(ChannelConfig::new("")).unwrap();
    table.poll_event();
    table.handle_incoming_reset(1);
    assert_eq!(
        table.poll_event(),
        Some(Event::Error { channel: id, error: ChannelError::RefusedByPeer })
    );
    assert_eq!(table.poll_event(), Some(Event::Closing(id)));
    assert_eq!(table.poll_event(), None);
    table.handle_outgoing_reset_done(1);
    assert_eq!(table.poll_event(), None, "our reset was not even asked for");
    assert_eq!(table.poll_reset(), Some(1));
    table.handle_outgoing_reset_done(1);
    assert_eq!(table.poll_event(), Some(Event::Closed(id)));
}

#[test]
fn before_and_after_the_transport_nothing_is_taken() {
    let mut table = Channels::new(Config::default());
    assert_eq!(open(&mut table, 0), Err(InputError::NotConnected));
    table.handle_all_incoming_reset();
    table.handle_incoming_reset(3);
    table.handle_outgoing_reset_done(3);
    table.handle_buffered(3, 3);
    assert_eq!(table.poll_event(), None);
}
