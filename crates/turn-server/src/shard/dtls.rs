//! Clients over DTLS: a cookie first, then a connection each.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_crypto::{CryptoProvider, Secret};
use antiphon_dtls::{
    ClientCertificate, Config, Connection, CookieGate, Data, Event, OVERHEAD, PeerIdentity, Role,
    Verdict,
};
use antiphon_turn::server::{FiveTuple, Transport};

use super::{Core, Hop, Shard};
use crate::doors::Seat;
use crate::identity::Identity;
use crate::net::{Received, UdpPort};

/// How many buffers are received with one call.
const SLOTS: usize = 16;
/// How long the key of cookies is used; the one before counts for as long again.
const KEY_LIFETIME: Duration = Duration::from_secs(300);
/// A client that has not finished its handshake by then is given up.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// All DTLS of a shard.
#[derive(Debug)]
pub(super) struct Dtls {
    config: Config,
    gate: CookieGate,
    keyed: Instant,
    associations: HashMap<FiveTuple, Association>,
    /// When each association has to be looked at.
    due: BTreeSet<(Instant, FiveTuple)>,
    record: Vec<u8>,
    pub(super) dropped: u64,
}

#[derive(Debug)]
struct Association {
    connection: Connection,
    /// Its entry in `due`.
    due: Instant,
    /// When it has to have an allocation; `None` while it has one.
    deadline: Option<Instant>,
    _seat: Seat,
}

fn random(provider: &dyn CryptoProvider) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    provider.fill_random(&mut bytes).ok()?;
    Some(bytes)
}

impl Dtls {
    /// `None` when there is no identity for it.
    pub(super) fn new(identity: &Identity, provider: &Arc<dyn CryptoProvider>) -> Option<Self> {
        let mut config = Config::new(Arc::clone(provider), identity.dtls()?.clone());
        config.certificate_chain = identity.issuers().to_vec();
        config.client_certificate = ClientCertificate::NotRequested;
        config.peer_identity = PeerIdentity::Unverified;
        config.srtp_profiles = Vec::new();
        // Clients that are not WebRTC's may be older.
        config.require_extended_master_secret = false;
        config.handshake_timeout = HANDSHAKE;
        config.linger = Duration::from_secs(10);
        config.max_early_bytes = 4096;
        config.max_handshake_bytes = 16 * 1024;
        let secret = Secret::from(&random(&**provider)?[..]);
        Some(Self {
            gate: CookieGate::new(config.clone(), secret),
            config,
            keyed: Instant::now(),
            associations: HashMap::new(),
            due: BTreeSet::new(),
            record: Vec::new(),
            dropped: 0,
        })
    }

