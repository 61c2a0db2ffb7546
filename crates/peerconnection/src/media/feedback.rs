//! RTCP that comes in.

use std::str;
use std::time::Duration;

use antiphon_rtcp::{
    CompoundView, Fir, Goodbye, Nack, Packet, ReportBlock, Rules, SdesKind, SenderInfo,
    SourceDescription,
};
use antiphon_rtp::Ssrc;

use super::event::{Drop, Event};
use super::machine::Media;
use super::output::{MAX_RESENDS, Resend};
use super::send::Sender;
use super::source::{SenderSide, State};
use super::stats::RemoteInbound;
use crate::{Kind, TransceiverId};

/// Packets that come so soon after the farewell of their source are late ones.
const TOMBSTONE: Duration = Duration::from_secs(3);
/// A longer round trip is a mistake of the peer.
const MAX_ROUND_TRIP: Duration = Duration::from_secs(60);
/// An answer to a request for a packet goes out only so soon after another.
const MIN_RESEND_INTERVAL: Duration = Duration::from_millis(10);

impl Media {
    pub(super) fn receive_rtcp(&mut self, now: Duration, bytes: &[u8]) -> Result<(), Drop> {
        let rules = Rules { reduced_size: self.reduced_size };
        let compound = CompoundView::parse(bytes, rules)?;
        //= rfc9143#9.2
        // What the descriptions say about sections holds for the rest of the compound packet.
        for packet in compound.packets() {
            if let Packet::SourceDescription(description) = packet {
                self.take_description(description, now);
            }
        }
        for packet in compound.packets() {
            match packet {
                Packet::SenderReport(report) => {
                    self.take_sender_info(report.info(), now);
                    self.take_blocks(report.blocks(), now);
                }
                Packet::ReceiverReport(report) => self.take_blocks(report.blocks(), now),
                Packet::Goodbye(goodbye) => self.take_goodbye(goodbye, now),
                Packet::Nack(nack) => self.take_nack(nack, now),
                Packet::Pli(pli) => self.take_pli(Ssrc(pli.media), now),
                Packet::Fir(fir) => self.take_fir(fir, now),
                Packet::SourceDescription(_) | Packet::Other(_) | Packet::Malformed(_) | _ => {}
            }
        }
        Ok(())
    }

    fn take_description(&mut self, description: SourceDescription<'_>, now: Duration) {
        for chunk in description.chunks() {
            let ssrc = Ssrc(chunk.ssrc);
            let mid = chunk.item(SdesKind::MID).and_then(|mid| str::from_utf8(mid).ok());
            let section = mid.and_then(|mid| self.router.section_of_mid(mid));
            if let Some(section) = section.filter(|_| !self.is_ours(ssrc)) {
                // A table that is full changes nothing for the sources in it.
                let _ = self.router.bind(ssrc, section, now);
            }
        }
    }

    fn take_sender_info(&mut self, info: SenderInfo, now: Duration) {
        let source = self.router.source_mut(Ssrc(info.ssrc));
        if let Some(incoming) = source.and_then(|source| source.incoming_mut()) {
            incoming.sender = Some(SenderSide { info, arrived: now });
        }
    }

    fn take_blocks(&mut self, blocks: impl Iterator<Item = ReportBlock>, now: Duration) {
        let arrival = self.ntp(now);
        for block in blocks {
            // attack: feedback about streams that are not ours changes nothing.
            let Some((section, sender)) = self.streams.by_media_ssrc_mut(Ssrc(block.ssrc)) else {
                continue;
            };
            let measured = block.round_trip(arrival).filter(|rtt| *rtt <= MAX_ROUND_TRIP);
            let before = sender.remote.and_then(|remote| remote.round_trip);
            sender.bound = true;
            sender.remote = Some(RemoteInbound {
                fraction_lost: block.fraction_lost,
                packets_lost: block.cumulative_lost,
                jitter: block.jitter,
                extended_sequence_number: block.extended_sequence_number,
                round_trip: measured.or(before),
                arrived: now,
            });
            self.events.push(Event::ReportReceived(section.transceiver));
        }
        self.update_nack_interval();
    }

    fn take_goodbye(&mut self, goodbye: Goodbye<'_>, now: Duration) {
        for ssrc in goodbye.sources() {
            let Some(source) = self.router.source_mut(Ssrc(ssrc)) else {
                continue;
            };
            let transceiver = source.transceiver;
            let was_media = source.incoming().is_some();
            source.state = State::Departed { until: now.saturating_add(TOMBSTONE) };
            if was_media {
                self.mute_if_silent(transceiver);
            }
        }
    }

    fn mute_if_silent(&mut self, transceiver: TransceiverId) {
        let mut sources = self.router.sources().filter(|s| s.transceiver == transceiver);
        if sources.any(|source| source.incoming().is_some()) {
            return;
        }
        if let Some(stream) = self.streams.get_mut(transceiver)
            && !stream.muted
        {
            stream.muted = true;
            self.events.push(Event::Muted(transceiver));
        }
    }

    fn take_nack(&mut self, nack: Nack<'_>, now: Duration) {
        let known = self.round_trip;
        let Some((section, sender)) = self.streams.by_media_ssrc_mut(Ssrc(nack.media)) else {
            return;
        };
        sender.counters.nacks = sender.counters.nacks.saturating_add(1);
        let round_trip = sender.remote.and_then(|remote| remote.round_trip).or(known);
        // attack: NACK storms. A packet goes out again once per round trip, or nearly: the peer
        // measures it too, and not quite the same.
        let interval = (round_trip.unwrap_or_default() * 3 / 4).max(MIN_RESEND_INTERVAL);
        for number in nack.sequence_numbers() {
            if self.resends.len() >= MAX_RESENDS {
                return;
            }
            if sender.history.take_turn(number, now, interval) {
                self.resends.push_back(Resend { transceiver: section.transceiver, number });
            }
        }
    }

    fn take_pli(&mut self, media: Ssrc, now: Duration) {
        let interval = self.config.key_frame_interval;
        let Some((section, sender)) = self.streams.by_media_ssrc_mut(media) else {
            return;
        };
        if section.kind != Kind::Video {
            return;
        }
        sender.counters.plis = sender.counters.plis.saturating_add(1);
        if sender.may_ask_for_key_frame(now, interval) {
            self.events.push(Event::KeyFrameRequested(section.transceiver));
        }
    }

    fn take_fir(&mut self, fir: Fir<'_>, now: Duration) {
        let interval = self.config.key_frame_interval;
        for entry in fir.entries() {
            let Some((section, sender)) = self.streams.by_media_ssrc_mut(Ssrc(entry.ssrc)) else {
                continue;
            };
            let command = Some((fir.sender, entry.number));
            //= rfc5104#4.3.1.2
            // The same number again is the same command again.
            if section.kind != Kind::Video || sender.fir == command {
                continue;
            }
            sender.counters.firs = sender.counters.firs.saturating_add(1);
            if sender.may_ask_for_key_frame(now, interval) {
                sender.fir = command;
                self.events.push(Event::KeyFrameRequested(section.transceiver));
            }
        }
    }
}

impl Sender {
    /// attack: PLI and FIR storms. One key frame per interval is all that anybody gets.
    fn may_ask_for_key_frame(&mut self, now: Duration, interval: Duration) -> bool {
        let may = self.key_frame_asked.is_none_or(|at| at.saturating_add(interval) <= now);
        if may {
            self.key_frame_asked = Some(now);
        }
        may
    }
}
