//! What is written reads back, and any bytes can be read.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

use antiphon_rtp::{
    Element, Form, Header, PacketView, PacketWriter, Reception, SequenceUnwrapper, Ssrc,
    header_len, rtx,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Packet {
    header: Header,
    csrcs: Vec<Ssrc>,
    elements: Vec<(u8, Vec<u8>)>,
    payload: Vec<u8>,
    padding: u8,
}

impl Packet {
    fn elements(&self) -> Vec<Element<'_>> {
        self.elements.iter().map(|(id, value)| Element { id: *id, value }).collect()
    }

    fn write(&self) -> Vec<u8> {
        let mut buf = vec![0xa5; 65_535];
        let mut writer = PacketWriter::new(&mut buf, &self.header).unwrap();
        writer.csrcs(&self.csrcs).unwrap();
        let elements = self.elements();
        writer.extensions(Form::needed(&elements), &elements).unwrap();
        writer.payload(&self.payload).unwrap();
        if self.padding > 0 {
            writer.padding(self.padding).unwrap();
        }
        let len = writer.finish();
        buf.truncate(len);
        buf
    }
}

fn packets() -> impl Strategy<Value = Packet> {
    let header = (0_u8..128, any::<bool>(), any::<u16>(), any::<u32>(), any::<u32>()).prop_map(
        |(payload_type, marker, sequence_number, timestamp, ssrc)| Header {
            payload_type,
            marker,
            sequence_number,
            timestamp,
            ssrc: Ssrc(ssrc),
        },
    );
    let csrcs = prop::collection::vec(any::<u32>().prop_map(Ssrc), 0..=15);
    let short = (1_u8..15, prop::collection::vec(any::<u8>(), 1..=16));
    let long = (1_u8..=255, prop::collection::vec(any::<u8>(), 0..40));
    let elements =
        prop_oneof![prop::collection::vec(short, 0..6), prop::collection::vec(long, 0..6)];
    let payload = prop::collection::vec(any::<u8>(), 0..100);
    (header, csrcs, elements, payload, any::<u8>()).prop_map(
        |(header, csrcs, elements, payload, padding)| Packet {
            header,
            csrcs,
            elements,
            payload,
            padding,
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_reads_back(packet in packets()) {
        let bytes = packet.write();
        let view = PacketView::parse(&bytes).unwrap();
        let header = Header {
            payload_type: view.payload_type(),
            marker: view.marker(),
            sequence_number: view.sequence_number(),
            timestamp: view.timestamp(),
            ssrc: view.ssrc(),
        };
        prop_assert_eq!(header, packet.header);
        prop_assert_eq!(view.csrcs().collect::<Vec<_>>(), packet.csrcs.clone());
        prop_assert_eq!(view.extensions().collect::<Vec<_>>(), packet.elements());
        prop_assert_eq!(view.payload(), &packet.payload[..]);
        prop_assert_eq!(&bytes[view.payload_range()], &packet.payload[..]);
        prop_assert_eq!(view.padding_len(), packet.padding);
        prop_assert_eq!(header_len(&bytes), Ok(view.header_len()));
        for element in view.extensions() {
            let first = view.extension(element.id).unwrap();
            prop_assert_eq!(&bytes[view.extension_range(element.id).unwrap()], first);
        }
    }

    #[test]
    fn a_retransmission_becomes_its_original_again(packet in packets()) {
        let bytes = packet.write();
        let view = PacketView::parse(&bytes).unwrap();
        let stream = rtx::Stream { payload_type: 97, sequence_number: 4711, ssrc: Ssrc(5) };
        let mut buf = vec![0; 65_535];
        let len = rtx::wrap(&view, &stream, None, &mut buf).unwrap();
        let wrapped = PacketView::parse(&buf[..len]).unwrap();
        prop_assert_eq!((wrapped.ssrc(), wrapped.sequence_number()), (Ssrc(5), 4711));
        prop_assert_eq!(wrapped.timestamp(), packet.header.timestamp);
        let original = rtx::Original {
            payload_type: packet.header.payload_type,
            ssrc: packet.header.ssrc,
        };
        let range = rtx::unwrap(&mut buf[..len], &original).unwrap();
        let unpadded = Packet { padding: 0, ..packet };
        prop_assert_eq!(&buf[range], &unpadded.write()[..]);
    }

    #[test]
    fn any_bytes_can_be_read(mut bytes in prop::collection::vec(any::<u8>(), 0..80), first in 0x80_u8..0xc0) {
        if let Some(byte) = bytes.first_mut() {
            *byte = first;
        }
        if let Ok(view) = PacketView::parse(&bytes) {
            prop_assert_eq!(header_len(&bytes), Ok(view.header_len()));
            prop_assert_eq!(&bytes[view.payload_range()], view.payload());
            for element in view.extensions() {
                prop_assert!(view.extension_range(element.id).is_some());
            }
        }
        let _ = rtx::unwrap(&mut bytes, &rtx::Original { payload_type: 1, ssrc: Ssrc(1) });
    }

    #[test]
    fn unwrapped_numbers_end_in_the_number(numbers in prop::collection::vec(any::<u16>(), 1..200)) {
        let mut sequence = SequenceUnwrapper::new();
        for number in numbers {
            prop_assert_eq!(sequence.unwrap(number) % 65_536, u64::from(number));
        }
    }

    #[test]
    fn statistics_take_any_numbers(
        packets in prop::collection::vec((any::<u16>(), any::<u32>(), any::<u32>()), 1..200),
        rate in prop_oneof![Just(0), Just(1), Just(8000), Just(90_000), Just(u32::MAX)],
    ) {
        let mut reception = Reception::new(rate, packets[0].0);
        for (number, timestamp, millis) in packets {
            reception.receive(number);
            reception.measure(timestamp, std::time::Duration::from_millis(u64::from(millis)));
            let report = reception.report();
            prop_assert!((-0x80_0000..0x80_0000).contains(&report.cumulative_lost));
        }
    }
}
