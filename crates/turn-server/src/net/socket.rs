//! Sockets with the options that a relay needs.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustix::net::sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::UdpPort;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

fn socket(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        // The families have listeners of their own, so that no address is written as a mapped one.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Buffers are a wish: the system's limits (`net.core.rmem_max`, `wmem_max`) may make less of it.
fn set_buffers(socket: &Socket, bytes: usize) {
    let _ = socket.set_recv_buffer_size(bytes);
    let _ = socket.set_send_buffer_size(bytes);
}

/// A port for clients. With `shared` several threads have one each on the same address, and the kernel
/// spreads the clients over them.
pub(crate) fn bind_udp(
    address: SocketAddr,
    shared: bool,
    buffer_bytes: usize,
) -> io::Result<std::net::UdpSocket> {
    let socket = socket(address, Type::DGRAM, Protocol::UDP)?;
    socket.set_reuse_port(shared)?;
    set_buffers(&socket, buffer_bytes);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// A relayed address.
pub(crate) fn bind_relay_udp(address: SocketAddr, buffer_bytes: usize) -> io::Result<UdpPort> {
    let socket = socket(address, Type::DGRAM, Protocol::UDP)?;
    set_buffers(&socket, buffer_bytes);
    socket.bind(&address.into())?;
    let port = UdpPort::new(socket.into())?;
    if address.is_ipv4() {
        // What does not fit the path is fragmented, unless the client asks for the opposite.
        set_ip_mtu_discover(port.io(), Ipv4PathMtuDiscovery::DONT)?;
    }
    port.collect_errors()?;
    Ok(port)
}

/// A port for clients over streams.
pub(crate) fn bind_tcp(address: SocketAddr, shared: bool) -> io::Result<std::net::TcpListener> {
    let socket = socket(address, Type::STREAM, Protocol::TCP)?;
    // The connections of a server that ended a moment ago may still be in TIME-WAIT.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The listener of a relayed TCP address. Connections to peers leave from the same port.
pub(crate) fn bind_relay_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = bind_tcp(address, true)?;
    TcpListener::from_std(listener)
}

/// Connects to a peer from a relayed address.
pub(crate) async fn connect_tcp(from: SocketAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = if from.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(from)?;
    socket.connect(to).await
}

/// What every connection of a client gets: small messages at once, and an end for dead ones.
pub(crate) fn prepare_stream(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(20))
        .with_retries(3);
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// Whether an address can be bound here, so that a configuration can be refused early.
pub(crate) fn can_bind(address: IpAddr) -> io::Result<()> {
    std::net::UdpSocket::bind((address, 0)).map(drop)
}
