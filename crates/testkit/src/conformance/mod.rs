//! One suite for every [`Machine`]: the rules that all machines of the workspace keep.
//!
//! 1. Any order, any number of calls.
//! 2. An older `now` counts as the latest one seen.
//! 3. Once drained, `poll_output` is `None` and `poll_timeout` lies in the future or is `None`.
//! 4. Polling an idle machine changes nothing and, where [`alloc`] is installed,
//!    allocates nothing.
//! 5. A datagram that is refused with an error changes nothing.
//! 6. The same calls give the same bytes, events and timeouts.
//! 7. Memory stays below [`Suite::memory_limit`] under a flood, where [`alloc`] is installed.
//! 8. (No allocation in the steady state: each crate's own test, with [`alloc`].)
//! 9. `Send + 'static`, checked by the compiler.
//!
//! The suite makes two machines with the factory, lets random calls happen to them, carries their
//! datagrams to each other late, twice, damaged or not at all, and throws in junk.
//!
//! ```no_run
//! # use antiphon_testkit::{Machine, Path, Sent};
//! # use std::time::Instant;
//! # struct Peer;
//! # impl Peer { fn new(_side: usize, _now: Instant) -> Self { Self } fn say(&mut self, _: u64) {} }
//! # impl Machine for Peer {
//! #     type Event = (); type Error = ();
//! #     fn handle_input(&mut self, _: Instant, _: Path, _: &mut [u8]) -> Result<(), ()> { Ok(()) }
//! #     fn poll_output(&mut self, _: Instant, _: &mut [u8]) -> Option<Sent> { None }
//! #     fn poll_event(&mut self) -> Option<()> { None }
//! #     fn handle_timeout(&mut self, _: Instant) {}
//! #     fn poll_timeout(&self) -> Option<Instant> { None }
//! # }
//! use antiphon_testkit::conformance::Suite;
//!
//! // Side 0 and side 1 are the two ends of one connection.
//! Suite::new(|side, now| Peer::new(side, now))
//!     .command(|peer, _now, chance| peer.say(chance))
//!     .run();
//! ```

mod script;

use std::time::{Duration, Instant};

use crate::{Machine, alloc, seed, start};
use script::{Call, Outcome, World, script};

/// How many datagrams a machine may want to send at one instant before it counts as a loop.
const MAX_BURST: usize = 100_000;

type Factory<'f, M> = Box<dyn Fn(usize, Instant) -> M + 'f>;
type Command<'f, M> = Box<dyn Fn(&mut M, Instant, u64) + 'f>;

/// The suite, with what it needs to know about a kind of machine.
pub struct Suite<'f, M: Machine> {
    factory: Factory<'f, M>,
    command: Command<'f, M>,
    runs: u64,
    calls: usize,
    longest_pause: Duration,
    memory_limit: Option<i64>,
}

impl<M: Machine> std::fmt::Debug for Suite<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Suite")
            .field("runs", &self.runs)
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

