//! Keyed hashes and hexadecimal for the tests.
#![allow(dead_code, reason = "not every test needs every helper")]

use hmac::{Hmac, KeyInit as _, Mac as _};

/// Bytes from hexadecimal digits; white space does not count.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

/// HMAC-SHA1 with `key`, in the shape that integrity wants.
pub(crate) fn hmac_sha1(key: &[u8]) -> impl Fn(&[&[u8]]) -> [u8; 20] {
    let mac = Hmac::<sha1::Sha1>::new_from_slice(key).unwrap();
    move |parts| {
        let mut mac = mac.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

/// HMAC-SHA256 with `key`, in the shape that integrity wants.
pub(crate) fn hmac_sha256(key: &[u8]) -> impl Fn(&[&[u8]]) -> [u8; 32] {
    let mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    move |parts| {
        let mut mac = mac.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

/// All four, of the crates that the tests have anyway.
#[derive(Debug)]
pub(crate) struct Hashes;

impl antiphon_stun::Hashes for Hashes {
    fn md5(&self, parts: &[&[u8]]) -> Option<[u8; 16]> {
        use md5::Digest as _;
        Some(md5::Md5::digest(parts.concat()).into())
    }
    fn sha256(&self, parts: &[&[u8]]) -> Option<[u8; 32]> {
        use sha2::Digest as _;
        Some(sha2::Sha256::digest(parts.concat()).into())
    }
    fn hmac_sha1(&self, key: &[u8], parts: &[&[u8]]) -> Option<[u8; 20]> {
        Some(hmac_sha1(key)(parts))
    }
    fn hmac_sha256(&self, key: &[u8], parts: &[&[u8]]) -> Option<[u8; 32]> {
        Some(hmac_sha256(key)(parts))
    }
}
