//! Descriptions made to hurt.

use super::*;

const HEAD: &str = "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n";

fn offer(first: &str, second: &str) -> String {
    let transport = format!(
        "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:{FINGERPRINT}\r\n\
         a=setup:actpass\r\na=rtcp-mux\r\n"
    );
    format!(
        "{HEAD}m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n\
         {transport}{first}m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n\
         {transport}{second}"
    )
}

fn is_ok(text: &str) -> bool {
    side(1).engine.set_remote_description(SdpType::Offer, text).is_ok()
}

#[test]
fn the_frame_of_these_tests_is_sound() {
    assert!(is_ok(&offer("", "")));
}

// attack: duplicate mid or rid
#[test]
fn ids_that_occur_twice_are_refused() {
    assert!(!is_ok(&offer("", "").replace("a=mid:1", "a=mid:0")));
    assert!(!is_ok(&offer("a=mid:5\r\n", "")));
    assert!(!is_ok(&offer("", "").replace("BUNDLE 0 1", "BUNDLE 0 0")));
    assert!(!is_ok(
        &offer("", "")
            .replace("a=group:BUNDLE 0 1\r\n", "a=group:BUNDLE 0 1\r\na=group:BUNDLE 1\r\n")
    ));
    assert!(!is_ok(&offer("", "a=rid:a send\r\na=rid:a send\r\n")));
    assert!(is_ok(&offer("", "a=rid:a send\r\na=rid:b send\r\na=simulcast:send a;b\r\n")));
    assert!(!is_ok(&offer("", "a=rid:a send\r\na=simulcast:send a;b\r\n")));
}

// attack: payload types that collide across the bundle
#[test]
fn a_payload_type_has_one_meaning_in_a_bundle() {
    let clash = offer("", "").replace("SAVPF 96", "SAVPF 111").replace("rtpmap:96", "rtpmap:111");
    assert!(!is_ok(&clash));
    assert!(!is_ok(&offer("", "").replace("SAVPF 96", "SAVPF 96 96")));
    assert!(!is_ok(&offer("", "").replace("SAVPF 96", "SAVPF 96 200")));
    assert!(!is_ok(&offer("", "").replace("SAVPF 96", "SAVPF 96 x")));
    assert!(!is_ok(&offer("", "a=rtpmap:97 rtx/90000\r\n").replace("SAVPF 96", "SAVPF 96 97")));
}

// attack: ids of header extensions that are redefined
#[test]
fn an_agreed_extension_id_has_one_meaning_for_ever() {
    assert!(!is_ok(&offer("a=extmap:1 urn:a\r\n", "a=extmap:1 urn:b\r\n")));
    assert!(!is_ok(&offer("a=extmap:1 urn:a\r\na=extmap:1 urn:a\r\n", "")));
    let mut b = side(2);
    let mid = crate::jsep::settings::uri::MID;
    b.take_offer(&offer(&format!("a=extmap:1 {mid}\r\na=extmap:2 urn:a\r\n"), ""));
    b.answer();
    let text = offer("a=extmap:1 urn:b\r\n", "");
    assert!(b.engine.set_remote_description(SdpType::Offer, &text).is_err());
    // What was never agreed on may change.
    b.take_offer(&offer("a=extmap:2 urn:b\r\n", ""));
}

#[test]
fn ids_that_fit_no_header_are_not_agreed_on() {
    let mut b = side(2);
    for (id, ok) in [(0, false), (14, true), (15, false), (16, true), (256, false), (4096, false)] {
        let line = format!("a=extmap:{id} {}\r\n", crate::jsep::settings::uri::MID);
        b.engine = Negotiation::new(settings(2));
        b.take_offer(&offer(&line, ""));
        let (answer, _) = b.answer();
        assert_eq!(answer.contains("a=extmap:"), ok, "{id}");
    }
}

#[test]
fn sections_outside_the_bundle_are_refused_and_the_rest_lives() {
    let mut b = side(2);
    let change = b.take_offer(&offer("", "").replace("BUNDLE 0 1", "BUNDLE 0"));
    assert_eq!(change.transceivers_created.len(), 1);
    let (answer, _) = b.answer();
    assert_eq!(count(&answer, "m=video 0 UDP/TLS/RTP/SAVPF 96"), 1);
    assert_eq!(count(&answer, "a=group:BUNDLE 0"), 1);
    // No group at all: the first section only, and no group in the answer.
    let mut b = side(2);
    b.take_offer(&offer("", "").replace("a=group:BUNDLE 0 1\r\n", ""));
    let (answer, _) = b.answer();
    assert_eq!(count(&answer, "a=group"), 0);
    assert_eq!(count(&answer, "m=audio 9"), 1);
    assert_eq!(count(&answer, "m=video 0"), 1);
}

