use antiphon_peerconnection::Error as Refused;
use antiphon_peerconnection::UriError;
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
    /// | [`Server`](Self::Server) | `SyntaxError`; without credentials `InvalidAccessError` |
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
            Self::Server { error: ServerError::NoCredentials, .. } => "InvalidAccessError",
            Self::Server { .. } => "SyntaxError",
            Self::Failed | Self::Certificate(_) | Self::Crypto(_) | Self::NoRuntime => {
                "OperationError"
            }
        }
    }
}

/// What is wrong with an ICE server's URL. W3C: `SyntaxError`, and `InvalidAccessError` for the
/// credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Not a URL of `stun:`, `turn:` or `turns:`.
    #[error(transparent)]
    Url(#[from] UriError),
    /// `stuns:`, and `turns:` over UDP: neither TLS nor DTLS hides anything of STUN, and few servers
    /// relay over DTLS. Take `stun:`, or `turns:` over TCP.
    #[error("only TURN is spoken over TLS, and only over TCP")]
    Secure,
    /// A TURN server without username or credential.
    #[error("a TURN server needs username and credential")]
    NoCredentials,
}
