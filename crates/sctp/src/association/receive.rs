use super::received::{Arrival, Due, Novelty};
use super::tcb::{Context, End, Farewell, Phase, Tcb};
use crate::event::{CloseReason, Violation};
use crate::timer::Timer;
use crate::wire::{Cause, DataView, ForwardTsnView, PacketWriter, write_sack};

/// The receiver's side of DATA ([RFC 9260 section 6.2]) and FORWARD TSN ([RFC 3758 section 3.6]).
///
/// [RFC 9260 section 6.2]: https://www.rfc-editor.org/rfc/rfc9260#section-6.2
/// [RFC 3758 section 3.6]: https://www.rfc-editor.org/rfc/rfc3758#section-3.6
impl Tcb {
    pub(crate) fn data(
        &mut self,
        data: &DataView<'_>,
        arrival: &mut Arrival,
        context: &mut Context<'_>,
    ) -> Result<(), End> {
        if !matches!(self.phase, Phase::Established | Phase::ShutdownPending | Phase::ShutdownSent)
        {
            return Ok(());
        }
        //= rfc8260#2.2.3
        // DATA where I-DATA was agreed on, or the other way round, ends the association.
        if data.is_interleaved() != self.peer_can.interleaving {
            return Err(End::violation(Violation::NotNegotiated));
        }
        //= rfc9260#6.2
        // A chunk without data ends the association.
        if data.payload.is_empty() {
            return Err(End {
                reason: CloseReason::PeerMisbehaved(Violation::NoUserData),
                farewell: Farewell::Abort(Cause::NoUserData(data.tsn)),
            });
        }
        arrival.any = true;
        arrival.at_once |= data.immediate;
        let tsn = self.received.cumulative().near(data.tsn);
        match self.received.novelty(tsn) {
            Novelty::New => {}
            Novelty::Duplicate => {
                //= rfc9260#6.2
                // Duplicates are reported, and at once.
                self.received.duplicate(data.tsn);
                self.stats.duplicates_received = self.stats.duplicates_received.saturating_add(1);
                arrival.at_once = true;
                return Ok(());
            }
            Novelty::TooFar => {
                arrival.at_once = true;
                return Ok(());
            }
        }
        //= rfc9260#6.2
        // With a closed window what is new beyond the highest TSN is dropped, and a SACK sent.
        // What fills a gap is taken, within twice the buffer: nothing acknowledged is given up.
        let held = self.inbound.held().saturating_add(context.inbox.held());
        let full = if tsn > self.received.highest() {
            self.window(context) == 0
        } else {
            held >= context.config.receive_buffer.saturating_mul(2)
        };
        if full || !self.received.has_room(tsn) {
            arrival.at_once = true;
            return Ok(());
        }
        if data.is_interleaved() && self.inbound.is_held_back(tsn, data.stream) {
            // It belongs after a reset that waits for older data: it will come again.
            arrival.at_once = true;
            return Ok(());
        }
        let in_order = tsn == self.received.cumulative().next();
        if data.stream >= self.incoming_streams {
            //= rfc9260#6.5
            // A stream that does not exist: acknowledged, reported, dropped.
            self.owed.error(Cause::InvalidStream(data.stream));
        } else {
            self.inbound.insert(tsn, data, in_order, context.inbox).map_err(End::violation)?;
        }
        self.received.record(tsn);
        self.stats.chunks_received = self.stats.chunks_received.saturating_add(1);
        if self.inbound.is_deferring() {
            self.finish_deferred_reset(context);
        }
        Ok(())
    }

    pub(crate) fn forward_tsn(
        &mut self,
        forward: &ForwardTsnView<'_>,
        arrival: &mut Arrival,
        context: &mut Context<'_>,
    ) -> Result<(), End> {
        //= rfc8260#2.3.1
        // With I-DATA it is I-FORWARD-TSN, and never the other one.
        if !self.peer_can.forward_tsn || forward.interleaved != self.peer_can.interleaving {
            return Err(End::violation(Violation::NotNegotiated));
        }
        arrival.any = true;
        let cumulative = self.received.cumulative().near(forward.cumulative);
        //= rfc3758#3.6
        // One at or behind the cumulative TSN is out of date: it is answered and changes nothing.
        if cumulative <= self.received.cumulative() {
            arrival.at_once = true;
            return Ok(());
        }
        // Farther than any honest sender can be ahead: the window is 16 bits of TSNs.
        if cumulative.above(self.received.cumulative()) > u64::from(u16::MAX) {
            return Ok(());
        }
        self.received.forward(cumulative);
        self.inbound.forward(cumulative);
        for skipped in forward.skipped() {
            if skipped.stream < self.incoming_streams {
                self.inbound.skip(skipped, forward.interleaved, context.inbox);
            }
        }
        if self.inbound.is_deferring() {
            self.finish_deferred_reset(context);
        }
        Ok(())
    }

    /// After a packet: decides about the acknowledgement.
    pub(crate) fn packet_done(&mut self, arrival: Arrival, context: &Context<'_>) {
        self.received.packet_done(arrival);
        if arrival.any && self.phase == Phase::ShutdownSent {
            //= rfc9260#9.2
            // In SHUTDOWN-SENT each packet with data is answered by SHUTDOWN (and a SACK where
            // that cannot say everything), and T2 starts again.
            self.owed.shutdown = true;
            self.shutdowns = 0;
            self.start_t2(context);
        }
        match self.received.due() {
            Due::Later if !self.timers.is_running(Timer::Sack) => {
                let at = context.now.saturating_add(context.config.sack_delay);
                self.timers.start(Timer::Sack, at);
            }
            Due::No | Due::Now | Due::Later => {}
        }
    }

    /// The application has taken a message: perhaps the window is worth announcing again.
    //= rfc9260#6.2
    // An update goes out when the window has grown by a quarter of the buffer.
    pub(crate) fn window_opened(&mut self, context: &Context<'_>) {
        let quarter = context.config.receive_buffer / 4;
        if self.window(context) >= self.announced.saturating_add(quarter) {
            self.received.acknowledge_now();
        }
    }

    pub(crate) fn write_sack(&mut self, packet: &mut PacketWriter<'_>, context: &Context<'_>) {
        let window = self.window(context);
        let written = write_sack(
            packet,
            self.received.cumulative(),
            u32::try_from(window).unwrap_or(u32::MAX),
            self.received.gaps(),
            self.received.duplicates(),
        );
        if written {
            self.announced = window;
            self.received.acknowledged();
            self.timers.stop(Timer::Sack);
        }
    }
}
