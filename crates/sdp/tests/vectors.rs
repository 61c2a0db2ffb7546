//! Single lines, good and bad, one test per rule.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use antiphon_sdp::{
    Address, Attribute, Direction, ErrorKind, Media, MediaKind, Origin, ParseError, ProtocolFamily,
    RidDirection, SessionDescription, Timing, Words,
};

const HEAD: &str = "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
const AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n";

fn attribute(line: &str) -> Result<Attribute<'_>, ErrorKind> {
    let text = format!("{HEAD}{AUDIO}a={line}\r\n");
    let text: &'static str = text.leak();
    let description = SessionDescription::parse(text).map_err(|error| {
        assert_eq!(error.line, 6);
        error.kind
    })?;
    assert_eq!(description.to_string(), text);
    Ok(description.media[0].attributes[0].clone())
}

fn error_of(text: &str) -> ParseError {
    SessionDescription::parse(text).expect_err(text)
}

//= rfc8866#9
//= type=test
#[test]
fn every_line_that_may_occur_is_kept() {
    let text = "v=0\r\no=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\r\ns=Call to John Smith\r\n\
        i=SDP Offer #1\r\nu=http://www.jdoe.example.com/home.html\r\n\
        e=Jane Doe <jane@jdoe.example.com>\r\ne=second@example.com\r\np=+1 617 555-6011\r\n\
        c=IN IP4 198.51.100.1\r\nb=CT:128\r\nb=X-YZ:1\r\nt=3724394400 3724398000\r\n\
        r=604800 3600 0 90000\r\nz=3730928400 -1h 3749680800 0\r\nt=0 0\r\nk=prompt\r\n\
        a=recvonly\r\na=tool\r\nm=audio 49170/2 RTP/AVP 0 8\r\ni=title\r\nc=IN IP6 FF15::101/3\r\n\
        c=IN IP4 233.252.0.1/127\r\nb=AS:64\r\nk=clear:x\r\na=rtpmap:0 PCMU/8000\r\n\
        m=text 9 RTP/AVP 98\r\n";
    let description = SessionDescription::parse(text).unwrap();
    assert_eq!(description.to_string(), text);
    assert_eq!(description.timings.len(), 2);
    assert_eq!(description.media[0].port_count, Some(2));
    assert_eq!(description.media[1].kind, MediaKind::Other("text".into()));
}

//= rfc8866#5
//= type=test
#[test]
fn the_order_of_lines_is_fixed_and_errors_name_the_line() {
    for (text, line, kind) in [
        ("", 1, ErrorKind::Missing('v')),
        ("o=- 1 2 IN IP4 0.0.0.0\r\n", 1, ErrorKind::Missing('v')),
        ("v=1\r\n", 1, ErrorKind::Version),
        ("v=0\r\ns=-\r\n", 2, ErrorKind::Missing('o')),
        ("v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\nt=0 0\r\n", 3, ErrorKind::Missing('s')),
        ("v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\n", 4, ErrorKind::Missing('t')),
        ("v=0\r\no=- 1 2 IN IP4\r\n", 2, ErrorKind::Malformed('o')),
        ("v=0\r\no=- x 2 IN IP4 0.0.0.0\r\n", 2, ErrorKind::Malformed('o')),
        ("v =0\r\n", 1, ErrorKind::NotALine),
        ("v= 0\r\n", 1, ErrorKind::Version),
        ("\r\nv=0\r\n", 1, ErrorKind::NotALine),
    ] {
        assert_eq!(error_of(text), ParseError { line, kind }, "{text:?}");
    }
    for (tail, line, kind) in [
        ("i=late\r\n", 5, ErrorKind::Unexpected('i')),
        ("a=x\r\nb=AS:1\r\n", 6, ErrorKind::Unexpected('b')),
        (
            "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=x\r\nc=IN IP4 1.1.1.1\r\n",
            7,
            ErrorKind::Unexpected('c'),
        ),
        ("m=audio 9 UDP/TLS/RTP/SAVPF\r\n", 5, ErrorKind::Malformed('m')),
        ("m=audio 65536 UDP/TLS/RTP/SAVPF 0\r\n", 5, ErrorKind::Malformed('m')),
        ("m=audio -1 UDP/TLS/RTP/SAVPF 0\r\n", 5, ErrorKind::Malformed('m')),
        ("m=audio 9  RTP/AVP 0\r\n", 5, ErrorKind::Malformed('m')),
        ("m=audio 9 RTP//AVP 0\r\n", 5, ErrorKind::Malformed('m')),
        ("m=audio 9 RTP/AVP 0  1\r\n", 5, ErrorKind::Malformed('m')),
        ("a=\r\n", 5, ErrorKind::Malformed('a')),
        ("a=:x\r\n", 5, ErrorKind::Malformed('a')),
        ("a=a b\r\n", 5, ErrorKind::Malformed('a')),
        ("a=x:a\rb\r\n", 5, ErrorKind::ForbiddenByte(b'\r')),
        ("a=x:a\0b\r\n", 5, ErrorKind::ForbiddenByte(0)),
        ("A=x\r\n", 5, ErrorKind::NotALine),
        ("\r\n", 5, ErrorKind::NotALine),
        ("é=x\r\n", 5, ErrorKind::NotALine),
    ] {
        assert_eq!(error_of(&format!("{HEAD}{tail}")), ParseError { line, kind }, "{tail:?}");
    }
}

