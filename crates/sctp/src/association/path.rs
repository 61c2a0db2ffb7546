use std::time::Duration;

use super::tcb::{Context, Tcb};
use crate::Config;
use crate::timer::Timer;

/// How large packets may be: DPLPMTUD ([RFC 8899]) with HEARTBEAT and PAD as probes.
///
/// ```text
///   BASE --base confirmed by any answer--> SEARCH --nothing larger--> COMPLETE --10 min--> SEARCH
///     ^                                      |
///     +------- timeouts with packets above the base: a black hole ----+
/// ```
///
/// [RFC 8899]: https://www.rfc-editor.org/rfc/rfc8899
#[derive(Debug)]
pub(crate) struct Path {
    /// What every path is expected to take: the configured packet size.
    base: usize,
    /// Confirmed, and used for data.
    packet: usize,
    ceiling: usize,
    /// The smallest size that was lost often enough.
    too_large: usize,
    /// The probe under way.
    probe: Option<Probe>,
    /// Timeouts in a row with packets larger than the base.
    doubts: u32,
    /// The search is over until the timer says otherwise.
    complete: bool,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    size: usize,
    attempts: u32,
    /// To be sent.
    due: bool,
    nonce: u64,
}

/// Probes of one size before it counts as too large (RFC 8899 section 5.1.2).
const MAX_PROBES: u32 = 3;
/// A search ends when it is this exact.
const STEP: usize = 16;
/// How long a result is believed (RFC 8899 section 5.1.1).
const RAISE: Duration = Duration::from_secs(600);
/// Timeouts in a row that make a black hole.
const MAX_DOUBTS: u32 = 3;

impl Path {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            base: config.max_packet,
            packet: config.max_packet,
            ceiling: config.packet_ceiling,
            too_large: config.packet_ceiling.saturating_add(1),
            probe: None,
            doubts: 0,
            complete: config.packet_ceiling <= config.max_packet,
        }
    }

    /// Bytes of a packet with data.
    pub(crate) fn packet(&self) -> usize {
        self.packet
    }

    /// Whether a probe is to be sent; its size.
    pub(crate) fn probe_due(&self) -> Option<usize> {
        self.probe.filter(|probe| probe.due).map(|probe| probe.size)
    }

    pub(crate) fn probe_sent(&mut self, nonce: u64) {
        if let Some(probe) = &mut self.probe {
            probe.due = false;
            probe.nonce = nonce;
            probe.attempts = probe.attempts.saturating_add(1);
        }
    }

    /// An answer to a HEARTBEAT came; `true` when it was the probe's, and packets are larger now.
    //= rfc8899#3
    // A size counts as confirmed only once its probe is acknowledged.
    fn answered(&mut self, nonce: u64) -> bool {
        let Some(probe) = self.probe.filter(|probe| !probe.due && probe.nonce == nonce) else {
            return false;
        };
        self.packet = self.packet.max(probe.size);
        self.probe = None;
        true
    }

    /// Decides about the next probe; `false` when the search is over.
    fn search(&mut self) -> bool {
        if self.complete {
            return false;
        }
        let size = if self.too_large > self.ceiling {
            // The ceiling is what most paths take, so it comes first.
            self.ceiling
        } else {
            self.packet.midpoint(self.too_large.saturating_sub(1)) & !3
        };
        if size <= self.packet || self.too_large.saturating_sub(self.packet) <= STEP {
            self.complete = true;
            return false;
        }
        self.probe = Some(Probe { size, attempts: 0, due: true, nonce: 0 });
        true
    }

    /// The probe's answer is overdue.
    //= rfc8899#4.1
    // A lost probe is no sign of congestion: nothing but the size is concluded from it.
    fn unanswered(&mut self) {
        let Some(probe) = &mut self.probe else { return };
        if probe.attempts < MAX_PROBES {
            probe.due = true;
        } else {
            self.too_large = probe.size;
            self.probe = None;
        }
    }

    fn restart(&mut self) {
        self.probe = None;
        self.too_large = self.ceiling.saturating_add(1);
        self.complete = self.ceiling <= self.packet;
    }
}

