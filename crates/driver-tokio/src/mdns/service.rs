//! The thread that sends and receives.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use antiphon_peerconnection::mdns::{InterfaceId, Subnet};
use tokio::runtime::Builder;
use tokio::time::Sleep;

use super::socket::Socket;
use super::{Answer, Endpoint, Hub, interfaces};

/// How often the machine's interfaces are looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// Longer than any message of multicast DNS (RFC 6762 section 17).
const MESSAGE: usize = 9000;
/// Datagrams of one socket in a row, before the others get their turn.
const IN_A_ROW: usize = 32;

/// Starts the thread. `None`: the system has none for us.
pub(super) fn start(endpoint: Arc<Endpoint>) -> Option<()> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build();
    let runtime =
        runtime.inspect_err(|error| tracing::warn!(%error, "no multicast DNS: no reactor")).ok()?;
    let thread = std::thread::Builder::new().name("antiphon-mdns".to_owned());
    let started = thread.spawn(move || {
        runtime.block_on(async { Service::new(endpoint).await });
    });
    started.inspect_err(|error| tracing::warn!(%error, "no multicast DNS: no thread")).ok()?;
    Some(())
}

/// Serves until nobody needs it.
struct Service {
    endpoint: Arc<Endpoint>,
    interfaces: BTreeMap<InterfaceId, Vec<Subnet>>,
    sockets: Vec<Socket>,
    looks_again: Instant,
    timer: Pin<Box<Sleep>>,
    buffer: Vec<u8>,
}

impl Service {
    fn new(endpoint: Arc<Endpoint>) -> Self {
        Self {
            endpoint,
            interfaces: BTreeMap::new(),
            sockets: Vec::new(),
            looks_again: Instant::now(),
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            buffer: vec![0; MESSAGE],
        }
    }

    /// Follows the interfaces that come, change and go.
    fn look_at_interfaces(&mut self, hub: &mut Hub, now: Instant) {
        if self.looks_again > now {
            return;
        }
        self.looks_again = now + LOOK_AGAIN;
        let current = interfaces::current();
        let previous = std::mem::take(&mut self.interfaces);
        for (id, addresses) in &previous {
            if current.get(id) != Some(addresses) {
                self.sockets.retain(|socket| socket.interface != *id);
            }
            if !current.contains_key(id) {
                hub.machine.remove_interface(now, *id);
            }
        }
        for (id, addresses) in &current {
            if previous.get(id) != Some(addresses) {
                self.open(*id, addresses);
                hub.machine.set_interface(now, *id, addresses);
            }
        }
        self.interfaces = current;
    }

    fn open(&mut self, id: InterfaceId, addresses: &[Subnet]) {
        let (v4, v6) = interfaces::families(addresses);
        let v4 = v4.map(|address| Socket::v4(id, address));
        let v6 = v6.then(|| Socket::v6(id));
        for opened in [v4, v6].into_iter().flatten() {
            match opened {
                Ok(socket) => self.sockets.push(socket),
                Err(error) => {
                    tracing::warn!(%error, interface = id.0, "no multicast DNS on this interface");
                }
            }
        }
    }

    /// `true`: there may be more.
    fn receive(&mut self, cx: &mut Context<'_>, hub: &mut Hub, now: Instant) -> bool {
        let mut more = false;
        for socket in &self.sockets {
            for turn in 0..=IN_A_ROW {
                if turn == IN_A_ROW {
                    more = true;
                    break;
                }
                let Poll::Ready(received) = socket.poll_receive(cx, &mut self.buffer) else {
                    break;
                };
                let Some((from, len)) = received else { continue };
                let message = self.buffer.get(..len).unwrap_or_default();
                if let Err(error) = hub.machine.handle_input(now, from, message) {
                    tracing::trace!(%error, source = %from.source, "dropped mDNS");
                }
            }
        }
        more
    }

    fn transmit(&mut self, hub: &mut Hub, now: Instant) {
        // A message is never longer than the buffer.
        while let Ok(Some(sent)) = hub.machine.poll_output(now, &mut self.buffer) {
            let fits = |socket: &&Socket| {
                socket.interface == sent.interface && socket.is_ipv4 == sent.destination.is_ipv4()
            };
            if let Some(socket) = self.sockets.iter().find(fits) {
                socket.send(sent.destination, self.buffer.get(..sent.len).unwrap_or_default());
            }
        }
    }

    /// One round under the lock. `None`: it is over.
    fn round(&mut self, cx: &mut Context<'_>) -> Option<(Vec<Answer>, bool)> {
        let endpoint = Arc::clone(&self.endpoint);
        let mut lock = endpoint.lock();
        let hub = lock.as_mut()?;
        let now = Instant::now();
        hub.task = Some(cx.waker().clone());
        self.look_at_interfaces(hub, now);
        let more = self.receive(cx, hub, now);
        hub.machine.handle_timeout(now);
        self.transmit(hub, now);
        let mut answers = hub.answers();
        if self.sockets.is_empty() && !hub.waiting.is_empty() {
            tracing::warn!("no multicast DNS: names of peers are not resolved");
            answers.extend(hub.give_up(now));
        }
        if hub.is_idle() && answers.is_empty() {
            // Who comes from now on starts another thread.
            *lock = None;
            return None;
        }
        let deadline = hub.machine.poll_timeout().into_iter().chain([self.looks_again]).min();
        if let Some(deadline) = deadline {
            self.timer.as_mut().reset(deadline.into());
        }
        let late = self.timer.as_mut().poll(cx).is_ready();
        // Answers may have been the last that was wanted.
        let again = more || late || !answers.is_empty();
        Some((answers, again))
    }
}

impl Future for Service {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some((answers, again)) = this.round(cx) else { return Poll::Ready(()) };
        // Unlocked: a connection's task locks the connection first, and then the hub.
        answers.into_iter().for_each(Answer::deliver);
        if again {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Service {
    /// A panic must not leave a hub that nobody serves.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let hub = self.endpoint.lock().take();
            let waiting = hub.map(|hub| hub.waiting).unwrap_or_default();
            let answers = waiting.into_values().flatten();
            answers.for_each(|waiting| Answer { waiting, address: None }.deliver());
        }
    }
}
