//! TURN servers, and the addresses that they lend us.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use antiphon_ice::RelayProtocol;
use antiphon_turn::client::{
    self, AllocateError, Client, Credentials, Families, Framing, HEADROOM, Input,
};
use antiphon_turn::wire::attribute::Family;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::{Configuration, StreamId, TurnServer, TurnTransport};

/// Relays that one connection asks for at most: servers times sockets.
const MAX_RELAYS: usize = 16;

/// From where we speak to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// From a UDP socket.
    Socket(SocketAddr),
    /// Over a stream.
    Stream(StreamId),
}

/// One client of one server.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) client: Client,
    pub(crate) base: Base,
    pub(crate) server: SocketAddr,
    pub(crate) protocol: RelayProtocol,
    /// The name for TLS.
    pub(crate) name: Option<String>,
    /// The addresses that it lent us.
    pub(crate) relayed: Vec<SocketAddr>,
    /// Whether it is known if there is an allocation: until then gathering goes on.
    pub(crate) settled: bool,
    released: bool,
}

/// All of a connection. A place in the list never changes: relays come, and go with the list.
#[derive(Debug)]
pub(crate) struct Relays {
    list: Vec<Relay>,
    random: ChaCha12Rng,
}

impl Relays {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { list: Vec::new(), random: ChaCha12Rng::from_seed(seed) }
    }

    /// Asks `server` for addresses. `false`: it cannot be asked, or enough others were.
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        config: &Configuration,
        server: &TurnServer,
        base: Base,
    ) -> bool {
        if self.list.len() >= MAX_RELAYS {
            return false;
        }
        let (framing, protocol, name) = match &server.transport {
            TurnTransport::Udp => (Framing::Datagram, RelayProtocol::Udp, None),
            TurnTransport::Tcp => (Framing::Stream, RelayProtocol::Tcp, None),
            TurnTransport::Tls { name } => {
                (Framing::Stream, RelayProtocol::Tls, Some(name.clone()))
            }
        };
        let credentials = Credentials::Password {
            username: server.username.clone(),
            password: server.password.clone(),
        };
        let mut options = client::Config::new(server.address, framing, credentials);
        options.families = Families::Both;
        let mut seed = [0; 32];
        self.random.fill_bytes(&mut seed);
        let provider = std::sync::Arc::clone(&config.provider);
        let Ok(mut client) = Client::new(options, provider, seed, now) else { return false };
        // Over a stream it waits until that is open.
        if matches!(base, Base::Socket(_)) && client.allocate(now).is_err() {
            return false;
        }
        self.list.push(Relay {
            client,
            base,
            server: server.address,
            protocol,
            name,
            relayed: Vec::new(),
            settled: false,
            released: false,
        });
        true
    }

    pub(crate) fn get(&mut self, index: usize) -> Option<&mut Relay> {
        self.list.get_mut(index)
    }

    /// Whether all servers have given an address or refused it.
    pub(crate) fn are_settled(&self) -> bool {
        self.list.iter().all(|relay| relay.settled)
    }

    /// The relay that speaks from this socket to this server.
    pub(crate) fn at(&self, local: SocketAddr, remote: SocketAddr) -> Option<usize> {
        let base = Base::Socket(local);
        self.list.iter().position(|relay| relay.server == remote && relay.base == base)
    }

    /// The relay over this stream.
    pub(crate) fn over(&self, stream: StreamId) -> Option<usize> {
        self.list.iter().position(|relay| relay.base == Base::Stream(stream))
    }

    /// The relay that lent us `address`.
    pub(crate) fn lender(&self, address: SocketAddr) -> Option<usize> {
        if self.list.is_empty() {
            return None;
        }
        self.list.iter().position(|relay| relay.relayed.contains(&address))
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        for relay in &mut self.list {
            relay.client.handle_timeout(now);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.list.iter().filter_map(|relay| relay.client.poll_timeout()).min()
    }

    /// The next message to a server, at the front of `buf`: whose, and how long.
    pub(crate) fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<(usize, usize)> {
        self.list.iter_mut().enumerate().find_map(|(index, relay)| {
            let sent = relay.client.poll_output(now, buf).ok()??;
            Some((index, sent.len))
        })
    }

    /// The next event, and whose it is.
    pub(crate) fn poll_event(&mut self) -> Option<(usize, client::Event)> {
        self.list
            .iter_mut()
            .enumerate()
            .find_map(|(index, relay)| Some((index, relay.client.poll_event()?)))
    }

    /// Gives all addresses back, once; the messages that say so come out of `poll_output`. `false`:
    /// there is none to give back.
    pub(crate) fn release(&mut self, now: Instant) -> bool {
        let mut any = false;
        for relay in &mut self.list {
            if !std::mem::replace(&mut relay.released, true) {
                // Where nothing was lent there is nothing to give back.
                any |= relay.client.release(now).is_ok();
            }
        }
        any
    }
}

impl Relay {
    /// Room that wrapping for `peer` needs before a payload.
    pub(crate) fn headroom(&self, peer: SocketAddr) -> usize {
        if self.client.channel_header(peer, 0).is_some() { 4 } else { HEADROOM }
    }

    /// The address of the peer's family.
    pub(crate) fn lent(&self, peer: IpAddr) -> Option<SocketAddr> {
        self.relayed.iter().copied().find(|relayed| relayed.is_ipv4() == peer.is_ipv4())
    }

    /// What the server sent: data of a peer, or something for the client itself.
    pub(crate) fn handle_input(&mut self, now: Instant, message: &[u8]) -> Option<Input> {
        self.client.handle_input(now, self.server, message).ok()
    }
}

/// Both addresses of an allocation.
pub(crate) fn addresses(allocation: &client::Allocation) -> impl Iterator<Item = SocketAddr> {
    [Family::V4, Family::V6].into_iter().filter_map(|family| allocation.relayed(family))
}

/// The `errorCode` of W3C's `icecandidateerror`.
pub(crate) fn error_code(error: AllocateError) -> u16 {
    match error {
        AllocateError::Unauthorized(_) => 401,
        AllocateError::Forbidden => 403,
        AllocateError::BadRequest => 400,
        AllocateError::MobilityForbidden => 405,
        AllocateError::UnknownAttribute { .. } => 420,
        AllocateError::Mismatch { .. } => 437,
        AllocateError::AddressFamily => 440,
        AllocateError::WrongCredentials => 441,
        AllocateError::UnsupportedTransport => 442,
        AllocateError::Quota { .. } => 486,
        AllocateError::Capacity { .. } => 508,
        AllocateError::Redirected { .. } | AllocateError::RedirectLoop => 300,
        AllocateError::Other { code } => code,
        // 701: the server was not reached, or said nothing that could be understood.
        AllocateError::Timeout { .. }
        | AllocateError::Malformed
        | AllocateError::TransportFailed
        | AllocateError::Unwritable
        | _ => 701,
    }
}
