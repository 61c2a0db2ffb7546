use antiphon_stun::UriError;
use antiphon_turn::client::{TurnUri, UriTransport};

//= rfc7065#3.1
//= type=test
//= rfc7065#3.2
//= type=test
#[test]
fn uris_read_and_are_written_as_they_came() {
    use UriTransport::{Tcp, Udp};
    for (text, secure, port, transport, default) in [
        ("turn:example.org", false, 3478, None, Udp),
        ("turns:example.org", true, 5349, None, Tcp),
        ("turn:example.org:8000", false, 8000, None, Udp),
        ("turn:example.org?transport=udp", false, 3478, Some(Udp), Udp),
        ("turn:192.0.2.1:80?transport=tcp", false, 80, Some(Tcp), Tcp),
        ("turns:[2001:db8::1]?transport=udp", true, 5349, Some(Udp), Udp),
    ] {
        let uri: TurnUri = text.parse().unwrap();
        assert_eq!((uri.secure, uri.port(), uri.transport), (secure, port, transport), "{text}");
        assert_eq!(uri.transport_or_default(), default);
        assert_eq!(uri.to_string(), text);
    }
    for (text, error) in [
        ("stun:example.org", UriError::Scheme),
        ("turn:", UriError::Host),
        ("turn:user:pass@example.org", UriError::Port),
        ("turn:user@example.org", UriError::Host),
        ("turn://example.org", UriError::Trailing { at: 0 }),
        ("turn:example.org?", UriError::Trailing { at: 16 }),
        ("turn:example.org?transport=", UriError::Transport),
        ("turn:example.org?transport=sctp", UriError::Transport),
        ("turn:example.org?transport=udp&x=1", UriError::Transport),
        ("turn:example.org?x=1", UriError::Trailing { at: 16 }),
        ("turn:example.org:99999", UriError::Port),
    ] {
        assert_eq!(text.parse::<TurnUri>(), Err(error), "{text}");
    }
}
