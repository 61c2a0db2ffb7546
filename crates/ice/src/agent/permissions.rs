//! Permissions on relays (RFC 8656 section 9): no check before the relay lets the peer through.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::diagnosis::Trace;
use crate::event::Event;
use crate::path::{BaseId, canonical};
use crate::policy::Permissions;

use super::Agent;

/// So many pairs of relay and peer are remembered.
const MAX_PERMISSIONS: usize = 256;

/// What is known about each relay and peer.
#[derive(Debug, Default)]
pub(crate) struct PermissionTable(Vec<Permission>);

#[derive(Debug)]
struct Permission {
    /// Canonical.
    relay: SocketAddr,
    peer: IpAddr,
    state: Standing,
}

/// How a permission stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The owner was asked and has until then.
    Asked {
        until: Duration,
    },
    Granted,
    Refused,
}

impl PermissionTable {
    fn find(&mut self, relay: SocketAddr, peer: IpAddr) -> Option<&mut Permission> {
        self.0.iter_mut().find(|known| known.relay == relay && known.peer == peer)
    }

    pub(crate) fn forget_relay(&mut self, relay: SocketAddr) {
        self.0.retain(|known| known.relay != relay);
    }

    /// Refusals do not outlive a generation.
    pub(crate) fn forget_refusals(&mut self) {
        self.0.retain(|known| known.state != Standing::Refused);
    }

    pub(crate) fn clear(&mut self) {
        self.0 = Vec::new();
    }

    pub(crate) fn next_expiry(&self) -> Duration {
        let asked = self.0.iter().filter_map(|known| match known.state {
            Standing::Asked { until } => Some(until),
            Standing::Granted | Standing::Refused => None,
        });
        asked.min().unwrap_or(Duration::MAX)
    }
}

impl Agent {
    /// How the permission for a peer on a relay stands; asks for it if nobody has.
    pub(super) fn permission(&mut self, base: BaseId, peer: IpAddr) -> Standing {
        if self.config.permissions == Permissions::Owner {
            return Standing::Granted;
        }
        let relay = base.addr;
        if let Some(known) = self.permissions.find(relay, peer) {
            return known.state;
        }
        if self.permissions.0.len() >= MAX_PERMISSIONS {
            return Standing::Refused;
        }
        let state = Standing::Asked { until: self.clock.after(self.config.permission_timeout) };
        self.permissions.0.push(Permission { relay, peer, state });
        let relay = self.base(base).map_or(relay, |base| base.addr);
        self.events.push(Event::PermissionNeeded { relay, peer });
        state
    }

    /// The relay at `relay` lets `peer` through, whatever its port: its pairs may be checked.
    pub fn permission_granted(&mut self, now: Instant, relay: SocketAddr, peer: IpAddr) {
        self.handle_timeout(now);
        self.set_permission(canonical(relay), peer.to_canonical(), Standing::Granted);
        self.settle();
    }

    /// The relay at `relay` does not let `peer` through: its pairs fail.
    pub fn permission_refused(&mut self, now: Instant, relay: SocketAddr, peer: IpAddr) {
        self.handle_timeout(now);
        self.set_permission(canonical(relay), peer.to_canonical(), Standing::Refused);
        self.settle();
    }

    /// A datagram of the peer came through the relay, so it lets the peer through.
    pub(super) fn permission_seen(&mut self, base: BaseId, peer: IpAddr) {
        let asked = self
            .permissions
            .find(base.addr, peer)
            .is_some_and(|known| matches!(known.state, Standing::Asked { .. }));
        if asked {
            self.set_permission(base.addr, peer, Standing::Granted);
        }
    }

    fn set_permission(&mut self, relay: SocketAddr, peer: IpAddr, state: Standing) {
        let Some(known) = self.permissions.find(relay, peer) else { return };
        if known.state == state {
            return;
        }
        known.state = state;
        let refused = state == Standing::Refused;
        if refused {
            self.evidence.permissions_refused = self.evidence.permissions_refused.saturating_add(1);
            self.trace(Trace::PermissionRefused { relay, peer });
        }
        let is_here = |path: crate::Path| path.local == relay && path.remote.ip() == peer;
        let pairs = self.current.checklist.iter().filter(|pair| pair.blocked);
        let paths: Vec<_> = pairs.map(|pair| pair.path).filter(|path| is_here(*path)).collect();
        for path in paths {
            if let Some(pair) = self.current.checklist.get_mut(path) {
                pair.blocked = false;
            }
            if refused {
                self.current.checklist.fail(path);
            }
        }
    }

    /// An owner that does not answer has refused.
    pub(super) fn expire_permissions(&mut self) {
        let now = self.clock.now();
        let overdue =
            |known: &&Permission| matches!(known.state, Standing::Asked { until } if until <= now);
        let late: Vec<_> =
            self.permissions.0.iter().filter(overdue).map(|p| (p.relay, p.peer)).collect();
        for (relay, peer) in late {
            self.set_permission(relay, peer, Standing::Refused);
        }
    }
}
