//! X.509: writing a certificate of ours, reading that of a peer.

use std::sync::Arc;
use std::time::Duration;

use antiphon_crypto::PublicKeyKind;
use antiphon_crypto::{
    Certificate, CertificateError, CertificateInfo, CertificateParams, CryptoError,
    SignatureScheme, SigningKey,
};
use aws_lc_rs::rand;
use aws_lc_rs::rsa::PublicKey as RsaPublicKey;
use aws_lc_rs::signature::{self, ParsedPublicKey};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION,
    OID_SIG_ED25519,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::key::{OwnKey, PeerKey};

/// Longer certificates are refused unread: those of WebRTC have some hundred bytes.
const MAX_LEN: usize = 16 * 1024;

/// How long before its making a certificate becomes valid, for peers whose clocks are late.
const BACKDATED: Duration = Duration::from_secs(86_400);

/// Reads the key out of a DER-encoded certificate.
pub(crate) fn peer_key(der: &[u8]) -> Result<PeerKey, CertificateError> {
    from_info(parse(der)?.public_key()).ok_or(CertificateError::UnsupportedKey)
}

/// What a DER-encoded certificate says about itself.
pub(crate) fn inspect(der: &[u8]) -> Result<CertificateInfo, CertificateError> {
    peer_key(der).map(|key| CertificateInfo::new(key.kind))
}

/// The key, if it is of a kind that is taken, and valid.
fn from_info(info: &SubjectPublicKeyInfo<'_>) -> Option<PeerKey> {
    let (algorithm, bytes) = (&info.algorithm, &*info.subject_public_key.data);
    if info.subject_public_key.unused_bits != 0 {
        return None;
    }
    let kind = if algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
        //= rfc5480#2.1.1
        // Only a named curve is taken, never curve parameters of the peer's invention.
        let curve = algorithm.parameters.as_ref()?.as_oid().ok()?;
        if curve == OID_EC_P256 {
            PublicKeyKind::EcdsaP256
        } else if curve == OID_NIST_EC_P384 {
            PublicKeyKind::EcdsaP384
        } else {
            return None;
        }
    } else if algorithm.algorithm == OID_SIG_ED25519 && algorithm.parameters.is_none() {
        PublicKeyKind::Ed25519
    } else if algorithm.algorithm == OID_PKCS1_RSAENCRYPTION {
        PublicKeyKind::Rsa { bits: rsa_bits(info)? }
    } else {
        return None;
    };
    let valid = match kind {
        PublicKeyKind::EcdsaP256 => {
            bytes.first() == Some(&0x04)
                && ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, bytes).is_ok()
        }
        PublicKeyKind::EcdsaP384 => {
            bytes.first() == Some(&0x04)
                && ParsedPublicKey::new(&signature::ECDSA_P384_SHA384_ASN1, bytes).is_ok()
        }
        PublicKeyKind::Ed25519 => ParsedPublicKey::new(&signature::ED25519, bytes).is_ok(),
        PublicKeyKind::Rsa { bits } => {
            (PublicKeyKind::MIN_RSA_BITS..=PublicKeyKind::MAX_RSA_BITS).contains(&bits)
                && RsaPublicKey::from_der(bytes).is_ok()
        }
        _ => false,
    };
    valid.then(|| PeerKey { kind, bytes: bytes.to_vec() })
}

/// Bits of an RSA key's modulus.
fn rsa_bits(info: &SubjectPublicKeyInfo<'_>) -> Option<usize> {
    let Ok(PublicKey::RSA(key)) = info.parsed() else {
        return None;
    };
    let start = key.modulus.iter().position(|byte| *byte != 0)?;
    let modulus = key.modulus.get(start..)?;
    let unused = modulus.first()?.leading_zeros();
    modulus.len().checked_mul(8)?.checked_sub(usize::try_from(unused).ok()?)
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, CertificateError> {
    let malformed = CertificateError::Malformed { len: der.len() };
    if der.len() > MAX_LEN {
        return Err(malformed);
    }
    match X509Certificate::from_der(der) {
        Ok((&[], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(malformed),
    }
}

/// Joins a certificate and its private key again.
pub(crate) fn import(der: &[u8], pkcs8: &[u8]) -> Result<Certificate, CertificateError> {
    let certificate = parse(der)?;
    let public = from_info(certificate.public_key()).ok_or(CertificateError::UnsupportedKey)?;
    let key = OwnKey::from_pkcs8(public.kind, pkcs8)?;
    if key.public_key() != public.bytes {
        return Err(CertificateError::KeyMismatch);
    }
    let expires = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0);
    Ok(Certificate::new(der.to_vec(), key, Duration::from_secs(expires)))
}

/// Makes a key and a self-signed certificate over it.
pub(crate) fn generate(params: &CertificateParams) -> Result<Certificate, CertificateError> {
    // Certificates count whole seconds.
    let expires = Duration::from_secs(params.expires()?.as_secs());
    let content = content(params.now, expires)?;
    let key = OwnKey::generate(params.kind)?;
    let signed = content.self_signed(&Issuer(&key)).map_err(|_| CryptoError::Signing)?;
    Ok(Certificate::new(signed.der().to_vec(), key as Arc<dyn SigningKey>, expires))
}

/// A key of ours that signs its own certificate.
struct Issuer<'a>(&'a OwnKey);

impl rcgen::PublicKeyData for Issuer<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        match self.0.certificate_scheme() {
            SignatureScheme::EcdsaSecp384r1Sha384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            SignatureScheme::Ed25519 => &rcgen::PKCS_ED25519,
            SignatureScheme::RsaPkcs1Sha256 => &rcgen::PKCS_RSA_SHA256,
            // The keys here answer no other.
            SignatureScheme::EcdsaSecp256r1Sha256 | _ => &rcgen::PKCS_ECDSA_P256_SHA256,
        }
    }
}

impl rcgen::SigningKey for Issuer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign(self.0.certificate_scheme(), message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

fn content(now: Duration, expires: Duration) -> Result<rcgen::CertificateParams, CertificateError> {
    let unrepresentable = CertificateError::Lifetime {
        seconds: expires.saturating_sub(now).as_secs(),
        limit: CertificateParams::MAX_LIFETIME.as_secs(),
    };
    let date = |since_epoch: Duration| {
        let since_epoch = Duration::from_secs(since_epoch.as_secs()).try_into().ok()?;
        rcgen::date_time_ymd(1970, 1, 1).checked_add(since_epoch)
    };
    let mut content = rcgen::CertificateParams::default();
    content.not_before = date(now.saturating_sub(BACKDATED)).ok_or(unrepresentable)?;
    content.not_after = date(expires).ok_or(unrepresentable)?;
    content.serial_number = Some(serial_number()?);
    // The name tells nothing about who made it, and every browser's is the same.
    content.distinguished_name = rcgen::DistinguishedName::new();
    content.distinguished_name.push(rcgen::DnType::CommonName, "WebRTC");
    Ok(content)
}

/// A positive number with 126 random bits (RFC 5280 section 4.1.2.2).
fn serial_number() -> Result<rcgen::SerialNumber, CryptoError> {
    let mut serial = [0; 16];
    rand::fill(&mut serial).map_err(|_| CryptoError::NoEntropy)?;
    let [first, ..] = &mut serial;
    *first = (*first & 0x3f) | 0x40;
    Ok(rcgen::SerialNumber::from_slice(&serial))
}
