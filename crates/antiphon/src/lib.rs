//! WebRTC for Rust: peer connections, data channels and media, asynchronous and simple.
//!
//! This is W3C's API in snake_case, on tokio. You bring the signalling: any way to carry two
//! descriptions and some candidates from one peer to the other. What is underneath is a set of
//! crates that stand alone (`antiphon-ice`, `antiphon-dtls`, `antiphon-sctp`, ...); the whole peer
//! connection without sockets and tasks is [`peerconnection`].
//!
//! | W3C | Here | Status |
//! |---|---|---|
//! | `RTCPeerConnection` | [`PeerConnection`], made of a [`configuration`] | complete but for `setConfiguration` and identity |
//! | events and handlers | [`PeerConnection::events`], `PeerConnection::on_*` | a stream, and handlers for the five that matter most |
//! | `RTCIceCandidate`, trickling | [`Event::IceCandidate`], [`PeerConnection::add_ice_candidate`] | UDP and TCP; STUN servers; TURN servers over UDP, TCP and TLS (feature `tls`, default) |
//! | mDNS candidates | [`Configuration::mdns`] | those of the peer are resolved; ours on request |
//! | causes of failure, which W3C has not | [`Event::IceFailure`], [`PeerConnection::diagnose`] | complete |
//! | `RTCDataChannel` | [`DataChannel`], also a `Stream`, `Sink`, `AsyncRead` and `AsyncWrite` | complete; priorities are not used |
//! | `RTCRtpTransceiver`, sender, receiver | [`Transceiver`], [`RtpSender`], [`RtpReceiver`] | encoded media as RTP packets; no simulcast, no DTMF |
//! | `getStats` | [`PeerConnection::stats`] | the first part of the dictionaries |
//! | `getUserMedia`, codecs | | missing |
//!
//! A connection lives as long as its [`PeerConnection`] handles; channels, tracks and events see its
//! end. Calls fail with an [`Error`], whose [`name`](Error::name) is that of W3C's exception.
//!
//! ```
//! use antiphon::{Error, Event, PeerConnection, configuration};
//!
//! # #[tokio::main] async fn main() -> Result<(), Error> {
//! let connection = PeerConnection::new(configuration())?;
//! let chat = connection.create_data_channel("chat", Default::default()).await?;
//! connection.set_local_description(None).await?;
//!
//! // Give this, and each `Event::IceCandidate`, to the peer.
//! let offer = connection.local_description().expect("an offer");
//! assert!(offer.sdp.contains("m=application"));
//!
//! connection.close().await;
//! assert!(chat.send_text("too late").await.is_err());
//! # Ok(()) }
//! ```

use std::sync::{Arc, OnceLock};

use antiphon_crypto_rust::RustCrypto;

#[cfg(feature = "tls")]
pub use antiphon_driver_tokio::tls;
pub use antiphon_driver_tokio::{
    Configuration, DataChannel, Error, Event, Events, IceServer, Mdns, Message, PeerConnection,
    RtpPacket, RtpReceiver, RtpSender, ServerError, TrackEvent, Transceiver,
};
pub use antiphon_peerconnection as peerconnection;
pub use antiphon_peerconnection::crypto;
pub use antiphon_peerconnection::{
    AddressFilter, AddressPolicy, BundlePolicy, Codec, ConnectionState, DataChannelInit,
    DataChannelState, Diagnosis, Direction, DtlsVersion, IceCandidate, IceConnectionState,
    IceFailure, IceGatheringState, Kind, NatMapping, NatMappingKind, OfferOptions, RtpOutgoing,
    SdpType, SessionDescription, SignalingState, StatsReport, TransceiverInit, TransportPolicy,
};

/// The default configuration, with the default cryptography (`antiphon-crypto-rust`).
///
/// Another provider is one line: `configuration.provider = Arc::new(..)`.
#[must_use]
pub fn configuration() -> Configuration {
    static PROVIDER: OnceLock<Arc<RustCrypto>> = OnceLock::new();
    let provider = PROVIDER.get_or_init(|| Arc::new(RustCrypto::new()));
    Configuration::new(Arc::clone(provider) as Arc<dyn crypto::CryptoProvider>)
}

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
