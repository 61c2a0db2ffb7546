//! Rollback, glare, and errors that change nothing.

use super::*;
use crate::SignalingState;

#[test]
fn a_local_offer_can_be_taken_back() {
    let mut a = side(1);
    let audio = a.add(Kind::Audio, Direction::SendRecv);
    a.engine.want_data_channel();
    a.offer();
    assert_eq!(a.engine.transceiver(audio).unwrap().mid(), Some("0"));
    let change = a.engine.set_local_description(SdpType::Rollback, "").unwrap();
    assert!(change.rolled_back);
    assert_eq!(a.engine.transceiver(audio).unwrap().mid(), None);
    assert_eq!(a.engine.signaling_state(), SignalingState::Stable);
    assert_eq!(a.engine.local_description(), None);
    assert!(a.engine.negotiation_needed());
    assert!(a.engine.set_local_description(SdpType::Rollback, "").is_err(), "nothing is left");
    assert_eq!(count(&a.offer(), "m="), 2);
}

#[test]
fn a_remote_offer_can_be_taken_back_with_what_it_made() {
    let (mut a, mut b) = (side(1), side(2));
    a.add(Kind::Audio, Direction::SendRecv);
    a.add(Kind::Video, Direction::SendRecv);
    let offer = a.offer();
    let made = b.take_offer(&offer).transceivers_created;
    // A track of the application saves its transceiver.
    assert_eq!(b.track(Kind::Video), made[1]);
    let change = b.engine.set_remote_description(SdpType::Rollback, "").unwrap();
    assert_eq!(change.transceivers_removed, [made[0]]);
    assert_eq!(change.tracks_removed, made);
    let left = b.engine.transceiver(made[1]).unwrap();
    assert_eq!((left.mid(), left.direction()), (None, Direction::SendRecv));
    assert_eq!(b.engine.remote_description(), None);
    // The same offer can be taken again.
    assert_eq!(b.take_offer(&offer).transceivers_created.len(), 1);
}

#[test]
fn glare_is_resolved_by_the_polite_side() {
    let (mut polite, mut impolite) = (side(1), side(2));
    polite.track(Kind::Audio);
    impolite.track(Kind::Audio);
    impolite.track(Kind::Video);
    let _lost = polite.offer();
    let offer = impolite.offer();
    let change = polite.take_offer(&offer);
    assert!(change.rolled_back);
    assert_eq!(polite.engine.signaling_state(), SignalingState::HaveRemoteOffer);
    let (answer, _) = polite.answer();
    impolite.take_answer(&answer);
    // The track of the polite side found its place in the other's offer.
    assert_eq!(polite.engine.transceivers().count(), 2);
    assert!(!polite.engine.negotiation_needed());
    assert_eq!(impolite.sections()[0].receive.iter().count(), 1);
}

#[test]
fn perfect_negotiation_never_fails_whatever_the_timing() {
    let (mut a, mut b) = (side(1), side(2));
    a.track(Kind::Audio);
    b.track(Kind::Video);
    let mut random = 1_u32;
    for round in 0..300 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let kind = if random & 0x100 == 0 { Kind::Audio } else { Kind::Video };
        let one = if random & 0x200 == 0 { &mut a } else { &mut b };
        match random >> 29 {
            0 if one.engine.transceivers().count() < 6 => drop(one.track(kind)),
            1 => one.engine.want_data_channel(),
            2 => {
                let ids: Vec<_> = one.engine.transceivers().map(|one| one.id()).collect();
                if let Some(id) = ids.last().filter(|_| ids.len() > 3) {
                    let _ = one.engine.stop(*id);
                }
            }
            _ => {
                let ids: Vec<_> = one.engine.transceivers().map(|one| one.id()).collect();
                if let Some(id) = ids.first() {
                    let direction = Direction::of(random & 1 == 0, random & 2 == 0);
                    let _ = one.engine.set_direction(*id, direction);
                }
            }
        }
        // Both may offer at once; a is polite and gives way.
        let (from_a, from_b) = (random & 0x400 == 0, random & 0x800 == 0);
        let offer_a = from_a.then(|| a.offer());
        let offer_b = from_b.then(|| b.offer());
        match (offer_a, offer_b) {
            (_, Some(offer)) => {
                a.take_offer(&offer);
                let (answer, _) = a.answer();
                b.take_answer(&answer);
            }
            (Some(offer), None) => {
                b.take_offer(&offer);
                let (answer, _) = b.answer();
                a.take_answer(&answer);
            }
            (None, None) => {}
        }
        for one in [&a, &b] {
            assert_eq!(one.engine.signaling_state(), SignalingState::Stable, "round {round}");
        }
        assert_eq!(count(&a.local_or_empty(), "m="), count(&b.local_or_empty(), "m="));
    }
    // What is left to negotiate is negotiated in a few rounds.
    for _ in 0..4 {
        if a.engine.negotiation_needed() {
            exchange(&mut a, &mut b);
        }
        if b.engine.negotiation_needed() {
            exchange(&mut b, &mut a);
        }
    }
    assert!(!a.engine.negotiation_needed() && !b.engine.negotiation_needed());
}