    /// New connections show another certificate; those that exist go on.
    pub(super) fn replace(&mut self, identity: &Identity, provider: &Arc<dyn CryptoProvider>) {
        if let Some(new) = Self::new(identity, provider) {
            (self.config, self.gate, self.keyed) = (new.config, new.gate, new.keyed);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.associations.len()
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    fn rotate(&mut self, now: Instant) {
        if now.saturating_duration_since(self.keyed) > KEY_LIFETIME
            && let Some(secret) = random(&*self.config.provider)
        {
            self.gate.rotate(Secret::from(&secret[..]));
            self.keyed = now;
        }
    }

    fn remove(&mut self, from: FiveTuple) -> bool {
        match self.associations.remove(&from) {
            Some(association) => self.due.remove(&(association.due, from)),
            None => false,
        }
    }

    /// Puts the association where its next moment says.
    fn reschedule(&mut self, from: FiveTuple, now: Instant) {
        let Some(association) = self.associations.get_mut(&from) else { return };
        let timeout = association.connection.poll_timeout();
        let next = [timeout, association.deadline].into_iter().flatten().min();
        // An association with nothing to wait for is looked at now and then all the same.
        let next = next.unwrap_or_else(|| now.checked_add(KEY_LIFETIME).unwrap_or(now));
        if next != association.due {
            self.due.remove(&(association.due, from));
            association.due = next;
            self.due.insert((next, from));
        }
    }
}

/// Serves one DTLS port, as long as the shard lives.
pub(super) async fn serve(shard: Rc<Shard>, index: usize, port: Rc<UdpPort>) {
    loop {
        if port.readable().await.is_err() {
            return;
        }
        let mut receiver = shard.receiver.borrow_mut();
        let count = port.receive(&mut receiver, SLOTS).unwrap_or_default();
        let now = Instant::now();
        let mut core = shard.core.borrow_mut();
        for received in receiver.received(count) {
            core.take_from_dtls(&shard, now, index, received);
        }
        core.settle(&shard);
    }
}

impl Core {
    fn take_from_dtls(
        &mut self,
        shard: &Rc<Shard>,
        now: Instant,
        index: usize,
        received: Received<'_>,
    ) {
        let Some((_, port)) = self.ports.get(index) else { return };
        let local = port.local();
        let server = SocketAddr::new(received.to.unwrap_or(local.ip()), local.port());
        let from = FiveTuple { client: received.from, server, transport: Transport::Dtls };
        let Some(dtls) = &mut self.dtls else { return };
        dtls.rotate(now);
        for datagram in received.bytes.chunks_mut(received.stride.max(1)) {
            if self.dtls.as_ref().is_some_and(|dtls| dtls.associations.contains_key(&from)) {
                self.record(shard, now, from, datagram);
            } else {
                self.knock(shard, now, from, datagram);
            }
        }
    }

    // attack: spoofed hellos
    /// A datagram of a stranger. Nothing is kept before the cookie has come back.
    fn knock(&mut self, shard: &Rc<Shard>, now: Instant, from: FiveTuple, datagram: &[u8]) {
        let Some(dtls) = &mut self.dtls else { return };
        let address = from.client.to_string();
        match dtls.gate.handle(address.as_bytes(), datagram) {
            Ok(Verdict::Answer(answer)) => self.send_dtls(from, &answer),
            Ok(Verdict::Admit { cookie, datagrams }) => {
                let mut config = dtls.config.clone();
                config.cookie = Some(cookie);
                if self.admit(shard, now, from, config).is_none() {
                    return;
                }
                for mut datagram in datagrams {
                    self.record(shard, now, from, &mut datagram);
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::trace!(client = %from.client, %error, "DTLS datagram dropped");
                dtls.dropped = dtls.dropped.saturating_add(1);
            }
        }
    }

    fn admit(
        &mut self,
        shard: &Shard,
        now: Instant,
        from: FiveTuple,
        config: Config,
    ) -> Option<()> {
        let dtls = self.dtls.as_mut()?;
        let live = shard.shared.live();
        let limits = &live.config.limits;
        let (most, most_per_address) = (limits.connections, limits.connections_per_address);
        let seat = shard.shared.doors.enter(from.client.ip(), most, most_per_address)?;
        let seed = random(&*config.provider)?;
        let mut connection = Connection::new(config, seed, now);
        connection.start(now, Role::Server).ok()?;
        let deadline = now.checked_add(limits.idle);
        let association = Association { connection, due: now, deadline, _seat: seat };
        dtls.associations.insert(from, association);
        dtls.due.insert((now, from));
        Some(())
    }

    /// A datagram of an association: what is in it goes to the machine.
    fn record(&mut self, shard: &Rc<Shard>, now: Instant, from: FiveTuple, datagram: &mut [u8]) {
        let Some(dtls) = &mut self.dtls else { return };
        let Some(association) = dtls.associations.get_mut(&from) else { return };
        if let Err(error) = association.connection.handle_input(now, datagram) {
            tracing::trace!(client = %from.client, %error, "DTLS record dropped");
            dtls.dropped = dtls.dropped.saturating_add(1);
        }
        while let Some(data) = self.next_data(from) {
            match data {
                Data::InPlace(range) => {
                    let message = datagram.get(range).unwrap_or_default();
                    self.input(shard, now, from, message, message.len(), None);
                }
                Data::Held(bytes) => self.input(shard, now, from, &bytes, bytes.len(), None),
            }
        }
        self.after_dtls(shard, now, from);
    }

    fn next_data(&mut self, from: FiveTuple) -> Option<Data> {
        self.dtls.as_mut()?.associations.get_mut(&from)?.connection.poll_data()
    }

    /// Sends what the association has written, and sees whether it has ended.
    fn after_dtls(&mut self, shard: &Rc<Shard>, now: Instant, from: FiveTuple) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut has_ended = false;
        while let Some(association) =
            self.dtls.as_mut().and_then(|dtls| dtls.associations.get_mut(&from))
        {
            while let Some(event) = association.connection.poll_event() {
                has_ended |= matches!(event, Event::Closed(_));
            }
            let Ok(Some(sent)) = association.connection.poll_output(now, &mut scratch) else {
                break;
            };
            self.send_dtls(from, scratch.get(..sent.len).unwrap_or_default());
        }
        self.scratch = scratch;
        if has_ended {
            self.end_dtls(shard, now, from);
        } else if let Some(dtls) = &mut self.dtls {
            dtls.reschedule(from, now);
        }
    }

    fn end_dtls(&mut self, shard: &Rc<Shard>, now: Instant, from: FiveTuple) {
        if self.dtls.as_mut().is_some_and(|dtls| dtls.remove(from)) {
            self.server.client_closed(now, from);
            self.drain(shard, now);
        }
    }

    /// Lets time pass for all associations whose moment has come.
    pub(super) fn dtls_timeout(&mut self, shard: &Rc<Shard>, now: Instant) {
        while let Some((due, from)) = self.dtls.as_ref().and_then(|dtls| dtls.due.first().copied())
        {
            if due > now {
                return;
            }
            let Some(dtls) = &mut self.dtls else { return };
            let Some(association) = dtls.associations.get_mut(&from) else {
                dtls.due.remove(&(due, from));
                continue;
            };
            association.connection.handle_timeout(now);
            if association.deadline.is_some_and(|deadline| deadline <= now) {
                association.connection.close(now);
            }
            self.after_dtls(shard, now, from);
        }
    }

    /// An association has an allocation now, or has none any more.
    pub(super) fn dtls_allocated(&mut self, shard: &Shard, from: FiveTuple, allocated: bool) {
        let now = Instant::now();
        let Some(dtls) = &mut self.dtls else { return };
        if let Some(association) = dtls.associations.get_mut(&from) {
            let deadline = now.checked_add(shard.shared.live().config.limits.idle);
            association.deadline = if allocated { None } else { deadline };
            dtls.reschedule(from, now);
        }
    }

    /// Protects a message for a client and sends it.
    pub(super) fn protect(&mut self, to: FiveTuple, prefix: &[u8], payload: &[u8], padding: usize) {
        let Some(dtls) = &mut self.dtls else { return };
        let Some(association) = dtls.associations.get_mut(&to) else { return };
        let mut record = std::mem::take(&mut dtls.record);
        record.clear();
        record.resize(OVERHEAD.before, 0);
        record.extend_from_slice(prefix);
        record.extend_from_slice(payload);
        let end = record.len().saturating_add(padding);
        record.resize(end.saturating_add(OVERHEAD.after), 0);
        match association.connection.protect(&mut record, OVERHEAD.before..end) {
            Ok(range) => self.send_dtls(to, record.get(range).unwrap_or_default()),
            Err(_) => self.lost_queueing = self.lost_queueing.saturating_add(1),
        }
        if let Some(dtls) = &mut self.dtls {
            dtls.record = record;
        }
    }

    fn send_dtls(&mut self, to: FiveTuple, datagram: &[u8]) {
        if let Some(port) = self.port_of(to.server, crate::config::Transport::Dtls) {
            let hop = Hop::Client { port, to: to.client, from: to.server.ip() };
            self.push(hop, None, &[], datagram, 0);
        }
    }
}
