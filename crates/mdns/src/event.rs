use std::net::IpAddr;

use crate::{InterfaceId, Name};

/// What became of a name that was to be resolved.
///
/// Statistics that reach an application should not tell one from the other: the draft asks for
/// that in section 3.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The name has this address.
    Resolved {
        /// The name.
        name: Name,
        /// Its address.
        address: IpAddr,
        /// Where the answer came from: the scope of an IPv6 link-local address. `None` when the
        /// name is one of ours.
        interface: Option<InterfaceId>,
    },
    /// The name has no address that we take.
    Unresolved {
        /// The name.
        name: Name,
        /// Why.
        reason: Unresolved,
    },
}

/// Why a name was not resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unresolved {
    /// Nobody answered within [`Config::query_timeout`](crate::Config::query_timeout).
    TimedOut,
    /// An answer had several addresses. The draft has such candidates ignored (section 3.2.2).
    Ambiguous,
}
