//! An RTP packet comes in.

use std::ops::Range;
use std::time::Duration;

use antiphon_rtp::{
    AudioLevel, ExtensionKind, ExtensionValue, PacketView, Ssrc, VideoOrientation, rtx,
};

use super::config::{Carries, Format};
use super::event::{Drop, Event, Packet};
use super::machine::Media;
use super::router::Routed;
use super::source::{Incoming, Repair, State};
use crate::TransceiverId;

/// What is taken out of a packet before it changes.
#[derive(Clone, Debug)]
struct Head {
    ssrc: Ssrc,
    payload_type: u8,
    marker: bool,
    sequence_number: u16,
    timestamp: u32,
    header_len: usize,
    payload: Range<usize>,
    audio_level: Option<AudioLevel>,
    orientation: Option<VideoOrientation>,
}

/// Where a packet belongs.
#[derive(Clone, Copy, Debug)]
struct Route {
    transceiver: TransceiverId,
    format: Format,
    carries: Carries,
}

impl Media {
    pub(super) fn receive(&mut self, now: Duration, packet: &mut [u8]) -> Result<Packet, Drop> {
        let view = PacketView::parse(packet)?;
        let head = self.head(&view);
        let route = self.find_route(&view, now)?;
        match route.carries {
            Carries::Media => self.receive_media(now, &head, route),
            Carries::Repair => self.receive_repair(now, packet, &head, route),
        }
    }

    fn head(&self, view: &PacketView<'_>) -> Head {
        let map = &self.router.extensions;
        let audio_level = match view.value(map, ExtensionKind::AudioLevel) {
            Some(ExtensionValue::AudioLevel(level)) => Some(level),
            _ => None,
        };
        let orientation = match view.value(map, ExtensionKind::VideoOrientation) {
            Some(ExtensionValue::VideoOrientation(orientation)) => Some(orientation),
            _ => None,
        };
        Head {
            ssrc: view.ssrc(),
            payload_type: view.payload_type(),
            marker: view.marker(),
            sequence_number: view.sequence_number(),
            timestamp: view.timestamp(),
            header_len: view.header_len(),
            payload: view.payload_range(),
            audio_level,
            orientation,
        }
    }

    fn find_route(&mut self, view: &PacketView<'_>, now: Duration) -> Result<Route, Drop> {
        let (ssrc, payload_type) = (view.ssrc(), view.payload_type());
        if self.is_ours(ssrc) {
            return Err(Drop::OwnSource);
        }
        let mid = match view.value(&self.router.extensions, ExtensionKind::Mid) {
            Some(ExtensionValue::Mid(mid)) => Some(mid),
            _ => None,
        };
        let routed = Routed { ssrc, mid, payload_type, sequence_number: view.sequence_number() };
        let source = self.router.route(&routed, now)?;
        source.last_seen = now;
        if let State::Departed { until } = source.state {
            // Packets that were under way when their source left do not bring it back.
            if until > now {
                return Err(Drop::Departed);
            }
            source.state = State::Silent;
            source.mid_place = None;
            source.sequence.renew();
        }
        let transceiver = source.transceiver;
        let stream = self.streams.get(transceiver).ok_or(Drop::NotReceiving)?;
        let side = stream.section.receive.as_ref().ok_or(Drop::NotReceiving)?;
        //= rfc9143#9.2
        // A payload type that the source's section does not have is not decoded.
        let (format, carries) = side.format(payload_type).ok_or(Drop::PayloadType(payload_type))?;
        Ok(Route { transceiver, format, carries })
    }

    fn receive_media(&mut self, now: Duration, head: &Head, route: Route) -> Result<Packet, Drop> {
        let source = self.router.source_mut(head.ssrc).ok_or(Drop::UnknownRepair)?;
        if matches!(source.state, State::Silent) {
            let incoming = Incoming::new(route.format, head.sequence_number);
            source.state = State::Media(Box::new(incoming));
        }
        let State::Media(incoming) = &mut source.state else {
            return Err(Drop::PayloadType(head.payload_type));
        };
        incoming.format = route.format;
        incoming.heard = true;
        let place = incoming.receive(&mut source.sequence, head.sequence_number, now);
        let (place, gap) = place.ok_or(Drop::Jump)?;
        if !incoming.window.insert(place) {
            incoming.counters.duplicates = incoming.counters.duplicates.saturating_add(1);
            return Err(Drop::Duplicate);
        }
        incoming.reception.set_clock_rate(route.format.clock_rate);
        incoming.reception.measure(head.timestamp, now);
        incoming.count(head.header_len, head.payload.len());
        if gap {
            self.timers.feedback_by(incoming.feedback_at(self.nack_interval));
        }
        self.heard(now, route.transceiver);
        Ok(head.packet(route, head.ssrc, head.sequence_number, place, false))
    }

