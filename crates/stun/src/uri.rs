use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// Port of STUN over UDP and TCP (RFC 8489 section 18.6).
pub const DEFAULT_PORT: u16 = 3478;
/// Port of STUN over TLS and DTLS (RFC 8489 section 18.6).
pub const DEFAULT_SECURE_PORT: u16 = 5349;

/// Longest name of a host, as DNS has it.
const MAX_NAME: usize = 255;

/// Why a text is no such URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UriError {
    /// Another scheme, or none.
    #[error("the scheme is not one of those expected")]
    Scheme,
    /// No host, or characters that a host cannot have. User information counts as such.
    #[error("no host")]
    Host,
    /// Not a number from 0 to 65535.
    #[error("the port is no number up to 65535")]
    Port,
    /// What follows the port has no meaning here.
    #[error("trailing text from byte {at}")]
    Trailing {
        /// Where it starts.
        at: usize,
    },
    /// A transport other than `udp` and `tcp` (`turn:` only).
    #[error("unknown transport")]
    Transport,
}

/// A host by address or by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// An address.
    Address(IpAddr),
    /// A name for DNS, as it was given.
    Name(String),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V4(v4)) => write!(f, "{v4}"),
            Self::Address(IpAddr::V6(v6)) => write!(f, "[{v6}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// A host and perhaps a port: what the schemes of STUN and TURN share (RFC 3986's productions).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// The host.
    pub host: Host,
    /// The port, if one is given.
    pub port: Option<u16>,
}

impl HostPort {
    /// Splits it off the front of `text`, and returns the rest, which starts with `?` or is empty.
    ///
    /// # Errors
    ///
    /// [`UriError::Host`], [`UriError::Port`] and [`UriError::Trailing`].
    pub fn split(text: &str) -> Result<(Self, &str), UriError> {
        let end = text.find(['?', '#', '/']).unwrap_or(text.len());
        let (authority, rest) = text.split_at_checked(end).ok_or(UriError::Host)?;
        if !rest.is_empty() && !rest.starts_with('?') {
            return Err(UriError::Trailing { at: end });
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(inside) => {
                let (address, port) = inside.split_once(']').ok_or(UriError::Host)?;
                let address: Ipv6Addr = address.parse().map_err(|_| UriError::Host)?;
                (Host::Address(address.into()), port)
            }
            None => {
                let end = authority.find(':').unwrap_or(authority.len());
                let (name, port) = authority.split_at_checked(end).ok_or(UriError::Host)?;
                (named(name)?, port)
            }
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            None => return Err(UriError::Host),
            // RFC 3986 allows a colon without digits.
            Some("") => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().map_err(|_| UriError::Port)?)
            }
            Some(_) => return Err(UriError::Port),
        };
        Ok((Self { host, port }, rest))
    }
}

/// An IPv4 address, or a name of the characters that RFC 3986 gives it.
fn named(name: &str) -> Result<Host, UriError> {
    if let Ok(address) = name.parse::<Ipv4Addr>() {
        return Ok(Host::Address(address.into()));
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(fits) {
        return Err(UriError::Host);
    }
    Ok(Host::Name(name.to_owned()))
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            None => write!(f, "{}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
        }
    }
}

impl FromStr for HostPort {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let (host, rest) = Self::split(text)?;
        let at = text.len().saturating_sub(rest.len());
        if rest.is_empty() { Ok(host) } else { Err(UriError::Trailing { at }) }
    }
}

/// `stun:` and `stuns:` ([RFC 7064](https://www.rfc-editor.org/rfc/rfc7064)).
///
/// ```
/// use antiphon_stun::StunUri;
///
/// let uri: StunUri = "stun:stun.example.org".parse()?;
/// assert_eq!((uri.secure, uri.port()), (false, 3478));
/// let uri: StunUri = "stuns:[2001:db8::1]:443".parse()?;
/// assert_eq!((uri.secure, uri.port(), uri.to_string().as_str()), (true, 443, "stuns:[2001:db8::1]:443"));
/// # Ok::<(), antiphon_stun::UriError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StunUri {
    /// `stuns`: over TLS, or DTLS.
    pub secure: bool,
    /// Where the server is.
    pub server: HostPort,
}

impl StunUri {
    //= rfc7064#3.2
    // Without a port it is 3478, and 5349 where TLS is spoken.
    /// The port, or the scheme's default.
    #[must_use]
    pub fn port(&self) -> u16 {
        let default = if self.secure { DEFAULT_SECURE_PORT } else { DEFAULT_PORT };
        self.server.port.unwrap_or(default)
    }

    /// The names for a DNS lookup of SRV records (RFC 8489 section 8.1): service and protocol.
    #[must_use]
    pub const fn service(&self) -> (&'static str, &'static str) {
        if self.secure { ("_stuns", "_tcp") } else { ("_stun", "_udp") }
    }
}

impl FromStr for StunUri {
    type Err = UriError;

    //= rfc7064#3.1
    // No hierarchy, no user, no query: only host and port follow the scheme.
    fn from_str(text: &str) -> Result<Self, UriError> {
        let (scheme, rest) = text.split_once(':').ok_or(UriError::Scheme)?;
        let secure = if scheme.eq_ignore_ascii_case("stun") {
            false
        } else if scheme.eq_ignore_ascii_case("stuns") {
            true
        } else {
            return Err(UriError::Scheme);
        };
        Ok(Self { secure, server: rest.parse()? })
    }
}

impl fmt::Display for StunUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", if self.secure { "stuns" } else { "stun" }, self.server)
    }
}
