//! Initial offers and answers.

use super::*;
use crate::BundlePolicy;
use crate::SignalingState;
use crate::jsep::codec::Codec;
use crate::jsep::settings::uri;
use crate::jsep::{DtlsRole, Sctp};

//= rfc9429#5.2.1
//= type=test
#[test]
fn an_initial_offer_says_all_that_it_must() {
    let mut a = side(1);
    a.add(Kind::Audio, Direction::SendRecv);
    a.add(Kind::Video, Direction::SendRecv);
    a.engine.want_data_channel();
    let offer = a.offer();
    assert!(offer.starts_with("v=0\r\no=- 1001 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"));
    assert_eq!(count(&offer, "a=group:BUNDLE 0 1 2"), 1);
    assert_eq!(count(&offer, "a=ice-options:trickle ice2"), 1);
    for index in 0..3 {
        let lines = section(&offer, index);
        assert!(lines.contains(&"a=setup:actpass"));
        assert!(lines.contains(&"c=IN IP4 0.0.0.0"));
        assert!(lines.iter().any(|line| line.starts_with("a=fingerprint:sha-256 01:")));
        assert!(lines.contains(&"a=ice-ufrag:side1001"));
        assert!(lines.contains(&format!("a=mid:{index}").as_str()));
    }
    let video = section(&offer, 1);
    assert!(
        video[0].starts_with("video 9 UDP/TLS/RTP/SAVPF 96 97 108 109 102 103"),
        "{}",
        video[0]
    );
    for line in [
        "a=rtcp-mux",
        "a=rtcp-mux-only",
        "a=rtcp-rsize",
        "a=sendrecv",
        "a=rtpmap:96 VP8/90000",
        "a=rtcp-fb:96 nack pli",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
    ] {
        assert!(video.contains(&line), "{line}");
    }
    assert_eq!(video.iter().filter(|line| line.starts_with("a=ssrc:")).count(), 4);
    assert!(video.iter().any(|line| line.starts_with("a=msid:stream ")));
    let data = section(&offer, 2);
    assert_eq!(data[0], "application 9 UDP/DTLS/SCTP webrtc-datachannel");
    assert!(data.contains(&"a=sctp-port:5000") && data.contains(&"a=max-message-size:262144"));
}

#[test]
fn audio_video_and_data_are_agreed_on() {
    let (mut a, mut b) = (side(1), side(2));
    let audio = a.add(Kind::Audio, Direction::SendRecv);
    let video = a.add(Kind::Video, Direction::SendOnly);
    a.engine.want_data_channel();
    b.track(Kind::Audio);
    let seen = exchange(&mut a, &mut b);

    assert_eq!(seen.offered.transceivers_created.len(), 1, "audio meets the track of b");
    let remote = seen.offered.remote.unwrap();
    assert_eq!((remote.ufrag.as_str(), remote.restarted, remote.lite), ("side1001", false, false));
    assert_eq!(remote.fingerprints.len(), 1);
    assert_eq!(seen.offered.sctp, Some(Sctp { port: 5000, max_message_size: 262_144, init: None }));
    assert_eq!(seen.offered.tracks_added.len(), 2);
    assert_eq!(seen.offered.tracks_added[0].streams, ["stream"]);
    assert_eq!(seen.answering.dtls_role, Some(DtlsRole::Client));
    assert_eq!(seen.answered.dtls_role, Some(DtlsRole::Server));
    assert!(seen.answering.negotiated && seen.answered.negotiated);
    assert_eq!(seen.answered.tracks_added.len(), 1);
    assert_eq!(seen.answered.tracks_added[0].transceiver, audio);

    for one in [&a, &b] {
        assert_eq!(one.engine.signaling_state(), SignalingState::Stable);
        assert!(!one.engine.negotiation_needed());
        assert_eq!(one.engine.can_trickle_ice_candidates(), Some(true));
    }
    let current = |id| a.engine.transceiver(id).unwrap().current_direction();
    assert_eq!(current(audio), Some(Direction::SendRecv));
    assert_eq!(current(video), Some(Direction::SendOnly));
}

