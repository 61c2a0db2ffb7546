use std::fmt;

/// Names a source of packets within a session. [RFC 3550 section 3].
///
/// [RFC 3550 section 3]: https://www.rfc-editor.org/rfc/rfc3550#section-3
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ssrc(pub u32);

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

impl From<u32> for Ssrc {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl From<Ssrc> for u32 {
    fn from(ssrc: Ssrc) -> Self {
        ssrc.0
    }
}
