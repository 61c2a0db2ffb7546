//! Candidates for TCP, over simulated streams.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test, and tests look at some events only"
)]

mod common;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use antiphon_ice::{
    AddressError, Agent, CandidateError, CandidateKind, Config, ConnectionState, Event, IceFailure,
    LocalAddress, MAX_OUTPUT, Path, Protocol, Role, TcpType,
};
use antiphon_testkit::start;

use common::{addr, config};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
const DELAY: Duration = Duration::from_millis(20);

/// What arrives at a side.
enum Arrival {
    Frame(Path, Vec<u8>),
    Connected(Path),
    Refused(Path),
    Closed(Path),
}

/// Two agents, and streams between them that keep the order and lose nothing.
struct Streams {
    now: Instant,
    agents: [Agent; 2],
    listening: [Vec<SocketAddr>; 2],
    /// Each end of a connection, and the other one.
    ends: BTreeMap<(usize, Path), Path>,
    /// Simultaneous opens that wait for the other side.
    opening: Vec<(usize, Path)>,
    wire: VecDeque<(Instant, usize, Arrival)>,
    next_port: u16,
    /// Frames that were sent, by side.
    frames: [usize; 2],
    connects: [usize; 2],
    disconnects: [Vec<Path>; 2],
    /// Nothing arrives any more, as behind a cable that was pulled.
    cut: bool,
}

fn tcp_config(role: Role, seed: u8) -> Config {
    let mut config = config(role, seed);
    config.tcp = true;
    config
}

impl Streams {
    fn new(addresses: [&[(&str, TcpType)]; 2]) -> Self {
        let roles = [Role::Controlling, Role::Controlled];
        let mut listening = [Vec::new(), Vec::new()];
        let agents = [0, 1].map(|side| {
            let seed = side as u8 + 1;
            let mut agent = Agent::new(tcp_config(roles[side], seed), [seed; 32], start()).unwrap();
            for (text, tcp_type) in addresses[side] {
                agent.add_local_address(start(), LocalAddress::tcp(addr(text), *tcp_type)).unwrap();
                if *tcp_type == TcpType::Passive {
                    listening[side].push(addr(text));
                }
            }
            agent.end_of_local_addresses(start());
            agent
        });
        let mut streams = Self {
            now: start(),
            agents,
            listening,
            ends: BTreeMap::new(),
            opening: Vec::new(),
            wire: VecDeque::new(),
            next_port: 49_152,
            frames: [0; 2],
            connects: [0; 2],
            disconnects: [Vec::new(), Vec::new()],
            cut: false,
        };
        streams.signal();
        streams
    }

    fn signal(&mut self) {
        for (from, to) in [(0, 1), (1, 0)] {
            let credentials = self.agents[from].local_credentials().clone();
            let candidates: Vec<_> =
                self.agents[from].local_candidates().map(ToString::to_string).collect();
            self.agents[to].set_remote_credentials(self.now, credentials).unwrap();
            for text in candidates {
                self.agents[to].add_remote_candidate(self.now, text.parse().unwrap()).unwrap();
            }
            self.agents[to].end_of_remote_candidates(self.now);
        }
    }

    fn connect(&mut self, side: usize, path: Path, simultaneous: bool) {
        self.connects[side] += 1;
        let other = 1 - side;
        let at = self.now + 2 * DELAY;
        if simultaneous {
            self.opening.push((side, path));
            if self.opening.contains(&(other, path.reversed())) {
                self.establish(side, path, path.reversed());
            }
            return;
        }
        if !self.listening[other].contains(&path.remote) {
            self.wire.push_back((at, side, Arrival::Refused(path)));
            return;
        }
        let mut seen_as = path.local;
        seen_as.set_port(self.next_port);
        self.next_port += 1;
        self.establish(side, path, Path::tcp(path.remote, seen_as));
    }

    fn establish(&mut self, side: usize, path: Path, theirs: Path) {
        let at = self.now + 2 * DELAY;
        self.ends.insert((side, path), theirs);
        self.ends.insert((1 - side, theirs), path);
        self.wire.push_back((at, side, Arrival::Connected(path)));
        if theirs == path.reversed() {
            self.wire.push_back((at, 1 - side, Arrival::Connected(theirs)));
        }
    }

    fn disconnect(&mut self, side: usize, path: Path) {
        self.disconnects[side].push(path);
        if let Some(theirs) = self.ends.remove(&(side, path)) {
            self.ends.remove(&(1 - side, theirs));
            self.wire.push_back((self.now + DELAY, 1 - side, Arrival::Closed(theirs)));
        }
    }

