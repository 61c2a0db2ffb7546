use antiphon_crypto::CryptoError;

use crate::wire::handshake::HandshakeType;
use crate::{Alert, ParseError};

/// Why a datagram was dropped: no record of it was of use. The connection goes on as if it had not
/// come. Each dropped record counts in [`Stats`](crate::Stats).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The first byte is not that of a DTLS record that belongs to this version.
    #[error("{0:#04x} starts no record")]
    NotARecord(u8),
    /// The record's header or payload reaches beyond the datagram.
    #[error("a record needs {need} bytes, {have} are there")]
    Truncated {
        /// Bytes that the record needs.
        need: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// The version in the record's header.
    #[error("record version {0:#06x}")]
    Version(u16),
    /// The record is longer than any may be.
    #[error("a record of {len} bytes, {limit} are allowed")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The longest.
        limit: usize,
    },
    /// There are no keys for this epoch, and there will be none.
    #[error("epoch {0}")]
    Epoch(u16),
    /// The record came before, or is too old to tell.
    #[error("sequence number {0} was seen before, or is too old")]
    Replayed(u64),
    /// The record is not authentic.
    #[error("not authentic")]
    NotAuthentic,
    /// The record's type or content does not belong here.
    #[error("content type {0} does not belong here")]
    Unexpected(u8),
    /// A handshake message's fragment that contradicts itself or what came before, or that no
    /// memory is left for.
    #[error("a handshake fragment that cannot be used")]
    Fragment,
    /// Too early, and there is no room to keep it.
    #[error("too early, and {limit} bytes of such are kept already")]
    TooEarly {
        /// [`Config::max_early_bytes`](crate::Config::max_early_bytes).
        limit: usize,
    },
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
}

/// The buffer offered to [`poll_output`](crate::Connection::poll_output) cannot hold the datagram.
///
/// Nothing is lost: the datagram stays queued for the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("output needs a buffer of {need} bytes")]
pub struct BufferTooSmall {
    /// Bytes the datagram needs.
    pub need: usize,
}

/// The connection could not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It has a role already, and keeps it.
    #[error("the connection has started already")]
    AlreadyStarted,
    /// It is closed.
    #[error("the connection is closed")]
    Closed,
}

/// A payload could not be protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtectError {
    /// Not connected yet, or not any more.
    #[error("not connected")]
    NotConnected,
    /// The payload's range leaves less room around it than
    /// [`overhead`](crate::Connection::overhead) says, or does not lie in the buffer.
    #[error("{before} bytes in front of the payload and {after} behind it are needed")]
    NoRoom {
        /// Bytes needed in front.
        before: usize,
        /// Bytes needed behind.
        after: usize,
    },
    /// The payload does not fit in one record.
    #[error("{len} bytes in one record, {limit} are allowed")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The longest payload.
        limit: usize,
    },
    /// The keys have protected all the records that they may; the connection is closed now.
    #[error("the keys are used up")]
    Exhausted,
}

/// Keying material could not be exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Not connected yet, or not any more.
    #[error("not connected")]
    NotConnected,
    /// The context is longer than its length field can say.
    #[error("a context of {len} bytes, {limit} are allowed")]
    ContextTooLong {
        /// Its length in bytes.
        len: usize,
        /// The longest context.
        limit: usize,
    },
    /// The provider failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// What the peer did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A message cannot be read.
    #[error("malformed {message:?}: {error}")]
    Malformed {
        /// Which message.
        message: HandshakeType,
        /// What is wrong with it.
        error: ParseError,
    },
    /// A message out of turn.
    #[error("unexpected {0:?}")]
    UnexpectedMessage(HandshakeType),
    /// The server answers an extension that was not offered.
    #[error("extension {0} was not offered")]
    UnsolicitedExtension(u16),
    /// A field of the message is out of range, or chooses what was not offered.
    #[error("a field of {0:?} is not allowed")]
    IllegalParameter(HandshakeType),
    /// `renegotiation_info` speaks of an earlier handshake.
    #[error("renegotiation in a first handshake")]
    Renegotiation,
    /// The certificate cannot be read.
    #[error("unreadable certificate")]
    Certificate,
    /// The key share is not valid.
    #[error("invalid key share")]
    KeyShare,
    /// A signature is wrong.
    #[error("wrong signature in {0:?}")]
    Signature(HandshakeType),
    /// The Finished message is wrong.
    #[error("wrong Finished")]
    Finished,
}

impl Violation {
    /// The alert that tells the peer.
    #[must_use]
    pub const fn alert(&self) -> Alert {
        match self {
            Self::Malformed { error: ParseError::DuplicateExtension(_), .. }
            | Self::IllegalParameter(_)
            | Self::KeyShare => Alert::ILLEGAL_PARAMETER,
            Self::Malformed { .. } => Alert::DECODE_ERROR,
            Self::UnexpectedMessage(_) => Alert::UNEXPECTED_MESSAGE,
            Self::UnsolicitedExtension(_) => Alert::UNSUPPORTED_EXTENSION,
            Self::Renegotiation => Alert::HANDSHAKE_FAILURE,
            Self::Certificate => Alert::BAD_CERTIFICATE,
            Self::Signature(_) | Self::Finished => Alert::DECRYPT_ERROR,
        }
    }
}

/// What the peer and we do not have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Incompatibility {
    /// The peer does not speak DTLS 1.2; this is what its hello says.
    #[error("no common version, the peer says {0:#06x}")]
    Version(u16),
    /// No common cipher suite.
    #[error("no common cipher suite")]
    CipherSuite,
    /// The client insists on compression.
    #[error("no common compression method")]
    Compression,
    /// The peer does not know extended_master_secret (RFC 7627).
    #[error("no extended_master_secret")]
    ExtendedMasterSecret,
    /// No common group.
    #[error("no common group")]
    Group,
    /// No common signature scheme.
    #[error("no common signature scheme")]
    SignatureScheme,
    /// The server does not ask for a certificate.
    #[error("the peer does not want a certificate")]
    NoCertificateRequest,
    /// The peer has no certificate.
    #[error("the peer has no certificate")]
    NoCertificate,
    /// The peer's certificate has a key of a kind that does not go with the cipher suite or that
    /// the provider does not take.
    #[error("the kind of the certificate's key")]
    CertificateKey,
}

impl Incompatibility {
    /// The alert that tells the peer.
    #[must_use]
    pub const fn alert(&self) -> Alert {
        match self {
            Self::Version(_) => Alert::PROTOCOL_VERSION,
            Self::CertificateKey => Alert::UNSUPPORTED_CERTIFICATE,
            Self::CipherSuite
            | Self::Compression
            | Self::ExtendedMasterSecret
            | Self::Group
            | Self::SignatureScheme
            | Self::NoCertificateRequest
            | Self::NoCertificate => Alert::HANDSHAKE_FAILURE,
        }
    }
}
