use std::net::IpAddr;
use std::sync::Arc;

use antiphon_peerconnection::BundlePolicy;
use antiphon_peerconnection::crypto::{Certificate, CryptoProvider};

/// What a connection is made with. `RTCConfiguration`, webrtc-pc section 4.2.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[doc(alias = "RTCConfiguration")]
pub struct Configuration {
    /// Servers that help to find a path. Default: none, which is enough within one network.
    pub ice_servers: Vec<IceServer>,
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
    /// Size of each socket's buffers in bytes, as far as the system grants it; 0 leaves the system's
    /// default. Default: 0.
    pub socket_buffer_bytes: usize,
    /// Bytes of messages that may wait to be sent, over all data channels. Default: 4 MiB.
    pub send_buffer_bytes: usize,
    /// Bytes of messages that may wait to be read, over all data channels. Default: 2 MiB.
    pub receive_buffer_bytes: usize,
}

impl Configuration {
    /// The defaults, with this provider.
    #[must_use]
    pub fn new(provider: Arc<dyn CryptoProvider>) -> Self {
        Self {
            ice_servers: Vec::new(),
            bundle_policy: BundlePolicy::default(),
            provider,
            certificate: None,
            include_loopback: false,
            addresses: None,
            socket_buffer_bytes: 0,
            send_buffer_bytes: 4 << 20,
            receive_buffer_bytes: 2 << 20,
        }
    }
}

/// A STUN server. `RTCIceServer`, webrtc-pc section 4.2.1.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "RTCIceServer")]
pub struct IceServer {
    /// `stun:host` or `stun:host:port`, RFC 7064. Other schemes are refused: relays come with
    /// `antiphon-turn`.
    pub urls: Vec<String>,
}
