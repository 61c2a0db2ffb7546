use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use antiphon_crypto::Secret;
use antiphon_stun::TransactionId;

use super::event::AllocationInfo;
use super::limiter::Bandwidth;
use super::peers::Peers;
use super::quota::User;
use super::reply::Signer;
use super::stats::Traffic;
use super::types::{FiveTuple, RelayId};
use crate::wire::attribute::{AddressError, Family, Protocol};

/// What the server keeps for one client (RFC 8656 section 2.2).
///
/// ```text
///  Allocate --> Opening --(all sockets open)--> Live --(expired, refreshed to 0)--> gone
///                  |  ^                           |
///                  +--+ another port              +-- with another 5-tuple (RFC 8016)
/// ```
#[derive(Debug)]
pub(crate) struct Allocation {
    pub(crate) tuple: FiveTuple,
    pub(crate) relays: [Option<Relayed>; 2],
    pub(crate) peers: Peers,
    pub(crate) bandwidth: Bandwidth,
    /// Whether the account says the bandwidth, not the configuration.
    pub(crate) own_bandwidth: bool,
    pub(crate) traffic: Traffic,
    pub(crate) protocol: Protocol,
    pub(crate) user: User,
    pub(crate) credential: Credential,
    pub(crate) born: Duration,
    /// The Allocate request that made it: its retransmissions get the same answer.
    pub(crate) transaction: TransactionId,
    pub(crate) reservation: Option<[u8; 8]>,
    pub(crate) address_error: Option<AddressError>,
    /// The answer that is owed once the sockets are open.
    pub(crate) opening: Option<Box<Opening>>,
    pub(crate) mobility: Option<Box<Mobility>>,
    /// Connections with peers (RFC 6062).
    pub(crate) connections: Vec<u32>,
}

/// The answer that is owed.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) signer: Signer,
    pub(crate) lifetime: Duration,
    pub(crate) want: super::ports::Want,
}

/// What later requests are checked with.
#[derive(Debug)]
pub(crate) struct Credential {
    /// USERNAME.
    pub(crate) name: Arc<[u8]>,
    /// Whether the key is one of SHA-256.
    pub(crate) sha256: bool,
    //= rfc8656#6
    // The key is kept, not the password.
    pub(crate) key: Secret,
    /// The end of its access token (RFC 7635), since the Unix epoch.
    pub(crate) token_until: Option<Duration>,
}

/// A relayed transport address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relayed {
    /// Where the socket is.
    pub(crate) local: SocketAddr,
    /// What others see.
    pub(crate) seen: SocketAddr,
    pub(crate) pool: usize,
    pub(crate) is_open: bool,
    pub(crate) attempt: u8,
    pub(crate) expires: Duration,
    /// Whether it came from a reservation: no other port will do.
    pub(crate) reserved: bool,
}

/// RFC 8016.
#[derive(Debug)]
pub(crate) struct Mobility {
    /// The nonce of the ticket that counts.
    pub(crate) ticket: [u8; 12],
    /// The new 5-tuple that a ticket named, until data comes from there.
    pub(crate) moving: Option<FiveTuple>,
    pub(crate) last: Option<LastMove>,
}

/// The last move, to know its retransmission.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastMove {
    pub(crate) ticket: [u8; 12],
    pub(crate) to: FiveTuple,
    pub(crate) transaction: TransactionId,
    pub(crate) until: Duration,
}

pub(crate) const fn index(family: Family) -> usize {
    match family {
        Family::V4 => 0,
        Family::V6 => 1,
    }
}

impl Allocation {
    #[inline]
    pub(crate) fn relay(&self, family: Family) -> Option<&Relayed> {
        let [v4, v6] = &self.relays;
        match family {
            Family::V4 => v4.as_ref(),
            Family::V6 => v6.as_ref(),
        }
    }

    pub(crate) fn relay_mut(&mut self, family: Family) -> &mut Option<Relayed> {
        let [v4, v6] = &mut self.relays;
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.opening.is_none()
    }

    pub(crate) fn families(&self) -> impl Iterator<Item = Family> {
        let there = [self.relay(Family::V4).is_some(), self.relay(Family::V6).is_some()];
        [Family::V4, Family::V6].into_iter().zip(there).filter(|(_, is)| *is).map(|(f, _)| f)
    }

    /// The end of the relay that lives longest.
    pub(crate) fn expires(&self) -> Duration {
        self.relays.iter().flatten().map(|relay| relay.expires).max().unwrap_or(Duration::ZERO)
    }

    pub(crate) fn info(&self, now: Duration) -> AllocationInfo {
        let [v4, v6] = &self.relays;
        AllocationInfo {
            tuple: self.tuple,
            user: self.user.name.clone(),
            realm: usize::from(self.user.realm),
            protocol: self.protocol,
            relayed: [v4.map(|relay| relay.seen), v6.map(|relay| relay.seen)],
            age: now.saturating_sub(self.born),
            traffic: self.traffic,
        }
    }
}

impl RelayId {
    #[inline]
    pub(crate) const fn family(self) -> Family {
        if self.v6 { Family::V6 } else { Family::V4 }
    }
}
