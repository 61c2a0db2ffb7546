use std::ops::Range;

use antiphon_crypto::{CryptoError, NamedGroup, SignatureScheme};
use bytes::Bytes;

use crate::{Alert, CipherSuite, Incompatibility, SrtpProfile, Violation};

/// Which side of the handshake we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Says hello first: `a=setup:active`.
    Client,
    /// Waits for the hello: `a=setup:passive`.
    Server,
}

impl Role {
    /// The peer's role.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// A version of DTLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Version {
    /// DTLS 1.2 (RFC 6347).
    Dtls12,
    /// DTLS 1.3 (RFC 9147).
    Dtls13,
}

impl Version {
    /// The number on the wire, which is what W3C's `tlsVersion` shows in hexadecimal.
    #[must_use]
    pub const fn to_wire(self) -> u16 {
        match self {
            Self::Dtls12 => crate::wire::DTLS_1_2,
            Self::Dtls13 => crate::wire::DTLS_1_3,
        }
    }
}

/// What was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connected {
    /// The version spoken.
    pub version: Version,
    /// How records are protected.
    pub cipher_suite: CipherSuite,
    /// The group of the key agreement.
    pub group: NamedGroup,
    /// How SRTP is to be protected; `None` when there is no common profile.
    pub srtp_profile: Option<SrtpProfile>,
    /// How the peer signed; `None` when it showed no certificate.
    pub peer_signature: Option<SignatureScheme>,
    /// Whether the server wanted a second hello: a cookie, or a share of another group.
    pub hello_retried: bool,
}

/// Something the application should know about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The handshake is complete and the peer's certificate is the announced one. From here on
    /// data flows and keys are released.
    Connected(Connected),
    /// The end, once. [`poll_output`](crate::Connection::poll_output) may still have an alert.
    Closed(CloseReason),
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// We closed it.
    Local,
    /// The peer closed it with close_notify.
    PeerClosed,
    /// The peer gave up with this alert.
    PeerAlert(Alert),
    /// The peer broke the protocol.
    PeerMisbehaved(Violation),
    /// The peer and we have nothing in common.
    PeerIncompatible(Incompatibility),
    /// The peer's certificate is not the announced one.
    FingerprintMismatch,
    /// The handshake took longer than
    /// [`Config::handshake_timeout`](crate::Config::handshake_timeout).
    TimedOut,
    /// The keys have protected or refused all the records that they may.
    KeysExhausted,
    /// The provider failed.
    Crypto(CryptoError),
}

impl CloseReason {
    /// The alert that we sent with it: W3C's `sentAlert`.
    #[must_use]
    pub fn sent_alert(&self) -> Option<Alert> {
        match self {
            Self::Local | Self::PeerClosed | Self::KeysExhausted => Some(Alert::CLOSE_NOTIFY),
            Self::PeerAlert(_) | Self::TimedOut => None,
            Self::PeerMisbehaved(violation) => Some(violation.alert()),
            Self::PeerIncompatible(incompatibility) => Some(incompatibility.alert()),
            Self::FingerprintMismatch => Some(Alert::BAD_CERTIFICATE),
            Self::Crypto(_) => Some(Alert::INTERNAL_ERROR),
        }
    }

    /// The alert that the peer sent: W3C's `receivedAlert`.
    #[must_use]
    pub fn received_alert(&self) -> Option<Alert> {
        match self {
            Self::PeerClosed => Some(Alert::CLOSE_NOTIFY),
            Self::PeerAlert(alert) => Some(*alert),
            Self::Local
            | Self::PeerMisbehaved(_)
            | Self::PeerIncompatible(_)
            | Self::FingerprintMismatch
            | Self::TimedOut
            | Self::KeysExhausted
            | Self::Crypto(_) => None,
        }
    }
}

/// Application data of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Decrypted in place: this range of the datagram that was given to
    /// [`handle_input`](crate::Connection::handle_input) last.
    InPlace(Range<usize>),
    /// Came too early, and was held until the peer was verified.
    Held(Bytes),
}

/// A datagram written into the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// How many bytes of the buffer to send.
    pub len: usize,
}

/// Room that protection takes around a payload, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overhead {
    /// In front of it.
    pub before: usize,
    /// Behind it.
    pub after: usize,
}
