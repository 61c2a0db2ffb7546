use std::collections::VecDeque;
use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_core::Rng;

use super::congestion::{Controller, Pacer, controller};
use super::heartbeat::Heartbeat;
use super::inbound::Inbound;
use super::inbox::Inbox;
use super::outstanding::Outstanding;
use super::path::Path;
use super::received::Received;
use super::reset::Reset;
use super::rtt::Rtt;
use super::send_queue::SendQueue;
use super::transmit::{Transmission, burst};
use crate::event::{CloseReason, Violation};
use crate::serial::Tsn;
use crate::timer::{Timer, Timers};
use crate::wire::{Capabilities, Cause, Header, Init};
use crate::{Config, Stats};

/// What every procedure may use of its surroundings.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) now: Duration,
    pub(crate) config: &'a Config,
    pub(crate) random: &'a mut ChaCha12Rng,
    pub(crate) inbox: &'a mut Inbox,
}

/// Why and how an association ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) reason: CloseReason,
    pub(crate) farewell: Farewell,
}

/// The last packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    None,
    Abort(Cause),
    ShutdownComplete,
}

impl End {
    pub(crate) fn silent(reason: CloseReason) -> Self {
        Self { reason, farewell: Farewell::None }
    }

    pub(crate) fn violation(violation: Violation) -> Self {
        let cause = match violation {
            Violation::NoUserData => Cause::NoUserData(0),
            Violation::BadInit => Cause::InvalidMandatoryParameter,
            Violation::MessageTooLarge { .. }
            | Violation::AcknowledgedUnsent
            | Violation::NotNegotiated
            | Violation::BadFragments => Cause::ProtocolViolation,
        };
        Self { reason: CloseReason::PeerMisbehaved(violation), farewell: Farewell::Abort(cause) }
    }
}

/// Our side's tag and first TSN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) tag: u32,
    pub(crate) tsn: u32,
}

impl Identity {
    //= rfc9260#5.3.1
    // A tag is random and not 0; so is the first TSN random.
    pub(crate) fn draw(config: &Config, random: &mut ChaCha12Rng) -> Self {
        let tag = random.next_u32().max(1);
        let tsn = random.next_u32();
        Self { tag, tsn: config.initial_tsn.unwrap_or(tsn) }
    }

    /// What INIT and INIT ACK say about us.
    pub(crate) fn init(self, config: &Config) -> Init {
        Init {
            tag: self.tag,
            window: u32::try_from(config.receive_buffer).unwrap_or(u32::MAX),
            outbound: config.streams,
            inbound: config.streams,
            tsn: self.tsn,
        }
    }
}

/// The states with an association (RFC 9260 section 4).
///
/// ```text
///   ESTABLISHED --shutdown()--> SHUTDOWN-PENDING --all acknowledged--> SHUTDOWN-SENT
///        |                                                                |
///     SHUTDOWN                                                       SHUTDOWN ACK
///        v                                                                v
///   SHUTDOWN-RECEIVED --all acknowledged--> SHUTDOWN-ACK-SENT ------> (ended)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Established,
    ShutdownPending,
    ShutdownSent,
    ShutdownReceived,
    ShutdownAckSent,
}

/// Chunks that are owed to the peer and fit into any packet.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    pub(crate) cookie_ack: bool,
    pub(crate) heartbeat_ack: Option<Vec<u8>>,
    pub(crate) errors: VecDeque<Cause>,
    pub(crate) forward_tsn: bool,
    pub(crate) shutdown: bool,
    pub(crate) shutdown_ack: bool,
}

/// Reports waiting at a time; more are dropped, so that errors cannot pile up.
const MAX_ERRORS: usize = 4;

impl Owed {
    pub(crate) fn error(&mut self, cause: Cause) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push_back(cause);
        }
    }
}

/// Everything that exists only while there is an association: the TCB of RFC 9260 section 14.
#[derive(Debug)]
pub(crate) struct Tcb {
    pub(crate) phase: Phase,
    pub(crate) local: Identity,
    pub(crate) peer_tag: u32,
    /// Stand in for the tags inside cookies (RFC 9260 section 5.2.2): ours, the peer's.
    pub(crate) ties: (u32, u32),
    pub(crate) outgoing_streams: u16,
    pub(crate) incoming_streams: u16,
    pub(crate) peer_can: Capabilities,

    pub(crate) queue: SendQueue,
    pub(crate) outstanding: Outstanding,
    pub(crate) congestion: Box<dyn Controller>,
    pub(crate) pacer: Pacer,
    pub(crate) path: Path,
    pub(crate) rtt: Rtt,
    pub(crate) transmission: Transmission,

    pub(crate) received: Received,
    pub(crate) inbound: Inbound,
    /// The window announced last.
    pub(crate) announced: usize,

    pub(crate) owed: Owed,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) reset: Reset,
    /// Timeouts in a row (RFC 9260 section 8.1).
    pub(crate) errors: u32,
    pub(crate) shutdowns: u32,
    pub(crate) timers: Timers,
    pub(crate) stats: Stats,
}

