//! Recorded descriptions of browsers and other stacks.

use super::*;
use crate::jsep::DtlsRole;
use crate::jsep::settings::uri;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../../testkit/fixtures/sdp/", $name, ".sdp"))
    };
}

const OFFERS: [(&str, &str); 19] = [
    ("aiortc-offer", fixture!("aiortc-offer")),
    ("chromium-data-only", fixture!("chromium-data-only")),
    ("chromium-max-bundle-multi", fixture!("chromium-max-bundle-multi")),
    ("chromium-offer-av-data", fixture!("chromium-offer-av-data")),
    ("chromium-only-AV1", fixture!("chromium-only-AV1")),
    ("chromium-only-H264", fixture!("chromium-only-H264")),
    ("chromium-only-VP8", fixture!("chromium-only-VP8")),
    ("chromium-only-VP9", fixture!("chromium-only-VP9")),
    ("chromium-recvonly-av", fixture!("chromium-recvonly-av")),
    ("chromium-restricted-ext", fixture!("chromium-restricted-ext")),
    ("chromium-simulcast-vp8", fixture!("chromium-simulcast-vp8")),
    ("chromium-cryptex", fixture!("chromium-variant-cryptex-offer-av-data")),
    ("chromium-flexfec", fixture!("chromium-variant-flexfec-offer-av-data")),
    ("chromium-snap", fixture!("chromium-variant-snap-offer-av-data")),
    ("firefox-data-only", fixture!("firefox-data-only")),
    ("firefox-multi", fixture!("firefox-multi")),
    ("firefox-offer-av-data", fixture!("firefox-offer-av-data")),
    ("firefox-recvonly-av", fixture!("firefox-recvonly-av")),
    ("firefox-simulcast-vp8", fixture!("firefox-simulcast-vp8")),
];

#[test]
fn every_recorded_offer_is_accepted_as_a_whole() {
    for (name, offer) in OFFERS {
        let mut b = side(2);
        let change = b.take_offer(offer);
        let remote = change.remote.unwrap();
        assert_eq!(remote.fingerprints.len(), 1, "{name}");
        assert!(!remote.candidates.is_empty() || name == "libdatachannel-offer", "{name}");
        let (answer, change) = b.answer();
        assert_eq!(change.dtls_role, Some(DtlsRole::Client), "{name}");
        assert_eq!(count(&answer, "m="), count(offer, "m="), "{name}");
        for kind in ["audio", "video", "application"] {
            assert_eq!(count(&answer, &format!("m={kind} 0 ")), 0, "{name}: nothing is refused");
        }
        let group = |text: &str| {
            text.lines().find(|line| line.starts_with("a=group:BUNDLE")).map(str::to_owned)
        };
        assert_eq!(group(&answer), group(offer), "{name}");
        for (ours, theirs) in answer.split("\r\nm=").zip(offer.split("\r\nm=")).skip(1) {
            // Whatever we answer with was offered, number by number.
            for line in ours.lines().filter(|line| line.starts_with("a=rtpmap:")) {
                assert!(theirs.contains(line), "{name}: {line}");
            }
            for line in ours.lines().filter(|line| line.starts_with("a=rtcp-fb:")) {
                assert!(theirs.contains(line), "{name}: {line}");
            }
            for line in ours.lines().filter(|line| line.starts_with("a=extmap:")) {
                let (id, uri) = line.split_once(' ').unwrap();
                let id = id.split('/').next().unwrap();
                assert!(
                    theirs.lines().any(|other| other.starts_with(id) && other.ends_with(uri)),
                    "{name}: {line}"
                );
            }
        }
        assert!(!b.engine.negotiation_needed(), "{name}");
    }
}

#[test]
fn chromium_gets_the_formats_it_offers() {
    let mut b = side(2);
    b.track(Kind::Video);
    b.take_offer(fixture!("chromium-offer-av-data"));
    let (answer, _) = b.answer();
    let video = section(&answer, 1);
    assert_eq!(
        video[0],
        "video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 107 108 109 114 115 45 46 98 99"
    );
    // Main profile and VP9 profile 2 are not ours.
    assert!(!answer.contains("4d001f") && !answer.contains("profile-id=2"));
    assert_eq!(section(&answer, 0)[0], "audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 110 126");
    assert!(section(&answer, 0).contains(&"a=recvonly"));
    assert!(video.contains(&"a=sendrecv"));
    let sections = b.sections();
    let send = sections[0].send.as_ref().or(sections[1].send.as_ref()).unwrap();
    assert_eq!((send.formats[0].payload_type, send.formats[0].rtx), (96, Some(97)));
    let video = sections.iter().find(|one| one.kind == Kind::Video).unwrap();
    let receive = video.receive.as_ref().unwrap();
    assert_eq!(receive.sources.len(), 1);
    assert_eq!((receive.sources[0].ssrc, receive.sources[0].rtx), (2014343969, Some(2913425574)));
    let mid = video.extensions.iter().find(|one| one.uri == uri::MID).unwrap();
    assert_eq!(mid.id, 4);
}

