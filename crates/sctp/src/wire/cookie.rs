use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::bytes_at::{Fields, u16_at, u32_at};
use super::init::{Capabilities, Init};

/// Bytes of a state cookie.
pub(crate) const COOKIE_LEN: usize = FIELDS + MAC;
const FIELDS: usize = 60;
const MAC: usize = 32;

/// Our state cookie ([RFC 9260 section 5.1.3]): everything an association is built from, so that
/// nothing is kept between INIT ACK and COOKIE ECHO. Private to us, followed by HMAC-SHA-256.
///
/// ```text
/// +---------------------------------------------------------------+
/// | when it was made, microseconds, 8 bytes                       |
/// | for how long it is good, microseconds, 8 bytes                |
/// +---------------------------------------------------------------+
/// | our tag, our initial TSN, 8 bytes                             |
/// | the peer's INIT: tag, window, streams, initial TSN, 16 bytes  |
/// | tie tags: ours, the peer's, 8 bytes                           |
/// +---------------------------------------------------------------+
/// | ports: ours, the peer's, 4 bytes                              |
/// | what the peer can, 1 byte; what we have announced, 7 bytes: 0 |
/// +---------------------------------------------------------------+
/// | HMAC-SHA-256, 32 bytes                                        |
/// +---------------------------------------------------------------+
/// ```
///
/// [RFC 9260 section 5.1.3]: https://www.rfc-editor.org/rfc/rfc9260#section-5.1.3
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cookie {
    pub(crate) created: Duration,
    pub(crate) life: Duration,
    pub(crate) local_tag: u32,
    pub(crate) local_tsn: u32,
    pub(crate) peer: Init,
    pub(crate) local_tie: u32,
    pub(crate) peer_tie: u32,
    pub(crate) local_port: u16,
    pub(crate) remote_port: u16,
    pub(crate) capabilities: Capabilities,
}

impl Cookie {
    /// The cookie's bytes, sealed with `secret`.
    pub(crate) fn seal(&self, secret: &[u8; 32]) -> [u8; COOKIE_LEN] {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let mut cookie = [0; COOKIE_LEN];
        let (fields, mac) = cookie.split_at_mut(FIELDS);
        Fields(fields)
            .put(&micros(self.created).to_be_bytes())
            .put(&micros(self.life).to_be_bytes())
            .u32(self.local_tag)
            .u32(self.local_tsn)
            .u32(self.peer.tag)
            .u32(self.peer.window)
            .u16(self.peer.outbound)
            .u16(self.peer.inbound)
            .u32(self.peer.tsn)
            .u32(self.local_tie)
            .u32(self.peer_tie)
            .u16(self.local_port)
            .u16(self.remote_port)
            .put(&[self.capabilities.to_byte()]);
        mac.copy_from_slice(&authenticate(secret, fields));
        cookie
    }

    /// Reads a cookie that [`seal`](Self::seal) made with the same secret.
    pub(crate) fn open(bytes: &[u8], secret: &[u8; 32]) -> Option<Self> {
        let bytes: &[u8; COOKIE_LEN] = bytes.try_into().ok()?;
        let (fields, mac) = bytes.split_at(FIELDS);
        //= rfc9260#5.1.5
        // A cookie whose MAC does not match was not made here. Compared in constant time.
        if !bool::from(authenticate(secret, fields).ct_eq(mac)) {
            return None;
        }
        let micros = |at: usize| {
            Duration::from_micros(
                (u64::from(u32_at(fields, at)) << 32)
                    | u64::from(u32_at(fields, at.saturating_add(4))),
            )
        };
        Some(Self {
            created: micros(0),
            life: micros(8),
            local_tag: u32_at(fields, 16),
            local_tsn: u32_at(fields, 20),
            peer: Init {
                tag: u32_at(fields, 24),
                window: u32_at(fields, 28),
                outbound: u16_at(fields, 32),
                inbound: u16_at(fields, 34),
                tsn: u32_at(fields, 36),
            },
            local_tie: u32_at(fields, 40),
            peer_tie: u32_at(fields, 44),
            local_port: u16_at(fields, 48),
            remote_port: u16_at(fields, 50),
            capabilities: Capabilities::from_byte(fields.get(52).copied().unwrap_or(0)),
        })
    }
}

fn authenticate(secret: &[u8; 32], fields: &[u8]) -> [u8; MAC] {
    let mut block = [0; 64];
    Fields(&mut block).put(secret);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(fields);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie() -> Cookie {
        Cookie {
            created: Duration::from_micros(0x1_0000_0001),
            life: Duration::from_secs(60),
            local_tag: 1,
            local_tsn: 2,
            peer: Init { tag: 3, window: 4, outbound: 5, inbound: 6, tsn: 7 },
            local_tie: 8,
            peer_tie: 9,
            local_port: 10,
            remote_port: 11,
            capabilities: Capabilities::OURS,
        }
    }

    #[test]
    fn a_cookie_opens_with_the_secret_that_sealed_it_and_no_other() {
        let sealed = cookie().seal(&[1; 32]);
        assert_eq!(Cookie::open(&sealed, &[1; 32]), Some(cookie()));
        assert_eq!(Cookie::open(&sealed, &[2; 32]), None);
    }

    // attack: a cookie changed on its way, or cut short
    #[test]
    fn a_changed_cookie_does_not_open() {
        let sealed = cookie().seal(&[1; 32]);
        for byte in 0..sealed.len() {
            let mut changed = sealed;
            changed[byte] ^= 1;
            assert_eq!(Cookie::open(&changed, &[1; 32]), None);
        }
        assert_eq!(Cookie::open(&sealed[..COOKIE_LEN - 1], &[1; 32]), None);
        assert_eq!(Cookie::open(&[], &[1; 32]), None);
    }
}
