//! What all threads of the server share.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::config::Config;
use crate::credentials::Credentials;
use crate::doors::Doors;
use crate::identity::Identity;
use crate::shard::Command;

/// What a reload replaces, all of it at once.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) config: Config,
    pub(crate) identity: Option<Identity>,
    pub(crate) credentials: Arc<Credentials>,
}

/// What all threads of the server share.
#[derive(Debug)]
pub(crate) struct Shared {
    live: RwLock<Arc<Live>>,
    commands: OnceLock<Vec<mpsc::UnboundedSender<Command>>>,
    shards: usize,
    pub(crate) doors: Arc<Doors>,
    hasher: RandomState,
}

impl Shared {
    pub(crate) fn new(live: Live) -> Self {
        Self {
            shards: live.config.shards,
            live: RwLock::new(Arc::new(live)),
            commands: OnceLock::new(),
            doors: Arc::new(Doors::default()),
            hasher: RandomState::new(),
        }
    }

    /// Makes the shards known to each other, once.
    pub(crate) fn set_commands(&self, commands: Vec<mpsc::UnboundedSender<Command>>) {
        let _ = self.commands.set(commands);
    }

    pub(crate) fn shards(&self) -> usize {
        self.shards
    }

    pub(crate) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace(&self, live: Live) {
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(live);
    }

    /// SO_SNDBUF and SO_RCVBUF of relayed sockets: each has one client's traffic only.
    pub(crate) fn relay_buffer_bytes(&self) -> usize {
        self.live().config.relay.socket_buffer_bytes / 4
    }

    pub(crate) fn tls(&self) -> Option<TlsAcceptor> {
        self.live().identity.as_ref().map(Identity::acceptor)
    }

    /// Tells one shard something; `false` if there is no such shard, or it has ended.
    pub(crate) fn tell(&self, shard: usize, command: Command) -> bool {
        let commands = self.commands.get();
        let sender = commands.and_then(|commands| commands.get(shard));
        sender.is_some_and(|sender| sender.send(command).is_ok())
    }

    /// Tells all shards something.
    pub(crate) fn tell_all(&self, command: impl Fn() -> Command) {
        for shard in 0..self.shards {
            self.tell(shard, command());
        }
    }

    /// The shard that serves streams of this client. Connections of one client meet on one shard, so
    /// that a data connection finds its allocation there.
    pub(crate) fn home(&self, client: IpAddr) -> usize {
        let hash = self.hasher.hash_one(client.to_canonical());
        let shards = u64::try_from(self.shards).unwrap_or(1).max(1);
        usize::try_from(hash.checked_rem(shards).unwrap_or_default()).unwrap_or_default()
    }
}
