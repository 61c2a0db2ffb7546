use std::time::Duration;

use super::outstanding::{Outstanding, Sent};
use super::send_queue::Fragment;
use super::tcb::{Context, Phase, Tcb};
use crate::Config;
use crate::serial::Tsn;
use crate::timer::Timer;
use crate::wire::{DATA_HEADER, DataHeader, I_DATA_HEADER, PACKET_HEADER, PacketWriter};

/// The sender's state beside queue, ring and window (RFC 9260 section 6.1).
#[derive(Debug)]
pub(crate) struct Transmission {
    /// The window the peer announced last.
    pub(crate) peer_window: usize,
    /// Flight bytes up to which this burst may go.
    pub(crate) burst: usize,
    /// One packet of retransmissions may go out whatever the window says.
    pub(crate) fast_packet: bool,
    /// Fast recovery lasts until this TSN is acknowledged.
    pub(crate) recovery_exit: Option<Tsn>,
    /// The chunk whose acknowledgement measures the round trip.
    pub(crate) timed: Option<(Tsn, Duration)>,
    /// The last chunk is to be sent again, to hear of the tail.
    pub(crate) tail_probe: bool,
    /// The chunk that was, and not yet acknowledged.
    pub(crate) probed: Option<Tsn>,
    /// No further probe before something new is sent or acknowledged.
    pub(crate) probe_spent: bool,
    /// T3 has fired: one packet may be in flight until something is acknowledged.
    pub(crate) one_packet: bool,
    /// One chunk may go out although the peer's window is closed.
    pub(crate) window_probe: bool,
    /// Doublings of the window probe's interval.
    pub(crate) window_probes: u32,
    /// A SACK has come since T3 fired last.
    pub(crate) heard: bool,
    pub(crate) last_data: Duration,
    /// [`Event::Writable`](crate::Event::Writable) is owed once there is room.
    pub(crate) refused: bool,
}

impl Transmission {
    pub(crate) fn new(config: &Config, peer_window: u32) -> Self {
        Self {
            peer_window: usize::try_from(peer_window).unwrap_or(usize::MAX),
            burst: burst(config),
            fast_packet: false,
            recovery_exit: None,
            timed: None,
            tail_probe: false,
            probed: None,
            probe_spent: false,
            one_packet: false,
            window_probe: false,
            window_probes: 0,
            heard: false,
            last_data: Duration::ZERO,
            refused: false,
        }
    }
}

/// Bytes one burst may add to the flight.
pub(crate) fn burst(config: &Config) -> usize {
    config.chunk_room().saturating_mul(usize::from(config.max_burst))
}

/// Chunks in the ring at most: gap ack blocks have 16 bits (and RFC 9260 section 6.1 allows
/// 2^31 - 1 TSNs and 2^16 - 1 messages of a stream).
const MAX_OUTSTANDING: usize = 65_000;

/// A large message fills what is left of a packet only when that much is left.
const SMALLEST_SPLIT: usize = 256;

/// DATA goes out: what was lost first, then new.
impl Tcb {
    /// Bytes of a chunk before its payload.
    pub(crate) fn data_header(interleaving: bool) -> usize {
        if interleaving { I_DATA_HEADER } else { DATA_HEADER }
    }

    /// Largest payload of one chunk.
    fn fragment(&self) -> usize {
        let room = self.path.packet().saturating_sub(PACKET_HEADER) & !3;
        room.saturating_sub(Self::data_header(self.peer_can.interleaving))
    }

    /// Whether a packet with DATA would go out now.
    pub(crate) fn may_send_data(&mut self, context: &Context<'_>) -> bool {
        if !matches!(
            self.phase,
            Phase::Established | Phase::ShutdownPending | Phase::ShutdownReceived
        ) {
            return false;
        }
        self.abandon_expired(context);
        if self.transmission.tail_probe {
            return true;
        }
        let wanted = if self.outstanding.has_lost() {
            self.transmission.fast_packet || self.within_window()
        } else {
            self.may_send_new()
        };
        wanted && self.is_paced(context)
    }