//= rfc9429#5.8
//= type=test
#[test]
fn malformed_attributes_spoil_the_description() {
    for (line, name) in [
        ("mid", "mid"),
        ("mid:", "mid"),
        ("mid:a b", "mid"),
        ("rtcp-mux:1", "rtcp-mux"),
        ("sendrecv:1", "direction"),
        ("setup:both", "setup"),
        ("connection:old", "connection"),
        ("ice-ufrag:abc", "ice-ufrag"),
        ("ice-ufrag:ab=d", "ice-ufrag"),
        ("ice-pwd:0123456789012345678901234567890_", "ice-pwd"),
        ("ice-pwd:012345678901234567890", "ice-pwd"),
        ("ice-options:a  b", "ice-options"),
        ("ice-pacing:-5", "ice-pacing"),
        ("fingerprint:sha-256", "fingerprint"),
        ("fingerprint:sha-256 ", "fingerprint"),
        ("fingerprint:sha-256 0", "fingerprint"),
        ("fingerprint:sha-256 00:", "fingerprint"),
        ("fingerprint:sha-256 00-11", "fingerprint"),
        ("fingerprint:sha-256 0g:11", "fingerprint"),
        ("tls-id:short", "tls-id"),
        ("identity:", "identity"),
        ("candidate:1 1 udp 1 192.0.2.1 9", "candidate"),
        ("candidate:1 0 udp 1 192.0.2.1 9 typ host", "candidate"),
        ("candidate:1 1 udp 4294967296 192.0.2.1 9 typ host", "candidate"),
        ("candidate:1 1 udp 1 192.0.2.1 99999 typ host", "candidate"),
        ("candidate:123456789012345678901234567890123 1 udp 1 192.0.2.1 9 typ host", "candidate"),
        ("remote-candidates:1 192.0.2.1", "remote-candidates"),
        ("rtcp:x", "rtcp"),
        ("rtcp:9 IN IP4", "rtcp"),
        ("rtcp-fb:128 nack", "rtcp-fb"),
        ("rtcp-fb:96", "rtcp-fb"),
        ("rtcp-fb:*", "rtcp-fb"),
        ("rtpmap:96", "rtpmap"),
        ("rtpmap:96 VP8", "rtpmap"),
        ("rtpmap:96 VP8/", "rtpmap"),
        ("rtpmap:128 VP8/90000", "rtpmap"),
        ("rtpmap:96 VP8/90000/x", "rtpmap"),
        ("rtpmap:96 VP8/99999999999", "rtpmap"),
        ("fmtp:", "fmtp"),
        ("extmap:1", "extmap"),
        ("extmap:1 ", "extmap"),
        ("extmap:1/both urn:x", "extmap"),
        ("extmap:65536 urn:x", "extmap"),
        ("ssrc:1", "ssrc"),
        ("ssrc:4294967296 cname:x", "ssrc"),
        ("ssrc-group:FID 1 x", "ssrc-group"),
        ("msid:", "msid"),
        ("msid:a b c", "msid"),
        ("group:", "group"),
        ("group:BUNDLE 0  1", "group"),
        ("rid:", "rid"),
        ("rid:a", "rid"),
        ("rid:a both", "rid"),
        ("rid:a! send", "rid"),
        ("simulcast:", "simulcast"),
        ("simulcast:send", "simulcast"),
        ("simulcast:send a send b", "simulcast"),
        ("simulcast:send a;;b", "simulcast"),
        ("simulcast:send a,", "simulcast"),
        ("sctp-port:70000", "sctp-port"),
        ("max-message-size:-1", "max-message-size"),
        ("ptime:x", "ptime"),
        ("framerate:.", "framerate"),
    ] {
        assert_eq!(attribute(line), Err(ErrorKind::MalformedAttribute(name)), "{line}");
    }
}

