//! `stun:` and `stuns:` (RFC 7064), and the strings of RFC 8265.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use antiphon_stun::{Host, OpaqueStringError, StunUri, UriError, opaque_string};
use proptest::prelude::*;

//= rfc7064#3.1
//= type=test
//= rfc7064#3.2
//= type=test
#[test]
fn uris_read_and_are_written_as_they_came() {
    for (text, secure, port, service) in [
        ("stun:example.org", false, 3478, ("_stun", "_udp")),
        ("stuns:example.org", true, 5349, ("_stuns", "_tcp")),
        ("stun:example.org:8000", false, 8000, ("_stun", "_udp")),
        ("stun:192.0.2.1:0", false, 0, ("_stun", "_udp")),
        ("stuns:[2001:db8::1]:65535", true, 65535, ("_stuns", "_tcp")),
        ("stun:[::1]", false, 3478, ("_stun", "_udp")),
        ("stun:a-b_c.example.", false, 3478, ("_stun", "_udp")),
    ] {
        let uri: StunUri = text.parse().unwrap();
        assert_eq!((uri.secure, uri.port(), uri.service()), (secure, port, service), "{text}");
        assert_eq!(uri.to_string(), text);
    }
    let uri: StunUri = "STUN:192.0.2.1".parse().unwrap();
    assert_eq!(uri.server.host, Host::Address([192, 0, 2, 1].into()));
}

#[test]
fn what_is_no_such_uri_is_refused() {
    for (text, error) in [
        ("", UriError::Scheme),
        ("example.org", UriError::Scheme),
        ("turn:example.org", UriError::Scheme),
        ("stun:", UriError::Host),
        ("stun::3478", UriError::Host),
        ("stun://example.org", UriError::Trailing { at: 0 }),
        ("stun:user@example.org", UriError::Host),
        ("stun:exa mple.org", UriError::Host),
        ("stun:b\u{fc}cher.example", UriError::Host),
        ("stun:[2001:db8::1", UriError::Host),
        ("stun:[example.org]", UriError::Host),
        ("stun:[::1]x", UriError::Host),
        ("stun:2001:db8::1", UriError::Port),
        ("stun:example.org:65536", UriError::Port),
        ("stun:example.org:+1", UriError::Port),
        ("stun:example.org?transport=udp", UriError::Trailing { at: 11 }),
        ("stun:example.org/path", UriError::Trailing { at: 11 }),
        ("stun:example.org#part", UriError::Trailing { at: 11 }),
    ] {
        assert_eq!(text.parse::<StunUri>(), Err(error), "{text}");
    }
    let long = format!("stun:{}", "a".repeat(256));
    assert_eq!(long.parse::<StunUri>(), Err(UriError::Host));
}

//= rfc8265#4.2.1
//= type=test
#[test]
fn ascii_stays_as_it_is_without_controls() {
    assert_eq!(
        opaque_string("correct horse battery staple").unwrap(),
        "correct horse battery staple"
    );
    assert_eq!(opaque_string("Correct Horse").unwrap(), "Correct Horse");
    assert_eq!(opaque_string(""), Err(OpaqueStringError::Empty));
    assert_eq!(opaque_string("my cat is a \tby"), Err(OpaqueStringError::Forbidden { at: 12 }));
    assert_eq!(opaque_string("\u{7f}"), Err(OpaqueStringError::Forbidden { at: 0 }));
}

#[cfg(not(feature = "precis"))]
#[test]
fn beyond_ascii_the_feature_is_needed() {
    assert_eq!(opaque_string("p\u{e5}"), Err(OpaqueStringError::NotAscii { at: 1 }));
}

//= rfc8265#4.2.2
//= type=test
#[cfg(feature = "precis")]
#[test]
fn spaces_become_one_space_and_characters_are_composed() {
    for (given, expected) in [
        ("\u{3c0}\u{df}\u{e5}", "\u{3c0}\u{df}\u{e5}"),
        ("Jack of \u{2666}s", "Jack of \u{2666}s"),
        ("foo\u{1680}bar", "foo bar"),
        ("foo\u{a0}bar", "foo bar"),
        ("a\u{30a}", "\u{e5}"),
        ("\u{ff21}", "\u{ff21}"), // full width stays
    ] {
        assert_eq!(opaque_string(given).unwrap(), expected);
    }
    for wrong in ["\u{e5}\t", "\u{200b}\u{e5}\u{85}", "\u{fdd0}"] {
        assert!(opaque_string(wrong).is_err(), "{wrong:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in "(stuns?:)?\\PC{0,40}") {
        if let Ok(uri) = text.parse::<StunUri>() {
            prop_assert_eq!(uri.to_string().parse(), Ok(uri));
        }
        drop(opaque_string(&text));
    }
}
