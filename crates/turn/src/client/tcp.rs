//! Connections of peers over TCP (RFC 6062).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use antiphon_stun::{Attempt, LongTermClient, MessageView};

use super::Client;
use super::error::{CommandError, InputError, RequestError};
use super::event::{Event, Input, Via};
use super::request::Purpose;
use crate::wire::attribute::Protocol;
use crate::wire::{Frame, StreamFramer, TurnMessage as _};

/// A connection must be taken within that time (RFC 6062 sections 5.2 and 5.3).
const OFFER: Duration = Duration::from_secs(30);

/// After a failure the same peer is left alone for that long (RFC 6062 section 4.3).
const PAUSE: Duration = Duration::from_secs(10);

/// The longest answer to a ConnectionBind that is read.
const MAX_ANSWER: usize = 4096;

/// Connections that were offered or are being taken.
#[derive(Debug, Default)]
pub(super) struct Connections {
    waiting: Vec<Connection>,
    connecting: Vec<SocketAddr>,
    /// Peers that could not be reached, and until when they are left alone.
    pausing: Vec<(SocketAddr, Duration)>,
}

#[derive(Debug)]
struct Connection {
    id: u32,
    peer: SocketAddr,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Offered {
        until: Duration,
    },
    /// With the nonces of its own address.
    Binding {
        auth: Option<Box<LongTermClient>>,
    },
}

impl Connections {
    /// The credentials of a data connection.
    pub(super) fn auth(&self, via: Via) -> Option<&LongTermClient> {
        let Via::Data(id) = via else { return None };
        match &self.waiting.iter().find(|connection| connection.id == id)?.phase {
            Phase::Binding { auth } => auth.as_deref(),
            Phase::Offered { .. } => None,
        }
    }

    pub(super) fn auth_mut(&mut self, via: Via) -> Option<&mut LongTermClient> {
        let Via::Data(id) = via else { return None };
        match &mut self.waiting.iter_mut().find(|connection| connection.id == id)?.phase {
            Phase::Binding { auth } => auth.as_deref_mut(),
            Phase::Offered { .. } => None,
        }
    }

    pub(super) fn offer(&mut self, now: Duration, id: u32, peer: SocketAddr, limit: usize) -> bool {
        if self.waiting.len() >= limit || self.waiting.iter().any(|known| known.id == id) {
            return false;
        }
        let phase = Phase::Offered { until: now.saturating_add(OFFER) };
        self.waiting.push(Connection { id, peer, phase });
        true
    }

    pub(super) fn take(&mut self, id: u32) -> Option<SocketAddr> {
        let index = self.waiting.iter().position(|connection| connection.id == id)?;
        Some(self.waiting.remove(index).peer)
    }

    pub(super) fn connected(&mut self, peer: SocketAddr) {
        self.connecting.retain(|other| *other != peer);
    }

    pub(super) fn pause(&mut self, now: Duration, peer: SocketAddr) {
        self.pausing.push((peer, now.saturating_add(PAUSE)));
    }

    pub(super) fn expire(&mut self, now: Duration) {
        self.pausing.retain(|(_, until)| *until > now);
        self.waiting.retain(|connection| match connection.phase {
            Phase::Offered { until } => until > now,
            Phase::Binding { .. } => true,
        });
    }

