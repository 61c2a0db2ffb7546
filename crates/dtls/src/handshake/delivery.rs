use std::time::Duration;

use crate::clock::Clock;
use crate::handshake::acks::Acks;
use crate::handshake::flight::{Flight, Item};
use crate::handshake::reassembly::{Inserted, Reassembly};
use crate::record::{APPLICATION, RecordLayer};
use crate::timer::{RetransmissionTimer, initial_wait};
use crate::wire::ack::{self, Ack, RecordNumber};
use crate::wire::cursor::Reader;
use crate::wire::handshake::FragmentHeader;
use crate::wire::record::ContentType;
use crate::wire::{DTLS_1_2, ParseError};
use crate::{Config, Stats, Version, Violation};

/// After so many retransmissions without an answer the path may not carry what was assumed.
const EXPIRATIONS_BEFORE_SHRINKING: u32 = 3;

/// What datagrams shrink to: the least that every host takes (576 bytes with IPv4), without the
/// headers of IP and UDP.
const SMALL_MTU: usize = 548;

/// An acknowledgement waits for this part of a retransmission's wait (RFC 9147 section 7.1).
const ACK_PART: u32 = 4;

/// Carries handshake messages both ways: puts the peer's together, sends ours, sends them again,
/// acknowledges and is acknowledged. It outlives the handshake, for what comes after it.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) reassembly: Reassembly,
    pub(crate) flight: Flight,
    pub(crate) timer: RetransmissionTimer,
    pub(crate) acks: Acks,
    /// The peer's message that follows the flight which ours answers.
    boundary: u32,
    round_trip: Option<Duration>,
    version: Option<Version>,
    /// Whether our flight waits for an answer, and is not the last one of DTLS 1.2.
    awaits_answer: bool,
}

/// What became of one fragment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Taken {
    /// It belongs to a message whose turn is still to come.
    New,
    /// Its message was handled before.
    Old,
    /// It says nothing.
    Empty,
    /// It is dropped.
    Refused,
    /// It contradicts itself or others.
    Wrong(Violation),
}

/// What became of a record with handshake messages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Received {
    /// Some of it was of use.
    pub(crate) used: bool,
    /// Some of it belongs to messages whose turn is still to come.
    pub(crate) new: bool,
    /// All of it was taken, so it may be acknowledged.
    pub(crate) complete: bool,
    /// Something was wrong with it.
    pub(crate) wrong: Option<Violation>,
}

impl Received {
    pub(crate) fn nothing_yet() -> Self {
        Self { complete: true, ..Self::default() }
    }

    pub(crate) fn add(&mut self, taken: Taken, stats: &mut Stats) {
        match taken {
            Taken::New => (self.used, self.new) = (true, true),
            Taken::Old => self.used = true,
            Taken::Empty => stats.fragments_dropped = stats.fragments_dropped.saturating_add(1),
            Taken::Refused | Taken::Wrong(_) => {
                stats.fragments_dropped = stats.fragments_dropped.saturating_add(1);
                self.complete = false;
                if let Taken::Wrong(violation) = taken {
                    self.wrong = self.wrong.or(Some(violation));
                }
            }
        }
    }
}

/// The fragments in a record, up to the first that cannot be read.
pub(crate) fn fragments(
    payload: &[u8],
) -> impl Iterator<Item = Result<(FragmentHeader, &[u8]), ParseError>> {
    let mut reader = Reader::new(payload);
    let mut failed = payload.is_empty();
    let mut empty = failed;
    std::iter::from_fn(move || {
        if std::mem::take(&mut empty) {
            return Some(Err(ParseError::Truncated { need: 1, have: 0 }));
        }
        if failed || reader.is_empty() {
            return None;
        }
        let fragment = FragmentHeader::read(&mut reader)
            .and_then(|header| Ok((header, reader.take(header.fragment_len)?)));
        failed = fragment.is_err();
        Some(fragment)
    })
}

/// What time did to our flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    Nothing,
    /// The peer does not answer any more.
    GiveUp,
}

