//! What the machine asks for: sockets, connections, lookups.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_turn::server::{
    AllocationInfo, ConnectionId, Event, FiveTuple, IcmpError, LookUpId, RelayId, Transport,
    UserName,
};
use antiphon_turn::wire::attribute::Protocol;
use tokio::net::TcpListener;

use super::{Command, Core, Hop, Peer, Relay, Shard, datagrams, machine};
use crate::net::{UdpPort, bind_relay_tcp, bind_relay_udp, connect_tcp};
use crate::quote::Quoted;

/// A peer that does not answer is given up after this time.
//= rfc6062#5.2
// A server waits 30 seconds at least before it says that a peer cannot be reached.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

impl Core {
    /// Sends what the machine has written and does what it asks for, until it has nothing left.
    pub(super) fn drain(&mut self, shard: &Rc<Shard>, now: Instant) {
        loop {
            while let Ok(Some(transmit)) = self.server.poll_output(now, &mut self.scratch) {
                let scratch = std::mem::take(&mut self.scratch);
                self.answer(transmit.to, scratch.get(..transmit.len).unwrap_or_default());
                self.scratch = scratch;
            }
            match self.server.poll_event() {
                Some(event) => self.act(shard, now, event),
                None => return,
            }
        }
    }

    /// Sends a message of the machine to a client.
    pub(super) fn answer(&mut self, to: FiveTuple, message: &[u8]) {
        match to.transport {
            Transport::Udp if self.origin.is_some() => self.replies.push((to, message.to_vec())),
            Transport::Udp => {
                if let Some(port) = self.port_of(to.server, crate::config::Transport::Udp) {
                    let hop = Hop::Client { port, to: to.client, from: to.server.ip() };
                    self.push(hop, None, &[], message, 0);
                }
            }
            Transport::Dtls => self.protect(to, &[], message, 0),
            Transport::Tcp | Transport::Tls => {
                if let Some(outbox) = self.streams.get(&to) {
                    outbox.control(message);
                }
            }
        }
    }

    fn act(&mut self, shard: &Rc<Shard>, now: Instant, event: Event) {
        match event {
            Event::OpenRelay { relay, address, protocol } => {
                match self.open(shard, relay, address, protocol) {
                    Ok(()) => self.server.relay_opened(now, relay),
                    Err(error) => {
                        tracing::debug!(%address, %error, "relayed address not opened");
                        self.server.relay_failed(now, relay);
                    }
                }
            }
            Event::CloseRelay { relay } => match self.relays.remove(&relay) {
                Some(Relay::Udp { task, .. } | Relay::Tcp { task }) => task.abort(),
                None => {}
            },
            Event::LookUp { id, realm, user } => shard.look_up(id, realm, user, self.origin),
            Event::Connect { connection, from, to, .. } => {
                let task =
                    tokio::task::spawn_local(connect(Rc::clone(shard), connection, from, to));
                self.peers.insert(connection, Peer::Connecting(task.abort_handle()));
            }
            Event::Splice { connection, client } => self.splice(connection, client),
            Event::CloseConnection { connection } => match self.peers.remove(&connection) {
                Some(Peer::Connecting(task)) => task.abort(),
                Some(Peer::Spliced(over)) => over.notify_one(),
                Some(Peer::Waiting(stream)) => drop(stream),
                None => {}
            },
            Event::CloseClient { client } => {
                if let Some(outbox) = self.streams.get(&client) {
                    outbox.close();
                }
            }
            Event::Created(allocation) => self.created(shard, &allocation),
            Event::Moving { to, .. } => self.settle_in(shard, to),
            Event::NotMoved { to } => self.leave(shard, to),
            Event::Moved { from, to } => self.moved(shard, from, to),
            Event::Ended(allocation) => self.ended(shard, &allocation),
            _ => {}
        }
    }

    fn open(
        &mut self,
        shard: &Rc<Shard>,
        relay: RelayId,
        address: SocketAddr,
        protocol: Protocol,
    ) -> std::io::Result<()> {
        let opened = match protocol {
            Protocol::Udp => {
                let port = Rc::new(bind_relay_udp(address, shard.shared.relay_buffer_bytes())?);
                let task = datagrams::serve_peers(Rc::clone(shard), relay, Rc::clone(&port));
                Relay::Udp { port, task: tokio::task::spawn_local(task).abort_handle() }
            }
            Protocol::Tcp => {
                let listener = bind_relay_tcp(address)?;
                let task = accept_peers(Rc::clone(shard), relay, listener);
                Relay::Tcp { task: tokio::task::spawn_local(task).abort_handle() }
            }
        };
        self.relays.insert(relay, opened);
        Ok(())
    }
}

impl Core {
    /// Joins a client's connection with one to a peer.
    fn splice(&mut self, connection: ConnectionId, client: FiveTuple) {
        let Some(Peer::Waiting(peer)) = self.peers.remove(&connection) else { return };
        if let Some(outbox) = self.streams.get(&client) {
            outbox.set_allocated(true);
            outbox.splice(connection, peer);
        }
    }