#[test]
fn well_formed_attributes_keep_their_spelling() {
    for line in [
        "bundle-only",
        "candidate:1 1 UDP 2130706431 203.0.113.1 8998 typ host",
        "candidate:a+/ 256 tcp 0 fe80::1 0 typ x-new raddr 0.0.0.0 rport 9 tcptype active",
        "candidate:717953142 1 udp 1 3b2c.local 54817 typ srflx generation 0",
        "connection:existing",
        "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x",
        "cryptex",
        "extmap:4096 urn:x",
        "extmap:1/sendonly urn:x long:params here",
        "fingerprint:SHA-1 aa:BB:0c",
        "fmtp:96 ",
        "framerate:29.97",
        "group:BUNDLE",
        "group:LS a b",
        "ice-lite",
        "ice-mismatch",
        "ice-options:trickle ice2",
        "ice-pacing:50",
        "identity:eyJpZHA=",
        "identity:eyJpZHA= a=b",
        "imageattr:97 send [x=800,y=640]",
        "max-message-size:0",
        "maxptime:60.5",
        "msid:- ",
        "msid-semantic: WMS *",
        "remote-candidates:1 192.0.2.3 45664 2 192.0.2.3 45665",
        "rid:foo_1-2 recv pt=96,97;max-width=1280",
        "rtcp:9",
        "rtcp:9 IN IP4 0.0.0.0",
        "rtcp-fb:* nack",
        "rtcp-fb:96 ccm fir",
        "rtcp-mux-only",
        "rtpmap:9 G722/8000/1",
        "sctpmap:5000 webrtc-datachannel 1024",
        "sctpmap:5000 webrtc-datachannel",
        "simulcast:recv 1,~2;3 send 4",
        "ssrc:1 msid:a b",
        "ssrc:1 label",
        "ssrc-group:FID 1 2",
        "tls-id:01234567890123456789_-",
        "x-google-flag:conference",
        "inactive",
    ] {
        if line == "msid:- " {
            assert!(attribute(line).is_err());
        } else {
            assert!(attribute(line).is_ok(), "{line}");
        }
    }
}

#[test]
fn unknown_attributes_stay_as_they_are() {
    let line = "rtcp-xr:rcvr-rtt=all:10000";
    let other =
        Attribute::Other { name: "rtcp-xr".into(), value: Some("rcvr-rtt=all:10000".into()) };
    assert_eq!(attribute(line), Ok(other));
    assert_eq!(attribute("flag"), Ok(Attribute::Other { name: "flag".into(), value: None }));
    // Names of attributes are case-sensitive: this is no mid.
    assert!(matches!(attribute("MID:a b"), Ok(Attribute::Other { .. })));
}

#[test]
fn structured_values_can_be_walked() {
    let Ok(Attribute::Simulcast(simulcast)) = attribute("simulcast:recv 1,~2;3 send 4") else {
        panic!("simulcast");
    };
    let recv: Vec<Vec<_>> =
        simulcast.streams(RidDirection::Recv).unwrap().iter().map(Iterator::collect).collect();
    assert_eq!(recv, [vec![("1", false), ("2", true)], vec![("3", false)]]);
    assert_eq!(simulcast.streams(RidDirection::Send).unwrap().iter().count(), 1);

    let Ok(Attribute::SsrcGroup(group)) = attribute("ssrc-group:FID 7 4294967295") else {
        panic!("group");
    };
    assert_eq!(group.ssrcs().collect::<Vec<_>>(), [7, u32::MAX]);

    let Ok(Attribute::RtcpFeedback(feedback)) = attribute("rtcp-fb:* ccm fir") else {
        panic!("feedback");
    };
    assert!(feedback.applies_to(0) && feedback.applies_to(127));
}

#[test]
fn protocols_fall_into_families() {
    for (protocol, family) in [
        ("UDP/TLS/RTP/SAVPF", ProtocolFamily::Rtp),
        ("RTP/AVP", ProtocolFamily::Rtp),
        ("UDP/DTLS/SCTP", ProtocolFamily::Sctp),
        ("DTLS/SCTP", ProtocolFamily::OldSctp),
        ("TCP/MSRP", ProtocolFamily::Unknown),
    ] {
        let media = Media::new(MediaKind::Audio, 0, protocol, Words::default());
        assert_eq!(media.protocol_family(), family);
        assert!(media.is_rejected());
    }
}

#[test]
fn directions_reverse_and_intersect() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    assert_eq!(SendOnly.reversed(), RecvOnly);
    assert_eq!(SendRecv.reversed(), SendRecv);
    assert_eq!(SendRecv.intersection(RecvOnly), RecvOnly);
    assert_eq!(SendOnly.intersection(RecvOnly), Inactive);
}

#[test]
fn a_description_from_scratch_cannot_be_made_to_gain_lines() {
    let origin = Origin {
        username: "-".into(),
        session_id: "1".into(),
        session_version: "1".into(),
        address: Address::ANY,
    };
    let mut description = SessionDescription::new(origin);
    description.timings = vec![Timing::PERMANENT];
    description.attributes.push(Attribute::Mid("a\r\na=evil\0".into()));
    assert!(description.to_string().ends_with("t=0 0\r\na=mid:aa=evil\r\n"));
}
