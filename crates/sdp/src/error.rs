/// Where and why a text is not a session description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct ParseError {
    /// The offending line, counted from 1; 0 where the text as a whole is at fault.
    pub line: u32,
    /// What is wrong there.
    pub kind: ErrorKind,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The whole text is longer than [`MAX_TEXT`](crate::MAX_TEXT).
    #[error("{len} bytes exceed the limit of {limit}")]
    TextTooLong {
        /// Bytes of the text.
        len: usize,
        /// Bytes we accept.
        limit: usize,
    },
    /// The line is longer than [`MAX_LINE`](crate::MAX_LINE).
    #[error("{len} bytes exceed the limit of {limit}")]
    LineTooLong {
        /// Bytes of the line.
        len: usize,
        /// Bytes we accept.
        limit: usize,
    },
    /// More media sections than [`MAX_SECTIONS`](crate::MAX_SECTIONS).
    #[error("more than {limit} media sections")]
    TooManySections {
        /// Sections we accept.
        limit: usize,
    },
    /// More attributes in one section than [`MAX_ATTRIBUTES`](crate::MAX_ATTRIBUTES).
    #[error("more than {limit} attributes in one section")]
    TooManyAttributes {
        /// Attributes we accept.
        limit: usize,
    },
    /// The line does not begin with one letter and an equals sign.
    #[error("not of the form <letter>=<value>")]
    NotALine,
    /// A NUL, or a carriage return that does not end the line.
    #[error("forbidden byte {0:#04x}")]
    ForbiddenByte(u8),
    /// A line that does not belong here: RFC 8866 prescribes the order.
    #[error("unexpected {0}= line")]
    Unexpected(char),
    /// A line that must be here is absent.
    #[error("missing {0}= line")]
    Missing(char),
    /// The protocol version is not 0.
    #[error("unknown version")]
    Version,
    /// The value of the line violates its grammar.
    #[error("malformed {0}= line")]
    Malformed(char),
    /// The value of this attribute violates its grammar.
    #[error("malformed attribute {0}")]
    MalformedAttribute(&'static str),
}
