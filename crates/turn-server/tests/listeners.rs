//! Each listener, end to end: allocate, bind, a packet there and one back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use antiphon_dtls::Version;
use antiphon_stun::{Method, TransactionId};
use antiphon_turn::wire::TurnMessage as _;
use antiphon_turn_server::{Server, Transport};
use common::{
    AUTH, Arrived, Client, LIFETIME, PEERS, SILENCE, Wire, address, config, peer, serve, serve_with,
};

#[test]
fn data_passes_over_udp() {
    let server = serve("udp");
    let peer = peer();
    let mut client = Client::udp(&server);
    let relayed = client.prove(&peer);
    assert!((20_000..60_000).contains(&relayed.port()));
    // Without a channel both ways take indications.
    let to = peer.local_addr().unwrap();
    let mut other = Client::udp(&server);
    let relayed = other.allocate();
    assert_eq!(other.permit(to), 0);
    other.send_to(to, b"indicated");
    let mut buf = [0; 100];
    let (len, from) = peer.recv_from(&mut buf).unwrap();
    assert_eq!((&buf[..len], from), (&b"indicated"[..], relayed));
    peer.send_to(b"odd", relayed).unwrap();
    assert_eq!(other.arrived(), Some(Arrived::Data(to, b"odd".to_vec())));
    // Another socket at the peer's address has the permission, but not the channel.
    let other_peer = UdpSocket::bind("127.0.0.2:0").unwrap();
    other_peer.send_to(b"x", relayed).unwrap();
    let from = other_peer.local_addr().unwrap();
    assert_eq!(other.arrived(), Some(Arrived::Data(from, b"x".to_vec())));
    // And one at another address has nothing.
    let stranger = UdpSocket::bind("127.0.0.3:0").unwrap();
    stranger.send_to(b"x", relayed).unwrap();
    assert_eq!(other.arrived_within(SILENCE), None);
    assert_eq!(server.report().allocations(), 2);
    assert_eq!(other.refresh(0).number(LIFETIME), 0);
    assert_eq!(server.report().allocations(), 1);
}

#[test]
fn bursts_arrive_whole_in_order_and_in_both_directions() {
    let server = serve("udp");
    let peer = peer();
    let mut client = Client::udp(&server);
    let relayed = client.prove(&peer);
    let mut buf = [0; 2048];
    for round in 0..20_u8 {
        for index in 0..30_u8 {
            client.send(0x4000, &[round, index, 7][..1 + usize::from(index % 3)].repeat(300));
        }
        for index in 0..30_u8 {
            let len = peer.recv(&mut buf).unwrap();
            assert_eq!(buf[..len], [round, index, 7][..1 + usize::from(index % 3)].repeat(300));
        }
        for index in 0..30_u8 {
            peer.send_to(&[round, index].repeat(200), relayed).unwrap();
        }
        for index in 0..30_u8 {
            let data = [round, index].repeat(200);
            assert_eq!(client.arrived(), Some(Arrived::Channel(0x4000, data)));
        }
    }
}

