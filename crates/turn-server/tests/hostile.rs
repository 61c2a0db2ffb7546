//! A hostile neighbourhood: memory stays flat, ports come back, a good client notices nothing.
//!
//! What is marked `ignore` takes minutes: `cargo test --release -p antiphon-turn-server --test hostile -- --ignored`.
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
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use antiphon_stun::{Class, MessageWriter, Method};
use antiphon_turn_server::{Server, Transport};
use common::{Client, WAIT, Wire, address, peer, serve_with, transaction};

/// A stand-in for chance: the same each time.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// Resident memory of this process in KiB.
fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn allocate_request() -> Vec<u8> {
    let mut buf = [0; 128];
    let id = transaction();
    let mut request = MessageWriter::new(&mut buf, Class::Request, Method::ALLOCATE, id).unwrap();
    request.attribute(common::REQUESTED_TRANSPORT, &[17, 0, 0, 0]).unwrap();
    let len = request.finish();
    buf[..len].to_vec()
}

/// A server, and a client whose data has to pass whatever else happens.
struct Good {
    server: Server,
    client: Client,
    peer: UdpSocket,
    relayed: SocketAddr,
}

impl Good {
    fn new() -> Self {
        // Ports come back at once: a client opens and closes faster than any is meant to.
        let relay = common::RELAY.to_owned() + "port_rest = \"0s\"\n";
        let text = common::text("udp tcp", "shards = 1") + &relay + common::PEERS + common::AUTH;
        let server = Server::start(common::config(&text)).unwrap();
        let peer = peer();
        let mut client = Client::udp(&server);
        let relayed = client.prove(&peer);
        Self { server, client, peer, relayed }
    }

    fn check(&mut self) {
        self.client.prove_again(&self.peer, self.relayed);
    }