    fn poll(&mut self) {
        let mut buf = [0; MAX_OUTPUT];
        for side in [0, 1] {
            self.agents[side].handle_timeout(self.now);
            loop {
                let sent = self.agents[side].poll_output(self.now, &mut buf).unwrap();
                while let Some(event) = self.agents[side].poll_event() {
                    match event {
                        Event::Connect { path, simultaneous } => {
                            self.connect(side, path, simultaneous);
                        }
                        Event::Disconnect(path) => self.disconnect(side, path),
                        _ => {}
                    }
                }
                let Some(sent) = sent else { break };
                assert_eq!(sent.path.protocol, Protocol::Tcp);
                self.frames[side] += 1;
                let theirs = self.ends.get(&(side, sent.path)).copied();
                let theirs = theirs.expect("frames go over connections that exist");
                let frame = Arrival::Frame(theirs, buf[..sent.len].to_vec());
                self.wire.push_back((self.now + DELAY, 1 - side, frame));
            }
        }
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.poll();
            let due = self.wire.iter().map(|(at, ..)| *at);
            let timers = self.agents.iter().filter_map(Agent::poll_timeout);
            match due.chain(timers).min() {
                Some(next) if next <= end => self.now = self.now.max(next),
                _ => break,
            }
            while let Some(index) = self.wire.iter().position(|(at, ..)| *at <= self.now) {
                let (_, side, arrival) = self.wire.remove(index).unwrap();
                if self.cut {
                    continue;
                }
                let agent = &mut self.agents[side];
                match arrival {
                    Arrival::Frame(path, bytes) => {
                        // What was under way when the connection closed is lost.
                        if self.ends.contains_key(&(side, path)) {
                            agent.handle_input(self.now, path, &bytes).unwrap();
                        }
                    }
                    Arrival::Connected(path) => agent.connection_established(self.now, path),
                    Arrival::Refused(path) | Arrival::Closed(path) => {
                        agent.connection_failed(self.now, path);
                    }
                }
                self.poll();
            }
        }
        self.now = end;
        self.poll();
    }

    fn states(&self) -> [ConnectionState; 2] {
        [self.agents[0].state(), self.agents[1].state()]
    }
}

const ACTIVE: (&str, TcpType) = ("203.0.113.1:0", TcpType::Active);
const PASSIVE: (&str, TcpType) = ("203.0.113.2:7000", TcpType::Passive);

//= rfc6544#7.1
//= type=test
#[test]
fn the_active_side_connects_and_both_are_connected() {
    let mut streams = Streams::new([&[ACTIVE], &[PASSIVE]]);
    streams.run_for(S);
    assert_eq!(streams.states(), [ConnectionState::Completed; 2]);
    assert_eq!(streams.connects, [1, 0]);
    let [a, b] = &streams.agents;
    assert_eq!(a.selected_path(), Some(Path::tcp(addr("203.0.113.1:0"), addr("203.0.113.2:7000"))));
    let path = b.selected_path().unwrap();
    assert_eq!((path.local, path.protocol), (addr("203.0.113.2:7000"), Protocol::Tcp));
    // The port that the connection has is no news: it is the active candidate.
    assert_eq!(a.stats().selected.unwrap().local_kind, CandidateKind::Host);
    //= rfc6544#7.2
    //= type=test
    assert_eq!(b.stats().selected.unwrap().remote_kind, CandidateKind::PeerReflexive);
    assert_eq!(a.round_trip(), Some(2 * DELAY));
}

#[test]
fn connecting_takes_a_handshake_a_check_and_a_nomination() {
    let mut streams = Streams::new([&[ACTIVE], &[PASSIVE]]);
    streams.run_for(2 * DELAY + 2 * DELAY);
    assert!(streams.agents[0].selected_path().is_some(), "one round trip for TCP, one for ICE");
}

//= rfc6544#6.2
//= type=test
#[test]
fn who_has_everything_tries_the_best_first_and_keeps_one_connection() {
    let all = |ip: u8| {
        [
            (format!("203.0.113.{ip}:9"), TcpType::Active),
            (format!("203.0.113.{ip}:7000"), TcpType::Passive),
            (format!("203.0.113.{ip}:8000"), TcpType::SimultaneousOpen),
        ]
    };
    let (a, b) = (all(1), all(2));
    let of = |list: &'_ [(String, TcpType); 3]| -> Vec<(String, TcpType)> { list.to_vec() };
    let (a, b) = (of(&a), of(&b));
    let borrow = |list: &'static [(String, TcpType)]| -> Vec<(&'static str, TcpType)> {
        list.iter().map(|(text, kind)| (text.as_str(), *kind)).collect()
    };
    let (a, b) = (borrow(Box::leak(a.into_boxed_slice())), borrow(Box::leak(b.into_boxed_slice())));
    let mut streams = Streams::new([&a, &b]);
    streams.run_for(2 * S);
    assert_eq!(streams.states(), [ConnectionState::Completed; 2]);
    //= rfc6544#8
    //= type=test
    streams.run_for(5 * S);
    assert_eq!(streams.ends.len(), 2, "one connection remains, with two ends");
    let path = streams.agents[0].selected_path().unwrap();
    assert!(streams.ends.contains_key(&(0, path)));
}

