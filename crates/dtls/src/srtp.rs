use antiphon_crypto::Secret;

use crate::Role;

/// A protection profile for SRTP, by its name in IANA's "DTLS-SRTP Protection Profiles".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SrtpProfile {
    /// SRTP_AES128_CM_HMAC_SHA1_80 (RFC 5764), which everybody has.
    Aes128CmSha1_80,
    /// SRTP_AES128_CM_HMAC_SHA1_32 (RFC 5764): short tags, for audio only. Not in the default
    /// configuration.
    Aes128CmSha1_32,
    /// SRTP_AEAD_AES_128_GCM (RFC 7714).
    AeadAes128Gcm,
    /// SRTP_AEAD_AES_256_GCM (RFC 7714).
    AeadAes256Gcm,
}

impl SrtpProfile {
    /// The number on the wire.
    #[must_use]
    pub const fn to_wire(self) -> u16 {
        match self {
            Self::Aes128CmSha1_80 => 1,
            Self::Aes128CmSha1_32 => 2,
            Self::AeadAes128Gcm => 7,
            Self::AeadAes256Gcm => 8,
        }
    }

    /// The profile of that number, if it is one of ours.
    #[must_use]
    pub const fn from_wire(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Aes128CmSha1_80),
            2 => Some(Self::Aes128CmSha1_32),
            7 => Some(Self::AeadAes128Gcm),
            8 => Some(Self::AeadAes256Gcm),
            _ => None,
        }
    }

    /// Bytes of the master key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128CmSha1_80 | Self::Aes128CmSha1_32 | Self::AeadAes128Gcm => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Bytes of the master salt.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        match self {
            Self::Aes128CmSha1_80 | Self::Aes128CmSha1_32 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }
}

/// Master keys and salts for SRTP in both directions (RFC 5764 section 4.2).
///
/// Who is client and server is decided by DTLS, not by ICE or by who offered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SrtpKeys {
    /// The profile they are for.
    pub profile: SrtpProfile,
    /// Protects what the DTLS client sends.
    pub client_key: Secret,
    /// Protects what the DTLS server sends.
    pub server_key: Secret,
    /// The salt that goes with [`client_key`](Self::client_key).
    pub client_salt: Secret,
    /// The salt that goes with [`server_key`](Self::server_key).
    pub server_salt: Secret,
}

impl SrtpKeys {
    /// Master key and salt for what `role` sends: with our role, for our own packets.
    #[must_use]
    pub fn writing(&self, role: Role) -> (&[u8], &[u8]) {
        match role {
            Role::Client => (self.client_key.expose(), self.client_salt.expose()),
            Role::Server => (self.server_key.expose(), self.server_salt.expose()),
        }
    }

    /// Master key and salt for what `role` receives: with our role, for the peer's packets.
    #[must_use]
    pub fn reading(&self, role: Role) -> (&[u8], &[u8]) {
        self.writing(role.opposite())
    }

    /// Cuts the exporter's output, which must be twice a key and a salt long.
    pub(crate) fn cut(profile: SrtpProfile, material: &[u8]) -> Option<Self> {
        //= rfc5764#4.2
        // Client key, server key, client salt, server salt, in this order.
        let (client_key, rest) = material.split_at_checked(profile.key_len())?;
        let (server_key, rest) = rest.split_at_checked(profile.key_len())?;
        let (client_salt, server_salt) = rest.split_at_checked(profile.salt_len())?;
        Some(Self {
            profile,
            client_key: client_key.into(),
            server_key: server_key.into(),
            client_salt: client_salt.into(),
            server_salt: server_salt.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_before_salts_and_the_client_before_the_server() {
        let material: Vec<u8> = (0..60).collect();
        let keys = SrtpKeys::cut(SrtpProfile::Aes128CmSha1_80, &material).unwrap();
        assert_eq!(keys.writing(Role::Client), (&material[..16], &material[32..46]));
        assert_eq!(keys.reading(Role::Client), (&material[16..32], &material[46..]));
        assert_eq!(keys.reading(Role::Server), keys.writing(Role::Client));
    }

    #[test]
    fn profiles_have_their_numbers_back() {
        for number in 0..32 {
            if let Some(profile) = SrtpProfile::from_wire(number) {
                assert_eq!(profile.to_wire(), number);
            }
        }
    }
}
