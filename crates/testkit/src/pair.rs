use std::net::{IpAddr, SocketAddr};
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use crate::machine::{Machine, Path, Sent};
use crate::netem::{Netem, Realm};
use crate::{alloc, seed};

/// The port of a machine that knows no addresses.
const DEFAULT_PORT: u16 = 5000;
/// The buffer that machines write into: a whole batch of segmentation offload.
const BUFFER: usize = 64 * 1024;
/// A machine that is called so often at one instant is in a loop.
const MAX_ROUNDS: usize = 10_000;

/// A further host on the network of a [`Pair`], such as a STUN server. Every [`Machine`] is one;
/// its events and errors are dropped.
pub trait Host {
    /// Takes one datagram that arrived at `now`.
    fn handle_input(&mut self, now: Instant, path: Path, datagram: &mut [u8]);
    /// Writes the next datagram or batch into `buf`.
    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Sent>;
    /// Lets time pass until `now`.
    fn handle_timeout(&mut self, now: Instant);
    /// When the host wants to be called next.
    fn poll_timeout(&self) -> Option<Instant>;
}

impl<M: Machine> Host for M {
    fn handle_input(&mut self, now: Instant, path: Path, datagram: &mut [u8]) {
        drop(Machine::handle_input(self, now, path, datagram));
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Sent> {
        Machine::poll_output(self, now, buf)
    }

    fn handle_timeout(&mut self, now: Instant) {
        Machine::handle_timeout(self, now);
        while self.poll_event().is_some() {}
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Machine::poll_timeout(self)
    }
}

/// One end of a [`Pair`]: the machine, and what it said.
#[derive(Debug)]
pub struct Side<M: Machine> {
    /// The machine itself.
    pub machine: M,
    /// Its events, with the time since the start.
    pub events: Vec<(Duration, M::Event)>,
    /// Its refusals of datagrams, with the time since the start.
    pub errors: Vec<(Duration, M::Error)>,
    /// Allocations inside the machine, where [`alloc`] is installed.
    pub allocations: u64,
    /// How many of `events` an earlier wait has looked at.
    seen: usize,
}

impl<M: Machine> Side<M> {
    fn new(machine: M) -> Self {
        Self { machine, events: Vec::new(), errors: Vec::new(), allocations: 0, seen: 0 }
    }

    fn counted<T>(&mut self, call: impl FnOnce(&mut M) -> T) -> T {
        let before = alloc::allocations();
        let result = call(&mut self.machine);
        self.allocations =
            self.allocations.saturating_add(alloc::allocations().saturating_sub(before));
        result
    }

    fn input(&mut self, clock: Clock, path: Path, datagram: &mut [u8]) {
        if let Err(error) = self.counted(|m| m.handle_input(clock.now, path, datagram)) {
            self.errors.push((clock.elapsed(), error));
        }
    }

    fn collect_events(&mut self, clock: Clock) {
        while let Some(event) = self.counted(Machine::poll_event) {
            self.events.push((clock.elapsed(), event));
        }
    }

    /// The first event after those that an earlier wait has seen, for which `wanted` holds.
    fn find_new(&mut self, wanted: &mut impl FnMut(&M::Event) -> bool) -> bool {
        while let Some((_, event)) = self.events.get(self.seen) {
            self.seen = self.seen.saturating_add(1);
            if wanted(event) {
                return true;
            }
        }
        false
    }
}

#[derive(Clone, Copy, Debug)]
struct Clock {
    start: Instant,
    now: Instant,
}

impl Clock {
    fn elapsed(self) -> Duration {
        self.now.saturating_duration_since(self.start)
    }
}

/// Two machines, and perhaps more hosts, on a simulated network.
///
/// It dereferences to its [`Netem`]: `pair.uplink(0).loss = 0.1` loses a tenth of what `a` sends.
/// Host 0 is `a`, host 1 is `b`, further hosts follow.
pub struct Pair<A: Machine, B: Machine = A> {
    /// The first machine: host 0.
    pub a: Side<A>,
    /// The second machine: host 1.
    pub b: Side<B>,
    net: Netem,
    clock: Clock,
    others: Vec<(usize, Box<dyn Host>)>,
    buf: Vec<u8>,
}

impl<A: Machine, B: Machine> Deref for Pair<A, B> {
    type Target = Netem;
    fn deref(&self) -> &Netem {
        &self.net
    }
}

impl<A: Machine, B: Machine> DerefMut for Pair<A, B> {
    fn deref_mut(&mut self) -> &mut Netem {
        &mut self.net
    }
}

impl<A: Machine + std::fmt::Debug, B: Machine + std::fmt::Debug> std::fmt::Debug for Pair<A, B>
where
    A::Event: std::fmt::Debug,
    B::Event: std::fmt::Debug,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair")
            .field("a", &self.a)
            .field("b", &self.b)
            .field("net", &self.net)
            .finish_non_exhaustive()
    }
}

