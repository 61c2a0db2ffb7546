//! Metrics for Prometheus, over HTTP. No label depends on what a client says: there is one per shard.

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::report::{Report, ShardReport};
use crate::shared::Shared;

const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    shard: usize,
}

/// Name, explanation, value.
type Line = (&'static str, &'static str, fn(&ShardReport) -> u64);

const GAUGES: &[Line] = &[
    ("allocations", "Allocations that exist now", |r| r.stats.allocations),
    ("relay_sockets", "Relayed sockets that are open", |r| r.relays),
    ("connections", "Connections of clients over TCP, TLS and DTLS", |r| r.connections),
];

const COUNTERS: &[Line] = &[
    ("allocations_created", "Allocations made", |r| r.stats.allocations_created),
    ("allocations_ended", "Allocations ended", |r| r.stats.allocations_ended),
    ("allocations_moved", "Allocations moved to another client address", |r| r.stats.moves),
    ("requests_authenticated", "Requests with a valid credential", |r| r.stats.authenticated),
    ("responses_success", "Success responses", |r| r.stats.successes),
    ("responses_challenge", "401 responses", |r| r.stats.challenges),
    ("responses_stale_nonce", "438 responses", |r| r.stats.stale_nonces),
    ("responses_error", "Other error responses", |r| r.stats.errors),
    ("dropped_unauthenticated", "Requests without proof, not answered for lack of rate", |r| {
        r.stats.rate_limited
    }),
    ("dropped_malformed", "Datagrams that were no message", |r| r.stats.malformed),
    ("dropped_to_peer", "Data without allocation, channel or permission", |r| {
        r.stats.dropped_to_peer
    }),
    ("dropped_to_client", "Data of peers without a permission", |r| r.stats.dropped_to_client),
    ("dropped_bandwidth", "Packets above the bandwidth of their allocation", |r| {
        r.stats.over_bandwidth
    }),
    ("dropped_answers", "Answers dropped because too many waited", |r| r.stats.output_full),
    ("dropped_sending", "Datagrams that the kernel did not take", |r| r.lost_sending),
    ("dropped_queueing", "Packets for clients over streams that did not read", |r| r.lost_queueing),
    ("dropped_dtls", "DTLS datagrams dropped: forged, too early, too many", |r| r.dtls_dropped),
    ("ports_unrested", "Relayed ports used again before their rest was over", |r| {
        r.stats.ports_unrested
    }),
    ("permissions_revoked", "Permissions ended by a new configuration", |r| r.stats.revoked),
    ("peers_forbidden", "Peers refused by the policy", |r| r.stats.forbidden),
    ("packets_to_peer", "Packets relayed to peers", |r| r.stats.packets_to_peer),
    ("bytes_to_peer", "Bytes relayed to peers, without headers", |r| r.stats.bytes_to_peer),
    ("packets_to_client", "Packets relayed to clients", |r| r.stats.packets_to_client),
    ("bytes_to_client", "Bytes relayed to clients, without headers", |r| r.stats.bytes_to_client),
    ("look_ups", "Users looked up in Redis", |r| r.stats.look_ups),
    ("look_ups_expired", "Look-ups that Redis did not answer in time", |r| {
        r.stats.look_ups_expired
    }),
];

/// Serves `/metrics`, and `/health` for probes, until the runtime ends.
pub(crate) async fn serve(shared: Arc<Shared>, listener: std::net::TcpListener) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "metrics cannot be served");
            return;
        }
    };
    let metrics = get(move || {
        let shared = Arc::clone(&shared);
        async move { ([(CONTENT_TYPE, TEXT)], text(&Report::collect(&shared).await)) }
    });
    let pages =
        Router::new().route("/metrics", metrics).route("/health", get(|| async { "fine\n" }));
    if let Err(error) = axum::serve(listener, pages).await {
        tracing::error!(%error, "metrics are served no more");
    }
}

/// The report in the text format.
fn text(report: &Report) -> String {
    let mut registry = Registry::with_prefix("turn");
    for (name, help, value) in GAUGES {
        let family = Family::<Labels, Gauge>::default();
        for (shard, report) in report.shards.iter().enumerate() {
            let value = i64::try_from(value(report)).unwrap_or(i64::MAX);
            family.get_or_create(&Labels { shard }).set(value);
        }
        registry.register(*name, *help, family);
    }
    for (name, help, value) in COUNTERS {
        let family = Family::<Labels, Counter>::default();
        for (shard, report) in report.shards.iter().enumerate() {
            family.get_or_create(&Labels { shard }).inc_by(value(report));
        }
        registry.register(*name, *help, family);
    }
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = encode(&mut text, &registry);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_every_metric_per_shard() {
        let mut one = ShardReport::default();
        one.stats.allocations = 3;
        one.stats.packets_to_peer = 70;
        let report = Report { shards: vec![one, ShardReport::default()] };
        let text = text(&report);
        assert!(text.contains("turn_allocations{shard=\"0\"} 3\n"), "{text}");
        assert!(text.contains("turn_packets_to_peer_total{shard=\"0\"} 70\n"), "{text}");
        assert!(text.contains("turn_packets_to_peer_total{shard=\"1\"} 0\n"), "{text}");
        assert!(text.ends_with("# EOF\n"));
        assert_eq!(
            text.lines().filter(|line| line.starts_with("turn_")).count(),
            2 * (GAUGES.len() + COUNTERS.len())
        );
    }
}
