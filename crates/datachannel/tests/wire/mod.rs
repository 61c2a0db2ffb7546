//! Two tables joined in memory: what a stream transport does, without SCTP.
#![allow(dead_code, reason = "not every test needs every helper")]

use std::collections::VecDeque;
use std::time::Instant;

use antiphon_datachannel::{
    ChannelId, Channels, Config, DtlsRole, Event, InputError, Message, Outgoing,
};
use antiphon_testkit::start;

/// What is under way in one direction.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// Messages and resets, in order.
    pub(crate) packets: VecDeque<Packet>,
    /// Answers to resets; they may be late, as a lost packet makes them.
    pub(crate) done: VecDeque<u16>,
}

#[derive(Debug)]
pub(crate) enum Packet {
    Message(Outgoing),
    Reset(u16),
}

/// Two tables and what is under way to each of them. Side 0 is the DTLS client.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) sides: [Channels; 2],
    pub(crate) to: [Lane; 2],
    pub(crate) events: [Vec<Event>; 2],
    pub(crate) now: Instant,
}

impl Wire {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            sides: [Channels::new(config), Channels::new(config)],
            to: [Lane::default(), Lane::default()],
            events: [vec![], vec![]],
            now: start(),
        }
    }

    pub(crate) fn connected(config: Config) -> Self {
        let mut wire = Self::new(config);
        wire.connect();
        wire
    }

    pub(crate) fn connect(&mut self) {
        self.sides[0].transport_connected(DtlsRole::Client, 65_535);
        self.sides[1].transport_connected(DtlsRole::Server, 65_535);
    }

    /// Takes from `side` what it has to say.
    pub(crate) fn collect(&mut self, side: usize) {
        let table = &mut self.sides[side];
        while let Some(outgoing) = table.poll_send(self.now) {
            assert!(!outgoing.payload.is_empty(), "SCTP has no empty messages");
            table.handle_buffered(outgoing.stream, 0);
            self.to[1 - side].packets.push_back(Packet::Message(outgoing));
        }
        while let Some(stream) = table.poll_reset() {
            self.to[1 - side].packets.push_back(Packet::Reset(stream));
        }
    }

    /// All events but those about amounts: this wire is never full.
    pub(crate) fn collect_events(&mut self, side: usize) {
        while let Some(event) = self.sides[side].poll_event() {
            if !matches!(event, Event::BufferedAmountLow(_)) {
                self.events[side].push(event);
            }
        }
    }

    /// Delivers one packet to `side`; `false` when there is none, or no room for it.
    pub(crate) fn deliver(&mut self, side: usize) -> Option<Result<(), InputError>> {
        match self.to[side].packets.pop_front()? {
            Packet::Message(message) => {
                let Outgoing { stream, ppid, ref payload, .. } = message;
                let result = self.sides[side].handle_message(stream, ppid, payload.clone());
                if matches!(result, Err(InputError::ReceiveBufferFull { .. })) {
                    self.to[side].packets.push_front(Packet::Message(message));
                    return None;
                }
                Some(result)
            }
            Packet::Reset(stream) => {
                self.sides[side].handle_incoming_reset(stream);
                self.to[1 - side].done.push_back(stream);
                Some(Ok(()))
            }
        }
    }

    /// Delivers the answer to one reset to `side`.
    pub(crate) fn deliver_done(&mut self, side: usize) -> bool {
        let stream = self.to[side].done.pop_front();
        if let Some(stream) = stream {
            self.sides[side].handle_outgoing_reset_done(stream);
        }
        stream.is_some()
    }

    /// Lets everything arrive, and collects all events.
    pub(crate) fn run(&mut self) {
        loop {
            let mut is_idle = true;
            for side in 0..2 {
                self.collect(side);
                while let Some(result) = self.deliver(1 - side) {
                    result.expect("well-behaved peers");
                    is_idle = false;
                }
                while self.deliver_done(side) {
                    is_idle = false;
                }
                self.collect_events(0);
                self.collect_events(1);
            }
            if is_idle {
                return;
            }
        }
    }

    pub(crate) fn take_events(&mut self, side: usize) -> Vec<Event> {
        self.collect_events(side);
        std::mem::take(&mut self.events[side])
    }

    /// The channel that the peer of `side` just opened.
    pub(crate) fn announced(&mut self, side: usize) -> ChannelId {
        match self.take_events(side)[..] {
            [Event::Announced(id), Event::Opened(also), ..] if id == also => id,
            ref other => panic!("{other:?}"),
        }
    }

    pub(crate) fn recv_all(&mut self, side: usize, id: ChannelId) -> Vec<Message> {
        std::iter::from_fn(|| self.sides[side].recv(id)).collect()
    }
}
