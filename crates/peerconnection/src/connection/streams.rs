//! What comes and goes on streams.

use std::net::SocketAddr;
use std::time::Instant;

use antiphon_ice as ice;
use antiphon_turn::client::StreamInput;

use crate::transport::streams::{self, Use};
use crate::{Event, InputError, PeerConnection, RtpReceived, StreamEnd, StreamId, StreamRequest};

/// Streams that a connection has at most, those of strangers included.
const MAX_STREAMS: usize = 64;

/// What became of the bytes at the front of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamStep {
    /// Bytes that are done with; 0: the first message is not all there.
    pub consumed: usize,
    /// A packet of a track: its payload is a range of the bytes that were given.
    pub rtp: Option<RtpReceived>,
}

impl PeerConnection {
    /// A listening TCP socket is bound to `address`: it becomes a candidate, if the configuration
    /// has TCP.
    pub fn add_tcp_listener(&mut self, now: Instant, address: SocketAddr) {
        let now = self.clock.advance(now);
        let local = self.ways.shown(ice::LocalAddress::tcp(address, ice::TcpType::Passive));
        let _ = self.transport.ice.add_local_address(now, local);
        self.settle(now);
    }

    /// TCP connections may be opened from this address of the machine: they become a candidate, if
    /// the configuration has TCP. Port 0: the system chooses.
    pub fn add_tcp_origin(&mut self, now: Instant, address: SocketAddr) {
        let now = self.clock.advance(now);
        let local = self.ways.shown(ice::LocalAddress::tcp(address, ice::TcpType::Active));
        let _ = self.transport.ice.add_local_address(now, local);
        self.settle(now);
    }

    /// A listening socket, or an origin of connections, is gone, and so is its candidate.
    pub fn remove_tcp_address(&mut self, now: Instant, address: SocketAddr) {
        let now = self.clock.advance(now);
        self.transport.ice.remove_local(now, address, ice::Protocol::Tcp);
        self.settle(now);
    }

    /// A stranger has connected to a listening socket. `None`: close it, there are enough.
    ///
    /// Close it as well when it has sent nothing that is a check of the peer for a while:
    /// [`is_stream_used`](Self::is_stream_used).
    pub fn accept_stream(&mut self, listener: SocketAddr, remote: SocketAddr) -> Option<StreamId> {
        let path = ice::Path::tcp(listener, remote);
        let full = self.transport.streams.len() >= MAX_STREAMS;
        if full || self.transport.streams.of(path).is_some() {
            return None;
        }
        Some(self.transport.streams.open(Use::Path(path)))
    }

    /// Whether what uses the stream has proved itself: a TURN server, or the peer.
    #[must_use]
    pub fn is_stream_used(&self, stream: StreamId) -> bool {
        match self.transport.streams.get(stream) {
            None => false,
            Some(Use::Relay(_)) => true,
            Some(Use::Path(path)) => self.transport.ice.may_receive_from(path),
        }
    }

    /// A stream that was asked for is open.
    pub fn stream_opened(&mut self, now: Instant, stream: StreamId) {
        let now = self.clock.advance(now);
        match self.transport.streams.get(stream) {
            None => self.raise(Event::CloseStream(stream)),
            Some(Use::Path(path)) => self.transport.ice.connection_established(now, path),
            Some(Use::Relay(index)) => {
                if let Some(relay) = self.transport.relays.get(index) {
                    let server = relay.server;
                    // After a redirection it is the second one.
                    let begun = relay
                        .client
                        .reconnected(now, server)
                        .or_else(|_| relay.client.allocate(now));
                    if begun.is_err() {
                        relay.client.transport_failed(now);
                    }
                }
            }
        }
        self.settle(now);
    }

    /// A stream has ended, or was never opened.
    pub fn stream_closed(&mut self, now: Instant, stream: StreamId, end: StreamEnd) {
        let now = self.clock.advance(now);
        match self.transport.streams.close(stream) {
            None => {}
            Some(Use::Path(path)) => self.transport.ice.connection_failed(now, path),
            Some(Use::Relay(index)) => self.relay_stream_closed(now, index, end),
        }
        self.settle(now);
    }

