//! One snapshot of all that the parts have counted.

use crate::media::{Inbound, Outbound};
use crate::{
    DataChannelStats, InboundRtpStats, OutboundRtpStats, PeerConnection, StatsReport,
    TransportStats,
};

impl PeerConnection {
    /// What has been counted and measured so far. webrtc-pc section 8.
    #[must_use]
    #[doc(alias = "getStats")]
    pub fn stats(&self) -> StatsReport {
        StatsReport {
            transport: self.transport_stats(),
            inbound_rtp: self.media.inbound().map(InboundRtpStats::from).collect(),
            outbound_rtp: self.media.outbound().map(OutboundRtpStats::from).collect(),
            data_channels: self.data_channel_stats(),
        }
    }

    fn transport_stats(&self) -> TransportStats {
        let counters = self.transport.counters;
        TransportStats {
            bytes_sent: counters.bytes_sent,
            packets_sent: counters.packets_sent,
            bytes_received: counters.bytes_received,
            packets_received: counters.packets_received,
            packets_dropped: counters.dropped,
            selected_path: self.transport.ice.selected_path().map(|p| (p.local, p.remote)),
            current_round_trip_time: self.transport.round_trip(),
            dtls: self.transport.agreed,
        }
    }

    fn data_channel_stats(&self) -> Vec<DataChannelStats> {
        self.data
            .channels
            .channels()
            .filter_map(|channel| {
                let stats = self.data.channels.info(channel)?.stats;
                Some(DataChannelStats {
                    channel,
                    messages_sent: stats.messages_sent,
                    bytes_sent: stats.bytes_sent,
                    messages_received: stats.messages_received,
                    bytes_received: stats.bytes_received,
                })
            })
            .collect()
    }
}

impl From<Inbound> for InboundRtpStats {
    fn from(from: Inbound) -> Self {
        Self {
            transceiver: from.transceiver,
            ssrc: from.ssrc.0,
            packets_received: from.packets,
            bytes_received: from.payload_bytes,
            packets_lost: i64::from(from.packets_lost),
            jitter: from.jitter,
            nack_count: from.nacks,
            pli_count: from.plis,
        }
    }
}

impl From<Outbound> for OutboundRtpStats {
    fn from(from: Outbound) -> Self {
        Self {
            transceiver: from.transceiver,
            ssrc: from.ssrc.0,
            packets_sent: from.packets,
            bytes_sent: from.payload_bytes,
            retransmitted_packets_sent: from.resent_packets,
            remote_packets_lost: from.remote.map(|report| i64::from(report.packets_lost)),
            remote_fraction_lost: from.remote.map(|report| f64::from(report.fraction_lost) / 256.0),
            round_trip_time: from.remote.and_then(|report| report.round_trip),
            nack_count: from.nacks,
            pli_count: from.plis,
            fir_count: from.firs,
        }
    }
}
