//! The vectors of Project Wycheproof. Each test says how many it ran, so that none is skipped unseen.

use antiphon_crypto::{
    AeadAlgorithm, CryptoProvider, HashAlgorithm, NamedGroup, SignatureScheme, hkdf as kdf,
};
use wycheproof::{self as w, TestResult};

use super::der;

fn check_aead(
    provider: &dyn CryptoProvider,
    name: w::aead::TestName,
    algorithms: &[AeadAlgorithm],
) -> usize {
    let set = w::aead::TestSet::load(name).unwrap();
    let mut ran = 0;
    for group in &set.test_groups {
        let key_len = group.key_size / 8;
        let algorithm = algorithms.iter().find(|algorithm| algorithm.key_len() == key_len);
        let (Some(&algorithm), 96, 128) = (algorithm, group.nonce_size, group.tag_size) else {
            continue;
        };
        for test in &group.tests {
            let aead = provider.aead(algorithm, &test.key).unwrap();
            let nonce: [u8; 12] = test.nonce[..].try_into().unwrap();
            let tag: [u8; 16] = test.tag[..].try_into().unwrap();
            let mut text = test.ct.to_vec();
            let opened = aead.open(&nonce, &test.aad, &mut text, &tag);
            assert_eq!(opened.is_ok(), !test.result.must_fail(), "{}", test.tc_id);
            if opened.is_ok() {
                assert_eq!(text, test.pt[..], "{}", test.tc_id);
                assert_eq!(aead.seal(&nonce, &test.aad, &mut text), Ok(tag), "{}", test.tc_id);
                assert_eq!(text, test.ct[..], "{}", test.tc_id);
            }
            ran += 1;
        }
    }
    ran
}

pub fn aes_gcm(provider: &dyn CryptoProvider) {
    let algorithms = [AeadAlgorithm::Aes128Gcm, AeadAlgorithm::Aes256Gcm];
    assert_eq!(check_aead(provider, w::aead::TestName::AesGcm, &algorithms), 133);
}

pub fn chacha20_poly1305(provider: &dyn CryptoProvider) {
    let algorithms = [AeadAlgorithm::ChaCha20Poly1305];
    assert_eq!(check_aead(provider, w::aead::TestName::ChaCha20Poly1305, &algorithms), 316);
}

pub fn hmac(provider: &dyn CryptoProvider) {
    let mut ran = 0;
    for (name, algorithm) in [
        (w::mac::TestName::HmacSha1, HashAlgorithm::Sha1),
        (w::mac::TestName::HmacSha256, HashAlgorithm::Sha256),
        (w::mac::TestName::HmacSha384, HashAlgorithm::Sha384),
        (w::mac::TestName::HmacSha512, HashAlgorithm::Sha512),
    ] {
        for group in w::mac::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let hmac = provider.hmac(algorithm, &test.key).unwrap();
                assert_eq!(test.tag.len() * 8, group.tag_size);
                let good = hmac.verify(&[&test.msg], &test.tag);
                assert_eq!(good, !test.result.must_fail(), "{algorithm:?} {}", test.tc_id);
                ran += 1;
            }
        }
    }
    assert_eq!(ran, 692);
}

pub fn hkdf(provider: &dyn CryptoProvider) {
    let mut ran = 0;
    for (name, algorithm) in [
        (w::hkdf::TestName::HkdfSha1, HashAlgorithm::Sha1),
        (w::hkdf::TestName::HkdfSha256, HashAlgorithm::Sha256),
        (w::hkdf::TestName::HkdfSha384, HashAlgorithm::Sha384),
        (w::hkdf::TestName::HkdfSha512, HashAlgorithm::Sha512),
    ] {
        for test in w::hkdf::TestSet::load(name).unwrap().test_groups.iter().flat_map(|g| &g.tests)
        {
            let key = kdf::extract(provider, algorithm, &test.salt, &test.ikm).unwrap();
            let mut out = vec![0; test.size];
            let expanded = kdf::expand(provider, algorithm, key.expose(), &[&test.info], &mut out);
            assert_eq!(expanded.is_ok(), !test.result.must_fail(), "{}", test.tc_id);
            if expanded.is_ok() {
                assert_eq!(out, test.okm[..], "{algorithm:?} {}", test.tc_id);
            }
            ran += 1;
        }
    }
    assert_eq!(ran, 339);
}

/// Whether the provider takes a signature, by a certificate over `key`.
fn takes(
    provider: &dyn CryptoProvider,
    scheme: SignatureScheme,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    provider.verify_tls12(scheme, &der::certificate(key), message, signature).is_ok()
}

pub fn ecdsa(provider: &dyn CryptoProvider) {
    use w::ecdsa::TestName;
    let mut ran = 0;
    for (name, scheme) in [
        (TestName::EcdsaSecp256r1Sha256, SignatureScheme::EcdsaSecp256r1Sha256),
        (TestName::EcdsaSecp384r1Sha384, SignatureScheme::EcdsaSecp384r1Sha384),
        // TLS 1.2 only.
        (TestName::EcdsaSecp384r1Sha256, SignatureScheme::EcdsaSecp256r1Sha256),
    ] {
        for group in w::ecdsa::TestSet::load(name).unwrap().test_groups {
            for test in &group.tests {
                let good = takes(provider, scheme, &group.der, &test.msg, &test.sig);
                assert_eq!(good, test.result == TestResult::Valid, "{scheme:?} {}", test.tc_id);
                ran += 1;
            }
        }
    }
    assert_eq!(ran, 1460);
}

