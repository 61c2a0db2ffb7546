//! SRTP: protect a packet, and protect it and take it off again, by profile and size.

use std::hint::black_box;
use std::process::ExitCode;

use antiphon_benches::{Peer, Row, Table, Unit, consume, interleaved};
use antiphon_crypto::{
    Aead, AeadAlgorithm, CryptoProvider as _, HashAlgorithm, Hmac, StreamAlgorithm, StreamCipher,
};
use antiphon_crypto_rust::RustCrypto;
use antiphon_srtp::{Config, MAX_TRAILER, Profile, SrtpReceiver, SrtpSender};

const KEY: [u8; 16] = [0x60; 16];
const SALT: [u8; 14] = [0xf7; 14];
const HEADER: usize = 12;

/// An RTP packet with a payload of `payload` bytes and room for what protection adds.
#[derive(Clone, Debug)]
struct Packet {
    bytes: Vec<u8>,
    len: usize,
    sequence: u16,
}

impl Packet {
    fn new(payload: usize) -> Self {
        let len = HEADER.saturating_add(payload);
        let mut bytes = vec![0x55; len.saturating_add(MAX_TRAILER)];
        for (byte, value) in bytes.iter_mut().zip([0x80, 96, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]) {
            *byte = value;
        }
        Self { bytes, len, sequence: 0 }
    }

    /// The same packet with the next sequence number.
    fn step(&mut self) {
        self.sequence = self.sequence.wrapping_add(1);
        if let Some(field) = self.bytes.get_mut(2..4) {
            field.copy_from_slice(&self.sequence.to_be_bytes());
        }
    }

