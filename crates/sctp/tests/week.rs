//! A week of simulated time: random losses, reordering, duplicates, blackouts and restarts. Whatever
//! happens, each reliable message is delivered once and in order, and both ends agree on the end.
//!
//! `cargo test -p antiphon-sctp --release --test week -- --ignored` runs a thousand seeds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use antiphon_sctp::{
    Association, CloseReason, Config, CongestionControl, Event, Outgoing, Reliability, Scheduler,
};
use antiphon_testkit::{Pair, Random, start};
use bytes::Bytes;
use common::{MS, Peer, SEC, config, number, numbered};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
const STREAMS: u16 = 5;

/// One direction's reliable messages of the present association.
#[derive(Debug, Default)]
struct Course {
    /// Numbers sent, stream by stream; odd streams are unordered.
    sent: BTreeMap<u16, Vec<u32>>,
    partial: u32,
}

fn options(random: &mut Random) -> Config {
    let algorithms = [CongestionControl::NewReno, CongestionControl::Cubic, CongestionControl::Bbr];
    let schedulers = [
        Scheduler::FirstCome,
        Scheduler::RoundRobin,
        Scheduler::RoundRobinPacket,
        Scheduler::Priority,
        Scheduler::FairBytes,
        Scheduler::Weighted,
    ];
    config(|c| {
        c.initial_tsn = Some(0xffff_fffe);
        c.congestion = algorithms[random.index(3)];
        c.scheduler = schedulers[random.index(6)];
        c.interleaving = random.chance(0.7);
        c.zero_checksum = random.chance(0.5);
        c.packet_ceiling = if random.chance(0.5) { 1400 } else { 0 };
        c.receive_buffer = 400_000;
    })
}

/// Other weather until the next change.
fn weather(pair: &mut Pair<Peer>, random: &mut Random) {
    for host in [0, 1] {
        let link = pair.uplink(host);
        link.loss = [0.0, 0.01, 0.1, 0.3][random.index(4)];
        link.reorder = [0.0, 0.05, 0.3][random.index(3)];
        link.duplicate = [0.0, 0.1][random.index(2)];
        link.corrupt = 0.0;
        link.delay = MS * [1, 20, 150][random.index(3)];
        link.jitter = MS * [0, 10][random.index(2)];
        link.rate_bps = [None, Some(1_000_000), Some(50_000_000)][random.index(3)];
    }
}

fn send(pair: &mut Pair<Peer>, random: &mut Random, courses: &mut [Course; 2], next: &mut u32) {
    let from = random.index(2);
    let stream = random.below(u64::from(STREAMS)) as u16;
    let len = [4, 100, 1200, 9000, 60_000][random.index(5)];
    // The last stream may lose; its messages say so.
    let partial = stream == STREAMS - 1;
    let reliability = match random.index(2) {
        _ if !partial => Reliability::Reliable,
        0 => Reliability::Retransmits(1),
        _ => Reliability::Lifetime(300 * MS),
    };
    *next += 1;
    let payload: Bytes = numbered(*next, len);
    let message =
        Outgoing { stream, ppid: 53, payload, ordered: stream.is_multiple_of(2), reliability };
    let side = if from == 0 { &mut pair.a } else { &mut pair.b };
    side.machine.backlog.push_back(message);
    if partial {
        courses[from].partial += 1;
    } else {
        courses[from].sent.entry(stream).or_default().push(*next);
    }
}

/// Everything reliable has arrived once, and in order where that was asked for.
fn check(course: &Course, inbox: &[antiphon_sctp::Message], seed: u64) {
    let mut got: BTreeMap<u16, Vec<u32>> = BTreeMap::new();
    for message in inbox {
        got.entry(message.stream).or_default().push(number(&message.payload));
    }
    let partial = got.remove(&(STREAMS - 1)).unwrap_or_default();
    assert!(partial.len() <= course.partial as usize, "seed {seed}");
    assert!(partial.is_sorted(), "seed {seed}: {partial:?}");
    for (stream, sent) in &course.sent {
        let mut got = got.remove(stream).unwrap_or_default();
        if stream % 2 == 1 {
            got.sort_unstable();
        }
        assert_eq!(&got, sent, "seed {seed}, stream {stream}");
    }
    assert!(got.is_empty(), "seed {seed}: {got:?}");
}

