//! X.509: writing a certificate of ours, reading that of a peer.

use std::sync::Arc;
use std::time::Duration;

use antiphon_crypto::{
    Certificate, CertificateError, CertificateInfo, CertificateParams, CryptoError,
    SignatureScheme, SigningKey,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::entropy::Entropy;
use crate::key::{self, OwnKey, PeerKey};

/// Longer certificates are refused unread: those of WebRTC have some hundred bytes.
const MAX_LEN: usize = 16 * 1024;

/// How long before its making a certificate becomes valid, for peers whose clocks are late.
const BACKDATED: Duration = Duration::from_secs(86_400);

/// Reads the key out of a DER-encoded certificate.
pub(crate) fn peer_key(der: &[u8]) -> Result<PeerKey, CertificateError> {
    PeerKey::from_info(parse(der)?.public_key()).ok_or(CertificateError::UnsupportedKey)
}

/// What a DER-encoded certificate says about itself.
pub(crate) fn inspect(der: &[u8]) -> Result<CertificateInfo, CertificateError> {
    peer_key(der).map(|key| CertificateInfo::new(key.kind()))
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
pub(crate) fn import(
    entropy: &Arc<Entropy>,
    der: &[u8],
    pkcs8: &[u8],
) -> Result<Certificate, CertificateError> {
    let certificate = parse(der)?;
    let public =
        PeerKey::from_info(certificate.public_key()).ok_or(CertificateError::UnsupportedKey)?;
    let key = key::import(entropy, &public, pkcs8)?;
    let expires = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0);
    Ok(Certificate::new(der.to_vec(), key, Duration::from_secs(expires)))
}

/// Makes a key and a self-signed certificate over it.
pub(crate) fn generate(
    entropy: &Arc<Entropy>,
    params: &CertificateParams,
) -> Result<Certificate, CertificateError> {
    // Certificates count whole seconds.
    let expires = Duration::from_secs(params.expires()?.as_secs());
    let content = content(entropy, params.now, expires)?;
    let key = key::generate(entropy, params.kind)?;
    let signed = content.self_signed(&Issuer(&*key)).map_err(|_| CryptoError::Signing)?;
    Ok(Certificate::new(signed.der().to_vec(), key as Arc<dyn SigningKey>, expires))
}

/// A key of ours that signs its own certificate.
struct Issuer<'a>(&'a dyn OwnKey);

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

fn content(
    entropy: &Entropy,
    now: Duration,
    expires: Duration,
) -> Result<rcgen::CertificateParams, CertificateError> {
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
    content.serial_number = Some(serial_number(entropy)?);
    // The name tells nothing about who made it, and every browser's is the same.
    content.distinguished_name = rcgen::DistinguishedName::new();
    content.distinguished_name.push(rcgen::DnType::CommonName, "WebRTC");
    Ok(content)
}

/// A positive number with 126 random bits (RFC 5280 section 4.1.2.2).
fn serial_number(entropy: &Entropy) -> Result<rcgen::SerialNumber, CryptoError> {
    let mut serial = [0; 16];
    entropy.fill(&mut serial)?;
    let [first, ..] = &mut serial;
    *first = (*first & 0x3f) | 0x40;
    Ok(rcgen::SerialNumber::from_slice(&serial))
}
