use rand_chacha::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _};

use antiphon_stun::TransactionId;

/// Everything that must be unpredictable but is no key: one cryptographic generator, from the seed.
pub(crate) struct Random(ChaCha12Rng);

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random")
    }
}

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    /// A tiebreaker (RFC 8445 section 16.1).
    pub(crate) fn tie_breaker(&mut self) -> u64 {
        self.0.next_u64()
    }

    //= rfc8489#6.2.1
    // A transaction id is 96 random bits that nobody can predict, new for each transaction.
    pub(crate) fn transaction_id(&mut self) -> TransactionId {
        let mut id = [0; 12];
        self.0.fill_bytes(&mut id);
        TransactionId(id)
    }

    /// A percentage from `low` to `high`, both included.
    pub(crate) fn percent(&mut self, low: u32, high: u32) -> u32 {
        let span = high.saturating_sub(low).saturating_add(1);
        low.saturating_add(self.0.next_u32().checked_rem(span).unwrap_or(0))
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}
