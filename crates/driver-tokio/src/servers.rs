//! Servers of ICE: their URLs, and finding them.

use std::net::SocketAddr;
use std::sync::Weak;
use std::time::Instant;

use antiphon_peerconnection as peer;
use antiphon_peerconnection::{
    Host, StunUri, TurnServer, TurnTransport, TurnUri, UriError, UriTransport,
};

use crate::shared::Shared;
use crate::{Error, IceServer, ServerError};

/// A server by name, not yet looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    host: Host,
    port: u16,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Stun,
    Turn { transport: TurnTransport, username: String, password: String },
}

/// All servers, or the first URL that cannot be used.
pub(crate) fn parse(servers: &[IceServer]) -> Result<Vec<Server>, Error> {
    let mut parsed = Vec::new();
    for (index, server) in servers.iter().enumerate() {
        for (url, text) in server.urls.iter().enumerate() {
            let server =
                parse_url(text, server).map_err(|error| Error::Server { index, url, error })?;
            parsed.push(server);
        }
    }
    Ok(parsed)
}

fn parse_url(url: &str, server: &IceServer) -> Result<Server, ServerError> {
    let parsed = parse_scheme(url, server)?;
    // A port by its form, and none that a server could have.
    if parsed.port == 0 { Err(UriError::Port.into()) } else { Ok(parsed) }
}

fn parse_scheme(url: &str, server: &IceServer) -> Result<Server, ServerError> {
    match url.parse::<StunUri>() {
        Ok(uri) if uri.secure => Err(ServerError::Secure),
        Ok(uri) => Ok(Server { port: uri.port(), host: uri.server.host, kind: Kind::Stun }),
        Err(UriError::Scheme) => parse_turn(&url.parse()?, server),
        Err(error) => Err(error.into()),
    }
}

fn parse_turn(uri: &TurnUri, server: &IceServer) -> Result<Server, ServerError> {
    let host = uri.server.host.clone();
    let transport = match (uri.secure, uri.transport_or_default()) {
        (false, UriTransport::Udp) => TurnTransport::Udp,
        (false, UriTransport::Tcp) => TurnTransport::Tcp,
        (true, UriTransport::Tcp) => TurnTransport::Tls { name: name(&host) },
        (true, UriTransport::Udp) => return Err(ServerError::Secure),
    };
    if server.username.is_empty() || server.credential.is_empty() {
        return Err(ServerError::NoCredentials);
    }
    let (username, password) = (server.username.clone(), server.credential.clone());
    Ok(Server { host, port: uri.port(), kind: Kind::Turn { transport, username, password } })
}

/// What a certificate names.
fn name(host: &Host) -> String {
    match host {
        Host::Name(name) => name.clone(),
        Host::Address(address) => address.to_string(),
    }
}

/// Looks the servers' names up, all at once, and tells the machine, unless the connection is gone by
/// then.
pub(crate) async fn look_up(servers: Vec<Server>, shared: Weak<Shared>) {
    let searches: Vec<_> = servers
        .into_iter()
        .map(|server| {
            let shared = shared.clone();
            tokio::spawn(async move { find(server, &shared).await })
        })
        .collect();
    for search in searches {
        // One that was aborted found nothing: the runtime ends.
        let _ = search.await;
    }
    if let Some(shared) = shared.upgrade() {
        shared.command(peer::PeerConnection::end_of_servers);
    }
}

async fn find(server: Server, shared: &Weak<Shared>) {
    let host = name(&server.host);
    let found: Vec<SocketAddr> = match &server.host {
        Host::Address(address) => vec![SocketAddr::new(*address, server.port)],
        Host::Name(name) => match tokio::net::lookup_host((name.as_str(), server.port)).await {
            Ok(addresses) => addresses.collect(),
            Err(error) => {
                tracing::warn!(%error, %host, "the server's name is not found");
                Vec::new()
            }
        },
    };
    let Some(shared) = shared.upgrade() else { return };
    shared.command(|machine, now| tell(machine, now, &server, &found));
}

fn tell(
    machine: &mut peer::PeerConnection,
    now: Instant,
    server: &Server,
    addresses: &[SocketAddr],
) {
    if addresses.is_empty() {
        let kind = peer::ServerErrorKind::DnsFailed;
        machine.report_server_error(now, peer::ServerError { server: None, kind });
    }
    for address in addresses.iter().copied() {
        match &server.kind {
            Kind::Stun => machine.add_stun_server(now, address),
            Kind::Turn { transport, username, password } => {
                let (username, password) = (username.clone(), password.clone());
                let transport = transport.clone();
                machine.add_turn_server(now, TurnServer { address, transport, username, password });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Result<Server, ServerError> {
        parse_url(url, &IceServer::with_credentials(url, "u", "p"))
    }

    fn turn(transport: TurnTransport) -> Kind {
        Kind::Turn { transport, username: "u".into(), password: "p".into() }
    }

    #[test]
    fn urls_say_the_host_the_port_and_the_transport() {
        let tls = |name: &str| turn(TurnTransport::Tls { name: name.into() });
        let cases = [
            ("stun:example.org", "example.org", 3478, Kind::Stun),
            ("STUN:example.org:19302", "example.org", 19302, Kind::Stun),
            ("stun:[2001:db8::1]:5000", "2001:db8::1", 5000, Kind::Stun),
            ("turn:example.org", "example.org", 3478, turn(TurnTransport::Udp)),
            ("turn:192.0.2.1:1?transport=tcp", "192.0.2.1", 1, turn(TurnTransport::Tcp)),
            ("turns:example.org", "example.org", 5349, tls("example.org")),
            ("turns:example.org:443?transport=tcp", "example.org", 443, tls("example.org")),
        ];
        for (url, host, port, kind) in cases {
            let server = server(url).unwrap();
            assert_eq!((name(&server.host).as_str(), server.port), (host, port), "{url}");
            assert_eq!(server.kind, kind, "{url}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for url in ["stun:", "stun", "stun:a:0", "stun:a/b", "turn:a?transport=sctp", "http:a"] {
            assert!(matches!(server(url), Err(ServerError::Url(_))), "{url}");
        }
        for url in ["stuns:a", "turns:a?transport=udp"] {
            assert_eq!(server(url), Err(ServerError::Secure), "{url}");
        }
        let nobody = parse_url("turn:a", &IceServer::new("turn:a"));
        assert_eq!(nobody, Err(ServerError::NoCredentials));
    }
}