#[test]
fn two_sides_open_at_once_where_both_can() {
    let so = |text: &'static str| [(text, TcpType::SimultaneousOpen)];
    let mut streams = Streams::new([&so("203.0.113.1:8000"), &so("203.0.113.2:8000")]);
    streams.run_for(2 * S);
    assert_eq!(streams.states(), [ConnectionState::Completed; 2]);
    assert_eq!(streams.connects, [1, 1]);
    assert_eq!(streams.ends.len(), 2);
}

#[test]
fn nothing_is_sent_twice_and_consent_goes_on() {
    let mut streams = Streams::new([&[ACTIVE], &[PASSIVE]]);
    streams.run_for(S);
    let before = streams.frames;
    //= rfc7675#5.1
    //= type=test
    streams.run_for(300 * S);
    assert_eq!(streams.states(), [ConnectionState::Completed; 2]);
    let sent = streams.frames[0] - before[0];
    assert!((100..=160).contains(&sent), "{sent} requests and answers in 300 s");
    // Without an end of the connection consent still ends.
    streams.cut = true;
    streams.run_for(40 * S);
    assert_eq!(streams.states(), [ConnectionState::Failed; 2]);
    assert_eq!(streams.agents[0].failure(), Some(IceFailure::ConsentLost { silent: 30 * S }));
}

//= rfc6544#11.1
//= type=test
#[test]
fn a_connection_that_ends_is_opened_again() {
    for swapped in [false, true] {
        // Whoever controls, the active side comes back.
        let sides: [&[(&str, TcpType)]; 2] =
            if swapped { [&[PASSIVE], &[ACTIVE]] } else { [&[ACTIVE], &[PASSIVE]] };
        let mut streams = Streams::new(sides);
        streams.run_for(5 * S);
        let path = streams.agents[0].selected_path().unwrap();
        let theirs = streams.ends[&(0, path)];
        streams.ends.clear();
        let now = streams.now;
        streams.agents[0].connection_failed(now, path);
        streams.agents[1].connection_failed(now, theirs);
        assert_eq!(streams.states(), [ConnectionState::Disconnected; 2]);
        assert_eq!(streams.agents[0].selected_path(), None);
        streams.agents[0].connection_failed(now, path); // twice is fine
        streams.run_for(5 * S);
        assert_eq!(streams.states(), [ConnectionState::Completed; 2], "swapped: {swapped}");
        assert_eq!(streams.connects.iter().sum::<usize>(), 2);
        assert_eq!(streams.ends.len(), 2);
        for agent in &streams.agents {
            assert!(agent.stats().selected.unwrap().nominated);
        }
        streams.run_for(100 * S);
        assert_eq!(streams.states(), [ConnectionState::Completed; 2]);
    }
}

#[test]
fn a_connection_that_does_not_come_back_is_lost() {
    let mut streams = Streams::new([&[ACTIVE], &[PASSIVE]]);
    streams.run_for(5 * S);
    let path = streams.agents[0].selected_path().unwrap();
    let theirs = streams.ends[&(0, path)];
    streams.ends.clear();
    streams.listening[1].clear();
    let now = streams.now;
    streams.agents[0].connection_failed(now, path);
    streams.agents[1].connection_failed(now, theirs);
    streams.run_for(31 * S);
    assert_eq!(streams.states(), [ConnectionState::Failed; 2]);
}

//= rfc6544#9.2
//= type=test
#[test]
fn a_restart_keeps_the_connection_and_may_go_on_using_it() {
    let mut streams = Streams::new([&[ACTIVE], &[PASSIVE]]);
    streams.run_for(S);
    let path = streams.agents[0].selected_path();
    for side in [0, 1] {
        let now = streams.now;
        streams.agents[side].restart(now).unwrap();
        streams.agents[side].end_of_local_addresses(now);
    }
    streams.signal();
    streams.run_for(5 * S);
    assert_eq!(streams.states(), [ConnectionState::Completed; 2]);
    assert_eq!(streams.agents[0].selected_path(), path);
    assert_eq!(streams.connects, [1, 0], "the old connection is used, no new one opened");
    assert_eq!(streams.disconnects, [vec![], vec![]]);
}

