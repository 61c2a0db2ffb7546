//! Signing and verifying with every scheme, and signatures that must not be taken.

use std::time::Duration;

use antiphon_crypto::{
    Certificate, CertificateParams, CryptoError, CryptoProvider, PublicKeyKind, SignatureError,
    SignatureScheme,
};

use super::{der, hex};

pub const KINDS: [PublicKeyKind; 4] = [
    PublicKeyKind::EcdsaP256,
    PublicKeyKind::EcdsaP384,
    PublicKeyKind::Ed25519,
    PublicKeyKind::Rsa { bits: 2048 },
];

const MESSAGE: &[u8] = b"an antiphon is sung by two choirs";

/// A certificate over a key of `kind`; RSA's is the fixture's, because making one takes long.
pub fn identity(provider: &dyn CryptoProvider, kind: PublicKeyKind) -> Certificate {
    if matches!(kind, PublicKeyKind::Rsa { .. }) {
        return provider
            .import_certificate(
                include_bytes!("fixtures/openssl-rsa2048.der"),
                include_bytes!("fixtures/openssl-rsa2048.key"),
            )
            .unwrap();
    }
    let mut params = CertificateParams::new(Duration::from_secs(1_790_000_000));
    params.kind = kind;
    provider.generate_certificate(&params).unwrap()
}

pub fn every_scheme_signs_and_verifies(provider: &dyn CryptoProvider) {
    for kind in KINDS {
        let certificate = identity(provider, kind);
        assert_eq!(certificate.key().schemes(), kind.schemes());
        for &scheme in kind.schemes() {
            let signature = certificate.key().sign(scheme, MESSAGE).unwrap();
            let verify = |message: &[u8]| {
                let verdict = provider.verify(scheme, certificate.der(), message, &signature);
                let tls12 = provider.verify_tls12(scheme, certificate.der(), message, &signature);
                assert_eq!(verdict, tls12);
                verdict
            };
            assert_eq!(verify(MESSAGE), Ok(()), "{scheme:?}");
            for wrong in [&b"an antiphon is sung by two choirS"[..], b""] {
                assert_eq!(verify(wrong), Err(SignatureError::Invalid), "{scheme:?}");
            }
        }
    }
}

// attack: forged and malleated handshake signatures
pub fn broken_signatures_are_invalid(provider: &dyn CryptoProvider) {
    for kind in KINDS {
        let certificate = identity(provider, kind);
        for &scheme in kind.schemes() {
            let good = certificate.key().sign(scheme, MESSAGE).unwrap();
            let mut cases = vec![vec![], vec![0; good.len()], [&good[..], &[0]].concat()];
            cases.push([&[0], &good[..]].concat());
            cases.extend((0..good.len()).step_by(good.len() / 16).map(|len| good[..len].to_vec()));
            cases.extend((0..good.len() * 8).step_by(good.len() / 12).map(|bit| {
                let mut changed = good.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                changed
            }));
            for signature in cases {
                let verdict = provider.verify(scheme, certificate.der(), MESSAGE, &signature);
                assert_eq!(verdict, Err(SignatureError::Invalid), "{scheme:?} {signature:02x?}");
            }
        }
    }
    ecdsa_numbers_out_of_range_are_invalid(provider);
}

fn ecdsa_numbers_out_of_range_are_invalid(provider: &dyn CryptoProvider) {
    // The orders of the groups, which no part of a signature may reach.
    let orders = [
        hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
        hex("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf
             581a0db248b0a77aecec196accc52973"),
    ];
    let kinds = [PublicKeyKind::EcdsaP256, PublicKeyKind::EcdsaP384];
    for (kind, order) in kinds.into_iter().zip(orders) {
        let certificate = identity(provider, kind);
        let scheme = kind.schemes()[0];
        for (r, s) in
            [(&[0][..], &[0][..]), (&[1], &[0]), (&[0], &[1]), (&order, &[1]), (&[1], &order)]
        {
            let signature = der::ecdsa_signature(r, s);
            let verdict = provider.verify(scheme, certificate.der(), MESSAGE, &signature);
            assert_eq!(verdict, Err(SignatureError::Invalid), "{kind:?}");
        }
    }
}

pub fn a_scheme_that_does_not_go_with_the_key_is_a_mismatch(provider: &dyn CryptoProvider) {
    for kind in KINDS {
        let certificate = identity(provider, kind);
        for &scheme in provider.signature_schemes() {
            if kind.schemes().contains(&scheme) {
                continue;
            }
            let verdict = provider.verify(scheme, certificate.der(), MESSAGE, &[0; 64]);
            assert_eq!(verdict, Err(SignatureError::SchemeMismatch), "{kind:?} {scheme:?}");
            let signed = certificate.key().sign(scheme, MESSAGE);
            assert_eq!(signed, Err(CryptoError::Unsupported), "{kind:?} {scheme:?}");
        }
    }
}

pub fn tls_1_2_takes_any_curve_with_any_hash(provider: &dyn CryptoProvider) {
    let p384 = include_bytes!("fixtures/openssl-p384.der");
    let signature = include_bytes!("fixtures/openssl-p384-sha256.sig");
    let scheme = SignatureScheme::EcdsaSecp256r1Sha256;
    assert_eq!(provider.verify_tls12(scheme, p384, MESSAGE, signature), Ok(()));
    assert_eq!(
        provider.verify(scheme, p384, MESSAGE, signature),
        Err(SignatureError::SchemeMismatch)
    );
    assert_eq!(
        provider.verify_tls12(scheme, p384, b"another", signature),
        Err(SignatureError::Invalid)
    );
    // The hash is the number's, whatever the curve: this one was made with SHA-384.
    let other = include_bytes!("fixtures/openssl-p384.sig");
    assert_eq!(provider.verify_tls12(scheme, p384, MESSAGE, other), Err(SignatureError::Invalid));
    // Keys of other families stay apart.
    for kind in [PublicKeyKind::Ed25519, PublicKeyKind::Rsa { bits: 2048 }] {
        let certificate = identity(provider, kind);
        let verdict = provider.verify_tls12(scheme, certificate.der(), MESSAGE, &[0; 64]);
        assert_eq!(verdict, Err(SignatureError::SchemeMismatch));
    }
}

pub fn schemes_tell_the_truth(provider: &dyn CryptoProvider) {
    let schemes = provider.signature_schemes();
    assert_eq!(schemes.len(), 9);
    for scheme in schemes {
        assert_eq!(SignatureScheme::from_wire(scheme.to_wire()), Some(*scheme));
        assert!(KINDS.iter().any(|kind| kind.schemes().contains(scheme)), "{scheme:?}");
    }
}

//= rfc8446#4.2.3
//= type=test
pub fn salts_of_pss_are_as_long_as_the_digest(provider: &dyn CryptoProvider) {
    let certificate = include_bytes!("fixtures/openssl-rsa2048.der");
    let scheme = SignatureScheme::RsaPssRsaeSha256;
    let salt32 = include_bytes!("fixtures/openssl-rsa2048-pss.sig");
    assert_eq!(provider.verify(scheme, certificate, MESSAGE, salt32), Ok(()));
    let salt20 = include_bytes!("fixtures/openssl-rsa2048-pss-salt20.sig");
    assert_eq!(provider.verify(scheme, certificate, MESSAGE, salt20), Err(SignatureError::Invalid));
}
