use std::time::Duration;

use super::model::Model;
use super::{Acked, Controller, Limits, Lost, UNPACED};

/// A model-based algorithm after BBR: sends at the rate the path has been seen to deliver, keeps the
/// queue short, and takes a loss for congestion only when there are more of them than chance
/// explains.
///
/// ```text
///   STARTUP --rate stands still, or losses--> DRAIN --queue gone--> DOWN
///   DOWN --queue gone--> CRUISE --2 to 3 s--> REFILL --a round--> UP --queue or losses--> DOWN
///   any but STARTUP --round trip not confirmed for 5 s--> PROBE-RTT --200 ms--> DOWN
/// ```
///
/// The losses of a round are too many when they exceed two per cent by more than two standard
/// deviations: the short rounds of a slow path would otherwise see congestion in bad luck.
#[derive(Debug)]
pub(super) struct Bbr {
    limits: Limits,
    model: Model,
    mode: Mode,
    window: usize,
    /// What the path was seen not to hold.
    inflight_high: Option<usize>,
    /// Below `model.rate()` after losses, until the next probe.
    rate_low: Option<u64>,
    inflight_low: Option<usize>,
    /// The window before a timeout or a pause for the round trip.
    saved: usize,
    /// STARTUP: the rate that has to be exceeded by a quarter, and rounds in which it was not.
    full_rate: u64,
    full_rounds: u32,
    /// Startup has found the path's limit.
    full: bool,
    round: Round,
    /// When this mode began, and in which round.
    since: Duration,
    since_round: u64,
    /// How long DOWN and CRUISE last together.
    cycle: Duration,
    cycle_began: Duration,
    /// Bytes delivered so far, and when DRAIN or DOWN began last: losses of what was sent before
    /// have had their effect.
    total: u64,
    drained_from: u64,
    /// For the length of the cycles.
    random: u32,
    /// T3 has fired, and nothing has come since.
    stopped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Startup,
    Drain,
    Down,
    Cruise,
    Refill,
    Up,
    /// Until when, once the flight is small.
    ProbeRtt(Option<Duration>),
}

/// What this round trip has seen.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    delivered: usize,
    lost: usize,
    rate: u64,
    flight: usize,
    /// The shortest of so many round trips.
    shortest: Option<Duration>,
    samples: u32,
}

const PROBE_RTT_INTERVAL: Duration = Duration::from_secs(5);
/// The delay that ends STARTUP, and how many samples have to show it (as in RFC 9406).
const DELAY_LEAST: Duration = Duration::from_millis(4);
const DELAY_MOST: Duration = Duration::from_millis(16);
const DELAY_SAMPLES: u32 = 8;
const PROBE_RTT_DURATION: Duration = Duration::from_millis(200);

impl Bbr {
    pub(super) fn new(limits: Limits, seed: u32) -> Self {
        Self {
            limits,
            model: Model::new(),
            mode: Mode::Startup,
            window: limits.initial,
            inflight_high: None,
            rate_low: None,
            inflight_low: None,
            saved: 0,
            full_rate: 0,
            full_rounds: 0,
            full: false,
            round: Round::default(),
            since: Duration::ZERO,
            since_round: 0,
            cycle: Duration::from_secs(2),
            cycle_began: Duration::ZERO,
            total: 0,
            drained_from: 0,
            random: seed | 1,
            stopped: false,
        }
    }

    /// The rate to send at before any gain.
    fn rate(&self) -> u64 {
        let rate = self.model.rate();
        self.rate_low.map_or(rate, |low| low.min(rate))
    }

    fn product(&self) -> usize {
        self.model.product(self.rate())
    }

    fn enter(&mut self, mode: Mode, now: Duration) {
        if matches!(mode, Mode::Drain | Mode::Down) {
            self.drained_from = self.total;
        }
        self.mode = mode;
        self.since = now;
        self.since_round = self.model.rounds;
    }

    fn enter_down(&mut self, now: Duration) {
        self.model.next_cycle();
        self.enter(Mode::Down, now);
        self.cycle_began = now;
        // Between two and three seconds, so that flows do not probe in step.
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.cycle = Duration::from_millis(2000 + u64::from((self.random >> 16) % 1000));
    }

    /// At most what the path was seen to hold, in all but the probing modes with some room left for
    /// others.
    fn ceiling(&self) -> usize {
        let high = self.inflight_high.unwrap_or(usize::MAX);
        match self.mode {
            Mode::Startup | Mode::Refill | Mode::Up => high,
            Mode::Drain | Mode::Down | Mode::Cruise | Mode::ProbeRtt(_) => {
                let room = high / 100 * 15;
                let high = if high == usize::MAX { high } else { high.saturating_sub(room) };
                high.min(self.inflight_low.unwrap_or(usize::MAX))
            }
        }
    }

    fn floor(&self) -> usize {
        let least = self.limits.packets(4);
        // Where a round trip takes no time the product means nothing: batches do.
        match self.model.min_round_trip() {
            Some(min) if min < UNPACED => self.limits.burst.saturating_mul(2).max(least),
            Some(_) | None => least,
        }
    }

