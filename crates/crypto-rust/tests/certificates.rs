//! Certificates: ours as others must read them, those of others, and hostile ones.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use antiphon_crypto::{
    CertificateError, CertificateParams, CryptoProvider as _, HashAlgorithm, PublicKeyKind,
    SignatureError, SignatureScheme,
};
use antiphon_crypto_rust::RustCrypto;
use proptest::prelude::*;
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Version};

const NOW: Duration = Duration::from_millis(1_790_000_000_250);
const DAY: i64 = 86_400;
const SCHEME: SignatureScheme = SignatureScheme::EcdsaSecp256r1Sha256;

const P256: &[u8] = include_bytes!("fixtures/p256.der");
const P256_SIGNATURE: &[u8] = include_bytes!("fixtures/p256.sig");
const OTHERS: [&[u8]; 4] = [
    include_bytes!("fixtures/p384.der"),
    include_bytes!("fixtures/ed25519.der"),
    include_bytes!("fixtures/rsa2048.der"),
    // P-256 with its parameters spelled out: a peer could spell out others.
    include_bytes!("fixtures/p256-explicit.der"),
];

/// A provider that counts instead of rolling dice.
fn reproducible() -> RustCrypto {
    let next = AtomicU8::new(1);
    RustCrypto::with_entropy(move |out| {
        out.fill_with(|| next.fetch_add(1, Ordering::Relaxed));
        Ok(())
    })
}

#[test]
fn our_certificate_says_what_it_was_asked_to_say() {
    let provider = RustCrypto::new();
    let certificate = provider.generate_certificate(&CertificateParams::new(NOW)).unwrap();
    let (rest, parsed) = X509Certificate::from_der(certificate.der()).unwrap();
    assert!(rest.is_empty());
    assert_eq!(parsed.version(), X509Version::V3);
    assert_eq!(parsed.subject().to_string(), "CN=WebRTC");
    assert_eq!(parsed.issuer().to_string(), "CN=WebRTC");
    assert_eq!(parsed.validity().not_before.timestamp(), 1_790_000_000 - DAY);
    assert_eq!(parsed.validity().not_after.timestamp(), 1_790_000_000 + 30 * DAY);
    assert_eq!(certificate.expires(), Duration::from_secs(1_790_000_000 + 30 * 86_400));
    //= rfc5280#4.1.2.2
    //= type=test
    // A serial number is positive and has at most 20 bytes.
    assert!(parsed.raw_serial().len() <= 20 && parsed.raw_serial()[0] & 0x80 == 0);
    let info = provider.inspect_certificate(certificate.der()).unwrap();
    assert_eq!(info.kind, PublicKeyKind::EcdsaP256);
    // It is signed with its own key.
    let signed = parsed.tbs_certificate.as_ref();
    let signature = &parsed.signature_value.data;
    assert_eq!(provider.verify(SCHEME, certificate.der(), signed, signature), Ok(()));
}

#[test]
fn serial_numbers_and_keys_differ() {
    let provider = RustCrypto::new();
    let params = CertificateParams::new(NOW);
    let pair = [(); 2].map(|()| provider.generate_certificate(&params).unwrap());
    let [a, b] = pair.each_ref().map(|c| X509Certificate::from_der(c.der()).unwrap().1);
    assert_ne!(a.raw_serial(), b.raw_serial());
    assert_ne!(a.public_key().raw, b.public_key().raw);
}

#[test]
fn the_same_entropy_gives_the_same_certificate() {
    let params = CertificateParams::new(NOW);
    let [a, b] = [(); 2].map(|()| reproducible().generate_certificate(&params).unwrap());
    assert_eq!(a.der(), b.der());
}

#[test]
fn lifetimes_from_a_second_to_a_year_are_possible() {
    let provider = reproducible();
    for (lifetime, works) in [
        (Duration::ZERO, false),
        (Duration::from_secs(1), true),
        (CertificateParams::MAX_LIFETIME, true),
        (CertificateParams::MAX_LIFETIME + Duration::from_secs(1), false),
    ] {
        let mut params = CertificateParams::new(NOW);
        params.lifetime = lifetime;
        let made = provider.generate_certificate(&params);
        assert_eq!(made.is_ok(), works, "{lifetime:?}");
    }
}

