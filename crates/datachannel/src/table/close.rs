use super::channel::{Channel, Ending, Origin, Phase};
use super::streams::{OutgoingReset, Resets, Use};
use super::{Channels, cost};
use crate::{ChannelError, ChannelId, Event, TransportEnd};

impl Channels {
    /// Closes a channel (W3C `close`). What was queued is still sent; what was not read is dropped.
    pub fn close(&mut self, channel: ChannelId) {
        let Some(Channel { phase, inbox, .. }) = self.slots.get_mut(channel) else { return };
        let phase = *phase;
        let unread: usize = inbox.queue.drain(..).map(|message| cost(message.payload())).sum();
        self.unread = self.unread.saturating_sub(unread);
        match phase {
            Phase::Connecting => {
                self.connecting.retain(|other| *other != channel);
                self.finish(channel);
            }
            Phase::Open => self.begin_closing(channel, false),
            Phase::Closing(_) | Phase::Closed => self.settle(channel),
        }
    }

    /// The next stream whose outgoing direction the transport shall reset. All its messages have
    /// been given out before; those that the transport still holds go first.
    pub fn poll_reset(&mut self) -> Option<u16> {
        while let Some(stream) = self.resets.pop_front() {
            let (resets, id) = match self.streams.get(stream) {
                Use::Channel(id) => (self.resets_of(id), Some(id)),
                Use::Refused(resets) => (Some(resets), None),
                Use::Free | Use::Early => (None, None),
            };
            let queued = resets.filter(|resets| resets.outgoing == OutgoingReset::Queued);
            let Some(resets) = queued else { continue };
            let resets = Resets { outgoing: OutgoingReset::Requested, ..resets };
            match id.and_then(|id| self.slots.get_mut(id)) {
                Some(channel) => channel.phase = Phase::Closing(resets),
                None => self.streams.set(stream, Use::Refused(resets)),
            }
            return Some(stream);
        }
        None
    }

    /// Tells that the reset of our direction of `stream` is over, whatever its result.
    pub fn handle_outgoing_reset_done(&mut self, stream: u16) {
        match self.streams.get(stream) {
            Use::Channel(id) => {
                let Some(channel) = self.slots.get_mut(id) else { return };
                if channel.outbox.is_held {
                    channel.outbox.is_held = false;
                    self.make_ready(id);
                    self.request_reset(id);
                } else if let Phase::Closing(resets) = &mut channel.phase
                    && resets.outgoing == OutgoingReset::Requested
                {
                    resets.outgoing = OutgoingReset::Done;
                    self.finish_if_done(id);
                }
            }
            Use::Refused(resets) if resets.outgoing == OutgoingReset::Requested => {
                let resets = Resets { outgoing: OutgoingReset::Done, ..resets };
                self.update_refused(stream, resets);
            }
            Use::Refused(_) | Use::Free | Use::Early => {}
        }
    }

    /// Tells that the peer reset its direction of `stream`, after all that was received before.
    ///
    /// What we had queued on it is dropped: nobody is there to read it.
    pub fn handle_incoming_reset(&mut self, stream: u16) {
        match self.streams.get(stream) {
            Use::Channel(id) => self.closed_by_peer(id),
            Use::Refused(resets) => {
                self.update_refused(stream, Resets { incoming_done: true, ..resets });
            }
            Use::Early => {
                self.early.take(stream);
                self.release(stream);
            }
            Use::Free => {}
        }
    }

    /// Tells that the peer reset its direction of all streams.
    pub fn handle_all_incoming_reset(&mut self) {
        for stream in self.streams.used() {
            self.handle_incoming_reset(stream);
        }
    }

    fn closed_by_peer(&mut self, id: ChannelId) {
        let Some(channel) = self.slots.get_mut(id) else { return };
        match &mut channel.phase {
            Phase::Open => {
                //= rfc8832#6
                // A reset in place of an acknowledgement says that the channel was refused.
                if channel.origin == Origin::Ours && !channel.is_confirmed {
                    channel.ending.error = Some(ChannelError::RefusedByPeer);
                }
                channel.ending.closing = true;
                self.drop_outbox(id);
                self.begin_closing(id, true);
                self.settle(id);
            }
            Phase::Closing(resets) => {
                resets.incoming_done = true;
                self.finish_if_done(id);
            }
            Phase::Connecting | Phase::Closed => {}
        }
    }

    /// Closes a channel because of an error.
    pub(super) fn fail(&mut self, id: ChannelId, error: ChannelError) {
        let Some(channel) = self.slots.get_mut(id) else { return };
        if matches!(channel.phase, Phase::Open) {
            channel.ending.error = Some(error);
            self.drop_outbox(id);
            self.begin_closing(id, false);
            self.settle(id);
        }
    }

    /// Resets a stream that is no channel and on which the peer did what it must not.
    pub(super) fn refuse(&mut self, stream: u16) {
        self.early.take(stream);
        self.stats.channels_refused = self.stats.channels_refused.saturating_add(1);
        let resets = Resets { outgoing: OutgoingReset::Queued, incoming_done: false };
        self.streams.set(stream, Use::Refused(resets));
        self.resets.push_back(stream);
    }

