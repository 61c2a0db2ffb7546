//! What a connection has counted and measured. Names follow W3C webrtc-stats; the rest of its
//! dictionaries is listed in the status table of this crate.

use std::net::SocketAddr;
use std::time::Duration;

use crate::{DataChannelId, DtlsConnected, TransceiverId};

/// One consistent snapshot. `RTCStatsReport`, webrtc-pc section 8.4.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
#[doc(alias = "RTCStatsReport")]
pub struct StatsReport {
    /// The one transport.
    pub transport: TransportStats,
    /// What is received, one entry a source.
    pub inbound_rtp: Vec<InboundRtpStats>,
    /// What is sent, one entry a source.
    pub outbound_rtp: Vec<OutboundRtpStats>,
    /// The data channels that are not closed.
    pub data_channels: Vec<DataChannelStats>,
}

/// `RTCTransportStats`, with the selected pair's measures.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TransportStats {
    /// Bytes of UDP payload sent over the path.
    pub bytes_sent: u64,
    /// Datagrams sent over the path.
    pub packets_sent: u64,
    /// Bytes of UDP payload received over the path.
    pub bytes_received: u64,
    /// Datagrams received over the path.
    pub packets_received: u64,
    /// Datagrams that were dropped: not authentic, replayed, malformed, or from strangers.
    pub packets_dropped: u64,
    /// The selected pair's addresses, ours and the peer's.
    pub selected_path: Option<(SocketAddr, SocketAddr)>,
    /// The latest round-trip time of the selected pair.
    pub current_round_trip_time: Option<Duration>,
    /// What DTLS agreed on, once it has: `tlsVersion`, `dtlsCipher`, `srtpCipher`, and the group.
    pub dtls: Option<DtlsConnected>,
}

/// `RTCInboundRtpStreamStats`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct InboundRtpStats {
    /// The transceiver that receives it.
    pub transceiver: TransceiverId,
    /// The source.
    pub ssrc: u32,
    /// Packets received, without retransmissions that came on a source of their own.
    pub packets_received: u64,
    /// Bytes of payload received.
    pub bytes_received: u64,
    /// Packets lost; negative when more came than were expected, because some came twice.
    pub packets_lost: i64,
    /// Jitter of arrival (RFC 3550 section 6.4.1).
    pub jitter: Duration,
    /// Generic NACKs sent.
    pub nack_count: u64,
    /// Picture loss indications sent.
    pub pli_count: u64,
}

/// `RTCOutboundRtpStreamStats`, with what the peer reports about it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OutboundRtpStats {
    /// The transceiver that sends it.
    pub transceiver: TransceiverId,
    /// The source.
    pub ssrc: u32,
    /// Packets sent.
    pub packets_sent: u64,
    /// Bytes of payload sent.
    pub bytes_sent: u64,
    /// Packets sent again because the peer missed them.
    pub retransmitted_packets_sent: u64,
    /// Packets lost, as the peer reports.
    pub remote_packets_lost: Option<i64>,
    /// The share lost since the peer's report before, from 0 to 1.
    pub remote_fraction_lost: Option<f64>,
    /// The round-trip time by RTCP.
    pub round_trip_time: Option<Duration>,
    /// Generic NACKs received.
    pub nack_count: u64,
    /// Picture loss indications received.
    pub pli_count: u64,
    /// Full intra requests received.
    pub fir_count: u64,
}

/// `RTCDataChannelStats`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataChannelStats {
    /// The channel.
    pub channel: DataChannelId,
    /// Messages sent.
    pub messages_sent: u64,
    /// Bytes of messages sent.
    pub bytes_sent: u64,
    /// Messages received.
    pub messages_received: u64,
    /// Bytes of messages received.
    pub bytes_received: u64,
}
