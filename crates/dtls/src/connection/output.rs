use crate::connection::{Connection, State};
use crate::handshake::Flight;
use crate::record::RecordLayer;
use crate::wire::DTLS_1_2;
use crate::wire::alert::{ALERT_LEN, AlertMessage};
use crate::wire::record::ContentType;
use crate::{BufferTooSmall, Transmit};

impl Connection {
    /// Alerts first, then the flight.
    pub(super) fn write_datagram(
        &mut self,
        buf: &mut [u8],
    ) -> Result<Option<Transmit>, BufferTooSmall> {
        if let Some(alert) = self.alert {
            return self.write_alert(alert, buf);
        }
        let len = match &mut self.state {
            State::Handshake(handshake) if handshake.has_output() => {
                let buf = budget(handshake.mtu(&self.config), buf)?;
                handshake.write_datagram(&mut self.records, buf, &self.clock)
            }
            State::Established(established) => {
                let pending = established.linger.as_mut().map(|linger| &mut linger.flight);
                let Some(flight) = pending.filter(|flight| Flight::is_pending(flight)) else {
                    return Ok(None);
                };
                flight.write_datagram(&mut self.records, budget(self.config.mtu, buf)?)
            }
            State::Idle { .. } | State::Handshake(_) | State::Closed(_) => return Ok(None),
        };
        Ok((len > 0).then_some(Transmit { len }))
    }

    fn write_alert(
        &mut self,
        alert: AlertMessage,
        buf: &mut [u8],
    ) -> Result<Option<Transmit>, BufferTooSmall> {
        let epoch = self.records.write_epoch;
        let len = RecordLayer::overhead(epoch).saturating_add(ALERT_LEN);
        let record = buf.get_mut(..len).ok_or(BufferTooSmall { need: len })?;
        let payload = record.get_mut(RecordLayer::before(epoch)..).unwrap_or_default();
        if let Some(bytes) = payload.first_chunk_mut::<ALERT_LEN>() {
            *bytes = alert.to_bytes();
        }
        self.alert = None;
        let written = self.records.write(ContentType::Alert, DTLS_1_2, epoch, record);
        if matches!(self.state, State::Closed(_)) {
            self.records.forget();
        }
        Ok(written.map(|()| Transmit { len }))
    }
}

/// The front of `buf` that a datagram may fill.
fn budget(mtu: usize, buf: &mut [u8]) -> Result<&mut [u8], BufferTooSmall> {
    buf.get_mut(..mtu).ok_or(BufferTooSmall { need: mtu })
}