    fn relay_stream_closed(&mut self, now: Instant, index: usize, end: StreamEnd) {
        let Some(relay) = self.transport.relays.get(index) else { return };
        let server = Some(relay.server);
        relay.client.transport_failed(now);
        let kind = match end {
            StreamEnd::Closed => return,
            StreamEnd::Unreachable => ice::ServerErrorKind::Unreachable,
            StreamEnd::TimedOut => ice::ServerErrorKind::TimedOut,
            StreamEnd::Tls => ice::ServerErrorKind::TlsFailed,
        };
        self.transport.ice.report_server_error(now, ice::ServerError { server, kind });
        // The client that was waiting for its stream has nothing to say about it.
        if let Some(relay) = self.transport.relays.get(index)
            && !std::mem::replace(&mut relay.settled, true)
        {
            let server = relay.server;
            self.raise(Event::IceCandidateError { server, code: 701 });
        }
    }

    /// Takes the first message of what came on a stream and is not consumed yet. Call it until it
    /// consumes nothing; then with more.
    ///
    /// # Errors
    ///
    /// [`InputError::Stream`]: the stream makes no sense. Close it and say so by
    /// [`stream_closed`](Self::stream_closed). Other errors concern one message, and are counted
    /// only.
    pub fn handle_stream(
        &mut self,
        now: Instant,
        stream: StreamId,
        bytes: &mut [u8],
    ) -> Result<StreamStep, InputError> {
        let now = self.clock.advance(now);
        if self.closing != super::Closing::Open {
            return Err(InputError::Stream);
        }
        self.pass_time(now);
        let step = match self.transport.streams.get(stream) {
            None => Err(InputError::Stream),
            Some(Use::Path(path)) => Ok(self.take_frame(now, path, bytes)),
            Some(Use::Relay(index)) => self.take_from_server(now, index, bytes),
        };
        self.settle(now);
        step
    }

    fn take_frame(&mut self, now: Instant, path: ice::Path, bytes: &mut [u8]) -> StreamStep {
        let Some(range) = streams::frame(bytes) else { return StreamStep::default() };
        let consumed = range.end;
        let frame = bytes.get_mut(range).unwrap_or_default();
        // What was wrong with it is counted.
        let rtp = self.take_from(now, path, frame).ok().flatten();
        StreamStep { consumed, rtp: rtp.map(|rtp| shifted(rtp, streams::LENGTH)) }
    }

    fn take_from_server(
        &mut self,
        now: Instant,
        index: usize,
        bytes: &mut [u8],
    ) -> Result<StreamStep, InputError> {
        let relay = self.transport.relays.get(index).ok_or(InputError::Stream)?;
        let server = relay.server;
        let step = relay.client.handle_stream(now, server, bytes);
        match step.map_err(|_| InputError::Stream)? {
            StreamInput::Incomplete { .. } => Ok(StreamStep::default()),
            StreamInput::Message { consumed, input } => {
                let message = bytes.get_mut(..consumed).unwrap_or_default();
                let rtp = match input {
                    Ok(input) => self.take_relayed(now, index, input, message).ok().flatten(),
                    Err(_) => None,
                };
                Ok(StreamStep { consumed, rtp })
            }
        }
    }

    /// ICE wants a connection to the peer.
    pub(super) fn connect(&mut self, path: ice::Path, simultaneous: bool) {
        let stream = self.transport.streams.open(Use::Path(path));
        let mut local = path.local;
        if !simultaneous {
            local.set_port(0);
        }
        let request = StreamRequest { stream, local: Some(local), remote: path.remote, tls: None };
        self.raise(Event::OpenStream(request));
    }

    pub(super) fn disconnect(&mut self, path: ice::Path) {
        if let Some(stream) = self.transport.streams.of(path) {
            self.transport.streams.close(stream);
            self.raise(Event::CloseStream(stream));
        }
    }
}

/// The packet as it lies in a longer buffer.
pub(super) fn shifted(mut rtp: RtpReceived, by: usize) -> RtpReceived {
    let range = &mut rtp.payload;
    *range = range.start.saturating_add(by)..range.end.saturating_add(by);
    rtp
}
