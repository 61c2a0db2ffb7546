//! A WebRTC peer connection as a sans-IO machine: JSEP, transports, tracks, data channels.

mod channel;
mod clock;
mod config;
mod connection;
mod description;
mod error;
mod event;
mod ids;
mod io;
mod jsep;
mod media;
mod stats;
mod transceiver;
mod transport;
mod types;

/// The traits and types that a crypto provider, and who passes one in, needs.
pub use antiphon_crypto as crypto;
pub use antiphon_datachannel::ChannelId as DataChannelId;
pub use channel::{DataChannelInfo, DataChannelInit, DataChannelMessage};
pub use config::{Configuration, OfferOptions};
pub use connection::PeerConnection;
pub use description::{IceCandidate, SessionDescription};
pub use error::{
    Error, InvalidAccess, InvalidModification, InvalidState, OperationError, TypeError,
};
pub use event::Event;
pub use ids::TransceiverId;
pub use io::{InputError, MAX_RTP_PAYLOAD, Received, RtpOutgoing, RtpReceived, Transmit};
pub use media::Drop as MediaDrop;
pub use stats::{DataChannelStats, InboundRtpStats, OutboundRtpStats, StatsReport, TransportStats};
pub use transceiver::{Codec, TransceiverInfo, TransceiverInit};
pub use types::{
    ConnectionState, DataChannelState, Direction, IceConnectionState, IceGatheringState, Kind,
    SdpType, SignalingState, UnknownWord,
};
