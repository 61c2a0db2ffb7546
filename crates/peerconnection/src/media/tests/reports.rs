//! Reports, farewells and key frames between two sides.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks for one kind of packet")]

use std::time::Duration;

use antiphon_rtcp::{CompoundView, Packet as Rtcp, Rules, SdesKind};

use super::super::{Drop, SendError};
use super::*;

#[test]
fn both_sides_learn_the_round_trip_and_the_loss() {
    let mut wire = Wire::new();
    wire.delay = Duration::from_millis(40);
    wire.lose = |side, count, kind, _| side == 0 && kind == OutputKind::Rtp && count % 8 == 0;
    wire.stream(Duration::from_secs(5));
    let sent: Vec<_> = wire.side[0].media.outbound().collect();
    for stream in sent {
        let remote = stream.remote.unwrap();
        let round_trip = remote.round_trip.unwrap();
        assert!(round_trip.abs_diff(Duration::from_millis(80)) < Duration::from_millis(2));
        assert!(remote.packets_lost > 0, "{remote:?}");
        assert!(remote.fraction_lost > 0 || stream.transceiver == AUDIO, "{remote:?}");
    }
    let video = wire.side[1].media.inbound().find(|s| s.transceiver == VIDEO).unwrap();
    let report = video.remote.unwrap();
    assert!(report.info.packets > 400 && report.info.octets > 400 * 900);
    assert!(wire.side[0].events.contains(&Event::ReportReceived(VIDEO)));
    assert!(wire.side[0].events.contains(&Event::ReportReceived(AUDIO)));
}

#[test]
fn reports_come_about_once_per_second_and_are_whole_compounds() {
    let mut wire = Wire::new();
    wire.stream(Duration::from_secs(20));
    for side in &wire.side {
        assert!((14..=40).contains(&side.rtcp.len()), "{}", side.rtcp.len());
        for bytes in &side.rtcp {
            let compound = CompoundView::parse(bytes, Rules::default()).unwrap();
            assert!(!compound.is_cut_off());
            let mut cnames = compound.packets().filter_map(|packet| match packet {
                Rtcp::SourceDescription(description) => description.chunks().next(),
                _ => None,
            });
            assert!(cnames.all(|chunk| chunk.item(SdesKind::CNAME).is_some()));
        }
    }
    // The sender says what it sent, with MIDs; the receiver has a source of its own.
    let first = CompoundView::parse(&wire.side[0].rtcp[0], Rules::default()).unwrap();
    let senders = first.packets().filter(|packet| matches!(packet, Rtcp::SenderReport(_)));
    assert_eq!(senders.count(), 2);
    let first = CompoundView::parse(&wire.side[1].rtcp[0], Rules::default()).unwrap();
    let Some(Rtcp::ReceiverReport(report)) = first.packets().next() else { panic!("a report") };
    assert_eq!(report.blocks().len(), 2);
    assert_ne!(report.ssrc(), 201);
}

#[test]
fn a_silent_connection_says_nothing() {
    let mut wire = Wire::new();
    assert_eq!(wire.side[0].media.poll_timeout(), None);
    wire.stream(Duration::from_secs(2));
    wire.run(Duration::from_secs(10));
    let reports = wire.side[0].rtcp.len() + wire.side[1].rtcp.len();
    wire.run(Duration::from_secs(60));
    assert_eq!(wire.side[0].rtcp.len() + wire.side[1].rtcp.len(), reports);
    assert_eq!(wire.side[0].media.poll_timeout(), None);
}

#[test]
fn more_sources_than_a_report_holds_are_reported_in_several() {
    let mut media = media(200);
    for ssrc in 0..60 {
        media.handle_rtp(start(), &mut rtp(1000 + ssrc, VP8, 1, Some("1"))).unwrap();
    }
    let later = start() + Duration::from_secs(2);
    let sent = outputs(&mut media, later);
    let blocks = |bytes: &[u8]| {
        let compound = CompoundView::parse(bytes, Rules::default()).unwrap();
        let reports = compound.packets().filter_map(|packet| match packet {
            Rtcp::ReceiverReport(report) => Some(report.blocks().len()),
            _ => None,
        });
        reports.sum::<usize>()
    };
    assert!(sent.iter().all(|(_, bytes)| bytes.len() <= 1200));
    assert_eq!(sent.iter().map(|(_, bytes)| blocks(bytes)).sum::<usize>(), 60);
}

#[test]
fn a_farewell_mutes_and_late_packets_do_not_bring_the_source_back() {
    let mut wire = Wire::new();
    wire.stream(Duration::from_millis(100));
    wire.run(Duration::from_millis(100));
    assert!(wire.side[1].events.contains(&Event::Unmuted(VIDEO)));
    // The video section is stopped.
    let audio = sections(100).remove(0);
    wire.side[0].media.configure(wire.now, vec![audio]);
    wire.run(Duration::from_millis(100));
    assert!(wire.side[1].events.contains(&Event::Muted(VIDEO)));
    assert!(!wire.side[1].events.contains(&Event::Muted(AUDIO)));

    let receiver = &mut wire.side[1].media;
    let late = receiver.handle_rtp(wire.now, &mut rtp(102, VP8, 9, Some("1")));
    assert_eq!(late, Err(Drop::Departed));
    let later = wire.now + Duration::from_secs(4);
    let fresh = receiver.handle_rtp(later, &mut rtp(102, VP8, 40_000, Some("1"))).unwrap();
    assert_eq!(fresh.sequence_number, 40_000);
    assert_eq!(events(receiver), [Event::Unmuted(VIDEO)]);
}

