//! What the tests share: a machine on a simulated network, and packets by another library.
#![allow(dead_code, unreachable_pub, reason = "each test file takes what it needs")]

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use antiphon_mdns::{
    Config, Event, From, InputError, InterfaceId, Mdns, Name, ParseError, Scope, Subnet, Transmit,
};
use antiphon_testkit::{Machine, Path, Sent, start};
use simple_dns::rdata::{A, AAAA, RData};
use simple_dns::{CLASS, Packet, PacketFlag, QCLASS, QTYPE, Question, ResourceRecord, TYPE};

pub const ETH: InterfaceId = InterfaceId(2);
pub const MS: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);
pub const PEER: &str = "192.168.1.9:5353";

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A machine with one interface that speaks both families.
pub fn machine(seed: u8, config: Config) -> Mdns {
    let mut mdns = Mdns::new(config, [seed; 32], start());
    let v6 = Subnet::new(ip(&format!("2001:db8::{seed}")), 64);
    let v4 = Subnet::new(ip(&format!("192.168.1.{seed}")), 24);
    mdns.set_interface(start(), ETH, &[v4, v6]);
    mdns
}

/// A machine with IPv4 only, whose address already has a name that was announced.
pub fn announced() -> (Mdns, Name, Instant) {
    let mut mdns = Mdns::new(Config::default(), [1; 32], start());
    mdns.set_interface(start(), ETH, &[Subnet::new(ip("192.168.1.1"), 24)]);
    let name = mdns.register(start(), Scope::default(), ip("192.168.1.1")).unwrap();
    let mut now = start();
    for _ in 0..4 {
        drain(&mut mdns, now);
        now += SECOND;
    }
    (mdns, name, now)
}

/// Everything that the machine wants to send now.
pub fn drain(mdns: &mut Mdns, now: Instant) -> Vec<(Transmit, Vec<u8>)> {
    let mut buf = [0; 1500];
    let mut all = Vec::new();
    while let Some(transmit) = mdns.poll_output(now, &mut buf).unwrap() {
        all.push((transmit, buf[..transmit.len].to_vec()));
    }
    all
}

/// What it sends until then, with the time since `now`.
pub fn run(mdns: &mut Mdns, now: Instant, time: Duration) -> Vec<(Duration, Transmit, Vec<u8>)> {
    let mut all = Vec::new();
    let mut at = now;
    loop {
        mdns.handle_timeout(at);
        for (transmit, bytes) in drain(mdns, at) {
            all.push((at - now, transmit, bytes));
        }
        match mdns.poll_timeout() {
            Some(next) if next <= now + time => {
                assert!(next > at, "a busy loop");
                at = next;
            }
            _ => return all,
        }
    }
}

pub fn multicast(source: &str) -> From {
    From { interface: ETH, source: source.parse().unwrap(), multicast: true }
}

pub fn unicast(source: &str) -> From {
    From { multicast: false, ..multicast(source) }
}

/// A query of simple-dns for `(name, type, wants unicast)`.
pub fn query(questions: &[(&str, QTYPE, bool)]) -> Packet<'static> {
    let mut packet = Packet::new_query(0);
    for (name, kind, unicast) in questions {
        let name = simple_dns::Name::new(name).unwrap().into_owned();
        packet.questions.push(Question::new(name, *kind, QCLASS::CLASS(CLASS::IN), *unicast));
    }
    packet
}

pub fn record(name: &str, ttl: u32, address: IpAddr) -> ResourceRecord<'static> {
    let data = match address {
        IpAddr::V4(v4) => RData::A(A { address: v4.into() }),
        IpAddr::V6(v6) => RData::AAAA(AAAA { address: v6.into() }),
    };
    let name = simple_dns::Name::new(name).unwrap().into_owned();
    ResourceRecord::new(name, CLASS::IN, ttl, data).with_cache_flush(true)
}

/// A response of simple-dns.
pub fn response(records: Vec<ResourceRecord<'static>>) -> Vec<u8> {
    let mut packet = Packet::new_reply(0);
    packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
    packet.answers = records;
    packet.build_bytes_vec_compressed().unwrap()
}

pub fn bytes(packet: &Packet<'_>) -> Vec<u8> {
    packet.build_bytes_vec_compressed().unwrap()
}

pub fn a() -> QTYPE {
    QTYPE::TYPE(TYPE::A)
}

pub fn aaaa() -> QTYPE {
    QTYPE::TYPE(TYPE::AAAA)
}

/// The addresses in the answer section.
pub fn addresses(datagram: &[u8]) -> Vec<(String, IpAddr, u32)> {
    let packet = Packet::parse(datagram).unwrap();
    let of = |record: &ResourceRecord<'_>| {
        let address = if let RData::A(a) = &record.rdata {
            IpAddr::from(std::net::Ipv4Addr::from(a.address))
        } else if let RData::AAAA(a) = &record.rdata {
            IpAddr::from(std::net::Ipv6Addr::from(a.address))
        } else {
            return None;
        };
        Some((record.name.to_string(), address, record.ttl))
    };
    packet.answers.iter().filter_map(of).collect()
}

/// A machine in a pair. The network knows no groups: the first byte says whether a datagram went
/// to one.
pub struct Peer {
    pub mdns: Mdns,
    pub address: IpAddr,
}

impl Peer {
    pub fn new(seed: u8, now: Instant) -> Self {
        let mut mdns = Mdns::new(Config::default(), [seed; 32], now);
        let address = ip(&format!("192.168.1.{seed}"));
        mdns.set_interface(now, ETH, &[Subnet::new(address, 24)]);
        Self { mdns, address }
    }
}

impl Machine for Peer {
    type Event = Event;
    type Error = InputError;

    fn handle_input(
        &mut self,
        now: Instant,
        _: Path,
        datagram: &mut [u8],
    ) -> Result<(), InputError> {
        let Some((flags, message)) = datagram.split_first() else {
            return Err(ParseError::Truncated { need: 1, have: 0 }.into());
        };
        let port = if flags & 0xfe == 0 { 5353 } else { 40_000 };
        let source = SocketAddr::new(ip("192.168.1.200"), port);
        let from = From { interface: ETH, source, multicast: flags & 1 == 1 };
        self.mdns.handle_input(now, from, message)
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Sent> {
        let (flag, message) = buf.split_first_mut().unwrap();
        let transmit = self.mdns.poll_output(now, message).unwrap()?;
        *flag = u8::from(transmit.destination.ip().is_multicast());
        Some(Sent::new(transmit.len + 1))
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.mdns.poll_event()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.mdns.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.mdns.poll_timeout()
    }
}
