//! What follows from given randomness: RFC 5903, RFC 6979, Wycheproof's private keys.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

use std::sync::Mutex;
use std::time::Duration;

use antiphon_crypto::{
    CertificateParams, CryptoError, CryptoProvider as _, KeyExchange, NamedGroup, PublicKeyKind,
    SignatureScheme,
};
use antiphon_crypto_rust::RustCrypto;
use wycheproof::{TestResult, ecdh, mlkem, xdh};

/// Reads hexadecimal digits; spaces are for the eye.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
        .collect()
}

/// A provider whose every private key is `scalar`.
fn with_key(scalar: &[u8]) -> RustCrypto {
    let scalar = scalar.to_vec();
    RustCrypto::with_entropy(move |out| {
        out.iter_mut().zip(scalar.iter().cycle()).for_each(|(to, from)| *to = *from);
        Ok(())
    })
}

/// A provider that draws `bytes`, and then zeros.
fn drawing(bytes: &[u8]) -> RustCrypto {
    let bytes = Mutex::new(bytes.to_vec());
    RustCrypto::with_entropy(move |out| {
        let mut bytes = bytes.lock().unwrap();
        out.fill_with(|| if bytes.is_empty() { 0 } else { bytes.remove(0) });
        Ok(())
    })
}

fn exchange(provider: &RustCrypto) -> Box<dyn KeyExchange> {
    provider.key_exchange(NamedGroup::Secp256r1).unwrap()
}

// RFC 5903 section 8.1.
const INITIATOR: &str = "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433";
const RESPONDER: &str = "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53";

