//! A DTLS connection, client or server, under bytes and operations. Its AEAD takes every tag, so
//! that bytes get past the protection of records too.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use antiphon_crypto::{
    Aead, AeadAlgorithm, AeadError, Certificate, CertificateError, CertificateInfo,
    CertificateParams, CryptoError, CryptoProvider, Fingerprint, HashAlgorithm, Hasher,
    HeaderProtection, Hmac, KeyExchange, MASK_LEN, NONCE_LEN, NamedGroup, Secret, SignatureError,
    SignatureScheme, StreamAlgorithm, StreamCipher, TAG_LEN,
};
use antiphon_crypto_rust::RustCrypto;
use antiphon_dtls::{Config, Connection, Data, OVERHEAD, Role, Version};

/// Everything real but the AEAD and signatures, which accept what they are given.
#[derive(Debug)]
struct Gullible(RustCrypto);

struct NoCipher;

impl Aead for NoCipher {
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

/// Record numbers lie open.
struct NoMask;

impl HeaderProtection for NoMask {
    fn mask(&self, _: &[u8; 16]) -> [u8; MASK_LEN] {
        [0; MASK_LEN]
    }
}

impl CryptoProvider for Gullible {
    fn fill_random(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        self.0.fill_random(out)
    }

    fn hasher(&self, algorithm: HashAlgorithm) -> Result<Box<dyn Hasher>, CryptoError> {
        self.0.hasher(algorithm)
    }

    fn hmac(&self, algorithm: HashAlgorithm, key: &[u8]) -> Result<Box<dyn Hmac>, CryptoError> {
        self.0.hmac(algorithm, key)
    }

    fn aead(&self, _: AeadAlgorithm, _: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
        Ok(Box::new(NoCipher))
    }

