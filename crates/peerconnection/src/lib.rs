//! A WebRTC peer connection as a sans-IO machine: JSEP, transports, tracks, data channels.
//!
//! A [`PeerConnection`] is W3C's `RTCPeerConnection` without sockets, clock or threads. You hand it
//! descriptions, datagrams and the time; it hands you descriptions, datagrams, events and the next
//! time it wants to be called. RTP goes in and comes out as encoded payloads: there is no codec, no
//! jitter buffer and no capture here, no signalling, and no socket (`antiphon-driver-tokio` has
//! those). `crates/interop` runs it against Chromium and Firefox.
//!
//! One bundled transport carries all sections: a section of the peer that is outside its first
//! BUNDLE group, or without `rtcp-mux`, is rejected.
//!
//! | Specification | Where | Status |
//! |---|---|---|
//! | W3C webrtc-pc: offers, answers, rollback, perfect negotiation | [`PeerConnection`] | yes; calls are not queued but take effect at once, and fail with [`InvalidState::Closed`] after the end |
//! | W3C webrtc-pc: transceivers | [`PeerConnection::add_transceiver`], [`PeerConnection::add_track`] | directions, streams, codec preferences; no `setParameters`, `replaceTrack`, DTMF |
//! | W3C webrtc-pc: data channels | [`PeerConnection::create_data_channel`] | yes |
//! | W3C webrtc-stats | [`PeerConnection::stats`] | transport, inbound, outbound and data channels; not the rest |
//! | RFC 9429 JSEP | `jsep` | one transport, `max-bundle` offers; simulcast is parsed and answered without |
//! | RFC 9143 BUNDLE, RFC 8843 routing, RFC 5761 | `jsep`, `media` | complete for one transport |
//! | RFC 7983, 9443 demultiplexing | `transport` | complete for what there is |
//! | RFC 5764, 8827 DTLS-SRTP | `transport` | complete; no identity provider |
//! | RFC 8841, 8831, 8832 SCTP over DTLS | `connection` | complete; the association is not moved to another port; [`Configuration::sctp_snap`] spares the handshake (draft-hancke-tsvwg-snap) |
//! | RFC 8834 RTP: 3550, 4585, 4588, 5104 | `media` | reports, NACK, RTX, PLI, FIR received, BYE; no congestion control (transport-cc, 8083), no FEC, no layers |
//! | RFC 7022 | `connection` | a random CNAME for each connection |
//! | RFC 8835 transports, RFC 8445, 8838, 8839, 7675 | `transport`, by `antiphon-ice` | full and lite; trickle, consent, restart |
//! | RFC 8656, 8155 TURN | [`PeerConnection::add_turn_server`] | UDP relayed, over UDP, TCP and TLS; streams are the owner's |
//! | RFC 6544, 4571 ICE over TCP | [`PeerConnection::add_tcp_listener`], [`PeerConnection::add_tcp_origin`] | active and passive |
//! | draft-ietf-mmusic-mdns-ice-candidates | [`PeerConnection::hide_local_address`], [`Event::ResolveName`] | complete; [`mdns`] is for the owner of the sockets |
//!
//! # Driving it
//!
//! After each call: poll datagrams until there is none, poll events until there is none, and sleep
//! until [`PeerConnection::poll_timeout`] or the next datagram. Any other order is fine as well.
//! [`Transmit::segment_size`] tells of batches that belong into one call to the kernel.
//!
//! Nothing a stranger sends changes anything but a counter: only paths on which the peer has proved
//! itself to ICE lead to DTLS and SRTP. Every queue that the peer can fill is bounded, by
//! [`Configuration`] or by a constant; events that are not polled stop data channels
//! ([`Configuration::max_events`]). Once
//! media flows, neither an RTP packet nor a short message of a data channel costs an allocation.
//! An idle connection with a data channel takes about 35 KiB.
//!
//! # Example
//!
//! Two peers in memory; what is a loop here is a socket otherwise, and signalling of your choice.
//!
//! ```
//! use std::net::SocketAddr;
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//! use antiphon_crypto_rust::RustCrypto;
//! use antiphon_peerconnection::crypto::{CertificateParams, CryptoProvider};
//! use antiphon_peerconnection::{
//!     Configuration, DataChannelInit, DataChannelMessage, Event, PeerConnection, Received,
//! };
//!
//! let provider: Arc<dyn CryptoProvider> = Arc::new(RustCrypto::new());
//! # let today = Duration::from_secs(1_790_000_000);
//! let mut now = Instant::now();
//! let mut new_peer = |seed| {
//!     let certificate = provider.generate_certificate(&CertificateParams::new(today))?;
//!     let config = Configuration::new(Arc::clone(&provider), certificate);
//!     PeerConnection::new(config, [seed; 32], now).map_err(Box::<dyn std::error::Error>::from)
//! };
//! let mut peers = [new_peer(1)?, new_peer(2)?];
//! let addresses: [SocketAddr; 2] = ["192.0.2.1:5000".parse()?, "192.0.2.2:5000".parse()?];
//!
//! // The first one wants a channel, and offers; the second one answers.
//! let [a, b] = &mut peers;
//! a.create_data_channel("chat", DataChannelInit::default())?;
//! a.set_local_description(now, None)?;
//! b.set_remote_description(now, a.local_description().expect("an offer"))?;
//! b.set_local_description(now, None)?;
//! a.set_remote_description(now, b.local_description().expect("an answer"))?;
//!
//! let mut buf = vec![0; 64 * 1024];
//! let mut heard = None;
//! while heard.is_none() {
//!     for (from, to) in [(0, 1), (1, 0)] {
//!         peers[from].handle_timeout(now);
//!         while let Some(sent) = peers[from].poll_output(now, &mut buf) {
//!             let received = Received { local: sent.remote, remote: sent.local };
//!             let size = sent.segment_size.unwrap_or(sent.len);
//!             for datagram in buf[..sent.len].chunks_mut(size) {
//!                 let _ = peers[to].handle_input(now, received, datagram);
//!             }
//!         }
//!         while let Some(event) = peers[from].poll_event() {
//!             match event {
//!                 Event::GatherAddresses => {
//!                     peers[from].add_local_address(now, addresses[from]);
//!                     peers[from].end_of_local_addresses(now);
//!                 }
//!                 Event::IceCandidate(candidate) => {
//!                     peers[to].add_ice_candidate(now, candidate)?;
//!                 }
//!                 Event::DataChannelOpen(id) => peers[from].send_text(now, id, "hello".into())?,
//!                 Event::DataChannelReadable(id) => heard = peers[from].receive_message(id),
//!                 _ => {}
//!             }
//!         }
//!     }
//!     now += Duration::from_millis(10);
//! }
//! assert_eq!(heard, Some(DataChannelMessage::Text("hello".into())));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod channel;
mod clock;
mod config;
mod connection;
mod description;
mod error;
mod event;
mod ids;
mod io;
mod jsep;
mod media;
mod server;
mod stats;
mod transceiver;
mod transport;
mod types;

