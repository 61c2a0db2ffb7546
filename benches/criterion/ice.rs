//! ICE: what it costs to find each other, and what consent costs afterwards.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_crypto_rust::RustCrypto;
use antiphon_ice::{Agent, Candidate, Config, Credentials, Event, MAX_OUTPUT, Path, Role};
use criterion::{Criterion, criterion_group, criterion_main};

fn agent(provider: &Arc<RustCrypto>, role: Role, addresses: u8, now: Instant) -> Option<Agent> {
    let mut agent = Agent::new(Config::new(provider.clone(), role), [1; 32], now).ok()?;
    let host = match role {
        Role::Controlling => 1,
        Role::Controlled => 2,
    };
    for subnet in 0..addresses {
        let address = SocketAddr::from(([10, 0, subnet, host], 5000));
        agent.add_local_address(now, address).ok()?;
    }
    agent.end_of_local_addresses(now);
    Some(agent)
}

/// Tells `to` everything about `from`.
fn signal(now: Instant, from: &mut Agent, to: &mut Agent) {
    let credentials = from.local_credentials();
    let credentials = Credentials::new(credentials.ufrag(), credentials.pwd());
    let _ = credentials.map(|credentials| to.set_remote_credentials(now, credentials));
    while let Some(event) = from.poll_event() {
        if let Event::LocalCandidate(candidate) = event {
            let _ = to.add_remote_candidate(now, candidate);
        }
    }
    to.end_of_remote_candidates(now);
}

/// Carries datagrams until both are silent; the count of them.
fn exchange(now: Instant, a: &mut Agent, b: &mut Agent) -> usize {
    let mut buf = [0; MAX_OUTPUT];
    let mut count = 0;
    loop {
        let before = count;
        for (from, to) in [(0, 1), (1, 0)] {
            let (from, to) = if from < to { (&mut *a, &mut *b) } else { (&mut *b, &mut *a) };
            while let Ok(Some(sent)) = from.poll_output(now, &mut buf) {
                let path = Path::new(sent.path.remote, sent.path.local);
                let datagram = buf.get(..sent.len).unwrap_or_default();
                let _ = to.handle_input(now, path, datagram);
                count += 1;
            }
        }
        if count == before {
            return count;
        }
    }
}

fn connect(provider: &Arc<RustCrypto>, addresses: u8, now: Instant) -> Option<(Agent, Agent)> {
    let mut a = agent(provider, Role::Controlling, addresses, now)?;
    let mut b = agent(provider, Role::Controlled, addresses, now)?;
    signal(now, &mut a, &mut b);
    signal(now, &mut b, &mut a);
    exchange(now, &mut a, &mut b);
    (a.selected_path().is_some() && b.selected_path().is_some()).then_some((a, b))
}

fn ice(criterion: &mut Criterion) {
    let now = antiphon_testkit::start();
    let provider = Arc::new(RustCrypto::new());
    let mut group = criterion.benchmark_group("ice");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));

    // Two agents from nothing to a nominated pair, signalling included, network excluded.
    group.bench_function("connect", |bencher| bencher.iter(|| connect(&provider, 1, now)));
    group.bench_function("connect with 8 addresses each", |bencher| {
        bencher.iter(|| connect(&provider, 8, now));
    });

    let Some((mut a, mut b)) = connect(&provider, 1, now) else { return };
    assert!(a.round_trip().is_some(), "the agents under test are connected");
    let mut later = now;
    group.bench_function("six seconds of consent", |bencher| {
        bencher.iter(|| {
            later += Duration::from_secs(6);
            exchange(later, &mut a, &mut b)
        });
    });
    let path = a.selected_path();
    group.bench_function("poll an idle agent", |bencher| {
        let mut buf = [0; MAX_OUTPUT];
        bencher.iter(|| {
            a.handle_timeout(black_box(later));
            let _ = a.poll_output(later, &mut buf);
            (a.poll_timeout(), a.selected_path())
        });
    });
    if let Some(path) = path {
        group.bench_function("may receive from the selected path", |bencher| {
            bencher.iter(|| a.may_receive_from(black_box(path)));
        });
    }
    let text = "candidate:842163049 1 udp 1677729535 198.51.100.7 46154 typ srflx \
                raddr 10.0.0.17 rport 46154 generation 0 ufrag EEtu network-cost 10";
    group.bench_function("parse a candidate", |bencher| {
        bencher.iter(|| black_box(text).parse::<Candidate>());
    });
    group.finish();
}

criterion_group!(benches, ice);
criterion_main!(benches);
