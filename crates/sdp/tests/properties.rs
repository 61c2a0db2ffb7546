//! Round trips over generated descriptions and generated junk.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use antiphon_sdp::{
    Address, Attribute, Bandwidth, Direction, ExtMap, Fingerprint, Fmtp, Group, Media, MediaKind,
    Msid, Origin, Rid, RidDirection, Rtcp, RtcpFeedback, RtpMap, SessionDescription, Setup, Ssrc,
    SsrcGroup, Words,
};
use proptest::prelude::*;

fn token() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9!#$%&'*+.^_`{|}~-]{1,12}"
}

fn direction() -> impl Strategy<Value = Direction> {
    (any::<bool>(), any::<bool>()).prop_map(|(sends, receives)| Direction::new(sends, receives))
}

fn transport_attribute() -> impl Strategy<Value = Attribute<'static>> {
    prop_oneof![
        token().prop_map(|mid| Attribute::Mid(mid.into())),
        "[a-zA-Z0-9+/]{4,40}".prop_map(|text| Attribute::IceUfrag(text.into())),
        "[a-zA-Z0-9+/]{22,40}".prop_map(|text| Attribute::IcePwd(text.into())),
        prop::collection::vec(token(), 0..4)
            .prop_map(|words| Attribute::IceOptions(words.into_iter().collect())),
        prop_oneof![Just(Setup::Active), Just(Setup::Passive), Just(Setup::ActPass)]
            .prop_map(Attribute::Setup),
        prop::collection::vec(any::<u8>(), 1..40).prop_map(|bytes| {
            let digest: Vec<_> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            let digest = digest.join(":").into();
            Attribute::Fingerprint(Fingerprint { hash: "sha-256".into(), digest })
        }),
        (token(), prop::collection::vec(token(), 0..4)).prop_map(|(semantics, mids)| {
            let mids = mids.into_iter().collect();
            Attribute::Group(Group { semantics: semantics.into(), mids })
        }),
        any::<u16>().prop_map(|port| Attribute::Rtcp(Rtcp { port, address: Some(Address::ANY) })),
        any::<u64>().prop_map(Attribute::MaxMessageSize),
        Just(Attribute::RtcpMux),
        Just(Attribute::EndOfCandidates),
    ]
}

fn media_attribute() -> impl Strategy<Value = Attribute<'static>> {
    prop_oneof![
        direction().prop_map(Attribute::Direction),
        (0u8..128, token(), any::<u32>(), any::<Option<u32>>()).prop_map(
            |(payload_type, encoding, clock_rate, channels)| {
                let encoding = encoding.into();
                Attribute::RtpMap(RtpMap { payload_type, encoding, clock_rate, channels })
            }
        ),
        (token(), "[ -~]{0,30}").prop_map(|(format, parameters)| Attribute::Fmtp(Fmtp {
            format: format.into(),
            parameters: parameters.into()
        })),
        (prop::option::of(0u8..128), "[!-~][ -~]{0,20}").prop_map(|(payload_type, feedback)| {
            Attribute::RtcpFeedback(RtcpFeedback { payload_type, feedback: feedback.into() })
        }),
        (any::<u16>(), prop::option::of(direction()), "[!-~]{1,30}").prop_map(
            |(id, direction, uri)| {
                Attribute::ExtMap(ExtMap { id, direction, uri: uri.into(), attributes: None })
            }
        ),
        (any::<u32>(), token(), prop::option::of("[ -~]{0,20}")).prop_map(|(ssrc, name, value)| {
            Attribute::Ssrc(Ssrc { ssrc, name: name.into(), value: value.map(Into::into) })
        }),
        prop::collection::vec(any::<u32>(), 0..4).prop_map(|ssrcs| {
            let sources = ssrcs.iter().map(u32::to_string).collect();
            Attribute::SsrcGroup(SsrcGroup { semantics: "FID".into(), sources })
        }),
        ("[!-~]{1,20}", prop::option::of("[!-~]{1,20}")).prop_map(|(stream, track)| {
            Attribute::Msid(Msid { stream: stream.into(), track: track.map(Into::into) })
        }),
        ("[a-zA-Z0-9_-]{1,10}", prop::option::of("[!-~]{1,20}")).prop_map(|(id, restrictions)| {
            let restrictions = restrictions.map(Into::into);
            Attribute::Rid(Rid { id: id.into(), direction: RidDirection::Send, restrictions })
        }),
        ("x-[a-z]{1,8}", prop::option::of("[ -~é€]{0,20}")).prop_map(|(name, value)| {
            Attribute::Other { name: name.into(), value: value.map(Into::into) }
        }),
    ]
}

fn attributes() -> impl Strategy<Value = Vec<Attribute<'static>>> {
    prop::collection::vec(prop_oneof![transport_attribute(), media_attribute()], 0..20)
}

fn media() -> impl Strategy<Value = Media<'static>> {
    let formats = prop::collection::vec(token(), 1..5);
    (any::<u16>(), formats, attributes(), any::<u64>()).prop_map(
        |(port, formats, attributes, value)| {
            let formats: Words<'static> = formats.into_iter().collect();
            Media {
                connections: vec![Address::ANY],
                bandwidths: vec![Bandwidth { kind: "AS".into(), value }],
                attributes,
                ..Media::new(MediaKind::Video, port, "UDP/TLS/RTP/SAVPF", formats)
            }
        },
    )
}

fn description() -> impl Strategy<Value = SessionDescription<'static>> {
    (attributes(), prop::collection::vec(media(), 0..4), any::<u64>()).prop_map(
        |(attributes, media, id)| {
            let origin = Origin {
                username: "-".into(),
                session_id: id.to_string().into(),
                session_version: "1".into(),
                address: Address::ANY,
            };
            SessionDescription { attributes, media, ..SessionDescription::new(origin) }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_reads_back(description in description()) {
        let text = description.to_string();
        let parsed = SessionDescription::parse(&text)
            .map_err(|error| TestCaseError::fail(format!("{error} in {text}")))?;
        prop_assert_eq!(&parsed, &description);
        prop_assert_eq!(parsed.to_string(), text);
    }

    // attack: any text at all
    #[test]
    fn junk_never_panics(text in "\\PC*") {
        let _ = SessionDescription::parse(&text);
    }

    #[test]
    fn lines_of_junk_are_read_or_refused(
        lines in prop::collection::vec(("[a-z]", "[ -~]{0,40}"), 0..20)
    ) {
        let mut text = String::from("v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n");
        for (letter, value) in &lines {
            text.push_str(&format!("{letter}={value}\r\n"));
        }
        if let Ok(parsed) = SessionDescription::parse(&text) {
            let written = parsed.to_string();
            prop_assert_eq!(SessionDescription::parse(&written), Ok(parsed));
        }
    }

    #[test]
    fn attributes_of_junk_read_back(
        values in prop::collection::vec(
            ("(candidate|rtpmap|fmtp|extmap|ssrc|ssrc-group|msid|rid|simulcast|rtcp|rtcp-fb|group)",
             "[0-9a-c /:;,~*]{0,20}"),
            0..20,
        )
    ) {
        for (name, value) in &values {
            let text =
                format!("v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na={name}:{value}\r\n");
            if let Ok(parsed) = SessionDescription::parse(&text) {
                let written = parsed.to_string();
                prop_assert_eq!(SessionDescription::parse(&written), Ok(parsed));
            }
        }
    }
}
