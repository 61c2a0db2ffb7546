use std::net::{IpAddr, SocketAddr};

use thiserror::Error;

use crate::{
    BufferTooSmall, Class, ErrorCode, MessageView, MessageWriter, Method, ParseError, WriteError,
    attribute,
};

/// Attributes of a Binding request that are understood, used or not (RFC 8489 section 6.3).
const KNOWN: [u16; 9] = [
    attribute::MAPPED_ADDRESS,
    attribute::USERNAME,
    attribute::ERROR_CODE,
    attribute::UNKNOWN_ATTRIBUTES,
    attribute::REALM,
    attribute::NONCE,
    attribute::PASSWORD_ALGORITHM,
    attribute::USERHASH,
    attribute::XOR_MAPPED_ADDRESS,
];

/// Options of a [`BindingServer`]. The default answers with XOR-MAPPED-ADDRESS and nothing else.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BindingServerConfig {
    /// What SOFTWARE says. Default `None`: every byte of a response helps those who reflect it.
    pub software: Option<String>,
    /// Whether clients may find out what their NAT does (RFC 5780). Default `None`: no.
    pub nat_behaviour: Option<NatBehaviourServer>,
}

/// The addresses of a server that helps to explore NATs (RFC 5780 section 6): two addresses, two
/// ports, and sockets on all four combinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NatBehaviourServer {
    /// Two addresses, of one family.
    pub addresses: [IpAddr; 2],
    /// Two ports.
    pub ports: [u16; 2],
    /// Whether RESPONSE-PORT is obeyed. Default `false`: it directs packets at others' ports.
    pub response_port: bool,
    /// Most bytes of PADDING in a response, never more than in its request. Default 0: none, and
    /// PADDING is an unknown attribute.
    pub max_padding: usize,
}

impl NatBehaviourServer {
    /// With RESPONSE-PORT and PADDING off.
    #[must_use]
    pub const fn new(addresses: [IpAddr; 2], ports: [u16; 2]) -> Self {
        Self { addresses, ports, response_port: false, max_padding: 0 }
    }

    //= rfc5780#6
    //= rfc5780#7.4
    // Two addresses and two ports, or no OTHER-ADDRESS, and 420 for CHANGE-REQUEST.
    /// The other address and the other port; `None` when `local` is none of the four.
    fn other(&self, local: SocketAddr) -> Option<SocketAddr> {
        let ([a, b], [p, q]) = (self.addresses, self.ports);
        let address = if local.ip() == a { b } else { a };
        let port = if local.port() == p { q } else { p };
        let ours = (local.ip() == a || local.ip() == b) && (local.port() == p || local.port() == q);
        (ours && a != b && p != q).then(|| SocketAddr::new(address, port))
    }
}

/// A response in the caller's buffer, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingResponse {
    /// Send it from here: the address of one of the server's sockets.
    pub local: SocketAddr,
    /// Send it there.
    pub remote: SocketAddr,
    /// Its bytes at the front of the buffer.
    pub len: usize,
    /// The error code, for counters; `None` for a success.
    pub error: Option<u16>,
}

/// Why a datagram gets no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BindingInputError {
    /// It is no STUN message, or a malformed one.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// Another method than Binding, which this server does not know.
    #[error("method {method:#05x} is not Binding")]
    Method {
        /// The method's number.
        method: u16,
    },
    /// An indication or a response: there is nothing to answer.
    #[error("not a request")]
    NotARequest,
    /// FINGERPRINT is there and wrong.
    #[error("wrong fingerprint")]
    Fingerprint,
    /// The buffer cannot hold the response.
    #[error(transparent)]
    BufferTooSmall(#[from] BufferTooSmall),
}

/// Answers Binding requests ([RFC 8489 section 12](https://www.rfc-editor.org/rfc/rfc8489#section-12)).
///
/// It remembers nothing, so a repeated request gets the same answer, and it authenticates nobody,
/// which would cost more than the answer does.
///
/// ```
/// use antiphon_stun::{BindingServer, BindingServerConfig, Class, MessageView, MessageWriter, Method, TransactionId};
///
/// let mut request = [0; 20];
/// MessageWriter::new(&mut request, Class::Request, Method::BINDING, TransactionId([5; 12]))?;
/// let server = BindingServer::new(BindingServerConfig::default());
/// let (ours, theirs) = ("192.0.2.1:3478".parse()?, "198.51.100.7:40000".parse()?);
/// let mut buf = [0; 548];
/// let response = server.handle_input(ours, theirs, &request, &mut buf)?;
/// assert_eq!((response.local, response.remote), (ours, theirs));
/// let response = MessageView::parse(buf.get(..response.len).unwrap_or_default())?;
/// assert_eq!(response.xor_mapped_address(), Some(theirs));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct BindingServer {
    config: BindingServerConfig,
}

impl BindingServer {
    /// A server.
    #[must_use]
    pub const fn new(config: BindingServerConfig) -> Self {
        Self { config }
    }

