//! Certificates: ours as others must read them, those of others, and hostile ones; identities that are
//! kept.

use std::time::Duration;

use antiphon_crypto::{
    CertificateError, CertificateParams, CryptoProvider, Fingerprint, HashAlgorithm, PublicKeyKind,
    SignatureError, SignatureScheme,
};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Version};
use x509_parser::public_key::PublicKey;

use super::der;
use super::signatures::{KINDS, identity};

const NOW: Duration = Duration::from_millis(1_790_000_000_250);
const DAY: i64 = 86_400;
const MESSAGE: &[u8] = b"an antiphon is sung by two choirs";

/// What OpenSSL made: kind, certificate, private key.
const OPENSSL: [(PublicKeyKind, &[u8], &[u8]); 4] = [
    (
        PublicKeyKind::EcdsaP256,
        include_bytes!("fixtures/openssl-p256.der"),
        include_bytes!("fixtures/openssl-p256.key"),
    ),
    (
        PublicKeyKind::EcdsaP384,
        include_bytes!("fixtures/openssl-p384.der"),
        include_bytes!("fixtures/openssl-p384.key"),
    ),
    (
        PublicKeyKind::Ed25519,
        include_bytes!("fixtures/openssl-ed25519.der"),
        include_bytes!("fixtures/openssl-ed25519.key"),
    ),
    (
        PublicKeyKind::Rsa { bits: 2048 },
        include_bytes!("fixtures/openssl-rsa2048.der"),
        include_bytes!("fixtures/openssl-rsa2048.key"),
    ),
];

const P256: &[u8] = OPENSSL[0].1;
const SCHEME: SignatureScheme = SignatureScheme::EcdsaSecp256r1Sha256;

const REFUSED: [&[u8]; 7] = [
    // P-256 with its parameters spelled out: a peer could spell out others.
    include_bytes!("fixtures/refused-p256-explicit.der"),
    include_bytes!("fixtures/refused-p521.der"),
    include_bytes!("fixtures/refused-secp256k1.der"),
    include_bytes!("fixtures/refused-ed448.der"),
    include_bytes!("fixtures/refused-rsa1024.der"),
    include_bytes!("fixtures/refused-rsa2047.der"),
    // A key for PSS only, which has other numbers in TLS.
    include_bytes!("fixtures/refused-rsa-pss.der"),
];

fn params(kind: PublicKeyKind) -> CertificateParams {
    let mut params = CertificateParams::new(NOW);
    params.kind = kind;
    params
}

pub fn our_certificate_says_what_it_was_asked_to_say(provider: &dyn CryptoProvider) {
    for kind in KINDS {
        let certificate = provider.generate_certificate(&params(kind)).unwrap();
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
        assert_eq!(info.kind, kind);
        // It is signed with its own key; for RSA with PKCS1-v1_5 and SHA-256.
        let rsa = matches!(kind, PublicKeyKind::Rsa { .. });
        let scheme = if rsa { SignatureScheme::RsaPkcs1Sha256 } else { kind.schemes()[0] };
        let (signed, signature) = (parsed.tbs_certificate.as_ref(), &parsed.signature_value.data);
        assert_eq!(provider.verify(scheme, certificate.der(), signed, signature), Ok(()));
    }
}

pub fn serial_numbers_and_keys_differ(provider: &dyn CryptoProvider) {
    for kind in [PublicKeyKind::EcdsaP256, PublicKeyKind::EcdsaP384, PublicKeyKind::Ed25519] {
        let pair = [(); 2].map(|()| provider.generate_certificate(&params(kind)).unwrap());
        let [a, b] = pair.each_ref().map(|c| X509Certificate::from_der(c.der()).unwrap().1);
        assert_ne!(a.raw_serial(), b.raw_serial());
        assert_ne!(a.public_key().raw, b.public_key().raw);
    }
}

