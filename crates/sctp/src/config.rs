use std::time::Duration;

use crate::wire::Capabilities;
use crate::{CongestionControl, Scheduler};

/// Options of an [`Association`](crate::Association). The defaults suit WebRTC.
///
/// ```
/// let mut config = antiphon_sctp::Config::default();
/// config.remote_port = 5001;
/// config.receive_buffer = 8 << 20;
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Our SCTP port. Default 5000, as in `a=sctp-port` (RFC 8841).
    pub local_port: u16,
    /// The peer's SCTP port, from its `a=sctp-port`. Default 5000.
    pub remote_port: u16,
    /// Largest SCTP packet in bytes, common header included: at least 256, at most 65,535.
    ///
    /// Default 1191, which with DTLS, UDP and a TURN header fits the 1,280 bytes every IPv6 link
    /// carries. It is also the length [`poll_output`](crate::Association::poll_output) asks for.
    pub max_packet: usize,
    /// Largest SCTP packet the path may turn out to take, found by probing (RFC 8899). Default 0:
    /// no probing, packets stay at [`max_packet`](Self::max_packet).
    ///
    /// The owner knows it: the link's MTU less IP, UDP, a TURN header where there is one, and DTLS,
    /// for example 1500 - 20 - 8 - 37 = 1435. Probes are HEARTBEATs with PAD chunks (RFC 4820).
    /// [`poll_output`](crate::Association::poll_output) then asks for buffers of this length.
    pub packet_ceiling: usize,
    /// Streams we offer and accept in each direction. Default 65,535 (RFC 8831 section 6.2); a
    /// stream costs memory only once it is used.
    pub streams: u16,
    /// Bytes [`send`](crate::Association::send) takes before the first transmission, over all
    /// streams. Default 2 MiB. A single larger message is taken when nothing else is queued.
    pub send_buffer: usize,
    /// Bytes received and not yet taken by [`recv`](crate::Association::recv): the receive
    /// window. Default 2 MiB; raised to what one message of
    /// [`max_receive_message_size`](Self::max_receive_message_size) needs. Each message is
    /// counted with a small overhead, so that floods of tiny ones are bounded too.
    pub receive_buffer: usize,
    /// Largest message we send: the peer's `a=max-message-size`. Default 65,536, the value of
    /// an absent attribute (RFC 8841 section 6).
    pub max_send_message_size: usize,
    /// Largest message we take; a peer that exceeds it loses the association. Default 262,144.
    pub max_receive_message_size: usize,
    /// Retransmission timeout before the first measurement. Default 500 ms, where RFC 9260
    /// section 16 suggests 1 s: ICE has already shown that the path is alive.
    pub rto_initial: Duration,
    /// Smallest retransmission timeout. Default 200 ms, where RFC 9260 section 16 suggests 1 s,
    /// which stalls interactive data for long after each lost tail. It is also the least the
    /// timeout lies above the smoothed round trip, so that a queue that builds up or a delayed
    /// acknowledgement (200 ms at most) is not taken for a loss.
    pub rto_min: Duration,
    /// Largest retransmission timeout. Default 10 s (RFC 9260 section 16: 60 s), so that a path
    /// that comes back is noticed soon.
    pub rto_max: Duration,
    /// How long an acknowledgement may wait for company. Default 40 ms; RFC 9260 section 6.2
    /// asks for at most 200 ms and forbids more than 500 ms, to which larger values are cut.
    pub sack_delay: Duration,
    /// Pause between HEARTBEATs on an idle association, to which the RTO is added. Default 30 s.
    /// Zero turns them off.
    pub heartbeat_interval: Duration,
    /// Consecutive timeouts before the association is given up. Default 10.
    pub max_retransmits: u32,
    /// Repetitions of INIT and of COOKIE ECHO before connecting fails. Default 8.
    pub max_init_retransmits: u32,
    /// How long a state cookie is good for. Default 60 s.
    pub cookie_life: Duration,
    /// Packets of new data that may follow one acknowledgement. Default 64, where RFC 9260
    /// section 16 suggests 4: drivers hand packets over in batches, and acknowledgements
    /// arrive for batches too, so that 4 would drain the window.
    pub max_burst: u16,
    /// Packets in the first congestion window. Default 10 as in TCP (RFC 6928), where RFC 9260
    /// section 7.2.1 has about 4.
    pub initial_window: u16,
    /// Upper limit of the congestion window in bytes, which bounds what is kept for
    /// retransmission. Default 64 MiB, enough for 1 Gbit/s at 500 ms; the peer's receive window
    /// and the send buffer bound it before that.
    pub max_window: usize,
    /// The congestion control algorithm. Default
    /// [`CongestionControl::Bbr`].
    pub congestion: CongestionControl,
    /// Which stream is served next. Default [`Scheduler::RoundRobin`]; can be changed later with
    /// [`set_scheduler`](crate::Association::set_scheduler).
    pub scheduler: Scheduler,
    /// Offers to interleave the fragments of messages on different streams (RFC 8260), so that a
    /// large message does not hold up the others. Default `true`; costs 4 bytes per chunk.
    pub interleaving: bool,
    /// Leaves the CRC32c out where the peer agrees (RFC 9653). Default `false`; set it only where
    /// the packets travel inside DTLS, which protects them better.
    pub zero_checksum: bool,
    /// Fixes the initial TSN, for tests of the wrap. Default `None`: random.
    pub initial_tsn: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            local_port: 5000,
            remote_port: 5000,
            max_packet: 1191,
            packet_ceiling: 0,
            streams: u16::MAX,
            send_buffer: 2 << 20,
            receive_buffer: 2 << 20,
            max_send_message_size: 65_536,
            max_receive_message_size: 262_144,
            rto_initial: Duration::from_millis(500),
            rto_min: Duration::from_millis(200),
            rto_max: Duration::from_secs(10),
            sack_delay: Duration::from_millis(40),
            heartbeat_interval: Duration::from_secs(30),
            max_retransmits: 10,
            max_init_retransmits: 8,
            cookie_life: Duration::from_secs(60),
            max_burst: 64,
            initial_window: 10,
            max_window: 64 << 20,
            congestion: CongestionControl::default(),
            scheduler: Scheduler::default(),
            interleaving: true,
            zero_checksum: false,
            initial_tsn: None,
        }
    }
}

