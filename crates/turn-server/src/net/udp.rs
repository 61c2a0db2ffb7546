use std::cell::Cell;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use nix::sys::socket::{setsockopt, sockopt};
use quinn_udp::{EcnCodepoint, RecvMeta, Transmit, UdpSocketState};
use rustix::net::{RecvAncillaryBuffer, RecvFlags, SendFlags, recvmsg};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// The longest datagram, and the most that the kernel joins on receipt.
const SLOT: usize = 65_536;
/// From one slot to the next. Not a power of two: slots at such distances would share the same few
/// places in the processor's caches.
const STRIDE: usize = SLOT + 1088;
/// How many of them are received with one call.
const SLOTS: usize = 32;

/// A UDP socket that moves batches: GSO and GRO where the kernel has them.
#[derive(Debug)]
pub(crate) struct UdpPort {
    io: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    /// An ICMP error that a call ran into.
    met: Cell<Option<ErrorKind>>,
}

/// Room for what one call receives. Each thread has one, for all its sockets.
#[derive(Debug)]
pub(crate) struct Receiver {
    storage: Box<[u8]>,
    metas: [RecvMeta; SLOTS],
}

/// One received buffer: datagrams of `stride` bytes side by side, the last one perhaps shorter.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    pub(crate) from: SocketAddr,
    /// The address it was sent to, where the kernel says so.
    pub(crate) to: Option<IpAddr>,
    pub(crate) ecn: Option<EcnCodepoint>,
    pub(crate) bytes: &'a mut [u8],
    pub(crate) stride: usize,
}

/// How a batch fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The kernel took all of it.
    All,
    /// The kernel had no room, or refused: datagrams are lost, as datagrams may be.
    Lost(usize),
}

impl Receiver {
    pub(crate) fn new() -> Self {
        let storage = vec![0; STRIDE.saturating_mul(SLOTS)].into_boxed_slice();
        Self { storage, metas: [RecvMeta::default(); SLOTS] }
    }

    /// What the last call received, `count` buffers.
    pub(crate) fn received(&mut self, count: usize) -> impl Iterator<Item = Received<'_>> {
        let slots = self.storage.chunks_mut(STRIDE);
        slots.zip(&self.metas).take(count).map(|(slot, meta)| {
            let filled = slot.get_mut(..meta.len).unwrap_or_default();
            Received {
                from: meta.addr,
                to: meta.dst_ip,
                ecn: meta.ecn,
                bytes: filled,
                stride: meta.stride,
            }
        })
    }
}

