//! Servers that help, or fail to, and what is said of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use antiphon::peerconnection::{ServerErrorKind, TransportPolicy};
use antiphon::{Error, Event, Events, IceFailure, IceGatheringState, IceServer, PeerConnection};
use common::{local, soon};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

/// A STUN server on loopback that says everybody is 198.51.100.7, port 1000.
fn stun_server() -> SocketAddr {
    const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut request = [0; 1500];
        while let Ok((_, from)) = socket.recv_from(&mut request) {
            // Binding success with XOR-MAPPED-ADDRESS alone.
            let mut response = vec![0x01, 0x01, 0, 12];
            response.extend_from_slice(&request[4..20]);
            response.extend_from_slice(&[0x00, 0x20, 0, 8, 0, 1]);
            response.extend_from_slice(&(1000_u16 ^ 0x2112).to_be_bytes());
            response.extend([198, 51, 100, 7].iter().zip(COOKIE).map(|(byte, mask)| byte ^ mask));
            if socket.send_to(&response, from).is_err() {
                return;
            }
        }
    });
    address
}

async fn next(events: &mut Events) -> Event {
    soon(events.next()).await.expect("the connection is closed")
}

/// The candidates that come before gathering is over.
async fn gathered(connection: &PeerConnection) -> Result<Vec<String>, Error> {
    connection.create_data_channel("data", Default::default()).await?;
    connection.set_local_description(None).await?;
    let mut events = connection.events();
    let mut candidates = Vec::new();
    loop {
        match next(&mut events).await {
            Event::IceCandidate(candidate) => candidates.push(candidate.candidate),
            Event::IceGatheringStateChange(IceGatheringState::Complete) => return Ok(candidates),
            _ => {}
        }
    }
}

#[tokio::test]
async fn gathering_waits_for_servers_whose_names_are_looked_up() -> Result<(), Error> {
    let server = stun_server();
    // The name is found while, or after, the socket is bound.
    for _ in 0..10 {
        let mut config = local();
        config.ice_servers.push(IceServer::new(format!("stun:localhost:{}", server.port())));
        let connection = PeerConnection::new(config)?;
        let candidates = gathered(&connection).await?;
        let reflexive =
            candidates.iter().position(|text| text.contains("198.51.100.7 1000 typ srflx"));
        let end = candidates.iter().position(String::is_empty);
        assert!(reflexive.is_some() && reflexive < end, "{candidates:?}");
        connection.close().await;
    }
    Ok(())
}

#[tokio::test]
async fn ports_are_those_of_the_range() -> Result<(), Error> {
    let mut config = local();
    config.port_range = Some(51_200..=51_209);
    config.ice_tcp = true;
    let connection = PeerConnection::new(config)?;
    let candidates = gathered(&connection).await?;
    let mut bound = 0;
    for candidate in candidates.iter().filter(|text| !text.is_empty()) {
        let port: u16 = candidate.split(' ').nth(5).expect("a port").parse().expect("a number");
        let connects = candidate.contains("tcptype active");
        assert!(
            if connects { port == 9 } else { (51_200..=51_209).contains(&port) },
            "{candidate}"
        );
        bound += usize::from(!connects);
    }
    assert_eq!(bound, 2, "UDP, and TCP that listens: {candidates:?}");
    Ok(())
}

/// Why a connection that may only use this server, and whose peer has no address either, fails.
async fn failure(server: IceServer) -> Result<IceFailure, Error> {
    let mut config = local();
    config.ice_servers.push(server);
    config.ice_transport_policy = TransportPolicy::Relay;
    let alice = PeerConnection::new(config)?;
    let bob = PeerConnection::new(local())?;
    let mut events = alice.events();
    alice.create_data_channel("data", Default::default()).await?;
    common::negotiate(&alice, &bob).await?;
    tokio::spawn(common::carry(bob.events(), alice.clone()));
    let failed = async {
        loop {
            if let Some(Event::IceFailure(failure)) = events.next().await {
                return failure;
            }
        }
    };
    let failure = tokio::time::timeout(Duration::from_secs(60), failed).await.expect("a failure");
    assert!(matches!(soon(alice.connected()).await, Err(Error::Failed)));
    Ok(failure)
}

/// Accepts connections, takes the first flight, and hangs up.
async fn no_tls() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 16]).await;
        }
    });
    address
}

/// Nobody listens there.
fn nobody() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

// ICE is patient for 40 seconds (RFC 8863), so they wait together.
#[tokio::test]
async fn what_went_wrong_with_the_only_server_is_the_cause_that_is_told() -> Result<(), Error> {
    let server = |url: String| failure(IceServer::with_credentials(url, "alice", "secret"));
    let (no_tls, nobody) = (no_tls().await, nobody());
    let (name, tls, tcp) = tokio::join!(
        server("turn:turn.invalid".to_owned()),
        server(format!("turns:{no_tls}")),
        server(format!("turn:{nobody}?transport=tcp")),
    );
    assert_eq!(name?, IceFailure::DnsFailed);
    assert_eq!(tls?, IceFailure::TlsFailed { server: Some(no_tls) });
    assert_eq!(tcp?, IceFailure::TurnUnreachable { server: Some(nobody) });
    Ok(())
}

#[tokio::test]
async fn what_goes_wrong_with_a_server_can_be_asked_for_at_any_time() -> Result<(), Error> {
    let mut config = local();
    config.ice_servers.push(IceServer::with_credentials("turn:turn.invalid", "alice", "secret"));
    let connection = PeerConnection::new(config)?;
    gathered(&connection).await?;
    let diagnosis = connection.diagnose();
    assert!(diagnosis.causes.contains(&IceFailure::DnsFailed), "{diagnosis}");
    let told = format!("{:?}", connection.ice_trace());
    assert!(told.contains(&format!("{:?}", ServerErrorKind::DnsFailed)), "{told}");
    Ok(())
}
