//! X.509: writing a certificate of ours, reading that of a peer.

use std::sync::Arc;
use std::time::Duration;

use antiphon_crypto::{
    Certificate, CertificateError, CertificateInfo, CertificateParams, CryptoError, PublicKeyKind,
};
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::entropy::Entropy;
use crate::p256_key::{Signing, Verifying};

/// Longer certificates are refused unread: those of WebRTC have some hundred bytes.
const MAX_LEN: usize = 16 * 1024;

/// How long before its making a certificate becomes valid, for peers whose clocks are late.
const BACKDATED: Duration = Duration::from_secs(86_400);

/// The key of a peer's certificate, of a kind we can check signatures with.
#[derive(Clone, Copy)]
pub(crate) enum PeerKey {
    EcdsaP256(Verifying),
}

impl PeerKey {
    /// Reads the key out of a DER-encoded certificate.
    pub(crate) fn read(der: &[u8]) -> Result<Self, CertificateError> {
        let malformed = CertificateError::Malformed { len: der.len() };
        if der.len() > MAX_LEN {
            return Err(malformed);
        }
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| malformed)?;
        if !rest.is_empty() {
            return Err(malformed);
        }
        Self::from_info(certificate.public_key()).ok_or(CertificateError::UnsupportedKey)
    }

    fn from_info(info: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        if info.algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY {
            return None;
        }
        //= rfc5480#2.1.1
        // Only a named curve is taken, never curve parameters of the peer's invention.
        let curve = info.algorithm.parameters.as_ref()?.as_oid().ok()?;
        if curve != OID_EC_P256 || info.subject_public_key.unused_bits != 0 {
            return None;
        }
        Verifying::from_point(&info.subject_public_key.data).map(Self::EcdsaP256)
    }

    pub(crate) fn info(&self) -> CertificateInfo {
        match self {
            Self::EcdsaP256(_) => CertificateInfo::new(PublicKeyKind::EcdsaP256),
        }
    }
}

/// Makes a P-256 key and a self-signed certificate over it.
pub(crate) fn generate(
    entropy: &Entropy,
    params: &CertificateParams,
) -> Result<Certificate, CertificateError> {
    // Certificates count whole seconds.
    let expires = Duration::from_secs(params.expires()?.as_secs());
    if params.kind != PublicKeyKind::EcdsaP256 {
        return Err(CertificateError::UnsupportedKey);
    }
    let content = content(entropy, params.now, expires)?;
    let key = Signing::new(entropy)?;
    let signed = content.self_signed(&*key).map_err(|_| CryptoError::Signing)?;
    Ok(Certificate::new(signed.der().to_vec(), key as Arc<_>, expires))
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
