use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use antiphon_stun::{
    Attempt, Class, LongTermClient, MessageView, MessageWriter, Method, Transaction, TransactionId,
    WriteError,
};

use super::config::{Config, Families};
use super::event::Via;
use crate::wire::attribute::{Family, Protocol};
use crate::wire::{ChannelNumber, TurnWriter as _};

/// Room for the longest request: names and nonce at their limits, a token, twelve peers.
const MAX_REQUEST: usize = 4608;

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Allocate,
    Refresh,
    /// From another address, with the ticket.
    Move,
    Release,
    Permission(Vec<IpAddr>),
    Channel(ChannelNumber, SocketAddr),
    Connect(SocketAddr),
    ConnectionBind(u32),
}

impl Purpose {
    pub(super) const fn method(&self) -> Method {
        match self {
            Self::Allocate => Method::ALLOCATE,
            Self::Refresh | Self::Move | Self::Release => Method::REFRESH,
            Self::Permission(_) => Method::CREATE_PERMISSION,
            Self::Channel(..) => Method::CHANNEL_BIND,
            Self::Connect(_) => Method::CONNECT,
            Self::ConnectionBind(_) => Method::CONNECTION_BIND,
        }
    }
}

/// A request on its way: repeated byte for byte until it is answered.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) purpose: Purpose,
    pub(super) via: Via,
    pub(super) attempt: Attempt,
    pub(super) transaction: Transaction,
    pub(super) bytes: Box<[u8]>,
}

impl Request {
    /// Whether `response` answers it.
    pub(super) fn is_answered_by(&self, via: Via, response: &MessageView<'_>) -> bool {
        self.via == via
            && self.transaction.is_answered_by(response)
            && response.method() == self.purpose.method()
    }

    /// Whether it is to be sent at `now`.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.transaction.poll_timeout().is_some_and(|due| due <= now)
    }
}

/// What requests carry besides what they are for.
#[derive(Debug)]
pub(super) struct Extras<'a> {
    pub(super) config: &'a Config,
    pub(super) auth: Option<&'a LongTermClient>,
    pub(super) token: Option<&'a [u8]>,
    pub(super) ticket: Option<&'a [u8]>,
    /// Whether the server knows DONT-FRAGMENT, as far as we know.
    pub(super) dont_fragment: bool,
}

/// Writes a request and signs it.
pub(super) fn write(
    purpose: &Purpose,
    id: TransactionId,
    previous: Attempt,
    extras: &Extras<'_>,
) -> Result<(Box<[u8]>, Attempt), WriteError> {
    let mut buf = vec![0; MAX_REQUEST];
    let mut request = MessageWriter::new(&mut buf, Class::Request, purpose.method(), id)?;
    write_purpose(purpose, extras, &mut request)?;
    if let Some(software) = &extras.config.software {
        request.software(software.as_bytes())?;
    }
    let attempt = match extras.auth {
        Some(auth) => {
            //= rfc7635#6.2
            // The token travels as it was given, with the key id as name; nobody looks into it.
            if let Some(token) = extras.token.filter(|_| auth.is_challenged()) {
                request.access_token(token)?;
            }
            auth.sign(&mut request, previous)?
        }
        None => Attempt::default(),
    };
    if extras.config.fingerprint {
        request.fingerprint()?;
    }
    let len = request.finish();
    buf.truncate(len);
    Ok((buf.into_boxed_slice(), attempt))
}

fn write_purpose(
    purpose: &Purpose,
    extras: &Extras<'_>,
    request: &mut MessageWriter<'_>,
) -> Result<(), WriteError> {
    match purpose {
        Purpose::Allocate => write_allocate(extras, request)?,
        Purpose::Refresh | Purpose::Move => {
            if let Some(lifetime) = extras.config.lifetime {
                request.lifetime(lifetime)?;
            }
            //= rfc8016#3.2.1
            // The ticket goes only with the first request from a new address.
            if let (Purpose::Move, Some(ticket)) = (purpose, extras.ticket) {
                request.mobility_ticket(ticket)?;
            }
        }
        //= rfc8656#8.1
        // A lifetime of zero gives the allocation back.
        Purpose::Release => {
            request.lifetime(Duration::ZERO)?;
        }
        Purpose::Permission(peers) => {
            for peer in peers {
                //= rfc8656#10.1
                // The port means nothing here.
                request.xor_peer_address(SocketAddr::new(*peer, 0))?;
            }
        }
        Purpose::Channel(number, peer) => {
            request.channel_number(number.number())?.xor_peer_address(*peer)?;
        }
        Purpose::Connect(peer) => {
            request.xor_peer_address(*peer)?;
        }
        Purpose::ConnectionBind(connection) => {
            request.connection_id(*connection)?;
        }
    }
    Ok(())
}

fn write_allocate(extras: &Extras<'_>, request: &mut MessageWriter<'_>) -> Result<(), WriteError> {
    let config = extras.config;
    //= rfc8656#7.1
    // The transport is always named.
    request.requested_transport(config.protocol)?;
    if let Some(lifetime) = config.lifetime {
        request.lifetime(lifetime)?;
    }
    if let Some(token) = config.reservation_token {
        //= rfc8656#7.1
        // A reservation has chosen family and port already.
        request.reservation_token(token)?;
    } else {
        match config.families {
            // Nothing at all means IPv4, also to servers that never heard of families.
            Families::One(Family::V4) => {}
            Families::One(Family::V6) => {
                request.requested_address_family(Family::V6)?;
            }
            Families::Both => {
                request.additional_address_family()?;
            }
        }
        if let Some(reserve_next) = config.even_port {
            request.even_port(reserve_next)?;
        }
    }
    if extras.dont_fragment && config.protocol == Protocol::Udp {
        request.dont_fragment()?;
    }
    if config.mobility {
        request.mobility_ticket(&[])?;
    }
    Ok(())
}
