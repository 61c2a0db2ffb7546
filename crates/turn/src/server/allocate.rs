use std::time::Duration;

use antiphon_stun::{ErrorCode, MessageView};

use super::Server;
use super::allocation::{Allocation, Credential, Mobility, Opening, Relayed};
use super::auth::Auth;
use super::limiter::Bandwidth;
use super::peers::Peers;
use super::policy::is_tunnelled;
use super::ports::Want;
use super::reply::Problem;
use super::types::FiveTuple;
use crate::wire::attribute::{self, AddressError, Family, Protocol};
use crate::wire::{TurnMessage as _, code};

/// What an Allocate request asks for, checked for itself.
#[derive(Clone, Copy, Debug)]
struct Wish {
    protocol: Protocol,
    family: Family,
    /// The other family, too.
    dual: bool,
    want: Want,
    reservation: Option<[u8; 8]>,
    mobility: bool,
    lifetime: Option<Duration>,
}

const BAD_REQUEST: Problem = Problem::code(ErrorCode::BAD_REQUEST);
const NO_CAPACITY: Problem = Problem::code(code::INSUFFICIENT_CAPACITY);

impl Server {
    //= rfc8656#7.2
    // The checks in their order; authentication was the first.
    pub(crate) fn allocate(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
        auth: Auth,
    ) -> Result<(), Problem> {
        if let Some(slot) = self.table.find(&from) {
            return self.allocate_again(from, view, &auth, slot);
        }
        //= rfc8656#21.4
        // Nobody behind a tunnel of 6to4 or Teredo allocates.
        if is_tunnelled(from.client.ip()) {
            return Err(Problem::code(code::FORBIDDEN));
        }
        let wish = self.wish(from, view)?;
        if self.table.len() >= self.config.max_allocations {
            return Err(self.elsewhere(from).unwrap_or(NO_CAPACITY));
        }
        if self.is_draining {
            return Err(self.elsewhere(from).unwrap_or(NO_CAPACITY));
        }
        if self.config.redirect.is_some_and(|redirect| self.table.len() >= redirect.above)
            && let Some(problem) = self.elsewhere(from)
        {
            return Err(problem);
        }
        if !self.config.quotas.take(&auth.user, auth.max_allocations) {
            return Err(Problem::code(code::QUOTA_REACHED));
        }
        let user = auth.user.clone();
        let made = self.make(from, view, auth, &wish);
        if made.is_err() {
            self.config.quotas.give_back(&user);
        }
        made
    }

    /// The 5-tuple is taken: a retransmission gets its answer again, anything else 437.
    fn allocate_again(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
        auth: &Auth,
        slot: u32,
    ) -> Result<(), Problem> {
        let mismatch = Problem::code(code::ALLOCATION_MISMATCH);
        let allocation = self.table.get(slot).ok_or(mismatch)?;
        let is_same = allocation.transaction == view.transaction_id()
            && allocation.user == auth.user
            && allocation.tuple == from;
        if !is_same {
            return Err(mismatch);
        }
        if allocation.is_live() {
            let left = allocation.expires().saturating_sub(self.clock.now());
            self.allocated(slot, &auth.signer, left);
        }
        Ok(())
    }

    fn wish(&self, from: FiveTuple, view: &MessageView<'_>) -> Result<Wish, Problem> {
        let number = view.requested_transport()?.ok_or(BAD_REQUEST)?;
        let unsupported = Problem::code(code::UNSUPPORTED_TRANSPORT);
        let protocol = Protocol::from_number(number).ok_or(unsupported)?;
        let even_port = view.even_port()?;
        let reservation = view.reservation_token()?;
        if protocol == Protocol::Tcp {
            self.check_tcp(from, view, even_port.is_some() || reservation.is_some())?;
        }
        //= rfc8656#3.7
        // Who asks for DF of a server that cannot is told so.
        if view.dont_fragment() && !self.config.dont_fragment {
            return Err(Problem::unknown(std::iter::once(attribute::DONT_FRAGMENT)));
        }
        let requested = view.requested_address_family()?;
        let additional = view.additional_address_family()?;
        let has_family = requested.is_some() || additional.is_some();
        if let Some(token) = reservation {
            if even_port.is_some() || has_family {
                return Err(BAD_REQUEST);
            }
            if !self.reservations.contains_key(&token) {
                return Err(NO_CAPACITY);
            }
        }
        if requested.is_some() && additional.is_some() {
            return Err(BAD_REQUEST);
        }
        let no_family = Problem::code(code::ADDRESS_FAMILY_NOT_SUPPORTED);
        let family = Family::from_number(requested.unwrap_or(1)).ok_or(no_family)?;
        let has = |family| self.has_family(family, protocol);
        if additional.is_none() && reservation.is_none() && !has(family) {
            return Err(no_family);
        }
        if even_port == Some(true) && additional.is_some() {
            return Err(BAD_REQUEST);
        }
        //= rfc8656#18.11
        // IPv6 is the one family that can be additional.
        if additional.is_some_and(|number| Family::from_number(number) != Some(Family::V6)) {
            return Err(BAD_REQUEST);
        }
        if additional.is_some() && !has(Family::V4) && !has(Family::V6) {
            return Err(no_family);
        }
        let mobility = self.wants_ticket(view)?;
        Ok(Wish {
            protocol,
            family,
            dual: additional.is_some(),
            want: match even_port {
                None => Want::Any,
                Some(false) => Want::Even,
                Some(true) => Want::Pair,
            },
            reservation,
            mobility,
            lifetime: view.lifetime()?,
        })
    }

