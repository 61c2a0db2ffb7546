use std::collections::VecDeque;
use std::time::{Duration, Instant};

use antiphon_rtcp::NtpTime;
use antiphon_rtp::Ssrc;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

use super::config::{Config, Section};
use super::event::{BufferTooSmall, Drop, Event, Outgoing, Output, Packet, SendError};
use super::output::{Resend, Timers};
use super::router::Router;
use super::send::{Stream, Streams};
use crate::clock::Clock;
use crate::{Kind, TransceiverId};

/// RTP and RTCP of one bundled transport.
#[derive(Debug)]
pub(crate) struct Media {
    pub(super) config: Config,
    clock: Clock,
    pub(super) random: ChaCha12Rng,
    pub(super) router: Router,
    pub(super) streams: Streams,
    pub(super) events: Events,
    pub(super) timers: Timers,
    pub(super) resends: VecDeque<Resend>,
    /// Streams of ours that say goodbye.
    pub(super) goodbyes: VecDeque<Ssrc>,
    /// Reports when none of our streams does.
    pub(super) fallback_ssrc: Ssrc,
    /// The first compound packet went out: reduced size is allowed from then on.
    pub(super) compound_sent: bool,
    pub(super) reduced_size: bool,
    /// Of the transport, until reports know better.
    pub(super) round_trip: Option<Duration>,
    pub(super) nack_interval: Duration,
}

/// Events that wait; one that waits already is not added again.
#[derive(Debug, Default)]
pub(super) struct Events(VecDeque<Event>);

impl Events {
    pub(super) fn push(&mut self, event: Event) {
        if !self.0.contains(&event) {
            self.0.push_back(event);
        }
    }
}

/// Until the round trip is known.
const DEFAULT_NACK_INTERVAL: Duration = Duration::from_millis(100);

impl Media {
    pub(crate) fn new(config: Config, seed: [u8; 32], now: Instant) -> Self {
        let mut random = ChaCha12Rng::from_seed(seed);
        let fallback_ssrc = Ssrc(random.next_u32());
        Self {
            router: Router::new(config.max_sources),
            config,
            clock: Clock::starting(now),
            random,
            streams: Streams::default(),
            events: Events::default(),
            timers: Timers::default(),
            resends: VecDeque::new(),
            goodbyes: VecDeque::new(),
            fallback_ssrc,
            compound_sent: false,
            reduced_size: false,
            round_trip: None,
            nack_interval: DEFAULT_NACK_INTERVAL,
        }
    }

    /// Takes over what was negotiated: all sections in use, each time. Our streams of sections that
    /// are missing say goodbye.
    pub(crate) fn configure(&mut self, now: Instant, sections: Vec<Section>) {
        let now = self.advance(now);
        self.reduced_size = sections.iter().any(|section| section.reduced_size);
        self.streams.retire(&sections, &mut self.goodbyes);
        for section in sections {
            let config = &self.config;
            self.streams.configure(section, &mut self.random, config, &mut self.goodbyes);
        }
        self.router.configure(self.streams.iter().map(|stream| &stream.section), now);
        let streams = &self.streams;
        self.resends.retain(|resend| streams.get(resend.transceiver).is_some());
    }

    /// Whether a section is in use.
    pub(crate) fn is_used(&self) -> bool {
        self.streams.iter().next().is_some()
    }

    /// Takes one decrypted RTP packet. A retransmission is turned into its original where it lies.
    pub(crate) fn handle_rtp(&mut self, now: Instant, packet: &mut [u8]) -> Result<Packet, Drop> {
        let now = self.advance(now);
        self.receive(now, packet)
    }

    /// Takes one decrypted RTCP compound packet.
    pub(crate) fn handle_rtcp(&mut self, now: Instant, compound: &[u8]) -> Result<(), Drop> {
        let now = self.advance(now);
        self.receive_rtcp(now, compound)
    }

    /// Writes an RTP packet of a transceiver's stream into `buf` and returns its length.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        transceiver: TransceiverId,
        packet: &Outgoing<'_>,
        buf: &mut [u8],
    ) -> Result<usize, SendError> {
        let now = self.advance(now);
        let stream = self.streams.get_mut(transceiver).ok_or(SendError::UnknownTransceiver)?;
        let len = stream.send(now, packet, self.config.max_payload, buf)?;
        self.arm_report(now);
        Ok(len)
    }

    /// Writes what has to go out by itself: reports, feedback, retransmissions.
    pub(crate) fn poll_output(
        &mut self,
        now: Instant,
        buf: &mut [u8],
    ) -> Result<Option<Output>, BufferTooSmall> {
        let now = self.advance(now);
        self.next_output(now, buf)
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.0.pop_front()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    /// When to call [`poll_output`](Self::poll_output) next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let waiting = !self.resends.is_empty() || !self.goodbyes.is_empty();
        let due = if waiting { Some(Duration::ZERO) } else { self.timers.next() };
        let delay = due?.saturating_sub(self.clock.age());
        self.clock.now().checked_add(delay)
    }

    /// Asks the peer for a key frame; false if nothing came yet that could be asked of.
    pub(crate) fn request_key_frame(&mut self, now: Instant, transceiver: TransceiverId) -> bool {
        self.advance(now);
        let mut asked = false;
        for source in self.router.sources_mut().filter(|s| s.transceiver == transceiver) {
            if let Some(incoming) = source.incoming_mut()
                && incoming.want_key_frame()
            {
                asked = true;
                self.timers.feedback_by(Some(incoming.key_frame_at()));
            }
        }
        asked
    }

    /// The round trip of the transport, which paces requests as long as reports do not tell it.
    pub(crate) fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = Some(round_trip);
        self.update_nack_interval();
    }

    /// All our streams say goodbye.
    pub(crate) fn close(&mut self, now: Instant) {
        self.configure(now, Vec::new());
        self.timers = Timers::default();
    }

    fn advance(&mut self, now: Instant) -> Duration {
        self.clock.advance(now);
        self.clock.age()
    }

    pub(super) fn ntp(&self, now: Duration) -> NtpTime {
        NtpTime::from_unix(self.config.unix_time.saturating_add(now))
    }

    pub(super) fn is_ours(&self, ssrc: Ssrc) -> bool {
        ssrc == self.fallback_ssrc || self.streams.by_ssrc(ssrc).is_some()
    }

    pub(super) fn update_nack_interval(&mut self) {
        let measured = self.streams.iter().filter_map(Stream::round_trip).min();
        if let Some(round_trip) = measured.or(self.round_trip) {
            let bounds = (Duration::from_millis(20), Duration::from_millis(500));
            self.nack_interval = round_trip.clamp(bounds.0, bounds.1);
        }
    }

    /// Reports begin with the first packet, sent or received.
    pub(super) fn arm_report(&mut self, now: Duration) {
        if self.timers.report.is_none() {
            //= rfc3550#6.2
            // The first interval is half as long.
            let interval = self.report_interval() / 2;
            self.timers.report = Some(now.saturating_add(interval));
        }
    }

    /// The time to the next report, by chance, so that endpoints do not fall into step.
    pub(super) fn report_interval(&mut self) -> Duration {
        let video = self.streams.iter().any(|stream| stream.section.kind == Kind::Video);
        let base = if video {
            self.config.video_report_interval
        } else {
            self.config.audio_report_interval
        };
        //= rfc3550#6.3.1
        // Between a half and one and a half, divided by e - 3/2.
        let per_mille = 500 + self.random.next_u32() % 1001;
        base.saturating_mul(per_mille).saturating_mul(1000) / 1_218_280
    }
}
