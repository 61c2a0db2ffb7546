//! `antiphon turn-check uri`: everything that a call needs of a TURN server, one step after the other.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use antiphon_stun::Host;
use antiphon_turn::client::{
    AllocateError, Allocation, Client, Config, Credentials, Event, Framing, RequestError, TurnUri,
    UriTransport,
};
use anyhow::{Context as _, Result, bail};
use tokio::net::UdpSocket;

use super::turn_link::{Link, Session};
use super::{found, look_up, milliseconds, say, seed};

/// No step takes longer: a request over UDP is given up after 39.5 s.
pub(super) const PATIENCE: Duration = Duration::from_secs(45);
/// How long a payload may be under way.
const ECHO: Duration = Duration::from_secs(5);

/// Options of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The server: turn:host, turn:host:port?transport=tcp, turns:host:port.
    uri: TurnUri,
    /// The user name.
    #[arg(long, env = "TURN_USERNAME")]
    username: String,
    /// The password.
    #[arg(long, env = "TURN_PASSWORD", hide_env_values = true)]
    password: String,
}

pub(crate) async fn run(options: Options) -> Result<()> {
    let host = match &options.uri.server.host {
        Host::Name(name) => name.clone(),
        Host::Address(address) => address.to_string(),
    };
    let addresses = look_up(&host, options.uri.port()).await?;
    let mut result = Ok(());
    for server in addresses {
        say(format_args!("{} at {server}", options.uri));
        if let Err(error) = check(&options, &host, server).await {
            found("  failed", format_args!("{error:#}"));
            result = Err(error);
        }
    }
    result
}

async fn check(options: &Options, host: &str, server: SocketAddr) -> Result<()> {
    let (link, framing) = connect(options, host, server).await?;
    let credentials = Credentials::Password {
        username: options.username.clone(),
        password: options.password.clone(),
    };
    let config = Config::new(server, framing, credentials);
    let provider = antiphon::configuration().provider;
    let mut client = Client::new(config, provider, seed()?, Instant::now())?;
    let begin = Instant::now();
    client.allocate(Instant::now())?;
    let mut session = Session::new(client, link, server);
    let allocation = allocated(&mut session).await?;
    let took = milliseconds(begin.elapsed());
    let relayed = allocation.relayed_v4.or(allocation.relayed_v6).context("no relayed address")?;
    found("  allocation", format_args!("{relayed} for {:?}, in {took}", allocation.lifetime));
    found("  mapped", allocation.mapped);
    let echo = echo(&mut session, relayed, server).await;
    session.client.release(Instant::now())?;
    // The server hears of it; whether it answers does not matter any more.
    let _ = tokio::time::timeout(ECHO, session.step()).await;
    echo
}

async fn connect(options: &Options, host: &str, server: SocketAddr) -> Result<(Link, Framing)> {
    let begin = Instant::now();
    let (link, framing) = match (options.uri.secure, options.uri.transport_or_default()) {
        (false, UriTransport::Udp) => (Link::udp(server).await?, Framing::Datagram),
        (false, UriTransport::Tcp) => (Link::tcp(server).await?, Framing::Stream),
        (true, UriTransport::Tcp) => (Link::tls(server, host).await?, Framing::Stream),
        (true, UriTransport::Udp) => bail!("TURN over DTLS is not spoken here"),
    };
    if framing == Framing::Stream {
        found("  connected", format_args!("in {}", milliseconds(begin.elapsed())));
    }
    Ok((link, framing))
}

async fn allocated(session: &mut Session) -> Result<Allocation> {
    loop {
        match session.client.poll_event() {
            Some(Event::Allocated(allocation)) => return Ok(allocation),
            Some(Event::AllocateFailed(error)) => bail!(explained(error)),
            Some(Event::Redirected { server, .. }) => {
                bail!("300 Try Alternate: the server sends its clients to {server}")
            }
            Some(_) => {}
            None => {
                session.step().await?;
            }
        }
    }
}

