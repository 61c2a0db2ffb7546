use antiphon_crypto::CryptoError;

/// Keys and options from which nothing can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The master key does not have the profile's length.
    #[error("master key of {len} bytes, the profile takes {need}")]
    KeyLength {
        /// Bytes the profile asks for.
        need: usize,
        /// Bytes that were given.
        len: usize,
    },
    /// The master salt does not have the profile's length.
    #[error("master salt of {len} bytes, the profile takes {need}")]
    SaltLength {
        /// Bytes the profile asks for.
        need: usize,
        /// Bytes that were given.
        len: usize,
    },
    /// A replay window that is too small or too large.
    #[error("replay window of {packets} packets, allowed are {min} to {max}")]
    ReplayWindow {
        /// Packets that were asked for.
        packets: usize,
        /// The smallest window.
        min: usize,
        /// The largest window.
        max: usize,
    },
    /// A tag in which a roll-over counter has no room ([`roc_carriage`](crate::Config::roc_carriage)).
    #[error("a tag of {tag_len} bytes has no room for a roll-over counter")]
    NoRoomForCounter {
        /// Bytes of the tag.
        tag_len: usize,
    },
    /// Header extensions are to be encrypted, but keys were not derived for that
    /// ([`encrypted_extensions`](crate::Config::encrypted_extensions)).
    #[error("no keys for header extensions")]
    NoExtensionKeys,
    /// The provider does not have the profile's algorithms.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// Bytes that cannot be the start of an RTP or RTCP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The packet ends before its header does.
    #[error("{len} bytes, the header needs {need}")]
    Truncated {
        /// Bytes the header asks for.
        need: usize,
        /// Bytes there are.
        len: usize,
    },
    /// The version is not 2.
    #[error("version {0}")]
    Version(u8),
    /// An element of the header extension reaches beyond its end, and elements are to be encrypted.
    #[error("the element at byte {at} of the extension reaches beyond its end")]
    Element {
        /// Offset in the extension's content.
        at: usize,
    },
}

/// Why a packet was not protected. Nothing has changed, but the buffer's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtectError {
    /// This is not RTP, or not RTCP.
    #[error("malformed header: {0}")]
    Header(#[from] HeaderError),
    /// The buffer has no room for the trailer. See [`MAX_TRAILER`](crate::MAX_TRAILER).
    #[error("buffer of {len} bytes, {need} are needed")]
    BufferTooSmall {
        /// Bytes the protected packet takes.
        need: usize,
        /// Bytes of the buffer.
        len: usize,
    },
    /// A packet with this SSRC and sequence number has been protected already. Encrypting another
    /// one would give both away; send the protected bytes again instead.
    #[error("packet {index} of {ssrc:#010x} was protected before")]
    IndexReused {
        /// Synchronization source.
        ssrc: u32,
        /// Roll-over counter and sequence number, 48 bits.
        index: u64,
    },
    /// The packet is so far behind that nobody remembers whether it was protected already.
    #[error("packet {index} of {ssrc:#010x} is behind the window")]
    IndexTooOld {
        /// Synchronization source.
        ssrc: u32,
        /// Roll-over counter and sequence number, 48 bits.
        index: u64,
    },
    /// The key has protected as many packets as it may. A new key is needed: a new DTLS
    /// association.
    #[error("the key has protected {packets} packets and may not protect more")]
    KeyLimitReached {
        /// How many it was.
        packets: u64,
    },
    /// There are as many SSRCs as allowed ([`max_streams`](crate::Config::max_streams)).
    #[error("more than {limit} SSRCs")]
    TooManyStreams {
        /// The limit.
        limit: usize,
    },
    /// The header extension is none that cryptex can encrypt, which is
    /// [required](crate::Cryptex::Required), or its form says that it is encrypted already.
    #[error("a header extension of form {form:#06x} cannot be encrypted")]
    ExtensionForm {
        /// Its first 16 bits.
        form: u16,
    },
    /// The provider could not encrypt.
    #[error("the cipher failed")]
    Cipher,
}

/// Why a packet was dropped. Nothing has changed, but the buffer's content and a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnprotectError {
    /// This is not RTP, or not RTCP.
    #[error("malformed header: {0}")]
    Header(#[from] HeaderError),
    /// No room for header, tag and index.
    #[error("{len} bytes, a protected packet needs {need}")]
    Truncated {
        /// Bytes it would have at least.
        need: usize,
        /// Bytes there are.
        len: usize,
    },
    /// The tag is wrong: another key, another profile, or somebody else's packet.
    #[error("not authentic")]
    NotAuthentic,
    /// The packet has been received already.
    #[error("packet {index} of {ssrc:#010x} was received before")]
    Replayed {
        /// Synchronization source.
        ssrc: u32,
        /// The packet's index.
        index: u64,
    },
    /// The packet is behind the replay window, or before the very first packet.
    #[error("packet {index} of {ssrc:#010x} is behind the window")]
    TooOld {
        /// Synchronization source.
        ssrc: u32,
        /// The packet's index.
        index: u64,
    },
    /// An SRTCP packet that is not encrypted, although encryption was negotiated.
    #[error("the packet is not encrypted")]
    NotEncrypted,
    /// An SRTP packet with CSRCs or a header extension in the clear, although cryptex is
    /// [required](crate::Cryptex::Required).
    #[error("header extension or CSRCs are not encrypted")]
    NotCryptex,
    /// The packet lies beyond the last index that the key has.
    #[error("the key's packets are used up")]
    KeyExhausted,
    /// There are as many SSRCs as allowed ([`max_streams`](crate::Config::max_streams)).
    #[error("more than {limit} SSRCs")]
    TooManyStreams {
        /// The limit.
        limit: usize,
    },
}

/// Why a stream could not be resumed. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The stream is further already: going back would allow replays or reuse of keystream.
    #[error("the stream is at {at}, it cannot go back to {to}")]
    Backwards {
        /// The newest index known.
        at: u64,
        /// The index asked for.
        to: u64,
    },
    /// An index of more than 48 bits (RTP) or 31 bits (RTCP).
    #[error("no index reaches {index}, the last is {limit}")]
    OutOfRange {
        /// The index asked for.
        index: u64,
        /// The last one there is.
        limit: u64,
    },
    /// There are as many SSRCs as allowed ([`max_streams`](crate::Config::max_streams)).
    #[error("more than {limit} SSRCs")]
    TooManyStreams {
        /// The limit.
        limit: usize,
    },
}
