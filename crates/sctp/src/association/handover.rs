use std::time::{Duration, Instant};

use super::send_queue::StreamNumbers;
use super::tcb::{Identity, Phase, Tcb};
use super::{Association, State};
use crate::serial::Ssn;
use crate::wire::{Capabilities, Init};
use crate::{Config, HandoverError};

/// The layout of [`Association::export`].
const VERSION: u8 = 1;

/// A live association changes hands: from one process or machine to another, unnoticed by the peer.
///
/// ```text
/// version 1, capabilities 1, ports 2 + 2, tags 4 + 4, tie tags 4 + 4
/// next TSN 4, cumulative TSN received 4, request numbers 4 + 4
/// streams out 2, in 2, peer's window 4, round trip and variation in microseconds 8 + 8
/// count 4, then stream 2, next number 8, next unordered number 8
/// count 4, then stream 2, next number expected 8
/// ```
impl Association {
    /// Writes a live association down, at a quiet moment: nothing queued or unacknowledged, nothing
    /// received and not taken, no request under way. This one must not be used any more.
    ///
    /// The bytes are for [`import`](Self::import) of the same version of this crate and hold no
    /// keys, but whoever knows them can speak for us.
    ///
    /// # Errors
    ///
    /// Says what stands in the way; try again later.
    pub fn export(&self) -> Result<Vec<u8>, HandoverError> {
        let State::Open(tcb) = &self.state else { return Err(HandoverError::NotConnected) };
        if tcb.phase != Phase::Established {
            return Err(HandoverError::NotConnected);
        }
        let (chunks, buffered) = (tcb.outstanding.len(), tcb.queue.buffered());
        if chunks > 0 || !tcb.queue.keeps_nothing() {
            return Err(HandoverError::Sending { chunks, buffered });
        }
        let held = tcb.inbound.held().saturating_add(self.inbox.held());
        if !tcb.inbound.is_empty() || !tcb.received.gaps().is_empty() || held > 0 {
            return Err(HandoverError::Receiving { held });
        }
        if !tcb.reset.is_quiet() || !self.inbox.is_empty() || !self.replies.is_empty() {
            return Err(HandoverError::Busy);
        }
        Ok(self.write(tcb))
    }

    fn write(&self, tcb: &Tcb) -> Vec<u8> {
        let mut out = Writer::default();
        out.put(&[VERSION, tcb.peer_can.to_byte()]);
        out.u16(self.config.local_port).u16(self.config.remote_port);
        out.u32(tcb.local.tag).u32(tcb.peer_tag).u32(tcb.ties.0).u32(tcb.ties.1);
        out.u32(tcb.outstanding.next_tsn().wire()).u32(tcb.received.cumulative().wire());
        let (next_request, expected) = tcb.reset.numbers();
        out.u32(next_request).u32(expected);
        out.u16(tcb.outgoing_streams).u16(tcb.incoming_streams);
        out.u32(u32::try_from(tcb.transmission.peer_window).unwrap_or(u32::MAX));
        let (smoothed, jitter) = tcb.rtt.parts().unwrap_or_default();
        out.micros(smoothed).micros(jitter);
        let used: Vec<StreamNumbers> = tcb
            .queue
            .numbers()
            .filter(|numbers| (numbers.next, numbers.next_unordered) != (Ssn::MIN, Ssn::MIN))
            .collect();
        out.count(used.len());
        for StreamNumbers { stream, next, next_unordered } in used {
            out.u16(stream).u64(next.whole()).u64(next_unordered.whole());
        }
        let used: Vec<(u16, Ssn)> =
            tcb.inbound.numbers().filter(|(_, next)| *next != Ssn::MIN).collect();
        out.count(used.len());
        for (stream, next) in used {
            out.u16(stream).u64(next.whole());
        }
        out.0
    }