    fn stream_cipher(
        &self,
        algorithm: StreamAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn StreamCipher>, CryptoError> {
        self.0.stream_cipher(algorithm, key)
    }

    fn header_protection(
        &self,
        _: AeadAlgorithm,
        _: &[u8],
    ) -> Result<Box<dyn HeaderProtection>, CryptoError> {
        Ok(Box::new(NoMask))
    }

    fn groups(&self) -> &[NamedGroup] {
        self.0.groups()
    }

    fn encapsulate(
        &self,
        group: NamedGroup,
        peer_share: &[u8],
    ) -> Result<(Vec<u8>, Secret), CryptoError> {
        self.0.encapsulate(group, peer_share)
    }

    fn key_exchange(&self, group: NamedGroup) -> Result<Box<dyn KeyExchange>, CryptoError> {
        self.0.key_exchange(group)
    }

    fn signature_schemes(&self) -> &[SignatureScheme] {
        self.0.signature_schemes()
    }

    fn verify(
        &self,
        _: SignatureScheme,
        _: &[u8],
        _: &[u8],
        _: &[u8],
    ) -> Result<(), SignatureError> {
        Ok(())
    }

    fn inspect_certificate(&self, der: &[u8]) -> Result<CertificateInfo, CertificateError> {
        self.0.inspect_certificate(der)
    }

    fn generate_certificate(
        &self,
        params: &CertificateParams,
    ) -> Result<Certificate, CertificateError> {
        self.0.generate_certificate(params)
    }
}

struct Shared {
    provider: Arc<dyn CryptoProvider>,
    certificate: Certificate,
    fingerprint: Fingerprint,
    start: Instant,
}

/// Made once: keys and certificates cost more than everything else here.
static SHARED: LazyLock<Option<Shared>> = LazyLock::new(|| {
    let provider: Arc<dyn CryptoProvider> = Arc::new(Gullible(RustCrypto::new()));
    let params = CertificateParams::new(Duration::from_secs(1_790_000_000));
    let certificate = provider.generate_certificate(&params).ok()?;
    let fingerprint = certificate.fingerprint(&*provider, HashAlgorithm::Sha256).ok()?;
    Some(Shared { provider, certificate, fingerprint, start: antiphon_testkit::start() })
});

/// Runs the target over `data`: the first byte chooses how the connection starts, then come
/// operations of two bytes, a verb and an argument, some followed by as many bytes as the argument
/// says.
pub fn run(data: &[u8]) {
    let Some((setup, rest)) = data.split_first() else { return };
    let role = if setup & 1 == 0 { Role::Client } else { Role::Server };
    drive(*setup, rest, role, &[Version::Dtls12]);
}

/// Operations on a connection with this role, and on an honest peer of it. The bits of `setup` say
/// what is told at the beginning.
pub(crate) fn drive(setup: u8, data: &[u8], our_role: Role, versions: &[Version]) {
    let Some(shared) = &*SHARED else { return };
    let mut config = Config::new(Arc::clone(&shared.provider), shared.certificate.clone());
    config.versions = versions.to_vec();
    config.groups = vec![NamedGroup::X25519];
    if setup & 8 != 0 {
        config.connection_id = Some(vec![setup; usize::from(setup >> 5)]);
    }
    if setup & 16 != 0 {
        config.record_size_limit = Some(64);
    }
    let [mut ours, mut peer] =
        [0, 1].map(|seed| Connection::new(config.clone(), [seed; 32], shared.start));
    let _ = peer.start(shared.start, our_role.opposite());
    peer.set_remote_fingerprints(shared.start, &[shared.fingerprint]);
    if setup & 2 == 0 {
        let _ = ours.start(shared.start, our_role);
    }
    if setup & 4 == 0 {
        ours.set_remote_fingerprints(shared.start, &[shared.fingerprint]);
    }
    let (mut now, mut buf, mut rest) = (shared.start, vec![0; 2048], data);
    while let [verb, argument, behind @ ..] = rest {
        rest = behind;
        match verb % 8 {
            0 | 1 => {
                let (front, behind) = rest.split_at(rest.len().min(usize::from(*argument)));
                rest = behind;
                feed(&mut ours, now, &mut front.to_vec());
            }
            2 => carry(&mut ours, &mut peer, now, &mut buf),
            3 => carry(&mut peer, &mut ours, now, &mut buf),
            4 => now += Duration::from_millis(u64::from(*argument) * 20),
            5 => {
                let before = ours.overhead().before.max(OVERHEAD.before);
                let _ = ours.protect(&mut buf, before..before + usize::from(*argument));
            }
            6 => {
                let _ = ours.start(now, our_role);
                ours.set_remote_fingerprints(now, &[shared.fingerprint]);
            }
            _ => command(&mut ours, &mut peer, now, *argument),
        }
        while ours.poll_event().is_some() {}
    }
    assert_quiet(&mut ours, now + Duration::from_secs(3600), &mut buf);
}

fn command(ours: &mut Connection, peer: &mut Connection, now: Instant, argument: u8) {
    match argument % 8 {
        0 => ours.close(now),
        1 => drop(ours.update_keys(now, argument & 16 != 0)),
        2 => drop(peer.update_keys(now, argument & 16 != 0)),
        3 => ours.set_mtu(usize::from(argument) * 4),
        4 => ours.set_round_trip(Duration::from_millis(u64::from(argument))),
        5 => drop(ours.export_keying_material(b"EXPERIMENTAL", None, &mut [0; 40])),
        _ => ours.handle_timeout(now),
    }
}

fn feed(connection: &mut Connection, now: Instant, datagram: &mut [u8]) {
    let _ = connection.handle_input(now, datagram);
    while let Some(data) = connection.poll_data() {
        if let Data::InPlace(range) = data {
            assert!(datagram.get(range).is_some(), "data lies in the datagram");
        }
    }
}

fn carry(from: &mut Connection, to: &mut Connection, now: Instant, buf: &mut [u8]) {
    while let Ok(Some(sent)) = from.poll_output(now, buf) {
        if let Some(datagram) = buf.get_mut(..sent.len) {
            feed(to, now, datagram);
        }
    }
}

/// A machine that was drained has nothing to do at once.
fn assert_quiet(connection: &mut Connection, now: Instant, buf: &mut [u8]) {
    while let Ok(Some(_)) = connection.poll_output(now, buf) {}
    connection.handle_timeout(now);
    assert!(connection.poll_timeout().is_none_or(|at| at > now), "a busy loop");
}
