use std::time::{Duration, Instant};

use bytes::Bytes;

use super::channel::{Channel, Phase, Queued};
use super::streams::Use;
use super::{Channels, Transport, cost};
use crate::wire::ppid;
use crate::{ChannelId, ChannelState, Event, Outgoing, Priority, Reliability, SendError};

/// What is sent in place of nothing: SCTP carries no empty message (RFC 8831 section 6.6).
const EMPTY: &[u8] = &[0];

impl Channels {
    /// Queues a text. Its lifetime, if the channel limits it, begins at `now`.
    ///
    /// # Errors
    ///
    /// See [`SendError`]; nothing was queued then.
    pub fn send_text(
        &mut self,
        now: Instant,
        channel: ChannelId,
        text: Bytes,
    ) -> Result<(), SendError> {
        if str::from_utf8(&text).is_err() {
            return Err(SendError::NotUtf8);
        }
        self.send(now, channel, text, [ppid::STRING, ppid::STRING_EMPTY])
    }

    /// Queues bytes. Their lifetime, if the channel limits it, begins at `now`.
    ///
    /// # Errors
    ///
    /// See [`SendError`]; nothing was queued then.
    pub fn send_binary(
        &mut self,
        now: Instant,
        channel: ChannelId,
        payload: Bytes,
    ) -> Result<(), SendError> {
        self.send(now, channel, payload, [ppid::BINARY, ppid::BINARY_EMPTY])
    }

    fn send(
        &mut self,
        now: Instant,
        id: ChannelId,
        payload: Bytes,
        [full, empty]: [u32; 2],
    ) -> Result<(), SendError> {
        let channel = self.slots.get_mut(id).ok_or(SendError::UnknownChannel)?;
        let state = channel.state();
        if state != ChannelState::Open {
            return Err(SendError::NotOpen { state });
        }
        let (len, limit) = (payload.len(), self.max_send);
        if len > limit {
            return Err(SendError::MessageTooLarge { len, limit });
        }
        let (buffered, limit) = (self.unsent, self.config.send_buffer);
        if buffered > 0 && buffered.saturating_add(cost(&payload)) > limit {
            return Err(SendError::BufferFull { buffered, limit });
        }
        channel.outbox.queued = channel.outbox.queued.saturating_add(len);
        let since = matches!(channel.reliability, Reliability::Lifetime(_)).then_some(now);
        let message = if len == 0 {
            Queued { ppid: empty, payload: Bytes::from_static(EMPTY), counted: 0, since }
        } else {
            Queued { ppid: full, payload, counted: len, since }
        };
        self.enqueue(id, message);
        Ok(())
    }

    pub(super) fn enqueue(&mut self, id: ChannelId, message: Queued) {
        let Some(channel) = self.slots.get_mut(id) else { return };
        self.unsent = self.unsent.saturating_add(cost(&message.payload));
        channel.outbox.queue.push_back(message);
        self.make_ready(id);
    }

    /// Puts a channel that may send into the queue for it, once.
    pub(super) fn make_ready(&mut self, id: ChannelId) {
        let Some(Channel { outbox, .. }) = self.slots.get_mut(id) else { return };
        if !outbox.is_ready && outbox.may_send() {
            outbox.is_ready = true;
            self.ready.push(id, outbox);
        }
    }

    /// The next message for the transport. Channels take turns, message by message, so that their
    /// bytes are in proportion to their [`Priority`](crate::Priority).
    ///
    /// Messages whose lifetime ended are dropped here. A transport that chooses among streams
    /// itself, as SCTP does, should be given something of every channel: see
    /// [`pause`](Self::pause).
    pub fn poll_send(&mut self, now: Instant) -> Option<Outgoing> {
        loop {
            let id = self.ready.pop()?;
            let Some(channel) = self.slots.get_mut(id) else { continue };
            channel.outbox.is_ready = false;
            if channel.outbox.is_paused {
                continue;
            }
            let (Some(stream), Some(message)) = (channel.stream, channel.outbox.queue.pop_front())
            else {
                continue;
            };
            self.unsent = self.unsent.saturating_sub(cost(&message.payload));
            let before = channel.outbox.amount();
            channel.outbox.queued = channel.outbox.queued.saturating_sub(message.counted);
            let outgoing = outgoing(channel, stream, message, now);
            if let Some(sent) = &outgoing {
                let len = sent.payload.len();
                self.ready.charge(&mut channel.outbox, channel.priority, len);
            } else {
                self.stats.messages_expired = self.stats.messages_expired.saturating_add(1);
            }
            if channel.outbox.became_low(before) {
                self.events.push_back(Event::BufferedAmountLow(id));
            }
            if channel.outbox.queue.is_empty() {
                self.request_reset(id);
            } else {
                self.make_ready(id);
            }
            if outgoing.is_some() {
                return outgoing;
            }
        }
    }

    /// The length in bytes of the message that [`poll_send`](Self::poll_send) would give, if its
    /// lifetime has not ended; `None` when there is none.
    #[must_use]
    pub fn next_send_len(&mut self) -> Option<usize> {
        loop {
            let id = self.ready.first()?;
            if let Some(Channel { outbox, .. }) = self.slots.get_mut(id) {
                if let Some(message) = outbox.queue.front().filter(|_| !outbox.is_paused) {
                    return Some(message.payload.len());
                }
                outbox.is_ready = false;
            }
            self.ready.pop();
        }
    }

