use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::streams::Resets;
use crate::wire::OpenView;
use crate::{ChannelError, ChannelState, ChannelStats, Info, Message, Priority, Reliability};

/// One channel: what it is, how it stands, and what waits in either direction.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) label: Box<str>,
    pub(super) protocol: Box<str>,
    pub(super) ordered: bool,
    pub(super) reliability: Reliability,
    pub(super) priority: Priority,
    pub(super) origin: Origin,
    pub(super) stream: Option<u16>,
    pub(super) phase: Phase,
    /// Whether anything arrived on it, or nothing has to: before, nothing is sent out of order.
    pub(super) is_confirmed: bool,
    pub(super) outbox: Outbox,
    pub(super) inbox: Inbox,
    /// Events of the end, due when the application has read everything.
    pub(super) ending: Ending,
    pub(super) stats: ChannelStats,
}

/// Who opened it, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Ours,
    Peers,
    Negotiated,
}

/// Where it is in its life.
///
/// ```text
/// Connecting --connected--> Open --close, reset or failure--> Closing --both resets--> Closed
///      `------------------------ close, transport gone --------------------------------^
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    Connecting,
    Open,
    Closing(Resets),
    Closed,
}

/// What is to be sent.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) queue: VecDeque<Queued>,
    /// The application's bytes in `queue`.
    pub(super) queued: usize,
    /// The application's bytes given to the transport and, as far as known, not on the wire.
    pub(super) handed: usize,
    pub(super) low_threshold: usize,
    /// Whether an event says that the amount became low, and was not polled yet.
    pub(super) is_low_reported: bool,
    /// The transport holds enough of it.
    pub(super) is_paused: bool,
    /// Where it stands among those that send; see [`Line`](super::line::Line).
    pub(super) position: u64,
    /// Whether the transport has yet to learn the priority.
    pub(super) is_priority_news: bool,
    /// Whether the channel stands in the table's queue of those that have something to send.
    pub(super) is_ready: bool,
    /// Nothing may be sent: the transport has yet to finish resetting our direction of the stream
    /// for the channel that used it before.
    pub(super) is_held: bool,
}

/// One message to be sent.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) ppid: u32,
    pub(super) payload: Bytes,
    /// Bytes of it that count for the application: not those of DCEP, nor the one that stands for
    /// an empty message.
    pub(super) counted: usize,
    /// When the application gave it; what has no lifetime needs none.
    pub(super) since: Option<Instant>,
}

/// What arrived.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) queue: VecDeque<Message>,
    /// Whether an event says that there is something to read, and was not polled yet.
    pub(super) is_reported: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ending {
    pub(super) error: Option<ChannelError>,
    pub(super) closing: bool,
    pub(super) closed: bool,
}

impl Channel {
    pub(super) fn new(open: OpenView<'_>, origin: Origin, stream: Option<u16>) -> Self {
        Self {
            label: open.label.into(),
            protocol: open.protocol.into(),
            ordered: open.ordered,
            reliability: open.reliability,
            priority: open.priority,
            origin,
            stream,
            phase: Phase::Connecting,
            is_confirmed: origin != Origin::Ours,
            outbox: Outbox::default(),
            inbox: Inbox::default(),
            ending: Ending::default(),
            stats: ChannelStats::default(),
        }
    }

    pub(super) fn announcement(&self) -> OpenView<'_> {
        OpenView {
            ordered: self.ordered,
            reliability: self.reliability,
            priority: self.priority,
            label: &self.label,
            protocol: &self.protocol,
        }
    }

    pub(super) fn state(&self) -> ChannelState {
        match self.phase {
            Phase::Connecting => ChannelState::Connecting,
            Phase::Open => ChannelState::Open,
            Phase::Closing(_) => ChannelState::Closing,
            Phase::Closed => ChannelState::Closed,
        }
    }

    pub(super) fn names_len(&self) -> usize {
        self.label.len().saturating_add(self.protocol.len())
    }

    pub(super) fn info(&self) -> Info<'_> {
        Info {
            label: &self.label,
            protocol: &self.protocol,
            stream: self.stream,
            ordered: self.ordered,
            reliability: self.reliability,
            negotiated: self.origin == Origin::Negotiated,
            priority: self.priority,
            state: self.state(),
            buffered_amount: self.outbox.amount(),
            stats: self.stats,
        }
    }
}

impl Outbox {
    /// Whether there is something to send, and nothing against it.
    pub(super) fn may_send(&self) -> bool {
        !self.is_held && !self.is_paused && !self.queue.is_empty()
    }

    /// W3C `bufferedAmount`.
    pub(super) fn amount(&self) -> usize {
        self.queued.saturating_add(self.handed)
    }

    /// Whether the amount fell from `before` to or below the threshold, and nobody knows it yet.
    pub(super) fn became_low(&mut self, before: usize) -> bool {
        let fell = before > self.low_threshold && self.amount() <= self.low_threshold;
        let is_news = fell && !self.is_low_reported;
        self.is_low_reported |= fell;
        is_news
    }
}
