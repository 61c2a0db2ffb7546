/// Options of an [`SframeSender`](crate::SframeSender) or
/// [`SframeReceiver`](crate::SframeReceiver).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How many frames behind the newest of a key a frame may be, from 64 to 32768; rounded up to
    /// a power of two. 1024 by default, which costs 128 bytes per key. Simulcast and scalable
    /// layers count as frames of their own.
    pub replay_window: usize,
    /// How many keys are kept at most, 1024 by default: of a receiver those of all senders.
    pub max_keys: usize,
    /// How many ratchet steps at once a receiver follows a sender at most, 32 by default. Each
    /// costs whoever can send us frames a few bytes, and us a few microseconds.
    pub max_ratchet_steps: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { replay_window: 1024, max_keys: 1024, max_ratchet_steps: 32 }
    }
}

impl Config {
    /// The smallest replay window.
    pub const MIN_REPLAY_WINDOW: usize = 64;

    /// The largest replay window.
    pub const MAX_REPLAY_WINDOW: usize = 1 << 15;
}
