//! Addresses lent by TURN servers: asking for them, and telling ICE of them.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use antiphon_ice as ice;
use antiphon_turn::client;

use crate::transport::relays::{self, Base};
use crate::transport::streams::Use;
use crate::{Event, PeerConnection, StreamId, StreamRequest, TurnServer, TurnTransport};

/// Servers that are kept at most.
const MAX_SERVERS: usize = 16;

/// What is known of the ways out of here.
#[derive(Debug, Default)]
pub(super) struct Ways {
    /// UDP sockets.
    sockets: Vec<SocketAddr>,
    /// Addresses that only their names may stand for.
    hidden: Vec<(IpAddr, String)>,
    servers: Vec<TurnServer>,
    /// All sockets that there are now have been named.
    sockets_end: bool,
    /// Servers are still being looked up.
    servers_pending: bool,
    /// ICE knows that nothing more comes.
    ended: bool,
}

impl Ways {
    pub(super) fn remove(&mut self, socket: SocketAddr) {
        self.sockets.retain(|known| *known != socket);
    }

    pub(super) fn hide(&mut self, address: IpAddr, name: &str) {
        self.hidden.retain(|(known, _)| *known != address);
        self.hidden.push((address, name.to_owned()));
    }

    /// The address with the name that hides it, if one does.
    pub(super) fn shown(&self, local: ice::LocalAddress) -> ice::LocalAddress {
        match self.hidden.iter().find(|(address, _)| *address == local.addr.ip()) {
            Some((_, name)) => local.hidden_as(name),
            None => local,
        }
    }

    fn is_hidden(&self, address: IpAddr) -> bool {
        self.hidden.iter().any(|(hidden, _)| *hidden == address)
    }
}

impl PeerConnection {
    /// Servers follow: gathering does not end before
    /// [`end_of_servers`](Self::end_of_servers).
    pub fn expect_servers(&mut self) {
        self.ways.servers_pending = true;
    }

    /// All servers that were expected have been named, or will never be.
    pub fn end_of_servers(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        self.ways.servers_pending = false;
        self.settle(now);
    }

    /// A TURN server that shall lend us addresses: from each socket of its family when it is
    /// reached by UDP, over a connection of its own otherwise. The 17th and later ones are left out.
    pub fn add_turn_server(&mut self, now: Instant, server: TurnServer) {
        let now = self.clock.advance(now);
        if self.ways.servers.len() >= MAX_SERVERS || self.ways.servers.contains(&server) {
            return;
        }
        if server.transport == TurnTransport::Udp {
            for socket in self.ways.sockets.clone() {
                self.ask_from(now, socket, &server);
            }
        } else if self.ways.sockets_end {
            self.ask_over_stream(now, &server);
        }
        self.ways.servers.push(server);
        self.settle(now);
    }

    /// A server that cannot be had: the reason is part of what ICE says when it fails.
    pub fn report_server_error(&mut self, now: Instant, error: ice::ServerError) {
        let now = self.clock.advance(now);
        self.transport.ice.report_server_error(now, error);
        self.settle(now);
    }

    pub(super) fn socket_named(&mut self, now: Instant, socket: SocketAddr) {
        if self.ways.sockets.contains(&socket) {
            return;
        }
        self.ways.sockets.push(socket);
        for server in self.ways.servers.clone() {
            if server.transport == TurnTransport::Udp {
                self.ask_from(now, socket, &server);
            }
        }
    }

    /// Gathering has begun: servers that are reached over streams are asked, too.
    pub(super) fn sockets_named(&mut self, now: Instant) {
        if std::mem::replace(&mut self.ways.sockets_end, true) {
            return;
        }
        for server in self.ways.servers.clone() {
            if server.transport != TurnTransport::Udp {
                self.ask_over_stream(now, &server);
            }
        }
    }