/// What one buffered message costs beside its payload, in the receive window's accounts.
pub(crate) const MESSAGE_OVERHEAD: usize = 64;

impl Config {
    /// The same options with values that cannot work replaced by the nearest that can.
    pub(crate) fn sane(mut self) -> Self {
        self.max_packet = self.max_packet.clamp(256, 65_535);
        self.packet_ceiling = self.packet_ceiling.clamp(self.max_packet, 65_535);
        self.streams = self.streams.max(1);
        self.max_burst = self.max_burst.max(1);
        self.initial_window = self.initial_window.max(1);
        //= rfc9260#6.2
        // No option raises the delay of acknowledgements above 500 ms.
        self.sack_delay = self.sack_delay.min(Duration::from_millis(500));
        self.rto_min = self.rto_min.max(Duration::from_millis(1));
        self.rto_max = self.rto_max.max(self.rto_min);
        self.rto_initial = self.rto_initial.clamp(self.rto_min, self.rto_max);
        let message = self.max_receive_message_size.saturating_add(65_536);
        self.receive_buffer = self.receive_buffer.max(message).min(u32::MAX as usize);
        self
    }

    /// Bytes of chunks that fit into a packet (the PMDCS of RFC 9260), a multiple of 4.
    pub(crate) fn chunk_room(&self) -> usize {
        self.max_packet.saturating_sub(crate::wire::PACKET_HEADER) & !3
    }

    /// What INIT and INIT ACK announce.
    pub(crate) fn capabilities(&self) -> Capabilities {
        Capabilities {
            forward_tsn: true,
            reconfig: true,
            interleaving: self.interleaving,
            zero_checksum: self.zero_checksum,
        }
    }
}