pub fn ed25519(provider: &dyn CryptoProvider) {
    let mut ran = 0;
    for group in w::eddsa::TestSet::load(w::eddsa::TestName::Ed25519).unwrap().test_groups {
        for test in &group.tests {
            let scheme = SignatureScheme::Ed25519;
            let good = takes(provider, scheme, &group.der, &test.msg, &test.sig);
            assert_eq!(good, !test.result.must_fail(), "{}", test.tc_id);
            ran += 1;
        }
    }
    assert_eq!(ran, 151);
}

pub fn rsa_pkcs1(provider: &dyn CryptoProvider) {
    use w::rsa_pkcs1_verify::TestName;
    let mut ran = 0;
    for (name, scheme) in [
        (TestName::Rsa2048Sha256, SignatureScheme::RsaPkcs1Sha256),
        (TestName::Rsa2048Sha384, SignatureScheme::RsaPkcs1Sha384),
        (TestName::Rsa2048Sha512, SignatureScheme::RsaPkcs1Sha512),
        (TestName::Rsa3072Sha256, SignatureScheme::RsaPkcs1Sha256),
        (TestName::Rsa4096Sha512, SignatureScheme::RsaPkcs1Sha512),
        (TestName::Rsa8192Sha256, SignatureScheme::RsaPkcs1Sha256),
    ] {
        for group in w::rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            for test in &group.tests {
                let good = takes(provider, scheme, &group.der, &test.msg, &test.sig);
                // What is merely acceptable lacks the NULL of the digest's identifier.
                assert_eq!(good, test.result == TestResult::Valid, "{name:?} {}", test.tc_id);
                ran += 1;
            }
        }
    }
    assert_eq!(ran, 1552);
}

pub fn rsa_pss(provider: &dyn CryptoProvider) {
    use w::rsa_pss_verify::TestName;
    let mut ran = 0;
    for (name, scheme, salts) in [
        (TestName::RsaPss2048Sha256Mgf1SaltLen32, SignatureScheme::RsaPssRsaeSha256, true),
        (TestName::RsaPss2048Sha384Mgf1SaltLen48, SignatureScheme::RsaPssRsaeSha384, true),
        (TestName::RsaPss3072Sha256Mgf1SaltLen32, SignatureScheme::RsaPssRsaeSha256, true),
        (TestName::RsaPss4096Sha512Mgf1SaltLen64, SignatureScheme::RsaPssRsaeSha512, true),
        // Salts of another length than the digest's, which TLS does not take.
        (TestName::RsaPss2048Sha256Mgf1SaltLen0, SignatureScheme::RsaPssRsaeSha256, false),
        (TestName::RsaPss4096Sha512Mgf1SaltLen32, SignatureScheme::RsaPssRsaeSha512, false),
    ] {
        for group in w::rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            for test in &group.tests {
                let good = takes(provider, scheme, &group.der, &test.msg, &test.sig);
                if salts || test.result == TestResult::Valid {
                    let expected = salts && test.result == TestResult::Valid;
                    assert_eq!(good, expected, "{name:?} {}", test.tc_id);
                    ran += 1;
                }
            }
        }
    }
    assert_eq!(ran, 729);
}

/// Which shares are taken; the secrets are checked where a private key can be given.
pub fn ecdh(provider: &dyn CryptoProvider) {
    use w::ecdh::TestName;
    let mut ran = 0;
    for (name, group) in [
        (TestName::EcdhSecp256r1Ecpoint, NamedGroup::Secp256r1),
        (TestName::EcdhSecp384r1Ecpoint, NamedGroup::Secp384r1),
    ] {
        for test in w::ecdh::TestSet::load(name).unwrap().test_groups.iter().flat_map(|g| &g.tests)
        {
            let taken = provider.encapsulate(group, &test.public_key).is_ok();
            // What is merely acceptable is a compressed point.
            assert_eq!(taken, test.result == TestResult::Valid, "{group:?} {}", test.tc_id);
            ran += 1;
        }
    }
    assert_eq!(ran, 1145);
}

/// Which shares are taken: all but those of small order.
pub fn x25519(provider: &dyn CryptoProvider) {
    let set = w::xdh::TestSet::load(w::xdh::TestName::X25519).unwrap();
    let mut ran = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let taken = provider.encapsulate(NamedGroup::X25519, &test.public_key).is_ok();
        let zero = test.shared_secret.iter().all(|byte| *byte == 0);
        assert_eq!(taken, !zero, "{}", test.tc_id);
        ran += 1;
    }
    assert_eq!(ran, 518);
}

/// Which encapsulation keys are taken: those whose coefficients stay below the modulus.
pub fn ml_kem_encapsulation(provider: &dyn CryptoProvider) {
    let set = w::mlkem::TestSet::load(w::mlkem::TestName::MlKem768Encaps).unwrap();
    let x25519 = provider.key_exchange(NamedGroup::X25519).unwrap();
    let mut ran = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let key = test.encaps_key.as_ref().unwrap();
        let share = [&key[..], x25519.public_share()].concat();
        let taken = provider.encapsulate(NamedGroup::X25519MlKem768, &share).is_ok();
        assert_eq!(taken, !test.result.must_fail(), "{}", test.tc_id);
        ran += 1;
    }
    assert_eq!(ran, 265);
}
