//! How much of a link is used, and what that does to the delay of others.
//!
//! `cargo test -p antiphon-sctp --release --test throughput -- --ignored --nocapture` prints the
//! whole table.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::time::Duration;

use antiphon_sctp::{Association, Config, CongestionControl};
use antiphon_testkit::{Pair, start};
use bytes::Bytes;
use common::{MS, Peer, SEC, config, message};

/// A path with a bottleneck in the direction from `a` to `b`.
#[derive(Clone, Copy, Debug)]
struct Course {
    megabits: u64,
    round_trip: Duration,
    loss: f64,
    /// The queue before the bottleneck, in percent of the bandwidth-delay product.
    queue: u64,
}

/// What a bulk transfer achieved on it.
#[derive(Clone, Copy, Debug)]
struct Result {
    /// Of the link's bits: payload bits received, per second of the second part.
    percent: f64,
    /// Round trip in the middle and at the 95th of a hundred moments.
    delay: [Duration; 2],
}

fn large(algorithm: CongestionControl) -> Config {
    config(|c| {
        c.congestion = algorithm;
        c.send_buffer = 8 << 20;
        c.receive_buffer = 128 << 20;
        c.max_send_message_size = 262_144;
    })
}

/// Sends as much as the association takes, and counts what arrives from `warm` to `end`.
fn run(course: Course, config: Config, warm: Duration, end: Duration) -> Result {
    let peer = |seed| Peer::new(Association::new(config, [seed; 32], start()));
    let mut pair = Pair::new(start(), peer(1), peer(2)).with_delay(course.round_trip / 2);
    let bits = course.megabits * 1_000_000;
    let product = bits / 8 * course.round_trip.as_millis() as u64 / 1000;
    pair.uplink(0).rate_bps = Some(bits);
    pair.uplink(0).queue_bytes = (product * course.queue / 100).max(20_000) as usize;
    pair.uplink(0).loss = course.loss;
    let now = pair.now();
    pair.a.machine.sctp.connect(now);
    assert!(pair.run_while(10 * SEC, |pair| !pair.a.machine.sctp.is_connected()));
    let begin = pair.elapsed();
    let payload = Bytes::from(vec![7; 65_536]);
    let mut received = 0;
    let mut at_warm = None;
    let mut delays = Vec::new();
    pair.run_while(begin + end, |pair| {
        while pair.a.machine.sctp.buffered_total() < 4 << 20 {
            pair.a.machine.sctp.send(pair.now(), message(0, payload.clone())).expect("room");
        }
        received += pair.b.machine.inbox.drain(..).map(|m| m.payload.len()).sum::<usize>();
        let elapsed = pair.elapsed() - begin;
        if elapsed >= warm {
            at_warm.get_or_insert((received, elapsed));
            if elapsed >= warm + (end - warm) * delays.len() as u32 / 100 {
                delays.push(pair.a.machine.sctp.stats().round_trip.unwrap_or_default());
            }
        }
        true
    });
    let (before, since) = at_warm.unwrap();
    let seconds = (pair.elapsed() - begin - since).as_secs_f64();
    delays.sort();
    if std::env::var_os("SCTP_STATS").is_some() {
        println!("{:#?}", pair.a.machine.sctp.stats());
    }
    Result {
        percent: (received - before) as f64 * 800.0 / seconds / bits as f64,
        delay: [delays[delays.len() / 2], delays[delays.len() * 95 / 100]],
    }
}

const ALL: [CongestionControl; 3] =
    [CongestionControl::NewReno, CongestionControl::Cubic, CongestionControl::Bbr];

#[test]
#[ignore = "minutes of simulation; prints the table that the default was chosen by"]
fn the_table() {
    let course = |megabits, millis: u32, loss, queue| Course {
        megabits,
        round_trip: millis * MS,
        loss,
        queue,
    };
    for (name, course, warm, end) in [
        ("1 Gbit/s, 20 ms, second after 3 s", course(1000, 20, 0.0, 100), 3 * SEC, 4 * SEC),
        ("1 Gbit/s, 100 ms, second after 3 s", course(1000, 100, 0.0, 100), 3 * SEC, 4 * SEC),
        ("1 Gbit/s, 200 ms, second after 3 s", course(1000, 200, 0.0, 100), 3 * SEC, 4 * SEC),
        ("1 Gbit/s, 100 ms, short queue", course(1000, 100, 0.0, 20), 3 * SEC, 4 * SEC),
        ("100 Mbit/s, 50 ms, 1 % loss, 5 to 15 s", course(100, 50, 0.01, 100), 5 * SEC, 15 * SEC),
        ("20 Mbit/s, 50 ms, 0.1 % loss, 5 to 15 s", course(20, 50, 0.001, 100), 5 * SEC, 15 * SEC),
        (
            "5 Mbit/s, 40 ms, queue of 400 ms, 5 to 15 s",
            course(5, 40, 0.0, 1000),
            5 * SEC,
            15 * SEC,
        ),
        ("1 Mbit/s, 100 ms, 5 to 25 s", course(1, 100, 0.0, 100), 5 * SEC, 25 * SEC),
    ] {
        for algorithm in ALL {
            if let Some(only) = std::env::var_os("SCTP_ONLY")
                && only.to_str() != Some(&format!("{algorithm:?}"))
            {
                continue;
            }
            let Result { percent, delay: [middle, most] } =
                run(course, large(algorithm), warm, end);
            let algorithm = format!("{algorithm:?}");
            println!("{name:45} {algorithm:8} {percent:5.1} %, round trip {middle:?} to {most:?}");
        }
    }
}

#[test]
#[ignore = "prints how a transfer starts"]
fn the_start() {
    let millis: u32 = std::env::var("SCTP_RTT").map_or(200, |v| v.parse().unwrap());
    let algorithm = match std::env::var("SCTP_ONLY").as_deref() {
        Ok("Cubic") => CongestionControl::Cubic,
        Ok("NewReno") => CongestionControl::NewReno,
        _ => CongestionControl::Bbr,
    };
    let config = large(algorithm);
    let peer = |seed| Peer::new(Association::new(config, [seed; 32], start()));
    let mut pair = Pair::new(start(), peer(1), peer(2)).with_delay(millis * MS / 2);
    pair.uplink(0).rate_bps = Some(1_000_000_000);
    pair.uplink(0).queue_bytes = 125_000 * millis as usize;
    let now = pair.now();
    pair.a.machine.sctp.connect(now);
    assert!(pair.run_while(10 * SEC, |pair| !pair.a.machine.sctp.is_connected()));
    let begin = pair.elapsed();
    let payload = Bytes::from(vec![7; 65_536]);
    let mut shown = 0;
    pair.run_while(begin + 4 * SEC, |pair| {
        while pair.a.machine.sctp.buffered_total() < 4 << 20 {
            pair.a.machine.sctp.send(pair.now(), message(0, payload.clone())).expect("room");
        }
        pair.b.machine.inbox.clear();
        let round = ((pair.elapsed() - begin).as_millis() / u128::from(millis)) as u32;
        if round > shown {
            shown = round;
            let s = pair.a.machine.sctp.stats();
            println!(
                "{round:3} window {:9} flight {:9} rate {:?} rtt {:?} peer {} again {} t3 {} {}",
                s.congestion_window,
                s.in_flight,
                s.pacing_rate,
                s.round_trip,
                s.peer_window,
                s.chunks_retransmitted,
                s.timeouts,
                s.fast_recoveries,
            );
        }
        true
    });
}
