//! The two directions of SRTP, keyed by DTLS ([RFC 5764] section 4.2).
//!
//! [RFC 5764]: https://www.rfc-editor.org/rfc/rfc5764

use antiphon_crypto::CryptoProvider;
use antiphon_dtls::{Role, SrtpKeys};
use antiphon_srtp::{Config, Profile, SrtpReceiver, SrtpSender};

use crate::{Error, OperationError};

#[derive(Debug)]
pub(crate) struct Srtp {
    pub(crate) sender: SrtpSender,
    pub(crate) receiver: SrtpReceiver,
}

impl Srtp {
    pub(crate) fn new(
        provider: &dyn CryptoProvider,
        keys: &SrtpKeys,
        role: Role,
    ) -> Result<Self, Error> {
        let crypto = Error::Operation(OperationError::Crypto);
        let profile = Profile::from_wire(keys.profile.to_wire()).ok_or(crypto)?;
        let config = Config::default();
        //= rfc5764#4.2
        // Who writes with which keys follows from the role in DTLS alone.
        let (key, salt) = keys.writing(role);
        let sender = SrtpSender::new(provider, profile, key, salt, &config).map_err(|_| crypto)?;
        let (key, salt) = keys.reading(role);
        let receiver =
            SrtpReceiver::new(provider, profile, key, salt, &config).map_err(|_| crypto)?;
        Ok(Self { sender, receiver })
    }
}
