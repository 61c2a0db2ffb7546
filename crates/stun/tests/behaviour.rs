//! The Binding server, and what it helps to find out about NATs (RFC 5780), on a simulated network.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use antiphon_stun::{
    BindingInputError, BindingServer, BindingServerConfig, ChangeRequest, Class, Dependence,
    MessageView, MessageWriter, Method, NatBehaviour, NatBehaviourServer, NatDiscovery,
    NatDiscoveryConfig, NatDiscoveryError, NatDiscoveryEvent, NatDiscoveryInputError,
    TransactionId, attribute,
};
use antiphon_testkit::netem::{self, NatConfig, Netem, Realm};
use antiphon_testkit::{Machine, Pair, Path, Sent, seed, start};
use proptest::prelude::*;

const ID: TransactionId = TransactionId([6; 12]);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn behaviour_server() -> NatBehaviourServer {
    NatBehaviourServer::new([ip("192.0.2.1"), ip("192.0.2.2")], [3478, 3479])
}

fn server_with(nat_behaviour: Option<NatBehaviourServer>) -> BindingServer {
    let mut config = BindingServerConfig::default();
    config.nat_behaviour = nat_behaviour;
    BindingServer::new(config)
}

/// The server on the simulated network; `told` is what it answers next.
struct ServerHost {
    server: BindingServer,
    told: Vec<(Path, Vec<u8>)>,
}

impl Machine for ServerHost {
    type Event = ();
    type Error = BindingInputError;

