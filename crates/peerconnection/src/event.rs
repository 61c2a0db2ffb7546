use crate::{
    ConnectionState, DataChannelId, IceCandidate, IceConnectionState, IceFailure,
    IceGatheringState, SignalingState, StreamId, StreamRequest, TransceiverId,
};

/// What a connection tells its owner. Names are those of W3C's events.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The session has to be negotiated anew: make an offer. webrtc-pc section 4.7.3.
    NegotiationNeeded,
    /// [`PeerConnection::signaling_state`](crate::PeerConnection::signaling_state) changed.
    SignalingStateChange(SignalingState),
    /// Bind sockets now, and name their addresses with
    /// [`PeerConnection::add_local_address`](crate::PeerConnection::add_local_address), then
    /// [`PeerConnection::end_of_local_addresses`](crate::PeerConnection::end_of_local_addresses).
    /// Comes once; sockets that are bound already stay.
    GatherAddresses,
    /// A local candidate for the peer; with an empty `candidate`: the last of this generation.
    IceCandidate(IceCandidate),
    /// A STUN server did not answer, or with an error. `RTCPeerConnectionIceErrorEvent`.
    IceCandidateError {
        /// The server.
        server: std::net::SocketAddr,
        /// STUN's error code, or 701 when the server did not answer.
        code: u16,
    },
    /// Open a TCP or TLS connection, and say how it went:
    /// [`PeerConnection::stream_opened`](crate::PeerConnection::stream_opened) or
    /// [`PeerConnection::stream_closed`](crate::PeerConnection::stream_closed).
    OpenStream(StreamRequest),
    /// Close this connection, after what was polled before.
    CloseStream(StreamId),
    /// Find the address of this name by multicast DNS, and say it:
    /// [`PeerConnection::name_resolved`](crate::PeerConnection::name_resolved).
    ResolveName(String),
    /// ICE failed, and this is why; the state follows.
    IceFailure(IceFailure),
    /// The connection would be better, or go on at all, after an ICE restart: the network changed.
    IceRestartAdvised,
    /// The gathering state changed.
    IceGatheringStateChange(IceGatheringState),
    /// The state of ICE changed.
    IceConnectionStateChange(IceConnectionState),
    /// The state of the connection changed.
    ConnectionStateChange(ConnectionState),
    /// The peer sends media on this transceiver. webrtc-pc section 5.7.
    Track {
        /// The transceiver whose receiver has the track.
        transceiver: TransceiverId,
        /// The ids of the streams that the peer put it into.
        stream_ids: Vec<String>,
    },
    /// The peer no longer sends media on this transceiver.
    TrackRemoved(TransceiverId),
    /// The first packet of the track has come.
    TrackUnmuted(TransceiverId),
    /// The peer's source has said goodbye.
    TrackMuted(TransceiverId),
    /// The peer asks for a key frame of what we send (PLI or FIR).
    KeyFrameRequested(TransceiverId),
    /// The peer opened a channel; it is open here already.
    DataChannel(DataChannelId),
    /// A channel of ours is open.
    DataChannelOpen(DataChannelId),
    /// Messages wait:
    /// [`PeerConnection::receive_message`](crate::PeerConnection::receive_message). Comes when the
    /// first waits; read until there is none.
    DataChannelReadable(DataChannelId),
    /// What waits to be sent fell to the threshold.
    DataChannelBufferedAmountLow(DataChannelId),
    /// The peer closes the channel.
    DataChannelClosing(DataChannelId),
    /// The channel is closed.
    DataChannelClosed(DataChannelId),
    /// The channel failed, and closes.
    DataChannelError(DataChannelId),
    /// The connection is closed; nothing follows. By us, or by the peer's `close_notify`.
    Closed,
}
