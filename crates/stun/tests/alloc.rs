//! Reading and writing messages allocates nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use std::hint::black_box;
use std::time::Duration;

use antiphon_stun::{
    Class, MessageView, MessageWriter, Method, Retransmission, Transaction, TransactionId,
};
use antiphon_testkit::{alloc, start};

antiphon_testkit::install_counting_allocator!();

fn tag<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    [parts.iter().map(|part| part.len()).sum::<usize>() as u8; N]
}

#[test]
fn ten_thousand_checks_without_an_allocation() {
    let start = start();
    let mut buf = [0; 256];
    let count = alloc::count(|| {
        for round in 0..10_000u32 {
            let id = TransactionId([round as u8; 12]);
            let now = start + Duration::from_millis(u64::from(round));
            let mut transaction = Transaction::new(Retransmission::default(), id, now);
            assert!(transaction.poll_transmit(now));
            let mut writer =
                MessageWriter::new(&mut buf, Class::Request, Method::BINDING, id).unwrap();
            writer.username(b"them:us").unwrap().priority(round).unwrap();
            writer.ice_controlling(1).unwrap().use_candidate().unwrap();
            writer.message_integrity(tag).unwrap().message_integrity_sha256(tag).unwrap();
            let len = writer.fingerprint().unwrap().written();
            let view = MessageView::parse(&buf[..len]).unwrap();
            assert!(view.verify_fingerprint());
            assert_eq!(view.verify_message_integrity(tag), Ok(()));
            assert_eq!(view.verify_message_integrity_sha256(tag), Ok(()));
            black_box((view.username(), view.priority(), view.attributes().count()));
            assert!(transaction.complete(now).is_some());
        }
    });
    assert_eq!(count, 0);
}