fn settle(pair: &mut Pair<Peer>, courses: &[Course; 2], seed: u64) {
    for host in [0, 1] {
        let link = pair.uplink(host);
        link.loss = 0.0;
        link.rate_bps = None;
    }
    let end = pair.elapsed() + 600 * SEC;
    let empty = pair.run_while(end, |pair| {
        [&pair.a.machine, &pair.b.machine].iter().any(|peer| {
            let stats = peer.sctp.stats();
            !peer.backlog.is_empty() || stats.buffered > 0 || stats.in_flight > 0
        })
    });
    assert!(empty, "seed {seed}: not delivered at {:?}", pair.elapsed());
    pair.run_for(5 * SEC);
    check(&courses[0], &pair.b.machine.inbox, seed);
    check(&courses[1], &pair.a.machine.inbox, seed);
}

/// One end loses its memory and comes back: both begin anew.
fn restart(pair: &mut Pair<Peer>, random: &mut Random, seed: u64, config: Config) {
    let bytes = std::array::from_fn(|_| random.below(256) as u8);
    let now = pair.now();
    pair.a.machine = Peer::new(Association::new(config, bytes, now));
    pair.a.machine.sctp.connect(now);
    pair.b.machine.inbox.clear();
    let known = pair.b.events.len();
    let end = pair.elapsed() + 120 * SEC;
    let back = pair.run_while(end, |pair| {
        let restarted = pair.b.events[known..].iter().any(|(_, e)| *e == Event::Restarted);
        !(restarted && pair.a.machine.sctp.is_connected())
    });
    assert!(back, "seed {seed}: no restart");
    pair.b.machine.backlog.clear();
}

fn week(seed: u64) {
    let mut random = Random::new(seed);
    let config = options(&mut random);
    let peer = |seed: u8| Peer::new(Association::new(config, [seed; 32], start()));
    let mut pair = Pair::new(start(), peer(seed as u8), peer(!(seed as u8)));
    let now = pair.now();
    pair.a.machine.sctp.connect(now);
    pair.b.machine.sctp.connect(now);
    pair.run_for(10 * SEC);
    let mut courses = [Course::default(), Course::default()];
    let mut next = 0;
    for episode in 0..12 {
        weather(&mut pair, &mut random);
        for _ in 0..random.below(15) {
            send(&mut pair, &mut random, &mut courses, &mut next);
            let pause = MS * random.below(400) as u32;
            pair.run_for(pause);
        }
        if random.chance(0.3) {
            // Half a minute of darkness.
            let dark = pair.elapsed();
            for host in [0, 1] {
                pair.uplink(host).blackouts.push(dark..dark + 30 * SEC);
            }
        }
        pair.run_for(60 * SEC);
        settle(&mut pair, &courses, seed);
        if random.chance(0.15) {
            restart(&mut pair, &mut random, seed, config);
            courses = [Course::default(), Course::default()];
            pair.a.machine.inbox.clear();
            pair.b.machine.inbox.clear();
        }
        // Half a day with nothing but heartbeats.
        let rest = WEEK * (episode + 1) / 12;
        pair.run_until(rest.max(pair.elapsed()));
    }
    let now = pair.now();
    pair.a.machine.sctp.shutdown(now);
    pair.run_for(120 * SEC);
    let reason = |events: &[(Duration, Event)]| events.last().map(|(_, event)| event.clone());
    let ended = |reason| Some(Event::Closed(reason));
    assert_eq!(reason(&pair.a.events), ended(CloseReason::LocalShutdown), "seed {seed}");
    assert_eq!(reason(&pair.b.events), ended(CloseReason::PeerShutdown), "seed {seed}");
}

#[test]
fn a_week_with_everything_that_happens_to_a_path() {
    for seed in [3, 7] {
        week(seed);
    }
}

#[test]
#[ignore = "a thousand weeks take minutes in release"]
fn a_thousand_weeks() {
    let from = std::env::var("SCTP_SEED").map_or(0, |seed| seed.parse().unwrap());
    for seed in from..from + 1000 {
        week(seed);
    }
}
