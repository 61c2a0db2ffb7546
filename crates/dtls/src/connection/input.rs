use bytes::Bytes;

use crate::connection::established::Established;
use crate::connection::{Connection, State};
use crate::handshake::{Failure, Step};
use crate::record::{APPLICATION, Incoming, OpenError, Opened, PLAIN};
use crate::wire::Alert;
use crate::wire::ack::{Ack, RecordNumber};
use crate::wire::alert::{AlertMessage, FATAL, WARNING};
use crate::wire::record::ContentType;
use crate::{CloseReason, Data, InputError, Version, Violation};

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
            let framed = self.records.frame(rest);
            let record = rest.get_mut(..framed.len.unwrap_or_default()).unwrap_or_default();
            let handled = match framed.incoming {
                Ok(incoming) => self.handle_record(incoming, record, at),
                Err(why) => Err(why),
            };
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
            let Some(len) = framed.len else { break };
            at = at.saturating_add(len);
        }
        match error {
            Some(error) if !used => Err(error),
            _ => Ok(()),
        }
    }

    /// Keeps a datagram that comes before we know our role: it may be the client's hello.
    fn hold_datagram(&mut self, datagram: &[u8]) -> Result<(), InputError> {
        let held = match self.records.frame(datagram).incoming {
            Ok(Incoming::Classic { header, kind: ContentType::Handshake }) if header.epoch == 0 => {
                self.hold(datagram)
            }
            Ok(Incoming::Classic { header, .. }) => Err(InputError::Unexpected(header.kind)),
            Ok(Incoming::Unified(_)) => {
                let first = datagram.first().copied().unwrap_or_default();
                Err(InputError::NotARecord(first))
            }
            Err(error) => Err(error),
        };
        held.inspect_err(|error| self.count(*error))
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), InputError> {
        if !self.held.push(bytes) {
            return Err(InputError::TooEarly { limit: self.held.limit() });
        }
        self.stats.records_held = self.stats.records_held.saturating_add(1);
        Ok(())
    }

    /// Keeps application data until the peer is verified.
    fn hold_data(&mut self, bytes: &[u8]) -> Result<(), InputError> {
        if !self.unverified.push(bytes) {
            return Err(InputError::TooEarly { limit: self.unverified.limit() });
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

    /// Handles again what came before its keys.
    fn handle_held_records(&mut self) {
        for mut record in self.held.take() {
            let Ok(incoming) = self.records.frame(&record).incoming else { continue };
            let Ok(opened) = self.open(incoming, &mut record) else { continue };
            let Some(opened) = opened else { continue };
            let content = opened.content.clone();
            if opened.kind == ContentType::ApplicationData && self.is_connected() {
                let bytes = Bytes::from(record);
                self.data.push_back(Data::Held(bytes.slice(content)));
                continue;
            }
            let bytes = record.get(content).unwrap_or_default();
            if let Err(error) = self.handle_content(&opened, bytes) {
                self.count(error);
            }
        }
    }

    /// Hands out the application data that waited for the peer to be verified.
    pub(super) fn release_data(&mut self) {
        for bytes in self.unverified.take() {
            self.data.push_back(Data::Held(Bytes::from(bytes)));
        }
    }

    /// Handles one whole record that starts at offset `at` of the caller's datagram.
    fn handle_record(
        &mut self,
        incoming: Incoming,
        record: &mut [u8],
        at: usize,
    ) -> Result<(), InputError> {
        let Some(opened) = self.open(incoming, record)? else { return Ok(()) };
        let content = opened.content.clone();
        if opened.kind == ContentType::ApplicationData && self.is_connected() && opened.epoch > 0 {
            let range = at.saturating_add(content.start)..at.saturating_add(content.end);
            self.data.push_back(Data::InPlace(range));
            return Ok(());
        }
        let bytes = record.get(content).unwrap_or_default();
        if opened.epoch == PLAIN {
            self.handle_plain(&opened, bytes)
        } else {
            self.handle_content(&opened, bytes)
        }
    }

    /// Opens a record. `None`: it was kept for later, or ended the connection.
    fn open(
        &mut self,
        incoming: Incoming,
        record: &mut [u8],
    ) -> Result<Option<Opened>, InputError> {
        if matches!(self.state, State::Closed(_)) {
            return Err(InputError::Closed);
        }
        match self.records.open(incoming, record) {
            Ok(opened) => {
                if opened.epoch > PLAIN {
                    let expires = self.clock.after(self.config.linger);
                    self.records.note_reading(opened.epoch, expires);
                }
                Ok(Some(opened))
            }
            Err(OpenError::Dropped(error)) => {
                if self.records.is_read_exhausted() {
                    self.finish(CloseReason::KeysExhausted);
                }
                Err(error)
            }
            Err(OpenError::Violation(violation)) => {
                self.finish(CloseReason::PeerMisbehaved(violation));
                Ok(None)
            }
            //= rfc6347#4.2.4
            // What overtakes the messages that bring its keys is kept, within bounds.
            Err(OpenError::NoKeys) => match &self.state {
                State::Handshake(_) => self.hold(record).map(|()| None),
                State::Established(_) | State::Idle { .. } | State::Closed(_) => {
                    let epoch = self.records.newest_read().saturating_add(1);
                    Err(InputError::Epoch(epoch))
                }
            },
        }
    }

    /// A record of epoch 0: anybody can have written it.
    fn handle_plain(&mut self, opened: &Opened, payload: &[u8]) -> Result<(), InputError> {
        let kind = opened.kind;
        let unexpected = InputError::Unexpected(kind.to_wire());
        let State::Handshake(handshake) = &mut self.state else {
            if kind == ContentType::Alert {
                self.stats.alerts_ignored = self.stats.alerts_ignored.saturating_add(1);
            }
            return Err(InputError::Epoch(PLAIN));
        };
        let (config, clock, stats) = (&self.config, &self.clock, &mut self.stats);
        let suspicion = match kind {
            ContentType::Handshake => {
                let number = RecordNumber { epoch: PLAIN, sequence: opened.sequence };
                let handled = handshake.handle_record(payload, number, config, clock, stats);
                return self.conclude_handshake_record(handled);
            }
            ContentType::ChangeCipherSpec if payload == [1] => return Ok(()),
            ContentType::ChangeCipherSpec => Violation::ChangeCipherSpec,
            ContentType::Alert => match AlertMessage::parse(payload) {
                Ok(message) => {
                    self.doubt_alert(message);
                    return Ok(());
                }
                Err(_) => Violation::Alert,
            },
            ContentType::Ack => match Ack::parse(payload) {
                Ok(ack) => {
                    // In epoch 0 it leads to a suspicion at most.
                    let _ = handshake.handle_ack(ack, PLAIN, config, clock, stats);
                    return Ok(());
                }
                Err(_) => Violation::Ack,
            },
            ContentType::ApplicationData | ContentType::Tls12Cid => {
                Violation::UnexpectedRecord(kind.to_wire())
            }
        };
        handshake.suspect(CloseReason::PeerMisbehaved(suspicion), config, clock);
        Err(unexpected)
    }

    /// An alert that anybody can have sent: by itself it ends nothing.
    fn doubt_alert(&mut self, message: AlertMessage) {
        self.stats.alerts_ignored = self.stats.alerts_ignored.saturating_add(1);
        let State::Handshake(handshake) = &mut self.state else { return };
        let reason = if message.alert == Alert::CLOSE_NOTIFY {
            CloseReason::PeerClosed
        } else if message.level == WARNING {
            return;
        } else if message.level == FATAL {
            CloseReason::PeerAlert(message.alert)
        } else {
            CloseReason::PeerMisbehaved(Violation::AlertLevel(message.level))
        };
        handshake.doubt(reason, &self.config, &self.clock);
    }

    fn conclude_handshake_record(
        &mut self,
        handled: Result<bool, Failure>,
    ) -> Result<(), InputError> {
        match handled {
            Ok(used) => {
                self.advance();
                if used { Ok(()) } else { Err(InputError::Fragment) }
            }
            Err(failure) => {
                self.finish(failure.reason());
                Ok(())
            }
        }
    }

    /// What a protected record carried, unless that is application data for the caller.
    fn handle_content(&mut self, opened: &Opened, bytes: &[u8]) -> Result<(), InputError> {
        let (kind, epoch) = (opened.kind, opened.epoch);
        let is_13 = self.records.version() == Some(Version::Dtls13);
        let unexpected = CloseReason::PeerMisbehaved(Violation::UnexpectedRecord(kind.to_wire()));
        match kind {
            ContentType::ApplicationData if is_13 && epoch < APPLICATION => self.finish(unexpected),
            ContentType::ApplicationData => return self.hold_data(bytes),
            ContentType::Alert => match AlertMessage::parse(bytes) {
                Ok(message) => self.handle_alert(message),
                Err(_) => self.finish(CloseReason::PeerMisbehaved(Violation::Alert)),
            },
            ContentType::Handshake => {
                let number = RecordNumber { epoch, sequence: opened.sequence };
                return self.handle_protected_handshake(bytes, number);
            }
            ContentType::Ack if is_13 => {
                if let Err(reason) = self.handle_ack(bytes, epoch) {
                    self.finish(reason);
                }
            }
            ContentType::Ack | ContentType::ChangeCipherSpec | ContentType::Tls12Cid => {
                self.finish(unexpected);
            }
        }
        Ok(())
    }

    fn handle_protected_handshake(
        &mut self,
        payload: &[u8],
        number: RecordNumber,
    ) -> Result<(), InputError> {
        match &mut self.state {
            State::Handshake(handshake) => {
                let (config, clock, stats) = (&self.config, &self.clock, &mut self.stats);
                let handled = handshake.handle_record(payload, number, config, clock, stats);
                self.conclude_handshake_record(handled)
            }
            State::Established(established) if established.is_13() => {
                self.handle_post_handshake(payload, number)
            }
            State::Established(_) => self.handle_late_handshake(payload),
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

    fn apply(&mut self, mut step: Step) {
        if let Some(version) = step.version {
            self.records.set_version(version);
        }
        if let Some((own, peer)) = step.connection_ids.take() {
            self.records.set_connection_ids(own, peer);
        }
        self.records.send_limit = step.send_limit.unwrap_or(self.records.send_limit);
        self.records.receive_limit = step.receive_limit.unwrap_or(self.records.receive_limit);
        // A peer that is not the announced one hears nothing more of us.
        self.verify_peer();
        let State::Handshake(handshake) = &mut self.state else { return };
        let role = handshake.role();
        let new_keys = !step.read.is_empty();
        if let Err(error) = self.install(&step) {
            self.finish(CloseReason::Crypto(error));
            return;
        }
        if step.outcome.is_some() {
            let idle = State::Closed(Some(role));
            let State::Handshake(handshake) = std::mem::replace(&mut self.state, idle) else {
                return;
            };
            let Some(mut established) = Established::new(role, &mut step, handshake.into_remains())
            else {
                return;
            };
            established.settle(&self.config, &self.clock);
            self.records.expire_old_epochs(self.clock.after(self.config.linger));
            self.state = State::Established(Box::new(established));
            self.verify_peer();
        }
        if new_keys {
            self.handle_held_records();
        }
    }

    fn install(&mut self, step: &Step) -> Result<(), antiphon_crypto::CryptoError> {
        let provider = &*self.config.provider;
        for (epoch, keys) in &step.write {
            self.records.install_write(provider, *epoch, keys)?;
        }
        for (epoch, keys) in &step.read {
            self.records.install_read(provider, *epoch, keys)?;
        }
        self.records.write_epoch = step.write_epoch.unwrap_or(self.records.write_epoch);
        Ok(())
    }

    /// Counts a record that was dropped.
    fn count(&mut self, error: InputError) {
        let counter = match error {
            InputError::NotARecord(_)
            | InputError::Truncated { .. }
            | InputError::Version(_)
            | InputError::TooLong { .. }
            | InputError::ConnectionId
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