#[test]
fn a_clock_beyond_the_calendar_is_an_error() {
    let provider = reproducible();
    for now in [Duration::MAX, Duration::from_secs(400_000_000_000)] {
        let made = provider.generate_certificate(&CertificateParams::new(now));
        assert!(matches!(made, Err(CertificateError::Lifetime { .. })), "{made:?}");
    }
    // A clock that was never set is fine.
    assert!(provider.generate_certificate(&CertificateParams::new(Duration::ZERO)).is_ok());
}

#[test]
fn keys_we_cannot_make_are_refused() {
    let mut params = CertificateParams::new(NOW);
    params.kind = PublicKeyKind::Ed25519;
    let made = reproducible().generate_certificate(&params).map(|_| ());
    assert_eq!(made, Err(CertificateError::UnsupportedKey));
}

#[test]
fn a_certificate_of_openssl_verifies_its_signature() {
    let provider = RustCrypto::new();
    let message = b"an antiphon is sung by two choirs";
    assert_eq!(provider.inspect_certificate(P256).unwrap().kind, PublicKeyKind::EcdsaP256);
    assert_eq!(provider.verify(SCHEME, P256, message, P256_SIGNATURE), Ok(()));
}

#[test]
fn fingerprints_are_those_of_openssl() {
    let digest = RustCrypto::new().hash(HashAlgorithm::Sha256, P256).unwrap();
    let fingerprint =
        antiphon_crypto::Fingerprint::new(HashAlgorithm::Sha256, digest.as_bytes()).unwrap();
    assert_eq!(fingerprint.to_string(), include_str!("fixtures/p256.fingerprint").trim());
}

#[test]
fn keys_of_other_kinds_are_unsupported() {
    let provider = RustCrypto::new();
    for der in OTHERS {
        let unsupported = CertificateError::UnsupportedKey;
        assert_eq!(provider.inspect_certificate(der), Err(unsupported));
        assert_eq!(provider.verify(SCHEME, der, b"", &[]), Err(unsupported.into()));
    }
}

#[test]
fn truncated_or_padded_certificates_are_malformed() {
    let provider = RustCrypto::new();
    for len in 0..P256.len() {
        let malformed = CertificateError::Malformed { len };
        assert_eq!(provider.inspect_certificate(&P256[..len]), Err(malformed));
    }
    let padded = [P256, &[0]].concat();
    let malformed = CertificateError::Malformed { len: padded.len() };
    assert_eq!(provider.inspect_certificate(&padded), Err(malformed));
}

#[test]
fn a_point_off_the_curve_is_no_key() {
    let mut der = P256.to_vec();
    // The uncompressed point follows the bit string's header.
    let at = der.windows(4).position(|w| w == [0x03, 0x42, 0x00, 0x04]).unwrap();
    der[at + 4 + 63] ^= 1;
    let verdict = RustCrypto::new().verify(SCHEME, &der, b"", &[]);
    assert_eq!(verdict, Err(SignatureError::Certificate(CertificateError::UnsupportedKey)));
}

#[test]
fn a_huge_certificate_is_refused_unread() {
    let der = vec![0x30; 1 << 20];
    let malformed = CertificateError::Malformed { len: der.len() };
    assert_eq!(RustCrypto::new().inspect_certificate(&der), Err(malformed));
}

#[test]
fn nothing_secret_is_shown() {
    let provider = reproducible();
    let certificate = provider.generate_certificate(&CertificateParams::new(NOW)).unwrap();
    let shown = format!("{:?} {provider:?}", certificate.key());
    assert_eq!(shown, "SigningKey([EcdsaSecp256r1Sha256]) RustCrypto { entropy: Custom }");
}

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(
        flips in prop::collection::vec((0..P256.len(), any::<u8>()), 0..6),
        cut in 0..=P256.len(),
    ) {
        let mut der = P256.to_vec();
        for (at, byte) in flips {
            der[at] = byte;
        }
        let provider = RustCrypto::new();
        let info = provider.inspect_certificate(&der[..cut]);
        let verdict = provider.verify(SCHEME, &der[..cut], b"message", P256_SIGNATURE);
        prop_assert!(verdict.is_err());
        prop_assert_eq!(info.is_err(), matches!(verdict, Err(SignatureError::Certificate(_))));
    }
}
