//! Transceivers and their RTP, as the application has them.

use std::time::Instant;

use antiphon_rtp::{ExtensionMap, Ssrc};

use crate::jsep;
use crate::media::{self, Announced, Feedback, Format, ReceiveSide, Section, SendSide};
use crate::transport::{Full, NotReady};
use crate::{
    Codec, Configuration, Direction, Error, Event, InvalidAccess, Kind, OperationError,
    PeerConnection, RtpOutgoing, RtpReceived, TransceiverId, TransceiverInfo, TransceiverInit,
    TypeError,
};

pub(super) fn config(config: &Configuration, cname: String) -> media::Config {
    media::Config::new(cname, config.unix_time)
}

impl PeerConnection {
    /// Makes a transceiver; a negotiation is needed for it. webrtc-pc section 5.1.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidState`] when closed; [`Error::Operation`] when there are too many.
    #[doc(alias = "addTransceiver")]
    pub fn add_transceiver(
        &mut self,
        kind: Kind,
        init: TransceiverInit,
    ) -> Result<TransceiverId, Error> {
        self.open()?;
        let TransceiverInit { direction, stream_ids: streams } = init;
        let id = self.negotiation.add_transceiver(kind, jsep::Init { direction, streams })?;
        self.settle_negotiation();
        Ok(id)
    }

    /// The transceivers that are not stopped, in the order they were made.
    #[must_use]
    #[doc(alias = "getTransceivers")]
    pub fn transceivers(&self) -> Vec<TransceiverId> {
        self.negotiation
            .transceivers()
            .filter(|transceiver| !transceiver.is_stopped())
            .map(jsep::Transceiver::id)
            .collect()
    }

    /// What there is to know of a transceiver; `None` when there is none of that name.
    #[must_use]
    pub fn transceiver(&self, id: TransceiverId) -> Option<TransceiverInfo> {
        let transceiver = self.negotiation.transceiver(id)?;
        Some(TransceiverInfo {
            mid: transceiver.mid().map(str::to_owned),
            kind: transceiver.kind(),
            direction: transceiver.direction(),
            current_direction: transceiver.current_direction(),
            codecs: transceiver.formats().iter().map(codec).collect(),
        })
    }

    /// Changes which way media shall flow after the next negotiation.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidState`] when closed or stopped; [`Error::Type`] for
    /// [`Direction::Stopped`].
    pub fn set_direction(&mut self, id: TransceiverId, direction: Direction) -> Result<(), Error> {
        self.open()?;
        self.negotiation.set_direction(id, direction)?;
        self.settle_negotiation();
        Ok(())
    }

    /// Puts the track that is sent into these streams, after the next negotiation.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidState`] when closed; [`Error::InvalidAccess`] for an unknown transceiver.
    #[doc(alias = "setStreams")]
    pub fn set_streams(&mut self, id: TransceiverId, streams: Vec<String>) -> Result<(), Error> {
        self.open()?;
        self.negotiation.set_streams(id, streams)?;
        self.settle_negotiation();
        Ok(())
    }

    /// Stops a transceiver for good. webrtc-pc section 5.4, `stop`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidState`] when closed; [`Error::InvalidAccess`] for an unknown transceiver.
    pub fn stop_transceiver(&mut self, now: Instant, id: TransceiverId) -> Result<(), Error> {
        self.open()?;
        let now = self.clock.advance(now);
        self.negotiation.stop(id)?;
        self.settle(now);
        self.settle_negotiation();
        Ok(())
    }

    /// Sends an RTP packet of a transceiver.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidState`] when closed; [`Error::InvalidAccess`] for an unknown transceiver;
    /// [`Error::Type`] for a payload over [`MAX_RTP_PAYLOAD`](crate::MAX_RTP_PAYLOAD);
    /// [`Error::Operation`] when it is not negotiated to send that, before there are keys, or when
    /// [`Configuration::media_queue_bytes`](crate::Configuration::media_queue_bytes) are queued.
    pub fn send_rtp(
        &mut self,
        now: Instant,
        id: TransceiverId,
        packet: RtpOutgoing<'_>,
    ) -> Result<(), Error> {
        self.open()?;
        let now = self.clock.advance(now);
        let (len, limit) = (packet.payload.len(), crate::MAX_RTP_PAYLOAD);
        if len > limit {
            return Err(Error::Type(TypeError::MessageTooLarge { len, limit }));
        }
        let outgoing = media::Outgoing {
            payload_type: packet.payload_type,
            marker: packet.marker,
            timestamp: packet.timestamp,
            payload: packet.payload,
            audio_level: None,
            orientation: None,
        };
        let media = &mut self.media;
        self.transport.queue_rtp(|buf| media.send(now, id, &outgoing, buf).map_err(Error::from))
    }

