//! The TURN client: bytes from the server, and the owner's commands in between.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use antiphon_crypto_rust::RustCrypto;
use antiphon_testkit::start;
use antiphon_turn::client::{Client, Config, Credentials, Framing, HEADROOM, Input, TAILROOM, Via};
use antiphon_turn::wire::attribute::Protocol;

/// Runs the target over `data`.
///
/// The client has no credentials, so that no tag stands between the fuzzer and what follows it, and
/// an answer's transaction id is put in for the fuzzer.
///
/// # Panics
///
/// When the client breaks a promise: a range outside of what it was given, no end of outputs, a
/// timer in the past once everything is drained.
pub fn run(data: &[u8]) {
    let server = SocketAddr::from(([192, 0, 2, 1], 3478));
    let Some((flags, mut rest)) = data.split_first() else { return };
    let stream = flags & 1 != 0;
    let framing = if stream { Framing::Stream } else { Framing::Datagram };
    let mut config = Config::new(server, framing, Credentials::OnDemand);
    config.mobility = flags & 2 != 0;
    config.dont_fragment = flags & 4 != 0 && !stream;
    config.protocol = if stream && flags & 8 != 0 { Protocol::Tcp } else { Protocol::Udp };
    config.max_events = 8;
    let provider = Arc::new(RustCrypto::new());
    let Ok(mut client) = Client::new(config, provider, [1; 32], start()) else {
        unreachable!("a good configuration");
    };
    let mut now = start();
    let mut id = [0; 12];
    let mut via = Via::Control;
    while let Some(([verb, argument], tail)) = rest.split_first_chunk() {
        rest = tail;
        let peer = SocketAddr::from(([198, 41, 0, argument & 3], u16::from(argument >> 4)));
        match verb % 14 {
            0..=3 => {
                let len = usize::from(*argument).min(rest.len());
                let (bytes, tail) = rest.split_at(len);
                rest = tail;
                let mut bytes = bytes.to_vec();
                if verb % 14 < 3
                    && let Some(at) = bytes.get_mut(8..20)
                {
                    at.copy_from_slice(&id);
                }
                input(&mut client, now, server, via, &bytes);
            }
            4 => now += Duration::from_millis(u64::from(*argument).pow(2) * 20),
            5 => drop(client.allocate(now)),
            6 => drop(client.create_permission(now, peer.ip())),
            7 => drop(client.bind_channel(now, peer)),
            8 => wrap(&mut client, peer, usize::from(*argument)),
            9 => drop(client.connect(now, peer)),
            10 => drop(client.bind_connection(now, u32::from(*argument))),
            11 => drop(client.moved(now)),
            12 => drop(client.reconnected(now, server)),
            _ => drop(client.release(now)),
        }
        let mut buf = [0; 5000];
        if let Ok(Some(transmit)) = client.poll_output(now, &mut buf) {
            id.copy_from_slice(&buf[8..20]);
            via = transmit.via;
        }
    }
    drain(&mut client, now);
}

fn input(client: &mut Client, now: std::time::Instant, server: SocketAddr, via: Via, bytes: &[u8]) {
    match via {
        Via::Control => {
            if let Ok(Input::Data { payload, .. }) = client.handle_input(now, server, bytes) {
                assert!(bytes.get(payload).is_some());
            }
        }
        Via::Data(connection) => {
            if let Ok(consumed) = client.handle_data_connection(now, connection, bytes) {
                assert!(consumed <= bytes.len());
            }
        }
    }
}

fn wrap(client: &mut Client, peer: SocketAddr, len: usize) {
    let mut buf = vec![0x55; HEADROOM + len + TAILROOM];
    let payload = HEADROOM..HEADROOM + len;
    if let Ok(range) = client.wrap(peer, &mut buf, payload.clone()) {
        assert!(range.start < payload.start && range.end >= payload.end);
        assert!(buf[payload].iter().all(|byte| *byte == 0x55));
    }
}

fn drain(client: &mut Client, now: std::time::Instant) {
    let mut buf = [0; 5000];
    for _ in 0..10_000 {
        if matches!(client.poll_output(now, &mut buf), Ok(None)) {
            while client.poll_event().is_some() {}
            assert!(client.poll_timeout().is_none_or(|due| due > now));
            return;
        }
    }
    panic!("outputs without end");
}
