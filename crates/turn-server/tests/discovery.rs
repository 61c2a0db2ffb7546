//! Behaviour discovery (RFC 5780) against real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use antiphon_stun::{
    Dependence, Method, NatBehaviour, NatDiscovery, NatDiscoveryConfig, NatDiscoveryEvent,
    attribute,
};
use antiphon_turn_server::{Server, Transport};
use common::{AUTH, Client, PEERS, RELAY, Wire, address, peer, serve};

const ADDRESSES: [&str; 2] = ["127.0.0.1", "127.0.0.3"];

/// Two ports that are free on both addresses.
fn free_ports() -> [u16; 2] {
    let mut free = (0..64).filter_map(|_| {
        let first = UdpSocket::bind((ADDRESSES[0], 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        UdpSocket::bind((ADDRESSES[1], port)).is_ok().then_some(port)
    });
    [free.next().unwrap(), free.next().unwrap()]
}

fn serve_discovery(ports: [u16; 2], shards: usize) -> Server {
    let text = common::text("udp", &format!("shards = {shards}"))
        + RELAY
        + PEERS
        + AUTH
        + &format!("[discovery]\naddresses = {ADDRESSES:?}\nports = {ports:?}\n");
    Server::start(common::config(&text)).unwrap()
}

fn discover(server: SocketAddr) -> NatBehaviour {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let local = socket.local_addr().unwrap();
    let mut config = NatDiscoveryConfig::new(server, local);
    config.pause = Duration::from_millis(5);
    let begin = Instant::now();
    let mut discovery = NatDiscovery::new(config, [7; 32], begin);
    let mut buf = [0; 1500];
    loop {
        assert!(begin.elapsed() < Duration::from_secs(20), "{discovery:?}");
        while let Some(sent) = discovery.poll_output(Instant::now(), &mut buf).unwrap() {
            socket.send_to(&buf[..sent.len], sent.remote).unwrap();
        }
        match discovery.poll_event() {
            Some(NatDiscoveryEvent::Done(behaviour)) => return behaviour,
            Some(NatDiscoveryEvent::Failed(error)) => panic!("{error}"),
            None => {}
        }
        socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        if let Ok((len, from)) = socket.recv_from(&mut buf) {
            discovery.handle_input(Instant::now(), from, &buf[..len]).unwrap();
        }
    }
}

//= rfc5780#6.1
//= type=test
#[test]
fn clients_find_out_that_there_is_no_nat() {
    let ports = free_ports();
    let _server = serve_discovery(ports, 2);
    for (ip, port) in [(ADDRESSES[0], ports[0]), (ADDRESSES[1], ports[1])] {
        let found = discover(SocketAddr::new(ip.parse().unwrap(), port));
        assert!(!found.translated);
        assert_eq!(found.mapping, Some(Dependence::EndpointIndependent));
        assert_eq!(found.filtering, Some(Dependence::EndpointIndependent));
        assert_eq!(found.hairpinning, None, "without a NAT there is nothing to ask");
    }
    // TURN is served beside it.
    Client::new(Wire::udp(SocketAddr::new(ADDRESSES[0].parse().unwrap(), ports[0]))).prove(&peer());
}

//= rfc5780#7.4
//= type=test
#[test]
fn without_the_option_nobody_is_answered_from_elsewhere() {
    let server = serve("udp");
    let change = |client: &mut Client| {
        client.ask(Method::BINDING, &|request| {
            request.attribute(attribute::CHANGE_REQUEST, &[0, 0, 0, 6]).unwrap();
        })
    };
    assert_eq!(change(&mut Client::udp(&server)).code(), 420);
    // Nor where it is on, from a port that is none of the four.
    let server = serve_discovery(free_ports(), 1);
    let mut client = Client::new(Wire::udp(address(&server, Transport::Udp)));
    assert_eq!(change(&mut client).code(), 420);
    let plain = client.ask(Method::BINDING, &|_| {});
    assert_eq!(plain.view().xor_mapped_address(), Some(client.wire.local()));
    assert_eq!(plain.view().other_address(), None);
}

#[test]
fn padding_and_foreign_ports_are_refused() {
    let ports = free_ports();
    let server = serve_discovery(ports, 1);
    let listener = SocketAddr::new(ADDRESSES[0].parse().unwrap(), ports[0]);
    assert!(server.listeners().iter().any(|found| found.address == listener));
    let mut client = Client::new(Wire::udp(listener));
    for (kind, value) in
        [(attribute::RESPONSE_PORT, &[0, 9, 0, 0][..]), (attribute::PADDING, &[0; 64])]
    {
        let answer = client.ask(Method::BINDING, &|request| {
            request.attribute(kind, value).unwrap();
        });
        assert_eq!(answer.code(), 420, "{kind:#x}");
    }
}
