//! A simulated network: hosts, links, NATs, and no real clock.
//!
//! A datagram passes the sender's [uplink](Netem::uplink), then the network's core (NATs
//! included), then the receiver's [downlink](Netem::downlink). Hosts are numbered from 0 in the
//! order in which they were added. The public realm is where every host lives that is not behind a
//! NAT; hosts behind the same NAT share a realm and reach each other directly.
//!
//! ```
//! use antiphon_testkit::Path;
//! use antiphon_testkit::netem::{NatConfig, Netem, Realm};
//! use std::time::Duration;
//!
//! let mut net = Netem::new(1);
//! let home = net.add_nat(Realm::PUBLIC, NatConfig::symmetric(), [198, 51, 100, 1].into());
//! let laptop = net.add_host(home, &[[192, 168, 0, 2].into()]);
//! let server = net.add_host(Realm::PUBLIC, &[[203, 0, 113, 9].into()]);
//! net.uplink(laptop).delay = Duration::from_millis(15);
//!
//! let path = Path::new("192.168.0.2:5000".parse().unwrap(), "203.0.113.9:3478".parse().unwrap());
//! net.send(Duration::ZERO, laptop, path, b"who am I?");
//! let arrived = net.receive(Duration::from_millis(15)).expect("15 ms have passed");
//! assert_eq!(arrived.host, server);
//! assert_eq!(arrived.path.remote.ip().to_string(), "198.51.100.1");
//! ```

mod datagram;
mod link;
mod log;
mod nat;
mod route;

pub use datagram::{Arrived, Counters, Datagram, Fate};
pub(crate) use link::Line;
pub use link::Link;
pub use log::Entry;
pub use nat::{Dependence, NatConfig};

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::{Path, Random};
use log::Log;
use nat::Nat;

/// A region of addresses: the public network, or what is behind one NAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Realm(usize);

impl Realm {
    /// The public network.
    pub const PUBLIC: Self = Self(0);
}

#[derive(Debug)]
struct Host {
    realm: usize,
    addresses: Vec<IpAddr>,
    up: Line,
    down: Line,
    counters: Counters,
}

#[derive(Debug)]
struct RealmState {
    /// What leads out of it; `None` for the public realm.
    nat: Option<Nat>,
    parent: usize,
}

/// What happens to a datagram next.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// It has passed the uplink and is in `realm`, after leaving the realms in `left`.
    Core { realm: usize, left: Vec<usize> },
    /// It has passed the downlink of host `to`.
    Arrival { to: usize },
}

/// Ordered by time, then by the order of sending.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flight {
    at: Duration,
    sequence: u64,
    stage: Stage,
    from: usize,
    source: SocketAddr,
    destination: SocketAddr,
    bytes: Vec<u8>,
}

type Rule = Box<dyn FnMut(&Datagram<'_>) -> bool + Send>;
type Tamper = Box<dyn FnMut(&Datagram<'_>) -> Option<Vec<u8>> + Send>;

/// The simulated network. Time is a [`Duration`] since the start and comes in with each call.
pub struct Netem {
    seed: u64,
    random: Random,
    realms: Vec<RealmState>,
    hosts: Vec<Host>,
    flights: BinaryHeap<Reverse<Flight>>,
    sequence: u64,
    drop_rules: Vec<Rule>,
    tamper: Option<Tamper>,
    log: Log,
}

impl fmt::Debug for Netem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Netem")
            .field("seed", &self.seed)
            .field("hosts", &self.hosts)
            .field("realms", &self.realms)
            .field("in_flight", &self.flights.len())
            .finish_non_exhaustive()
    }
}

