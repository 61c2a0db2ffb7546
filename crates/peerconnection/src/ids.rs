use std::fmt;

/// Names a transceiver within its connection; never used again for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransceiverId(u32);

impl TransceiverId {
    pub(crate) const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number behind it, counted from 0 in the order of creation.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for TransceiverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transceiver {}", self.0)
    }
}
