use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, SocketAddr};

use super::types::{FiveTuple, Transport};

/// A 5-tuple as six words, the key of the table of allocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TupleKey([u64; 6]);

impl TupleKey {
    #[inline]
    pub(crate) fn new(tuple: &FiveTuple) -> Self {
        let (c0, c1, c_family) = words(tuple.client);
        let (s0, s1, s_family) = words(tuple.server);
        let transport = match tuple.transport {
            Transport::Udp => 0_u64,
            Transport::Dtls => 1,
            Transport::Tcp => 2,
            Transport::Tls => 3,
        };
        let ports = u64::from(tuple.client.port()) << 16 | u64::from(tuple.server.port());
        let kinds = transport << 2 | c_family << 1 | s_family;
        Self([c0, c1, s0, s1, ports, kinds])
    }
}

#[inline]
fn words(address: SocketAddr) -> (u64, u64, u64) {
    match address.ip() {
        IpAddr::V4(ip) => (0, u64::from(ip.to_bits()), 0),
        IpAddr::V6(ip) => {
            let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = ip.octets();
            let high = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
            (high, u64::from_be_bytes([i, j, k, l, m, n, o, p]), 1)
        }
    }
}

/// Hashes with secret keys, so that nobody can choose addresses that collide.
///
/// It is the inner product of UMAC (NH, RFC 4418 section 5.2) on words of 64 bits: two different
/// keys collide with a probability of 2^-64 over the choice of the keys.
#[derive(Clone, Copy)]
pub(crate) struct Keyed {
    keys: [u64; 8],
}

impl std::fmt::Debug for Keyed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyed")
    }
}

impl Keyed {
    pub(crate) const fn new(keys: [u64; 8]) -> Self {
        Self { keys }
    }
}

impl BuildHasher for Keyed {
    type Hasher = KeyedHasher;

    #[inline]
    fn build_hasher(&self) -> KeyedHasher {
        KeyedHasher { keys: self.keys, sum: 0, odd: None, at: 0 }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyedHasher {
    keys: [u64; 8],
    sum: u128,
    odd: Option<u64>,
    at: usize,
}

impl Hasher for KeyedHasher {
    #[inline]
    fn write_u64(&mut self, word: u64) {
        let key = |at: usize| self.keys.get(at & 7).copied().unwrap_or(0);
        match self.odd.take() {
            None => self.odd = Some(word),
            Some(before) => {
                let left = u128::from(before.wrapping_add(key(self.at)));
                let right = u128::from(word.wrapping_add(key(self.at.wrapping_add(1))));
                self.sum = self.sum.wrapping_add(left.wrapping_mul(right));
                self.at = self.at.wrapping_add(2);
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    #[inline]
    fn write_usize(&mut self, _: usize) {
        // Lengths of arrays: always the same here.
    }

    #[inline]
    fn finish(&self) -> u64 {
        let [.., k0, k1] = self.keys;
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = self.sum.to_be_bytes();
        let high = u64::from_be_bytes([a, b, c, d, e, f, g, h]) ^ self.odd.unwrap_or(0);
        let low = u64::from_be_bytes([i, j, k, l, m, n, o, p]);
        let mixed = u128::from(high.wrapping_add(k0)).wrapping_mul(u128::from(low ^ k1 | 1));
        let folded = mixed ^ (mixed >> 64);
        u64::try_from(folded & u128::from(u64::MAX)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn neighbours_do_not_collide_and_keys_change_everything() {
        let one = Keyed::new(
            [3, 5, 7, 11, 13, 17, 19, 23].map(|k: u64| k.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        );
        let two = Keyed::new(
            [1, 5, 7, 11, 13, 17, 19, 23].map(|k: u64| k.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        );
        let mut seen = HashSet::new();
        let mut low = HashSet::new();
        for ip in 0..200_u32 {
            for port in 0..50_u16 {
                let client = SocketAddr::from((std::net::Ipv4Addr::from_bits(ip), port));
                let server = "192.0.2.1:3478".parse().unwrap();
                let key = TupleKey::new(&FiveTuple { client, server, transport: Transport::Udp });
                let hash = one.hash_one(key);
                assert!(seen.insert(hash), "{client}");
                low.insert(hash & 0x3fff);
                assert_ne!(hash, two.hash_one(key));
            }
        }
        // 10,000 balls into 16,384 bins hit about 7,500 of them.
        assert!((7_000..8_000).contains(&low.len()), "{}", low.len());
    }
}
