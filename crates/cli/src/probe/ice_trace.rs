//! `antiphon ice-trace`: what ICE does, step by step, and why there is no path if there is none.

use std::time::{Duration, Instant};

use antiphon::{
    Configuration, Event, Events, IceConnectionState, IceGatheringState, IceServer, PeerConnection,
    SessionDescription, TransportPolicy,
};
use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{found, milliseconds, say};

/// After this there is no path.
const PATIENCE: Duration = Duration::from_secs(60);
/// After the channel is open: for the pair to be agreed on.
const SETTLING: Duration = Duration::from_secs(3);

/// Options of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A STUN or TURN server, as a URL; may be given several times.
    #[arg(long = "server", value_name = "URL")]
    servers: Vec<String>,
    /// The user name for the TURN servers.
    #[arg(long, env = "TURN_USERNAME", default_value = "")]
    username: String,
    /// The password for the TURN servers.
    #[arg(long, env = "TURN_PASSWORD", default_value = "", hide_env_values = true)]
    password: String,
    /// Through relays only.
    #[arg(long)]
    relay: bool,
    /// With TCP candidates.
    #[arg(long)]
    tcp: bool,
    /// Call another machine: prints a line for it, and waits for the line that it answers with.
    #[arg(long, conflicts_with = "answer")]
    offer: bool,
    /// Be called by another machine: waits for its line, and prints the answer.
    #[arg(long)]
    answer: bool,
}

pub(crate) async fn run(options: Options) -> Result<()> {
    let config = configuration(&options);
    if options.offer {
        let connection = PeerConnection::new(config)?;
        let channel = connection.create_data_channel("trace", Default::default()).await?;
        say(format_args!("Give this line to the other machine's `antiphon ice-trace --answer`:\n"));
        say(described(&connection).await?);
        say("\nAnd enter the line that it prints:");
        connection.set_remote_description(SessionDescription::answer(read_line().await?)).await?;
        return watch(&connection, channel.opened()).await;
    }
    if options.answer {
        let connection = PeerConnection::new(config)?;
        tokio::spawn(carry(connection.events(), None));
        say("Enter the line of `antiphon ice-trace --offer`:");
        connection.set_remote_description(SessionDescription::offer(read_line().await?)).await?;
        say(described(&connection).await?);
        let opened = connection.connected();
        return watch(&connection, opened).await;
    }
    here(config).await
}

fn configuration(options: &Options) -> Configuration {
    let mut config = antiphon::configuration();
    let server = |url: &String| {
        IceServer::with_credentials(url, options.username.clone(), options.password.clone())
    };
    config.ice_servers = options.servers.iter().map(server).collect();
    config.ice_tcp = options.tcp;
    if options.relay {
        config.ice_transport_policy = TransportPolicy::Relay;
    }
    config
}

/// Both ends in this process: shows what this machine and its servers offer.
async fn here(config: Configuration) -> Result<()> {
    let (alice, bob) = (PeerConnection::new(config.clone())?, PeerConnection::new(config)?);
    let channel = alice.create_data_channel("trace", Default::default()).await?;
    let (to_bob, to_alice) = (alice.events(), bob.events());
    alice.set_local_description(None).await?;
    let offer = alice.local_description().context("no offer")?;
    bob.set_remote_description(offer).await?;
    tokio::spawn(carry(to_bob, Some(bob.clone())));
    bob.set_local_description(None).await?;
    let answer = bob.local_description().context("no answer")?;
    alice.set_remote_description(answer).await?;
    tokio::spawn(carry(to_alice, Some(alice.clone())));
    watch(&alice, channel.opened()).await
}

/// Carries candidates from one end to the other, if both are here, and keeps the peer's channels
/// open.
async fn carry(mut from: Events, to: Option<PeerConnection>) {
    let mut channels = Vec::new();
    while let Some(event) = from.next().await {
        match (event, &to) {
            // One that the other end cannot use is in its trace.
            (Event::IceCandidate(candidate), Some(to)) => {
                let _ = to.add_ice_candidate(candidate).await;
            }
            (Event::DataChannel(channel), _) => channels.push(channel),
            _ => {}
        }
    }
}

/// The description with all candidates, in one line.
async fn described(connection: &PeerConnection) -> Result<String> {
    connection.set_local_description(None).await?;
    while connection.ice_gathering_state() != IceGatheringState::Complete {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let description = connection.local_description().context("no description")?;
    Ok(serde_json::to_string(&description.sdp)?)
}

async fn read_line() -> Result<String> {
    let line = BufReader::new(tokio::io::stdin()).lines().next_line().await?;
    let line = line.context("no line came")?;
    serde_json::from_str(line.trim()).context("this is not the line that the other machine printed")
}

/// Waits for the end, and tells all.
async fn watch(
    connection: &PeerConnection,
    opened: impl Future<Output = Result<(), antiphon::Error>>,
) -> Result<()> {
    let begin = Instant::now();
    let result = tokio::time::timeout(PATIENCE, opened).await;
    let took = begin.elapsed();
    while connection.ice_connection_state() == IceConnectionState::Connected
        && begin.elapsed() < took + SETTLING
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for entry in connection.ice_trace() {
        say(entry);
    }
    match result {
        Ok(Ok(())) => {
            say(format_args!("\nconnected in {}", milliseconds(took)));
            if let Some((local, remote)) = connection.stats().transport.selected_path {
                found("path", format_args!("{local} to {remote}"));
            }
            connection.close().await;
            Ok(())
        }
        Ok(Err(_)) | Err(_) => {
            say(format_args!("\n{}", connection.diagnose()));
            connection.close().await;
            anyhow::bail!("no path was found in {}", milliseconds(took))
        }
    }
}
