//! Data channels, as the application has them.

use std::time::Instant;

use antiphon_datachannel as dc;
use bytes::Bytes;

use crate::{
    DataChannelId, DataChannelInfo, DataChannelInit, DataChannelMessage, DataChannelState, Error,
    InvalidState, OperationError, PeerConnection, TypeError,
};

impl PeerConnection {
    /// Makes a data channel. webrtc-pc section 6.1. The first one makes a negotiation needed.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidState`] when closed; [`Error::Type`] for a label or protocol over 65,535
    /// bytes, both reliabilities at once, or a negotiated id over 65,534; [`Error::Operation`] when
    /// the id is taken or none is left.
    #[doc(alias = "createDataChannel")]
    pub fn create_data_channel(
        &mut self,
        label: &str,
        init: DataChannelInit,
    ) -> Result<DataChannelId, Error> {
        self.open()?;
        let mut config = dc::ChannelConfig::new(label);
        config.reliability = match (init.max_retransmits, init.max_packet_life_time) {
            (None, None) => dc::Reliability::Reliable,
            (Some(times), None) => dc::Reliability::Retransmits(times),
            (None, Some(time)) => dc::Reliability::Lifetime(time),
            (Some(_), Some(_)) => return Err(Error::Type(TypeError::BothReliabilities)),
        };
        if init.negotiated == Some(u16::MAX) {
            return Err(Error::Type(TypeError::ChannelId));
        }
        config.ordered = init.ordered;
        config.protocol = init.protocol;
        config.negotiated = init.negotiated;
        config.priority = init.priority;
        let id = self.data.channels.open(config).map_err(|error| match error {
            dc::OpenError::NameTooLong { len } => Error::Type(TypeError::LabelTooLong { len }),
            dc::OpenError::TransportClosed => Error::InvalidState(InvalidState::Closed),
            dc::OpenError::NoSuchStream { .. }
            | dc::OpenError::InUse { .. }
            | dc::OpenError::NoStreamLeft
            | dc::OpenError::AnnouncementTooLarge { .. }
            | _ => Error::Operation(OperationError::NoStream),
        })?;
        self.negotiation.want_data_channel();
        let now = self.clock.now();
        self.settle(now);
        self.settle_negotiation();
        Ok(id)
    }

    /// What there is to know of a channel; `None` after its
    /// [`DataChannelClosed`](crate::Event::DataChannelClosed).
    #[must_use]
    pub fn data_channel(&self, id: DataChannelId) -> Option<DataChannelInfo> {
        let info = self.data.channels.info(id)?;
        let (max_retransmits, max_packet_life_time) = match info.reliability {
            dc::Reliability::Reliable => (None, None),
            dc::Reliability::Retransmits(times) => (Some(times), None),
            dc::Reliability::Lifetime(time) => (None, Some(time)),
        };
        Some(DataChannelInfo {
            label: info.label.to_owned(),
            init: DataChannelInit {
                ordered: info.ordered,
                max_packet_life_time,
                max_retransmits,
                protocol: info.protocol.to_owned(),
                negotiated: info.stream.filter(|_| info.negotiated),
                priority: info.priority,
            },
            stream: info.stream,
            state: match info.state {
                dc::ChannelState::Connecting => DataChannelState::Connecting,
                dc::ChannelState::Open => DataChannelState::Open,
                dc::ChannelState::Closing => DataChannelState::Closing,
                dc::ChannelState::Closed => DataChannelState::Closed,
            },
        })
    }

    /// The state of a channel; one that is not known any more is closed.
    #[must_use]
    pub fn data_channel_state(&self, id: DataChannelId) -> DataChannelState {
        match self.data.channels.info(id).map(|info| info.state) {
            Some(dc::ChannelState::Connecting) => DataChannelState::Connecting,
            Some(dc::ChannelState::Open) => DataChannelState::Open,
            Some(dc::ChannelState::Closing) => DataChannelState::Closing,
            Some(dc::ChannelState::Closed) | None => DataChannelState::Closed,
        }
    }

    /// Sends text, which must be UTF-8.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidState`] when the channel is not open; [`Error::Type`] when it is longer than
    /// the peer takes, or no UTF-8; [`Error::Operation`] when
    /// [`Configuration::send_buffer_bytes`](crate::Configuration::send_buffer_bytes) are queued.
    pub fn send_text(&mut self, now: Instant, id: DataChannelId, text: Bytes) -> Result<(), Error> {
        self.open()?;
        let now = self.clock.advance(now);
        let sent = self.data.channels.send_text(now, id, text);
        self.sent(now, sent)
    }

    /// Sends bytes.
    ///
    /// # Errors
    ///
    /// As [`send_text`](Self::send_text).
    pub fn send_binary(
        &mut self,
        now: Instant,
        id: DataChannelId,
        bytes: Bytes,
    ) -> Result<(), Error> {
        self.open()?;
        let now = self.clock.advance(now);
        let sent = self.data.channels.send_binary(now, id, bytes);
        self.sent(now, sent)
    }

    fn sent(&mut self, now: Instant, result: Result<(), dc::SendError>) -> Result<(), Error> {
        result.map_err(|error| match error {
            dc::SendError::MessageTooLarge { len, limit } => {
                Error::Type(TypeError::MessageTooLarge { len, limit })
            }
            dc::SendError::NotUtf8 => Error::Type(TypeError::NotUtf8),
            dc::SendError::BufferFull { buffered, limit } => {
                Error::Operation(OperationError::BufferFull { queued: buffered, limit })
            }
            dc::SendError::UnknownChannel | dc::SendError::NotOpen { .. } | _ => {
                Error::InvalidState(InvalidState::ChannelNotOpen)
            }
        })?;
        self.settle_data(now);
        Ok(())
    }

    /// The oldest message of a channel that was not read yet. Reading it lets the peer send more.
    pub fn receive_message(&mut self, id: DataChannelId) -> Option<DataChannelMessage> {
        let message = self.data.channels.recv(id)?;
        let now = self.clock.now();
        self.settle_data(now);
        Some(match message {
            dc::Message::Text(bytes) => DataChannelMessage::Text(bytes),
            dc::Message::Binary(bytes) => DataChannelMessage::Binary(bytes),
        })
    }

    /// Bytes of messages of a channel that the network has not taken yet.
    #[must_use]
    #[doc(alias = "bufferedAmount")]
    pub fn buffered_amount(&mut self, id: DataChannelId) -> usize {
        self.data.buffered_amount(id)
    }

    /// Whether who was refused because too much is queued, over all channels, may try again.
    #[must_use]
    pub fn has_send_room(&self) -> bool {
        self.data.channels.has_room()
    }

    /// At which amount [`DataChannelBufferedAmountLow`](crate::Event::DataChannelBufferedAmountLow)
    /// comes. Default: 0.
    #[doc(alias = "bufferedAmountLowThreshold")]
    pub fn set_buffered_amount_low_threshold(&mut self, id: DataChannelId, bytes: usize) {
        self.data.set_buffered_low(id, bytes);
    }

    /// Closes a channel, after what was sent before. One that is closed stays so.
    pub fn close_data_channel(&mut self, now: Instant, id: DataChannelId) {
        let now = self.clock.advance(now);
        self.data.channels.close(id);
        self.settle(now);
    }
}
