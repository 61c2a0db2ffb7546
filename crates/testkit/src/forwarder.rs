//! A link between two real sockets of this machine, with delay, loss and a rate.
//!
//! Kernels without a network emulator get one here: a process in the middle. Each end sends to a
//! port of the forwarder, and what it sends leaves towards the other end from the other port, as if
//! a NAT stood between them. The link is a [`Link`], the same as in the simulated network, at the
//! speed of the real clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};

use crate::Random;
use crate::netem::{Line, Link};

/// Room for what the kernel joins into one buffer.
const BUFFER: usize = 65_536;
/// IPv4 and UDP, which a link of limited rate carries, too.
const HEADERS: usize = 28;
/// How long the thread rests when nothing moves.
const REST: Duration = Duration::from_micros(50);
/// Bytes that the kernel may hold for a thread that rests.
const SOCKET_BUFFER: usize = 8 << 20;

/// A link between two real sockets. It ends when it is dropped.
#[derive(Debug)]
pub struct Forwarder {
    near: SocketAddr,
    far: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    /// Where the two ends are: the near one, the far one.
    ends: Mutex<[Option<SocketAddr>; 2]>,
    lost: AtomicU64,
    carried: AtomicU64,
}

impl Forwarder {
    /// Opens two ports on loopback. `up` is what the near end's datagrams pass, `down` what the far
    /// end's do. `seed` decides over losses.
    ///
    /// # Errors
    ///
    /// Those of the sockets.
    pub fn new(up: Link, down: Link, seed: u64) -> io::Result<Self> {
        Self::on(IpAddr::V4(Ipv4Addr::LOCALHOST), up, down, seed)
    }

    /// The same on an address of this machine.
    ///
    /// # Errors
    ///
    /// Those of the sockets.
    pub fn on(address: IpAddr, up: Link, down: Link, seed: u64) -> io::Result<Self> {
        let sockets = [Port::bind(address)?, Port::bind(address)?];
        let [near, far] = [sockets[0].address, sockets[1].address];
        let shared = Arc::new(Shared::default());
        let mut middle = Middle {
            sockets,
            directions: [Direction::new(up, seed), Direction::new(down, seed.wrapping_add(1))],
            shared: Arc::clone(&shared),
            begin: Instant::now(),
        };
        let thread =
            std::thread::Builder::new().name("forwarder".to_owned()).spawn(move || middle.run())?;
        Ok(Self { near, far, shared, thread: Some(thread) })
    }

    /// Where the near end sends what is for the far end.
    #[must_use]
    pub fn near(&self) -> SocketAddr {
        self.near
    }

    /// Where the far end sends what is for the near end.
    #[must_use]
    pub fn far(&self) -> SocketAddr {
        self.far
    }

    /// Says where the near end is. What comes before both ends are known is lost.
    pub fn attach_near(&self, end: SocketAddr) {
        self.attach(0, end);
    }

    /// Says where the far end is.
    pub fn attach_far(&self, end: SocketAddr) {
        self.attach(1, end);
    }

    fn attach(&self, side: usize, end: SocketAddr) {
        let mut ends = self.shared.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = ends.get_mut(side) {
            *place = Some(end);
        }
    }

    /// Datagrams that did not arrive so far: by chance, for want of room, or before the ends were
    /// known.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Datagrams that left towards an end so far.
    #[must_use]
    pub fn carried(&self) -> u64 {
        self.shared.carried.load(Ordering::Relaxed)
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

struct Port {
    socket: UdpSocket,
    state: UdpSocketState,
    address: SocketAddr,
}

impl Port {
    fn bind(address: IpAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind((address, 0))?;
        let state = UdpSocketState::new((&socket).into())?;
        state.set_recv_buffer_size((&socket).into(), SOCKET_BUFFER)?;
        state.set_send_buffer_size((&socket).into(), SOCKET_BUFFER)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, state, address })
    }
}

/// A datagram under way: the earliest leaves first.
type Waiting = Reverse<(Duration, u64, Vec<u8>)>;

struct Direction {
    line: Line,
    random: Random,
    waiting: BinaryHeap<Waiting>,
    taken: u64,
}

impl Direction {
    fn new(link: Link, seed: u64) -> Self {
        let mut line = Line::default();
        line.link = link;
        Self { line, random: Random::new(seed), waiting: BinaryHeap::new(), taken: 0 }
    }