    fn receive_repair(
        &mut self,
        now: Duration,
        packet: &mut [u8],
        head: &Head,
        route: Route,
    ) -> Result<Packet, Drop> {
        let original = packet.get(head.payload.clone()).and_then(<[u8]>::first_chunk::<2>);
        let &original = original.ok_or(Drop::Probe)?;
        let number = u16::from_be_bytes(original);
        let media = self.repaired(head.ssrc, route.transceiver, number)?;
        let source = self.router.source_mut(media).ok_or(Drop::UnknownRepair)?;
        let place = source.sequence.peek(number);
        let incoming = source.incoming_mut().ok_or(Drop::UnknownRepair)?;
        if incoming.window.is_far_ahead(place) {
            return Err(Drop::Jump);
        }
        incoming.nacks.arrived(place);
        if !incoming.window.insert(place) {
            incoming.counters.duplicates = incoming.counters.duplicates.saturating_add(1);
            return Err(Drop::Duplicate);
        }
        let counters = &mut incoming.counters;
        let len = head.payload.len().saturating_sub(rtx::OVERHEAD);
        counters.recovered_packets = counters.recovered_packets.saturating_add(1);
        counters.recovered_bytes = counters.recovered_bytes.saturating_add(count(len));
        incoming.count(head.header_len, len);
        let original = rtx::Original { payload_type: route.format.payload_type, ssrc: media };
        rtx::unwrap(packet, &original).map_err(|_| Drop::Probe)?;
        self.heard(now, route.transceiver);
        Ok(head.packet(route, media, number, place, true))
    }

    /// The source that a stream of retransmissions repairs.
    fn repaired(
        &mut self,
        repair: Ssrc,
        section: TransceiverId,
        number: u16,
    ) -> Result<Ssrc, Drop> {
        let state = &self.router.source(repair).ok_or(Drop::UnknownRepair)?.state;
        match state {
            State::Repair(Repair { media: Some(media) }) => return Ok(*media),
            State::Silent | State::Repair(Repair { media: None }) => {}
            State::Media(_) | State::Departed { .. } => return Err(Drop::UnknownRepair),
        }
        //= rfc4588#5.3
        // Nobody told which stream this one repairs: the one that waits for this packet, or the
        // only one there is.
        let media = self.waits_for(section, number).ok_or(Drop::UnknownRepair)?;
        if let Some(source) = self.router.source_mut(repair) {
            source.state = State::Repair(Repair { media: Some(media) });
        }
        Ok(media)
    }

    fn waits_for(&self, section: TransceiverId, number: u16) -> Option<Ssrc> {
        let (mut media, mut count) = (None, 0_usize);
        for source in self.router.sources().filter(|source| source.transceiver == section) {
            let Some(incoming) = source.incoming() else {
                continue;
            };
            if incoming.nacks.contains(source.sequence.peek(number)) {
                return Some(source.ssrc);
            }
            media = Some(source.ssrc);
            count = count.saturating_add(1);
        }
        media.filter(|_| count == 1)
    }

    /// A packet for a section came.
    fn heard(&mut self, now: Duration, transceiver: TransceiverId) {
        if let Some(stream) = self.streams.get_mut(transceiver)
            && stream.muted
        {
            stream.muted = false;
            self.events.push(Event::Unmuted(transceiver));
        }
        self.arm_report(now);
    }
}

impl Incoming {
    fn count(&mut self, header_len: usize, payload_len: usize) {
        let counters = &mut self.counters;
        counters.packets = counters.packets.saturating_add(1);
        counters.header_bytes = counters.header_bytes.saturating_add(count(header_len));
        counters.payload_bytes = counters.payload_bytes.saturating_add(count(payload_len));
    }
}

impl Head {
    fn packet(
        &self,
        route: Route,
        ssrc: Ssrc,
        sequence_number: u16,
        place: u64,
        recovered: bool,
    ) -> Packet {
        let skip = if recovered { rtx::OVERHEAD } else { 0 };
        Packet {
            transceiver: route.transceiver,
            ssrc,
            payload_type: route.format.payload_type,
            marker: self.marker,
            sequence_number,
            place,
            timestamp: self.timestamp,
            payload: self.payload.start.saturating_add(skip)..self.payload.end,
            recovered,
            audio_level: self.audio_level,
            orientation: self.orientation,
        }
    }
}

/// A length as a counter.
pub(super) fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