    /// All that was made is gone, but for the good client's own.
    fn finish(&mut self) {
        self.check();
        let begin = Instant::now();
        loop {
            let report = self.server.report();
            let left: u64 = report.shards.iter().map(|shard| shard.relays).sum();
            if report.allocations() == 1 && left == 1 {
                return;
            }
            assert!(begin.elapsed() < WAIT, "{report:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

// attack: memory growth under a flood of malformed datagrams
fn noise(rounds: usize) -> (u64, u64) {
    let mut good = Good::new();
    let to = address(&good.server, Transport::Udp);
    let mut chance = Chance(1);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    // Valid messages of a real client, to be damaged.
    let mut models = vec![allocate_request()];
    models.push(good.client.write(transaction(), Method::REFRESH, &|_| {}));
    models.push(good.client.write(transaction(), Method::CREATE_PERMISSION, &|request| {
        request.xor_address(common::XOR_PEER_ADDRESS, "127.0.0.2:9".parse().unwrap()).unwrap();
    }));
    models.push(vec![0x40, 0, 0, 4, 1, 2, 3, 4]);
    let mut before = 0;
    for round in 0..rounds {
        // The first tenth fills what is allowed to be filled.
        if round == rounds / 10 {
            before = memory();
        }
        let message = if round % 2 == 0 {
            let len = chance.below(1500);
            chance.bytes(len)
        } else {
            let mut message = models[chance.below(models.len())].clone();
            for _ in 0..=chance.below(4) {
                let at = chance.below(message.len());
                message[at] ^= 1 << chance.below(8);
            }
            message
        };
        socket.send_to(&message, to).unwrap();
        if round % 1000 == 0 {
            good.check();
        }
    }
    good.finish();
    (before, memory())
}

// attack: spoofed Allocates fill the server before anybody has shown who they are
fn spoofed(sources: usize) -> (u64, u64) {
    let mut good = Good::new();
    let to = address(&good.server, Transport::Udp);
    let mut before = 0;
    for source in 0..sources {
        if source == sources / 10 {
            before = memory();
        }
        let [_, _, high, low] = (source as u32).to_be_bytes();
        let from = Ipv4Addr::new(127, 1 + (source >> 16) as u8, high, low);
        let Ok(socket) = UdpSocket::bind((from, 0)) else { continue };
        socket.send_to(&allocate_request(), to).unwrap();
        if source % 1000 == 0 {
            good.check();
        }
    }
    good.finish();
    (before, memory())
}

// attack: allocations opened and closed for ever
fn churn(rounds: usize) -> (u64, u64) {
    let mut good = Good::new();
    let to = address(&good.server, Transport::Udp);
    let mut client = Client::new(Wire::udp(to));
    let mut before = 0;
    for round in 0..rounds {
        if round == rounds / 10 {
            before = memory();
        }
        // Every other one is left as it is: the next Allocate from there ends it by Refresh.
        client.allocate();
        assert_eq!(client.refresh(0).code(), 0);
        if round % 500 == 0 {
            good.check();
        }
    }
    good.finish();
    (before, memory())
}

/// Memory may move by this much, in KiB: pages that allocators keep.
const SLACK: u64 = 4096;

#[test]
fn noise_and_damaged_messages_change_nothing() {
    let (before, after) = noise(20_000);
    assert!(after <= before + SLACK, "{before} KiB before, {after} after");
}

#[test]
fn spoofed_allocates_leave_no_state() {
    let (before, after) = spoofed(5_000);
    assert!(after <= before + SLACK, "{before} KiB before, {after} after");
}

#[test]
fn allocations_come_and_go_without_a_trace() {
    let (before, after) = churn(1_000);
    assert!(after <= before + SLACK, "{before} KiB before, {after} after");
}

#[test]
#[ignore = "takes minutes"]
fn two_million_datagrams_of_noise() {
    let (before, after) = noise(2_000_000);
    eprintln!("noise: {before} KiB before, {after} after");
    assert!(after <= before + SLACK);
}

#[test]
#[ignore = "takes minutes"]
fn two_hundred_thousand_spoofed_sources() {
    let (before, after) = spoofed(200_000);
    eprintln!("spoofed: {before} KiB before, {after} after");
    assert!(after <= before + SLACK);
}

#[test]
#[ignore = "takes minutes"]
fn a_hundred_thousand_allocations_opened_and_closed() {
    let (before, after) = churn(100_000);
    eprintln!("churn: {before} KiB before, {after} after");
    assert!(after <= before + SLACK);
}

// attack: connections that say nothing, or one byte at a time
#[test]
fn idle_and_slow_connections_are_closed_and_counted_per_source() {
    let limits = "[limits]\nidle = \"1s\"\nconnections_per_address = 4\n";
    let server = serve_with("udp tcp", "shards = 1", limits);
    let to = address(&server, Transport::Tcp);
    let begin = Instant::now();
    let mut streams: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(to).unwrap()).collect();
    // One more than the limit is closed at once.
    let mut fifth = Wire::tcp(to);
    assert!(fifth.is_closed(WAIT) && begin.elapsed() < Duration::from_secs(1));
    // One byte now and then does not help.
    let request = allocate_request();
    for byte in request.iter().take(8) {
        let _ = streams[0].write(&[*byte]);
        std::thread::sleep(Duration::from_millis(150));
    }
    for stream in &mut streams {
        stream.set_read_timeout(Some(WAIT)).unwrap();
        let end = stream.read(&mut [0; 16]);
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
    assert!(begin.elapsed() < Duration::from_secs(4));
    // Their places are free again.
    Client::new(Wire::tcp(to)).prove(&peer());
    // Bytes that are no message end a connection at once.
    let mut nonsense = Wire::tcp(to);
    nonsense.send(&[0xff; 64]);
    assert!(nonsense.is_closed(WAIT));
}

// attack: the server as a way into the network behind it
#[test]
fn peers_in_private_networks_are_out_of_bounds_in_every_spelling() {
    let text = common::text("udp", "shards = 1") + common::RELAY + common::AUTH;
    let server = Server::start(common::config(&text)).unwrap();
    let mut client = Client::udp(&server);
    client.allocate();
    for peer in [
        "127.0.0.1:9",
        "127.0.0.2:9",
        "0.0.0.0:9",
        "10.0.0.1:9",
        "172.16.0.1:9",
        "192.168.1.1:9",
        "100.64.0.1:9",
        "169.254.169.254:80",
        "224.0.0.1:9",
        "255.255.255.255:9",
    ] {
        let peer: SocketAddr = peer.parse().unwrap();
        assert_eq!(client.permit(peer), 403, "{peer}");
        assert_eq!(client.bind(0x4000, peer), 403, "{peer}");
    }
    for peer in ["[::ffff:127.0.0.1]:9", "[64:ff9b::7f00:1]:9", "[::1]:9"] {
        let peer: SocketAddr = peer.parse().unwrap();
        assert!(matches!(client.permit(peer), 403 | 443), "{peer}");
    }
    assert_eq!(client.permit("198.41.0.4:9".parse().unwrap()), 0);
}
