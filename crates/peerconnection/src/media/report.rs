//! RTCP that goes out: reports ([RFC 3550 section 6]), feedback ([RFC 4585]), farewells.
//!
//! [RFC 3550 section 6]: https://www.rfc-editor.org/rfc/rfc3550#section-6
//! [RFC 4585]: https://www.rfc-editor.org/rfc/rfc4585

use std::time::Duration;

use antiphon_rtcp::{
    CompoundWriter, FirEntry, MAX_BLOCKS, ReportBlock, SdesItem, SdesKind, SenderInfo, WriteError,
};
use antiphon_rtp::Ssrc;

use super::config::Section;
use super::machine::Media;
use super::output::MAX_COMPOUND;
use super::send::Stream;
use super::source::{Incoming, Source};

/// Report blocks per compound packet: what leaves room for a report of each of our streams.
const BLOCKS: usize = 24;
/// Streams that say goodbye in one packet.
const GOODBYES: usize = 31;
/// A NACK's head, and one pair.
const SMALLEST_NACK: usize = 16;
const PAIR: usize = 4;

impl Media {
    /// Writes a report if one is due, or the rest of one.
    pub(super) fn write_due_report(&mut self, now: Duration, buf: &mut [u8]) -> Option<usize> {
        if self.timers.report? > now {
            return None;
        }
        if !self.timers.reporting {
            self.begin_report();
        }
        let len = self.write_report(now, buf);
        let rest = self.streams.iter().any(|s| s.sender.as_ref().is_some_and(|s| s.report_due))
            || self.router.sources().any(|s| s.incoming().is_some_and(|i| i.report_due));
        // A compound packet always holds something of what is due, so this comes to an end.
        if len.is_none() || !rest {
            self.timers.reporting = false;
            self.timers.report = len.map(|_| now.saturating_add(self.report_interval()));
        }
        len
    }

    fn begin_report(&mut self) {
        self.timers.reporting = true;
        for incoming in self.router.sources_mut().filter_map(Source::incoming_mut) {
            //= rfc3550#6.4
            // A block for each source that was heard since the last report.
            incoming.report_due = std::mem::take(&mut incoming.heard);
        }
        for stream in self.streams.iter_mut() {
            let sends = stream.section.send.is_some();
            if let Some(sender) = &mut stream.sender {
                //= rfc3550#6.3.8
                // Who sent nothing for two intervals is no sender any more.
                sender.report_due = sends && sender.quiet_reports < 2;
                sender.quiet_reports = sender.quiet_reports.saturating_add(1);
            }
        }
    }

    /// Writes one compound packet of what is due; `None` if nothing is.
    fn write_report(&mut self, now: Duration, buf: &mut [u8]) -> Option<usize> {
        let mut blocks = [ReportBlock::default(); MAX_BLOCKS];
        let mut count = 0_usize;
        let due = self.router.sources_mut().filter_map(|source| {
            let ssrc = source.ssrc;
            source.incoming_mut().filter(|i| i.report_due).map(|incoming| (ssrc, incoming))
        });
        for (slot, (ssrc, incoming)) in blocks.iter_mut().take(BLOCKS).zip(due) {
            *slot = incoming.report_block(ssrc, now);
            incoming.report_due = false;
            count = count.saturating_add(1);
        }
        let blocks = blocks.get(..count).unwrap_or(&[]);
        let ntp = self.ntp(now);
        let mut writer = CompoundWriter::new(buf.get_mut(..MAX_COMPOUND)?);
        for stream in self.streams.iter_mut() {
            let (section, sender) = (&stream.section, stream.sender.as_mut());
            let Some(sender) = sender.filter(|sender| sender.report_due) else {
                continue;
            };
            let Some(info) = sender.info(now, ntp) else {
                sender.report_due = false;
                continue;
            };
            let blocks = if writer.is_empty() { blocks } else { &[] };
            if write_sender(&mut writer, &info, blocks, &self.config.cname, section).is_err() {
                break;
            }
            sender.report_due = false;
        }
        if writer.is_empty() {
            if blocks.is_empty() {
                return None;
            }
            let ssrc = reporter(self.streams.iter(), self.fallback_ssrc);
            write_receiver(&mut writer, ssrc, blocks, &self.config.cname).ok()?;
        }
        self.compound_sent = true;
        Some(writer.finish())
    }

    /// Writes what was lost and is wanted, if that is due.
    pub(super) fn write_due_feedback(&mut self, now: Duration, buf: &mut [u8]) -> Option<usize> {
        if self.timers.feedback? > now {
            return None;
        }
        let interval = self.nack_interval;
        let ssrc = reporter(self.streams.iter(), self.fallback_ssrc);
        let mut writer = CompoundWriter::new(buf.get_mut(..MAX_COMPOUND)?);
        //= rfc5506#4
        // Reduced size only where it is negotiated, and after a whole compound packet.
        if !(self.reduced_size && self.compound_sent) {
            write_receiver(&mut writer, ssrc, &[], &self.config.cname).ok()?;
        }
        let head = writer.remaining();
        let mut next: Option<Duration> = None;
        for source in self.router.sources_mut() {
            let media = source.ssrc;
            if let Some(incoming) = source.incoming_mut() {
                incoming.write_feedback(&mut writer, ssrc, media, now, interval);
                next = next.into_iter().chain(incoming.feedback_at(interval)).min();
            }
        }
        self.timers.feedback = next;
        if writer.remaining() == head {
            return None;
        }
        self.compound_sent = true;
        Some(writer.finish())
    }