#[test]
fn both_sides_agree_on_formats_sources_and_extensions() {
    let (mut a, mut b) = (side(1), side(2));
    a.add(Kind::Audio, Direction::SendRecv);
    a.add(Kind::Video, Direction::SendOnly);
    exchange(&mut a, &mut b);
    let ours = a.sections();
    let theirs = b.sections();
    let (send, receive) = (ours[1].send.as_ref().unwrap(), theirs[1].receive.as_ref().unwrap());
    assert_eq!(ours[1].receive, None);
    assert_eq!(receive.sources.len(), 1, "the source of retransmissions is no source of its own");
    assert_eq!(receive.sources[0].ssrc, send.ssrc);
    assert_eq!(receive.sources[0].rtx, send.rtx_ssrc);
    assert_eq!(receive.sources[0].cname.as_deref(), Some("cname1"));
    assert_eq!(send.formats[0].name, "VP8");
    assert_eq!((send.formats[0].payload_type, send.formats[0].rtx), (96, Some(97)));
    assert_eq!(send.formats[0].feedback, ["ccm fir", "nack", "nack pli"]);
    assert!(ours[1].reduced_size);
    let mid = |sections: &[RtpSection]| {
        sections[1].extensions.iter().find(|one| one.uri == uri::MID).cloned().unwrap()
    };
    assert_eq!(mid(&ours).id, mid(&theirs).id);
    assert!(mid(&ours).send && mid(&theirs).receive);
}

//= rfc3264#6.1
//= type=test
#[test]
fn directions_are_reversed_and_reduced() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    for (offered, wanted, agreed) in [
        (SendRecv, SendRecv, SendRecv),
        (SendRecv, SendOnly, SendOnly),
        (SendRecv, RecvOnly, RecvOnly),
        (SendRecv, Inactive, Inactive),
        (SendOnly, SendRecv, RecvOnly),
        (SendOnly, SendOnly, Inactive),
        (RecvOnly, SendRecv, SendOnly),
        (RecvOnly, RecvOnly, Inactive),
        (Inactive, SendRecv, Inactive),
    ] {
        let (mut a, mut b) = (side(1), side(2));
        a.add(Kind::Audio, offered);
        let offer = a.offer();
        b.take_offer(&offer);
        let id = b.engine.transceivers().next().unwrap().id();
        b.engine.set_direction(id, wanted).unwrap();
        let (answer, _) = b.answer();
        a.take_answer(&answer);
        let line = format!("a={agreed}");
        assert!(section(&answer, 0).contains(&line.as_str()), "{offered} {wanted}");
        let current = |one: &Side| one.engine.transceivers().next().unwrap().current_direction();
        assert_eq!(current(&b), Some(agreed));
        assert_eq!(current(&a), Some(agreed.reversed()));
        assert!(!b.engine.negotiation_needed(), "{offered} {wanted}");
        assert_eq!(a.sections()[0].send.is_some(), agreed.receives());
        assert_eq!(a.sections()[0].receive.is_some(), agreed.sends());
    }
}

//= rfc9429#5.10
//= type=test
#[test]
fn only_added_tracks_meet_the_sections_of_an_offer() {
    let (mut a, mut b) = (side(1), side(2));
    a.add(Kind::Audio, Direction::SendRecv);
    let made = b.add(Kind::Audio, Direction::SendRecv);
    let seen = exchange(&mut a, &mut b);
    assert_eq!(seen.offered.transceivers_created.len(), 1);
    assert_eq!(b.engine.transceiver(made).unwrap().mid(), None);
    assert!(b.engine.negotiation_needed(), "the other transceiver waits for a section");
    let seen = exchange(&mut b, &mut a);
    assert_eq!(count(&seen.offer, "m=audio 9"), 2);
    assert!(!b.engine.negotiation_needed());
}

#[test]
fn a_bundle_policy_shows_in_the_offer() {
    for (policy, lonely) in
        [(BundlePolicy::MaxCompat, 0), (BundlePolicy::Balanced, 1), (BundlePolicy::MaxBundle, 3)]
    {
        let mut a = side_with(Settings { bundle_policy: policy, ..settings(1) });
        let mut b = side(2);
        a.add(Kind::Audio, Direction::SendRecv);
        a.add(Kind::Video, Direction::SendRecv);
        a.add(Kind::Video, Direction::SendRecv);
        a.engine.want_data_channel();
        let seen = exchange(&mut a, &mut b);
        assert_eq!(count(&seen.offer, "a=bundle-only"), lonely, "{policy:?}");
        assert_eq!(
            count(&seen.offer, "m=video 0") + count(&seen.offer, "m=application 0"),
            lonely.min(3),
            "{policy:?}"
        );
        assert_eq!(count(&seen.answer, "a=bundle-only"), 0);
        assert_eq!(count(&seen.answer, "a=group:BUNDLE 0 1 2 3"), 1);
        assert_eq!(a.sections().len(), 3);
        // Once bundled nothing is bundle-only any more, not even what is new.
        a.add(Kind::Video, Direction::SendRecv);
        let seen = exchange(&mut a, &mut b);
        assert_eq!(count(&seen.offer, "a=bundle-only"), 0);
        assert_eq!(a.sections().len(), 4);
    }
}