    /// Answers `datagram`, which came from `remote` to `local`, into `buf`. Over a stream, frame
    /// with [`message_len`](crate::message_len), give one message, and send `len` bytes back on it
    /// whatever the addresses say.
    ///
    /// # Errors
    ///
    /// [`BindingInputError`]: there is nothing to send.
    pub fn handle_input(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
        datagram: &[u8],
        buf: &mut [u8],
    ) -> Result<BindingResponse, BindingInputError> {
        //= rfc8489#6.3
        // Form, method, class, fingerprint; what fails is dropped without a word.
        let request = MessageView::parse(datagram)?;
        //= rfc8489#12
        // Binding is what a basic server knows; it neither authenticates nor wants a fingerprint.
        if request.method() != Method::BINDING {
            return Err(BindingInputError::Method { method: request.method().number() });
        }
        match request.class() {
            Class::Request => {}
            Class::Indication | Class::Success | Class::Error => {
                return Err(BindingInputError::NotARequest);
            }
        }
        if request.has_fingerprint() && !request.verify_fingerprint() {
            return Err(BindingInputError::Fingerprint);
        }
        let room = buf.len();
        let plan = self.plan(local, remote, &request);
        match write(&self.config, &plan, &request, buf) {
            Ok(len) => {
                let Plan { origin: local, destination: remote, error, .. } = plan;
                Ok(BindingResponse { local, remote, len, error })
            }
            Err(WriteError::BufferTooSmall(error)) => Err(error.into()),
            // Everything written is of bounded length, so only the room can be short.
            Err(_) => Err(BufferTooSmall { need: room.saturating_add(1) }.into()),
        }
    }

    fn plan(&self, local: SocketAddr, remote: SocketAddr, request: &MessageView<'_>) -> Plan {
        let behaviour = self.config.nat_behaviour.as_ref();
        let other = behaviour.and_then(|behaviour| behaviour.other(local));
        let mut plan = Plan {
            mapped: remote,
            origin: local,
            destination: remote,
            other,
            error: None,
            padding: None,
            known: Known {
                change: other.is_some(),
                port: behaviour.is_some_and(|behaviour| behaviour.response_port),
                padding: behaviour.is_some_and(|behaviour| behaviour.max_padding > 0),
            },
        };
        //= rfc8489#6.3.1
        // What must be understood and is not gets a 420.
        if plan.known.unknown(request).next().is_some() {
            plan.error = Some(ErrorCode::UNKNOWN_ATTRIBUTE);
            return plan;
        }
        //= rfc5780#6.1
        // Padding for somebody else's port would be a weapon.
        if request.padding().is_some() && request.response_port().is_some() {
            plan.error = Some(ErrorCode::BAD_REQUEST);
            return plan;
        }
        //= rfc5780#6.1
        // From the other address, the other port, both or neither, as the request wants.
        if let (Some(change), Some(other)) = (request.change_request(), other) {
            let ip = if change.ip { other.ip() } else { local.ip() };
            let port = if change.port { other.port() } else { local.port() };
            plan.origin = SocketAddr::new(ip, port);
        }
        //= rfc5780#7.5
        // To the same address, whatever the port.
        if let Some(port) = request.response_port() {
            plan.destination.set_port(port);
        }
        //= rfc5780#7.6
        // Bounded far below 64 KiB by the request's own padding and the configuration.
        plan.padding = request
            .padding()
            .zip(behaviour)
            .map(|(padding, behaviour)| padding.len().min(behaviour.max_padding) & !3);
        plan
    }
}

/// A response before it is written.
struct Plan {
    mapped: SocketAddr,
    origin: SocketAddr,
    destination: SocketAddr,
    other: Option<SocketAddr>,
    error: Option<u16>,
    padding: Option<usize>,
    known: Known,
}

/// Which attributes of RFC 5780 are understood.
#[derive(Clone, Copy)]
struct Known {
    change: bool,
    port: bool,
    padding: bool,
}

impl Known {
    fn unknown<'m>(self, request: &MessageView<'m>) -> impl Iterator<Item = u16> + Clone + use<'m> {
        request.unknown_comprehension_required(&KNOWN).filter(move |kind| match *kind {
            attribute::CHANGE_REQUEST => !self.change,
            attribute::RESPONSE_PORT => !self.port,
            attribute::PADDING => !self.padding,
            _ => true,
        })
    }
}

fn write(
    config: &BindingServerConfig,
    plan: &Plan,
    request: &MessageView<'_>,
    buf: &mut [u8],
) -> Result<usize, WriteError> {
    let class = if plan.error.is_some() { Class::Error } else { Class::Success };
    let mut response = MessageWriter::new(buf, class, Method::BINDING, request.transaction_id())?;
    if let Some(code) = plan.error {
        //= rfc8489#6.3.1.1
        // Every error has its code, a 420 the list of what was not understood.
        response.error_code(code, "")?;
        if code == ErrorCode::UNKNOWN_ATTRIBUTE {
            response.unknown_attributes(plan.known.unknown(request))?;
        }
    } else {
        response.xor_mapped_address(plan.mapped)?;
        if config.nat_behaviour.is_some() {
            //= rfc5780#6.1
            // Both forms of the address, whence the response comes, and where else to ask.
            response.mapped_address(plan.mapped)?.response_origin(plan.origin)?;
        }
        if let Some(other) = plan.other {
            response.other_address(other)?;
        }
        if let Some(len) = plan.padding {
            response.padding(len)?;
        }
    }
    if let Some(software) = &config.software {
        response.software(software.as_bytes())?;
    }
    if request.has_fingerprint() {
        response.fingerprint()?;
    }
    Ok(response.finish())
}
