//! Our TURN client against coturn, on loopback: every transport, credentials, families, RFC 8016,
//! RFC 6062; and whole calls through its relays.
//!
//! What coturn 4.6.1 does differently, as far as it can be seen here:
//!
//! - It grants no lifetime between 1 and 599 s, unless `--max-allocate-lifetime` is below that.
//! - It reads ADDITIONAL-ADDRESS-FAMILY and grants IPv4 alone, without the ADDRESS-ERROR-CODE that RFC
//!   8656 section 7.2 wants in that case, although it relays IPv6 when that is asked for by itself.
//! - It counts an allocation towards the quota for a while after it was given back.
//! - It closes a client's session when one datagram of it cannot be sent, as when there is no route to
//!   that one peer (the lab's server has a default route for that reason).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test, and most events are not what one waits for"
)]

mod turn;

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use antiphon_interop::coturn::{Coturn, Identity};
use antiphon_interop::lab::dial;
use antiphon_interop::missing;
use antiphon_stun::AuthError;
use antiphon_turn::client::{
    AllocateError, Config, Credentials, Event, Families, Framing, LossReason, RequestError,
};
use antiphon_turn::wire::attribute::{Family, Protocol};
use turn::user::User;
use turn::wire::Wire;

const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);
const S: Duration = Duration::from_secs(1);

/// coturn on loopback, on a port of its own.
struct Rig {
    identity: Identity,
    port: u16,
    tls_port: u16,
    _server: Coturn,
}

impl Rig {
    /// `None` where there is no coturn.
    fn start(options: &[&str]) -> Option<Self> {
        static COUNT: AtomicU16 = AtomicU16::new(0);
        if Coturn::is_missing() {
            missing("coturn", "coturn");
            return None;
        }
        let identity = Identity::new(&["127.0.0.1", "::1"]).unwrap();
        // Two servers that draw from the same ports may draw the same.
        let first = 30_000 + 1000 * COUNT.fetch_add(1, Ordering::Relaxed);
        let (port, tls_port) = (first, first + 1);
        let mut all = vec![
            "--allow-loopback-peers".to_owned(),
            format!("--tls-listening-port={tls_port}"),
            format!("--min-port={}", first + 100),
            format!("--max-port={}", first + 999),
            format!("--cert={}", identity.certificate().display()),
            format!("--pkey={}", identity.key().display()),
        ];
        if !options.contains(&"--use-auth-secret") {
            all.extend(["--lt-cred-mech", "--user=alice:wonderland"].map(String::from));
        }
        all.extend(options.iter().copied().map(String::from));
        let server = Coturn::start(&|program| Command::new(program), &[V4, V6], port, &all);
        Some(Self { identity, port, tls_port, _server: server.unwrap() })
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::new(V4, self.port)
    }

    fn config(&self, framing: Framing) -> Config {
        Config::new(self.address(), framing, password("alice", "wonderland"))
    }

    fn udp(&self) -> (Wire, Config) {
        (Wire::udp(self.address()), self.config(Framing::Datagram))
    }

    fn tcp(&self) -> (Wire, Config) {
        (Wire::tcp(self.address()), self.config(Framing::Stream))
    }

    fn tls(&self) -> (Wire, Config) {
        let mut config = self.config(Framing::Stream);
        config.server.set_port(self.tls_port);
        (Wire::tls(config.server, &self.identity.der()), config)
    }

    fn dtls(&self) -> (Wire, Config) {
        let mut config = self.config(Framing::Datagram);
        config.server.set_port(self.tls_port);
        (Wire::dtls(config.server, &self.identity.der()), config)
    }
}

fn password(username: &str, password: &str) -> Credentials {
    Credentials::Password { username: username.into(), password: password.into() }
}

/// Somebody who returns every datagram.
struct Echo {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
}