impl Tcb {
    /// The search begins.
    pub(crate) fn start_path_mtu(&mut self, context: &Context<'_>) {
        if self.path.search() {
            self.timers.stop(Timer::PathMtu);
        } else if self.path.ceiling > self.path.base {
            self.timers.start(Timer::PathMtu, context.now.saturating_add(RAISE));
        }
    }

    /// Another ceiling: the path has changed. Begins at the base again.
    pub(crate) fn set_ceiling(&mut self, ceiling: usize, context: &Context<'_>) {
        self.path.ceiling = ceiling.clamp(self.path.base, context.config.packet_ceiling);
        self.set_packet(self.path.base);
        self.path.restart();
        self.start_path_mtu(context);
    }

    fn set_packet(&mut self, bytes: usize) {
        self.path.packet = bytes;
        let room = bytes.saturating_sub(crate::wire::PACKET_HEADER) & !3;
        self.congestion.set_packet(room);
    }

    pub(crate) fn path_mtu_sent(&mut self, nonce: u64, context: &Context<'_>) {
        self.path.probe_sent(nonce);
        //= rfc8899#5.1.1
        // A probe is given a second at least.
        let wait = self.rtt.rto().max(Duration::from_secs(1));
        self.timers.start(Timer::PathMtu, context.now.saturating_add(wait));
    }

    pub(crate) fn path_mtu_timer(&mut self, context: &Context<'_>) {
        if self.path.probe.is_some() {
            self.path.unanswered();
        } else {
            //= rfc8899#5.3.3
            // After a while the path is asked again whether it takes more.
            self.path.restart();
        }
        if self.path.probe.is_none() {
            self.start_path_mtu(context);
        }
    }

    /// A HEARTBEAT ACK came; `true` when it answers a probe of the path.
    pub(crate) fn path_mtu_answered(&mut self, nonce: u64, context: &Context<'_>) -> bool {
        if !self.path.answered(nonce) {
            return false;
        }
        self.set_packet(self.path.packet);
        self.start_path_mtu(context);
        true
    }

    /// Data was acknowledged.
    pub(crate) fn path_mtu_confirmed(&mut self) {
        self.path.doubts = 0;
    }

    //= rfc8899#4.3
    // Timeouts in a row while packets are larger than the base: something swallows them.
    pub(crate) fn path_mtu_doubted(&mut self, context: &Context<'_>) {
        if self.path.packet <= self.path.base {
            return;
        }
        self.path.doubts = self.path.doubts.saturating_add(1);
        if self.path.doubts >= MAX_DOUBTS {
            self.path.doubts = 0;
            self.path.too_large = self.path.packet;
            self.set_packet(self.path.base);
            self.path.probe = None;
            self.path.complete = true;
            self.timers.start(Timer::PathMtu, context.now.saturating_add(RAISE));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches on a path that takes packets of `limit` bytes; returns the size found and how many
    /// probes it took.
    fn found(limit: usize, ceiling: usize) -> (usize, u32) {
        let config = Config { packet_ceiling: ceiling, ..Config::default() };
        let mut path = Path::new(&config);
        let mut probes = 0;
        while path.search() {
            while let Some(size) = path.probe_due() {
                probes += 1;
                path.probe_sent(u64::from(probes));
                if size <= limit {
                    assert!(path.answered(u64::from(probes)));
                } else {
                    path.unanswered();
                }
            }
        }
        (path.packet(), probes)
    }

    #[test]
    fn the_search_finds_what_the_path_takes() {
        assert_eq!(found(1500, 1435), (1435, 1));
        for limit in [1200, 1300, 1400, 1430] {
            let (size, probes) = found(limit, 1435);
            assert!(size <= limit && size + STEP > limit - 4, "{size} of {limit}");
            assert!(probes <= 16, "{probes} probes");
        }
        assert_eq!(found(1191, 1435).0, 1191);
        assert_eq!(found(9000, 8950), (8950, 1));
    }

    #[test]
    fn without_a_ceiling_nothing_is_probed() {
        assert_eq!(found(1500, 1191), (1191, 0));
    }
}