    fn ask_from(&mut self, now: Instant, socket: SocketAddr, server: &TurnServer) {
        let (from, to) = (socket.ip(), server.address.ip());
        // From loopback nothing but loopback is reached, and the other way round.
        let reaches = from.is_ipv4() == to.is_ipv4() && from.is_loopback() == to.is_loopback();
        if reaches && self.transport.relays.at(socket, server.address).is_none() {
            self.transport.relays.ask(now, &self.config, server, Base::Socket(socket));
        }
    }

    fn ask_over_stream(&mut self, now: Instant, server: &TurnServer) {
        let stream = self.transport.streams.name();
        if !self.transport.relays.ask(now, &self.config, server, Base::Stream(stream)) {
            return;
        }
        if let Some(relay) = self.transport.relays.over(stream) {
            self.transport.streams.insert(stream, Use::Relay(relay));
            self.request_relay_stream(stream, relay);
        }
    }

    fn request_relay_stream(&mut self, stream: StreamId, relay: usize) {
        if let Some(relay) = self.transport.relays.get(relay) {
            let (remote, tls) = (relay.server, relay.name.clone());
            let request = StreamRequest { stream, local: None, remote, tls };
            self.raise(Event::OpenStream(request));
        }
    }

    /// Tells ICE that nothing more comes, once that is so.
    pub(super) fn settle_gathering(&mut self, now: Instant) {
        let waits = !self.ways.sockets_end
            || self.ways.servers_pending
            || !self.transport.relays.are_settled();
        if !waits && !std::mem::replace(&mut self.ways.ended, true) {
            self.transport.ice.end_of_local_addresses(now);
        }
    }

    /// `true`: there was something.
    pub(super) fn settle_relays(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Some((index, event)) = self.transport.relays.poll_event() {
            any = true;
            self.carry_relay_event(now, index, event);
        }
        any
    }

    fn carry_relay_event(&mut self, now: Instant, index: usize, event: client::Event) {
        match event {
            client::Event::Allocated(allocation) => self.lent(now, index, &allocation),
            client::Event::AllocateFailed(error) => self.not_lent(now, index, error),
            client::Event::Lost(_) | client::Event::Released => self.taken_back(now, index),
            client::Event::Redirected { server, domain } => {
                self.redirected(now, index, server, domain);
            }
            // No other local port is there to be tried, and no other credentials.
            client::Event::NewLocalPortWanted { .. } | client::Event::CredentialsWanted { .. } => {
                if let Some(relay) = self.transport.relays.get(index) {
                    relay.client.transport_failed(now);
                }
            }
            client::Event::PermissionCreated { peer } => self.permitted(now, index, peer, true),
            client::Event::PermissionFailed { peer, .. } => {
                self.permitted(now, index, peer, false);
            }
            // Data goes in indications without a channel, ICMP is nothing to rely on, and neither
            // mobility nor TCP towards the peers was asked for.
            client::Event::ChannelBound { .. }
            | client::Event::ChannelFailed { .. }
            | client::Event::Icmp { .. }
            | client::Event::Moved { .. }
            | client::Event::ConnectionReady { .. }
            | client::Event::ConnectFailed { .. }
            | client::Event::ConnectionBound { .. }
            | client::Event::ConnectionFailed { .. }
            | _ => {}
        }
    }

    fn lent(&mut self, now: Instant, index: usize, allocation: &client::Allocation) {
        let Some(relay) = self.transport.relays.get(index) else { return };
        relay.settled = true;
        relay.relayed = relays::addresses(allocation).collect();
        let (server, protocol, base) = (relay.server, relay.protocol, relay.base);
        // A server in our own network sees the very address that is hidden.
        let betrays = self.ways.is_hidden(allocation.mapped.ip());
        let ice = &mut self.transport.ice;
        for relayed in relays::addresses(allocation) {
            let mut address = ice::LocalAddress::relayed(relayed, server, protocol);
            if !betrays {
                address = address.with_related(allocation.mapped);
            }
            // ICE takes as many as its limits allow; the others are not used.
            let _ = ice.add_local_address(now, address);
        }
        if let Base::Socket(socket) = base {
            let query = ice::Path::new(socket, server);
            let _ = ice.add_reflexive_address(now, query, allocation.mapped);
        }
    }

