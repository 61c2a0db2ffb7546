use antiphon_crypto::CryptoError;

use crate::wire::ParseError;
use crate::wire::handshake::HandshakeType;
use crate::{CloseReason, Incompatibility, Violation};

/// Why a handshake cannot go on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    Violation(Violation),
    Incompatibility(Incompatibility),
    Crypto(CryptoError),
}

impl Failure {
    pub(crate) fn reason(self) -> CloseReason {
        match self {
            Self::Violation(violation) => CloseReason::PeerMisbehaved(violation),
            Self::Incompatibility(incompatibility) => {
                CloseReason::PeerIncompatible(incompatibility)
            }
            Self::Crypto(error) => CloseReason::Crypto(error),
        }
    }
}

impl From<Violation> for Failure {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

impl From<Incompatibility> for Failure {
    fn from(incompatibility: Incompatibility) -> Self {
        Self::Incompatibility(incompatibility)
    }
}

impl From<CryptoError> for Failure {
    fn from(error: CryptoError) -> Self {
        Self::Crypto(error)
    }
}

/// Says in which message the parser stumbled.
pub(crate) fn malformed(message: HandshakeType) -> impl Fn(ParseError) -> Failure {
    move |error| Failure::Violation(Violation::Malformed { message, error })
}

/// Refuses a field of `message`.
pub(crate) fn illegal(message: HandshakeType) -> Failure {
    Failure::Violation(Violation::IllegalParameter(message))
}
