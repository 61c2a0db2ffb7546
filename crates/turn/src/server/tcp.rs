//! TCP between the relay and its peers ([RFC 6062](https://www.rfc-editor.org/rfc/rfc6062)).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use antiphon_stun::{Class, ErrorCode, MessageView, TransactionId};
use rand_core::Rng as _;

use super::Server;
use super::auth::Auth;
use super::error::InputError;
use super::event::Event;
use super::hash::TupleKey;
use super::reply::{Problem, Signer};
use super::stats::add;
use super::timers::Timer;
use super::types::{ConnectionId, Direction, FiveTuple, RelayId};
use crate::wire::attribute::{Family, Protocol};
use crate::wire::{TurnMessage as _, TurnWriter as _, code, method};

/// A connection with a peer.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) slot: u32,
    generation: u32,
    peer: SocketAddr,
    state: State,
}

/// ```text
///  Connect --> Connecting --connected--> Waiting --ConnectionBind--> Spliced
///                  | 30 s: 447             ^ | 30 s: closed
///                  v                       | v
///                 gone       a peer's own connection
/// ```
#[derive(Debug)]
enum State {
    Connecting { until: Duration, to: FiveTuple, signer: Box<Signer> },
    Waiting { until: Duration },
    Spliced { client: FiveTuple },
}

const BAD_REQUEST: Problem = Problem::code(ErrorCode::BAD_REQUEST);

impl Server {
    //= rfc6062#5.2
    // 437, 446, 400 and 403, then a connection from the relayed address.
    pub(crate) fn connect(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
        auth: Auth,
        slot: u32,
    ) -> Result<(), Problem> {
        let mismatch = Problem::code(code::ALLOCATION_MISMATCH);
        let allocation = self.table.get(slot).ok_or(mismatch)?;
        if allocation.protocol != Protocol::Tcp {
            return Err(mismatch);
        }
        let ids = &allocation.connections;
        let open = ids.len();
        let peer = view.xor_peer_address()?.ok_or(BAD_REQUEST)?;
        let peer = SocketAddr::new(super::canonical(peer.ip()), peer.port());
        let generation = self.table.generation(slot);
        let exists = |id: &u32| self.connections.get(id).is_some_and(|known| known.peer == peer);
        //= rfc6062#5.2
        // One connection to a peer at a time.
        if ids.iter().any(exists) {
            return Err(Problem::code(code::CONNECTION_EXISTS));
        }
        let peer = self.peer_for(slot, peer)?;
        if open >= self.config.max_connections {
            return Err(Problem::code(code::INSUFFICIENT_CAPACITY));
        }
        let family = Family::of(peer.ip());
        let relay = self.table.get(slot).and_then(|allocation| allocation.relay(family)).copied();
        let relay = relay.ok_or(mismatch)?;
        let id = self.new_connection_id();
        //= rfc6062#5.2
        // Thirty seconds at least to connect.
        let until = self.clock.after(self.config.connect_timeout);
        let state = State::Connecting { until, to: from, signer: Box::new(auth.signer) };
        self.insert_connection(id, Connection { slot, generation, peer, state });
        self.timers.set(until, Timer::Connection(id));
        self.events.push_back(Event::Connect {
            connection: ConnectionId(id),
            relay: RelayId { slot, generation, v6: family == Family::V6, attempt: relay.attempt },
            from: relay.local,
            to: peer,
        });
        Ok(())
    }

    fn new_connection_id(&mut self) -> u32 {
        loop {
            let [_, a, b, c] = self.random.next_u32().to_be_bytes();
            let id = u32::from_be_bytes([self.config.shard, a, b, c]);
            if !self.connections.contains_key(&id) {
                return id;
            }
        }
    }

    fn insert_connection(&mut self, id: u32, connection: Connection) {
        if let Some(allocation) = self.table.get_mut(connection.slot) {
            allocation.connections.push(id);
        }
        self.connections.insert(id, connection);
    }

    /// Takes a connection out, with its timer and its splice.
    fn remove_connection(&mut self, id: u32) -> Option<Connection> {
        let connection = self.connections.remove(&id)?;
        match &connection.state {
            State::Connecting { until, .. } | State::Waiting { until } => {
                self.timers.cancel(*until, Timer::Connection(id));
            }
            State::Spliced { client } => {
                self.spliced.remove(&TupleKey::new(client));
            }
        }
        if let Some(allocation) = self.table.get_same(connection.slot, connection.generation) {
            allocation.connections.retain(|known| *known != id);
        }
        Some(connection)
    }

