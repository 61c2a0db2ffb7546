use super::congestion::{Acked, Lost};
use super::losses::Losses;
use super::outstanding::{Progress, Sent};
use super::tcb::{Context, End, Tcb};
use super::transmit::burst;
use crate::event::Violation;
use crate::serial::Tsn;
use crate::timer::Timer;
use crate::wire::SackView;

/// The sender's side of a SACK ([RFC 9260 section 6.2.1]).
///
/// [RFC 9260 section 6.2.1]: https://www.rfc-editor.org/rfc/rfc9260#section-6.2.1
impl Tcb {
    pub(crate) fn sack(
        &mut self,
        sack: &SackView<'_>,
        context: &mut Context<'_>,
    ) -> Result<(), End> {
        let cumulative = self.outstanding.cumulative().near(sack.cumulative);
        //= rfc9260#6.2.1
        // i) A SACK from before the cumulative ack point is out of order and dropped.
        if cumulative < self.outstanding.cumulative() {
            return Ok(());
        }
        let highest = self.outstanding.next_tsn().previous();
        if cumulative > highest {
            return Err(End::violation(Violation::AcknowledgedUnsent));
        }
        if !blocks_are_sound(sack, cumulative, highest) {
            return Ok(());
        }
        let flight_before = self.outstanding.flight();
        let now = context.now;
        let mut progress = self.outstanding.acknowledge(cumulative, now, &mut self.queue);
        self.outstanding.acknowledge_gaps(sack.blocks(), now, &mut progress);
        //= rfc9260#6.2.1
        // ii) The window is what was announced less what is outstanding: the flight is
        // subtracted where the window is used.
        self.transmission.peer_window = usize::try_from(sack.window).unwrap_or(usize::MAX);
        self.transmission.heard = true;
        if sack.window > 0 {
            self.transmission.window_probes = 0;
        }
        self.measure(context);
        self.after_progress(progress, flight_before, context);
        self.check_tail_probe(sack);
        self.detect_losses(flight_before, context);
        self.forward_if_needed(context);
        self.transmission.burst = self.outstanding.flight().saturating_add(burst(context.config));
        self.arm_probes(context);
        self.reset_progress();
        self.shutdown_progress(context);
        Ok(())
    }

    /// The cumulative TSN of a SHUTDOWN acknowledges, too.
    pub(crate) fn shutdown_ack_point(
        &mut self,
        cumulative: u32,
        context: &mut Context<'_>,
    ) -> Result<(), End> {
        let cumulative = self.outstanding.cumulative().near(cumulative);
        if cumulative > self.outstanding.next_tsn().previous() {
            return Err(End::violation(Violation::AcknowledgedUnsent));
        }
        let flight_before = self.outstanding.flight();
        let progress = self.outstanding.acknowledge(cumulative, context.now, &mut self.queue);
        self.measure(context);
        self.after_progress(progress, flight_before, context);
        self.arm_probes(context);
        Ok(())
    }

    //= rfc9260#6.3.1
    // C4: one measurement per round trip, of a chunk that was sent once.
    fn measure(&mut self, context: &Context<'_>) {
        let Some((tsn, sent)) = self.transmission.timed else { return };
        let acked = tsn <= self.outstanding.cumulative()
            || self.outstanding.get(tsn).is_some_and(Sent::is_acked);
        if acked {
            self.rtt.measured(context.now.saturating_sub(sent));
            self.transmission.timed = None;
        }
    }