/// A peer of our own sends to the relay, and gets an echo through it.
async fn echo(session: &mut Session, relayed: SocketAddr, server: SocketAddr) -> Result<()> {
    let peer = UdpSocket::bind((super::stun_probe::source(server).await?, 0)).await?;
    // Where the relay will see it: the same address as the allocation, with a port that only the
    // first datagram tells.
    session.client.create_permission(Instant::now(), mapped(session, &peer)?)?;
    wait(session, |event| {
        if let Event::PermissionFailed { peer, error } = event {
            return Some(Err(refused("permission", *peer, *error)));
        }
        matches!(event, Event::PermissionCreated { .. }).then_some(Ok(()))
    })
    .await?;
    found("  permission", "granted");
    let begin = Instant::now();
    let seen = arrival(session, &peer, relayed).await?;
    found("  to us", format_args!("from {seen} in {}", milliseconds(begin.elapsed())));
    session.client.bind_channel(Instant::now(), seen)?;
    wait(session, |event| {
        if let Event::ChannelFailed { peer, error } = event {
            return Some(Err(refused("channel", peer.ip(), *error)));
        }
        matches!(event, Event::ChannelBound { .. }).then_some(Ok(()))
    })
    .await?;
    found("  channel", "bound");
    let begin = Instant::now();
    session.send_to(seen, b"antiphon").await?;
    let mut buffer = [0; 64];
    let (len, from) = tokio::time::timeout(ECHO, peer.recv_from(&mut buffer))
        .await
        .context("what went into the relay did not come out")??;
    anyhow::ensure!(buffer.get(..len) == Some(b"antiphon"), "something else came out of the relay");
    found("  to a peer", format_args!("from {from} in {}", milliseconds(begin.elapsed())));
    Ok(())
}

/// The address of the peer as the server sees it: that of the allocation, unless both are here.
fn mapped(session: &Session, peer: &UdpSocket) -> Result<std::net::IpAddr> {
    let seen = session.client.allocation().map(|allocation| allocation.mapped.ip());
    Ok(seen.unwrap_or(peer.local_addr()?.ip()))
}

/// Sends from the peer to the relay until it comes out at our end.
async fn arrival(
    session: &mut Session,
    peer: &UdpSocket,
    relayed: SocketAddr,
) -> Result<SocketAddr> {
    let end = Instant::now() + ECHO;
    while Instant::now() < end {
        peer.send_to(b"hello", relayed).await?;
        let wait = tokio::time::timeout(Duration::from_millis(500), async {
            loop {
                if let Some((from, _)) = session.step().await? {
                    return anyhow::Ok(from);
                }
            }
        });
        if let Ok(from) = wait.await {
            return from;
        }
    }
    bail!("nothing that is sent to {relayed} arrives: is the server's port range blocked?")
}

async fn wait(
    session: &mut Session,
    mut done: impl FnMut(&Event) -> Option<Result<()>>,
) -> Result<()> {
    loop {
        match session.client.poll_event() {
            Some(event) => {
                if let Some(result) = done(&event) {
                    return result;
                }
            }
            None => {
                session.step().await?;
            }
        }
    }
}

fn refused(what: &str, peer: std::net::IpAddr, error: RequestError) -> anyhow::Error {
    if error == RequestError::Forbidden {
        return anyhow::anyhow!(
            "403 Forbidden: the server relays nothing to {peer} ({what}); most refuse private addresses"
        );
    }
    anyhow::anyhow!("{what} for {peer}: {error}")
}

/// The error with its number, and what to do about it.
fn explained(error: AllocateError) -> String {
    use AllocateError as E;
    let text = match error {
        E::Unauthorized(_) => "401 Unauthorized: user name or password are wrong, or expired",
        E::Forbidden => "403 Forbidden: the server does not relay for this user or address",
        E::Mismatch { .. } => "437 Allocation Mismatch: an old allocation of this port lives on",
        E::AddressFamily => "440: the server has no address of that family",
        E::WrongCredentials => "441 Wrong Credentials: the allocation is another user's",
        E::UnsupportedTransport => "442: the server does not relay UDP",
        E::Quota { .. } => "486 Allocation Quota Reached: this user has enough allocations",
        E::Capacity { .. } => "508 Insufficient Capacity: the server has no port left",
        E::Timeout { .. } => "no answer: the server is down, or something drops the packets",
        E::BadRequest
        | E::MobilityForbidden
        | E::UnknownAttribute { .. }
        | E::Redirected { .. }
        | E::RedirectLoop
        | E::Malformed
        | E::TransportFailed
        | E::Unwritable
        | E::Other { .. }
        | _ => return error.to_string(),
    };
    format!("{text} ({error})")
}