impl Side {
    fn local_or_empty(&self) -> String {
        self.engine.local_description().map_or_else(String::new, |(_, text)| text.to_owned())
    }
}

#[test]
fn descriptions_in_the_wrong_state_are_refused() {
    let (mut a, mut b) = (side(1), side(2));
    a.add(Kind::Audio, Direction::SendRecv);
    assert!(a.engine.create_answer(&a.transport).is_err());
    assert!(a.engine.set_remote_description(SdpType::Answer, "").is_err());
    let offer = a.offer();
    assert!(a.engine.create_answer(&a.transport).is_err());
    b.take_offer(&offer);
    assert!(b.engine.create_offer(&b.transport).is_err());
    assert!(b.engine.set_remote_description(SdpType::Answer, &offer).is_err());
    let (answer, _) = b.answer();
    assert!(b.engine.set_local_description(SdpType::Answer, &answer).is_err());
    a.take_answer(&answer);
    assert!(a.engine.set_remote_description(SdpType::Answer, &answer).is_err());
}

//= rfc9429#5.4
//= type=test
#[test]
fn a_local_description_is_set_as_it_was_made() {
    let mut a = side(1);
    a.add(Kind::Audio, Direction::SendRecv);
    let offer = a.engine.create_offer(&a.transport).unwrap();
    let munged = offer.replace("useinbandfec=1", "useinbandfec=0");
    assert!(a.engine.set_local_description(SdpType::Offer, &munged).is_err());
    a.engine.set_local_description(SdpType::Offer, "").unwrap();
    assert_eq!(a.local(), offer);
}

#[test]
fn an_error_changes_nothing() {
    let (mut a, mut b) = (side(1), side(2));
    a.add(Kind::Audio, Direction::SendRecv);
    a.engine.want_data_channel();
    exchange(&mut a, &mut b);
    a.add(Kind::Video, Direction::SendRecv);
    let offer = a.offer();
    let before = format!("{:?}", b.engine);
    for bad in [
        offer.replace("a=setup:actpass\r\n", ""),
        offer.replace("a=mid:1", "a=mid:0"),
        offer.replace("a=mid:0", "a=mid:7"),
        offer.replace("a=ice-pwd:", "a=x-pwd:"),
        offer.replace("a=fingerprint:sha-256", "a=fingerprint:sha-1"),
        offer.replace("apt=96", "apt=33"),
        offer.replace("a=rtcp-mux\r\n", "").replace("a=rtcp-mux-only\r\n", ""),
        offer.split("m=video").next().unwrap().split("m=application").next().unwrap().to_owned(),
        offer.replace("v=0", "v=1"),
    ] {
        assert_ne!(bad, offer);
        assert!(b.engine.set_remote_description(SdpType::Offer, &bad).is_err(), "{bad}");
        assert_eq!(format!("{:?}", b.engine), before);
    }
    b.take_offer(&offer);
    let (answer, _) = b.answer();
    let before = format!("{:?}", a.engine);
    for bad in [
        answer.replace("a=setup:active", "a=setup:actpass"),
        answer.replace("a=setup:active", "a=setup:holdconn"),
        answer.replace("m=video 9", "m=audio 9"),
        answer.replace("m=video 9 UDP/TLS/RTP/SAVPF", "m=video 9 RTP/SAVPF"),
        answer.replace("BUNDLE 0 1 2", "BUNDLE 0 1"),
        answer.replace("a=mid:2", "a=mid:x"),
        format!("{answer}m=audio 0 RTP/AVP 0\r\n"),
        answer.replace("rtpmap:111 opus", "rtpmap:111 other").replace(
            "m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 110 126",
            "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        ),
    ] {
        assert_ne!(bad, answer);
        assert!(a.engine.set_remote_description(SdpType::Answer, &bad).is_err(), "{bad}");
        assert_eq!(format!("{:?}", a.engine), before);
    }
    a.take_answer(&answer);
}

#[test]
fn what_was_stopped_meanwhile_is_gone_after_a_rollback() {
    let mut a = side(1);
    let audio = a.add(Kind::Audio, Direction::SendRecv);
    a.offer();
    a.engine.stop(audio).unwrap();
    assert!(a.engine.transceiver(audio).unwrap().is_stopped());
    let change = a.engine.set_local_description(SdpType::Rollback, "").unwrap();
    assert_eq!(change.transceivers_removed, [audio]);
    assert!(!a.engine.negotiation_needed());
}
