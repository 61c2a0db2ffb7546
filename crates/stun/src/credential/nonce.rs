use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::Hashes;
use super::features::{SecurityFeatures, base64};
use crate::clock::Clock;

/// Bytes of the part after the cookie: time and tag in base64.
const BODY_LEN: usize = 16;
const TAG_LEN: usize = 9;

/// A nonce: text that a challenged client sends back.
///
/// ```text
/// | cookie, 13 | base64 of: seconds, 3 bytes | tag, 9 bytes |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonce([u8; Self::LEN]);

impl Nonce {
    /// Bytes of a nonce. Short, so that a challenge is no amplifier.
    pub const LEN: usize = SecurityFeatures::COOKIE_LEN + BODY_LEN;

    /// The text, ASCII.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Makes and recognises nonces without remembering any (RFC 8489 section 9.2.4).
///
/// A nonce holds the time and a tag over time, source address and port; the tag's key moves on
/// once a lifetime, and the key before last is gone.
#[derive(Debug)]
pub(crate) struct Nonces {
    clock: Clock,
    lifetime: Duration,
    features: SecurityFeatures,
    hashes: Arc<dyn Hashes>,
    /// Keys of this lifetime and of the one before.
    current: Zeroizing<[u8; 32]>,
    previous: Zeroizing<[u8; 32]>,
    generation: u64,
}

impl Nonces {
    pub(crate) fn new(
        key: [u8; 32],
        lifetime: Duration,
        features: SecurityFeatures,
        hashes: Arc<dyn Hashes>,
        birth: Instant,
    ) -> Self {
        Self {
            clock: Clock::starting(birth),
            // More than an hour is against RFC 8656 section 5, and the time stamp would wrap.
            lifetime: lifetime.clamp(Duration::from_secs(60), Duration::from_secs(86_400)),
            features,
            hashes,
            current: Zeroizing::new(key),
            previous: Zeroizing::new(key),
            generation: 0,
        }
    }

    //= rfc8489#9.2.4
    // Another address or port gets another nonce.
    pub(crate) fn issue(&mut self, now: Instant, source: SocketAddr) -> Option<Nonce> {
        self.advance(now);
        let seconds = seconds(self.clock.now());
        let tag = self.tag(&self.current, seconds, source)?;
        Some(Nonce(self.text(seconds, tag)))
    }

    /// Whether `nonce` is one of ours for `source`, and young enough.
    pub(crate) fn is_valid(&mut self, now: Instant, source: SocketAddr, nonce: &[u8]) -> bool {
        self.advance(now);
        let Some((_, body)) = nonce.split_first_chunk::<{ SecurityFeatures::COOKIE_LEN }>() else {
            return false;
        };
        let Some(stamp) = body.first_chunk::<4>().and_then(unbase64) else { return false };
        let age = Duration::from_secs(u64::from(wrapping_age(seconds(self.clock.now()), stamp)));
        let Some(made) = self.clock.now().checked_sub(age) else { return false };
        if age >= self.lifetime {
            return false;
        }
        let key = match self.generation.checked_sub(self.generation_at(made)) {
            Some(0) => &self.current,
            Some(1) => &self.previous,
            _ => return false,
        };
        let Some(tag) = self.tag(key, stamp, source) else { return false };
        self.text(stamp, tag).ct_eq(nonce).into()
    }

    fn advance(&mut self, now: Instant) {
        self.clock.advance(now);
        let due = self.generation_at(self.clock.now());
        while self.generation < due {
            let Some(next) = self.hashes.hmac_sha256(&*self.current, &[b"next"]) else { return };
            self.previous = std::mem::replace(&mut self.current, Zeroizing::new(next));
            self.generation = self.generation.saturating_add(1);
        }
    }

    fn generation_at(&self, moment: Duration) -> u64 {
        moment.as_secs().checked_div(self.lifetime.as_secs()).unwrap_or(0)
    }

    fn tag(&self, key: &[u8; 32], seconds: [u8; 3], source: SocketAddr) -> Option<[u8; TAG_LEN]> {
        let address = match source.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        let parts: [&[u8]; 3] = [&seconds, &address, &source.port().to_be_bytes()];
        self.hashes.hmac_sha256(key, &parts)?.first_chunk().copied()
    }

    fn text(&self, [s0, s1, s2]: [u8; 3], tag: [u8; TAG_LEN]) -> [u8; Nonce::LEN] {
        let [t0, t1, t2, t3, t4, t5, t6, t7, t8] = tag;
        let mut text = [0; Nonce::LEN];
        let body = [[s0, s1, s2], [t0, t1, t2], [t3, t4, t5], [t6, t7, t8]];
        if let Some((cookie, room)) =
            text.split_first_chunk_mut::<{ SecurityFeatures::COOKIE_LEN }>()
        {
            *cookie = self.features.nonce_cookie();
            for (digits, bytes) in room.chunks_exact_mut(4).zip(body) {
                digits.copy_from_slice(&base64(bytes));
            }
        }
        text
    }
}

/// The lower 24 bits: they wrap after half a year, long after the key has.
fn seconds(moment: Duration) -> [u8; 3] {
    let [.., a, b, c] = moment.as_secs().to_be_bytes();
    [a, b, c]
}

fn wrapping_age([a, b, c]: [u8; 3], [d, e, f]: [u8; 3]) -> u32 {
    let now = u32::from_be_bytes([0, a, b, c]);
    now.wrapping_sub(u32::from_be_bytes([0, d, e, f])) & 0x00ff_ffff
}

fn unbase64(digits: &[u8; 4]) -> Option<[u8; 3]> {
    // The cookie's digits are base64 too, so one reader serves both.
    let mut text = SecurityFeatures::NONE.nonce_cookie();
    if let Some(tail) = text.last_chunk_mut::<4>() {
        *tail = *digits;
    }
    SecurityFeatures::of_nonce(&text).map(SecurityFeatures::to_bytes)
}
