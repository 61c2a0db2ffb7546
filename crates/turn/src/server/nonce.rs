use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use antiphon_crypto::Hmac;
use subtle::ConstantTimeEq as _;

/// Bytes of a nonce: the cookie's thirteen, then sixteen of base64.
pub(crate) const NONCE_LEN: usize = 29;
/// What each nonce of RFC 8489 starts with (section 9.2).
const COOKIE: &[u8; 9] = b"obMatJos2";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) type Nonce = [u8; NONCE_LEN];

/// Nonces that are bound to a source and a time and need no memory.
///
/// ```text
/// +--------------+----------------+--------+--------+-----------------+
/// | obMatJos2    | features, 24 b | slot,  | salt,  | tag, 64 bits of |
/// |              | in base64      | 16 b   | 16 b   | HMAC-SHA-256    |
/// +--------------+----------------+--------+--------+-----------------+
/// ```
///
/// Checking costs one HMAC, and so does the answer to a bad one: it repeats slot and salt of the
/// bad one where they are good, so that the tag just computed is that of the new one.
#[derive(Debug)]
pub(crate) struct Nonces {
    hmac: Box<dyn Hmac>,
    features: u32,
    slot: Duration,
}

/// What a nonce is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
    Fresh,
    /// Forged, from another source or too old; this one is good.
    Stale(Nonce),
}

impl Nonces {
    /// `lifetime` is the longest that a nonce is good; it is good for half of that at least.
    pub(crate) fn new(hmac: Box<dyn Hmac>, features: u32, lifetime: Duration) -> Self {
        let slot = (lifetime / 2).max(Duration::from_secs(1));
        Self { hmac, features, slot }
    }

    //= rfc8489#9.2.4
    // No two sources get the same nonce: the tag covers address and port.
    pub(crate) fn issue(&self, source: SocketAddr, unix: Duration, salt: u16) -> Nonce {
        self.make(source, self.slot_at(unix), salt)
    }

    //= rfc8656#5
    // A nonce lives through the slot it was made in and the next, an hour at most.
    pub(crate) fn check(
        &self,
        nonce: &[u8],
        source: SocketAddr,
        unix: Duration,
        salt: u16,
    ) -> Worth {
        let current = self.slot_at(unix);
        let claimed = parse(nonce).filter(|(slot, _)| current.wrapping_sub(*slot) <= 1);
        let (slot, salt) = claimed.unwrap_or((current, salt));
        let good = self.make(source, slot, salt);
        if claimed.is_some() && bool::from(good.ct_eq(nonce)) {
            Worth::Fresh
        } else {
            Worth::Stale(good)
        }
    }

    fn slot_at(&self, unix: Duration) -> u16 {
        let slots = unix.as_secs().checked_div(self.slot.as_secs()).unwrap_or(0);
        u16::try_from(slots & 0xffff).unwrap_or(0)
    }

    fn make(&self, source: SocketAddr, slot: u16, salt: u16) -> Nonce {
        let (s, t) = (slot.to_be_bytes(), salt.to_be_bytes());
        let port = source.port().to_be_bytes();
        let features = self.features.to_be_bytes();
        let tag = match source.ip() {
            IpAddr::V4(ip) => self.hmac.sign(&[&s, &t, &features, &port, &ip.octets()]),
            IpAddr::V6(ip) => self.hmac.sign(&[&s, &t, &features, &port, &ip.octets()]),
        };
        let mut raw = [0; 12];
        let tag = tag.prefix::<8>().unwrap_or([0; 8]);
        for (to, from) in raw.iter_mut().zip(s.iter().chain(&t).chain(&tag)) {
            *to = *from;
        }
        let [_, a, b, c] = features;
        let mut nonce = [0; NONCE_LEN];
        let text = COOKIE.iter().copied().chain(base64([a, b, c]));
        let text = text.chain(raw.as_chunks::<3>().0.iter().flat_map(|three| base64(*three)));
        for (to, from) in nonce.iter_mut().zip(text) {
            *to = from;
        }
        nonce
    }
}

/// Slot and salt.
fn parse(nonce: &[u8]) -> Option<(u16, u16)> {
    let nonce: &Nonce = nonce.try_into().ok()?;
    let (first, rest) = nonce.get(13..)?.split_first_chunk::<4>()?;
    let [a, b, c] = from_base64(*first)?;
    let [d, _, _] = from_base64(*rest.first_chunk::<4>()?)?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// Three bytes as four characters (RFC 4648).
fn base64([a, b, c]: [u8; 3]) -> [u8; 4] {
    let digit = |value: u8| ALPHABET.get(usize::from(value & 63)).copied().unwrap_or(b'A');
    [digit(a >> 2), digit(a << 4 | b >> 4), digit(b << 2 | c >> 6), digit(c)]
}

fn from_base64(text: [u8; 4]) -> Option<[u8; 3]> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => Some(c.wrapping_sub(b'A')),
        b'a'..=b'z' => Some(c.wrapping_sub(b'a').wrapping_add(26)),
        b'0'..=b'9' => Some(c.wrapping_sub(b'0').wrapping_add(52)),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let [a, b, c, d] = text;
    let (a, b, c, d) = (digit(a)?, digit(b)?, digit(c)?, digit(d)?);
    Some([a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d])
}

#[cfg(test)]
mod tests {
    use antiphon_crypto::{CryptoProvider as _, HashAlgorithm};
    use antiphon_crypto_rust::RustCrypto;

    use super::*;

    fn nonces() -> Nonces {
        let hmac = RustCrypto::new().hmac(HashAlgorithm::Sha256, &[7; 32]).unwrap();
        Nonces::new(hmac, 0x80_0000, Duration::from_secs(3600))
    }

    //= rfc8656#5
    //= type=test
    #[test]
    fn a_nonce_is_good_for_its_source_and_at_most_an_hour() {
        let (nonces, now) = (nonces(), Duration::from_secs(1_800_000_100));
        let source = "192.0.2.7:1024".parse().unwrap();
        let nonce = nonces.issue(source, now, 99);
        assert!(nonce.starts_with(b"obMatJos2gAAA"), "{nonce:?}");
        assert_eq!(nonces.check(&nonce, source, now, 1), Worth::Fresh);
        assert_eq!(nonces.check(&nonce, source, now + Duration::from_secs(1800), 1), Worth::Fresh);
        let late = now + Duration::from_secs(3600);
        assert!(matches!(nonces.check(&nonce, source, late, 1), Worth::Stale(_)));
    }

    #[test]
    fn a_bad_nonce_is_answered_with_a_good_one() {
        let (nonces, now) = (nonces(), Duration::from_secs(1_800_000_100));
        let source = "[2001:db8::7]:1024".parse().unwrap();
        let other = nonces.issue("[2001:db8::7]:1025".parse().unwrap(), now, 99);
        let mut damaged = nonces.issue(source, now, 99);
        damaged[28] ^= 1;
        for bad in [&other[..], &damaged[..], b"", b"obMatJos2gAAA", &[0xff; NONCE_LEN]] {
            let Worth::Stale(good) = nonces.check(bad, source, now, 5) else {
                panic!("{bad:?} passed");
            };
            assert_eq!(nonces.check(&good, source, now, 5), Worth::Fresh);
        }
    }
}
