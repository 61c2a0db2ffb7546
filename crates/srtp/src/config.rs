use std::num::NonZeroU16;

use crate::{Cryptex, ExtensionIds};

/// Options of an [`SrtpSender`](crate::SrtpSender) or [`SrtpReceiver`](crate::SrtpReceiver).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How many packets behind the newest of an SSRC an RTP packet may be, from 64 to 32768;
    /// rounded up to a power of two. Costs a bit each per SSRC.
    ///
    /// The default, 1024, covers what a video stream of 10 Mbit/s sends in a second: a
    /// retransmission under the original sequence number still gets through.
    pub replay_window: usize,
    /// The same for RTCP, counted in RTCP packets; 128 by default. Reports are rare.
    pub rtcp_replay_window: usize,
    /// How many SSRCs are followed at most, 1024 by default. Packets of further ones are refused:
    /// forgetting an SSRC would allow its packets to be replayed, or its keystream to be reused.
    ///
    /// On the receiving side only authenticated packets take a place.
    pub max_streams: usize,
    /// How many RTP packets, and how many RTCP packets, may be protected with this key. `None`,
    /// the default, is the profile's own lifetime; a longer one cannot be had.
    pub packet_limit: Option<u64>,
    /// Whether CSRCs and header extensions are encrypted ([RFC 9335]); off by default. See
    /// [`SrtpSender::set_cryptex`](crate::SrtpSender::set_cryptex) for what is negotiated later.
    ///
    /// [RFC 9335]: https://www.rfc-editor.org/rfc/rfc9335
    pub cryptex: Cryptex,
    /// The header extension elements that are encrypted ([RFC 6904]). `None`, the default, derives
    /// no keys for that; an empty set derives them for
    /// [later](crate::SrtpSender::set_encrypted_extensions). Packets that use cryptex have no
    /// element encrypted a second time.
    ///
    /// [RFC 6904]: https://www.rfc-editor.org/rfc/rfc6904
    pub encrypted_extensions: Option<ExtensionIds>,
    /// Puts the roll-over counter into every packet whose sequence number this divides ([RFC
    /// 4771]), so that a receiver can join at any time; `None` by default, and never in WebRTC.
    ///
    /// With HMAC-SHA1 the tag of those packets has 6 bytes (mode RCCm2), with AES-GCM they are 4
    /// bytes longer (mode RCCm3). Both sides need the same value. Not with tags of 4 bytes.
    ///
    /// [RFC 4771]: https://www.rfc-editor.org/rfc/rfc4771
    pub roc_carriage: Option<NonZeroU16>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            replay_window: 1024,
            rtcp_replay_window: 128,
            max_streams: 1024,
            packet_limit: None,
            cryptex: Cryptex::Off,
            encrypted_extensions: None,
            roc_carriage: None,
        }
    }
}

impl Config {
    /// The smallest replay window (RFC 3711 section 3.3.2).
    pub const MIN_REPLAY_WINDOW: usize = 64;

    /// The largest replay window: further back, sequence numbers are ambiguous.
    pub const MAX_REPLAY_WINDOW: usize = 1 << 15;
}
