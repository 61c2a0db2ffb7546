//! What the tests share.
#![allow(dead_code, unreachable_pub, reason = "each test file takes what it needs")]

use std::sync::Arc;

use antiphon_crypto_rust::RustCrypto;
use antiphon_sframe::{
    CipherSuite, Config, EncryptError, MAX_HEADER, MAX_TAG, SframeReceiver, SframeSender,
};

pub const SUITES: [CipherSuite; 5] = [
    CipherSuite::Aes128CtrHmacSha256_80,
    CipherSuite::Aes128CtrHmacSha256_64,
    CipherSuite::Aes128CtrHmacSha256_32,
    CipherSuite::Aes128GcmSha256_128,
    CipherSuite::Aes256GcmSha512_128,
];

pub const BASE_KEY: [u8; 16] = [0x5a; 16];

pub fn sender(suite: CipherSuite) -> SframeSender {
    SframeSender::new(Arc::new(RustCrypto::new()), suite, &Config::default())
}

pub fn receiver(suite: CipherSuite, config: &Config) -> SframeReceiver {
    SframeReceiver::new(Arc::new(RustCrypto::new()), suite, config).unwrap()
}

/// Both ends with one key.
pub fn pair(suite: CipherSuite, key_id: u64) -> (SframeSender, SframeReceiver) {
    let (mut sender, mut receiver) = (sender(suite), receiver(suite, &Config::default()));
    sender.add_key(key_id, &BASE_KEY).unwrap();
    receiver.add_key(key_id, &BASE_KEY).unwrap();
    (sender, receiver)
}

pub fn try_encrypt(
    sender: &mut SframeSender,
    key_id: u64,
    metadata: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, EncryptError> {
    let mut buf = [&[0; MAX_HEADER][..], plain, &[0; MAX_TAG]].concat();
    let frame = MAX_HEADER..MAX_HEADER + plain.len();
    let range = sender.encrypt(key_id, metadata, &mut buf, frame)?;
    Ok(buf[range].to_vec())
}

pub fn encrypt(sender: &mut SframeSender, key_id: u64, metadata: &[u8], plain: &[u8]) -> Vec<u8> {
    try_encrypt(sender, key_id, metadata, plain).unwrap()
}

/// Reads hexadecimal digits.
pub fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
