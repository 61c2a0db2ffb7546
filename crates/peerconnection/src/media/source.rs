//! A source of the peer.

use std::time::Duration;

use antiphon_rtcp::{NtpTime, SenderInfo};
use antiphon_rtp::{Arrival, Reception, Ssrc};

use super::config::Format;
use super::nack::NackList;
use super::sequence::{Sequence, Window};
use crate::TransceiverId;

#[derive(Debug)]
pub(super) struct Source {
    pub(super) ssrc: Ssrc,
    pub(super) transceiver: TransceiverId,
    /// Named in `a=ssrc`: not given up in favour of others.
    pub(super) announced: bool,
    /// The place of the packet that named the MID last.
    pub(super) mid_place: Option<u64>,
    pub(super) last_seen: Duration,
    pub(super) sequence: Sequence,
    pub(super) state: State,
}

/// What is known of a source decides what there is of it.
#[derive(Debug)]
pub(super) enum State {
    /// Announced, or told to us by RTCP; nothing came yet.
    Silent,
    /// It carries media.
    Media(Box<Incoming>),
    /// It carries retransmissions, of this source if that is known.
    Repair(Repair),
    /// It said goodbye.
    Departed { until: Duration },
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Repair {
    pub(super) media: Option<Ssrc>,
}

/// What comes from a source of media.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) reception: Reception,
    pub(super) window: Window,
    pub(super) nacks: NackList,
    pub(super) format: Format,
    pub(super) key_frame: KeyFrame,
    pub(super) sender: Option<SenderSide>,
    pub(super) counters: Counters,
    /// Something came since the last report.
    pub(super) heard: bool,
    /// A report block is owed.
    pub(super) report_due: bool,
}

/// What the peer says about its own stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct SenderSide {
    pub(super) info: SenderInfo,
    pub(super) arrived: Duration,
}

/// Our wish for a key frame.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KeyFrame {
    pub(super) wanted: bool,
    pub(super) asked: Option<Duration>,
    /// The number of the last FIR.
    pub(super) fir: u8,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) packets: u64,
    pub(super) header_bytes: u64,
    pub(super) payload_bytes: u64,
    pub(super) recovered_packets: u64,
    pub(super) recovered_bytes: u64,
    pub(super) duplicates: u64,
    pub(super) nacks: u64,
    pub(super) plis: u64,
    pub(super) firs: u64,
}

/// A second request comes no sooner than this after the first.
const KEY_FRAME_REPEAT: Duration = Duration::from_millis(250);

impl Source {
    pub(super) fn new(ssrc: Ssrc, transceiver: TransceiverId, now: Duration) -> Self {
        Self {
            ssrc,
            transceiver,
            announced: false,
            mid_place: None,
            last_seen: now,
            sequence: Sequence::default(),
            state: State::Silent,
        }
    }

    pub(super) fn incoming(&self) -> Option<&Incoming> {
        match &self.state {
            State::Media(incoming) => Some(incoming),
            State::Silent | State::Repair(_) | State::Departed { .. } => None,
        }
    }

    pub(super) fn incoming_mut(&mut self) -> Option<&mut Incoming> {
        match &mut self.state {
            State::Media(incoming) => Some(incoming),
            State::Silent | State::Repair(_) | State::Departed { .. } => None,
        }
    }
}

impl Incoming {
    pub(super) fn new(format: Format, first: u16) -> Self {
        Self {
            reception: Reception::new(format.clock_rate, first),
            window: Window::new(),
            nacks: NackList::default(),
            format,
            key_frame: KeyFrame::default(),
            sender: None,
            counters: Counters::default(),
            heard: false,
            report_due: false,
        }
    }

    /// Counts a packet of this source and finds its place, and whether others before it are
    /// missing; `None` where there is no place for it.
    pub(super) fn receive(
        &mut self,
        sequence: &mut Sequence,
        number: u16,
        now: Duration,
    ) -> Option<(u64, bool)> {
        match self.reception.receive(number) {
            Arrival::New { skipped } => {
                let place = sequence.unwrap(number);
                if skipped > 0
                    && self.format.feedback.nack
                    && self.nacks.gap(place, skipped, &self.window, now)
                {
                    self.want_key_frame();
                }
                Some((place, skipped > 0))
            }
            Arrival::Late => {
                let place = sequence.unwrap(number);
                self.nacks.arrived(place);
                Some((place, false))
            }
            Arrival::Restarted => {
                self.nacks.clear();
                self.window = Window::new();
                Some((sequence.restart(number), false))
            }
            Arrival::Jump => None,
        }
    }

    /// Asks for a key frame if the sender understands that; false if it does not.
    pub(super) fn want_key_frame(&mut self) -> bool {
        let can = self.format.feedback.pli || self.format.feedback.fir;
        self.key_frame.wanted |= can;
        can
    }

    /// When feedback about this source is due; `None` if there is none to give.
    pub(super) fn feedback_at(&self, interval: Duration) -> Option<Duration> {
        let nack = self.nacks.next_due(interval);
        let key_frame = self.key_frame.wanted.then(|| self.key_frame_at());
        nack.into_iter().chain(key_frame).min()
    }

    pub(super) fn key_frame_at(&self) -> Duration {
        let asked = self.key_frame.asked;
        asked.map_or(Duration::ZERO, |asked| asked.saturating_add(KEY_FRAME_REPEAT))
    }

    /// What a report says about the peer's last sender report.
    pub(super) fn last_sender_report(&self, now: Duration) -> Option<(NtpTime, Duration)> {
        self.sender.map(|sender| (sender.info.ntp, now.saturating_sub(sender.arrived)))
    }
}