#[test]
fn a_connection_that_does_not_open_is_given_up() {
    let mut config = tcp_config(Role::Controlling, 1);
    config.connect_timeout = 3 * S;
    let mut agent = Agent::new(config, [1; 32], start()).unwrap();
    agent.add_local_address(start(), LocalAddress::tcp(addr(ACTIVE.0), TcpType::Active)).unwrap();
    let peer = antiphon_ice::Credentials::new("peer", &"p".repeat(22)).unwrap();
    agent.set_remote_credentials(start(), peer).unwrap();
    let text = "candidate:1 1 tcp 2105458943 203.0.113.2 5000 typ host tcptype passive";
    agent.add_remote_candidate(start(), text.parse().unwrap()).unwrap();
    let mut buf = [0; MAX_OUTPUT];
    assert_eq!(agent.poll_output(start(), &mut buf).unwrap(), None);
    agent.handle_timeout(start() + 3 * S);
    let events: Vec<_> = std::iter::from_fn(|| agent.poll_event()).collect();
    let path = Path::tcp(addr(ACTIVE.0), addr("203.0.113.2:5000"));
    assert!(events.contains(&Event::Connect { path, simultaneous: false }), "{events:?}");
    assert!(events.contains(&Event::Disconnect(path)), "{events:?}");
    // What comes too late is nobody's.
    agent.connection_established(start() + 4 * S, path);
    assert_eq!(agent.poll_output(start() + 4 * S, &mut buf).unwrap(), None);
}

// attack: a description makes us open connections without end
#[test]
fn connections_are_few_and_paced() {
    let mut agent = Agent::new(tcp_config(Role::Controlling, 1), [1; 32], start()).unwrap();
    agent.add_local_address(start(), LocalAddress::tcp(addr(ACTIVE.0), TcpType::Active)).unwrap();
    let peer = antiphon_ice::Credentials::new("peer", &"p".repeat(22)).unwrap();
    agent.set_remote_credentials(start(), peer).unwrap();
    for port in 1..=64 {
        let text =
            format!("candidate:{port} 1 tcp {port} 203.0.113.2 {port} typ host tcptype passive");
        agent.add_remote_candidate(start(), text.parse().unwrap()).unwrap();
    }
    let mut buf = [0; MAX_OUTPUT];
    let mut times = Vec::new();
    for millis in 0..5000 {
        let now = start() + millis * MS;
        while agent.poll_output(now, &mut buf).unwrap().is_some() {}
        while let Some(event) = agent.poll_event() {
            if let Event::Connect { .. } = event {
                times.push(millis);
            }
        }
    }
    assert_eq!(times.len(), 32);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 50), "{times:?}");
}

// attack: strangers connect and get us to keep state
#[test]
fn strangers_that_connect_leave_nothing() {
    let mut agent = Agent::new(tcp_config(Role::Controlled, 1), [1; 32], start()).unwrap();
    agent.add_local_address(start(), LocalAddress::tcp(addr(PASSIVE.0), TcpType::Passive)).unwrap();
    let ours = agent.local_credentials().clone();
    let stranger = antiphon_ice::Credentials::new("stranger", &"s".repeat(22)).unwrap();
    let mut request = common::Request::new(&stranger, &ours);
    request.pwd = Some("w".repeat(22));
    for port in 1..1000 {
        let path = Path::tcp(addr(PASSIVE.0), addr(&format!("203.0.113.66:{port}")));
        let _ = agent.handle_input(start(), path, &request.bytes());
        let mut buf = [0; MAX_OUTPUT];
        while agent.poll_output(start(), &mut buf).unwrap().is_some() {}
    }
    assert_eq!(agent.stats().pairs, 0);
    let events = std::iter::from_fn(|| agent.poll_event());
    assert!(!events.into_iter().any(|event| matches!(event, Event::Disconnect(_))));
}

#[test]
fn without_the_option_tcp_is_ignored() {
    let mut alone = common::Alone::new(Role::Controlled);
    let listener = LocalAddress::tcp(addr(PASSIVE.0), TcpType::Passive);
    let refused = alone.agent.add_local_address(alone.now, listener);
    assert!(matches!(refused, Err(AddressError::Kind)), "{refused:?}");
    let text = "candidate:1 1 tcp 2105458943 203.0.113.2 5000 typ host tcptype passive";
    let refused = alone.agent.add_remote_candidate(alone.now, text.parse().unwrap());
    assert_eq!(refused, Err(CandidateError::Protocol));
}

//= rfc6544#4.5
//= type=test
#[test]
fn candidates_say_who_connects_and_active_ones_have_port_nine() {
    let streams = Streams::new([&[ACTIVE], &[PASSIVE]]);
    let text = |side: usize| streams.agents[side].local_candidates().next().unwrap().to_string();
    assert!(
        text(0).contains(" tcp 2111832063 203.0.113.1 9 typ host tcptype active"),
        "{}",
        text(0)
    );
    assert!(
        text(1).contains(" tcp 2107637759 203.0.113.2 7000 typ host tcptype passive"),
        "{}",
        text(1)
    );
}
