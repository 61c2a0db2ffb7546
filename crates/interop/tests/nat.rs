//! Calls between homes behind NATs, firewalls and broken networks of the kernel, with a STUN and TURN
//! server on the public network: every call finds a path, a direct one where that is possible.
//!
//! docs/nat-matrix.md keeps what this prints.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failed expectation is a failed test"
)]

use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use antiphon_interop::coturn::{Coturn, Identity};
use antiphon_interop::lab::{Found, Home, Host, Ipv6, Lab, Nat, SERVER, SERVER_V6, Server, dial};
use antiphon_interop::missing;
use anyhow::{Result, ensure};

const PEER: &str = env!("CARGO_BIN_EXE_lab-peer");
const OUR_SERVER: &str = env!("CARGO_BIN_EXE_lab-turn");
/// Calls at a time.
const WORKERS: usize = 4;

const STUN: &str = "stun:203.0.113.10";
const UDP: &str = "turn:203.0.113.10,u,p";
const TCP: &str = "turn:203.0.113.10?transport=tcp,u,p";
const TLS: &str = "turns:203.0.113.10:443,u,p";
const STUN_V6: &str = "stun:[2001:db8::10]";
const UDP_V6: &str = "turn:[2001:db8::10],u,p";
const ALL: [&str; 4] = [STUN, UDP, TCP, TLS];
const BOTH_FAMILIES: [&str; 4] = [STUN, UDP, STUN_V6, UDP_V6];

/// Where the two live.
#[derive(Clone)]
enum Homes {
    Apart(Home, Home),
    /// In one home; whether they see only the router.
    Together(Home, bool),
}

/// Who helps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Helper {
    Nobody,
    Coturn,
    Antiphon,
}

/// What has to come out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Path {
    Direct,
    DirectV4,
    DirectV6,
    WithinTheHome,
    Relayed,
    /// On both sides.
    RelayToRelay,
}

impl Path {
    fn check(self, found: &Found) -> Result<()> {
        let is_relay = |ip: IpAddr| [SERVER, SERVER_V6].contains(&ip.to_string().as_str());
        let (local, remote) = (found.local.ip(), found.remote.ip());
        let fits = match self {
            Self::Direct => found.is_direct(),
            Self::DirectV4 => found.is_direct() && remote.is_ipv4(),
            Self::DirectV6 => found.is_direct() && remote.is_ipv6(),
            Self::WithinTheHome => {
                [local, remote].map(|ip| ip.to_string()) == ["10.1.0.2", "10.1.0.3"]
            }
            Self::Relayed => !found.is_direct(),
            Self::RelayToRelay => is_relay(local) && is_relay(remote),
        };
        ensure!(fits, "found {found}");
        Ok(())
    }
}

/// One call.
#[derive(Clone)]
struct Case {
    name: String,
    homes: Homes,
    helper: Helper,
    words: Vec<&'static str>,
    path: Path,
    /// Longest time to open, where that is the point.
    limit: Option<u64>,
}

impl Case {
    fn new(name: impl Into<String>, homes: Homes, words: &[&'static str], path: Path) -> Self {
        let (name, words) = (name.into(), words.to_vec());
        Self { name, homes, helper: Helper::Coturn, words, path, limit: None }
    }

    fn with(self, helper: Helper) -> Self {
        Self { helper, ..self }
    }

    fn within(self, millis: u64) -> Self {
        Self { limit: Some(millis), ..self }
    }

    fn run(&self, identity: &Identity) -> Result<Found> {
        let lab = match &self.homes {
            Homes::Apart(alice, bob) => Lab::new(alice, bob)?,
            Homes::Together(home, strangers) => Lab::together(home, *strangers)?,
        };
        let _server = match self.helper {
            Helper::Nobody => None,
            Helper::Coturn => Some(Server::coturn(&lab, identity)?),
            Helper::Antiphon => Some(Server::antiphon(&lab, OUR_SERVER, identity)?),
        };
        let end = |host, role| {
            let mut command = lab.command(host, PEER);
            command.arg(role).arg(format!("trust={}", identity.der().display()));
            command.args(&self.words);
            command
        };
        let found = dial(end(Host::Alice, "offer"), end(Host::Bob, "answer"))?;
        self.path.check(&found)?;
        let late = self.limit.filter(|limit| found.millis > *limit);
        ensure!(late.is_none(), "open after {} ms, not within {late:?}", found.millis);
        Ok(found)
    }
}

/// Makes all calls, a few at a time, and prints what came out in their order.
fn make(cases: &[Case]) {
    if !Lab::is_possible() {
        missing("a machine where namespaces can be made", "iproute2 nftables");
        return;
    }
    if Coturn::is_missing() {
        missing("coturn", "coturn");
        return;
    }
    let identity = Identity::new(&[SERVER, SERVER_V6]).unwrap();
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(index) else { return };
                    let result = case.run(&identity);
                    results.lock().unwrap().push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(index, _)| *index);
    let mut failed = 0;
    println!("{:56}{:>10}  path", "", "open");
    for (index, result) in results {
        let name = &cases[index].name;
        match result {
            Ok(found) => println!("{name:56}{:7} ms  {found}", found.millis),
            Err(error) => {
                failed += 1;
                println!("{name:56}    FAILED  {error:#}");
            }
        }
    }
    assert_eq!(failed, 0, "calls that did not come out as they have to");
}

