use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::wire::attribute::Family;

/// How long a permission lasts (RFC 8656 section 9).
pub(crate) const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);
/// How long a channel is bound (RFC 8656 section 12).
pub(crate) const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);

/// The peers of one allocation: permissions and channels, both sorted, so that a look-up takes a
/// handful of comparisons and no memory beyond the entries.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    /// By number.
    channels: Vec<Channel>,
    /// By the peer's address: the channel's number.
    by_peer: Vec<(SocketAddr, u16)>,
    /// By address.
    permissions: Vec<Permission>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Channel {
    pub(crate) number: u16,
    pub(crate) peer: SocketAddr,
    expires: Duration,
    /// When the permission for the peer ends, kept here to spare a second look-up.
    permitted: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Permission {
    ip: IpAddr,
    until: Duration,
}

/// Why a channel was not bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BindError {
    /// The channel has another peer, or the peer another channel.
    Conflict,
    Full,
}

impl Peers {
    /// The channel of that number, if data may pass through it now.
    #[inline]
    pub(crate) fn channel(&self, number: u16, now: Duration) -> Option<&Channel> {
        let at = self.channels.binary_search_by_key(&number, |channel| channel.number).ok()?;
        self.channels.get(at).filter(|channel| now < channel.expires)
    }

    /// The channel bound to `peer`.
    #[inline]
    pub(crate) fn channel_of(&self, peer: SocketAddr, now: Duration) -> Option<&Channel> {
        let at = self.by_peer.binary_search_by_key(&peer, |(peer, _)| *peer).ok()?;
        let (_, number) = self.by_peer.get(at)?;
        self.channel(*number, now)
    }

    //= rfc8656#9
    // Only the address counts, not the port, and only until the permission ends.
    #[inline]
    pub(crate) fn permits(&self, ip: IpAddr, now: Duration) -> bool {
        let found = self.permissions.binary_search_by_key(&ip, |permission| permission.ip);
        found.ok().and_then(|at| self.permissions.get(at)).is_some_and(|found| now < found.until)
    }

    /// Whether there is room for permissions for all of `ips`; makes room by forgetting old ones.
    pub(crate) fn has_room(
        &mut self,
        ips: impl Iterator<Item = IpAddr>,
        now: Duration,
        limit: usize,
    ) -> bool {
        self.permissions.retain(|permission| now < permission.until);
        let mut fresh: Vec<IpAddr> = Vec::new();
        for ip in ips {
            let known = self.permissions.binary_search_by_key(&ip, |known| known.ip).is_ok();
            if !known && !fresh.contains(&ip) {
                fresh.push(ip);
                if self.permissions.len().saturating_add(fresh.len()) > limit {
                    return false;
                }
            }
        }
        true
    }

    /// Installs or refreshes a permission.
    pub(crate) fn permit(&mut self, ip: IpAddr, now: Duration) {
        //= rfc8656#9
        // A permission lasts 300 seconds from now.
        let until = now.saturating_add(PERMISSION_LIFETIME);
        match self.permissions.binary_search_by_key(&ip, |permission| permission.ip) {
            Ok(at) => {
                if let Some(permission) = self.permissions.get_mut(at) {
                    permission.until = until;
                }
            }
            Err(at) => self.permissions.insert(at, Permission { ip, until }),
        }
        for channel in self.channels.iter_mut().filter(|channel| channel.peer.ip() == ip) {
            channel.permitted = until;
        }
    }

    /// Binds or refreshes a channel, and its permission.
    pub(crate) fn bind(
        &mut self,
        number: u16,
        peer: SocketAddr,
        now: Duration,
        limit: usize,
    ) -> Result<(), BindError> {
        self.forget_unbound(now);
        let by_number = self.channels.binary_search_by_key(&number, |channel| channel.number);
        let by_peer = self.by_peer.binary_search_by_key(&peer, |(peer, _)| *peer);
        let expires = now.saturating_add(CHANNEL_LIFETIME);
        match (by_number, by_peer) {
            (Ok(at), Ok(_)) => {
                let channel = self.channels.get_mut(at).filter(|channel| channel.peer == peer);
                channel.ok_or(BindError::Conflict)?.expires = expires;
            }
            //= rfc8656#12.2
            // One channel for one peer: neither is bound twice.
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => return Err(BindError::Conflict),
            (Err(_), Err(_)) if self.channels.len() >= limit => return Err(BindError::Full),
            (Err(at), Err(peer_at)) => {
                let permitted = Duration::ZERO;
                self.channels.insert(at, Channel { number, peer, expires, permitted });
                self.by_peer.insert(peer_at, (peer, number));
            }
        }
        self.permit(peer.ip(), now);
        Ok(())
    }

    fn forget_unbound(&mut self, now: Duration) {
        if self.channels.iter().any(|channel| channel.expires <= now) {
            self.channels.retain(|channel| now < channel.expires);
            let channels = &self.channels;
            self.by_peer.retain(|(_, number)| {
                channels.binary_search_by_key(number, |channel| channel.number).is_ok()
            });
        }
    }

    //= rfc8656#8.1
    // What belongs to one family ends with its relay, and leaves the other's alone.
    pub(crate) fn forget_family(&mut self, family: Family) {
        self.permissions.retain(|permission| Family::of(permission.ip) != family);
        self.channels.retain(|channel| Family::of(channel.peer.ip()) != family);
        self.by_peer.retain(|(peer, _)| Family::of(peer.ip()) != family);
    }

    /// Ends the permissions for addresses that are not to be kept; how many held until now.
    pub(crate) fn revoke(&mut self, now: Duration, keep: impl Fn(IpAddr) -> bool) -> usize {
        let mut ended = 0_usize;
        self.permissions.retain(|permission| {
            let kept = keep(permission.ip);
            ended = ended.saturating_add(usize::from(!kept && now < permission.until));
            kept
        });
        for channel in self.channels.iter_mut().filter(|channel| !keep(channel.peer.ip())) {
            channel.permitted = Duration::ZERO;
        }
        ended
    }

    /// Entries, old ones included.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.permissions.len(), self.channels.len())
    }
}

impl Channel {
    #[inline]
    pub(crate) fn is_permitted(&self, now: Duration) -> bool {
        now < self.permitted
    }
}