    /// Whether pacing lets a packet out; if not, a timer tells when.
    fn is_paced(&mut self, context: &Context<'_>) -> bool {
        let rate = self.congestion.pacing_rate(self.rtt.smoothed());
        let packet = self.path.packet();
        let burst = packet.saturating_mul(usize::from(context.config.max_burst));
        match self.pacer.check(context.now, rate, (packet, burst)) {
            Ok(()) => {
                self.timers.stop(Timer::Pacing);
                true
            }
            Err(at) => {
                self.timers.start(Timer::Pacing, at);
                false
            }
        }
    }

    //= rfc9260#6.1
    // B: one packet may exceed the window; not after T3 (7.2.3), when there is only one.
    fn within_window(&self) -> bool {
        let flight = self.outstanding.flight();
        flight < self.congestion.window() && !(self.transmission.one_packet && flight > 0)
    }

    pub(crate) fn may_send_new(&self) -> bool {
        if self.queue.is_empty() || self.outstanding.len() >= MAX_OUTSTANDING {
            return false;
        }
        //= rfc9260#6.1
        // D: bursts are limited; by pacing, where there is a rate.
        let burst = self.outstanding.flight() < self.transmission.burst
            || self.congestion.pacing_rate(self.rtt.smoothed()).is_some();
        self.within_window() && burst && self.fits_peer()
    }

    //= rfc9260#6.1
    // A: nothing new is sent that the peer has no room for, but for window probes.
    pub(crate) fn fits_peer(&self) -> bool {
        let Some(next) = self.queue.peek() else { return false };
        let room = self.transmission.peer_window.saturating_sub(self.outstanding.flight_payload());
        next.len.min(SMALLEST_SPLIT) <= room || self.transmission.window_probe
    }

    /// Messages whose time ran out before they were sent, or in the middle of it.
    fn abandon_expired(&mut self, context: &Context<'_>) {
        while let Some(key) = self.queue.expired(context.now) {
            self.outstanding.abandon(key, &mut self.queue);
            self.forward_if_needed(context);
        }
    }

    /// Fills the packet with DATA: what was lost first, then new.
    pub(crate) fn write_data(&mut self, packet: &mut PacketWriter<'_>, context: &Context<'_>) {
        let before = packet.len();
        self.decay_when_idle(context);
        if self.transmission.tail_probe {
            self.write_tail_probe(packet, context);
        }
        //= rfc9260#6.1
        // C: what is marked for retransmission goes before anything new.
        let mut wrote = false;
        if self.transmission.fast_packet || self.within_window() {
            wrote = self.write_lost(packet, context);
        }
        if !self.outstanding.has_lost() && self.may_send_new() {
            wrote |= self.write_new(packet, context);
        }
        self.queue.packet_done();
        if wrote {
            self.transmission.last_data = context.now;
            self.start_t3(context);
            self.timers.stop(Timer::TailProbe);
            self.ask_for_answer(packet);
        }
        self.pacer.sent(packet.len().saturating_sub(before));
        self.note_idle_application();
        self.arm_probes(context);
        self.reset_progress();
    }

    /// What is delivered while nothing more waits says nothing about the path's rate.
    fn note_idle_application(&mut self) {
        let blocked = self.queue.is_empty() || !self.fits_peer();
        if blocked && self.within_window() && !self.outstanding.has_lost() {
            let flight = self.outstanding.flight();
            self.outstanding.delivery().idle_application(flight);
        }
    }

    fn decay_when_idle(&mut self, context: &Context<'_>) {
        if self.outstanding.is_empty() {
            let idle = context.now.saturating_sub(self.transmission.last_data);
            self.congestion.idle(idle, self.rtt.rto());
            self.transmission.burst = burst(context.config);
        }
    }

    /// Sends lost chunks again, in ascending order, as many as fit.
    fn write_lost(&mut self, packet: &mut PacketWriter<'_>, context: &Context<'_>) -> bool {
        let mut wrote = false;
        while let Some((tsn, sent)) = self.outstanding.first_lost() {
            if Outstanding::is_over(&sent, context.now, &self.queue) {
                self.outstanding.abandon(sent.key, &mut self.queue);
                self.forward_if_needed(context);
                continue;
            }
            if packet.is_empty() && self.outstanding.size(sent.len) > packet.room() {
                // From before the path's packets became smaller.
                packet.set_limit(usize::MAX);
            }
            if !self.write_again(packet, tsn, &sent) {
                break;
            }
            wrote = true;
            //= rfc9260#6.1
            // Retransmitting the earliest outstanding chunk restarts T3.
            if tsn == self.outstanding.cumulative().next() {
                self.timers.stop(Timer::T3);
            }
            self.outstanding.sent_again(tsn, context.now);
        }
        self.transmission.fast_packet = false;
        wrote
    }

