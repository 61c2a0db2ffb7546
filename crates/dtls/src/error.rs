use antiphon_crypto::CryptoError;

use crate::wire::handshake::HandshakeType;
use crate::{Alert, ParseError, Version};

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
    Epoch(u64),
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
    /// The record's connection id is not the one agreed on.
    #[error("the connection id is not the one agreed on")]
    ConnectionId,
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

/// The keys could not be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyUpdateError {
    /// Not connected yet, or not any more.
    #[error("not connected")]
    NotConnected,
    /// DTLS 1.2 has no such thing.
    #[error("the version knows no new keys")]
    Version,
    /// There are no epochs left.
    #[error("no epoch after {0}")]
    TooManyEpochs(u64),
    /// There are no message numbers left.
    #[error("no message after number {0}")]
    TooManyMessages(u32),
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
    /// The label is longer than its length field can say; DTLS 1.3 only.
    #[error("a label of {len} bytes, {limit} are allowed")]
    LabelTooLong {
        /// Its length in bytes.
        len: usize,
        /// The longest label.
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
    /// The server's key is of a kind that does not go with the suite it chose.
    #[error("the certificate's key does not go with the cipher suite")]
    CertificateForSuite,
    /// The key share is not valid.
    #[error("invalid key share")]
    KeyShare,
    /// A signature is wrong.
    #[error("wrong signature in {0:?}")]
    Signature(HandshakeType),
    /// The Finished message is wrong.
    #[error("wrong Finished")]
    Finished,
    /// The message lacks this extension.
    #[error("no extension {extension} in {message:?}")]
    MissingExtension {
        /// Which message.
        message: HandshakeType,
        /// The extension's number.
        extension: u16,
    },
    /// The server speaks a newer version than it chose: somebody changed our hello.
    #[error("downgraded")]
    Downgrade,
    /// Fragments of one message that contradict each other.
    #[error("fragments that contradict each other")]
    FragmentMismatch,
    /// A ChangeCipherSpec that says something else.
    #[error("malformed ChangeCipherSpec")]
    ChangeCipherSpec,
    /// A message follows in the epoch that ended.
    #[error("a message after {0:?} under the old keys")]
    ExcessData(HandshakeType),
    /// The peer wants more epochs than there are.
    #[error("more key updates than epochs")]
    TooManyKeyUpdates,
    /// An alert that cannot be read.
    #[error("malformed alert")]
    Alert,
    /// An alert of an unknown level.
    #[error("alert of level {0}")]
    AlertLevel(u8),
    /// An acknowledgement that cannot be read, or that names records which were sent later.
    #[error("malformed acknowledgement")]
    Ack,
    /// A handshake record without a message, or whose fragments contradict each other.
    #[error("malformed handshake record")]
    HandshakeRecord,
    /// An authentic record that is longer than agreed on.
    #[error("a record of {len} bytes, {limit} are allowed")]
    RecordOverflow {
        /// Bytes of its plaintext.
        len: usize,
        /// The most allowed.
        limit: usize,
    },
    /// An authentic record of a type that does not belong here.
    #[error("unexpected record of type {0}")]
    UnexpectedRecord(u8),
}

impl Violation {
    /// The alert that tells the peer.
    #[must_use]
    pub const fn alert(&self) -> Alert {
        match self {
            Self::Malformed {
                error: ParseError::DuplicateExtension(_) | ParseError::DuplicateKeyShare(_),
                ..
            }
            | Self::IllegalParameter(_)
            | Self::KeyShare
            | Self::CertificateForSuite => Alert::ILLEGAL_PARAMETER,
            Self::Malformed { .. } => Alert::DECODE_ERROR,
            Self::UnexpectedMessage(_)
            | Self::ExcessData(_)
            | Self::TooManyKeyUpdates
            | Self::HandshakeRecord
            | Self::UnexpectedRecord(_) => Alert::UNEXPECTED_MESSAGE,
            Self::MissingExtension { .. } => Alert::MISSING_EXTENSION,
            Self::Downgrade
            | Self::AlertLevel(_)
            | Self::FragmentMismatch
            | Self::ChangeCipherSpec => Alert::ILLEGAL_PARAMETER,
            Self::Alert | Self::Ack => Alert::DECODE_ERROR,
            Self::RecordOverflow { .. } => Alert::RECORD_OVERFLOW,
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
    /// The peer speaks no version of ours; this is what its hello says.
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
    /// No common application protocol (RFC 7301).
    #[error("no common application protocol")]
    ApplicationProtocol,
    /// We have no certificate that a server needs.
    #[error("no certificate of our own")]
    NoOwnCertificate,
    /// The server does not ask for a certificate.
    #[error("the peer does not want a certificate")]
    NoCertificateRequest,
    /// The peer has no certificate.
    #[error("the peer has no certificate")]
    NoCertificate(Version),
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
            Self::ApplicationProtocol => Alert::NO_APPLICATION_PROTOCOL,
            Self::NoCertificate(Version::Dtls13) => Alert::CERTIFICATE_REQUIRED,
            Self::NoOwnCertificate => Alert::INTERNAL_ERROR,
            Self::Compression => Alert::ILLEGAL_PARAMETER,
            Self::CipherSuite
            | Self::ExtendedMasterSecret
            | Self::Group
            | Self::SignatureScheme
            | Self::NoCertificateRequest
            | Self::NoCertificate(Version::Dtls12) => Alert::HANDSHAKE_FAILURE,
        }
    }
}
