//! Short-term credentials outside ICE (RFC 8489 section 9.1).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::sync::Arc;

use antiphon_stun::{
    AuthError, Class, Integrity, IntegrityKey, MessageView, MessageWriter, Method, ShortTermCheck,
    ShortTermClient, TransactionId, Verdict, check_short_term,
};
use common::Hashes;

fn write(class: Class, build: impl FnOnce(&mut MessageWriter<'_>)) -> Vec<u8> {
    let mut buf = vec![0; 512];
    let id = TransactionId([4; 12]);
    let mut writer = MessageWriter::new(&mut buf, class, Method::BINDING, id).unwrap();
    build(&mut writer);
    let len = writer.finish();
    buf.truncate(len);
    buf
}

fn check(bytes: &[u8]) -> ShortTermCheck {
    let view = MessageView::parse(bytes).unwrap();
    let key_of = |name: &str| (name == "us").then(|| IntegrityKey::short_term("secret").unwrap());
    check_short_term(&view, key_of, &Hashes)
}

fn client(choice: Option<Integrity>) -> ShortTermClient {
    ShortTermClient::new("us", "secret", choice, Arc::new(Hashes)).unwrap()
}

//= rfc8489#9.1.2
//= type=test
//= rfc8489#9.1.5
//= type=test
#[test]
fn both_attributes_go_out_until_the_server_has_chosen() {
    let mut client = client(None);
    let mut attempt = Default::default();
    let first = write(Class::Request, |writer| attempt = client.sign(writer).unwrap());
    let view = MessageView::parse(&first).unwrap();
    assert!(view.has_message_integrity() && view.has_message_integrity_sha256());
    let ShortTermCheck::Passed(who) = check(&first) else { panic!("a good request") };
    assert_eq!((who.username.as_str(), who.integrity), ("us", Integrity::Sha256));
    let response = write(Class::Success, |writer| who.sign(writer, &Hashes).unwrap());
    let view = MessageView::parse(&response).unwrap();
    assert_eq!(client.handle_response(&view, &mut attempt, false), Verdict::Authenticated);
    let next = write(Class::Request, |writer| assert!(!client.sign(writer).unwrap().is_signed()));
    let view = MessageView::parse(&next).unwrap();
    assert!(!view.has_message_integrity() && view.has_message_integrity_sha256());
    // And now the other one is not believed, though it is right.
    let key = IntegrityKey::short_term("secret").unwrap();
    let other = write(Class::Success, |w| key.sign(Integrity::Sha1, w, &Hashes).unwrap());
    let view = MessageView::parse(&other).unwrap();
    assert_eq!(client.handle_response(&view, &mut attempt, false), Verdict::Discard);
}

//= rfc8489#9.1.3
//= type=test
#[test]
fn the_server_refuses_in_order_and_drops_indications() {
    let key = IntegrityKey::short_term("secret").unwrap();
    let wrong = IntegrityKey::short_term("other").unwrap();
    let message = |class, name: Option<&str>, key: Option<&IntegrityKey>| {
        check(&write(class, |writer| {
            if let Some(name) = name {
                writer.username(name.as_bytes()).unwrap();
            }
            if let Some(key) = key {
                key.sign(Integrity::Sha1, writer, &Hashes).unwrap();
            }
        }))
    };
    for (name, key, code) in [
        (None, Some(&key), 400),
        (Some("us"), None, 400),
        (Some("them"), Some(&key), 401),
        (Some("us"), Some(&wrong), 401),
    ] {
        let refused = message(Class::Request, name, key);
        assert!(
            matches!(refused, ShortTermCheck::Refused(c) if c == code),
            "{name:?}: {refused:?}"
        );
        let dropped = message(Class::Indication, name, key);
        assert!(matches!(dropped, ShortTermCheck::Discard));
    }
    let passed = message(Class::Indication, Some("us"), Some(&key));
    assert!(matches!(passed, ShortTermCheck::Passed(_)));
}

// attack: a forged response kills the transaction
//= rfc8489#9.1.4
//= type=test
#[test]
fn an_unproven_response_never_came_or_over_tcp_ends_the_request() {
    let wrong = IntegrityKey::short_term("guess").unwrap();
    for forged in [
        write(Class::Success, |w| wrong.sign(Integrity::Sha1, w, &Hashes).unwrap()),
        write(Class::Error, |w| assert!(w.error_code(401, "").is_ok())),
        write(Class::Success, |_| {}),
    ] {
        let mut client = client(Some(Integrity::Sha1));
        let mut attempt = Default::default();
        write(Class::Request, |writer| attempt = client.sign(writer).unwrap());
        let view = MessageView::parse(&forged).unwrap();
        assert_eq!(client.handle_response(&view, &mut attempt, false), Verdict::Discard);
        assert!(attempt.integrity_violated());
        let failed = Verdict::Failed(AuthError::IntegrityViolated);
        assert_eq!(client.handle_response(&view, &mut attempt, true), failed);
    }
}
