//! What the tests share: a peer on the simulated network, and a pair of them.
#![allow(dead_code, reason = "each test file uses a part of this")]

use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use antiphon_crypto::{Certificate, CertificateParams, CryptoProvider, Fingerprint, HashAlgorithm};
use antiphon_crypto_rust::RustCrypto;
use antiphon_dtls::{Config, Connection, Data, Event, InputError, OVERHEAD, Role, Version};
use antiphon_testkit::{Machine, Pair, Path, Random, Sent, start};

/// A provider whose entropy is a function of `seed`.
pub(crate) fn provider(seed: u64) -> Arc<dyn CryptoProvider> {
    let random = Mutex::new(Random::new(seed));
    Arc::new(RustCrypto::with_entropy(move |out| {
        random.lock().unwrap().fill(out);
        Ok(())
    }))
}

/// Certificates cost time; each side has one for all tests.
static CERTIFICATES: LazyLock<[Certificate; 2]> = LazyLock::new(|| {
    [1, 2].map(|seed| {
        let params = CertificateParams::new(Duration::from_secs(1_790_000_000));
        provider(seed).generate_certificate(&params).unwrap()
    })
});

pub(crate) fn certificate(side: usize) -> Certificate {
    CERTIFICATES[side].clone()
}

pub(crate) fn fingerprint(side: usize) -> Fingerprint {
    certificate(side).fingerprint(&*provider(0), HashAlgorithm::Sha256).unwrap()
}

/// Both versions.
pub(crate) fn config_both(side: usize) -> Config {
    Config::new(provider(10 + side as u64), certificate(side))
}

/// DTLS 1.2 only.
pub(crate) fn config(side: usize) -> Config {
    let mut config = config_both(side);
    config.versions = vec![Version::Dtls12];
    config
}

/// DTLS 1.3 only.
pub(crate) fn config_13(side: usize) -> Config {
    let mut config = config_both(side);
    config.versions = vec![Version::Dtls13];
    config
}

pub(crate) fn role(side: usize) -> Role {
    if side == 0 { Role::Client } else { Role::Server }
}

/// A connection that knows its peer and has started: side 0 is the client.
pub(crate) fn connection(side: usize, config: Config) -> Connection {
    let mut connection = Connection::new(config, [side as u8 + 1; 32], start());
    connection.set_remote_fingerprints(start(), &[fingerprint(1 - side)]);
    connection.start(start(), role(side)).unwrap();
    connection
}

/// A connection with what it received and what it wants to send.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) dtls: Connection,
    pub(crate) received: Vec<Vec<u8>>,
    pub(crate) outgoing: Vec<Vec<u8>>,
}

impl Peer {
    pub(crate) fn new(dtls: Connection) -> Self {
        Self { dtls, received: Vec::new(), outgoing: Vec::new() }
    }

    /// Protects `payload`; it goes out with the next poll.
    pub(crate) fn send(&mut self, payload: &[u8]) {
        self.outgoing.push(seal(&mut self.dtls, payload));
    }

    pub(crate) fn fetch(&mut self, datagram: &[u8]) {
        while let Some(data) = self.dtls.poll_data() {
            self.received.push(match data {
                Data::InPlace(range) => datagram[range].to_vec(),
                Data::Held(bytes) => bytes.to_vec(),
            });
        }
    }
}

/// A datagram with `payload` protected.
pub(crate) fn seal(dtls: &mut Connection, payload: &[u8]) -> Vec<u8> {
    let mut buf = vec![0; OVERHEAD.before + payload.len() + OVERHEAD.after];
    let range = OVERHEAD.before..OVERHEAD.before + payload.len();
    buf[range.clone()].copy_from_slice(payload);
    let record = dtls.protect(&mut buf, range).unwrap();
    buf[record].to_vec()
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
        let handled = self.dtls.handle_input(now, datagram);
        self.fetch(datagram);
        handled
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Sent> {
        if let Some(transmit) = self.dtls.poll_output(now, buf).unwrap() {
            return Some(Sent::new(transmit.len));
        }
        let datagram = (!self.outgoing.is_empty()).then(|| self.outgoing.remove(0))?;
        buf[..datagram.len()].copy_from_slice(&datagram);
        Some(Sent::new(datagram.len()))
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.dtls.poll_event()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.dtls.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.dtls.poll_timeout()
    }
}

/// A client and a server, 20 ms apart.
pub(crate) fn pair_with(configure: impl Fn(&mut Config)) -> Pair<Peer> {
    let peer = |side| {
        let mut config = config(side);
        configure(&mut config);
        Peer::new(connection(side, config))
    };
    Pair::new(start(), peer(0), peer(1)).with_delay(Duration::from_millis(20))
}

pub(crate) fn pair() -> Pair<Peer> {
    pair_with(|_| {})
}

/// Runs until both are connected; `false` when they are not within `limit`.
pub(crate) fn connect(pair: &mut Pair<Peer>, limit: Duration) -> bool {
    pair.run_while(limit, |pair| {
        !(pair.a.machine.dtls.is_connected() && pair.b.machine.dtls.is_connected())
    })
}

/// Hands everything that `from` has to say to `to`, at one instant.
pub(crate) fn carry(now: Instant, from: &mut Connection, to: &mut Connection) -> usize {
    let (mut buf, mut count) = (vec![0; 1500], 0);
    while let Some(transmit) = from.poll_output(now, &mut buf).unwrap() {
        count += 1;
        let _ = to.handle_input(now, &mut buf[..transmit.len]);
    }
    count
}

/// A connected pair without a network.
pub(crate) fn connected() -> (Connection, Connection) {
    let (mut client, mut server) = (connection(0, config(0)), connection(1, config(1)));
    for _ in 0..4 {
        carry(start(), &mut client, &mut server);
        carry(start(), &mut server, &mut client);
    }
    assert!(client.is_connected() && server.is_connected());
    (client, server)
}

/// All datagrams that wait in `from`.
pub(crate) fn drain(now: Instant, from: &mut Connection) -> Vec<Vec<u8>> {
    let (mut buf, mut all) = (vec![0; 1500], Vec::new());
    while let Some(transmit) = from.poll_output(now, &mut buf).unwrap() {
        all.push(buf[..transmit.len].to_vec());
    }
    all
}

/// Both are connected with that version, agree on all keys, and data passes both ways.
pub(crate) fn assert_works(pair: &mut Pair<Peer>, version: Version) {
    let mut exported = [[0; 40]; 2];
    for (peer, out) in [&pair.a, &pair.b].into_iter().zip(&mut exported) {
        let dtls = &peer.machine.dtls;
        dtls.export_keying_material(b"EXPERIMENTAL", Some(b"x"), out).unwrap();
        let [(_, Event::Connected(connected))] = peer.events[..] else {
            panic!("{:?}", peer.events)
        };
        assert_eq!(connected.version, version);
    }
    assert_eq!(exported[0], exported[1]);
    let keys = [&pair.a, &pair.b].map(|peer| peer.machine.dtls.srtp_keys().unwrap());
    assert_eq!(keys[0].writing(Role::Client), keys[1].reading(Role::Server));
    assert_eq!(keys[0].reading(Role::Client), keys[1].writing(Role::Server));
    let before = [pair.a.machine.received.len(), pair.b.machine.received.len()];
    pair.a.machine.send(b"ping");
    pair.b.machine.send(b"pong");
    pair.run_for(Duration::from_millis(500));
    assert_eq!(pair.a.machine.received[before[0]..], [b"pong"]);
    assert_eq!(pair.b.machine.received[before[1]..], [b"ping"]);
}
