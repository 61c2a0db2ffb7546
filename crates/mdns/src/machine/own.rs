//! Names of ours: registering, announcing, taking back.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rand_core::Rng as _;

use super::send::Send;
use super::{Mdns, Scope, Task};
use crate::interface::Family;
use crate::{InterfaceId, Name, RegisterError};

/// A record goes to everybody at most once in this time.
const MULTICAST_INTERVAL: Duration = Duration::from_secs(1);

/// So many announcements, a second apart.
const ANNOUNCEMENTS: u8 = 2;

/// A name of ours.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) scope: Scope,
    pub(super) address: IpAddr,
    /// Where the address is valid; `None` while no interface has it.
    pub(super) interface: Option<InterfaceId>,
    pub(super) last_multicast: Option<Duration>,
    /// Announcements still to be made.
    announcements: u8,
    /// When the record goes to everybody next.
    pub(super) due: Option<Duration>,
    /// Whether somebody asked for the address, not only for what the name does not have.
    pub(super) positive: bool,
    /// The only host that waits for it, and may still say that it knows the answer.
    pub(super) waiting: Option<SocketAddr>,
    /// A datagram with the record waits to be sent.
    pub(super) queued: bool,
    /// The name is being taken back.
    pub(super) leaving: bool,
}

impl Mdns {
    /// Gives `address` a name, or tells the one it has in `scope`.
    ///
    /// The name can be used at once: it is announced where an interface has the address, and
    /// nothing tells whether that worked (the draft's section 3.1.1 wants no difference to be seen).
    /// It is not probed for, because no other host can have drawn the same 122 random bits.
    ///
    /// # Errors
    ///
    /// [`RegisterError`].
    pub fn register(
        &mut self,
        now: Instant,
        scope: Scope,
        address: IpAddr,
    ) -> Result<Name, RegisterError> {
        self.clock.advance(now);
        if address.is_unspecified() || address.is_multicast() {
            return Err(RegisterError::Address { address });
        }
        if let Some(name) = self.addresses.get(&(scope, address)) {
            return Ok(*name);
        }
        if self.own.len() >= self.config.max_names {
            return Err(RegisterError::TooMany { limit: self.config.max_names });
        }
        let mut bytes = [0; 16];
        self.random.fill_bytes(&mut bytes);
        let name = Name::from_random(bytes);
        self.addresses.insert((scope, address), name);
        let own = Own {
            scope,
            address,
            interface: None,
            last_multicast: None,
            announcements: 0,
            due: None,
            positive: false,
            waiting: None,
            queued: false,
            leaving: false,
        };
        self.own.insert(name, own);
        self.assign_name(name, None);
        Ok(name)
    }

    /// Takes a name back, and tells the network so.
    pub fn unregister(&mut self, now: Instant, name: Name) {
        self.clock.advance(now);
        let Some(own) = self.own.get_mut(&name) else { return };
        if own.leaving {
            return;
        }
        own.leaving = true;
        self.addresses.remove(&(own.scope, own.address));
        if own.interface.is_none() || own.last_multicast.is_none() {
            self.forget(name);
            return;
        }
        //= rfc6762#10.1
        // What others keep of us is taken back when it ends.
        self.schedule(name, self.clock.now(), MULTICAST_INTERVAL);
    }

    /// Takes all names of a session back.
    pub fn unregister_scope(&mut self, now: Instant, scope: Scope) {
        let names: Vec<Name> = self
            .addresses
            .range((scope, IpAddr::from([0; 4]))..)
            .take_while(|((of, _), _)| *of == scope)
            .map(|(_, name)| *name)
            .collect();
        for name in names {
            self.unregister(now, name);
        }
    }

    /// The address that a name of ours has.
    #[must_use]
    pub fn address_of(&self, name: Name) -> Option<IpAddr> {
        self.own.get(&name).filter(|own| !own.leaving).map(|own| own.address)
    }

    fn forget(&mut self, name: Name) {
        if let Some(own) = self.own.remove(&name)
            && let Some(due) = own.due
        {
            self.timers.remove(&(due, Task::Multicast(name)));
        }
    }

