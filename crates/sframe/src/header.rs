#![warn(clippy::arithmetic_side_effects)]

use crate::HeaderError;

/// Bytes of the longest header.
pub const MAX_HEADER: usize = 17;

/// Values below this one stand in the first byte.
const SHORT: u64 = 8;

/// The flag of an extended value, in its half of the first byte.
const EXTENDED: u8 = 0x08;

/// What precedes an encrypted frame ([RFC 9605] section 4.3).
///
/// ```text
///  0 1 2 3 4 5 6 7
/// +-+-----+-+-----+---------------------+-----------------------+
/// |X|  K  |Y|  C  | key id, if extended | counter, if extended  |
/// +-+-----+-+-----+---------------------+-----------------------+
/// ```
///
/// [RFC 9605]: https://www.rfc-editor.org/rfc/rfc9605#section-4.3
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// Names the key (KID).
    pub key_id: u64,
    /// Counts the frames of the key (CTR).
    pub counter: u64,
}

impl Header {
    /// Reads the header at the front of a frame, and says how many bytes it takes.
    ///
    /// # Errors
    ///
    /// [`HeaderError::Truncated`], and [`HeaderError::NotMinimal`] where a shorter form exists.
    pub fn parse(frame: &[u8]) -> Result<(Self, usize), HeaderError> {
        let truncated = |need| HeaderError::Truncated { need, len: frame.len() };
        let (&config, _) = frame.split_first().ok_or(truncated(1))?;
        let (key_id, at) = read(frame, config >> 4, 1)?;
        let (counter, at) = read(frame, config & 0x0f, at)?;
        Ok((Self { key_id, counter }, at))
    }

    /// Bytes of the header: 1 to [`MAX_HEADER`].
    #[must_use]
    pub fn len(&self) -> usize {
        extra(self.key_id).saturating_add(extra(self.counter)).saturating_add(1)
    }

    /// Never: a header has a byte at least.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Writes the header to the front of `buf` and returns its length.
    ///
    /// # Errors
    ///
    /// [`HeaderError::BufferTooSmall`]; `buf` is untouched then.
    pub fn write(&self, buf: &mut [u8]) -> Result<usize, HeaderError> {
        let (need, len) = (self.len(), buf.len());
        let too_small = HeaderError::BufferTooSmall { need, len };
        let (config, rest) =
            buf.get_mut(..need).and_then(<[u8]>::split_first_mut).ok_or(too_small)?;
        let (key_id, counter) = rest.split_at_mut_checked(extra(self.key_id)).ok_or(too_small)?;
        *config = (write(self.key_id, key_id) << 4) | write(self.counter, counter);
        Ok(need)
    }
}

/// Bytes of a value beside those in the first byte.
fn extra(value: u64) -> usize {
    if value < SHORT {
        return 0;
    }
    let bits = u64::BITS.saturating_sub(value.leading_zeros());
    usize::try_from(bits.div_ceil(8)).unwrap_or(8)
}

/// Writes the bytes of a value that do not fit its half of the first byte, which it returns.
fn write(value: u64, extra: &mut [u8]) -> u8 {
    let bytes = value.to_be_bytes();
    //= rfc9605#4.3
    // A small value stands in the first byte; any other takes as few bytes as it needs.
    match bytes.get(bytes.len().saturating_sub(extra.len())..) {
        Some(least) if !extra.is_empty() => {
            extra.copy_from_slice(least);
            EXTENDED | u8::try_from(extra.len().saturating_sub(1)).unwrap_or(7)
        }
        _ => u8::try_from(value).unwrap_or(0),
    }
}

/// Reads a value from its half of the first byte, or from the bytes at `at`; and where it ends.
fn read(frame: &[u8], half: u8, at: usize) -> Result<(u64, usize), HeaderError> {
    if half & EXTENDED == 0 {
        return Ok((half.into(), at));
    }
    let end = at.saturating_add(usize::from(half & !EXTENDED)).saturating_add(1);
    let truncated = HeaderError::Truncated { need: end, len: frame.len() };
    let bytes = frame.get(at..end).ok_or(truncated)?;
    let value = bytes.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte));
    if extra(value) != bytes.len() {
        return Err(HeaderError::NotMinimal { value });
    }
    Ok((value, end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers_that_end_early_name_what_they_need() {
        for (frame, need) in [(&[][..], 1), (&[0x80], 2), (&[0x8f, 9, 1], 10), (&[0xff, 9], 9)] {
            let truncated = HeaderError::Truncated { need, len: frame.len() };
            assert_eq!(Header::parse(frame), Err(truncated));
        }
        let header = Header { key_id: 9, counter: 300 };
        let too_small = HeaderError::BufferTooSmall { need: 4, len: 3 };
        assert_eq!(header.write(&mut [0; 3]), Err(too_small));
    }

    //= rfc9605#4.3
    //= type=test
    #[test]
    fn longer_forms_than_needed_are_refused() {
        for (frame, value) in [(&[0x08, 7][..], 7), (&[0x09, 0, 9], 9), (&[0x90, 0, 200], 200)] {
            assert_eq!(Header::parse(frame), Err(HeaderError::NotMinimal { value }));
        }
    }

    proptest! {
        #[test]
        fn a_header_reads_back_as_it_was_written(
            key_id in any::<u64>(), counter in any::<u64>(), shift in 0u32..64, other in 0u32..64,
        ) {
            let header = Header { key_id: key_id >> shift, counter: counter >> other };
            let mut buf = [0xaa; MAX_HEADER + 1];
            let len = header.write(&mut buf).unwrap();
            prop_assert_eq!(len, header.len());
            prop_assert_eq!(buf[len], 0xaa);
            prop_assert_eq!(Header::parse(&buf[..len]), Ok((header, len)));
        }

        #[test]
        fn any_bytes_are_a_header_or_an_error(
            bytes in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            if let Ok((header, len)) = Header::parse(&bytes) {
                let mut buf = [0; MAX_HEADER];
                prop_assert_eq!(header.write(&mut buf), Ok(len));
                prop_assert_eq!(&buf[..len], &bytes[..len]);
            }
        }
    }
}
