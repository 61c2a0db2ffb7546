use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use antiphon_crypto::Secret;
use antiphon_stun::Retransmission;

use crate::wire::attribute::{Family, Protocol};

/// How bytes travel between client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// UDP or DTLS: one message a datagram, and requests are repeated.
    Datagram,
    /// TCP or TLS: messages one after the other, ChannelData padded to whole words.
    Stream,
}

/// Which addresses to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Families {
    /// One address of this family.
    One(Family),
    /// One of each, as far as the server has them (RFC 8656 section 7.1).
    Both,
}

/// What to do with 300 (Try Alternate).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Redirects {
    /// Follow one that the server signed.
    Signed,
    /// Follow any: some servers redirect the first request, before anybody could sign.
    Any,
    /// Follow none: [`AllocateError::Redirected`](super::AllocateError::Redirected).
    Never,
}

/// Who the client is.
#[derive(Clone)]
pub enum Credentials {
    /// A username and its password: long-lived, or made for a while from a shared secret.
    Password {
        /// The username.
        username: String,
        /// The password.
        password: String,
    },
    /// A token of an authorization server (RFC 7635).
    Token(Token),
    /// Not known yet: [`Event::CredentialsWanted`](super::Event::CredentialsWanted) asks for them.
    OnDemand,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { username, .. } => write!(f, "Password({username:?})"),
            Self::Token(token) => token.fmt(f),
            Self::OnDemand => f.write_str("OnDemand"),
        }
    }
}

/// What an authorization server gives a client (RFC 7635 section 4).
#[derive(Clone)]
pub struct Token {
    /// The id of the key, which USERNAME carries.
    pub kid: String,
    /// The key of MESSAGE-INTEGRITY.
    pub mac_key: Secret,
    /// The token itself, which only the TURN server can read. At most 1024 bytes.
    pub token: Vec<u8>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:?}, {} bytes)", self.kid, self.token.len())
    }
}

/// Options of a [`Client`](super::Client).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The server's address and port.
    pub server: SocketAddr,
    /// How bytes travel to it.
    pub framing: Framing,
    /// Who asks.
    pub credentials: Credentials,
    /// What the server shall speak with the peers. Default UDP; TCP is RFC 6062 and needs a
    /// [`Framing::Stream`].
    pub protocol: Protocol,
    /// Which relayed addresses. Default one of IPv4.
    pub families: Families,
    /// Lifetime to ask for. Default `None`: the server's, which is mostly ten minutes.
    pub lifetime: Option<Duration>,
    /// EVEN-PORT: an even relayed port; with `Some(true)` the next one is kept for a second
    /// allocation. Default `None`.
    pub even_port: Option<bool>,
    /// RESERVATION-TOKEN of an allocation that kept its next port. Default `None`; excludes
    /// `even_port` and `families` (RFC 8656 section 7.1).
    pub reservation_token: Option<[u8; 8]>,
    /// DONT-FRAGMENT: whether to ask that what is relayed is not fragmented. Default `false`. A
    /// server that does not know it is asked again without.
    pub dont_fragment: bool,
    /// Whether to ask for a ticket, with which the allocation survives a change of the client's
    /// address (RFC 8016). Default `false`.
    pub mobility: bool,
    /// What SOFTWARE says. Default `None`.
    pub software: Option<String>,
    /// Whether requests end with FINGERPRINT. Default `false`: a socket that talks with a TURN
    /// server alone needs none.
    pub fingerprint: bool,
    /// What to do with redirections. Default [`Redirects::Signed`].
    pub redirects: Redirects,
    /// Whether errors without integrity are believed after signed requests. Default `false`, as
    /// RFC 8489 section 9.2.5 wants it; some servers sign no error.
    pub accept_unsigned_errors: bool,
    /// The schedule of requests over datagrams. Default: that of RFC 8489, 39.5 s in all.
    pub retransmission: Retransmission,
    /// How long before its end an allocation is refreshed. Default one minute (RFC 8656 section 8).
    pub refresh_margin: Duration,
    /// After that long a permission is refreshed. Default 240 s of its 300.
    pub permission_refresh: Duration,
    /// After that long a channel is refreshed. Default 540 s of its 600.
    pub channel_refresh: Duration,
    /// Up to that much earlier, at random, each refresh happens. Default 10 s.
    pub jitter: Duration,
    /// Most permissions at a time. Default 256.
    pub max_permissions: usize,
    /// Most channels at a time, up to 4096. Default 256.
    pub max_channels: usize,
    /// Most connections of RFC 6062 that wait to be taken. Default 16.
    pub max_connections: usize,
    /// Most events that wait for `poll_event`; more ICMP reports than that are lost. Default 256.
    pub max_events: usize,
}

impl Config {
    /// Everything by default.
    #[must_use]
    pub fn new(server: SocketAddr, framing: Framing, credentials: Credentials) -> Self {
        Self {
            server,
            framing,
            credentials,
            protocol: Protocol::Udp,
            families: Families::One(Family::V4),
            lifetime: None,
            even_port: None,
            reservation_token: None,
            dont_fragment: false,
            mobility: false,
            software: None,
            fingerprint: false,
            redirects: Redirects::Signed,
            accept_unsigned_errors: false,
            retransmission: Retransmission::default(),
            refresh_margin: Duration::from_secs(60),
            permission_refresh: Duration::from_secs(240),
            channel_refresh: Duration::from_secs(540),
            jitter: Duration::from_secs(10),
            max_permissions: 256,
            max_channels: 256,
            max_connections: 16,
            max_events: 256,
        }
    }
}
