//! Key agreement and signatures on P-256: RFC 5903, RFC 6979, and hostile shares.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::time::Duration;

use antiphon_crypto::{
    CertificateParams, CryptoError, CryptoProvider as _, KeyExchange, NamedGroup, SignatureError,
    SignatureScheme,
};
use antiphon_crypto_rust::RustCrypto;
use common::hex;

const SCHEME: SignatureScheme = SignatureScheme::EcdsaSecp256r1Sha256;

/// A provider whose private keys are `scalar`.
fn with_key(scalar: &str) -> RustCrypto {
    let scalar = hex(scalar);
    RustCrypto::with_entropy(move |out| {
        out.iter_mut().zip(scalar.iter().cycle()).for_each(|(to, from)| *to = *from);
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
    let (a, b) = (exchange(&with_key(INITIATOR)), exchange(&with_key(RESPONDER)));
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
fn shares_that_are_no_point_are_refused() {
    let provider = RustCrypto::new();
    let good = exchange(&provider).public_share().to_vec();
    let mut off_curve = good.clone();
    off_curve[64] ^= 1;
    let mut hybrid = good.clone();
    hybrid[0] = 0x06 | (good[64] & 1);
    let mut compressed = good[..33].to_vec();
    compressed[0] = 0x02 | (good[64] & 1);
    // x and y at the field's size and above.
    let oversized = [&[0x04][..], &[0xff; 64]].concat();
    let zero = [&[0x04][..], &[0; 64]].concat();
    let longer = [&good[..], &[0]].concat();
    for share in [
        &[][..],
        &[0x00],
        &good[..64],
        &longer,
        &compressed,
        &hybrid,
        &off_curve,
        &oversized,
        &zero,
    ] {
        let refused = CryptoError::InvalidShare { len: share.len() };
        assert_eq!(exchange(&provider).agree(share).err(), Some(refused), "{share:02x?}");
    }
}

#[test]
fn key_pairs_differ() {
    let provider = RustCrypto::new();
    assert_ne!(exchange(&provider).public_share(), exchange(&provider).public_share());
}

#[test]
fn a_source_that_gives_no_key_ends_in_an_error() {
    for byte in [0x00, 0xff] {
        let provider = RustCrypto::with_entropy(move |out| {
            out.fill(byte);
            Ok(())
        });
        let refused = provider.key_exchange(NamedGroup::Secp256r1).err();
        assert_eq!(refused, Some(CryptoError::NoEntropy));
    }
    let dry = RustCrypto::with_entropy(|_| Err(CryptoError::NoEntropy));
    assert_eq!(dry.key_exchange(NamedGroup::Secp256r1).err(), Some(CryptoError::NoEntropy));
}

#[test]
fn groups_and_schemes_tell_the_truth() {
    let provider = RustCrypto::new();
    for group in [NamedGroup::Secp256r1, NamedGroup::Secp384r1, NamedGroup::X25519] {
        let works = provider.key_exchange(group).is_ok();
        assert_eq!(provider.groups().contains(&group), works, "{group:?}");
    }
    assert_eq!(provider.signature_schemes(), [SCHEME]);
}

// RFC 6979 appendix A.2.5: key, message, r, s.
const KEY: &str = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
const SIGNATURES: [(&[u8], &str, &str); 2] = [
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
fn signatures_are_those_of_rfc_6979_and_verify() {
    let provider = with_key(KEY);
    let params = CertificateParams::new(Duration::from_secs(1_790_000_000));
    let certificate = provider.generate_certificate(&params).unwrap();
    assert_eq!(certificate.key().schemes(), [SCHEME]);
    for (message, r, s) in SIGNATURES {
        let signature = certificate.key().sign(SCHEME, message).unwrap();
        assert_eq!(signature, der(r, s));
        assert_eq!(provider.verify(SCHEME, certificate.der(), message, &signature), Ok(()));
        for wrong in [&b"samplE"[..], b""] {
            let verdict = provider.verify(SCHEME, certificate.der(), wrong, &signature);
            assert_eq!(verdict, Err(SignatureError::Invalid));
        }
    }
}

#[test]
fn broken_signatures_are_invalid() {
    let provider = with_key(KEY);
    let params = CertificateParams::new(Duration::from_secs(1_790_000_000));
    let certificate = provider.generate_certificate(&params).unwrap();
    let (message, r, s) = SIGNATURES[0];
    let good = der(r, s);
    let zero = "00".repeat(32);
    // The order of the group, which no part of a signature may reach.
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let mut cases =
        vec![vec![], der(&zero, &zero), der(r, &zero), der(&zero, s), der(order, s), der(r, order)];
    cases.extend((0..good.len()).map(|len| good[..len].to_vec()));
    cases.push([&good[..], &[0]].concat());
    cases.extend((0..good.len() * 8).map(|bit| {
        let mut changed = good.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        changed
    }));
    for signature in cases {
        let verdict = provider.verify(SCHEME, certificate.der(), message, &signature);
        assert_eq!(verdict, Err(SignatureError::Invalid), "{signature:02x?}");
    }
}

#[test]
fn a_scheme_that_does_not_go_with_the_key_is_a_mismatch() {
    let provider = with_key(KEY);
    let params = CertificateParams::new(Duration::from_secs(1_790_000_000));
    let certificate = provider.generate_certificate(&params).unwrap();
    for scheme in [
        SignatureScheme::EcdsaSecp384r1Sha384,
        SignatureScheme::Ed25519,
        SignatureScheme::RsaPssRsaeSha256,
        SignatureScheme::RsaPkcs1Sha256,
    ] {
        let verdict = provider.verify(scheme, certificate.der(), b"sample", &[0; 64]);
        assert_eq!(verdict, Err(SignatureError::SchemeMismatch));
        assert_eq!(certificate.key().sign(scheme, b"sample"), Err(CryptoError::Unsupported));
    }
}