    fn handle_input(
        &mut self,
        _: Instant,
        path: Path,
        datagram: &mut [u8],
    ) -> Result<(), Self::Error> {
        let mut buf = [0; 1500];
        let answer = self.server.handle_input(path.local, path.remote, datagram, &mut buf)?;
        self.told.push((Path::new(answer.local, answer.remote), buf[..answer.len].to_vec()));
        Ok(())
    }
    fn poll_output(&mut self, _: Instant, buf: &mut [u8]) -> Option<Sent> {
        let (path, bytes) = self.told.pop()?;
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

struct ClientHost {
    discovery: NatDiscovery,
    local: SocketAddr,
}

impl Machine for ClientHost {
    type Event = NatDiscoveryEvent;
    type Error = NatDiscoveryInputError;

    fn handle_input(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &mut [u8],
    ) -> Result<(), Self::Error> {
        self.discovery.handle_input(now, path.remote, datagram)
    }
    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Sent> {
        let transmit = self.discovery.poll_output(now, buf).unwrap()?;
        Some(Sent::to(Path::new(self.local, transmit.remote), transmit.len))
    }
    fn poll_event(&mut self) -> Option<NatDiscoveryEvent> {
        self.discovery.poll_event()
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.discovery.handle_timeout(now);
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.discovery.poll_timeout()
    }
}

fn explore(
    nat: Option<NatConfig>,
    server: Option<NatBehaviourServer>,
    change: impl FnOnce(&mut NatDiscoveryConfig, &mut Netem),
) -> NatDiscoveryEvent {
    let mut net = Netem::new(seed(1));
    let realm = match nat {
        Some(nat) => net.add_nat(Realm::PUBLIC, nat, ip("198.51.100.1")),
        None => Realm::PUBLIC,
    };
    let local = addr("203.0.113.5:40000");
    net.add_host(realm, &[local.ip()]);
    net.add_host(Realm::PUBLIC, &[ip("192.0.2.1"), ip("192.0.2.2")]);
    let mut config = NatDiscoveryConfig::new(addr("192.0.2.1:3478"), local);
    change(&mut config, &mut net);
    let discovery = NatDiscovery::new(config, [3; 32], start());
    let client = ClientHost { discovery, local };
    let server = ServerHost { server: server_with(server), told: vec![] };
    let mut pair = Pair::on(net, start(), client, server);
    pair.run_until(Duration::from_secs(120));
    assert_eq!(pair.a.events.len(), 1, "one end");
    pair.a.events[0].1
}

fn verdict(nat: Option<NatConfig>) -> NatBehaviour {
    match explore(nat, Some(behaviour_server()), |_, _| {}) {
        NatDiscoveryEvent::Done(behaviour) => behaviour,
        NatDiscoveryEvent::Failed(error) => panic!("{error}"),
    }
}

//= rfc5780#4.3
//= type=test
//= rfc5780#4.4
//= type=test
#[test]
fn every_combination_of_mapping_filtering_and_hairpinning_is_recognised() {
    let all = [
        (netem::Dependence::EndpointIndependent, Dependence::EndpointIndependent),
        (netem::Dependence::AddressDependent, Dependence::AddressDependent),
        (netem::Dependence::AddressAndPortDependent, Dependence::AddressAndPortDependent),
    ];
    for (mapping, expected_mapping) in all {
        for (filtering, expected_filtering) in all {
            let nat = NatConfig { mapping, filtering, ..NatConfig::full_cone() };
            for hairpin in [true, false] {
                let found = verdict(Some(NatConfig { hairpin, ..nat }));
                assert!(found.translated);
                assert_eq!(found.mapped.ip(), ip("198.51.100.1"));
                assert_eq!(found.mapping, Some(expected_mapping), "{nat:?}");
                assert_eq!(found.filtering, Some(expected_filtering), "{nat:?}");
                // What comes back must pass the filter as well.
                if hairpin && filtering == netem::Dependence::EndpointIndependent {
                    assert_eq!(found.hairpinning, Some(true), "{nat:?}");
                }
                if !hairpin {
                    assert_eq!(found.hairpinning, Some(false), "{nat:?}");
                }
            }
        }
    }
}

#[test]
fn without_a_nat_everything_is_open() {
    let found = verdict(None);
    assert!(!found.translated);
    assert_eq!(found.mapping, Some(Dependence::EndpointIndependent));
    assert_eq!(found.filtering, Some(Dependence::EndpointIndependent));
    assert_eq!(found.hairpinning, None);
}

#[test]
fn a_server_with_one_address_tells_only_the_mapping_at_hand() {
    let event = explore(Some(NatConfig::symmetric()), None, |_, _| {});
    let NatDiscoveryEvent::Done(found) = event else { panic!("{event:?}") };
    assert!(found.translated);
    assert_eq!((found.mapping, found.filtering), (None, None));
}

#[test]
fn what_nobody_asked_for_is_not_tested() {
    let event = explore(Some(NatConfig::symmetric()), Some(behaviour_server()), |config, _| {
        config.filtering = false;
        config.hairpinning = false;
    });
    let NatDiscoveryEvent::Done(found) = event else { panic!("{event:?}") };
    assert_eq!(found.mapping, Some(Dependence::AddressAndPortDependent));
    assert_eq!((found.filtering, found.hairpinning), (None, None));
}

#[test]
fn loss_makes_it_slower_and_not_wrong() {
    let event =
        explore(Some(NatConfig::address_restricted()), Some(behaviour_server()), |_, net| {
            net.uplink(0).loss = 0.15;
            net.downlink(0).delay = Duration::from_millis(80);
        });
    let NatDiscoveryEvent::Done(found) = event else { panic!("{event:?}") };
    assert_eq!(found.mapping, Some(Dependence::EndpointIndependent));
    assert_eq!(found.filtering, Some(Dependence::AddressDependent));
}

//= rfc5780#5
//= type=test
#[test]
fn silence_and_refusal_end_it_with_a_reason() {
    let event = explore(None, None, |_, net| net.uplink(0).loss = 1.0);
    assert_eq!(event, NatDiscoveryEvent::Failed(NatDiscoveryError::NoAnswer));

    let config = NatDiscoveryConfig::new(addr("192.0.2.1:3478"), addr("203.0.113.5:40000"));
    let mut discovery = NatDiscovery::new(config, [1; 32], start());
    let mut buf = [0; 100];
    assert!(discovery.poll_output(start(), &mut buf[..27]).is_err(), "stays due");
    let transmit = discovery.poll_output(start(), &mut buf).unwrap().unwrap();
    let request = MessageView::parse(&buf[..transmit.len]).unwrap();
    let mut answer = [0; 100];
    let id = request.transaction_id();
    let mut writer = MessageWriter::new(&mut answer, Class::Error, Method::BINDING, id).unwrap();
    let len = writer.error_code(401, "").unwrap().written();
    let from_elsewhere = addr("192.0.2.9:3478");
    let unexpected = Err(NatDiscoveryInputError::Unexpected);
    assert_eq!(discovery.handle_input(start(), from_elsewhere, &answer[..len]), unexpected);
    assert_eq!(discovery.handle_input(start(), transmit.remote, &answer[..len]), Ok(()));
    let refused = NatDiscoveryEvent::Failed(NatDiscoveryError::Refused { code: 401 });
    assert_eq!(discovery.poll_event(), Some(refused));
    assert_eq!((discovery.poll_event(), discovery.poll_timeout()), (None, None));
    assert_eq!(discovery.handle_input(start(), transmit.remote, &answer[..len]), unexpected);
}

fn request(build: impl FnOnce(&mut MessageWriter<'_>)) -> Vec<u8> {
    let mut buf = vec![0; 2000];
    let mut writer = MessageWriter::new(&mut buf, Class::Request, Method::BINDING, ID).unwrap();
    build(&mut writer);
    let len = writer.finish();
    buf.truncate(len);
    buf
}

/// From where to where the server answers, and what.
fn ask(server: &BindingServer, bytes: &[u8]) -> (SocketAddr, SocketAddr, Vec<u8>) {
    let mut buf = [0; 2000];
    let (ours, theirs) = (addr("192.0.2.1:3478"), addr("198.51.100.7:4000"));
    let answer = server.handle_input(ours, theirs, bytes, &mut buf).unwrap();
    (answer.local, answer.remote, buf[..answer.len].to_vec())
}

//= rfc5780#6.1
//= type=test
#[test]
fn the_answer_comes_from_where_it_is_wanted() {
    let server = server_with(Some(behaviour_server()));
    for (ip, port, origin) in [
        (false, false, "192.0.2.1:3478"),
        (true, false, "192.0.2.2:3478"),
        (false, true, "192.0.2.1:3479"),
        (true, true, "192.0.2.2:3479"),
    ] {
        let bytes = request(|writer| {
            writer.change_request(ChangeRequest { ip, port }).unwrap();
        });
        let (local, remote, answer) = ask(&server, &bytes);
        assert_eq!((local, remote), (addr(origin), addr("198.51.100.7:4000")));
        let view = MessageView::parse(&answer).unwrap();
        assert_eq!(view.class(), Class::Success);
        assert_eq!(view.response_origin(), Some(addr(origin)));
        assert_eq!(view.other_address(), Some(addr("192.0.2.2:3479")));
        assert_eq!(view.xor_mapped_address(), Some(remote));
        assert_eq!(view.mapped_address(), Some(remote));
    }
}

// attack: RESPONSE-PORT and PADDING as a way to shoot at others
//= rfc5780#7.5
//= type=test
#[test]
fn what_directs_or_amplifies_is_off_until_somebody_turns_it_on() {
    let change = ChangeRequest::default();
    let requests = [
        request(|writer| assert!(writer.change_request(change).is_ok())),
        request(|writer| assert!(writer.response_port(9).is_ok())),
        request(|writer| assert!(writer.padding(1200).is_ok())),
    ];
    let code = |server: &BindingServer, bytes: &[u8]| {
        let (_, remote, answer) = ask(server, bytes);
        let view = MessageView::parse(&answer).unwrap();
        (view.error_code().map(|error| error.code()), remote.port(), answer.len())
    };
    let plain = server_with(None);
    for bytes in &requests {
        assert_eq!(code(&plain, bytes).0, Some(420));
    }
    let some = server_with(Some(behaviour_server()));
    assert_eq!(code(&some, &requests[1]).0, Some(420));
    assert_eq!(code(&some, &requests[2]).0, Some(420));
    let mut all = behaviour_server();
    (all.response_port, all.max_padding) = (true, 1000);
    let all = server_with(Some(all));
    let (error, port, _) = code(&all, &requests[1]);
    assert_eq!((error, port), (None, 9));
    let (error, _, len) = code(&all, &requests[2]);
    assert_eq!(error, None);
    assert!(len > 1000 && len < requests[2].len());
    let both = request(|writer| {
        writer.response_port(9).unwrap().padding(4).unwrap();
    });
    let (error, port, _) = code(&all, &both);
    assert_eq!((error, port), (Some(400), 4000));
    // One address twice is not two.
    let one = NatBehaviourServer::new([ip("192.0.2.1"); 2], [3478, 3479]);
    let (error, ..) = code(&server_with(Some(one)), &requests[0]);
    assert_eq!(error, Some(420));
}

//= rfc8489#6.3.1
//= type=test
//= rfc8489#6.3.1.1
//= type=test
#[test]
fn unknown_attributes_are_listed_and_optional_ones_ignored() {
    let server = server_with(None);
    let bytes = request(|writer| {
        writer.attribute(0x7001, &[1]).unwrap().attribute(0x8f00, &[1]).unwrap();
        writer.username(b"ignored").unwrap().attribute(0x7002, &[]).unwrap();
    });
    let (_, _, answer) = ask(&server, &bytes);
    let view = MessageView::parse(&answer).unwrap();
    assert_eq!(view.error_code().unwrap().code(), 420);
    assert_eq!(view.unknown_attributes().collect::<Vec<_>>(), [0x7001, 0x7002]);
    assert_eq!(view.find(attribute::XOR_MAPPED_ADDRESS), None);
}

//= rfc8489#6.3
//= type=test
//= rfc8489#12
//= type=test
#[test]
fn what_is_no_binding_request_gets_no_answer() {
    let server = server_with(None);
    let mut out = [0; 500];
    let mut ask = |bytes: &[u8]| {
        server.handle_input(addr("192.0.2.1:3478"), addr("198.51.100.7:4000"), bytes, &mut out)
    };
    for class in [Class::Indication, Class::Success, Class::Error] {
        let mut buf = [0; 20];
        MessageWriter::new(&mut buf, class, Method::BINDING, ID).unwrap();
        assert_eq!(ask(&buf), Err(BindingInputError::NotARequest));
    }
    let mut buf = [0; 20];
    MessageWriter::new(&mut buf, Class::Request, Method::ALLOCATE, ID).unwrap();
    assert_eq!(ask(&buf), Err(BindingInputError::Method { method: 3 }));
    let good = request(|writer| assert!(writer.fingerprint().is_ok()));
    let answer = ask(&good).unwrap();
    let mut bad = good.clone();
    bad[27] ^= 1;
    assert_eq!(ask(&bad), Err(BindingInputError::Fingerprint));
    assert!(matches!(ask(&good[..27]), Err(BindingInputError::Parse(_))));
    // Who sends a fingerprint gets one.
    assert_eq!(answer.error, None);
    assert!(MessageView::parse(&out[..answer.len]).is_ok_and(|view| view.verify_fingerprint()));
    let short = &mut [0; 31];
    let (ours, theirs) = (addr("192.0.2.1:3478"), addr("198.51.100.7:4000"));
    let error = server.handle_input(ours, theirs, &request(|_| {}), short);
    assert!(matches!(error, Err(BindingInputError::BufferTooSmall(e)) if e.need == 32));
}

// attack: reflection and amplification
#[test]
fn an_answer_is_hardly_longer_than_its_request() {
    let (_, _, answer) = ask(&server_with(None), &request(|_| {}));
    assert_eq!(answer.len(), 32);
    let bytes = request(|writer| {
        (0..200).for_each(|n| assert!(writer.attribute(0x7000 + n, &[]).is_ok()));
    });
    let (_, _, answer) = ask(&server_with(None), &bytes);
    assert!(answer.len() < bytes.len());
}

proptest! {
    /// Whatever comes, in whatever order: no panic, at most one end, and an end.
    #[test]
    fn a_discovery_ends_whatever_comes(
        calls in prop::collection::vec((0u8..5, 0u64..50_000, prop::collection::vec(any::<u8>(), 0..60)), 0..60)
    ) {
        let config = NatDiscoveryConfig::new(addr("192.0.2.1:3478"), addr("203.0.113.5:40000"));
        let mut discovery = NatDiscovery::new(config, [1; 32], start());
        let (mut buf, mut ends) = ([0; 100], 0);
        for (verb, millis, bytes) in calls {
            let now = start() + Duration::from_millis(millis);
            match verb {
                0 => { let _ = discovery.handle_input(now, config.server, &bytes); }
                1 => { let _ = discovery.poll_output(now, &mut buf); }
                2 => ends += u32::from(discovery.poll_event().is_some()),
                3 => discovery.handle_timeout(now),
                _ => { let _ = discovery.poll_timeout(); }
            }
        }
        while let Some(due) = discovery.poll_timeout() {
            let _ = discovery.poll_output(due, &mut buf);
        }
        ends += u32::from(discovery.poll_event().is_some());
        prop_assert_eq!(ends, 1);
        prop_assert_eq!(discovery.poll_output(start() + Duration::from_secs(99), &mut buf), Ok(None));
    }

    #[test]
    fn the_server_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100), room in 0usize..200) {
        let server = server_with(Some(behaviour_server()));
        let mut buf = vec![0; room];
        let _ = server.handle_input(addr("192.0.2.1:3478"), addr("[2001:db8::1]:1"), &bytes, &mut buf);
    }
}