    fn grow(&mut self, bytes: usize) {
        if self.model.rate() == 0 {
            self.window = self.window.saturating_add(bytes);
        } else {
            let hundredths = match self.mode {
                Mode::Up => 225,
                // A queue of one product, headers included, holds what STARTUP overshoots.
                Mode::Startup => 190,
                Mode::Drain | Mode::Down | Mode::Cruise | Mode::Refill => 200,
                Mode::ProbeRtt(_) => 50,
            };
            let target = (self.product() / 4).saturating_mul(hundredths) / 25;
            // A quantum for each end's batching, as delivery comes in steps.
            let target = match self.mode {
                Mode::ProbeRtt(_) => target,
                Mode::Startup
                | Mode::Drain
                | Mode::Down
                | Mode::Cruise
                | Mode::Refill
                | Mode::Up => {
                    target.saturating_add(self.model.extra()).saturating_add(self.limits.packets(3))
                }
            };
            let larger = self.window.saturating_add(bytes);
            if self.full {
                self.window = larger.min(target);
            } else if self.window < target || self.window < self.limits.initial.saturating_mul(2) {
                self.window = larger;
            }
        }
        let most = self.ceiling().min(self.limits.max);
        self.window = self.window.min(most).max(self.floor()).min(self.limits.max);
    }

    /// Whether this round lost more than two per cent, and more than bad luck explains.
    fn loses_too_much(&self) -> bool {
        let packet = self.limits.packet.max(1);
        let lost = self.round.lost / packet;
        let sent = (self.round.delivered.saturating_add(self.round.lost) / packet).max(1);
        let expected = sent / 50;
        lost > expected.saturating_add(expected.isqrt().saturating_mul(2)).saturating_add(2)
    }

    /// A round trip has passed.
    fn end_round(&mut self, acked: &Acked) {
        let too_much = self.loses_too_much();
        match self.mode {
            Mode::Startup => self.check_startup(too_much, acked),
            Mode::Refill if self.model.rounds > self.since_round.saturating_add(1) => {
                self.enter(Mode::Up, acked.now);
                self.full_rate = self.model.rate();
                self.full_rounds = 0;
            }
            Mode::Up => self.check_up(too_much, acked),
            Mode::Drain | Mode::Down | Mode::Cruise if too_much => self.shrink(),
            Mode::Drain | Mode::Down | Mode::Cruise | Mode::Refill | Mode::ProbeRtt(_) => {}
        }
        self.round = Round::default();
    }

    fn check_startup(&mut self, too_much: bool, acked: &Acked) {
        let limited = acked.rate.is_some_and(|rate| rate.app_limited);
        let rate = self.model.rate();
        if rate == 0 || limited {
            return;
        }
        if rate >= self.full_rate.saturating_add(self.full_rate / 4) {
            self.full_rate = rate;
            self.full_rounds = 0;
        } else {
            self.full_rounds = self.full_rounds.saturating_add(1);
        }
        if too_much {
            let held = self.product().max(self.round.flight);
            self.inflight_high = Some(held);
        }
        if self.full_rounds >= 3 || too_much {
            self.full = true;
            self.enter(Mode::Drain, acked.now);
        }
    }

    /// STARTUP ends early when the round trip grows, as in HyStart++: the queue that the next rounds
    /// would build is not built, and not lost either.
    fn watch_delay(&mut self, sample: Duration, now: Duration) {
        let shortest = self.round.shortest.map_or(sample, |shortest| shortest.min(sample));
        self.round.shortest = Some(shortest);
        self.round.samples = self.round.samples.saturating_add(1);
        if self.mode != Mode::Startup || self.round.samples < DELAY_SAMPLES {
            return;
        }
        let Some(min) = self.model.min_round_trip() else { return };
        let threshold = (min / 8).clamp(DELAY_LEAST, DELAY_MOST);
        if shortest >= min.saturating_add(threshold) && self.model.rate() > 0 {
            self.full = true;
            self.enter(Mode::Drain, now);
        }
    }

    /// UP ends when a queue builds up, when the rate does not grow, or with losses.
    fn check_up(&mut self, too_much: bool, acked: &Acked) {
        if too_much {
            let held = self.round.flight.max(self.product()).saturating_mul(7) / 10;
            self.inflight_high = Some(held.max(self.product()));
            self.enter_down(acked.now);
            return;
        }
        if self.model.rate() >= self.full_rate.saturating_add(self.full_rate / 4) {
            self.full_rate = self.model.rate();
            self.full_rounds = 0;
        } else {
            self.full_rounds = self.full_rounds.saturating_add(1);
        }
        // It held that much: the ceiling rises with it.
        if let Some(high) = self.inflight_high {
            let step = high / 4;
            self.inflight_high = Some(high.saturating_add(step).max(self.round.flight));
        }
        let queue = self.product().saturating_mul(5) / 4;
        if acked.flight_before >= queue || self.full_rounds >= 3 {
            self.enter_down(acked.now);
        }
    }

