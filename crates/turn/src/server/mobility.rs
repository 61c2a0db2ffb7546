//! Taking an allocation along to another address ([RFC 8016](https://www.rfc-editor.org/rfc/rfc8016)).

use antiphon_stun::{ErrorCode, MessageView};
use std::time::Duration;
use subtle::ConstantTimeEq as _;

use super::Server;
use super::allocation::LastMove;
use super::auth::Auth;
use super::event::Event;
use super::reply::Problem;
use super::stats::bump;
use super::types::FiveTuple;
use crate::wire::{TurnMessage as _, TurnWriter as _, code};

/// How long the ticket of the last move is known (RFC 8016 section 3.2.2).
const OLD_TICKET: Duration = Duration::from_secs(30);
/// Shard, nonce, slot and generation, tag.
const TICKET_LEN: usize = 37;

impl Server {
    //= rfc8016#5
    // A ticket is sealed with AES-256-GCM and says nothing but the shard to whoever sees it.
    /// The ticket of an allocation that has one.
    pub(crate) fn ticket(&self, slot: u32) -> Option<[u8; TICKET_LEN]> {
        let nonce = self.table.get(slot)?.mobility.as_ref()?.ticket;
        let generation = self.table.generation(slot);
        let mut text = [0; 8];
        let plain = slot.to_be_bytes().into_iter().chain(generation.to_be_bytes());
        for (to, from) in text.iter_mut().zip(plain) {
            *to = from;
        }
        let tag = self.ticket_key.seal(&nonce, &[self.config.shard], &mut text).ok()?;
        let mut ticket = [self.config.shard; TICKET_LEN];
        let sealed = nonce.into_iter().chain(text).chain(tag);
        for (to, from) in ticket.iter_mut().skip(1).zip(sealed) {
            *to = from;
        }
        Some(ticket)
    }

    /// The allocation that an authentic ticket names, if it still exists.
    pub(crate) fn slot_of_ticket(&self, ticket: &[u8]) -> Option<u32> {
        let (slot, generation, _) = self.parse_ticket(ticket)?;
        let there = self.table.get(slot).is_some() && self.table.generation(slot) == generation;
        there.then_some(slot)
    }

    /// Slot, generation and nonce of a ticket that this server sealed.
    fn parse_ticket(&self, ticket: &[u8]) -> Option<(u32, u32, [u8; 12])> {
        let ticket: &[u8; TICKET_LEN] = ticket.try_into().ok()?;
        let (shard, rest) = ticket.split_first()?;
        let (nonce, rest) = rest.split_first_chunk::<12>()?;
        let (sealed, tag) = rest.split_first_chunk::<8>()?;
        let tag = <[u8; 16]>::try_from(tag).ok()?;
        let mut text = *sealed;
        self.ticket_key.open(nonce, &[*shard], &mut text, &tag).ok()?;
        let [a, b, c, d, e, f, g, h] = text;
        (*shard == self.config.shard).then_some((
            u32::from_be_bytes([a, b, c, d]),
            u32::from_be_bytes([e, f, g, h]),
            *nonce,
        ))
    }

    //= rfc8016#3.2.2
    // A Refresh with a ticket is for the ticket's allocation, wherever it comes from.
    pub(crate) fn resume(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
        auth: Auth,
    ) -> Result<(), Problem> {
        if !self.config.mobility {
            return Err(Problem::code(code::MOBILITY_FORBIDDEN));
        }
        let bad = Problem::code(ErrorCode::BAD_REQUEST);
        let mismatch = Problem::code(code::ALLOCATION_MISMATCH);
        let ticket = view.mobility_ticket().ok_or(bad)?;
        let (_, _, secret) = self.parse_ticket(ticket).ok_or(bad)?;
        let slot = self.slot_of_ticket(ticket).ok_or(mismatch)?;
        let now = self.clock.now();
        let allocation = self.table.get(slot).filter(|found| found.is_live()).ok_or(mismatch)?;
        let mobility = allocation.mobility.as_ref().ok_or(bad)?;
        let repeats = mobility.last.is_some_and(|last| {
            bool::from(last.ticket.ct_eq(&secret))
                && now < last.until
                && last.to == from
                && last.transaction == view.transaction_id()
        });
        //= rfc8016#3.2.2
        // An old ticket is good for nothing but a retransmission.
        if !repeats && !bool::from(mobility.ticket.ct_eq(&secret)) {
            return Err(bad);
        }
        if !repeats && (allocation.tuple == from || mobility.moving == Some(from)) {
            return Err(bad);
        }
        //= rfc8016#3.2.2
        // Only the user who made the allocation takes it along.
        if allocation.user != auth.user {
            return Err(Problem::code(code::WRONG_CREDENTIALS));
        }
        if !repeats && self.table.find(&from).is_some() {
            return Err(mismatch);
        }
        let wish = self.refresh_wish(view, &auth, slot)?;
        let signer = auth.signer.clone();
        self.renew_credential(slot, auth);
        if !repeats && !Self::lifetime_of(wish).is_zero() {
            self.begin_move(slot, from, view, secret);
        }
        self.apply_refresh(slot, wish);
        let ticket = self.ticket(slot);
        self.reply_success(from, &signer, |w| {
            w.lifetime(Self::lifetime_of(wish))?;
            if let Some(ticket) = ticket {
                w.mobility_ticket(&ticket)?;
            }
            Ok(())
        });
        Ok(())
    }

    /// Both 5-tuples count until data comes from the new one; a second move replaces the first.
    fn begin_move(&mut self, slot: u32, to: FiveTuple, view: &MessageView<'_>, used: [u8; 12]) {
        let until = self.clock.after(OLD_TICKET);
        let ticket = self.random_bytes();
        let Some(allocation) = self.table.get_mut(slot) else { return };
        let (from, Some(mobility)) = (allocation.tuple, allocation.mobility.as_mut()) else {
            return;
        };
        let transaction = view.transaction_id();
        mobility.last = Some(LastMove { ticket: used, to, transaction, until });
        //= rfc8016#3.2.2
        // Each move has a new ticket.
        mobility.ticket = ticket;
        let replaced = mobility.moving.replace(to);
        if let Some(replaced) = replaced {
            self.table.unname(&replaced);
            self.events.push_back(Event::NotMoved { to: replaced });
        }
        self.table.name(&to, slot);
        self.events.push_back(Event::Moving { from, to });
    }

    //= rfc8016#3.2.2
    // Data from the new 5-tuple, or the end of the old connection, makes the new one the only one.
    #[cold]
    pub(crate) fn complete_move(&mut self, slot: u32) {
        let Some(allocation) = self.table.get_mut(slot) else { return };
        let moving = allocation.mobility.as_mut().and_then(|mobility| mobility.moving.take());
        let Some(to) = moving else { return };
        let from = std::mem::replace(&mut allocation.tuple, to);
        self.table.unname(&from);
        self.events.push_back(Event::Moved { from, to });
        bump(&mut self.stats.moves);
    }
}
