use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use antiphon_crypto::{Certificate, CryptoProvider, NamedGroup, Secret, SignatureScheme};

use crate::{CipherSuite, SrtpProfile, Version};

/// The smallest [`Config::mtu`] that is used; lower values count as this one.
pub const MIN_MTU: usize = 128;

/// The longest connection id, in bytes, that is offered and that is taken from a peer.
pub const MAX_CONNECTION_ID: usize = 255;

/// Everything that can be chosen about a [`Connection`](crate::Connection).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where the algorithms come from.
    pub provider: Arc<dyn CryptoProvider>,
    /// Our certificate. WebRTC has both sides show one. A client without one says so when it is
    /// asked; a server needs one.
    pub certificate: Option<Certificate>,
    /// Certificates that follow ours in its message, DER-encoded, issuers of the one before. None
    /// by default: WebRTC's certificates are signed by themselves.
    pub certificate_chain: Vec<Vec<u8>>,
    /// The versions that we speak; 1.3 and 1.2 by default. The newest common one is taken. One
    /// without a suite in [`cipher_suites`](Self::cipher_suites) is not spoken.
    pub versions: Vec<Version>,
    /// The cipher suites, most preferred first; those that the provider lacks are left out. By
    /// default all of them, AES-128-GCM first: WebRTC requires it, and it is the fastest.
    pub cipher_suites: Vec<CipherSuite>,
    /// The groups for key agreement, most preferred first; those that the provider lacks are left
    /// out. Empty, the default: the provider's, in its order. A client sends a key share in the
    /// first; when that is a hybrid with ML-KEM, in the first other one, too. With a hybrid the
    /// hello takes two datagrams: leave it out towards peers that cannot put them together.
    pub groups: Vec<NamedGroup>,
    /// The signatures that the peer may make, most preferred first. Empty, the default: the
    /// provider's.
    pub verify_schemes: Vec<SignatureScheme>,
    /// The signatures that we make, most preferred first. Empty, the default: those of our key.
    pub signing_schemes: Vec<SignatureScheme>,
    /// Whether a server asks for a certificate, and whether a client wants to be asked.
    pub client_certificate: ClientCertificate,
    /// What has to be known of the peer before data flows and keys are released.
    pub peer_identity: PeerIdentity,
    /// The profiles for SRTP that we can use, most preferred first. The server's order decides.
    /// Empty: `use_srtp` is neither offered nor answered.
    pub srtp_profiles: Vec<SrtpProfile>,
    /// Application protocols (RFC 7301), most preferred first, such as `webrtc` and `c-webrtc`
    /// (RFC 8833). Empty, the default: none is offered, and offers are ignored. The server's order
    /// decides; when there is no common one, it ends the handshake.
    pub alpn_protocols: Vec<Vec<u8>>,
    /// The longest plaintext of a record that we want to receive, in bytes (RFC 8449), 64 to
    /// 16,384. `None`, the default: not announced. What a peer announces is kept to always.
    pub record_size_limit: Option<u16>,
    /// The connection id that the peer is to put into records for us (RFC 9146, RFC 9147
    /// section 9), at most [`MAX_CONNECTION_ID`] bytes. Empty: none, but the peer's is used.
    /// `None`, the default: neither. It does not make an address change safe; who uses ids for that
    /// checks the new path first.
    pub connection_id: Option<Vec<u8>>,
    /// For servers without ICE: the cookie that a client has to bring back before anything is
    /// spent on it. See [`CookieGate`](crate::CookieGate).
    pub cookie: Option<Cookie>,
    /// Whether a peer without extended_master_secret (RFC 7627) is refused; `true` by default, as
    /// without it exported keys are not bound to the handshake. DTLS 1.3 does not need it.
    pub require_extended_master_secret: bool,
    /// The longest datagram of the handshake in bytes, 1,200 by default: what fits every path that
    /// ICE finds. After two retransmissions without an answer datagrams shrink to 548 bytes.
    /// Application data is not touched: its size is the caller's choice.
    pub mtu: usize,
    /// How many records of a flight go out at once with DTLS 1.3, 10 by default; the rest follows
    /// when some are acknowledged (RFC 9147 section 5.8.3).
    pub max_burst_records: usize,
    /// How long the first transmission of a flight waits for an answer. `None`, the default: one
    /// and a half round trips, but 50 to 400 ms; 400 ms while no round trip is known
    /// (RFC 9147 section 5.8.2 names 400 ms for DTLS-SRTP, RFC 6347 one second).
    pub initial_timeout: Option<Duration>,
    /// The wait doubles up to this, 2 s by default. RFC 6347 section 4.2.4.1 recommends 60 s for
    /// paths of which nothing is known; on a path that ICE has found, a handshake that is given up
    /// after [`handshake_timeout`](Self::handshake_timeout) needs its tries before that: with 30 %
    /// lost each way one in 500 does not come through otherwise.
    pub max_timeout: Duration,
    /// When a flight was sent again this often and the wait is over once more, the peer counts as
    /// gone; 150 by default, which is about as long as the peer [would
    /// answer](Self::linger).
    pub max_retransmissions: u32,
    /// Whether records that an acknowledgement leaves out are sent again at once, as RFC 9147
    /// section 7.2 recommends; `true` by default. Otherwise when the wait is over.
    pub retransmit_on_partial_ack: bool,
    /// Whether acknowledgements that are not protected count, for hellos. `false` by default:
    /// anybody can forge them, and a hello that is taken for received is not sent again.
    pub trust_plaintext_acks: bool,
    /// The handshake is given up after this time, 30 s by default, counted from
    /// [`start`](crate::Connection::start) or, for a server, from the first datagram.
    pub handshake_timeout: Duration,
    /// How long the sender of the last flight answers a peer that did not receive it, and how long
    /// old keys still open what is late: twice the maximum segment lifetime, 240 s (RFC 6347
    /// section 4.2.4, RFC 9147 section 5.8.1).
    pub linger: Duration,
    /// After a sign that the peer cannot agree with us, which anybody could have forged, the
    /// handshake is given this long to move on all the same; 5 s by default. It bounds how long an
    /// incompatible peer goes unnoticed.
    pub refusal_grace: Duration,
    /// Bytes of datagrams kept that come too early: before
    /// [`start`](crate::Connection::start), before the keys, or before the peer's certificate is
    /// verified. 16 KiB by default; what does not fit is dropped.
    pub max_early_bytes: usize,
    /// Bytes of handshake messages kept that are not complete or not in turn; 128 KiB by default.
    /// A single message may take half of it.
    pub max_handshake_bytes: usize,
    /// **Gives away every secret of the connection**, to decrypt captures of it. `None` by
    /// default; whoever sets it decides that nothing sent is confidential.
    pub key_log: Option<Arc<dyn KeyLog>>,
}

