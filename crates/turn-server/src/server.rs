//! A running server: its threads, and what can be asked of them.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use antiphon_crypto::CryptoProvider;
use antiphon_crypto_aws_lc::AwsLc;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::config::{Config, Listener, Transport};
use crate::credentials::Credentials;
use crate::front;
use crate::identity::{Identity, IdentityError};
use crate::net::{UdpPort, bind_tcp, bind_udp, can_bind};
use crate::report::Report;
use crate::shard::{Command, Machine, Shard};
use crate::shared::{Live, Shared};

/// Why a server cannot start, or a new configuration cannot be taken up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// A port cannot be opened.
    #[error("{transport} {address}: {error}")]
    Listen {
        /// What would be spoken there.
        transport: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// Relayed addresses cannot be opened.
    #[error("relay.addresses: {address}: {error}")]
    Relay {
        /// The address.
        address: std::net::IpAddr,
        /// Why.
        error: io::Error,
    },
    /// The certificate or key cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A credential cannot be used.
    #[error(transparent)]
    Credentials(#[from] crate::credentials::CredentialsError),
    /// The machine refuses its configuration.
    #[error(transparent)]
    Machine(#[from] antiphon_turn::server::ConfigError),
    /// A thread cannot be started, or randomness is missing.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The provider of cryptography fails.
    #[error(transparent)]
    Crypto(#[from] antiphon_crypto::CryptoError),
}

/// A running server. Dropping it ends all threads at once.
///
/// ```
/// use antiphon_turn_server::{Config, Server, Transport};
/// use std::net::UdpSocket;
/// use std::path::Path;
///
/// let config = Config::parse(Path::new("turn.toml"), r#"
///     realm = "example.org"
///     [[listen]]
///     transport = "udp"
///     address = "127.0.0.1:0"
///     [relay]
///     addresses = ["127.0.0.1"]
///     [auth]
///     users = [{ name = "alice", password = "wonderland" }]
/// "#)?;
/// let server = Server::start(config)?;
/// let listener = server.listeners()[0];
/// assert_eq!(listener.transport, Transport::Udp);
///
/// // A Binding request is answered on the same port (RFC 8489).
/// let socket = UdpSocket::bind("127.0.0.1:0")?;
/// let request = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
/// socket.send_to(&request, listener.address)?;
/// let mut answer = [0; 128];
/// assert!(socket.recv(&mut answer)? >= 32);
/// assert_eq!(answer[..2], [1, 1], "a success response");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Server {
    shared: Arc<Shared>,
    provider: Arc<dyn CryptoProvider>,
    listeners: Vec<Listener>,
    metrics: Option<SocketAddr>,
    threads: Vec<JoinHandle<()>>,
    front: Option<oneshot::Sender<()>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("listeners", &self.listeners).finish_non_exhaustive()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.tell_all(|| Command::Stop);
        drop(self.front.take());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// All sockets that a server listens on.
#[derive(Debug, Default)]
struct Sockets {
    /// Per shard, in the order of the listeners.
    datagrams: Vec<Vec<(Transport, std::net::UdpSocket)>>,
    streams: Vec<(TcpListener, bool)>,
    metrics: Option<TcpListener>,
    listeners: Vec<Listener>,
}

impl Server {
    /// Opens all sockets and starts all threads.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing is left running then.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let provider: Arc<dyn CryptoProvider> = Arc::new(AwsLc::new());
        let live = live(config.clone(), &provider)?;
        for address in &config.relay.addresses {
            can_bind(address.local)
                .map_err(|error| StartError::Relay { address: address.local, error })?;
        }
        let sockets = open(&config)?;
        let metrics = sockets.metrics.as_ref().and_then(|listener| listener.local_addr().ok());
        let mut server = Self {
            shared: Arc::new(Shared::new(live)),
            listeners: sockets.listeners.clone(),
            metrics,
            threads: Vec::new(),
            front: None,
            provider,
        };
        server.spawn(sockets)?;
        Ok(server)
    }

    fn spawn(&mut self, sockets: Sockets) -> Result<(), StartError> {
        let machines = Machine::build(&self.shared, &self.provider, &self.listeners)?;
        let mut senders = Vec::new();
        let mut shards = Vec::new();
        for (machine, ports) in machines.into_iter().zip(sockets.datagrams) {
            let (sender, receiver) = mpsc::unbounded_channel();
            senders.push(sender);
            shards.push((machine, ports, receiver));
        }
        self.shared.set_commands(senders);
        for (index, (machine, ports, commands)) in shards.into_iter().enumerate() {
            let shared = Arc::clone(&self.shared);
            let provider = Arc::clone(&self.provider);
            let work = move || async move {
                let ports = ports
                    .into_iter()
                    .map(|(transport, socket)| UdpPort::new(socket).map(|port| (transport, port)));
                match ports.collect::<io::Result<Vec<_>>>() {
                    Ok(ports) => {
                        let shard = Shard::new(index, shared, provider, machine, ports);
                        shard.run(commands).await;
                    }
                    Err(error) => tracing::error!(shard = index, %error, "ports cannot be served"),
                }
            };
            self.threads.push(thread(&format!("shard-{index}"), work)?);
        }
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        let work = move || front::run(shared, sockets.streams, sockets.metrics, stopped);
        self.threads.push(thread("front", work)?);
        self.front = Some(stop);
        Ok(())
    }

    /// Where clients come in; port 0 of the configuration has become a real one.
    #[must_use]
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Where metrics are served, if they are.
    #[must_use]
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Takes up users, secrets, certificates, limits and the policy of `config`; allocations go on.
    /// Sockets and threads stay: `true` says that `config` differs there and needs a restart.
    ///
    /// # Errors
    ///
    /// [`StartError`]; the server goes on with what it had.
    pub fn reload(&self, config: Config) -> Result<bool, StartError> {
        let restart = self.shared.live().config.needs_restart(&config);
        self.shared.replace(live(config, &self.provider)?);
        self.shared.tell_all(|| Command::Reload);
        Ok(restart)
    }

    /// Refuses new allocations from now on.
    pub fn drain(&self) {
        self.shared.tell_all(|| Command::Drain);
    }

    /// Waits until no allocation is left, at most `limit`; says how many are left.
    #[must_use]
    pub fn wait_drained(&self, limit: Duration) -> u64 {
        let begin = Instant::now();
        loop {
            let left = self.report().allocations();
            if left == 0 || begin.elapsed() >= limit {
                return left;
            }
            std::thread::sleep(Duration::from_millis(50).min(limit));
        }
    }

    /// Counters of all shards together.
    #[must_use]
    pub fn report(&self) -> Report {
        Report::collect_blocking(&self.shared)
    }
}

/// Everything of a configuration that can be replaced while the server runs.
fn live(config: Config, provider: &Arc<dyn CryptoProvider>) -> Result<Live, StartError> {
    let dtls = config.listeners.iter().any(|listener| listener.transport == Transport::Dtls);
    let identity =
        config.tls.as_ref().map(|tls| Identity::load(tls, dtls, &**provider)).transpose()?;
    let credentials = Arc::new(Credentials::new(&config, provider)?);
    Ok(Live { config, identity, credentials })
}

/// A thread with a runtime of its own.
fn thread<F: Future<Output = ()>>(
    name: &str,
    work: impl FnOnce() -> F + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let tasks = tokio::task::LocalSet::new();
        runtime.block_on(tasks.run_until(work()));
    })
}

