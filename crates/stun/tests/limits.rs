//! A hostile peer: lengths that lie, attributes smuggled behind the integrity, values that cannot be.
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
    Class, IntegrityError, MessageView, MessageWriter, Method, ParseError, TransactionId,
    WriteError, attribute, is_stun, message_len,
};
use common::{hmac_sha1, hmac_sha256};

const ID: TransactionId = TransactionId([9; 12]);
const KEY: &[u8] = b"a password of ICE";

fn message(build: impl FnOnce(&mut MessageWriter<'_>)) -> Vec<u8> {
    let mut buf = vec![0; 70_000];
    let mut writer = MessageWriter::new(&mut buf, Class::Request, Method::BINDING, ID).unwrap();
    build(&mut writer);
    let len = writer.finish();
    buf.truncate(len);
    buf
}

/// Appends an attribute as an attacker on the path can: bytes, and the header's length.
fn append(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend(kind.to_be_bytes());
    message.extend((value.len() as u16).to_be_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
    let len = (message.len() - 20) as u16;
    message[2..4].copy_from_slice(&len.to_be_bytes());
}

// attack: attributes appended after MESSAGE-INTEGRITY acted on
//= rfc8489#14.5
//= type=test
#[test]
fn what_follows_the_integrity_is_not_seen() {
    let mut bytes = message(|writer| {
        writer.priority(1).unwrap().message_integrity(hmac_sha1(KEY)).unwrap();
    });
    append(&mut bytes, attribute::XOR_MAPPED_ADDRESS, &[0, 1, 0, 1, 127, 0, 0, 1]);
    append(&mut bytes, attribute::USE_CANDIDATE, &[]);
    append(&mut bytes, attribute::USERNAME, b"root");
    append(&mut bytes, 0x7fff, b"must be understood");
    append(&mut bytes, attribute::PRIORITY, &[0xff; 4]);
    let view = MessageView::parse(&bytes).unwrap();
    assert_eq!(view.verify_message_integrity(hmac_sha1(KEY)), Ok(()));
    assert_eq!(view.xor_mapped_address(), None);
    assert!(!view.use_candidate());
    assert_eq!(view.username(), None);
    assert_eq!(view.priority(), Some(1));
    assert_eq!(view.unknown_comprehension_required(&[attribute::PRIORITY]).count(), 0);
    let kinds: Vec<u16> = view.attributes().map(|attribute| attribute.kind).collect();
    assert_eq!(kinds, [attribute::PRIORITY, attribute::MESSAGE_INTEGRITY]);
}

// attack: a malformed attribute behind the integrity must not spoil a proven message
#[test]
fn what_follows_the_integrity_may_be_malformed() {
    let mut bytes = message(|writer| {
        writer.message_integrity(hmac_sha1(KEY)).unwrap();
    });
    append(&mut bytes, attribute::PRIORITY, &[1]);
    let view = MessageView::parse(&bytes).unwrap();
    assert_eq!(view.verify_message_integrity(hmac_sha1(KEY)), Ok(()));
    assert_eq!(view.priority(), None);
}

// attack: attributes appended after FINGERPRINT, or a second integrity after the first
//= rfc8489#14.7
//= type=test
#[test]
fn the_fingerprint_is_the_end() {
    let mut bytes = message(|writer| {
        writer.priority(1).unwrap().fingerprint().unwrap();
    });
    assert!(MessageView::parse(&bytes).unwrap().verify_fingerprint());
    append(&mut bytes, attribute::USE_CANDIDATE, &[]);
    append(&mut bytes, attribute::MESSAGE_INTEGRITY, &[0; 20]);
    let view = MessageView::parse(&bytes).unwrap();
    assert!(view.has_fingerprint());
    assert!(!view.verify_fingerprint(), "not the last attribute");
    assert!(!view.use_candidate());
    assert!(!view.has_message_integrity());
}

#[test]
fn both_integrities_and_the_fingerprint_hold_together() {
    let bytes = message(|writer| {
        writer.username(b"a:b").unwrap();
        writer.message_integrity(hmac_sha1(KEY)).unwrap();
        writer.message_integrity_sha256(hmac_sha256(KEY)).unwrap();
        writer.fingerprint().unwrap();
    });
    let view = MessageView::parse(&bytes).unwrap();
    assert_eq!(view.verify_message_integrity(hmac_sha1(KEY)), Ok(()));
    assert_eq!(view.verify_message_integrity_sha256(hmac_sha256(KEY)), Ok(()));
    assert!(view.verify_fingerprint());
    // Each bit counts: integrity up to its own end, the fingerprint up to its own.
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(view) = MessageView::parse(&bytes) {
            assert!(!view.verify_fingerprint(), "bit {bit}");
        }
    }
}

// attack: the first of two attributes is the one that counts
//= rfc8489#14
//= type=test
#[test]
fn of_two_attributes_the_first_counts() {
    let mut bytes = message(|writer| {
        writer.priority(1).unwrap();
    });
    append(&mut bytes, attribute::PRIORITY, &[0xff; 4]);
    assert_eq!(MessageView::parse(&bytes).unwrap().priority(), Some(1));
}

// attack: short and odd lengths of attributes
//= rfc8489#14.9
//= type=test
//= rfc8489#14.14
//= type=test
//= rfc8489#14.3
//= type=test
//= rfc8489#14.16
//= type=test
#[test]
fn values_of_a_wrong_length_are_malformed() {
    for (kind, wrong) in [
        (attribute::XOR_MAPPED_ADDRESS, &[0usize, 1, 3, 4, 7, 9, 19, 21][..]),
        (attribute::MAPPED_ADDRESS, &[0, 4, 7, 21]),
        (attribute::PRIORITY, &[0, 3, 5]),
        (attribute::ICE_CONTROLLED, &[0, 4, 7, 9]),
        (attribute::ICE_CONTROLLING, &[0, 4, 7, 9]),
        (attribute::USE_CANDIDATE, &[1, 4]),
        (attribute::ERROR_CODE, &[0, 3, 4, 800]),
        (attribute::UNKNOWN_ATTRIBUTES, &[1, 3]),
        (attribute::USERNAME, &[764]),
        (attribute::USERHASH, &[0, 31, 33]),
        (attribute::PASSWORD_ALGORITHM, &[0, 3, 5, 8]),
        (attribute::PASSWORD_ALGORITHMS, &[0, 3, 6]),
        (attribute::ALTERNATE_SERVER, &[0, 4, 7, 21]),
        (attribute::ALTERNATE_DOMAIN, &[256]),
        (attribute::CHANGE_REQUEST, &[0, 3, 5]),
        (attribute::RESPONSE_PORT, &[0, 1, 3, 5]),
        (attribute::RESPONSE_ORIGIN, &[0, 7]),
        (attribute::OTHER_ADDRESS, &[0, 7]),
        (attribute::REALM, &[764]),
        (attribute::NONCE, &[764, 60_000]),
        (attribute::SOFTWARE, &[764]),
        (attribute::MESSAGE_INTEGRITY, &[0, 19, 21, 32]),
        (attribute::MESSAGE_INTEGRITY_SHA256, &[0, 12, 17, 31, 33, 36]),
        (attribute::FINGERPRINT, &[0, 3, 5, 8]),
    ] {
        for len in wrong {
            let mut bytes = message(|_| {});
            append(&mut bytes, kind, &vec![0; *len]);
            assert_eq!(
                MessageView::parse(&bytes).unwrap_err(),
                ParseError::MalformedAttribute { kind, at: 20, len: *len }
            );
        }
    }
}

/// Lengths inside the lists of algorithms lie, too.
//= rfc8489#14.12
//= type=test
#[test]
fn algorithms_whose_parameters_overrun_are_malformed() {
    for (kind, value, fine) in [
        (attribute::PASSWORD_ALGORITHM, &[0, 2, 0, 0][..], true),
        (attribute::PASSWORD_ALGORITHM, &[0, 9, 0, 2, 1, 2], true),
        (attribute::PASSWORD_ALGORITHM, &[0, 9, 0, 2, 1, 2, 0, 0], true),
        (attribute::PASSWORD_ALGORITHM, &[0, 2, 0, 1], false),
        (attribute::PASSWORD_ALGORITHM, &[0, 2, 0, 0, 0, 1, 0, 0], false),
        (attribute::PASSWORD_ALGORITHMS, &[0, 2, 0, 0, 0, 1, 0, 0], true),
        (attribute::PASSWORD_ALGORITHMS, &[0, 9, 0, 1, 7, 0, 0, 0, 0, 2, 0, 0], true),
        (attribute::PASSWORD_ALGORITHMS, &[0, 9, 0xff, 0xff, 0, 2, 0, 0], false),
        (attribute::ALTERNATE_DOMAIN, &[0xc3, 0xbc], false),
    ] {
        let mut bytes = message(|_| {});
        append(&mut bytes, kind, value);
        assert_eq!(MessageView::parse(&bytes).is_ok(), fine, "{kind:#x} {value:?}");
    }
    let mut bytes = message(|_| {});
    let list = [0, 9, 0, 1, 7, 0, 0, 0, 0, 2, 0, 0];
    append(&mut bytes, attribute::PASSWORD_ALGORITHMS, &list);
    let view = MessageView::parse(&bytes).unwrap();
    let numbers: Vec<_> = view.password_algorithms().map(|a| (a.number, a.parameters)).collect();
    assert_eq!(numbers, [(9, &[7][..]), (2, &[])]);
}

//= rfc8489#14.1
//= type=test
//= rfc8489#14.8
//= type=test
#[test]
fn addresses_of_another_family_and_codes_out_of_range_are_malformed() {
    for (kind, value) in [
        (attribute::XOR_MAPPED_ADDRESS, &[0, 0, 0, 0, 0, 0, 0, 0][..]),
        (attribute::XOR_MAPPED_ADDRESS, &[0, 3, 0, 0, 0, 0, 0, 0]),
        (attribute::XOR_MAPPED_ADDRESS, &[0, 2, 0, 0, 0, 0, 0, 0]),
        (attribute::ERROR_CODE, &[0, 0, 2, 99]),
        (attribute::ERROR_CODE, &[0, 0, 7, 0]),
        (attribute::ERROR_CODE, &[0, 0, 4, 100]),
    ] {
        let mut bytes = message(|_| {});
        append(&mut bytes, kind, value);
        assert!(MessageView::parse(&bytes).is_err(), "{kind:#x} {value:?}");
    }
    // Reserved bits and the reason's bytes are not held against the sender.
    let mut bytes = message(|_| {});
    append(&mut bytes, attribute::ERROR_CODE, &[0xff, 0xff, 0xfc, 87, b'o', b'k', 0xff, b'!']);
    let view = MessageView::parse(&bytes).unwrap();
    assert_eq!(view.error_code().map(|error| (error.code(), error.reason())), Some((487, "ok")));
}

// attack: lengths that overflow or overrun, message type 0x000
#[test]
fn lengths_that_lie_are_refused() {
    let whole = message(|writer| {
        writer.username(b"user").unwrap().fingerprint().unwrap();
    });
    for len in 0..whole.len() {
        assert!(MessageView::parse(&whole[..len]).is_err(), "cut at {len}");
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert_eq!(
        MessageView::parse(&longer).unwrap_err(),
        ParseError::Length { announced: 16, have: 17 }
    );
    let mut odd = whole.clone();
    odd.push(0);
    odd[3] = 17;
    assert!(matches!(MessageView::parse(&odd), Err(ParseError::Length { .. })));
    for claimed in [5u16, 8, 9, 100, 0xfffd, 0xffff] {
        let mut bytes = message(|writer| {
            writer.username(b"user").unwrap();
        });
        bytes[22..24].copy_from_slice(&claimed.to_be_bytes());
        assert_eq!(
            MessageView::parse(&bytes).unwrap_err(),
            ParseError::AttributeOverrun {
                kind: attribute::USERNAME,
                at: 20,
                len: usize::from(claimed)
            }
        );
    }
    let mut zero = message(|_| {});
    zero[..2].fill(0);
    assert_eq!(MessageView::parse(&zero).unwrap().method().number(), 0);
    let mut rtp = whole.clone();
    rtp[0] = 0x80;
    assert_eq!(MessageView::parse(&rtp).unwrap_err(), ParseError::NotStun);
    assert!(!is_stun(&rtp) && is_stun(&whole));
    assert_eq!(message_len(&whole[..20]), Some(whole.len()));
    assert_eq!(message_len(&whole[..19]), None);
}

#[test]
fn truncated_tags_pass_only_where_they_are_wanted() {
    let mut bytes = message(|writer| {
        writer.priority(1).unwrap();
    });
    let mut covered = bytes.clone();
    covered[3] += 20;
    let tag = hmac_sha256(KEY)(&[&covered]);
    append(&mut bytes, attribute::MESSAGE_INTEGRITY_SHA256, &tag[..16]);
    let view = MessageView::parse(&bytes).unwrap();
    assert_eq!(
        view.verify_message_integrity_sha256(hmac_sha256(KEY)),
        Err(IntegrityError::Truncated { len: 16, need: 32 })
    );
    assert_eq!(view.verify_truncated_message_integrity_sha256(16, hmac_sha256(KEY)), Ok(()));
    assert_eq!(
        view.verify_truncated_message_integrity_sha256(0, hmac_sha256(b"other")),
        Err(IntegrityError::Wrong)
    );
}

#[test]
fn the_writer_refuses_what_it_could_not_read() {
    let mut buf = [0; 64];
    assert!(MessageWriter::new(&mut buf[..19], Class::Request, Method::BINDING, ID).is_err());
    let mut writer = MessageWriter::new(&mut buf, Class::Error, Method::BINDING, ID).unwrap();
    assert_eq!(writer.username(&[b'u'; 509]).unwrap_err(), too_long(attribute::USERNAME, 509, 508));
    assert_eq!(writer.realm(&[b'r'; 510]).unwrap_err(), too_long(attribute::REALM, 510, 509));
    assert_eq!(writer.attribute(1, &vec![0; 65_536]).unwrap_err(), too_long(1, 65_536, 65_528));
    assert_eq!(
        writer.attribute(1, &[0; 41]).unwrap_err(),
        WriteError::BufferTooSmall(antiphon_stun::BufferTooSmall { need: 68 })
    );
    for code in [0, 299, 700, u16::MAX] {
        assert_eq!(writer.error_code(code, "").unwrap_err(), WriteError::NoErrorCode { code });
    }
    let kind = attribute::FINGERPRINT;
    assert_eq!(writer.attribute(kind, &[0; 4]).unwrap_err(), WriteError::OutOfOrder { kind });
    assert_eq!(writer.written(), 20, "nothing of all that was written");
    writer.fingerprint().unwrap();
    assert_eq!(
        writer.use_candidate().unwrap_err(),
        WriteError::OutOfOrder { kind: attribute::USE_CANDIDATE }
    );
    assert_eq!(writer.finish(), 28);
    assert!(MessageView::parse(&buf[..28]).unwrap().verify_fingerprint());
}

fn too_long(kind: u16, len: usize, limit: usize) -> WriteError {
    WriteError::ValueTooLong { kind, len, limit }
}

#[test]
fn a_message_of_the_greatest_length_is_fine() {
    let bytes = message(|writer| {
        writer.attribute(0x8000, &vec![7; 65_528]).unwrap();
        assert!(matches!(writer.use_candidate(), Err(WriteError::ValueTooLong { .. })));
    });
    assert_eq!(bytes.len(), 65_552);
    assert_eq!(MessageView::parse(&bytes).unwrap().find(0x8000).map(<[u8]>::len), Some(65_528));
}
