//! The interfaces that multicast DNS speaks on.

use std::collections::BTreeMap;
use std::net::IpAddr;

use antiphon_peerconnection::mdns::{InterfaceId, Subnet};

/// Each interface with its addresses. Loopback is none: nobody else is there, and names that lead to
/// it are not believed.
pub(super) fn current() -> BTreeMap<InterfaceId, Vec<Subnet>> {
    let all = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!(%error, "the system does not name its interfaces");
        Vec::new()
    });
    let mut interfaces: BTreeMap<InterfaceId, Vec<Subnet>> = BTreeMap::new();
    for interface in all {
        if !interface.is_oper_up() || interface.is_loopback() {
            continue;
        }
        let Some(index) = interface.index else { continue };
        let subnet = match &interface.addr {
            if_addrs::IfAddr::V4(v4) => Subnet::new(v4.ip.into(), v4.prefixlen),
            if_addrs::IfAddr::V6(v6) => Subnet::new(v6.ip.into(), v6.prefixlen),
        };
        interfaces.entry(InterfaceId(index)).or_default().push(subnet);
    }
    interfaces
}

/// The address to join by on IPv4; whether there is IPv6.
pub(super) fn families(addresses: &[Subnet]) -> (Option<std::net::Ipv4Addr>, bool) {
    let v4 = addresses.iter().find_map(|subnet| match subnet.address {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    });
    (v4, addresses.iter().any(|subnet| subnet.address.is_ipv6()))
}
