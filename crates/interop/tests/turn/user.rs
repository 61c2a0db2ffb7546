//! Our client machine, driven by blocking sockets.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_crypto::CryptoProvider as _;
use antiphon_crypto_rust::RustCrypto;
use antiphon_turn::client::{
    Allocation, Client, Config, Event, HEADROOM, Input, InputError, StreamInput, TAILROOM, Via,
};

use super::wire::{Wire, some};

const PATIENCE: Duration = Duration::from_secs(10);

/// A client and its connection to the server.
pub(crate) struct User {
    pub(crate) client: Client,
    pub(crate) wire: Wire,
    /// What the client did not take.
    pub(crate) errors: Vec<InputError>,
    server: SocketAddr,
    unread: Vec<u8>,
    events: VecDeque<Event>,
    received: VecDeque<(SocketAddr, Vec<u8>)>,
    data: Option<(TcpStream, Vec<u8>)>,
}

impl User {
    /// One that does nothing yet.
    pub(crate) fn new(wire: Wire, config: Config) -> Self {
        let server = config.server;
        let provider = RustCrypto::new();
        let mut seed = [0; 32];
        provider.fill_random(&mut seed).unwrap();
        let client = Client::new(config, Arc::new(provider), seed, Instant::now()).unwrap();
        Self {
            client,
            wire,
            errors: vec![],
            server,
            unread: vec![],
            events: VecDeque::new(),
            received: VecDeque::new(),
            data: None,
        }
    }

    /// One with an allocation.
    pub(crate) fn allocated(wire: Wire, config: Config) -> (Self, Allocation) {
        let mut user = Self::new(wire, config);
        user.client.allocate(Instant::now()).unwrap();
        let allocation = user.expect(|event| match event {
            Event::Allocated(allocation) => Some(*allocation),
            _ => None,
        });
        (user, allocation)
    }

    /// Sends what is due, and takes what came.
    pub(crate) fn turn(&mut self) {
        let now = Instant::now();
        self.client.handle_timeout(now);
        let mut buf = [0; 2048];
        while let Some(sent) = self.client.poll_output(now, &mut buf).unwrap() {
            match (sent.via, &mut self.data) {
                (Via::Control, _) => self.wire.send(&buf[..sent.len]),
                (Via::Data(_), Some((stream, _))) => stream.write_all(&buf[..sent.len]).unwrap(),
                (Via::Data(id), None) => panic!("no data connection {id}"),
            }
        }
        let bytes = self.wire.receive();
        if self.wire.is_stream() {
            self.unread.extend_from_slice(&bytes);
            self.take_stream();
        } else if !bytes.is_empty() {
            let input = self.client.handle_input(Instant::now(), self.server, &bytes);
            self.take(input, &bytes);
        }
        while let Some(event) = self.client.poll_event() {
            self.events.push_back(event);
        }
    }

    fn take_stream(&mut self) {
        while !self.unread.is_empty() {
            let now = Instant::now();
            let taken = self.client.handle_stream(now, self.server, &self.unread).unwrap();
            let StreamInput::Message { consumed, input } = taken else { return };
            let message: Vec<u8> = self.unread.drain(..consumed).collect();
            self.take(input, &message);
        }
    }

    fn take(&mut self, input: Result<Input, InputError>, bytes: &[u8]) {
        match input {
            Ok(Input::Data { peer, payload }) => {
                self.received.push_back((peer, bytes[payload].to_vec()));
            }
            Ok(Input::Control) => {}
            Err(error) => self.errors.push(error),
        }
    }

    /// For that long.
    pub(crate) fn run(&mut self, time: Duration) {
        let begin = Instant::now();
        while begin.elapsed() < time {
            self.turn();
        }
    }

