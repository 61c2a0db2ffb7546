//! Several threads: what one of them made is found by clients that come in at another.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener};

use antiphon_stun::Method;
use antiphon_turn::wire::method;
use antiphon_turn_server::{Server, Transport};
use common::{
    AUTH, Answer, Arrived, CONNECTION_ID, Client, EVEN_PORT, MOBILITY_TICKET, PEERS,
    REQUESTED_TRANSPORT, RESERVATION_TOKEN, SILENCE, WAIT, Wire, XOR_PEER_ADDRESS, address, peer,
};

/// The first port of the second of two shards.
const SECOND: u16 = 25_000;

fn two_shards(listeners: &str, relay: &str, peers: &str) -> Server {
    let relay = format!("[relay]\naddresses = [\"127.0.0.1\"]\nports = \"20000-29999\"\n{relay}\n");
    let text = common::text(listeners, "shards = 2") + &relay + PEERS + peers + "\n" + AUTH;
    Server::start(common::config(&text)).unwrap()
}

fn shard_of(relayed: SocketAddr) -> usize {
    usize::from(relayed.port() >= SECOND)
}

/// A client whose datagrams come in at `shard`, with an allocation there.
fn client_at(server: &Server, shard: usize) -> (Client, SocketAddr) {
    for _ in 0..64 {
        let mut client = Client::udp(server);
        let relayed = client.allocate();
        if shard_of(relayed) == shard {
            return (client, relayed);
        }
        assert_eq!(client.refresh(0).code(), 0);
    }
    panic!("the kernel gives everything to one shard");
}

/// The same without the allocation.
fn idle_client_at(server: &Server, shard: usize) -> Client {
    let (mut client, _) = client_at(server, shard);
    assert_eq!(client.refresh(0).code(), 0);
    client
}

/// An address whose streams are served by `shard`.
fn source_at(server: &Server, shard: usize) -> IpAddr {
    let to = address(server, Transport::Tcp);
    let mut sources = (10..74_u8).map(|last| IpAddr::from([127, 0, 7, last]));
    let found = sources.find(|ip| {
        let mut client = Client::new(Wire::tcp_from(*ip, to));
        shard_of(client.allocate()) == shard
    });
    found.expect("an address for each shard")
}

/// Somebody without an allocation who comes in at `shard`.
fn newcomer(server: &Server, transport: Transport, shard: usize) -> Client {
    if transport == Transport::Udp {
        return idle_client_at(server, shard);
    }
    Client::new(Wire::tcp_from(source_at(server, shard), address(server, transport)))
}

fn with_udp(client: &mut Client, kind: u16, value: &[u8]) -> Answer {
    client.request(Method::ALLOCATE, &|request| {
        request.attribute(REQUESTED_TRANSPORT, &[17, 0, 0, 0]).unwrap();
        request.attribute(kind, value).unwrap();
    })
}

#[test]
fn relays_of_two_shards_reach_each_other_where_that_is_wanted() {
    let server = two_shards("udp", "", "relay_to_relay = true");
    let (mut a, at_a) = client_at(&server, 0);
    let (mut b, at_b) = client_at(&server, 1);
    assert_eq!((a.bind(0x4000, at_b), b.bind(0x4001, at_a)), (0, 0));
    a.send(0x4000, b"from one");
    assert_eq!(b.arrived(), Some(Arrived::Channel(0x4001, b"from one".to_vec())));
    b.send(0x4001, b"and back");
    assert_eq!(a.arrived(), Some(Arrived::Channel(0x4000, b"and back".to_vec())));
    // No other port of the relay's address, whatever shard is asked.
    for client in [&mut a, &mut b] {
        for port in [19_999, 30_000, 22, address(&server, Transport::Udp).port()] {
            assert_eq!(client.bind(0x4002, SocketAddr::new(at_a.ip(), port)), 403, "{port}");
        }
    }
}

// attack: loops through relayed addresses and listeners
#[test]
fn relays_of_no_shard_are_peers_unless_that_is_wanted() {
    let server = two_shards("udp", "", "");
    let (mut a, at_a) = client_at(&server, 0);
    let (mut b, at_b) = client_at(&server, 1);
    for to in [at_a, at_b] {
        for client in [&mut a, &mut b] {
            assert_eq!((client.permit(to), client.bind(0x4000, to)), (403, 403), "{to}");
        }
    }
}

