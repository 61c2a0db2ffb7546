//! STUN: messages, borrowed and checked once, transactions, credentials, and a server ([RFC 8489]).
//!
//! [`MessageView`] reads a message where it lies: [`MessageView::parse`] checks it once, and after
//! that no accessor can fail and nothing is allocated. [`MessageWriter`] writes into the caller's
//! buffer. [`Transaction`] says when a request is sent again and when to give up.
//! [`LongTermClient`] and [`LongTermServer`] prove who sent what; [`BindingServer`] answers those who
//! ask where they come from, and [`NatDiscovery`] finds out what is in between. Keyed hashes come as
//! closures, or as [`Hashes`], so this crate knows no algorithm; it opens no socket and reads no clock.
//!
//! It does not decide who may do what, and ICE's and TURN's rules live in `antiphon-ice` and
//! `antiphon-turn`.
//!
//! | Specification | Where | Status |
//! |---|---|---|
//! | RFC 8489 section 5, header; RFC 7983, telling STUN from its neighbours | [`MessageView`], [`is_stun`] | complete |
//! | RFC 8489 section 14, attributes | [`MessageView`], [`MessageWriter`] | complete |
//! | RFC 8489 section 14.5 to 14.7, integrity and fingerprint | [`MessageView`], [`MessageWriter`] | complete |
//! | RFC 8489 section 6.2, retransmission and round-trip times | [`Transaction`], [`RtoCache`] | complete |
//! | RFC 8489 section 6.3.1, the same response to the same request | [`ResponseCache`] | complete |
//! | RFC 8489 section 9.1, short-term credentials | [`ShortTermClient`], [`check_short_term`] | complete |
//! | RFC 8489 section 9.2, long-term credentials | [`LongTermClient`], [`LongTermServer`] | complete |
//! | RFC 8489 section 10, ALTERNATE-SERVER | [`MessageView::alternate_servers`] | attributes; following it is the usage's affair (`antiphon-turn`) |
//! | RFC 8489 section 12, server | [`BindingServer`] | complete but for clients of RFC 3489 |
//! | RFC 8445 section 16.1, ICE's attributes | [`MessageView`], [`MessageWriter`] | complete |
//! | RFC 5780, NAT behaviour discovery | [`NatDiscovery`], [`NatBehaviourServer`] | mapping, filtering, hairpinning; no lifetimes |
//! | RFC 7064, URIs | [`StunUri`] | complete |
//! | RFC 8265 section 4.2, `OpaqueString` | [`opaque_string`] | ASCII; the rest with the feature `precis` |
//! | RFC 5769, RFC 8489 appendix B, vectors | `tests/vectors.rs` | complete |
//!
//! ```
//! use antiphon_stun::{Class, MessageView, MessageWriter, Method, TransactionId};
//!
//! # fn hmac_sha1(_key: &[u8], parts: &[&[u8]]) -> [u8; 20] { [u8::try_from(parts.len()).unwrap_or(0); 20] }
//! let mut buf = [0; 128];
//! let id = TransactionId([7; 12]); // drawn at random
//! let mut request = MessageWriter::new(&mut buf, Class::Request, Method::BINDING, id)?;
//! request.username(b"them:us")?.priority(0x6e00_01ff)?.ice_controlling(42)?;
//! request.message_integrity(|parts| hmac_sha1(b"password", parts))?.fingerprint()?;
//! let len = request.finish();
//!
//! let received = MessageView::parse(buf.get(..len).unwrap_or_default())?;
//! assert!(received.verify_fingerprint());
//! assert_eq!(received.username(), Some(&b"them:us"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [RFC 8489]: https://www.rfc-editor.org/rfc/rfc8489

mod clock;
mod credential;
mod discovery;
mod error;
mod response_cache;
mod rto;
mod server;
mod transaction;
mod uri;
mod wire;

pub use credential::Hashes;
pub use credential::client::{Attempt, LongTermClient, Verdict};
pub use credential::error::{AuthError, CredentialError, OpaqueStringError};
pub use credential::features::SecurityFeatures;
pub use credential::key::{Integrity, IntegrityKey, userhash};
pub use credential::nonce::Nonce;
pub use credential::opaque::opaque_string;
pub use credential::server::{
    Authenticated, Check, Found, Identity, KnownUser, LongTermServer, LongTermServerConfig, Lookup,
    Refusal, RefusalReason, Users,
};
pub use credential::short_term::{ShortTermCheck, ShortTermClient, check_short_term};
pub use discovery::{
    Dependence, NatBehaviour, NatDiscovery, NatDiscoveryConfig, NatDiscoveryError,
    NatDiscoveryEvent, NatDiscoveryInputError, NatDiscoveryTransmit,
};
pub use error::{BufferTooSmall, IntegrityError, ParseError, WriteError};
pub use response_cache::ResponseCache;
pub use rto::RtoCache;
pub use server::{
    BindingInputError, BindingResponse, BindingServer, BindingServerConfig, NatBehaviourServer,
};
pub use transaction::{Retransmission, Transaction, TransactionState};
pub use uri::{DEFAULT_PORT, DEFAULT_SECURE_PORT, Host, HostPort, StunUri, UriError};
pub use wire::algorithm::{AlgorithmView, Algorithms, PasswordAlgorithm};
pub use wire::attribute::{self, AttributeView, Attributes, UnknownAttributes};
pub use wire::error_code::ErrorCode;
pub use wire::header::{
    Class, HEADER_LEN, MAGIC_COOKIE, Method, TransactionId, is_stun, message_len,
};
pub use wire::lookup::{AlternateServers, ChangeRequest};
pub use wire::view::{MessageView, UnknownRequired};
pub use wire::writer::MessageWriter;
