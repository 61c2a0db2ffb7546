//! Any order of calls, and any order in which two tables are heard.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    clippy::needless_range_loop,
    reason = "a failed expectation is a failed test"
)]

mod wire;

use antiphon_datachannel::{
    ChannelConfig, ChannelId, ChannelState, Channels, Config, DcepView, DtlsRole, Event, Message,
    OpenView, Priority, Reliability, TransportEnd,
};
use antiphon_testkit::start;
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use wire::Wire;

fn reliability() -> impl Strategy<Value = Reliability> {
    prop_oneof![
        Just(Reliability::Reliable),
        any::<u16>().prop_map(Reliability::Retransmits),
        any::<u32>().prop_map(|ms| Reliability::Lifetime(Duration::from_millis(ms.into()))),
    ]
}

/// What an application remembers of one side.
#[derive(Default)]
struct Side {
    channels: Vec<ChannelId>,
    opened: usize,
    closed: usize,
    /// Sender of each label -> number of the next message expected from it.
    next: BTreeMap<ChannelId, u32>,
    sent: BTreeMap<ChannelId, u32>,
}

impl Side {
    fn watch(&mut self, table: &mut Channels) {
        while let Some(event) = table.poll_event() {
            match event {
                Event::Announced(id) => self.channels.push(id),
                Event::Opened(_) => self.opened += 1,
                Event::Closed(id) => {
                    self.closed += 1;
                    self.channels.retain(|other| *other != id);
                    assert_eq!(table.info(id), None);
                }
                Event::Readable(id) => self.read(table, id),
                Event::BufferedAmountLow(_) | Event::Closing(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn read(&mut self, table: &mut Channels, id: ChannelId) {
        while let Some(Message::Binary(payload)) = table.recv(id) {
            let number = u32::from_be_bytes(payload[..4].try_into().unwrap());
            let next = self.next.entry(id).or_default();
            assert_eq!(number, *next, "in order, none missing");
            *next += 1;
        }
    }
}

proptest! {
    #[test]
    fn announcements_read_back(
        ordered in any::<bool>(),
        reliability in reliability(),
        priority in any::<u16>(),
        label in "\\PC{0,40}",
        protocol in "\\PC{0,40}",
    ) {
        let priority = Priority(priority);
        let open = OpenView { ordered, reliability, priority, label: &label, protocol: &protocol };
        let bytes = open.to_bytes().unwrap();
        prop_assert_eq!(DcepView::parse(&bytes), Ok(DcepView::Open(open)));
    }

    /// Two well-behaved tables, heard in any order with late answers to resets: no channel is
    /// refused or lost, messages stay in order, and in the end both tables are empty.
    #[test]
    fn two_tables_agree_in_the_end(calls in prop::collection::vec((0u8..10, 0usize..2, any::<u16>()), 0..300)) {
        let mut wire = Wire::connected(Config::default());
        let mut sides = [Side::default(), Side::default()];
        for (call, side, pick) in calls {
            let now = wire.now;
            let id = sides[side].channels.get(usize::from(pick) % sides[side].channels.len().max(1)).copied();
            match call {
                0 | 1 => sides[side].channels.push(wire.sides[side].open(ChannelConfig::new("x")).unwrap()),
                2 | 3 => if let Some(id) = id {
                    let number = sides[side].sent.entry(id).or_default();
                    let payload = Bytes::copy_from_slice(&number.to_be_bytes());
                    if wire.sides[side].send_binary(now, id, payload).is_ok() { *number += 1; }
                },
                4 => if let Some(id) = id { wire.sides[side].close(id); },
                5 => wire.collect(side),
                6 => drop(wire.deliver_done(side)),
                7 => sides[side].watch(&mut wire.sides[side]),
                _ => if let Some(result) = wire.deliver(side) {
                    prop_assert!(matches!(result, Ok(()) | Err(antiphon_datachannel::InputError::Closing { .. })), "{:?}", result);
                },
            }
        }
        let settle = |wire: &mut Wire, sides: &mut [Side; 2]| for _ in 0..50 {
            for side in 0..2 {
                wire.collect(side);
                while wire.deliver(side).is_some() {}
                while wire.deliver_done(side) {}
                sides[side].watch(&mut wire.sides[side]);
            }
        };
        settle(&mut wire, &mut sides);
        prop_assert_eq!(sides[0].channels.len(), sides[1].channels.len());
        for side in 0..2 {
            for id in &sides[side].channels {
                prop_assert_eq!(wire.sides[side].info(*id).map(|info| info.state), Some(ChannelState::Open));
            }
            for id in sides[side].channels.clone() {
                wire.sides[side].close(id);
            }
        }
        settle(&mut wire, &mut sides);
        for side in 0..2 {
            let stats = wire.sides[side].stats();
            prop_assert_eq!(stats.channels_refused, 0);
            prop_assert_eq!(stats.channels_opened, stats.channels_closed);
            prop_assert_eq!((sides[side].opened, sides[side].channels.len()), (sides[side].closed, 0));
            let table = &mut wire.sides[side];
            prop_assert_eq!((table.poll_send(wire.now), table.poll_reset(), table.poll_event()), (None, None, None));
            let id = table.open(ChannelConfig::new("fresh")).unwrap();
            prop_assert_eq!(table.info(id).unwrap().stream, Some(side as u16), "all ids came back");
        }
    }

    /// One table, any calls with any arguments: no panic, and after the transport's end silence.
    #[test]
    fn any_order_of_calls_is_fine(
        calls in prop::collection::vec((0u8..18, 0u16..6, prop::sample::select(vec![0u32, 50, 50, 50, 51, 53, 56, 57]),
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..20),
                Just(vec![2]),
                Just(b"\x03\x81\0\0\0\0\0\0\0\x01\0\0x".to_vec()),
            ]), 0..200)
    ) {
        let start = start();
        let mut config = Config::default();
        config.max_incoming_channels = 3;
        config.early_data = 200;
        config.receive_buffer = 300;
        config.send_buffer = 300;
        let mut table = Channels::new(config);
        let mut ids = vec![];
        for (at, (call, stream, ppid, bytes)) in calls.into_iter().enumerate() {
            let now = start + Duration::from_millis(at as u64);
            let id = ids.get(usize::from(stream) % ids.len().max(1)).copied();
            match (call, id) {
                (0, _) => table.set_role(if stream % 2 == 0 { DtlsRole::Client } else { DtlsRole::Server }),
                (1, _) => table.transport_connected(DtlsRole::Client, stream),
                (2, _) => table.set_max_message_size(Some(usize::from(stream) * 10)),
                (3..=6, _) => drop(table.handle_message(stream, ppid, bytes.into())),
                (7, _) => table.handle_incoming_reset(stream),
                (8, _) => table.handle_outgoing_reset_done(stream),
                (9, _) => table.handle_buffered(stream, bytes.len()),
                (10, _) => {
                    let mut config = ChannelConfig::new("l");
                    config.negotiated = (ppid < 51).then_some(stream);
                    config.reliability = Reliability::Lifetime(Duration::from_millis(5));
                    ids.extend(table.open(config));
                }
                (11, Some(id)) => drop(table.send_text(now, id, bytes.into())),
                (12, Some(id)) => table.close(id),
                (13, Some(id)) => drop(table.recv(id)),
                (14, _) => if let Some(Event::Announced(id)) = table.poll_event() { ids.push(id); },
                (15, _) => drop(table.poll_send(now)),
                (16, _) => drop(table.poll_reset()),
                (17, _) if stream == 5 && at > 150 => table.handle_all_incoming_reset(),
                _ => {}
            }
            if let Some(len) = table.next_send_len() {
                prop_assert!(len > 0);
            }
        }
        table.transport_closed(TransportEnd::Closed);
        for id in ids {
            while table.recv(id).is_some() {}
        }
        while let Some(event) = table.poll_event() {
            if let Event::Announced(id) = event { while table.recv(id).is_some() {} }
        }
        prop_assert_eq!((table.poll_send(start), table.poll_reset(), table.poll_event()), (None, None, None));
        prop_assert!(table.is_receptive());
    }
}
