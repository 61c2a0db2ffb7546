//! antiphon's TURN server, started for one test.

use antiphon_turn_server::{Config, Server, Transport};
use anyhow::Context as _;
use tempfile::TempDir;

use crate::coturn::Identity;

/// Who may use it.
pub(crate) const USER: &str = "alice";
/// And how that is proved.
pub(crate) const PASSWORD: &str = "wonderland";

/// Where it is: peers on any other address of this machine may be reached through it, its own never.
const ADDRESS: &str = "127.0.0.2";

/// What it says its relayed addresses are: an agent pairs no address on loopback with one elsewhere.
/// Nothing is there; the peers learn the true address from what the relay sends them.
const SHOWN: &str = "198.51.100.1";

/// A running server on an address of this machine. It ends when it is dropped.
pub(crate) struct Relay {
    server: Server,
    certificate: Vec<u8>,
    _identity: Identity,
    _folder: TempDir,
}

impl Relay {
    /// Starts it, with UDP, TCP and TLS.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let identity = Identity::new(&[ADDRESS])?;
        let mut text = "realm = \"lab\"\nshards = 1\n".to_owned();
        for transport in ["udp", "tcp", "tls"] {
            text +=
                &format!("[[listen]]\ntransport = \"{transport}\"\naddress = \"{ADDRESS}:0\"\n");
        }
        // The peers are on this very machine, in whatever network that is.
        text += &format!(
            "[relay]\naddresses = [\"{ADDRESS} as {SHOWN}\"]\nports = \"20000-29999\"\n\
             [peers]\nallow = [\"0.0.0.0/0\"]\n\
             [tls]\ncertificate = \"{}\"\nkey = \"{}\"\n\
             [auth]\nusers = [{{ name = \"{USER}\", password = \"{PASSWORD}\" }}]\n",
            identity.certificate().display(),
            identity.key().display(),
        );
        let folder = TempDir::new()?;
        let file = folder.path().join("turn.toml");
        std::fs::write(&file, text)?;
        let server = Server::start(Config::load(&file)?)?;
        let certificate = std::fs::read(identity.der())?;
        Ok(Self { server, certificate, _identity: identity, _folder: folder })
    }

    /// The URL that leads to it over `transport`: `udp`, `tcp` or `tls`.
    pub(crate) fn url(&self, transport: &str) -> anyhow::Result<String> {
        let (wanted, scheme, word) = match transport {
            "udp" => (Transport::Udp, "turn", "udp"),
            "tcp" => (Transport::Tcp, "turn", "tcp"),
            _ => (Transport::Tls, "turns", "tcp"),
        };
        let mut listeners = self.server.listeners().iter();
        let listener =
            listeners.find(|listener| listener.transport == wanted).context("a listener")?;
        Ok(format!("{scheme}:{}?transport={word}", listener.address))
    }

    /// Its certificate, in DER.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        self.certificate.clone()
    }
}
