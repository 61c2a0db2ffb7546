//! PASSWORD-ALGORITHM and PASSWORD-ALGORITHMS (RFC 8489 sections 14.11 and 14.12).
//!
//! ```text
//! +-------------------------------+-------------------------------+
//! |       algorithm's number      |    length of the parameters   |
//! +-------------------------------+-------------------------------+
//! |          parameters, then padding to a multiple of four       |
//! +---------------------------------------------------------------+
//! ```

use super::attribute;

/// How a long-term password becomes a key
/// ([RFC 8489 section 18.5](https://www.rfc-editor.org/rfc/rfc8489#section-18.5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PasswordAlgorithm {
    //= rfc8489#18.5.1.1
    // MD5 serves those who know nothing else; a server that lists algorithms lists it last.
    /// MD5, for what came before RFC 8489: keys of 16 bytes.
    Md5,
    /// SHA-256: keys of 32 bytes.
    Sha256,
}

impl PasswordAlgorithm {
    /// Its number in the registry.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Md5 => 1,
            Self::Sha256 => 2,
        }
    }

    /// The algorithm with that number, if this crate knows it.
    #[must_use]
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Md5),
            2 => Some(Self::Sha256),
            _ => None,
        }
    }

    /// Four bytes on the wire: both algorithms have no parameters.
    pub(crate) const fn to_bytes(self) -> [u8; 4] {
        let [n0, n1] = self.number().to_be_bytes();
        [n0, n1, 0, 0]
    }
}

/// One algorithm as it stands in a message, known or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlgorithmView<'a> {
    /// Its number in the registry.
    pub number: u16,
    /// Its parameters; none for the two that exist.
    pub parameters: &'a [u8],
}

impl AlgorithmView<'_> {
    /// The algorithm, if this crate knows it and its parameters are what they must be: none.
    #[must_use]
    pub const fn known(&self) -> Option<PasswordAlgorithm> {
        if self.parameters.is_empty() { PasswordAlgorithm::from_number(self.number) } else { None }
    }
}

/// The algorithms that PASSWORD-ALGORITHMS lists, the server's favourite first. See
/// [`MessageView::password_algorithms`](crate::MessageView::password_algorithms).
#[derive(Clone, Debug)]
pub struct Algorithms<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Algorithms<'a> {
    type Item = AlgorithmView<'a>;

    fn next(&mut self) -> Option<AlgorithmView<'a>> {
        let (attribute, rest) = split(self.0)?;
        self.0 = rest;
        Some(attribute)
    }
}

/// The layout is that of an attribute; only the last padding may be missing.
fn split(bytes: &[u8]) -> Option<(AlgorithmView<'_>, &[u8])> {
    if let Some((attribute::AttributeView { kind, value }, rest)) = attribute::split(bytes) {
        return Some((AlgorithmView { number: kind, parameters: value }, rest));
    }
    let ([n0, n1, l0, l1], parameters) = bytes.split_first_chunk::<4>()?;
    let len = usize::from(u16::from_be_bytes([*l0, *l1]));
    let number = u16::from_be_bytes([*n0, *n1]);
    (parameters.len() == len).then_some((AlgorithmView { number, parameters }, &[]))
}

//= rfc8489#14.12
// The padding is not looked at.
pub(crate) fn is_one(value: &[u8]) -> bool {
    split(value).is_some_and(|(_, rest)| rest.is_empty())
}

pub(crate) fn is_list(value: &[u8]) -> bool {
    let mut rest = value;
    while !rest.is_empty() {
        let Some((_, tail)) = split(rest) else { return false };
        rest = tail;
    }
    !value.is_empty()
}
