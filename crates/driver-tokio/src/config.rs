use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use antiphon_peerconnection::crypto::{Certificate, CryptoProvider};
use antiphon_peerconnection::{
    AddressFilter, AddressPolicy, BundlePolicy, DtlsVersion, NatMapping, TransportPolicy,
};

/// What a connection is made with. `RTCConfiguration`, webrtc-pc section 4.2.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[doc(alias = "RTCConfiguration")]
pub struct Configuration {
    /// Servers that help to find a path. Default: none, which is enough within one network.
    pub ice_servers: Vec<IceServer>,
    /// The versions of DTLS that are spoken; the newest common one is taken. Default: 1.3 and 1.2.
    pub dtls_versions: Vec<DtlsVersion>,
    /// How offers say that everything goes over one transport. Default:
    /// [`BundlePolicy::Balanced`].
    pub bundle_policy: BundlePolicy,
    /// The cryptography.
    pub provider: Arc<dyn CryptoProvider>,
    /// Proves to the peer that we are who signalled. Default: a new one per connection, so that
    /// connections cannot be linked.
    pub certificate: Option<Certificate>,
    /// Whether 127.0.0.1 and ::1 are among the candidates, for a peer on the same machine.
    /// Default: false; they are used all the same where there is no other address.
    pub include_loopback: bool,
    /// The addresses to bind, instead of all that the machine has, with no regard to
    /// `include_loopback`. Those that cannot be bound are left out, and so are 0.0.0.0 and ::, to
    /// which no peer can send. Default: all.
    pub addresses: Option<Vec<IpAddr>>,
    /// The ports to bind, for firewalls that let only some through. Default: any.
    pub port_range: Option<RangeInclusive<u16>>,
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
    /// Whether TCP candidates are used (RFC 6544): we listen on every address, and connect to
    /// peers that listen. Default: false.
    pub ice_tcp: bool,
    /// Whether we only answer checks (RFC 8445 section 2.5): for a server with a public address.
    /// Default: false.
    pub ice_lite: bool,
    /// What is done with names that stand for addresses in candidates: browsers hide theirs behind
    /// some, unless the page may use a camera or a microphone. Default: [`Mdns::Resolve`].
    pub mdns: Mdns,
    /// Certificates in DER, besides those that the system trusts, that may sign the certificates of
    /// TURN servers over TLS. Default: none.
    pub trusted_certificates: Vec<Vec<u8>>,
    /// Size of each socket's buffers in bytes, as far as the system grants it; 0 leaves the system's
    /// default. Default: 0.
    pub socket_buffer_bytes: usize,
    /// Bytes of messages that may wait to be sent, over all data channels. Default: 4 MiB.
    pub send_buffer_bytes: usize,
    /// Bytes of messages that may wait to be read, over all data channels. Default: 2 MiB.
    pub receive_buffer_bytes: usize,
    /// The largest message that the peer may send, in bytes: what `a=max-message-size` says.
    /// Default: 262,144, as browsers send at most.
    pub max_message_bytes: usize,
    /// Whether data channels may open without SCTP's handshake, one or two round trips earlier
    /// (draft-hancke-tsvwg-snap); a peer that does not know it is not disturbed. Default: false.
    pub sctp_snap: bool,
}

impl Configuration {
    /// The defaults, with this provider.
    #[must_use]
    pub fn new(provider: Arc<dyn CryptoProvider>) -> Self {
        Self {
            ice_servers: Vec::new(),
            dtls_versions: vec![DtlsVersion::Dtls13, DtlsVersion::Dtls12],
            bundle_policy: BundlePolicy::default(),
            provider,
            certificate: None,
            include_loopback: false,
            addresses: None,
            port_range: None,
            ice_transport_policy: TransportPolicy::All,
            ice_address_policy: AddressPolicy::AllInterfaces,
            remote_filter: None,
            nat_mappings: Vec::new(),
            ice_tcp: false,
            ice_lite: false,
            mdns: Mdns::default(),
            trusted_certificates: Vec::new(),
            socket_buffer_bytes: 0,
            send_buffer_bytes: 4 << 20,
            receive_buffer_bytes: 2 << 20,
            max_message_bytes: 262_144,
            sctp_snap: false,
        }
    }
}

/// How far multicast DNS is used (draft-ietf-mmusic-mdns-ice-candidates): it gives addresses of hosts
/// names like `1f4712db-ea17-4bcf-a596-105139dfd8bf.local`, which only the local network can resolve.
///
/// All connections of a process share one endpoint on UDP port 5353. It starts when a name is needed
/// and ends when none is; where the network has no multicast, a warning is logged and candidates with
/// names are not used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mdns {
    /// Not at all: candidates of the peer that have names are not used. Without a server or an
    /// address that the peer can reach, browsers that hide theirs are not found then.
    Off,
    /// Names of the peer are looked up. Ours are addresses: what we are told of is a program's
    /// network, not a stranger's page.
    #[default]
    Resolve,
    /// Besides, our host candidates show names, so that the peer and its signalling do not learn the
    /// addresses of this machine (the concern of RFC 8828). Connections within the network work only as far
    /// as multicast does; those through servers are the same. The peer still sees the address of the
    /// path that is used.
    Hide,
}

/// A STUN or TURN server. `RTCIceServer`, webrtc-pc section 4.2.1.
///
/// ```
/// use antiphon_driver_tokio::IceServer;
///
/// let stun = IceServer::new("stun:stun.example.org");
/// let turn = IceServer::with_credentials("turns:turn.example.org", "alice", "secret");
/// # assert_eq!((stun.urls.len(), turn.username.as_str()), (1, "alice"));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[doc(alias = "RTCIceServer")]
pub struct IceServer {
    /// `stun:host`, `turn:host`, `turn:host?transport=tcp`, `turns:host`, each with a port if it is
    /// not 3478 or, for `turns`, 5349 (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// Who we are to a TURN server.
    pub username: String,
    /// Our password there.
    pub credential: String,
}

impl IceServer {
    /// A server that asks for no credentials: one of STUN.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { urls: vec![url.into()], ..Self::default() }
    }

    /// A TURN server.
    #[must_use]
    pub fn with_credentials(
        url: impl Into<String>,
        username: impl Into<String>,
        credential: impl Into<String>,
    ) -> Self {
        Self { urls: vec![url.into()], username: username.into(), credential: credential.into() }
    }
}

impl fmt::Debug for IceServer {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer")
            .field("urls", &self.urls)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}
