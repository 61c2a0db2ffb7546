//! Objects are made once per key; using them allocates nothing on Rust's side. AWS-LC has an allocator of its
//! own: it copies the state of a running hash to its heap when the digest is looked at, and its generator of
//! random bytes sometimes; ciphers, masks and keyed hashes never.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

use antiphon_crypto::{AeadAlgorithm, CryptoProvider as _, HashAlgorithm, StreamAlgorithm};
use antiphon_crypto_aws_lc::AwsLc;
use antiphon_testkit::alloc;

antiphon_testkit::install_counting_allocator!();

#[test]
fn ciphers_masks_and_keyed_hashes_do_not_allocate() {
    let provider = AwsLc::new();
    let ciphers =
        [AeadAlgorithm::Aes128Gcm, AeadAlgorithm::Aes256Gcm, AeadAlgorithm::ChaCha20Poly1305].map(
            |algorithm| {
                let key = &[1; 32][..algorithm.key_len()];
                let aead = provider.aead(algorithm, key).unwrap();
                (aead, provider.header_protection(algorithm, key).unwrap())
            },
        );
    let stream = provider.stream_cipher(StreamAlgorithm::Aes256Ctr, &[1; 32]).unwrap();
    let hmacs = [
        HashAlgorithm::Md5,
        HashAlgorithm::Sha1,
        HashAlgorithm::Sha256,
        HashAlgorithm::Sha384,
        HashAlgorithm::Sha512,
    ]
    .map(|algorithm| provider.hmac(algorithm, &[1; 20]).unwrap());
    let mut hasher = provider.hasher(HashAlgorithm::Sha256).unwrap();
    let mut text = [7; 1200];
    let allocations = alloc::count(|| {
        for _ in 0..100 {
            for (aead, protection) in &ciphers {
                let tag = aead.seal(&[2; 12], &[3; 12], &mut text).unwrap();
                aead.open(&[2; 12], &[3; 12], &mut text, &tag).unwrap();
                let _ = std::hint::black_box(protection.mask(&[6; 16]));
            }
            stream.apply(&[4; 16], &mut text);
            for hmac in &hmacs {
                let tag = hmac.sign(&[&text, &[5; 4]]);
                assert!(hmac.verify(&[&text, &[5; 4]], tag.as_bytes()));
            }
            hasher.update(&text);
            assert_eq!(hasher.digest().as_bytes().len(), 32);
            provider.fill_random(&mut text).unwrap();
        }
    });
    assert_eq!(allocations, 0);
}
