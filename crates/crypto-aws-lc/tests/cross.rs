//! What one provider makes the other takes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

use std::time::Duration;

use antiphon_crypto::{
    AeadAlgorithm, CertificateParams, CryptoProvider, HashAlgorithm, PublicKeyKind, StreamAlgorithm,
};
use antiphon_crypto_aws_lc::AwsLc;
use antiphon_crypto_rust::RustCrypto;
use proptest::prelude::*;

const KINDS: [PublicKeyKind; 4] = [
    PublicKeyKind::EcdsaP256,
    PublicKeyKind::EcdsaP384,
    PublicKeyKind::Ed25519,
    PublicKeyKind::Rsa { bits: 2048 },
];

/// Both orders.
fn pairs() -> [[Box<dyn CryptoProvider>; 2]; 2] {
    [
        [Box::new(RustCrypto::new()), Box::new(AwsLc::new())],
        [Box::new(AwsLc::new()), Box::new(RustCrypto::new())],
    ]
}

#[test]
fn both_offer_the_same() {
    let [[rust, aws], _] = pairs();
    assert_eq!(rust.groups(), aws.groups());
    assert_eq!(rust.signature_schemes(), aws.signature_schemes());
}

#[test]
fn clients_of_one_agree_with_servers_of_the_other() {
    for [client, server] in pairs() {
        for &group in client.groups() {
            for _ in 0..20 {
                let exchange = client.key_exchange(group).unwrap();
                let (share, theirs) = server.encapsulate(group, exchange.public_share()).unwrap();
                assert_eq!(exchange.agree(&share).unwrap().expose(), theirs.expose(), "{group:?}");
            }
        }
    }
}

#[test]
fn certificates_and_signatures_of_one_are_good_for_the_other() {
    for [maker, reader] in pairs() {
        for kind in KINDS {
            let mut params = CertificateParams::new(Duration::from_secs(1_790_000_000));
            params.kind = kind;
            let certificate = maker.generate_certificate(&params).unwrap();
            assert_eq!(reader.inspect_certificate(certificate.der()).unwrap().kind, kind);
            for &scheme in kind.schemes() {
                let signature = certificate.key().sign(scheme, b"a handshake").unwrap();
                let verdict = reader.verify(scheme, certificate.der(), b"a handshake", &signature);
                assert_eq!(verdict, Ok(()), "{scheme:?}");
            }
            let kept = certificate.key().to_pkcs8().unwrap();
            let taken = reader.import_certificate(certificate.der(), kept.expose()).unwrap();
            assert_eq!(taken.expires(), certificate.expires());
            for &scheme in kind.schemes() {
                let signature = taken.key().sign(scheme, b"a handshake").unwrap();
                let verdict = maker.verify(scheme, certificate.der(), b"a handshake", &signature);
                assert_eq!(verdict, Ok(()), "{scheme:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn both_give_the_same_bytes(
        key in any::<[u8; 32]>(),
        iv in any::<[u8; 16]>(),
        aad in prop::collection::vec(any::<u8>(), 0..40),
        text in prop::collection::vec(any::<u8>(), 0..1500),
    ) {
        let [providers, _] = pairs();
        let outputs = providers.map(|provider| {
            let mut out = Vec::new();
            for algorithm in [
                AeadAlgorithm::Aes128Gcm,
                AeadAlgorithm::Aes256Gcm,
                AeadAlgorithm::ChaCha20Poly1305,
            ] {
                let key = &key[..algorithm.key_len()];
                let aead = provider.aead(algorithm, key).unwrap();
                let mut copy = text.clone();
                out.push(aead.seal(iv.first_chunk().unwrap(), &aad, &mut copy).unwrap().to_vec());
                out.push(copy);
                let protection = provider.header_protection(algorithm, key).unwrap();
                out.push(protection.mask(&iv).to_vec());
            }
            for algorithm in [StreamAlgorithm::Aes128Ctr, StreamAlgorithm::Aes256Ctr] {
                let stream = provider.stream_cipher(algorithm, &key[..algorithm.key_len()]);
                let mut copy = text.clone();
                stream.unwrap().apply(&iv, &mut copy);
                out.push(copy);
            }
            for algorithm in [
                HashAlgorithm::Md5,
                HashAlgorithm::Sha1,
                HashAlgorithm::Sha256,
                HashAlgorithm::Sha384,
                HashAlgorithm::Sha512,
            ] {
                out.push(provider.hash(algorithm, &text).unwrap().as_bytes().to_vec());
                let hmac = provider.hmac(algorithm, &aad).unwrap();
                out.push(hmac.sign(&[&iv, &text]).as_bytes().to_vec());
            }
            out
        });
        let [rust, aws] = outputs;
        prop_assert_eq!(rust, aws);
    }
}
