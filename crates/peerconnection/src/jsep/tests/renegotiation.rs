//! Later offers and answers.

use super::*;
use crate::SignalingState;
use crate::jsep::DtlsRole;

fn pair() -> (Side, Side) {
    let (mut a, mut b) = (side(1), side(2));
    a.add(Kind::Audio, Direction::SendRecv);
    a.engine.want_data_channel();
    exchange(&mut a, &mut b);
    (a, b)
}

#[test]
fn a_track_is_added_behind_the_data_section() {
    let (mut a, mut b) = pair();
    let video = a.add(Kind::Video, Direction::SendOnly);
    assert!(a.engine.negotiation_needed());
    let seen = exchange(&mut a, &mut b);
    assert_eq!(count(&seen.offer, "a=group:BUNDLE 0 1 2"), 1);
    assert!(section(&seen.offer, 2)[0].starts_with("video 9"));
    assert_eq!(seen.offered.tracks_added.len(), 1);
    assert_eq!(a.engine.transceiver(video).unwrap().mid(), Some("2"));
    assert!(!a.engine.negotiation_needed());
    // The other side adds one, too: roles of the offer change, roles of DTLS stay.
    b.add(Kind::Video, Direction::SendRecv);
    let seen = exchange(&mut b, &mut a);
    assert_eq!(count(&seen.offer, "a=group:BUNDLE 0 1 2 3"), 1);
    assert_eq!(count(&seen.offer, "a=setup:actpass"), 4);
    assert_eq!(count(&seen.answer, "a=setup:passive"), 4);
    assert_eq!(count(&seen.offer, "a=rtcp-mux-only"), 1, "only what is new says it");
}

#[test]
fn a_removed_track_leaves_and_its_section_stays() {
    let (mut a, mut b) = pair();
    let audio = a.engine.transceivers().next().unwrap().id();
    a.engine.remove_track(audio).unwrap();
    assert!(a.engine.negotiation_needed());
    let seen = exchange(&mut a, &mut b);
    assert!(section(&seen.offer, 0).contains(&"a=recvonly"));
    assert_eq!(seen.offered.tracks_removed.len(), 1);
    assert_eq!(a.sections()[0].send, None);
    assert!(!a.engine.negotiation_needed());
    // It comes back in the same section, since its sender has sent before only by direction.
    a.engine.set_direction(audio, Direction::SendRecv).unwrap();
    assert!(a.engine.negotiation_needed());
    let seen = exchange(&mut a, &mut b);
    assert_eq!(seen.offered.tracks_added.len(), 1);
    assert_eq!(count(&seen.offer, "m=audio"), 1);
}

#[test]
fn a_sender_that_never_sent_takes_the_next_track() {
    let (mut a, mut b) = pair();
    let other = b.engine.transceivers().next().unwrap().id();
    assert_eq!(b.track(Kind::Audio), other);
    assert_eq!(b.engine.transceiver(other).unwrap().direction(), Direction::SendRecv);
    assert!(b.engine.negotiation_needed());
    exchange(&mut b, &mut a);
    assert_ne!(b.track(Kind::Audio), other);
}

//= rfc9429#5.2.2
//= type=test
#[test]
fn a_stopped_section_goes_to_port_zero_and_is_recycled_under_a_new_mid() {
    let (mut a, mut b) = pair();
    let video = a.add(Kind::Video, Direction::SendRecv);
    exchange(&mut a, &mut b);
    a.engine.stop(video).unwrap();
    assert!(a.engine.negotiation_needed());
    assert!(a.engine.set_direction(video, Direction::SendRecv).is_err());
    let seen = exchange(&mut a, &mut b);
    assert!(section(&seen.offer, 2)[0].starts_with("video 0 "));
    assert!(!section(&seen.offer, 2).iter().any(|line| line.starts_with("a=msid")));
    assert_eq!(count(&seen.offer, "a=group:BUNDLE 0 1"), 1);
    assert_eq!(seen.answered.transceivers_removed, [video]);
    assert_eq!(seen.answering.transceivers_removed.len(), 1);
    assert_eq!(seen.answering.tracks_removed.len(), 1);
    assert_eq!(b.engine.transceivers().count(), 1);
    assert!(!a.engine.negotiation_needed() && !b.engine.negotiation_needed());

    // The other side recycles it, for another kind of media.
    let audio = b.add(Kind::Audio, Direction::SendRecv);
    let seen = exchange(&mut b, &mut a);
    assert_eq!(count(&seen.offer, "m="), 3);
    assert!(section(&seen.offer, 2)[0].starts_with("audio 9 "));
    assert_eq!(b.engine.transceiver(audio).unwrap().mid(), Some("3"));
    assert_eq!(count(&seen.offer, "a=group:BUNDLE 0 1 3"), 1);
    assert_eq!(seen.offered.transceivers_created.len(), 1);
    assert_eq!(a.sections().len(), 2);
}

