//! Which of the machine's addresses become candidates.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Configuration;

/// How old an answer of the system about its addresses may be.
const FRESH: Duration = Duration::from_secs(1);

/// The addresses to bind, in the order the system names them.
pub(crate) fn local(config: &Configuration) -> Vec<IpAddr> {
    if let Some(addresses) = &config.addresses {
        return distinct(addresses.iter().copied());
    }
    let (loopback, others): (Vec<_>, Vec<_>) =
        of_machine().into_iter().partition(IpAddr::is_loopback);
    let mut addresses = others;
    if config.include_loopback || addresses.is_empty() {
        addresses.extend(loopback);
    }
    distinct(addresses)
}

/// The usable addresses of the machine. Asking the system costs some 50 microseconds, so all
/// connections of the process share one answer while it is fresh.
fn of_machine() -> Vec<IpAddr> {
    static LATEST: Mutex<Option<(Instant, Vec<IpAddr>)>> = Mutex::new(None);
    let mut latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((asked, addresses)) = &*latest
        && asked.elapsed() < FRESH
    {
        return addresses.clone();
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!(%error, "the system does not name its addresses");
        Vec::new()
    });
    let addresses: Vec<IpAddr> = interfaces
        .into_iter()
        .filter(|interface| interface.is_oper_up() || interface.is_loopback())
        .map(|interface| interface.ip())
        .filter(usable)
        .collect();
    *latest = Some((Instant::now(), addresses.clone()));
    addresses
}

/// Which addresses have come, in their order, and which have gone.
pub(crate) fn changes(bound: &BTreeSet<IpAddr>, now: &[IpAddr]) -> (Vec<IpAddr>, Vec<IpAddr>) {
    let come = now.iter().filter(|address| !bound.contains(address));
    let gone = bound.iter().filter(|address| !now.contains(address));
    (come.copied().collect(), gone.copied().collect())
}

/// Each address once, where it comes first; IPv4 written as IPv6 is IPv4.
fn distinct(addresses: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut seen = BTreeSet::new();
    let addresses = addresses.into_iter().map(|address| address.to_canonical());
    addresses.filter(|address| !address.is_unspecified() && seen.insert(*address)).collect()
}

//= rfc8445#5.1.1.1
// Neither link-local addresses of IPv6, which need a scope that signalling does not carry, nor the
// deprecated IPv4-compatible and site-local forms.
fn usable(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_unspecified() && !v4.is_link_local(),
        IpAddr::V6(v6) => {
            let [first, ..] = v6.segments();
            let site_local = first & 0xffc0 == 0xfec0;
            let compatible = v6.to_ipv4().is_some() && !v6.is_loopback();
            !v6.is_unspecified() && !v6.is_unicast_link_local() && !site_local && !compatible
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_a_peer_can_use() {
        for (address, expected) in [
            ("192.0.2.1", true),
            ("127.0.0.1", true),
            ("::1", true),
            ("2001:db8::1", true),
            ("fd00::2", true),
            ("0.0.0.0", false),
            ("169.254.1.1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("::192.0.2.1", false),
            ("::ffff:192.0.2.1", false),
        ] {
            assert_eq!(usable(&address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn what_came_and_what_went_is_told_apart_from_what_stays() {
        let of = |texts: &[&str]| -> Vec<IpAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let bound: BTreeSet<IpAddr> =
            of(&["192.0.2.1", "fd00::1", "192.0.2.2"]).into_iter().collect();
        let (come, gone) = changes(&bound, &of(&["198.51.100.1", "192.0.2.2", "fd00::2"]));
        assert_eq!(come, of(&["198.51.100.1", "fd00::2"]));
        assert_eq!(gone, of(&["192.0.2.1", "fd00::1"]));
        assert_eq!(
            changes(&bound, &of(&["fd00::1", "192.0.2.2", "192.0.2.1"])),
            (of(&[]), of(&[]))
        );
    }

    #[test]
    fn named_addresses_count_once_and_unspecified_ones_never() {
        let named = ["192.0.2.1", "::1", "::ffff:192.0.2.1", "::", "0.0.0.0", "::1"];
        let distinct = distinct(named.map(|address| address.parse().unwrap()));
        let expected: [IpAddr; 2] = ["192.0.2.1", "::1"].map(|address| address.parse().unwrap());
        assert_eq!(distinct, expected);
    }
}
