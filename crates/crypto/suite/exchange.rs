//! Key agreement: both sides of every group, and shares that must not be taken.

use antiphon_crypto::{CryptoError, CryptoProvider, NamedGroup};

use super::{hex, hex_array};

const GROUPS: [NamedGroup; 4] =
    [NamedGroup::X25519MlKem768, NamedGroup::X25519, NamedGroup::Secp256r1, NamedGroup::Secp384r1];

/// The group, and the bytes of a coordinate.
const NIST: [(NamedGroup, usize); 2] = [(NamedGroup::Secp256r1, 32), (NamedGroup::Secp384r1, 48)];

/// What both doors say about `share`, which must be the same.
fn refused(provider: &dyn CryptoProvider, group: NamedGroup, share: &[u8]) -> bool {
    let agreed = provider.key_exchange(group).unwrap().agree(share).map(|_| ());
    let answered = provider.encapsulate(group, share).map(|_| ());
    assert_eq!(agreed, answered, "{group:?} {share:02x?}");
    match agreed {
        Ok(()) => false,
        Err(error) => {
            assert_eq!(error, CryptoError::InvalidShare { len: share.len() });
            true
        }
    }
}

pub fn two_sides_agree_in_every_group(provider: &dyn CryptoProvider) {
    for group in GROUPS {
        let client = provider.key_exchange(group).unwrap();
        assert_eq!(client.group(), group);
        let (share, theirs) = provider.encapsulate(group, client.public_share()).unwrap();
        let ours = client.agree(&share).unwrap();
        assert_eq!(ours.expose(), theirs.expose());
        assert_ne!(ours.expose(), vec![0; ours.expose().len()]);
    }
}

pub fn shares_have_the_length_of_their_group(provider: &dyn CryptoProvider) {
    let lengths = [(1216, 1120, 64), (32, 32, 32), (65, 65, 32), (97, 97, 48)];
    for (group, (client, server, secret)) in GROUPS.into_iter().zip(lengths) {
        let exchange = provider.key_exchange(group).unwrap();
        assert_eq!(exchange.public_share().len(), client);
        assert_eq!(group.client_share_len(), client);
        let (share, shared) = provider.encapsulate(group, exchange.public_share()).unwrap();
        assert_eq!(share.len(), server);
        assert_eq!(group.server_share_len(), server);
        assert_eq!(shared.expose().len(), secret);
        assert_eq!(NamedGroup::from_wire(group.to_wire()), Some(group));
    }
}

pub fn key_pairs_differ(provider: &dyn CryptoProvider) {
    for group in GROUPS {
        let [a, b] = [(); 2].map(|()| provider.key_exchange(group).unwrap());
        assert_ne!(a.public_share(), b.public_share());
        let [x, y] = [(); 2].map(|()| provider.encapsulate(group, a.public_share()).unwrap());
        assert_ne!(x.0, y.0);
        assert_ne!(x.1.expose(), y.1.expose());
    }
}

//= rfc8446#4.2.8.2
//= type=test
// attack: invalid curve points
pub fn shares_that_are_no_point_are_refused(provider: &dyn CryptoProvider) {
    for (group, len) in NIST {
        let good = provider.key_exchange(group).unwrap().public_share().to_vec();
        let last = good[2 * len] & 1;
        let off_curve = [&good[..2 * len], &[good[2 * len] ^ 1]].concat();
        let hybrid = [&[0x06 | last], &good[1..]].concat();
        let compressed = [&[0x02 | last], &good[1..=len]].concat();
        let oversized = [&[0x04][..], &vec![0xff; 2 * len]].concat();
        let zero = [&[0x04][..], &vec![0; 2 * len]].concat();
        let longer = [&good[..], &[0]].concat();
        assert!(!refused(provider, group, &good));
        for share in [
            &[][..],
            &[0x00],
            &good[..2 * len],
            &longer,
            &compressed,
            &hybrid,
            &off_curve,
            &oversized,
            &zero,
        ] {
            assert!(refused(provider, group, share), "{share:02x?}");
        }
    }
}