    fn not_lent(&mut self, now: Instant, index: usize, error: client::AllocateError) {
        let Some(relay) = self.transport.relays.get(index) else { return };
        let server = relay.server;
        let known = std::mem::replace(&mut relay.settled, true);
        if known {
            return;
        }
        let code = relays::error_code(error);
        let kind = match error {
            client::AllocateError::Unauthorized(_) | client::AllocateError::WrongCredentials => {
                ice::ServerErrorKind::Unauthorized { code }
            }
            client::AllocateError::Forbidden => ice::ServerErrorKind::Forbidden,
            client::AllocateError::Quota { .. } | client::AllocateError::Capacity { .. } => {
                ice::ServerErrorKind::QuotaReached
            }
            client::AllocateError::Timeout { .. } => ice::ServerErrorKind::TimedOut,
            client::AllocateError::TransportFailed => ice::ServerErrorKind::Unreachable,
            client::AllocateError::BadRequest
            | client::AllocateError::MobilityForbidden
            | client::AllocateError::UnknownAttribute { .. }
            | client::AllocateError::Mismatch { .. }
            | client::AllocateError::AddressFamily
            | client::AllocateError::UnsupportedTransport
            | client::AllocateError::Redirected { .. }
            | client::AllocateError::RedirectLoop
            | client::AllocateError::Malformed
            | client::AllocateError::Unwritable
            | client::AllocateError::Other { .. }
            | _ => ice::ServerErrorKind::Other { code },
        };
        let error = ice::ServerError { server: Some(server), kind };
        self.transport.ice.report_server_error(now, error);
        self.raise(Event::IceCandidateError { server, code });
    }

    fn taken_back(&mut self, now: Instant, index: usize) {
        let Some(relay) = self.transport.relays.get(index) else { return };
        relay.settled = true;
        for relayed in std::mem::take(&mut relay.relayed) {
            self.transport.ice.remove_local_address(now, relayed);
        }
    }

    /// The server sends us to another one.
    fn redirected(
        &mut self,
        now: Instant,
        index: usize,
        server: SocketAddr,
        domain: Option<String>,
    ) {
        let stream = self.transport.streams.name();
        let Some(relay) = self.transport.relays.get(index) else { return };
        relay.server = server;
        match relay.base {
            Base::Socket(_) => {
                if relay.client.reconnected(now, server).is_err() {
                    relay.client.transport_failed(now);
                }
            }
            Base::Stream(old) => {
                relay.base = Base::Stream(stream);
                if relay.name.is_some() && domain.is_some() {
                    relay.name = domain;
                }
                self.transport.streams.close(old);
                self.transport.streams.insert(stream, Use::Relay(index));
                self.raise(Event::CloseStream(old));
                self.request_relay_stream(stream, index);
            }
        }
    }

    /// Lets a peer through the relay, and tells ICE when that is so.
    pub(super) fn ask_permission(&mut self, now: Instant, relayed: SocketAddr, peer: IpAddr) {
        let asked = self.transport.relays.lender(relayed).is_some_and(|index| {
            let relay = self.transport.relays.get(index);
            relay.is_some_and(|relay| relay.client.create_permission(now, peer).is_ok())
        });
        if !asked {
            self.transport.ice.permission_refused(now, relayed, peer);
        }
    }

    fn permitted(&mut self, now: Instant, index: usize, peer: IpAddr, granted: bool) {
        let Some(relay) = self.transport.relays.get(index) else { return };
        let Some(relayed) = relay.lent(peer) else { return };
        if granted {
            self.transport.ice.permission_granted(now, relayed, peer);
        } else {
            self.transport.ice.permission_refused(now, relayed, peer);
        }
    }

    /// A path that is used costs four bytes a datagram through a relay, and not 36.
    pub(super) fn bind_channel(&mut self, now: Instant, path: ice::Path) {
        if let Some(index) = self.transport.relays.lender(path.local)
            && let Some(relay) = self.transport.relays.get(index)
        {
            // Without one it goes on in indications.
            let _ = relay.client.bind_channel(now, path.remote);
        }
    }
}
