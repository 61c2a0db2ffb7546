use crate::error::ChannelDataError;

/// Bytes of a ChannelData header.
pub const CHANNEL_DATA_HEADER_LEN: usize = 4;

/// The number of a channel, 0x4000 to 0x4fff ([RFC 8656 section 12]).
///
/// [RFC 5766] had numbers up to 0x7ffe; a server may be told to go on accepting them.
///
/// [RFC 8656 section 12]: https://www.rfc-editor.org/rfc/rfc8656#section-12
/// [RFC 5766]: https://www.rfc-editor.org/rfc/rfc5766#section-11
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelNumber(u16);

impl ChannelNumber {
    /// The first number: 0x4000.
    pub const MIN: Self = Self(0x4000);
    /// The last number of RFC 8656: 0x4fff.
    pub const MAX: Self = Self(0x4fff);
    /// The last number of RFC 5766: 0x7ffe.
    pub const MAX_RFC5766: Self = Self(0x7ffe);

    //= rfc8656#12
    // Channel numbers are 0x4000 to 0x4fff.
    /// The channel with that number; `None` outside 0x4000 to 0x4fff.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number >= Self::MIN.0 && number <= Self::MAX.0 { Some(Self(number)) } else { None }
    }

    /// As [`new`](Self::new), with the numbers of RFC 5766 up to 0x7ffe.
    #[must_use]
    pub const fn new_rfc5766(number: u16) -> Option<Self> {
        if number >= Self::MIN.0 && number <= Self::MAX_RFC5766.0 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// A ChannelData message where it lies ([RFC 8656 section 12.4]).
///
/// ```text
/// +-------------------------------+-------------------------------+
/// |        channel number         |   length of the data          |
/// +-------------------------------+-------------------------------+
/// |   data, and on a stream padding to a multiple of four         |
/// +---------------------------------------------------------------+
/// ```
///
/// ```
/// use antiphon_turn::wire::ChannelData;
///
/// let message = ChannelData::parse(&[0x40, 0x01, 0, 2, 7, 8, 0, 0])?;
/// assert_eq!((message.number.number(), message.data), (0x4001, &[7, 8][..]));
/// # Ok::<(), antiphon_turn::ChannelDataError>(())
/// ```
///
/// [RFC 8656 section 12.4]: https://www.rfc-editor.org/rfc/rfc8656#section-12.4
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelData<'a> {
    /// The channel, by RFC 5766's wider range: what is bound decides, not the number.
    pub number: ChannelNumber,
    /// What was sent, without padding; may be empty.
    pub data: &'a [u8],
}

impl<'a> ChannelData<'a> {
    /// Reads the message at the front of a datagram or frame; padding and what follows is ignored.
    ///
    /// # Errors
    ///
    /// [`ChannelDataError`]; the right reaction is to drop the datagram (RFC 8656 section 12.6).
    #[inline]
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ChannelDataError> {
        let have = datagram.len();
        let Some(([n0, n1, l0, l1], rest)) = datagram.split_first_chunk() else {
            return Err(ChannelDataError::Truncated { need: CHANNEL_DATA_HEADER_LEN, have });
        };
        let number = u16::from_be_bytes([*n0, *n1]);
        //= rfc8656#12.6
        // What starts with another number is dropped without a word.
        let Some(number) = ChannelNumber::new_rfc5766(number) else {
            return Err(ChannelDataError::NotAChannel { number });
        };
        let len = usize::from(u16::from_be_bytes([*l0, *l1]));
        //= rfc8656#12.6
        // So is a datagram that is shorter than its header claims.
        let Some(data) = rest.get(..len) else {
            let need = len.saturating_add(CHANNEL_DATA_HEADER_LEN);
            return Err(ChannelDataError::Truncated { need, have });
        };
        Ok(Self { number, data })
    }
}

/// The header in front of `len` bytes of data; `None` above 65,535.
#[must_use]
#[inline]
pub fn write_channel_data_header(
    number: ChannelNumber,
    len: usize,
) -> Option<[u8; CHANNEL_DATA_HEADER_LEN]> {
    let [n0, n1] = number.0.to_be_bytes();
    let [l0, l1] = u16::try_from(len).ok()?.to_be_bytes();
    Some([n0, n1, l0, l1])
}

/// Bytes that `len` bytes of data take on a stream, without the header: the next multiple of four
/// (RFC 8656 section 12.5).
#[must_use]
#[inline]
pub fn padded_len(len: usize) -> usize {
    len.checked_next_multiple_of(4).unwrap_or(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    //= rfc8656#12.6
    //= type=test
    #[test]
    fn a_datagram_may_carry_padding_or_more_but_not_less() {
        let wire = [0x4f, 0xff, 0, 3, 1, 2, 3, 0];
        for len in 7..=8 {
            assert_eq!(ChannelData::parse(&wire[..len]).unwrap().data, &[1, 2, 3]);
        }
        for len in 4..7 {
            let error = ChannelDataError::Truncated { need: 7, have: len };
            assert_eq!(ChannelData::parse(&wire[..len]), Err(error));
        }
        for len in 0..4 {
            let error = ChannelDataError::Truncated { need: 4, have: len };
            assert_eq!(ChannelData::parse(&wire[..len]), Err(error));
        }
    }

    //= rfc8656#12
    //= type=test
    #[test]
    fn numbers_outside_the_range_are_no_channels() {
        assert_eq!(ChannelNumber::new(0x3fff), None);
        assert_eq!(ChannelNumber::new(0x5000), None);
        assert_eq!(ChannelNumber::new(0x4fff), Some(ChannelNumber::MAX));
        assert_eq!(ChannelNumber::new_rfc5766(0x7ffe), Some(ChannelNumber::MAX_RFC5766));
        assert_eq!(ChannelNumber::new_rfc5766(0x7fff), None);
        let error = ChannelDataError::NotAChannel { number: 0x8000 };
        assert_eq!(ChannelData::parse(&[0x80, 0, 0, 0]), Err(error));
    }

    #[test]
    fn an_empty_message_is_a_message() {
        assert_eq!(ChannelData::parse(&[0x40, 0, 0, 0]).unwrap().data, b"");
        assert_eq!(write_channel_data_header(ChannelNumber::MIN, 0), Some([0x40, 0, 0, 0]));
        assert_eq!(write_channel_data_header(ChannelNumber::MIN, 65_536), None);
        assert_eq!((padded_len(0), padded_len(1), padded_len(4)), (0, 4, 4));
    }
}
