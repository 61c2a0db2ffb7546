/// ERROR-CODE: why a request was refused
/// ([RFC 8489 section 14.8](https://www.rfc-editor.org/rfc/rfc8489#section-14.8)).
///
/// ```text
/// +-------------------------------+----------+------+-------------+
/// |               0               |          |class |   number    |
/// +-------------------------------+----------+------+-------------+
/// |                 reason phrase, UTF-8                          |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode<'a> {
    code: u16,
    reason: &'a [u8],
}

impl<'a> ErrorCode<'a> {
    /// Try Alternate (RFC 8489 section 14.8).
    pub const TRY_ALTERNATE: u16 = 300;
    /// Bad Request (RFC 8489 section 14.8).
    pub const BAD_REQUEST: u16 = 400;
    /// Unauthenticated (RFC 8489 section 14.8).
    pub const UNAUTHENTICATED: u16 = 401;
    /// Unknown Attribute (RFC 8489 section 14.8).
    pub const UNKNOWN_ATTRIBUTE: u16 = 420;
    /// Stale Nonce (RFC 8489 section 14.8).
    pub const STALE_NONCE: u16 = 438;
    /// Role Conflict (RFC 8445 section 7.3.1.1).
    pub const ROLE_CONFLICT: u16 = 487;
    /// Server Error (RFC 8489 section 14.8).
    pub const SERVER_ERROR: u16 = 500;

    //= rfc8489#14.8
    // Reserved bits are ignored; a class from 3 to 6 and a number up to 99.
    pub(crate) fn parse(value: &'a [u8]) -> Option<Self> {
        let ([_, _, class, number], reason) = value.split_first_chunk::<4>()?;
        let class = u16::from(class & 0b111);
        let number = u16::from(*number);
        let fits = (3..=6).contains(&class) && number <= 99;
        (fits && reason.len() <= super::attribute::MAX_TEXT_READ)
            .then(|| Self { code: class.saturating_mul(100).saturating_add(number), reason })
    }

    /// The four bytes before the reason; `None` outside 300 to 699.
    pub(crate) fn front(code: u16) -> Option<[u8; 4]> {
        let class = u8::try_from(code / 100).ok().filter(|class| (3..=6).contains(class))?;
        Some([0, 0, class, u8::try_from(code % 100).ok()?])
    }

    /// The code, 300 to 699.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The phrase for people, up to the first byte that is not UTF-8.
    #[must_use]
    pub fn reason(&self) -> &'a str {
        self.reason.utf8_chunks().next().map_or("", |chunk| chunk.valid())
    }
}
