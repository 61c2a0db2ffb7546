//! HMAC, hash and HKDF vectors of RFC 2202, RFC 4231, FIPS 180-4 and RFC 5869.

use antiphon_crypto::{CryptoError, CryptoProvider, HashAlgorithm, hkdf};

use super::hex;

const ALGORITHMS: [HashAlgorithm; 5] = [
    HashAlgorithm::Md5,
    HashAlgorithm::Sha1,
    HashAlgorithm::Sha256,
    HashAlgorithm::Sha384,
    HashAlgorithm::Sha512,
];

/// Key, text and the tags of MD5, SHA-1, SHA-256, SHA-384 and SHA-512.
struct Case {
    key: &'static str,
    text: &'static str,
    tags: [&'static str; 5],
}

const CASES: &[Case] = &[
    // RFC 2202, RFC 4231 case 1 (with 20 bytes of key also for MD5)
    Case {
        key: "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
        text: "4869205468657265",
        tags: [
            "5ccec34ea9656392457fa1ac27f08fbc",
            "b617318655057264e28bc0b6fb378c8ef146be00",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c \
             faea9ea9076ede7f4af152e8b2fa9cb6",
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde \
             daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
        ],
    },
    // case 2: a key shorter than the digest
    Case {
        key: "4a656665",
        text: "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
        tags: [
            "750c783e6ab0b503eaa86e310a5db738",
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e \
             8e2240ca5e69e2c78b3239ecfab21649",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554 \
             9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ],
    },
    // case 3: more than 64 bytes of key and text together
    Case {
        key: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        text: "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
        tags: [
            "2ab8b9a9f7d3894d15ad8383b97044b2",
            "125d7342b9ac11cd91a39af48aa17b4f63f175d3",
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b \
             2a5ab39dc13814b94e3ab6e101a34f27",
            "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39 \
             bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
        ],
    },
    // case 4
    Case {
        key: "0102030405060708090a0b0c0d0e0f10111213141516171819",
        text: "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
        tags: [
            "697eaf0aca3a3aea3a75164746ffaa79",
            "4c9007f4026250c6bc8414f9bf50c86c2d7235da",
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e \
             6801dd23c4a7d679ccf8a386c674cffb",
            "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db \
             a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
        ],
    },
    // RFC 4231 case 6: a key longer than the block
    Case {
        key: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        text: "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374",
        tags: [
            "bfecaf4efff90a3a668f3922fec3762d",
            "90d0dace1c1bdc957339307803160335bde6df2b",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6 \
             0c2ef6ab4030fe8296248df163f44952",
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352 \
             6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
        ],
    },
];

pub fn hmac_gives_the_tags_of_the_rfcs(provider: &dyn CryptoProvider) {
    for case in CASES {
        for (algorithm, tag) in ALGORITHMS.into_iter().zip(case.tags) {
            let hmac = provider.hmac(algorithm, &hex(case.key)).unwrap();
            let text = hex(case.text);
            assert_eq!(hmac.sign(&[&text]).as_bytes(), hex(tag), "{algorithm:?}");
            // In parts, and a second time with the same object.
            let (front, back) = text.split_at(3);
            assert_eq!(hmac.sign(&[front, &[], back]).as_bytes(), hex(tag), "{algorithm:?}");
            assert!(hmac.verify(&[front, back], &hex(tag)[..10]));
            assert!(!hmac.verify(&[front], &hex(tag)[..10]));
        }
    }
}

pub fn hashes_give_the_digests_of_abc(provider: &dyn CryptoProvider) {
    let digests = [
        "900150983cd24fb0d6963f7d28e17f72",
        "a9993e364706816aba3e25717850c26c9cd0d89d",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed \
         8086072ba1e7cc2358baeca134c825a7",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a \
         2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ];
    for (algorithm, digest) in ALGORITHMS.into_iter().zip(digests) {
        assert_eq!(provider.hash(algorithm, b"abc").unwrap().as_bytes(), hex(digest));
        assert_eq!(hex(digest).len(), algorithm.digest_len());
    }
}

pub fn a_running_hash_goes_on_after_a_look_at_it(provider: &dyn CryptoProvider) {
    for algorithm in ALGORITHMS {
        let mut hasher = provider.hasher(algorithm).unwrap();
        hasher.update(b"a");
        assert_eq!(hasher.digest(), provider.hash(algorithm, b"a").unwrap());
        hasher.update(&[b'b'; 200]);
        let whole = [&b"a"[..], &[b'b'; 200]].concat();
        assert_eq!(hasher.digest(), provider.hash(algorithm, &whole).unwrap());
    }
}

/// A case of RFC 5869 appendix A.
struct Derivation {
    algorithm: HashAlgorithm,
    key_material: &'static str,
    salt: &'static str,
    info: &'static str,
    extracted: &'static str,
    expanded: &'static str,
}

const DERIVATIONS: &[Derivation] = &[
    Derivation {
        algorithm: HashAlgorithm::Sha256,
        key_material: "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
        salt: "000102030405060708090a0b0c",
        info: "f0f1f2f3f4f5f6f7f8f9",
        extracted: "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
        expanded: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf
            34007208d5b887185865",
    },
    Derivation {
        algorithm: HashAlgorithm::Sha256,
        key_material: "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
        salt: "",
        info: "",
        extracted: "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
        expanded: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d
            9d201395faa4b61a96c8",
    },
    Derivation {
        algorithm: HashAlgorithm::Sha1,
        key_material: "0b0b0b0b0b0b0b0b0b0b0b",
        salt: "000102030405060708090a0b0c",
        info: "f0f1f2f3f4f5f6f7f8f9",
        extracted: "9b6c18c432a7bf8f0e71c8eb88f4b30baa2ba243",
        expanded: "085a01ea1b10f36933068b56efa5ad81a4f14b822f5b091568a9cdd4f155fda2
            c22e422478d305f3f896",
    },
];

pub fn hkdf_gives_the_keys_of_rfc_5869(provider: &dyn CryptoProvider) {
    for case in DERIVATIONS {
        let material = hex(case.key_material);
        let key = hkdf::extract(provider, case.algorithm, &hex(case.salt), &material).unwrap();
        assert_eq!(key.expose(), hex(case.extracted));
        let (info, expanded) = (hex(case.info), hex(case.expanded));
        // Whole, shorter, and with the information in parts.
        for len in [expanded.len(), 32, 7, 0] {
            let mut out = vec![0; len];
            let (front, back) = info.split_at(info.len() / 2);
            hkdf::expand(provider, case.algorithm, key.expose(), &[front, &[], back], &mut out)
                .unwrap();
            assert_eq!(out, expanded[..len]);
        }
    }
}

pub fn hkdf_gives_at_most_255_digests(provider: &dyn CryptoProvider) {
    for algorithm in [HashAlgorithm::Sha256, HashAlgorithm::Sha384] {
        let limit = 255 * algorithm.digest_len();
        let mut most = vec![0; limit];
        assert_eq!(hkdf::expand(provider, algorithm, &[1; 32], &[], &mut most), Ok(()));
        assert!(most.rchunks(16).all(|chunk| chunk != [0; 16]));
        let mut more = vec![0; limit + 1];
        let refused = Err(CryptoError::OutputLength { limit, len: limit + 1 });
        assert_eq!(hkdf::expand(provider, algorithm, &[1; 32], &[], &mut more), refused);
        assert_eq!(more, vec![0; limit + 1]);
    }
}
