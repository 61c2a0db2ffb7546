mod channel;
mod close;
mod early;
mod ids;
mod line;
mod open;
mod receive;
mod send;
mod slots;
mod streams;

use std::collections::VecDeque;

use bytes::Bytes;

use self::early::Early;
use self::ids::Ids;
use self::line::Line;
use self::slots::Slots;
use self::streams::Streams;
use crate::{ChannelId, Config, DtlsRole, Event, Info, Message, Stats, TransportEnd};

/// All data channels of one transport.
///
/// Call the verbs in any order and as often as you like. Once [`poll_send`](Self::poll_send),
/// [`poll_priority`](Self::poll_priority), [`poll_reset`](Self::poll_reset) and
/// [`poll_event`](Self::poll_event) said `None`, they go on saying it, in constant time, until
/// something happens.
#[derive(Debug)]
pub struct Channels {
    config: Config,
    transport: Transport,
    /// The longest message that the peer accepts.
    max_send: usize,
    ids: Ids,
    streams: Streams,
    slots: Slots,
    early: Early,
    /// Channels that are connecting, in the order of their creation.
    connecting: VecDeque<ChannelId>,
    /// Channels that have something to send, each once.
    ready: Line,
    /// Channels whose priority the transport has to learn.
    priorities: VecDeque<ChannelId>,
    /// How many of them are gone.
    stale_priorities: usize,
    /// Streams whose outgoing direction is to be reset, each once.
    resets: VecDeque<u16>,
    events: VecDeque<Event>,
    /// Bytes that wait to be sent, with what each message costs.
    unsent: usize,
    /// Bytes that wait to be read, with what each message costs.
    unread: usize,
    /// Channels that the peer opened, and the length of their names.
    incoming: Incoming,
    stats: Stats,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Connecting,
    Connected,
    Closed,
}

#[derive(Clone, Copy, Debug, Default)]
struct Incoming {
    channels: usize,
    names: usize,
}

/// The largest number of streams: ids go from 0 to 65,534 (RFC 8831 section 6.2).
const MAX_STREAMS: u16 = u16::MAX;

/// What a peer that announces no limit accepts (RFC 8841 section 6.1).
const DEFAULT_MAX_SEND: usize = 65_536;

/// What a message costs while it waits, in bytes.
fn cost(payload: &Bytes) -> usize {
    payload.len().saturating_add(64)
}

impl Channels {
    /// An empty table, before the transport is connected.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            transport: Transport::Connecting,
            max_send: DEFAULT_MAX_SEND,
            ids: Ids::new(),
            streams: Streams::default(),
            slots: Slots::default(),
            early: Early::new(config.early_data),
            connecting: VecDeque::new(),
            ready: Line::default(),
            priorities: VecDeque::new(),
            stale_priorities: 0,
            resets: VecDeque::new(),
            events: VecDeque::new(),
            unsent: 0,
            unread: 0,
            incoming: Incoming::default(),
            stats: Stats::default(),
        }
    }

    /// Tells which side of the DTLS handshake we are. Channels without an id get one, in the order
    /// of their creation. A second call changes nothing.
    pub fn set_role(&mut self, role: DtlsRole) {
        if self.ids.is_role_known() {
            return;
        }
        self.ids.set_role(role);
        for id in std::mem::take(&mut self.connecting) {
            if self.give_stream(id) {
                self.connecting.push_back(id);
            }
        }
    }

    /// Tells the longest message that the peer accepts, in bytes; `None` means any. Without a call
    /// it is 65,536.
    pub fn set_max_message_size(&mut self, limit: Option<usize>) {
        self.max_send = limit.unwrap_or(usize::MAX);
    }

    /// Tells that messages can be sent, on `streams` streams in both directions. All channels open.
    pub fn transport_connected(&mut self, role: DtlsRole, streams: u16) {
        if self.transport != Transport::Connecting {
            return;
        }
        self.set_role(role);
        self.transport = Transport::Connected;
        self.ids.set_streams(streams);
        while let Some(id) = self.connecting.pop_front() {
            self.start(id);
        }
    }

    /// Tells that the transport is gone. All channels close, without another word to the peer.
    pub fn transport_closed(&mut self, end: TransportEnd) {
        if self.transport == Transport::Closed {
            return;
        }
        self.transport = Transport::Closed;
        self.connecting.clear();
        self.ready.clear();
        self.priorities.clear();
        self.stale_priorities = 0;
        self.resets.clear();
        for id in self.slots.ids() {
            self.abandon(id, end);
        }
        self.streams = Streams::default();
        self.early = Early::new(0);
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        loop {
            let event = self.events.pop_front()?;
            match event {
                Event::Readable(id) => {
                    if let Some(channel) = self.slots.get_mut(id) {
                        channel.inbox.is_reported = false;
                        if !channel.inbox.queue.is_empty() {
                            return Some(event);
                        }
                    }
                }
                Event::BufferedAmountLow(id) => {
                    if let Some(channel) = self.slots.get_mut(id) {
                        channel.outbox.is_low_reported = false;
                    }
                    return Some(event);
                }
                Event::Closed(id) => {
                    self.forget(id);
                    return Some(event);
                }
                Event::Announced(_)
                | Event::Opened(_)
                | Event::Closing(_)
                | Event::Error { .. } => return Some(event),
            }
        }
    }

    /// The next message of a channel, oldest first; `None` when there is none or no such channel.
    pub fn recv(&mut self, channel: ChannelId) -> Option<Message> {
        let message = self.slots.get_mut(channel)?.inbox.queue.pop_front()?;
        self.unread = self.unread.saturating_sub(cost(message.payload()));
        self.settle(channel);
        Some(message)
    }

    /// Whether [`handle_message`](Self::handle_message) takes user data: the application has read
    /// enough. While it is false leave messages where they are; the transport slows the peer down.
    #[must_use]
    pub fn is_receptive(&self) -> bool {
        self.unread < self.config.receive_buffer
    }

    /// The channels that are known, from [`open`](Self::open) or
    /// [`Announced`](crate::Event::Announced) until their [`Closed`](crate::Event::Closed) event was
    /// polled.
    pub fn channels(&self) -> impl Iterator<Item = ChannelId> {
        self.slots.ids().into_iter()
    }

    /// Whether no more than half of [`Config::send_buffer`] waits: who was refused with
    /// [`SendError::BufferFull`](crate::SendError::BufferFull) may try again.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.unsent <= self.config.send_buffer / 2
    }

    /// What a channel is and how it stands; `None` once its [`Event::Closed`] was polled.
    #[must_use]
    pub fn info(&self, channel: ChannelId) -> Option<Info<'_>> {
        self.slots.get(channel).map(channel::Channel::info)
    }

    /// The channel that uses `stream`.
    #[must_use]
    pub fn channel_on(&self, stream: u16) -> Option<ChannelId> {
        match self.streams.get(stream) {
            streams::Use::Channel(id) => Some(id),
            streams::Use::Free | streams::Use::Early | streams::Use::Refused(_) => None,
        }
    }

    /// Counters of the table.
    #[must_use]
    pub const fn stats(&self) -> Stats {
        self.stats
    }
}
