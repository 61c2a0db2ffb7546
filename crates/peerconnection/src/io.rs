//! What crosses the door: datagrams, and RTP packets within them.

use std::net::SocketAddr;
use std::ops::Range;

use crate::{StreamId, TransceiverId};

/// Where a datagram came from and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The address of the socket it came to, as it was named to
    /// [`PeerConnection::add_local_address`](crate::PeerConnection::add_local_address).
    pub local: SocketAddr,
    /// The address it came from.
    pub remote: SocketAddr,
}

/// One or more datagrams, written into the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The address of the socket to send from.
    pub local: SocketAddr,
    /// The address to send to.
    pub remote: SocketAddr,
    /// How many bytes of the buffer to send.
    pub len: usize,
    /// `Some(size)`: the bytes are several datagrams of `size` bytes each, only the last may be
    /// shorter: hand them to the kernel in one call (UDP segmentation offload). `None`: one datagram.
    pub segment_size: Option<usize>,
    /// `Some`: the bytes go on this stream, as they are, instead.
    pub stream: Option<StreamId>,
}

/// An RTP packet of a track, decrypted where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RtpReceived {
    /// The transceiver that receives it.
    pub transceiver: TransceiverId,
    /// The source.
    pub ssrc: u32,
    /// The payload type: [`TransceiverInfo::codecs`](crate::TransceiverInfo::codecs) says what it
    /// stands for.
    pub payload_type: u8,
    /// The marker bit.
    pub marker: bool,
    /// The sequence number on the wire; a retransmitted packet has its original one.
    pub sequence_number: u16,
    /// The media time, in units of the codec's clock rate.
    pub timestamp: u32,
    /// Where the payload lies in the datagram that was given in.
    pub payload: Range<usize>,
}

/// An RTP packet to send. Source, sequence number and extensions are the connection's affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpOutgoing<'a> {
    /// A payload type of [`TransceiverInfo::codecs`](crate::TransceiverInfo::codecs).
    pub payload_type: u8,
    /// The marker bit: the last packet of a video frame, the first of a talk spurt.
    pub marker: bool,
    /// The media time, in units of the codec's clock rate.
    pub timestamp: u32,
    /// The payload, at most [`MAX_RTP_PAYLOAD`] bytes.
    pub payload: &'a [u8],
}

/// The longest RTP payload in bytes.
///
/// libwebrtc's RTP packets are at most 1,200 bytes long before encryption, so that no payload of
/// a browser is longer than 1,188 and each can be passed on. With the header (12 bytes), extensions
/// (12: a section's name of up to seven letters), the number of a retransmission (2) and the tag
/// (16) that makes 1,230 bytes; the smallest datagram that IPv6 has to carry whole has room for
/// 1,232 (RFC 8200 section 5).
pub const MAX_RTP_PAYLOAD: usize = 1188;

/// Why a datagram was dropped. Nothing changed but a counter; a stranger can cause each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
    /// The first byte belongs to no protocol of ours (RFC 7983).
    #[error("a datagram of {len} bytes belongs to no protocol of ours")]
    UnknownProtocol {
        /// Bytes of the datagram.
        len: usize,
    },
    /// It came over a path that ICE has not validated.
    #[error("the path is not validated")]
    UnvalidatedPath,
    /// Media came before there were keys for it.
    #[error("there are no media keys yet")]
    NoKeys,
    /// It came from a TURN server and is no answer, or comes from nobody it may come from.
    #[error("nothing that the TURN server should send")]
    Relay,
    /// The stream is unknown, or what comes on it makes no sense: close it.
    #[error("the stream makes no sense")]
    Stream,
    /// ICE dropped it.
    #[error(transparent)]
    Ice(#[from] antiphon_ice::InputError),
    /// DTLS dropped it.
    #[error(transparent)]
    Dtls(#[from] antiphon_dtls::InputError),
    /// SRTP dropped it.
    #[error(transparent)]
    Srtp(#[from] antiphon_srtp::UnprotectError),
    /// It belongs to no section or source, or is malformed inside.
    #[error(transparent)]
    Media(#[from] crate::media::Drop),
}
