//! AES-GCM and AES-CTR vectors (McGrew and Viega's, NIST SP 800-38A), and what must not be accepted.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_crypto::{
    AeadAlgorithm, AeadError, CryptoError, CryptoProvider as _, StreamAlgorithm,
};
use antiphon_crypto_rust::RustCrypto;
use common::{hex, hex_array};
use proptest::prelude::*;

struct Gcm {
    algorithm: AeadAlgorithm,
    key: &'static str,
    nonce: &'static str,
    aad: &'static str,
    plain: &'static str,
    cipher: &'static str,
    tag: &'static str,
}

const PLAIN: &str = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
    1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";

const GCM: &[Gcm] = &[
    // Test case 1: nothing to encrypt, nothing to authenticate.
    Gcm {
        algorithm: AeadAlgorithm::Aes128Gcm,
        key: "00000000000000000000000000000000",
        nonce: "000000000000000000000000",
        aad: "",
        plain: "",
        cipher: "",
        tag: "58e2fccefa7e3061367f1d57a4e7455a",
    },
    // Test case 2.
    Gcm {
        algorithm: AeadAlgorithm::Aes128Gcm,
        key: "00000000000000000000000000000000",
        nonce: "000000000000000000000000",
        aad: "",
        plain: "00000000000000000000000000000000",
        cipher: "0388dace60b6a392f328c2b971b2fe78",
        tag: "ab6e47d42cec13bdf53a67b21257bddf",
    },
    // Test case 4.
    Gcm {
        algorithm: AeadAlgorithm::Aes128Gcm,
        key: "feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        plain: PLAIN,
        cipher: "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e
            21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
        tag: "5bc94fbc3221a5db94fae95ae7121a47",
    },
    // Test case 16.
    Gcm {
        algorithm: AeadAlgorithm::Aes256Gcm,
        key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        plain: PLAIN,
        cipher: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
            8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
        tag: "76fc6ece0f4e1768cddf8853bb2d551b",
    },
];

#[test]
fn gcm_gives_the_bytes_of_the_specification() {
    for case in GCM {
        let aead = RustCrypto::new().aead(case.algorithm, &hex(case.key)).unwrap();
        let (nonce, aad) = (hex_array(case.nonce), hex(case.aad));
        let mut text = hex(case.plain);
        let tag = aead.seal(&nonce, &aad, &mut text).unwrap();
        assert_eq!((text.clone(), tag), (hex(case.cipher), hex_array(case.tag)));
        aead.open(&nonce, &aad, &mut text, &tag).unwrap();
        assert_eq!(text, hex(case.plain));
    }
}

#[test]
fn gcm_refuses_every_changed_bit() {
    let case = &GCM[2];
    let aead = RustCrypto::new().aead(case.algorithm, &hex(case.key)).unwrap();
    let parts = [hex(case.nonce), hex(case.aad), hex(case.cipher), hex(case.tag)];
    for (part, index) in (0..4).flat_map(|p| (0..parts[p].len() * 8).map(move |i| (p, i))) {
        let mut changed = parts.clone();
        changed[part][index / 8] ^= 1 << (index % 8);
        let [nonce, aad, mut text, tag] = changed;
        let nonce = nonce.try_into().unwrap();
        let tag = tag.try_into().unwrap();
        assert_eq!(aead.open(&nonce, &aad, &mut text, &tag), Err(AeadError));
    }
}

#[test]
fn counter_mode_gives_the_bytes_of_the_specification() {
    let plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51
        30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    // SP 800-38A sections F.5.1 and F.5.5.
    let cases = [
        (
            StreamAlgorithm::Aes128Ctr,
            "2b7e151628aed2a6abf7158809cf4f3c",
            "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff
             5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee",
        ),
        (
            StreamAlgorithm::Aes256Ctr,
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
            "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5
             2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
        ),
    ];
    let iv = hex_array("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    for (algorithm, key, cipher) in cases {
        let stream = RustCrypto::new().stream_cipher(algorithm, &hex(key)).unwrap();
        // Whole, and cut in the middle of a block: the stream starts anew with each call.
        for len in [64, 40, 1, 0] {
            let mut text = hex(plain)[..len].to_vec();
            stream.apply(&iv, &mut text);
            assert_eq!(text, hex(cipher)[..len]);
        }
    }
}

#[test]
fn the_counter_carries_over_all_128_bits() {
    let stream = RustCrypto::new().stream_cipher(StreamAlgorithm::Aes128Ctr, &[7; 16]).unwrap();
    let mut two = [0; 32];
    stream.apply(&[0xff; 16], &mut two);
    let mut zero = [0; 16];
    stream.apply(&[0; 16], &mut zero);
    assert_eq!(two[16..], zero);
}

#[test]
fn keys_of_the_wrong_length_are_refused() {
    let provider = RustCrypto::new();
    for len in [0, 15, 17, 24, 33] {
        let key = vec![1; len];
        let refused = |need| Some(CryptoError::KeyLength { need, len });
        assert_eq!(provider.aead(AeadAlgorithm::Aes128Gcm, &key).err(), refused(16));
        assert_eq!(provider.aead(AeadAlgorithm::Aes256Gcm, &key).err(), refused(32));
        assert_eq!(provider.stream_cipher(StreamAlgorithm::Aes128Ctr, &key).err(), refused(16));
        assert_eq!(provider.stream_cipher(StreamAlgorithm::Aes256Ctr, &key).err(), refused(32));
    }
}

#[test]
fn what_is_not_there_says_so() {
    let aead = RustCrypto::new().aead(AeadAlgorithm::ChaCha20Poly1305, &[0; 32]);
    assert_eq!(aead.err(), Some(CryptoError::Unsupported));
}

proptest! {
    #[test]
    fn what_is_sealed_opens(
        key in any::<[u8; 32]>(),
        nonce in any::<[u8; 12]>(),
        aad in prop::collection::vec(any::<u8>(), 0..40),
        text in prop::collection::vec(any::<u8>(), 0..1500),
    ) {
        let provider = RustCrypto::new();
        for (algorithm, len) in [(AeadAlgorithm::Aes128Gcm, 16), (AeadAlgorithm::Aes256Gcm, 32)] {
            let aead = provider.aead(algorithm, &key[..len]).unwrap();
            let mut copy = text.clone();
            let tag = aead.seal(&nonce, &aad, &mut copy).unwrap();
            prop_assert_eq!(aead.open(&nonce, &aad, &mut copy, &tag), Ok(()));
            prop_assert_eq!(&copy, &text);
        }
    }
}
