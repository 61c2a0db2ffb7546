use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::credential::UserName;
use super::stats::Traffic;
use super::types::{ConnectionId, FiveTuple, LookUpId, RelayId};
use crate::wire::attribute::Protocol;

/// What the driver has to do, or may want to know. Fetch all output before acting on events.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Open a socket on `address`; for TCP, listen there. Then call
    /// [`relay_opened`](super::Server::relay_opened) or
    /// [`relay_failed`](super::Server::relay_failed).
    OpenRelay {
        /// The socket's name from now on.
        relay: RelayId,
        /// Where.
        address: SocketAddr,
        /// UDP or TCP.
        protocol: Protocol,
    },
    /// Close that socket.
    CloseRelay {
        /// The socket.
        relay: RelayId,
    },
    /// Find a user and call [`answer_look_up`](super::Server::answer_look_up).
    LookUp {
        /// The look-up's name.
        id: LookUpId,
        /// The realm.
        realm: Arc<str>,
        /// The user: bytes that a stranger chose.
        user: UserName,
    },
    /// Connect from the relayed address to a peer, then call
    /// [`connected`](super::Server::connected) or
    /// [`connect_failed`](super::Server::connect_failed).
    Connect {
        /// The connection's name from now on.
        connection: ConnectionId,
        /// The relay.
        relay: RelayId,
        /// Its address.
        from: SocketAddr,
        /// The peer.
        to: SocketAddr,
    },
    /// Carry raw bytes between the two from now on, beginning with what has come already; not a
    /// byte of the peer was read before. See [`transfer`](super::Server::transfer).
    Splice {
        /// The peer's connection.
        connection: ConnectionId,
        /// The client's connection.
        client: FiveTuple,
    },
    /// Close the peer's connection, or give up to establish it.
    CloseConnection {
        /// The peer's connection.
        connection: ConnectionId,
    },
    /// Close the client's data connection.
    CloseClient {
        /// The client's connection.
        client: FiveTuple,
    },
    /// An allocation lives.
    Created(AllocationInfo),
    /// A client takes its allocation along to another address: messages from there are this
    /// machine's from now on, and those from the old one still are.
    Moving {
        /// Where it is.
        from: FiveTuple,
        /// Where it will be.
        to: FiveTuple,
    },
    /// It went elsewhere instead, or its allocation ended first.
    NotMoved {
        /// Where it did not come.
        to: FiveTuple,
    },
    /// An allocation's client has another address.
    Moved {
        /// Where it was.
        from: FiveTuple,
        /// Where it is.
        to: FiveTuple,
    },
    /// An allocation is gone.
    Ended(AllocationInfo),
}

/// An allocation, as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AllocationInfo {
    /// Its client.
    pub tuple: FiveTuple,
    /// The identity of its user: bytes that a stranger may have chosen. Quote it.
    pub user: Arc<[u8]>,
    /// The index of its realm in the configuration.
    pub realm: usize,
    /// UDP or TCP.
    pub protocol: Protocol,
    /// Its relayed addresses, as peers see them.
    pub relayed: [Option<SocketAddr>; 2],
    /// How long it has lived.
    pub age: Duration,
    /// What it carried.
    pub traffic: Traffic,
}