#[test]
fn closing_says_goodbye_for_all_streams_that_sent() {
    let mut wire = Wire::new();
    wire.stream(Duration::from_millis(100));
    wire.run(Duration::from_millis(100));
    wire.side[0].media.close(wire.now);
    let last = outputs(&mut wire.side[0].media, wire.now);
    assert_eq!(last.len(), 1);
    let compound = CompoundView::parse(&last[0].1, Rules::default()).unwrap();
    let left: Vec<u32> = compound
        .packets()
        .filter_map(|packet| match packet {
            Rtcp::Goodbye(goodbye) => Some(goodbye.sources().collect::<Vec<_>>()),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(left, [101, 102]);
    assert_eq!(wire.side[0].media.poll_timeout(), None);
}

#[test]
fn a_pause_keeps_the_sequence_and_says_no_goodbye() {
    let mut media = media(100);
    let mut buf = [0; MAX_OUTPUT];
    let packet = outgoing(VP8, 0, b"picture");
    let len = media.send(start(), VIDEO, &packet, &mut buf).unwrap();
    let before = view(&buf[..len]).sequence_number();
    let mut sections = sections(100);
    let send = sections[1].send.take();
    media.configure(start(), sections.clone());
    let paused = media.send(start(), VIDEO, &packet, &mut buf);
    assert_eq!(paused, Err(SendError::NotSending));
    assert_eq!(outputs(&mut media, start()), []);
    sections[1].send = send;
    media.configure(start(), sections);
    let len = media.send(start(), VIDEO, &packet, &mut buf).unwrap();
    assert_eq!(view(&buf[..len]).sequence_number(), before.wrapping_add(1));
}

#[test]
fn what_was_not_negotiated_is_not_sent() {
    let mut media = media(100);
    let mut buf = [0; MAX_OUTPUT];
    let unknown = TransceiverId::new(9);
    let packet = outgoing(VP8, 0, b"picture");
    let sent = media.send(start(), unknown, &packet, &mut buf);
    assert_eq!(sent, Err(SendError::UnknownTransceiver));
    let sent = media.send(start(), AUDIO, &packet, &mut buf);
    assert_eq!(sent, Err(SendError::PayloadType(VP8)));
    let sent = media.send(start(), VIDEO, &outgoing(VP8, 0, &[0; 1189]), &mut buf);
    assert_eq!(sent, Err(SendError::PayloadTooLarge { len: 1189, limit: 1188 }));
    let sent = media.send(start(), VIDEO, &packet, &mut buf[..20]);
    assert!(matches!(sent, Err(SendError::BufferTooSmall { need: 20.. })), "{sent:?}");
    assert!(media.poll_output(start(), &mut buf[..100]).is_err());
}

#[test]
fn audio_level_and_orientation_arrive() {
    use antiphon_rtp::{AudioLevel, VideoOrientation};
    let mut wire = Wire::new();
    let level = Some(AudioLevel { voice: true, level: 33 });
    wire.send(0, AUDIO, &Outgoing { audio_level: level, ..outgoing(OPUS, 0, b"sound") });
    let orientation = Some(VideoOrientation::from_byte(3));
    wire.send(0, VIDEO, &Outgoing { orientation, ..outgoing(VP8, 0, b"picture") });
    wire.run(Duration::from_millis(50));
    assert_eq!(wire.side[1].received[0].audio_level, level);
    assert_eq!(wire.side[1].received[1].orientation, orientation);
}

#[test]
fn a_key_frame_is_asked_for_and_announced_once_in_a_while() {
    let mut wire = Wire::new();
    assert!(!wire.side[1].media.request_key_frame(wire.now, VIDEO), "nothing came yet");
    wire.stream(Duration::from_millis(100));
    for _ in 0..10 {
        assert!(wire.side[1].media.request_key_frame(wire.now, VIDEO));
        wire.run(Duration::from_millis(10));
    }
    assert!(!wire.side[1].media.request_key_frame(wire.now, AUDIO));
    wire.run(Duration::from_secs(1));
    let plis = wire.side[1].media.inbound().map(|s| s.plis).sum::<u64>();
    assert_eq!(plis, 2, "the first at once, the rest together after a while");
    let asked = wire.side[0].events.iter().filter(|e| **e == Event::KeyFrameRequested(VIDEO));
    assert!((1..=2).contains(&asked.count()));
}

#[test]
fn without_pli_a_fir_is_sent_with_a_new_number_each_time() {
    let mut sections = sections(200);
    for format in &mut sections[1].receive.as_mut().unwrap().formats {
        format.feedback.pli = false;
    }
    let mut media = media(200);
    media.configure(start(), sections);
    media.handle_rtp(start(), &mut rtp(102, VP8, 1, Some("1"))).unwrap();
    for number in 1..4_u8 {
        let now = start() + Duration::from_secs(u64::from(number));
        media.request_key_frame(now, VIDEO);
        let sent = outputs(&mut media, now);
        let fir = sent.iter().any(|(_, bytes)| {
            let compound = CompoundView::parse(bytes, Rules { reduced_size: true }).unwrap();
            compound.packets().any(|packet| match packet {
                Rtcp::Fir(fir) => fir.entries().all(|e| (e.ssrc, e.number) == (102, number)),
                _ => false,
            })
        });
        assert!(fir);
    }
}
