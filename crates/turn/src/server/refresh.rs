use antiphon_stun::MessageView;

use super::Server;
use super::auth::Auth;
use super::event::Event;
use super::reply::{Problem, Signer};
use super::stats::bump;
use super::timers::Timer;
use super::types::{FiveTuple, RelayId};
use crate::wire::attribute::Family;
use crate::wire::{TurnMessage as _, TurnWriter as _, code};

/// What a Refresh request asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefreshWish {
    /// One family, or all.
    family: Option<Family>,
    lifetime: std::time::Duration,
}

impl Server {
    pub(crate) fn refresh(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
        auth: Auth,
        slot: u32,
    ) -> Result<(), Problem> {
        let wish = self.refresh_wish(view, &auth, slot)?;
        let signer = auth.signer.clone();
        self.renew_credential(slot, auth);
        self.apply_refresh(slot, wish);
        self.reply_success(from, &signer, |w| w.lifetime(wish.lifetime).map(drop));
        Ok(())
    }

    pub(crate) fn refresh_wish(
        &self,
        view: &MessageView<'_>,
        auth: &Auth,
        slot: u32,
    ) -> Result<RefreshWish, Problem> {
        let mismatch = Problem::code(code::PEER_FAMILY_MISMATCH);
        let family = match view.requested_address_family()? {
            None => None,
            //= rfc8656#8.2
            // A family that the allocation does not have is refused.
            Some(number) => {
                let family = Family::from_number(number).ok_or(mismatch)?;
                let allocation = self.table.get(slot).ok_or(mismatch)?;
                Some(allocation.relay(family).map(|_| family).ok_or(mismatch)?)
            }
        };
        let wish = view.lifetime()?;
        let lifetime = if wish.is_some_and(|wish| wish.is_zero()) {
            std::time::Duration::ZERO
        } else {
            self.lifetime(wish, auth.token_until)
        };
        Ok(RefreshWish { family, lifetime })
    }

    pub(crate) fn lifetime_of(wish: RefreshWish) -> std::time::Duration {
        wish.lifetime
    }

    /// From now on requests are checked with what this Refresh was.
    pub(crate) fn renew_credential(&mut self, slot: u32, auth: Auth) {
        let Some(allocation) = self.table.get_mut(slot) else { return };
        let Signer { key, .. } = auth.signer;
        allocation.credential = super::allocation::Credential {
            name: auth.name,
            sha256: auth.sha256_key,
            key,
            token_until: auth.token_until,
        };
    }

    pub(crate) fn apply_refresh(&mut self, slot: u32, wish: RefreshWish) {
        let families = match wish.family {
            Some(family) => [Some(family), None],
            None => [Some(Family::V4), Some(Family::V6)],
        };
        for family in families.into_iter().flatten() {
            if wish.lifetime.is_zero() {
                self.close_family(slot, family);
                continue;
            }
            let expires = self.clock.after(wish.lifetime);
            let relay = self.table.get_mut(slot).and_then(|found| found.relay_mut(family).as_mut());
            if let Some(relay) = relay {
                let timer = Timer::Relay(slot, family == Family::V6);
                self.timers.cancel(relay.expires, timer);
                relay.expires = expires;
                self.timers.set(expires, timer);
            }
        }
    }

    /// Ends all of an allocation.
    pub(crate) fn close(&mut self, slot: u32) {
        for family in [Family::V4, Family::V6] {
            self.close_family(slot, family);
        }
    }

    /// Ends the relay of one family, and the allocation with its last.
    pub(crate) fn close_family(&mut self, slot: u32, family: Family) {
        let generation = self.table.generation(slot);
        let now = self.clock.now();
        let Some(allocation) = self.table.get_mut(slot) else { return };
        let before = allocation.info(now);
        let Some(relay) = allocation.relay_mut(family).take() else { return };
        allocation.peers.forget_family(family);
        let is_last = allocation.relays.iter().all(Option::is_none);
        let v6 = family == Family::V6;
        self.timers.cancel(relay.expires, Timer::Relay(slot, v6));
        self.give_back(relay.pool, relay.local.port());
        let id = RelayId { slot, generation, v6, attempt: relay.attempt };
        self.close_connections(slot, generation, family);
        self.events.push_back(Event::CloseRelay { relay: id });
        if is_last {
            let was_live = self.discard(slot);
            if was_live {
                self.events.push_back(Event::Ended(before));
                bump(&mut self.stats.allocations_ended);
                self.stats.allocations = self.stats.allocations.saturating_sub(1);
            }
        }
    }

    /// Takes an allocation without relays out of all tables; whether it had come to life.
    pub(crate) fn discard(&mut self, slot: u32) -> bool {
        let Some(allocation) = self.table.remove(slot) else { return false };
        self.config.quotas.give_back(&allocation.user);
        if let Some(to) = allocation.mobility.as_ref().and_then(|mobility| mobility.moving) {
            self.events.push_back(Event::NotMoved { to });
        }
        allocation.opening.is_none()
    }
}