impl UdpPort {
    /// Takes over a bound socket.
    pub(crate) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        let local = socket.local_addr()?;
        // Nobody here wants to know when a datagram came, or to which of several addresses when
        // there is one; the kernel need not tell.
        setsockopt(&socket, sockopt::ReceiveTimestampns, &false)?;
        if local.is_ipv4() && !local.ip().is_unspecified() {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &false)?;
        }
        Ok(Self { io: UdpSocket::from_std(socket)?, state, local, met: Cell::new(None) })
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(crate) fn io(&self) -> &UdpSocket {
        &self.io
    }

    /// Waits until something can be received, or an error is known.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.io.ready(Interest::READABLE | Interest::ERROR).await.map(drop)
    }

    /// Has ICMP errors collected, for [`icmp`](Self::icmp).
    pub(crate) fn collect_errors(&self) -> io::Result<()> {
        self.state.enable_transport_errors((&self.io).into())
    }

    /// The next ICMP error, if there is one: where the datagram was going, and what the kernel made
    /// of it.
    pub(crate) fn icmp(&self) -> Option<(SocketAddr, Option<ErrorKind>)> {
        // The error behind the first entry of the queue, unless a send has run into it already.
        let pending = socket2::SockRef::from(&self.io).take_error().ok().flatten();
        let met = self.met.take();
        let mut nothing = [0; 64];
        let mut slices = [IoSliceMut::new(&mut nothing)];
        let mut control = RecvAncillaryBuffer::default();
        let received = self.io.try_io(Interest::ERROR, || {
            let flags = RecvFlags::ERRQUEUE | RecvFlags::DONTWAIT;
            Ok(recvmsg(&self.io, &mut slices, &mut control, flags)?)
        });
        let address = received.ok()?.address?;
        let peer = SocketAddr::try_from(address).ok()?;
        Some((peer, pending.map(|error| error.kind()).or(met)))
    }

    /// Receives what waits, at most `most` buffers; 0 when nothing waits.
    pub(crate) fn receive(&self, into: &mut Receiver, most: usize) -> io::Result<usize> {
        let mut slots = into.storage.chunks_mut(STRIDE);
        let mut slices: [IoSliceMut<'_>; SLOTS] =
            std::array::from_fn(|_| IoSliceMut::new(slots.next().unwrap_or_default()));
        let most = most.min(SLOTS);
        let slices = slices.get_mut(..most).unwrap_or_default();
        let metas = &mut into.metas;
        let mut count = 0;
        let result = self.io.try_io(Interest::READABLE, || {
            count = self.state.recv((&self.io).into(), slices, metas)?;
            // Less than there was room for: nothing waits any more, and asking once more only to
            // hear that would cost a call.
            if count < most { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match result {
            Err(error) if error.kind() != ErrorKind::WouldBlock => {
                self.met.set(Some(error.kind()));
                Err(error)
            }
            _ => Ok(count),
        }
    }

    /// Sends datagrams of `segment` bytes, the last one perhaps shorter. It does not wait: what finds
    /// no room is lost.
    pub(crate) fn send(
        &self,
        to: SocketAddr,
        from: Option<IpAddr>,
        ecn: Option<EcnCodepoint>,
        bytes: &[u8],
        segment: usize,
    ) -> Sent {
        if bytes.len() <= segment && from.is_none() && ecn.is_none() {
            // Nothing that needs more than the plain call, which is the cheapest.
            return self.send_plain(to, bytes).map_or(Sent::Lost(1), |()| Sent::All);
        }
        if bytes.len() <= segment {
            return self
                .send_part(to, from, ecn, bytes, None)
                .map_or(Sent::Lost(1), |()| Sent::All);
        }
        let segment = segment.max(1);
        let mut rest = bytes;
        let mut lost = 0_usize;
        while !rest.is_empty() {
            // A kernel without segmentation offload gets them one by one.
            let most = segment.saturating_mul(self.state.max_gso_segments().max(1));
            let (part, behind) = rest.split_at(most.min(rest.len()));
            let size = (part.len() > segment).then_some(segment);
            match self.send_part(to, from, ecn, part, size) {
                Ok(()) => rest = behind,
                // It has just found out that this cannot be segmented: once more, one by one.
                Err(_) if size.is_some() && self.state.max_gso_segments() <= 1 => {}
                Err(_) => {
                    lost = lost.saturating_add(part.len().div_ceil(segment));
                    rest = behind;
                }
            }
        }
        if lost == 0 { Sent::All } else { Sent::Lost(lost) }
    }

    fn send_plain(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let send = || rustix::net::sendto(&self.io, bytes, SendFlags::empty(), &to);
        match send() {
            Ok(_) => Ok(()),
            // An ICMP error about an earlier datagram is reported in the place of this one.
            Err(error) if is_icmp(error.kind()) => {
                self.met.set(Some(error.kind()));
                send().map(drop).map_err(io::Error::from)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn send_part(
        &self,
        destination: SocketAddr,
        src_ip: Option<IpAddr>,
        ecn: Option<EcnCodepoint>,
        contents: &[u8],
        segment_size: Option<usize>,
    ) -> io::Result<()> {
        let transmit = Transmit { destination, ecn, contents, segment_size, src_ip };
        match self.state.try_send((&self.io).into(), &transmit) {
            // An ICMP error about an earlier datagram is reported in the place of this one.
            Err(error) if is_icmp(error.kind()) => {
                self.met.set(Some(error.kind()));
                self.state.try_send((&self.io).into(), &transmit)
            }
            result => result,
        }
    }
}

/// Whether an error of a call may be that of an earlier datagram.
fn is_icmp(error: ErrorKind) -> bool {
    matches!(
        error,
        ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable
    )
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn port() -> UdpPort {
        UdpPort::new(std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).unwrap()
    }

    async fn lengths(port: &UdpPort, count: usize) -> Vec<usize> {
        let mut receiver = Receiver::new();
        let mut lengths = Vec::new();
        while lengths.len() < count {
            port.readable().await.unwrap();
            let count = port.receive(&mut receiver, 4).unwrap();
            for received in receiver.received(count) {
                let datagrams = received.bytes.chunks(received.stride);
                lengths.extend(datagrams.map(<[u8]>::len));
            }
        }
        lengths
    }

    #[tokio::test]
    async fn a_batch_arrives_as_datagrams() {
        let (a, b) = (port(), port());
        assert_eq!(a.send(b.local(), None, None, &[7; 2500], 1000), Sent::All);
        assert_eq!(a.send(b.local(), None, None, &[7; 300], 300), Sent::All);
        assert_eq!(lengths(&b, 4).await, [1000, 1000, 500, 300]);
        // More datagrams than any kernel takes in one call.
        assert_eq!(a.send(b.local(), None, None, &[7; 1000], 10), Sent::All);
        assert_eq!(lengths(&b, 100).await, [10; 100]);
    }

    #[tokio::test]
    async fn what_the_kernel_refuses_is_counted() {
        let port = port();
        let v6 = "[::1]:9".parse().unwrap();
        assert_eq!(port.send(v6, None, None, &[7; 2500], 1000), Sent::Lost(3));
        assert_eq!(port.send(v6, None, None, &[7; 5], 5), Sent::Lost(1));
    }

    #[tokio::test]
    async fn icmp_errors_are_collected_and_disturb_nothing() {
        let (a, b) = (port(), port());
        a.collect_errors().unwrap();
        let nobody = port();
        let closed = nobody.local();
        drop(nobody);
        assert_eq!(a.send(closed, None, None, &[1], 1), Sent::All);
        a.readable().await.unwrap();
        assert_eq!(a.send(b.local(), None, None, &[1, 2], 2), Sent::All);
        assert_eq!(lengths(&b, 1).await, [2]);
        assert_eq!(a.icmp(), Some((closed, Some(ErrorKind::ConnectionRefused))));
        assert_eq!(a.icmp(), None);
    }
}