#[test]
fn unknown_sections_are_refused_in_their_own_words() {
    let mut b = side(2);
    let text = offer("", "").replace("BUNDLE 0 1", "BUNDLE 0 1 2 3")
        + "m=text 9 RTP/AVP 98 99\r\na=mid:2\r\nm=application 9 UDP/BFCP *\r\na=mid:3\r\n";
    b.take_offer(&text);
    let (answer, _) = b.answer();
    assert_eq!(count(&answer, "m=text 0 RTP/AVP 98 99"), 1);
    assert_eq!(count(&answer, "m=application 0 UDP/BFCP *"), 1);
    assert_eq!(count(&answer, "a=group:BUNDLE 0 1\r"), 0);
    assert_eq!(count(&answer, "a=group:BUNDLE 0 1"), 1);
}

#[test]
fn a_peer_of_old_gets_its_sctpmap_back() {
    let mut b = side(2);
    let text = offer("", "").replace("BUNDLE 0 1", "BUNDLE 0 1 2")
        + "m=application 9 DTLS/SCTP 5000\r\na=mid:2\r\na=sctpmap:5000 webrtc-datachannel 256\r\n";
    let change = b.take_offer(&text);
    let sctp = change.sctp.unwrap();
    assert_eq!((sctp.port, sctp.max_message_size), (5000, 65_536));
    let (answer, _) = b.answer();
    assert_eq!(section(&answer, 2)[0], "application 9 DTLS/SCTP 5000");
    assert!(section(&answer, 2).contains(&"a=sctpmap:5000 webrtc-datachannel 65535"));
}

#[test]
fn peers_without_mids_get_none() {
    let mut b = side(2);
    let text = offer("", "");
    let text = text.split("m=video").next().unwrap();
    b.take_offer(&text.replace("a=group:BUNDLE 0 1\r\n", "").replace("a=mid:0\r\n", ""));
    let (answer, _) = b.answer();
    assert!(!answer.contains("a=mid") && !answer.contains("a=group"));
    assert!(b.engine.transceivers().next().unwrap().mid().is_some());
}

// attack: thousands of sections
#[test]
fn a_thousand_sections_are_answered_in_time() {
    let mids: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    let mut text = offer("", "").replace("BUNDLE 0 1", &format!("BUNDLE {}", mids.join(" ")));
    for mid in mids.iter().skip(2) {
        text.push_str(&format!(
            "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:{mid}\r\na=rtpmap:111 opus/48000/2\r\n"
        ));
    }
    let mut b = side(2);
    b.take_offer(&text);
    let (answer, _) = b.answer();
    assert_eq!(count(&answer, "m=audio 9"), 999);
}

#[test]
fn a_lite_peer_is_known_as_such() {
    let text = offer("", "").replace("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n");
    assert!(side(2).take_offer(&text).remote.unwrap().lite);
}

#[test]
fn roles_that_leave_no_choice_are_respected() {
    for (theirs, ours) in [("active", "passive"), ("passive", "active"), ("actpass", "active")] {
        let mut b = side(2);
        b.take_offer(&offer("", "").replace("setup:actpass", &format!("setup:{theirs}")));
        let (answer, _) = b.answer();
        assert_eq!(count(&answer, &format!("a=setup:{ours}")), 2);
    }
    assert!(!is_ok(&offer("", "").replace("setup:actpass", "setup:holdconn")));
}

