use std::time::Duration;

use super::outstanding::{Fate, Outstanding, Sent, nanos};
use crate::serial::Tsn;

/// What a look for losses found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Chunk bytes.
    pub(crate) bytes: usize,
    pub(crate) chunks: usize,
    /// What had been delivered when the newest of them was sent.
    pub(crate) prior: u64,
    /// When to look again.
    pub(crate) again: Option<Duration>,
}

/// What is lost, and what goes out again ([RFC 8985 section 6.2]).
///
/// [RFC 8985 section 6.2]: https://www.rfc-editor.org/rfc/rfc8985#section-6.2
impl Outstanding {
    /// Declares lost what was sent a window of reordering before something that has arrived
    /// (RFC 8985 section 6.2, steps 4 and 5).
    ///
    /// First transmissions are in the order of their TSNs, so that a cursor walks over them once;
    /// repetitions have a list in the order of sending. Nothing above the highest TSN reported is
    /// judged: a SACK that has room for the lowest gaps only says nothing about the rest.
    pub(crate) fn detect_lost(&mut self, now: Duration, window: Duration) -> Losses {
        let now = nanos(now);
        let patience = self.rack.round_trip().saturating_add(nanos(window));
        let mut losses = Losses::default();
        self.scanned = self.scanned.max(self.first);
        while self.scanned <= self.rack.highest() {
            let tsn = self.scanned;
            let pending = self
                .get(tsn)
                .filter(|sent| sent.fate == Fate::InFlight && sent.transmissions == 1)
                .copied();
            if let Some(sent) = pending
                && !self.judge(tsn, &sent, (now, patience), &mut losses)
            {
                break;
            }
            self.scanned = tsn.next();
        }
        while let Some(&(tsn, order)) = self.again.front() {
            let pending = self
                .get(tsn)
                .filter(|sent| sent.fate == Fate::InFlight && sent.order == order)
                .copied();
            if let Some(sent) = pending
                && (tsn > self.rack.highest()
                    || !self.judge(tsn, &sent, (now, patience), &mut losses))
            {
                break;
            }
            self.again.pop_front();
        }
        losses
    }

    /// Declares one chunk lost, unless it is too early for that.
    fn judge(
        &mut self,
        tsn: Tsn,
        sent: &Sent,
        (now, patience): (u64, u64),
        losses: &mut Losses,
    ) -> bool {
        if sent.order >= self.rack.order() {
            return false;
        }
        let overdue = sent.sent_at.saturating_add(patience);
        if overdue > now {
            //= rfc8985#6.2
            // What is not overdue yet is looked at again when it is.
            let at = Duration::from_nanos(overdue);
            losses.again = Some(losses.again.map_or(at, |again| again.min(at)));
            return false;
        }
        self.lose(tsn, losses);
        losses.prior = losses.prior.max(sent.delivered);
        true
    }

    fn lose(&mut self, tsn: Tsn, losses: &mut Losses) {
        if let Some((_, sent)) = self.settle(tsn, Fate::Lost) {
            losses.bytes = losses.bytes.saturating_add(self.size(sent.len));
            losses.chunks = losses.chunks.saturating_add(1);
            self.queue_lost(tsn);
            self.fresh.push(tsn);
        }
    }

    fn queue_lost(&mut self, tsn: Tsn) {
        match self.lost.back() {
            Some(last) if *last >= tsn => {
                let at = self.lost.partition_point(|queued| *queued < tsn);
                if self.lost.get(at) != Some(&tsn) {
                    self.lost.insert(at, tsn);
                }
            }
            Some(_) | None => self.lost.push_back(tsn),
        }
    }

    /// T3 has expired: everything in flight counts as lost.
    pub(crate) fn lose_everything(&mut self) {
        self.lost.clear();
        self.again.clear();
        self.scanned = self.next_tsn();
        self.fresh.clear();
        self.flight = 0;
        self.flight_payload = 0;
        self.in_flight = 0;
        let mut tsn = self.first;
        for sent in &mut self.chunks {
            if matches!(sent.fate, Fate::InFlight | Fate::Lost) {
                sent.fate = Fate::Lost;
                self.lost.push_back(tsn);
                self.fresh.push(tsn);
            }
            tsn = tsn.next();
        }
    }

    /// The first chunk to send again.
    pub(crate) fn first_lost(&mut self) -> Option<(Tsn, Sent)> {
        loop {
            let tsn = *self.lost.front()?;
            match self.get(tsn) {
                Some(sent) if sent.fate == Fate::Lost => return Some((tsn, *sent)),
                Some(_) | None => self.lost.pop_front(),
            };
        }
    }

    pub(crate) fn has_lost(&mut self) -> bool {
        self.first_lost().is_some()
    }

    /// The highest chunk in flight, for a tail probe.
    pub(crate) fn last_in_flight(&self) -> Option<(Tsn, Sent)> {
        let last = self.chunks.back()?;
        let tsn = self.next_tsn().previous();
        (last.fate == Fate::InFlight).then_some((tsn, *last))
    }

    /// A chunk goes out once more.
    pub(crate) fn sent_again(&mut self, tsn: Tsn, now: Duration) {
        let Some(mut sent) = self.get(tsn).copied() else { return };
        self.stamp(&mut sent, now);
        self.again.push_back((tsn, sent.order));
        if let Some(place) = self.get_mut(tsn) {
            *place = sent;
        }
        self.settle(tsn, Fate::InFlight);
        if self.lost.front() == Some(&tsn) {
            self.lost.pop_front();
        }
    }
}
