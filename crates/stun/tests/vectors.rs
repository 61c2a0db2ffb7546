//! The published samples: RFC 5769 and RFC 8489 appendix B.1.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_stun::{
    Class, IntegrityError, MessageView, MessageWriter, Method, ParseError, attribute,
};
use common::{hex, hmac_sha1, hmac_sha256};
use md5::Digest as _;

const REQUEST: &str = "
    00010058 2112a442 b7e7a701bc34d686fa87dfae
    80220010 5354554e207465737420636c69656e74
    00240004 6e0001ff
    80290008 932ff9b151263b36
    00060009 6576746a3a68367659202020
    00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2
    80280004 e57a3bcf";

const RESPONSE_IPV4: &str = "
    0101003c 2112a442 b7e7a701bc34d686fa87dfae
    8022000b 7465737420766563746f7220
    00200008 0001a147e112a643
    00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7
    80280004 c07d4c96";

const RESPONSE_IPV6: &str = "
    01010048 2112a442 b7e7a701bc34d686fa87dfae
    8022000b 7465737420766563746f7220
    00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9
    00080014 a382954e4be67bf11784c97c8292c275bfe3ed41
    80280004 c8fb0b4c";

const REQUEST_LONG_TERM: &str = "
    00010060 2112a442 78ad3433c6ad72c029da412e
    00060012 e3839ee38388e383aae38383e382afe382b90000
    0015001c 662f2f3439396b3935346436 4f4c33346f4c394653547679 36347341
    0014000b 6578616d706c652e6f726700
    00080014 f67024656dd64a3e02b8e0712e85c9a28ca89666";

/// The published header and tag count 156 bytes of attributes, which is the whole message: 20 too
/// many (erratum 6268).
const REQUEST_SHA256: &str = "
    0001009c 2112a442 78ad3433 c6ad72c0 29da412e 001e0020 4a3cf38f ef6992bd
    a952c678 0417da0f 24819415 569e60b2 05c46e41 407f1704 00150029 6f624d61
    744a6f73 32414141 43662f2f 3439396b 39353464 364f4c33 346f4c39 46535476
    79363473 41000000 0014000b 6578616d 706c652e 6f726700 001c0020 e4686c8f
    0edeb590 13e07090 010a93ef ccbccc54 4c0a45d9 f830aa6d 6f735a01";

const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
const USERNAME: &str = "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}";

fn long_term_text() -> String {
    format!("{USERNAME}:example.org:TheMatrIX")
}

//= rfc8489#14.5
//= type=test
#[test]
fn the_sample_request_reads_and_verifies() {
    let bytes = hex(REQUEST);
    let message = MessageView::parse(&bytes).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Request, Method::BINDING));
    assert_eq!(message.software(), Some(&b"STUN test client"[..]));
    assert_eq!(message.priority(), Some(0x6e00_01ff));
    assert_eq!(message.ice_controlled(), Some(0x932f_f9b1_5126_3b36));
    assert_eq!(message.ice_controlling(), None);
    assert_eq!(message.username(), Some(&b"evtj:h6vY"[..]));
    assert!(message.verify_fingerprint());
    assert_eq!(message.verify_message_integrity(hmac_sha1(PASSWORD)), Ok(()));
    assert_eq!(message.verify_message_integrity(hmac_sha1(b"no")), Err(IntegrityError::Wrong));
    let kinds: Vec<u16> = message.attributes().map(|attribute| attribute.kind).collect();
    assert_eq!(kinds, [0x8022, 0x0024, 0x8029, 0x0006, 0x0008, 0x8028]);
    assert_eq!(
        message.unknown_comprehension_required(&[attribute::PRIORITY]).collect::<Vec<_>>(),
        [attribute::USERNAME]
    );
}

