use std::fmt::{self, Debug};

use antiphon_crypto::CryptoError;
use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng as _;
use zeroize::Zeroizing;

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

    /// A generator for algorithms that draw as often as they like and cannot be told that the
    /// source failed. It wipes itself when dropped.
    pub(crate) fn rng(&self) -> Result<ChaCha20Rng, CryptoError> {
        let mut seed = Zeroizing::new([0; 32]);
        self.fill(&mut *seed)?;
        Ok(ChaCha20Rng::from_seed(*seed))
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
