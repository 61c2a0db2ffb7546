//! One thread of the server: sockets, a machine, and what moves bytes between them.
//!
//! Tasks of a shard run one at a time; none of them holds a borrow over an `await`.

mod datagrams;
mod dtls;
mod events;
mod machine;
mod outbox;
mod splice;
mod stream;
mod timer;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use antiphon_crypto::CryptoProvider;
use antiphon_turn::server::{ConnectionId, FiveTuple, RelayId, Server, shard_of};
use quinn_udp::EcnCodepoint;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use crate::config::Transport;
use crate::directory::Directory;
use crate::net::{Batch, Receiver, Sent, UdpPort};
use crate::report::{Answer, ShardReport};
use crate::shared::Shared;

pub(crate) use machine::Machine;
pub(crate) use stream::Incoming;

use dtls::Dtls;
use outbox::Outbox;

/// What the rest of the server tells a shard.
#[derive(Debug)]
pub(crate) enum Command {
    /// The configuration has been read again.
    Reload,
    /// Refuse new allocations; report when none is left.
    Drain,
    /// Serve a connection that another shard has accepted.
    Stream(Incoming),
    /// A datagram for an allocation of this shard that came in elsewhere.
    Foreign { origin: usize, from: FiveTuple, bytes: Vec<u8>, stride: usize },
    /// Send an answer to a client whose datagrams come in here. After `Adopt`, so that what the
    /// client sends next finds its way.
    Reply { to: FiveTuple, bytes: Vec<u8> },
    /// Send what comes from this client to that shard.
    Adopt { owner: usize, client: FiveTuple },
    /// No longer.
    Release { client: FiveTuple },
    /// Say what has been done so far.
    Report(Answer),
    /// End now.
    Stop,
}

/// One thread's share of the server.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) index: usize,
    pub(crate) shared: Arc<Shared>,
    core: RefCell<Core>,
    receiver: RefCell<Receiver>,
    directory: Directory,
    provider: Arc<dyn CryptoProvider>,
    /// Told when the machine's next timeout has come nearer than the timer knows.
    nearer: Notify,
    /// What the timer waits for.
    awaited: Cell<Option<Instant>>,
}

/// What all tasks of a shard work on.
#[derive(Debug)]
struct Core {
    server: Server,
    ports: Vec<(Transport, Rc<UdpPort>)>,
    relays: HashMap<RelayId, Relay>,
    streams: HashMap<FiveTuple, Rc<Outbox>>,
    peers: HashMap<ConnectionId, Peer>,
    dtls: Option<Dtls>,
    batch: Batch<Hop>,
    scratch: Box<[u8]>,
    /// Clients whose allocation is on another shard: its index.
    elsewhere: HashMap<FiveTuple, usize>,
    /// Clients with an allocation here whose datagrams come in at another shard: its index.
    guests: HashMap<FiveTuple, usize>,
    /// The shard that the datagram at hand came in at.
    origin: Option<usize>,
    /// Answers that go out by way of that shard.
    replies: Vec<(FiveTuple, Vec<u8>)>,
    lost_sending: u64,
    lost_queueing: u64,
}

/// Where a batch goes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Hop {
    Peer { relay: RelayId, to: SocketAddr },
    Client { port: usize, to: SocketAddr, from: IpAddr },
}

/// An open relayed address.
#[derive(Debug)]
enum Relay {
    Udp { port: Rc<UdpPort>, task: AbortHandle },
    Tcp { task: AbortHandle },
}

/// A TCP connection to a peer.
#[derive(Debug)]
enum Peer {
    Connecting(AbortHandle),
    Waiting(TcpStream),
    Spliced(Rc<Notify>),
}