    #[cfg(feature = "peers")]
    fn plain(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Both ends of antiphon with the same keys.
struct Ours {
    sender: SrtpSender,
    receiver: SrtpReceiver,
}

impl Ours {
    fn new(profile: Profile) -> Option<Self> {
        let provider = RustCrypto::new();
        let salt = SALT.get(..profile.salt_len())?;
        let config = Config::default();
        Some(Self {
            sender: SrtpSender::new(&provider, profile, &KEY, salt, &config).ok()?,
            receiver: SrtpReceiver::new(&provider, profile, &KEY, salt, &config).ok()?,
        })
    }

    fn protect(&mut self, packet: &mut Packet) -> usize {
        packet.step();
        let len = self.sender.protect(black_box(&mut packet.bytes), packet.len);
        assert!(len.is_ok(), "{len:?}");
        len.unwrap_or(0)
    }

    fn round_trip(&mut self, packet: &mut Packet) {
        let len = self.protect(packet);
        let protected = packet.bytes.get_mut(..len).unwrap_or_default();
        let len = self.receiver.unprotect(black_box(protected));
        assert_eq!(len.ok(), Some(packet.len), "what was sent is received");
    }
}

/// The cipher alone, over as many bytes: what protection cannot be cheaper than.
enum Bare {
    Gcm(Box<dyn Aead>),
    Cm(Box<dyn StreamCipher>, Box<dyn Hmac>),
}

impl Bare {
    fn new(profile: Profile) -> Option<Self> {
        let provider = RustCrypto::new();
        if profile == Profile::AeadAes128Gcm {
            return Some(Self::Gcm(provider.aead(AeadAlgorithm::Aes128Gcm, &KEY).ok()?));
        }
        let cipher = provider.stream_cipher(StreamAlgorithm::Aes128Ctr, &KEY).ok()?;
        Some(Self::Cm(cipher, provider.hmac(HashAlgorithm::Sha1, &KEY).ok()?))
    }

    fn run(&self, packet: &mut Packet) {
        packet.step();
        let (header, payload) =
            black_box(packet.bytes.get_mut(..packet.len).unwrap_or_default()).split_at_mut(HEADER);
        match self {
            Self::Gcm(aead) => consume(aead.seal(&[7; 12], header, payload)),
            Self::Cm(cipher, hmac) => {
                cipher.apply(&[7; 16], payload);
                consume(hmac.sign(&[header, payload, &[0; 4]]));
            }
        }
    }
}

/// How much of the time of protection the bare cipher takes at least.
const BARE_SHARE: f64 = 1.0 / 1.1;

/// Protection beside its bare cipher, with the same provider.
fn beside_bare(table: &mut Table, name: &str, mut ours: Ours, bare: &Bare, payload: usize) {
    let (mut first, mut second) = (Packet::new(payload), Packet::new(payload));
    let times = interleaved(&mut [&mut || consume(ours.protect(&mut first)), &mut || {
        bare.run(&mut second);
    }]);
    if let [protect, cipher] = times.as_slice() {
        let peer = Peer::new("bare cipher", "same provider", *cipher);
        let name = format!("protect {name}");
        table.push(Row::against(&name, *protect, Unit::Nanoseconds, peer, BARE_SHARE));
    }
}

fn main() -> ExitCode {
    let mut table = Table::new("srtp");
    for (profile, name) in
        [(Profile::AeadAes128Gcm, "GCM-128"), (Profile::AesCm128HmacSha1_80, "SHA1-80")]
    {
        for payload in [1_200, 160] {
            let (Some(one), Some(two)) = (Ours::new(profile), Ours::new(profile)) else {
                return ExitCode::FAILURE;
            };
            if let (Some(ours), Some(bare)) = (Ours::new(profile), Bare::new(profile)) {
                beside_bare(&mut table, &format!("{name} {payload} B"), ours, &bare, payload);
            }
            measure(&mut table, &format!("{name} {payload} B"), profile, one, two, payload);
        }
    }
    table.finish()
}

#[cfg(not(feature = "peers"))]
fn measure(
    table: &mut Table,
    name: &str,
    _profile: Profile,
    mut one: Ours,
    mut two: Ours,
    payload: usize,
) {
    let (mut first, mut second) = (Packet::new(payload), Packet::new(payload));
    let times = interleaved(&mut [&mut || consume(one.protect(&mut first)), &mut || {
        two.round_trip(&mut second);
    }]);
    for (what, time) in ["protect", "protect and unprotect"].into_iter().zip(times) {
        table.compare(&format!("{what} {name}"), time, Unit::Nanoseconds, Vec::new(), 1.0);
    }
}

#[cfg(feature = "peers")]
fn measure(
    table: &mut Table,
    name: &str,
    profile: Profile,
    mut one: Ours,
    mut two: Ours,
    payload: usize,
) {
    let (Some(mut rtc_one), Some(mut rtc_two), Some(mut rtc_three)) =
        (peers::context(profile), peers::context(profile), peers::context(profile))
    else {
        return;
    };
    let mut packets = [(); 4].map(|()| Packet::new(payload));
    let [first, second, third, fourth] = &mut packets;
    let times = interleaved(&mut [
        &mut || consume(one.protect(first)),
        &mut || consume(peers::protect(&mut rtc_one, second)),
        &mut || two.round_trip(third),
        &mut || peers::round_trip(&mut rtc_two, &mut rtc_three, fourth),
    ]);
    for (what, pair) in ["protect", "protect and unprotect"].into_iter().zip(times.chunks(2)) {
        if let [ours, theirs] = pair {
            // Its cipher is ring's, faster than ours by far: seen here, judged with a provider
            // of that kind.
            let peers = vec![Peer::new("rtc-srtp (ring)", "0.21", *theirs)];
            table.compare(&format!("{what} {name}"), *ours, Unit::Nanoseconds, peers, 0.0);
        }
    }
}

/// The same with another implementation.
#[cfg(feature = "peers")]
mod peers {
    use std::hint::black_box;

    use antiphon_srtp::Profile;
    use bytes::BytesMut;
    use rtc_srtp::context::Context;
    use rtc_srtp::protection_profile::ProtectionProfile;

    use super::{KEY, Packet, SALT};

    pub(super) fn context(profile: Profile) -> Option<Context> {
        let theirs = if profile == Profile::AeadAes128Gcm {
            ProtectionProfile::AeadAes128Gcm
        } else {
            ProtectionProfile::Aes128CmHmacSha1_80
        };
        let salt = SALT.get(..profile.salt_len())?;
        let provider = rtc_srtp::crypto::default_provider().ok()?;
        Context::new(&KEY, salt, theirs, None, None, provider.crypto()).ok()
    }

    pub(super) fn protect(context: &mut Context, packet: &mut Packet) -> BytesMut {
        packet.step();
        let protected = context.encrypt_rtp(black_box(packet.plain()));
        assert!(protected.is_ok(), "the peer protects it");
        protected.unwrap_or_default()
    }

    pub(super) fn round_trip(sender: &mut Context, receiver: &mut Context, packet: &mut Packet) {
        let protected = protect(sender, packet);
        let plain = receiver.decrypt_rtp(black_box(&protected));
        assert!(plain.is_ok_and(|plain| plain.len() == packet.len), "the peer reads it");
    }
}
