//! What is measured: packets, both ends of ours, and the bare ciphers.

use std::hint::black_box;

use antiphon_benches::consume;
use antiphon_crypto::{
    Aead, AeadAlgorithm, CryptoProvider, HashAlgorithm, Hmac, StreamAlgorithm, StreamCipher,
};
use antiphon_srtp::{Config, MAX_TRAILER, Profile, SrtpReceiver, SrtpSender};

pub(crate) const KEY: [u8; 16] = [0x60; 16];
pub(crate) const SALT: [u8; 14] = [0xf7; 14];
const HEADER: usize = 12;

/// An RTP packet with a payload of `payload` bytes and room for what protection adds.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    bytes: Vec<u8>,
    len: usize,
    sequence: u16,
}

impl Packet {
    pub(crate) fn new(payload: usize) -> Self {
        let len = HEADER.saturating_add(payload);
        let mut bytes = vec![0x55; len.saturating_add(MAX_TRAILER)];
        for (byte, value) in bytes.iter_mut().zip([0x80, 96, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]) {
            *byte = value;
        }
        Self { bytes, len, sequence: 0 }
    }

    /// The same with an element of three bytes in a header extension.
    pub(crate) fn with_extension(payload: usize) -> Self {
        let mut packet = Self::new(payload.saturating_add(8));
        packet.restore_header();
        packet
    }

    /// Cryptex changes the header, and encrypts what it is not to encrypt again.
    fn restore_header(&mut self) {
        let extension = [0xbe, 0xde, 0, 1, 0x12, 1, 2, 3];
        for (byte, value) in self.bytes.iter_mut().skip(HEADER).zip(extension) {
            *byte = value;
        }
        if let Some(first) = self.bytes.first_mut() {
            *first = 0x90;
        }
    }

    /// The same packet with the next sequence number.
    fn step(&mut self) {
        self.number(self.sequence);
        if self.bytes.first() == Some(&0x90) {
            self.restore_header();
        }
    }

    /// Takes the number behind `before`, and returns it.
    pub(crate) fn number(&mut self, before: u16) -> u16 {
        self.sequence = before.wrapping_add(1);
        if let Some(field) = self.bytes.get_mut(2..4) {
            field.copy_from_slice(&self.sequence.to_be_bytes());
        }
        self.sequence
    }

    #[cfg(feature = "peers")]
    pub(crate) fn next_plain(&mut self) -> &[u8] {
        self.step();
        self.bytes.get(..self.len).unwrap_or_default()
    }

    #[cfg(feature = "peers")]
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// A packet that belongs to one source after another.
pub(crate) struct Sources {
    packet: Packet,
    count: u32,
    next: u32,
}

impl Sources {
    pub(crate) fn new(count: u32, payload: usize) -> Self {
        Self { packet: Packet::new(payload), count, next: 0 }
    }

    /// The packet of the next source.
    pub(crate) fn next(&mut self) -> &mut Packet {
        if self.next == self.count {
            self.next = 0;
        }
        if self.next == 0 {
            self.packet.step();
        }
        // SSRCs are random, and so is the order in which sources send.
        let ssrc = self.next.wrapping_mul(0x9e37_79b1).wrapping_add(7);
        if let Some(field) = self.packet.bytes.get_mut(8..12) {
            field.copy_from_slice(&ssrc.to_be_bytes());
        }
        self.next = self.next.wrapping_add(1);
        &mut self.packet
    }
}

/// Both ends of antiphon with the same keys.
pub(crate) struct Ours {
    sender: SrtpSender,
    receiver: SrtpReceiver,
}

impl Ours {
    pub(crate) fn new(
        provider: &dyn CryptoProvider,
        profile: Profile,
        config: &Config,
    ) -> Option<Self> {
        let salt = SALT.get(..profile.salt_len())?;
        Some(Self {
            sender: SrtpSender::new(provider, profile, &KEY, salt, config).ok()?,
            receiver: SrtpReceiver::new(provider, profile, &KEY, salt, config).ok()?,
        })
    }

