use std::collections::VecDeque;

use antiphon_crypto::{CryptoError, Secret};

use crate::config::Cookie;
use crate::handshake::cookie;
use crate::handshake::delivery::fragments;
use crate::handshake::failure::Failure;
use crate::handshake::reassembly::{Inserted, Message, Reassembly};
use crate::handshake::server::{choose_version, first_hello_hash};
use crate::handshake::v13;
use crate::record::{Incoming, frame};
use crate::wire::extension::{cookie as cookie_extension, kind};
use crate::wire::handshake::{FragmentHeader, HandshakeType};
use crate::wire::record::{ContentType, HEADER_LEN, RecordHeader};
use crate::wire::{ClientHello, DTLS_1_0, DTLS_1_2, HelloVerifyRequest};
use crate::{Config, InputError, Version};

/// How many hellos in several datagrams are put together at a time.
const MAX_PARTIAL: usize = 64;

/// The most bytes of one hello.
const MAX_HELLO: usize = 4096;

/// The most datagrams of one hello.
const MAX_DATAGRAMS: usize = 8;

/// The door of a server without ICE: makes clients show that they are where they say, and
/// remembers nothing of them until then ([RFC 6347 section 4.2.1], [RFC 9147 section 5.1]).
///
/// Give it every datagram from an address that has no [`Connection`](crate::Connection) yet. What
/// it answers is shorter than what it was asked. Only a hello that comes in several datagrams is
/// kept until it is whole: 64 of them at a time, the oldest makes room.
///
/// ```
/// # use std::sync::Arc;
/// # use std::time::{Duration, Instant};
/// # use antiphon_crypto::{CertificateParams, CryptoProvider, Secret};
/// # use antiphon_crypto_rust::RustCrypto;
/// use antiphon_dtls::{Config, Connection, CookieGate, PeerIdentity, Role, Verdict};
/// # let now = Instant::now();
/// # let provider: Arc<dyn CryptoProvider> = Arc::new(RustCrypto::new());
/// # let params = CertificateParams::new(Duration::from_secs(1_790_000_000));
/// # let certificate = provider.generate_certificate(&params)?;
/// # let config = Config::new(Arc::clone(&provider), certificate);
/// # let mut client = Connection::new(config.clone(), [1; 32], now);
/// # client.start(now, Role::Client)?;
/// let mut gate = CookieGate::new(config.clone(), Secret::from(&[7; 32][..]));
/// let mut buf = [0; 1500];
/// let server = 'admitted: loop {
///     while let Some(sent) = client.poll_output(now, &mut buf)? {
///         match gate.handle(b"192.0.2.1:5000", &buf[..sent.len])? {
///             Verdict::Wait => {}
///             Verdict::Answer(mut datagram) => client.handle_input(now, &mut datagram)?,
///             Verdict::Admit { cookie, datagrams } => {
///                 let mut config = config.clone();
///                 config.cookie = Some(cookie);
///                 let mut server = Connection::new(config, [2; 32], now);
///                 server.start(now, Role::Server)?;
///                 for mut datagram in datagrams {
///                     server.handle_input(now, &mut datagram)?;
///                 }
///                 break 'admitted server;
///             }
///             _ => {}
///         }
///     }
/// };
/// assert!(server.stats().hellos_refused == 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [RFC 6347 section 4.2.1]: https://www.rfc-editor.org/rfc/rfc6347#section-4.2.1
/// [RFC 9147 section 5.1]: https://www.rfc-editor.org/rfc/rfc9147#section-5.1
#[derive(Debug)]
pub struct CookieGate {
    config: Config,
    secret: Secret,
    previous: Option<Secret>,
    partial: VecDeque<Partial>,
}

/// A hello in several datagrams.
#[derive(Debug)]
struct Partial {
    address: Vec<u8>,
    seq: u16,
    reassembly: Reassembly,
    datagrams: Vec<Vec<u8>>,
}

/// What to do about a datagram.
#[derive(Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing: the rest of the hello is still to come.
    Wait,
    /// Send this back.
    Answer(Vec<u8>),
    /// The client is where it says. Make a connection with this [`Config::cookie`] and hand it
    /// these datagrams.
    Admit {
        /// What the connection checks the cookie with again.
        cookie: Cookie,
        /// The datagrams of the hello, oldest first.
        datagrams: Vec<Vec<u8>>,
    },
}

/// The header of the record that a hello came in, whole or in part, and its fragment.
type Found<'d> = (RecordHeader, FragmentHeader, &'d [u8]);

impl CookieGate {
    /// A gate for connections with `config`. `secret` keys the cookies: draw 32 bytes from the
    /// operating system.
    #[must_use]
    pub fn new(config: Config, secret: Secret) -> Self {
        Self { config, secret, previous: None, partial: VecDeque::new() }
    }

    /// Keys new cookies with `secret`; those of the secret before are still taken. Every few minutes
    /// is often enough.
    pub fn rotate(&mut self, secret: Secret) {
        self.previous = Some(std::mem::replace(&mut self.secret, secret));
    }

