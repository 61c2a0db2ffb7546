//! The vectors of RFC 9605 appendix C, all of them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_sframe::{CipherSuite, Config, Header, MAX_HEADER};
use common::{encrypt, hex, receiver, sender};

fn vectors(kind: &str) -> impl Iterator<Item = Vec<&str>> {
    include_str!("fixtures/rfc9605.txt")
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(move |words| words[0] == kind)
}

fn number(text: &str) -> u64 {
    u64::from_str_radix(text, 16).unwrap()
}

//= rfc9605#4.3
//= type=test
#[test]
fn headers_are_those_of_rfc_9605() {
    let mut seen = 0;
    for words in vectors("header") {
        let header = Header { key_id: number(words[1]), counter: number(words[2]) };
        let mut buf = [0; MAX_HEADER];
        let len = header.write(&mut buf).unwrap();
        assert_eq!(buf[..len], hex(words[3]));
        assert_eq!(Header::parse(&hex(words[3])), Ok((header, len)));
        seen += 1;
    }
    assert_eq!(seen, 289);
}

//= rfc9605#4.4.3
//= type=test
//= rfc9605#4.4.4
//= type=test
#[test]
fn frames_are_those_of_rfc_9605() {
    let mut seen = 0;
    for words in vectors("frame") {
        let suite = CipherSuite::from_wire(number(words[1]) as u16).unwrap();
        let (key_id, counter, base_key) = (number(words[2]), number(words[3]), hex(words[4]));
        let (metadata, plain, mut frame) = (hex(words[8]), hex(words[9]), hex(words[10]));
        let mut sender = sender(suite);
        sender.add_key_at(key_id, &base_key, counter).unwrap();
        assert_eq!(encrypt(&mut sender, key_id, &metadata, &plain), frame);
        let mut receiver = receiver(suite, &Config::default());
        receiver.add_key(key_id, &base_key).unwrap();
        let decrypted = receiver.decrypt(&metadata, &mut frame).unwrap();
        assert_eq!(frame[decrypted.plaintext], plain);
        assert_eq!((decrypted.key_id, decrypted.counter), (key_id, counter));
        seen += 1;
    }
    assert_eq!(seen, 5);
}
