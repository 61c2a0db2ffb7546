use bytes::Bytes;

use super::channel::{Channel, Origin, Phase, Queued};
use super::streams::Use;
use super::{Channels, MAX_STREAMS, Transport};
use crate::wire::{ACK, OpenView, ppid};
use crate::{ChannelConfig, ChannelError, ChannelId, Event, InputError, OpenError};

impl Channels {
    /// Opens a channel (W3C `createDataChannel`). It is connecting until the transport is connected.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    #[doc(alias = "createDataChannel")]
    pub fn open(&mut self, config: ChannelConfig) -> Result<ChannelId, OpenError> {
        let channel = self.prepare(&config)?;
        let stream = channel.stream;
        let id = self.slots.insert(channel);
        let early = match stream {
            Some(stream) => {
                let early = self.early.take(stream);
                self.streams.set(stream, Use::Channel(id));
                early
            }
            None => Vec::new(),
        };
        match self.transport {
            Transport::Connected => self.start(id),
            Transport::Connecting | Transport::Closed => self.connecting.push_back(id),
        }
        for (ppid, payload) in early {
            // The channel tells its own story if one of these breaks a rule.
            let _ = self.deliver(id, ppid, payload);
        }
        Ok(id)
    }

    /// Everything that can go wrong, before anything changes.
    fn prepare(&mut self, config: &ChannelConfig) -> Result<Channel, OpenError> {
        if self.transport == Transport::Closed {
            return Err(OpenError::TransportClosed);
        }
        for name in [&config.label, &config.protocol] {
            if u16::try_from(name.len()).is_err() {
                return Err(OpenError::NameTooLong { len: name.len() });
            }
        }
        let open = OpenView {
            ordered: config.ordered,
            reliability: config.reliability,
            priority: config.priority,
            label: &config.label,
            protocol: &config.protocol,
        };
        if let Some(stream) = config.negotiated {
            let streams = self.ids.streams();
            if stream >= streams {
                return Err(OpenError::NoSuchStream { stream, streams });
            }
            return match self.streams.get(stream) {
                Use::Free | Use::Early => Ok(Channel::new(open, Origin::Negotiated, Some(stream))),
                Use::Channel(_) | Use::Refused(_) => Err(OpenError::InUse { stream }),
            };
        }
        let (len, limit) = (open.wire_len(), self.max_send);
        if self.transport == Transport::Connected && len > limit {
            return Err(OpenError::AnnouncementTooLarge { len, limit });
        }
        let stream = if self.ids.is_role_known() {
            let free = self.ids.allocate(|stream| self.streams.is_free(stream));
            Some(free.ok_or(OpenError::NoStreamLeft)?)
        } else {
            None
        };
        Ok(Channel::new(open, Origin::Ours, stream))
    }

    /// Gives an id to a channel that had to wait for our role; `false` ends the channel.
    pub(super) fn give_stream(&mut self, id: ChannelId) -> bool {
        let Some(channel) = self.slots.get_mut(id) else { return false };
        if channel.stream.is_some() {
            return true;
        }
        if let Some(stream) = self.ids.allocate(|stream| self.streams.is_free(stream)) {
            channel.stream = Some(stream);
            self.streams.set(stream, Use::Channel(id));
            true
        } else {
            channel.ending.error = Some(ChannelError::NoStreamLeft);
            self.finish(id);
            false
        }
    }

    /// Opens a channel for sending, now that the transport is connected.
    pub(super) fn start(&mut self, id: ChannelId) {
        let Some(channel) = self.slots.get_mut(id) else { return };
        let streams = self.ids.streams();
        let Some(stream) = channel.stream else { return };
        let open = channel.announcement();
        let (len, limit) = (open.wire_len(), self.max_send);
        let in_band = channel.origin == Origin::Ours;
        let error = if stream >= streams {
            Some(ChannelError::NoSuchStream { stream, streams })
        } else if in_band && len > limit {
            Some(ChannelError::AnnouncementTooLarge { len, limit })
        } else {
            None
        };
        if error.is_some() {
            channel.ending.error = error;
            self.finish(id);
            return;
        }
        let announcement = if in_band { open.to_bytes() } else { None };
        channel.phase = Phase::Open;
        self.opened(id);
        if let Some(announcement) = announcement {
            self.enqueue(id, dcep(announcement));
        }
    }

    /// Whether the peer may open such a channel on that stream, which is not in use.
    pub(super) fn may_accept(&self, stream: u16, open: OpenView<'_>) -> Result<(), ChannelError> {
        //= rfc8832#6
        // The announcing side uses ids of its own parity.
        if self.ids.is_ours(stream) {
            return Err(ChannelError::WrongParity);
        }
        if self.incoming.channels >= self.config.max_incoming_channels {
            return Err(ChannelError::TooManyChannels);
        }
        let names = open.label.len().saturating_add(open.protocol.len());
        if self.incoming.names.saturating_add(names) > self.config.max_incoming_names {
            return Err(ChannelError::NamesTooLong);
        }
        Ok(())
    }

    /// Takes a channel of the peer.
    pub(super) fn accept(&mut self, stream: u16, open: OpenView<'_>, is_held: bool) {
        let mut channel = Channel::new(open, Origin::Peers, Some(stream));
        channel.phase = Phase::Open;
        channel.outbox.is_held = is_held;
        self.incoming.channels = self.incoming.channels.saturating_add(1);
        self.incoming.names = self.incoming.names.saturating_add(channel.names_len());
        let id = self.slots.insert(channel);
        let early = self.early.take(stream);
        self.streams.set(stream, Use::Channel(id));
        self.events.push_back(Event::Announced(id));
        self.opened(id);
        //= rfc8832#6
        // A proper announcement is acknowledged on the stream of the same id.
        self.enqueue(id, dcep(Bytes::from_static(ACK)));
        for (ppid, payload) in early {
            // The channel tells its own story if one of these breaks a rule.
            let _ = self.deliver(id, ppid, payload);
        }
    }

    /// An acknowledgement.
    pub(super) fn acknowledged(&mut self, stream: u16) -> Result<(), InputError> {
        match self.channel_on(stream).and_then(|id| self.slots.get_mut(id)) {
            Some(channel) if !channel.is_confirmed => {
                channel.is_confirmed = true;
                Ok(())
            }
            Some(_) | None => Err(InputError::UnexpectedAck { stream }),
        }
    }

    fn opened(&mut self, id: ChannelId) {
        self.stats.channels_opened = self.stats.channels_opened.saturating_add(1);
        self.events.push_back(Event::Opened(id));
        self.tell_priority(id);
    }

    /// Lets an id that no channel uses any more be used again.
    pub(super) fn release(&mut self, stream: u16) {
        if stream < MAX_STREAMS {
            self.streams.set(stream, Use::Free);
            self.ids.release(stream);
        }
    }
}

//= rfc8832#6
// DCEP messages are sent in order and reliably, whatever the channel is (see `poll_send`).
fn dcep(payload: Bytes) -> Queued {
    Queued { ppid: ppid::DCEP, payload, counted: 0, since: None }
}
