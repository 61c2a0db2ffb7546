use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Weak};

use antiphon_peerconnection::{
    Codec, Direction, Kind, RtpOutgoing, RtpReceived, TransceiverId, TransceiverInfo,
};
use bytes::{Bytes, BytesMut};

use crate::Error;
use crate::shared::{Shared, State};
use crate::wait::{Topic, Wait};

/// Packets that wait for a reader of a track at most; older ones go first.
const MAX_PACKETS: usize = 1024;
/// Payloads share allocations of this size.
const CHUNK_BYTES: usize = 32 << 10;

/// An RTP packet of the peer's track.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RtpPacket {
    /// The source.
    pub ssrc: u32,
    /// The payload type: [`Transceiver::codecs`] says what it stands for.
    pub payload_type: u8,
    /// The marker bit.
    pub marker: bool,
    /// The sequence number.
    pub sequence_number: u16,
    /// The media time, in units of the codec's clock rate.
    pub timestamp: u32,
    /// The payload.
    pub payload: Bytes,
}

/// Sends and receives media of one kind. `RTCRtpTransceiver`, webrtc-pc section 5.4.
#[derive(Clone, Debug)]
#[doc(alias = "RTCRtpTransceiver")]
pub struct Transceiver {
    shared: Arc<Shared>,
    id: TransceiverId,
}

impl Transceiver {
    pub(crate) fn new(shared: Arc<Shared>, id: TransceiverId) -> Self {
        Self { shared, id }
    }

    fn info(&self) -> Option<TransceiverInfo> {
        self.shared.lock().machine.transceiver(self.id)
    }

    /// Names it within the connection.
    #[must_use]
    pub fn id(&self) -> TransceiverId {
        self.id
    }

    /// Its section's `a=mid`, once it has one.
    #[must_use]
    pub fn mid(&self) -> Option<String> {
        self.info().and_then(|info| info.mid)
    }

    /// Audio or video; `None` once it is stopped and gone.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        self.info().map(|info| info.kind)
    }

    /// Which way media shall flow after the next negotiation.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.info().map_or(Direction::Stopped, |info| info.direction)
    }

    /// Which way media may flow now; `None` before the first negotiation.
    #[must_use]
    #[doc(alias = "currentDirection")]
    pub fn current_direction(&self) -> Option<Direction> {
        self.info().map_or(Some(Direction::Stopped), |info| info.current_direction)
    }

    /// The negotiated codecs, most preferred first; empty before the first negotiation.
    #[must_use]
    pub fn codecs(&self) -> Vec<Codec> {
        self.info().map(|info| info.codecs).unwrap_or_default()
    }

    /// Changes which way media shall flow; the session has to be negotiated anew for it.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] when it is stopped, or the direction is `Stopped`.
    pub fn set_direction(&self, direction: Direction) -> Result<(), Error> {
        Ok(self.shared.command(|machine, _| machine.set_direction(self.id, direction))?)
    }

    /// Has the peer put what is sent here into these streams; the session has to be negotiated anew.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] when it is stopped.
    #[doc(alias = "setStreams")]
    pub fn set_streams(&self, stream_ids: Vec<String>) -> Result<(), Error> {
        Ok(self.shared.command(|machine, _| machine.set_streams(self.id, stream_ids))?)
    }

    /// Reduces the codecs to these, in this order, from the next negotiation on; none means the
    /// default.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] for a codec that the connection does not have, or none that carries
    /// media.
    #[doc(alias = "setCodecPreferences")]
    pub fn set_codec_preferences(&self, codecs: &[Codec]) -> Result<(), Error> {
        Ok(self.shared.command(|machine, _| machine.set_codec_preferences(self.id, codecs))?)
    }

    /// Stops sending and receiving for good.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] when the connection is closed.
    pub fn stop(&self) -> Result<(), Error> {
        let mut state = self.shared.lock();
        state.command(|machine, now| machine.stop_transceiver(now, self.id))?;
        state.settle_transceivers();
        Ok(())
    }

    /// What is sent here.
    #[must_use]
    pub fn sender(&self) -> RtpSender {
        RtpSender { shared: Arc::clone(&self.shared), id: self.id }
    }

    /// What is received here. Packets are kept from the first call on.
    #[must_use]
    pub fn receiver(&self) -> RtpReceiver {
        RtpReceiver::new(&self.shared, self.id, &mut self.shared.lock())
    }
}

/// Sends encoded media. `RTCRtpSender`, webrtc-pc section 5.2.
#[derive(Clone, Debug)]
#[doc(alias = "RTCRtpSender")]
pub struct RtpSender {
    shared: Arc<Shared>,
    id: TransceiverId,
}