impl Tcb {
    pub(crate) fn new(
        local: Identity,
        peer: Init,
        peer_can: Capabilities,
        context: &mut Context<'_>,
    ) -> Self {
        let config = context.config;
        //= rfc8260#2.2.1
        // Interleaving takes both ends; so does leaving out checksums (RFC 9653).
        let peer_can = Capabilities {
            interleaving: peer_can.interleaving && config.interleaving,
            zero_checksum: peer_can.zero_checksum && config.zero_checksum,
            ..peer_can
        };
        let ties = (context.random.next_u32().max(1), context.random.next_u32().max(1));
        Self {
            phase: Phase::Established,
            local,
            peer_tag: peer.tag,
            ties,
            //= rfc9260#5.1.1
            // The peer's limit on inbound streams bounds our outbound ones.
            outgoing_streams: config.streams.min(peer.inbound),
            incoming_streams: config.streams.min(peer.outbound),
            peer_can,
            queue: SendQueue::new(config.scheduler, peer_can.interleaving),
            outstanding: Outstanding::new(
                Tsn::initial(local.tsn),
                Self::data_header(peer_can.interleaving),
            ),
            congestion: controller(config, ties.0),
            pacer: Pacer::new(burst(config)),
            path: Path::new(config),
            rtt: Rtt::new(config),
            transmission: Transmission::new(config, peer.window),
            received: Received::new(Tsn::initial(peer.tsn)),
            inbound: Inbound::new(config.max_receive_message_size),
            announced: config.receive_buffer,
            owed: Owed::default(),
            heartbeat: Heartbeat::default(),
            //= rfc6525#4.1
            // Request numbers start at the initial TSNs.
            reset: Reset::new(local.tsn, peer.tsn),
            errors: 0,
            shutdowns: 0,
            timers: Timers::new(),
            stats: Stats::default(),
        }
    }

    /// The association is up: what runs from now on.
    pub(crate) fn start(&mut self, context: &mut Context<'_>) {
        self.schedule_heartbeat(context);
        self.start_path_mtu(context);
    }

    pub(crate) fn header(&self, config: &Config) -> Header {
        Header {
            source_port: config.local_port,
            destination_port: config.remote_port,
            tag: self.peer_tag,
        }
    }

    /// Free bytes of the receive buffer.
    pub(crate) fn window(&self, context: &Context<'_>) -> usize {
        let held = self.inbound.held().saturating_add(context.inbox.held());
        let free = context.config.receive_buffer.saturating_sub(held);
        //= rfc9260#6.2
        // A window too small for a full packet is announced as closed (silly window syndrome).
        if free < context.config.max_packet { 0 } else { free }
    }

    //= rfc9260#8.1
    // Too many timeouts in a row: the peer is gone.
    pub(crate) fn count_error(&mut self, context: &Context<'_>) -> Result<(), End> {
        self.errors = self.errors.saturating_add(1);
        if self.errors > context.config.max_retransmits {
            return Err(End::silent(CloseReason::Timeout));
        }
        Ok(())
    }

    /// Lets every timer that is due fire.
    pub(crate) fn run_timers(&mut self, context: &mut Context<'_>) -> Result<(), End> {
        while let Some(timer) = self.timers.expired(context.now) {
            match timer {
                Timer::T3 => self.t3_expired(context)?,
                Timer::Reorder => self.detect_losses(self.outstanding.flight(), context),
                // The packet goes out when output is polled.
                Timer::Pacing => {}
                Timer::PathMtu => self.path_mtu_timer(context),
                Timer::TailProbe => self.transmission.tail_probe = true,
                Timer::WindowProbe => self.transmission.window_probe = true,
                Timer::Sack => self.received.acknowledge_now(),
                Timer::Heartbeat => self.heartbeat_due(context),
                Timer::HeartbeatAnswer => self.heartbeat_unanswered(context)?,
                Timer::Reconfig => self.reset_timeout(context)?,
                Timer::T2Shutdown => self.shutdown_timeout(context)?,
                Timer::T5Guard => {
                    //= rfc9260#9.2
                    // The guard of the whole shutdown ends it with ABORT.
                    return Err(End {
                        reason: CloseReason::Timeout,
                        farewell: Farewell::Abort(Cause::UserInitiated),
                    });
                }
            }
        }
        Ok(())
    }

    pub(crate) fn snapshot(&self) -> Stats {
        Stats {
            messages_abandoned: self.queue.abandoned(),
            round_trip: self.rtt.smoothed(),
            rto: self.rtt.rto(),
            congestion_window: self.congestion.window(),
            pacing_rate: self.congestion.pacing_rate(self.rtt.smoothed()),
            packet_size: self.path.packet(),
            in_flight: self.outstanding.flight(),
            peer_window: self.transmission.peer_window,
            buffered: self.queue.buffered(),
            ..self.stats
        }
    }
}
