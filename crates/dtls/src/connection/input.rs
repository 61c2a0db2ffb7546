use std::ops::Range;

use bytes::Bytes;

use crate::connection::established::Established;
use crate::connection::{Connection, State};
use crate::handshake::v12::Keys;
use crate::handshake::{Failure, Step};
use crate::record::{Incoming, RecordLayer};
use crate::wire::Alert;
use crate::wire::alert::AlertMessage;
use crate::wire::handshake::HandshakeType;
use crate::wire::record::{ContentType, HEADER_LEN};
use crate::{CloseReason, Data, InputError, Role};

/// Room for so many ranges stays reserved.
const MAX_IDLE_RANGES: usize = 64;

impl Connection {
    /// Ranges into the last datagram mean nothing any more.
    pub(super) fn drop_unread(&mut self) {
        if !self.data.is_empty() {
            let before = self.data.len();
            self.data.retain(|data| matches!(data, Data::Held(_)));
            let unread = u64::try_from(before.saturating_sub(self.data.len())).unwrap_or(0);
            self.stats.data_unread = self.stats.data_unread.saturating_add(unread);
        }
        // A datagram of many tiny records leaves no memory behind.
        if self.data.capacity() > MAX_IDLE_RANGES {
            self.data.shrink_to(MAX_IDLE_RANGES);
        }
    }

    /// Handles each record of a datagram. One that is of no use does not spoil the others.
    pub(super) fn handle_datagram(&mut self, datagram: &mut [u8]) -> Result<(), InputError> {
        match self.state {
            State::Idle { .. } => return self.hold_datagram(datagram),
            State::Closed(_) => return Err(InputError::Closed),
            State::Handshake(_) | State::Established(_) => {}
        }
        let (mut at, mut used, mut error) = (0, false, None);
        while let Some(rest) = datagram.get_mut(at..) {
            if rest.is_empty() && at > 0 {
                break;
            }
            let (framed, len) = RecordLayer::frame(rest);
            let record = rest.get_mut(..len.unwrap_or_default()).unwrap_or_default();
            let handled = framed.and_then(|incoming| self.handle_record(incoming, record, at));
            match handled {
                Ok(()) => {
                    used = true;
                    self.stats.records_accepted = self.stats.records_accepted.saturating_add(1);
                }
                Err(why) => {
                    self.count(why);
                    error = error.or(Some(why));
                }
            }
            let Some(len) = len else { break };
            at = at.saturating_add(len);
        }
        match error {
            Some(error) if !used => Err(error),
            _ => Ok(()),
        }
    }

    /// Keeps a datagram that comes before we know our role: it may be the client's hello.
    fn hold_datagram(&mut self, datagram: &[u8]) -> Result<(), InputError> {
        let (framed, _) = RecordLayer::frame(datagram);
        let held = framed.and_then(|incoming| {
            if incoming.kind != ContentType::Handshake || incoming.header.epoch != 0 {
                return Err(InputError::Unexpected(incoming.header.kind));
            }
            self.hold(datagram)
        });
        held.inspect_err(|error| self.count(*error))
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), InputError> {
        if !self.held.push(bytes) {
            return Err(InputError::TooEarly { limit: self.held.limit() });
        }
        self.stats.records_held = self.stats.records_held.saturating_add(1);
        Ok(())
    }

    /// Handles what came before [`start`](Self::start).
    pub(super) fn handle_early_datagrams(&mut self) {
        for mut datagram in self.held.take() {
            // Whatever is wrong with it is counted.
            let _: Result<(), InputError> = self.handle_datagram(&mut datagram);
        }
    }

    /// Handles again what came too early: there are keys now, or the peer is verified.
    pub(super) fn handle_held_records(&mut self) {
        for mut record in self.held.take() {
            let (Ok(incoming), _) = RecordLayer::frame(&record) else { continue };
            if let Some(plaintext) = self.handle_protected(incoming, &mut record) {
                let bytes = Bytes::from(record);
                self.data.push_back(Data::Held(bytes.slice(plaintext)));
            }
        }
    }

