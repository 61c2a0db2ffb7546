use super::tcb::{Context, End, Farewell, Phase, Tcb};
use crate::event::CloseReason;
use crate::timer::Timer;
use crate::wire::{PacketWriter, write_shutdown, write_shutdown_ack};

/// The graceful end ([RFC 9260 section 9.2]).
///
/// [RFC 9260 section 9.2]: https://www.rfc-editor.org/rfc/rfc9260#section-9.2
impl Tcb {
    /// Our side wants to end.
    pub(crate) fn shut_down(&mut self, context: &Context<'_>) {
        if self.phase != Phase::Established {
            return;
        }
        self.phase = Phase::ShutdownPending;
        //= rfc9260#9.2
        // The guard bounds the whole: five times RTO.Max.
        let guard = context.config.rto_max.saturating_mul(5);
        self.timers.start(Timer::T5Guard, context.now.saturating_add(guard));
        self.shutdown_progress(context);
    }

    /// Moves on once everything outstanding is acknowledged.
    pub(crate) fn shutdown_progress(&mut self, context: &Context<'_>) {
        if !self.is_drained() {
            return;
        }
        match self.phase {
            Phase::ShutdownPending => {
                self.phase = Phase::ShutdownSent;
                self.owed.shutdown = true;
                self.start_t2(context);
            }
            Phase::ShutdownReceived => self.send_shutdown_ack(context),
            Phase::Established | Phase::ShutdownSent | Phase::ShutdownAckSent => {}
        }
    }

    fn send_shutdown_ack(&mut self, context: &Context<'_>) {
        self.phase = Phase::ShutdownAckSent;
        self.owed.shutdown = false;
        self.owed.shutdown_ack = true;
        self.start_t2(context);
    }

    pub(crate) fn start_t2(&mut self, context: &Context<'_>) {
        self.timers.start(Timer::T2Shutdown, context.now.saturating_add(self.rtt.rto()));
    }

    //= rfc9260#9.2
    // SHUTDOWN and SHUTDOWN ACK are repeated, within the limit of retransmissions.
    pub(crate) fn shutdown_timeout(&mut self, context: &Context<'_>) -> Result<(), End> {
        self.shutdowns = self.shutdowns.saturating_add(1);
        if self.shutdowns > context.config.max_retransmits {
            return Err(End::silent(CloseReason::Timeout));
        }
        self.rtt.back_off();
        match self.phase {
            Phase::ShutdownSent => self.owed.shutdown = true,
            Phase::ShutdownAckSent => self.owed.shutdown_ack = true,
            Phase::Established | Phase::ShutdownPending | Phase::ShutdownReceived => return Ok(()),
        }
        self.start_t2(context);
        Ok(())
    }

    /// SHUTDOWN from the peer.
    pub(crate) fn peer_shuts_down(
        &mut self,
        cumulative: u32,
        context: &mut Context<'_>,
    ) -> Result<(), End> {
        self.shutdown_ack_point(cumulative, context)?;
        match self.phase {
            Phase::Established | Phase::ShutdownPending => {
                self.phase = Phase::ShutdownReceived;
                self.shutdown_progress(context);
            }
            Phase::ShutdownReceived => self.shutdown_progress(context),
            //= rfc9260#9.2
            // Both sides sent SHUTDOWN: answer at once.
            Phase::ShutdownSent => self.send_shutdown_ack(context),
            //= rfc9260#9.2
            // SHUTDOWN keeps being answered.
            Phase::ShutdownAckSent => self.owed.shutdown_ack = true,
        }
        Ok(())
    }

    /// SHUTDOWN ACK from the peer.
    pub(crate) fn shutdown_acked(&self) -> Result<(), End> {
        match self.phase {
            //= rfc9260#9.2
            // SHUTDOWN COMPLETE, and all record of the association goes.
            Phase::ShutdownSent | Phase::ShutdownAckSent => {
                Err(End { reason: self.end_reason(), farewell: Farewell::ShutdownComplete })
            }
            Phase::Established | Phase::ShutdownPending | Phase::ShutdownReceived => Ok(()),
        }
    }

    /// SHUTDOWN COMPLETE from the peer, whose tag has been checked.
    pub(crate) fn shutdown_complete(&self) -> Result<(), End> {
        if self.phase == Phase::ShutdownAckSent {
            return Err(End::silent(self.end_reason()));
        }
        Ok(())
    }

    /// Who began: the guard runs only where `shutdown` was called.
    fn end_reason(&self) -> CloseReason {
        if self.timers.is_running(Timer::T5Guard) {
            CloseReason::LocalShutdown
        } else {
            CloseReason::PeerShutdown
        }
    }

    pub(crate) fn write_shutdown_chunks(&mut self, packet: &mut PacketWriter<'_>) {
        if self.owed.shutdown && write_shutdown(packet, self.received.cumulative()) {
            self.owed.shutdown = false;
            if self.received.gaps().is_empty() && self.received.duplicates().is_empty() {
                //= rfc9260#9.2
                // SHUTDOWN acknowledges everything then: a SACK would say it again.
                self.received.acknowledged();
                self.timers.stop(Timer::Sack);
            }
        }
        if self.owed.shutdown_ack && write_shutdown_ack(packet) {
            self.owed.shutdown_ack = false;
        }
    }
}