impl<A: Machine, B: Machine> Pair<A, B> {
    /// Two hosts in the public network, 203.0.113.1 and 203.0.113.2, on perfect links without delay.
    #[must_use]
    pub fn new(start: Instant, a: A, b: B) -> Self {
        let mut net = Netem::new(seed(1));
        net.add_host(Realm::PUBLIC, &[IpAddr::from([203, 0, 113, 1])]);
        net.add_host(Realm::PUBLIC, &[IpAddr::from([203, 0, 113, 2])]);
        Self::on(net, start, a, b)
    }

    /// `a` and `b` are hosts 0 and 1 of a network that exists.
    #[must_use]
    pub fn on(net: Netem, start: Instant, a: A, b: B) -> Self {
        Self {
            a: Side::new(a),
            b: Side::new(b),
            net,
            clock: Clock { start, now: start },
            others: Vec::new(),
            buf: vec![0; BUFFER],
        }
    }

    /// Both links get this one-way delay.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.uplink(0).delay = delay;
        self.uplink(1).delay = delay;
        self
    }

    /// Puts a machine on a host that was added to the network.
    pub fn attach(&mut self, host: usize, machine: Box<dyn Host>) {
        self.others.push((host, machine));
    }

    /// The present of the simulation.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.clock.now
    }

    /// Simulated time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// The simulated network.
    pub fn net(&mut self) -> &mut Netem {
        &mut self.net
    }

    /// Runs until `end`, counted from the start, has passed.
    pub fn run_until(&mut self, end: Duration) {
        self.run_while(end, |_| true);
    }

    /// Runs for `time` from now.
    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.elapsed().saturating_add(time));
    }

    /// Runs as long as `condition` holds, until `end` (from the start) at the latest. Returns true
    /// when the condition ended it, false when time did.
    pub fn run_while(
        &mut self,
        end: Duration,
        mut condition: impl FnMut(&mut Self) -> bool,
    ) -> bool {
        loop {
            self.exchange();
            if !condition(self) {
                return true;
            }
            // What the condition did to the machines may have made them want to send.
            self.exchange();
            match self.next_moment() {
                Some(next) if next <= end => {
                    if let Some(now) = self.clock.start.checked_add(next) {
                        self.clock.now = self.clock.now.max(now);
                    }
                }
                _ => break,
            }
        }
        if let Some(now) = self.clock.start.checked_add(end) {
            self.clock.now = self.clock.now.max(now);
        }
        self.exchange();
        !condition(self)
    }

    /// Runs until `a` reports an event for which `wanted` holds, not counting those that an
    /// earlier wait has seen. Returns when that was, or `None` once `end` (from the start) passed.
    pub fn run_until_a(
        &mut self,
        end: Duration,
        mut wanted: impl FnMut(&A::Event) -> bool,
    ) -> Option<Duration> {
        self.run_while(end, |pair| !pair.a.find_new(&mut wanted)).then(|| self.elapsed())
    }

    /// Like [`run_until_a`](Self::run_until_a), for `b`.
    pub fn run_until_b(
        &mut self,
        end: Duration,
        mut wanted: impl FnMut(&B::Event) -> bool,
    ) -> Option<Duration> {
        self.run_while(end, |pair| !pair.b.find_new(&mut wanted)).then(|| self.elapsed())
    }

    /// Delivers what has arrived, lets due timers fire and sends what the machines want to send,
    /// without letting time pass.
    pub fn exchange(&mut self) {
        for _ in 0..MAX_ROUNDS {
            let arrived = self.deliver();
            let sent = self.poll_all();
            let again = self.next_moment().is_some_and(|next| next <= self.elapsed());
            if !arrived && !sent && !again {
                return;
            }
        }
        panic!(
            "no end at {:?}: a machine wants to be called again and again without time passing \
             (timeouts: a {:?}, b {:?}, network {:?})",
            self.elapsed(),
            self.since_start(self.a.machine.poll_timeout()),
            self.since_start(self.b.machine.poll_timeout()),
            self.net.poll_timeout(),
        );
    }

    fn since_start(&self, moment: Option<Instant>) -> Option<Duration> {
        moment.map(|moment| moment.saturating_duration_since(self.clock.start))
    }

    /// When something happens next, since the start.
    fn next_moment(&self) -> Option<Duration> {
        let own = [self.a.machine.poll_timeout(), self.b.machine.poll_timeout()];
        let others = self.others.iter().map(|(_, host)| host.poll_timeout());
        let machines = own.into_iter().chain(others).filter_map(|moment| self.since_start(moment));
        machines.chain(self.net.poll_timeout()).min()
    }

    fn deliver(&mut self) -> bool {
        let mut any = false;
        while let Some(mut arrived) = self.net.receive(self.clock.elapsed()) {
            any = true;
            match arrived.host {
                0 => self.a.input(self.clock, arrived.path, &mut arrived.bytes),
                1 => self.b.input(self.clock, arrived.path, &mut arrived.bytes),
                number => {
                    for (host, machine) in &mut self.others {
                        if *host == number {
                            machine.handle_input(self.clock.now, arrived.path, &mut arrived.bytes);
                        }
                    }
                }
            }
            // A machine may answer datagram by datagram; its queue of answers is bounded.
            self.poll_all();
        }
        any
    }

    /// Polls all machines until they are silent; returns whether they sent something.
    fn poll_all(&mut self) -> bool {
        let (now, clock) = (self.clock.now, self.clock);
        let mut any = false;
        self.a.counted(|machine| Machine::handle_timeout(machine, now));
        while let Some(sent) = self.a.counted(|m| Machine::poll_output(m, now, &mut self.buf)) {
            any = true;
            transmit(&mut self.net, clock, 0, sent, &self.buf);
        }
        self.a.collect_events(clock);
        self.b.counted(|machine| Machine::handle_timeout(machine, now));
        while let Some(sent) = self.b.counted(|m| Machine::poll_output(m, now, &mut self.buf)) {
            any = true;
            transmit(&mut self.net, clock, 1, sent, &self.buf);
        }
        self.b.collect_events(clock);
        for (host, machine) in &mut self.others {
            machine.handle_timeout(now);
            while let Some(sent) = machine.poll_output(now, &mut self.buf) {
                any = true;
                transmit(&mut self.net, clock, *host, sent, &self.buf);
            }
        }
        any
    }
}

/// Puts a datagram, or the datagrams of a batch, onto the network.
fn transmit(net: &mut Netem, clock: Clock, host: usize, sent: Sent, buf: &[u8]) {
    let Some(bytes) = buf.get(..sent.len) else {
        panic!("host {host} says it wrote {} bytes into {}", sent.len, buf.len());
    };
    let path = if sent.path.is_unspecified() { default_path(net, host) } else { sent.path };
    let segment = sent.segment_size.unwrap_or(sent.len).max(1);
    if bytes.is_empty() {
        net.send(clock.elapsed(), host, path, bytes);
    }
    for datagram in bytes.chunks(segment) {
        net.send(clock.elapsed(), host, path, datagram);
    }
}

/// From the first address of `host` to that of the other end.
fn default_path(net: &Netem, host: usize) -> Path {
    let other = if host == 0 { 1 } else { 0 };
    let address = |host| match net.addresses(host).first() {
        Some(address) => SocketAddr::new(*address, DEFAULT_PORT),
        None => panic!("host {host} has no address"),
    };
    Path::new(address(host), address(other))
}