    /// Like [`open_record`](Self::open_record); what is wrong is counted.
    fn handle_protected(&mut self, incoming: Incoming, record: &mut [u8]) -> Option<Range<usize>> {
        let opened = self.open_record(incoming, record);
        opened.inspect_err(|error| self.count(*error)).ok().flatten()
    }

    /// Handles one whole record that starts at offset `at` of the caller's datagram.
    fn handle_record(
        &mut self,
        incoming: Incoming,
        record: &mut [u8],
        at: usize,
    ) -> Result<(), InputError> {
        if incoming.header.epoch == 0 {
            let payload = record.get(HEADER_LEN..).unwrap_or_default();
            return self.handle_plain(incoming, payload);
        }
        if let Some(plaintext) = self.open_record(incoming, record)? {
            let range = at.saturating_add(plaintext.start)..at.saturating_add(plaintext.end);
            self.data.push_back(Data::InPlace(range));
        }
        Ok(())
    }

    /// A record of epoch 0: anybody can have written it.
    fn handle_plain(&mut self, incoming: Incoming, payload: &[u8]) -> Result<(), InputError> {
        let unexpected = Err(InputError::Unexpected(incoming.header.kind));
        let State::Handshake(handshake) = &mut self.state else {
            if incoming.kind == ContentType::Alert {
                self.stats.alerts_ignored = self.stats.alerts_ignored.saturating_add(1);
            }
            return Err(InputError::Epoch(0));
        };
        match incoming.kind {
            ContentType::Handshake => {
                let (config, clock, stats) = (&self.config, &self.clock, &mut self.stats);
                if !handshake.handle_record(payload, 0, config, clock, stats) {
                    return Err(InputError::Fragment);
                }
                self.advance();
                Ok(())
            }
            ContentType::ChangeCipherSpec if payload == [1] => Ok(()),
            ContentType::Alert => {
                let Ok(message) = AlertMessage::parse(payload) else { return unexpected };
                self.stats.alerts_ignored = self.stats.alerts_ignored.saturating_add(1);
                // Anybody can have sent it: by itself it ends nothing.
                let closing = message.alert == Alert::CLOSE_NOTIFY;
                if message.fatal || closing {
                    let reason = if closing {
                        CloseReason::PeerClosed
                    } else {
                        CloseReason::PeerAlert(message.alert)
                    };
                    handshake.doubt(reason, &self.config, &self.clock);
                }
                Ok(())
            }
            ContentType::ChangeCipherSpec | ContentType::ApplicationData => unexpected,
        }
    }

    /// A record of epoch 1. Returns where application data lies in it, if that is what it carries
    /// and its time has come.
    fn open_record(
        &mut self,
        incoming: Incoming,
        record: &mut [u8],
    ) -> Result<Option<Range<usize>>, InputError> {
        let is_data = incoming.kind == ContentType::ApplicationData;
        if matches!(self.state, State::Closed(_)) {
            return Err(InputError::Closed);
        }
        //= rfc6347#4.2.4
        // Data that overtakes the peer's Finished is kept, within bounds.
        if !self.records.can_read() || (is_data && !self.is_connected()) {
            self.hold(record)?;
            return Ok(None);
        }
        let payload = record.get_mut(HEADER_LEN..).unwrap_or_default();
        let opened = self.records.open(incoming.header, payload);
        if self.records.is_read_exhausted() {
            self.finish(CloseReason::KeysExhausted);
            return Err(InputError::NotAuthentic);
        }
        let plaintext = opened?;
        let bytes = payload.get(plaintext.clone()).unwrap_or_default();
        match incoming.kind {
            ContentType::ApplicationData => {
                let shift = |offset: usize| offset.saturating_add(HEADER_LEN);
                return Ok(Some(shift(plaintext.start)..shift(plaintext.end)));
            }
            ContentType::Alert => {
                let unexpected = InputError::Unexpected(incoming.header.kind);
                self.handle_alert(AlertMessage::parse(bytes).map_err(|_| unexpected)?);
            }
            ContentType::Handshake => self.handle_protected_handshake(bytes)?,
            ContentType::ChangeCipherSpec => {
                return Err(InputError::Unexpected(incoming.header.kind));
            }
        }
        Ok(None)
    }