impl<'f, M: Machine + Send + 'static> Suite<'f, M> {
    /// A suite for the machines that `factory` makes: side 0 and side 1 of one connection, born at
    /// the given instant. The same arguments must give the same machine.
    #[must_use]
    pub fn new(factory: impl Fn(usize, Instant) -> M + 'f) -> Self {
        Self {
            factory: Box::new(factory),
            command: Box::new(|_, _, _| {}),
            runs: 24,
            calls: 300,
            longest_pause: Duration::from_secs(20),
            memory_limit: None,
        }
    }

    /// Mixes in a command of the protocol (`send`, `close`, ...), chosen by a random number.
    #[must_use]
    pub fn command(mut self, command: impl Fn(&mut M, Instant, u64) + 'f) -> Self {
        self.command = Box::new(command);
        self
    }

    /// How many random scripts to run (24) and how many calls each has (300).
    #[must_use]
    pub fn effort(mut self, runs: u64, calls: usize) -> Self {
        self.runs = runs;
        self.calls = calls;
        self
    }

    /// The longest pause between two calls; 20 seconds.
    #[must_use]
    pub fn longest_pause(mut self, pause: Duration) -> Self {
        self.longest_pause = pause;
        self
    }

    /// The most bytes that two machines together may hold on to under a flood of datagrams.
    #[must_use]
    pub fn memory_limit(mut self, bytes: i64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Checks all rules.
    ///
    /// # Panics
    ///
    /// When a rule is broken; the message names the rule and the seed.
    pub fn run(&self) {
        let first = seed(1);
        for number in 0..self.runs {
            let seed = first.wrapping_add(number);
            let guard = PrintSeed(seed);
            let calls = script(seed, self.calls, self.longest_pause);
            self.check_order_and_repeat(seed, &calls);
            self.check_time(seed, &calls);
            self.check_refusals(seed, &calls);
            drop(guard);
        }
        self.check_idle(first);
        if let Some(limit) = self.memory_limit {
            self.check_memory(first, limit);
        }
    }

    fn world(&self, seed: u64) -> World<'_, M> {
        let machines = [(self.factory)(0, start()), (self.factory)(1, start())];
        World::new(seed, machines, &*self.command)
    }

    /// Rules 1, 3 and 6.
    fn check_order_and_repeat(&self, seed: u64, calls: &[Call]) {
        let mut once = self.world(seed);
        let mut again = self.world(seed);
        for (number, call) in calls.iter().enumerate() {
            let expected = (once.perform(call), once.timeout(call.side));
            let found = (again.perform(call), again.timeout(call.side));
            assert_eq!(
                expected, found,
                "rule 6: two machines with the same calls differ at call {number}, {call:?}"
            );
        }
        once.drain();
    }

    /// Rule 2: a script whose time runs backwards now and then has the same outcome as one in
    /// which time stands still instead.
    fn check_time(&self, seed: u64, calls: &[Call]) {
        let mut backwards = self.world(seed);
        let mut clamped = self.world(seed);
        let mut latest = [Duration::ZERO; 2];
        for (number, call) in calls.iter().enumerate() {
            let seen = match latest.get_mut(call.side) {
                Some(seen) => seen,
                None => panic!("a pair has two sides"),
            };
            if call.passes_time() {
                *seen = (*seen).max(call.at);
            }
            let found = backwards.perform(call);
            let expected = clamped.perform(&Call { at: call.at.max(*seen), ..call.clone() });
            assert_eq!(
                expected, found,
                "rule 2: an older `now` made a difference at call {number}, {call:?}"
            );
        }
    }

    /// Rule 5: leaving out the datagrams that are refused changes nothing.
    fn check_refusals(&self, seed: u64, calls: &[Call]) {
        let mut with = self.world(seed);
        let mut without = self.world(seed);
        for (number, call) in calls.iter().enumerate() {
            let found = with.perform(call);
            if let Outcome::Refused(error) = &found {
                without.skip_input(call);
                assert_eq!(
                    with.timeout(call.side),
                    without.timeout(call.side),
                    "rule 5: a refused datagram ({error}) moved the timeout at call {number}, {call:?}"
                );
                continue;
            }
            let expected = without.perform(call);
            assert_eq!(
                expected, found,
                "rule 5: a refused datagram made a difference later, at call {number}, {call:?}"
            );
        }
    }

    /// Rule 4.
    fn check_idle(&self, seed: u64) {
        let mut world = self.world(seed);
        for call in script(seed, self.calls, self.longest_pause) {
            world.perform(&call);
        }
        world.drain();
        let before = [world.timeout(0), world.timeout(1)];
        let allocations = alloc::allocations();
        for _ in 0..1_000 {
            world.poll_idle();
        }
        assert_eq!(alloc::allocations(), allocations, "rule 4: polling an idle machine allocates");
        assert_eq!(
            [world.timeout(0), world.timeout(1)],
            before,
            "rule 4: polling moved the timeout"
        );
    }

    /// Rule 7.
    fn check_memory(&self, seed: u64, limit: i64) {
        let mut world = self.world(seed);
        let calls = script(seed, 20_000, Duration::from_millis(5));
        let (_, usage) = alloc::measure(|| {
            for call in &calls {
                world.perform(call);
            }
        });
        let held = usage.peak_bytes.saturating_sub(world.own_bytes());
        assert!(held <= limit, "rule 7: {held} bytes held under a flood, limit {limit}");
    }
}

/// Names the seed when a rule is broken, or when a machine panics.
struct PrintSeed(u64);

impl Drop for PrintSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("conformance: repeat this run with ANTIPHON_SEED={}", self.0);
        }
    }
}
