use std::sync::Arc;
use std::time::Duration;

use antiphon_crypto::{Certificate, CryptoProvider};

use crate::SrtpProfile;

/// The smallest [`Config::mtu`] that is used; lower values count as this one.
pub const MIN_MTU: usize = 128;

/// Everything that can be chosen about a [`Connection`](crate::Connection).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where the algorithms come from.
    pub provider: Arc<dyn CryptoProvider>,
    /// Our certificate. WebRTC has both sides show one, and so have we.
    pub certificate: Certificate,
    /// The profiles for SRTP that we can use, most preferred first. The server's order decides.
    /// Empty: `use_srtp` is neither offered nor answered.
    pub srtp_profiles: Vec<SrtpProfile>,
    /// The longest datagram of the handshake in bytes, 1,200 by default: what fits every path that
    /// ICE finds. After two retransmissions without an answer datagrams shrink to 548 bytes.
    /// Application data is not touched: its size is the caller's choice.
    pub mtu: usize,
    /// How long the first transmission of a flight waits for an answer. `None`, the default: one
    /// and a half round trips, but 50 to 400 ms; 400 ms while no round trip is known
    /// (RFC 9147 section 5.8.2 names 400 ms for DTLS-SRTP, RFC 6347 one second).
    pub initial_timeout: Option<Duration>,
    /// The wait doubles up to this, 60 s by default (RFC 6347 section 4.2.4.1).
    pub max_timeout: Duration,
    /// The handshake is given up after this time, 30 s by default, counted from
    /// [`start`](crate::Connection::start) or, for a server, from the first datagram.
    pub handshake_timeout: Duration,
    /// How long the sender of the last flight answers a peer that did not receive it: twice the
    /// maximum segment lifetime, 240 s (RFC 6347 section 4.2.4).
    pub linger: Duration,
    /// After a sign that the peer cannot agree with us, which anybody could have forged, the
    /// handshake is given this long to move on all the same; 5 s by default. It bounds how long an
    /// incompatible peer goes unnoticed.
    pub refusal_grace: Duration,
    /// Bytes of datagrams kept that come too early: before
    /// [`start`](crate::Connection::start), before the keys, or before the peer's certificate is
    /// verified. 16 KiB by default; what does not fit is dropped.
    pub max_early_bytes: usize,
    /// Bytes of handshake messages kept that are not complete or not in turn; 128 KiB by default.
    /// A single message may take half of it.
    pub max_handshake_bytes: usize,
}

impl Config {
    /// The defaults, with `certificate` as ours.
    #[must_use]
    pub fn new(provider: Arc<dyn CryptoProvider>, certificate: Certificate) -> Self {
        Self {
            provider,
            certificate,
            srtp_profiles: vec![
                SrtpProfile::AeadAes128Gcm,
                SrtpProfile::AeadAes256Gcm,
                SrtpProfile::Aes128CmSha1_80,
            ],
            mtu: 1200,
            initial_timeout: None,
            max_timeout: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(30),
            linger: Duration::from_secs(240),
            refusal_grace: Duration::from_secs(5),
            max_early_bytes: 16 * 1024,
            max_handshake_bytes: 128 * 1024,
        }
    }
}
