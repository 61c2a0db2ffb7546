//! An ICE agent as a sans-IO machine: trickle, consent, restart, relays, TCP, and a cause when it
//! fails ([RFC 8445]).
//!
//! An [`Agent`] finds a way through NATs and firewalls to its peer, and keeps proving that the peer
//! still wants our packets. It owns no socket and no clock: you bind sockets and tell their
//! addresses, you hand it STUN datagrams and the time, and it hands you datagrams, candidates,
//! states, and the path that data goes over. It carries no data itself. Relayed addresses, TCP
//! connections and names of mDNS are yours too: the agent says what it needs of them.
//!
//! | Specification | Where | Status |
//! |---|---|---|
//! | RFC 8445 sections 5, 6, 7: gathering, checklists, checks | [`Agent`] | complete, for one component |
//! | RFC 8445 section 8, nomination | [`Agent`] | complete; nominates once, follows peers that nominate often |
//! | RFC 8445 section 9, restart | [`Agent::restart`] | complete |
//! | RFC 8445 lite agents | [`Config::lite`], [`Agent::set_remote_lite`] | complete, on either side or both |
//! | RFC 8838 trickle | [`Agent::add_remote_candidate`], [`Event::LocalCandidate`] | complete |
//! | RFC 8839 section 5.1, candidates as text | [`Candidate`] | complete; other extensions than `ufrag` are skipped |
//! | RFC 7675 consent | [`Agent::selected_path`] | complete |
//! | RFC 8863 patience | [`Config::failure_patience`] | complete |
//! | RFC 8656, relayed candidates and permissions | [`LocalAddress::relayed`], [`Event::PermissionNeeded`] | complete; the TURN client is the owner's |
//! | RFC 6544 ICE-TCP | [`LocalAddress::tcp`], [`Event::Connect`] | active, passive, simultaneous-open; no relayed TCP; framing is the owner's |
//! | RFC 8421 dual stack | [`LocalAddress::preference`] | complete |
//! | RFC 8828 address policies | [`AddressPolicy`], [`TransportPolicy`] | complete; routes are told by the owner |
//! | draft-ietf-mmusic-mdns-ice-candidates | [`LocalAddress::hidden_as`], [`Event::ResolveName`] | complete; the responder is the owner's |
//! | draft-thatcher-tsvwg-renomination | [`Config::renomination`], [`Agent::nominate`] | complete, and Chromium's form of it |
//! | W3C webrtc-stats, candidate pairs | [`Agent::pair_stats`] | all that ICE knows |
//!
//! When there is no connection, [`Agent::diagnose`] says why, at any time.
//!
//! ```
//! use std::sync::Arc;
//! # use std::time::Instant;
//!
//! use antiphon_crypto_rust::RustCrypto;
//! use antiphon_ice::{Agent, Config, ConnectionState, Event, Path, Role};
//!
//! # let now = antiphon_testkit::start();
//! # let seed = |n| [n; 32];
//! // Two agents, each with one socket. Signalling is a loop here.
//! let crypto = Arc::new(RustCrypto::new());
//! let mut offerer = Agent::new(Config::new(crypto.clone(), Role::Controlling), seed(1), now)?;
//! let mut answerer = Agent::new(Config::new(crypto, Role::Controlled), seed(2), now)?;
//! offerer.add_local_address(now, "192.0.2.1:5000".parse::<std::net::SocketAddr>()?)?;
//! answerer.add_local_address(now, "192.0.2.2:5000".parse::<std::net::SocketAddr>()?)?;
//! offerer.set_remote_credentials(now, answerer.local_credentials().clone())?;
//! answerer.set_remote_credentials(now, offerer.local_credentials().clone())?;
//! while let Some(event) = offerer.poll_event() {
//!     if let Event::LocalCandidate(candidate) = event {
//!         answerer.add_remote_candidate(now, candidate.to_string().parse()?)?;
//!     }
//! }
//!
//! // The network is a loop, too.
//! let mut buf = [0; antiphon_ice::MAX_OUTPUT];
//! loop {
//!     let mut idle = true;
//!     for turn in 0..2 {
//!         let (from, to) = match turn {
//!             0 => (&mut offerer, &mut answerer),
//!             _ => (&mut answerer, &mut offerer),
//!         };
//!         while let Some(sent) = from.poll_output(now, &mut buf)? {
//!             let path = Path::new(sent.path.remote, sent.path.local);
//!             to.handle_input(now, path, &buf[..sent.len])?;
//!             idle = false;
//!         }
//!     }
//!     if idle {
//!         break;
//!     }
//! }
//! assert_eq!(offerer.state(), ConnectionState::Connected);
//! assert!(answerer.selected_path().is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [RFC 8445]: https://www.rfc-editor.org/rfc/rfc8445

mod agent;
mod candidate;
mod clock;
mod config;
mod credentials;
mod diagnosis;
mod error;
mod event;
mod local;
mod message;
mod path;
mod policy;
mod random;
mod stats;

pub use agent::Agent;
pub use candidate::{
    Address, Candidate, CandidateKind, Foundation, ParseCandidateError, Protocol, TcpType,
};
pub use config::{Config, Renomination, Role};
pub use credentials::Credentials;
pub use diagnosis::{Diagnosis, IceFailure, ServerError, ServerErrorKind, Trace, TraceEntry};
pub use error::{
    AddressError, BufferTooSmall, CandidateError, CredentialsError, InputError, NominateError,
};
pub use event::{ConnectionState, Event, GatheringState, RestartReason, StunServerFailure};
pub use local::{LocalAddress, LocalKind, RelayProtocol, Route};
pub use message::MAX_OUTPUT;
pub use path::{Path, Transmit};
pub use policy::{
    AddressFilter, AddressPolicy, NatMapping, NatMappingKind, Permissions, TransportPolicy,
};
pub use stats::{Counters, PairState, PairStats, SelectedPair, Stats};

/// A machine can be moved to another thread.
const _: () = {
    const fn assert_send<T: Send + 'static>() {}
    assert_send::<Agent>();
};