    /// Writes the farewell of streams that ended.
    pub(super) fn write_goodbye(&mut self, buf: &mut [u8]) -> Option<usize> {
        let first = *self.goodbyes.front()?;
        let mut sources = [0; GOODBYES];
        let mut count = 0_usize;
        for (slot, ssrc) in sources.iter_mut().zip(&self.goodbyes) {
            *slot = ssrc.0;
            count = count.saturating_add(1);
        }
        self.goodbyes.drain(..count);
        let mut writer = CompoundWriter::new(buf.get_mut(..MAX_COMPOUND)?);
        //= rfc3550#6.1
        // A farewell, too, comes in a compound packet with a report and a CNAME.
        write_receiver(&mut writer, first, &[], &self.config.cname).ok()?;
        writer.goodbye(sources.get(..count)?, b"").ok()?;
        Some(writer.finish())
    }
}

/// Who speaks for us: one of our streams if there is one that sent.
fn reporter<'s>(mut streams: impl Iterator<Item = &'s Stream>, fallback: Ssrc) -> Ssrc {
    let sent = |stream: &'s Stream| stream.active_sender().filter(|s| s.counters.packets > 0);
    streams.find_map(sent).map_or(fallback, |sender| sender.ssrc)
}

/// Adds a sender's report and description, or nothing.
fn write_sender(
    writer: &mut CompoundWriter<'_>,
    info: &SenderInfo,
    blocks: &[ReportBlock],
    cname: &str,
    section: &Section,
) -> Result<(), WriteError> {
    let items = [
        SdesItem { kind: SdesKind::CNAME, value: text(cname) },
        SdesItem { kind: SdesKind::MID, value: text(&section.mid) },
    ];
    let used = if section.mid.is_empty() { 1 } else { 2 };
    let items = items.get(..used).unwrap_or(&items);
    // 28 bytes of report, up to 19 of framing, and the texts.
    let texts = cname.len().saturating_add(section.mid.len());
    let need = blocks.len().saturating_mul(24).saturating_add(48).saturating_add(texts);
    if !writer.is_empty() && writer.remaining() < need {
        return Err(WriteError::Empty);
    }
    writer.sender_report(info, blocks)?;
    writer.source_description(info.ssrc, items)
}

/// Adds a receiver's report and its CNAME.
fn write_receiver(
    writer: &mut CompoundWriter<'_>,
    ssrc: Ssrc,
    blocks: &[ReportBlock],
    cname: &str,
) -> Result<(), WriteError> {
    writer.receiver_report(ssrc.0, blocks)?;
    let cname = [SdesItem { kind: SdesKind::CNAME, value: text(cname) }];
    writer.source_description(ssrc.0, &cname)
}

/// As much of a text as an item can hold.
fn text(text: &str) -> &[u8] {
    text.as_bytes().get(..255).unwrap_or(text.as_bytes())
}

impl Incoming {
    fn report_block(&mut self, ssrc: Ssrc, now: Duration) -> ReportBlock {
        let report = self.reception.report();
        let block = ReportBlock {
            ssrc: ssrc.0,
            fraction_lost: report.fraction_lost,
            cumulative_lost: report.cumulative_lost,
            extended_sequence_number: report.extended_sequence_number,
            jitter: report.jitter,
            ..ReportBlock::default()
        };
        match self.last_sender_report(now) {
            Some((ntp, ago)) => block.with_last_sender_report(ntp, ago),
            None => block,
        }
    }

    /// Adds the feedback that is due, as far as there is room.
    fn write_feedback(
        &mut self,
        writer: &mut CompoundWriter<'_>,
        sender: Ssrc,
        media: Ssrc,
        now: Duration,
        interval: Duration,
    ) {
        if self.nacks.expire(now, interval) {
            self.want_key_frame();
        }
        if self.key_frame.wanted && self.key_frame_at() <= now {
            self.write_key_frame_request(writer, sender, media, now);
        }
        if writer.remaining() < SMALLEST_NACK {
            return;
        }
        let most = writer.remaining().saturating_sub(SMALLEST_NACK) / PAIR + 1;
        let count = self.nacks.due(now, interval).take(most).count();
        let numbers = self.nacks.due(now, interval).take(count);
        let numbers = numbers.map(|place| u16::try_from(place & 0xffff).unwrap_or(0));
        if writer.nack(sender.0, media.0, numbers).is_ok() {
            self.nacks.asked(now, interval, count);
            self.counters.nacks = self.counters.nacks.saturating_add(1);
        }
    }

    fn write_key_frame_request(
        &mut self,
        writer: &mut CompoundWriter<'_>,
        sender: Ssrc,
        media: Ssrc,
        now: Duration,
    ) {
        let number = self.key_frame.fir.wrapping_add(1);
        //= rfc5104#4.3.1.2
        // A lost picture is told by PLI; FIR only where there is nothing else.
        let pli = self.format.feedback.pli;
        let written = if pli {
            writer.pli(sender.0, media.0)
        } else {
            writer.fir(sender.0, &[FirEntry { ssrc: media.0, number }])
        };
        if written.is_ok() {
            self.key_frame.wanted = false;
            self.key_frame.asked = Some(now);
            if pli {
                self.counters.plis = self.counters.plis.saturating_add(1);
            } else {
                self.key_frame.fir = number;
                self.counters.firs = self.counters.firs.saturating_add(1);
            }
        }
    }
}
