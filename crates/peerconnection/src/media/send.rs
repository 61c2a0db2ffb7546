//! Our streams, and an RTP packet that goes out.

use std::collections::VecDeque;
use std::time::Duration;

use antiphon_rtcp::{NtpTime, SenderInfo};
use antiphon_rtp::{
    Element, ExtensionKind, Form, Header, PacketView, PacketWriter, Ssrc, WriteError, rtx,
};
use rand_chacha::ChaCha12Rng;
use rand_core::Rng;

use super::config::{Config, Format, Section};
use super::event::{Outgoing, SendError};
use super::history::History;
use super::receive::count;
use super::stats::RemoteInbound;
use crate::TransceiverId;

/// The sections in use, in the order of their transceivers.
#[derive(Debug, Default)]
pub(super) struct Streams(Vec<Stream>);

/// One section, and what we send in it.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) section: Section,
    /// Nothing came yet, or nothing comes any more.
    pub(super) muted: bool,
    pub(super) sender: Option<Sender>,
}

/// Our stream of a section. It outlives pauses, so that its sequence numbers go on.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) ssrc: Ssrc,
    pub(super) rtx_ssrc: Option<Ssrc>,
    sequence_number: u16,
    rtx_sequence_number: u16,
    timestamp_offset: u32,
    /// The peer reported on the stream, so it knows which section it belongs to.
    pub(super) bound: bool,
    pub(super) history: History,
    /// Bytes of retransmissions that may go out: a half of what goes out the first time.
    budget: u64,
    last: Option<LastSent>,
    pub(super) counters: SendCounters,
    pub(super) remote: Option<RemoteInbound>,
    pub(super) key_frame_asked: Option<Duration>,
    /// Who sent the last FIR, and its number.
    pub(super) fir: Option<(u32, u8)>,
    /// Reports since the last packet.
    pub(super) quiet_reports: u8,
    pub(super) report_due: bool,
}

#[derive(Clone, Copy, Debug)]
struct LastSent {
    timestamp: u32,
    at: Duration,
    clock_rate: u32,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SendCounters {
    pub(super) packets: u64,
    pub(super) header_bytes: u64,
    pub(super) payload_bytes: u64,
    pub(super) resent_packets: u64,
    pub(super) resent_bytes: u64,
    pub(super) nacks: u64,
    pub(super) plis: u64,
    pub(super) firs: u64,
}

/// Retransmissions may run ahead of the media by so many bytes.
const MAX_BUDGET: u64 = 256 << 10;

impl Streams {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Stream> + Clone {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.0.iter_mut()
    }

    fn index(&self, transceiver: TransceiverId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&transceiver, |stream| stream.section.transceiver)
    }

    pub(super) fn get(&self, transceiver: TransceiverId) -> Option<&Stream> {
        self.0.get(self.index(transceiver).ok()?)
    }

    pub(super) fn get_mut(&mut self, transceiver: TransceiverId) -> Option<&mut Stream> {
        let index = self.index(transceiver).ok()?;
        self.0.get_mut(index)
    }

    /// The stream with this SSRC, or whose retransmissions have it.
    pub(super) fn by_ssrc(&self, ssrc: Ssrc) -> Option<&Stream> {
        self.0.iter().find(|stream| stream.sender.as_ref().is_some_and(|s| s.has(ssrc)))
    }

    pub(super) fn by_media_ssrc_mut(&mut self, ssrc: Ssrc) -> Option<(&Section, &mut Sender)> {
        self.0.iter_mut().find_map(|Stream { section, sender, .. }| {
            sender.as_mut().filter(|sender| sender.ssrc == ssrc).map(|sender| (&*section, sender))
        })
    }

    /// Drops the streams of sections that are not in use any more.
    pub(super) fn retire(&mut self, sections: &[Section], goodbyes: &mut VecDeque<Ssrc>) {
        self.0.retain(|stream| {
            let id = stream.section.transceiver;
            let used = sections.iter().any(|section| section.transceiver == id);
            if !used && let Some(sender) = &stream.sender {
                sender.say_goodbye(goodbyes);
            }
            used
        });
    }

