//! One end of a call in a network namespace. The other end's words come in by standard input, ours go
//! out by standard output, a JSON object a line.
//!
//! `lab-peer offer|answer [relay] [tcp] [from=ADDRESS] [trust=FILE] [URL|URL,USER,PASSWORD]...`

#![allow(clippy::print_stdout, reason = "it speaks by standard output")]
#![allow(clippy::wildcard_enum_match_arm, reason = "most events are nothing to a peer of the lab")]

use std::time::{Duration, Instant};

use antiphon::{Event, IceCandidate, IceConnectionState, PeerConnection, SessionDescription};
use antiphon_interop::lab::{Arguments, Word};
use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};

/// After this there is no path.
const PATIENCE: Duration = Duration::from_secs(35);
/// After this the path stays what it is.
const SETTLING: Duration = Duration::from_secs(3);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let connection = PeerConnection::new(arguments.configuration()?)?;
    let begin = Instant::now();
    let work = async {
        tokio::try_join!(
            hear(&connection, arguments.offers),
            speak(&connection),
            call(&connection, arguments.offers, begin),
        )
    };
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => say(&Word::Failed(format!("{error:#}")))?,
        Err(_) => say(&Word::Failed(format!("no path in {PATIENCE:?}")))?,
    }
    Ok(())
}

fn say(word: &Word) -> Result<()> {
    println!("{}", serde_json::to_string(word)?);
    Ok(())
}

/// Takes in what the other end says.
async fn hear(connection: &PeerConnection, offers: bool) -> Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        match serde_json::from_str(&line)? {
            Word::Description(sdp) if offers => {
                connection.set_remote_description(SessionDescription::answer(sdp)).await?;
            }
            Word::Description(sdp) => {
                connection.set_remote_description(SessionDescription::offer(sdp)).await?;
                describe(connection).await?;
            }
            Word::Candidate { candidate, mid, index } => {
                let candidate = IceCandidate {
                    candidate,
                    sdp_mid: mid,
                    sdp_m_line_index: index,
                    username_fragment: None,
                };
                connection.add_ice_candidate(candidate).await?;
            }
            Word::Connected { .. } | Word::Failed(_) => {}
        }
    }
    bail!("the other end is gone")
}

async fn describe(connection: &PeerConnection) -> Result<()> {
    connection.set_local_description(None).await?;
    let description = connection.local_description().context("no description")?;
    say(&Word::Description(description.sdp))
}

/// Tells the other end about candidates, and the rig about the end.
async fn speak(connection: &PeerConnection) -> Result<()> {
    let mut events = connection.events();
    while let Some(event) = events.next().await {
        match event {
            Event::IceCandidate(candidate) => say(&Word::Candidate {
                candidate: candidate.candidate,
                mid: candidate.sdp_mid,
                index: candidate.sdp_m_line_index,
            })?,
            Event::IceFailure(failure) => bail!("{failure}"),
            Event::ConnectionStateChange(antiphon::ConnectionState::Failed) => {
                bail!("the connection failed");
            }
            Event::DataChannel(mut channel) => {
                tokio::spawn(async move {
                    while let Some(message) = channel.recv().await {
                        let _ = channel.send(message).await;
                    }
                });
            }
            _ => {}
        }
    }
    bail!("the connection was closed")
}

/// Offers, and waits for an echo; the other end waits for what comes.
async fn call(connection: &PeerConnection, offers: bool, begin: Instant) -> Result<()> {
    if !offers {
        return Ok(());
    }
    let mut channel = connection.create_data_channel("lab", Default::default()).await?;
    describe(connection).await?;
    channel.opened().await?;
    let opened = begin.elapsed();
    channel.send_text("are you there?").await?;
    channel.recv().await.context("no echo")?;
    // A relay is often there first; what was agreed on in the end counts.
    let settling = Instant::now();
    while connection.ice_connection_state() != IceConnectionState::Completed
        && settling.elapsed() < SETTLING
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (local, remote) = connection.stats().transport.selected_path.context("no selected path")?;
    say(&Word::Connected { local, remote, millis: opened.as_millis().try_into()? })
}
