//! What TURN adds to STUN on the wire: attributes, ChannelData, and both on a byte stream.

#![warn(clippy::arithmetic_side_effects)]

pub mod attribute;
mod channel_data;
mod framer;
mod message;
mod token;
mod writer;

pub use attribute::code;
pub use channel_data::{
    CHANNEL_DATA_HEADER_LEN, ChannelData, ChannelNumber, padded_len, write_channel_data_header,
};
pub use framer::{Frame, StreamFramer};
pub use message::{PeerAddresses, TurnMessage};
pub use token::{AccessToken, MAX_MAC_KEY, TokenContent};
pub use writer::TurnWriter;

/// RFC 6062's methods, and where each method's number comes from.
pub mod method {
    use antiphon_stun::Method;

    /// Connect (RFC 6062 section 6.1).
    pub const CONNECT: u16 = 0x00a;
    /// ConnectionBind (RFC 6062 section 6.1).
    pub const CONNECTION_BIND: u16 = 0x00b;
    /// ConnectionAttempt (RFC 6062 section 6.1).
    pub const CONNECTION_ATTEMPT: u16 = 0x00c;

    /// The method of that number, which is one of this module's.
    #[must_use]
    pub fn of(number: u16) -> Method {
        Method::new(number).unwrap_or(Method::BINDING)
    }
}
