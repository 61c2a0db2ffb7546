//! ACK ([RFC 9147 section 7]).
//!
//! [RFC 9147 section 7]: https://www.rfc-editor.org/rfc/rfc9147#section-7

use crate::wire::cursor::{ParseError, Reader};

/// Bytes of one record number in an ACK.
pub(crate) const NUMBER_LEN: usize = 16;

/// Bytes in front of the record numbers.
pub(crate) const PREFIX_LEN: usize = 2;

/// Names one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RecordNumber {
    pub(crate) epoch: u64,
    pub(crate) sequence: u64,
}

/// Which records arrived.
///
/// ```text
/// +--------+----------+-------------+----------+-------------+
/// | len, 2 | epoch, 8 | sequence, 8 | epoch, 8 | sequence, 8 | ...
/// +--------+----------+-------------+----------+-------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ack<'a> {
    numbers: &'a [u8],
}

impl<'a> Ack<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let numbers = reader.vector16()?;
        reader.finish()?;
        if !numbers.len().is_multiple_of(NUMBER_LEN) {
            return Err(ParseError::VectorLength { len: numbers.len() });
        }
        Ok(Self { numbers })
    }

    pub(crate) fn numbers(&self) -> impl Iterator<Item = RecordNumber> + use<'a> {
        self.numbers.as_chunks::<NUMBER_LEN>().0.iter().filter_map(|number| {
            let mut reader = Reader::new(number);
            Some(RecordNumber { epoch: reader.u64().ok()?, sequence: reader.u64().ok()? })
        })
    }
}

/// The bytes of an ACK of `numbers`.
pub(crate) fn write(numbers: &[RecordNumber]) -> Vec<u8> {
    let len = numbers.len().saturating_mul(NUMBER_LEN);
    let mut out = Vec::with_capacity(PREFIX_LEN.saturating_add(len));
    out.extend_from_slice(&u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
    for number in numbers {
        out.extend_from_slice(&number.epoch.to_be_bytes());
        out.extend_from_slice(&number.sequence.to_be_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_numbers_read_back_as_they_were_written() {
        let numbers =
            [RecordNumber { epoch: 0, sequence: 7 }, RecordNumber { epoch: 2, sequence: 1 << 40 }];
        let bytes = write(&numbers);
        assert_eq!(bytes.len(), 34);
        assert_eq!(Ack::parse(&bytes).unwrap().numbers().collect::<Vec<_>>(), numbers);
        assert_eq!(Ack::parse(&write(&[])).unwrap().numbers().count(), 0);
    }

    #[test]
    fn half_a_number_is_refused() {
        assert_eq!(
            Ack::parse(&[0, 8, 0, 0, 0, 0, 0, 0, 0, 0]),
            Err(ParseError::VectorLength { len: 8 })
        );
        assert_eq!(Ack::parse(&[0, 0, 1]), Err(ParseError::Trailing(1)));
    }
}
