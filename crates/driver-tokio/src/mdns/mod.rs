//! Names of candidates: one endpoint of multicast DNS for the whole process, because port 5353 is one.
//!
//! It starts when the first name is given or asked for, in a thread of its own that no runtime of the
//! application can end, and ends when nobody needs it any more.

mod interfaces;
mod service;
mod socket;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use antiphon_peerconnection::crypto::CryptoProvider;
use antiphon_peerconnection::mdns::{self, Event, Name, Scope};

/// The endpoint of this process.
static PROCESS: LazyLock<Arc<Endpoint>> = LazyLock::new(Arc::default);

/// Numbers the connections.
static SCOPES: AtomicU64 = AtomicU64::new(0);

/// Runs while names are registered or asked for.
#[derive(Default)]
pub(crate) struct Endpoint {
    /// `None` while no thread serves.
    hub: Mutex<Option<Hub>>,
}

/// What the thread and the connections share.
struct Hub {
    machine: mdns::Mdns,
    waiting: BTreeMap<Name, Vec<Waiting>>,
    /// Connections that have names.
    named: BTreeSet<Scope>,
    task: Option<Waker>,
}

/// A connection that wants to know an address.
struct Waiting {
    scope: Scope,
    told: Told,
}

/// What is told of the address, or that there is none.
type Told = Box<dyn FnOnce(Option<IpAddr>) + Send>;

/// What became of a name.
struct Answer {
    waiting: Waiting,
    address: Option<IpAddr>,
}

impl Answer {
    /// Tells who asked. Nothing may be locked.
    fn deliver(self) {
        (self.waiting.told)(self.address);
    }
}

impl Endpoint {
    fn lock(&self) -> MutexGuard<'_, Option<Hub>> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `command` on the hub, which is started if it does not run. `None`: it cannot be.
    fn command<T>(
        self: &Arc<Self>,
        provider: &dyn CryptoProvider,
        command: impl FnOnce(&mut Hub, Instant) -> T,
    ) -> Option<T> {
        let now = Instant::now();
        let mut lock = self.lock();
        let hub = match &mut *lock {
            Some(hub) => hub,
            none => {
                let mut seed = [0; 32];
                provider.fill_random(&mut seed).ok()?;
                service::start(Arc::clone(self))?;
                none.insert(Hub::new(seed, now))
            }
        };
        let result = command(hub, now);
        let task = hub.task.take();
        drop(lock);
        if let Some(task) = task {
            task.wake();
        }
        Some(result)
    }
}

impl Hub {
    fn new(seed: [u8; 32], now: Instant) -> Self {
        Self {
            machine: mdns::Mdns::new(mdns::Config::default(), seed, now),
            waiting: BTreeMap::new(),
            named: BTreeSet::new(),
            task: None,
        }
    }

    /// Whether nobody needs it, and nothing is left to be said.
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.named.is_empty() && self.machine.poll_timeout().is_none()
    }

    /// What has become of names since the last call.
    fn answers(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        while let Some(event) = self.machine.poll_event() {
            let (name, address) = match event {
                Event::Resolved { name, address, .. } => (name, Some(address)),
                Event::Unresolved { name, .. } => (name, None),
                _ => continue,
            };
            let waiting = self.waiting.remove(&name).unwrap_or_default();
            answers.extend(waiting.into_iter().map(|waiting| Answer { waiting, address }));
        }
        answers
    }

    /// Gives up on all names: there is no network to ask.
    fn give_up(&mut self, now: Instant) -> Vec<Answer> {
        let waiting = std::mem::take(&mut self.waiting);
        waiting.keys().for_each(|name| self.machine.cancel(now, *name));
        let waiting = waiting.into_values().flatten();
        waiting.map(|waiting| Answer { waiting, address: None }).collect()
    }

    /// Asks for a name. `false`: too many are asked for.
    fn resolve(&mut self, now: Instant, name: Name, waiting: Waiting) -> bool {
        if !self.waiting.contains_key(&name)
            && let Err(error) = self.machine.resolve(now, name)
        {
            tracing::warn!(%error, "a name of the peer is not looked up");
            return false;
        }
        self.waiting.entry(name).or_default().push(waiting);
        true
    }

    /// Forgets a connection.
    fn leave(&mut self, now: Instant, scope: Scope) {
        self.named.remove(&scope);
        self.machine.unregister_scope(now, scope);
        let machine = &mut self.machine;
        self.waiting.retain(|name, all| {
            all.retain(|waiting| waiting.scope != scope);
            if all.is_empty() {
                machine.cancel(now, *name);
            }
            !all.is_empty()
        });
    }
}