//= rfc8446#7.4.2
//= type=test
// attack: an all-zero secret by a share of small order
pub fn shares_of_small_order_are_refused(provider: &dyn CryptoProvider) {
    // All points of small order on the curve and its twist, and their other encodings.
    let shares: [[u8; 32]; 7] = [
        [0; 32],
        hex_array("0100000000000000000000000000000000000000000000000000000000000000"),
        hex_array("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        hex_array("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        hex_array("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        hex_array("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        hex_array("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ];
    let hybrid = provider.key_exchange(NamedGroup::X25519MlKem768).unwrap();
    let key = &hybrid.public_share()[..1184];
    for share in shares {
        assert!(refused(provider, NamedGroup::X25519, &share), "{share:02x?}");
        let both = [key, &share].concat();
        let answer = provider.encapsulate(NamedGroup::X25519MlKem768, &both).map(|_| ());
        assert_eq!(answer, Err(CryptoError::InvalidShare { len: 1216 }));
        let client = provider.key_exchange(NamedGroup::X25519MlKem768).unwrap();
        let agreed = client.agree(&[&[7; 1088][..], &share].concat()).map(|_| ());
        assert_eq!(agreed, Err(CryptoError::InvalidShare { len: 1120 }));
    }
    for len in [0, 31, 33] {
        assert!(refused(provider, NamedGroup::X25519, &vec![9; len]));
    }
}

// attack: malformed ML-KEM keys and ciphertexts
pub fn hybrid_shares_of_the_wrong_form_are_refused(provider: &dyn CryptoProvider) {
    let group = NamedGroup::X25519MlKem768;
    let client = provider.key_exchange(group).unwrap();
    let good = client.public_share().to_vec();
    let (answer, _) = provider.encapsulate(group, &good).unwrap();
    for len in [0, 31, 32, 33, 1184, 1215] {
        let verdict = provider.encapsulate(group, &good[..len]).map(|_| ());
        assert_eq!(verdict, Err(CryptoError::InvalidShare { len }));
    }
    let longer = [&good[..], &[0]].concat();
    assert!(provider.encapsulate(group, &longer).is_err());
    // A coefficient of 4095, where 3328 is the largest (FIPS 203 section 7.2).
    for at in [0, 1149] {
        let mut reaching = good.clone();
        reaching[at..at + 3].fill(0xff);
        let verdict = provider.encapsulate(group, &reaching).map(|_| ());
        assert_eq!(verdict, Err(CryptoError::InvalidShare { len: 1216 }), "{at}");
    }
    for len in [0, 31, 32, 1088, 1119] {
        let client = provider.key_exchange(group).unwrap();
        let verdict = client.agree(&answer[..len]).map(|_| ());
        assert_eq!(verdict, Err(CryptoError::InvalidShare { len }));
    }
    let client = provider.key_exchange(group).unwrap();
    assert!(client.agree(&[&answer[..], &[0]].concat()).is_err());
}

pub fn a_forged_ciphertext_gives_another_secret(provider: &dyn CryptoProvider) {
    let group = NamedGroup::X25519MlKem768;
    let client = provider.key_exchange(group).unwrap();
    let (mut answer, theirs) = provider.encapsulate(group, client.public_share()).unwrap();
    answer[5] ^= 1;
    // FIPS 203 rejects implicitly: no error, a secret that the other side does not have. The part of
    // X25519 is untouched.
    let ours = client.agree(&answer).unwrap();
    assert_ne!(ours.expose()[..32], theirs.expose()[..32]);
    assert_eq!(ours.expose()[32..], theirs.expose()[32..]);
}

pub fn groups_tell_the_truth(provider: &dyn CryptoProvider) {
    assert_eq!(provider.groups(), GROUPS);
    for group in GROUPS {
        assert_eq!(provider.key_exchange(group).unwrap().group(), group);
        let shown = format!("{:?}", provider.key_exchange(group).unwrap());
        assert_eq!(shown, format!("KeyExchange({group:?})"));
    }
    assert_eq!(hex("11ec"), NamedGroup::X25519MlKem768.to_wire().to_be_bytes());
}
