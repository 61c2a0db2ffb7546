//! RTP packets: a packet that parses has accessors that agree with each other, is written again as
//! it was read, and retransmissions of it turn back into it.

use antiphon_rtp::{
    Element, ExtensionKind, ExtensionMap, Form, Header, PacketView, PacketWriter, Ssrc, header_len,
    is_rtcp, rtx,
};

/// Runs the target over `data`.
pub fn run(data: &[u8]) {
    let _ = is_rtcp(data);
    let Ok(view) = PacketView::parse(data) else {
        return;
    };
    assert_eq!(header_len(data), Ok(view.header_len()));
    assert_eq!(data.get(view.payload_range()), Some(view.payload()));
    let mut map = ExtensionMap::new();
    for (id, kind) in (1..15).zip(ExtensionKind::ALL) {
        let _ = map.insert(id, kind);
    }
    let mut scratch = [0; 3];
    for value in view.values(&map) {
        let _ = value.bytes(&mut scratch);
    }
    let elements: Vec<Element<'_>> = view.extensions().collect();
    for element in &elements {
        assert!(view.extension_range(element.id).is_some());
    }
    let mut buf = vec![0; data.len() + 1024];
    let len = write(&view, &elements, &mut buf);
    let again = PacketView::parse(&buf[..len]).expect("what is written reads back");
    assert_eq!(again.payload(), view.payload());
    assert!(again.extensions().eq(elements.iter().copied()));

    let mut packet = data.to_vec();
    let original = rtx::Original { payload_type: 96, ssrc: Ssrc(1) };
    if let Ok(range) = rtx::unwrap(&mut packet, &original) {
        PacketView::parse(&packet[range]).expect("an original is a packet");
    }
}

fn write(view: &PacketView<'_>, elements: &[Element<'_>], buf: &mut [u8]) -> usize {
    let header = Header {
        payload_type: view.payload_type(),
        marker: view.marker(),
        sequence_number: view.sequence_number(),
        timestamp: view.timestamp(),
        ssrc: view.ssrc(),
    };
    let mut writer = PacketWriter::new(buf, &header).expect("room for a header");
    let csrcs: Vec<Ssrc> = view.csrcs().collect();
    writer.csrcs(&csrcs).expect("at most 15");
    let form = view.extension_form().unwrap_or(Form::OneByte);
    writer.extensions(form, elements).expect("they came in this form");
    writer.payload(view.payload()).expect("room");
    writer.finish()
}
