use std::fmt;
use std::str::FromStr;

use antiphon_stun::{DEFAULT_PORT, DEFAULT_SECURE_PORT, HostPort, UriError};

/// The `transport` of a [`TurnUri`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UriTransport {
    /// `?transport=udp`: UDP, or DTLS.
    Udp,
    /// `?transport=tcp`: TCP, or TLS.
    Tcp,
}

/// `turn:` and `turns:` ([RFC 7065](https://www.rfc-editor.org/rfc/rfc7065)).
///
/// ```
/// use antiphon_turn::client::{TurnUri, UriTransport};
///
/// let uri: TurnUri = "turns:turn.example.org?transport=tcp".parse()?;
/// assert_eq!((uri.secure, uri.port(), uri.transport), (true, 5349, Some(UriTransport::Tcp)));
/// # Ok::<(), antiphon_stun::UriError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TurnUri {
    /// `turns`: over TLS or DTLS.
    pub secure: bool,
    /// Where the server is.
    pub server: HostPort,
    /// The transport, if the URI says one.
    pub transport: Option<UriTransport>,
}

impl TurnUri {
    //= rfc7065#3.2
    // `turns` is for TLS and DTLS, and has another default port.
    /// The port, or the scheme's default: 3478 or 5349.
    #[must_use]
    pub fn port(&self) -> u16 {
        let default = if self.secure { DEFAULT_SECURE_PORT } else { DEFAULT_PORT };
        self.server.port.unwrap_or(default)
    }

    /// The transport, or what WebRTC takes when the URI says none: UDP for `turn`, TCP for `turns`.
    #[must_use]
    pub fn transport_or_default(&self) -> UriTransport {
        let default = if self.secure { UriTransport::Tcp } else { UriTransport::Udp };
        self.transport.unwrap_or(default)
    }
}

impl FromStr for TurnUri {
    type Err = UriError;

    //= rfc7065#3.1
    // Scheme, host, port, and one query that names the transport; nothing else.
    fn from_str(text: &str) -> Result<Self, UriError> {
        let (scheme, rest) = text.split_once(':').ok_or(UriError::Scheme)?;
        let secure = if scheme.eq_ignore_ascii_case("turn") {
            false
        } else if scheme.eq_ignore_ascii_case("turns") {
            true
        } else {
            return Err(UriError::Scheme);
        };
        let (server, query) = HostPort::split(rest)?;
        let transport = match query.strip_prefix("?transport=") {
            None if query.is_empty() => None,
            None => return Err(UriError::Trailing { at: text.len().saturating_sub(query.len()) }),
            Some(name) if name.eq_ignore_ascii_case("udp") => Some(UriTransport::Udp),
            Some(name) if name.eq_ignore_ascii_case("tcp") => Some(UriTransport::Tcp),
            Some(_) => return Err(UriError::Transport),
        };
        Ok(Self { secure, server, transport })
    }
}

impl fmt::Display for TurnUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", if self.secure { "turns" } else { "turn" }, self.server)?;
        match self.transport {
            None => Ok(()),
            Some(UriTransport::Udp) => f.write_str("?transport=udp"),
            Some(UriTransport::Tcp) => f.write_str("?transport=tcp"),
        }
    }
}
