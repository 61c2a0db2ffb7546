//! What the Rust peer measures, once a second, for the page's charts.

use std::time::Instant;

use antiphon::StatsReport;
use serde::Serialize;

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Report {
    received_mbps: f64,
    sent_mbps: f64,
    rtt_ms: Option<f64>,
    loss_percent: f64,
}

/// Remembers the last snapshot: rates are differences.
#[derive(Debug, Default)]
pub(crate) struct Reporter {
    before: Option<(Instant, StatsReport)>,
}

impl Reporter {
    pub(crate) fn report(&mut self, stats: &StatsReport) -> Report {
        let now = Instant::now();
        let (then, before) =
            self.before.replace((now, stats.clone())).unwrap_or((now, stats.clone()));
        let seconds = now.duration_since(then).as_secs_f64().max(0.001);
        let mbps = |now: u64, before: u64| as_f64(now.saturating_sub(before)) * 8.0 / seconds / 1e6;
        let (lost, received) = (losses(stats), arrivals(stats));
        let lost = (lost - losses(&before)).max(0.0);
        let expected = received - arrivals(&before) + lost;
        Report {
            received_mbps: mbps(stats.transport.bytes_received, before.transport.bytes_received),
            sent_mbps: mbps(stats.transport.bytes_sent, before.transport.bytes_sent),
            rtt_ms: stats.transport.current_round_trip_time.map(|time| time.as_secs_f64() * 1e3),
            loss_percent: if expected > 0.0 { 100.0 * lost / expected } else { 0.0 },
        }
    }
}

fn losses(stats: &StatsReport) -> f64 {
    stats.inbound_rtp.iter().map(|source| source.packets_lost as f64).sum()
}

fn arrivals(stats: &StatsReport) -> f64 {
    stats.inbound_rtp.iter().map(|source| as_f64(source.packets_received)).sum()
}

/// Counts in a chart need no more than 53 bits.
fn as_f64(count: u64) -> f64 {
    count as f64
}
