//! A UDP socket that moves batches: GSO and GRO where the kernel has them.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::task::{Context, Poll};

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;

#[derive(Debug)]
pub(crate) struct Socket {
    io: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    /// Errors of receiving since the last datagram.
    failures: u8,
}

impl Socket {
    /// Binds a free port of `address`, one of `ports` if that is given.
    pub(crate) fn bind(
        address: IpAddr,
        ports: Option<RangeInclusive<u16>>,
        buffer_bytes: usize,
    ) -> io::Result<Self> {
        let socket = in_range(ports, |port| std::net::UdpSocket::bind((address, port)))?;
        let state = UdpSocketState::new((&socket).into())?;
        if buffer_bytes > 0 {
            state.set_send_buffer_size((&socket).into(), buffer_bytes)?;
            state.set_recv_buffer_size((&socket).into(), buffer_bytes)?;
        }
        let local = socket.local_addr()?;
        Ok(Self { io: UdpSocket::from_std(socket)?, state, local, failures: 0 })
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Errors of receiving since the last datagram.
    pub(crate) fn failures(&self) -> u8 {
        self.failures
    }

    /// Receives what waits; `Pending` registers for more. `None`: an error, mostly what ICMP says of
    /// an earlier datagram, which is no news of this socket.
    pub(crate) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<Option<usize>> {
        match std::task::ready!(self.poll_datagrams(cx, buffers, metas)) {
            Ok(count) => {
                self.failures = 0;
                Poll::Ready(Some(count))
            }
            Err(error) => {
                tracing::debug!(%error, local = %self.local, "receiving");
                self.failures = self.failures.saturating_add(1);
                Poll::Ready(None)
            }
        }
    }

    fn poll_datagrams(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        loop {
            std::task::ready!(self.io.poll_recv_ready(cx))?;
            let received = self
                .io
                .try_io(Interest::READABLE, || self.state.recv((&self.io).into(), buffers, metas));
            match received {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Sends a batch of datagrams of `segment_size`, or one; says how many bytes are dealt with.
    /// Less than all: there is no room for the rest, and the caller is woken when there is.
    ///
    /// What the kernel refuses (no route, an address that is gone) is lost, as datagrams may be:
    /// ICE notices, and finds another path.
    pub(crate) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        destination: SocketAddr,
        batch: &[u8],
        segment_size: Option<usize>,
    ) -> usize {
        let size = segment_size.unwrap_or(batch.len()).max(1);
        let mut sent = 0_usize;
        loop {
            // A kernel without segmentation offload, or with a lower limit, gets several calls.
            let most = size.saturating_mul(self.state.max_gso_segments().max(1));
            let rest = batch.get(sent..).unwrap_or_default();
            let part = rest.get(..most.min(rest.len())).unwrap_or_default();
            if part.is_empty() {
                return sent;
            }
            let segment_size = (part.len() > size).then_some(size);
            match self.poll_part(cx, destination, part, segment_size) {
                Poll::Ready(Ok(())) => sent = sent.saturating_add(part.len()),
                // It has just found out that the interface cannot do that: once more, one by one.
                Poll::Ready(Err(error))
                    if segment_size.is_some() && self.state.max_gso_segments() <= 1 =>
                {
                    tracing::debug!(%error, local = %self.local, "no segmentation offload");
                }
                Poll::Ready(Err(error)) => {
                    tracing::debug!(%error, local = %self.local, remote = %destination, "sending");
                    sent = sent.saturating_add(part.len());
                }
                Poll::Pending => return sent,
            }
        }
    }

    fn poll_part(
        &self,
        cx: &mut Context<'_>,
        destination: SocketAddr,
        contents: &[u8],
        segment_size: Option<usize>,
    ) -> Poll<io::Result<()>> {
        let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip: None };
        loop {
            std::task::ready!(self.io.poll_send_ready(cx))?;
            let sent = self
                .io
                .try_io(Interest::WRITABLE, || self.state.try_send((&self.io).into(), &transmit));
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }
}

/// Binds any port, or one of `ports`: each is tried once, from a random one on.
pub(crate) fn in_range<T>(
    ports: Option<RangeInclusive<u16>>,
    bind: impl Fn(u16) -> io::Result<T>,
) -> io::Result<T> {
    let Some(ports) = ports else { return bind(0) };
    let count = u64::try_from(ports.len()).unwrap_or(u64::MAX);
    let first = RandomState::new().hash_one(0_u8).checked_rem(count).unwrap_or(0);
    let skipped = usize::try_from(first).unwrap_or(0);
    let turned = ports.clone().skip(skipped).chain(ports.take(skipped));
    let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
    for port in turned {
        result = bind(port);
        if result.is_ok() {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    async fn send(socket: &Socket, to: SocketAddr, batch: &[u8], segment: Option<usize>) -> usize {
        let mut sent = 0;
        std::future::poll_fn(|cx| {
            sent += socket.poll_send(cx, to, &batch[sent..], segment);
            if sent < batch.len() { Poll::Pending } else { Poll::Ready(sent) }
        })
        .await
    }

    /// The lengths of the next datagrams, until there are `count`.
    async fn lengths(socket: &mut Socket, count: usize) -> Vec<usize> {
        let mut lengths = Vec::new();
        let mut buffer = vec![0; 65_536];
        while lengths.len() < count {
            let mut metas = [RecvMeta::default()];
            let mut slices = [IoSliceMut::new(&mut buffer)];
            let received =
                std::future::poll_fn(|cx| socket.poll_receive(cx, &mut slices, &mut metas)).await;
            assert_eq!(received, Some(1));
            let datagrams = buffer[..metas[0].len].chunks(metas[0].stride);
            lengths.extend(datagrams.map(<[u8]>::len));
        }
        lengths
    }

    #[tokio::test]
    async fn a_batch_arrives_as_datagrams() {
        let sender = Socket::bind(LOCALHOST, None, 0).unwrap();
        let mut receiver = Socket::bind(LOCALHOST, None, 0).unwrap();
        assert_eq!(send(&sender, receiver.local(), &[7; 2500], Some(1000)).await, 2500);
        assert_eq!(lengths(&mut receiver, 3).await, [1000, 1000, 500]);
        assert_eq!(send(&sender, receiver.local(), &[7; 300], None).await, 300);
        assert_eq!(lengths(&mut receiver, 1).await, [300]);
        // More datagrams than any kernel takes in one call.
        assert_eq!(send(&sender, receiver.local(), &[7; 1000], Some(10)).await, 1000);
        assert_eq!(lengths(&mut receiver, 100).await, [10; 100]);
    }

    #[tokio::test]
    async fn what_the_kernel_refuses_is_dealt_with() {
        let socket = Socket::bind(LOCALHOST, None, 0).unwrap();
        // Neither of the other family, nor away from loopback, nor longer than UDP can be.
        for to in [IpAddr::V6(Ipv6Addr::LOCALHOST), "192.0.2.1".parse().unwrap()] {
            assert_eq!(send(&socket, (to, 9).into(), &[7; 2500], Some(1000)).await, 2500);
        }
        assert_eq!(send(&socket, (LOCALHOST, 9).into(), &[7; 66_000], None).await, 66_000);
        assert_eq!(socket.failures(), 0);
    }

    #[test]
    fn every_port_of_a_range_is_used_and_no_other() {
        let bind = |port| std::net::UdpSocket::bind((LOCALHOST, port));
        let mut sockets = Vec::new();
        while let Ok(socket) = in_range(Some(50_990..=50_999), bind) {
            assert!((50_990..=50_999).contains(&socket.local_addr().unwrap().port()));
            sockets.push(socket);
        }
        assert!(!sockets.is_empty() && sockets.len() <= 10);
        assert!(in_range(Some(RangeInclusive::new(2, 1)), bind).is_err());
    }
}