impl Config {
    /// The defaults, with `certificate` as ours.
    #[must_use]
    pub fn new(provider: Arc<dyn CryptoProvider>, certificate: Certificate) -> Self {
        Self { certificate: Some(certificate), ..Self::without_certificate(provider) }
    }

    /// The defaults for a client that has no certificate.
    #[must_use]
    pub fn without_certificate(provider: Arc<dyn CryptoProvider>) -> Self {
        Self {
            provider,
            certificate: None,
            certificate_chain: Vec::new(),
            versions: vec![Version::Dtls13, Version::Dtls12],
            cipher_suites: CipherSuite::ALL.to_vec(),
            groups: Vec::new(),
            verify_schemes: Vec::new(),
            signing_schemes: Vec::new(),
            client_certificate: ClientCertificate::Required,
            peer_identity: PeerIdentity::Fingerprint,
            srtp_profiles: vec![
                SrtpProfile::AeadAes128Gcm,
                SrtpProfile::AeadAes256Gcm,
                SrtpProfile::Aes128CmSha1_80,
            ],
            alpn_protocols: Vec::new(),
            record_size_limit: None,
            connection_id: None,
            cookie: None,
            require_extended_master_secret: true,
            mtu: 1200,
            max_burst_records: 10,
            initial_timeout: None,
            max_timeout: Duration::from_secs(2),
            max_retransmissions: 150,
            retransmit_on_partial_ack: true,
            trust_plaintext_acks: false,
            handshake_timeout: Duration::from_secs(30),
            linger: Duration::from_secs(240),
            refusal_grace: Duration::from_secs(5),
            max_early_bytes: 16 * 1024,
            max_handshake_bytes: 128 * 1024,
            key_log: None,
        }
    }