//= rfc8489#14.2
//= type=test
#[test]
fn the_sample_responses_read_and_verify() {
    for (text, address) in [
        (RESPONSE_IPV4, "192.0.2.1:32853"),
        (RESPONSE_IPV6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
    ] {
        let bytes = hex(text);
        let message = MessageView::parse(&bytes).unwrap();
        assert_eq!((message.class(), message.method()), (Class::Success, Method::BINDING));
        assert_eq!(message.software(), Some(&b"test vector"[..]));
        assert_eq!(message.xor_mapped_address(), Some(address.parse().unwrap()));
        assert!(message.verify_fingerprint());
        assert_eq!(message.verify_message_integrity(hmac_sha1(PASSWORD)), Ok(()));
    }
}

/// The samples above fill their padding with spaces and we with zeros; these two use zeros, so
/// what we write is equal to the last bit.
#[test]
fn the_long_term_request_reads_and_is_written_byte_for_byte() {
    let bytes = hex(REQUEST_LONG_TERM);
    let key = md5::Md5::digest(long_term_text());
    let message = MessageView::parse(&bytes).unwrap();
    assert_eq!(message.username(), Some(USERNAME.as_bytes()));
    assert_eq!(message.nonce(), Some(&b"f//499k954d6OL34oL9FSTvy64sA"[..]));
    assert_eq!(message.realm(), Some(&b"example.org"[..]));
    assert_eq!(message.verify_message_integrity(hmac_sha1(&key)), Ok(()));
    assert!(!message.has_fingerprint() && !message.verify_fingerprint());

    let mut buf = [0xff; 200];
    let id = message.transaction_id();
    let mut writer = MessageWriter::new(&mut buf, Class::Request, Method::BINDING, id).unwrap();
    writer.username(USERNAME.as_bytes()).unwrap();
    writer.nonce(b"f//499k954d6OL34oL9FSTvy64sA").unwrap();
    writer.realm(b"example.org").unwrap().message_integrity(hmac_sha1(&key)).unwrap();
    let len = writer.finish();
    assert_eq!(buf[..len], bytes);
}

/// HMAC-SHA256 over a header with the sample's wrong length.
fn hmac_of_the_sample(key: &[u8]) -> impl Fn(&[&[u8]]) -> [u8; 32] {
    let hmac = hmac_sha256(key);
    move |parts| {
        let mut covered = parts.concat();
        covered[2..4].copy_from_slice(&[0x00, 0x9c]);
        hmac(&[&covered])
    }
}

//= rfc8489#14.6
//= type=test
#[test]
fn the_sha256_request_reads_and_is_written_byte_for_byte_but_for_its_erratum() {
    let mut bytes = hex(REQUEST_SHA256);
    assert_eq!(
        MessageView::parse(&bytes).unwrap_err(),
        ParseError::Length { announced: 156, have: 136 }
    );
    bytes[3] = 136;
    let key = sha2::Sha256::digest(long_term_text());
    let userhash = sha2::Sha256::digest(format!("{USERNAME}:example.org"));
    let message = MessageView::parse(&bytes).unwrap();
    assert_eq!(message.find(attribute::USERHASH), Some(&userhash[..]));
    assert_eq!(message.verify_message_integrity_sha256(hmac_of_the_sample(&key)), Ok(()));
    assert_eq!(
        message.verify_message_integrity(hmac_sha1(&key)),
        Err(IntegrityError::Missing),
        "one algorithm does not stand in for the other"
    );

    let mut buf = [0xff; 200];
    let id = message.transaction_id();
    let mut writer = MessageWriter::new(&mut buf, Class::Request, Method::BINDING, id).unwrap();
    writer.attribute(attribute::USERHASH, &userhash).unwrap();
    writer.nonce(b"obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA").unwrap();
    writer.realm(b"example.org").unwrap();
    writer.message_integrity_sha256(hmac_of_the_sample(&key)).unwrap();
    let len = writer.finish();
    assert_eq!(buf[..len], bytes);
}

//= rfc8489#14.10
//= type=test
#[test]
fn the_nonce_of_the_sha256_request_promises_neither_algorithms_nor_anonymity() {
    use antiphon_stun::SecurityFeatures;

    let mut bytes = hex(REQUEST_SHA256);
    bytes[3] = 136;
    let message = MessageView::parse(&bytes).unwrap();
    let features = SecurityFeatures::of_nonce(message.nonce().unwrap()).unwrap();
    assert_eq!(&features.nonce_cookie(), b"obMatJos2AAAC", "a bit that is not assigned");
    assert!(!features.contains(SecurityFeatures::PASSWORD_ALGORITHMS));
    assert!(!features.contains(SecurityFeatures::USERNAME_ANONYMITY));
}

/// The names of both long-term samples are beyond ASCII.
//= rfc8489#14.4
//= type=test
#[cfg(feature = "precis")]
#[test]
fn keys_and_userhash_of_the_samples_come_out_of_names_and_password() {
    use antiphon_stun::{Integrity, IntegrityKey, PasswordAlgorithm, userhash};
    use common::Hashes;

    let key = |algorithm, password: &str| {
        IntegrityKey::long_term(algorithm, USERNAME, "example.org", password, &Hashes).unwrap()
    };
    let bytes = hex(REQUEST_LONG_TERM);
    let message = MessageView::parse(&bytes).unwrap();
    let md5 = key(PasswordAlgorithm::Md5, "TheMatrIX");
    assert_eq!(md5.verify(Integrity::Sha1, &message, &Hashes), Ok(()));

    let mut bytes = hex(REQUEST_SHA256);
    bytes[3] = 136;
    let message = MessageView::parse(&bytes).unwrap();
    let hash = userhash(USERNAME, "example.org", &Hashes).unwrap();
    assert_eq!(message.userhash(), Some(&hash));
}

#[test]
fn attributes_of_credentials_and_redirection_are_written_as_the_figures_draw_them() {
    use antiphon_stun::{ChangeRequest, PasswordAlgorithm, TransactionId};

    let mut buf = [0xff; 300];
    let id = TransactionId([0; 12]);
    let mut writer = MessageWriter::new(&mut buf, Class::Error, Method::BINDING, id).unwrap();
    writer.userhash(&[7; 32]).unwrap();
    writer.password_algorithm(PasswordAlgorithm::Sha256).unwrap();
    writer.password_algorithms(&[PasswordAlgorithm::Sha256, PasswordAlgorithm::Md5]).unwrap();
    writer.alternate_server("192.0.2.1:3478".parse().unwrap()).unwrap();
    writer.alternate_server("[2001:db8::1]:1".parse().unwrap()).unwrap();
    writer.alternate_domain("turn.example").unwrap();
    writer.change_request(ChangeRequest { ip: true, port: false }).unwrap();
    writer.response_origin("192.0.2.1:3478".parse().unwrap()).unwrap();
    writer.other_address("192.0.2.2:3479".parse().unwrap()).unwrap();
    writer.response_port(0x1234).unwrap().padding(6).unwrap();
    assert!(writer.alternate_domain("b\u{fc}cher.example").is_err());
    let len = writer.finish();
    let expected = hex("001e0020 0707070707070707070707070707070707070707070707070707070707070707
         001d0004 00020000
         80020008 00020000 00010000
         80230008 00010d96c0000201
         80230014 00020001 20010db8000000000000000000000001
         8003000c 7475726e2e6578616d706c65
         00030004 00000004
         802b0008 00010d96c0000201
         802c0008 00010d97c0000202
         00270002 12340000
         00260006 0000000000000000");
    assert_eq!(buf[20..len], expected);
    let view = MessageView::parse(&buf[..len]).unwrap();
    assert_eq!(view.userhash(), Some(&[7; 32]));
    assert_eq!(view.password_algorithm().unwrap().known(), Some(PasswordAlgorithm::Sha256));
    assert_eq!(view.password_algorithms().count(), 2);
    assert_eq!(view.alternate_server(), Some("192.0.2.1:3478".parse().unwrap()));
    let all: Vec<_> = view.alternate_servers().map(|server| server.to_string()).collect();
    assert_eq!(all, ["192.0.2.1:3478", "[2001:db8::1]:1"]);
    assert_eq!(view.alternate_domain(), Some("turn.example"));
    assert_eq!(view.change_request(), Some(ChangeRequest { ip: true, port: false }));
    assert_eq!(view.response_origin(), Some("192.0.2.1:3478".parse().unwrap()));
    assert_eq!(view.other_address(), Some("192.0.2.2:3479".parse().unwrap()));
    assert_eq!((view.response_port(), view.padding()), (Some(0x1234), Some(&[0; 6][..])));
}
