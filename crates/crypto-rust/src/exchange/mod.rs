//! Key agreement.

mod mlkem;
mod x25519;

use antiphon_crypto::{CryptoError, KeyExchange, NamedGroup, Secret};

use crate::entropy::Entropy;
use crate::key::{p256, p384};

/// All groups, most preferred first: those that a quantum computer cannot break, then the
/// cheapest.
pub(crate) const GROUPS: &[NamedGroup] =
    &[NamedGroup::X25519MlKem768, NamedGroup::X25519, NamedGroup::Secp256r1, NamedGroup::Secp384r1];

pub(crate) fn start(
    entropy: &Entropy,
    group: NamedGroup,
) -> Result<Box<dyn KeyExchange>, CryptoError> {
    Ok(match group {
        NamedGroup::X25519MlKem768 => Box::new(mlkem::Exchange::new(entropy)?),
        NamedGroup::X25519 => Box::new(x25519::Exchange::new(entropy)?),
        NamedGroup::Secp256r1 => Box::new(p256::Exchange::new(entropy)?),
        NamedGroup::Secp384r1 => Box::new(p384::Exchange::new(entropy)?),
        _ => return Err(CryptoError::Unsupported),
    })
}

pub(crate) fn answer(
    entropy: &Entropy,
    group: NamedGroup,
    peer_share: &[u8],
) -> Result<(Vec<u8>, Secret), CryptoError> {
    if group == NamedGroup::X25519MlKem768 {
        return mlkem::answer(entropy, peer_share);
    }
    let ours = start(entropy, group)?;
    let share = ours.public_share().to_vec();
    Ok((share, ours.agree(peer_share)?))
}