#[test]
fn data_passes_over_tcp_and_tls() {
    let folder = tempfile::tempdir().unwrap();
    let tls = common::identity::write(folder.path());
    let server = serve_with("tcp tls", "shards = 2", &tls);
    let peer = peer();
    Client::new(Wire::tcp(address(&server, Transport::Tcp))).prove(&peer);
    Client::new(Wire::tls(address(&server, Transport::Tls))).prove(&peer);
    // A connection that ends takes its allocation along.
    let begin = Instant::now();
    while server.report().allocations() > 0 {
        assert!(begin.elapsed() < common::WAIT);
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn data_passes_over_both_versions_of_dtls() {
    let folder = tempfile::tempdir().unwrap();
    let tls = common::identity::write(folder.path());
    let server = serve_with("dtls", "shards = 2", &tls);
    let peer = peer();
    for version in [Version::Dtls12, Version::Dtls13] {
        let to = address(&server, Transport::Dtls);
        let mut client = Client::new(Wire::dtls(to, version));
        let relayed = client.prove(&peer);
        for index in 0..50_u8 {
            client.send(0x4000, &[index; 1000]);
            let mut buf = [0; 2048];
            assert_eq!(peer.recv(&mut buf).unwrap(), 1000);
            peer.send_to(&[index; 900], relayed).unwrap();
            let data = vec![index; 900];
            assert_eq!(client.arrived(), Some(Arrived::Channel(0x4000, data)));
        }
        assert_eq!(client.refresh(0).code(), 0);
    }
    assert_eq!(server.report().allocations(), 0);
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    let server = serve("tcp");
    let peer = peer();
    let mut client = Client::new(Wire::tcp(address(&server, Transport::Tcp)));
    client.prove(&peer);
    let mut buf = [0; 100];
    for len in 0..9 {
        let mut message = vec![0x40, 0, 0, len];
        message.extend((0..len).map(|index| index + 1));
        message.resize(message.len().next_multiple_of(4), 0xff);
        for byte in &message {
            client.wire.send(&[*byte]);
        }
        // The same twice in one write.
        client.wire.send(&[&message[..], &message[..]].concat());
        for _ in 0..3 {
            let got = peer.recv(&mut buf).unwrap();
            assert_eq!(buf[..got], message[4..4 + usize::from(len)]);
        }
    }
}

#[test]
fn all_of_it_works_over_ipv6() {
    let text = common::text("udp@[::1]:0 tcp@[::1]:0", "shards = 1")
        + "[relay]\naddresses = [\"127.0.0.1\", \"::1\"]\nports = \"20000-59999\"\n"
        + PEERS
        + AUTH;
    let server = Server::start(config(&text)).unwrap();
    let peer = peer();
    Client::new(Wire::udp(address(&server, Transport::Udp))).prove(&peer);
    Client::new(Wire::tcp(address(&server, Transport::Tcp))).prove(&peer);
    // A relayed address of IPv6; the host's only IPv6 address is the server's own, so no peer.
    let mut client = Client::udp(&server);
    let answer = client.request(Method::ALLOCATE, &|request| {
        request.attribute(common::REQUESTED_TRANSPORT, &[17, 0, 0, 0]).unwrap();
        request.attribute(0x0017, &[2, 0, 0, 0]).unwrap();
    });
    assert_eq!(answer.relayed().ip().to_string(), "::1");
    assert_eq!(client.permit("[::1]:9".parse().unwrap()), 403);
}

#[test]
fn binding_is_answered_without_credentials_on_every_port() {
    let server = serve("udp tcp");
    for wire in
        [Wire::udp(address(&server, Transport::Udp)), Wire::tcp(address(&server, Transport::Tcp))]
    {
        let local = wire.local();
        let answer = Client::new(wire).ask(Method::BINDING, &|_| {});
        assert_eq!(answer.view().xor_mapped_address(), Some(local));
    }
}

#[test]
fn a_lost_answer_is_given_again() {
    let server = serve("udp");
    let mut client = Client::udp(&server);
    let id = TransactionId([9; 12]);
    client.allocate();
    let mut other = Client::udp(&server);
    // Learns the nonce.
    other.ask(Method::ALLOCATE, &|_| {});
    let challenge = other.ask(Method::ALLOCATE, &|_| {});
    other.nonce = challenge.view().find(antiphon_stun::attribute::NONCE).unwrap().to_vec();
    let request = other.write(id, Method::ALLOCATE, &|request| {
        request.attribute(common::REQUESTED_TRANSPORT, &[17, 0, 0, 0]).unwrap();
    });
    other.wire.send(&request);
    let first = other.answer(id).relayed();
    other.wire.send(&request);
    assert_eq!(other.answer(id).relayed(), first);
    assert_eq!(server.report().allocations(), 2);
}

#[test]
fn icmp_errors_reach_the_client() {
    let server = serve("udp");
    let mut client = Client::udp(&server);
    client.allocate();
    let nobody = UdpSocket::bind("127.0.0.2:0").unwrap().local_addr().unwrap();
    assert_eq!(client.permit(nobody), 0);
    client.send_to(nobody, b"anybody there?");
    let Some(Arrived::Other(message)) = client.arrived() else { panic!("no indication") };
    let view = antiphon_stun::MessageView::parse(&message).unwrap();
    assert_eq!(view.xor_address(common::XOR_PEER_ADDRESS), Some(nobody));
    // Destination unreachable, port unreachable.
    let icmp = view.icmp().unwrap().unwrap();
    assert_eq!((icmp.kind, icmp.code, icmp.data), (3, 3, 0));
}
