//! The way of a datagram through realms and their NATs.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{Fate, Netem};
use crate::Path;

impl Netem {
    /// Leaves realms through their NATs until the destination is in sight.
    pub(super) fn climb(
        &mut self,
        at: Duration,
        mut realm: usize,
        path: Path,
    ) -> Result<(usize, Vec<usize>, SocketAddr), Fate> {
        let mut source = path.local;
        let mut left = Vec::new();
        while self.host_in(realm, path.remote.ip()).is_none()
            && self.nat_in(realm, path.remote.ip()).is_none()
        {
            let state = self.realms.get_mut(realm).ok_or(Fate::NoRoute)?;
            let nat = state.nat.as_mut().ok_or(Fate::NoRoute)?;
            source = nat.outbound(at, source, path.remote).ok_or(Fate::Filtered)?;
            left.push(realm);
            realm = state.parent;
        }
        Ok((realm, left, source))
    }

    /// Enters realms through their NATs until the host is found.
    pub(super) fn descend(
        &mut self,
        at: Duration,
        mut realm: usize,
        left: &[usize],
        source: SocketAddr,
        mut destination: SocketAddr,
    ) -> Result<(usize, SocketAddr), Fate> {
        loop {
            if let Some(host) = self.host_in(realm, destination.ip()) {
                return Ok((host, destination));
            }
            let inner = self.nat_in(realm, destination.ip()).ok_or(Fate::NoRoute)?;
            let nat = self.realms.get_mut(inner).and_then(|realm| realm.nat.as_mut());
            let nat = nat.ok_or(Fate::NoRoute)?;
            if left.contains(&inner) && !nat.hairpin() {
                return Err(Fate::NoHairpin);
            }
            destination = nat.inbound(at, source, destination.port()).ok_or(Fate::Filtered)?;
            realm = inner;
        }
    }

    fn host_in(&self, realm: usize, address: IpAddr) -> Option<usize> {
        self.hosts.iter().position(|host| host.realm == realm && host.addresses.contains(&address))
    }

    /// The realm behind the NAT that has this external address in `realm`.
    fn nat_in(&self, realm: usize, address: IpAddr) -> Option<usize> {
        self.realms.iter().position(|inner| {
            inner.parent == realm && inner.nat.as_ref().is_some_and(|nat| nat.external() == address)
        })
    }
}