// attack: one codec under every number, in section after section
#[test]
fn a_codec_under_every_number_is_taken_a_few_times() {
    let numbers: Vec<String> = (0..128).map(|number: u8| number.to_string()).collect();
    let maps: String =
        numbers.iter().map(|number| format!("a=rtpmap:{number} VP8/90000\r\n")).collect();
    let mut text =
        offer("", "").replace("SAVPF 111", "SAVPF").replace("a=rtpmap:111 opus/48000/2\r\n", "");
    text = text.replace(
        "m=audio 9 UDP/TLS/RTP/SAVPF",
        "m=video 9 UDP/TLS/RTP/SAVPF 1\r\na=rtpmap:1 VP8/90000",
    );
    let mids: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    text = text.replace("BUNDLE 0 1", &format!("BUNDLE {}", mids.join(" ")));
    for mid in mids.iter().skip(2) {
        text.push_str(&format!(
            "m=video 9 UDP/TLS/RTP/SAVPF {}\r\na=mid:{mid}\r\n{maps}",
            numbers.join(" ")
        ));
    }
    let mut b = side(2);
    b.take_offer(&text);
    let (answer, _) = b.answer();
    assert_eq!(section(&answer, 5)[0].split(' ').count(), 3 + 32);
}

/// A small generator: the run is the same every time.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// Lines removed, doubled, moved, shortened and mixed with those of another description.
fn mutate(dice: &mut Dice, text: &str, other: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let others: Vec<&str> = other.lines().collect();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(lines.len());
        match dice.roll(6) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[at].clone()),
            2 => {
                let to = dice.roll(lines.len());
                lines.swap(at, to);
            }
            3 => lines[at] = others[dice.roll(others.len())].to_owned(),
            4 => {
                let digit = char::from(b'0' + u8::try_from(dice.roll(10)).unwrap());
                lines[at] = lines[at].replace(['0', '1', '9'], &digit.to_string());
            }
            _ => {
                lines[at].pop();
            }
        }
        if lines.len() < 5 {
            break;
        }
    }
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

// attack: descriptions that are almost right, in any state
#[test]
fn mutated_descriptions_are_taken_or_refused_and_never_half_applied() {
    let mut dice = Dice(7);
    for round in 0..400_u32 {
        let (mut a, mut b) = (side(1), side(2));
        a.add(Kind::Audio, Direction::SendRecv);
        a.add(Kind::Video, Direction::SendRecv);
        a.engine.want_data_channel();
        let offer = a.offer();
        let first = mutate(
            &mut dice,
            &offer,
            include_str!("../../../../testkit/fixtures/sdp/firefox-offer-av-data.sdp"),
        );
        if b.engine.set_remote_description(SdpType::Offer, &first).is_err() {
            b.take_offer(&offer);
        }
        let (answer, _) = b.answer();
        let second = mutate(&mut dice, &answer, &offer);
        let before = format!("{:?}", a.engine);
        if a.engine.set_remote_description(SdpType::Answer, &second).is_err() {
            assert_eq!(format!("{:?}", a.engine), before, "round {round}");
        }
        let again = mutate(&mut dice, &offer, &answer);
        let before = format!("{:?}", b.engine);
        match b.engine.set_remote_description(SdpType::Offer, &again) {
            Ok(_) => drop(b.answer()),
            Err(_) => assert_eq!(format!("{:?}", b.engine), before, "round {round}"),
        }
        let _ = a.engine.add_ice_candidate(&second, Some("0"), None, None);
        let _ = (a.engine.negotiation_needed(), b.engine.negotiation_needed(), b.sections());
    }
}

#[test]
fn a_number_that_means_two_things_is_answered_with_one() {
    let mut b = side(2);
    let rtx = "a=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=96\r\n";
    let third = "m=video 9 UDP/TLS/RTP/SAVPF 96 99\r\na=mid:2\r\na=rtpmap:96 VP8/90000\r\n\
                 a=rtpmap:99 AV1/90000\r\n";
    let text =
        offer("", rtx).replace("SAVPF 96", "SAVPF 96 99").replace("BUNDLE 0 1", "BUNDLE 0 1 2")
            + third;
    b.take_offer(&text);
    let (answer, _) = b.answer();
    assert_eq!(section(&answer, 1)[0], "video 9 UDP/TLS/RTP/SAVPF 96 99");
    assert_eq!(section(&answer, 2)[0], "video 9 UDP/TLS/RTP/SAVPF 96");
    // The numbers of each section stay in our next offer.
    let next = b.offer();
    assert!(section(&next, 1)[0].starts_with("video 9 UDP/TLS/RTP/SAVPF 96 99 "));
    assert_eq!(next.matches("a=rtpmap:99 ").count(), 2);
    assert_eq!(next.matches("a=rtpmap:99 rtx/90000").count(), 2);
}
