//! What is lost comes again.

use std::time::Duration;

use antiphon_rtcp::{CompoundView, Packet as Rtcp, Rules};
use antiphon_rtp::{Ssrc, is_rtcp};

use super::*;

/// Side 0 loses each tenth video packet that it sends the first time.
fn each_tenth(side: usize, count: usize, kind: OutputKind, bytes: &[u8]) -> bool {
    let video = kind == OutputKind::Rtp && view(bytes).payload_type() == VP8;
    side == 0 && video && count % 10 == 3
}

#[test]
fn lost_video_is_recovered_by_retransmissions() {
    let mut wire = Wire::new();
    wire.lose = each_tenth;
    wire.stream(Duration::from_secs(2));
    wire.run(Duration::from_millis(500));

    let video: Vec<_> =
        wire.side[1].received.iter().filter(|packet| packet.transceiver == VIDEO).collect();
    assert_eq!(video.len(), 300, "each packet once");
    let recovered = video.iter().filter(|packet| packet.recovered).count();
    assert!((25..=40).contains(&recovered), "{recovered}");
    assert_eq!(recovered, wire.side[0].resent, "nothing was sent again in vain");
    // In the order of their places nothing is missing, and what came is what was sent.
    let mut places: Vec<_> =
        video.iter().map(|packet| (packet.place, packet.sequence_number)).collect();
    places.sort_unstable();
    assert!(places.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1));
    assert!(places.iter().all(|(place, number)| place & 0xffff == u64::from(*number)));
    assert!(video.iter().all(|packet| packet.ssrc == Ssrc(102) && packet.payload_type == VP8));
    let mut contents: Vec<_> = wire.side[1].payloads.iter().filter(|p| p.len() > 900).collect();
    contents.sort();
    contents.dedup();
    assert_eq!(contents.len(), 300);

    let inbound = wire.side[1].media.inbound().find(|s| s.transceiver == VIDEO).unwrap();
    assert_eq!((inbound.packets, inbound.recovered_packets), (300, recovered as u64));
    assert_eq!(inbound.packets_lost, i32::try_from(recovered).unwrap());
    assert_eq!(inbound.plis, 0, "nothing was given up");
    let outbound = wire.side[0].media.outbound().find(|s| s.transceiver == VIDEO).unwrap();
    assert_eq!((outbound.packets, outbound.resent_packets), (300, recovered as u64));
}

#[test]
fn a_request_is_repeated_after_a_round_trip_and_not_before() {
    let mut wire = Wire::new();
    // One packet is lost, and each retransmission of it.
    wire.lose = |side, count, kind, bytes| {
        let rtp = side == 0 && kind == OutputKind::Rtp;
        rtp && (count == 7 || view(bytes).payload_type() == RTX)
    };
    wire.stream(Duration::from_millis(100));
    wire.run(Duration::from_millis(150));
    let nacks = |wire: &Wire| wire.side[1].media.inbound().map(|i| i.nacks).sum::<u64>();
    // 100 ms is the interval as long as no report told the round trip.
    assert!((2..=3).contains(&nacks(&wire)), "{}", nacks(&wire));
    wire.run(Duration::from_secs(3));
    assert!((6..=11).contains(&nacks(&wire)), "{}", nacks(&wire));
    // What cannot be had is given up, and a key frame is asked for.
    assert_eq!(wire.side[1].media.inbound().map(|i| i.plis).sum::<u64>(), 1);
    assert!(wire.side[0].events.contains(&Event::KeyFrameRequested(VIDEO)));
}

#[test]
fn too_many_lost_packets_ask_for_a_key_frame_instead() {
    let mut receiver = media(200);
    receiver.handle_rtp(start(), &mut rtp(102, VP8, 10, Some("1"))).unwrap();
    receiver.handle_rtp(start(), &mut rtp(102, VP8, 1512, None)).unwrap();
    let sent = outputs(&mut receiver, start());
    assert_eq!(sent.len(), 1);
    let compound = CompoundView::parse(&sent[0].1, Rules::default()).unwrap();
    assert!(compound.packets().any(|packet| matches!(packet, Rtcp::Pli(pli) if pli.media == 102)));
    assert!(!compound.packets().any(|packet| matches!(packet, Rtcp::Nack(_))));
}

#[test]
fn packets_in_disorder_are_asked_for_once_and_taken_once() {
    let mut receiver = media(200);
    for number in [1_u16, 2, 4, 3, 5] {
        receiver.handle_rtp(start(), &mut rtp(102, VP8, number, Some("1"))).unwrap();
    }
    // The gap closed before anybody asked.
    assert_eq!(outputs(&mut receiver, start()), []);
    let again = receiver.handle_rtp(start(), &mut rtp(102, VP8, 3, None));
    assert_eq!(again, Err(super::super::Drop::Duplicate));
}