    pub(crate) fn protect(&mut self, packet: &mut Packet) -> usize {
        packet.step();
        self.protect_numbered(packet)
    }

    pub(crate) fn protect_numbered(&mut self, packet: &mut Packet) -> usize {
        let len = self.sender.protect(black_box(&mut packet.bytes), packet.len);
        assert!(len.is_ok(), "{len:?}");
        len.unwrap_or(0)
    }

    pub(crate) fn protect_batch(&mut self, packets: &mut [Packet]) -> usize {
        let mut sum = 0_usize;
        let packets = packets.iter_mut().map(|packet| (&mut packet.bytes[..], packet.len));
        self.sender.protect_batch(black_box(packets), |_, len| {
            assert!(len.is_ok(), "{len:?}");
            sum = sum.wrapping_add(len.unwrap_or(0));
        });
        sum
    }

    pub(crate) fn round_trip(&mut self, packet: &mut Packet) {
        packet.step();
        self.round_trip_of(packet);
    }

    pub(crate) fn round_trip_of(&mut self, packet: &mut Packet) {
        let len = self.protect_numbered(packet);
        let protected = packet.bytes.get_mut(..len).unwrap_or_default();
        let len = self.receiver.unprotect(black_box(protected));
        assert_eq!(len.ok(), Some(packet.len), "what was sent is received");
    }
}

/// The cipher alone, over as many bytes: what protection cannot be cheaper than.
pub(crate) enum Bare {
    Gcm(Box<dyn Aead>),
    Cm(Box<dyn StreamCipher>, Box<dyn Hmac>),
}

impl Bare {
    pub(crate) fn new(provider: &dyn CryptoProvider, profile: Profile) -> Option<Self> {
        if profile == Profile::AeadAes128Gcm {
            return Some(Self::Gcm(provider.aead(AeadAlgorithm::Aes128Gcm, &KEY).ok()?));
        }
        let cipher = provider.stream_cipher(StreamAlgorithm::Aes128Ctr, &KEY).ok()?;
        Some(Self::Cm(cipher, provider.hmac(HashAlgorithm::Sha1, &KEY).ok()?))
    }

    pub(crate) fn seal(&self, packet: &mut Packet) {
        packet.step();
        let nonce = nonce(packet);
        let (header, payload) = split(packet);
        match self {
            Self::Gcm(aead) => consume(aead.seal(&nonce, header, payload)),
            Self::Cm(cipher, hmac) => {
                cipher.apply(&[7; 16], payload);
                consume(hmac.sign(&[header, payload, &[0; 4]]));
            }
        }
    }

    pub(crate) fn seal_and_open(&self, packet: &mut Packet) {
        packet.step();
        let nonce = nonce(packet);
        let (header, payload) = split(packet);
        match self {
            Self::Gcm(aead) => {
                let tag = black_box(aead.seal(&nonce, header, payload)).unwrap_or_default();
                let opened = aead.open(&nonce, header, payload, &tag);
                assert!(opened.is_ok(), "what was sealed opens");
            }
            Self::Cm(cipher, hmac) => {
                cipher.apply(&[7; 16], payload);
                let tag = black_box(hmac.sign(&[header, payload, &[0; 4]]));
                assert!(hmac.verify(&[header, payload, &[0; 4]], tag.as_bytes()));
                cipher.apply(&[7; 16], payload);
            }
        }
    }
}

/// Every packet has a nonce of its own; no use of a cipher goes without.
fn nonce(packet: &Packet) -> [u8; 12] {
    let [.., high, low] = packet.sequence.to_be_bytes();
    [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, high, low]
}

fn split(packet: &mut Packet) -> (&[u8], &mut [u8]) {
    let (header, payload) =
        black_box(packet.bytes.get_mut(..packet.len).unwrap_or_default()).split_at_mut(HEADER);
    (header, payload)
}
