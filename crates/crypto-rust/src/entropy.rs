use std::fmt::{self, Debug};

use antiphon_crypto::CryptoError;

type Source = dyn Fn(&mut [u8]) -> Result<(), CryptoError> + Send + Sync;

/// Where random bytes come from: the operating system, or a function that a test gave.
pub(crate) enum Entropy {
    System,
    Custom(Box<Source>),
}

impl Entropy {
    pub(crate) fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        match self {
            Self::System => getrandom::fill(out).map_err(|_| CryptoError::NoEntropy),
            Self::Custom(source) => source(out),
        }
    }
}

impl Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Custom(_) => "Custom",
        })
    }
}
