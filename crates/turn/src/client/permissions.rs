use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// A permission lasts exactly that long (RFC 8656 section 9).
const LIFETIME: Duration = Duration::from_secs(300);

/// Peers in one CreatePermission request: the request stays below the smallest MTU.
const MAX_PEERS_PER_REQUEST: usize = 12;

/// Who may send to the relayed address, by IP address.
#[derive(Debug, Default)]
pub(super) struct Permissions {
    peers: BTreeMap<IpAddr, Permission>,
}

#[derive(Clone, Copy, Debug)]
struct Permission {
    /// When it ends at the server; `None` before the first success.
    expires: Option<Duration>,
    /// When to ask for it (again); `None` while a request is on its way.
    ask_at: Option<Duration>,
}

impl Permissions {
    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(super) fn contains(&self, peer: IpAddr) -> bool {
        self.peers.contains_key(&peer)
    }

    /// Whether the server has it, as far as we know.
    pub(super) fn is_active(&self, peer: IpAddr) -> bool {
        self.peers.get(&peer).is_some_and(|permission| permission.expires.is_some())
    }

    /// To be asked for at once.
    pub(super) fn want(&mut self, now: Duration, peer: IpAddr) {
        self.peers.entry(peer).or_insert(Permission { expires: None, ask_at: Some(now) });
    }

    /// No more refreshed. The server forgets it by itself.
    pub(super) fn remove(&mut self, peer: IpAddr) -> bool {
        self.peers.remove(&peer).is_some()
    }

    pub(super) fn clear(&mut self) {
        self.peers.clear();
    }

    /// A request for these peers succeeded. Says whether `peer` had none before.
    pub(super) fn installed(&mut self, now: Duration, peer: IpAddr, refresh: Duration) -> bool {
        let Some(permission) = self.peers.get_mut(&peer) else { return false };
        let is_new = permission.expires.is_none();
        //= rfc8656#9
        // 300 seconds from now, whatever was left.
        permission.expires = Some(now.saturating_add(LIFETIME));
        permission.ask_at = Some(now.saturating_add(refresh));
        is_new
    }

    /// The peers to ask for now: none, or a request full of one family's and the other's.
    pub(super) fn due(&mut self, now: Duration) -> Vec<IpAddr> {
        let is_due = |permission: &Permission| permission.ask_at.is_some_and(|at| at <= now);
        if !self.peers.values().any(is_due) {
            return vec![];
        }
        // Those that would be due soon come along and save a request.
        let soon = now.saturating_add(Duration::from_secs(30));
        let mut peers = vec![];
        for pass in [now, soon] {
            for (peer, permission) in &mut self.peers {
                if permission.ask_at.is_some_and(|at| at <= pass) {
                    if peers.len() >= MAX_PEERS_PER_REQUEST {
                        return peers;
                    }
                    permission.ask_at = None;
                    peers.push(*peer);
                }
            }
        }
        peers
    }

    /// Asks again for what was on its way, on another path.
    pub(super) fn ask_again(&mut self, now: Duration, peers: &[IpAddr]) {
        for peer in peers {
            if let Some(permission) = self.peers.get_mut(peer) {
                permission.ask_at = Some(now);
            }
        }
    }

    /// Those whose time is over: the server knows them no more.
    pub(super) fn expire(&mut self, now: Duration) {
        for permission in self.peers.values_mut() {
            if permission.expires.is_some_and(|at| at <= now) {
                permission.expires = None;
            }
        }
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.peers.values().flat_map(|p| [p.expires, p.ask_at]).flatten().min()
    }
}