impl Delivery {
    pub(crate) fn new(config: &Config, round_trip: Option<Duration>) -> Self {
        let initial = initial_wait(config.initial_timeout, round_trip);
        Self {
            reassembly: Reassembly::new(config.max_handshake_bytes),
            flight: Flight::default(),
            timer: RetransmissionTimer::new(initial, config.max_timeout),
            acks: Acks::default(),
            boundary: 0,
            round_trip,
            version: None,
            awaits_answer: false,
        }
    }

    pub(crate) fn set_round_trip(&mut self, round_trip: Duration, config: &Config) {
        self.round_trip = Some(round_trip);
        self.adjust_timer(config);
    }

    /// The first wait follows the configuration and the round trip, as they are now.
    pub(crate) fn adjust_timer(&mut self, config: &Config) {
        if self.timer.expirations == 0 {
            self.timer.adjust(initial_wait(config.initial_timeout, self.round_trip));
        }
    }

    pub(crate) fn set_version(&mut self, version: Version) {
        self.version = Some(version);
    }

    pub(crate) fn is_13(&self) -> bool {
        self.version == Some(Version::Dtls13)
    }

    /// Sends a new flight.
    pub(crate) fn send(&mut self, items: Vec<Item>, config: &Config) {
        let burst = if self.is_13() { config.max_burst_records.max(1) } else { usize::MAX };
        self.flight = Flight::new(items, burst);
        self.boundary = self.reassembly.next_seq();
        self.awaits_answer = true;
        self.timer.reset(initial_wait(config.initial_timeout, self.round_trip));
    }

    /// Nobody answers our flight, which is the last one of DTLS 1.2.
    pub(crate) fn expect_no_answer(&mut self) {
        self.awaits_answer = false;
        self.timer.stop();
    }

    /// All of our flight arrived.
    pub(crate) fn conclude(&mut self) {
        self.flight.clear();
        self.timer.stop();
        self.awaits_answer = false;
    }

    /// Our flight goes out again.
    pub(crate) fn repeat(&mut self, stats: &mut Stats) {
        self.timer.stop();
        self.flight.rewind();
        stats.flights_repeated = stats.flights_repeated.saturating_add(1);
    }

    /// Takes a fragment of a message whose turn is still to come.
    pub(crate) fn insert(&mut self, header: FragmentHeader, bytes: &[u8]) -> Taken {
        match self.reassembly.insert(header, bytes) {
            Inserted::Kept => Taken::New,
            Inserted::Empty => Taken::Empty,
            Inserted::Refused => Taken::Refused,
            Inserted::Malformed => Taken::Wrong(Violation::HandshakeRecord),
            Inserted::Contradiction => Taken::Wrong(Violation::FragmentMismatch),
        }
    }

    /// Whether the peer repeats the end of the flight that ours answers, and ours may be lost.
    pub(crate) fn repeats_flight(&self, header: FragmentHeader, clock: &Clock) -> bool {
        //= rfc6347#4.2.4
        // When the end of the peer's flight comes again, ours may be lost: it goes out again.
        header.is_last()
            && u32::from(header.message_seq).checked_add(1) == Some(self.boundary)
            && self.reassembly.next_seq() == self.boundary
            && self.timer.is_answer_lost(clock)
    }

    /// Remembers a record, to acknowledge it. `knew_version`: that it is 1.3 was known before.
    pub(crate) fn remember(&mut self, number: RecordNumber, knew_version: bool, clock: &Clock) {
        self.acks.push(number);
        if knew_version && self.is_13() {
            //= rfc9147#7.1
            // The rest of a flight gets a quarter of the wait to come.
            self.acks.schedule(clock.after(self.timer.wait() / ACK_PART));
        }
    }

    /// Acknowledges a record at once: what comes after the handshake is a flight of its own, and
    /// there is no rest to wait for. A peer does not use its new keys before.
    pub(crate) fn acknowledge(&mut self, number: RecordNumber) {
        //= rfc9147#7.1
        // A KeyUpdate that answers another one does not acknowledge it.
        self.acks.push(number);
        self.acks.hasten();
    }

