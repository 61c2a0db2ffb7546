use zeroize::Zeroizing;

use crate::connection::{Connection, State};
use crate::{ExportError, SrtpKeys};

/// The exporter's label for SRTP (RFC 5764 section 4.2).
const SRTP_LABEL: &[u8] = b"EXTRACTOR-dtls_srtp";

impl Connection {
    /// Exports keying material (RFC 5705): fills `out`. No context is another thing than an empty
    /// one.
    ///
    /// # Errors
    ///
    /// [`ExportError::NotConnected`] before the peer is verified and after the end;
    /// [`ExportError::ContextTooLong`] for more than 65,535 bytes of context.
    pub fn export_keying_material(
        &self,
        label: &[u8],
        context: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<(), ExportError> {
        match &self.state {
            State::Established(established) if established.verified => {
                established.secrets.export(&*self.config.provider, label, context, out)
            }
            State::Idle { .. } | State::Handshake(_) | State::Established(_) | State::Closed(_) => {
                Err(ExportError::NotConnected)
            }
        }
    }

    /// Keys and salts for SRTP; `None` before the peer is verified, after the end, and when no
    /// profile was agreed on.
    #[must_use]
    pub fn srtp_keys(&self) -> Option<SrtpKeys> {
        let State::Established(established) = &self.state else { return None };
        let profile = established.connected.srtp_profile?;
        let len = profile.key_len().saturating_add(profile.salt_len()).saturating_mul(2);
        let mut material = Zeroizing::new(vec![0; len]);
        self.export_keying_material(SRTP_LABEL, None, &mut material).ok()?;
        SrtpKeys::cut(profile, &material)
    }
}