pub fn rsa_keys_have_the_exponent_of_w3c(provider: &dyn CryptoProvider) {
    let kind = PublicKeyKind::Rsa { bits: 2048 };
    let certificate = provider.generate_certificate(&params(kind)).unwrap();
    let (_, parsed) = X509Certificate::from_der(certificate.der()).unwrap();
    let PublicKey::RSA(key) = parsed.public_key().parsed().unwrap() else {
        panic!("not an RSA key")
    };
    assert_eq!(key.try_exponent(), Ok(65_537));
}

pub fn lifetimes_from_a_second_to_a_year_are_possible(provider: &dyn CryptoProvider) {
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

pub fn a_clock_beyond_the_calendar_is_an_error(provider: &dyn CryptoProvider) {
    for now in [Duration::MAX, Duration::from_secs(400_000_000_000)] {
        let made = provider.generate_certificate(&CertificateParams::new(now));
        assert!(matches!(made, Err(CertificateError::Lifetime { .. })), "{made:?}");
    }
    // A clock that was never set is fine.
    assert!(provider.generate_certificate(&CertificateParams::new(Duration::ZERO)).is_ok());
}

pub fn keys_we_cannot_make_are_refused(provider: &dyn CryptoProvider) {
    for bits in [0, 512, 1024, 2047, 2049, 8192, usize::MAX] {
        let made = provider.generate_certificate(&params(PublicKeyKind::Rsa { bits }));
        assert_eq!(made.map(|_| ()), Err(CertificateError::UnsupportedKey), "{bits}");
    }
}

pub fn a_certificate_of_openssl_verifies_its_signature(provider: &dyn CryptoProvider) {
    let signatures: [(SignatureScheme, &[u8], &[u8]); 5] = [
        (SCHEME, P256, include_bytes!("fixtures/openssl-p256.sig")),
        (
            SignatureScheme::EcdsaSecp384r1Sha384,
            OPENSSL[1].1,
            include_bytes!("fixtures/openssl-p384.sig"),
        ),
        (SignatureScheme::Ed25519, OPENSSL[2].1, include_bytes!("fixtures/openssl-ed25519.sig")),
        (
            SignatureScheme::RsaPssRsaeSha256,
            OPENSSL[3].1,
            include_bytes!("fixtures/openssl-rsa2048-pss.sig"),
        ),
        (
            SignatureScheme::RsaPkcs1Sha256,
            OPENSSL[3].1,
            include_bytes!("fixtures/openssl-rsa2048-pkcs1.sig"),
        ),
    ];
    for (scheme, certificate, signature) in signatures {
        assert_eq!(provider.verify(scheme, certificate, MESSAGE, signature), Ok(()), "{scheme:?}");
        let wrong = provider.verify(scheme, certificate, b"", signature);
        assert_eq!(wrong, Err(SignatureError::Invalid), "{scheme:?}");
    }
}

pub fn fingerprints_are_those_of_openssl(provider: &dyn CryptoProvider) {
    let digest = provider.hash(HashAlgorithm::Sha256, P256).unwrap();
    let fingerprint = Fingerprint::new(HashAlgorithm::Sha256, digest.as_bytes()).unwrap();
    let expected = include_str!("fixtures/openssl-p256.fingerprint").trim();
    assert_eq!(fingerprint.to_string(), expected);
}

pub fn keys_of_every_kind_are_told_apart(provider: &dyn CryptoProvider) {
    for (kind, certificate, _) in OPENSSL {
        assert_eq!(provider.inspect_certificate(certificate).unwrap().kind, kind);
    }
}

// attack: certificates with weak keys or curve parameters of the peer's invention
pub fn keys_that_are_not_taken_are_unsupported(provider: &dyn CryptoProvider) {
    for der in REFUSED {
        let unsupported = CertificateError::UnsupportedKey;
        assert_eq!(provider.inspect_certificate(der), Err(unsupported));
        for &scheme in provider.signature_schemes() {
            assert_eq!(provider.verify(scheme, der, b"", &[]), Err(unsupported.into()));
        }
        let imported = provider.import_certificate(der, OPENSSL[0].2);
        assert_eq!(imported.map(|_| ()), Err(unsupported));
    }
}

// attack: RSA keys that make checking slow, or mean nothing
pub fn rsa_keys_of_strange_numbers_are_unsupported(provider: &dyn CryptoProvider) {
    let odd = |bits: usize| {
        let mut modulus = vec![0xff; bits / 8];
        if !bits.is_multiple_of(8) {
            modulus.insert(0, (1 << (bits % 8)) - 1);
        }
        modulus
    };
    let even = [&odd(2040)[..], &[0xfe]].concat();
    let f4: &[u8] = &[1, 0, 1];
    for (modulus, exponent, taken) in [
        (odd(2048), f4, true),
        (odd(2049), f4, true),
        (odd(8192), f4, true),
        (odd(2048), &[3], true),
        (odd(2047), f4, false),
        (odd(8193), f4, false),
        (odd(16_384), f4, false),
        (even, f4, false),
        (vec![], f4, false),
        (odd(2048), &[], false),
        (odd(2048), &[1], false),
        (odd(2048), &[2], false),
        (odd(2048), &[1, 0, 0], false),
        (odd(2048), &[0xff; 8], false),
        (odd(2048), &[0xff; 256], false),
    ] {
        let certificate = der::certificate(&der::rsa_key(&modulus, exponent));
        let info = provider.inspect_certificate(&certificate).map(|info| info.kind);
        let bits = modulus.len() * 8 - modulus.first().map_or(0, |b| b.leading_zeros() as usize);
        let expected = if taken {
            Ok(PublicKeyKind::Rsa { bits })
        } else {
            Err(CertificateError::UnsupportedKey)
        };
        assert_eq!(info, expected, "{bits} {exponent:02x?}");
    }
}

pub fn truncated_or_padded_certificates_are_malformed(provider: &dyn CryptoProvider) {
    for len in 0..P256.len() {
        let malformed = CertificateError::Malformed { len };
        assert_eq!(provider.inspect_certificate(&P256[..len]), Err(malformed));
    }
    let padded = [P256, &[0]].concat();
    let malformed = CertificateError::Malformed { len: padded.len() };
    assert_eq!(provider.inspect_certificate(&padded), Err(malformed));
}

// attack: invalid curve points in a certificate
pub fn a_point_off_the_curve_is_no_key(provider: &dyn CryptoProvider) {
    let headers: [(&[u8], &[u8], usize); 2] = [
        // The uncompressed point follows the bit string's header.
        (P256, &[0x03, 0x42, 0x00, 0x04], 63),
        (OPENSSL[1].1, &[0x03, 0x62, 0x00, 0x04], 95),
    ];
    for (certificate, header, last) in headers {
        let mut der = certificate.to_vec();
        let at = der.windows(4).position(|w| w == header).unwrap() + 4;
        der[at + last] ^= 1;
        let verdict = provider.verify(SCHEME, &der, b"", &[]);
        let unsupported = CertificateError::UnsupportedKey;
        assert_eq!(verdict, Err(SignatureError::Certificate(unsupported)));
        // A hybrid or compressed form does not become a key, either.
        der[at + last] ^= 1;
        for form in [0x02, 0x03, 0x06, 0x07] {
            der[at - 1] = form;
            assert_eq!(provider.inspect_certificate(&der), Err(unsupported), "{form}");
        }
    }
}

// attack: a certificate as large as a handshake message may be
pub fn a_huge_certificate_is_refused_unread(provider: &dyn CryptoProvider) {
    let der = vec![0x30; 1 << 20];
    let malformed = CertificateError::Malformed { len: der.len() };
    assert_eq!(provider.inspect_certificate(&der), Err(malformed));
}

pub fn an_identity_can_be_kept(provider: &dyn CryptoProvider) {
    for kind in KINDS {
        let made = identity(provider, kind);
        let kept = made.key().to_pkcs8().unwrap();
        let taken = provider.import_certificate(made.der(), kept.expose()).unwrap();
        assert_eq!(taken.der(), made.der());
        assert_eq!(taken.expires(), made.expires());
        for &scheme in kind.schemes() {
            let signature = taken.key().sign(scheme, MESSAGE).unwrap();
            assert_eq!(provider.verify(scheme, made.der(), MESSAGE, &signature), Ok(()));
        }
        // And once more, out of what was taken up.
        assert_eq!(taken.key().to_pkcs8().unwrap().expose(), kept.expose());
    }
}

pub fn an_identity_of_openssl_can_be_taken_up(provider: &dyn CryptoProvider) {
    for (kind, certificate, key) in OPENSSL {
        let taken = provider.import_certificate(certificate, key).unwrap();
        let (_, parsed) = X509Certificate::from_der(certificate).unwrap();
        let expires = u64::try_from(parsed.validity().not_after.timestamp()).unwrap();
        assert_eq!(taken.expires(), Duration::from_secs(expires));
        for &scheme in kind.schemes() {
            let signature = taken.key().sign(scheme, MESSAGE).unwrap();
            assert_eq!(provider.verify(scheme, certificate, MESSAGE, &signature), Ok(()));
        }
    }
}

pub fn identities_that_do_not_fit_are_refused(provider: &dyn CryptoProvider) {
    for (kind, certificate, key) in OPENSSL {
        for broken in [&[][..], &[0x30, 0x00], &key[..key.len() - 1], &[7; 40]] {
            let taken = provider.import_certificate(certificate, broken).map(|_| ());
            let malformed = CertificateError::MalformedKey { len: broken.len() };
            assert_eq!(taken, Err(malformed), "{kind:?}");
        }
        let taken = provider.import_certificate(&certificate[1..], key).map(|_| ());
        let malformed = CertificateError::Malformed { len: certificate.len() - 1 };
        assert_eq!(taken, Err(malformed));
        // The key of another certificate, of the same kind and of others.
        for (other, _, key) in OPENSSL {
            if other != kind {
                let taken = provider.import_certificate(certificate, key).map(|_| ());
                let malformed = CertificateError::MalformedKey { len: key.len() };
                assert_eq!(taken, Err(malformed), "{kind:?} {other:?}");
            }
        }
        let another = provider.generate_certificate(&params(kind)).unwrap();
        let key = another.key().to_pkcs8().unwrap();
        let taken = provider.import_certificate(certificate, key.expose()).map(|_| ());
        assert_eq!(taken, Err(CertificateError::KeyMismatch), "{kind:?}");
    }
}

pub fn nothing_secret_is_shown(provider: &dyn CryptoProvider) {
    let certificate = provider.generate_certificate(&CertificateParams::new(NOW)).unwrap();
    assert_eq!(format!("{:?}", certificate.key()), "SigningKey([EcdsaSecp256r1Sha256])");
    let key = certificate.key().to_pkcs8().unwrap();
    assert_eq!(format!("{key:?}"), format!("Secret({} bytes)", key.expose().len()));
}

// attack: certificates with any bytes changed
pub fn no_bytes_make_reading_panic(provider: &dyn CryptoProvider) {
    let signature: &[u8] = include_bytes!("fixtures/openssl-p256.sig");
    for (kind, certificate, _) in OPENSSL {
        let scheme = kind.schemes()[0];
        let flips = prop::collection::vec((0..certificate.len(), any::<u8>()), 0..6);
        TestRunner::default()
            .run(&(flips, 0..=certificate.len()), |(flips, cut)| {
                let mut der = certificate.to_vec();
                for (at, byte) in flips {
                    der[at] = byte;
                }
                let info = provider.inspect_certificate(&der[..cut]);
                let verdict = provider.verify(scheme, &der[..cut], b"message", signature);
                prop_assert!(verdict.is_err());
                let unreadable = matches!(verdict, Err(SignatureError::Certificate(_)));
                prop_assert_eq!(info.is_err(), unreadable);
                Ok(())
            })
            .unwrap();
    }
}
