//! TURN: what a server does with one datagram, with a batch, and with a request.
//!
//! `cargo bench -p antiphon-benches --bench turn`

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot be set up has nothing to measure"
)]

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_crypto::{CryptoProvider as _, HashAlgorithm, Hmac};
use antiphon_crypto_rust::RustCrypto;
use antiphon_stun::{Class, MessageView, MessageWriter, Method, TransactionId};
use antiphon_turn::server::{
    Config, Event, FiveTuple, HEADROOM, RelayAddress, RelayId, Server, StaticUsers, Transport,
};
use antiphon_turn::wire::attribute::Protocol;
use antiphon_turn::wire::{ChannelNumber, TurnWriter, write_channel_data_header};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const LEN: usize = 1200;

struct World {
    server: Server,
    now: Instant,
    key: Box<dyn Hmac>,
    nonce: Vec<u8>,
    at: FiveTuple,
    relay: Option<RelayId>,
    peer: SocketAddr,
}

fn tuple(number: u16) -> FiveTuple {
    let client = SocketAddr::from(([203, 0, 113, 1], number));
    FiveTuple {
        client,
        server: SocketAddr::from(([192, 0, 2, 1], 3478)),
        transport: Transport::Udp,
    }
}

impl World {
    /// A server with as many allocations, each with a channel; the last is the one looked at.
    fn new(allocations: u16) -> Self {
        let provider = Arc::new(RustCrypto::new());
        let mut users = StaticUsers::new();
        users.add(&*provider, "r", "u", "p").expect("MD5");
        let relays = vec![RelayAddress::new([198, 51, 100, 5].into())];
        let mut config = Config::new("r", relays, [1; 32]);
        config.challenge_burst = u32::MAX;
        let digest = provider.hash(HashAlgorithm::Md5, b"u:r:p").expect("MD5");
        let key = provider.hmac(HashAlgorithm::Sha1, digest.as_bytes()).expect("SHA-1");
        let (now, unix) = (Instant::now(), Duration::from_secs(1_800_000_000));
        let server = Server::new(config, Box::new(users), provider, [2; 32], now, unix);
        let mut world = Self {
            server: server.expect("a configuration that works"),
            now,
            key,
            nonce: Vec::new(),
            at: tuple(1),
            relay: None,
            peer: SocketAddr::from(([198, 41, 0, 4], 9000)),
        };
        for number in 1..=allocations {
            world.at = tuple(number);
            world.nonce.clear();
            let challenge = world.ask(Method::ALLOCATE, |_| {});
            let view = MessageView::parse(&challenge).expect("a 401");
            world.nonce = view.nonce().expect("a nonce").to_vec();
            world.ask(Method::ALLOCATE, |w| {
                w.requested_transport(Protocol::Udp).expect("room");
            });
            let peer = world.peer;
            world.ask(Method::CHANNEL_BIND, |w| {
                w.channel_number(0x4000).expect("room").xor_peer_address(peer).expect("room");
            });
        }
        world
    }