    fn created(&mut self, shard: &Shard, allocation: &AllocationInfo) {
        let client = allocation.tuple;
        tracing::info!(
            client = %client.client,
            transport = ?client.transport,
            user = %Quoted(&String::from_utf8_lossy(&allocation.user)),
            relayed = ?allocation.relayed,
            "allocation created"
        );
        self.settle_in(shard, client);
    }

    fn moved(&mut self, shard: &Shard, from: FiveTuple, to: FiveTuple) {
        tracing::info!(from = %from.client, to = %to.client, "allocation moved");
        self.leave(shard, from);
        self.settle_in(shard, to);
    }

    fn ended(&mut self, shard: &Shard, allocation: &AllocationInfo) {
        let traffic = &allocation.traffic;
        tracing::info!(
            client = %allocation.tuple.client,
            user = %Quoted(&String::from_utf8_lossy(&allocation.user)),
            seconds = allocation.age.as_secs(),
            bytes_to_peer = traffic.bytes_to_peer,
            bytes_to_client = traffic.bytes_to_client,
            "allocation ended"
        );
        self.leave(shard, allocation.tuple);
    }

    /// A client has an allocation here now, wherever its datagrams come in.
    fn settle_in(&mut self, shard: &Shard, client: FiveTuple) {
        if let Some(outbox) = self.streams.get(&client) {
            outbox.set_allocated(true);
        }
        self.dtls_allocated(shard, client, true);
        if let Some(origin) = self.origin {
            self.guests.insert(client, origin);
            shard.shared.tell(origin, Command::Adopt { owner: shard.index, client });
        }
    }

    fn leave(&mut self, shard: &Shard, client: FiveTuple) {
        if let Some(outbox) = self.streams.get(&client) {
            outbox.set_allocated(false);
        }
        self.dtls_allocated(shard, client, false);
        if let Some(origin) = self.guests.remove(&client) {
            shard.shared.tell(origin, Command::Release { client });
        }
    }

    /// Passes ICMP errors of a relayed port on (RFC 8656 section 11.5).
    pub(super) fn take_from_icmp(&mut self, now: Instant, relay: RelayId, port: &UdpPort) {
        while let Some((peer, error)) = port.icmp() {
            let v4 = peer.is_ipv4();
            // The kernel tells the kind of error, not ICMP's own numbers. Too big is not among them:
            // relayed IPv4 packets may be fragmented, and the kernel itself keeps to IPv6's paths.
            let (kind, code) = match (error, v4) {
                (Some(ErrorKind::NetworkUnreachable), true) => (3, 0),
                (Some(ErrorKind::HostUnreachable), true) => (3, 1),
                (Some(ErrorKind::ConnectionRefused), true) => (3, 3),
                (Some(ErrorKind::NetworkUnreachable), false) => (1, 0),
                (Some(ErrorKind::HostUnreachable), false) => (1, 3),
                (Some(ErrorKind::ConnectionRefused), false) => (1, 4),
                (_, true) => (3, 2),
                (_, false) => (1, 1),
            };
            let data = 0;
            // Counted where it is dropped.
            let _ = self.server.handle_icmp(now, relay, IcmpError { peer, kind, code, data });
        }
    }
}

impl Shard {
    /// Finds a user in Redis.
    fn look_up(
        self: &Rc<Self>,
        id: LookUpId,
        realm: Arc<str>,
        user: UserName,
        origin: Option<usize>,
    ) {
        let shard = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let live = shard.shared.live();
            let account = match &live.config.auth.redis {
                Some(redis) => shard.directory.find(redis, &realm, &user, machine::unix()).await,
                None => None,
            };
            let now = Instant::now();
            let mut core = shard.core.borrow_mut();
            core.for_guest(&shard, origin, |core| {
                core.server.answer_look_up(now, id, account);
                core.drain(&shard, now);
            });
            core.settle(&shard);
        });
    }
}

/// Connects to a peer for a client (RFC 6062 section 5.2).
async fn connect(shard: Rc<Shard>, connection: ConnectionId, from: SocketAddr, to: SocketAddr) {
    let result = tokio::time::timeout(CONNECT_LIMIT, connect_tcp(from, to)).await;
    let now = Instant::now();
    let mut core = shard.core.borrow_mut();
    match result {
        Ok(Ok(stream)) => {
            core.peers.insert(connection, Peer::Waiting(stream));
            core.server.connected(now, connection);
        }
        Ok(Err(_)) | Err(_) => {
            core.peers.remove(&connection);
            core.server.connect_failed(now, connection);
        }
    }
    core.drain(&shard, now);
    core.settle(&shard);
}

/// Accepts peers on a relayed TCP address, until the task is aborted (RFC 6062 section 5.3).
async fn accept_peers(shard: Rc<Shard>, relay: RelayId, listener: TcpListener) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let now = Instant::now();
        let mut core = shard.core.borrow_mut();
        // Without a permission the connection is closed at once, by being dropped.
        if let Ok(connection) = core.server.accepted(now, relay, peer) {
            core.peers.insert(connection, Peer::Waiting(stream));
        }
        core.drain(&shard, now);
        core.settle(&shard);
    }
}