#[test]
fn firefox_keeps_its_numbers_and_sees_no_repair_it_did_not_offer() {
    let mut b = side(2);
    b.take_offer(fixture!("firefox-offer-av-data"));
    let (answer, _) = b.answer();
    assert_eq!(section(&answer, 1)[0], "video 9 UDP/TLS/RTP/SAVPF 120 124 121 125 99 100");
    assert!(section(&answer, 1).contains(&"a=fmtp:124 apt=120"));
    assert!(section(&answer, 0).contains(&"a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid"));
    let receive = b.sections()[1].receive.clone().unwrap();
    assert_eq!(receive.sources[0].rtx, Some(333_178_838));
    assert_eq!(count(&answer, "a=ice-options:trickle"), 1);
    assert!(!answer.contains("ice2"), "it was not offered");
}

#[test]
fn simulcast_offers_are_reduced_to_one_stream() {
    for offer in [fixture!("chromium-simulcast-vp8"), fixture!("firefox-simulcast-vp8")] {
        let mut b = side(2);
        b.take_offer(offer);
        let (answer, _) = b.answer();
        assert!(!answer.contains("a=simulcast") && !answer.contains("a=rid"));
        let receive = b.sections()[0].receive.clone().unwrap();
        assert_eq!(receive.rids, ["q", "h", "f"]);
    }
}

/// An offer of ours that asks for what the recorded answer accepts: its kinds in its order.
fn offer_like(answer: &str) -> Side {
    let mut a = side(1);
    for line in answer.lines().filter(|line| line.starts_with("m=")) {
        match line.split(' ').next() {
            Some("m=audio") => drop(a.add(Kind::Audio, Direction::SendRecv)),
            Some("m=video") => drop(a.add(Kind::Video, Direction::SendRecv)),
            _ => a.engine.want_data_channel(),
        }
    }
    a
}

#[test]
fn recorded_answers_fit_offers_like_those_they_answered() {
    for (name, answer) in [
        ("chromium", fixture!("chromium-answer-av-data")),
        ("chromium-idata", fixture!("chromium-variant-idata-answer-av-data")),
        ("firefox", fixture!("firefox-answer-av-data")),
        ("aiortc", fixture!("aiortc-answer")),
    ] {
        let mut a = offer_like(answer);
        a.offer();
        // Feedback that we did not offer would be an error: what was negotiated with another
        // browser is taken out.
        let answer: String = answer
            .split_inclusive("\r\n")
            .filter(|line| !line.contains("goog-remb") && !line.contains("transport-cc"))
            .collect();
        let change = a.take_answer(&answer);
        assert_eq!(change.dtls_role, Some(DtlsRole::Server), "{name}");
        let remote = change.remote.unwrap();
        assert!(remote.pwd.len() >= 22, "{name}");
        assert_eq!(change.sctp.unwrap().port, 5000, "{name}");
        let sections = a.sections();
        assert_eq!(sections.len(), 2, "{name}");
        let video = sections.iter().find(|one| one.kind == Kind::Video).unwrap();
        let send = video.send.as_ref().unwrap();
        assert_eq!(send.formats[0].name, "VP8", "{name}");
        // Outgoing packets carry the numbers of the answer.
        let map = format!("a=rtpmap:{} VP8/90000", send.formats[0].payload_type);
        assert!(answer.contains(&map), "{name}");
    }
}

#[test]
fn an_answer_with_feedback_out_of_nowhere_is_refused() {
    let answer = fixture!("chromium-answer-av-data");
    let mut a = offer_like(answer);
    a.offer();
    assert!(a.engine.set_remote_description(SdpType::Answer, answer).is_err());
}

#[test]
fn libdatachannel_is_answered_with_its_own_mids() {
    let mut b = side(2);
    b.take_offer(fixture!("libdatachannel-offer"));
    let (answer, change) = b.answer();
    assert_eq!(count(&answer, "a=group:BUNDLE video 0"), 1);
    assert_eq!(section(&answer, 0)[0], "video 9 UDP/TLS/RTP/SAVPF 98");
    assert!(section(&answer, 0).contains(
        &"a=fmtp:98 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
    ));
    assert!(change.sctp.is_some());
    assert_eq!(count(&answer, "a=ice-options:trickle ice2"), 1);
}

#[test]
fn aiortc_gives_three_hashes_and_the_best_counts() {
    let mut b = side(2);
    let remote = b.take_offer(fixture!("aiortc-offer")).remote.unwrap();
    assert!(remote.fingerprints[0].starts_with("sha-512 CF:41"));
    assert!(remote.end_of_candidates);
}
