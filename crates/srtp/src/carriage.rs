//! Roll-over counters in the tag ([RFC 4771]).
//!
//! ```text
//! HMAC-SHA1, every R-th packet  | roll-over counter, 4 bytes | tag, 6 bytes |
//! GCM, every R-th packet        | tag, 16 bytes | roll-over counter, 4 bytes |
//! ```
//!
//! [RFC 4771]: https://www.rfc-editor.org/rfc/rfc4771

#![warn(clippy::arithmetic_side_effects)]

use std::num::NonZeroU16;

use crate::profile::{Algorithms, WORD_LEN};
use crate::{Profile, SetupError};

/// What stands behind a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trailer {
    tag_len: usize,
    counter: Counter,
}

/// Where the roll-over counter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counter {
    /// Nowhere: the receiver counts.
    Absent,
    /// Before the tag, which is shorter by as much (mode RCCm2).
    BeforeTag,
    /// Behind the tag of an AEAD, which covers it by way of the nonce (mode RCCm3).
    BehindTag,
}

/// Which packets carry their roll-over counter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carriage {
    plain: Trailer,
    carrying: Option<(NonZeroU16, Trailer)>,
}

impl Carriage {
    /// Every packet whose sequence number `rate` divides carries it; none, without `rate`.
    pub(crate) fn new(profile: Profile, rate: Option<NonZeroU16>) -> Result<Self, SetupError> {
        let tag_len = profile.rtp_overhead();
        let plain = Trailer { tag_len, counter: Counter::Absent };
        let Some(rate) = rate else { return Ok(Self { plain, carrying: None }) };
        let trailer = match profile.algorithms() {
            Algorithms::Aead(_) => Trailer { tag_len, counter: Counter::BehindTag },
            //= rfc4771#2
            // The counter takes four bytes of the tag; what is left has to protect the packet.
            Algorithms::Hmac(_) if tag_len > WORD_LEN => {
                let tag_len = tag_len.saturating_sub(WORD_LEN);
                Trailer { tag_len, counter: Counter::BeforeTag }
            }
            Algorithms::Hmac(_) => return Err(SetupError::NoRoomForCounter { tag_len }),
        };
        Ok(Self { plain, carrying: Some((rate, trailer)) })
    }

    /// Whether no packet carries it.
    #[inline]
    pub(crate) fn is_never(&self) -> bool {
        self.carrying.is_none()
    }

    /// The trailer of the packet with that sequence number.
    #[inline]
    pub(crate) fn trailer(&self, sequence_number: u16) -> Trailer {
        match self.carrying {
            //= rfc4771#2
            // The sequence number decides, on both sides.
            Some((rate, trailer)) if sequence_number.is_multiple_of(rate.get()) => trailer,
            _ => self.plain,
        }
    }
}

impl Trailer {
    /// Its bytes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self.counter {
            Counter::Absent => self.tag_len,
            Counter::BeforeTag | Counter::BehindTag => self.tag_len.saturating_add(WORD_LEN),
        }
    }

    /// Writes the counter and returns the place for the tag.
    #[inline]
    pub(crate) fn write<'a>(&self, trailer: &'a mut [u8], counter: u32) -> &'a mut [u8] {
        let (word, tag) = match self.counter {
            Counter::Absent => return trailer,
            Counter::BeforeTag => trailer.split_at_mut_checked(WORD_LEN).unwrap_or_default(),
            Counter::BehindTag => {
                let (tag, word) = trailer.split_at_mut_checked(self.tag_len).unwrap_or_default();
                (word, tag)
            }
        };
        if let Some(word) = word.first_chunk_mut() {
            *word = counter.to_be_bytes();
        }
        tag
    }

    /// The tag, and the counter if there is one.
    #[inline]
    pub(crate) fn read<'a>(&self, trailer: &'a [u8]) -> (&'a [u8], Option<u32>) {
        let split = match self.counter {
            Counter::Absent => None,
            Counter::BeforeTag => trailer.split_first_chunk(),
            Counter::BehindTag => trailer.split_last_chunk().map(|(tag, word)| (word, tag)),
        };
        match split {
            Some((word, tag)) => (tag, Some(u32::from_be_bytes(*word))),
            None => (trailer, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carriage(profile: Profile, rate: u16) -> Result<Carriage, SetupError> {
        Carriage::new(profile, NonZeroU16::new(rate))
    }

    //= rfc4771#2
    //= type=test
    #[test]
    fn the_counter_stands_in_every_rth_packet() {
        let carriage = carriage(Profile::AesCm128HmacSha1_80, 100).unwrap();
        for (sequence_number, counter) in [(0, Some(7)), (1, None), (99, None), (65500, Some(7))] {
            let trailer = carriage.trailer(sequence_number);
            let mut bytes = [0xaa; 10];
            assert_eq!(trailer.len(), 10);
            trailer.write(&mut bytes, 7).fill(0xbb);
            let (tag, read) = trailer.read(&bytes);
            assert_eq!(read, counter);
            assert!(tag.iter().all(|byte| *byte == 0xbb));
            assert_eq!(tag.len(), if counter.is_some() { 6 } else { 10 });
        }
    }

    #[test]
    fn an_aead_keeps_its_whole_tag() {
        let carriage = carriage(Profile::AeadAes128Gcm, 1).unwrap();
        let trailer = carriage.trailer(5);
        let mut bytes = [0; 20];
        assert_eq!((trailer.len(), trailer.write(&mut bytes, 1).len()), (20, 16));
        assert_eq!(bytes[16..], [0, 0, 0, 1]);
    }

    #[test]
    fn a_short_tag_has_no_room_for_it() {
        let refused = carriage(Profile::AesCm128HmacSha1_32, 1).unwrap_err();
        assert_eq!(refused, SetupError::NoRoomForCounter { tag_len: 4 });
        assert!(carriage(Profile::AesCm128HmacSha1_32, 0).is_ok());
    }
}
