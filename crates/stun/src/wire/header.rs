use std::fmt;

/// Bytes of the header.
pub const HEADER_LEN: usize = 20;

/// The fixed value in bytes 4 to 7 of each message (RFC 8489 section 5).
pub const MAGIC_COOKIE: u32 = 0x2112_A442;

/// What a message is for (RFC 8489 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Asks, and expects an answer.
    Request,
    /// Tells, and expects none.
    Indication,
    /// Answers: it was done.
    Success,
    /// Answers: it was not done.
    Error,
}

/// The method, 12 bits (RFC 8489 section 18.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Method(u16);

impl Method {
    /// Binding (RFC 8489 section 3).
    pub const BINDING: Self = Self(0x001);
    /// Allocate (RFC 8656 section 17).
    pub const ALLOCATE: Self = Self(0x003);
    /// Refresh (RFC 8656 section 17).
    pub const REFRESH: Self = Self(0x004);
    /// Send (RFC 8656 section 17).
    pub const SEND: Self = Self(0x006);
    /// Data (RFC 8656 section 17).
    pub const DATA: Self = Self(0x007);
    /// CreatePermission (RFC 8656 section 17).
    pub const CREATE_PERMISSION: Self = Self(0x008);
    /// ChannelBind (RFC 8656 section 17).
    pub const CHANNEL_BIND: Self = Self(0x009);

    /// Connect (RFC 6062 section 6.1).
    pub const CONNECT: Self = Self(0x00A);
    /// ConnectionBind (RFC 6062 section 6.1).
    pub const CONNECTION_BIND: Self = Self(0x00B);
    /// ConnectionAttempt (RFC 6062 section 6.1).
    pub const CONNECTION_ATTEMPT: Self = Self(0x00C);

    /// The method with that number; `None` above 12 bits.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number <= 0x0fff { Some(Self(number)) } else { None }
    }

    /// Its number, at most 0xfff.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// The 96 bits that pair a response with its request (RFC 8489 section 5).
///
/// Draw them at random, anew for each transaction: an attacker off the path must not guess them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId(pub [u8; 12]);

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TransactionId(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// The first 20 bytes ([RFC 8489 section 5](https://www.rfc-editor.org/rfc/rfc8489#section-5)).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-------------------------+-------------------------------+
/// |0|0| method and class, mixed |   bytes after the header      |
/// +-+-+-------------------------+-------------------------------+
/// |                 magic cookie 0x2112a442                     |
/// +-------------------------------------------------------------+
/// |                 transaction id, 96 bits                     |
/// +-------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) class: Class,
    pub(crate) method: Method,
    pub(crate) id: TransactionId,
}

/// Why the front of a datagram is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderError {
    Truncated,
    NotStun,
}

impl Header {
    /// The header and the number of bytes that follow it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<(Self, usize), HeaderError> {
        let Some(([t0, t1, l0, l1, c0, c1, c2, c3, id @ ..], _)) =
            bytes.split_first_chunk::<HEADER_LEN>()
        else {
            return Err(HeaderError::Truncated);
        };
        let kind = u16::from_be_bytes([*t0, *t1]);
        //= rfc8489#6.3
        // What does not start with two zero bits and carry the cookie is not for us.
        if kind & 0xc000 != 0 || u32::from_be_bytes([*c0, *c1, *c2, *c3]) != MAGIC_COOKIE {
            return Err(HeaderError::NotStun);
        }
        let (class, method) = split_type(kind);
        let header = Self { class, method, id: TransactionId(*id) };
        Ok((header, usize::from(u16::from_be_bytes([*l0, *l1]))))
    }

    //= rfc8489#5
    // Two zero bits, the cookie, a length in whole words.
    /// The header of a message without attributes.
    pub(crate) fn to_bytes(self) -> [u8; HEADER_LEN] {
        let [t0, t1] = join_type(self.class, self.method).to_be_bytes();
        let [c0, c1, c2, c3] = MAGIC_COOKIE.to_be_bytes();
        let TransactionId([a, b, c, d, e, f, g, h, i, j, k, l]) = self.id;
        [t0, t1, 0, 0, c0, c1, c2, c3, a, b, c, d, e, f, g, h, i, j, k, l]
    }
}

/// Class bits sit at 0x0100 and 0x0010; the method's twelve fill the places around them.
fn split_type(kind: u16) -> (Class, Method) {
    let class = match (kind & 0x0100 != 0, kind & 0x0010 != 0) {
        (false, false) => Class::Request,
        (false, true) => Class::Indication,
        (true, false) => Class::Success,
        (true, true) => Class::Error,
    };
    let method = (kind & 0x000f) | ((kind & 0x00e0) >> 1) | ((kind & 0x3e00) >> 2);
    (class, Method(method))
}

fn join_type(class: Class, Method(method): Method) -> u16 {
    let class = match class {
        Class::Request => 0,
        Class::Indication => 0x0010,
        Class::Success => 0x0100,
        Class::Error => 0x0110,
    };
    class | (method & 0x000f) | ((method & 0x0070) << 1) | ((method & 0x0f80) << 2)
}

/// Whether a datagram on a socket shared with DTLS, SRTP and the like is STUN.
///
/// Looks at the first byte (RFC 7983 section 7) and at the cookie, nothing more.
#[must_use]
pub fn is_stun(datagram: &[u8]) -> bool {
    Header::parse(datagram).is_ok()
}

/// How long the message at the front of a byte stream is, header included; `None` before its
/// header is complete or when it is no STUN message (RFC 8489 section 6.2.2).
///
/// [`MessageView::parse`](crate::MessageView::parse) wants exactly that many bytes.
#[must_use]
pub fn message_len(stream: &[u8]) -> Option<usize> {
    let (_, len) = Header::parse(stream).ok()?;
    HEADER_LEN.checked_add(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_bits_interleave_and_come_back() {
        for number in 0..=0x0fff {
            let method = Method::new(number).unwrap();
            for class in [Class::Request, Class::Indication, Class::Success, Class::Error] {
                assert_eq!(split_type(join_type(class, method)), (class, method));
            }
        }
        assert_eq!(join_type(Class::Request, Method::BINDING), 0x0001);
        assert_eq!(join_type(Class::Indication, Method::BINDING), 0x0011);
        assert_eq!(join_type(Class::Success, Method::BINDING), 0x0101);
        assert_eq!(join_type(Class::Error, Method::BINDING), 0x0111);
        assert_eq!(Method::new(0x1000), None);
    }
}
