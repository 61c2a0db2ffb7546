//! The rules of RFC 9143 section 9.2.

use std::time::Duration;

use super::super::Drop;
use super::*;

fn to(media: &mut Media, packet: &mut [u8]) -> Result<TransceiverId, Drop> {
    media.handle_rtp(start(), packet).map(|packet| packet.transceiver)
}

/// Both sections take payload type 96, so that it names none of them.
fn ambiguous() -> Media {
    let mut media = media(200);
    let mut sections = sections(200);
    sections[0].receive.as_mut().unwrap().formats.push(vp8());
    media.configure(start(), sections);
    media
}

//= rfc9143#9.2
//= type=test
#[test]
fn a_mid_decides_and_is_remembered_for_its_source() {
    let mut media = ambiguous();
    assert_eq!(to(&mut media, &mut rtp(7, VP8, 1, Some("1"))), Ok(VIDEO));
    assert_eq!(to(&mut media, &mut rtp(7, VP8, 2, None)), Ok(VIDEO));
    assert_eq!(to(&mut media, &mut rtp(8, VP8, 1, Some("0"))), Ok(AUDIO));
    assert_eq!(to(&mut media, &mut rtp(8, VP8, 2, None)), Ok(AUDIO));
}

//= rfc9143#9.2
//= type=test
#[test]
fn a_newer_mid_moves_a_source_and_a_late_one_does_not() {
    let mut media = ambiguous();
    assert_eq!(to(&mut media, &mut rtp(7, VP8, 10, Some("1"))), Ok(VIDEO));
    assert_eq!(to(&mut media, &mut rtp(7, VP8, 12, Some("0"))), Ok(AUDIO));
    assert_eq!(to(&mut media, &mut rtp(7, VP8, 11, Some("1"))), Ok(AUDIO));
    assert_eq!(to(&mut media, &mut rtp(7, VP8, 13, None)), Ok(AUDIO));
}

//= rfc9143#9.2
//= type=test
#[test]
fn an_unknown_mid_is_dropped_whatever_else_would_fit() {
    let mut media = media(200);
    assert_eq!(to(&mut media, &mut rtp(7, OPUS, 1, Some("nobody"))), Err(Drop::UnknownMid));
    assert_eq!(to(&mut media, &mut rtp(7, OPUS, 2, None)), Ok(AUDIO));
    assert_eq!(to(&mut media, &mut rtp(7, OPUS, 3, Some("nobody"))), Err(Drop::UnknownMid));
}

//= rfc9143#9.2
//= type=test
#[test]
fn announced_sources_are_known_from_the_start() {
    let mut media = ambiguous();
    let unknown = Drop::UnknownSource { ssrc: 7, payload_type: VP8 };
    assert_eq!(to(&mut media, &mut rtp(7, VP8, 1, None)), Err(unknown));
    let mut sections = sections(200);
    sections[0].receive.as_mut().unwrap().formats.push(vp8());
    announce(&mut sections[1], 7, Some(8));
    media.configure(start(), sections);
    assert_eq!(to(&mut media, &mut rtp(7, VP8, 1, None)), Ok(VIDEO));
    assert_eq!(to(&mut media, &mut rtp(8, RTX, 0, None)), Ok(VIDEO));
}

//= rfc9143#9.2
//= type=test
#[test]
fn a_payload_type_of_one_section_binds_its_source_for_good() {
    let mut media = media(200);
    assert_eq!(to(&mut media, &mut rtp(7, OPUS, 1, None)), Ok(AUDIO));
    // The source does not move with its payload type; that one is not the section's.
    assert_eq!(to(&mut media, &mut rtp(7, VP8, 2, None)), Err(Drop::PayloadType(VP8)));
    assert_eq!(to(&mut media, &mut rtp(7, OPUS, 3, None)), Ok(AUDIO));
    let unknown = Drop::UnknownSource { ssrc: 9, payload_type: 50 };
    assert_eq!(to(&mut media, &mut rtp(9, 50, 1, None)), Err(unknown));
}

