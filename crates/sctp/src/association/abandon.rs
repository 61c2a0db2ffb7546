use std::time::Duration;

use super::outstanding::{Fate, Outstanding, Sent};
use super::send_queue::{Limit, MessageKey, SendQueue};
use crate::serial::Tsn;
use crate::wire::Skipped;

/// Messages given up: the ring's part in partial reliability ([RFC 3758 section 3.5]).
///
/// [RFC 3758 section 3.5]: https://www.rfc-editor.org/rfc/rfc3758#section-3.5
impl Outstanding {
    /// Whether a lost chunk's message is to be given up instead of sent again.
    pub(crate) fn is_over(sent: &Sent, now: Duration, queue: &SendQueue) -> bool {
        sent.fate == Fate::Lost
            && queue.get(sent.key).is_some_and(|message| match message.limit {
                Limit::None => false,
                Limit::Retransmits(most) => sent.transmissions > most,
                Limit::Expires(at) => at <= now,
            })
    }

    /// Gives a message up.
    //= rfc3758#3.5
    // A3: all chunks of a message are abandoned together. Where its end was never sent, one more
    // TSN stands for it, so that FORWARD TSN reaches beyond what the peer holds of it.
    pub(crate) fn abandon(&mut self, key: MessageKey, queue: &mut SendQueue) {
        let last = queue.get(key).and_then(|message| message.last_tsn);
        if queue.abandon(key) {
            self.push_abandoned(key, last);
        }
        let mut at = last.filter(|last| *last >= self.first);
        while let Some(tsn) = at {
            self.settle(tsn, Fate::Abandoned);
            at = self.before(tsn);
        }
    }

    //= rfc3758#3.5
    // C2: the advanced point moves over what is abandoned. It also moves over acknowledged
    // chunks of messages that may be abandoned, so that one hole does not cost a round trip
    // each; reliable data is never passed.
    pub(crate) fn advance_point(&mut self, queue: &SendQueue) {
        let mut at = self.walked.max(self.advanced.next()).max(self.first);
        while let Some(sent) = self.get(at) {
            match sent.fate {
                Fate::Abandoned => self.advanced = at,
                Fate::Acked if queue.get(sent.key).is_some_and(|m| m.limit != Limit::None) => {}
                Fate::Acked | Fate::InFlight | Fate::Lost => break,
            }
            at = at.next();
        }
        self.walked = at;
    }

    /// The advanced point, when the peer has to be told of it.
    pub(crate) fn forward_to(&self) -> Option<Tsn> {
        (self.advanced > self.cumulative()).then_some(self.advanced)
    }

    /// Collects the highest abandoned sequence number of each stream up to the advanced point,
    /// which is lowered when more than `most` streams are concerned.
    //= rfc3758#3.5
    // C4: ordered messages are listed, each stream once.
    //= rfc8260#2.3.1
    // With I-FORWARD-TSN unordered ones are, too.
    pub(crate) fn collect_skipped(&mut self, queue: &SendQueue, most: usize) {
        let interleaved = queue.is_interleaving();
        let mut list = std::mem::take(&mut self.skipped);
        list.clear();
        let mut at = self.first;
        while at <= self.advanced {
            if let Some(sent) = self.get(at)
                && sent.fate == Fate::Abandoned
                && let Some(message) = queue.get(sent.key)
                && (message.ordered || interleaved)
            {
                let unordered = !message.ordered;
                let skip = Skipped { stream: message.stream, unordered, ssn: message.ssn };
                let place = (skip.stream, skip.unordered);
                match list.binary_search_by_key(&place, |skip| (skip.stream, skip.unordered)) {
                    Ok(known) => {
                        if let Some(known) = list.get_mut(known) {
                            known.ssn = known.ssn.max(skip.ssn);
                        }
                    }
                    Err(_) if list.len() >= most => {
                        self.advanced = at.previous();
                        self.walked = at;
                        break;
                    }
                    Err(place) => list.insert(place, skip),
                }
            }
            at = at.next();
        }
        self.skipped = list;
    }

    /// What was collected last.
    pub(crate) fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }
}
