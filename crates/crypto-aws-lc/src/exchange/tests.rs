//! Wycheproof's secrets: only here can a private key be given.

use antiphon_crypto::{KeyExchange as _, NamedGroup};
use aws_lc_rs::agreement::PrivateKey;
use wycheproof::TestResult;
use wycheproof::{ecdh, xdh};

use super::{Exchange, curve};

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
            // A private key of as many bytes as the group's order.
            let scalar: Vec<u8> =
                test.private_key.iter().copied().skip_while(|byte| *byte == 0).collect();
            let scalar = [vec![0; len - scalar.len()], scalar].concat();
            let key = PrivateKey::from_private_key(curve(group).unwrap(), &scalar).unwrap();
            let exchange = Box::new(Exchange::with_key(group, key).unwrap());
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
        let group = NamedGroup::X25519;
        let key = PrivateKey::from_private_key(curve(group).unwrap(), &test.private_key).unwrap();
        let exchange = Box::new(Exchange::with_key(group, key).unwrap());
        let secret = exchange.agree(&test.public_key).unwrap();
        assert_eq!(secret.expose(), &test.shared_secret[..], "{}", test.tc_id);
        ran += 1;
    }
    assert_eq!(ran, 487);
}