impl RtpSender {
    /// Sends a packet now. Sequence numbers, extensions and retransmissions are taken care of.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`]: not negotiated to send, not with this payload type, too long, or the
    /// queue for media is full (then the packet is late anyway: drop it).
    pub fn send(&self, packet: RtpOutgoing<'_>) -> Result<(), Error> {
        Ok(self.shared.command(|machine, now| machine.send_rtp(now, self.id, packet))?)
    }

    /// Waits until the peer asks for a key frame; `false` when the transceiver is stopped or the
    /// connection closed.
    pub async fn key_frame_requested(&self) -> bool {
        self.shared
            .wait(|state| {
                if state.key_frames.remove(&self.id) {
                    Wait::Done(true)
                } else if state.is_stopped(self.id) {
                    Wait::Done(false)
                } else {
                    Wait::For(Topic::KeyFrame(self.id))
                }
            })
            .await
    }
}

/// Receives encoded media. `RTCRtpReceiver`, webrtc-pc section 5.3.
///
/// All receivers of a transceiver share its packets: each packet goes to one of them. When the last
/// one is dropped, packets are no longer kept.
#[derive(Clone)]
#[doc(alias = "RTCRtpReceiver")]
pub struct RtpReceiver {
    owner: Arc<Receiving>,
}

/// Has packets kept while it lives.
pub(crate) struct Receiving {
    shared: Arc<Shared>,
    id: TransceiverId,
}

impl Drop for Receiving {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        // Another one may have been made meanwhile.
        if state.receivers.get(&self.id).is_some_and(|queue| !queue.is_held()) {
            state.receivers.remove(&self.id);
        }
    }
}

impl fmt::Debug for RtpReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtpReceiver").field("id", &self.owner.id).finish_non_exhaustive()
    }
}

impl RtpReceiver {
    pub(crate) fn new(shared: &Arc<Shared>, id: TransceiverId, state: &mut State) -> Self {
        let queue = state.receivers.entry(id).or_default();
        let owner = queue.owner.upgrade().unwrap_or_else(|| {
            let owner = Arc::new(Receiving { shared: Arc::clone(shared), id });
            queue.owner = Arc::downgrade(&owner);
            owner
        });
        Self { owner }
    }

    /// The next packet, in the order of arrival; `None` when the transceiver is stopped or the
    /// connection closed. A reader that falls more than 1,024 packets behind misses the oldest.
    pub async fn recv(&self) -> Option<RtpPacket> {
        let id = self.owner.id;
        self.owner
            .shared
            .wait(|state| {
                let next = state.receivers.get_mut(&id).and_then(|queue| queue.packets.pop_front());
                if next.is_some() || state.is_stopped(id) {
                    Wait::Done(next)
                } else {
                    Wait::For(Topic::Packet(id))
                }
            })
            .await
    }

    /// Packets that were dropped because they were not read in time.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.owner.shared.lock().receivers.get(&self.owner.id).map_or(0, |queue| queue.missed)
    }

    /// Asks the peer for a key frame (PLI). Requests in quick succession become one.
    pub fn request_key_frame(&self) {
        let id = self.owner.id;
        self.owner.shared.command(|machine, now| machine.request_key_frame(now, id));
    }
}

/// Packets between the connection's task and the reader.
#[derive(Default)]
pub(crate) struct RtpQueue {
    packets: VecDeque<RtpPacket>,
    missed: u64,
    /// Payloads are cut from here: one allocation serves many packets.
    chunk: BytesMut,
    owner: Weak<Receiving>,
}

impl RtpQueue {
    /// Whether somebody can read it.
    pub(crate) fn is_held(&self) -> bool {
        self.owner.strong_count() > 0
    }

    pub(crate) fn push(&mut self, packet: &RtpReceived, payload: &[u8]) {
        if self.packets.len() >= MAX_PACKETS {
            self.packets.pop_front();
            self.missed = self.missed.saturating_add(1);
        }
        if self.chunk.capacity() < payload.len() {
            self.chunk.reserve(CHUNK_BYTES.max(payload.len()));
        }
        self.chunk.extend_from_slice(payload);
        self.packets.push_back(RtpPacket {
            ssrc: packet.ssrc,
            payload_type: packet.payload_type,
            marker: packet.marker,
            sequence_number: packet.sequence_number,
            timestamp: packet.timestamp,
            payload: self.chunk.split().freeze(),
        });
    }
}