    /// The transport holds enough of `stream`: [`poll_send`](Self::poll_send) gives messages of
    /// other channels only, until [`resume`](Self::resume).
    pub fn pause(&mut self, stream: u16) {
        let Use::Channel(id) = self.streams.get(stream) else { return };
        if let Some(channel) = self.slots.get_mut(id) {
            channel.outbox.is_paused = true;
        }
    }

    /// The transport takes messages on `stream` again.
    pub fn resume(&mut self, stream: u16) {
        let Use::Channel(id) = self.streams.get(stream) else { return };
        if let Some(channel) = self.slots.get_mut(id) {
            channel.outbox.is_paused = false;
            self.make_ready(id);
        }
    }

    /// The next stream whose priority the transport has to learn, before the messages of
    /// [`poll_send`](Self::poll_send): the channel on it is new, or its priority was changed.
    pub fn poll_priority(&mut self) -> Option<(u16, Priority)> {
        loop {
            let id = self.priorities.pop_front()?;
            let Some(channel) = self.slots.get_mut(id) else {
                self.stale_priorities = self.stale_priorities.saturating_sub(1);
                continue;
            };
            channel.outbox.is_priority_news = false;
            if let (Some(stream), Phase::Open | Phase::Closing(_)) = (channel.stream, channel.phase)
            {
                return Some((stream, channel.priority));
            }
        }
    }

    /// Changes how our messages of a channel are served; the peer is not told. A channel has the
    /// priority that it was opened with, ours and the peer's alike.
    pub fn set_priority(&mut self, channel: ChannelId, priority: Priority) {
        let Some(Channel { priority: old, phase, .. }) = self.slots.get_mut(channel) else {
            return;
        };
        *old = priority;
        if matches!(phase, Phase::Open | Phase::Closing(_)) {
            self.tell_priority(channel);
        }
    }

    /// Lets `poll_priority` say the priority of a channel.
    pub(super) fn tell_priority(&mut self, id: ChannelId) {
        let Some(Channel { outbox, .. }) = self.slots.get_mut(id) else { return };
        if !std::mem::replace(&mut outbox.is_priority_news, true) {
            self.priorities.push_back(id);
        }
    }

    /// Tells that of the bytes given to the transport for `stream`, `bytes` are not on the wire yet.
    ///
    /// Call it when the transport reports progress, and before the amount is read. It may be called
    /// as often as one likes. Bytes of DCEP and of empty messages among them are taken for
    /// the application's while those are more, so the amount errs upwards, by a few bytes.
    pub fn handle_buffered(&mut self, stream: u16, bytes: usize) {
        let Use::Channel(id) = self.streams.get(stream) else { return };
        let Some(Channel { outbox, .. }) = self.slots.get_mut(id) else { return };
        let before = outbox.amount();
        outbox.handed = outbox.handed.min(bytes);
        if outbox.became_low(before) {
            self.events.push_back(Event::BufferedAmountLow(id));
        }
    }

    /// Bytes of the application that are not on the wire yet (W3C `bufferedAmount`); 0 for a
    /// channel that is unknown.
    #[doc(alias = "bufferedAmount")]
    #[must_use]
    pub fn buffered_amount(&self, channel: ChannelId) -> usize {
        self.slots.get(channel).map_or(0, |channel| channel.outbox.amount())
    }

    /// Where [`Event::BufferedAmountLow`] is due, in bytes. Default 0.
    #[doc(alias = "bufferedAmountLowThreshold")]
    pub fn set_buffered_amount_low_threshold(&mut self, channel: ChannelId, bytes: usize) {
        if let Some(channel) = self.slots.get_mut(channel) {
            channel.outbox.low_threshold = bytes;
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.transport == Transport::Connected
    }
}

/// The message as the transport gets it; `None` when its lifetime has ended.
fn outgoing(channel: &mut Channel, stream: u16, message: Queued, now: Instant) -> Option<Outgoing> {
    let Queued { ppid, payload, counted, since } = message;
    if ppid == ppid::DCEP {
        let reliability = Reliability::Reliable;
        return Some(Outgoing { stream, ppid, payload, ordered: true, reliability });
    }
    let reliability = match (channel.reliability, since) {
        (Reliability::Lifetime(lifetime), Some(since)) => {
            let left = lifetime.checked_sub(now.saturating_duration_since(since));
            // What is sent at once has a chance even with a lifetime of zero.
            let left = left.filter(|left| *left > Duration::ZERO || lifetime.is_zero());
            Reliability::Lifetime(left?)
        }
        (reliability, _) => reliability,
    };
    //= rfc8832#6
    // Before anything arrived, user data must not overtake the announcement.
    let ordered = channel.ordered || !channel.is_confirmed;
    channel.outbox.handed = channel.outbox.handed.saturating_add(counted);
    channel.stats.messages_sent = channel.stats.messages_sent.saturating_add(1);
    let bytes = u64::try_from(counted).unwrap_or(u64::MAX);
    channel.stats.bytes_sent = channel.stats.bytes_sent.saturating_add(bytes);
    Some(Outgoing { stream, ppid, payload, ordered, reliability })
}
