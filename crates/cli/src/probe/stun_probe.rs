//! `antiphon stun-probe host:port`: our address as a STUN server sees it, and what NATs do with it.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use antiphon_stun::{
    Dependence, Host, NatBehaviour, NatDiscovery, NatDiscoveryConfig, NatDiscoveryEvent, StunUri,
};
use anyhow::{Context as _, Result, bail};
use tokio::net::UdpSocket;

use super::{found, look_up, milliseconds, say, seed};

/// Options of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The server: host, host:port or stun:host:port.
    server: String,
    /// Only the mapped address and the round trip: NATs are not examined.
    #[arg(long)]
    quick: bool,
}

pub(crate) async fn run(options: Options) -> Result<()> {
    let (host, port) = parse(&options.server)?;
    for server in look_up(&host, port).await? {
        say(format_args!("{server}"));
        if let Err(error) = probe(server, options.quick).await {
            found("  failed", format_args!("{error:#}"));
            if server.is_ipv4() {
                return Err(error);
            }
        }
    }
    Ok(())
}

fn parse(server: &str) -> Result<(String, u16)> {
    let text =
        if server.starts_with("stun:") { server.to_owned() } else { format!("stun:{server}") };
    let uri: StunUri = text.parse().with_context(|| format!("{server} names no STUN server"))?;
    let host = match &uri.server.host {
        Host::Name(name) => name.clone(),
        Host::Address(address) => address.to_string(),
    };
    Ok((host, uri.port()))
}

async fn probe(server: SocketAddr, quick: bool) -> Result<()> {
    let local = source(server).await?;
    let socket = UdpSocket::bind((local, 0)).await?;
    let mut config = NatDiscoveryConfig::new(server, socket.local_addr()?);
    config.filtering = !quick;
    config.hairpinning = !quick;
    let mut machine = NatDiscovery::new(config, seed()?, Instant::now());
    let mut round_trip = None;
    let mut sent = Instant::now();
    let mut buffer = [0; 2048];
    loop {
        while let Some(datagram) = machine.poll_output(Instant::now(), &mut buffer)? {
            sent = Instant::now();
            let bytes = buffer.get(..datagram.len).unwrap_or_default();
            socket.send_to(bytes, datagram.remote).await?;
        }
        match machine.poll_event() {
            Some(NatDiscoveryEvent::Done(behaviour)) => {
                report(&behaviour, round_trip.unwrap_or_default());
                return Ok(());
            }
            Some(NatDiscoveryEvent::Failed(error)) => bail!("{error}"),
            None => {}
        }
        let Some(deadline) = machine.poll_timeout() else { bail!("nothing was found out") };
        let received =
            tokio::time::timeout_at(deadline.into(), socket.recv_from(&mut buffer)).await;
        match received {
            Ok(Ok((len, from))) => {
                let bytes = buffer.get(..len).unwrap_or_default();
                // What is no answer is none.
                if machine.handle_input(Instant::now(), from, bytes).is_ok() {
                    round_trip.get_or_insert_with(|| sent.elapsed());
                }
            }
            // ICMP: the machine's own time-out says more.
            Ok(Err(error)) => tracing::debug!(%error, "receiving"),
            Err(_) => machine.handle_timeout(Instant::now()),
        }
    }
}

/// The address of this machine from which the server is reached.
pub(super) async fn source(server: SocketAddr) -> Result<IpAddr> {
    let any: IpAddr = if server.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await.context("there is no route to the server")?;
    Ok(socket.local_addr()?.ip())
}

fn report(behaviour: &NatBehaviour, round_trip: Duration) {
    let nat = if behaviour.translated { "behind a NAT" } else { "no NAT" };
    found("  mapped", format_args!("{} ({nat})", behaviour.mapped));
    found("  round trip", milliseconds(round_trip));
    let unknown = "the server has one address and cannot tell";
    found("  mapping", behaviour.mapping.map_or(unknown, dependence));
    found("  filtering", behaviour.filtering.map_or(unknown, dependence));
    if let Some(hairpinning) = behaviour.hairpinning {
        found("  hairpin", if hairpinning { "yes" } else { "no" });
    }
    found("  so", advice(behaviour));
}

const fn dependence(dependence: Dependence) -> &'static str {
    match dependence {
        Dependence::EndpointIndependent => "endpoint-independent",
        Dependence::AddressDependent => "address-dependent",
        Dependence::AddressAndPortDependent => "address- and port-dependent",
    }
}

/// What that means for calls.
const fn advice(behaviour: &NatBehaviour) -> &'static str {
    match behaviour.mapping {
        Some(Dependence::EndpointIndependent) => "peers behind most NATs are reached directly",
        Some(_) => "a peer behind a strict NAT is reached through a TURN server only",
        None => "whether peers are reached directly cannot be told with this server",
    }
}