    fn after_progress(&mut self, progress: Progress, flight_before: usize, context: &Context<'_>) {
        if progress.bytes > 0 {
            let min = self.outstanding.rack().min();
            let delivery = self.outstanding.delivery();
            let total = delivery.total();
            let acked = Acked {
                now: context.now,
                bytes: progress.bytes,
                flight_before,
                flight: self.outstanding.flight(),
                cumulative_advanced: progress.cumulative_advanced,
                in_recovery: self.transmission.recovery_exit.is_some(),
                all: self.outstanding.is_empty(),
                rate: progress.newest.map(|newest| self.outstanding.delivery().rate(&newest, min)),
                round_trip: progress.newest.and_then(|newest| newest.round_trip(context.now)),
                smoothed: self.rtt.smoothed(),
                total,
            };
            self.congestion.acked(&acked);
            //= rfc9260#8.1
            // Acknowledged data clears the error counter.
            self.errors = 0;
            self.transmission.one_packet = false;
            self.path_mtu_confirmed();
        }
        //= rfc9260#6.2.1
        // iv) Reaching the exit point ends fast recovery.
        if self.transmission.recovery_exit.is_some_and(|exit| self.outstanding.cumulative() >= exit)
        {
            self.transmission.recovery_exit = None;
            self.outstanding.rack().recovered();
        }
        if progress.cumulative_advanced {
            self.rtt.progress();
            self.timers.stop(Timer::TailProbe);
            self.transmission.probe_spent = false;
            //= rfc9260#6.3.2
            // R3: acknowledging the earliest chunk restarts T3.
            self.timers.stop(Timer::T3);
        }
        if self.outstanding.in_flight() == 0 && self.outstanding.forward_to().is_none() {
            //= rfc9260#6.3.2
            // R2: with nothing outstanding T3 is off.
            self.timers.stop(Timer::T3);
        } else if progress.cumulative_advanced || progress.reneged {
            //= rfc9260#6.3.2
            // R4: data that is missing again needs the timer, too.
            self.start_t3(context);
        }
    }

    //= rfc8985#7.4.2
    // A probe that was acknowledged and not reported twice repaired a loss, which congestion
    // control has to hear of.
    fn check_tail_probe(&mut self, sack: &SackView<'_>) {
        if sack.has_duplicates() {
            self.transmission.probed = None;
            self.outstanding.duplicate_reported();
        }
        let Some(probed) = self.transmission.probed else { return };
        if probed > self.outstanding.cumulative() {
            return;
        }
        self.transmission.probed = None;
        let flight = self.outstanding.flight();
        let first = self.transmission.recovery_exit.is_none();
        self.congestion.lost(&Lost { bytes: 0, prior: 0, flight, first });
    }

    /// Declares lost what is overdue (RFC 8985), and looks again when the next chunk is.
    //= rfc9260#7.2.4
    // Losses are found by time instead of by counting reports; what follows is the same.
    pub(crate) fn detect_losses(&mut self, flight: usize, context: &Context<'_>) {
        let in_recovery = self.transmission.recovery_exit.is_some();
        let smoothed = self.rtt.smoothed().unwrap_or(self.rtt.rto());
        let overtaken = self.outstanding.gap_acked(3);
        let window = self.outstanding.rack().window(smoothed, in_recovery, overtaken);
        let losses = self.outstanding.detect_lost(context.now, window);
        match losses.again {
            Some(at) => self.timers.start(Timer::Reorder, at),
            None => self.timers.stop(Timer::Reorder),
        }
        if losses.chunks == 0 {
            return;
        }
        let Losses { bytes, prior, .. } = losses;
        //= rfc8985#9.3
        // Congestion control hears of the loss before anything is sent again.
        self.congestion.lost(&Lost { bytes, prior, flight, first: !in_recovery });
        if !in_recovery {
            self.transmission.recovery_exit = Some(self.outstanding.next_tsn().previous());
            //= rfc9260#7.2.4
            // The first packet of retransmissions does not wait for the window.
            self.transmission.fast_packet = true;
            self.stats.fast_recoveries = self.stats.fast_recoveries.saturating_add(1);
        }
        //= rfc3758#3.5
        // F5: a chunk given up instead of sent again was lost all the same.
        self.abandon_lost(context);
        if !self.outstanding.has_lost() {
            self.transmission.fast_packet = false;
        }
    }
}

/// Blocks ascend and stay within what was sent; anything else says nothing reliable.
fn blocks_are_sound(sack: &SackView<'_>, cumulative: Tsn, highest: Tsn) -> bool {
    let mut before = 0;
    sack.blocks().all(|(first, last)| {
        let sound = first > before && last >= first && cumulative.plus(u64::from(last)) <= highest;
        before = last;
        sound
    })
}