/// The traits and types that a crypto provider, and who passes one in, needs.
pub use antiphon_crypto as crypto;
pub use antiphon_datachannel::{ChannelId as DataChannelId, Priority as DataChannelPriority};
pub use antiphon_dtls::{
    CipherSuite as DtlsCipherSuite, Connected as DtlsConnected, SrtpProfile, Version as DtlsVersion,
};
pub use antiphon_ice::{
    AddressFilter, AddressPolicy, Diagnosis, IceFailure, NatMapping, NatMappingKind, ServerError,
    ServerErrorKind, TraceEntry, TransportPolicy,
};
/// Names that hide addresses, for the owner of sockets.
pub use antiphon_mdns as mdns;
pub use antiphon_stun::{Host, StunUri, UriError};
pub use antiphon_turn::client::{TurnUri, UriTransport};
pub use channel::{DataChannelInfo, DataChannelInit, DataChannelMessage};
pub use config::{Configuration, OfferOptions};
pub use connection::{PeerConnection, StreamStep};
pub use description::{IceCandidate, SessionDescription};
pub use error::{
    Error, InvalidAccess, InvalidModification, InvalidState, OperationError, TypeError,
};
pub use event::Event;
pub use ids::TransceiverId;
pub use io::{InputError, MAX_RTP_PAYLOAD, Received, RtpOutgoing, RtpReceived, Transmit};
pub use media::Drop as MediaDrop;
pub use server::{StreamEnd, StreamId, StreamRequest, TurnServer, TurnTransport};
pub use stats::{DataChannelStats, InboundRtpStats, OutboundRtpStats, StatsReport, TransportStats};
pub use transceiver::{Codec, TransceiverInfo, TransceiverInit};
pub use types::{
    BundlePolicy, ConnectionState, DataChannelState, Direction, IceConnectionState,
    IceGatheringState, Kind, SdpType, SignalingState, UnknownWord,
};
