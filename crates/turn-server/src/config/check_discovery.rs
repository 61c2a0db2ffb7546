//! Behaviour discovery: two addresses, two ports, and listeners on all four.

use std::net::{IpAddr, SocketAddr};

use super::error::Problems;
use super::{Discovery, Listener, Transport, raw};

/// Checks the section, and adds listeners that are missing.
pub(super) fn discovery(
    problems: &mut Problems<'_>,
    raw: &raw::Discovery,
    listeners: &mut Vec<Listener>,
) -> Option<Discovery> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for text in raw.addresses.get_ref() {
        match text.get_ref().parse::<IpAddr>() {
            Ok(ip) if !ip.is_unspecified() => addresses.push(ip),
            Ok(_) | Err(_) => problems.at(
                Some(text.span()),
                format!(
                    "discovery.addresses: {:?} is no address that packets can leave from: write it \
                     as 192.0.2.1",
                    text.get_ref()
                ),
            ),
        }
    }
    let span = Some(raw.addresses.span());
    let &[first, second] = addresses.as_slice() else {
        problems.at(span, format!("discovery.addresses: {}; allowed: two", addresses.len()));
        return None;
    };
    if first == second || first.is_ipv4() != second.is_ipv4() {
        problems.at(span, "discovery.addresses: two different ones of one family are needed");
    }
    let [one, other] = *raw.ports.get_ref();
    if one == other || one == 0 || other == 0 {
        problems.at(
            Some(raw.ports.span()),
            format!("discovery.ports: {one} and {other}; allowed: two different ones above 0"),
        );
    }
    let discovery = Discovery { addresses: [first, second], ports: [one, other] };
    for address in discovery.sockets() {
        listen(problems, raw, address, listeners);
    }
    Some(discovery)
}

fn listen(
    problems: &mut Problems<'_>,
    raw: &raw::Discovery,
    address: SocketAddr,
    listeners: &mut Vec<Listener>,
) {
    let listener = Listener { transport: Transport::Udp, address };
    if listeners.contains(&listener) {
        return;
    }
    let taken = listeners.iter().find(|other| {
        let datagrams = matches!(other.transport, Transport::Udp | Transport::Dtls);
        let all =
            other.address.ip().is_unspecified() && other.address.is_ipv4() == address.is_ipv4();
        datagrams
            && other.address.port() == address.port()
            && (all || other.address.ip() == address.ip())
    });
    match taken {
        Some(taken) => problems.at(
            Some(raw.ports.span()),
            format!(
                "discovery.ports: {address} is taken by the [[listen]] on {}; choose other ports, \
                 or listen there on {} over UDP",
                taken.address,
                address.ip()
            ),
        ),
        None => listeners.push(listener),
    }
}