    /// Losses outside of a probe: somebody else needs the path.
    fn shrink(&mut self) {
        let rate = self.rate();
        self.rate_low = Some((rate / 10).saturating_mul(7).max(self.round.rate));
        let held = self.inflight_low.unwrap_or(self.window);
        self.inflight_low = Some((held / 10).saturating_mul(7).max(self.round.flight.min(held)));
    }

    fn advance(&mut self, acked: &Acked) {
        let now = acked.now;
        match self.mode {
            // Two rounds are enough, even where unreported chunks seem to be in flight.
            Mode::Drain
                if acked.flight <= self.product()
                    || self.model.rounds > self.since_round.saturating_add(2) =>
            {
                self.enter_down(now);
            }
            Mode::Down if acked.flight <= self.product().min(self.ceiling()) => {
                self.enter(Mode::Cruise, now);
            }
            Mode::Down | Mode::Cruise if now.saturating_sub(self.cycle_began) >= self.cycle => {
                self.rate_low = None;
                self.inflight_low = None;
                self.model.begin_round(acked.total);
                self.enter(Mode::Refill, now);
            }
            Mode::ProbeRtt(None) if acked.flight <= self.window => {
                self.mode = Mode::ProbeRtt(Some(now.saturating_add(PROBE_RTT_DURATION)));
            }
            Mode::ProbeRtt(Some(until)) if now >= until => {
                self.model.refreshed(now);
                self.window = self.window.max(self.saved);
                self.rate_low = None;
                self.inflight_low = None;
                self.enter_down(now);
            }
            Mode::Startup
            | Mode::Drain
            | Mode::Down
            | Mode::Cruise
            | Mode::Refill
            | Mode::Up
            | Mode::ProbeRtt(_) => {}
        }
        let probing = matches!(self.mode, Mode::ProbeRtt(_) | Mode::Startup | Mode::Drain);
        let local = self.model.min_round_trip().is_none_or(|min| min < UNPACED);
        if !probing && !local && self.model.min_age(now) > PROBE_RTT_INTERVAL {
            self.saved = self.window;
            self.enter(Mode::ProbeRtt(None), now);
        }
    }
}

impl Controller for Bbr {
    fn window(&self) -> usize {
        self.window
    }

    fn pacing_rate(&self, smoothed: Option<Duration>) -> Option<u64> {
        let min = self.model.min_round_trip().or(smoothed)?;
        if min < UNPACED {
            return None;
        }
        let hundredths = match self.mode {
            Mode::Startup => 277,
            Mode::Drain => 50,
            Mode::Down => 90,
            Mode::Cruise | Mode::Refill | Mode::ProbeRtt(_) => 99,
            Mode::Up => 125,
        };
        let rate = self.rate();
        if rate == 0 {
            return super::window_rate(self.window, smoothed, hundredths);
        }
        let paced = rate.saturating_mul(hundredths) / 100;
        // Startup never slows below what the first window is worth.
        let first = super::window_rate(self.limits.initial, smoothed, hundredths).unwrap_or(0);
        Some(if self.full { paced } else { paced.max(first) })
    }

    fn acked(&mut self, acked: &Acked) {
        if std::mem::take(&mut self.stopped) {
            self.window = self.window.max(self.saved.min(self.product().max(self.limits.initial)));
        }
        if let Some(sample) = acked.round_trip {
            self.model.take_round_trip(sample, acked.now);
            self.watch_delay(sample, acked.now);
        }
        self.total = acked.total;
        self.round.delivered = self.round.delivered.saturating_add(acked.bytes);
        self.round.flight = self.round.flight.max(acked.flight_before);
        self.model.take_extra(acked.bytes, self.window, acked.now);
        if let Some(rate) = acked.rate {
            if rate.bytes_per_second > 0 {
                self.model.take_rate(rate.bytes_per_second, rate.app_limited);
                self.round.rate = self.round.rate.max(rate.bytes_per_second);
            }
            if self.model.round(rate.prior, acked.total) {
                self.end_round(acked);
            }
        }
        self.advance(acked);
        self.grow(acked.bytes);
    }

    fn lost(&mut self, lost: &Lost) {
        if lost.prior >= self.drained_from {
            self.round.lost = self.round.lost.saturating_add(lost.bytes);
        }
        if lost.first && !self.full {
            self.round.flight = self.round.flight.max(lost.flight);
        }
    }

    fn timed_out(&mut self, _now: Duration) {
        if !self.stopped {
            self.saved = self.window;
        }
        self.stopped = true;
        self.window = self.limits.packet;
    }

    /// The model keeps what it knows; pacing keeps a burst after a pause in bounds.
    fn idle(&mut self, _since: Duration, _rto: Duration) {}

    fn set_packet(&mut self, bytes: usize) {
        self.limits.packet = bytes;
    }
}
