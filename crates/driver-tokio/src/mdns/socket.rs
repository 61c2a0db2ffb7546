//! Sockets of multicast DNS: one per interface and family, all on port 5353.

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use antiphon_peerconnection::mdns::{From, GROUP_V4, GROUP_V6, InterfaceId, PORT};
use quinn_udp::{RecvMeta, UdpSocketState};
use socket2::{Domain, Protocol, Socket as RawSocket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// What RFC 6762 section 11 has everybody send with.
const TTL: u32 = 255;

pub(super) struct Socket {
    io: UdpSocket,
    state: UdpSocketState,
    pub(super) interface: InterfaceId,
    pub(super) is_ipv4: bool,
}

impl Socket {
    /// Joins the group on the interface that has `address`.
    pub(super) fn v4(interface: InterfaceId, address: Ipv4Addr) -> io::Result<Self> {
        let socket = shared(Domain::IPV4)?;
        #[cfg(target_os = "linux")]
        socket.set_multicast_all_v4(false)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)).into())?;
        socket.join_multicast_v4(&GROUP_V4, &address)?;
        socket.set_multicast_if_v4(&address)?;
        socket.set_multicast_loop_v4(true)?;
        socket.set_multicast_ttl_v4(TTL)?;
        socket.set_ttl_v4(TTL)?;
        Self::of(socket, interface, true)
    }

    /// Joins the group on an interface.
    pub(super) fn v6(interface: InterfaceId) -> io::Result<Self> {
        let socket = shared(Domain::IPV6)?;
        socket.set_only_v6(true)?;
        #[cfg(target_os = "linux")]
        socket.set_multicast_all_v6(false)?;
        socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT)).into())?;
        socket.join_multicast_v6(&GROUP_V6, interface.0)?;
        socket.set_multicast_if_v6(interface.0)?;
        socket.set_multicast_loop_v6(true)?;
        socket.set_multicast_hops_v6(TTL)?;
        socket.set_unicast_hops_v6(TTL)?;
        Self::of(socket, interface, false)
    }

    fn of(socket: RawSocket, interface: InterfaceId, is_ipv4: bool) -> io::Result<Self> {
        let socket = std::net::UdpSocket::from(socket);
        // It tells where a datagram was sent to.
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self { io: UdpSocket::from_std(socket)?, state, interface, is_ipv4 })
    }

    /// The next datagram. Errors are what ICMP says of earlier ones, and no news.
    pub(super) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Option<(From, usize)>> {
        loop {
            if std::task::ready!(self.io.poll_recv_ready(cx)).is_err() {
                return Poll::Ready(None);
            }
            let mut metas = [RecvMeta::default()];
            let received = self.io.try_io(Interest::READABLE, || {
                self.state.recv((&self.io).into(), &mut [IoSliceMut::new(buffer)], &mut metas)
            });
            let [meta] = metas;
            match received {
                Ok(_) => return Poll::Ready(Some((self.origin(&meta), meta.len))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    tracing::debug!(%error, interface = self.interface.0, "receiving mDNS");
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// What is sent to us alone may come over any interface: the kernel gives it to one of those who
    /// share the port.
    fn origin(&self, meta: &RecvMeta) -> From {
        let interface = meta.interface_index.map_or(self.interface, InterfaceId);
        let multicast = meta.dst_ip.is_none_or(|to| to.is_multicast());
        From { interface, source: meta.addr, multicast }
    }

    /// Sends, or loses: everything is said more than once.
    pub(super) fn send(&self, to: SocketAddr, bytes: &[u8]) {
        if let Err(error) = self.io.try_send_to(bytes, to) {
            tracing::debug!(%error, %to, interface = self.interface.0, "sending mDNS");
        }
    }
}

/// A socket that shares its port with all other responders of this machine.
fn shared(domain: Domain) -> io::Result<RawSocket> {
    let socket = RawSocket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
