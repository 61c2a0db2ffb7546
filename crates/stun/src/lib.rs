//! STUN messages, borrowed and checked once, and a client transaction ([RFC 8489]).
//!
//! [`MessageView`] reads a message where it lies: [`MessageView::parse`] checks it once, and after
//! that no accessor can fail and nothing is allocated. [`MessageWriter`] writes into the caller's
//! buffer. [`Transaction`] says when a request is sent again and when to give up. Keyed hashes come
//! as closures, so this crate knows no key and no algorithm; it opens no socket and reads no clock.
//!
//! It is not a server, it does not decide who may do what, and ICE's rules live in `antiphon-ice`.
//!
//! | Specification | Where | Status |
//! |---|---|---|
//! | RFC 8489 section 5, header; RFC 7983, telling STUN from its neighbours | [`MessageView`], [`is_stun`] | complete |
//! | RFC 8489 section 14, attributes of Binding | [`MessageView`], [`MessageWriter`] | complete |
//! | RFC 8489 section 14.5 to 14.7, integrity and fingerprint | [`MessageView`], [`MessageWriter`] | complete |
//! | RFC 8489 section 6.2, retransmission | [`Transaction`] | complete; no cache of round-trip times per server |
//! | RFC 8445 section 16.1, ICE's attributes | [`MessageView`], [`MessageWriter`] | complete |
//! | RFC 5769, RFC 8489 appendix B, vectors | `tests/vectors.rs` | complete |
//! | RFC 8489 section 9.2, USERHASH, PASSWORD-ALGORITHMS, retries with a nonce | | planned |
//! | RFC 8489 section 10, ALTERNATE-SERVER | | planned |
//! | RFC 8489 section 12, server helper; RFC 5780; RFC 7064 URIs | | planned |
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
mod error;
mod transaction;
mod wire;

pub use error::{BufferTooSmall, IntegrityError, ParseError, WriteError};
pub use transaction::{Retransmission, Transaction, TransactionState};
pub use wire::attribute::{self, AttributeView, Attributes, UnknownAttributes};
pub use wire::error_code::ErrorCode;
pub use wire::header::{
    Class, HEADER_LEN, MAGIC_COOKIE, Method, TransactionId, is_stun, message_len,
};
pub use wire::view::{MessageView, UnknownRequired};
pub use wire::writer::MessageWriter;