/// One connection's part in it. Dropping it takes its names back.
pub(crate) struct Names {
    endpoint: Arc<Endpoint>,
    provider: Arc<dyn CryptoProvider>,
    scope: Scope,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Names {
    /// Nothing is started yet.
    pub(crate) fn new(provider: Arc<dyn CryptoProvider>) -> Self {
        Self::on(Arc::clone(&PROCESS), provider)
    }

    fn on(endpoint: Arc<Endpoint>, provider: Arc<dyn CryptoProvider>) -> Self {
        let scope = Scope(SCOPES.fetch_add(1, Ordering::Relaxed));
        Self { endpoint, provider, scope }
    }

    /// The name that stands for an address of ours; `None`: there is none to be had.
    pub(crate) fn hide(&self, address: IpAddr) -> Option<Name> {
        let registered = self.endpoint.command(&*self.provider, |hub, now| {
            let registered = hub.machine.register(now, self.scope, address);
            if registered.is_ok() {
                hub.named.insert(self.scope);
            }
            registered
        })?;
        registered.inspect_err(|error| tracing::warn!(%error, "an address gets no name")).ok()
    }

    /// Asks for the address of a peer's name. `false`: nothing will be told, it cannot be had.
    pub(crate) fn resolve(
        &self,
        name: &str,
        told: impl FnOnce(Option<IpAddr>) + Send + 'static,
    ) -> bool {
        let Ok(name) = name.parse::<Name>() else { return false };
        let waiting = Waiting { scope: self.scope, told: Box::new(told) };
        let asked =
            self.endpoint.command(&*self.provider, |hub, now| hub.resolve(now, name, waiting));
        asked == Some(true)
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        let mut lock = self.endpoint.lock();
        let Some(hub) = &mut *lock else { return };
        hub.leave(Instant::now(), self.scope);
        let task = hub.task.take();
        drop(lock);
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use antiphon_crypto_rust::RustCrypto;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn endpoint() -> Arc<Endpoint> {
        Arc::default()
    }

    fn names(endpoint: &Arc<Endpoint>) -> Names {
        Names::on(Arc::clone(endpoint), Arc::new(RustCrypto::new()))
    }

    /// An address that others on the link could reach, where multicast works.
    fn address() -> Option<IpAddr> {
        let all = interfaces::current();
        let (id, subnet) = all.iter().find_map(|(id, all)| Some((*id, all.first()?)))?;
        let IpAddr::V4(v4) = subnet.address else { return None };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let _entered = runtime.enter();
        socket::Socket::v4(id, v4).ok().map(|_| subnet.address)
    }

    fn ask(names: &Names, name: &str) -> mpsc::Receiver<Option<IpAddr>> {
        let (tell, told) = mpsc::channel();
        let asked = names.resolve(name, move |address| {
            let _ = tell.send(address);
        });
        assert!(asked);
        told
    }

    fn ends(endpoint: &Endpoint) {
        let begin = Instant::now();
        while endpoint.lock().is_some() {
            assert!(begin.elapsed() < PATIENCE, "the thread goes on");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn one_endpoint_finds_the_names_of_another_through_sockets() {
        let Some(address) = address() else {
            eprintln!("SKIPPED: no interface with multicast");
            return;
        };
        let (ours, theirs) = (endpoint(), endpoint());
        let alice = names(&ours);
        let name = alice.hide(address).unwrap();
        assert_eq!(alice.hide(address), Some(name), "one name for one address");
        let bob = names(&theirs);
        // Two ask for the same name, and both are told.
        let told = [ask(&bob, &name.to_string()), ask(&bob, &name.to_string().to_uppercase())];
        for told in told {
            assert_eq!(told.recv_timeout(PATIENCE), Ok(Some(address)));
        }
        // Nobody asks any more, and nobody has a name.
        ends(&theirs);
        assert!(ours.lock().is_some());
        drop(alice);
        ends(&ours);
    }

    #[test]
    fn a_name_of_this_process_is_found_and_one_of_nobody_is_not() {
        let endpoint = endpoint();
        let (alice, bob) = (names(&endpoint), names(&endpoint));
        // Not even an address of this machine: names hide whatever they are given.
        let address: IpAddr = "198.51.100.7".parse().unwrap();
        let name = alice.hide(address).unwrap();
        let other = bob.hide(address).unwrap();
        assert_ne!(name, other, "two connections share no name");
        let found = ask(&bob, &name.to_string()).recv_timeout(PATIENCE);
        assert_eq!(found, Ok(Some(address)));
        let nobody = "1f4712db-ea17-4bcf-a596-105139dfd8bf.local";
        assert_eq!(ask(&bob, nobody).recv_timeout(PATIENCE), Ok(None));
        assert!(!bob.resolve("printer.local", |_| {}));
        drop((alice, bob));
        ends(&endpoint);
    }

    #[test]
    fn who_leaves_is_told_nothing_and_the_endpoint_starts_again() {
        let endpoint = endpoint();
        for _ in 0..3 {
            let alice = names(&endpoint);
            let told = ask(&alice, "1f4712db-ea17-4bcf-a596-105139dfd8bf.local");
            drop(alice);
            assert_eq!(told.recv_timeout(PATIENCE), Err(mpsc::RecvTimeoutError::Disconnected));
            ends(&endpoint);
        }
    }
}