#[test]
fn a_reservation_is_taken_up_from_another_shard() {
    let server = two_shards("udp tcp", "", "");
    let peer = peer();
    for owner in [0, 1] {
        for transport in [Transport::Udp, Transport::Tcp] {
            let mut second = newcomer(&server, transport, 1 - owner);
            let mut first = idle_client_at(&server, owner);
            let answer = with_udp(&mut first, EVEN_PORT, &[0x80]);
            assert_eq!((answer.code(), shard_of(answer.relayed())), (0, owner));
            let token = answer.view().find(RESERVATION_TOKEN).unwrap().to_vec();
            let other = with_udp(&mut second, RESERVATION_TOKEN, &token);
            assert_eq!((other.code(), other.relayed().port()), (0, answer.relayed().port() + 1));
            assert_eq!(second.bind(0x4000, peer.local_addr().unwrap()), 0);
            second.prove_again(&peer, other.relayed());
            assert_eq!(second.refresh(0).code(), 0);
            assert_eq!(first.refresh(0).code(), 0);
        }
    }
}

#[test]
fn an_allocation_moves_with_its_client_to_another_shard() {
    let server = two_shards("udp tcp", "mobility = true", "");
    let peer = peer();
    for owner in [0, 1] {
        for transport in [Transport::Udp, Transport::Tcp] {
            let mut client = newcomer(&server, transport, owner);
            let answer = with_udp(&mut client, MOBILITY_TICKET, &[]);
            let relayed = answer.relayed();
            assert_eq!((answer.code(), shard_of(relayed)), (0, owner));
            let ticket = answer.view().find(MOBILITY_TICKET).unwrap().to_vec();
            assert_eq!(client.bind(0x4000, peer.local_addr().unwrap()), 0);
            client.prove_again(&peer, relayed);
            let mut moved = newcomer(&server, transport, 1 - owner);
            let answer = moved.request(Method::REFRESH, &|request| {
                request.attribute(MOBILITY_TICKET, &ticket).unwrap();
            });
            assert_eq!(answer.code(), 0);
            moved.prove_again(&peer, relayed);
            assert_eq!(client.arrived_within(SILENCE), None, "nothing goes to the old address");
            // Requests without a ticket find it, too.
            assert_eq!(moved.refresh(600).code(), 0);
            assert_eq!(moved.refresh(0).code(), 0);
            // A datagram is one of the shard that it comes in at then; a stream stays.
            let stays = if transport == Transport::Udp { 1 - owner } else { owner };
            assert_eq!(shard_of(moved.allocate()), stays);
            assert_eq!(moved.refresh(0).code(), 0);
        }
    }
}

//= rfc6062#5.4
//= type=test
#[test]
fn a_data_connection_finds_the_shard_of_its_allocation() {
    let server = two_shards("tcp", "tcp = true", "");
    let to = address(&server, Transport::Tcp);
    let sources = [source_at(&server, 0), source_at(&server, 1)];
    for (shard, from) in sources.into_iter().enumerate() {
        let peer = TcpListener::bind("127.0.0.2:0").unwrap();
        let mut control = Client::new(Wire::tcp_from(from, to));
        let answer = control.request(Method::ALLOCATE, &|request| {
            request.attribute(REQUESTED_TRANSPORT, &[6, 0, 0, 0]).unwrap();
        });
        assert_eq!((answer.code(), shard_of(answer.relayed())), (0, shard));
        let answer = control.request(method::of(method::CONNECT), &|request| {
            request.xor_address(XOR_PEER_ADDRESS, peer.local_addr().unwrap()).unwrap();
        });
        assert_eq!(answer.code(), 0);
        let id = answer.number(CONNECTION_ID).to_be_bytes();
        let bind = |from| {
            let mut data = Client::new(Wire::tcp_from(from, to));
            let answer = data.request(method::of(method::CONNECTION_BIND), &|request| {
                request.attribute(CONNECTION_ID, &id).unwrap();
            });
            (answer.code(), data)
        };
        // The other shard passes it on, and the owner sees that this is another client.
        assert_eq!(bind(sources[1 - shard]).0, 400);
        let (code, data) = bind(from);
        assert_eq!(code, 0);
        let Wire::Tcp(mut stream, _) = data.wire else { panic!("not TCP") };
        let (mut accepted, _) = peer.accept().unwrap();
        accepted.set_read_timeout(Some(WAIT)).unwrap();
        stream.set_read_timeout(Some(WAIT)).unwrap();
        let mut buf = [0; 5];
        stream.write_all(b"there").unwrap();
        accepted.read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"there");
        accepted.write_all(b"again").unwrap();
        stream.read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"again");
    }
}
