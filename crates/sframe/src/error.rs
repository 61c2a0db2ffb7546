use antiphon_crypto::CryptoError;

/// Bytes that are no header, or a buffer that holds none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The frame ends before its header does.
    #[error("{len} bytes, the header needs {need}")]
    Truncated {
        /// Bytes the header asks for.
        need: usize,
        /// Bytes there are.
        len: usize,
    },
    /// A value in more bytes than it needs.
    #[error("{value} is written in more bytes than it needs")]
    NotMinimal {
        /// The value.
        value: u64,
    },
    /// The buffer has no room for the header.
    #[error("buffer of {len} bytes, the header needs {need}")]
    BufferTooSmall {
        /// Bytes of the header.
        need: usize,
        /// Bytes of the buffer.
        len: usize,
    },
}

/// Why a key was not taken. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is a key with this id already: its counter would start again.
    #[error("key {key_id:#x} is in use")]
    InUse {
        /// Names the key.
        key_id: u64,
    },
    /// There is no key with this id.
    #[error("no key {key_id:#x}")]
    Unknown {
        /// Names the key.
        key_id: u64,
    },
    /// A base key without bytes is none.
    #[error("the base key is empty")]
    Empty,
    /// There are as many keys as allowed ([`max_keys`](crate::Config::max_keys)).
    #[error("more than {limit} keys")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The parts do not fit into the 64 bits of a key id.
    #[error("{value} does not fit into {bits} bits of the key id")]
    OutOfRange {
        /// The part that is too large.
        value: u64,
        /// Bits that it has.
        bits: u32,
    },
    /// A ratchet or a window of a size that is not allowed.
    #[error("{value}, allowed are {min} to {max}")]
    Size {
        /// What was asked for.
        value: u64,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// The provider does not have the suite's algorithms.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// Why a frame was not encrypted. Nothing has been used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// There is no key with this id.
    #[error("no key {key_id:#x}")]
    UnknownKey {
        /// Names the key.
        key_id: u64,
    },
    /// The plaintext does not lie within the buffer.
    #[error("plaintext from {start} to {end} in a buffer of {len} bytes")]
    OutsideBuffer {
        /// Where it begins.
        start: usize,
        /// Where it ends.
        end: usize,
        /// Bytes of the buffer.
        len: usize,
    },
    /// No room for the header before the plaintext, or for the tag behind it. See
    /// [`MAX_HEADER`](crate::MAX_HEADER) and [`MAX_TAG`](crate::MAX_TAG).
    #[error("{before} bytes before and {behind} behind, {header} and {tag} are needed")]
    NoRoom {
        /// Bytes before the plaintext.
        before: usize,
        /// Bytes behind it.
        behind: usize,
        /// Bytes of the header.
        header: usize,
        /// Bytes of the tag.
        tag: usize,
    },
    /// The key has encrypted a frame for each value of its counter.
    #[error("the counter of key {key_id:#x} is used up")]
    CounterExhausted {
        /// Names the key.
        key_id: u64,
    },
    /// The provider could not encrypt: the frame is too long for the cipher.
    #[error("the cipher failed")]
    Cipher,
}

/// Why a frame was dropped. Nothing has changed but a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// This does not start with a header.
    #[error("malformed header: {0}")]
    Header(#[from] HeaderError),
    /// No room for header and tag.
    #[error("{len} bytes, an encrypted frame needs {need}")]
    Truncated {
        /// Bytes it would have at least.
        need: usize,
        /// Bytes there are.
        len: usize,
    },
    /// No key, ratchet or epoch goes with this id. The frame is untouched: keep it, and try again
    /// when the key has come.
    #[error("no key {key_id:#x}")]
    UnknownKey {
        /// Names the key.
        key_id: u64,
    },
    /// The frame has been received already.
    #[error("frame {counter} of key {key_id:#x} was received before")]
    Replayed {
        /// Names the key.
        key_id: u64,
        /// The frame's counter.
        counter: u64,
    },
    /// The frame is behind the replay window.
    #[error("frame {counter} of key {key_id:#x} is behind the window")]
    TooOld {
        /// Names the key.
        key_id: u64,
        /// The frame's counter.
        counter: u64,
    },
    /// The tag is wrong: another key, other metadata, or somebody else's frame.
    #[error("not authentic")]
    NotAuthentic,
    /// There are as many keys as allowed ([`max_keys`](crate::Config::max_keys)), and this frame
    /// would need another one.
    #[error("more than {limit} keys")]
    TooManyKeys {
        /// The limit.
        limit: usize,
    },
}
