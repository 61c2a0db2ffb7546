//! Reading from the front of a slice, writing at the end of a vector.

/// A message that is not well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// A field reaches beyond the end.
    #[error("{need} bytes needed, {have} there")]
    Truncated {
        /// Bytes that the field has.
        need: usize,
        /// Bytes that were left.
        have: usize,
    },
    /// Bytes follow where the message should have ended.
    #[error("{0} bytes too many")]
    Trailing(usize),
    /// A vector has a length that its definition does not allow.
    #[error("a vector of {len} bytes is not allowed here")]
    VectorLength {
        /// Its length in bytes.
        len: usize,
    },
    /// An extension appears twice.
    #[error("extension {0} appears twice")]
    DuplicateExtension(u16),
    /// More extensions than anybody needs.
    #[error("more than {limit} extensions")]
    TooManyExtensions {
        /// How many are read.
        limit: usize,
    },
    /// The key exchange does not name its curve.
    #[error("curve type {0} is not a named curve")]
    CurveType(u8),
    /// Two key shares of one group.
    #[error("two shares of group {0:#06x}")]
    DuplicateKeyShare(u16),
    /// A record's connection id is missing, unknown or not agreed on.
    #[error("the connection id is not the one agreed on")]
    ConnectionId,
    /// A number that means nothing here.
    #[error("{0} means nothing here")]
    Value(u16),
}

/// Reads from the front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], ParseError> {
        let truncated = ParseError::Truncated { need: len, have: self.rest.len() };
        let (front, rest) = self.rest.split_at_checked(len).ok_or(truncated)?;
        self.rest = rest;
        Ok(front)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ParseError> {
        let truncated = ParseError::Truncated { need: N, have: self.rest.len() };
        let (front, rest) = self.rest.split_first_chunk::<N>().ok_or(truncated)?;
        self.rest = rest;
        Ok(*front)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ParseError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, ParseError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u24(&mut self) -> Result<usize, ParseError> {
        let [a, b, c] = self.array()?;
        Ok((usize::from(a) << 16) | (usize::from(b) << 8) | usize::from(c))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, ParseError> {
        self.array().map(u64::from_be_bytes)
    }

    /// A vector with a length of one byte.
    pub(crate) fn vector8(&mut self) -> Result<&'a [u8], ParseError> {
        let len = self.u8()?;
        self.take(usize::from(len))
    }

    /// A vector with a length of two bytes.
    pub(crate) fn vector16(&mut self) -> Result<&'a [u8], ParseError> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// A vector with a length of three bytes.
    pub(crate) fn vector24(&mut self) -> Result<&'a [u8], ParseError> {
        let len = self.u24()?;
        self.take(len)
    }

    /// A list of 16-bit numbers with a length of two bytes, at least one number.
    pub(crate) fn numbers16(&mut self) -> Result<&'a [u8], ParseError> {
        let list = self.vector16()?;
        if list.is_empty() || !list.len().is_multiple_of(2) {
            return Err(ParseError::VectorLength { len: list.len() });
        }
        Ok(list)
    }

    /// Everything up to the end.
    pub(crate) fn remaining(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// The end, and nothing behind it.
    pub(crate) fn finish(self) -> Result<(), ParseError> {
        match self.rest.len() {
            0 => Ok(()),
            len => Err(ParseError::Trailing(len)),
        }
    }
}

/// Writes a number of three bytes.
pub(crate) fn u24(number: usize) -> [u8; 3] {
    let [.., a, b, c] = u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
    [a, b, c]
}

/// Appends a vector with a length of one byte.
pub(crate) fn put_vector8(out: &mut Vec<u8>, vector: &[u8]) {
    out.push(u8::try_from(vector.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(vector);
}

/// Appends a vector with a length of two bytes.
pub(crate) fn put_vector16(out: &mut Vec<u8>, vector: &[u8]) {
    out.extend_from_slice(&u16::try_from(vector.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(vector);
}

/// Appends a vector with a length of three bytes.
pub(crate) fn put_vector24(out: &mut Vec<u8>, vector: &[u8]) {
    out.extend_from_slice(&u24(vector.len()));
    out.extend_from_slice(vector);
}

/// Appends a list of 16-bit numbers with a length of two bytes.
pub(crate) fn put_numbers16(out: &mut Vec<u8>, numbers: impl IntoIterator<Item = u16>) {
    let list: Vec<u8> = numbers.into_iter().flat_map(u16::to_be_bytes).collect();
    put_vector16(out, &list);
}
