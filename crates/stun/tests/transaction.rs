//! Retransmission of requests (RFC 8489 section 6.2).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use std::time::{Duration, Instant};

use antiphon_stun::{
    Class, MessageView, MessageWriter, Method, Retransmission, Transaction, TransactionId,
    TransactionState,
};
use antiphon_testkit::start;
use proptest::prelude::*;

const ID: TransactionId = TransactionId([3; 12]);

/// When the request is sent if the driver comes exactly when asked to, and when it is given up.
fn schedule(retransmission: Retransmission) -> (Vec<f64>, f64) {
    let start = start();
    let mut transaction = Transaction::new(retransmission, ID, start);
    let mut sent = vec![];
    let mut last = start;
    while let Some(now) = transaction.poll_timeout() {
        last = now;
        while transaction.poll_transmit(now) {
            sent.push((now - start).as_secs_f64());
        }
    }
    assert_eq!(transaction.state(), TransactionState::TimedOut);
    (sent, (last - start).as_secs_f64())
}

//= rfc8489#6.2.1
//= type=test
#[test]
fn over_udp_requests_are_sent_seven_times_in_39_5_seconds() {
    let (sent, over) = schedule(Retransmission::default());
    assert_eq!(sent, [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]);
    assert_eq!(over, 39.5);
}

//= rfc8489#6.2.2
//= type=test
#[test]
fn over_streams_requests_are_sent_once() {
    assert_eq!(schedule(Retransmission::OVER_STREAM), (vec![0.0], 39.5));
}

#[test]
fn extreme_configurations_do_no_harm() {
    let mut config = Retransmission::with_rto(Duration::MAX);
    config.max_transmissions = u32::MAX;
    config.last_wait = u32::MAX;
    let start = start();
    let mut transaction = Transaction::new(config, ID, start);
    assert!(transaction.poll_transmit(start));
    assert_eq!(transaction.poll_timeout(), None, "beyond the clock");
    transaction.stop_retransmitting(start);
    assert_eq!(transaction.state(), TransactionState::Pending);

    let mut config = Retransmission::with_rto(Duration::ZERO);
    config.max_transmissions = 0;
    let mut transaction = Transaction::new(config, ID, start);
    assert!(transaction.poll_transmit(start));
    assert!(!transaction.poll_transmit(start));
    assert_eq!(transaction.state(), TransactionState::TimedOut);
}

#[test]
fn a_late_driver_sends_once_and_not_in_a_burst() {
    let start = start();
    let mut transaction = Transaction::new(Retransmission::default(), ID, start);
    assert!(transaction.poll_transmit(start));
    let late = start + Duration::from_secs(60);
    assert!(transaction.poll_transmit(late));
    assert!(!transaction.poll_transmit(late));
    assert_eq!(transaction.poll_timeout(), Some(late + Duration::from_secs(1)));
}

#[test]
fn the_round_trip_is_known_only_without_retransmission() {
    let start = start();
    let after = |millis| start + Duration::from_millis(millis);
    let mut once = Transaction::new(Retransmission::default(), ID, start);
    assert!(once.poll_transmit(after(30)));
    assert_eq!(once.complete(after(75)), Some(Duration::from_millis(45)));
    assert_eq!(once.complete(after(80)), None);
    assert_eq!((once.state(), once.poll_timeout()), (TransactionState::Completed, None));

    let mut twice = Transaction::new(Retransmission::default(), ID, start);
    assert!(twice.poll_transmit(start) && twice.poll_transmit(after(500)));
    assert_eq!(twice.transmissions(), 2);
    assert_eq!(twice.complete(after(520)), None);
}

#[test]
fn a_cancelled_request_still_takes_its_answer() {
    let start = start();
    let mut transaction = Transaction::new(Retransmission::default(), ID, start);
    assert!(transaction.poll_transmit(start));
    transaction.stop_retransmitting(start);
    assert!(!transaction.poll_transmit(start + Duration::from_secs(30)));
    assert_eq!(transaction.poll_timeout(), Some(start + Duration::from_millis(39_500)));

    let answer = |class| {
        let mut buf = [0; 20];
        let len = MessageWriter::new(&mut buf, class, Method::BINDING, ID).unwrap().finish();
        assert_eq!(len, buf.len());
        buf
    };
    for (class, answers) in [
        (Class::Success, true),
        (Class::Error, true),
        (Class::Request, false),
        (Class::Indication, false),
    ] {
        let bytes = answer(class);
        let view = MessageView::parse(&bytes).unwrap();
        assert_eq!(transaction.is_answered_by(&view), answers, "{class:?}");
    }
    let mut other = answer(Class::Success);
    other[19] ^= 1;
    assert!(!transaction.is_answered_by(&MessageView::parse(&other).unwrap()));
}

proptest! {
    /// In any order, at any time: no panic, at most Rc transmissions, and an end.
    #[test]
    fn any_order_of_calls_is_fine(
        calls in prop::collection::vec((0u8..5, 0u64..100_000), 0..100),
        rto in 0u64..5_000,
        max_transmissions in 0u32..40,
    ) {
        let start = start();
        let mut config = Retransmission::with_rto(Duration::from_millis(rto));
        config.max_transmissions = max_transmissions;
        let mut transaction = Transaction::new(config, ID, start);
        let mut sent = 0;
        for (call, millis) in calls {
            let now = start + Duration::from_millis(millis);
            match call {
                0 => sent += u32::from(transaction.poll_transmit(now)),
                1 => transaction.handle_timeout(now),
                2 => drop(transaction.poll_timeout()),
                3 => drop(transaction.complete(now)),
                _ => transaction.stop_retransmitting(now),
            }
        }
        prop_assert!(sent <= max_transmissions.max(1));
        let end: Instant = start + Duration::from_secs(1_000_000_000);
        while transaction.poll_timeout().is_some_and(|due| due <= end) {
            let now = transaction.poll_timeout().unwrap();
            transaction.poll_transmit(now);
        }
    }
}
