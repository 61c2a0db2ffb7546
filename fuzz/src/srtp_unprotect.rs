//! Packets of a peer whose tags are always right: a null cipher takes the fuzzer past them.

use std::num::NonZeroU16;

use antiphon_crypto::{
    Aead, AeadAlgorithm, AeadError, Certificate, CertificateError, CertificateInfo,
    CertificateParams, CryptoError, CryptoProvider, Digest, HashAlgorithm, Hasher, Hmac,
    KeyExchange, NONCE_LEN, NamedGroup, SignatureError, SignatureScheme, StreamAlgorithm,
    StreamCipher, TAG_LEN,
};
use antiphon_srtp::double::{Changes, rewrite};
use antiphon_srtp::{Config, Cryptex, MAX_TRAILER, Profile, SrtpReceiver, SrtpSender};

const PROFILES: [Profile; 8] = [
    Profile::AeadAes128Gcm,
    Profile::AeadAes256Gcm,
    Profile::AesCm128HmacSha1_80,
    Profile::AesCm128HmacSha1_32,
    Profile::AesCm256HmacSha1_80,
    Profile::AesCm256HmacSha1_32,
    Profile::NullHmacSha1_80,
    Profile::NullHmacSha1_32,
];

/// Runs the target over `data`: a byte that chooses the profile, with bits for options, then
/// packets, each with a byte that says what to do with it and a byte of length.
///
/// # Panics
///
/// When a dropped packet changed something, or our own packets do not come back.
pub fn run(data: &[u8]) {
    let Some((choice, mut data)) = data.split_first() else { return };
    let Some(&profile) = PROFILES.get(usize::from(choice % 8)) else { return };
    let mut config = Config::default();
    config.max_streams = 4;
    config.replay_window = 64;
    config.cryptex = match choice >> 4 & 3 {
        0 => Cryptex::Off,
        1 => Cryptex::Required,
        _ => Cryptex::On,
    };
    config.encrypted_extensions =
        (choice & 0x40 != 0).then(|| [1, 2, 14, 200].into_iter().collect());
    config.roc_carriage = NonZeroU16::new(u16::from(choice >> 7) * 2);
    let (key, salt) = (vec![0; profile.key_len()], vec![0; profile.salt_len()]);
    let (Ok(mut sender), Ok(mut receiver)) = (
        SrtpSender::new(&Null, profile, &key, &salt, &config),
        SrtpReceiver::new(&Null, profile, &key, &salt, &config),
    ) else {
        return;
    };
    while let Some(([verb, len], rest)) = data.split_first_chunk() {
        let (packet, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        data = rest;
        let (streams, counted) = (receiver.streams(), taken(&receiver));
        let mut buf = packet.to_vec();
        relay(packet);
        let verdict = match verb % 4 {
            0 => receiver.unprotect(&mut buf),
            1 => receiver.unprotect_rtcp(&mut buf),
            other => {
                buf.extend([0; MAX_TRAILER]);
                round_trip(&mut sender, &mut receiver, other == 2, &mut buf, packet);
                continue;
            }
        };
        match verdict {
            Ok(len) => assert!(len < packet.len() && taken(&receiver) == counted + 1),
            Err(_) => assert!(receiver.streams() == streams && taken(&receiver) == counted),
        }
        assert!(receiver.streams() <= 4);
    }
}

/// What a media distributor does to packets that it has decrypted, and that may be anything.
fn relay(packet: &[u8]) {
    let mut buf = [packet, &[0; 3]].concat();
    let changes =
        Changes { payload_type: Some(7), sequence_number: Some(0x1234), marker: Some(true) };
    if let Ok(len) = rewrite(&mut buf, packet.len(), changes) {
        assert!(len.abs_diff(packet.len()) <= 3);
        assert_eq!(buf[1..4], [0x87, 0x12, 0x34]);
    }
}

fn taken(receiver: &SrtpReceiver) -> u64 {
    receiver.stats().rtp_packets + receiver.stats().rtcp_packets
}

/// What we protect, the other side reads, unless it has had that packet from the fuzzer.
fn round_trip(
    sender: &mut SrtpSender,
    receiver: &mut SrtpReceiver,
    rtp: bool,
    buf: &mut [u8],
    packet: &[u8],
) {
    let protected = if rtp {
        sender.protect(buf, packet.len())
    } else {
        sender.protect_rtcp(buf, packet.len())
    };
    let Some(protected) = protected.ok().and_then(|len| buf.get_mut(..len)) else { return };
    let read = if rtp { receiver.unprotect(protected) } else { receiver.unprotect_rtcp(protected) };
    if let Ok(len) = read {
        let read = protected.get(..len).unwrap();
        // Cryptex may have added an empty extension behind the CSRCs.
        if len == packet.len() {
            assert_eq!(read, packet);
        } else {
            assert_eq!(len, packet.len() + 4);
            assert_eq!(read[0], packet[0] | 0x10);
        }
    }
}

/// A provider that encrypts nothing and finds every packet authentic.
#[derive(Debug)]
struct Null;

impl Aead for Null {
    fn seal(
        &self,
        _: &[u8; NONCE_LEN],
        _: &[u8],
        _: &mut [u8],
    ) -> Result<[u8; TAG_LEN], AeadError> {
        Ok([0; TAG_LEN])
    }

    fn open(
        &self,
        _: &[u8; NONCE_LEN],
        _: &[u8],
        _: &mut [u8],
        _: &[u8; TAG_LEN],
    ) -> Result<(), AeadError> {
        Ok(())
    }
}

impl StreamCipher for Null {
    fn apply(&self, _: &[u8; 16], _: &mut [u8]) {}
}

impl Hmac for Null {
    fn sign(&self, _: &[&[u8]]) -> Digest {
        Digest::new(&[0; 20])
    }
}

impl CryptoProvider for Null {
    fn fill_random(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        out.fill(0);
        Ok(())
    }

    fn hasher(&self, _: HashAlgorithm) -> Result<Box<dyn Hasher>, CryptoError> {
        Err(CryptoError::Unsupported)
    }

    fn hmac(&self, _: HashAlgorithm, _: &[u8]) -> Result<Box<dyn Hmac>, CryptoError> {
        Ok(Box::new(Self))
    }

    fn aead(&self, _: AeadAlgorithm, _: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
        Ok(Box::new(Self))
    }

    fn stream_cipher(
        &self,
        _: StreamAlgorithm,
        _: &[u8],
    ) -> Result<Box<dyn StreamCipher>, CryptoError> {
        Ok(Box::new(Self))
    }

    fn groups(&self) -> &[NamedGroup] {
        &[]
    }

    fn key_exchange(&self, _: NamedGroup) -> Result<Box<dyn KeyExchange>, CryptoError> {
        Err(CryptoError::Unsupported)
    }

    fn signature_schemes(&self) -> &[SignatureScheme] {
        &[]
    }

    fn verify(
        &self,
        _: SignatureScheme,
        _: &[u8],
        _: &[u8],
        _: &[u8],
    ) -> Result<(), SignatureError> {
        Err(SignatureError::SchemeMismatch)
    }

    fn inspect_certificate(&self, _: &[u8]) -> Result<CertificateInfo, CertificateError> {
        Err(CertificateError::UnsupportedKey)
    }

    fn generate_certificate(&self, _: &CertificateParams) -> Result<Certificate, CertificateError> {
        Err(CertificateError::UnsupportedKey)
    }
}