#[test]
fn the_first_section_may_stop_and_the_transport_lives_on() {
    let (mut a, mut b) = pair();
    let audio = a.engine.transceivers().next().unwrap().id();
    a.engine.stop(audio).unwrap();
    let seen = exchange(&mut a, &mut b);
    assert_eq!(count(&seen.offer, "a=group:BUNDLE 1"), 1);
    let remote = seen.offered.remote.unwrap();
    assert!(!remote.restarted && !remote.fingerprints_changed);
    assert_eq!(a.engine.local_candidate_section(), Some(("1".to_owned(), 1)));
    // A new section at index 0 does not become the tag.
    a.add(Kind::Audio, Direction::SendRecv);
    let seen = exchange(&mut a, &mut b);
    assert_eq!(count(&seen.offer, "a=group:BUNDLE 1 2"), 1);
    assert!(section(&seen.offer, 0).contains(&"a=mid:2"));
}

#[test]
fn numbers_keep_their_meaning_across_offers_from_both_sides() {
    let (mut a, mut b) = (side(1), side(2));
    // a knows a codec that takes the number which b gives to VP8.
    let mut own = settings(1);
    own.video.retain(|codec| codec.name != "VP8" && codec.name != "VP9");
    for codec in &mut own.video {
        if codec.name == "AV1" {
            codec.payload_type = 96;
        }
    }
    own.video_extensions.reverse();
    a.engine = Negotiation::new(own);
    a.add(Kind::Video, Direction::SendRecv);
    let seen = exchange(&mut a, &mut b);
    assert!(seen.answer.contains("a=rtpmap:96 AV1/90000"));
    b.add(Kind::Video, Direction::SendRecv);
    let seen = exchange(&mut b, &mut a);
    assert!(seen.offer.contains("a=rtpmap:96 AV1/90000"), "agreed numbers stay");
    assert!(!seen.offer.contains("a=rtpmap:96 VP8/90000"));
    assert!(seen.offer.contains(" VP8/90000"));
    let of = |text: &str, index| -> Vec<String> {
        let mut lines: Vec<String> = section(text, index)
            .iter()
            .filter(|line| line.starts_with("a=extmap:"))
            .map(|line| (*line).to_owned())
            .collect();
        lines.sort();
        lines
    };
    assert_eq!(of(&seen.offer, 0), of(&seen.offer, 1));
    assert_eq!(of(&seen.answer, 0), of(&seen.answer, 1));
}

#[test]
fn agreed_formats_come_first_in_the_next_offer() {
    let (mut a, mut b) = (side(1), side(2));
    let id = a.add(Kind::Video, Direction::SendRecv);
    let video = settings(1).video;
    let find = |name: &str| video.iter().find(|codec| codec.name == name).cloned().unwrap();
    a.engine.set_codec_preferences(id, &[find("AV1"), find("VP9")]).unwrap();
    exchange(&mut a, &mut b);
    a.engine.set_codec_preferences(id, &[]).unwrap();
    let seen = exchange(&mut a, &mut b);
    assert!(
        section(&seen.offer, 0)[0].starts_with("video 9 UDP/TLS/RTP/SAVPF 45 46 98 99 96 97"),
        "{}",
        section(&seen.offer, 0)[0]
    );
}

#[test]
fn versions_grow_and_are_never_used_twice() {
    let mut a = side(1);
    a.add(Kind::Audio, Direction::SendRecv);
    let mut last = 0;
    for round in 0..5 {
        let offer = a.engine.create_offer(&a.transport).unwrap();
        let version: u64 = offer.split(' ').nth(2).unwrap().parse().unwrap();
        assert!(version > last);
        last = version;
        if round % 2 == 0 {
            a.engine.set_local_description(SdpType::Offer, &offer).unwrap();
            a.engine.set_local_description(SdpType::Rollback, "").unwrap();
        }
    }
}

//= rfc9429#5.10
//= type=test
#[test]
fn ice_restarts_on_both_sides_or_not_at_all() {
    let (mut a, mut b) = pair();
    a.engine.restart_ice();
    assert!(a.engine.negotiation_needed() && a.engine.wants_ice_restart());
    a.transport = transport("again");
    let offer = a.offer();
    let change = b.take_offer(&offer);
    assert!(change.remote.unwrap().restarted);
    // An answer with the old credentials is an error and changes nothing.
    let stale = b.engine.create_answer(&b.transport).unwrap();
    assert!(a.engine.set_remote_description(SdpType::Answer, &stale).is_err());
    assert_eq!(a.engine.signaling_state(), SignalingState::HaveLocalOffer);
    b.transport = transport("fresh");
    let (answer, _) = b.answer();
    let change = a.take_answer(&answer);
    assert!(change.remote.unwrap().restarted);
    assert!(!a.engine.negotiation_needed());

    // New credentials in an answer to an offer without.
    let offer = a.offer();
    let change = b.take_offer(&offer);
    assert!(!change.remote.unwrap().restarted);
    let answer = b.engine.create_answer(&transport("odd0")).unwrap();
    assert!(a.engine.set_remote_description(SdpType::Answer, &answer).is_err());
}

