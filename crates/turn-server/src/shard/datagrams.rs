//! UDP: from clients to peers and back, in batches, without an allocation per packet.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use antiphon_turn::server::{Deliver, FiveTuple, Input, RelayId, Transport};
use quinn_udp::EcnCodepoint;

use super::{Core, Hop, Shard};
use crate::net::{Received, UdpPort};

/// Buffers per call on a relayed port. There are many of those, and each has few packets at a time.
const RELAY_SLOTS: usize = 8;
/// Buffers per call on a port for clients.
const CLIENT_SLOTS: usize = 32;
/// How often a busy port is served before the others get their turn.
const ROUNDS: usize = 8;

/// Serves one UDP port for clients, as long as the shard lives.
pub(super) async fn serve_clients(shard: Rc<Shard>, index: usize, port: Rc<UdpPort>) {
    loop {
        if let Err(error) = port.readable().await {
            tracing::error!(%error, local = %port.local(), "a listening port cannot be waited for");
            return;
        }
        let mut receiver = shard.receiver.borrow_mut();
        for _ in 0..ROUNDS {
            let Ok(count) = port.receive(&mut receiver, CLIENT_SLOTS) else { continue };
            let now = Instant::now();
            let mut core = shard.core.borrow_mut();
            for received in receiver.received(count) {
                core.take_from_clients(&shard, now, index, &received);
            }
            core.settle(&shard);
            if count < CLIENT_SLOTS {
                break;
            }
        }
    }
}

/// Serves one relayed port, until the task is aborted.
pub(super) async fn serve_peers(shard: Rc<Shard>, relay: RelayId, port: Rc<UdpPort>) {
    loop {
        if port.readable().await.is_err() {
            return;
        }
        let mut receiver = shard.receiver.borrow_mut();
        for _ in 0..ROUNDS {
            let count = port.receive(&mut receiver, RELAY_SLOTS).unwrap_or_default();
            let now = Instant::now();
            let mut core = shard.core.borrow_mut();
            for received in receiver.received(count) {
                core.take_from_peer(now, relay, &received);
            }
            if count == 0 {
                core.take_from_icmp(now, relay, &port);
                core.drain(&shard, now);
            }
            core.settle(&shard);
            if count < RELAY_SLOTS {
                break;
            }
        }
    }
}

impl Core {
    fn take_from_clients(
        &mut self,
        shard: &Rc<Shard>,
        now: Instant,
        index: usize,
        received: &Received<'_>,
    ) {
        let Some((_, port)) = self.ports.get(index) else { return };
        let local = port.local();
        let server = SocketAddr::new(received.to.unwrap_or(local.ip()), local.port());
        let from = FiveTuple { client: received.from, server, transport: Transport::Udp };
        if !self.is_elsewhere(shard, from, received.bytes, received.stride) {
            self.input(shard, now, from, received.bytes, received.stride, received.ecn);
        }
    }

    /// One buffer of a client: datagrams of `stride` bytes, or one frame of a stream.
    pub(super) fn input(
        &mut self,
        shard: &Rc<Shard>,
        now: Instant,
        from: FiveTuple,
        bytes: &[u8],
        stride: usize,
        ecn: Option<EcnCodepoint>,
    ) {
        let mut rest = bytes;
        let mut control = false;
        while !rest.is_empty() {
            let step = self.server.handle_batch(now, from, rest, stride);
            match step.outcome {
                Ok(Input::Relay(relay)) => {
                    let hop = Hop::Peer { relay: relay.relay, to: relay.to };
                    for index in 0..relay.run.segments {
                        let payload = rest.get(relay.run.payload(index)).unwrap_or_default();
                        self.push(hop, ecn, &[], payload, 0);
                    }
                }
                Ok(Input::Control) => control = true,
                // The machine has counted it.
                Err(_) => {}
            }
            rest = rest.get(step.consumed.max(1)..).unwrap_or_default();
        }
        if control {
            self.flush();
            self.drain(shard, now);
        }
    }

    fn take_from_peer(&mut self, now: Instant, relay: RelayId, received: &Received<'_>) {
        let mut rest: &[u8] = received.bytes;
        while !rest.is_empty() {
            let step = self.server.handle_relayed(now, relay, received.from, rest, received.stride);
            // What is dropped is counted by the machine.
            if let Ok(deliver) = &step.outcome {
                self.deliver(deliver, rest, received.ecn);
            }
            rest = rest.get(step.consumed.max(1)..).unwrap_or_default();
        }
    }

    fn deliver(&mut self, deliver: &Deliver, bytes: &[u8], ecn: Option<EcnCodepoint>) {
        let to = deliver.to;
        if to.transport == Transport::Udp {
            let Some(port) = self.port_of(to.server, crate::config::Transport::Udp) else { return };
            let hop = Hop::Client { port, to: to.client, from: to.server.ip() };
            for index in 0..deliver.run.segments {
                let payload = bytes.get(deliver.run.payload(index)).unwrap_or_default();
                self.push(hop, ecn, deliver.prefix(index), payload, deliver.padding(index));
            }
            return;
        }
        if to.transport == Transport::Dtls {
            for index in 0..deliver.run.segments {
                let payload = bytes.get(deliver.run.payload(index)).unwrap_or_default();
                self.protect(to, deliver.prefix(index), payload, deliver.padding(index));
            }
            return;
        }
        let Some(outbox) = self.streams.get(&to) else { return };
        for index in 0..deliver.run.segments {
            let payload = bytes.get(deliver.run.payload(index)).unwrap_or_default();
            if !outbox.packet(deliver.prefix(index), payload, deliver.padding(index)) {
                self.lost_queueing = self.lost_queueing.saturating_add(1);
            }
        }
    }
}
