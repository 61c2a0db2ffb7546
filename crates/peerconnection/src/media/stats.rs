//! What was counted, for W3C's statistics.

use std::time::Duration;

use antiphon_rtcp::SenderInfo;
use antiphon_rtp::Ssrc;

use super::machine::Media;
use super::send::Stream;
use super::source::{Incoming, Source};
use crate::{Kind, TransceiverId};

/// A stream that we receive. `RTCInboundRtpStreamStats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inbound {
    pub(crate) transceiver: TransceiverId,
    pub(crate) ssrc: Ssrc,
    pub(crate) payload_type: u8,
    /// With retransmissions, without duplicates.
    pub(crate) packets: u64,
    pub(crate) header_bytes: u64,
    pub(crate) payload_bytes: u64,
    /// Of `packets`, those that a retransmission brought.
    pub(crate) recovered_packets: u64,
    pub(crate) recovered_bytes: u64,
    pub(crate) duplicates: u64,
    /// As RTCP counts: retransmissions do not count, and it may be negative.
    pub(crate) packets_lost: i32,
    pub(crate) jitter: Duration,
    pub(crate) nacks: u64,
    pub(crate) plis: u64,
    pub(crate) firs: u64,
    /// When the last packet came, since the machine was made.
    pub(crate) last_packet: Duration,
    pub(crate) remote: Option<RemoteOutbound>,
}

/// What the peer reports about a stream it sends. `RTCRemoteOutboundRtpStreamStats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RemoteOutbound {
    pub(crate) info: SenderInfo,
    /// When the report came, since the machine was made.
    pub(crate) arrived: Duration,
}

/// A stream that we send. `RTCOutboundRtpStreamStats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outbound {
    pub(crate) transceiver: TransceiverId,
    pub(crate) kind: Kind,
    pub(crate) ssrc: Ssrc,
    pub(crate) rtx_ssrc: Option<Ssrc>,
    /// Without retransmissions.
    pub(crate) packets: u64,
    pub(crate) header_bytes: u64,
    pub(crate) payload_bytes: u64,
    pub(crate) resent_packets: u64,
    pub(crate) resent_bytes: u64,
    pub(crate) nacks: u64,
    pub(crate) plis: u64,
    pub(crate) firs: u64,
    pub(crate) remote: Option<RemoteInbound>,
}

/// What the peer reports about a stream it receives. `RTCRemoteInboundRtpStreamStats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RemoteInbound {
    /// Of 256, since its report before.
    pub(crate) fraction_lost: u8,
    pub(crate) packets_lost: i32,
    /// In units of the stream's clock.
    pub(crate) jitter: u32,
    pub(crate) extended_sequence_number: u32,
    pub(crate) round_trip: Option<Duration>,
    /// When the report came, since the machine was made.
    pub(crate) arrived: Duration,
}

impl Media {
    /// The streams that we receive, or received.
    pub(crate) fn inbound(&self) -> impl Iterator<Item = Inbound> {
        self.router
            .sources()
            .filter_map(|source| source.incoming().map(|incoming| incoming.stats(source)))
    }

    /// The streams that we send.
    pub(crate) fn outbound(&self) -> impl Iterator<Item = Outbound> {
        self.streams.iter().filter_map(Stream::stats)
    }
}

impl Incoming {
    fn stats(&self, source: &Source) -> Inbound {
        let counters = self.counters;
        Inbound {
            transceiver: source.transceiver,
            ssrc: source.ssrc,
            payload_type: self.format.payload_type,
            packets: counters.packets,
            header_bytes: counters.header_bytes,
            payload_bytes: counters.payload_bytes,
            recovered_packets: counters.recovered_packets,
            recovered_bytes: counters.recovered_bytes,
            duplicates: counters.duplicates,
            packets_lost: self.reception.snapshot().cumulative_lost,
            jitter: self.reception.jitter(),
            nacks: counters.nacks,
            plis: counters.plis,
            firs: counters.firs,
            last_packet: source.last_seen,
            remote: self
                .sender
                .map(|sender| RemoteOutbound { info: sender.info, arrived: sender.arrived }),
        }
    }
}

impl Stream {
    fn stats(&self) -> Option<Outbound> {
        let sender = self.sender.as_ref()?;
        let counters = sender.counters;
        Some(Outbound {
            transceiver: self.section.transceiver,
            kind: self.section.kind,
            ssrc: sender.ssrc,
            rtx_ssrc: sender.rtx_ssrc,
            packets: counters.packets,
            header_bytes: counters.header_bytes,
            payload_bytes: counters.payload_bytes,
            resent_packets: counters.resent_packets,
            resent_bytes: counters.resent_bytes,
            nacks: counters.nacks,
            plis: counters.plis,
            firs: counters.firs,
            remote: sender.remote,
        })
    }
}
