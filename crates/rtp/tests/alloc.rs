//! Reading, writing and counting allocate nothing.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

use std::time::Duration;

use antiphon_rtp::{Element, Form, Header, PacketView, PacketWriter, Reception, Ssrc, rtx};
use antiphon_testkit::alloc;

antiphon_testkit::install_counting_allocator!();

#[test]
fn ten_thousand_packets_without_an_allocation() {
    let (mut buf, mut repair) = ([0; 1500], [0; 1500]);
    let mut reception = Reception::new(90_000, 0);
    let allocations = alloc::count(|| {
        for n in 0..10_000_u16 {
            let header = Header {
                payload_type: 96,
                marker: n % 10 == 9,
                sequence_number: n,
                timestamp: u32::from(n) * 300,
                ssrc: Ssrc(1),
            };
            let mut writer = PacketWriter::new(&mut buf, &header).unwrap();
            writer.extensions(Form::OneByte, &[Element { id: 4, value: b"1" }]).unwrap();
            writer.payload(&[7; 1100]).unwrap();
            let len = writer.finish();
            let view = PacketView::parse(&buf[..len]).unwrap();
            assert_eq!(view.extension(4), Some(&b"1"[..]));
            reception.receive(view.sequence_number());
            reception.measure(view.timestamp(), Duration::from_millis(u64::from(n)));
            let stream = rtx::Stream { payload_type: 97, sequence_number: n, ssrc: Ssrc(2) };
            let len = rtx::wrap(&view, &stream, None, &mut repair).unwrap();
            let original = rtx::Original { payload_type: 96, ssrc: Ssrc(1) };
            let range = rtx::unwrap(&mut repair[..len], &original).unwrap();
            assert_eq!(repair[range].len(), view.as_bytes().len());
        }
    });
    assert_eq!(allocations, 0);
}
