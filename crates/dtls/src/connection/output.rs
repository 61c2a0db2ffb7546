use crate::connection::{Connection, State};
use crate::wire::DTLS_1_2;
use crate::wire::alert::{ALERT_LEN, AlertMessage};
use crate::wire::record::ContentType;
use crate::{BufferTooSmall, Transmit};

impl Connection {
    /// Alerts first, then what the handshake layer has to say.
    pub(super) fn write_datagram(
        &mut self,
        buf: &mut [u8],
    ) -> Result<Option<Transmit>, BufferTooSmall> {
        if let Some(alert) = self.alert {
            return self.write_alert(alert, buf);
        }
        self.renew_keys();
        let delivery = match &mut self.state {
            State::Handshake(handshake) => &mut handshake.delivery,
            State::Established(established) => &mut established.delivery,
            State::Idle { .. } | State::Closed(_) => return Ok(None),
        };
        if !delivery.has_output() {
            return Ok(None);
        }
        let need = delivery.mtu(&self.config);
        let buf = buf.get_mut(..need).ok_or(BufferTooSmall { need })?;
        let len = delivery.write_datagram(&mut self.records, buf, &self.clock, &mut self.stats);
        Ok((len > 0).then_some(Transmit { len }))
    }

    fn write_alert(
        &mut self,
        alert: AlertMessage,
        buf: &mut [u8],
    ) -> Result<Option<Transmit>, BufferTooSmall> {
        let epoch = self.records.write_epoch;
        let room = self.records.room(epoch);
        let end = room.before.saturating_add(ALERT_LEN);
        let len = end.saturating_add(room.after);
        let record = buf.get_mut(..len).ok_or(BufferTooSmall { need: len })?;
        if let Some(bytes) = record.get_mut(room.before..end) {
            bytes.copy_from_slice(&alert.to_bytes());
        }
        self.alert = None;
        let written = self.records.write(ContentType::Alert, DTLS_1_2, epoch, record);
        if matches!(self.state, State::Closed(_)) {
            self.records.forget();
        }
        Ok(written.map(|_| Transmit { len }))
    }
}
