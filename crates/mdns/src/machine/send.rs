//! What waits to be sent, and how it is written.

use std::net::{IpAddr, SocketAddr};

use super::Mdns;
use crate::interface::Family;
use crate::wire::{
    A, AAAA, Address, HEADER_LEN, INTERNET, MAX_RECORDS_LEN, MAX_REPLY_LEN, Place, TOP_BIT, Writer,
};
use crate::{BufferTooSmall, Config, InterfaceId, Name, Transmit};

/// Datagrams stay below this, so that no link has to cut them (RFC 6762 section 17).
const MAX_DATAGRAM: usize = 1200;

/// A name, a query or a reply has at most so many datagrams waiting, on two interfaces with two
/// families and both twice.
const PER_THING: usize = 8;

/// The longest life of a record in a reply to a resolver that cannot unlearn it, in seconds.
const LEGACY_TTL: u32 = 10;

/// Something to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Send {
    /// A record of ours to everybody, or its end.
    Records {
        interface: InterfaceId,
        family: Family,
        name: Name,
        address: IpAddr,
        /// Seconds, if not as long as always.
        ttl: Option<u32>,
        positive: bool,
    },
    /// A question to everybody.
    Query { interface: InterfaceId, family: Family, name: Name, unicast: bool },
    /// An answer to one host.
    Reply(Reply),
}

/// An answer to one host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply {
    pub(super) interface: InterfaceId,
    pub(super) destination: SocketAddr,
    pub(super) name: Name,
    pub(super) positive: bool,
    /// What a resolver needs that knows nothing of multicast.
    pub(super) legacy: Option<Legacy>,
}

/// What a usual server repeats of a query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Legacy {
    pub(super) id: u16,
    pub(super) kind: u16,
    pub(super) class: u16,
}

impl Mdns {
    /// Queues something to be sent, if the owner has not left too much unsent.
    pub(super) fn push(&mut self, send: Send) {
        let Config { max_names, max_queries, max_replies, .. } = self.config;
        let things = max_names.saturating_add(max_queries).saturating_add(max_replies);
        if self.outbox.len() >= things.saturating_mul(PER_THING) {
            self.stats.unsent = self.stats.unsent.saturating_add(1);
            return;
        }
        self.outbox.push_back(send);
        if let Send::Records { name, .. } = send
            && let Some(own) = self.own.get_mut(&name)
        {
            own.queued = true;
        }
    }

    /// Writes the first of what waits.
    pub(super) fn write_next(
        &mut self,
        buf: &mut [u8],
    ) -> Result<Option<Transmit>, BufferTooSmall> {
        while let Some(send) = self.outbox.front().copied() {
            if buf.len() < MAX_REPLY_LEN {
                return Err(BufferTooSmall { need: MAX_REPLY_LEN });
            }
            let transmit = match send {
                Send::Records { interface, family, .. } => {
                    let len = self.write_records(interface, family, buf)?;
                    self.stats.announcements_sent = self.stats.announcements_sent.saturating_add(1);
                    Transmit { interface, destination: family.group(interface), len }
                }
                Send::Query { interface, family, name, unicast } => {
                    self.outbox.pop_front();
                    if !self.queries.contains_key(&name) {
                        continue;
                    }
                    let len = write_query(name, unicast, buf)?;
                    self.stats.queries_sent = self.stats.queries_sent.saturating_add(1);
                    Transmit { interface, destination: family.group(interface), len }
                }
                Send::Reply(reply) => {
                    self.outbox.pop_front();
                    self.waiting_replies = self.waiting_replies.saturating_sub(1);
                    let Some(address) = self.address_of(reply.name) else { continue };
                    let len = self.write_reply(&reply, address, buf)?;
                    self.stats.replies_sent = self.stats.replies_sent.saturating_add(1);
                    let Reply { interface, destination, .. } = reply;
                    Transmit { interface, destination, len }
                }
            };
            // What waited for an interface that is gone has nowhere to go.
            if self.interfaces.contains_key(&transmit.interface) {
                return Ok(Some(transmit));
            }
        }
        Ok(None)
    }

    /// Writes all records that wait for the same group, as far as they fit.
    fn write_records(
        &mut self,
        to: InterfaceId,
        over: Family,
        buf: &mut [u8],
    ) -> Result<usize, BufferTooSmall> {
        let end = buf.len().min(MAX_DATAGRAM);
        //= rfc6762#6
        // A response has no question.
        let mut writer = Writer::response(buf.get_mut(..end).unwrap_or_default(), 0)?;
        let mut written: Vec<(Address, Place)> = Vec::new();
        let mut index = 0;
        while let Some(send) = self.outbox.get(index).copied() {
            let names = written.len().saturating_add(1);
            let fits = names.saturating_mul(MAX_RECORDS_LEN).saturating_add(HEADER_LEN) <= end;
            if !(fits || written.is_empty()) {
                break;
            }
            let (name, address, ttl, positive) = match send {
                Send::Records { interface, family, name, address, ttl, positive }
                    if (interface, family) == (to, over) =>
                {
                    (name, address, ttl, positive)
                }
                Send::Records { .. } | Send::Query { .. } | Send::Reply(_) => {
                    index = index.saturating_add(1);
                    continue;
                }
            };
            self.outbox.remove(index);
            let ttl = ttl.unwrap_or_else(|| self.ttl());
            //= rfc6762#10.2
            // Our records are the only ones of their names: others may forget what they knew.
            let record = Address { address, ttl, flush: true, positive };
            let place = writer.answer(&record, Place::new(name))?;
            written.push((record, place));
            if let Some(own) = self.own.get_mut(&name) {
                own.queued = false;
            }
        }
        for (record, place) in written {
            writer.addition(&record, place)?;
        }
        Ok(writer.finish())
    }

    fn write_reply(
        &self,
        reply: &Reply,
        address: IpAddr,
        buf: &mut [u8],
    ) -> Result<usize, BufferTooSmall> {
        let Reply { name, positive, .. } = *reply;
        let Some(legacy) = reply.legacy else {
            let record = Address { address, ttl: self.ttl(), flush: true, positive };
            let mut writer = Writer::response(buf, 0)?;
            let place = writer.answer(&record, Place::new(name))?;
            writer.addition(&record, place)?;
            return Ok(writer.finish());
        };
        //= rfc6762#6.7
        // It has the query's identifier and question, a short life and no bit of multicast.
        let mut writer = Writer::response(buf, legacy.id)?;
        let place = writer.question(Place::new(name), legacy.kind, legacy.class & !TOP_BIT)?;
        if positive {
            let ttl = self.ttl().min(LEGACY_TTL);
            let record = Address { address, ttl, flush: false, positive };
            writer.answer(&record, place)?;
        }
        Ok(writer.finish())
    }
}

fn write_query(name: Name, unicast: bool, buf: &mut [u8]) -> Result<usize, BufferTooSmall> {
    let class = if unicast { INTERNET | TOP_BIT } else { INTERNET };
    let mut writer = Writer::query(buf)?;
    let place = writer.question(Place::new(name), A, class)?;
    writer.question(place, AAAA, class)?;
    Ok(writer.finish())
}
