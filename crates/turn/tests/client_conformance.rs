//! The rules that hold for all machines.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a failed expectation is a failed test"
)]

#[path = "client/hosts.rs"]
#[allow(dead_code, reason = "the other tests need the rest")]
mod hosts;

use std::time::Instant;

use antiphon_testkit::{Machine, Path, Sent, conformance};
use hosts::{CLIENT, ClientHost, PEER, SERVER, ServerHost, addr};

/// The two ends of an allocation, as one type.
enum End {
    Client(Box<ClientHost>),
    Server(Box<ServerHost>),
}

impl Machine for End {
    type Event = String;
    type Error = String;

    fn handle_input(&mut self, now: Instant, _: Path, datagram: &mut [u8]) -> Result<(), String> {
        match self {
            Self::Client(client) => client
                .handle_input(now, Path::new(addr(CLIENT), addr(SERVER)), datagram)
                .map_err(|error| error.to_string()),
            Self::Server(server) => server
                .handle_input(now, Path::new(addr(SERVER), addr(CLIENT)), datagram)
                .map_err(|error| error.to_string()),
        }
    }
    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Sent> {
        let sent = match self {
            Self::Client(client) => client.poll_output(now, buf),
            Self::Server(server) => server.poll_output(now, buf),
        };
        sent.map(|sent| Sent::new(sent.len))
    }
    fn poll_event(&mut self) -> Option<String> {
        match self {
            Self::Client(client) => client.poll_event().map(|event| format!("{event:?}")),
            Self::Server(_) => None,
        }
    }
    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Client(client) => client.handle_timeout(now),
            Self::Server(server) => server.handle_timeout(now),
        }
    }
    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Client(client) => client.poll_timeout(),
            Self::Server(server) => server.poll_timeout(),
        }
    }
}

fn end(side: usize, now: Instant) -> End {
    if side == 0 {
        let config = hosts::config();
        let provider = std::sync::Arc::new(antiphon_crypto_rust::RustCrypto::new());
        let client = antiphon_turn::client::Client::new(config, provider, [5; 32], now).unwrap();
        End::Client(Box::new(ClientHost::new(client)))
    } else {
        End::Server(Box::new(ServerHost::new(hosts::server_with(hosts::server_config()))))
    }
}

fn command(end: &mut End, now: Instant, chance: u64) {
    let End::Client(host) = end else { return };
    let peer = addr(PEER);
    match chance % 8 {
        0 | 1 => drop(host.client.allocate(now)),
        2 => drop(host.client.create_permission(now, peer.ip())),
        3 => drop(host.client.bind_channel(now, peer)),
        4 => drop(host.client.release(now)),
        5 => drop(host.client.remove_permission(now, peer.ip())),
        _ => drop(host.send(peer, b"payload")),
    }
}

#[test]
fn the_client_keeps_the_rules_of_machines() {
    conformance::Suite::new(end).command(command).run();
}

#[test]
fn the_client_can_move_to_another_thread() {
    fn check<T: Send + 'static>() {}
    check::<antiphon_turn::client::Client>();
}