    /// Takes a datagram from `address`, which may have any form that is always the same for one
    /// client.
    ///
    /// # Errors
    ///
    /// Says why the datagram is dropped: it is no hello, or none that suits the configuration.
    pub fn handle(&mut self, address: &[u8], datagram: &[u8]) -> Result<Verdict, GateError> {
        let (header, fragment, bytes) = find_hello(datagram)?;
        if fragment.len > MAX_HELLO || fragment.message_seq > 1 {
            return Err(InputError::Fragment.into());
        }
        let mut partial = self.take_partial(address, fragment.message_seq);
        match partial.reassembly.insert(fragment, bytes) {
            Inserted::Kept | Inserted::Contradiction => {}
            Inserted::Empty | Inserted::Refused | Inserted::Malformed => {
                return Err(InputError::Fragment.into());
            }
        }
        if partial.datagrams.len() < MAX_DATAGRAMS {
            partial.datagrams.push(datagram.to_vec());
        }
        let Some(message) = partial.reassembly.pop() else {
            if self.partial.len() >= MAX_PARTIAL {
                self.partial.pop_front();
            }
            self.partial.push_back(partial);
            return Ok(Verdict::Wait);
        };
        let cookie = Cookie {
            secret: self.secret.clone(),
            previous: self.previous.clone(),
            address: address.to_vec(),
        };
        match judge(&message, &cookie, &self.config).map_err(|failure| GateError::of(&failure))? {
            Some((kind, body)) => Ok(Verdict::Answer(record(header, kind, message.seq, &body))),
            None => Ok(Verdict::Admit { cookie, datagrams: partial.datagrams }),
        }
    }

    fn take_partial(&mut self, address: &[u8], seq: u16) -> Partial {
        let known = |partial: &Partial| partial.address == address && partial.seq == seq;
        let found = self.partial.iter().position(known).and_then(|at| self.partial.remove(at));
        found.unwrap_or_else(|| {
            let mut reassembly = Reassembly::new(MAX_HELLO.saturating_mul(2));
            reassembly.restart_at(seq);
            Partial { address: address.to_vec(), seq, reassembly, datagrams: Vec::new() }
        })
    }
}

/// Why a gate drops a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// It is no hello.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The hello cannot be read, or does not suit the configuration.
    #[error("a hello that does not suit")]
    Hello,
    /// The provider failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

impl GateError {
    fn of(failure: &Failure) -> Self {
        match failure {
            Failure::Violation(_) | Failure::Incompatibility(_) => Self::Hello,
            Failure::Crypto(error) => Self::Crypto(*error),
        }
    }
}

fn find_hello(datagram: &[u8]) -> Result<Found<'_>, InputError> {
    let framed = frame(datagram, None, &[]);
    let Incoming::Classic { header, kind: ContentType::Handshake } = framed.incoming? else {
        let first = datagram.first().copied().unwrap_or_default();
        return Err(InputError::NotARecord(first));
    };
    if header.epoch != 0 {
        return Err(InputError::Epoch(u64::from(header.epoch)));
    }
    let end = framed.len.unwrap_or_default();
    let payload = datagram.get(HEADER_LEN..end).unwrap_or_default();
    match fragments(payload).next() {
        Some(Ok((fragment, bytes))) if fragment.kind == HandshakeType::ClientHello => {
            Ok((header, fragment, bytes))
        }
        _ => Err(InputError::Fragment),
    }
}

/// What to answer to a hello; `None` when it brings a good cookie.
fn judge(
    message: &Message,
    cookie: &Cookie,
    config: &Config,
) -> Result<Option<(HandshakeType, Vec<u8>)>, Failure> {
    let bad = crate::handshake::failure::malformed(message.kind);
    let hello = ClientHello::parse(&message.body).map_err(&bad)?;
    let provider = &*config.provider;
    match choose_version(&hello, config)? {
        Version::Dtls12 => {
            if cookie::check_old(provider, cookie, &hello.random, hello.cookie)? {
                return Ok(None);
            }
            let made = cookie::make_old(provider, cookie, &hello.random)?;
            let mut body = Vec::new();
            HelloVerifyRequest { version: DTLS_1_0, cookie: &made }.write(&mut body);
            Ok(Some((HandshakeType::HelloVerifyRequest, body)))
        }
        Version::Dtls13 => {
            let Some(data) = hello.extensions.find(kind::COOKIE) else {
                let mut retry = v13::needed_retry(&hello, config)?;
                let first = first_hello_hash(&retry, message, config)?;
                retry.cookie = cookie::make(provider, cookie, &hello.random, &retry, &first)?;
                return Ok(Some((HandshakeType::ServerHello, v13::retry_request(&retry))));
            };
            let found = cookie_extension::parse(data).map_err(&bad)?;
            let opened = cookie::open(provider, cookie, &hello.random, found)?;
            opened.map(|_| None).ok_or(crate::handshake::failure::illegal(message.kind))
        }
    }
}

/// A datagram with one message. Its record has the number of the hello's: there is no memory to
/// count with.
fn record(hello: RecordHeader, kind: HandshakeType, seq: u16, body: &[u8]) -> Vec<u8> {
    let fragment = FragmentHeader::whole(kind, seq, body.len()).to_bytes();
    let len = fragment.len().saturating_add(body.len());
    let kind = ContentType::Handshake.to_wire();
    //= rfc6347#4.2.1
    // The record's number is that of the hello's record.
    let header = RecordHeader { kind, version: DTLS_1_2, epoch: 0, sequence: hello.sequence, len };
    [&header.to_bytes()[..], &fragment, body].concat()
}