    /// Finds out where each name is valid, after interfaces changed. Names of `changed` are
    /// announced anew.
    pub(super) fn assign_names(&mut self, changed: Option<InterfaceId>) {
        let names: Vec<Name> = self.own.keys().copied().collect();
        for name in names {
            self.assign_name(name, changed);
        }
    }

    fn assign_name(&mut self, name: Name, changed: Option<InterfaceId>) {
        let Some(own) = self.own.get_mut(&name) else { return };
        let mut interfaces = self.interfaces.iter();
        let found = interfaces.find(|(_, interface)| interface.has(own.address)).map(|(id, _)| *id);
        if own.interface == found && (found.is_none() || found != changed) {
            return;
        }
        (own.interface, own.queued) = (found, false);
        if own.leaving && found.is_none() {
            self.forget(name);
        } else if found.is_some() && !own.leaving {
            //= rfc6762#8.3
            // New on a link, a record is announced twice, and never again without a reason.
            //= rfc6762#8.4
            // So it is when an address moves to another link.
            own.announcements = ANNOUNCEMENTS;
            own.positive = true;
            self.schedule(name, self.clock.now(), MULTICAST_INTERVAL);
        }
    }

    /// Announces a record once more: somebody says otherwise, or forgets too early.
    pub(super) fn announce_again(&mut self, name: Name) {
        let Some(own) = self.own.get_mut(&name) else { return };
        own.announcements = own.announcements.max(1);
        (own.positive, own.waiting) = (true, None);
        self.schedule(name, self.clock.now(), MULTICAST_INTERVAL);
    }

    /// Plans to send a record to everybody at `at`, or as soon after it as `interval` allows.
    pub(super) fn schedule(&mut self, name: Name, at: Duration, interval: Duration) {
        let Some(own) = self.own.get_mut(&name) else { return };
        //= rfc6762#6
        // Whatever is asked how often, a record goes to everybody at most once a second; four
        // times where a probe has to be answered.
        let earliest = own.last_multicast.map_or(at, |last| at.max(last.saturating_add(interval)));
        if let Some(due) = own.due {
            if due <= earliest {
                return;
            }
            self.timers.remove(&(due, Task::Multicast(name)));
        }
        own.due = Some(earliest);
        self.timers.insert((earliest, Task::Multicast(name)));
    }

    /// Does not send a planned record after all.
    pub(super) fn unschedule(&mut self, name: Name) {
        let Some(own) = self.own.get_mut(&name) else { return };
        if own.announcements == 0
            && !own.leaving
            && let Some(due) = own.due.take()
        {
            (own.positive, own.waiting) = (false, None);
            self.timers.remove(&(due, Task::Multicast(name)));
        }
    }

    //= rfc6762#6.2
    // A name has one address, which is all there is to tell; it is valid on the interface. That the
    // name has none of the other family is true on both families, and said on both.
    /// Sends a record to everybody, on each family that its interface has.
    pub(super) fn multicast(&mut self, name: Name) {
        let now = self.clock.now();
        let Some(own) = self.own.get_mut(&name) else { return };
        own.due = None;
        own.last_multicast = Some(now);
        let positive = own.positive || own.leaving;
        (own.positive, own.waiting) = (false, None);
        own.announcements = own.announcements.saturating_sub(1);
        let (more, leaving, address) = (own.announcements > 0, own.leaving, own.address);
        let queued = own.queued && !leaving;
        let Some(interface) = own.interface else { return };
        let known = self.interfaces.get(&interface);
        let speaks = Family::ALL.map(|family| known.is_some_and(|known| known.speaks(family)));
        for (family, speaks) in Family::ALL.into_iter().zip(speaks) {
            if speaks && !queued {
                let ttl = leaving.then_some(0);
                self.push(Send::Records { interface, family, name, address, ttl, positive });
            }
        }
        if leaving {
            self.own.remove(&name);
        } else if more {
            if let Some(own) = self.own.get_mut(&name) {
                own.positive = true;
            }
            self.schedule(name, now, MULTICAST_INTERVAL);
        }
    }
}
