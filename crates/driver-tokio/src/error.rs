use antiphon_peerconnection::Error as Refused;
use antiphon_peerconnection::crypto::{CertificateError, CryptoError};

/// Why a call failed. `source()` leads to the layer that knows more, [`name`](Self::name) is W3C's
/// name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection refused the call, by W3C's name for it.
    #[error(transparent)]
    Connection(#[from] Refused),
    /// The connection or channel was closed, by either side, while or before the call waited.
    #[error("closed")]
    Closed,
    /// The connection failed: no path to the peer, or the peer did not prove who it is.
    #[error("the connection failed")]
    Failed,
    /// An ICE server's URL cannot be used.
    #[error("URL {url} of ICE server {index} cannot be used")]
    Server {
        /// Index in [`Configuration::ice_servers`](crate::Configuration::ice_servers).
        index: usize,
        /// Index of the URL within the server.
        url: usize,
        /// What is wrong with it.
        #[source]
        error: ServerError,
    },
    /// The certificate could not be made.
    #[error("no certificate")]
    Certificate(#[from] CertificateError),
    /// The system gave no randomness.
    #[error("no randomness")]
    Crypto(#[from] CryptoError),
    /// There is no tokio runtime around the call.
    #[error("not within a tokio runtime")]
    NoRuntime,
}

impl Error {
    /// The name of the exception that a browser throws for this.
    ///
    /// | Error | Name |
    /// |---|---|
    /// | [`Connection`](Self::Connection) | that of the inner error |
    /// | [`Closed`](Self::Closed) | `InvalidStateError` |
    /// | [`Server`](Self::Server) | `SyntaxError` |
    /// | all others | `OperationError` |
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Connection(error) => match error {
                Refused::InvalidState(_) => "InvalidStateError",
                Refused::InvalidAccess(_) => "InvalidAccessError",
                Refused::InvalidModification(_) => "InvalidModificationError",
                Refused::SdpSyntax { .. } => "RTCError",
                Refused::Type(_) => "TypeError",
                Refused::Operation(_) | _ => "OperationError",
            },
            Self::Closed => "InvalidStateError",
            Self::Server { .. } => "SyntaxError",
            Self::Failed | Self::Certificate(_) | Self::Crypto(_) | Self::NoRuntime => {
                "OperationError"
            }
        }
    }
}

/// What is wrong with an ICE server's URL. W3C: `SyntaxError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Neither `stun:` nor any other scheme that this library can use today.
    #[error("the scheme is none of: stun")]
    Scheme,
    /// No host, or a port that is no number from 1 to 65535, or more than `host:port`.
    #[error("expected stun:host or stun:host:port")]
    Syntax,
}
