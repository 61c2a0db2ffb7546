use super::received::Due;
use super::tcb::{Context, Tcb};
use crate::wire::{PacketWriter, write_cookie_ack, write_error, write_heartbeat_ack};

/// Puts packets together: control chunks first, then DATA ([RFC 9260 section 6.10]).
///
/// [RFC 9260 section 6.10]: https://www.rfc-editor.org/rfc/rfc9260#section-6.10
impl Tcb {
    /// Writes the next packet; `None` when there is nothing to send.
    pub(crate) fn write_packet(
        &mut self,
        buf: &mut [u8],
        context: &mut Context<'_>,
    ) -> Option<usize> {
        if let Some(size) = self.path.probe_due().filter(|_| !self.owed.cookie_ack) {
            let mut packet = self.new_packet(buf, context);
            self.write_path_probe(&mut packet, size, context);
            return Some(packet.finish());
        }
        if self.heartbeat.extra > 0 {
            let mut packet = self.new_packet(buf, context);
            self.write_extra_heartbeat(&mut packet, context);
            self.stats.packets_sent = self.stats.packets_sent.saturating_add(1);
            return Some(packet.finish());
        }
        let data = self.may_send_data(context);
        if !data && !self.owes_control() {
            return None;
        }
        let mut packet = self.new_packet(buf, context);
        self.write_control(&mut packet, data, context);
        if self.transmission.window_probe || data {
            self.write_data(&mut packet, context);
        }
        if packet.is_empty() {
            return None;
        }
        self.stats.packets_sent = self.stats.packets_sent.saturating_add(1);
        Some(packet.finish())
    }

    /// An empty packet of the size the path takes.
    fn new_packet<'b>(&self, buf: &'b mut [u8], context: &Context<'_>) -> PacketWriter<'b> {
        let mut packet = PacketWriter::new(buf, self.header(context.config));
        packet.set_limit(self.path.packet());
        //= rfc9653#5.2
        // Without a checksum where the peer has said that it takes such packets. INIT, COOKIE ECHO
        // and answers outside of an association are written elsewhere, and have one.
        if self.peer_can.zero_checksum {
            packet.leave_out_checksum();
        }
        packet
    }

    fn owes_control(&self) -> bool {
        let owed = &self.owed;
        self.received.due() == Due::Now
            || owed.cookie_ack
            || owed.heartbeat_ack.is_some()
            || !owed.errors.is_empty()
            || owed.forward_tsn
            || owed.shutdown
            || owed.shutdown_ack
            || self.heartbeat.due
            || self.reset.has_output()
    }

    fn write_control(
        &mut self,
        packet: &mut PacketWriter<'_>,
        data: bool,
        context: &mut Context<'_>,
    ) {
        //= rfc9260#5.1
        // COOKIE ACK is the first chunk of its packet.
        if self.owed.cookie_ack && write_cookie_ack(packet) {
            self.owed.cookie_ack = false;
        }
        //= rfc9260#6.1
        // An acknowledgement that is owed travels with data.
        let due = self.received.due();
        if due == Due::Now || (data && due == Due::Later) {
            self.write_sack(packet, context);
        }
        if let Some(info) = self.owed.heartbeat_ack.take()
            && !write_heartbeat_ack(packet, &info)
            && !packet.is_empty()
        {
            // It gets a packet of its own.
            self.owed.heartbeat_ack = Some(info);
        }
        while let Some(cause) = self.owed.errors.front() {
            if !write_error(packet, cause) {
                break;
            }
            self.owed.errors.pop_front();
        }
        if self.owed.forward_tsn {
            self.write_forward(packet, context);
        }
        if self.reset.has_output() {
            self.write_reconfig(packet, context);
        }
        if self.heartbeat.due {
            self.write_heartbeat(packet, context);
        }
        if self.owed.shutdown || self.owed.shutdown_ack {
            self.write_shutdown_chunks(packet);
        }
    }
}
