//! Datagrams to a multicast DNS machine that has a name and resolves another.

use std::time::Duration;

use antiphon_mdns::{Config, From, InterfaceId, Mdns, Scope, Subnet};

/// Runs the target over `data`: datagrams, each with a byte of flags (sent to the group, from
/// another port, from another link, a second later) and two of length.
///
/// # Panics
///
/// When the machine says that it has more to do at once than it was told.
pub fn run(mut data: &[u8]) {
    let mut now = antiphon_testkit::start();
    let interface = InterfaceId(2);
    let ours = [192, 168, 1, 7].into();
    let mut mdns = Mdns::new(Config::default(), [7; 32], now);
    mdns.set_interface(now, interface, &[Subnet::new(ours, 24)]);
    let registered = mdns.register(now, Scope::default(), ours);
    assert!(registered.is_ok(), "{registered:?}");
    // The name of the packets in the corpus.
    if let Ok(name) = "1f4712db-ea17-4bcf-a596-105139dfd8bf.local".parse() {
        assert_eq!(mdns.resolve(now, name), Ok(()));
    }
    let mut buf = [0; 1500];
    while let Some(([flags, high, low], rest)) = data.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (datagram, rest) = rest.split_at(len);
        data = rest;
        let port = if flags & 2 == 0 { 5353 } else { 40_000 };
        let host = if flags & 4 == 0 { [192, 168, 1, 9] } else { [192, 168, 2, 9] };
        let from = From { interface, source: (host, port).into(), multicast: flags & 1 == 1 };
        let _ = mdns.handle_input(now, from, datagram);
        for _ in 0..64 {
            match mdns.poll_output(now, &mut buf) {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        assert_eq!(mdns.poll_output(now, &mut buf), Ok(None), "one datagram makes many");
        assert!(mdns.poll_timeout().is_none_or(|next| next > now), "a busy loop");
        now += Duration::from_millis(if flags & 8 == 0 { 10 } else { 1000 });
        mdns.handle_timeout(now);
        while mdns.poll_event().is_some() {}
    }
}