    /// Takes over what [`export`](Self::export) wrote. The association is established, without an
    /// event; thresholds, priorities and weights have to be set again.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the bytes.
    pub fn import(
        config: Config,
        seed: [u8; 32],
        now: Instant,
        bytes: &[u8],
    ) -> Result<Self, HandoverError> {
        let mut from = Reader { bytes, at: 0 };
        let [found, capabilities] = from.array()?;
        if found != VERSION {
            return Err(HandoverError::Version { found, known: VERSION });
        }
        let mut config = config;
        config.local_port = from.u16()?;
        config.remote_port = from.u16()?;
        let mut association = Self::new(config, seed, now);
        let (local_tag, peer_tag) = (from.u32()?, from.u32()?);
        let ties = (from.u32()?, from.u32()?);
        let (next_tsn, cumulative) = (from.u32()?, from.u32()?);
        let (next_request, expected) = (from.u32()?, from.u32()?);
        let (outgoing, incoming) = (from.u16()?, from.u16()?);
        if local_tag == 0 || peer_tag == 0 || outgoing == 0 || incoming == 0 {
            return Err(HandoverError::Malformed { at: from.at });
        }
        let peer = Init {
            tag: peer_tag,
            window: from.u32()?,
            outbound: incoming,
            inbound: outgoing,
            tsn: cumulative.wrapping_add(1),
        };
        let (smoothed, jitter) = (from.micros()?, from.micros()?);
        // What both had agreed on holds, whatever the options are now.
        let can = Capabilities::from_byte(capabilities);
        association.config.interleaving = can.interleaving;
        association.config.zero_checksum = can.zero_checksum || association.config.zero_checksum;
        association.config.streams = association.config.streams.max(outgoing).max(incoming);
        let (state, mut context) = association.split();
        let local = Identity { tag: local_tag, tsn: next_tsn };
        let mut tcb = Tcb::new(local, peer, can, &mut context);
        tcb.ties = ties;
        tcb.reset.set_numbers(next_request, expected);
        if smoothed > Duration::ZERO {
            tcb.rtt.set_parts(smoothed, jitter);
        }
        for _ in 0..from.count(outgoing)? {
            let stream = from.stream(outgoing)?;
            let (next, next_unordered) =
                (Ssn::from_whole(from.u64()?), Ssn::from_whole(from.u64()?));
            tcb.queue.set_numbers(StreamNumbers { stream, next, next_unordered });
        }
        for _ in 0..from.count(incoming)? {
            let stream = from.stream(incoming)?;
            tcb.inbound.set_number(stream, Ssn::from_whole(from.u64()?));
        }
        if from.at != bytes.len() {
            return Err(HandoverError::Malformed { at: from.at });
        }
        tcb.start(&mut context);
        *state = State::Open(Box::new(tcb));
        Ok(association)
    }
}

#[derive(Debug, Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    fn micros(&mut self, time: Duration) -> &mut Self {
        self.u64(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
    }

    fn count(&mut self, count: usize) -> &mut Self {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX))
    }
}

#[derive(Debug)]
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], HandoverError> {
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        let array = rest.first_chunk::<N>().ok_or(HandoverError::Malformed { at: self.at })?;
        self.at = self.at.saturating_add(N);
        Ok(*array)
    }

    fn u16(&mut self) -> Result<u16, HandoverError> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, HandoverError> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, HandoverError> {
        self.array().map(u64::from_be_bytes)
    }

    fn micros(&mut self) -> Result<Duration, HandoverError> {
        self.u64().map(Duration::from_micros)
    }

    /// How many entries follow; not more than there are streams.
    fn count(&mut self, streams: u16) -> Result<u32, HandoverError> {
        let at = self.at;
        self.u32().and_then(|count| {
            let fits = count <= u32::from(streams);
            fits.then_some(count).ok_or(HandoverError::Malformed { at })
        })
    }

    fn stream(&mut self, streams: u16) -> Result<u16, HandoverError> {
        let at = self.at;
        self.u16().and_then(|stream| {
            (stream < streams).then_some(stream).ok_or(HandoverError::Malformed { at })
        })
    }
}
