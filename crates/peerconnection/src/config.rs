use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use antiphon_crypto::{Certificate, CryptoProvider};

use crate::{AddressFilter, AddressPolicy, BundlePolicy, DtlsVersion, NatMapping, TransportPolicy};

/// What a connection is made with. Start from [`Configuration::new`] and change fields.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Configuration {
    /// The cryptography.
    pub provider: Arc<dyn CryptoProvider>,
    /// Proves to the peer that we are who signalled. One per connection keeps connections
    /// unlinkable; one for many saves the time of making it.
    pub certificate: Certificate,
    /// The versions of DTLS that are spoken; the newest common one is taken. Default: 1.3 and 1.2.
    pub dtls_versions: Vec<DtlsVersion>,
    /// How offers say that everything goes over one transport. Default:
    /// [`BundlePolicy::Balanced`].
    pub bundle_policy: BundlePolicy,
    /// STUN servers that tell us our reflexive addresses, already resolved. Default: none.
    pub stun_servers: Vec<SocketAddr>,
    /// The wall clock at the `now` of the constructor, since the Unix epoch. Sender reports carry
    /// it, so that receivers play audio and video in time. Default: zero.
    pub unix_time: Duration,
    /// Bytes of data channel messages that may wait to be sent, over all channels. When they are
    /// reached, sending is refused until the queue has drained. Default: 4 MiB.
    pub send_buffer_bytes: usize,
    /// Bytes of data channel messages that may wait to be read, over all channels; the peer is
    /// told how much is left. Default: 2 MiB. Throughput is at most this per round trip.
    pub receive_buffer_bytes: usize,
    /// The largest message taken from the peer in bytes, as `a=max-message-size` says it.
    /// Default: 262,144, what browsers send at most.
    pub max_message_bytes: usize,
    /// Whether descriptions carry what SCTP's handshake would say, as `a=sctp-init`, so that data
    /// channels open up to two round trips earlier (draft-hancke-tsvwg-snap); with a peer that does
    /// not know it nothing changes. Default: false, for it is a draft of individuals, and browsers
    /// have it behind a switch.
    pub sctp_snap: bool,
    /// Bytes of RTP and RTCP that may wait for the network. Default: 512 KiB.
    pub media_queue_bytes: usize,
    /// Remote candidates that are kept. Default: 64.
    pub max_remote_candidates: usize,
    /// Events that may wait to be polled before data channels have to wait too: then messages are no
    /// longer taken from the network, and the peer's window closes. What the application itself
    /// causes is always told. Default: 1,024.
    pub max_events: usize,
    /// Pacing of ICE's checks (RFC 8445 section 14.2). Default: 50 ms.
    pub ice_pacing: Duration,
    /// Which kinds of candidates take part. Default: all.
    #[doc(alias = "iceTransportPolicy")]
    pub ice_transport_policy: TransportPolicy,
    /// Which addresses of this machine may be used and shown (RFC 8828). Default: all.
    pub ice_address_policy: AddressPolicy,
    /// Addresses of the peer that may be checked: a peer can name any, those of hosts in the
    /// network of this machine too. Default: all.
    pub remote_filter: Option<AddressFilter>,
    /// Public addresses that stand for private ones: the static NAT of a cloud. Default: none.
    pub nat_mappings: Vec<NatMapping>,
    /// Whether TCP candidates are used, ours and the peer's (RFC 6544). Default: false.
    pub ice_tcp: bool,
    /// Whether we only answer checks (RFC 8445 section 2.5): for a server with a public address.
    /// Default: false.
    pub ice_lite: bool,
    /// Whether addresses that come while connected are used, and spare pairs kept alive for the
    /// loss of the one in use. Default: true.
    pub continual_gathering: bool,
}

impl Configuration {
    /// The defaults, with this provider and certificate.
    #[must_use]
    pub fn new(provider: Arc<dyn CryptoProvider>, certificate: Certificate) -> Self {
        Self {
            provider,
            certificate,
            dtls_versions: vec![DtlsVersion::Dtls13, DtlsVersion::Dtls12],
            bundle_policy: BundlePolicy::default(),
            stun_servers: Vec::new(),
            unix_time: Duration::ZERO,
            send_buffer_bytes: 4 << 20,
            receive_buffer_bytes: 2 << 20,
            max_message_bytes: 262_144,
            sctp_snap: false,
            media_queue_bytes: 512 << 10,
            max_remote_candidates: 64,
            max_events: 1024,
            ice_pacing: Duration::from_millis(50),
            ice_transport_policy: TransportPolicy::All,
            ice_address_policy: AddressPolicy::AllInterfaces,
            remote_filter: None,
            nat_mappings: Vec::new(),
            ice_tcp: false,
            ice_lite: false,
            continual_gathering: true,
        }
    }
}

/// How to make an offer. `RTCOfferOptions`, webrtc-pc section 4.4.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(alias = "RTCOfferOptions")]
pub struct OfferOptions {
    /// Offer new ICE credentials, so that the path is searched anew.
    pub ice_restart: bool,
}
