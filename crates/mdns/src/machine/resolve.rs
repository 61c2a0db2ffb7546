//! What responses of others mean: an answer, or a conflict.

use std::net::IpAddr;

use super::Mdns;
use crate::wire::{MessageView, RecordView};
use crate::{Event, From, InputError, Name, Unresolved};

/// What a response says about a name that is being resolved.
#[derive(Clone, Copy)]
struct Found {
    name: Name,
    address: IpAddr,
    several: bool,
}

impl Mdns {
    pub(super) fn handle_response(
        &mut self,
        from: From,
        message: &MessageView<'_>,
    ) -> Result<(), InputError> {
        // Questions in a response are not looked at (RFC 6762 section 6), nor is its identifier.
        let found = self.addresses_in(from, message);
        if !from.multicast {
            //= rfc6762#6
            // A response to us alone is taken only if we asked for one within two seconds.
            if found.is_empty() {
                return Err(InputError::Unsolicited);
            }
        } else {
            self.defend(from, message);
        }
        for Found { name, address, several } in found {
            let interface = Some(from.interface);
            self.conclude(
                name,
                if several {
                    Event::Unresolved { name, reason: Unresolved::Ambiguous }
                } else {
                    Event::Resolved { name, address, interface }
                },
            );
        }
        Ok(())
    }

    /// The addresses of names that are being resolved.
    fn addresses_in(&mut self, from: From, message: &MessageView<'_>) -> Vec<Found> {
        let now = self.clock.now();
        let mut found: Vec<Found> = Vec::new();
        // attack: mDNS answers that point at this host or at nobody
        let mut refused: u64 = 0;
        for record in message.records() {
            let RecordView { name: Some(name), address: Some(address), ttl: 1.., .. } = record
            else {
                continue;
            };
            let Some(query) = self.queries.get(&name) else { continue };
            if !from.multicast && !query.expects_unicast(now) {
                continue;
            }
            if !is_remote(address) {
                refused = refused.saturating_add(1);
                continue;
            }
            match found.iter_mut().find(|found| found.name == name) {
                Some(found) => found.several |= found.address != address,
                None => found.push(Found { name, address, several: false }),
            }
        }
        self.stats.addresses_refused = self.stats.addresses_refused.saturating_add(refused);
        found
    }

    /// Announces our records again where others say something else, or that they end.
    fn defend(&mut self, from: From, message: &MessageView<'_>) {
        let mut again: Vec<Name> = Vec::new();
        for record in message.records() {
            let (Some(name), Some(address)) = (record.name, record.address) else { continue };
            let ours = self.own.get(&name).filter(|own| own.interface == Some(from.interface));
            let Some(ours) = ours.filter(|own| !own.leaving) else { continue };
            let half = self.ttl() / 2;
            if ours.address == address {
                //= rfc6762#6.6
                // Somebody repeats our record with too short a life: we say it ourselves.
                if record.ttl < half {
                    again.push(name);
                }
            } else if ours.address.is_ipv4() == address.is_ipv4() && record.ttl > 0 {
                // The name is in candidates that have been sent, and cannot change; it is random,
                // so that no honest host has it. We say again what is true.
                self.stats.conflicts = self.stats.conflicts.saturating_add(1);
                again.push(name);
            }
        }
        for name in again {
            self.announce_again(name);
        }
    }

    /// Seconds that our records live.
    pub(super) fn ttl(&self) -> u32 {
        u32::try_from(self.config.ttl.as_secs())
            .unwrap_or(u32::MAX)
            .clamp(1, i32::MAX.unsigned_abs())
    }
}

/// Whether an address can be that of another host: an answer must not lead us to our own services.
fn is_remote(address: IpAddr) -> bool {
    let canonical = address.to_canonical();
    let broadcast = match canonical {
        IpAddr::V4(v4) => v4.is_broadcast(),
        IpAddr::V6(_) => false,
    };
    !(canonical != address
        || canonical.is_unspecified()
        || canonical.is_multicast()
        || canonical.is_loopback()
        || broadcast)
}