    /// Whether `version` is spoken: that takes a cipher suite, too.
    pub(crate) fn speaks(&self, version: Version) -> bool {
        self.versions.contains(&version)
            && self.cipher_suites.iter().any(|suite| suite.version() == version)
    }

    /// The groups that both the configuration and the provider have, most preferred first.
    pub(crate) fn usable_groups(&self) -> Vec<NamedGroup> {
        let offered = self.provider.groups();
        if self.groups.is_empty() {
            return offered.to_vec();
        }
        self.groups.iter().copied().filter(|group| offered.contains(group)).collect()
    }

    /// The signatures that we can check, most preferred first.
    pub(crate) fn usable_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = self.provider.signature_schemes();
        if self.verify_schemes.is_empty() {
            return known.to_vec();
        }
        self.verify_schemes.iter().copied().filter(|scheme| known.contains(scheme)).collect()
    }

    /// The signatures that we can make, most preferred first.
    pub(crate) fn usable_signing_schemes(&self) -> Vec<SignatureScheme> {
        let Some(certificate) = &self.certificate else { return Vec::new() };
        let known = certificate.key().schemes();
        if self.signing_schemes.is_empty() {
            return known.to_vec();
        }
        self.signing_schemes.iter().copied().filter(|scheme| known.contains(scheme)).collect()
    }

    /// Our certificates as they go on the wire.
    pub(crate) fn chain(&self) -> impl Iterator<Item = &[u8]> {
        let own = self.certificate.iter().map(Certificate::der);
        own.chain(self.certificate_chain.iter().map(Vec::as_slice))
    }
}

/// Whether the client shows a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ClientCertificate {
    /// The server asks and insists; a client refuses a server that does not ask. WebRTC's way,
    /// and the default (RFC 8827 section 6.5).
    #[default]
    Required,
    /// The server asks, and takes none for an answer.
    Requested,
    /// The server does not ask.
    NotRequested,
}

/// How the peer proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PeerIdentity {
    /// By the fingerprint of its certificate
    /// ([`set_remote_fingerprints`](crate::Connection::set_remote_fingerprints)). The default.
    #[default]
    Fingerprint,
    /// **Not at all**: whoever answers is the peer. For tests, and for callers that look at
    /// [`peer_certificate`](crate::Connection::peer_certificate) themselves.
    Unverified,
}

/// What makes and checks the cookies of a server.
#[derive(Clone, Debug)]
pub struct Cookie {
    /// Keys the cookies. The same for all connections, and changed now and then: a cookie made
    /// with another one is as good as none.
    pub secret: Secret,
    /// The key before, still taken. `None` when there was none.
    pub previous: Option<Secret>,
    /// The client's address, in any form that is the same for each of its datagrams.
    pub address: Vec<u8>,
}

/// Is told every secret, as lines of the form that debuggers of protocols read
/// (`SSLKEYLOGFILE`).
pub trait KeyLog: Debug + Send + Sync {
    /// Takes the secret `label` of the connection whose client sent `client_random`.
    fn log(&self, label: &'static str, client_random: &[u8; 32], secret: &[u8]);
}
