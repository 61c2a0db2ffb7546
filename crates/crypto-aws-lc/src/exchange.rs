//! Key agreement.

use antiphon_crypto::{CryptoError, KeyExchange, NamedGroup, Secret};
use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, PrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::kem::{Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_768};

/// All groups, most preferred first: those that a quantum computer cannot break, then the
/// cheapest.
pub(crate) const GROUPS: &[NamedGroup] =
    &[NamedGroup::X25519MlKem768, NamedGroup::X25519, NamedGroup::Secp256r1, NamedGroup::Secp384r1];

/// Bytes of a share and of the secret of X25519.
const X25519_LEN: usize = 32;

pub(crate) fn start(group: NamedGroup) -> Result<Box<dyn KeyExchange>, CryptoError> {
    if group == NamedGroup::X25519MlKem768 {
        return Ok(Box::new(Hybrid::new()?));
    }
    Ok(Box::new(Exchange::new(group)?))
}

pub(crate) fn answer(
    group: NamedGroup,
    peer_share: &[u8],
) -> Result<(Vec<u8>, Secret), CryptoError> {
    if group == NamedGroup::X25519MlKem768 {
        return Hybrid::answer(peer_share);
    }
    let ours = Exchange::new(group)?;
    let secret = ours.shared(peer_share)?;
    Ok((ours.share, secret))
}

/// An ephemeral key pair on a curve; AWS-LC wipes the key when it is dropped.
struct Exchange {
    group: NamedGroup,
    key: PrivateKey,
    share: Vec<u8>,
}

impl Exchange {
    fn new(group: NamedGroup) -> Result<Self, CryptoError> {
        let key = PrivateKey::generate(curve(group)?).map_err(|_| CryptoError::NoEntropy)?;
        Self::with_key(group, key)
    }

    fn with_key(group: NamedGroup, key: PrivateKey) -> Result<Self, CryptoError> {
        let share = key.compute_public_key().map_err(|_| CryptoError::Unsupported)?;
        Ok(Self { group, key, share: share.as_ref().to_vec() })
    }

    fn shared(&self, peer_share: &[u8]) -> Result<Secret, CryptoError> {
        let invalid = CryptoError::InvalidShare { len: peer_share.len() };
        //= rfc8446#4.2.8.2
        // Of the points on NIST's curves only the uncompressed form is taken.
        let uncompressed = self.group == NamedGroup::X25519 || peer_share.first() == Some(&0x04);
        if peer_share.len() != self.group.server_share_len() || !uncompressed {
            return Err(invalid);
        }
        let peer = UnparsedPublicKey::new(curve(self.group)?, peer_share);
        agreement::agree(&self.key, peer, invalid, |secret| Ok(Secret::from(secret)))
    }
}

impl KeyExchange for Exchange {
    fn group(&self) -> NamedGroup {
        self.group
    }

    fn public_share(&self) -> &[u8] {
        &self.share
    }

    fn agree(self: Box<Self>, peer_share: &[u8]) -> Result<Secret, CryptoError> {
        self.shared(peer_share)
    }
}

fn curve(group: NamedGroup) -> Result<&'static agreement::Algorithm, CryptoError> {
    Ok(match group {
        NamedGroup::X25519 => &X25519,
        NamedGroup::Secp256r1 => &ECDH_P256,
        NamedGroup::Secp384r1 => &ECDH_P384,
        NamedGroup::X25519MlKem768 | _ => return Err(CryptoError::Unsupported),
    })
}

/// X25519MLKEM768: ML-KEM's part goes first, in both shares and in the secret.
struct Hybrid {
    key: DecapsulationKey,
    x25519: Exchange,
    share: Vec<u8>,
}

impl Hybrid {
    fn new() -> Result<Self, CryptoError> {
        let key = DecapsulationKey::generate(&ML_KEM_768).map_err(|_| CryptoError::NoEntropy)?;
        let x25519 = Exchange::new(NamedGroup::X25519)?;
        let public = key
            .encapsulation_key()
            .and_then(|public| Ok([public.key_bytes()?.as_ref(), &x25519.share].concat()));
        Ok(Self { key, x25519, share: public.map_err(|_| CryptoError::Unsupported)? })
    }

    fn answer(peer_share: &[u8]) -> Result<(Vec<u8>, Secret), CryptoError> {
        let invalid = CryptoError::InvalidShare { len: peer_share.len() };
        let (key, peer) = peer_share.split_last_chunk::<X25519_LEN>().ok_or(invalid)?;
        // FIPS 203 section 7.2: AWS-LC checks the length, and that no coefficient reaches the
        // modulus, when it encapsulates.
        let key = EncapsulationKey::new(&ML_KEM_768, key).map_err(|_| invalid)?;
        let ours = Exchange::new(NamedGroup::X25519)?;
        let x25519 = ours.shared(peer).map_err(|_| invalid)?;
        let (ciphertext, ml_kem) = key.encapsulate().map_err(|_| invalid)?;
        let share = [ciphertext.as_ref(), &ours.share].concat();
        Ok((share, Secret::new([ml_kem.as_ref(), x25519.expose()].concat())))
    }

    fn secret(&self, peer_share: &[u8]) -> Option<Secret> {
        let (ciphertext, peer) = peer_share.split_last_chunk::<X25519_LEN>()?;
        let x25519 = self.x25519.shared(peer).ok()?;
        let ml_kem = self.key.decapsulate(Ciphertext::from(ciphertext)).ok()?;
        Some(Secret::new([ml_kem.as_ref(), x25519.expose()].concat()))
    }
}

impl KeyExchange for Hybrid {
    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MlKem768
    }

    fn public_share(&self) -> &[u8] {
        &self.share
    }

    fn agree(self: Box<Self>, peer_share: &[u8]) -> Result<Secret, CryptoError> {
        self.secret(peer_share).ok_or(CryptoError::InvalidShare { len: peer_share.len() })
    }
}

#[cfg(test)]
mod tests;
