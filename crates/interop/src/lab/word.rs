use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use antiphon::{Configuration, IceServer, TransportPolicy};
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

/// What an end says, to the other end or to the rig.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// An offer or an answer.
    Description(String),
    /// A candidate.
    Candidate {
        /// Its line.
        candidate: String,
        /// The section it belongs to.
        mid: Option<String>,
        /// The same by number.
        index: Option<u16>,
    },
    /// An echo came back.
    Connected {
        /// Where the path begins.
        local: SocketAddr,
        /// Where the path ends.
        remote: SocketAddr,
        /// From the start of the program until the channel was open.
        millis: u64,
    },
    /// There is no path.
    Failed(String),
}

/// What an end is told when it starts.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// Whether it offers.
    pub offers: bool,
    /// The servers.
    pub servers: Vec<IceServer>,
    /// Whether nothing but relays may be used.
    pub relay_only: bool,
    /// Whether TCP candidates are used.
    pub tcp: bool,
    /// The only address to send from, if not all.
    pub from: Option<IpAddr>,
    /// A file with a certificate in DER that signs those of the servers.
    pub trusted: Option<PathBuf>,
}

impl Arguments {
    /// Reads a command line: `offer` or `answer`, then `relay`, `tcp`, `from=ADDRESS`, `trust=FILE`, and servers as
    /// `URL` or `URL,USER,PASSWORD`.
    ///
    /// # Errors
    ///
    /// When it is not one.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut arguments = match words.next().as_deref() {
            Some("offer") => Self { offers: true, ..Self::default() },
            Some("answer") => Self::default(),
            other => bail!("offer or answer, not {other:?}"),
        };
        for word in words {
            if let Some(file) = word.strip_prefix("trust=") {
                arguments.trusted = Some(file.into());
            } else if let Some(address) = word.strip_prefix("from=") {
                arguments.from = Some(address.parse()?);
            } else if word == "relay" {
                arguments.relay_only = true;
            } else if word == "tcp" {
                arguments.tcp = true;
            } else {
                arguments.servers.push(server(&word));
            }
        }
        Ok(arguments)
    }

    /// The configuration of an end.
    ///
    /// # Errors
    ///
    /// When the certificate cannot be read.
    pub fn configuration(&self) -> Result<Configuration> {
        let mut configuration = antiphon::configuration();
        configuration.ice_servers.clone_from(&self.servers);
        configuration.ice_tcp = self.tcp;
        configuration.addresses = self.from.map(|address| vec![address]);
        if self.relay_only {
            configuration.ice_transport_policy = TransportPolicy::Relay;
        }
        if let Some(file) = &self.trusted {
            configuration.trusted_certificates.push(std::fs::read(file)?);
        }
        Ok(configuration)
    }
}

fn server(word: &str) -> IceServer {
    let mut parts = word.split(',');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(url), Some(user), Some(password)) => IceServer::with_credentials(url, user, password),
        _ => IceServer::new(word),
    }
}
