use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::{SERVER, SERVER_V6, Word};

/// Longer than an end tries.
const PATIENCE: Duration = Duration::from_secs(45);

/// Where a path begins and ends, and how long it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Our end: the relay's address if it is relayed.
    pub local: SocketAddr,
    /// The other end, or its relay.
    pub remote: SocketAddr,
    /// Until the data channel was open.
    pub millis: u64,
}

impl Found {
    /// Whether it leads from one home of a [`Lab`](super::Lab) to the other without its server.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        let is_server = |address: IpAddr| {
            let address = address.to_string();
            address == SERVER || address == SERVER_V6
        };
        !is_server(self.local.ip()) && !is_server(self.remote.ip())
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_direct() { "direct" } else { "relayed" };
        write!(f, "{kind}, {} to {}", self.local, self.remote)
    }
}

/// A program that ends with the call.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Alice,
    Bob,
}

/// Lets two `lab-peer`s call each other: `alice` is told to offer, `bob` to answer.
///
/// # Errors
///
/// When no path is found, and why.
pub fn dial(alice: Command, bob: Command) -> Result<Found> {
    let (sender, words) = mpsc::channel();
    let (_bob, mut to_bob) = start(bob, End::Bob, sender.clone())?;
    let (_alice, mut to_alice) = start(alice, End::Alice, sender)?;
    loop {
        let (end, word) = words.recv_timeout(PATIENCE).context("the ends are silent")?;
        match word {
            Word::Connected { local, remote, millis } => {
                return Ok(Found { local, remote, millis });
            }
            Word::Failed(reason) => bail!("{end:?}: {reason}"),
            Word::Description(_) | Word::Candidate { .. } => {
                let other = match end {
                    End::Alice => &mut to_bob,
                    End::Bob => &mut to_alice,
                };
                writeln!(other, "{}", serde_json::to_string(&word)?)?;
            }
        }
    }
}

/// Starts an end; its words go into `words` with its name.
fn start(
    mut command: Command,
    end: End,
    words: mpsc::Sender<(End, Word)>,
) -> Result<(Running, ChildStdin)> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut running = Running(child);
    let input = running.0.stdin.take().context("an input")?;
    let output = running.0.stdout.take().context("an output")?;
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let Ok(word) = serde_json::from_str(&line) else { continue };
            if words.send((end, word)).is_err() {
                return;
            }
        }
    });
    Ok((running, input))
}
