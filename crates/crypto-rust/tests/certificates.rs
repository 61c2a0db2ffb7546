//! Certificates follow from the randomness that the provider is given.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use antiphon_crypto::{CertificateParams, CryptoProvider as _, PublicKeyKind};
use antiphon_crypto_rust::RustCrypto;

/// A provider that counts instead of rolling dice.
fn reproducible() -> RustCrypto {
    let next = AtomicU8::new(1);
    RustCrypto::with_entropy(move |out| {
        out.fill_with(|| next.fetch_add(1, Ordering::Relaxed));
        Ok(())
    })
}

#[test]
fn the_same_entropy_gives_the_same_certificate() {
    for kind in [
        PublicKeyKind::EcdsaP256,
        PublicKeyKind::EcdsaP384,
        PublicKeyKind::Ed25519,
        PublicKeyKind::Rsa { bits: 2048 },
    ] {
        let mut params = CertificateParams::new(Duration::from_secs(1_790_000_000));
        params.kind = kind;
        let [a, b] = [(); 2].map(|()| reproducible().generate_certificate(&params).unwrap());
        assert_eq!(a.der(), b.der());
    }
}

#[test]
fn a_provider_shows_where_its_randomness_comes_from() {
    assert_eq!(format!("{:?}", reproducible()), "RustCrypto { entropy: Custom }");
    assert_eq!(format!("{:?}", RustCrypto::new()), "RustCrypto { entropy: System }");
}
