//! How much may be in flight, and how fast it goes out.
//!
//! An algorithm is a [`Controller`]; everything it is told comes in [`Acked`] and [`Lost`], and
//! nothing it does depends on how much is in flight.

mod bbr;
mod cubic;
mod hystart;
mod model;
mod new_reno;
mod pacer;

use std::fmt;
use std::time::Duration;

use super::delivery::Rate;
use crate::{Config, CongestionControl};

pub(crate) use pacer::Pacer;

/// What one SACK acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acked {
    pub(crate) now: Duration,
    /// Bytes acknowledged for the first time; abandoned chunks do not count.
    pub(crate) bytes: usize,
    /// Bytes in flight before the SACK.
    pub(crate) flight_before: usize,
    /// Bytes in flight after it, losses it revealed included.
    pub(crate) flight: usize,
    pub(crate) cumulative_advanced: bool,
    pub(crate) in_recovery: bool,
    /// Nothing is outstanding any more.
    pub(crate) all: bool,
    pub(crate) rate: Option<Rate>,
    /// Of the newest chunk, where it is beyond doubt.
    pub(crate) round_trip: Option<Duration>,
    pub(crate) smoothed: Option<Duration>,
    /// Bytes delivered so far.
    pub(crate) total: u64,
}

/// Chunks declared lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost {
    pub(crate) bytes: usize,
    /// Bytes delivered when the newest of them was sent.
    pub(crate) prior: u64,
    /// Bytes in flight before.
    pub(crate) flight: usize,
    /// The first of a recovery.
    pub(crate) first: bool,
}

/// A congestion control algorithm.
pub(crate) trait Controller: fmt::Debug + Send {
    /// Bytes that may be in flight.
    fn window(&self) -> usize;

    /// Bytes per second at which they may go out; `None` for no limit.
    fn pacing_rate(&self, smoothed: Option<Duration>) -> Option<u64>;

    fn acked(&mut self, acked: &Acked);

    fn lost(&mut self, lost: &Lost);

    /// T3 has fired, and nothing counts as being in flight.
    fn timed_out(&mut self, now: Duration);

    /// Nothing was outstanding for this long.
    fn idle(&mut self, since: Duration, rto: Duration);

    /// The path takes packets with so many bytes of chunks.
    fn set_packet(&mut self, bytes: usize);
}

/// The algorithm that the options ask for.
pub(crate) fn controller(config: &Config, seed: u32) -> Box<dyn Controller> {
    let limits = Limits::new(config);
    match config.congestion {
        CongestionControl::NewReno => Box::new(new_reno::NewReno::new(limits)),
        CongestionControl::Cubic => Box::new(cubic::Cubic::new(limits)),
        CongestionControl::Bbr => Box::new(bbr::Bbr::new(limits, seed)),
    }
}

/// What all algorithms keep to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of chunks in a full packet: the PMDCS.
    pub(crate) packet: usize,
    /// The first window.
    pub(crate) initial: usize,
    pub(crate) max: usize,
    /// Bytes of a burst.
    pub(crate) burst: usize,
}

impl Limits {
    fn new(config: &Config) -> Self {
        let packet = config.chunk_room();
        let max = config.max_window.max(packet.saturating_mul(4));
        let initial = packet.saturating_mul(usize::from(config.initial_window)).min(max);
        let burst = packet.saturating_mul(usize::from(config.max_burst));
        Self { packet, initial, max, burst }
    }

    fn packets(&self, count: usize) -> usize {
        self.packet.saturating_mul(count)
    }
}

/// Round trips shorter than this are not worth pacing.
const UNPACED: Duration = Duration::from_millis(1);

/// The rate of a window that is to go out once per round trip, in hundredths.
fn window_rate(window: usize, smoothed: Option<Duration>, hundredths: u64) -> Option<u64> {
    let smoothed = smoothed.filter(|smoothed| *smoothed >= UNPACED)?;
    let window = u64::try_from(window).unwrap_or(u64::MAX);
    let micros = u64::try_from(smoothed.as_micros()).unwrap_or(u64::MAX);
    window.saturating_mul(hundredths).saturating_mul(10_000).checked_div(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn limits() -> Limits {
        Limits::new(&Config::default())
    }

    /// An acknowledgement of so many bytes while the window is full.
    pub(super) fn acked(controller: &dyn Controller, bytes: usize) -> Acked {
        Acked {
            now: Duration::ZERO,
            bytes,
            flight_before: controller.window(),
            flight: controller.window().saturating_sub(bytes),
            cumulative_advanced: true,
            in_recovery: false,
            all: false,
            rate: None,
            round_trip: None,
            smoothed: Some(Duration::from_millis(50)),
            total: 0,
        }
    }

    /// The first loss of a recovery.
    pub(super) fn loss() -> Lost {
        Lost { bytes: 1000, prior: 0, flight: 10_000, first: true }
    }

    #[test]
    fn every_algorithm_starts_with_the_first_window_and_survives_a_timeout() {
        for algorithm in
            [CongestionControl::NewReno, CongestionControl::Cubic, CongestionControl::Bbr]
        {
            let config = Config { congestion: algorithm, ..Config::default() };
            let mut controller = controller(&config, 7);
            assert_eq!(controller.window(), limits().initial, "{algorithm:?}");
            controller.lost(&loss());
            controller.timed_out(Duration::ZERO);
            assert!(controller.window() >= limits().packet, "{algorithm:?}");
            let before = controller.window();
            controller.acked(&acked(&*controller, 1000));
            assert!(controller.window() >= before, "{algorithm:?}");
        }
    }
}
