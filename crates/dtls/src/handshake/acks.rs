use std::collections::VecDeque;
use std::time::Duration;

use crate::wire::ack::RecordNumber;

/// How many records are remembered to be acknowledged.
pub(crate) const MAX_RECEIVED: usize = 32;

/// Records of the peer's that we have to acknowledge ([RFC 9147 section 7.1]).
///
/// A record stays in the list after it was acknowledged, until a flight of ours answers it: the
/// acknowledgement may get lost.
///
/// [RFC 9147 section 7.1]: https://www.rfc-editor.org/rfc/rfc9147#section-7.1
#[derive(Debug, Default)]
pub(crate) struct Acks {
    received: VecDeque<RecordNumber>,
    due: Option<Duration>,
    /// The time has come.
    ready: bool,
}

impl Acks {
    /// Remembers a record whose messages were all taken.
    pub(crate) fn push(&mut self, number: RecordNumber) {
        if self.received.contains(&number) {
            return;
        }
        if self.received.len() >= MAX_RECEIVED {
            self.received.pop_front();
        }
        self.received.push_back(number);
    }

    /// An acknowledgement is to go out at `due`, unless it is to go out before anyhow.
    pub(crate) fn schedule(&mut self, due: Duration) {
        if !self.received.is_empty() && !self.ready {
            self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
        }
    }

    /// An acknowledgement is to go out now.
    pub(crate) fn hasten(&mut self) {
        self.ready = !self.received.is_empty();
        self.due = None;
    }

    /// Lets time pass.
    pub(crate) fn handle_timeout(&mut self, now: Duration) {
        if self.due.is_some_and(|due| due <= now) {
            (self.due, self.ready) = (None, true);
        }
    }

    /// The peer's flight is answered: that says it all.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether an acknowledgement is to go out now.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready
    }

    pub(crate) fn due(&self) -> Option<Duration> {
        self.due
    }

    /// The most recent records, at most `most`, sorted. The acknowledgement is no longer due.
    pub(crate) fn take(&mut self, most: usize) -> Vec<RecordNumber> {
        (self.due, self.ready) = (None, false);
        let skipped = self.received.len().saturating_sub(most);
        let mut numbers: Vec<_> = self.received.iter().skip(skipped).copied().collect();
        numbers.sort_unstable();
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(sequence: u64) -> RecordNumber {
        RecordNumber { epoch: 2, sequence }
    }

    #[test]
    fn the_most_recent_records_are_named_once_each_and_in_order() {
        let mut acks = Acks::default();
        acks.schedule(Duration::ZERO);
        assert_eq!(acks.due(), None, "there is nothing to acknowledge");
        for sequence in [5, 3, 3, 4] {
            acks.push(number(sequence));
        }
        acks.schedule(Duration::from_millis(100));
        acks.schedule(Duration::from_millis(200));
        acks.handle_timeout(Duration::from_millis(99));
        assert!(!acks.is_ready());
        acks.handle_timeout(Duration::from_millis(100));
        assert!(acks.is_ready());
        assert_eq!(acks.due(), None, "it is not waited for any more");
        assert_eq!(acks.take(2), [number(3), number(4)]);
        assert!(!acks.is_ready());
        assert_eq!(acks.take(9), [number(3), number(4), number(5)]);
    }

    // attack: records to acknowledge without end
    #[test]
    fn the_list_is_bounded() {
        let mut acks = Acks::default();
        (0..1000).for_each(|sequence| acks.push(number(sequence)));
        let numbers = acks.take(1000);
        assert_eq!((numbers.len(), numbers[0]), (MAX_RECEIVED, number(968)));
    }
}