    pub(super) fn next(&self) -> Option<Duration> {
        let offers = self.waiting.iter().filter_map(|connection| match connection.phase {
            Phase::Offered { until } => Some(until),
            Phase::Binding { .. } => None,
        });
        self.pausing.iter().map(|(_, until)| *until).chain(offers).min()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Client {
    /// Asks the server to connect to `peer` (RFC 6062). [`Event::ConnectionReady`] or
    /// [`Event::ConnectFailed`] is the answer.
    ///
    /// # Errors
    ///
    /// [`CommandError`]: no TCP allocation, another family, a limit, one on its way, or
    /// [`CommandError::TooSoon`] for ten seconds after a failure.
    pub fn connect(&mut self, now: Instant, peer: SocketAddr) -> Result<(), CommandError> {
        self.handle_time(now);
        if self.config.protocol != Protocol::Tcp {
            return Err(CommandError::Protocol);
        }
        self.check_family(peer.ip())?;
        //= rfc6062#4.3
        // One connection to one peer at a time, and a pause after a failure.
        if self.connections.connecting.contains(&peer) {
            return Err(CommandError::AlreadyConnecting);
        }
        if let Some((_, until)) = self.connections.pausing.iter().find(|(other, _)| *other == peer)
        {
            return Err(CommandError::TooSoon { wait: until.saturating_sub(self.clock.now()) });
        }
        let limit = self.config.max_connections;
        if self.connections.connecting.len() >= limit {
            return Err(CommandError::Limit { limit });
        }
        self.connections.connecting.push(peer);
        self.ask(Purpose::Connect(peer), Via::Control, Attempt::default());
        self.schedule();
        Ok(())
    }

    /// The owner has opened a new connection to the server for `connection`: the first message on
    /// it comes out of [`poll_output`](Self::poll_output) with [`Via::Data`].
    ///
    /// # Errors
    ///
    /// [`CommandError::NoConnection`]: never offered, or too late.
    pub fn bind_connection(&mut self, now: Instant, connection: u32) -> Result<(), CommandError> {
        self.handle_time(now);
        //= rfc6062#4.3
        // Who authenticates on the new connection is who did on the control connection.
        let auth = self.auth.clone().map(Box::new);
        let offered =
            self.connections.waiting.iter_mut().find(|known| {
                known.id == connection && matches!(known.phase, Phase::Offered { .. })
            });
        let Some(offered) = offered else {
            return Err(CommandError::NoConnection { connection });
        };
        offered.phase = Phase::Binding { auth };
        let via = Via::Data(connection);
        self.ask(Purpose::ConnectionBind(connection), via, Attempt::default());
        self.schedule();
        Ok(())
    }

    /// The data connection closed before it was bound, or is not wanted.
    pub fn close_connection(&mut self, now: Instant, connection: u32) {
        self.handle_time(now);
        self.requests.retain(|request| request.via != Via::Data(connection));
        self.connections.take(connection);
        self.schedule();
    }

    /// Takes the bytes at the front of a data connection that is not bound yet, and says how many
    /// of them are done with. After [`Event::ConnectionBound`] the rest is the peer's.
    ///
    /// # Errors
    ///
    /// [`InputError`]; after [`InputError::Frame`] close the connection.
    pub fn handle_data_connection(
        &mut self,
        now: Instant,
        connection: u32,
        stream: &[u8],
    ) -> Result<usize, InputError> {
        self.clock.advance(now);
        let Frame::Complete { message, consumed } = StreamFramer::new(MAX_ANSWER).next(stream)?
        else {
            return Ok(0);
        };
        let message = MessageView::parse(stream.get(..message).unwrap_or_default())?;
        self.handle_time(now);
        self.handle_response(Via::Data(connection), &message)?;
        self.schedule();
        Ok(consumed)
    }

    /// The success of a Connect.
    pub(super) fn connect_succeeded(&mut self, peer: SocketAddr, response: &MessageView<'_>) {
        self.connections.connected(peer);
        let now = self.clock.now();
        let limit = self.config.max_connections.saturating_add(self.config.max_connections);
        match response.connection_id() {
            Ok(Some(connection)) if self.connections.offer(now, connection, peer, limit) => {
                self.tell(Event::ConnectionReady { connection, peer, incoming: false });
            }
            Ok(_) | Err(_) => {
                self.tell(Event::ConnectFailed { peer, error: RequestError::Malformed });
            }
        }
    }

    /// A peer wants to connect.
    pub(super) fn handle_attempt(&mut self, view: &MessageView<'_>) -> Result<Input, InputError> {
        if !self.is_allocated() || self.config.protocol != Protocol::Tcp {
            return Err(InputError::NotAllocated);
        }
        let (Some(connection), Some(peer)) = (view.connection_id()?, view.xor_peer_address()?)
        else {
            return Err(InputError::NotUnderstood);
        };
        //= rfc6062#4.4
        // Only peers with a permission get that far.
        if !self.permissions.is_active(peer.ip()) {
            return Err(InputError::NoPermission { peer });
        }
        let limit = self.config.max_connections;
        if !self.connections.offer(self.clock.now(), connection, peer, limit) {
            return Err(InputError::Limit { limit });
        }
        self.tell(Event::ConnectionReady { connection, peer, incoming: true });
        Ok(Input::Control)
    }
}