impl Echo {
    fn new(ip: IpAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let (address, ended) = (socket.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let end = Arc::clone(&ended);
        std::thread::spawn(move || {
            let mut buf = [0; 2048];
            while !end.load(Ordering::Relaxed) {
                if let Ok((len, from)) = socket.recv_from(&mut buf) {
                    let _ = socket.send_to(&buf[..len], from);
                }
            }
        });
        Self { address, ended }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// Why there is no allocation, if there is none.
fn outcome((wire, config): (Wire, Config)) -> Option<AllocateError> {
    let mut user = User::new(wire, config);
    user.client.allocate(Instant::now()).unwrap();
    user.expect(|event| match event {
        Event::AllocateFailed(error) => Some(Some(*error)),
        Event::Allocated(_) => Some(None),
        _ => None,
    })
}

/// Why there is no allocation.
fn refusal(wire: Wire, config: Config) -> AllocateError {
    outcome((wire, config)).expect("a refusal")
}

#[test]
fn data_passes_in_indications_and_channels_over_every_transport() {
    let Some(rig) = Rig::start(&[]) else { return };
    let echo = Echo::new(V4);
    for (name, (wire, config)) in
        [("UDP", rig.udp()), ("TCP", rig.tcp()), ("TLS", rig.tls()), ("DTLS", rig.dtls())]
    {
        let (mut user, allocation) = User::allocated(wire, config);
        assert_eq!(allocation.relayed_v4.unwrap().ip(), V4, "{name}");
        assert_eq!(allocation.mapped.ip(), V4, "{name}");
        user.permit(echo.address);
        user.echoes(echo.address);
        assert_eq!(user.client.stats().indications_sent, 6, "{name}");
        user.bind(echo.address);
        user.echoes(echo.address);
        assert_eq!(user.client.stats().channel_data_sent, 6, "{name}");
        user.release();
        assert_eq!(user.errors, [], "{name}");
    }
}

#[test]
fn credentials_made_from_a_shared_secret_work_until_they_expire() {
    let Some(rig) = Rig::start(&["--use-auth-secret", "--static-auth-secret=north"]) else {
        return;
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let with = |expiry: u64, secret: &str| {
        let user = format!("{expiry}:alice");
        let mut config = rig.config(Framing::Datagram);
        config.credentials = password(&user, &made_from(secret, &user));
        config
    };
    let (mut user, _) = User::allocated(rig.udp().0, with(now + 60, "north"));
    user.release();
    for wrong in [with(now - 60, "north"), with(now + 60, "south")] {
        let refused = refusal(rig.udp().0, wrong);
        assert_eq!(refused, AllocateError::Unauthorized(AuthError::Refused));
    }
}

/// base64(HMAC-SHA1(secret, username)), by another hand than ours.
fn made_from(secret: &str, username: &str) -> String {
    let line = "printf %s \"$1\" | openssl dgst -sha1 -hmac \"$0\" -binary | openssl base64";
    let output = Command::new("sh").args(["-c", line, secret, username]).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_wrong_password_or_user_is_refused_and_not_tried_again() {
    let Some(rig) = Rig::start(&[]) else { return };
    for (user, word) in [("alice", "looking-glass"), ("bob", "wonderland")] {
        for (wire, mut config) in [rig.udp(), rig.tcp()] {
            config.credentials = password(user, word);
            let refused = refusal(wire, config);
            assert_eq!(refused, AllocateError::Unauthorized(AuthError::Refused), "{user}");
        }
    }
}

#[test]
fn either_family_or_both_are_relayed() {
    let Some(rig) = Rig::start(&[]) else { return };
    let (v4, v6) = (Echo::new(V4), Echo::new(V6));
    for server in [V4, V6] {
        let server = SocketAddr::new(server, rig.port);
        for families in [Families::One(Family::V4), Families::One(Family::V6), Families::Both] {
            let mut config = rig.config(Framing::Datagram);
            (config.server, config.families) = (server, families);
            let (mut user, allocation) = User::allocated(Wire::udp(server), config);
            let has_v4 = allocation.relayed_v4.is_some();
            let has_v6 = allocation.relayed_v6.is_some();
            assert_eq!(has_v4, families != Families::One(Family::V6), "{server} {families:?}");
            if families == Families::Both {
                println!("both families wanted from {server}: {allocation:?}");
            } else {
                assert_eq!(has_v6, families == Families::One(Family::V6), "{server} {families:?}");
            }
            for echo in [(has_v4, &v4), (has_v6, &v6)].iter().filter(|(has, _)| *has) {
                user.permit(echo.1.address);
                user.echoes(echo.1.address);
                user.bind(echo.1.address);
                user.echoes(echo.1.address);
            }
            user.release();
        }
    }
}

#[test]
fn an_even_port_keeps_the_next_one_for_a_second_allocation() {
    let Some(rig) = Rig::start(&[]) else { return };
    let (wire, mut config) = rig.udp();
    config.even_port = Some(true);
    let (_first, allocation) = User::allocated(wire, config);
    let even = allocation.relayed_v4.unwrap().port();
    assert_eq!(even % 2, 0);

    let (wire, mut config) = rig.udp();
    config.reservation_token = Some(allocation.reservation_token.expect("a token"));
    let (_second, allocation) = User::allocated(wire, config);
    assert_eq!(allocation.relayed_v4.unwrap().port(), even + 1);

    let (wire, mut config) = rig.udp();
    config.even_port = Some(false);
    let (_third, allocation) = User::allocated(wire, config);
    assert_eq!(allocation.relayed_v4.unwrap().port() % 2, 0);
    assert_eq!(allocation.reservation_token, None);
}

#[test]
fn an_allocation_follows_its_client_to_another_address() {
    let Some(rig) = Rig::start(&["--mobility"]) else { return };
    let echo = Echo::new(V4);
    let (wire, mut config) = rig.udp();
    config.mobility = true;
    let (mut user, allocation) = User::allocated(wire, config);
    assert!(allocation.mobile);
    user.bind(echo.address);
    user.echoes(echo.address);
    user.wire = Wire::udp(rig.address());
    user.client.moved(Instant::now()).unwrap();
    user.expect(|event| matches!(event, Event::Moved { .. }).then_some(()));
    user.echoes(echo.address);
    assert_eq!(user.client.allocation().unwrap().relayed_v4, allocation.relayed_v4);
    user.release();
}

/// With lifetimes of a few seconds, and refreshes to match.
fn short_lived(rig: &Rig) -> (Wire, Config) {
    let (wire, mut config) = rig.udp();
    config.lifetime = Some(700 * S);
    config.refresh_margin = 2 * S;
    config.permission_refresh = S;
    config.channel_refresh = S;
    config.jitter = Duration::ZERO;
    (wire, config)
}

const SHORT: [&str; 3] =
    ["--max-allocate-lifetime=4", "--permission-lifetime=2", "--channel-lifetime=2"];

#[test]
fn what_is_refreshed_stays() {
    let Some(rig) = Rig::start(&SHORT) else { return };
    let (channel, permission) = (Echo::new(V4), Echo::new("127.0.0.2".parse().unwrap()));
    let (wire, config) = short_lived(&rig);
    let (mut user, allocation) = User::allocated(wire, config);
    assert_eq!(allocation.lifetime, 4 * S);
    user.bind(channel.address);
    user.permit(permission.address);
    user.run(9 * S);
    user.echoes(channel.address);
    user.echoes(permission.address);
    assert!(user.client.allocation().is_some());
}

#[test]
fn what_is_not_refreshed_ends() {
    let Some(rig) = Rig::start(&SHORT) else { return };
    let echo = Echo::new(V4);
    let (wire, mut config) = short_lived(&rig);
    (config.permission_refresh, config.refresh_margin) = (240 * S, S / 2);
    let (mut user, _) = User::allocated(wire, config);
    user.permit(echo.address);
    user.echoes(echo.address);
    user.run(3 * S);
    assert!(user.is_cut_off_from(echo.address), "the permission is over");
    assert!(user.client.allocation().is_some(), "the allocation is not");
    // A client that is asleep for too long: the server has forgotten it, and we know.
    std::thread::sleep(6 * S);
    let lost = user.expect(|event| match event {
        Event::Lost(reason) => Some(*reason),
        _ => None,
    });
    let refused = LossReason::Refused(RequestError::Mismatch);
    assert!(lost == LossReason::Expired || lost == refused, "{lost}");
}

//= rfc8489#9.2.5
//= type=test
#[test]
fn a_stale_nonce_is_replaced_without_anybody_noticing() {
    let Some(rig) = Rig::start(&["--stale-nonce=1"]) else { return };
    let echo = Echo::new(V4);
    let (wire, config) = rig.udp();
    let (mut user, _) = User::allocated(wire, config);
    assert_eq!(user.client.stats().challenges, 1, "401");
    user.run(3 * S);
    user.permit(echo.address);
    user.echoes(echo.address);
    assert_eq!(user.client.stats().challenges, 2, "438");
    user.release();
}

#[test]
fn a_quota_is_told_apart_from_other_refusals() {
    let Some(rig) = Rig::start(&["--user-quota=1"]) else { return };
    let (wire, config) = rig.udp();
    let (mut first, _) = User::allocated(wire, config);
    let (wire, config) = rig.udp();
    assert!(matches!(refusal(wire, config), AllocateError::Quota { .. }));
    first.release();
    // coturn counts what was given back until it tidies up.
    let begin = Instant::now();
    while let Some(error) = outcome(rig.udp()) {
        assert!(matches!(error, AllocateError::Quota { .. }), "{error}");
        assert!(begin.elapsed() < 20 * S);
        std::thread::sleep(S / 4);
    }
    println!("the quota was free again after {:?}", begin.elapsed());
}

/// Sends on one end and reads on the other, both ways.
fn talks(ours: &mut TcpStream, rest: Vec<u8>, theirs: &mut TcpStream) {
    assert_eq!(rest, b"", "nobody has said anything");
    ours.write_all(b"from here").unwrap();
    let mut buf = [0; 10];
    theirs.read_exact(&mut buf[..9]).unwrap();
    assert_eq!(&buf[..9], b"from here");
    theirs.write_all(b"from there").unwrap();
    ours.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"from there");
}

#[test]
fn tcp_is_relayed_in_both_directions() {
    let Some(rig) = Rig::start(&[]) else { return };
    let (wire, mut config) = rig.tcp();
    config.protocol = Protocol::Tcp;
    let (mut user, allocation) = User::allocated(wire, config);

    let listener = TcpListener::bind((V4, 0)).unwrap();
    user.client.connect(Instant::now(), listener.local_addr().unwrap()).unwrap();
    let (peer, mut ours, rest) = user.take_connection(false);
    assert_eq!(peer, listener.local_addr().unwrap());
    let (mut theirs, from) = listener.accept().unwrap();
    assert_eq!(Some(from), allocation.relayed_v4);
    talks(&mut ours, rest, &mut theirs);

    user.permit(peer);
    let mut theirs = TcpStream::connect(allocation.relayed_v4.unwrap()).unwrap();
    let (peer, mut ours, rest) = user.take_connection(true);
    assert_eq!(peer, theirs.local_addr().unwrap());
    talks(&mut ours, rest, &mut theirs);

    // Nobody listens there any more.
    let gone = TcpListener::bind((V4, 0)).unwrap().local_addr().unwrap();
    user.client.connect(Instant::now(), gone).unwrap();
    let error = user.expect(|event| match event {
        Event::ConnectFailed { peer, error } if *peer == gone => Some(*error),
        _ => None,
    });
    assert_eq!(error, RequestError::ConnectionFailed);
}

#[test]
fn calls_that_use_nothing_but_relays_connect_over_every_transport() {
    let Some(rig) = Rig::start(&[]) else { return };
    let (port, tls_port) = (rig.port, rig.tls_port);
    for url in [
        format!("turn:127.0.0.1:{port}"),
        format!("turn:127.0.0.1:{port}?transport=tcp"),
        format!("turns:127.0.0.1:{tls_port}"),
    ] {
        let end = |role: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_lab-peer"));
            command.args([
                role,
                "relay",
                "from=127.0.0.1",
                &format!("trust={}", rig.identity.der().display()),
            ]);
            command.arg(format!("{url},alice,wonderland"));
            command
        };
        let found =
            dial(end("offer"), end("answer")).unwrap_or_else(|error| panic!("{url}: {error}"));
        println!("{url}: open after {} ms, {} to {}", found.millis, found.local, found.remote);
        let relays = (port + 100)..=(port + 999);
        assert!(relays.contains(&found.local.port()), "{url}: {}", found.local);
        assert!(relays.contains(&found.remote.port()), "{url}: {}", found.remote);
    }
}
