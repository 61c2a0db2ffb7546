use super::received::Arrival;
use super::tcb::{Context, End, Tcb};
use crate::event::CloseReason;
use crate::wire::{Cause, Chunk, Reconfig, first_cause};

/// Hands the chunks of a packet to their procedures, in their order.
impl Tcb {
    pub(crate) fn packet<'a>(
        &mut self,
        chunks: impl Iterator<Item = Chunk<'a>>,
        context: &mut Context<'_>,
    ) -> Result<(), End> {
        self.stats.packets_received = self.stats.packets_received.saturating_add(1);
        let mut arrival = Arrival::default();
        for chunk in chunks {
            match self.chunk(chunk, &mut arrival, context) {
                Ok(true) => {}
                Ok(false) => break,
                Err(end) => return Err(end),
            }
        }
        self.packet_done(arrival, context);
        Ok(())
    }

    /// Returns whether the rest of the packet is worth reading.
    fn chunk(
        &mut self,
        chunk: Chunk<'_>,
        arrival: &mut Arrival,
        context: &mut Context<'_>,
    ) -> Result<bool, End> {
        match chunk {
            Chunk::Data(data) => self.data(&data, arrival, context)?,
            Chunk::Sack(sack) => self.sack(&sack, context)?,
            Chunk::ForwardTsn(forward) => self.forward_tsn(&forward, arrival, context)?,
            Chunk::Heartbeat(value) => self.heartbeat(value),
            Chunk::HeartbeatAck(value) => self.heartbeat_ack(value, context),
            Chunk::Reconfig(value) => self.reconfig(Reconfig(value), context)?,
            Chunk::Shutdown { cumulative } => self.peer_shuts_down(cumulative, context)?,
            Chunk::ShutdownAck => self.shutdown_acked()?,
            Chunk::ShutdownComplete { .. } => self.shutdown_complete()?,
            Chunk::Abort { causes, .. } => {
                let cause = first_cause(causes);
                return Err(End::silent(CloseReason::PeerAborted { cause }));
            }
            //= rfc9260#5.2.3
            // INIT ACK, and likewise COOKIE ACK (5.2.5), are late here and mean nothing.
            Chunk::InitAck(_) | Chunk::CookieAck | Chunk::CookieEcho(_) | Chunk::Error(_) => {}
            // An INIT is alone in its packet and never comes here.
            Chunk::Init(_) | Chunk::Pad => {}
            Chunk::Unknown(unknown) => {
                if unknown.wants_report() {
                    self.owed.error(Cause::unrecognized(unknown.raw));
                }
                return Ok(!unknown.stops_packet());
            }
            Chunk::Malformed(_) => return Ok(false),
        }
        Ok(true)
    }
}