    /// Takes a datagram in; `false` when the link lost it.
    fn take(&mut self, now: Duration, datagram: &[u8]) -> bool {
        let mut bytes = datagram.to_vec();
        let Ok(passage) = self.line.pass(now, HEADERS, &mut bytes, &mut self.random) else {
            return false;
        };
        self.taken = self.taken.wrapping_add(1);
        if let Some(arrival) = passage.duplicate {
            self.waiting.push(Reverse((arrival, self.taken, bytes.clone())));
        }
        self.waiting.push(Reverse((passage.arrival, self.taken, bytes)));
        true
    }

    /// The next datagram that is due, if it may join a batch of datagrams of `size`.
    fn due(&mut self, now: Duration, size: Option<usize>) -> Option<Vec<u8>> {
        let Reverse((arrival, _, bytes)) = self.waiting.peek()?;
        let joins = size.is_none_or(|size| bytes.len() <= size);
        if *arrival > now || !joins {
            return None;
        }
        self.waiting.pop().map(|Reverse((_, _, bytes))| bytes)
    }
}

/// What the thread owns.
struct Middle {
    sockets: [Port; 2],
    directions: [Direction; 2],
    shared: Arc<Shared>,
    begin: Instant,
}

impl Middle {
    fn run(&mut self) {
        let mut buffers = vec![vec![0; BUFFER]; BATCH_SIZE];
        let mut batch = Vec::with_capacity(BUFFER);
        while !self.shared.stop.load(Ordering::Relaxed) {
            let ends = *self.shared.ends.lock().unwrap_or_else(PoisonError::into_inner);
            let mut moved = false;
            for side in [0, 1] {
                moved |= self.receive(side, ends, &mut buffers);
                moved |= self.send(side, ends, &mut batch);
            }
            if !moved {
                std::thread::park_timeout(REST);
            }
        }
    }

    /// Takes in what waits at the socket of `side`.
    fn receive(
        &mut self,
        side: usize,
        ends: [Option<SocketAddr>; 2],
        buffers: &mut [Vec<u8>],
    ) -> bool {
        let (Some(port), Some(direction)) = (self.sockets.get(side), self.directions.get_mut(side))
        else {
            return false;
        };
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut slices: Vec<_> = buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        // An error is what ICMP says of an earlier datagram, or that nothing waits.
        let Ok(count) = port.state.recv((&port.socket).into(), &mut slices, &mut metas) else {
            return false;
        };
        let now = self.begin.elapsed();
        let known = ends.iter().all(Option::is_some);
        for (slice, meta) in slices.iter().zip(&metas).take(count) {
            let bytes = slice.get(..meta.len).unwrap_or_default();
            for datagram in bytes.chunks(meta.stride.max(1)) {
                // A stranger's datagram is none of the link's business.
                let welcome = known && ends.get(side).copied().flatten() == Some(meta.addr);
                if !(welcome && direction.take(now, datagram)) {
                    self.shared.lost.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        count > 0
    }

    /// Sends what is due of that which came in at `side`, from the other socket to the other end.
    fn send(&mut self, side: usize, ends: [Option<SocketAddr>; 2], batch: &mut Vec<u8>) -> bool {
        let other = 1 - side;
        let (Some(port), Some(direction), Some(Some(destination))) =
            (self.sockets.get(other), self.directions.get_mut(side), ends.get(other).copied())
        else {
            return false;
        };
        let now = self.begin.elapsed();
        let most = port.state.max_gso_segments().max(1);
        let mut moved = false;
        while let Some(first) = direction.due(now, None) {
            moved = true;
            let size = first.len().max(1);
            batch.clear();
            batch.extend_from_slice(&first);
            let mut count = 1;
            // Segments have one size; a shorter one ends the batch.
            while count < most
                && batch.len() + size <= BUFFER - 1024
                && batch.len().is_multiple_of(size)
            {
                let Some(next) = direction.due(now, Some(size)) else { break };
                batch.extend_from_slice(&next);
                count += 1;
            }
            let transmit = Transmit {
                destination,
                ecn: None,
                contents: batch,
                segment_size: (count > 1).then_some(size),
                src_ip: None,
            };
            // Counted before: whoever receives it finds it counted.
            self.shared.carried.fetch_add(count as u64, Ordering::Relaxed);
            while let Err(error) = port.state.try_send((&port.socket).into(), &transmit) {
                if error.kind() != io::ErrorKind::WouldBlock {
                    break;
                }
                std::thread::yield_now();
            }
        }
        moved
    }
}
