//! What was negotiated beside the profile: cryptex, encrypted header extensions, and roll-over
//! counters in the tag.

use std::fmt::{self, Debug};

use antiphon_crypto::CryptoProvider;

use crate::carriage::Carriage;
use crate::cryptex::{self, Layout, Plan};
use crate::derivation::Derivation;
use crate::extension::ExtensionCipher;
use crate::header::RtpHeader;
use crate::profile::WORD_LEN;
use crate::{
    Config, Cryptex, ExtensionIds, HeaderError, Profile, ProtectError, SetupError, UnprotectError,
};

pub(crate) struct Options {
    pub(crate) cryptex: Cryptex,
    pub(crate) carriage: Carriage,
    extensions: Option<ExtensionCipher>,
}

impl Options {
    pub(crate) fn new(
        provider: &dyn CryptoProvider,
        profile: Profile,
        master: &Derivation,
        config: &Config,
    ) -> Result<Self, SetupError> {
        let extensions = match config.encrypted_extensions {
            Some(ids) => Some(ExtensionCipher::new(provider, profile, master, ids)?),
            None => None,
        };
        let carriage = Carriage::new(profile, config.roc_carriage)?;
        Ok(Self { cryptex: config.cryptex, carriage, extensions })
    }

    pub(crate) fn set_encrypted_extensions(&mut self, ids: ExtensionIds) -> Result<(), SetupError> {
        match &mut self.extensions {
            Some(extensions) => extensions.ids = ids,
            None if ids.is_empty() => {}
            None => return Err(SetupError::NoExtensionKeys),
        }
        Ok(())
    }

    /// Whether packets are just encrypted.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.cryptex == Cryptex::Off && self.extensions.is_none() && self.carriage.is_never()
    }

    /// What becomes of a packet to be sent, and by how many bytes it grows before the trailer.
    #[inline]
    pub(crate) fn plan(&self, header: &RtpHeader) -> Result<(Plan, usize), ProtectError> {
        match self.cryptex.plan(header) {
            Plan::Extend => Ok((Plan::Extend, WORD_LEN)),
            Plan::Refuse => {
                Err(ProtectError::ExtensionForm { form: header.extension.unwrap_or_default() })
            }
            plan @ (Plan::Plain | Plan::Encrypt(_)) => Ok((plan, 0)),
        }
    }

    /// Prepares the header of `packet[..len]` for encryption. There is room for what the plan adds.
    #[inline]
    pub(crate) fn dress(
        &self,
        plan: Plan,
        packet: &mut [u8],
        len: usize,
        header: &RtpHeader,
        index: u64,
    ) -> Result<Layout, HeaderError> {
        match plan {
            Plan::Plain | Plan::Refuse => {
                //= rfc9335#5
                // A packet has its elements encrypted or is cryptex, never both.
                //= rfc6904#3
                // The tag covers what is sent: elements are encrypted before.
                if let (Some(extensions), Some(_)) = (&self.extensions, header.extension) {
                    extensions.apply(packet, header, index)?;
                }
                Ok(Layout::plain(header))
            }
            Plan::Encrypt(form) => Ok(cryptex::mark(packet, header, form)),
            Plan::Extend => Ok(cryptex::extend(packet, len, header)),
        }
    }

    /// The layout of a received packet, and whether it uses cryptex.
    #[inline]
    pub(crate) fn layout(&self, header: &RtpHeader) -> Result<(Layout, bool), UnprotectError> {
        match self.cryptex.judge(header) {
            Some(true) => Ok((cryptex::received(header), true)),
            Some(false) => Ok((Layout::plain(header), false)),
            None => Err(UnprotectError::NotCryptex),
        }
    }

    /// Gives the header of an authentic, decrypted packet its form back.
    #[inline]
    pub(crate) fn undress(
        &self,
        packet: &mut [u8],
        header: &RtpHeader,
        index: u64,
        is_cryptex: bool,
    ) {
        if is_cryptex {
            cryptex::unmark(packet, header);
        } else if let Some(extensions) = &self.extensions {
            //= rfc6904#3
            // Elements are decrypted once the tag was right. Where they lie about their length, an
            // authentic peer did, and what follows is left as it came.
            let _ = extensions.apply(packet, header, index);
        }
    }
}

impl Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("cryptex", &self.cryptex)
            .field("carriage", &self.carriage)
            .field("extensions", &self.extensions.as_ref().map(|extensions| extensions.ids))
            .finish()
    }
}
