//! Peers that ask for too much, or for what is none of theirs.

use std::time::Duration;

use antiphon_rtcp::{CompoundWriter, FirEntry, ReportBlock};
use proptest::prelude::*;

use super::*;

fn rtcp(write: impl FnOnce(&mut CompoundWriter<'_>)) -> Vec<u8> {
    let mut buf = [0; 1400];
    let mut writer = CompoundWriter::new(&mut buf);
    write(&mut writer);
    let len = writer.finish();
    buf[..len].to_vec()
}

fn sending() -> (Media, u16) {
    let mut media = media(100);
    let mut buf = [0; MAX_OUTPUT];
    let mut first = None;
    for n in 0..100 {
        let packet = outgoing(VP8, n * 3000, &[7; 1000]);
        let len = media.send(start(), VIDEO, &packet, &mut buf).unwrap();
        first = first.or(Some(view(&buf[..len]).sequence_number()));
    }
    (media, first.unwrap())
}

// attack: NACK storms
#[test]
fn a_packet_goes_out_again_once_per_round_trip() {
    let (mut media, first) = sending();
    media.set_round_trip(Duration::from_millis(100));
    let nack = rtcp(|w| w.nack(9, 102, (0..10).map(|n| first + n)).unwrap());
    for _ in 0..50 {
        media.handle_rtcp(start(), &nack).unwrap();
    }
    assert_eq!(outputs(&mut media, start()).len(), 10);
    let soon = start() + Duration::from_millis(50);
    media.handle_rtcp(soon, &nack).unwrap();
    assert_eq!(outputs(&mut media, soon), []);
    let later = start() + Duration::from_millis(100);
    media.handle_rtcp(later, &nack).unwrap();
    assert_eq!(outputs(&mut media, later).len(), 10);
    let too_late = start() + Duration::from_secs(5);
    media.handle_rtcp(too_late, &nack).unwrap();
    let resent = outputs(&mut media, too_late);
    assert!(resent.iter().all(|(kind, _)| *kind == OutputKind::Rtcp), "{resent:?}");
}

// attack: NACK storms
#[test]
fn retransmissions_take_no_more_than_their_share() {
    let (mut media, first) = sending();
    let nack = rtcp(|w| w.nack(9, 102, (0..100).map(|n| first + n)).unwrap());
    let mut bytes = 0;
    for round in 0..18 {
        let now = start() + Duration::from_millis(100 * round);
        media.handle_rtcp(now, &nack).unwrap();
        let resent = outputs(&mut media, now);
        let rtp = resent.iter().filter(|(kind, _)| *kind == OutputKind::Rtp);
        bytes += rtp.map(|(_, packet)| packet.len()).sum::<usize>();
    }
    assert!((200_000..=256 << 10).contains(&bytes), "{bytes}");
}

// attack: PLI and FIR storms
#[test]
fn key_frames_are_asked_of_the_application_only_so_often() {
    let (mut media, _) = sending();
    let pli = rtcp(|w| w.pli(9, 102).unwrap());
    let mut asked = 0;
    for step in 0..100_u8 {
        let now = start() + Duration::from_millis(u64::from(step) * 10);
        media.handle_rtcp(now, &pli).unwrap();
        let fir = rtcp(|w| w.fir(9, &[FirEntry { ssrc: 102, number: step }]).unwrap());
        media.handle_rtcp(now, &fir).unwrap();
        asked += events(&mut media).len();
    }
    assert_eq!(asked, 4);
}

//= rfc5104#4.3.1.2
//= type=test
#[test]
fn a_repeated_fir_is_the_same_command() {
    let (mut media, _) = sending();
    let fir = |number| rtcp(|w| w.fir(9, &[FirEntry { ssrc: 102, number }]).unwrap());
    let at = |seconds| start() + Duration::from_secs(seconds);
    media.handle_rtcp(at(0), &fir(1)).unwrap();
    assert_eq!(events(&mut media), [Event::KeyFrameRequested(VIDEO)]);
    media.handle_rtcp(at(1), &fir(1)).unwrap();
    assert_eq!(events(&mut media), []);
    media.handle_rtcp(at(2), &fir(2)).unwrap();
    assert_eq!(events(&mut media), [Event::KeyFrameRequested(VIDEO)]);
}

// attack: RTCP compound injection, BYE forging
#[test]
fn feedback_about_streams_that_are_not_ours_changes_nothing() {
    let (mut media, first) = sending();
    let foreign = rtcp(|w| {
        w.receiver_report(9, &[ReportBlock { ssrc: 777, ..ReportBlock::default() }]).unwrap();
        w.nack(9, 777, [first]).unwrap();
        w.nack(9, 103, [first]).unwrap();
        w.pli(9, 777).unwrap();
        w.fir(9, &[FirEntry { ssrc: 777, number: 1 }]).unwrap();
        w.goodbye(&[777, 102], b"").unwrap();
    });
    media.handle_rtcp(start(), &foreign).unwrap();
    assert_eq!(events(&mut media), []);
    assert_eq!(outputs(&mut media, start()), []);
    assert!(media.outbound().all(|stream| stream.remote.is_none()));
}

// attack: report overflow
#[test]
fn an_impossible_round_trip_is_not_believed() {
    let (mut media, _) = sending();
    let block = ReportBlock { ssrc: 102, last_sender_report: 1, ..ReportBlock::default() };
    let report = rtcp(|w| w.receiver_report(9, &[block]).unwrap());
    media.handle_rtcp(start(), &report).unwrap();
    let remote = media.outbound().find_map(|stream| stream.remote).unwrap();
    assert!(remote.round_trip.is_none_or(|rtt| rtt <= Duration::from_secs(60)));
}

proptest! {
    /// Whatever comes in whatever order, nothing panics, and a drained machine waits.
    #[test]
    fn any_order_of_calls_is_fine(
        calls in prop::collection::vec(
            (0_u8..8, 0_u64..3000, any::<u16>(), prop::collection::vec(any::<u8>(), 0..60)), 0..150)
    ) {
        let mut media = media(100);
        let mut buf = [0; MAX_OUTPUT];
        for (verb, millis, number, mut bytes) in calls {
            let now = start() + Duration::from_millis(millis);
            match verb {
                0 => {
                    let kind = if number % 3 == 0 { RTX } else { VP8 };
                    let ssrc = 7 + u32::from(number % 5);
                    let mut packet = rtp(ssrc, kind, number / 16, Some("1"));
                    let _ = media.handle_rtp(now, &mut packet);
                }
                1 => drop(media.handle_rtp(now, &mut bytes)),
                2 => {
                    if let [first, kind, ..] = &mut bytes[..] {
                        *first = 0x80 | *first & 0x1f;
                        *kind = 200 + *kind % 8;
                    }
                    let _ = media.handle_rtcp(now, &bytes);
                }
                3 => {
                    let nack = rtcp(|w| w.nack(9, 102, [number, number.wrapping_add(3)]).unwrap());
                    media.handle_rtcp(now, &nack).unwrap();
                }
                4 => drop(media.send(now, VIDEO, &outgoing(VP8, 0, &bytes), &mut buf)),
                5 => drop(media.poll_output(now, &mut buf)),
                6 => drop(media.request_key_frame(now, VIDEO)),
                _ => media.configure(now, sections(100 + u32::from(number % 2) * 100)),
            }
        }
        let late = start() + Duration::from_secs(100);
        media.handle_timeout(late);
        let _ = events(&mut media);
        let _ = outputs(&mut media, late);
        prop_assert!(media.poll_timeout().is_none_or(|next| next > late));
    }
}
