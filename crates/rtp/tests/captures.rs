//! Headers of packets that browsers and another stack sent. (Their payloads are encrypted.)
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

use antiphon_rtp::{
    AudioLevel, ExtensionKind, ExtensionMap, ExtensionValue, Form, PacketView, Ssrc, header_len,
    is_rtcp,
};

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

#[test]
fn chromium_opus_with_four_extensions() {
    let packet = bytes("90ef26c0bdccab5799f7d664bede0003220cdcd9310001403010ff00957f1cdd");
    assert!(!is_rtcp(&packet));
    assert_eq!(header_len(&packet), Ok(28));
    let view = PacketView::parse(&packet).unwrap();
    assert!(view.marker());
    assert_eq!((view.payload_type(), view.sequence_number()), (111, 0x26c0));
    assert_eq!((view.timestamp(), view.ssrc()), (0xbdcc_ab57, Ssrc(0x99f7_d664)));
    assert_eq!(view.extension_form(), Some(Form::OneByte));
    assert_eq!(view.payload(), bytes("957f1cdd"));

    let mut map = ExtensionMap::new();
    map.insert(1, ExtensionKind::AudioLevel).unwrap();
    map.insert(2, ExtensionKind::AbsSendTime).unwrap();
    map.insert(3, ExtensionKind::TransportSequenceNumber).unwrap();
    map.insert(4, ExtensionKind::Mid).unwrap();
    let values: Vec<_> = view.values(&map).collect();
    assert_eq!(
        values,
        [
            ExtensionValue::AbsSendTime(0x0c_dcd9),
            ExtensionValue::TransportSequenceNumber(1),
            ExtensionValue::Mid("0"),
            ExtensionValue::AudioLevel(AudioLevel { voice: true, level: 127 }),
        ]
    );
    let range = view.extension_range(3).unwrap();
    assert_eq!(packet[range], [0, 1]);
}

#[test]
fn chromium_retransmission_with_playout_delay() {
    let packet = bytes(
        "90f762f47c236886ada758a6bede0008220d2c28d00031000c7c0300010005000600250000000083060606104031000000",
    );
    let view = PacketView::parse(&packet).unwrap();
    assert_eq!((view.payload_type(), view.header_len()), (119, 48));
    // 7 is video-timing, 8 color-space, 13 the orientation.
    assert_eq!(view.extension(7).map(<[u8]>::len), Some(13));
    assert_eq!(view.extension(8), Some(&[6, 6, 6, 16][..]));
    assert_eq!(view.extension(13), Some(&[0][..]));
    assert_eq!(view.extension(4), Some(&b"1"[..]));
    assert_eq!(view.extension(3), Some(&[0, 0x0c][..]));
    assert_eq!(view.extension(2), Some(&[0x0d, 0x2c, 0x28][..]));
    assert_eq!(view.extension(9), None);
}

#[test]
fn firefox_opus() {
    let packet = bytes("90ed31436113b5bf24de5123bede000271000230301097007840d96b");
    let view = PacketView::parse(&packet).unwrap();
    let elements: Vec<_> = view.extensions().map(|e| (e.id, e.value)).collect();
    assert_eq!(elements, [(7, &[0, 2][..]), (3, &b"0"[..]), (1, &[0x97][..])]);
}

#[test]
fn aiortc_video() {
    let packet = bytes("90e13bcfd78b159d6c864306bede0002103032f4703f0000cdb813cc");
    let view = PacketView::parse(&packet).unwrap();
    let elements: Vec<_> = view.extensions().map(|e| (e.id, e.value)).collect();
    assert_eq!(elements, [(1, &b"0"[..]), (3, &[0xf4, 0x70, 0x3f][..])]);
}