impl Shard {
    pub(crate) fn new(
        index: usize,
        shared: Arc<Shared>,
        provider: Arc<dyn CryptoProvider>,
        server: Server,
        ports: Vec<(Transport, UdpPort)>,
    ) -> Rc<Self> {
        let live = shared.live();
        let dtls = live.identity.as_ref().and_then(|identity| Dtls::new(identity, &provider));
        let core = Core {
            server,
            ports: ports.into_iter().map(|(transport, port)| (transport, Rc::new(port))).collect(),
            relays: HashMap::new(),
            streams: HashMap::new(),
            peers: HashMap::new(),
            dtls,
            batch: Batch::new(),
            scratch: vec![0; SCRATCH].into_boxed_slice(),
            elsewhere: HashMap::new(),
            guests: HashMap::new(),
            origin: None,
            replies: Vec::new(),
            lost_sending: 0,
            lost_queueing: 0,
        };
        Rc::new(Self {
            index,
            shared,
            core: RefCell::new(core),
            receiver: RefCell::new(Receiver::new()),
            directory: Directory::new(Arc::clone(&provider)),
            provider,
            nearer: Notify::new(),
            awaited: Cell::new(None),
        })
    }

    /// Serves until told to stop.
    pub(crate) async fn run(self: Rc<Self>, mut commands: mpsc::UnboundedReceiver<Command>) {
        let ports = self.core.borrow().ports.clone();
        for (index, (transport, port)) in ports.into_iter().enumerate() {
            let shard = Rc::clone(&self);
            if transport == Transport::Dtls {
                tokio::task::spawn_local(dtls::serve(shard, index, port));
            } else {
                tokio::task::spawn_local(datagrams::serve_clients(shard, index, port));
            }
        }
        tokio::task::spawn_local(timer::run(Rc::clone(&self)));
        while let Some(command) = commands.recv().await {
            if matches!(command, Command::Stop) {
                return;
            }
            self.obey(command);
        }
    }

    fn obey(self: &Rc<Self>, command: Command) {
        let now = Instant::now();
        let mut core = self.core.borrow_mut();
        match command {
            Command::Reload => core.reload(self, now),
            Command::Drain => core.leave_gracefully(self),
            Command::Stream(incoming) => {
                drop(core);
                stream::serve(self, incoming);
                return;
            }
            Command::Foreign { origin, from, bytes, stride } => {
                core.for_guest(self, Some(origin), |core| {
                    core.input(self, now, from, &bytes, stride, None);
                });
            }
            Command::Reply { to, bytes } => core.answer(to, &bytes),
            Command::Adopt { owner, client } => {
                if core.elsewhere.len() < MOST_ELSEWHERE {
                    core.elsewhere.insert(client, owner);
                }
            }
            Command::Release { client } => drop(core.elsewhere.remove(&client)),
            Command::Report(answer) => answer.give(core.report()),
            Command::Stop => {}
        }
        core.settle(self);
    }
}

/// The longest message: of a stream, and of a datagram.
const SCRATCH: usize = 66_000;
/// Clients that have moved here while their allocation stayed on another shard.
const MOST_ELSEWHERE: usize = 65_536;

impl Core {
    /// Adds a datagram to the batch; sends the batch first if it does not fit.
    fn push(
        &mut self,
        to: Hop,
        ecn: Option<EcnCodepoint>,
        header: &[u8],
        payload: &[u8],
        padding: usize,
    ) {
        if !self.batch.push(to, ecn, header, payload, padding) {
            self.flush();
            let _ = self.batch.push(to, ecn, header, payload, padding);
        }
    }

    /// Sends the batch.
    fn flush(&mut self) {
        let Some(ready) = self.batch.take() else { return };
        let (port, to, from) = match ready.to {
            Hop::Peer { relay, to } => {
                let Some(Relay::Udp { port, .. }) = self.relays.get(&relay) else { return };
                (port, to, None)
            }
            Hop::Client { port, to, from } => {
                let Some((_, port)) = self.ports.get(port) else { return };
                // A socket on one address sends from it anyway.
                (port, to, port.local().ip().is_unspecified().then_some(from))
            }
        };
        if let Sent::Lost(count) = port.send(to, from, ready.ecn, ready.bytes, ready.segment) {
            tracing::trace!(%to, count, "datagrams lost on sending");
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            self.lost_sending = self.lost_sending.saturating_add(count);
        }
    }

