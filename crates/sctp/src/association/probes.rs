use std::time::Duration;

use super::outstanding::{Fate, Outstanding};
use super::tcb::{Context, End, Tcb};
use super::transmit::burst;
use crate::timer::Timer;
use crate::wire::{DataHeader, PacketWriter};

/// What happens when nothing is heard: T3 ([RFC 9260 section 6.3]), tail probes
/// ([RFC 8985 section 7]) and probes of a closed window.
///
/// [RFC 9260 section 6.3]: https://www.rfc-editor.org/rfc/rfc9260#section-6.3
/// [RFC 8985 section 7]: https://www.rfc-editor.org/rfc/rfc8985#section-7
impl Tcb {
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

    //= rfc8985#7.2
    // The probe is scheduled when everything there was has been sent, and before T3.
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
            && let Some(wait) = self.rtt.probe_timeout()
            && let Some(t3) = self.timers.at(Timer::T3)
        {
            let at = context.now.saturating_add(wait);
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

    //= rfc8985#7.3
    // The last chunk in flight goes out once more: its acknowledgement says what else is missing.
    pub(crate) fn write_tail_probe(
        &mut self,
        packet: &mut PacketWriter<'_>,
        context: &Context<'_>,
    ) {
        self.transmission.tail_probe = false;
        let Some((tsn, sent)) = self.outstanding.last_in_flight() else { return };
        if self.write_again(packet, tsn, &sent) {
            packet.add_flags(DataHeader::IMMEDIATE);
            self.outstanding.sent_again(tsn, context.now);
            self.transmission.probed = Some(tsn);
            self.transmission.probe_spent = true;
        }
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
            self.congestion.timed_out(context.now);
            self.transmission.one_packet = true;
            if self.outstanding.in_flight() > 0 || self.owes_forward() {
                self.count_error(context)?;
                self.ask_for_life();
                self.path_mtu_doubted(context);
            }
        }
        self.transmission.heard = false;
        self.transmission.recovery_exit = None;
        self.transmission.timed = None;
        self.transmission.probed = None;
        self.transmission.probe_spent = true;
        self.transmission.tail_probe = false;
        self.timers.stop(Timer::TailProbe);
        self.timers.stop(Timer::Reorder);
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

    /// Gives up what was declared lost of messages that have reached their limit.
    pub(crate) fn abandon_lost(&mut self, context: &Context<'_>) {
        while let Some(tsn) = self.outstanding.fresh.pop() {
            if let Some(sent) = self.outstanding.get(tsn).copied()
                && Outstanding::is_over(&sent, context.now, &self.queue)
            {
                self.outstanding.abandon(sent.key, &mut self.queue);
            }
        }
        self.forward_if_needed(context);
    }
}