    fn request(&self, method: Method, write: impl FnOnce(&mut MessageWriter<'_>)) -> Vec<u8> {
        let mut buf = vec![0; 1500];
        let id = TransactionId([7; 12]);
        let mut w = MessageWriter::new(&mut buf, Class::Request, method, id).expect("room");
        write(&mut w);
        if !self.nonce.is_empty() {
            w.username(b"u").expect("room").realm(b"r").expect("room");
            w.nonce(&self.nonce).expect("room");
            let sign = |parts: &[&[u8]]| self.key.sign(parts).prefix().expect("20 bytes");
            w.message_integrity(sign).expect("room");
        }
        let len = w.finish();
        buf.truncate(len);
        buf
    }

    fn ask(&mut self, method: Method, write: impl FnOnce(&mut MessageWriter<'_>)) -> Vec<u8> {
        let request = self.request(method, write);
        self.tell(&request)
    }

    fn tell(&mut self, request: &[u8]) -> Vec<u8> {
        let _ = self.server.handle_input(self.now, self.at, request);
        while let Some(event) = self.server.poll_event() {
            if let Event::OpenRelay { relay, .. } = event {
                self.server.relay_opened(self.now, relay);
                self.relay = Some(relay);
            }
        }
        let mut buf = vec![0; 1500];
        match self.server.poll_output(self.now, &mut buf) {
            Ok(Some(sent)) => buf.truncate(sent.len),
            Ok(None) | Err(_) => buf.clear(),
        }
        buf
    }
}

fn channel_data() -> Vec<u8> {
    let header = write_channel_data_header(ChannelNumber::MIN, LEN).expect("fits");
    [&header[..], &[5; LEN]].concat()
}

fn data(c: &mut Criterion) {
    for allocations in [1, 10_000] {
        let mut world = World::new(allocations);
        let (now, at, peer) = (world.now, world.at, world.peer);
        let relay = world.relay.expect("a relay");
        let mut group = c.benchmark_group(format!("turn {allocations} allocations"));
        group.throughput(Throughput::Elements(1));
        let one = channel_data();
        group.bench_function("ChannelData to peer", |b| {
            b.iter(|| world.server.handle_input(now, at, black_box(&one)));
        });
        let mut indication = vec![0; LEN + 100];
        let id = TransactionId([1; 12]);
        let w = MessageWriter::new(&mut indication, Class::Indication, Method::SEND, id);
        let mut w = w.expect("room");
        w.xor_peer_address(peer).expect("room");
        TurnWriter::data(&mut w, &[5; LEN]).expect("room");
        let len = w.finish();
        group.bench_function("Send indication to peer", |b| {
            b.iter(|| world.server.handle_input(now, at, black_box(&indication[..len])));
        });
        let mut buf = vec![0; 2048];
        for (name, from) in [("ChannelData", peer), ("Data indication", (peer.ip(), 1).into())] {
            group.bench_function(format!("peer to client by {name}, in place"), |b| {
                b.iter(|| {
                    let received = black_box(&buf[HEADROOM..HEADROOM + LEN]);
                    let step = world.server.handle_relayed(now, relay, from, received, LEN);
                    step.outcome.map(|deliver| deliver.write_in_place(&mut buf, HEADROOM))
                });
            });
        }
        let mut clients = (1..=allocations).cycle();
        group.bench_function("ChannelData to peer, another client each time", |b| {
            b.iter(|| {
                let at = tuple(clients.next().unwrap_or(1));
                world.server.handle_input(now, at, black_box(&one))
            });
        });
        let batch: Vec<u8> = (0..48).flat_map(|_| channel_data()).collect();
        group.throughput(Throughput::Elements(48));
        group.bench_function("ChannelData to peer, batches of 48", |b| {
            b.iter(|| world.server.handle_batch(now, at, black_box(&batch), LEN + 4));
        });
        let payloads = vec![5; 48 * LEN];
        group.bench_function("peer to client, batches of 48", |b| {
            b.iter(|| world.server.handle_relayed(now, relay, peer, black_box(&payloads), LEN));
        });
        group.finish();
    }
}

fn requests(c: &mut Criterion) {
    let mut world = World::new(1);
    let mut group = c.benchmark_group("turn requests");
    let refresh = world.request(Method::REFRESH, |_| {});
    group.bench_function("Refresh", |b| b.iter(|| world.tell(black_box(&refresh))));
    let peer = world.peer;
    let permit = world.request(Method::CREATE_PERMISSION, |w| {
        w.xor_peer_address(peer).expect("room");
    });
    group.bench_function("CreatePermission", |b| b.iter(|| world.tell(black_box(&permit))));
    let nonce = std::mem::take(&mut world.nonce);
    let stranger = world.request(Method::ALLOCATE, |_| {});
    world.nonce = nonce;
    world.at = tuple(9);
    let mut hour = world.now;
    group.bench_function("401 to a stranger", |b| {
        b.iter(|| {
            // A second each, so that the limit per source is not what is measured.
            hour += Duration::from_secs(1);
            world.now = hour;
            world.tell(black_box(&stranger))
        });
    });
    group.bench_function("junk", |b| {
        b.iter(|| world.server.handle_input(world.now, world.at, black_box(&[0xff; 64])));
    });
    group.finish();
}

criterion_group!(benches, data, requests);
criterion_main!(benches);