    pub(crate) fn write_again(
        &mut self,
        packet: &mut PacketWriter<'_>,
        tsn: Tsn,
        sent: &Sent,
    ) -> bool {
        if self.outstanding.size(sent.len) > packet.room() || !self.write_chunk(packet, tsn, sent) {
            return false;
        }
        //= rfc9260#6.3.1
        // C5: what was sent twice measures nothing.
        if self.transmission.timed.is_some_and(|(timed, _)| timed >= tsn) {
            self.transmission.timed = None;
        }
        self.stats.chunks_retransmitted = self.stats.chunks_retransmitted.saturating_add(1);
        true
    }

    fn write_chunk(&self, packet: &mut PacketWriter<'_>, tsn: Tsn, sent: &Sent) -> bool {
        let Some(message) = self.queue.get(sent.key) else { return false };
        let range = sent.range();
        let ends = range.end == message.payload.len();
        let Some(payload) = message.payload.get(range) else { return false };
        DataHeader {
            unordered: !message.ordered,
            begins: sent.offset == 0,
            ends,
            tsn: tsn.wire(),
            stream: message.stream,
            ssn: message.ssn,
            fsn: sent.fsn,
            ppid: message.ppid,
        }
        .write(packet, payload, self.peer_can.interleaving)
    }

    /// Gives TSNs to new chunks, as many as fit and are allowed.
    fn write_new(&mut self, packet: &mut PacketWriter<'_>, context: &Context<'_>) -> bool {
        let mut wrote = false;
        while let Some(fragment) = self.next_fragment(packet, context) {
            let tsn = self.outstanding.next_tsn();
            let Fragment { key, offset, len } = fragment;
            let before = self.queue.get(key).map(|message| (message.fragments, message.last_tsn));
            self.queue.take(fragment, tsn);
            let sent =
                self.outstanding.push(key, offset, len, before.unwrap_or_default(), context.now);
            if !self.write_chunk(packet, tsn, &sent) {
                break;
            }
            if self.transmission.timed.is_none() {
                self.transmission.timed = Some((tsn, context.now));
            }
            if std::mem::take(&mut self.transmission.window_probe) {
                self.transmission.window_probes = self.transmission.window_probes.saturating_add(1);
            }
            self.transmission.probe_spent = false;
            self.stats.chunks_sent = self.stats.chunks_sent.saturating_add(1);
            wrote = true;
        }
        wrote
    }

    /// The next piece that fits the packet and the peer's window.
    fn next_fragment(
        &mut self,
        packet: &PacketWriter<'_>,
        context: &Context<'_>,
    ) -> Option<Fragment> {
        self.abandon_expired(context);
        if self.outstanding.len() >= MAX_OUTSTANDING {
            return None;
        }
        let mut fragment = self.queue.peek()?;
        let room = packet.room().checked_sub(Self::data_header(self.peer_can.interleaving))?;
        let whole = self.fragment();
        if fragment.len > room {
            // A message that fits a packet is not cut; a larger one fills packets.
            if room < SMALLEST_SPLIT || (fragment.offset == 0 && fragment.len <= whole) {
                return None;
            }
            fragment.len = room;
        }
        let peer = self.transmission.peer_window.saturating_sub(self.outstanding.flight_payload());
        (fragment.len <= peer || self.transmission.window_probe).then_some(fragment)
    }

    //= rfc7053#4
    // The last chunk for now, and one that fills a window, asks for an answer at once.
    fn ask_for_answer(&mut self, packet: &mut PacketWriter<'_>) {
        if self.outstanding.has_lost() || !self.may_send_new() {
            packet.add_flags(DataHeader::IMMEDIATE);
        }
    }

    /// Nothing is left to send or to be acknowledged.
    pub(crate) fn is_drained(&self) -> bool {
        self.queue.is_empty() && self.outstanding.is_empty()
    }
}