//= rfc5506#4
//= type=test
#[test]
fn feedback_is_reduced_only_after_a_whole_compound_packet() {
    let mut receiver = media(200);
    for number in [1_u16, 3] {
        receiver.handle_rtp(start(), &mut rtp(102, VP8, number, Some("1"))).unwrap();
    }
    let first = outputs(&mut receiver, start());
    assert!(is_rtcp(&first[0].1));
    let compound = CompoundView::parse(&first[0].1, Rules::default()).unwrap();
    let kinds: Vec<_> = compound.packets().collect();
    assert!(matches!(
        kinds[..],
        [Rtcp::ReceiverReport(_), Rtcp::SourceDescription(_), Rtcp::Nack(_)]
    ));
    let later = start() + Duration::from_millis(10);
    receiver.handle_rtp(later, &mut rtp(102, VP8, 6, None)).unwrap();
    let second = outputs(&mut receiver, later);
    let reduced = Rules { reduced_size: true };
    let compound = CompoundView::parse(&second[0].1, reduced).unwrap();
    let packets: Vec<_> = compound.packets().collect();
    let [Rtcp::Nack(nack)] = packets[..] else { panic!("{packets:?}") };
    assert_eq!(nack.sequence_numbers().collect::<Vec<_>>(), [4, 5]);
}

//= rfc4588#4
//= type=test
#[test]
fn a_retransmission_has_its_own_source_number_and_type_and_names_its_section() {
    let mut wire = Wire::new();
    wire.lose = |side, count, _, _| side == 0 && count == 2;
    for frame in 0..4 {
        wire.send(0, VIDEO, &outgoing(VP8, frame * 3000, b"picture"));
    }
    wire.now += wire.delay;
    wire.side[1].take(wire.now);
    let nack = outputs(&mut wire.side[1].media, wire.now);
    wire.side[0].media.handle_rtcp(wire.now, &nack[0].1).unwrap();
    let resent = outputs(&mut wire.side[0].media, wire.now);
    let [(OutputKind::Rtp, packet)] = &resent[..] else { panic!("{resent:?}") };
    let packet = view(packet);
    assert_eq!((packet.ssrc(), packet.payload_type()), (Ssrc(103), RTX));
    assert_eq!(packet.extension(4), Some(&b"1"[..]));
    let first = wire.side[1].received[0].clone();
    assert_eq!(packet.timestamp(), first.timestamp.wrapping_add(3000));
    let number = first.sequence_number.wrapping_add(1);
    assert_eq!(packet.payload(), [&number.to_be_bytes()[..], b"picture"].concat());
}

#[test]
fn a_probe_of_padding_on_the_repair_stream_is_counted_and_dropped() {
    let mut receiver = media(200);
    let mut sections = sections(200);
    announce(&mut sections[1], 102, Some(103));
    receiver.configure(start(), sections);
    let mut buf = [0; 300];
    let header = Header {
        payload_type: RTX,
        marker: false,
        sequence_number: 1,
        timestamp: 0,
        ssrc: Ssrc(103),
    };
    let mut writer = PacketWriter::new(&mut buf, &header).unwrap();
    writer.padding(255).unwrap();
    let len = writer.finish();
    let dropped = receiver.handle_rtp(start(), &mut buf[..len]);
    assert_eq!(dropped, Err(super::super::Drop::Probe));
}

#[test]
fn a_retransmission_that_comes_before_the_gap_is_seen_is_not_asked_for() {
    let mut receiver = media(200);
    let mut sections = sections(200);
    announce(&mut sections[1], 102, Some(103));
    receiver.configure(start(), sections);
    receiver.handle_rtp(start(), &mut rtp(102, VP8, 10, None)).unwrap();
    // `rtp` puts the number in front of the payload: just what a retransmission has there.
    let packet = receiver.handle_rtp(start(), &mut rtp(103, RTX, 11, None)).unwrap();
    assert_eq!((packet.sequence_number, packet.recovered), (11, true));
    receiver.handle_rtp(start(), &mut rtp(102, VP8, 12, None)).unwrap();
    assert_eq!(outputs(&mut receiver, start()), []);
    let original = receiver.handle_rtp(start(), &mut rtp(102, VP8, 11, None));
    assert_eq!(original, Err(super::super::Drop::Duplicate));
}
