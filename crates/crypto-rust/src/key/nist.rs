//! The curves of NIST: private keys drawn from our own entropy, key agreement, signatures.

/// A source that gives no valid scalar in so many draws (each fails with 2^-32 on P-256 and 2^-194
/// on P-384) is broken.
const MAX_DRAWS: usize = 16;

macro_rules! nist_curve {
    ($curve:ident, scalar: $scalar:literal, point: $point:literal, $group:ident, $scheme:ident) => {
        pub(crate) mod $curve {
            use antiphon_crypto::{
                CryptoError, KeyExchange, NamedGroup, Secret, SignatureScheme, SigningKey,
            };
            use $curve::ecdsa::signature::Signer as _;
            use $curve::ecdsa::signature::hazmat::PrehashVerifier as _;
            use $curve::ecdsa::{DerSignature, SigningKey as EcdsaKey, VerifyingKey};
            use $curve::elliptic_curve::sec1::ToSec1Point as _;
            use $curve::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
            use $curve::{PublicKey, SecretKey};
            use zeroize::Zeroizing;

            use super::super::{OwnKey, offered};
            use crate::entropy::Entropy;

            /// Bytes of an uncompressed point: 0x04, x, y.
            const POINT_LEN: usize = $point;

            /// Draws a private key uniformly, by rejection.
            fn draw(entropy: &Entropy) -> Result<SecretKey, CryptoError> {
                let mut scalar = Zeroizing::new([0; $scalar]);
                for _ in 0..super::MAX_DRAWS {
                    entropy.fill(&mut *scalar)?;
                    if let Ok(key) = SecretKey::from_slice(&*scalar) {
                        return Ok(key);
                    }
                }
                Err(CryptoError::NoEntropy)
            }

            fn point_of(key: PublicKey) -> [u8; POINT_LEN] {
                let mut point = [0; POINT_LEN];
                for (to, from) in point.iter_mut().zip(key.to_uncompressed_point()) {
                    *to = from;
                }
                point
            }

            /// `point` if it has the length and the first byte of an uncompressed one.
            fn uncompressed(point: &[u8]) -> Option<&[u8]> {
                (point.len() == POINT_LEN && point.first() == Some(&0x04)).then_some(point)
            }

            /// An ephemeral key pair; the key wipes itself when dropped.
            pub(crate) struct Exchange {
                key: SecretKey,
                share: [u8; POINT_LEN],
            }

            impl Exchange {
                pub(crate) fn new(entropy: &Entropy) -> Result<Self, CryptoError> {
                    let key = draw(entropy)?;
                    let share = point_of(key.public_key());
                    Ok(Self { key, share })
                }
            }

            impl KeyExchange for Exchange {
                fn group(&self) -> NamedGroup {
                    NamedGroup::$group
                }

                fn public_share(&self) -> &[u8] {
                    &self.share
                }

                fn agree(self: Box<Self>, peer_share: &[u8]) -> Result<Secret, CryptoError> {
                    //= rfc8446#4.2.8.2
                    // Only the uncompressed form is taken, and only points that lie on the curve.
                    let peer = uncompressed(peer_share)
                        .and_then(|point| PublicKey::from_sec1_bytes(point).ok())
                        .ok_or(CryptoError::InvalidShare { len: peer_share.len() })?;
                    let shared = self.key.diffie_hellman(&peer);
                    Ok(Secret::from(shared.raw_secret_bytes().as_slice()))
                }
            }

            /// A private key that signs; it wipes itself when dropped.
            pub(crate) struct Signing {
                key: EcdsaKey,
                point: [u8; POINT_LEN],
            }

            impl Signing {
                pub(crate) fn generate(entropy: &Entropy) -> Result<Self, CryptoError> {
                    Ok(Self::new(&draw(entropy)?))
                }

                pub(crate) fn from_pkcs8(der: &[u8]) -> Option<Self> {
                    SecretKey::from_pkcs8_der(der).ok().map(|secret| Self::new(&secret))
                }

                fn new(secret: &SecretKey) -> Self {
                    Self { key: EcdsaKey::from(secret), point: point_of(secret.public_key()) }
                }

                pub(crate) fn verifying(&self) -> Verifying {
                    Verifying(*self.key.verifying_key())
                }
            }

            impl SigningKey for Signing {
                fn schemes(&self) -> &[SignatureScheme] {
                    &[SignatureScheme::$scheme]
                }

                /// The nonce follows from key and message (RFC 6979), so that no weak randomness
                /// can give the key away.
                fn sign(
                    &self,
                    scheme: SignatureScheme,
                    message: &[u8],
                ) -> Result<Vec<u8>, CryptoError> {
                    offered(self, scheme)?;
                    let signature: DerSignature =
                        self.key.try_sign(message).map_err(|_| CryptoError::Signing)?;
                    Ok(signature.as_bytes().to_vec())
                }

                fn to_pkcs8(&self) -> Result<Secret, CryptoError> {
                    let der = SecretKey::from(&self.key).to_pkcs8_der();
                    Ok(Secret::from(der.map_err(|_| CryptoError::Unsupported)?.as_bytes()))
                }
            }

            impl OwnKey for Signing {
                fn public_key(&self) -> &[u8] {
                    &self.point
                }

                fn certificate_scheme(&self) -> SignatureScheme {
                    SignatureScheme::$scheme
                }
            }

            /// A public key of a certificate, known to lie on the curve.
            #[derive(PartialEq)]
            pub(crate) struct Verifying(VerifyingKey);

            impl Verifying {
                /// Takes an uncompressed point.
                pub(crate) fn from_point(point: &[u8]) -> Option<Self> {
                    VerifyingKey::from_sec1_bytes(uncompressed(point)?).ok().map(Self)
                }

                /// Checks an ECDSA signature, DER-encoded, over a digest.
                pub(crate) fn verify(&self, digest: &[u8], signature: &[u8]) -> bool {
                    DerSignature::from_bytes(signature)
                        .is_ok_and(|signature| self.0.verify_prehash(digest, &signature).is_ok())
                }
            }
        }
    };
}

nist_curve!(p256, scalar: 32, point: 65, Secp256r1, EcdsaSecp256r1Sha256);
nist_curve!(p384, scalar: 48, point: 97, Secp384r1, EcdsaSecp384r1Sha384);
