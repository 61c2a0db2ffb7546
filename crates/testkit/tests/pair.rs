//! Two machines on the network, and the suite that checks machines.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use std::time::{Duration, Instant};

use antiphon_testkit::conformance::Suite;
use antiphon_testkit::netem::{NatConfig, Netem, Realm};
use antiphon_testkit::{Machine, Pair, Path, Sent, start};

/// Says "ping" every second and answers with "pong"; its flaws can be switched on.
#[derive(Clone, Debug, Default)]
struct Ping {
    now: Option<Instant>,
    next: Option<Instant>,
    answers: Vec<Path>,
    target: Path,
    heard: u32,
    flaw: Flaw,
    refused: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Flaw {
    #[default]
    None,
    BusyLoop,
    TimeRunsBack,
    RefusalsCount,
    Forgetful,
}

impl Ping {
    fn new(now: Instant, flaw: Flaw) -> Self {
        Self { now: Some(now), next: Some(now), flaw, ..Self::default() }
    }

    fn advance(&mut self, now: Instant) -> Instant {
        let latest = self.now.map_or(now, |latest| latest.max(now));
        self.now = Some(if self.flaw == Flaw::TimeRunsBack { now } else { latest });
        self.now.unwrap()
    }
}

impl Machine for Ping {
    type Event = u32;
    type Error = &'static str;

    fn handle_input(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &mut [u8],
    ) -> Result<(), &'static str> {
        self.advance(now);
        match &*datagram {
            b"ping" if self.answers.len() < 8 => self.answers.push(path),
            b"ping" => {}
            b"pong" => self.heard += 1,
            _ => {
                self.refused += 1;
                return Err("neither ping nor pong");
            }
        }
        Ok(())
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Sent> {
        let now = self.advance(now);
        if let Some(path) = self.answers.pop() {
            buf[..4].copy_from_slice(b"pong");
            return Some(Sent::to(path, 4));
        }
        let next = self.next?;
        if next > now && !(self.flaw == Flaw::RefusalsCount && self.refused > 3) {
            return None;
        }
        self.refused = 0;
        if self.flaw != Flaw::BusyLoop {
            self.next = Some(now + Duration::from_secs(1));
        }
        buf[..4].copy_from_slice(b"ping");
        if self.flaw == Flaw::BusyLoop && self.heard.is_multiple_of(2) {
            self.heard += 1;
            return None;
        }
        Some(Sent::to(self.target, 4))
    }

    fn poll_event(&mut self) -> Option<u32> {
        (self.heard > 0).then(|| std::mem::take(&mut self.heard))
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.flaw == Flaw::Forgetful { Some(start()) } else { self.next }
    }
}

fn pair() -> Pair<Ping> {
    Pair::new(start(), Ping::new(start(), Flaw::None), Ping::new(start(), Flaw::None))
}

#[test]
fn an_hour_of_simulated_time_passes_at_once() {
    let mut pair = pair().with_delay(Duration::from_millis(50));
    pair.run_until(Duration::from_secs(3600));
    assert_eq!(pair.elapsed(), Duration::from_secs(3600));
    assert_eq!(pair.a.events[0], (Duration::from_millis(100), 1));
    assert_eq!(pair.a.events.len(), 3600);
    // 3601 pings, and a pong for each that has arrived.
    assert_eq!(pair.counters(0).sent, 7201);
}

#[test]
fn waiting_for_an_event_stops_at_its_time_and_does_not_see_it_twice() {
    let mut pair = pair().with_delay(Duration::from_millis(50));
    assert_eq!(
        pair.run_until_a(Duration::from_secs(9), |_| true),
        Some(Duration::from_millis(100))
    );
    assert_eq!(
        pair.run_until_a(Duration::from_secs(9), |_| true),
        Some(Duration::from_millis(1100))
    );
    assert_eq!(pair.run_until_b(Duration::from_secs(9), |count| *count > 5), None);
    assert_eq!(pair.elapsed(), Duration::from_secs(9));
}

#[test]
fn errors_carry_their_time() {
    let mut pair = pair();
    pair.tamper_with(|datagram| (datagram.bytes == b"pong").then(|| b"junk".to_vec()));
    pair.run_until(Duration::from_millis(1500));
    let times: Vec<Duration> = pair.a.errors.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [Duration::ZERO, Duration::from_secs(1)]);
    assert!(pair.a.events.is_empty());
}

#[test]
fn further_hosts_and_nats_take_part() {
    let mut net = Netem::new(1);
    let home = net.add_nat(Realm::PUBLIC, NatConfig::symmetric(), "198.51.100.1".parse().unwrap());
    net.add_host(home, &["10.0.0.1".parse().unwrap()]);
    net.add_host(home, &["10.0.0.2".parse().unwrap()]);
    let server = net.add_host(Realm::PUBLIC, &["203.0.113.9".parse().unwrap()]);
    let path = Path::new("10.0.0.1:5000".parse().unwrap(), "203.0.113.9:1".parse().unwrap());
    let a = Ping { target: path, ..Ping::new(start(), Flaw::None) };
    let b = Ping { next: None, ..Ping::new(start(), Flaw::None) };
    let quiet = Ping { next: None, ..Ping::new(start(), Flaw::None) };
    let mut pair = Pair::on(net, start(), a, b);
    pair.attach(server, Box::new(quiet));
    pair.run_until(Duration::from_millis(2500));
    assert_eq!(pair.a.events.len(), 3);
    assert_eq!(pair.counters(server).received, 3);
    assert_eq!(pair.counters(1).received, 0);
}

#[test]
fn a_correct_machine_passes_the_suite() {
    Suite::new(|_, now| Ping::new(now, Flaw::None))
        .command(|ping, now, chance| {
            let now = ping.advance(now);
            if chance.is_multiple_of(4) {
                ping.next = Some(now);
            }
        })
        .run();
}

fn flawed(flaw: Flaw) {
    Suite::new(|_, now| Ping::new(now, flaw)).run();
}

#[test]
#[should_panic(expected = "rule 3")]
fn the_suite_finds_a_busy_loop() {
    flawed(Flaw::BusyLoop);
}

#[test]
#[should_panic(expected = "rule 3")]
fn the_suite_finds_a_timeout_in_the_past() {
    flawed(Flaw::Forgetful);
}

#[test]
#[should_panic(expected = "rule")]
fn the_suite_finds_time_that_runs_backwards() {
    flawed(Flaw::TimeRunsBack);
}

#[test]
#[should_panic(expected = "rule 5")]
fn the_suite_finds_refusals_that_leave_traces() {
    flawed(Flaw::RefusalsCount);
}

#[test]
#[should_panic(expected = "rule 6")]
fn the_suite_finds_machines_that_differ() {
    let number = std::cell::Cell::new(0);
    Suite::new(|_, now| {
        number.set(number.get() + 1);
        Ping { next: Some(now + Duration::from_millis(number.get())), ..Ping::new(now, Flaw::None) }
    })
    .run();
}

#[test]
#[should_panic(expected = "no end at")]
fn the_pair_stops_a_machine_that_never_rests() {
    let mut pair =
        Pair::new(start(), Ping::new(start(), Flaw::Forgetful), Ping::new(start(), Flaw::None));
    pair.run_until(Duration::from_secs(1));
}
