//! AES-GCM, ChaCha20-Poly1305 and AES-CTR vectors (McGrew and Viega's, RFC 8439, NIST SP 800-38A), masks
//! of record numbers (RFC 9001), and what must not be accepted.

use antiphon_crypto::{AeadAlgorithm, AeadError, CryptoError, CryptoProvider, StreamAlgorithm};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::{hex, hex_array};

struct Case {
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

const CASES: &[Case] = &[
    // Test case 1: nothing to encrypt, nothing to authenticate.
    Case {
        algorithm: AeadAlgorithm::Aes128Gcm,
        key: "00000000000000000000000000000000",
        nonce: "000000000000000000000000",
        aad: "",
        plain: "",
        cipher: "",
        tag: "58e2fccefa7e3061367f1d57a4e7455a",
    },
    // Test case 2.
    Case {
        algorithm: AeadAlgorithm::Aes128Gcm,
        key: "00000000000000000000000000000000",
        nonce: "000000000000000000000000",
        aad: "",
        plain: "00000000000000000000000000000000",
        cipher: "0388dace60b6a392f328c2b971b2fe78",
        tag: "ab6e47d42cec13bdf53a67b21257bddf",
    },
    // Test case 4.
    Case {
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
    Case {
        algorithm: AeadAlgorithm::Aes256Gcm,
        key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        plain: PLAIN,
        cipher: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
            8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
        tag: "76fc6ece0f4e1768cddf8853bb2d551b",
    },
    // RFC 8439 section 2.8.2.
    Case {
        algorithm: AeadAlgorithm::ChaCha20Poly1305,
        key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        nonce: "070000004041424344454647",
        aad: "50515253c0c1c2c3c4c5c6c7",
        plain: "4c616469657320616e642047656e746c656d656e206f662074686520636c6173
            73206f66202739393a204966204920636f756c64206f6666657220796f75206f
            6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73
            637265656e20776f756c642062652069742e",
        cipher: "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
            3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
            92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
            3ff4def08e4b7a9de576d26586cec64b6116",
        tag: "1ae10b594f09e26a7e902ecbd0600691",
    },
];

pub fn aeads_give_the_bytes_of_the_specifications(provider: &dyn CryptoProvider) {
    for case in CASES {
        let aead = provider.aead(case.algorithm, &hex(case.key)).unwrap();
        let (nonce, aad) = (hex_array(case.nonce), hex(case.aad));
        let mut text = hex(case.plain);
        let tag = aead.seal(&nonce, &aad, &mut text).unwrap();
        assert_eq!((text.clone(), tag), (hex(case.cipher), hex_array(case.tag)));
        aead.open(&nonce, &aad, &mut text, &tag).unwrap();
        assert_eq!(text, hex(case.plain));
    }
}

pub fn aeads_refuse_every_changed_bit(provider: &dyn CryptoProvider) {
    for case in [&CASES[2], &CASES[3], &CASES[4]] {
        refuses_every_changed_bit(provider, case);
    }
}

fn refuses_every_changed_bit(provider: &dyn CryptoProvider, case: &Case) {
    let aead = provider.aead(case.algorithm, &hex(case.key)).unwrap();
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

pub fn counter_mode_gives_the_bytes_of_the_specification(provider: &dyn CryptoProvider) {
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
        let stream = provider.stream_cipher(algorithm, &hex(key)).unwrap();
        // Whole, and cut in the middle of a block: the stream starts anew with each call.
        for len in [64, 40, 1, 0] {
            let mut text = hex(plain)[..len].to_vec();
            stream.apply(&iv, &mut text);
            assert_eq!(text, hex(cipher)[..len]);
        }
    }
}

pub fn the_counter_carries_over_all_128_bits(provider: &dyn CryptoProvider) {
    let stream = provider.stream_cipher(StreamAlgorithm::Aes128Ctr, &[7; 16]).unwrap();
    let mut two = [0; 32];
    stream.apply(&[0xff; 16], &mut two);
    let mut zero = [0; 16];
    stream.apply(&[0; 16], &mut zero);
    assert_eq!(two[16..], zero);
}

pub fn keys_of_the_wrong_length_are_refused(provider: &dyn CryptoProvider) {
    for len in [0, 15, 17, 24, 33] {
        let key = vec![1; len];
        let refused = |need| Some(CryptoError::KeyLength { need, len });
        assert_eq!(provider.aead(AeadAlgorithm::Aes128Gcm, &key).err(), refused(16));
        assert_eq!(provider.aead(AeadAlgorithm::Aes256Gcm, &key).err(), refused(32));
        assert_eq!(provider.aead(AeadAlgorithm::ChaCha20Poly1305, &key).err(), refused(32));
        for (algorithm, need) in
            [(AeadAlgorithm::Aes128Gcm, 16), (AeadAlgorithm::ChaCha20Poly1305, 32)]
        {
            assert_eq!(provider.header_protection(algorithm, &key).err(), refused(need));
        }
        assert_eq!(provider.stream_cipher(StreamAlgorithm::Aes128Ctr, &key).err(), refused(16));
        assert_eq!(provider.stream_cipher(StreamAlgorithm::Aes256Ctr, &key).err(), refused(32));
    }
}

pub fn what_is_sealed_opens(provider: &dyn CryptoProvider) {
    let inputs = (
        any::<[u8; 32]>(),
        any::<[u8; 12]>(),
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::vec(any::<u8>(), 0..1500),
    );
    TestRunner::default()
        .run(&inputs, |(key, nonce, aad, text)| {
            for algorithm in AEADS {
                let aead = provider.aead(algorithm, &key[..algorithm.key_len()]).unwrap();
                let mut copy = text.clone();
                let tag = aead.seal(&nonce, &aad, &mut copy).unwrap();
                prop_assert_eq!(aead.open(&nonce, &aad, &mut copy, &tag), Ok(()));
                prop_assert_eq!(&copy, &text);
            }
            Ok(())
        })
        .unwrap();
}

const AEADS: [AeadAlgorithm; 3] =
    [AeadAlgorithm::Aes128Gcm, AeadAlgorithm::Aes256Gcm, AeadAlgorithm::ChaCha20Poly1305];

// RFC 9001 appendices A.2, A.3 and A.5; the second key of AES is FIPS 197's, appendix C.3.
pub fn masks_are_those_of_the_specifications(provider: &dyn CryptoProvider) {
    let cases = [
        (
            AeadAlgorithm::Aes128Gcm,
            "9f50449e04a0e810283a1e9933adedd2",
            "d1b1c98dd7689fb8ec11d242b123dc9b",
            "437b9aec36",
        ),
        (
            AeadAlgorithm::Aes128Gcm,
            "c206b8d9b9f0f37644430b490eeaa314",
            "2cd0991cd25b0aac406a5816b6394100",
            "2ec0d8356a",
        ),
        (
            AeadAlgorithm::Aes256Gcm,
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "00112233445566778899aabbccddeeff",
            "8ea2b7ca51",
        ),
        (
            AeadAlgorithm::ChaCha20Poly1305,
            "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4",
            "5e5cd55c41f69080575d7999c25a5bfb",
            "aefefe7d03",
        ),
    ];
    for (algorithm, key, sample, mask) in cases {
        let protection = provider.header_protection(algorithm, &hex(key)).unwrap();
        // A second time with the same object.
        for _ in 0..2 {
            assert_eq!(protection.mask(&hex_array(sample)), hex(mask)[..], "{algorithm:?}");
        }
    }
}

// RFC 8439 section 2.3.2 has the block of counter 1; the last counter there is must be a block, too.
pub fn the_last_block_of_chacha20_has_a_mask(provider: &dyn CryptoProvider) {
    let protection = provider.header_protection(AeadAlgorithm::ChaCha20Poly1305, &[9; 32]).unwrap();
    let masks: std::collections::BTreeSet<_> = [0_u32, 1, u32::MAX - 1, u32::MAX]
        .map(|counter| {
            let mut sample = [3; 16];
            sample[..4].copy_from_slice(&counter.to_le_bytes());
            protection.mask(&sample)
        })
        .into();
    assert_eq!(masks.len(), 4);
    assert!(!masks.contains(&[0; 5]));
}
