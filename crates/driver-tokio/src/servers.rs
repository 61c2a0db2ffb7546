//! URLs of ICE servers ([RFC 7064]).
//!
//! [RFC 7064]: https://www.rfc-editor.org/rfc/rfc7064

use crate::{Error, IceServer, ServerError};

/// A server by name, not yet looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
}

const DEFAULT_PORT: u16 = 3478;

/// All servers, or the first URL that cannot be used.
pub(crate) fn parse(servers: &[IceServer]) -> Result<Vec<Server>, Error> {
    let mut parsed = Vec::new();
    for (index, server) in servers.iter().enumerate() {
        for (url, text) in server.urls.iter().enumerate() {
            let server = parse_url(text).map_err(|error| Error::Server { index, url, error })?;
            parsed.push(server);
        }
    }
    Ok(parsed)
}

fn parse_url(url: &str) -> Result<Server, ServerError> {
    let (scheme, rest) = url.split_once(':').ok_or(ServerError::Syntax)?;
    if !scheme.eq_ignore_ascii_case("stun") {
        return Err(ServerError::Scheme);
    }
    //= rfc7064#3.1
    // Neither user information, nor a path, nor a query.
    if rest.contains(['/', '@', '?', '#', ' ']) {
        return Err(ServerError::Syntax);
    }
    let (host, port) = match rest.strip_prefix('[') {
        Some(literal) => {
            let (host, after) = literal.split_once(']').ok_or(ServerError::Syntax)?;
            (
                host,
                after
                    .strip_prefix(':')
                    .map_or_else(|| after.is_empty().then_some(None), |p| Some(Some(p)))
                    .ok_or(ServerError::Syntax)?,
            )
        }
        None => match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        },
    };
    let port = match port {
        None => DEFAULT_PORT,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port != 0).ok_or(ServerError::Syntax)?
        }
        Some(_) => return Err(ServerError::Syntax),
    };
    if host.is_empty() {
        return Err(ServerError::Syntax);
    }
    Ok(Server { host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stun_urls_are_host_and_port() {
        let cases = [
            ("stun:example.org", "example.org", 3478),
            ("STUN:example.org:19302", "example.org", 19302),
            ("stun:192.0.2.1:1", "192.0.2.1", 1),
            ("stun:[2001:db8::1]", "2001:db8::1", 3478),
            ("stun:[2001:db8::1]:5000", "2001:db8::1", 5000),
        ];
        for (url, host, port) in cases {
            assert_eq!(parse_url(url), Ok(Server { host: host.into(), port }), "{url}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for url in [
            "stun:",
            "stun",
            "stun:a:0",
            "stun:a:70000",
            "stun:a:+1",
            "stun:a/b",
            "stun:u@a",
            "stun:a?transport=udp",
            "stun:[::1",
            "stun:[::1]x",
        ] {
            assert_eq!(parse_url(url), Err(ServerError::Syntax), "{url}");
        }
        assert_eq!(parse_url("turn:a"), Err(ServerError::Scheme));
    }
}
