//! A relay in the simulated network: a public host that forwards. It stands for a TURN server and
//! its client, whose messages are of no interest here.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use antiphon_ice::{Agent, Event, InputError, LocalAddress, Path, RelayProtocol};
use antiphon_testkit::{Machine, Sent};

use super::addr;

pub const RELAY: &str = "192.0.2.50:3478";

/// Client to relay and back: `[kind, relayed port, peer address, peer port]` and the datagram.
const HEADER: usize = 9;
const DATA: u8 = 0xee;
const PERMIT: u8 = 0xef;

fn header(kind: u8, port: u16, peer: SocketAddr) -> [u8; HEADER] {
    let IpAddr::V4(ip) = peer.ip() else { panic!("the relay speaks IPv4") };
    let mut header = [0; HEADER];
    header[0] = kind;
    header[1..3].copy_from_slice(&port.to_be_bytes());
    header[3..7].copy_from_slice(&ip.octets());
    header[7..9].copy_from_slice(&peer.port().to_be_bytes());
    header
}

fn read(bytes: &[u8]) -> (u8, u16, SocketAddr) {
    let number = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let ip = Ipv4Addr::new(bytes[3], bytes[4], bytes[5], bytes[6]);
    (bytes[0], number(1), SocketAddr::new(ip.into(), number(7)))
}

/// The relay itself.
#[derive(Default)]
pub struct Relay {
    /// Relayed port: its client, and the peers that it lets through.
    clients: BTreeMap<u16, (SocketAddr, Vec<IpAddr>)>,
    out: Vec<(antiphon_testkit::Path, Vec<u8>)>,
    /// Peers that it never lets through.
    pub forbids: Vec<IpAddr>,
}

impl Machine for Relay {
    type Event = ();
    type Error = ();

    fn handle_input(
        &mut self,
        _: Instant,
        path: antiphon_testkit::Path,
        datagram: &mut [u8],
    ) -> Result<(), ()> {
        if path.local == addr(RELAY) {
            let (kind, port, peer) = read(datagram);
            let client = self.clients.entry(port).or_insert((path.remote, Vec::new()));
            client.0 = path.remote;
            if kind == PERMIT {
                if !self.forbids.contains(&peer.ip()) {
                    client.1.push(peer.ip());
                    self.out.push((path, header(PERMIT, port, peer).to_vec()));
                }
            } else if client.1.contains(&peer.ip()) {
                let from = SocketAddr::new(path.local.ip(), port);
                let to = antiphon_testkit::Path::new(from, peer);
                self.out.push((to, datagram[HEADER..].to_vec()));
            }
            return Ok(());
        }
        let port = path.local.port();
        let (client, permitted) = self.clients.get(&port).ok_or(())?;
        if !permitted.contains(&path.remote.ip()) {
            return Err(());
        }
        let mut bytes = header(DATA, port, path.remote).to_vec();
        bytes.extend_from_slice(datagram);
        self.out.push((antiphon_testkit::Path::new(addr(RELAY), *client), bytes));
        Ok(())
    }

    fn poll_output(&mut self, _: Instant, buf: &mut [u8]) -> Option<Sent> {
        let (path, bytes) = self.out.pop()?;
        buf[..bytes.len()].copy_from_slice(&bytes);
        Some(Sent::to(path, bytes.len()))
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

/// An agent with one socket and a relayed address.
pub struct RelayedPeer {
    pub agent: Agent,
    socket: SocketAddr,
    relayed: SocketAddr,
    /// Permissions to ask the relay for.
    wanted: Vec<IpAddr>,
    /// Permissions asked for so far.
    pub asked: Vec<IpAddr>,
    /// Datagrams that went through the relay.
    pub through_relay: usize,
    /// Datagrams to the relay that went before the relay permitted their peer.
    pub too_early: usize,
    permitted: Vec<IpAddr>,
}

impl RelayedPeer {
    pub fn new(agent: Agent, socket: &str, port: u16) -> Self {
        let relayed = SocketAddr::new(addr(RELAY).ip(), port);
        Self {
            agent,
            socket: addr(socket),
            relayed,
            wanted: Vec::new(),
            asked: Vec::new(),
            through_relay: 0,
            too_early: 0,
            permitted: Vec::new(),
        }
    }

    /// Tells the agent of the relayed address, as an owner does once it has an allocation.
    pub fn allocate(&mut self, now: Instant) {
        let relayed = LocalAddress::relayed(self.relayed, addr(RELAY), RelayProtocol::Udp);
        self.agent.add_local_address(now, relayed).unwrap();
    }
}

impl Machine for RelayedPeer {
    type Event = Event;
    type Error = InputError;

    fn handle_input(
        &mut self,
        now: Instant,
        path: antiphon_testkit::Path,
        datagram: &mut [u8],
    ) -> Result<(), InputError> {
        if path.remote != addr(RELAY) {
            return self.agent.handle_input(now, Path::new(path.local, path.remote), datagram);
        }
        let (kind, _, peer) = read(datagram);
        if kind == PERMIT {
            self.permitted.push(peer.ip());
            self.agent.permission_granted(now, self.relayed, peer.ip());
            return Ok(());
        }
        self.agent.handle_input(now, Path::new(self.relayed, peer), &datagram[HEADER..])
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Sent> {
        let relay = antiphon_testkit::Path::new(self.socket, addr(RELAY));
        if let Some(peer) = self.wanted.pop() {
            self.asked.push(peer);
            let request = header(PERMIT, self.relayed.port(), SocketAddr::new(peer, 0));
            buf[..HEADER].copy_from_slice(&request);
            return Some(Sent::to(relay, HEADER));
        }
        let sent = self.agent.poll_output(now, &mut buf[HEADER..]).unwrap()?;
        if sent.path.local == self.relayed {
            self.through_relay += 1;
            self.too_early += usize::from(!self.permitted.contains(&sent.path.remote.ip()));
            let header = header(DATA, self.relayed.port(), sent.path.remote);
            buf[..HEADER].copy_from_slice(&header);
            return Some(Sent::to(relay, HEADER + sent.len));
        }
        buf.copy_within(HEADER..HEADER + sent.len, 0);
        let path = antiphon_testkit::Path::new(sent.path.local, sent.path.remote);
        Some(Sent::to(path, sent.len))
    }

    fn poll_event(&mut self) -> Option<Event> {
        let event = self.agent.poll_event()?;
        if let Event::PermissionNeeded { relay, peer } = event {
            assert_eq!(relay, self.relayed);
            self.wanted.push(peer);
        }
        Some(event)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.agent.poll_timeout()
    }
}