    /// Takes over a section; a stream whose SSRC stays goes on.
    pub(super) fn configure(
        &mut self,
        section: Section,
        random: &mut ChaCha12Rng,
        config: &Config,
        goodbyes: &mut VecDeque<Ssrc>,
    ) {
        let index = match self.index(section.transceiver) {
            Ok(index) => index,
            Err(index) => {
                let stream = Stream { section: section.clone(), muted: true, sender: None };
                self.0.insert(index, stream);
                index
            }
        };
        let Some(stream) = self.0.get_mut(index) else {
            return;
        };
        if section.receive.is_none() {
            stream.muted = true;
        }
        if let Some(side) = &section.send {
            match &mut stream.sender {
                Some(sender) if sender.ssrc == side.ssrc => {
                    sender.rtx_ssrc = side.rtx_ssrc;
                    sender.bound &= stream.section.mid == section.mid;
                }
                other => {
                    if let Some(old) = other {
                        old.say_goodbye(goodbyes);
                    }
                    *other = Some(Sender::new(side.ssrc, side.rtx_ssrc, random, config));
                }
            }
        }
        stream.section = section;
    }
}

impl Stream {
    pub(super) fn send(
        &mut self,
        now: Duration,
        packet: &Outgoing<'_>,
        max_payload: usize,
        buf: &mut [u8],
    ) -> Result<usize, SendError> {
        let side = self.section.send.as_ref().ok_or(SendError::NotSending)?;
        let sender = self.sender.as_mut().ok_or(SendError::NotSending)?;
        let mut formats = side.formats.iter();
        let format = *formats
            .find(|format| format.payload_type == packet.payload_type)
            .ok_or(SendError::PayloadType(packet.payload_type))?;
        let len = packet.payload.len();
        if len > max_payload {
            return Err(SendError::PayloadTooLarge { len, limit: max_payload });
        }
        let len = sender.write(&self.section, packet, buf).map_err(|error| {
            if let WriteError::BufferTooSmall(small) = error {
                SendError::BufferTooSmall { need: small.need }
            } else {
                SendError::PayloadType(packet.payload_type)
            }
        })?;
        sender.sent(now, &format, packet, buf.get(..len).unwrap_or(&[]));
        Ok(len)
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.sender.as_ref()?.remote?.round_trip
    }

    /// The sender, if it may send at present.
    pub(super) fn active_sender(&self) -> Option<&Sender> {
        self.sender.as_ref().filter(|_| self.section.send.is_some())
    }

    /// Writes the retransmission of a packet; `None` if it is gone or may not be sent.
    pub(super) fn resend(&mut self, now: Duration, number: u16, buf: &mut [u8]) -> Option<usize> {
        let side = self.section.send.as_ref()?;
        let sender = self.sender.as_mut()?;
        let original = PacketView::parse(sender.history.packet(number, now)?).ok()?;
        let mut formats = side.formats.iter();
        let format = formats.find(|format| format.payload_type == original.payload_type())?;
        let stream = rtx::Stream {
            payload_type: format.rtx?,
            sequence_number: sender.rtx_sequence_number,
            ssrc: sender.rtx_ssrc?,
        };
        let payload = count(original.payload().len());
        //= rfc9143#15.1
        // Retransmissions always name their section: there are few, and each may be the first.
        let mid = mid_element(&self.section);
        let elements = mid.as_slice();
        let len = rtx::wrap(&original, &stream, Some((form(&self.section), elements)), buf).ok()?;
        sender.budget = sender.budget.checked_sub(count(len))?;
        sender.rtx_sequence_number = sender.rtx_sequence_number.wrapping_add(1);
        let counters = &mut sender.counters;
        counters.resent_packets = counters.resent_packets.saturating_add(1);
        counters.resent_bytes = counters.resent_bytes.saturating_add(payload);
        Some(len)
    }
}

impl Sender {
    fn new(ssrc: Ssrc, rtx_ssrc: Option<Ssrc>, random: &mut ChaCha12Rng, config: &Config) -> Self {
        //= rfc3550#5.1
        // Sequence numbers and timestamps begin at random; the former in the lower half, so that
        // the first packets may be lost without confusing SRTP (RFC 3711 section 3.3.1).
        let [a, b, c, d] = random.next_u32().to_be_bytes();
        Self {
            ssrc,
            rtx_ssrc,
            sequence_number: u16::from_be_bytes([a, b]) & 0x7fff,
            rtx_sequence_number: u16::from_be_bytes([c, d]) & 0x7fff,
            timestamp_offset: random.next_u32(),
            bound: false,
            history: History::new(config.history_bytes, config.history_packets),
            budget: MAX_BUDGET,
            last: None,
            counters: SendCounters::default(),
            remote: None,
            key_frame_asked: None,
            fir: None,
            quiet_reports: u8::MAX,
            report_due: false,
        }
    }

    fn has(&self, ssrc: Ssrc) -> bool {
        self.ssrc == ssrc || self.rtx_ssrc == Some(ssrc)
    }