fn open(config: &Config) -> Result<Sockets, StartError> {
    let mut sockets = Sockets::default();
    sockets.datagrams.resize_with(config.shards, Vec::new);
    for listener in &config.listeners {
        let Listener { transport, address } = *listener;
        let wrong = |error| StartError::Listen { transport: transport.name(), address, error };
        let address = match transport {
            Transport::Udp | Transport::Dtls => {
                open_udp(config, transport, address, &mut sockets.datagrams).map_err(wrong)?
            }
            Transport::Tcp | Transport::Tls => {
                let listener = bind_tcp(address, false).map_err(wrong)?;
                let address = listener.local_addr().map_err(wrong)?;
                sockets.streams.push((listener, transport == Transport::Tls));
                address
            }
        };
        sockets.listeners.push(Listener { transport, address });
    }
    if let Some(address) = config.metrics {
        let wrong = |error| StartError::Listen { transport: "metrics", address, error };
        sockets.metrics = Some(bind_tcp(address, false).map_err(wrong)?);
    }
    Ok(sockets)
}

/// The same port once per shard.
fn open_udp(
    config: &Config,
    transport: Transport,
    mut address: SocketAddr,
    shards: &mut [Vec<(Transport, std::net::UdpSocket)>],
) -> io::Result<SocketAddr> {
    let shared = config.shards > 1;
    for shard in shards {
        let socket = bind_udp(address, shared, config.relay.socket_buffer_bytes)?;
        address = socket.local_addr()?;
        shard.push((transport, socket));
    }
    Ok(address)
}

/// Checks what a configuration names: certificates, keys, addresses. Nothing is started.
///
/// # Errors
///
/// [`StartError`].
pub fn check(config: &Config) -> Result<(), StartError> {
    let provider: Arc<dyn CryptoProvider> = Arc::new(AwsLc::new());
    let live = live(config.clone(), &provider)?;
    for address in &live.config.relay.addresses {
        can_bind(address.local)
            .map_err(|error| StartError::Relay { address: address.local, error })?;
    }
    Ok(())
}
