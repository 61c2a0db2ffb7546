//! Packets that lie about what they hold.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is a failed test"
)]

use antiphon_rtcp::{
    BufferTooSmall, CompoundView, CompoundWriter, Packet, ParseError, ReportBlock, Rules, SdesItem,
    SdesKind, WriteError,
};

const REDUCED: Rules = Rules { reduced_size: true };
const PLI: [u8; 12] = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
const RR: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 1];

//= rfc3550#A.2
//= type=test
#[test]
fn a_compound_packet_starts_with_a_report_unless_reduced_size_was_negotiated() {
    assert_eq!(CompoundView::parse(&PLI, Rules::default()), Err(ParseError::FirstPacket(206)));
    assert_eq!(CompoundView::parse(&PLI, REDUCED).unwrap().packets().count(), 1);
    let version = [0x41, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    assert_eq!(CompoundView::parse(&version, REDUCED), Err(ParseError::Version(1)));
    let error = ParseError::Truncated { need: 12, have: 11 };
    assert_eq!(CompoundView::parse(&PLI[..11], REDUCED), Err(error));
    let error = ParseError::Truncated { need: 4, have: 0 };
    assert_eq!(CompoundView::parse(&[], REDUCED), Err(error));
}

// attack: RTCP compound injection
#[test]
fn a_packet_that_is_cut_off_is_left_out_with_the_rest() {
    for rest in [&PLI[..11], &[0x81, 206, 0xff, 0xff, 1, 2, 3, 4], &[0x01, 206, 0, 0]] {
        let bytes = [&RR[..], &PLI[..], rest, &PLI[..0]].concat();
        let compound = CompoundView::parse(&bytes, Rules::default()).unwrap();
        assert!(compound.is_cut_off());
        assert_eq!(compound.packets().count(), 2);
        assert_eq!(compound.as_bytes().len(), 20);
    }
}

//= rfc3550#6.4.1
//= type=test
#[test]
fn only_the_last_packet_may_be_padded() {
    let mut first = [&RR[..], &PLI[..]].concat();
    first[0] |= 0x20;
    assert_eq!(CompoundView::parse(&first, Rules::default()), Err(ParseError::FirstPadded));

    let mut padded_rr = RR;
    padded_rr[0] |= 0x20;
    let middle = [&RR[..], &padded_rr[..], &PLI[..]].concat();
    let compound = CompoundView::parse(&middle, Rules::default()).unwrap();
    assert_eq!((compound.packets().count(), compound.is_cut_off()), (1, true));
}

#[test]
fn impossible_padding_makes_a_packet_malformed() {
    for count in [0, 3, 12, 255] {
        let padded = [0xa1, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, count];
        let compound = CompoundView::parse(&padded, REDUCED).unwrap();
        assert!(matches!(compound.packets().next(), Some(Packet::Malformed(_))), "{count}");
    }
    let padded = [0xa1, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4];
    let compound = CompoundView::parse(&padded, REDUCED).unwrap();
    assert!(matches!(compound.packets().next(), Some(Packet::Pli(_))));
}

// attack: report overflow
#[test]
fn counts_beyond_the_packet_make_it_malformed_and_the_next_is_still_read() {
    let liars: [&[u8]; 5] = [
        &[0x9f, 201, 0, 1, 0, 0, 0, 1], // 31 blocks in no bytes
        &[0x80, 200, 0, 1, 0, 0, 0, 1], // a sender report without its numbers
        &[0x82, 203, 0, 1, 0, 0, 0, 1], // two sources in four bytes
        &[0x81, 202, 0, 2, 0, 0, 0, 1, 1, 200, 97, 98], // a text that runs out
        &[0x81, 202, 0, 2, 0, 0, 0, 1, 1, 2, 97, 98], // items without an end
    ];
    for liar in liars {
        let bytes = [&RR[..], liar, &PLI[..]].concat();
        let compound = CompoundView::parse(&bytes, Rules::default()).unwrap();
        let packets: Vec<_> = compound.packets().collect();
        assert!(matches!(packets[1], Packet::Malformed(m) if m.len == liar.len()), "{liar:?}");
        assert!(matches!(packets[2], Packet::Pli(_)));
    }
}

#[test]
fn a_goodbye_with_a_cut_off_reason_still_says_goodbye() {
    let bytes = [0x81, 203, 0, 2, 0, 0, 0, 1, 9, b'h', b'i', 0];
    let compound = CompoundView::parse(&bytes, REDUCED).unwrap();
    let Some(Packet::Goodbye(goodbye)) = compound.packets().next() else { panic!("a goodbye") };
    assert_eq!((goodbye.sources().count(), goodbye.reason()), (1, None));
}

#[test]
fn what_does_not_fit_is_not_written() {
    let mut buf = [0; 24];
    let mut writer = CompoundWriter::new(&mut buf);
    writer.receiver_report(1, &[]).unwrap();
    let small = |need| Err(WriteError::BufferTooSmall(BufferTooSmall { need }));
    assert_eq!(writer.nack(1, 2, [1, 100]), small(28));
    assert_eq!(writer.receiver_report(1, &[ReportBlock::default()]), small(40));
    let cname = [SdesItem { kind: SdesKind::CNAME, value: b"antiphon" }];
    assert_eq!(writer.source_description(1, &cname), small(28));
    assert_eq!(writer.goodbye(&[1, 2, 3, 4], b""), small(28));
    writer.nack(1, 2, [1, 17]).unwrap();
    assert_eq!(writer.remaining(), 0);
    assert_eq!(writer.finish(), 24);
    let compound = CompoundView::parse(&buf, Rules::default()).unwrap();
    assert_eq!(compound.packets().count(), 2);
}

#[test]
fn what_the_format_cannot_say_is_refused() {
    let mut buf = [0; 2000];
    let mut writer = CompoundWriter::new(&mut buf);
    let many = WriteError::TooMany { count: 32, limit: 31 };
    assert_eq!(writer.receiver_report(1, &[ReportBlock::default(); 32]), Err(many));
    assert_eq!(writer.goodbye(&[1; 32], b""), Err(many));
    assert_eq!(writer.goodbye(&[1], &[b'x'; 256]), Err(WriteError::TextTooLong(256)));
    let long = [SdesItem { kind: SdesKind::CNAME, value: &[b'x'; 256] }];
    assert_eq!(writer.source_description(1, &long), Err(WriteError::TextTooLong(256)));
    let zero = [SdesItem { kind: SdesKind(0), value: b"x" }];
    assert_eq!(writer.source_description(1, &zero), Err(WriteError::ItemKind));
    assert_eq!(writer.nack(1, 2, []), Err(WriteError::Empty));
    assert_eq!(writer.fir(1, &[]), Err(WriteError::Empty));
    assert!(writer.is_empty());
}
