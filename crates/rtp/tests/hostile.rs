//! Packets that lie about their lengths.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

use antiphon_rtp::{
    BufferTooSmall, Element, Form, Header, PacketView, PacketWriter, ParseError, Ssrc, WriteError,
    rtx,
};

const HEADER: Header =
    Header { payload_type: 96, marker: false, sequence_number: 1, timestamp: 2, ssrc: Ssrc(3) };

fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![first, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    packet.extend_from_slice(rest);
    packet
}

// attack: header-extension length lies
#[test]
fn an_extension_longer_than_the_packet_is_refused() {
    let lying = packet(0x90, &[0xbe, 0xde, 0xff, 0xff, 0x10, 1, 0, 0]);
    let need = 16 + 4 * 0xffff;
    assert_eq!(PacketView::parse(&lying), Err(ParseError::Truncated { need, have: 20 }));
}

// attack: CSRC count
#[test]
fn more_csrcs_than_the_packet_holds_are_refused() {
    let lying = packet(0x8f, &[0; 59]);
    assert_eq!(PacketView::parse(&lying), Err(ParseError::Truncated { need: 72, have: 71 }));
    let honest = packet(0x8f, &[0; 60]);
    assert_eq!(PacketView::parse(&honest).unwrap().csrcs().len(), 15);
}

// attack: padding greater than the payload
//= rfc3550#5.1
//= type=test
#[test]
fn padding_is_at_least_one_and_at_most_the_payload() {
    for (rest, padding) in [(&[1, 2, 0][..], 0), (&[1, 2, 4], 4), (&[], 0)] {
        let error = ParseError::Padding { padding, payload: rest.len() };
        assert_eq!(PacketView::parse(&packet(0xa0, rest)), Err(error));
    }
    let only_padding = packet(0xa0, &[0, 0, 3]);
    let view = PacketView::parse(&only_padding).unwrap();
    assert_eq!((view.payload().len(), view.padding_len(), view.header_len()), (0, 3, 12));
}

#[test]
fn other_versions_are_refused() {
    assert_eq!(PacketView::parse(&packet(0x10, &[])), Err(ParseError::Version(0)));
    assert_eq!(PacketView::parse(&packet(0xd0, &[])), Err(ParseError::Version(3)));
}

#[test]
fn an_unknown_profile_has_no_elements() {
    let other = packet(0x90, &[0x12, 0x34, 0, 1, 0x10, 1, 0x20, 2]);
    let view = PacketView::parse(&other).unwrap();
    assert_eq!((view.extension_profile(), view.extension_form()), (Some(0x1234), None));
    assert_eq!(view.extensions().count(), 0);
}

// attack: retransmission of nothing but padding
#[test]
fn a_retransmission_without_an_original_is_refused_and_left_alone() {
    let original = rtx::Original { payload_type: 97, ssrc: Ssrc(9) };
    for mut probe in [packet(0xa0, &[0, 0, 3]), packet(0xa0, &[7, 1]), packet(0x80, &[])] {
        let before = probe.clone();
        assert!(matches!(
            rtx::unwrap(&mut probe, &original),
            Err(rtx::UnwrapError::Empty { len: 0 | 1 })
        ));
        assert_eq!(probe, before);
    }
}

#[test]
fn what_does_not_fit_is_not_written() {
    let mut buf = [0; 20];
    let mut writer = PacketWriter::new(&mut buf, &HEADER).unwrap();
    let element = [Element { id: 1, value: &[1; 5] }];
    let error = WriteError::BufferTooSmall(BufferTooSmall { need: 24 });
    assert_eq!(writer.extensions(Form::OneByte, &element), Err(error));
    writer.payload(&[7; 8]).unwrap();
    let error = WriteError::BufferTooSmall(BufferTooSmall { need: 21 });
    assert_eq!(writer.payload(&[7]), Err(error));
    assert_eq!(writer.csrcs(&[Ssrc(1)]), Err(WriteError::Order));
    let len = writer.finish();
    assert_eq!(PacketView::parse(&buf[..len]).unwrap().payload(), [7; 8]);
}

#[test]
fn elements_that_the_form_cannot_carry_are_refused() {
    let mut buf = [0; 600];
    let mut writer = PacketWriter::new(&mut buf, &HEADER).unwrap();
    for (id, value) in [(15, &[1][..]), (0, &[1]), (1, &[]), (1, &[0; 17])] {
        let element = [Element { id, value }];
        let error = WriteError::Element { id, len: value.len() };
        assert_eq!(writer.extensions(Form::OneByte, &element), Err(error));
        assert_eq!(Form::needed(&element), Form::TwoByte);
    }
    let long = [Element { id: 1, value: &[0; 256] }];
    let error = WriteError::Element { id: 1, len: 256 };
    assert_eq!(writer.extensions(Form::TwoByte, &long), Err(error));
    let payload_type = Header { payload_type: 128, ..HEADER };
    assert!(matches!(
        PacketWriter::new(&mut buf, &payload_type),
        Err(WriteError::PayloadType(128))
    ));
}
