use std::time::Duration;

use super::outstanding::{Fate, Outstanding, Sent};
use super::send_queue::Fragment;
use super::tcb::{Context, End, Phase, Tcb};
use crate::Config;
use crate::serial::Tsn;
use crate::timer::Timer;
use crate::wire::{DATA_HEADER, DataHeader, PacketWriter};

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
    /// The chunk that was.
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
const MAX_OUTSTANDING: usize = 60_000;

/// A large message fills what is left of a packet only when that much is left.
const SMALLEST_SPLIT: usize = 256;

impl Tcb {
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
        if self.outstanding.has_lost() {
            return self.transmission.fast_packet || self.within_window();
        }
        self.may_send_new()
    }

    //= rfc9260#6.1
    // B: one packet may exceed the window; not after T3 (7.2.3), when there is only one.
    fn within_window(&self) -> bool {
        let flight = self.outstanding.flight();
        flight < self.congestion.window() && !(self.transmission.one_packet && flight > 0)
    }

    fn may_send_new(&self) -> bool {
        if self.queue.is_empty() || self.outstanding.len() >= MAX_OUTSTANDING {
            return false;
        }
        //= rfc9260#6.1
        // D: bursts are limited.
        self.within_window()
            && self.outstanding.flight() < self.transmission.burst
            && self.fits_peer()
    }

    //= rfc9260#6.1
    // A: nothing new is sent that the peer has no room for, but for window probes.
    fn fits_peer(&self) -> bool {
        let Some(next) = self.queue.peek() else { return false };
        let room = self.transmission.peer_window.saturating_sub(self.outstanding.flight_payload());
        next.len.min(SMALLEST_SPLIT) <= room || self.transmission.window_probe
    }

    /// Messages whose time ran out before they were sent, or in the middle of it.
    fn abandon_expired(&mut self, context: &Context<'_>) {
        while let Some(key) = self.queue.expired(context.now) {
            self.outstanding.abandon(None, key, context.now, &mut self.queue);
            self.forward_if_needed(context);
        }
    }

    /// Fills the packet with DATA: what was lost first, then new.
    pub(crate) fn write_data(&mut self, packet: &mut PacketWriter<'_>, context: &Context<'_>) {
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
        if wrote {
            self.transmission.last_data = context.now;
            self.start_t3(context);
            self.timers.stop(Timer::TailProbe);
            self.ask_for_answer(packet);
        }
        self.arm_probes(context);
        self.reset_progress();
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

    fn write_again(&mut self, packet: &mut PacketWriter<'_>, tsn: Tsn, sent: &Sent) -> bool {
        if sent.size() > packet.room() || !self.write_chunk(packet, tsn, sent) {
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
        let end = sent.offset.saturating_add(sent.len);
        let Some(payload) = message.payload.get(sent.offset..end) else { return false };
        DataHeader {
            unordered: !message.ordered,
            begins: sent.offset == 0,
            ends: end == message.payload.len(),
            tsn: tsn.wire(),
            stream: message.stream,
            ssn: message.ssn,
            ppid: message.ppid,
        }
        .write(packet, payload)
    }

    /// Sends the last chunk in flight once more: its acknowledgement says what else is missing.
    fn write_tail_probe(&mut self, packet: &mut PacketWriter<'_>, context: &Context<'_>) {
        self.transmission.tail_probe = false;
        let Some((tsn, sent)) = self.outstanding.last_in_flight() else { return };
        if self.write_again(packet, tsn, &sent) {
            packet.add_flags(DataHeader::IMMEDIATE);
            self.outstanding.sent_again(tsn, context.now);
            self.transmission.probed = Some(tsn);
            self.transmission.probe_spent = true;
        }
    }

    /// Gives TSNs to new chunks, as many as fit and are allowed.
    fn write_new(&mut self, packet: &mut PacketWriter<'_>, context: &Context<'_>) -> bool {
        let mut wrote = false;
        while let Some(fragment) = self.next_fragment(packet, context) {
            let tsn = self.outstanding.next_tsn();
            self.queue.take(fragment);
            let Fragment { key, offset, len } = fragment;
            self.outstanding.push(key, offset, len, context.now);
            let Some(sent) = self.outstanding.get(tsn).copied() else { break };
            if !self.write_chunk(packet, tsn, &sent) {
                break;
            }
            if self.transmission.timed.is_none() {
                self.transmission.timed = Some((tsn, context.now));
            }
            if std::mem::take(&mut self.transmission.window_probe) {
                self.transmission.window_probes = self.transmission.window_probes.saturating_add(1);
            }
            self.transmission.probed = None;
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
        let room = packet.room().checked_sub(DATA_HEADER)?;
        let whole = context.config.fragment();
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

    //= rfc9260#6.3.2
    // R1: T3 runs whenever something is in flight.
    pub(crate) fn start_t3(&mut self, context: &Context<'_>) {
        if !self.timers.is_running(Timer::T3) {
            self.timers.start(Timer::T3, context.now.saturating_add(self.rtt.rto()));
        }
    }

    /// Starts the probe that fits the present state, if any.
    pub(crate) fn arm_probes(&mut self, context: &Context<'_>) {
        let blocked = self.outstanding.in_flight() == 0
            && !self.outstanding.has_lost()
            && !self.queue.is_empty()
            && !self.fits_peer();
        if blocked {
            //= rfc9260#6.1
            // The first window probe follows after an RTO, the others at doubling intervals.
            if !self.timers.is_running(Timer::WindowProbe) {
                let backoff = 1_u32 << self.transmission.window_probes.min(16);
                let wait = self.rtt.rto().saturating_mul(backoff).min(context.config.rto_max);
                self.timers.start(Timer::WindowProbe, context.now.saturating_add(wait));
            }
        } else {
            self.timers.stop(Timer::WindowProbe);
        }
        self.arm_tail_probe(context);
    }

    fn arm_tail_probe(&mut self, context: &Context<'_>) {
        let wanted = self.outstanding.in_flight() > 0
            && !self.transmission.probe_spent
            && !self.transmission.tail_probe
            && !self.outstanding.has_lost()
            && !self.may_send_new()
            && self.tail_may_be_probed();
        if !wanted {
            self.timers.stop(Timer::TailProbe);
        } else if !self.timers.is_running(Timer::TailProbe)
            && let Some(round_trip) = self.rtt.smoothed()
            && let Some(t3) = self.timers.at(Timer::T3)
        {
            let at = context.now.saturating_add((round_trip * 2).max(MIN_PROBE));
            if at < t3 {
                self.timers.start(Timer::TailProbe, at);
            }
        }
    }

    /// A message that may be sent once only is not sent again to probe.
    fn tail_may_be_probed(&self) -> bool {
        self.outstanding.last_in_flight().is_some_and(|(_, mut sent)| {
            sent.fate = Fate::Lost;
            !Outstanding::is_over(&sent, Duration::ZERO, &self.queue)
        })
    }

    //= rfc9260#6.3.3
    // E1 and E2: the window closes to one packet and the timeout doubles. E3: everything is
    // marked for retransmission; the window lets one packet go.
    pub(crate) fn t3_expired(&mut self, context: &mut Context<'_>) -> Result<(), End> {
        self.stats.timeouts = self.stats.timeouts.saturating_add(1);
        let probing = self.transmission.peer_window == 0 && self.transmission.heard;
        self.rtt.back_off();
        //= rfc9260#6.1
        // While SACKs keep coming from a closed window, probes are no errors.
        if !probing {
            self.congestion.timed_out();
            self.transmission.one_packet = true;
            if self.outstanding.in_flight() > 0 || self.owes_forward() {
                self.count_error(context)?;
            }
        }
        self.transmission.heard = false;
        self.transmission.recovery_exit = None;
        self.transmission.timed = None;
        self.transmission.probed = None;
        self.transmission.probe_spent = true;
        self.transmission.tail_probe = false;
        self.timers.stop(Timer::TailProbe);
        self.outstanding.lose_everything();
        self.transmission.burst = burst(context.config);
        self.abandon_lost(context);
        //= rfc3758#3.5
        // A5: a timeout is an occasion to move the advanced point and to repeat FORWARD TSN.
        if self.outstanding.forward_to().is_some() {
            self.owed.forward_tsn = true;
        }
        Ok(())
    }

    fn owes_forward(&self) -> bool {
        self.outstanding.forward_to().is_some()
    }

    /// Gives up the lost chunks whose messages have reached their limit.
    pub(crate) fn abandon_lost(&mut self, context: &Context<'_>) {
        let mut nth = 0;
        while nth < self.outstanding.lost_len() {
            if let Some((tsn, sent)) = self.outstanding.nth_lost(nth)
                && Outstanding::is_over(&sent, context.now, &self.queue)
            {
                self.outstanding.abandon(Some(tsn), sent.key, context.now, &mut self.queue);
            }
            nth += 1;
        }
        self.forward_if_needed(context);
    }

    /// Nothing is left to send or to be acknowledged.
    pub(crate) fn is_drained(&self) -> bool {
        self.queue.is_empty() && self.outstanding.is_empty()
    }
}

/// A tail probe waits at least this long.
const MIN_PROBE: Duration = Duration::from_millis(10);