impl Netem {
    /// An empty network; `seed` decides everything that is left to chance.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            random: Random::new(seed),
            realms: vec![RealmState { nat: None, parent: 0 }],
            hosts: Vec::new(),
            flights: BinaryHeap::new(),
            sequence: 0,
            drop_rules: Vec::new(),
            tamper: None,
            log: Log::default(),
        }
    }

    /// The seed it was made with.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Adds a NAT to `realm`, where it has the address `external`; returns the realm behind it.
    pub fn add_nat(&mut self, realm: Realm, config: NatConfig, external: IpAddr) -> Realm {
        self.realms.push(RealmState { nat: Some(Nat::new(config, external)), parent: realm.0 });
        Realm(self.realms.len().saturating_sub(1))
    }

    /// Makes the NAT before `realm` forget all its mappings.
    pub fn reboot_nat(&mut self, realm: Realm) {
        if let Some(nat) = self.realms.get_mut(realm.0).and_then(|realm| realm.nat.as_mut()) {
            nat.reboot();
        }
    }

    /// Adds a host with these addresses (all ports of them are its own) and returns its number.
    pub fn add_host(&mut self, realm: Realm, addresses: &[IpAddr]) -> usize {
        self.hosts.push(Host {
            realm: realm.0,
            addresses: addresses.to_vec(),
            up: Line::default(),
            down: Line::default(),
            counters: Counters::default(),
        });
        self.hosts.len().saturating_sub(1)
    }

    /// Gives a host other addresses, as happens when a phone changes its network.
    pub fn move_host(&mut self, host: usize, realm: Realm, addresses: &[IpAddr]) {
        let host = self.host_mut(host);
        host.realm = realm.0;
        host.addresses = addresses.to_vec();
    }

    /// The addresses of a host.
    #[must_use]
    pub fn addresses(&self, host: usize) -> &[IpAddr] {
        &self.host(host).addresses
    }

    /// What host `host` sends passes this link.
    pub fn uplink(&mut self, host: usize) -> &mut Link {
        &mut self.host_mut(host).up.link
    }

    /// What host `host` receives passes this link.
    pub fn downlink(&mut self, host: usize) -> &mut Link {
        &mut self.host_mut(host).down.link
    }

    /// What host `host` sent and received so far.
    #[must_use]
    pub fn counters(&self, host: usize) -> &Counters {
        &self.host(host).counters
    }

    /// Drops each datagram for which `rule` says so; several rules add up.
    pub fn drop_when(&mut self, rule: impl FnMut(&Datagram<'_>) -> bool + Send + 'static) {
        self.drop_rules.push(Box::new(rule));
    }

    /// Ends all rules of [`drop_when`](Self::drop_when).
    pub fn clear_drop_rules(&mut self) {
        self.drop_rules.clear();
    }

    /// Replaces the bytes of each datagram for which `tamper` returns some: an attacker on the path.
    pub fn tamper_with(
        &mut self,
        tamper: impl FnMut(&Datagram<'_>) -> Option<Vec<u8>> + Send + 'static,
    ) {
        self.tamper = Some(Box::new(tamper));
    }

    /// What passed so far, latest last; only the last few hundred datagrams are kept.
    #[must_use]
    pub fn log(&self) -> &VecDeque<Entry> {
        self.log.entries()
    }

    /// Sends one datagram from host `from` at time `at`.
    pub fn send(&mut self, at: Duration, from: usize, path: Path, bytes: &[u8]) {
        let number = {
            let counters = &mut self.host_mut(from).counters;
            counters.sent_bytes = counters.sent_bytes.saturating_add(bytes.len() as u64);
            counters.sent = counters.sent.saturating_add(1);
            counters.sent.saturating_sub(1)
        };
        let fate = match self.try_send(at, from, number, path, bytes) {
            Ok(()) => Fate::Sent,
            Err(fate) => {
                self.count_drop(from, fate);
                fate
            }
        };
        self.log.push(Entry::new(at, from, path.local, path.remote, bytes, fate));
    }

    fn try_send(
        &mut self,
        at: Duration,
        from: usize,
        number: u64,
        path: Path,
        bytes: &[u8],
    ) -> Result<(), Fate> {
        let datagram = Datagram { at, from, number, path, bytes };
        // Each rule sees each datagram, so that a counting rule counts right.
        let ruled =
            self.drop_rules.iter_mut().fold(false, |dropped, rule| rule(&datagram) | dropped);
        if ruled {
            return Err(Fate::Ruled);
        }
        let tampered = self.tamper.as_mut().and_then(|tamper| tamper(&datagram));
        let mut bytes = tampered.unwrap_or_else(|| bytes.to_vec());
        let host = self.hosts.get_mut(from).ok_or(Fate::NoRoute)?;
        if !host.addresses.contains(&path.local.ip()) {
            return Err(Fate::NoRoute);
        }
        let realm = host.realm;
        let passage = host.up.pass(at, headers(path.remote), &mut bytes, &mut self.random)?;
        let (realm, left, source) = self.climb(at, realm, path)?;
        let flight = |at, bytes| Flight {
            at,
            sequence: 0,
            stage: Stage::Core { realm, left: left.clone() },
            from,
            source,
            destination: path.remote,
            bytes,
        };
        if let Some(at) = passage.duplicate {
            let copy = flight(at, bytes.clone());
            self.launch(copy);
        }
        let original = flight(passage.arrival, bytes);
        self.launch(original);
        Ok(())
    }

    /// Puts a datagram into the public network that nobody of ours sent: an attacker off the path,
    /// who may forge `source`.
    pub fn inject(
        &mut self,
        at: Duration,
        source: SocketAddr,
        destination: SocketAddr,
        bytes: &[u8],
    ) {
        self.launch(Flight {
            at,
            sequence: 0,
            stage: Stage::Core { realm: 0, left: Vec::new() },
            from: usize::MAX,
            source,
            destination,
            bytes: bytes.to_vec(),
        });
    }

    /// When the next datagram moves; `None` when none is under way.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.flights.peek().map(|Reverse(flight)| flight.at)
    }

    /// The next datagram that has reached its host by `now`.
    pub fn receive(&mut self, now: Duration) -> Option<Arrived> {
        loop {
            if self.poll_timeout()? > now {
                return None;
            }
            let Reverse(mut flight) = self.flights.pop()?;
            let from = flight.from;
            let (at, source, destination) = (flight.at, flight.source, flight.destination);
            match self.advance(&mut flight) {
                Ok(Some(host)) => {
                    let counters = &mut self.host_mut(host).counters;
                    counters.received = counters.received.saturating_add(1);
                    counters.received_bytes =
                        counters.received_bytes.saturating_add(flight.bytes.len() as u64);
                    self.log.push(Entry::new(
                        at,
                        from,
                        source,
                        destination,
                        &flight.bytes,
                        Fate::Delivered,
                    ));
                    let path = Path::new(flight.destination, flight.source);
                    return Some(Arrived { host, path, bytes: flight.bytes });
                }
                Ok(None) => self.launch(flight),
                Err(fate) => {
                    self.count_drop(from, fate);
                    self.log.push(Entry::new(at, from, source, destination, &flight.bytes, fate));
                }
            }
        }
    }

    /// Moves a datagram by one stage; returns its host when it has arrived.
    fn advance(&mut self, flight: &mut Flight) -> Result<Option<usize>, Fate> {
        let (realm, left) = match &flight.stage {
            Stage::Arrival { to } => return Ok(Some(*to)),
            Stage::Core { realm, left } => (*realm, left),
        };
        let (to, destination) =
            self.descend(flight.at, realm, left, flight.source, flight.destination)?;
        flight.destination = destination;
        let headers = headers(destination);
        let host = self.hosts.get_mut(to).ok_or(Fate::NoRoute)?;
        let passage = host.down.pass(flight.at, headers, &mut flight.bytes, &mut self.random)?;
        flight.stage = Stage::Arrival { to };
        flight.at = passage.arrival;
        if let Some(at) = passage.duplicate {
            self.launch(Flight {
                at,
                sequence: 0,
                stage: Stage::Arrival { to },
                from: flight.from,
                source: flight.source,
                destination,
                bytes: flight.bytes.clone(),
            });
        }
        Ok(None)
    }

    fn launch(&mut self, mut flight: Flight) {
        flight.sequence = self.sequence;
        self.sequence = self.sequence.saturating_add(1);
        self.flights.push(Reverse(flight));
    }

    fn count_drop(&mut self, from: usize, fate: Fate) {
        if let Some(host) = self.hosts.get_mut(from) {
            let count = host.counters.dropped.entry(fate).or_default();
            *count = count.saturating_add(1);
        }
    }

    fn host(&self, host: usize) -> &Host {
        match self.hosts.get(host) {
            Some(found) => found,
            None => panic!("no host {host}; the network has {}", self.hosts.len()),
        }
    }

    fn host_mut(&mut self, host: usize) -> &mut Host {
        let count = self.hosts.len();
        match self.hosts.get_mut(host) {
            Some(found) => found,
            None => panic!("no host {host}; the network has {count}"),
        }
    }
}

impl Drop for Netem {
    /// A failing test shows what happened on the network, and how to see it again.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("network: seed {}; the last datagrams:\n{}", self.seed, self.log);
        }
    }
}

/// Bytes of the IP and UDP headers before a datagram to `address`.
fn headers(address: SocketAddr) -> usize {
    if address.is_ipv4() { 28 } else { 48 }
}
