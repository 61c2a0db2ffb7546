use antiphon_crypto::{CryptoError, CryptoProvider};

use crate::handshake::{v12, v13};
use crate::record::DirectionKeys;
use crate::{ExportError, Role};

/// What a handshake leaves behind to derive keys from.
#[derive(Debug)]
pub(crate) enum SessionSecrets {
    V12(v12::Secrets),
    V13(v13::Secrets),
}

impl SessionSecrets {
    /// Exports keying material (RFC 5705 section 4, RFC 8446 section 7.5).
    pub(crate) fn export(
        &self,
        provider: &dyn CryptoProvider,
        label: &[u8],
        context: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<(), ExportError> {
        match self {
            Self::V12(secrets) => secrets.export(provider, label, context, out),
            Self::V13(secrets) => secrets.export(provider, label, context, out),
        }
    }

    /// The keys that `sender` goes on with; `None` with DTLS 1.2, which has no such thing.
    pub(crate) fn advance(
        &mut self,
        provider: &dyn CryptoProvider,
        sender: Role,
    ) -> Result<Option<DirectionKeys>, CryptoError> {
        match self {
            Self::V12(_) => Ok(None),
            Self::V13(secrets) => secrets.advance(provider, sender).map(Some),
        }
    }
}
