use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_core::Rng as _;

use super::allocation::{Relayed, index};
use super::event::Event;
use super::ports::Want;
use super::reply::{Problem, Signer};
use super::stats::bump;
use super::timers::Timer;
use super::types::RelayId;
use super::{Reservation, Server};
use crate::wire::attribute::{AddressError, Family, Protocol};
use crate::wire::{TurnWriter as _, code};

/// How many ports are tried before the client hears 508.
const ATTEMPTS: u8 = 8;

impl Server {
    /// A number below `n`, 0 when `n` is.
    pub(crate) fn draw(random: &mut impl rand_core::Rng, n: usize) -> usize {
        let n = u64::try_from(n).unwrap_or(u64::MAX);
        // The upper half of the product is below n; the bias is below n / 2^64.
        let product = u128::from(random.next_u64()).wrapping_mul(u128::from(n));
        usize::try_from(product >> 64).unwrap_or(0)
    }

    pub(crate) fn random_bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill_bytes(&mut bytes);
        bytes
    }

    /// Takes a port of that family from one of its addresses, beginning with a random one. When no
    /// address has a free one, a port that rests is better than none.
    pub(crate) fn take_port(
        &mut self,
        family: Family,
        protocol: Protocol,
        want: Want,
    ) -> Option<Relayed> {
        let now = self.clock.now();
        let count = self.pools.len();
        let start = Self::draw(&mut self.random, count);
        for rested in [true, false] {
            for step in 0..count {
                let at = start.saturating_add(step).checked_rem(count)?;
                let random = &mut self.random;
                let Some(pool) = self.pools.get_mut(at) else { continue };
                if pool.protocol != protocol || Family::of(pool.address.ip) != family {
                    continue;
                }
                let port = if rested {
                    pool.ports.take(want, now, |n| Self::draw(random, n))
                } else {
                    pool.ports.take_resting(want)
                };
                if let Some(port) = port {
                    if !rested {
                        bump(&mut self.stats.ports_unrested);
                    }
                    return self.relayed(at, port, false);
                }
            }
        }
        None
    }

    pub(crate) fn relayed(&self, pool: usize, port: u16, reserved: bool) -> Option<Relayed> {
        let address = self.pools.get(pool)?.address;
        Some(Relayed {
            local: SocketAddr::new(address.ip, port),
            seen: SocketAddr::new(address.seen(), port),
            pool,
            is_open: false,
            attempt: 0,
            expires: Duration::MAX,
            reserved,
        })
    }

    pub(crate) fn give_back(&mut self, pool: usize, port: u16) {
        let now = self.clock.now();
        if let Some(pool) = self.pools.get_mut(pool) {
            pool.ports.give_back(port, now);
        }
    }

    //= rfc8656#7.2
    // The port after an even one is held for a token, 30 seconds at least.
    pub(crate) fn reserve(&mut self, relay: &Relayed) -> [u8; 8] {
        let mut token: [u8; 8] = self.random_bytes();
        while self.reservations.contains_key(&token) {
            token = self.random_bytes();
        }
        let [shard, ..] = &mut token;
        *shard = self.config.shard;
        let until = self.clock.after(self.config.reservation_lifetime);
        let port = relay.local.port().saturating_add(1);
        let reservation = Reservation { pool: relay.pool, port, until };
        if let Some(old) = self.reservations.insert(token, reservation) {
            self.timers.cancel(old.until, Timer::Reservation(token));
            self.give_back(old.pool, old.port);
        }
        self.timers.set(until, Timer::Reservation(token));
        token
    }

    pub(crate) fn take_reservation(&mut self, token: [u8; 8]) -> Option<Reservation> {
        let reservation = self.reservations.remove(&token)?;
        self.timers.cancel(reservation.until, Timer::Reservation(token));
        Some(reservation)
    }

    /// Asks the driver for the sockets of a new allocation.
    pub(crate) fn open_relays(&mut self, slot: u32) {
        for family in [Family::V4, Family::V6] {
            self.open_relay(slot, family);
        }
    }

    fn open_relay(&mut self, slot: u32, family: Family) {
        let generation = self.table.generation(slot);
        let Some(allocation) = self.table.get(slot) else { return };
        let Some(relay) = allocation.relay(family) else { return };
        let id = RelayId { slot, generation, v6: family == Family::V6, attempt: relay.attempt };
        let (address, protocol) = (relay.local, allocation.protocol);
        self.events.push_back(Event::OpenRelay { relay: id, address, protocol });
    }

    /// The socket of [`Event::OpenRelay`] is open.
    pub fn relay_opened(&mut self, now: Instant, relay: RelayId) {
        self.clock.advance(now);
        let Some(allocation) = self.table.get_same(relay.slot, relay.generation) else { return };
        let found = allocation.relay_mut(relay.family()).as_mut();
        let Some(relayed) = found.filter(|found| found.attempt == relay.attempt) else { return };
        relayed.is_open = true;
        self.go_live(relay.slot);
    }

    /// The socket of [`Event::OpenRelay`] cannot be opened; another port is tried.
    pub fn relay_failed(&mut self, now: Instant, relay: RelayId) {
        self.clock.advance(now);
        let Some(allocation) = self.table.get_same(relay.slot, relay.generation) else { return };
        let (protocol, family) = (allocation.protocol, relay.family());
        let Some(opening) = allocation.opening.as_ref() else { return };
        let want = opening.want;
        let found = allocation.relay_mut(family);
        let is_this = |found: &mut Relayed| found.attempt == relay.attempt && !found.is_open;
        let Some(failed) = found.take_if(is_this) else { return };
        let reservation = allocation.reservation.take();
        self.give_back(failed.pool, failed.local.port());
        if let Some(reservation) = reservation.and_then(|token| self.take_reservation(token)) {
            self.give_back(reservation.pool, reservation.port);
        }
        let attempt = failed.attempt.saturating_add(1);
        let mut next = None;
        if !failed.reserved && attempt < ATTEMPTS {
            next = self.take_port(family, protocol, want);
        }
        let token = next.filter(|_| want == Want::Pair).map(|next| self.reserve(&next));
        if let Some(allocation) = self.table.get_mut(relay.slot) {
            allocation.reservation = token;
            *allocation.relay_mut(family) = next.map(|next| Relayed { attempt, ..next });
            if next.is_none() && allocation.relay(family.other()).is_some() {
                let code = code::INSUFFICIENT_CAPACITY;
                allocation.address_error = Some(AddressError { family, code });
            }
        }
        match next {
            Some(_) => self.open_relay(relay.slot, family),
            None => self.go_live(relay.slot),
        }
    }

    /// Answers the Allocate request once nothing is left to open.
    fn go_live(&mut self, slot: u32) {
        let now = self.clock.now();
        let Some(allocation) = self.table.get_mut(slot) else { return };
        if allocation.relays.iter().flatten().any(|relay| !relay.is_open) {
            return;
        }
        let Some(opening) = allocation.opening.take() else { return };
        if allocation.relays.iter().flatten().next().is_none() {
            let to = allocation.tuple;
            self.discard(slot);
            let problem = Problem::code(code::INSUFFICIENT_CAPACITY);
            return self.reply_error(to, &opening.signer, problem);
        }
        let expires = now.saturating_add(opening.lifetime);
        for relay in allocation.relays.iter_mut().flatten() {
            relay.expires = expires;
        }
        let families: [bool; 2] = [Family::V4, Family::V6].map(|f| allocation.relay(f).is_some());
        for family in [Family::V4, Family::V6] {
            if families.get(index(family)).is_some_and(|is| *is) {
                self.timers.set(expires, Timer::Relay(slot, family == Family::V6));
            }
        }
        bump(&mut self.stats.allocations_created);
        bump(&mut self.stats.allocations);
        if let Some(allocation) = self.table.get(slot) {
            self.events.push_back(Event::Created(allocation.info(now)));
        }
        self.allocated(slot, &opening.signer, opening.lifetime);
    }

    //= rfc8656#7.2
    // The success response says the relayed addresses, the lifetime, the token and the address
    // that the request came from.
    pub(crate) fn allocated(&mut self, slot: u32, signer: &Signer, left: Duration) {
        let ticket = self.ticket(slot);
        let Some(allocation) = self.table.get(slot) else { return };
        let to = allocation.tuple;
        let seen = allocation.relays.map(|relay| relay.map(|relay| relay.seen));
        let (reservation, error) = (allocation.reservation, allocation.address_error);
        self.reply_success(to, signer, |w| {
            for relayed in seen.into_iter().flatten() {
                w.xor_relayed_address(relayed)?;
            }
            w.lifetime(left)?;
            w.xor_mapped_address(to.client)?;
            if let Some(token) = reservation {
                w.reservation_token(token)?;
            }
            if let Some(error) = error {
                w.address_error_code(error)?;
            }
            if let Some(ticket) = ticket {
                w.mobility_ticket(&ticket)?;
            }
            Ok(())
        });
    }
}