#[test]
fn another_certificate_needs_another_generation() {
    let (mut a, mut b) = pair();
    let offer = a.offer();
    let other = offer.replace("a=fingerprint:sha-256 01:", "a=fingerprint:sha-256 77:");
    assert!(b.engine.set_remote_description(SdpType::Offer, &other).is_err());
    let restarted = other.replace("side1001", "other123");
    let remote = b.take_offer(&restarted).remote.unwrap();
    assert!(remote.restarted && remote.fingerprints_changed);
}

#[test]
fn data_that_is_refused_is_not_asked_for_again() {
    let (mut a, mut b) = (side(1), side(2));
    a.add(Kind::Audio, Direction::SendRecv);
    a.engine.want_data_channel();
    let offer = a.offer();
    b.take_offer(&offer);
    let (answer, _) = b.answer();
    let answer =
        answer.replace("m=application 9 ", "m=application 0 ").replace("BUNDLE 0 1", "BUNDLE 0");
    let change = a.take_answer(&answer);
    assert_eq!(change.sctp, None);
    assert!(!a.engine.negotiation_needed());
    a.engine.want_data_channel();
    assert!(a.engine.negotiation_needed());
    let offer = a.offer();
    assert_eq!(count(&offer, "m="), 2, "the section is recycled");
}

#[test]
fn streams_that_change_need_negotiation() {
    let (mut a, mut b) = pair();
    let audio = a.engine.transceivers().next().unwrap().id();
    a.engine.set_streams(audio, vec!["other".to_owned(), "more".to_owned()]).unwrap();
    assert!(a.engine.negotiation_needed());
    let seen = exchange(&mut a, &mut b);
    assert_eq!(count(&seen.offer, "a=msid:"), 2);
    assert!(!a.engine.negotiation_needed());
    assert_eq!(seen.offered.tracks_added, [], "the track is the same");
}

#[test]
fn a_peer_with_other_numbers_does_not_change_ours() {
    let (mut a, mut b) = (side(1), side(2));
    a.add(Kind::Audio, Direction::SendRecv);
    b.track(Kind::Audio);
    let offer = a.offer();
    b.take_offer(&offer);
    let (answer, _) = b.answer();
    let shifted = answer.replace(" 111", " 99").replace(":111 ", ":99 ");
    assert_ne!(shifted, answer);
    a.take_answer(&shifted);
    // We send with the peer's number and receive with ours.
    let section = a.sections().remove(0);
    assert_eq!(section.send.unwrap().formats[0].payload_type, 99);
    assert_eq!(section.receive.unwrap().formats[0].payload_type, 111);
    assert!(a.offer().contains("a=rtpmap:111 opus/48000/2"));
}

#[test]
fn ids_of_streams_cannot_break_a_description() {
    let mut a = side(1);
    let streams = vec!["a b\r\na=evil".to_owned(), String::new(), "-".to_owned()];
    a.engine.add_track(Kind::Audio, streams).unwrap();
    let offer = a.offer();
    assert_eq!(count(&offer, "a=msid:a_b__a=evil "), 1);
    assert_eq!(count(&offer, "a=msid:"), 1);
}

#[test]
fn ids_that_we_announced_in_vain_can_be_taken_by_the_peer() {
    let (mut a, mut b) = (side(1), side(2));
    // b knows nothing of rid, whose id it gives to another extension in its own offer.
    let mut other = settings(2);
    other.video_extensions.truncate(1);
    b.engine = Negotiation::new(other);
    a.add(Kind::Video, Direction::SendRecv);
    let seen = exchange(&mut a, &mut b);
    assert!(seen.offer.contains("a=extmap:2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"));
    b.engine.create_offer(&b.transport).unwrap();
    let offer = b.offer();
    let offer = offer.replace("a=sendrecv", "a=recvonly").replace(
        "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:2 urn:x",
    );
    a.take_offer(&offer);
    let (answer, _) = a.answer();
    b.take_answer(&answer);
    let next = a.offer();
    assert!(next.contains("a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid"));
    assert!(!next.contains("a=extmap:2 "));
    assert!(next.contains("sdes:rtp-stream-id"));
}

/// Firefox does so when the offer restarts ICE.
#[test]
fn an_answer_that_claims_the_other_role_does_not_turn_the_association_round() {
    let (mut a, mut b) = pair();
    let seen = exchange(&mut a, &mut b);
    assert_eq!(seen.answering.dtls_role, Some(DtlsRole::Client));
    b.transport.ufrag = "next".to_owned();
    let offer = b.offer();
    a.take_offer(&offer);
    a.transport.ufrag = "next1".to_owned();
    let (answer, _) = a.answer();
    assert_eq!(count(&answer, "a=setup:passive"), count(&answer, "a=mid:"));
    let change = b.take_answer(&answer.replace("a=setup:passive", "a=setup:active"));
    assert_eq!(change.dtls_role, Some(DtlsRole::Client));
}
