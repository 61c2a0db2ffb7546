use std::io;

use antiphon_peerconnection::crypto::{CertificateError, CryptoError};

/// Why a call failed. `source()` leads to the layer that knows more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection refused the call, by W3C's name for it.
    #[error(transparent)]
    Connection(#[from] antiphon_peerconnection::Error),
    /// The connection or channel was closed, by either side, while or before the call waited.
    #[error("closed")]
    Closed,
    /// The connection failed: no path to the peer, or the peer did not prove who it is.
    #[error("the connection failed")]
    Failed,
    /// An ICE server's URL cannot be used.
    #[error("ICE server {index}, URL {url}: {error}")]
    Server {
        /// Index in [`Configuration::ice_servers`](crate::Configuration::ice_servers).
        index: usize,
        /// Index of the URL within the server.
        url: usize,
        /// What is wrong with it.
        error: ServerError,
    },
    /// The certificate could not be made.
    #[error("no certificate")]
    Certificate(#[from] CertificateError),
    /// The system gave no randomness.
    #[error("no randomness")]
    Crypto(#[from] CryptoError),
    /// There is no tokio runtime around the call, or it has no I/O.
    #[error("not within a tokio runtime")]
    NoRuntime,
    /// The operating system refused.
    #[error("the operating system refused")]
    Io(#[from] io::Error),
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
