use std::net::{IpAddr, SocketAddr};

use antiphon_stun::{ErrorCode, MessageView};

use super::Server;
use super::auth::Auth;
use super::peers::BindError;
use super::reply::Problem;
use super::stats::bump;
use super::types::FiveTuple;
use crate::wire::attribute::{Family, Protocol};
use crate::wire::{ChannelNumber, TurnMessage as _, code};

const BAD_REQUEST: Problem = Problem::code(ErrorCode::BAD_REQUEST);

impl Server {
    //= rfc8656#10.2
    // All peers of a request are checked before any permission is installed.
    pub(crate) fn create_permission(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
        auth: &Auth,
        slot: u32,
    ) -> Result<(), Problem> {
        //= rfc8656#10.2
        // At least one address, and none of them malformed.
        view.xor_peer_address()?.ok_or(BAD_REQUEST)?;
        for peer in view.xor_peer_addresses() {
            peer?;
        }
        for peer in view.xor_peer_addresses().flatten() {
            self.ip_for(slot, peer.ip())?;
        }
        let now = self.clock.now();
        let limit = self.config.max_permissions;
        let ips = view.xor_peer_addresses().flatten().map(|peer| super::canonical(peer.ip()));
        let allocation = self.table.get_mut(slot).ok_or(BAD_REQUEST)?;
        if !allocation.peers.has_room(ips.clone(), now, limit) {
            return Err(Problem::code(code::INSUFFICIENT_CAPACITY));
        }
        for ip in ips {
            allocation.peers.permit(ip, now);
        }
        self.reply_success(from, &auth.signer, |_| Ok(()));
        Ok(())
    }

    //= rfc8656#12.2
    // Number and address must be there, the number in its range, and neither bound elsewhere.
    pub(crate) fn channel_bind(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
        auth: &Auth,
        slot: u32,
    ) -> Result<(), Problem> {
        let number = view.channel_number()?.ok_or(BAD_REQUEST)?;
        let peer = view.xor_peer_address()?.ok_or(BAD_REQUEST)?;
        let number = if self.config.rfc5766_channels {
            ChannelNumber::new_rfc5766(number)
        } else {
            ChannelNumber::new(number)
        };
        let number = number.ok_or(BAD_REQUEST)?.number();
        let peer = self.peer_for(slot, peer)?;
        let (now, limits) =
            (self.clock.now(), (self.config.max_permissions, self.config.max_channels));
        let allocation = self.table.get_mut(slot).ok_or(BAD_REQUEST)?;
        if allocation.protocol == Protocol::Tcp {
            return Err(BAD_REQUEST);
        }
        let no_room = Problem::code(code::INSUFFICIENT_CAPACITY);
        if !allocation.peers.has_room(std::iter::once(peer.ip()), now, limits.0) {
            return Err(no_room);
        }
        allocation.peers.bind(number, peer, now, limits.1).map_err(|error| match error {
            BindError::Conflict => BAD_REQUEST,
            BindError::Full => no_room,
        })?;
        self.reply_success(from, &auth.signer, |_| Ok(()));
        Ok(())
    }

    /// The peer in canonical form, when the allocation can reach its family (443) and the policy
    /// lets it (403).
    pub(crate) fn peer_for(&mut self, slot: u32, peer: SocketAddr) -> Result<SocketAddr, Problem> {
        self.check_family(slot, peer.ip())?;
        //= rfc8656#21.1.7
        // One gate for every method.
        self.admit(peer).ok_or(Problem::code(code::FORBIDDEN))
    }

    //= rfc8656#10.2
    // The port in CreatePermission means nothing: what is sent to a port is looked at then.
    fn ip_for(&mut self, slot: u32, peer: IpAddr) -> Result<(), Problem> {
        self.check_family(slot, peer)?;
        if self.config.admits_ip(super::canonical(peer)) {
            return Ok(());
        }
        bump(&mut self.stats.forbidden);
        Err(Problem::code(code::FORBIDDEN))
    }

    //= rfc8656#12.2
    //= rfc8656#10.2
    // A peer of a family that the allocation does not have is a mismatch.
    fn check_family(&self, slot: u32, peer: IpAddr) -> Result<(), Problem> {
        let family = Family::of(super::canonical(peer));
        if self.table.get(slot).is_none_or(|allocation| allocation.relay(family).is_none()) {
            return Err(Problem::code(code::PEER_FAMILY_MISMATCH));
        }
        Ok(())
    }
}