    /// The connection of [`Event::Connect`] is established.
    pub fn connected(&mut self, now: Instant, connection: ConnectionId) {
        self.clock.advance(now);
        //= rfc6062#5.2
        // Closed when nobody binds it in time.
        let new_until = self.clock.after(self.config.bind_timeout);
        let Some(found) = self.connections.get_mut(&connection.0) else { return };
        if !matches!(found.state, State::Connecting { .. }) {
            return;
        }
        let before = std::mem::replace(&mut found.state, State::Waiting { until: new_until });
        let State::Connecting { until, to, signer } = before else { return };
        self.timers.cancel(until, Timer::Connection(connection.0));
        self.timers.set(new_until, Timer::Connection(connection.0));
        //= rfc6062#5.2
        // The answer names the connection.
        self.reply_success(to, &signer, |w| w.connection_id(connection.0).map(drop));
    }

    /// The connection of [`Event::Connect`] cannot be established.
    pub fn connect_failed(&mut self, now: Instant, connection: ConnectionId) {
        self.clock.advance(now);
        let is_new = |found: &Connection| matches!(found.state, State::Connecting { .. });
        if self.connections.get(&connection.0).is_some_and(is_new) {
            self.fail_connect(connection.0);
        }
    }

    fn fail_connect(&mut self, id: u32) {
        let Some(connection) = self.remove_connection(id) else { return };
        if let State::Connecting { to, signer, .. } = connection.state {
            self.reply_error(to, &signer, Problem::code(code::CONNECTION_FAILED));
        }
    }

    pub(crate) fn connection_timed_out(&mut self, id: u32) {
        self.events.push_back(Event::CloseConnection { connection: ConnectionId(id) });
        self.fail_connect(id);
    }

    //= rfc6062#5.3
    // Whoever has no permission is cut off at once.
    /// A peer connected to a TCP relay. Do not read from it before [`Event::Splice`].
    ///
    /// # Errors
    ///
    /// Close the connection.
    pub fn accepted(
        &mut self,
        now: Instant,
        relay: RelayId,
        peer: SocketAddr,
    ) -> Result<ConnectionId, InputError> {
        self.clock.advance(now);
        let now = self.clock.now();
        let peer = SocketAddr::new(super::canonical(peer.ip()), peer.port());
        let limit = self.config.max_connections;
        let Some(allocation) = self.table.get_same(relay.slot, relay.generation) else {
            return Err(InputError::RelayClosed);
        };
        if !allocation.is_live() || allocation.protocol != Protocol::Tcp {
            return Err(InputError::RelayClosed);
        }
        if !allocation.peers.permits(peer.ip(), now) {
            add(&mut self.stats.dropped_to_client, 1);
            return Err(InputError::NoPermission);
        }
        if allocation.connections.len() >= limit {
            return Err(InputError::Full { limit });
        }
        let to = allocation.tuple;
        if self.out.is_full() {
            return Err(self.output_full());
        }
        let id = self.new_connection_id();
        let until = self.clock.after(self.config.bind_timeout);
        let (slot, generation) = (relay.slot, relay.generation);
        let state = State::Waiting { until };
        self.insert_connection(id, Connection { slot, generation, peer, state });
        self.timers.set(until, Timer::Connection(id));
        let mut transaction = [0; 12];
        self.random.fill_bytes(&mut transaction);
        let attempt = method::of(method::CONNECTION_ATTEMPT);
        let transaction = TransactionId(transaction);
        //= rfc6062#5.3
        // The client hears who it is and how to get it.
        self.out.push(to, Class::Indication, attempt, transaction, |w| {
            w.xor_peer_address(peer)?.connection_id(id).map(drop)
        });
        Ok(ConnectionId(id))
    }