//= rfc9143#9.2
//= type=test
#[test]
fn a_mid_in_rtcp_fills_the_table_too() {
    use antiphon_rtcp::{CompoundWriter, SdesItem, SdesKind};
    let mut media = ambiguous();
    let mut buf = [0; 100];
    let mut writer = CompoundWriter::new(&mut buf);
    writer.receiver_report(7, &[]).unwrap();
    writer.source_description(7, &[SdesItem { kind: SdesKind::MID, value: b"1" }]).unwrap();
    let len = writer.finish();
    media.handle_rtcp(start(), &buf[..len]).unwrap();
    assert_eq!(to(&mut media, &mut rtp(7, VP8, 1, None)), Ok(VIDEO));
}

#[test]
fn a_repair_stream_that_nobody_announced_finds_who_waits_for_it() {
    let mut media = media(200);
    for ssrc in [7, 8] {
        to(&mut media, &mut rtp(ssrc, VP8, 10, Some("1"))).unwrap();
    }
    // Two sources, none of them waits: a guess would be wrong half the time.
    assert_eq!(to(&mut media, &mut rtp(9, RTX, 9, Some("1"))), Err(Drop::UnknownRepair));
    to(&mut media, &mut rtp(8, VP8, 12, None)).unwrap();
    let packet = media.handle_rtp(start(), &mut rtp(9, RTX, 11, None)).unwrap();
    assert_eq!((packet.ssrc, packet.sequence_number), (Ssrc(8), 11));
}

#[test]
fn a_section_that_does_not_receive_drops_and_goes_on_later() {
    let mut media = media(200);
    to(&mut media, &mut rtp(7, OPUS, 1, Some("0"))).unwrap();
    assert_eq!(events(&mut media), [Event::Unmuted(AUDIO)]);
    let mut sections = sections(200);
    let receive = sections[0].receive.take();
    media.configure(start(), sections.clone());
    assert_eq!(to(&mut media, &mut rtp(7, OPUS, 2, None)), Err(Drop::NotReceiving));
    sections[0].receive = receive;
    media.configure(start(), sections);
    assert_eq!(to(&mut media, &mut rtp(7, OPUS, 3, None)), Ok(AUDIO));
    assert_eq!(events(&mut media), [Event::Unmuted(AUDIO)]);
}

#[test]
fn a_source_with_our_own_number_is_dropped() {
    let mut media = media(200);
    assert_eq!(to(&mut media, &mut rtp(201, OPUS, 1, Some("0"))), Err(Drop::OwnSource));
}

// attack: tables that strangers fill
#[test]
fn the_table_of_sources_is_bounded_and_idle_ones_make_room() {
    let mut media = media(200);
    for ssrc in 1000..1256 {
        to(&mut media, &mut rtp(ssrc, OPUS, 1, Some("0"))).unwrap();
    }
    let full = Drop::TooManySources { limit: 256 };
    assert_eq!(to(&mut media, &mut rtp(9, OPUS, 1, Some("0"))), Err(full));
    let later = start() + Duration::from_secs(31);
    media.handle_rtp(later, &mut rtp(1000, OPUS, 2, None)).unwrap();
    media.handle_rtp(later, &mut rtp(9, OPUS, 1, Some("0"))).unwrap();
    media.handle_rtp(later, &mut rtp(1000, OPUS, 3, None)).unwrap();
    assert_eq!(media.inbound().count(), 256);
}

#[test]
fn the_mid_is_sent_until_the_peer_has_reported() {
    let mut wire = Wire::new();
    let mut buf = [0; MAX_OUTPUT];
    let packet = outgoing(OPUS, 0, b"sound");
    let len = wire.side[0].media.send(wire.now, AUDIO, &packet, &mut buf).unwrap();
    assert_eq!(view(&buf[..len]).extension(4), Some(&b"0"[..]));
    wire.stream(Duration::from_secs(4));
    let len = wire.side[0].media.send(wire.now, AUDIO, &packet, &mut buf).unwrap();
    assert_eq!(view(&buf[..len]).extensions().count(), 0);
    // A new MID has to be told again.
    let mut sections = sections(100);
    sections[0].mid = "audio".to_owned();
    wire.side[0].media.configure(wire.now, sections);
    let len = wire.side[0].media.send(wire.now, AUDIO, &packet, &mut buf).unwrap();
    assert_eq!(view(&buf[..len]).extension(4), Some(&b"audio"[..]));
}