    fn say_goodbye(&self, goodbyes: &mut VecDeque<Ssrc>) {
        if self.last.is_some() {
            goodbyes.push_back(self.ssrc);
            goodbyes.extend(self.rtx_ssrc.filter(|_| self.counters.resent_packets > 0));
        }
    }

    fn write(
        &self,
        section: &Section,
        packet: &Outgoing<'_>,
        buf: &mut [u8],
    ) -> Result<usize, WriteError> {
        let map = &section.extensions;
        let level = packet.audio_level.map(|level| [level.to_byte()]);
        let orientation = packet.orientation.map(|orientation| [orientation.to_byte()]);
        let with = |kind, value| map.id(kind).zip(value).map(|(id, value)| Element { id, value });
        //= rfc9143#15.1
        // A stream names its section until the peer has shown that it knows it.
        let mid = if self.bound { None } else { mid_element(section) };
        let level = with(ExtensionKind::AudioLevel, level.as_ref().map(<[u8; 1]>::as_slice));
        let orientation =
            with(ExtensionKind::VideoOrientation, orientation.as_ref().map(<[u8; 1]>::as_slice));
        let mut elements = [Element { id: 0, value: &[] }; 3];
        let mut used = 0_usize;
        let present = [mid, level, orientation].into_iter().flatten();
        for (slot, element) in elements.iter_mut().zip(present) {
            *slot = element;
            used = used.saturating_add(1);
        }
        let header = Header {
            payload_type: packet.payload_type,
            marker: packet.marker,
            sequence_number: self.sequence_number,
            timestamp: packet.timestamp.wrapping_add(self.timestamp_offset),
            ssrc: self.ssrc,
        };
        let mut writer = PacketWriter::new(buf, &header)?;
        writer.extensions(form(section), elements.get(..used).unwrap_or(&[]))?;
        writer.payload(packet.payload)?;
        Ok(writer.finish())
    }

    fn sent(&mut self, now: Duration, format: &Format, packet: &Outgoing<'_>, bytes: &[u8]) {
        if format.feedback.nack && format.rtx.is_some() && self.rtx_ssrc.is_some() {
            self.history.push(self.sequence_number, bytes, now);
        }
        self.sequence_number = self.sequence_number.wrapping_add(1);
        let timestamp = packet.timestamp.wrapping_add(self.timestamp_offset);
        self.last = Some(LastSent { timestamp, at: now, clock_rate: format.clock_rate });
        self.quiet_reports = 0;
        self.budget = self.budget.saturating_add(count(bytes.len() / 2)).min(MAX_BUDGET);
        let counters = &mut self.counters;
        let header = bytes.len().saturating_sub(packet.payload.len());
        counters.packets = counters.packets.saturating_add(1);
        counters.header_bytes = counters.header_bytes.saturating_add(count(header));
        counters.payload_bytes = counters.payload_bytes.saturating_add(count(packet.payload.len()));
    }

    /// What a sender report says; `None` before the first packet.
    pub(super) fn info(&self, now: Duration, ntp: NtpTime) -> Option<SenderInfo> {
        let last = self.last?;
        //= rfc3550#6.4.1
        // The RTP timestamp is that of the report's moment, not of the last packet.
        let since = now.saturating_sub(last.at).as_nanos() * u128::from(last.clock_rate);
        let since = u32::try_from((since / 1_000_000_000) & 0xffff_ffff).unwrap_or(0);
        let low = |number: u64| u32::try_from(number & 0xffff_ffff).unwrap_or(0);
        Some(SenderInfo {
            ssrc: self.ssrc.0,
            ntp,
            rtp_timestamp: last.timestamp.wrapping_add(since),
            packets: low(self.counters.packets),
            octets: low(self.counters.payload_bytes),
        })
    }
}

fn mid_element(section: &Section) -> Option<Element<'_>> {
    let id = section.extensions.id(ExtensionKind::Mid)?;
    let value = section.mid.as_bytes();
    (!value.is_empty() && value.len() <= 255).then_some(Element { id, value })
}

/// One form for all packets of a section, since not every peer takes both.
fn form(section: &Section) -> Form {
    let sent = [ExtensionKind::Mid, ExtensionKind::AudioLevel, ExtensionKind::VideoOrientation];
    let high = sent.into_iter().filter_map(|kind| section.extensions.id(kind)).any(|id| id > 14);
    let long = mid_element(section).is_some_and(|mid| mid.value.len() > 16);
    if high || long { Form::TwoByte } else { Form::OneByte }
}
