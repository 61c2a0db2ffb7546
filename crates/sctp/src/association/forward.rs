use super::tcb::{Context, Tcb};
use crate::wire::{PacketWriter, forward_capacity, write_forward_tsn};

/// The sender's side of FORWARD TSN ([RFC 3758 section 3.5]).
///
/// [RFC 3758 section 3.5]: https://www.rfc-editor.org/rfc/rfc3758#section-3.5
impl Tcb {
    //= rfc3758#3.5
    // C3: while the advanced point lies beyond what the peer has acknowledged, it is told; again
    // when the point moves, and when T3 fires, but not with each SACK.
    pub(crate) fn forward_if_needed(&mut self, context: &Context<'_>) {
        let before = self.outstanding.forward_to();
        self.outstanding.advance_point(&self.queue);
        let after = self.outstanding.forward_to();
        if after.is_some() && after != before {
            self.owed.forward_tsn = true;
        }
        if after.is_none() {
            self.owed.forward_tsn = false;
        } else {
            //= rfc3758#3.5
            // C5: some timer watches over it.
            self.start_t3(context);
        }
    }

    pub(crate) fn write_forward(&mut self, packet: &mut PacketWriter<'_>, context: &Context<'_>) {
        let interleaved = self.peer_can.interleaving;
        let most = forward_capacity(packet.room(), interleaved);
        self.outstanding.collect_skipped(&self.queue, most);
        let Some(cumulative) = self.outstanding.forward_to() else {
            self.owed.forward_tsn = false;
            return;
        };
        if write_forward_tsn(packet, cumulative, self.outstanding.skipped(), interleaved) {
            self.owed.forward_tsn = false;
            self.start_t3(context);
        }
    }
}