    //= rfc6062#5.1
    // TCP relays are for clients on streams, and know no port pairs and no fragments.
    fn check_tcp(
        &self,
        from: FiveTuple,
        view: &MessageView<'_>,
        has_port_wish: bool,
    ) -> Result<(), Problem> {
        if !self.config.tcp_relays {
            return Err(Problem::code(code::UNSUPPORTED_TRANSPORT));
        }
        if !from.transport.is_stream() || has_port_wish || view.dont_fragment() {
            return Err(BAD_REQUEST);
        }
        Ok(())
    }

    fn wants_ticket(&self, view: &MessageView<'_>) -> Result<bool, Problem> {
        match view.mobility_ticket() {
            None => Ok(false),
            //= rfc8016#3.1.2
            // A ticket in an Allocate request is empty.
            Some([_, ..]) => Err(BAD_REQUEST),
            Some([]) if !self.config.mobility => Err(Problem::code(code::MOBILITY_FORBIDDEN)),
            Some([]) => Ok(true),
        }
    }

    fn has_family(&self, family: Family, protocol: Protocol) -> bool {
        self.pools
            .iter()
            .any(|pool| pool.protocol == protocol && Family::of(pool.address.ip) == family)
    }

    //= rfc8656#7.2
    // 300 names another server, of the family that the client came over.
    fn elsewhere(&self, from: FiveTuple) -> Option<Problem> {
        let redirect = self.config.redirect?;
        let server = if from.client.is_ipv4() { redirect.v4 } else { redirect.v6 };
        server.filter(|server| *server != from.server).map(Problem::alternate)
    }

    /// Takes ports, asks for sockets, and remembers what is owed.
    fn make(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
        auth: Auth,
        wish: &Wish,
    ) -> Result<(), Problem> {
        let now = self.clock.now();
        let mut relays = [None, None];
        let mut address_error = None;
        let mut reserved = None;
        if let Some(token) = wish.reservation {
            let reservation = self.take_reservation(token).ok_or(NO_CAPACITY)?;
            let relay = self.relayed(reservation.pool, reservation.port, true);
            let relay = relay.ok_or(NO_CAPACITY)?;
            let [v4, v6] = &mut relays;
            *(if relay.local.is_ipv4() { v4 } else { v6 }) = Some(relay);
        } else if wish.dual {
            (relays, address_error) = self.take_both(wish.protocol, wish.want)?;
        } else {
            let relay = self.take_port(wish.family, wish.protocol, wish.want);
            let relay = relay.ok_or(NO_CAPACITY)?;
            if wish.want == Want::Pair {
                reserved = Some(self.reserve(&relay));
            }
            let [v4, v6] = &mut relays;
            *(if wish.family == Family::V4 { v4 } else { v6 }) = Some(relay);
        }
        let lifetime = self.lifetime(wish.lifetime, auth.token_until);
        let limit = auth.bytes_per_second.or(self.config.bytes_per_second);
        let mobility = wish
            .mobility
            .then(|| Box::new(Mobility { ticket: self.random_bytes(), moving: None, last: None }));
        let opening = Opening { signer: auth.signer.clone(), lifetime, want: wish.want };
        let allocation = Allocation {
            tuple: from,
            relays,
            peers: Peers::default(),
            bandwidth: Bandwidth::new(limit, now),
            own_bandwidth: auth.bytes_per_second.is_some(),
            traffic: super::Traffic::default(),
            protocol: wish.protocol,
            user: auth.user,
            credential: Credential {
                name: auth.name,
                sha256: auth.sha256_key,
                key: auth.signer.key,
                token_until: auth.token_until,
            },
            born: now,
            transaction: view.transaction_id(),
            reservation: reserved,
            address_error,
            opening: Some(Box::new(opening)),
            mobility,
            connections: Vec::new(),
        };
        let (slot, _) = self.table.insert(allocation).ok_or(NO_CAPACITY)?;
        self.open_relays(slot);
        Ok(())
    }

    /// One relay of each family, or of one, with the reason for the lack of the other.
    fn take_both(
        &mut self,
        protocol: Protocol,
        want: Want,
    ) -> Result<([Option<Relayed>; 2], Option<AddressError>), Problem> {
        let relays = [Family::V4, Family::V6].map(|family| self.take_port(family, protocol, want));
        let lacks = |family| {
            let code = if self.has_family(family, protocol) {
                code::INSUFFICIENT_CAPACITY
            } else {
                code::ADDRESS_FAMILY_NOT_SUPPORTED
            };
            Some(AddressError { family, code })
        };
        let error = match &relays {
            [Some(_), Some(_)] => None,
            [Some(_), None] => lacks(Family::V6),
            [None, Some(_)] => lacks(Family::V4),
            [None, None] => return Err(NO_CAPACITY),
        };
        Ok((relays, error))
    }

    //= rfc8656#7.2
    // The wish is cut to the maximum, and never less than the default.
    pub(crate) fn lifetime(
        &self,
        wish: Option<Duration>,
        token_until: Option<Duration>,
    ) -> Duration {
        let lifetime = wish
            .unwrap_or(self.config.default_lifetime)
            .min(self.config.max_lifetime)
            .max(self.config.default_lifetime);
        //= rfc7635#9
        // An allocation does not outlive the token.
        token_until.map_or(lifetime, |until| lifetime.min(until.saturating_sub(self.unix())))
    }
}
