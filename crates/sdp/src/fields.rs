//! The lines that are not attributes: who made the session, where, and when.

use std::borrow::Cow;
use std::fmt;

use nom::Parser;
use nom::character::complete::{char, u64};
use nom::combinator::rest;
use nom::sequence::{preceded, separated_pair};

use crate::grammar::{digits, space, token, whole, word};

/// `o=`: who made the description, and its version ([RFC 8866 section 5.2]).
///
/// [RFC 8866 section 5.2]: https://www.rfc-editor.org/rfc/rfc8866#section-5.2
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The user, `-` in WebRTC.
    pub username: Cow<'a, str>,
    /// Session id, decimal digits.
    pub session_id: Cow<'a, str>,
    /// Version of the description, decimal digits; see [`version`](Self::version).
    pub session_version: Cow<'a, str>,
    /// Address of the maker, `IN IP4 0.0.0.0` where it is nobody's business.
    pub address: Address<'a>,
}

impl<'a> Origin<'a> {
    /// The version as a number; `None` beyond 64 bits.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        self.session_version.parse().ok()
    }

    pub(crate) fn parse(value: &'a str) -> Option<Self> {
        let id = |input| (word, preceded(space, digits), preceded(space, digits)).parse(input);
        let ((username, session_id, session_version), address) =
            whole(separated_pair(id, space, rest), value)?;
        Some(Self {
            username: username.into(),
            session_id: session_id.into(),
            session_version: session_version.into(),
            address: Address::parse(address)?,
        })
    }
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { username, session_id, session_version, address } = self;
        write!(f, "{username} {session_id} {session_version} {address}")
    }
}

/// Network type, address type and address, as in `c=` ([RFC 8866 section 5.7]).
///
/// [RFC 8866 section 5.7]: https://www.rfc-editor.org/rfc/rfc8866#section-5.7
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// `IN`.
    pub network: Cow<'a, str>,
    /// `IP4` or `IP6`.
    pub kind: Cow<'a, str>,
    /// An IP address or a name, with `/ttl` and `/count` where it is multicast.
    pub address: Cow<'a, str>,
}

impl Address<'static> {
    /// `IN IP4 0.0.0.0`: no address known, or none of your business.
    pub const ANY: Self = Self {
        network: Cow::Borrowed("IN"),
        kind: Cow::Borrowed("IP4"),
        address: Cow::Borrowed("0.0.0.0"),
    };
}

impl<'a> Address<'a> {
    pub(crate) fn parse(value: &'a str) -> Option<Self> {
        let (network, kind, address) =
            whole((token, preceded(space, token), preceded(space, word)), value)?;
        Some(Self { network: network.into(), kind: kind.into(), address: address.into() })
    }
}

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.network, self.kind, self.address)
    }
}

/// `b=`: a limit of bandwidth ([RFC 8866 section 5.8]).
///
/// [RFC 8866 section 5.8]: https://www.rfc-editor.org/rfc/rfc8866#section-5.8
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bandwidth<'a> {
    /// What is limited and in which unit: `AS` and `CT` in kbit/s, `TIAS`, `RR` and `RS` in bit/s.
    pub kind: Cow<'a, str>,
    /// The limit.
    pub value: u64,
}

impl<'a> Bandwidth<'a> {
    pub(crate) fn parse(value: &'a str) -> Option<Self> {
        let (kind, value) = whole(separated_pair(token, char(':'), u64), value)?;
        Some(Self { kind: kind.into(), value })
    }
}

impl fmt::Display for Bandwidth<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.value)
    }
}

/// `t=` with its `r=` lines and its `z=` line; in WebRTC always `0 0` and alone
/// ([RFC 8866 section 5.9]).
///
/// [RFC 8866 section 5.9]: https://www.rfc-editor.org/rfc/rfc8866#section-5.9
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing<'a> {
    /// Start in seconds since 1900, decimal digits.
    pub start: Cow<'a, str>,
    /// End in seconds since 1900, decimal digits; `0` for a session without end.
    pub stop: Cow<'a, str>,
    /// Values of the `r=` lines, as written.
    pub repeats: Vec<Cow<'a, str>>,
    /// Value of the `z=` line, as written.
    pub zone: Option<Cow<'a, str>>,
}

impl Timing<'static> {
    /// `t=0 0`: a session that is permanent.
    pub const PERMANENT: Self = Self {
        start: Cow::Borrowed("0"),
        stop: Cow::Borrowed("0"),
        repeats: Vec::new(),
        zone: None,
    };
}

impl<'a> Timing<'a> {
    pub(crate) fn parse(value: &'a str) -> Option<Self> {
        let (start, stop) = whole(separated_pair(digits, space, digits), value)?;
        Some(Self { start: start.into(), stop: stop.into(), repeats: Vec::new(), zone: None })
    }
}