    /// Asks the peer for a key frame. Requests in quick succession become one. `false`: there is
    /// nobody to ask, because nothing was received yet or it was not negotiated.
    pub fn request_key_frame(&mut self, now: Instant, id: TransceiverId) -> bool {
        let now = self.clock.advance(now);
        self.media.request_key_frame(now, id)
    }

    /// Takes over what the descriptions say about media.
    pub(super) fn configure_media(&mut self, now: Instant) {
        let sections = self.negotiation.rtp_sections().iter().map(section).collect();
        self.media.configure(now, sections);
    }

    pub(super) fn settle_media(&mut self) {
        while !self.is_event_queue_full() {
            let Some(event) = self.media.poll_event() else { break };
            let event = match event {
                media::Event::KeyFrameRequested(id) => Event::KeyFrameRequested(id),
                media::Event::Unmuted(id) => Event::TrackUnmuted(id),
                media::Event::Muted(id) => Event::TrackMuted(id),
                media::Event::ReportReceived(_) => continue,
            };
            self.raise(event);
        }
    }
}

/// What rises to the owner. Packets of padding alone do not.
pub(super) fn received(packet: media::Packet) -> Option<RtpReceived> {
    (!packet.payload.is_empty()).then_some(RtpReceived {
        transceiver: packet.transceiver,
        ssrc: packet.ssrc.0,
        payload_type: packet.payload_type,
        marker: packet.marker,
        sequence_number: packet.sequence_number,
        timestamp: packet.timestamp,
        payload: packet.payload,
    })
}

fn codec(format: &jsep::Format) -> Codec {
    Codec {
        payload_type: format.payload_type,
        name: format.name.clone(),
        clock_rate: format.clock_rate,
        channels: format.channels.and_then(|channels| u8::try_from(channels).ok()),
        fmtp: format.fmtp.clone(),
    }
}

fn section(section: &jsep::RtpSection) -> Section {
    let mut extensions = ExtensionMap::default();
    for extension in &section.extensions {
        // An id beyond what a header can carry was never negotiated.
        if let Ok(id) = u8::try_from(extension.id) {
            let _ = extensions.insert_uri(id, &extension.uri);
        }
    }
    Section {
        transceiver: section.transceiver,
        mid: section.mid.clone(),
        kind: section.kind,
        send: section.send.as_ref().map(|send| SendSide {
            ssrc: Ssrc(send.ssrc),
            rtx_ssrc: send.rtx_ssrc.map(Ssrc),
            formats: send.formats.iter().map(format).collect(),
        }),
        receive: section.receive.as_ref().map(|receive| ReceiveSide {
            formats: receive.formats.iter().map(format).collect(),
            sources: receive
                .sources
                .iter()
                .map(|source| Announced { ssrc: Ssrc(source.ssrc), rtx: source.rtx.map(Ssrc) })
                .collect(),
        }),
        extensions,
        reduced_size: section.reduced_size,
    }
}

fn format(format: &jsep::Format) -> Format {
    let has = |wanted: &str| format.feedback.iter().any(|feedback| feedback == wanted);
    Format {
        payload_type: format.payload_type,
        clock_rate: format.clock_rate,
        rtx: format.rtx,
        feedback: Feedback { nack: has("nack"), pli: has("nack pli"), fir: has("ccm fir") },
    }
}

impl From<media::SendError> for Error {
    fn from(error: media::SendError) -> Self {
        match error {
            media::SendError::UnknownTransceiver => Self::InvalidAccess(InvalidAccess::Foreign),
            media::SendError::PayloadTooLarge { len, limit } => {
                Self::Type(TypeError::MessageTooLarge { len, limit })
            }
            media::SendError::NotSending
            | media::SendError::PayloadType(_)
            | media::SendError::BufferTooSmall { .. } => {
                Self::Operation(OperationError::NotSending)
            }
        }
    }
}

impl From<Full> for Error {
    fn from(Full { queued, limit }: Full) -> Self {
        Self::Operation(OperationError::BufferFull { queued, limit })
    }
}

impl From<NotReady> for Error {
    fn from(_: NotReady) -> Self {
        Self::Operation(OperationError::NotSending)
    }
}