    /// After each piece of work: sends what is left, and has the timer look again if it has to.
    fn settle(&mut self, shard: &Shard) {
        self.flush();
        let next = self.next();
        let awaited = shard.awaited.get();
        if next.is_some_and(|next| awaited.is_none_or(|awaited| next < awaited)) {
            shard.nearer.notify_one();
        }
    }

    /// When something is due next.
    fn next(&self) -> Option<Instant> {
        let dtls = self.dtls.as_ref().and_then(Dtls::next);
        [self.server.poll_timeout(), dtls].into_iter().flatten().min()
    }

    /// The port that a client of UDP or DTLS is answered from.
    fn port_of(&self, server: SocketAddr, spoken: Transport) -> Option<usize> {
        self.ports.iter().position(|(transport, port)| {
            let local = port.local();
            *transport == spoken
                && local.port() == server.port()
                && local.is_ipv4() == server.is_ipv4()
                && (local.ip() == server.ip() || local.ip().is_unspecified())
        })
    }

    /// Does something for a client whose datagrams come in at another shard, `origin`.
    fn for_guest(&mut self, shard: &Shard, origin: Option<usize>, work: impl FnOnce(&mut Self)) {
        self.origin = origin;
        work(self);
        self.origin = None;
        for (to, bytes) in self.replies.drain(..) {
            let origin = origin.unwrap_or(shard.index);
            shard.shared.tell(origin, Command::Reply { to, bytes });
        }
    }

    /// Whether another shard has this client's allocation; then it has got the datagram, too.
    fn is_elsewhere(
        &mut self,
        shard: &Shard,
        from: FiveTuple,
        bytes: &[u8],
        stride: usize,
    ) -> bool {
        if shard.shared.shards() == 1 {
            return false;
        }
        let owner = match self.elsewhere.get(&from) {
            Some(owner) => Some(*owner),
            None => {
                shard_of(bytes.get(..stride.min(bytes.len())).unwrap_or_default()).map(usize::from)
            }
        };
        match owner {
            Some(owner) if owner != shard.index => shard.shared.tell(
                owner,
                Command::Foreign { origin: shard.index, from, bytes: bytes.to_vec(), stride },
            ),
            _ => false,
        }
    }
}

impl Core {
    /// Takes up what has changed in the configuration.
    fn reload(&mut self, shard: &Rc<Shard>, now: Instant) {
        let live = shard.shared.live();
        if let Err(error) = self.server.reconfigure(now, machine::changed(&live, shard.index)) {
            tracing::error!(shard = shard.index, %error, "the machine keeps its configuration");
        }
        if self.server.is_draining() {
            self.server.redirect(machine::redirect(&live.config.drain));
        }
        self.server.set_unix_time(now, machine::unix());
        self.drain(shard, now);
        shard.directory.clear();
        if let (Some(identity), Some(dtls)) = (&live.identity, &mut self.dtls) {
            dtls.replace(identity, &shard.provider);
        }
    }

    /// Refuses new allocations; clients learn where to go instead.
    fn leave_gracefully(&mut self, shard: &Shard) {
        self.server.redirect(machine::redirect(&shard.shared.live().config.drain));
        self.server.drain();
    }

    fn report(&self) -> ShardReport {
        let count = |len| u64::try_from(len).unwrap_or(u64::MAX);
        ShardReport {
            stats: *self.server.stats(),
            lost_sending: self.lost_sending,
            lost_queueing: self.lost_queueing,
            relays: count(self.relays.len()),
            connections: count(
                self.streams.len().saturating_add(self.dtls.as_ref().map_or(0, Dtls::len)),
            ),
            dtls_dropped: self.dtls.as_ref().map_or(0, |dtls| dtls.dropped),
        }
    }
}

impl Shard {
    /// The shard that a stream's first message belongs to, if it is another one.
    fn owner_elsewhere(&self, message: &[u8]) -> Option<usize> {
        let owner = usize::from(shard_of(message)?);
        (owner != self.index && owner < self.shared.shards()).then_some(owner)
    }
}
