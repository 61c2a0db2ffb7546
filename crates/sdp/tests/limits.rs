//! A hostile writer: limits hold, and time stays linear.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use antiphon_sdp::{
    ErrorKind, MAX_ATTRIBUTES, MAX_LINE, MAX_SECTIONS, MAX_TEXT, SessionDescription,
};

const HEAD: &str = "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";

fn error(text: &str) -> (u32, ErrorKind) {
    let error = SessionDescription::parse(text).expect_err("too much");
    (error.line, error.kind)
}

// attack: a text or a line of megabytes
#[test]
fn texts_and_lines_have_a_limit() {
    let text = format!("{HEAD}{}", "a=x\r\n".repeat(MAX_TEXT / 5));
    assert_eq!(error(&text), (0, ErrorKind::TextTooLong { len: text.len(), limit: MAX_TEXT }));

    let fits = format!("{HEAD}a=x:{}\r\n", "y".repeat(MAX_LINE - 4));
    assert_eq!(SessionDescription::parse(&fits).unwrap().to_string(), fits);
    let text = format!("{HEAD}a=x:{}\r\n", "y".repeat(MAX_LINE - 3));
    assert_eq!(error(&text), (5, ErrorKind::LineTooLong { len: MAX_LINE + 1, limit: MAX_LINE }));
}

// attack: thousands of sections and attributes
#[test]
fn sections_and_attributes_have_a_limit() {
    let sections = |count| format!("{HEAD}{}", "m=audio 0 RTP/AVP 0\r\n".repeat(count));
    assert!(SessionDescription::parse(&sections(MAX_SECTIONS)).is_ok());
    let kind = ErrorKind::TooManySections { limit: MAX_SECTIONS };
    assert_eq!(error(&sections(MAX_SECTIONS + 1)), (5 + MAX_SECTIONS as u32, kind));

    let attributes = |count| format!("{HEAD}{}", "a=x\r\n".repeat(count));
    assert!(SessionDescription::parse(&attributes(MAX_ATTRIBUTES)).is_ok());
    let kind = ErrorKind::TooManyAttributes { limit: MAX_ATTRIBUTES };
    assert_eq!(error(&attributes(MAX_ATTRIBUTES + 1)), (5 + MAX_ATTRIBUTES as u32, kind));
}

// attack: malformed m= and fmtp lines, junk in sctp-init
#[test]
fn junk_in_media_lines_is_an_error_or_kept() {
    for line in ["m=", "m= ", "m=audio", "m=audio 9", "m=audio 9 ", "m=audio 9/ RTP/AVP 0"] {
        assert_eq!(error(&format!("{HEAD}{line}\r\n")).1, ErrorKind::Malformed('m'), "{line}");
    }
    for junk in ["%%%", "====", "A", "AAA", "AA=A", ""] {
        let text = format!("{HEAD}m=audio 9 RTP/AVP 0\r\na=sctp-init:{junk}\r\n");
        assert_eq!(error(&text).1, ErrorKind::MalformedAttribute("sctp-init"), "{junk}");
    }
    for line in ["a=fmtp:96 ;;;=;=;", "a=fmtp:96 apt", "a=fmtp:999999 x"] {
        let text = format!("{HEAD}m=audio 9 RTP/AVP 0\r\n{line}\r\n");
        let description = SessionDescription::parse(&text).unwrap();
        assert_eq!(description.to_string(), text);
        for fmtp in description.media[0].fmtps() {
            assert!(antiphon_sdp::fmtp_parameters(&fmtp.parameters).count() < 9);
        }
    }
}

// attack: input that makes a parser quadratic
#[test]
fn long_lists_are_read_once() {
    let long = "0 ".repeat(MAX_LINE / 2 - 20);
    let long = long.trim_end();
    for line in [
        format!("m=audio 9 RTP/AVP {long}"),
        format!("m=audio 9 RTP/AVP 0\r\na=group:BUNDLE {long}"),
        format!("m=audio 9 RTP/AVP 0\r\na=simulcast:send {}", long.replace(' ', ";")),
        format!("m=audio 9 RTP/AVP 0\r\na=ssrc-group:FID {long}"),
    ] {
        let text = format!("{HEAD}{line}\r\n");
        assert_eq!(SessionDescription::parse(&text).unwrap().to_string(), text);
    }
}
