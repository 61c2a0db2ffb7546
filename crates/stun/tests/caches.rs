//! What is remembered about servers and requests, and for how long.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use antiphon_stun::{ResponseCache, RtoCache, TransactionId};
use antiphon_testkit::start;
use proptest::prelude::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn server(n: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, n])
}

//= rfc8489#6.2.1
//= type=test
#[test]
fn the_timeout_follows_the_round_trips_to_the_millisecond() {
    let mut cache = RtoCache::new(4, start()).with_floor(ms(1));
    let mut rto = |sample| {
        cache.record(start(), server(1), sample);
        cache.retransmission(start(), server(1)).rto
    };
    assert_eq!(rto(Some(ms(200))), ms(600)); // 200 + 4 x 100
    assert_eq!(rto(Some(ms(200))), ms(500)); // the variation shrinks by a quarter
    assert_eq!(rto(None), ms(500)); // Karn: a repeated request says nothing
    assert_eq!(rto(Some(ms(203))), ms(428)); // 200.375 + 4 x 57
    assert_eq!(cache.retransmission(start(), server(2)).rto, ms(500), "another server");
}

#[test]
fn the_timeout_has_a_floor_and_a_ceiling() {
    let mut cache = RtoCache::new(4, start());
    cache.record(start(), server(1), Some(ms(1)));
    assert_eq!(cache.retransmission(start(), server(1)).rto, ms(100));
    cache.record(start(), server(2), Some(Duration::MAX));
    assert_eq!(cache.retransmission(start(), server(2)).rto, Duration::from_secs(60));
    let mut cache = RtoCache::new(4, start()).with_floor(Duration::MAX);
    cache.record(start(), server(1), Some(ms(1)));
    assert_eq!(cache.retransmission(start(), server(1)).rto, Duration::from_secs(60));
}

//= rfc8489#6.2.1
//= type=test
#[test]
fn an_estimate_is_stale_after_ten_minutes_without_a_transaction() {
    let mut cache = RtoCache::new(4, start());
    cache.record(start(), server(1), Some(ms(50)));
    let at = |secs| start() + Duration::from_secs(secs);
    assert_eq!(cache.retransmission(at(599), server(1)).rto, ms(150));
    cache.record(at(599), server(1), None);
    assert_eq!(cache.retransmission(at(1198), server(1)).rto, ms(150));
    assert_eq!(cache.retransmission(at(1199), server(1)).rto, ms(500));
    assert!(cache.is_empty());
}

#[test]
fn the_server_that_was_not_used_for_longest_is_forgotten_first() {
    let mut cache = RtoCache::new(2, start());
    for (secs, n) in [(0, 1), (1, 2), (2, 1), (3, 3)] {
        cache.record(start() + Duration::from_secs(secs), server(n), Some(ms(50)));
    }
    let now = start() + Duration::from_secs(4);
    assert_eq!(cache.len(), 2);
    assert_eq!(cache.retransmission(now, server(2)).rto, ms(500));
    assert_eq!(cache.retransmission(now, server(1)).rto, ms(125), "heard twice");
}

fn client(port: u16) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 7], port))
}

//= rfc8489#6.3.1
//= type=test
#[test]
fn a_repeated_request_gets_the_same_response_for_forty_seconds() {
    let mut cache = ResponseCache::new(10, 1000, start());
    let id = TransactionId([1; 12]);
    cache.insert(start(), client(1), id, b"first");
    cache.insert(start() + ms(10), client(1), id, b"second");
    let at = |millis| start() + ms(millis);
    assert_eq!(cache.find(at(39_999), client(1), id), Some(&b"first"[..]));
    assert_eq!(cache.find(at(39_999), client(2), id), None);
    assert_eq!(cache.find(at(39_999), client(1), TransactionId([2; 12])), None);
    assert_eq!(cache.find(at(40_000), client(1), id), None);
    assert!(cache.is_empty());
}

// attack: memory growth under a flood
#[test]
fn the_response_cache_is_bounded_by_number_and_bytes() {
    let mut cache = ResponseCache::new(10, 1000, start());
    for n in 0..100u8 {
        cache.insert(start(), client(n.into()), TransactionId([n; 12]), &[n; 90]);
        assert!(cache.len() <= 10);
    }
    assert_eq!(cache.len(), 10);
    cache.insert(start(), client(1), TransactionId([200; 12]), &[1; 500]);
    assert_eq!(cache.len(), 6, "500 + 5 x 90");
    cache.insert(start(), client(2), TransactionId([201; 12]), &[1; 1001]);
    assert_eq!(cache.len(), 6, "too long to keep at all");
}

proptest! {
    #[test]
    fn whatever_is_remembered_stays_in_bounds(
        calls in prop::collection::vec((any::<bool>(), 0u64..100_000, 0u8..20, 0usize..300), 0..200)
    ) {
        let mut responses = ResponseCache::new(8, 800, start());
        let mut rtos = RtoCache::new(8, start());
        for (write, millis, n, len) in calls {
            let (now, id) = (start() + ms(millis), TransactionId([n; 12]));
            if write {
                responses.insert(now, client(n.into()), id, &vec![n; len]);
                rtos.record(now, server(n), Some(ms(millis)));
            } else if let Some(found) = responses.find(now, client(n.into()), id) {
                prop_assert!(found.iter().all(|byte| *byte == n));
            }
            let rto = rtos.retransmission(now, server(n)).rto;
            prop_assert!((ms(100)..=Duration::from_secs(60)).contains(&rto));
            prop_assert!(responses.len() <= 8 && rtos.len() <= 8);
        }
    }
}
