//! SCTP against usrsctp's own tools, over UDP encapsulation on loopback: transfers in both
//! directions, each with handshake and graceful end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use antiphon_sctp::{Association, CloseReason, Config, Event, Outgoing, Reliability};
use bytes::Bytes;

const TOOLS: &str = "/usr/lib/usrsctp";
const LIMIT: Duration = Duration::from_secs(20);

/// One of usrsctp's programs, ended with its handle.
struct Tool(Child);

impl Tool {
    /// `None` where usrsctp is not installed, which `missing` has said.
    fn start(name: &str, arguments: &[String]) -> Option<Self> {
        let program = Path::new(TOOLS).join(name);
        if !program.exists() {
            antiphon_interop::missing("usrsctp", "libusrsctp-examples");
            return None;
        }
        let mut command = Command::new(program);
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        Some(Self(command.spawn().unwrap()))
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An association over a UDP socket, until it ends.
struct End {
    sctp: Association,
    socket: UdpSocket,
    events: Vec<Event>,
    received: Vec<usize>,
}

impl End {
    fn new(socket: UdpSocket, config: Config) -> Self {
        let sctp = Association::new(config, [7; 32], Instant::now());
        Self { sctp, socket, events: Vec::new(), received: Vec::new() }
    }

    /// One round: everything out, one packet in.
    fn turn(&mut self) {
        let mut buf = [0; 2048];
        while let Some(sent) = self.sctp.poll_output(Instant::now(), &mut buf).unwrap() {
            let _ = self.socket.send(&buf[..sent.len]);
        }
        while let Some(message) = self.sctp.recv() {
            assert!(message.payload.iter().all(|byte| *byte == message.payload[0]));
            self.received.push(message.payload.len());
        }
        self.events.extend(std::iter::from_fn(|| self.sctp.poll_event()));
        let wait = self.sctp.poll_timeout().map(|at| at.saturating_duration_since(Instant::now()));
        let wait = wait.unwrap_or(LIMIT).clamp(Duration::from_millis(1), Duration::from_millis(20));
        self.socket.set_read_timeout(Some(wait)).unwrap();
        if let Ok(len) = self.socket.recv(&mut buf) {
            let _ = self.sctp.handle_input(Instant::now(), &buf[..len]);
        } else {
            self.sctp.handle_timeout(Instant::now());
        }
    }
}

/// A socket of ours and a port for usrsctp.
fn ports() -> (UdpSocket, u16) {
    let ours = UdpSocket::bind("127.0.0.1:0").unwrap();
    let theirs = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    ours.connect(("127.0.0.1", theirs)).unwrap();
    (ours, theirs)
}

#[test]
fn usrsctp_connects_sends_and_shuts_down() {
    let (socket, theirs) = ports();
    let ours = socket.local_addr().unwrap().port();
    let arguments = format!("-E {theirs} -U {ours} -p 5001 -n 500 -l 14000 127.0.0.1");
    let arguments: Vec<_> = arguments.split(' ').map(str::to_owned).collect();
    let Some(_tool) = Tool::start("tsctp", &arguments) else { return };
    // Its source port is in its INIT.
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let mut init = [0; 2048];
    let len = socket.recv(&mut init).expect("an INIT");
    let mut config = Config::default();
    config.local_port = 5001;
    config.remote_port = u16::from_be_bytes([init[0], init[1]]);
    let mut end = End::new(socket, config);
    end.sctp.handle_input(Instant::now(), &init[..len]).unwrap();
    let began = Instant::now();
    while !end.sctp.is_closed() {
        end.turn();
        assert!(began.elapsed() < LIMIT, "{} messages, {:?}", end.received.len(), end.sctp.stats());
    }
    end.turn();
    assert_eq!(end.received, [14_000; 500]);
    assert_eq!(end.events.last(), Some(&Event::Closed(CloseReason::PeerShutdown)));
}

#[test]
fn we_connect_send_and_shut_down_and_usrsctp_echoes() {
    let (socket, theirs) = ports();
    let ours = socket.local_addr().unwrap().port();
    let arguments = [theirs.to_string(), ours.to_string()];
    let Some(_tool) = Tool::start("echo_server", &arguments) else { return };
    let mut config = Config::default();
    config.remote_port = 7;
    let mut end = End::new(socket, config);
    end.sctp.connect(Instant::now());
    let began = Instant::now();
    let mut sent = 0_u32;
    // Small ones come back whole; of large ones the server echoes the last part.
    while end.received.len() < 400 {
        while end.sctp.is_connected() && sent < 400 {
            let payload = vec![sent as u8; if sent.is_multiple_of(2) { 20_000 } else { 37 }];
            let message = Outgoing {
                stream: (sent % 5) as u16,
                ppid: 53,
                payload: Bytes::from(payload),
                ordered: true,
                reliability: Reliability::Reliable,
            };
            if end.sctp.send(Instant::now(), message).is_err() {
                break;
            }
            sent += 1;
        }
        end.turn();
        assert!(began.elapsed() < LIMIT, "{} messages, {:?}", end.received.len(), end.sctp.stats());
    }
    end.sctp.shutdown(Instant::now());
    while !end.sctp.is_closed() {
        end.turn();
        assert!(began.elapsed() < LIMIT);
    }
    end.turn();
    assert_eq!(end.received.iter().filter(|len| **len == 37).count(), 200);
    assert_eq!(end.events.last(), Some(&Event::Closed(CloseReason::LocalShutdown)));
}
