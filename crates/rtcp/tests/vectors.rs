//! Packets written out by hand from the RFCs' diagrams.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is a failed test"
)]

use std::time::Duration;

use antiphon_rtcp::{
    CompoundView, CompoundWriter, NackPair, NtpTime, Packet, ReportBlock, Rules, SdesItem,
    SdesKind, SenderInfo, WriteError,
};

fn bytes(hex: &str) -> Vec<u8> {
    let hex: String = hex.split_whitespace().collect();
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn written(write: impl FnOnce(&mut CompoundWriter<'_>) -> Result<(), WriteError>) -> Vec<u8> {
    let mut buf = [0xa5; 1500];
    let mut writer = CompoundWriter::new(&mut buf);
    write(&mut writer).unwrap();
    let len = writer.finish();
    buf[..len].to_vec()
}

fn only(bytes: &[u8]) -> Packet<'_> {
    let compound = CompoundView::parse(bytes, Rules { reduced_size: true }).unwrap();
    assert!(!compound.is_cut_off());
    let mut packets = compound.packets();
    let packet = packets.next().unwrap();
    assert_eq!(packets.next(), None);
    packet
}

#[test]
fn a_sender_report_with_one_block() {
    let wire = bytes(
        "81c8000c 00000001 83aa7e80 80000000 00000002 00000003 00000004
         00000005 40fffffe 00010007 00000008 7e808000 00018000",
    );
    let info = SenderInfo {
        ssrc: 1,
        ntp: NtpTime::from_unix(Duration::from_millis(500)),
        rtp_timestamp: 2,
        packets: 3,
        octets: 4,
    };
    let block = ReportBlock {
        ssrc: 5,
        fraction_lost: 64,
        cumulative_lost: -2,
        extended_sequence_number: 0x1_0007,
        jitter: 8,
        ..ReportBlock::default()
    }
    .with_last_sender_report(info.ntp, Duration::from_millis(1500));
    assert_eq!(written(|w| w.sender_report(&info, &[block])), wire);
    let Packet::SenderReport(report) = only(&wire) else { panic!("a sender report") };
    assert_eq!(report.info(), info);
    assert_eq!(report.blocks().collect::<Vec<_>>(), [block]);
}

//= rfc3550#6.4.1
//= type=test
#[test]
fn the_round_trip_is_what_the_delay_leaves() {
    let sent = NtpTime::from_unix(Duration::from_secs(100));
    let block = ReportBlock::default().with_last_sender_report(sent, Duration::from_millis(500));
    let at = |millis: u64| NtpTime::from_unix(Duration::from_millis(100_000 + millis));
    assert_eq!(block.round_trip(at(750)), Some(Duration::from_millis(250)));
    assert_eq!(block.round_trip(at(500)), Some(Duration::ZERO));
    assert_eq!(block.round_trip(at(400)), Some(Duration::ZERO));
    assert_eq!(ReportBlock::default().round_trip(at(400)), None);
}

//= rfc3550#6.5
//= type=test
#[test]
fn chunks_end_in_zero_and_fill_their_words() {
    let wire = bytes(
        "82ca0007 00000001 01046162 63640000
                  00000002 01036566 670f0130 00000000",
    );
    let first = [SdesItem { kind: SdesKind::CNAME, value: b"abcd" }];
    let second = [
        SdesItem { kind: SdesKind::CNAME, value: b"efg" },
        SdesItem { kind: SdesKind::MID, value: b"0" },
    ];
    let ours = written(|w| w.source_descriptions(&[(1, &first), (2, &second)]));
    let Packet::SourceDescription(description) = only(&ours) else { panic!("a description") };
    let chunks: Vec<_> = description.chunks().collect();
    assert_eq!((chunks[0].ssrc, chunks[1].ssrc), (1, 2));
    assert_eq!(chunks[0].item(SdesKind::CNAME), Some(&b"abcd"[..]));
    assert_eq!(chunks[1].items().collect::<Vec<_>>(), second);
    assert_eq!(chunks[1].item(SdesKind::NOTE), None);
    assert_eq!(ours, wire);

    // The items end where a word ends, so a whole word of zeros follows them.
    let item = [SdesItem { kind: SdesKind::CNAME, value: b"ab" }];
    let wire = bytes("81ca0003 00000001 01026162 00000000");
    assert_eq!(written(|w| w.source_description(1, &item)), wire);
}

#[test]
fn a_goodbye_with_a_reason() {
    let wire = bytes("82cb0004 00000001 00000002 04627965 21000000");
    assert_eq!(written(|w| w.goodbye(&[1, 2], b"bye!")), wire);
    let Packet::Goodbye(goodbye) = only(&wire) else { panic!("a goodbye") };
    assert_eq!(goodbye.sources().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(goodbye.reason(), Some(&b"bye!"[..]));
    assert_eq!(written(|w| w.goodbye(&[1], b"")), bytes("81cb0001 00000001"));
}

//= rfc4585#6.2.1
//= type=test
#[test]
fn the_lowest_bit_of_a_nack_is_the_packet_after_the_first() {
    let wire = bytes("81cd0004 00000001 00000002 ffff8001 00200000");
    let numbers = [65_535, 0, 15, 32];
    assert_eq!(written(|w| w.nack(1, 2, numbers)), wire);
    let Packet::Nack(nack) = only(&wire) else { panic!("a nack") };
    assert_eq!((nack.sender, nack.media), (1, 2));
    assert_eq!(nack.sequence_numbers().collect::<Vec<_>>(), numbers);
    let pairs: Vec<_> = nack.pairs().collect();
    assert_eq!(pairs[0], NackPair { first: 65_535, following: 0x8001 });
}

#[test]
fn requests_for_key_frames() {
    let pli = bytes("81ce0002 00000001 00000002");
    assert_eq!(written(|w| w.pli(1, 2)), pli);
    assert!(matches!(only(&pli), Packet::Pli(pli) if (pli.sender, pli.media) == (1, 2)));

    let fir = bytes("84ce0004 00000001 00000000 00000002 07000000");
    let entry = antiphon_rtcp::FirEntry { ssrc: 2, number: 7 };
    assert_eq!(written(|w| w.fir(1, &[entry])), fir);
    let Packet::Fir(fir) = only(&fir) else { panic!("a fir") };
    assert_eq!(fir.entries().collect::<Vec<_>>(), [entry]);
}

/// Feedback of a type that is not read here, as a browser sends it: transport-wide feedback with
/// three bytes of padding replaced by the four that the length allows.
#[test]
fn unknown_types_are_skipped_by_their_length() {
    let wire = bytes(
        "80c90001 00000001
         8fcd0005 fa17fa17 97d56035 00010001 00000000 20010400
         81ce0002 00000001 00000002",
    );
    let compound = CompoundView::parse(&wire, Rules::default()).unwrap();
    let packets: Vec<_> = compound.packets().collect();
    assert!(matches!(packets[0], Packet::ReceiverReport(_)));
    let Packet::Other(other) = packets[1] else { panic!("not read here") };
    assert_eq!((other.packet_type, other.format, other.body.len()), (205, 15, 20));
    assert!(matches!(packets[2], Packet::Pli(_)));
}
