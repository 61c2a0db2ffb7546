use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use antiphon_crypto::CryptoProvider;
use antiphon_stun::NatBehaviourServer;
use antiphon_turn::server::{self, PeerPolicy, Quotas, Redirect, RelayAddress, Server};

use crate::config::{Config, Drain, Listener, Prefix};
use crate::credentials::Store;
use crate::server::StartError;
use crate::shared::{Live, Shared};

/// The machine of one shard.
#[derive(Debug)]
pub(crate) struct Machine;

impl Machine {
    /// One machine per shard. They share a secret, so that nonces and tickets of one are good for
    /// all, and the table of quotas.
    pub(crate) fn build(
        shared: &Arc<Shared>,
        provider: &Arc<dyn CryptoProvider>,
        listeners: &[Listener],
    ) -> Result<Vec<Server>, StartError> {
        let live = shared.live();
        let mut secret = [0; 32];
        provider.fill_random(&mut secret)?;
        let quotas = Quotas::new(per_user(&live.config));
        let now = Instant::now();
        let mut machines = Vec::new();
        for shard in 0..live.config.shards {
            let mut config = config(&live, shard, secret, quotas.clone());
            config.listeners = listeners.iter().map(|listener| listener.address).collect();
            let store = Box::new(Store(Arc::clone(shared)));
            let mut seed = [0; 32];
            provider.fill_random(&mut seed)?;
            let provider = Arc::clone(provider);
            machines.push(Server::new(config, store, provider, seed, now, unix())?);
        }
        Ok(machines)
    }
}

/// The time since the Unix epoch.
pub(super) fn unix() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn per_user(config: &Config) -> Option<u32> {
    match config.limits.allocations_per_user {
        0 => None,
        limit => Some(u32::try_from(limit).unwrap_or(u32::MAX)),
    }
}

/// What a machine has to know of a configuration that has changed. It keeps its secret, and the
/// counts of its users.
pub(super) fn changed(live: &Live, shard: usize) -> server::Config {
    config(live, shard, [0; 32], Quotas::new(per_user(&live.config)))
}

/// What one machine has to know.
fn config(live: &Live, shard: usize, secret: [u8; 32], quotas: Quotas) -> server::Config {
    let ours = &live.config;
    let relays = ours.relay.addresses.iter().map(|address| RelayAddress {
        ip: address.local,
        external: (address.public != address.local).then_some(address.public),
    });
    let mut config = server::Config::new(&ours.realm, relays.collect(), secret);
    config.ports = share(&ours.relay.ports, shard, ours.shards);
    config.ports_of_all = Some(ours.relay.ports.clone());
    config.port_cool_down = ours.relay.port_rest;
    config.shard = u8::try_from(shard).unwrap_or(u8::MAX);
    config.software.clone_from(&ours.software);
    config.tokens = live.credentials.tokens();
    config.max_lifetime = ours.limits.lifetime;
    config.rfc5766_channels = ours.relay.wide_channels;
    // The kernel sets DF per socket, not per datagram.
    config.dont_fragment = false;
    config.tcp_relays = ours.relay.tcp;
    config.mobility = ours.relay.mobility;
    config.nat_behaviour = ours
        .discovery
        .map(|discovery| NatBehaviourServer::new(discovery.addresses, discovery.ports));
    config.policy = policy(ours);
    config.redirect = if ours.drain.redirect { redirect(&ours.drain) } else { None };
    config.quotas = quotas;
    let bits = ours.limits.bandwidth_bits_per_second;
    config.bytes_per_second = (bits > 0).then_some(bits / 8);
    config.max_allocations = ours.limits.allocations.div_ceil(ours.shards.max(1));
    config.challenges_per_second = ours.limits.unauthenticated_per_second;
    config.challenge_burst = ours.limits.unauthenticated_per_second.saturating_mul(4);
    config.max_look_ups = 4096;
    if let Some(redis) = &ours.auth.redis {
        config.look_up_timeout = redis.timeout;
    }
    config
}

/// The ports of one shard, beginning with an even one.
fn share(
    ports: &std::ops::RangeInclusive<u16>,
    shard: usize,
    shards: usize,
) -> std::ops::RangeInclusive<u16> {
    let (first, last) = (usize::from(*ports.start()), usize::from(*ports.end()));
    let count = last.saturating_sub(first).saturating_add(1);
    let at = |shard: usize| {
        let begin = first.saturating_add(count.saturating_mul(shard) / shards.max(1));
        if shard == 0 { begin } else { begin.next_multiple_of(2) }
    };
    let begin = at(shard);
    let end = if shard.saturating_add(1) == shards {
        last
    } else {
        at(shard.saturating_add(1)).saturating_sub(1)
    };
    let port = |number| u16::try_from(number).unwrap_or(u16::MAX);
    port(begin)..=port(end)
}

fn policy(config: &Config) -> PeerPolicy {
    let mut policy = PeerPolicy::default();
    for prefix in &config.peers.allow {
        let (first, last) = bounds(prefix);
        // Both come from one prefix: they are in order.
        let _ = policy.allow(first, last);
    }
    for prefix in &config.peers.deny {
        let (first, last) = bounds(prefix);
        let _ = policy.deny(first, last);
    }
    policy.allow_relay_to_relay(config.peers.relay_to_relay);
    if let Some(metrics) = config.metrics.filter(|metrics| !metrics.ip().is_unspecified()) {
        policy.deny_own(metrics.ip());
    }
    policy
}

fn bounds(prefix: &Prefix) -> (std::net::IpAddr, std::net::IpAddr) {
    let bits = u32::from(prefix.bits);
    let last = match prefix.address {
        std::net::IpAddr::V4(address) => {
            (address.to_bits() | u32::MAX.checked_shr(bits).unwrap_or(0)).to_be_bytes().into()
        }
        std::net::IpAddr::V6(address) => {
            (address.to_bits() | u128::MAX.checked_shr(bits).unwrap_or(0)).to_be_bytes().into()
        }
    };
    (prefix.address, last)
}

/// Where clients are sent instead.
pub(super) fn redirect(drain: &Drain) -> Option<Redirect> {
    let find = |v4: bool| drain.alternate.iter().find(|address| address.is_ipv4() == v4).copied();
    let redirect = Redirect { v4: find(true), v6: find(false), above: 0 };
    (!drain.alternate.is_empty()).then_some(redirect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_have_disjoint_ports_that_cover_the_range() {
        for ports in [49152..=65535, 50001..=50020, 1024..=1030] {
            for shards in [1, 2, 3] {
                let shares: Vec<_> =
                    (0..shards).map(|shard| share(&ports, shard, shards)).collect();
                assert_eq!(shares[0].start(), ports.start());
                assert_eq!(shares[shards - 1].end(), ports.end());
                for pair in shares.windows(2) {
                    assert_eq!(u32::from(*pair[0].end()) + 1, u32::from(*pair[1].start()));
                    assert_eq!(pair[1].start() % 2, 0);
                }
            }
        }
    }

    #[test]
    fn prefixes_have_a_first_and_a_last_address() {
        let bounds = |address: &str, bits| {
            let (first, last) = bounds(&Prefix { address: address.parse().unwrap(), bits });
            format!("{first} {last}")
        };
        assert_eq!(bounds("10.0.0.0", 8), "10.0.0.0 10.255.255.255");
        assert_eq!(bounds("192.0.2.1", 32), "192.0.2.1 192.0.2.1");
        assert_eq!(bounds("0.0.0.0", 0), "0.0.0.0 255.255.255.255");
        assert_eq!(bounds("fc00::", 126), "fc00:: fc00::3");
    }
}
