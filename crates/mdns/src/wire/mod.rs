//! DNS messages (RFC 1035 section 4) as far as addresses of `.local` names need them.
#![warn(clippy::arithmetic_side_effects)]

mod message;
mod name;
mod writer;

pub(crate) use message::{MessageView, QuestionView, RecordView};
pub(crate) use writer::{Address, HEADER_LEN, MAX_RECORDS_LEN, MAX_REPLY_LEN, Place, Writer};

use crate::error::ParseError;

//= rfc6762#17
// Longer messages are not taken, and ours stay far below.
/// The longest message (RFC 6762 section 17), without headers of IP and UDP.
pub(crate) const MAX_LEN: usize = 9000;

/// Record types.
pub(crate) const A: u16 = 1;
pub(crate) const AAAA: u16 = 28;
pub(crate) const NSEC: u16 = 47;
pub(crate) const ANY: u16 = 255;

/// The class of the Internet, which is the only one here.
pub(crate) const INTERNET: u16 = 1;

/// The highest bit of a class: "answer me alone" in a question, "forget what you knew" in a record.
pub(crate) const TOP_BIT: u16 = 0x8000;

/// Flags of the header.
pub(crate) const RESPONSE: u16 = 0x8000;
pub(crate) const AUTHORITATIVE: u16 = 0x0400;
pub(crate) const TRUNCATED: u16 = 0x0200;

/// The two bytes at `at`.
fn u16_at(message: &[u8], at: usize) -> Result<u16, ParseError> {
    let need = at.saturating_add(2);
    match message.get(at..need) {
        Some(&[high, low]) => Ok(u16::from_be_bytes([high, low])),
        _ => Err(ParseError::Truncated { need, have: message.len() }),
    }
}