    fn handle_protected_handshake(&mut self, payload: &[u8]) -> Result<(), InputError> {
        match &mut self.state {
            State::Handshake(handshake) => {
                let (config, clock, stats) = (&self.config, &self.clock, &mut self.stats);
                if !handshake.handle_record(payload, 1, config, clock, stats) {
                    return Err(InputError::Fragment);
                }
                self.advance();
                Ok(())
            }
            State::Established(established) => {
                let kind = payload.first().copied().map(HandshakeType::from_wire);
                if kind == Some(HandshakeType::Finished) {
                    if established.repeat(&self.clock) {
                        self.stats.flights_repeated = self.stats.flights_repeated.saturating_add(1);
                    }
                } else if established.refuses(&self.clock) {
                    //= rfc8827#6.5
                    // Renegotiation is refused.
                    let alert = AlertMessage { fatal: false, alert: Alert::NO_RENEGOTIATION };
                    self.alert.get_or_insert(alert);
                }
                Ok(())
            }
            State::Idle { .. } | State::Closed(_) => Err(InputError::Closed),
        }
    }

    /// Handles the messages that are complete and in turn.
    fn advance(&mut self) {
        while let State::Handshake(handshake) = &mut self.state {
            match handshake.step(&self.config, &self.clock, &mut self.stats) {
                Ok(None) => return,
                Ok(Some(step)) => self.apply(step),
                Err(failure) => self.finish(failure.reason()),
            }
        }
    }

    fn apply(&mut self, step: Step) {
        // A peer that is not the announced one hears nothing more of us.
        self.verify_peer();
        let State::Handshake(handshake) = &mut self.state else { return };
        let role = handshake.role();
        if let Some(outcome) = step.outcome {
            let idle = State::Closed(Some(role));
            let State::Handshake(handshake) = std::mem::replace(&mut self.state, idle) else {
                return;
            };
            let (certificate, flight) = handshake.into_remains();
            let certificate = certificate.unwrap_or_default();
            let mut established =
                Established::new(role, outcome.secrets, outcome.connected, certificate);
            established.keep(flight, self.config.linger, &self.clock);
            self.records.write_epoch = 1;
            self.state = State::Established(Box::new(established));
            self.verify_peer();
        }
        if let Some(keys) = step.keys {
            self.install(keys, role);
        }
    }

    fn install(&mut self, keys: Keys, role: Role) {
        let (write, read) = match role {
            Role::Client => (keys.client, keys.server),
            Role::Server => (keys.server, keys.client),
        };
        if let Err(error) = self.records.install(&*self.config.provider, write, read) {
            self.finish(Failure::Crypto(error).reason());
            return;
        }
        // A client's keys come with its ChangeCipherSpec; a server sends its own at the end.
        if role == Role::Client {
            self.records.write_epoch = 1;
        }
        self.handle_held_records();
    }

    /// Counts a record that was dropped.
    fn count(&mut self, error: InputError) {
        let counter = match error {
            InputError::NotARecord(_)
            | InputError::Truncated { .. }
            | InputError::Version(_)
            | InputError::TooLong { .. }
            | InputError::Unexpected(_) => &mut self.stats.records_malformed,
            InputError::Epoch(_) | InputError::Closed => &mut self.stats.records_wrong_epoch,
            InputError::Replayed(_) => &mut self.stats.records_replayed,
            InputError::NotAuthentic => &mut self.stats.records_not_authentic,
            InputError::TooEarly { .. } => &mut self.stats.records_overflowed,
            // Its fragments were counted.
            InputError::Fragment => return,
        };
        *counter = counter.saturating_add(1);
    }
}