    /// The peer's message answers our flight, so that arrived.
    pub(crate) fn acknowledge_implicitly(&mut self) {
        //= rfc9147#7.2
        // Any part of the answer acknowledges the whole flight.
        self.flight.clear();
        self.timer.stop();
    }

    /// Takes an acknowledgement. Says whether all of our flight has arrived now.
    pub(crate) fn handle_ack(
        &mut self,
        ack: Ack<'_>,
        epoch: u64,
        config: &Config,
        stats: &mut Stats,
    ) -> Result<bool, Violation> {
        //= rfc9147#7
        // In a handshake a record may not be acknowledged in an earlier epoch. Afterwards each
        // direction counts its epochs for itself.
        if epoch < APPLICATION && ack.numbers().any(|number| number.epoch > epoch) {
            return Err(Violation::Ack);
        }
        if self.flight.is_empty() {
            return Ok(false);
        }
        let mut news = false;
        for number in ack.numbers() {
            news |= self.flight.acknowledge(number);
        }
        if !news {
            return Ok(false);
        }
        stats.acks_received = stats.acks_received.saturating_add(1);
        if self.flight.is_done() {
            //= rfc9147#7.2
            // All retransmissions stop.
            self.conclude();
            return Ok(true);
        }
        self.flight.refill();
        if config.retransmit_on_partial_ack && !self.flight.is_pending() {
            //= rfc9147#7.2
            // What the peer does not name is sent again.
            self.repeat(stats);
        }
        Ok(false)
    }

    pub(crate) fn has_output(&self) -> bool {
        self.flight.is_pending() || self.acks.is_ready()
    }

    /// The longest datagram to send now.
    pub(crate) fn mtu(&self, config: &Config) -> usize {
        //= rfc6347#4.1.1.1
        // Repeated silence may mean that the datagrams are too long for the path.
        if self.timer.expirations >= EXPIRATIONS_BEFORE_SHRINKING {
            config.mtu.min(SMALL_MTU)
        } else {
            config.mtu
        }
    }

    /// Fills `buf` with an acknowledgement or the next part of our flight; the wait for an answer
    /// begins behind its end.
    pub(crate) fn write_datagram(
        &mut self,
        records: &mut RecordLayer,
        buf: &mut [u8],
        clock: &Clock,
        stats: &mut Stats,
    ) -> usize {
        if self.acks.is_ready() {
            stats.acks_sent = stats.acks_sent.saturating_add(1);
            return self.write_ack(records, buf);
        }
        let len = self.flight.write_datagram(records, buf);
        if !self.flight.is_pending() && self.awaits_answer {
            self.timer.start(clock.now());
        }
        len
    }

    fn write_ack(&mut self, records: &mut RecordLayer, buf: &mut [u8]) -> usize {
        let epoch = records.write_epoch;
        let room = records.room(epoch);
        let around = room.before.saturating_add(room.after).saturating_add(ack::PREFIX_LEN);
        let most = buf.len().saturating_sub(around) / ack::NUMBER_LEN;
        let body = ack::write(&self.acks.take(most));
        let len = room.before.saturating_add(body.len()).saturating_add(room.after);
        let written = buf.get_mut(..len).and_then(|record| {
            let end = room.before.saturating_add(body.len());
            record.get_mut(room.before..end)?.copy_from_slice(&body);
            records.write(ContentType::Ack, DTLS_1_2, epoch, record)
        });
        if written.is_some() { len } else { 0 }
    }

    /// Lets time pass.
    pub(crate) fn handle_timeout(
        &mut self,
        clock: &Clock,
        config: &Config,
        stats: &mut Stats,
    ) -> Expiry {
        self.acks.handle_timeout(clock.now());
        if self.timer.expire(clock) {
            if self.timer.expirations > config.max_retransmissions {
                return Expiry::GiveUp;
            }
            self.repeat(stats);
        }
        Expiry::Nothing
    }

    /// When a retransmission or an acknowledgement is due.
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        self.timer.deadline().into_iter().chain(self.acks.due()).min()
    }
}
