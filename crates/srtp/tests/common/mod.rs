//! What the tests share.
#![allow(dead_code, unreachable_pub, reason = "each test file takes what it needs")]

use antiphon_crypto_rust::RustCrypto;
use antiphon_srtp::{Config, MAX_TRAILER, Profile, SrtpReceiver, SrtpSender};

pub const PROFILES: [Profile; 6] = [
    Profile::AeadAes128Gcm,
    Profile::AeadAes256Gcm,
    Profile::AesCm128HmacSha1_80,
    Profile::AesCm128HmacSha1_32,
    Profile::AesCm256HmacSha1_80,
    Profile::AesCm256HmacSha1_32,
];

/// Those that encrypt nothing.
pub const NULL_PROFILES: [Profile; 2] = [Profile::NullHmacSha1_80, Profile::NullHmacSha1_32];

pub const SSRC: u32 = 0xcafe_babe;

pub fn sender(profile: Profile, config: &Config) -> SrtpSender {
    let (key, salt) = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
    SrtpSender::new(&RustCrypto::new(), profile, &key, &salt, config).unwrap()
}

pub fn receiver(profile: Profile, config: &Config) -> SrtpReceiver {
    let (key, salt) = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
    SrtpReceiver::new(&RustCrypto::new(), profile, &key, &salt, config).unwrap()
}

pub fn pair(profile: Profile) -> (SrtpSender, SrtpReceiver) {
    (sender(profile, &Config::default()), receiver(profile, &Config::default()))
}

/// An RTP packet without extension.
pub fn rtp(ssrc: u32, sequence_number: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend(sequence_number.to_be_bytes());
    packet.extend(u32::from(sequence_number).wrapping_mul(90).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// A receiver report with a payload instead of report blocks.
pub fn rtcp(ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let words = u16::try_from(1 + payload.len() / 4).unwrap();
    let mut packet = vec![0x80, 201];
    packet.extend(words.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

pub fn protect(sender: &mut SrtpSender, packet: &[u8]) -> Vec<u8> {
    let mut buf = [packet, &[0; MAX_TRAILER]].concat();
    let len = sender.protect(&mut buf, packet.len()).unwrap();
    buf.truncate(len);
    buf
}

pub fn protect_rtcp(sender: &mut SrtpSender, packet: &[u8]) -> Vec<u8> {
    let mut buf = [packet, &[0; MAX_TRAILER]].concat();
    let len = sender.protect_rtcp(&mut buf, packet.len()).unwrap();
    buf.truncate(len);
    buf
}

/// A pair with options.
pub fn pair_with(profile: Profile, config: &Config) -> (SrtpSender, SrtpReceiver) {
    (sender(profile, config), receiver(profile, config))
}

/// An RTP packet with CSRCs and, if a form is given, an extension.
pub fn rtp_with(
    sequence_number: u16,
    csrcs: &[u32],
    extension: Option<(u16, &[u8])>,
    payload: &[u8],
) -> Vec<u8> {
    let mut packet = rtp(SSRC, sequence_number, &[]);
    packet[0] |= u8::try_from(csrcs.len()).unwrap();
    packet.extend(csrcs.iter().flat_map(|csrc| csrc.to_be_bytes()));
    if let Some((form, content)) = extension {
        packet[0] |= 0x10;
        packet.extend(form.to_be_bytes());
        packet.extend(u16::try_from(content.len() / 4).unwrap().to_be_bytes());
        packet.extend(content);
    }
    packet.extend(payload);
    packet
}

/// Reads hexadecimal digits.
pub fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