fn nat(nat: Nat) -> Home {
    Home::behind(nat)
}

/// The usual home.
fn usual() -> Home {
    Home::behind(Nat::PortRestricted)
}

fn apart(alice: Home, bob: Home) -> Homes {
    Homes::Apart(alice, bob)
}

#[test]
fn every_pairing_of_nats_finds_the_path_that_there_is() {
    let mut cases = Vec::new();
    for alice in Nat::ALL {
        for bob in Nat::ALL {
            let path = if alice.reaches(bob) { Path::Direct } else { Path::Relayed };
            let homes = apart(nat(alice), nat(bob));
            cases.push(Case::new(format!("{alice} to {bob}"), homes, &[STUN, UDP], path));
        }
    }
    make(&cases);
}

#[test]
fn our_own_server_helps_as_well() {
    let call = |name, alice, bob, words: &[&'static str], path| {
        Case::new(name, apart(alice, bob), words, path).with(Helper::Antiphon)
    };
    let (cone, symmetric) = (usual(), nat(Nat::Symmetric));
    let blocked = || usual().without_udp();
    let only_443 = || usual().only_tcp_to(443);
    make(&[
        call("port restricted to itself", cone.clone(), cone.clone(), &ALL, Path::Direct),
        call("symmetric to itself", symmetric.clone(), symmetric.clone(), &ALL, Path::Relayed),
        call("no UDP at both", blocked(), blocked(), &ALL, Path::RelayToRelay),
        call("only TCP 443 at both", only_443(), only_443(), &ALL, Path::RelayToRelay),
        call("relay only, UDP", cone.clone(), cone.clone(), &["relay", UDP], Path::RelayToRelay),
        call("relay only, TCP", cone.clone(), cone.clone(), &["relay", TCP], Path::RelayToRelay),
        call("relay only, TLS", cone.clone(), cone, &["relay", TLS], Path::RelayToRelay),
    ]);
}

#[test]
fn blocked_udp_is_worked_around() {
    let blocked = || usual().without_udp();
    let only_443 = || usual().only_tcp_to(443);
    let public = || nat(Nat::Open);
    let tcp = |name, alice, bob| {
        Case::new(name, apart(alice, bob), &["tcp"], Path::Direct).with(Helper::Nobody)
    };
    make(&[
        Case::new("no UDP at alice's", apart(blocked(), usual()), &ALL, Path::Relayed),
        Case::new("no UDP at bob's", apart(usual(), blocked()), &ALL, Path::Relayed),
        Case::new("no UDP at both", apart(blocked(), blocked()), &ALL, Path::RelayToRelay),
        Case::new("only TCP 443 at alice's", apart(only_443(), usual()), &ALL, Path::Relayed),
        Case::new("only TCP 443 at both", apart(only_443(), only_443()), &ALL, Path::RelayToRelay),
        tcp("no UDP at alice's, bob public, ICE-TCP, no server", blocked(), public()),
        tcp("alice public, no UDP at bob's, ICE-TCP, no server", public(), blocked()),
        tcp("no UDP at public alice's, ICE-TCP, no server", public().without_udp(), usual()),
    ]);
}

#[test]
fn families_that_fail_or_differ_do_not_stop_a_call() {
    let dual = || usual().with_ipv6(Ipv6::Working);
    let broken = || usual().with_ipv6(Ipv6::Broken);
    let v6 = || dual().without_ipv4();
    let call = |name, alice, bob, path| Case::new(name, apart(alice, bob), &BOTH_FAMILIES, path);
    make(&[
        call("IPv6 only to itself", v6(), v6(), Path::DirectV6),
        call("dual stack to itself", dual(), dual(), Path::DirectV6),
        call("IPv4 only to dual stack", usual(), dual(), Path::DirectV4),
        call("dual stack to IPv6 only", dual(), v6(), Path::DirectV6),
        call("IPv6 only to IPv4 only", v6(), usual(), Path::Relayed),
        call("IPv4 only to IPv6 only", usual(), v6(), Path::Relayed),
        call("broken IPv6 to dual stack", broken(), dual(), Path::DirectV4).within(3000),
        call("dual stack to broken IPv6", dual(), broken(), Path::DirectV4).within(3000),
        call("broken IPv6 to itself", broken(), broken(), Path::DirectV4).within(3000),
    ]);
}

#[test]
fn relays_alone_are_enough_and_neighbours_need_none() {
    let relay = |name, words: &[&'static str]| {
        Case::new(name, apart(usual(), usual()), words, Path::RelayToRelay)
    };
    let together = |name, strangers, path| {
        Case::new(name, Homes::Together(usual(), strangers), &[STUN, UDP], path)
    };
    make(&[
        relay("relay only, UDP", &["relay", UDP]),
        relay("relay only, TCP", &["relay", TCP]),
        relay("relay only, TLS", &["relay", TLS]),
        together("both in one home", false, Path::WithinTheHome),
        together("both in one home, kept apart", true, Path::Relayed),
        Case::new(
            "public to symmetric, STUN only",
            apart(nat(Nat::Open), nat(Nat::Symmetric)),
            &[STUN],
            Path::Direct,
        ),
    ]);
}
