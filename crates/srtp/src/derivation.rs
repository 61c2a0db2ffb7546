//! From the master key to session keys ([RFC 3711] section 4.3, [RFC 6188] section 3).
//!
//! [RFC 3711]: https://www.rfc-editor.org/rfc/rfc3711
//! [RFC 6188]: https://www.rfc-editor.org/rfc/rfc6188

use antiphon_crypto::{CryptoError, CryptoProvider, StreamCipher};

use crate::{Profile, SetupError};

/// What a session key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    RtpEncryption,
    RtpAuthentication,
    RtpSalt,
    RtcpEncryption,
    RtcpAuthentication,
    RtcpSalt,
    /// Header extensions ([RFC 6904] section 3).
    ///
    /// [RFC 6904]: https://www.rfc-editor.org/rfc/rfc6904
    ExtensionEncryption,
    ExtensionSalt,
}

impl Label {
    const fn number(self) -> u128 {
        match self {
            Self::RtpEncryption => 0,
            Self::RtpAuthentication => 1,
            Self::RtpSalt => 2,
            Self::RtcpEncryption => 3,
            Self::RtcpAuthentication => 4,
            Self::RtcpSalt => 5,
            //= rfc6904#3
            // Header extensions have a key and a salt of their own.
            Self::ExtensionEncryption => 6,
            Self::ExtensionSalt => 7,
        }
    }
}

/// A master key and its salt, ready to derive from. Dropped once all session keys are made.
pub(crate) struct Derivation {
    cipher: Box<dyn StreamCipher>,
    /// The salt in the place it has in a counter block: 14 bytes, and two of counter.
    salt: u128,
}

impl Derivation {
    pub(crate) fn new(
        provider: &dyn CryptoProvider,
        profile: Profile,
        master_key: &[u8],
        master_salt: &[u8],
    ) -> Result<Self, SetupError> {
        let (need, len) = (profile.key_len(), master_key.len());
        if need != len {
            return Err(SetupError::KeyLength { need, len });
        }
        let (need, len) = (profile.salt_len(), master_salt.len());
        if need != len {
            return Err(SetupError::SaltLength { need, len });
        }
        //= rfc7714#11
        // The derivation is that of RFC 3711. GCM's salt has 12 bytes; zeros take the place of the other two.
        let mut block = [0; 16];
        for (to, from) in block.iter_mut().zip(master_salt) {
            *to = *from;
        }
        let cipher = provider.stream_cipher(profile.derivation(), master_key)?;
        Ok(Self { cipher, salt: u128::from_be_bytes(block) })
    }

    /// Fills `key` with the session key for `label`.
    pub(crate) fn derive(&self, label: Label, key: &mut [u8]) {
        //= rfc3711#4.3.1
        // With a key derivation rate of zero, the only one in DTLS-SRTP, keys depend on nothing
        // but the label: it goes into the eighth byte of the counter block.
        key.fill(0);
        let block = self.salt ^ (label.number() << 64);
        self.cipher.apply(&block.to_be_bytes(), key);
    }

    /// A session salt of `len` bytes, at most 14, in the place of the first bytes of a counter
    /// block.
    pub(crate) fn derive_salt(&self, label: Label, len: usize) -> Result<u128, SetupError> {
        let mut block = [0; 16];
        let salt = block.get_mut(..len).ok_or(CryptoError::Unsupported)?;
        self.derive(label, salt);
        Ok(u128::from_be_bytes(block))
    }
}

#[cfg(test)]
mod tests {
    use antiphon_crypto_rust::RustCrypto;

    use super::*;
    use crate::hex::hex;

    const KEY: &str = "e1f97a0d3e018be0d64fa32c06de4139";
    const SALT: &str = "0ec675ad498afeebb6960b3aabe6";

    // RFC 3711 appendix B.3.
    #[test]
    fn session_keys_are_those_of_rfc_3711() {
        let profile = Profile::AesCm128HmacSha1_80;
        let derivation =
            Derivation::new(&RustCrypto::new(), profile, &hex(KEY), &hex(SALT)).unwrap();
        let mut cipher_key = [0; 16];
        derivation.derive(Label::RtpEncryption, &mut cipher_key);
        assert_eq!(cipher_key[..], hex("c61e7a93744f39ee10734afe3ff7a087"));
        let mut auth_key = [0; 94];
        derivation.derive(Label::RtpAuthentication, &mut auth_key);
        assert_eq!(
            auth_key[..],
            hex("cebe321f6ff7716b6fd4ab49af256a15 6d38baa48f0a0acf3c34e2359e6cdbce
                 e049646c43d9327ad175578ef7227098 6371c10c9a369ac2f94a8c5fbcdddc25
                 6d6e919a48b610ef17c2041e47403576 6b68642c59bbfc2f34db60dbdfb2")
        );
        let salt = derivation.derive_salt(Label::RtpSalt, 14).unwrap();
        assert_eq!(salt.to_be_bytes()[..], hex("30cbbc08863d8c85d49db34a9ae1 0000"));
    }

    // RFC 6904 appendix A.1.
    //= rfc6904#3
    //= type=test
    #[test]
    fn keys_of_header_extensions_are_those_of_rfc_6904() {
        let profile = Profile::AesCm128HmacSha1_80;
        let derivation =
            Derivation::new(&RustCrypto::new(), profile, &hex(KEY), &hex(SALT)).unwrap();
        let mut key = [0; 16];
        derivation.derive(Label::ExtensionEncryption, &mut key);
        assert_eq!(key[..], hex("549752054d6fb708622c4a2e596a1b93"));
        let salt = derivation.derive_salt(Label::ExtensionSalt, 14).unwrap();
        assert_eq!(salt.to_be_bytes()[..14], hex("ab01818174c40d39a3781f7c2d27"));
    }

    // RFC 6188 section 7.2.
    //= rfc6188#3.1
    //= type=test
    #[test]
    fn session_keys_of_256_bits_are_those_of_rfc_6188() {
        let key = hex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6");
        let salt = hex("3b04803de51ee7c96423ab5b78d2");
        let profile = Profile::AesCm256HmacSha1_80;
        let derivation = Derivation::new(&RustCrypto::new(), profile, &key, &salt).unwrap();
        let mut cipher_key = [0; 32];
        derivation.derive(Label::RtpEncryption, &mut cipher_key);
        assert_eq!(
            cipher_key[..],
            hex("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4")
        );
        let salt = derivation.derive_salt(Label::RtpSalt, 14).unwrap();
        assert_eq!(salt.to_be_bytes()[..14], hex("fa31791685ca444a9e07c6c64e93"));
        let mut auth_key = [0; 20];
        derivation.derive(Label::RtpAuthentication, &mut auth_key);
        assert_eq!(auth_key[..], hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"));
    }

    #[test]
    fn keys_and_salts_of_the_wrong_length_are_refused() {
        let make = |key: usize, salt: usize| {
            Derivation::new(
                &RustCrypto::new(),
                Profile::AeadAes128Gcm,
                &vec![1; key],
                &vec![2; salt],
            )
            .err()
        };
        assert_eq!(make(16, 12), None);
        assert_eq!(make(15, 12), Some(SetupError::KeyLength { need: 16, len: 15 }));
        assert_eq!(make(32, 12), Some(SetupError::KeyLength { need: 16, len: 32 }));
        assert_eq!(make(16, 14), Some(SetupError::SaltLength { need: 12, len: 14 }));
    }
}
