use antiphon_stun::{HEADER_LEN, MAGIC_COOKIE};

use super::channel_data::{CHANNEL_DATA_HEADER_LEN, padded_len};
use crate::error::FrameError;

/// Finds messages in a byte stream ([RFC 8656 section 12.5], [RFC 8489 section 6.2.2]).
///
/// It holds no bytes: the owner keeps what it received in one buffer and asks for the first frame.
///
/// ```
/// use antiphon_turn::wire::{Frame, StreamFramer};
///
/// let framer = StreamFramer::new(65_552);
/// let stream = [0x40, 0x00, 0, 1, 9, 0, 0, 0, /* next */ 0x40];
/// assert_eq!(framer.next(&stream)?, Frame::Complete { message: 5, consumed: 8 });
/// assert_eq!(framer.next(&stream[8..])?, Frame::Incomplete { need: 4 });
/// # Ok::<(), antiphon_turn::FrameError>(())
/// ```
///
/// [RFC 8656 section 12.5]: https://www.rfc-editor.org/rfc/rfc8656#section-12.5
/// [RFC 8489 section 6.2.2]: https://www.rfc-editor.org/rfc/rfc8489#section-6.2.2
#[derive(Clone, Copy, Debug)]
pub struct StreamFramer {
    limit: usize,
}

/// What stands at the front of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole message.
    Complete {
        /// Its bytes without padding: hand them to the machine.
        message: usize,
        /// Its bytes with padding: drop them from the stream afterwards.
        consumed: usize,
    },
    /// A part of a message.
    Incomplete {
        /// Bytes that must be there before it is worth to ask again.
        need: usize,
    },
}

impl StreamFramer {
    /// Room for the longest message, 65,535 bytes of data with header and padding.
    pub const MAX_LIMIT: usize = 65_540;

    /// Refuses messages of more than `limit` bytes; at least 20, at most
    /// [`MAX_LIMIT`](Self::MAX_LIMIT).
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        let limit = if limit < HEADER_LEN { HEADER_LEN } else { limit };
        Self { limit: if limit > Self::MAX_LIMIT { Self::MAX_LIMIT } else { limit } }
    }

    /// The longest message that is read, in bytes with padding.
    #[must_use]
    pub const fn limit(self) -> usize {
        self.limit
    }

    /// Looks at the front of `stream`.
    ///
    /// # Errors
    ///
    /// [`FrameError`]; the stream cannot be read any further.
    #[inline]
    pub fn next(self, stream: &[u8]) -> Result<Frame, FrameError> {
        let Some((first, _)) = stream.split_first() else {
            return Ok(Frame::Incomplete { need: CHANNEL_DATA_HEADER_LEN });
        };
        let (message, consumed) = match first {
            0..=3 => {
                let Some([_, _, l0, l1, c0, c1, c2, c3]) = stream.first_chunk::<8>() else {
                    return Ok(Frame::Incomplete { need: HEADER_LEN });
                };
                let body = usize::from(u16::from_be_bytes([*l0, *l1]));
                let cookie = u32::from_be_bytes([*c0, *c1, *c2, *c3]);
                if cookie != MAGIC_COOKIE || !body.is_multiple_of(4) {
                    return Err(FrameError::NotStun);
                }
                let len = body.saturating_add(HEADER_LEN);
                (len, len)
            }
            0x40..=0x7f => {
                let Some([_, _, l0, l1]) = stream.first_chunk::<4>() else {
                    return Ok(Frame::Incomplete { need: CHANNEL_DATA_HEADER_LEN });
                };
                let len = usize::from(u16::from_be_bytes([*l0, *l1]));
                //= rfc8656#12.5
                // On a stream the message is padded to whole words; its length does not say so.
                (
                    len.saturating_add(CHANNEL_DATA_HEADER_LEN),
                    padded_len(len).saturating_add(CHANNEL_DATA_HEADER_LEN),
                )
            }
            other => return Err(FrameError::Unknown { first: *other }),
        };
        if consumed > self.limit {
            return Err(FrameError::TooLong { len: consumed, limit: self.limit });
        }
        if stream.len() < consumed {
            return Ok(Frame::Incomplete { need: consumed });
        }
        Ok(Frame::Complete { message, consumed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> (Vec<u8>, Vec<usize>) {
        let mut bytes = vec![0x40, 0x00, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0];
        bytes.extend([0x00, 0x01, 0, 4, 0x21, 0x12, 0xa4, 0x42]);
        bytes.extend([7; 12]);
        bytes.extend([0x80, 0x22, 0, 0]);
        bytes.extend([0x4f, 0xff, 0, 0]);
        (bytes, vec![9, 24, 4])
    }

    //= rfc8656#12.5
    //= type=test
    #[test]
    fn a_stream_that_is_cut_at_every_byte_gives_the_same_messages() {
        let (bytes, expected) = stream();
        let framer = StreamFramer::new(1500);
        for first_cut in 0..=bytes.len() {
            for second_cut in first_cut..=bytes.len() {
                let mut held = Vec::new();
                let mut seen = Vec::new();
                let cuts =
                    [&bytes[..first_cut], &bytes[first_cut..second_cut], &bytes[second_cut..]];
                for part in cuts {
                    held.extend_from_slice(part);
                    while let Frame::Complete { message, consumed } = framer.next(&held).unwrap() {
                        seen.push(message);
                        held.drain(..consumed);
                    }
                }
                assert_eq!((seen, held.len()), (expected.clone(), 0));
            }
        }
    }

    #[test]
    fn what_is_incomplete_says_how_much_it_needs() {
        let (bytes, _) = stream();
        let framer = StreamFramer::new(1500);
        assert_eq!(framer.next(&bytes[..1]), Ok(Frame::Incomplete { need: 4 }));
        assert_eq!(framer.next(&bytes[..11]), Ok(Frame::Incomplete { need: 12 }));
        assert_eq!(framer.next(&bytes[12..14]), Ok(Frame::Incomplete { need: 20 }));
    }

    // attack: message length beyond every limit
    #[test]
    fn a_stream_of_junk_ends() {
        let framer = StreamFramer::new(100);
        assert_eq!(framer.next(&[0x80, 0, 0, 0]), Err(FrameError::Unknown { first: 0x80 }));
        assert_eq!(framer.next(&[0; 20]), Err(FrameError::NotStun));
        let error = FrameError::TooLong { len: 65_540, limit: 100 };
        assert_eq!(framer.next(&[0x40, 0, 0xff, 0xff]), Err(error));
    }
}