    //= rfc6062#5.4
    // Only on a stream, only for a connection that waits, only by the same user.
    pub(crate) fn connection_bind(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
        auth: &Auth,
    ) -> Result<(), Problem> {
        if !from.transport.is_stream() || self.table.find(&from).is_some() {
            return Err(BAD_REQUEST);
        }
        let id = view.connection_id()?.ok_or(BAD_REQUEST)?;
        let connection = self.connections.get(&id).ok_or(BAD_REQUEST)?;
        let State::Waiting { until } = connection.state else { return Err(BAD_REQUEST) };
        let (slot, generation) = (connection.slot, connection.generation);
        let allocation = self.table.get_same(slot, generation).ok_or(BAD_REQUEST)?;
        if allocation.user != auth.user {
            return Err(Problem::code(code::WRONG_CREDENTIALS));
        }
        // The same client: another address could only be somebody with its credentials.
        if allocation.tuple.client.ip() != from.client.ip() {
            return Err(BAD_REQUEST);
        }
        self.timers.cancel(until, Timer::Connection(id));
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.state = State::Spliced { client: from };
        }
        self.spliced.insert(TupleKey::new(&from), id);
        self.reply_success(from, &auth.signer, |_| Ok(()));
        self.events.push_back(Event::Splice { connection: ConnectionId(id), client: from });
        Ok(())
    }

    /// Counts bytes that are to pass a spliced connection, and says how many may; ask again later
    /// for the rest.
    pub fn transfer(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        direction: Direction,
        len: usize,
    ) -> usize {
        self.clock.advance(now);
        let now = self.clock.now();
        let Some(found) = self.connections.get(&connection.0) else { return 0 };
        let (slot, generation) = (found.slot, found.generation);
        if !matches!(found.state, State::Spliced { .. }) {
            return 0;
        }
        let Some(allocation) = self.table.get_same(slot, generation) else { return 0 };
        let passed = allocation.bandwidth.take(now, len, 1);
        let (mine, all) = match direction {
            Direction::ToPeer => {
                (&mut allocation.traffic.bytes_to_peer, &mut self.stats.bytes_to_peer)
            }
            Direction::ToClient => {
                (&mut allocation.traffic.bytes_to_client, &mut self.stats.bytes_to_client)
            }
        };
        add(mine, passed);
        add(all, passed);
        passed
    }

    //= rfc6062#5.5
    // When one side closes, so does the other.
    /// A peer's connection ended.
    pub fn peer_closed(&mut self, now: Instant, connection: ConnectionId) {
        self.clock.advance(now);
        let Some(gone) = self.remove_connection(connection.0) else { return };
        match gone.state {
            State::Connecting { to, signer, .. } => {
                self.reply_error(to, &signer, Problem::code(code::CONNECTION_FAILED));
            }
            State::Waiting { .. } => {}
            State::Spliced { client } => self.events.push_back(Event::CloseClient { client }),
        }
    }

    /// A client's stream, or DTLS association, ended: its data connection, or its allocation.
    ///
    /// An allocation with a ticket (RFC 8016) waits for its client until it expires.
    pub fn client_closed(&mut self, now: Instant, client: FiveTuple) {
        self.clock.advance(now);
        if let Some(id) = self.spliced.get(&TupleKey::new(&client)).copied() {
            self.remove_connection(id);
            self.events.push_back(Event::CloseConnection { connection: ConnectionId(id) });
            return;
        }
        let Some(slot) = self.table.find(&client) else { return };
        let Some(allocation) = self.table.get(slot) else { return };
        let is_old = allocation.tuple == client;
        match allocation.mobility.as_ref().map(|mobility| mobility.moving) {
            None => self.close(slot),
            Some(Some(_)) if is_old => self.complete_move(slot),
            Some(_) => {}
        }
    }

    //= rfc6062#5.5
    // The connections of a relay that ends are closed.
    pub(crate) fn close_connections(&mut self, slot: u32, generation: u32, family: Family) {
        let Some(allocation) = self.table.get_same(slot, generation) else { return };
        let ids = allocation.connections.clone();
        let is_own = |id: &u32| {
            let connection = self.connections.get(id);
            connection.is_some_and(|known| Family::of(known.peer.ip()) == family)
        };
        let ids: Vec<u32> = ids.into_iter().filter(is_own).collect();
        for id in ids {
            if let Some(State::Spliced { client }) = self.close_connection(id) {
                self.events.push_back(Event::CloseClient { client });
            }
        }
    }

    fn close_connection(&mut self, id: u32) -> Option<State> {
        let gone = self.remove_connection(id)?;
        self.events.push_back(Event::CloseConnection { connection: ConnectionId(id) });
        Some(gone.state)
    }

    /// Closes connections with peers that the policy forbids.
    pub(crate) fn revoke_connections(&mut self) {
        let forbidden = self.connections.iter().filter(|(_, known)| {
            let ip = super::canonical(known.peer.ip());
            !self.config.admits_ip(ip)
        });
        let ids: Vec<u32> = forbidden.map(|(id, _)| *id).collect();
        for id in ids {
            match self.close_connection(id) {
                Some(State::Connecting { to, signer, .. }) => {
                    self.reply_error(to, &signer, Problem::code(code::FORBIDDEN));
                }
                Some(State::Spliced { client }) => {
                    self.events.push_back(Event::CloseClient { client });
                }
                Some(State::Waiting { .. }) | None => {}
            }
        }
    }
}