    //= rfc8831#6.7
    // A channel is closed by resetting our direction of its stream; the peer does the same.
    fn begin_closing(&mut self, id: ChannelId, incoming_done: bool) {
        let Some(channel) = self.slots.get_mut(id) else { return };
        let resets = Resets { outgoing: OutgoingReset::Waiting, incoming_done };
        channel.phase = Phase::Closing(resets);
        self.request_reset(id);
    }

    /// Queues the reset of a closing channel's stream once its messages have left.
    pub(super) fn request_reset(&mut self, id: ChannelId) {
        let Some(Channel { phase: Phase::Closing(resets), outbox, stream: Some(stream), .. }) =
            self.slots.get_mut(id)
        else {
            return;
        };
        let may = outbox.queue.is_empty() && !outbox.is_held;
        if may && resets.outgoing == OutgoingReset::Waiting {
            resets.outgoing = OutgoingReset::Queued;
            self.resets.push_back(*stream);
        }
    }

    //= rfc8831#6.7
    // The id is free again when both directions are reset.
    fn finish_if_done(&mut self, id: ChannelId) {
        if self.resets_of(id).is_some_and(Resets::are_done) {
            self.finish(id);
        }
    }

    /// Ends a channel and frees its stream.
    pub(super) fn finish(&mut self, id: ChannelId) {
        let Some(channel) = self.slots.get_mut(id) else { return };
        if !matches!(channel.phase, Phase::Connecting | Phase::Closed) {
            self.stats.channels_closed = self.stats.channels_closed.saturating_add(1);
        }
        channel.phase = Phase::Closed;
        channel.ending.closed = true;
        let stream = channel.stream;
        self.drop_outbox(id);
        if let Some(stream) = stream {
            self.release(stream);
        }
        self.settle(id);
    }

    /// Ends a channel with its transport.
    pub(super) fn abandon(&mut self, id: ChannelId, end: TransportEnd) {
        let Some(channel) = self.slots.get_mut(id) else { return };
        if matches!(channel.phase, Phase::Closed) {
            return;
        }
        match end {
            TransportEnd::Closed => {}
            TransportEnd::Failed { cause } => {
                let error = ChannelError::TransportFailed { cause };
                channel.ending.error.get_or_insert(error);
            }
        }
        channel.outbox.is_ready = false;
        self.finish(id);
    }

    /// Tells the application about the end, as far as it has come and everything was read.
    pub(super) fn settle(&mut self, id: ChannelId) {
        let Some(channel) = self.slots.get_mut(id) else { return };
        if !channel.inbox.queue.is_empty() {
            return;
        }
        let Ending { error, closing, closed } = std::mem::take(&mut channel.ending);
        if let Some(error) = error {
            self.events.push_back(Event::Error { channel: id, error });
        }
        if closing {
            self.events.push_back(Event::Closing(id));
        }
        if closed {
            self.events.push_back(Event::Closed(id));
        }
    }

    /// Removes a channel whose end the application knows.
    pub(super) fn forget(&mut self, id: ChannelId) {
        let Some(channel) = self.slots.remove(id) else { return };
        if channel.origin == Origin::Peers {
            self.incoming.channels = self.incoming.channels.saturating_sub(1);
            self.incoming.names = self.incoming.names.saturating_sub(channel.names_len());
        }
        if channel.outbox.is_ready {
            self.ready.remove(id);
        }
        if channel.outbox.is_priority_news {
            self.stale_priorities = self.stale_priorities.saturating_add(1);
            if self.stale_priorities.saturating_mul(2) > self.priorities.len() {
                self.priorities.retain(|other| self.slots.get(*other).is_some());
                self.stale_priorities = 0;
            }
        }
        let unread: usize = channel.inbox.queue.iter().map(|message| cost(message.payload())).sum();
        self.unread = self.unread.saturating_sub(unread);
    }

    /// Drops what was not given to the transport; the buffered amount keeps it.
    fn drop_outbox(&mut self, id: ChannelId) {
        let Some(Channel { outbox, .. }) = self.slots.get_mut(id) else { return };
        let unsent: usize = outbox.queue.drain(..).map(|queued| cost(&queued.payload)).sum();
        self.unsent = self.unsent.saturating_sub(unsent);
    }

    /// How far the closing of a channel has come; `None` while it is not closing.
    pub(super) fn resets_of(&self, id: ChannelId) -> Option<Resets> {
        match self.slots.get(id)?.phase {
            Phase::Closing(resets) => Some(resets),
            Phase::Connecting | Phase::Open | Phase::Closed => None,
        }
    }

    fn update_refused(&mut self, stream: u16, resets: Resets) {
        if resets.are_done() {
            self.release(stream);
        } else {
            self.streams.set(stream, Use::Refused(resets));
        }
    }
}