    /// Waits for an event.
    pub(crate) fn expect<T>(&mut self, pick: impl Fn(&Event) -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            if let Some((at, found)) =
                self.events.iter().enumerate().find_map(|(at, event)| Some((at, pick(event)?)))
            {
                self.events.remove(at);
                return found;
            }
            let late = begin.elapsed() > PATIENCE;
            assert!(!late, "{:?} {:?} {:?}", self.events, self.errors, self.client.stats());
            self.turn();
        }
    }

    /// Asks for a permission, and waits for it.
    pub(crate) fn permit(&mut self, peer: SocketAddr) {
        self.client.create_permission(Instant::now(), peer.ip()).unwrap();
        self.expect(|event| matches!(event, Event::PermissionCreated { .. }).then_some(()));
    }

    /// Asks for a channel, and waits for it.
    pub(crate) fn bind(&mut self, peer: SocketAddr) {
        self.client.bind_channel(Instant::now(), peer).unwrap();
        self.expect(|event| matches!(event, Event::ChannelBound { .. }).then_some(()));
    }

    /// Sends data to a peer.
    pub(crate) fn send(&mut self, peer: SocketAddr, payload: &[u8]) {
        let mut buf = vec![0; HEADROOM + payload.len() + TAILROOM];
        let range = HEADROOM..HEADROOM + payload.len();
        buf[range.clone()].copy_from_slice(payload);
        let wrapped = self.client.wrap(peer, &mut buf, range).unwrap();
        self.wire.send(&buf[wrapped]);
    }

    /// What comes from peers within that time.
    pub(crate) fn receive(&mut self, time: Duration) -> Option<(SocketAddr, Vec<u8>)> {
        let begin = Instant::now();
        while self.received.is_empty() && begin.elapsed() < time {
            self.turn();
        }
        self.received.pop_front()
    }

    /// Whether a peer that returns what it gets is reached, with messages of many lengths.
    pub(crate) fn echoes(&mut self, peer: SocketAddr) {
        for len in [1, 2, 3, 4, 100, 1001] {
            let message: Vec<u8> = (0..len).map(|byte| byte as u8).collect();
            self.send(peer, &message);
            let back = self.receive(PATIENCE);
            assert_eq!(back, Some((peer, message)), "{:?}", self.errors);
        }
    }

    /// Whether nothing comes back from there.
    pub(crate) fn is_cut_off_from(&mut self, peer: SocketAddr) -> bool {
        self.send(peer, b"are you there?");
        self.receive(Duration::from_millis(500)).is_none()
    }

    /// Gives the allocation back.
    pub(crate) fn release(&mut self) {
        self.client.release(Instant::now()).unwrap();
        self.expect(|event| matches!(event, Event::Released).then_some(()));
    }

    /// Opens the data connection for a peer's connection (RFC 6062); what follows on it is the peer's,
    /// beginning with the bytes that were read already.
    pub(crate) fn take_connection(
        &mut self,
        wanted_incoming: bool,
    ) -> (SocketAddr, TcpStream, Vec<u8>) {
        let (id, peer) = self.expect(|event| match event {
            Event::ConnectionReady { connection, peer, incoming }
                if *incoming == wanted_incoming =>
            {
                Some((*connection, *peer))
            }
            _ => None,
        });
        let stream = TcpStream::connect(self.server).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        self.data = Some((stream, Vec::new()));
        self.client.bind_connection(Instant::now(), id).unwrap();
        let begin = Instant::now();
        loop {
            assert!(begin.elapsed() < PATIENCE, "{:?}", self.events);
            self.turn();
            let bound = Event::ConnectionBound { connection: id, peer };
            if let Some(at) = self.events.iter().position(|event| *event == bound) {
                self.events.remove(at);
                let (stream, rest) = self.data.take().unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                return (peer, stream, rest);
            }
            let (stream, unread) = self.data.as_mut().unwrap();
            let mut buf = [0; 2048];
            let len = some(stream.read(&mut buf));
            unread.extend_from_slice(&buf[..len]);
            let now = Instant::now();
            let consumed = self.client.handle_data_connection(now, id, unread).unwrap();
            unread.drain(..consumed);
        }
    }
}
