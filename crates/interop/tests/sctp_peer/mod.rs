//! What the tests of SCTP against other stacks share: messages that can be told apart, and a ledger
//! that holds the peers to what was promised for each.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use antiphon_sctp::{Outgoing, Reliability};
use bytes::Bytes;

/// A payload that tells its number; every byte depends on it and on its place.
pub fn payload(number: u32, len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..len).map(|i| (i ^ (i >> 8)) as u8 ^ number as u8).collect();
    let head = len.min(4);
    bytes[..head].copy_from_slice(&number.to_be_bytes()[..head]);
    bytes
}

/// One message, and what is promised for it.
#[derive(Clone, Copy, Debug)]
pub struct Letter {
    pub number: u32,
    pub stream: u16,
    pub ppid: u32,
    pub len: usize,
    pub ordered: bool,
    pub reliability: Reliability,
}

impl Letter {
    pub fn outgoing(&self) -> Outgoing {
        Outgoing {
            stream: self.stream,
            ppid: self.ppid,
            payload: Bytes::from(payload(self.number, self.len)),
            ordered: self.ordered,
            reliability: self.reliability,
        }
    }
}

/// `count` messages of all kinds and many sizes on five streams; the last of each stream is
/// reliable.
pub fn letters(count: u32, largest: usize) -> Vec<Letter> {
    (0..count)
        .map(|number| {
            let late = number + 5 >= count;
            let reliability = match number % 6 {
                2 if !late => Reliability::Retransmits(0),
                3 if !late => Reliability::Retransmits(2),
                4 if !late => Reliability::Lifetime(Duration::from_millis(60)),
                _ => Reliability::Reliable,
            };
            Letter {
                number,
                stream: (number % 5) as u16,
                ppid: 50 + number % 4,
                len: 4 + (number as usize * 7919) % (largest - 4),
                ordered: late || number % 4 != 3,
                reliability,
            }
        })
        .collect()
}

/// What one side has sent, and which of it the other has received.
#[derive(Debug, Default)]
pub struct Ledger {
    sent: BTreeMap<u32, Letter>,
    received: BTreeMap<u32, u64>,
    last: BTreeMap<u16, u32>,
    count: u64,
}

impl Ledger {
    pub fn of(letters: &[Letter]) -> Self {
        let sent = letters.iter().map(|letter| (letter.number, *letter)).collect();
        Self { sent, ..Self::default() }
    }

    /// A message with this number has come, whose bytes the caller has compared.
    pub fn received(&mut self, number: u32, stream: u16, ppid: u32, len: usize) {
        let letter = self.sent.get(&number).unwrap_or_else(|| panic!("{number} was never sent"));
        assert_eq!((letter.stream, letter.ppid, letter.len), (stream, ppid, len), "{number}");
        self.count += 1;
        assert!(self.received.insert(number, self.count).is_none(), "{number} came twice");
        if letter.ordered
            && let Some(last) = self.last.insert(stream, number)
        {
            assert!(last < number, "stream {stream}: {number} came after {last}");
        }
    }

    /// The same with the bytes.
    pub fn check(&mut self, stream: u16, ppid: u32, bytes: &[u8]) {
        let number = u32::from_be_bytes(bytes[..4].try_into().unwrap());
        assert!(bytes == payload(number, bytes.len()), "{number} is damaged");
        self.received(number, stream, ppid, bytes.len());
    }

    /// Everything that is reliable has come.
    pub fn is_complete(&self) -> bool {
        self.missing().next().is_none()
    }

    pub fn missing(&self) -> impl Iterator<Item = u32> + '_ {
        let reliable = |letter: &&Letter| letter.reliability == Reliability::Reliable;
        let sent = self.sent.values().filter(reliable).map(|letter| letter.number);
        sent.filter(|number| !self.received.contains_key(number))
    }

    /// What has not come.
    pub fn lost(&self) -> impl Iterator<Item = &Letter> {
        self.sent.values().filter(|letter| !self.received.contains_key(&letter.number))
    }
}