#[test]
fn codec_preferences_order_and_reduce() {
    let (mut a, mut b) = (side(1), side(2));
    let id = a.add(Kind::Video, Direction::SendRecv);
    let video = settings(1).video;
    let find = |name: &str| video.iter().find(|codec| codec.name == name).cloned().unwrap();
    a.engine.set_codec_preferences(id, &[find("VP9"), find("VP8"), find("VP9")]).unwrap();
    let seen = exchange(&mut a, &mut b);
    assert_eq!(section(&seen.offer, 0)[0], "video 9 UDP/TLS/RTP/SAVPF 98 99 96 97");
    assert_eq!(section(&seen.answer, 0)[0], "video 9 UDP/TLS/RTP/SAVPF 98 99 96 97");
    // The answerer's order is its own as well.
    let other = b.engine.transceivers().next().unwrap().id();
    b.engine.set_codec_preferences(other, &[find("VP8")]).unwrap();
    let seen = exchange(&mut a, &mut b);
    assert_eq!(section(&seen.answer, 0)[0], "video 9 UDP/TLS/RTP/SAVPF 96 97");
    assert_eq!(a.sections()[0].send.as_ref().unwrap().formats.len(), 1);

    let unknown = Codec { name: "H265".to_owned(), ..find("VP8") };
    assert!(a.engine.set_codec_preferences(id, &[unknown]).is_err());
    let audio = a.add(Kind::Audio, Direction::SendRecv);
    let tones = settings(1).audio.into_iter().filter(|codec| codec.name == "telephone-event");
    assert!(a.engine.set_codec_preferences(audio, &tones.collect::<Vec<_>>()).is_err());
}

#[test]
fn a_section_without_a_common_codec_is_refused() {
    let opus = |settings: Settings| {
        let audio = settings.audio.iter().filter(|codec| codec.name == "opus").cloned().collect();
        Settings { audio, ..settings }
    };
    let pcmu = |settings: Settings| {
        let audio = settings.audio.iter().filter(|codec| codec.name == "PCMU").cloned().collect();
        Settings { audio, ..settings }
    };
    let (mut a, mut b) = (side_with(opus(settings(1))), side_with(pcmu(settings(2))));
    let audio = a.add(Kind::Audio, Direction::SendRecv);
    let video = a.add(Kind::Video, Direction::SendRecv);
    let seen = exchange(&mut a, &mut b);
    assert!(section(&seen.answer, 0)[0].starts_with("audio 0 "));
    assert_eq!(count(&seen.answer, "a=group:BUNDLE 1"), 1);
    assert_eq!(seen.answered.transceivers_removed, [audio]);
    assert!(a.engine.transceiver(audio).is_none());
    assert!(a.engine.transceiver(video).unwrap().current_direction().is_some());
    assert!(!a.engine.negotiation_needed());

    // The tag cannot be refused alone when nobody else has its transport.
    let policy = Settings { bundle_policy: BundlePolicy::MaxBundle, ..opus(settings(1)) };
    let (mut a, mut b) = (side_with(policy), side_with(pcmu(settings(2))));
    a.add(Kind::Audio, Direction::SendRecv);
    a.add(Kind::Video, Direction::SendRecv);
    let seen = exchange(&mut a, &mut b);
    assert_eq!(count(&seen.answer, "m=audio 0") + count(&seen.answer, "m=video 0"), 2);
}

#[test]
fn a_provisional_answer_starts_media_and_the_answer_settles_it() {
    let (mut a, mut b) = (side(1), side(2));
    a.add(Kind::Audio, Direction::SendRecv);
    let offer = a.offer();
    b.take_offer(&offer);
    let first = b.engine.create_answer(&b.transport).unwrap();
    b.engine.set_local_description(SdpType::Pranswer, &first).unwrap();
    assert_eq!(b.engine.signaling_state(), SignalingState::HaveLocalPranswer);
    assert_eq!(b.engine.pending_local_description(), Some((SdpType::Pranswer, first.as_str())));
    let change = a.engine.set_remote_description(SdpType::Pranswer, &first).unwrap();
    assert_eq!(a.engine.signaling_state(), SignalingState::HaveRemotePranswer);
    assert!(change.negotiated && change.dtls_role == Some(DtlsRole::Server));
    assert!(a.engine.current_remote_description().is_none());
    let (answer, _) = b.answer();
    a.take_answer(&answer);
    assert_eq!(a.engine.signaling_state(), SignalingState::Stable);
    assert!(a.engine.pending_remote_description().is_none());
    assert_eq!(a.engine.current_remote_description(), Some((SdpType::Answer, answer.as_str())));
}

#[test]
fn a_closed_engine_does_nothing_any_more() {
    let mut a = side(1);
    a.engine.close();
    assert!(a.engine.create_offer(&a.transport).is_err());
    assert!(a.engine.set_remote_description(SdpType::Offer, "").is_err());
    assert!(a.engine.add_track(Kind::Audio, vec![]).is_err());
    assert!(!a.engine.negotiation_needed());
}
