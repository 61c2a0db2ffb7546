//! Packets through a server: ChannelData from many clients to one peer.

use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};

use crate::client::{Allocation, CHANNEL, Failure, Signer};
use crate::process::{LOAD_CORE, Process};

/// Bytes of payload per packet.
const PAYLOAD: usize = 1000;
const PACKET: usize = PAYLOAD + 4;
const SLOT: usize = 65_536;
const SLOTS: usize = 32;
/// Without progress for so long, what is on its way is lost.
const STALLED: Duration = Duration::from_millis(20);

/// Who sends how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) allocations: usize,
    /// Packets that one client sends at once.
    pub(crate) burst: usize,
    /// Packets that may be on their way at one time.
    pub(crate) window: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    pub(crate) per_cpu_second: f64,
    /// Of one core.
    pub(crate) server_load: f64,
    pub(crate) sent: usize,
    pub(crate) lost: usize,
}

/// Allocations with a channel each, and the peer.
pub(crate) struct Load {
    clients: Vec<(Allocation, UdpSocketState)>,
    peer: UdpSocket,
    peer_state: UdpSocketState,
    packets: Vec<u8>,
    storage: Vec<u8>,
    shape: Shape,
    next: usize,
}

impl Load {
    pub(crate) fn new(server: SocketAddr, shape: Shape) -> Result<Self, Failure> {
        let signer = Signer::new()?;
        // Not the server's own address: that can be no peer.
        let peer = UdpSocket::bind("127.0.0.2:0")?;
        let peer_state = UdpSocketState::new((&peer).into())?;
        peer_state.set_recv_buffer_size((&peer).into(), 4 << 20)?;
        let mut clients = Vec::new();
        for _ in 0..shape.allocations {
            let mut client = Allocation::open(server, &signer)?;
            client.bind(&signer, peer.local_addr()?)?;
            let state = UdpSocketState::new((&client.socket).into())?;
            clients.push((client, state));
        }
        let mut packet = vec![0x5a; PACKET];
        let header = [CHANNEL.to_be_bytes(), (PAYLOAD as u16).to_be_bytes()].concat();
        packet.splice(..4, header);
        let packets = packet.repeat(shape.burst);
        let storage = vec![0; SLOT * SLOTS];
        Ok(Self { clients, peer, peer_state, packets, storage, shape, next: 0 })
    }

    /// The next client sends a burst.
    fn send(&mut self) -> Result<usize, Failure> {
        let Some((client, state)) = self.clients.get(self.next) else { return Ok(0) };
        self.next = (self.next + 1) % self.clients.len();
        let burst = self.shape.burst;
        let transmit = Transmit {
            destination: client.socket.peer_addr()?,
            ecn: None,
            contents: &self.packets,
            segment_size: (burst > 1).then_some(PACKET),
            src_ip: None,
        };
        match state.try_send((&client.socket).into(), &transmit) {
            Ok(()) => Ok(burst),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Packets that have arrived at the peer since the last call.
    fn arrived(&mut self) -> Result<usize, Failure> {
        let mut slots = self.storage.chunks_mut(SLOT);
        let mut slices: [IoSliceMut<'_>; SLOTS] =
            std::array::from_fn(|_| IoSliceMut::new(slots.next().unwrap_or_default()));
        let mut metas = [RecvMeta::default(); SLOTS];
        match self.peer_state.recv((&self.peer).into(), &mut slices, &mut metas) {
            Ok(count) => {
                let metas = metas.iter().take(count);
                Ok(metas.map(|meta| meta.len.div_ceil(meta.stride.max(1))).sum())
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// As much as the server takes, with a window of packets on their way.
    pub(crate) fn saturate(
        &mut self,
        server: &Process,
        time: Duration,
    ) -> Result<Measured, Failure> {
        self.run(server, time, None)
    }

    /// At a steady rate.
    pub(crate) fn pace(
        &mut self,
        server: &Process,
        time: Duration,
        per_second: f64,
    ) -> Result<Measured, Failure> {
        self.run(server, time, Some(per_second))
    }

    fn run(
        &mut self,
        server: &Process,
        time: Duration,
        rate: Option<f64>,
    ) -> Result<Measured, Failure> {
        let (mut sent, mut arrived, mut lost) = (0, 0, 0);
        let (begin, cpu) = (Instant::now(), server.cpu_time());
        let mut progress = begin;
        while begin.elapsed() < time {
            let has_room = sent - arrived - lost + self.shape.burst <= self.shape.window;
            // Where a rate is wanted, a load that was held up does not catch up in one flood.
            let is_due =
                rate.is_none_or(|rate| (sent as f64) < rate * begin.elapsed().as_secs_f64());
            let may = has_room && is_due;
            if may {
                sent += self.send()?;
            }
            // A burst is out: look for what has come back only now and then.
            let count = if may && rate.is_none() && self.shape.burst == 1 && sent % 8 != 0 {
                continue;
            } else {
                self.arrived()?
            };
            arrived += count;
            if count > 0 {
                progress = Instant::now();
            } else if !has_room && progress.elapsed() > STALLED {
                lost = sent - arrived;
                progress = Instant::now();
            }
        }
        let elapsed = begin.elapsed().as_secs_f64();
        let cpu = (server.cpu_time() - cpu).as_secs_f64();
        let in_time = arrived as f64;
        // What is still on its way.
        let wait = Instant::now();
        while arrived < sent && wait.elapsed() < Duration::from_millis(500) {
            arrived += self.arrived()?;
        }
        Ok(Measured {
            per_second: in_time / elapsed,
            per_cpu_second: in_time / cpu.max(1e-9),
            server_load: cpu / elapsed,
            sent,
            lost: sent.saturating_sub(arrived),
        })
    }
}

/// Keeps this process on its core.
pub(crate) fn pin() -> Result<(), Failure> {
    let pid = std::process::id().to_string();
    let core = LOAD_CORE.to_string();
    let status = std::process::Command::new("taskset")
        .args(["-pc", &core, &pid])
        .stdout(std::process::Stdio::null())
        .status()?;
    // Not everybody may.
    let _ = std::process::Command::new("renice")
        .args(["-n", "-10", "-p", &pid])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status();
    if status.success() { Ok(()) } else { Err("taskset failed".into()) }
}