#[test]
fn two_sides_agree_on_the_secret_of_rfc_5903() {
    let (a, b) = (exchange(&with_key(&hex(INITIATOR))), exchange(&with_key(&hex(RESPONDER))));
    let share_a = a.public_share().to_vec();
    let share_b = b.public_share().to_vec();
    assert_eq!(
        share_a,
        hex("04 dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180
                5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3")
    );
    assert_eq!(
        share_b,
        hex("04 d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63
                56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab")
    );
    let secret = hex("d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de");
    assert_eq!(a.agree(&share_b).unwrap().expose(), secret);
    assert_eq!(b.agree(&share_a).unwrap().expose(), secret);
}

#[test]
fn a_source_that_gives_no_key_ends_in_an_error() {
    for group in [NamedGroup::Secp256r1, NamedGroup::Secp384r1] {
        for byte in [0x00, 0xff] {
            let refused = with_key(&[byte]).key_exchange(group).err();
            assert_eq!(refused, Some(CryptoError::NoEntropy));
        }
    }
}

#[test]
fn a_source_that_fails_ends_in_an_error() {
    let dry = RustCrypto::with_entropy(|_| Err(CryptoError::NoEntropy));
    for &group in dry.groups() {
        assert_eq!(dry.key_exchange(group).err(), Some(CryptoError::NoEntropy));
        let share = RustCrypto::new().key_exchange(group).unwrap().public_share().to_vec();
        assert_eq!(dry.encapsulate(group, &share).err(), Some(CryptoError::NoEntropy));
    }
    for kind in [
        PublicKeyKind::EcdsaP256,
        PublicKeyKind::EcdsaP384,
        PublicKeyKind::Ed25519,
        PublicKeyKind::Rsa { bits: 2048 },
    ] {
        let mut params = CertificateParams::new(Duration::from_secs(1_790_000_000));
        params.kind = kind;
        let made = dry.generate_certificate(&params).map(|_| ());
        assert_eq!(made, Err(CryptoError::NoEntropy.into()));
    }
}

// RFC 6979 appendices A.2.5 and A.2.6: message, r, s.
type Signatures = [(&'static [u8], &'static str, &'static str); 2];

const P256_KEY: &str = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
const P256_SIGNATURES: Signatures = [
    (
        b"sample",
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
    ),
    (
        b"test",
        "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
        "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
    ),
];

const P384_KEY: &str = "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8
    96d5724e4c70a825f872c9ea60d2edf5";
const P384_SIGNATURES: Signatures = [
    (
        b"sample",
        "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c
         81a648152e44acf96e36dd1e80fabe46",
        "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94f
         a329c145786e679e7b82c71a38628ac8",
    ),
    (
        b"test",
        "8203b63d3c853e8d77227fb377bcf7b7b772e97892a80f36ab775d509d7a5feb
         0542a7f0812998da8f1dd3ca3cf023db",
        "ddd0760448d42d8a43af45af836fce4de8be06b485e9b61b827c2f13173923e0
         6a739f040649a667bf3b828246baa5a5",
    ),
];

/// `ECDSA-Sig-Value`: a sequence of two integers.
fn der(r: &str, s: &str) -> Vec<u8> {
    let integer = |value: &str| {
        let mut value = hex(value);
        if value[0] & 0x80 != 0 {
            value.insert(0, 0);
        }
        [vec![0x02, u8::try_from(value.len()).unwrap()], value].concat()
    };
    let both = [integer(r), integer(s)].concat();
    [vec![0x30, u8::try_from(both.len()).unwrap()], both].concat()
}

#[test]
fn signatures_are_those_of_rfc_6979() {
    for (kind, scheme, key, signatures) in [
        (
            PublicKeyKind::EcdsaP256,
            SignatureScheme::EcdsaSecp256r1Sha256,
            P256_KEY,
            P256_SIGNATURES,
        ),
        (
            PublicKeyKind::EcdsaP384,
            SignatureScheme::EcdsaSecp384r1Sha384,
            P384_KEY,
            P384_SIGNATURES,
        ),
    ] {
        let provider = with_key(&hex(key));
        let mut params = CertificateParams::new(Duration::from_secs(1_790_000_000));
        params.kind = kind;
        let certificate = provider.generate_certificate(&params).unwrap();
        for (message, r, s) in signatures {
            let signature = certificate.key().sign(scheme, message).unwrap();
            assert_eq!(signature, der(r, s));
            assert_eq!(provider.verify(scheme, certificate.der(), message, &signature), Ok(()));
        }
    }
}

#[test]
fn nist_curves_give_the_secrets_of_wycheproof() {
    let mut ran = 0;
    for (name, group, len) in [
        (ecdh::TestName::EcdhSecp256r1Ecpoint, NamedGroup::Secp256r1, 32),
        (ecdh::TestName::EcdhSecp384r1Ecpoint, NamedGroup::Secp384r1, 48),
    ] {
        for test in ecdh::TestSet::load(name).unwrap().test_groups.iter().flat_map(|g| &g.tests) {
            if test.result != TestResult::Valid {
                continue;
            }
            let scalar: Vec<u8> =
                test.private_key.iter().copied().skip_while(|byte| *byte == 0).collect();
            let scalar = [vec![0; len - scalar.len()], scalar].concat();
            let exchange = with_key(&scalar).key_exchange(group).unwrap();
            let secret = exchange.agree(&test.public_key).unwrap();
            assert_eq!(secret.expose(), &test.shared_secret[..], "{group:?} {}", test.tc_id);
            ran += 1;
        }
    }
    assert_eq!(ran, 1101);
}

#[test]
fn x25519_gives_the_secrets_of_wycheproof() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let mut ran = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        if test.shared_secret.iter().all(|byte| *byte == 0) {
            continue;
        }
        let exchange = with_key(&test.private_key).key_exchange(NamedGroup::X25519).unwrap();
        let secret = exchange.agree(&test.public_key).unwrap();
        assert_eq!(secret.expose(), &test.shared_secret[..], "{}", test.tc_id);
        ran += 1;
    }
    assert_eq!(ran, 487);
}

#[test]
fn ml_kem_gives_the_keys_and_secrets_of_wycheproof() {
    let group = NamedGroup::X25519MlKem768;
    let set = mlkem::TestSet::load(mlkem::TestName::MlKem768).unwrap();
    let peer = RustCrypto::new().key_exchange(NamedGroup::X25519).unwrap();
    let mut ran = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let (Some(seed), Some(ciphertext)) = (&test.seed, &test.ct) else { continue };
        let Ok(seed) = <[u8; 64]>::try_from(&seed[..]) else { continue };
        let exchange = drawing(&seed).key_exchange(group).unwrap();
        if let Some(key) = &test.encaps_key {
            assert_eq!(exchange.public_share()[..1184], key[..], "{}", test.tc_id);
        }
        let secret = exchange.agree(&[&ciphertext[..], peer.public_share()].concat());
        assert_eq!(secret.is_ok(), !test.result.must_fail(), "{}", test.tc_id);
        if let (Ok(secret), Some(expected)) = (secret, &test.shared_secret) {
            assert_eq!(secret.expose()[..32], expected[..], "{}", test.tc_id);
        }
        ran += 1;
    }
    assert_eq!(ran, 181);
}

#[test]
fn ml_kem_gives_the_ciphertexts_of_wycheproof() {
    let group = NamedGroup::X25519MlKem768;
    let set = mlkem::TestSet::load(mlkem::TestName::MlKem768Encaps).unwrap();
    let peer = RustCrypto::new().key_exchange(NamedGroup::X25519).unwrap();
    let mut ran = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        if test.result != TestResult::Valid {
            continue;
        }
        let (key, message) = (test.encaps_key.as_ref().unwrap(), test.msg.as_ref().unwrap());
        // X25519's private key is drawn first, then ML-KEM's message.
        let provider = drawing(&[&[9; 32][..], message].concat());
        let share = [&key[..], peer.public_share()].concat();
        let (answer, secret) = provider.encapsulate(group, &share).unwrap();
        assert_eq!(answer[..1088], test.ct.as_ref().unwrap()[..], "{}", test.tc_id);
        assert_eq!(secret.expose()[..32], test.shared_secret.as_ref().unwrap()[..]);
        ran += 1;
    }
    assert_eq!(ran, 133);
}
